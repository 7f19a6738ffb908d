//! What the events of a run say, sorted by what it is about.
//!
//! Times are milliseconds on the clock of the run unless a name says otherwise.

use crate::model::{
    deploy::{ImageAnswer, ObjectProgress, Traffic},
    finding::Place,
    gate::{Changes, Placed, Refusal, Remnant},
    orphan::Orphan,
    redirect::{Dependency, Obstacle},
    resource::ResourceAction,
    run::{Lock, Outage, RunId, RunKind},
    step::{Phase, StepId, StepKind, StepOutcome},
};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// A Terraform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TerraformFacts {
    /// `Terraform` or `OpenTofu`.
    pub product: String,
    /// Its version, such as `1.11.4`.
    pub version: String,
}

/// Something that a stack could not do without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Needed {
    /// Which stack.
    pub step: StepId,
    /// What.
    #[serde(flatten)]
    pub dependency: Dependency,
}

/// A lock that a step waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct LockWait {
    /// Which.
    pub lock: Lock,
    /// When it was had, in milliseconds since the run began.
    pub until_ms: u64,
    /// How long it took.
    pub took_ms: u64,
}

/// A simulated cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SimulatedFacts {
    /// By how much its latencies were divided; every time of a report is multiplied back.
    pub time_scale: u32,
    /// What its draws began with.
    pub seed: u64,
    /// The regions that were down from the start.
    pub dark: Vec<String>,
}

/// Something that stands in the way of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Obstructed {
    /// Which stack.
    pub step: StepId,
    /// What.
    #[serde(flatten)]
    pub obstacle: Obstacle,
}

/// A value that was made up and then decided something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Invented {
    /// In which stack.
    pub step: StepId,
    /// The type that has the attribute.
    pub resource_type: String,
    /// The attribute.
    pub attribute: String,
    /// Where a condition depends on it.
    pub read_at: Vec<Place>,
}

/// What a second plan of a stack that is up found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct SecondPlan {
    /// Of which stack.
    pub step: StepId,
    /// What would still be done, by address.
    pub changes: BTreeMap<String, ResourceAction>,
    /// Why it failed; empty when it did not.
    pub cause: Vec<String>,
}

/// What a step made, removed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Removal {
    /// Whose.
    pub step: StepId,
    /// When it began, in milliseconds since the run began.
    pub began_ms: u64,
    /// How long it took, in milliseconds; `None` when its end was not seen.
    pub took_ms: Option<u64>,
    /// Why it could not be removed; empty when it was.
    pub cause: Vec<String>,
}

/// What came of a sweep of what a drill left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Sweep {
    /// When it began, by the wall clock.
    pub at: Timestamp,
    /// Whether nothing of what is known is left; `None` when its end was not seen.
    pub removed: Option<bool>,
    /// What may be left since no state knows of it: addresses, each after the name of its stack.
    pub unknown: Vec<String>,
}

/// What a run is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RunFacts {
    /// Its name.
    pub id: RunId,
    /// What it is for.
    pub kind: RunKind,
    /// The version of drctl that did it.
    pub drctl: String,
    /// The wall clock at its start.
    pub began_at: Timestamp,
    /// Where the repository comes from.
    pub repo: String,
    /// The fallback region.
    pub region: String,
    /// When the outage began.
    pub outage: Outage,
}

/// What was checked out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Checkout {
    /// The commit.
    pub commit: String,
    /// The branch, tag or commit that was asked for.
    pub reference: Option<String>,
    /// How old the mirror was that stood in for the origin.
    pub mirror_age_ms: Option<u64>,
}

/// What a run was going to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PlanFacts {
    /// The service's name.
    pub service: String,
    /// The region that serves in normal times.
    pub primary: Option<String>,
    /// The recovery time objective.
    pub rto_ms: Option<u64>,
    /// The recovery point objective.
    pub rpo_ms: Option<u64>,
    /// The digest over all that decided what would be done.
    pub digest: String,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct StepTime {
    /// Its name.
    pub id: StepId,
    /// What it brings up.
    pub kind: StepKind,
    /// The word that the runbook has for it, such as `helm`; absent in old journals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
    /// Steps that had to be done first.
    pub needs: Vec<StepId>,
    /// When its first phase began; `None` when it never did.
    pub began_ms: Option<u64>,
    /// When it ended; `None` when that was not seen.
    pub ended_ms: Option<u64>,
    /// How it ended; `None` when that was not seen.
    pub outcome: Option<StepOutcome>,
    /// What it spent its time on, in order.
    pub phases: Vec<PhaseTime>,
    /// When the gate last accepted its plan.
    pub accepted_ms: Option<u64>,
    /// How many resource instances each action was planned for.
    pub planned: BTreeMap<ResourceAction, u64>,
    /// Why the gate refused its plan.
    pub refusals: Vec<Refusal>,
    /// Where its resources lie, and how that is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub placed: Vec<Placed>,
    /// What in its plan still named the primary.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remnants: Vec<Remnant>,
    /// What its plan changed of what an earlier run had made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The names of its outputs.
    pub outputs: Vec<String>,
    /// How many of its resources Terraform works on at once; `None` for other steps.
    pub parallelism: Option<u16>,
    /// SHA-256 of its plan.
    pub plan_digest: Option<String>,
    /// The versions of its providers, by their full names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub providers: BTreeMap<String, String>,
    /// Locks that it waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<LockWait>,
    /// What it waited for, in the order in which that was first seen.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<ObjectTime>,
    /// What registries said of its images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageAnswer>,
    /// What it made, or may have made, and no state knew of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<Orphan>,
    /// Where it made a name lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Which of its resources needed which, by addresses without keys of instances.
    #[serde(skip)]
    pub dependencies: BTreeMap<String, Vec<String>>,
}

/// Something that a step waited for: a container, a service of a compose file, a Kubernetes object, a
/// name in the DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ObjectTime {
    /// Its kind and name.
    pub object: String,
    /// When it was first seen.
    pub seen_ms: u64,
    /// When it was ready for good; `None` when it was not at last.
    pub ready_ms: Option<u64>,
    /// How it was at last.
    pub state: ObjectProgress,
    /// What was seen at last.
    pub detail: String,
    /// The last that kept it from getting ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// A part of a step's work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct PhaseTime {
    /// Which.
    pub phase: Phase,
    /// When it began.
    pub began_ms: u64,
    /// How long nothing was done for the step before it: since its phase before,
    /// or since the run was declared.
    pub waited_ms: u64,
    /// How long it took; `None` when its end was not seen.
    pub took_ms: Option<u64>,
    /// Whether it went well; `None` when its end was not seen.
    pub ok: Option<bool>,
}

/// One resource instance that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ResourceTime {
    /// In which stack.
    pub step: StepId,
    /// Its address, as Terraform writes it.
    pub address: String,
    /// What was done to it.
    pub action: ResourceAction,
    /// When it began.
    pub began_ms: u64,
    /// When its begin was read, which is never before the end was read of what let it begin; the two
    /// clocks of [`began_ms`](Self::began_ms) may be milliseconds apart.
    #[serde(skip)]
    pub seen_ms: u64,
    /// From Terraform's own start to its own end.
    pub took_ms: u64,
    /// True when it went well.
    pub ok: bool,
}

/// One resource instance that began and did not end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct InFlight {
    /// In which stack.
    pub step: StepId,
    /// Its address, as Terraform writes it.
    pub address: String,
    /// What was being done to it.
    pub action: ResourceAction,
    /// When it began.
    pub began_ms: u64,
    /// How long it had been in flight at the last event.
    pub for_ms: u64,
}

/// The newest data of one store that could be restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RecoveryPoint {
    /// How long before `t0` it is; below zero when it is newer. `None` when not known.
    pub before_outage_ms: Option<i64>,
    /// Why it is not known.
    pub cause: Option<String>,
}

/// A probe that did not pass in the time it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ProbeDown {
    /// Which.
    pub probe: String,
    /// What it saw last.
    pub detail: String,
}

/// Something worth knowing that stopped nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Note {
    /// When it was said.
    pub at_ms: u64,
    /// The step that it is about.
    pub step: Option<StepId>,
    /// One sentence.
    pub message: String,
}
