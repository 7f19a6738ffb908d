//! The whole report as one value, which is also one JSON document.
//!
//! The text is made from the same value, so the two cannot disagree.

use super::{
    critical::{CriticalPath, Gap, Waited, waits},
    milestones::{Milestone, RunPhase},
    timeline::{
        Checkout, FailbackFacts, InFlight, Invented, Needed, Note, Obstructed, PlanFacts,
        ProbeDown, RecoveryPoint, Removal, ResourceTime, RunFacts, SecondPlan, SimulatedFacts,
        StepTime, Sweep, TerraformFacts, Timeline,
    },
    verdict::{Doubt, Summary, Verdict, Verdicts},
};
use crate::model::{
    prediction::Prediction,
    resource::without_keys,
    run::{OutageSource, RunId, RunKind, RunOutcome},
    step::StepId,
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
};

/// The name of the form of the document. Keys are added under it, never changed.
pub const SCHEMA: &str = "drctl/report/v1";

/// What a run came to.
///
/// Every duration is in whole milliseconds. Times of steps, resources and notes
/// are on the clock of the run, which stands at zero when the run begins;
/// milestones are counted from `t0`, the beginning of the outage.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The run in one word.
    pub summary: Summary,
    /// The objectives and how they were met.
    pub verdicts: Verdicts,
    /// What must be known to read the figures right, as sentences.
    pub caveats: Vec<String>,
    /// What the run is.
    pub run: Option<RunFacts>,
    /// What was checked out.
    pub checkout: Option<Checkout>,
    /// What was going to be done.
    pub plan: Option<PlanFacts>,
    /// How the run ended; `None` when its end was not seen.
    pub outcome: Option<RunOutcome>,
    /// `t8 − t0`; `None` when the service was not verified.
    pub recovery_time_ms: Option<u64>,
    /// `t8 − t2`; `None` when the service was not verified.
    pub execution_ms: Option<u64>,
    /// How old the oldest of the recovery points was at `t0`; below zero when
    /// all are newer. `None` when one is unknown or there is none.
    pub recovery_point_ms: Option<i64>,
    /// When it was declared, in milliseconds since the run began.
    pub declared_ms: Option<u64>,
    /// When the service passed its probes in the fallback, before traffic was moved, in milliseconds
    /// since `t0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_verified_ms: Option<u64>,
    /// From `t0` to the last event.
    pub out_for_ms: u64,
    /// Every milestone, in order.
    pub milestones: Vec<MilestoneTime>,
    /// Every phase, in order; they add up to the recovery time.
    pub phases: Vec<RunPhase>,
    /// What the recovery time was made of; `None` when the beginning of the run is missing.
    pub critical_path: Option<CriticalPath>,
    /// How long it was expected to take, and where the measured time lies in that.
    pub forecast: Option<Expected>,
    /// Every step, in the runbook's order.
    pub steps: Vec<StepReport>,
    /// Every resource that ended, in the order of their ends.
    pub resources: Vec<ResourceReport>,
    /// Resources that began and did not end, the longest first.
    pub in_flight: Vec<InFlight>,
    /// Recovery points by store.
    pub recovery_points: BTreeMap<String, RecoveryPoint>,
    /// The probe that did not pass.
    pub down: Option<ProbeDown>,
    /// What was worth knowing.
    pub notes: Vec<Note>,
    /// What the cloud was, when it was simulated.
    pub simulated: Option<SimulatedFacts>,
    /// What a failover would be refused for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<Obstructed>,
    /// What the simulated cloud made up and a condition read.
    pub invented: Vec<Invented>,
    /// What a second plan of each stack found.
    pub second_plans: Vec<SecondPlan>,
    /// What was removed again at the end.
    pub removals: Vec<Removal>,
    /// The way home that the run is, when it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failback: Option<FailbackFacts>,
    /// What was taken back afterwards.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<Removal>,
    /// The Terraform that did it.
    pub terraform: Option<TerraformFacts>,
    /// What each stack could not do without.
    pub inventory: Vec<Needed>,
    /// Earlier runs like this one, the oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Earlier>,
    /// Whether all that the run made was removed again; absent when nothing was to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<bool>,
    /// The last sweep of what a drill left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<Sweep>,
    /// The signal that asked the run to stop.
    pub interrupted_by: Option<String>,
    /// Where things are kept.
    pub kept: Kept,
    /// What to do now, as sentences that start with a verb.
    pub next: Vec<String>,
}

/// When a milestone was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct MilestoneTime {
    /// Which.
    pub name: Milestone,
    /// When; `None` when it was not reached.
    pub since_outage_ms: Option<u64>,
}

/// A step and what follows from its times.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StepReport {
    /// The step.
    #[serde(flatten)]
    pub step: StepTime,
    /// From its first phase to its end.
    pub took_ms: Option<u64>,
    /// How long it waited before and between its phases.
    pub waited_ms: u64,
    /// What it waited for, and when nothing was worked on; in the order of time.
    pub gaps: Vec<Gap>,
}

/// A resource and what follows from the times of all.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ResourceReport {
    /// The resource.
    #[serde(flatten)]
    pub resource: ResourceTime,
    /// How long it waited when all that it needs was there; `None` when that is not known.
    pub waited: Option<Waited>,
    /// True when it lies on the critical path.
    pub critical: bool,
    /// What was expected, at the median, in milliseconds.
    pub expected_ms: Option<u64>,
}

/// How long a run was expected to take.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Expected {
    /// The expectation, as it was made before the run.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// The share of the draws that took no longer than the run did, from 0 to 1; `None` when it did
    /// not get to its end.
    pub position: Option<f64>,
}

/// An earlier run, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Earlier {
    /// Its name.
    pub run: RunId,
    /// The wall clock at its start.
    pub began_at: Timestamp,
    /// The run in one word.
    pub summary: Summary,
    /// `t8 − t0`; `None` when the service was not verified.
    pub recovery_time_ms: Option<u64>,
}

/// What the events do not know: where the run is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kept {
    /// The journal.
    pub journal: Option<PathBuf>,
    /// The private copy of the checkout, when it was not removed.
    pub work_copy: Option<PathBuf>,
    /// True when the journal's last line was written only in part and was left out.
    pub torn: bool,
    /// The last link of the hash chain over the journal, in hexadecimal: nothing in the journal can
    /// be changed without it.
    pub chain: Option<String>,
}

impl Report {
    /// Makes the report of a run.
    pub fn new(timeline: Timeline, kept: Kept) -> Self {
        let milestones = timeline.milestones();
        let before_outage_ms = timeline.run.as_ref().map_or(0, |run| run.outage.before_ms);
        let verdicts = Verdicts::from(&timeline);
        let summary = Summary::from(&timeline);
        let since = |name| MilestoneTime { name, since_outage_ms: milestones.get(name) };
        let worked_on = timeline.worked_on();
        let (critical_path, critical) = CriticalPath::of(&timeline, &worked_on).unzip();
        let (waited, gaps) = waits(&timeline, &worked_on);
        let resources = resources(&timeline, waited, &critical.unwrap_or_default());
        let steps = timeline.steps.iter().zip(gaps).map(|(step, gaps)| StepReport {
            took_ms: step.took_ms(),
            waited_ms: step.waited_ms(),
            gaps,
            step: step.clone(),
        });
        let steps = steps.collect();
        let planned_downtime_ms = timeline.planned_downtime_ms();
        let failback = timeline.failback.clone();
        Self {
            schema: SCHEMA,
            summary,
            verdicts,
            caveats: caveats(&timeline, &kept),
            recovery_time_ms: milestones.recovery_ms(),
            execution_ms: milestones.execution_ms(),
            recovery_point_ms: worst_point(&timeline.recovery_points),
            declared_ms: timeline.declared_ms,
            fallback_verified_ms: timeline
                .fallback_verified_ms
                .map(|ms| ms.saturating_add(before_outage_ms)),
            out_for_ms: timeline.out_for_ms(),
            milestones: Milestone::ALL.map(since).into(),
            phases: milestones.phases(),
            in_flight: timeline.in_flight(),
            next: next(&timeline, summary, verdicts),
            removed: timeline.removed(),
            outcome: timeline.outcome,
            run: timeline.run,
            checkout: timeline.checkout,
            plan: timeline.plan,
            critical_path,
            forecast: timeline.prediction.map(|prediction| Expected {
                position: milestones.execution_ms().and_then(|ms| prediction.position(ms)),
                prediction,
            }),
            steps,
            resources,
            recovery_points: timeline.recovery_points,
            down: timeline.down,
            notes: timeline.notes,
            simulated: timeline.simulated,
            obstacles: timeline.obstacles,
            invented: timeline.invented,
            second_plans: timeline.second_plans,
            removals: timeline.removals,
            failback: failback.map(|facts| FailbackFacts { planned_downtime_ms, ..facts }),
            undone: timeline.undone,
            terraform: timeline.terraform,
            inventory: timeline.inventory,
            history: Vec::new(),
            sweep: timeline.sweep,
            interrupted_by: timeline.interrupted_by,
            kept,
        }
    }

    /// Returns the report as one indented JSON document that ends with a newline.
    ///
    /// # Errors
    ///
    /// When a path is not Unicode.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

/// Returns the resources with what follows from the times of all.
fn resources(
    timeline: &Timeline,
    waited: Vec<Option<Waited>>,
    critical: &BTreeSet<usize>,
) -> Vec<ResourceReport> {
    let expected: HashMap<(&StepId, &str), u64> = timeline
        .prediction
        .iter()
        .flat_map(|prediction| &prediction.resources)
        .map(|resource| ((&resource.step, resource.address.as_str()), resource.p50_ms))
        .collect();
    let report = |(index, (resource, waited)): (usize, (&ResourceTime, Option<Waited>))| {
        let name = without_keys(&resource.address);
        ResourceReport {
            critical: critical.contains(&index),
            expected_ms: expected.get(&(&resource.step, name.as_str())).copied(),
            resource: resource.clone(),
            waited,
        }
    };
    timeline.resources.iter().zip(waited).enumerate().map(report).collect()
}

fn worst_point(points: &BTreeMap<String, RecoveryPoint>) -> Option<i64> {
    let known = points.values().map(|point| point.before_outage_ms);
    known.collect::<Option<Vec<_>>>()?.into_iter().max()
}

fn caveats(timeline: &Timeline, kept: &Kept) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(simulated) = &timeline.simulated {
        let what = match timeline.run.as_ref().map(|run| run.kind) {
            Some(RunKind::Drill) => "a simulated drill",
            Some(RunKind::Failback) => "a rehearsed way home",
            _ => "a rehearsal",
        };
        all.push(format!("{what}: the cloud was simulated and nothing real was made"));
        if simulated.time_scale > 1 {
            all.push(format!(
                "its latencies were divided by {} and are multiplied back in every time below",
                simulated.time_scale
            ));
        }
    }
    match timeline.run.as_ref().map(|run| run.outage.known_by) {
        Some(OutageSource::Declared | OutageSource::Probed | OutageSource::Planned) => {}
        Some(OutageSource::Simulated) => {
            all.push("the outage was simulated: its start is not that of a real one".to_owned());
        }
        Some(OutageSource::Assumed) => {
            all.push("outage start not given: counted from the start of the run".to_owned());
        }
        Some(OutageSource::Unknown) => {
            all.push("how the outage start is known, only a newer drctl can say".to_owned());
        }
        None => all.push("the beginning of the run is missing from its journal".to_owned()),
    }
    if timeline.checkout.as_ref().is_some_and(|checkout| checkout.mirror_age_ms.is_some()) {
        all.push("the origin could not be reached: built from a mirror".to_owned());
    }
    match timeline.breaks.len() {
        0 => {}
        1 => all.push("the run broke off and was resumed".to_owned()),
        times => all.push(format!("the run broke off and was resumed {times} times")),
    }
    if kept.torn {
        all.push("the journal's last line was written only in part and was left out".to_owned());
    }
    all
}

fn next(timeline: &Timeline, summary: Summary, verdicts: Verdicts) -> Vec<String> {
    let mut all = Vec::new();
    let in_flight = timeline.in_flight().len();
    if in_flight > 0 {
        let (what, they) =
            if in_flight == 1 { ("the resource", "it") } else { ("the resources", "they") };
        all.push(format!(
            "Look in the cloud for {what} in flight: Terraform may not know how {they} ended"
        ));
    }
    if let (Some(RunOutcome::NotRemoved), Some(run), None) =
        (timeline.outcome, &timeline.run, &timeline.sweep)
    {
        all.push(format!("Remove what is left of it: `drctl drill --sweep {}`", run.id));
    }
    if summary == Summary::Refused {
        all.push("Read why the gate refused: what it refused was not changed".to_owned());
    }
    if let Some(run) = timeline.run.as_ref().filter(|_| can_go_on(timeline)) {
        all.push(format!(
            "Go on with it once what stood in its way is mended: `drctl resume {}`",
            run.id
        ));
    }
    if timeline.outcome == Some(RunOutcome::Unverified) {
        all.push(
            "See for yourself whether the service answers, and give the runbook a `probe`"
                .to_owned(),
        );
    }
    if verdicts.rto == (Verdict::Unproven { why: Doubt::NoObjective }) {
        all.push("Declare what is promised: `rto` in the runbook, or `--rto 30m`".to_owned());
    }
    if verdicts.rpo == Some(Verdict::Unproven { why: Doubt::NoRecoveryPoint }) {
        all.push("Give the runbook a `recovery_point` for every data store".to_owned());
    }
    if let Some(run) = &timeline.run {
        all.push(format!("Show this again with `drctl report {}`", run.id));
    }
    all
}

/// Whether `drctl resume` can go on with a run.
fn can_go_on(timeline: &Timeline) -> bool {
    let goes_on = |run: &RunFacts| matches!(run.kind, RunKind::Failover | RunKind::Failback);
    timeline.run.as_ref().is_some_and(goes_on)
        && timeline.simulated.is_none()
        && timeline.declared_ms.is_some()
        && matches!(
            timeline.outcome,
            None | Some(RunOutcome::Failed | RunOutcome::Refused | RunOutcome::Interrupted)
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_run_computed_by_hand_is_reported_to_the_millisecond() {
        let kept = Kept { journal: Some("/runs/1/journal.jsonl".into()), ..Kept::default() };
        let report = Report::new(samples::by_hand().iter().collect(), kept);
        insta::assert_snapshot!(report.to_json().unwrap(), @r#"
        {
          "schema": "drctl/report/v1",
          "summary": "met",
          "verdicts": {
            "overall": {
              "is": "met",
              "spare_ms": 988000
            },
            "rto": {
              "is": "met",
              "spare_ms": 988000
            },
            "rpo": {
              "is": "met",
              "spare_ms": 170000
            }
          },
          "caveats": [],
          "run": {
            "id": "20260314-025907-4f1c",
            "kind": "failover",
            "drctl": "0.1.0",
            "began_at": "2026-03-14T02:59:07Z",
            "repo": "https://git.example.com/shop.git",
            "region": "ap-northeast-2",
            "outage": {
              "before_ms": 240000,
              "known_by": "declared"
            }
          },
          "checkout": {
            "commit": "4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c",
            "reference": "main",
            "mirror_age_ms": null
          },
          "plan": {
            "service": "shop",
            "primary": "ap-northeast-1",
            "rto_ms": 1800000,
            "rpo_ms": 300000,
            "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
          },
          "outcome": "recovered",
          "recovery_time_ms": 812000,
          "execution_ms": 560000,
          "recovery_point_ms": 130000,
          "declared_ms": 12000,
          "out_for_ms": 812100,
          "milestones": [
            {
              "name": "outage_began",
              "since_outage_ms": 0
            },
            {
              "name": "detected",
              "since_outage_ms": 240000
            },
            {
              "name": "declared",
              "since_outage_ms": 252000
            },
            {
              "name": "workspace_ready",
              "since_outage_ms": 260100
            },
            {
              "name": "plan_accepted",
              "since_outage_ms": 263400
            },
            {
              "name": "applied",
              "since_outage_ms": 480600
            },
            {
              "name": "deployed",
              "since_outage_ms": 782100
            },
            {
              "name": "cut_over",
              "since_outage_ms": 790300
            },
            {
              "name": "verified",
              "since_outage_ms": 812000
            }
          ],
          "phases": [
            {
              "name": "detection",
              "took_ms": 240000
            },
            {
              "name": "decision",
              "took_ms": 12000
            },
            {
              "name": "workspace",
              "took_ms": 8100
            },
            {
              "name": "plan",
              "took_ms": 3300
            },
            {
              "name": "apply",
              "took_ms": 217200
            },
            {
              "name": "deploy",
              "took_ms": 301500
            },
            {
              "name": "cutover",
              "took_ms": 8200
            },
            {
              "name": "verify",
              "took_ms": 21700
            }
          ],
          "critical_path": {
            "segments": [
              {
                "began_ms": 0,
                "took_ms": 240000,
                "step": null,
                "what": "detection"
              },
              {
                "began_ms": 240000,
                "took_ms": 2000,
                "step": null,
                "what": "checkout"
              },
              {
                "began_ms": 242000,
                "took_ms": 500,
                "step": null,
                "what": "planning"
              },
              {
                "began_ms": 242500,
                "took_ms": 9500,
                "step": null,
                "what": "decision"
              },
              {
                "began_ms": 252000,
                "took_ms": 100,
                "step": "network",
                "what": "between"
              },
              {
                "began_ms": 252100,
                "took_ms": 8000,
                "step": "network",
                "what": "phase",
                "phase": "init"
              },
              {
                "began_ms": 260100,
                "took_ms": 3200,
                "step": "network",
                "what": "phase",
                "phase": "plan"
              },
              {
                "began_ms": 263300,
                "took_ms": 200,
                "step": "network",
                "what": "phase",
                "phase": "gate"
              },
              {
                "began_ms": 263500,
                "took_ms": 100,
                "step": "network",
                "what": "between"
              },
              {
                "began_ms": 263600,
                "took_ms": 400,
                "step": "network",
                "what": "apply_start"
              },
              {
                "began_ms": 264000,
                "took_ms": 216000,
                "step": "network",
                "what": "resource",
                "address": "aws_nat_gateway.main",
                "action": "create",
                "ok": true,
                "by_lane": false
              },
              {
                "began_ms": 480000,
                "took_ms": 500,
                "step": "network",
                "what": "apply_end"
              },
              {
                "began_ms": 480500,
                "took_ms": 100,
                "step": "network",
                "what": "between"
              },
              {
                "began_ms": 480600,
                "took_ms": 1400,
                "step": "app",
                "what": "between"
              },
              {
                "began_ms": 482000,
                "took_ms": 300000,
                "step": "app",
                "what": "phase",
                "phase": "run"
              },
              {
                "began_ms": 782000,
                "took_ms": 100,
                "step": "app",
                "what": "between"
              },
              {
                "began_ms": 782100,
                "took_ms": 100,
                "step": "cutover",
                "what": "between"
              },
              {
                "began_ms": 782200,
                "took_ms": 8000,
                "step": "cutover",
                "what": "phase",
                "phase": "run"
              },
              {
                "began_ms": 790200,
                "took_ms": 100,
                "step": "cutover",
                "what": "between"
              },
              {
                "began_ms": 790300,
                "took_ms": 21700,
                "step": null,
                "what": "verification"
              }
            ],
            "savings": [
              {
                "step": "app",
                "address": null,
                "took_ms": 300000,
                "saves_ms": 300000
              },
              {
                "step": "network",
                "address": "aws_nat_gateway.main",
                "took_ms": 216000,
                "saves_ms": 213100
              },
              {
                "step": "cutover",
                "address": null,
                "took_ms": 8000,
                "saves_ms": 8000
              }
            ],
            "floor_ms": 812000,
            "parallelism_cost_ms": 0,
            "worked_ms": 540800,
            "waited_ms": 271200,
            "inferred": [
              "network"
            ]
          },
          "forecast": null,
          "steps": [
            {
              "id": "network",
              "kind": "stack",
              "needs": [],
              "began_ms": 12100,
              "ended_ms": 240600,
              "outcome": {
                "is": "done"
              },
              "phases": [
                {
                  "phase": "init",
                  "began_ms": 12100,
                  "waited_ms": 100,
                  "took_ms": 8000,
                  "ok": true
                },
                {
                  "phase": "plan",
                  "began_ms": 20100,
                  "waited_ms": 0,
                  "took_ms": 3200,
                  "ok": true
                },
                {
                  "phase": "gate",
                  "began_ms": 23300,
                  "waited_ms": 0,
                  "took_ms": 200,
                  "ok": true
                },
                {
                  "phase": "apply",
                  "began_ms": 23600,
                  "waited_ms": 100,
                  "took_ms": 216900,
                  "ok": true
                }
              ],
              "accepted_ms": 23400,
              "planned": {
                "create": 2
              },
              "refusals": [],
              "outputs": [
                "vpc_id"
              ],
              "parallelism": 10,
              "plan_digest": null,
              "took_ms": 228500,
              "waited_ms": 200,
              "gaps": [
                {
                  "began_ms": 12000,
                  "took_ms": 100,
                  "gap": "between"
                },
                {
                  "began_ms": 23500,
                  "took_ms": 100,
                  "gap": "between"
                },
                {
                  "began_ms": 23600,
                  "took_ms": 400,
                  "gap": "apply_start"
                },
                {
                  "began_ms": 240000,
                  "took_ms": 500,
                  "gap": "apply_end"
                },
                {
                  "began_ms": 240500,
                  "took_ms": 100,
                  "gap": "between"
                }
              ]
            },
            {
              "id": "app",
              "kind": "deploy",
              "needs": [
                "network"
              ],
              "began_ms": 242000,
              "ended_ms": 542100,
              "outcome": {
                "is": "done"
              },
              "phases": [
                {
                  "phase": "run",
                  "began_ms": 242000,
                  "waited_ms": 230000,
                  "took_ms": 300000,
                  "ok": true
                }
              ],
              "accepted_ms": null,
              "planned": {},
              "refusals": [],
              "outputs": [],
              "parallelism": null,
              "plan_digest": null,
              "took_ms": 300100,
              "waited_ms": 230000,
              "gaps": [
                {
                  "began_ms": 12000,
                  "took_ms": 228600,
                  "gap": "needs",
                  "step": "network"
                },
                {
                  "began_ms": 240600,
                  "took_ms": 1400,
                  "gap": "between"
                },
                {
                  "began_ms": 542000,
                  "took_ms": 100,
                  "gap": "between"
                }
              ]
            },
            {
              "id": "cutover",
              "kind": "cutover",
              "needs": [
                "app"
              ],
              "began_ms": 542200,
              "ended_ms": 550300,
              "outcome": {
                "is": "done"
              },
              "phases": [
                {
                  "phase": "run",
                  "began_ms": 542200,
                  "waited_ms": 530200,
                  "took_ms": 8000,
                  "ok": true
                }
              ],
              "accepted_ms": null,
              "planned": {},
              "refusals": [],
              "outputs": [],
              "parallelism": null,
              "plan_digest": null,
              "took_ms": 8100,
              "waited_ms": 530200,
              "gaps": [
                {
                  "began_ms": 12000,
                  "took_ms": 530100,
                  "gap": "needs",
                  "step": "app"
                },
                {
                  "began_ms": 542100,
                  "took_ms": 100,
                  "gap": "between"
                },
                {
                  "began_ms": 550200,
                  "took_ms": 100,
                  "gap": "between"
                }
              ]
            }
          ],
          "resources": [
            {
              "step": "network",
              "address": "aws_vpc.main",
              "action": "create",
              "began_ms": 24100,
              "took_ms": 2900,
              "ok": true,
              "waited": null,
              "critical": false,
              "expected_ms": null
            },
            {
              "step": "network",
              "address": "aws_nat_gateway.main",
              "action": "create",
              "began_ms": 24000,
              "took_ms": 216000,
              "ok": true,
              "waited": null,
              "critical": true,
              "expected_ms": null
            }
          ],
          "in_flight": [],
          "recovery_points": {
            "orders": {
              "before_outage_ms": 130000,
              "cause": null
            }
          },
          "down": null,
          "notes": [],
          "simulated": null,
          "invented": [],
          "second_plans": [],
          "removals": [],
          "terraform": null,
          "inventory": [],
          "interrupted_by": null,
          "kept": {
            "journal": "/runs/1/journal.jsonl",
            "work_copy": null,
            "torn": false,
            "chain": null
          },
          "next": [
            "Show this again with `drctl report 20260314-025907-4f1c`"
          ]
        }
        "#);
    }

    #[test]
    fn every_duration_is_a_whole_number_of_milliseconds() {
        fn walk(key: &str, value: &serde_json::Value, wrong: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(map) => {
                    map.iter().for_each(|(key, value)| walk(key, value, wrong));
                }
                serde_json::Value::Array(all) => {
                    all.iter().for_each(|value| walk(key, value, wrong))
                }
                serde_json::Value::Number(number)
                    if number.is_f64()
                        || !key.ends_with("_ms") && !["create", "parallelism"].contains(&key) =>
                {
                    wrong.push(format!("{key}: {number}"));
                }
                _ => {}
            }
        }
        let mut wrong = Vec::new();
        for events in [samples::by_hand(), samples::gone_wrong()] {
            let report = Report::new(events.iter().collect(), Kept::default());
            walk("", &serde_json::to_value(report).unwrap(), &mut wrong);
        }
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn an_assumed_beginning_is_said() {
        let report = Report::new(samples::gone_wrong().iter().collect(), Kept::default());
        assert_eq!(report.caveats[0], "outage start not given: counted from the start of the run");
    }
}
