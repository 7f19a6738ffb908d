//! Every way in which a call can fail.

use crate::{
    model::time::Pretty,
    sim::{
        call::{Call, Operation},
        name::NameScope,
        object::Object,
        scenario::OutageMode,
    },
};
use std::fmt;

/// Why a call failed, in our words. [`Failure`] says it in the cloud's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The region, the zone or the service does not answer.
    #[error("`{region}` does not answer")]
    Unavailable {
        /// What does not answer.
        region: String,
        /// How it looks from outside.
        mode: OutageMode,
        /// When it will answer again, if ever.
        until_ms: Option<u64>,
    },
    /// Too many calls were made.
    #[error("throttled for {}", Pretty::ms(*waited_ms))]
    Throttled {
        /// How long the caller retried.
        waited_ms: u64,
    },
    /// There may not be one more.
    #[error("the quota of {limit} in `{region}` is used up")]
    QuotaExceeded {
        /// How many there may be.
        limit: u64,
        /// Where; empty for what stands in no region.
        region: String,
    },
    /// Somebody has this name.
    #[error("the name `{name}` is taken")]
    NameTaken {
        /// The name.
        name: String,
        /// Among whom it must be unique.
        scope: NameScope,
        /// True when the same account has it.
        ours: bool,
    },
    /// Nobody has this name any more, and it is not given out yet.
    #[error("the name `{name}` cannot be used again yet")]
    NameQuarantined {
        /// The name.
        name: String,
        /// From when on it can be had, on the simulated clock.
        until_ms: u64,
    },
    /// An object with this id stands there already.
    #[error("`{id}` is there already")]
    IdTaken {
        /// The id.
        id: String,
    },
    /// The scenario made it fail.
    #[error("the scenario made it fail: {message}")]
    Injected {
        /// What the cloud says.
        message: String,
    },
    /// There is no such object, or reads do not find it yet.
    #[error("`{id}` is not found")]
    NotFound {
        /// Its id.
        id: String,
    },
}

impl Fault {
    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unavailable { region, .. } => format!(
                "Find out why this call needs `{region}`: a recovery must not depend on what is down"
            ),
            Self::Throttled { .. } => "Lower Terraform's `-parallelism`, or have the rate raised \
                in the fallback region before it is needed"
                .to_owned(),
            Self::QuotaExceeded { limit, .. } => format!(
                "Have the quota raised above {limit} in the fallback region before it is needed"
            ),
            Self::NameTaken { scope: NameScope::Global | NameScope::Account, .. } => {
                "Put the region into the name, since the primary region's object keeps it"
                    .to_owned()
            }
            Self::NameTaken { .. } | Self::IdTaken { .. } => {
                "Import the object that is there, or give this one another name".to_owned()
            }
            Self::NameQuarantined { .. } => "Use a name that differs from run to run, such as \
                `name_prefix`, or restore what was deleted"
                .to_owned(),
            Self::Injected { .. } => {
                "Apply again to see whether the recovery can be resumed after this failure"
                    .to_owned()
            }
            Self::NotFound { .. } => return None,
        })
    }
}

/// A call that failed. Displayed as Terraform would show the cloud's own error.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Why.
    pub fault: Fault,
    /// The type of resource.
    pub kind: String,
    /// What was to be done.
    pub operation: Operation,
    /// The region that was called; empty for a global one without a home.
    pub endpoint: String,
    /// What was made all the same, and does not work. Terraform is to keep it as tainted.
    pub left_behind: Option<Object>,
}

impl Failure {
    pub(super) fn new(call: &Call, operation: Operation, fault: Fault) -> Self {
        let (kind, endpoint) = (call.kind.clone(), call.endpoint().to_owned());
        Self { fault, kind, operation, endpoint, left_behind: None }
    }

    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        self.fault.hint()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().message)
    }
}

impl std::error::Error for Failure {}
