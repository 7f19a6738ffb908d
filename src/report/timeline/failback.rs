//! What the events of a way home say.

use super::Removal;
use crate::model::{failback::Looked, run::RunId, step::StepId};
use schemars::JsonSchema;
use serde::Serialize;

/// A way home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailbackFacts {
    /// The failover that made it necessary.
    pub failover: RunId,
    /// The region that is left behind.
    pub fallback: String,
    /// What each stack was like before, in both regions; the newest look at each.
    pub looked: Vec<LookedAt>,
    /// From the first step that moves traffic until the service was verified, in milliseconds; zero
    /// where nothing moves any, and `None` while it is not verified.
    pub planned_downtime_ms: Option<u64>,
    /// Whether nothing is left of the fallback; `None` when it is kept.
    pub removed: Option<bool>,
    /// When it was torn down, in milliseconds since the run began.
    pub torn_down_ms: Option<u64>,
    /// What was removed of the fallback.
    pub removals: Vec<Removal>,
}

/// A stack that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LookedAt {
    /// Which stack.
    pub step: StepId,
    /// What was found.
    #[serde(flatten)]
    pub looked: Looked,
}

impl FailbackFacts {
    pub(super) fn new(failover: RunId, fallback: String) -> Self {
        Self {
            failover,
            fallback,
            looked: Vec::new(),
            planned_downtime_ms: None,
            removed: None,
            torn_down_ms: None,
            removals: Vec::new(),
        }
    }

    /// Takes in what a stack was like.
    pub(super) fn look(&mut self, step: StepId, looked: Looked) {
        self.looked.retain(|old| old.step != step || old.looked.side != looked.side);
        self.looked.push(LookedAt { step, looked });
    }
}
