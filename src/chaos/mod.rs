//! What is broken on purpose, when, and whether it came back: Chaos Monkey.
//!
//! [`schedule`] says when one of a group is killed. A [`Fleet`] is a group as it really is. A
//! [`Strike`] kills one of it, [`Back`] watches until the group is whole again, and [`kills`] remembers.

mod aws;
mod back;
mod docker;
mod fleet;
pub mod kills;
mod kubernetes;
pub mod schedule;
mod simulated;
mod strike;
mod tool;

pub use aws::Aws;
pub use back::{Back, By, Outcome, Reapplied, Reapply, patience};
pub use docker::Docker;
pub use fleet::{Fleet, FleetError, Member};
pub use kubernetes::Kubernetes;
pub use simulated::{KeptCloud, Simulated};
pub use strike::{Choice, Guard, Strike, Struck, choose, is_excepted, sentence, words};

#[cfg(test)]
mod tests;
