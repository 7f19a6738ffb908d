//! Whether the objectives of a run were met, as values that are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether an objective was met.
///
/// From good to bad: met, unproven, missed; see [`Verdict::worse`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// It was, and this is known.
    Met {
        /// What was left of it, in milliseconds. Zero is met.
        spare_ms: u64,
    },
    /// Nobody can say.
    Unproven {
        /// Why not.
        why: Doubt,
    },
    /// It was not.
    Missed {
        /// What it was exceeded by, in milliseconds; at least that when the
        /// service was not seen to come back.
        over_ms: u64,
    },
}

/// Why an objective can be neither met nor missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// There is none to hold the time against.
    NoObjective,
    /// The run ended in time, but without the service.
    NotBack,
    /// Everything is up, but no probe has asked the service.
    NotVerified,
    /// The events end before the run did.
    NotEnded,
    /// No store told its recovery point.
    NoRecoveryPoint,
    /// A store could not tell its recovery point.
    UnknownRecoveryPoint,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NoObjective => "no objective was declared",
            Self::NotBack => "the service did not come back",
            Self::NotVerified => "nobody asked whether the service is back",
            Self::NotEnded => "the journal ends before the run did",
            Self::NoRecoveryPoint => "no data store told its recovery point",
            Self::UnknownRecoveryPoint => "the recovery point of a data store is unknown",
        })
    }
}

/// The verdicts of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdicts {
    /// The worst of the others.
    pub overall: Verdict,
    /// On the recovery time.
    pub rto: Verdict,
    /// On the recovery point; `None` when no objective was declared for it.
    pub rpo: Option<Verdict>,
}

/// What a run came to, in one word; every exit code follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Summary {
    /// Every objective was met.
    Met,
    /// The run went through, and an objective was missed.
    Missed,
    /// The run went through, and whether the objectives were met is not known.
    Unproven,
    /// The recovery failed.
    Failed,
    /// The gate refused a plan.
    Refused,
    /// The run was stopped.
    Interrupted,
    /// The events end before the run did: it still runs, or drctl was killed.
    Unfinished,
}

impl Verdict {
    /// Returns the worse of two; of two that are as bad, the first.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Met { .. } => 0,
            Self::Unproven { .. } => 1,
            Self::Missed { .. } => 2,
        }
    }

    /// Holds a time against an objective. Exactly as long is met.
    pub fn of(time_ms: u64, objective_ms: u64) -> Self {
        match objective_ms.checked_sub(time_ms) {
            Some(spare_ms) => Self::Met { spare_ms },
            None => Self::Missed { over_ms: time_ms - objective_ms },
        }
    }
}

impl Summary {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Unproven => "unproven",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::Unfinished => "unfinished",
        }
    }
}
