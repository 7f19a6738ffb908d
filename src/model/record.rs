//! What is kept of a run for ever: small, complete in itself, and readable by every later drctl.

use crate::model::{
    prediction::Prediction,
    resource::ResourceAction,
    run::{Outage, RunId, RunKind, RunOutcome},
    step::{StepId, StepKind},
    verdict::{Summary, Verdict},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The name of the form of a record. Keys are added under it, never changed or taken away.
pub const SCHEMA: &str = "drctl/run/v1";

/// A run as the history keeps it.
///
/// Every duration is in whole milliseconds. What an older drctl did not write
/// reads as absent, and what a newer one adds is passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The run's name.
    pub run: RunId,
    /// What it was for.
    pub kind: RunKind,
    /// The version of drctl that did it.
    pub drctl: String,
    /// The wall clock at its start.
    pub began_at: Timestamp,
    /// Where the repository comes from.
    pub repo: String,
    /// The service; `None` when the run ended before it was known.
    #[serde(default)]
    pub service: Option<String>,
    /// The fallback region.
    pub region: String,
    /// The region that serves in normal times.
    #[serde(default)]
    pub primary: Option<String>,
    /// The commit.
    #[serde(default)]
    pub commit: Option<String>,
    /// The digest over all that decided what would be done.
    #[serde(default)]
    pub plan_digest: Option<String>,
    /// When the outage began.
    pub outage: Outage,
    /// The recovery time objective.
    #[serde(default)]
    pub rto_ms: Option<u64>,
    /// The recovery point objective.
    #[serde(default)]
    pub rpo_ms: Option<u64>,
    /// The run in one word.
    pub summary: Summary,
    /// The worst of its verdicts.
    pub verdict: Verdict,
    /// How it ended; `None` when its end was not seen.
    #[serde(default)]
    pub outcome: Option<RunOutcome>,
    /// `t8 − t0`; `None` when the service was not verified.
    #[serde(default)]
    pub recovery_time_ms: Option<u64>,
    /// `t8 − t2`.
    #[serde(default)]
    pub execution_ms: Option<u64>,
    /// How old the oldest of the recovery points was at `t0`.
    #[serde(default)]
    pub recovery_point_ms: Option<i64>,
    /// From `t0` to the last event.
    pub out_for_ms: u64,
    /// By how much the latencies of a simulated cloud were divided; `None` on a real one.
    #[serde(default)]
    pub time_scale: Option<u32>,
    /// What the draws of a simulated cloud began with; `None` on a real one.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The phases that were completed, in order, by name.
    #[serde(default)]
    pub phases: Vec<(String, u64)>,
    /// Every step, in the runbook's order.
    #[serde(default)]
    pub steps: Vec<StepRecord>,
    /// Every resource that ended.
    #[serde(default)]
    pub resources: Vec<ResourceRecord>,
    /// How long before `t0` the newest recovery point of each store was; `None` when not known.
    #[serde(default)]
    pub recovery_points: BTreeMap<String, Option<i64>>,
    /// How long it was expected to take, before it began.
    #[serde(default)]
    pub prediction: Option<Prediction>,
    /// Whether all that the run made was removed again; `None` when nothing was to be.
    #[serde(default)]
    pub removed: Option<bool>,
    /// The last link of the hash chain over its journal, in hexadecimal.
    #[serde(default)]
    pub chain: Option<String>,
}

/// A step of a run that is kept. Times are since the run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its name.
    pub id: StepId,
    /// What it brought up.
    pub kind: StepKind,
    /// True when it is done.
    pub done: bool,
    /// When its first phase began.
    #[serde(default)]
    pub began_ms: Option<u64>,
    /// When it ended.
    #[serde(default)]
    pub ended_ms: Option<u64>,
    /// For a stack that was applied once: from when all that it needs was there to the begin of its
    /// apply. For another step: from the begin of its work to its end, without what was done before
    /// all that it needs was there.
    #[serde(default)]
    pub overhead_ms: Option<u64>,
}

/// A resource of a run that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceRecord {
    /// In which stack.
    pub step: StepId,
    /// Its address, as Terraform writes it.
    pub address: String,
    /// What was done to it.
    pub action: ResourceAction,
    /// When it began, since the run began.
    pub began_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// True when it went well.
    pub ok: bool,
}

impl RunRecord {
    /// Whether two runs can be compared: the same service, into the same region, on the same kind
    /// of cloud, with the same pace and the same draws where it is simulated.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.service == other.service
            && self.region == other.region
            && self.time_scale == other.time_scale
            && self.seed == other.seed
    }
}
