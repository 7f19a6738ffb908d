//! Which of its times a run is compared by.

use crate::model::{record::RunRecord, run::OutageSource};
use serde::Serialize;

/// Which time is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// `t8 − t0`, where the beginning of every outage was declared or probed.
    RecoveryTime,
    /// `t8 − t2`, where one was only assumed, so that the recovery time says when drctl was begun.
    Execution,
}

impl Measure {
    /// Returns the one that all of `runs` can be compared by.
    pub fn of<'a>(runs: impl IntoIterator<Item = &'a RunRecord>) -> Self {
        let mut outages = runs.into_iter().map(|run| run.outage.known_by);
        match outages.all(OutageSource::is_observed) {
            true => Self::RecoveryTime,
            false => Self::Execution,
        }
    }

    /// Returns this time of a run, in milliseconds; `None` when the service was not verified.
    pub fn time(self, run: &RunRecord) -> Option<u64> {
        match self {
            Self::RecoveryTime => run.recovery_time_ms,
            Self::Execution => run.execution_ms,
        }
    }

    /// Returns the words for it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::RecoveryTime => "recovery time",
            Self::Execution => "execution",
        }
    }
}
