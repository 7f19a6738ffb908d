//! What the recovery time was made of: a chain without a gap from the beginning of the outage to
//! the verified service, in which everything waited for what stands before it.

use crate::model::{
    resource::ResourceAction,
    run::Lock,
    step::{Phase, StepId},
};
use serde::Serialize;

/// The critical path of a run: what decided when it was over.
///
/// Its segments leave no gap and overlap nowhere, so that they add up to the
/// recovery time to the millisecond; to [`out_for_ms`](super::Report::out_for_ms)
/// when the service did not come back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CriticalPath {
    /// What it consists of, the first one first.
    pub segments: Vec<Segment>,
    /// What would have made the run shorter, the most first.
    pub savings: Vec<Saving>,
    /// How long it would have taken had Terraform worked on everything at once, everything else
    /// being as it was; `None` when no stack was applied.
    pub floor_ms: Option<u64>,
    /// What `-parallelism` cost: by how much the run was longer than that.
    pub parallelism_cost_ms: Option<u64>,
    /// How much of it was work on resources, programs and commands of Terraform.
    pub worked_ms: u64,
    /// How much of it was waiting.
    pub waited_ms: u64,
}

/// A stretch of the critical path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Segment {
    /// When it began, in milliseconds since `t0`.
    pub began_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The step, when it was of one.
    pub step: Option<StepId>,
    /// What passed.
    #[serde(flatten)]
    pub what: What,
}

/// What a stretch of the critical path was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The outage was not seen yet.
    Detection,
    /// The repository was fetched.
    Checkout,
    /// What would be done was decided.
    Planning,
    /// Somebody was asked whether to go.
    Decision,
    /// A phase of a step, as a whole.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// Terraform had begun to apply, and had not begun with a resource.
    ApplyStart,
    /// Terraform had a resource ready to begin, and nothing else to do: it reads data, evaluates,
    /// starts a provider.
    BetweenResources,
    /// All resources were there, and Terraform had not ended.
    ApplyEnd,
    /// A resource was worked on.
    Resource {
        /// Its address.
        address: String,
        /// What was done to it.
        action: ResourceAction,
        /// True when it went well.
        ok: bool,
        /// True when it was ready before, and began when the resource before it left its lane: it
        /// waited for `-parallelism`.
        by_lane: bool,
    },
    /// A lock was held by somebody else.
    Lock {
        /// Which.
        lock: Lock,
    },
    /// A step could have begun, and none of the lanes of `--max-parallel` was free.
    Turn,
    /// drctl had something to do between two steps or phases.
    Between,
    /// The probes had not passed yet.
    Verification,
    /// The run went on, or had stopped, without the service.
    NotBack,
}

/// What would have made the run shorter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Saving {
    /// The step.
    pub step: StepId,
    /// The resource, without keys of instances; `None` for a step as a whole.
    pub address: Option<String>,
    /// How long it took on the critical path, in milliseconds.
    pub took_ms: u64,
    /// By how much the run would have been shorter had it been there already, in milliseconds. Less
    /// than it took, where something else takes over.
    pub saves_ms: u64,
}

/// Why a resource did not begin when all that it needs was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Behind {
    /// As many resources as `-parallelism` allows were being worked on.
    Parallelism,
    /// Terraform itself: it reads data, evaluates, or walks its graph.
    Terraform,
}

/// How long a resource waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Waited {
    /// When all that it needs was there, in milliseconds since the run began.
    pub ready_ms: u64,
    /// From then to its begin.
    pub for_ms: u64,
    /// What it waited behind.
    pub behind: Behind,
}

/// A stretch of a step in which nothing was worked on, with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Gap {
    /// When it began, in milliseconds since the run began.
    pub began_ms: u64,
    /// How long it lasted.
    pub took_ms: u64,
    /// What it was.
    #[serde(flatten)]
    pub what: GapKind,
}

/// What a gap was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "gap", rename_all = "snake_case")]
pub enum GapKind {
    /// A step that it needs was not done.
    Needs {
        /// The one that ended last.
        step: StepId,
    },
    /// A lock was held by somebody else.
    Lock {
        /// Which.
        lock: Lock,
    },
    /// None of the lanes of `--max-parallel` was free.
    Turn,
    /// drctl had something to do.
    Between,
    /// Terraform had begun to apply, and had not begun with a resource.
    ApplyStart,
    /// Terraform worked on no resource.
    BetweenResources,
    /// All resources were there, and Terraform had not ended.
    ApplyEnd,
}
