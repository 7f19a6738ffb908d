//! The plan gate's answer: a value with reasons, shown the same everywhere.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether a plan may be applied, and if not, every reason why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAnswer {
    /// Why not. Empty when the plan is accepted.
    pub refusals: Vec<Refusal>,
}

impl GateAnswer {
    /// Returns true when the plan may be applied.
    pub fn accepted(&self) -> bool {
        self.refusals.is_empty()
    }
}

/// One reason to refuse a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What kind of reason.
    pub reason: RefusalReason,
    /// The resource it is about, when it is about one.
    pub address: Option<String>,
    /// What was seen, in one sentence without a full stop.
    pub detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "`{address}`: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

/// The kinds of reasons to refuse a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The plan stands on a state that already holds resources.
    PriorState,
    /// Objects in the state were found changed or gone: the sign of a state read in another region.
    Drift,
    /// A resource would be deleted.
    Deletes,
    /// A resource would be replaced.
    Replaces,
    /// A resource that this run did not create would be changed.
    Updates,
    /// An existing object would be imported.
    Imports,
    /// A resource would be renamed in the state.
    Moves,
    /// A resource would be dropped from the state while its object lives on.
    Forgets,
    /// Terraform says that the plan is not complete, or that planning failed.
    Incomplete,
    /// The state is not kept where the run keeps its own.
    Backend,
    /// A resource lies outside the fallback region.
    Region,
    /// An action that drctl does not know.
    UnknownAction,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}
