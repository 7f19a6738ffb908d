//! Can this be rebuilt in another region? Rules over the code, and what they found.
//!
//! Every root module is looked at twice, with the values that it has in the primary and with those
//! that it would have in the fallback; what should differ and does not is what most rules find.
//!
//! * [`validate`] asks the rules; a [`report`] holds what they found.
//! * `rules` has a file and a page for each; the page is also its test.

pub mod baseline;
mod called;
mod check;
mod declared;
mod facts;
mod feasible;
pub mod fix;
mod known;
mod links;
mod lock;
mod mend;
mod mention;
mod origin;
mod regions;
pub mod rehearsed;
pub mod report;
mod rule;
mod rules;
pub mod show;
mod slot;
mod stable;
pub(crate) mod stores;
mod subject;
mod suppress;
mod tie;
mod unique;

#[cfg(test)]
mod tests;

pub use check::{Options, validate};
pub use feasible::{Assumed, forecast, stacks};
pub use rules::{text_of, texts};
