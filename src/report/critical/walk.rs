//! The way back from the end of a run to the beginning of the outage, from what waited to what it
//! waited for.

use super::{
    Segment, What,
    lanes::{Cause, Lanes, by_step, end},
};
use crate::{
    model::step::{Phase, StepId},
    report::timeline::{PhaseTime, ResourceTime, StepTime, Timeline},
};
use std::collections::{BTreeMap, BTreeSet};

/// The way, walked so far.
pub(super) struct Walk<'a> {
    timeline: &'a Timeline,
    resources: BTreeMap<&'a StepId, Vec<(usize, &'a ResourceTime)>>,
    /// The segments, the last one first; times are on the clock of the run, from −`before_ms`.
    segments: Vec<Segment>,
    /// Up to where the way leads, on the clock of `t0`.
    cursor: u64,
    /// By how much the clock of `t0` is ahead of that of the run.
    before_ms: u64,
    /// The resources on the way, by their index in the report.
    pub(super) critical: BTreeSet<usize>,
    /// The stacks on the way whose graph is not known.
    pub(super) inferred: BTreeSet<StepId>,
}

impl<'a> Walk<'a> {
    /// Walks the whole way; `None` when the run's beginning is missing.
    pub(super) fn new(timeline: &'a Timeline, worked_on: &'a [ResourceTime]) -> Option<Self> {
        let before_ms = timeline.run.as_ref()?.outage.before_ms;
        let mut walk = Self {
            timeline,
            resources: by_step(worked_on),
            segments: Vec::new(),
            cursor: timeline.verified_ms.unwrap_or(timeline.last_ms).saturating_add(before_ms),
            before_ms,
            critical: BTreeSet::new(),
            inferred: BTreeSet::new(),
        };
        walk.all();
        Some(walk)
    }

    /// Returns the segments, the first one first.
    pub(super) fn segments(mut self) -> Vec<Segment> {
        self.segments.reverse();
        self.segments
    }

    fn all(&mut self) {
        let timeline = self.timeline;
        let last = timeline
            .steps
            .iter()
            .filter(|step| !step.phases.is_empty())
            .max_by_key(|step| self.step_end(step));
        if let Some(step) = last {
            let asked = timeline.verified_ms.is_some() || timeline.down.is_some();
            let what = if asked { What::Verification } else { What::NotBack };
            self.back_to(self.step_end(step), None, what);
            self.step(step);
        } else if let Some(declared_ms) = timeline.declared_ms {
            let what =
                if timeline.verified_ms.is_some() { What::Verification } else { What::NotBack };
            self.back_to(declared_ms, None, what);
        }
        self.front();
    }

    /// What passed before anything was begun.
    fn front(&mut self) {
        let timeline = self.timeline;
        let marks = [
            (timeline.planned_ms, What::Decision),
            (timeline.checkout_ready_ms, What::Planning),
            (Some(0), What::Checkout),
        ];
        for (since, what) in marks {
            if let Some(since) = since {
                self.back_to(since, None, what);
            }
        }
        // What watched knew of it before the run began, and waited for a go.
        let detected = timeline.run.as_ref().map(|run| run.outage.detected_after_ms());
        if let Some(detected) = detected.filter(|detected| *detected < self.before_ms) {
            self.segment(detected, None, What::Decision);
        }
        self.segment(0, None, What::Detection);
    }

    /// Adds what passed from a moment on the clock of the run up to where the way leads.
    fn back_to(&mut self, since_ms: u64, step: Option<&StepId>, what: What) {
        self.segment(since_ms.saturating_add(self.before_ms), step, what);
    }

    /// Adds what passed from a moment on the clock of `t0` up to where the way leads.
    fn segment(&mut self, since: u64, step: Option<&StepId>, what: What) {
        let began_ms = since.min(self.cursor);
        let took_ms = self.cursor - began_ms;
        self.cursor = began_ms;
        if took_ms > 0 {
            self.segments.push(Segment { began_ms, took_ms, step: step.cloned(), what });
        }
    }

    fn step_end(&self, step: &StepTime) -> u64 {
        step.ended_ms.unwrap_or(self.timeline.last_ms)
    }

    fn phase_end(&self, phase: &PhaseTime) -> u64 {
        phase.took_ms.map_or(self.timeline.last_ms, |took| phase.began_ms + took)
    }

    /// Walks through a step and all that it waited for, up to the declaration.
    fn step(&mut self, last: &'a StepTime) {
        let (mut step, mut left) = (last, last.phases.len());
        let mut seen = BTreeSet::from([&last.id]);
        while let Some(phase) = left.checked_sub(1).and_then(|at| step.phases.get(at)) {
            left -= 1;
            self.back_to(self.phase_end(phase), Some(&step.id), What::Between);
            self.phase(step, phase);
            let before = left.checked_sub(1).and_then(|at| step.phases.get(at));
            let free = before.map(|phase| self.phase_end(phase));
            let need = self.last_need(step, phase.began_ms);
            match need.filter(|need| Some(self.step_end(need)) > free && !seen.contains(&need.id)) {
                Some(need) => {
                    self.wait(step, self.step_end(need), phase.began_ms);
                    seen.insert(&need.id);
                    (step, left) = (need, need.phases.len());
                }
                None => {
                    let free = free.or(self.timeline.declared_ms).unwrap_or(phase.began_ms);
                    self.wait(step, free, phase.began_ms);
                }
            }
        }
    }

    /// Returns the step that it needs and that ended last, before `began_ms`.
    fn last_need(&self, step: &StepTime, began_ms: u64) -> Option<&'a StepTime> {
        let needed = self.timeline.steps.iter().filter(|other| step.needs.contains(&other.id));
        needed
            .filter(|need| !need.phases.is_empty() && self.step_end(need) <= began_ms)
            .max_by_key(|need| self.step_end(need))
    }

    /// Adds what passed from when a step could have gone on until it did.
    fn wait(&mut self, step: &StepTime, free_ms: u64, began_ms: u64) {
        for gap in self.timeline.waits(step, free_ms, began_ms).into_iter().rev() {
            let what = match gap.what {
                super::GapKind::Lock { lock } => What::Lock { lock },
                super::GapKind::Turn => What::Turn,
                super::GapKind::Verification => What::Verification,
                super::GapKind::BrokenOff => What::BrokenOff,
                _ => What::Between,
            };
            self.back_to(gap.began_ms, Some(&step.id), what);
        }
    }

    fn phase(&mut self, step: &'a StepTime, phase: &PhaseTime) {
        if phase.phase == Phase::Apply {
            self.apply(step, phase);
        }
        let what = match phase.phase {
            Phase::Apply => What::ApplyStart,
            phase => What::Phase { phase },
        };
        self.back_to(phase.began_ms, Some(&step.id), what);
    }

    /// Walks through the resources of an apply, up to the begin of the first one on the way.
    fn apply(&mut self, step: &'a StepTime, phase: &PhaseTime) {
        let none = Vec::new();
        let all = self.resources.get(&step.id).unwrap_or(&none);
        let lanes = Lanes::of(step, all, phase.began_ms, self.phase_end(phase));
        if !lanes.knows_needs {
            self.inferred.insert(step.id.clone());
        }
        let mut what = What::ApplyEnd;
        let (mut next, mut seen) = (lanes.last(), BTreeSet::new());
        while let Some(place) = next.filter(|place| seen.insert(*place)) {
            let (index, resource) = lanes.resources[place];
            let cause = lanes.cause(place);
            self.back_to(end(resource), Some(&step.id), what);
            let part = What::Resource {
                address: resource.address.clone(),
                action: resource.action,
                ok: resource.ok,
                by_lane: matches!(cause, Cause::Lane(_)),
            };
            self.back_to(resource.began_ms, Some(&step.id), part);
            self.critical.insert(index);
            what = What::BetweenResources;
            next = match cause {
                Cause::Need(before) | Cause::Lane(before) => Some(before),
                Cause::Start => None,
            };
        }
    }
}
