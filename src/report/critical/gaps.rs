//! The stretches of a step in which nothing was worked on, each with its name.

use super::{Gap, GapKind, lanes::Lanes};
use crate::{
    model::step::{Phase, StepId, StepKind},
    report::timeline::{PhaseTime, ResourceTime, StepTime, Timeline},
};

impl Timeline {
    /// Returns what a step waited for, and when it worked on nothing, in the order of time.
    ///
    /// Together with the phases, less the gaps inside them, they add up to the time from the
    /// declaration to the end of the step.
    pub(in crate::report) fn gaps(
        &self,
        step: &StepTime,
        resources: &[(usize, &ResourceTime)],
    ) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut free = self.declared_ms;
        for phase in &step.phases {
            let since = free.unwrap_or(phase.began_ms);
            let until = match self.last_need_within(step, since, phase.began_ms) {
                Some((need, ended)) => {
                    gaps.extend(gap(since, ended, GapKind::Needs { step: need }));
                    ended
                }
                None => since,
            };
            gaps.extend(self.waits(step, until, phase.began_ms));
            let ended = phase.took_ms.map_or(self.last_ms, |took| phase.began_ms + took);
            if phase.phase == Phase::Apply {
                gaps.extend(inside(step, phase, ended, resources));
            }
            free = Some(ended);
        }
        if let Some((free, ended)) = free.zip(step.ended_ms).filter(|_| !step.phases.is_empty()) {
            gaps.extend(gap(free, ended, GapKind::Between));
        }
        gaps
    }

    /// Returns the step that it needs and that ended last, when that was within a stretch.
    fn last_need_within(&self, step: &StepTime, since: u64, until: u64) -> Option<(StepId, u64)> {
        let needed = self.steps.iter().filter(|other| step.needs.contains(&other.id));
        needed
            .filter_map(|need| Some((need.id.clone(), need.ended_ms?)))
            .filter(|(_, ended)| *ended > since && *ended <= until)
            .max_by_key(|(_, ended)| *ended)
    }

    /// Returns what passed from when a step could have gone on until it did, without a gap.
    pub(super) fn waits(&self, step: &StepTime, free_ms: u64, began_ms: u64) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut at = free_ms;
        let within = |from: &u64, until: &u64| *from >= free_ms && *until <= began_ms;
        for (broke, resumed) in self.breaks.iter().filter(|(broke, resumed)| within(broke, resumed))
        {
            gaps.extend(self.turn(step, at, *broke));
            gaps.extend(gap(*broke, *resumed, GapKind::BrokenOff));
            at = *resumed;
        }
        let free_ms = at;
        let held = self.fallback_verified_ms.filter(|_| step.kind == StepKind::Cutover);
        if let Some(verified) = held.filter(|at| (free_ms..=began_ms).contains(at)) {
            gaps.extend(gap(free_ms, verified, GapKind::Verification));
            at = verified;
        }
        for wait in step.locks.iter().filter(|wait| (free_ms..=began_ms).contains(&wait.until_ms)) {
            let since = wait.until_ms.saturating_sub(wait.took_ms).max(at);
            gaps.extend(self.turn(step, at, since));
            gaps.extend(gap(since, wait.until_ms, GapKind::Lock { lock: wait.lock }));
            at = wait.until_ms;
        }
        gaps.extend(self.turn(step, at, began_ms));
        gaps
    }

    /// Returns the wait for a lane of `--max-parallel`, and what passed after it.
    fn turn(&self, step: &StepTime, since: u64, until: u64) -> Vec<Gap> {
        let freed = self.freed(step, since, until).unwrap_or(since);
        let both = [gap(since, freed, GapKind::Turn), gap(freed, until, GapKind::Between)];
        both.into_iter().flatten().collect()
    }

    /// Returns when a lane came free within a stretch, if all of them were taken until then.
    fn freed(&self, step: &StepTime, since: u64, until: u64) -> Option<u64> {
        let limit = usize::from(self.max_parallel?);
        let others = || self.steps.iter().filter(|other| other.id != step.id);
        let spans: Vec<(u64, u64)> = others().flat_map(|other| self.busy(other)).collect();
        let freed = spans.iter().map(|(_, ended)| *ended).filter(|e| *e > since && *e <= until);
        let freed = freed.max()?;
        let busy = spans.iter().filter(|(began, ended)| *began < freed && *ended >= freed);
        (busy.count() >= limit).then_some(freed)
    }

    /// Returns when a step took one of the lanes: for its `init` or its check, and for all that comes
    /// after.
    fn busy(&self, step: &StepTime) -> Vec<(u64, u64)> {
        let end = |phase: &PhaseTime| phase.took_ms.map_or(self.last_ms, |t| phase.began_ms + t);
        let before = step.phases.iter().filter(|phase| phase.phase.is_before_needs());
        let mut spans: Vec<_> = before.map(|phase| (phase.began_ms, end(phase))).collect();
        if let Some(first) = step.phases.iter().find(|phase| !phase.phase.is_before_needs()) {
            spans.push((first.began_ms, step.ended_ms.unwrap_or(self.last_ms)));
        }
        spans
    }
}

/// Returns the gaps of an apply: before its first resource, between resources, after its last.
fn inside(
    step: &StepTime,
    phase: &PhaseTime,
    ended: u64,
    resources: &[(usize, &ResourceTime)],
) -> Vec<Gap> {
    let lanes = Lanes::of(step, resources, phase.began_ms, ended);
    let Some((first, last)) = lanes.span() else {
        return gap(phase.began_ms, ended, GapKind::ApplyStart).into_iter().collect();
    };
    let pauses = lanes.pauses().into_iter();
    gap(phase.began_ms, first, GapKind::ApplyStart)
        .into_iter()
        .chain(pauses.filter_map(|(since, until)| gap(since, until, GapKind::BetweenResources)))
        .chain(gap(last, ended, GapKind::ApplyEnd))
        .collect()
}

fn gap(began_ms: u64, ended_ms: u64, what: GapKind) -> Option<Gap> {
    let took_ms = ended_ms.checked_sub(began_ms).filter(|took| *took > 0)?;
    Some(Gap { began_ms, took_ms, what })
}
