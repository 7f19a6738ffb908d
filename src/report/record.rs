//! What the history keeps of a run.

use super::{
    json::{Earlier, Report},
    timeline::{RunFacts, StepTime, Timeline},
};
use crate::model::{
    record::{ResourceRecord, RunRecord, SCHEMA, StepRecord},
    resource::ResourceAction,
    step::{Phase, StepId, StepKind, StepOutcome},
};
use std::collections::BTreeMap;

impl Report {
    /// Returns what the history keeps of the run; `None` when its journal has no beginning.
    ///
    /// Of the resources only what was made, changed or taken away is kept, not what was read.
    pub fn record(&self) -> Option<RunRecord> {
        let RunFacts { id, kind, drctl, began_at, repo, region, outage } = self.run.clone()?;
        let plan = self.plan.as_ref();
        let phase =
            |phase: &super::milestones::RunPhase| Some((phase.name.to_owned(), phase.took_ms?));
        Some(RunRecord {
            schema: SCHEMA.to_owned(),
            run: id,
            kind,
            drctl,
            began_at,
            repo,
            service: plan.map(|plan| plan.service.clone()),
            region,
            primary: plan.and_then(|plan| plan.primary.clone()),
            commit: self.checkout.as_ref().map(|checkout| checkout.commit.clone()),
            plan_digest: plan.map(|plan| plan.digest.clone()),
            outage,
            rto_ms: plan.and_then(|plan| plan.rto_ms),
            rpo_ms: plan.and_then(|plan| plan.rpo_ms),
            summary: self.summary,
            verdict: self.verdicts.overall,
            outcome: self.outcome,
            recovery_time_ms: self.recovery_time_ms,
            execution_ms: self.execution_ms,
            recovery_point_ms: self.recovery_point_ms,
            out_for_ms: self.out_for_ms,
            time_scale: self.simulated.as_ref().map(|simulated| simulated.time_scale),
            seed: self.simulated.as_ref().map(|simulated| simulated.seed),
            phases: self.phases.iter().filter_map(phase).collect(),
            steps: self.step_records(),
            resources: self.resource_records(),
            recovery_points: self
                .recovery_points
                .iter()
                .map(|(store, point)| (store.clone(), point.before_outage_ms))
                .collect(),
            removed: self.removed,
            prediction: self.forecast.as_ref().map(|expected| expected.prediction.clone()),
            chain: self.kept.chain.clone(),
        })
    }

    /// Adds earlier runs like this one, the oldest first.
    #[must_use]
    pub fn with_history(mut self, earlier: &[RunRecord]) -> Self {
        let line = |record: &RunRecord| Earlier {
            run: record.run.clone(),
            began_at: record.began_at,
            summary: record.summary,
            recovery_time_ms: record.recovery_time_ms,
        };
        self.history = earlier.iter().map(line).collect();
        self
    }

    fn step_records(&self) -> Vec<StepRecord> {
        let steps = || self.steps.iter().map(|report| &report.step);
        let ends: BTreeMap<&StepId, Option<u64>> =
            steps().map(|step| (&step.id, step.ended_ms)).collect();
        let record = |step: &StepTime| StepRecord {
            id: step.id.clone(),
            kind: step.kind,
            done: step.outcome == Some(StepOutcome::Done),
            began_ms: step.began_ms,
            ended_ms: step.ended_ms,
            overhead_ms: match step.kind {
                StepKind::Stack => {
                    self.declared_ms.and_then(|declared| overhead(step, &ends, declared))
                }
                _ => worked(step),
            },
        };
        steps().map(record).collect()
    }

    fn resource_records(&self) -> Vec<ResourceRecord> {
        let resources = self.resources.iter().map(|report| &report.resource);
        resources
            .filter(|resource| resource.action != ResourceAction::Read)
            .map(|resource| ResourceRecord {
                step: resource.step.clone(),
                address: resource.address.clone(),
                action: resource.action,
                began_ms: resource.began_ms,
                took_ms: resource.took_ms,
                ok: resource.ok,
            })
            .collect()
    }
}

/// Returns how long a stack needed from when its needs were up to the begin of its apply.
///
/// One that was applied more than once had something in its way, and says nothing.
fn overhead(step: &StepTime, ends: &BTreeMap<&StepId, Option<u64>>, declared: u64) -> Option<u64> {
    let mut applies = step.phases.iter().filter(|spent| spent.phase == Phase::Apply);
    let (Some(apply), None) = (applies.next(), applies.next()) else { return None };
    let needs = step.needs.iter().map(|need| ends.get(need).copied().flatten());
    let free = needs.chain([Some(declared)]).collect::<Option<Vec<u64>>>()?.into_iter().max()?;
    Some(apply.began_ms.saturating_sub(free))
}

/// Returns how long a step that is no stack took from its first phase that is not done beforehand.
fn worked(step: &StepTime) -> Option<u64> {
    let began = step.phases.iter().find(|phase| !phase.phase.is_before_needs())?.began_ms;
    Some(step.ended_ms?.saturating_sub(began))
}

impl From<Timeline> for Report {
    /// Makes the report of a run of which nothing but its events is kept.
    fn from(timeline: Timeline) -> Self {
        Self::new(timeline, super::Kept::default())
    }
}
