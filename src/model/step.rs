//! A step of the recovery graph, the phases it goes through, and how it can end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many resources Terraform works on at once unless it is told otherwise: the default of its
/// `-parallelism` (developer.hashicorp.com/terraform/cli/commands/apply).
pub const PARALLELISM: u16 = 10;

/// The name of a step, unique in its runbook.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct StepId(String);

impl StepId {
    /// Wraps a name that the runbook has already checked.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a step brings up.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A Terraform root module.
    Stack,
    /// A program that deploys the application, or a part of it.
    Deploy,
    /// A program that moves the traffic.
    Cutover,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

/// A step as the plan of a run shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Its name.
    pub id: StepId,
    /// What it brings up.
    pub kind: StepKind,
    /// Steps that must be done first.
    pub needs: Vec<StepId>,
    /// The word that the runbook has for it, such as `helm`; `None` in old journals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// How many resources of a stack Terraform works on at once; `None` for other steps, and in old
    /// journals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u16>,
}

/// A part of a step's work that is one process, or one decision.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// `terraform init`.
    Init,
    /// `terraform plan`.
    Plan,
    /// `terraform show -json` of the plan, and the gate over it.
    Gate,
    /// `terraform apply` of the saved plan.
    Apply,
    /// `terraform state pull` for the outputs, where drctl does not hold the state itself.
    Output,
    /// What a step needs is looked at before it is there: its programs, its images.
    Check,
    /// The programs of a step that is no stack.
    Run,
    /// What those programs brought is waited for.
    Wait,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl Phase {
    /// Returns true when it is done before what the step needs is up.
    pub const fn is_before_needs(self) -> bool {
        matches!(self, Self::Init | Self::Check)
    }

    /// Returns the word that drctl shows for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Plan => "plan",
            Self::Gate => "gate",
            Self::Apply => "apply",
            Self::Output => "output",
            Self::Check => "check",
            Self::Run => "run",
            Self::Wait => "wait",
            Self::Unknown => "other",
        }
    }
}

/// How a step ended. Every way is here; there is no catch-all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum StepOutcome {
    /// It is up.
    Done,
    /// It could not be brought up.
    Failed {
        /// The whole error chain, outermost first.
        cause: Vec<String>,
        /// What to do about it, as sentences that start with a verb.
        hints: Vec<String>,
    },
    /// The gate refused its plan; nothing was changed.
    Refused,
    /// It never began its work, since a step that it needs did not end well.
    Skipped {
        /// The step that stood in the way.
        blocked_by: StepId,
    },
    /// The run was stopped while it worked or before it began.
    Interrupted,
    /// It moves the traffic, which stayed where it is: the service was not verified in the fallback.
    Withheld {
        /// Why, as a sentence without a full stop.
        why: String,
    },
    /// It was left out on purpose, and what needs it goes on: a drill moves no traffic.
    LeftOut {
        /// Why, as a sentence without a full stop.
        why: String,
    },
}

impl StepOutcome {
    /// Returns true when what needs the step may begin.
    pub fn lets_go_on(&self) -> bool {
        matches!(self, Self::Done | Self::LeftOut { .. })
    }
}
