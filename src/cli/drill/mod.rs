//! What is of a drill alone: its terms, its limits, its teardown, and what sweeps up after it.

mod adapt;
mod admit;
mod left;
mod limit;
mod lock;
mod open;
mod sweep;
mod teardown;

pub(super) use adapt::{KEEPING_OF_NONE, adapt, keeping, unprotect};
pub(super) use limit::{Limit, bound};
pub(super) use lock::Lock;
pub(super) use sweep::{Asked as Sweeping, sweep};

use super::way::Simulated;
use std::time::Duration;

/// On which terms a drill is held.
pub(super) struct Terms {
    /// What the simulated cloud is like, when nothing real is to be made.
    pub(super) simulated: Option<Simulated>,
    /// True to ask nobody.
    pub(super) yes: bool,
    /// The digest that stands for a person's word.
    pub(super) expected: Option<String>,
    /// True to go on though an earlier run left something.
    pub(super) again: bool,
    /// True to begin also in a window in which none should.
    pub(super) ignore_blocked: bool,
    /// How long it may stand, over what the runbook says.
    pub(super) max_time: Option<Duration>,
    /// What it may cost, over what the runbook says.
    pub(super) max_cost: Option<f64>,
}
