//! The simulated cloud: regions, accounts and what stands in them, as a state
//! machine without a network and without a clock.
//!
//! Time goes in as a parameter, in milliseconds on the simulated clock, and each
//! [`Answer`] says when it would have been given. Whoever asks does the waiting,
//! divided by whatever the time scale is.
//!
//! Everything that is drawn is a pure function of the seed and of what is asked
//! for, never of the order in which parallel requests happen to arrive. Only what
//! parallel requests really compete for depends on that order: a place in a
//! throttled queue, the last of a quota, the `nth` call of a failure.

mod call;
mod chaos;
mod cloud;
mod draw;
mod fault;
mod group;
mod holdings;
mod life;
mod name;
mod object;
mod scenario;
mod snapshot;
mod throttle;
mod words;

pub use call::{Answer, Call, Change, Draft, Operation, Place};
pub use chaos::NoSuchObject;
pub use cloud::Cloud;
pub use draw::{Latencies, unit};
pub use fault::{Failure, Fault};
pub use group::Group;
pub use holdings::Filter;
pub use name::{Name, NameScope};
pub use object::{Health, Maker, Object, ObjectKey};
pub use scenario::{
    Consistency, Mistake, NAMED, On, Outage, OutageMode, Quarantine, Quota, Rigged, Scenario,
    ScenarioError, Slow, TakenName, Throttle, UnknownScenario,
};
pub use snapshot::SnapshotError;
pub use words::Words;

#[cfg(test)]
mod tests;
