//! The milestones of a recovery, and the phases between them.

use super::timeline::{StepTime, Timeline};
use crate::model::step::{Phase, StepKind, StepOutcome};
use schemars::JsonSchema;
use serde::Serialize;

/// A moment that every recovery passes, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// `t0`: the service stopped serving.
    OutageBegan,
    /// `t1`: something that watched said so; else the run began.
    Detected,
    /// `t2`: a person or the policy said go.
    Declared,
    /// `t3`: the repository is checked out and every stack is initialised.
    WorkspaceReady,
    /// `t4`: the gate accepted a plan for the first time: from here on infrastructure is made.
    PlanAccepted,
    /// `t5`: the last stack is up.
    Applied,
    /// `t6`: the last deploy step is done.
    Deployed,
    /// `t7`: the last cutover step is done.
    CutOver,
    /// `t8`: every probe passed as often in a row as it must.
    Verified,
}

impl Milestone {
    /// Every milestone, in order.
    pub const ALL: [Self; 9] = [
        Self::OutageBegan,
        Self::Detected,
        Self::Declared,
        Self::WorkspaceReady,
        Self::PlanAccepted,
        Self::Applied,
        Self::Deployed,
        Self::CutOver,
        Self::Verified,
    ];

    /// Returns the name of the phase that ends here; `None` for the first.
    pub const fn phase(self) -> Option<&'static str> {
        match self {
            Self::OutageBegan => None,
            Self::Detected => Some("detection"),
            Self::Declared => Some("decision"),
            Self::WorkspaceReady => Some("workspace"),
            Self::PlanAccepted => Some("plan"),
            Self::Applied => Some("apply"),
            Self::Deployed => Some("deploy"),
            Self::CutOver => Some("cutover"),
            Self::Verified => Some("verify"),
        }
    }
}

/// When each milestone was reached, in milliseconds since `t0`.
///
/// A milestone is reached when all that it stands for is done: `t5` needs every
/// stack, not one. Only `t4` is reached by the first of them: with stacks that feed
/// each other the last plan is made when most of the infrastructure already stands,
/// and its making must not be booked as planning. One that was not reached is `None`, and so are all after it.
/// They never fall: a milestone that was passed early (nothing to deploy)
/// stands where the one before it does. So the phases between them leave no gap
/// and count nothing twice, and add up to the recovery time to the millisecond.
///
/// They are moments of the whole run. With more than one stack, one may be
/// applied while another is still planned; the times of each step are its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    at_ms: [Option<u64>; 9],
}

/// The time from one milestone to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunPhase {
    /// Its name.
    pub name: &'static str,
    /// How long it took, in milliseconds; `None` when its end was not reached.
    pub took_ms: Option<u64>,
}

impl Milestones {
    /// Returns when `milestone` was reached, in milliseconds since `t0`.
    pub fn get(&self, milestone: Milestone) -> Option<u64> {
        self.at_ms[milestone as usize]
    }

    /// Returns the phases between them, in order.
    pub fn phases(&self) -> Vec<RunPhase> {
        let ends = Milestone::ALL.into_iter().filter_map(|end| Some((end, end.phase()?)));
        self.at_ms
            .windows(2)
            .zip(ends)
            .map(|(span, (_, name))| {
                let took_ms = span[1].zip(span[0]).map(|(end, begin)| end - begin);
                RunPhase { name, took_ms }
            })
            .collect()
    }

    /// Returns `t8 − t0`: how long the service was out, in milliseconds.
    pub fn recovery_ms(&self) -> Option<u64> {
        self.get(Milestone::Verified)
    }

    /// Returns `t8 − t2`, in milliseconds: what drctl itself took.
    pub fn execution_ms(&self) -> Option<u64> {
        Some(self.get(Milestone::Verified)? - self.get(Milestone::Declared)?)
    }
}

impl From<&Timeline> for Milestones {
    fn from(timeline: &Timeline) -> Self {
        let Some(run) = &timeline.run else { return Self::default() };
        let stacks = || timeline.steps.iter().filter(|step| step.kind == StepKind::Stack);
        let planned = timeline.plan.is_some();
        let no_stack = stacks().next().is_none();

        // On the clock of the run; `None` is "not reached", and zero is "nothing to wait for".
        let workspace_ready =
            if no_stack { timeline.checkout_ready_ms } else { last(stacks().map(initialised)) };
        let reached = [
            timeline.declared_ms,
            workspace_ready.filter(|_| planned),
            if no_stack { Some(0) } else { stacks().filter_map(|step| step.accepted_ms).min() },
            last(stacks().map(done)),
            last(of(timeline, StepKind::Deploy).map(done)),
            last(of(timeline, StepKind::Cutover).map(done)),
            timeline.verified_ms,
        ];

        let mut at_ms = [None; 9];
        at_ms[0] = Some(0);
        let mut before = run.outage.detected_after_ms();
        at_ms[1] = Some(before);
        for (slot, reached_ms) in at_ms[2..].iter_mut().zip(reached) {
            let Some(reached_ms) = reached_ms else { break };
            before = before.max(run.outage.before_ms.saturating_add(reached_ms));
            *slot = Some(before);
        }
        Self { at_ms }
    }
}

fn of(timeline: &Timeline, kind: StepKind) -> impl Iterator<Item = &StepTime> {
    timeline.steps.iter().filter(move |step| step.kind == kind)
}

/// Returns the latest of all, `None` when one is missing, and zero when there is none.
fn last(mut times: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    times.try_fold(0, |latest, time| Some(time?.max(latest)))
}

fn done(step: &StepTime) -> Option<u64> {
    step.ended_ms.filter(|_| step.outcome.as_ref().is_some_and(StepOutcome::lets_go_on))
}

fn initialised(step: &StepTime) -> Option<u64> {
    step.phases
        .iter()
        .filter(|spent| spent.phase == Phase::Init && spent.ok == Some(true))
        .filter_map(|spent| Some(spent.began_ms + spent.took_ms?))
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::run::{OutageSource, RunOutcome},
        report::samples,
    };

    #[test]
    fn every_milestone_is_where_the_hand_puts_it() {
        let timeline: Timeline = samples::by_hand().iter().collect();
        let reached = Milestone::ALL.map(|milestone| timeline.milestones().get(milestone).unwrap());
        // The run's clock and the 240,000 ms that the outage was old when it began.
        assert_eq!(
            reached,
            [0, 240_000, 252_000, 260_100, 263_400, 480_600, 782_100, 790_300, 812_000]
        );
        assert_eq!(timeline.milestones().execution_ms(), Some(560_000));
    }

    #[test]
    fn phases_add_up_to_the_recovery_time_whatever_happens() {
        let mut recovered = 0;
        for seed in 1..2_000 {
            let events = samples::by_chance(seed);
            let timeline: Timeline = events.iter().collect();
            let milestones = timeline.milestones();
            let reached: Vec<_> =
                Milestone::ALL.iter().map_while(|milestone| milestones.get(*milestone)).collect();
            let phases: u64 = milestones.phases().iter().filter_map(|phase| phase.took_ms).sum();

            assert!(reached.is_sorted(), "seed {seed}: {reached:?}");
            assert_eq!(phases, *reached.last().unwrap(), "seed {seed}");
            let counted = Milestone::ALL.iter().filter_map(|m| milestones.get(*m)).count();
            assert_eq!(counted, reached.len(), "seed {seed}: no milestone after one not reached");
            let verified = events
                .iter()
                .find(|event| event.kind == crate::model::event::EventKind::ServiceVerified);
            let before_ms = timeline.run.as_ref().unwrap().outage.before_ms;
            let wanted = verified.map(|event| before_ms + event.elapsed_ms);
            assert_eq!(milestones.recovery_ms(), wanted, "seed {seed}");
            recovered += usize::from(wanted.is_some());
        }
        assert!((500..1_900).contains(&recovered), "{recovered} say little");
    }

    #[test]
    fn one_stack_of_two_is_not_the_infrastructure() {
        let timeline: Timeline = samples::gone_wrong().iter().collect();
        let milestones = timeline.milestones();
        assert_eq!(milestones.get(Milestone::Declared), Some(12_000));
        assert_eq!(milestones.get(Milestone::WorkspaceReady), Some(14_000));
        assert_eq!(milestones.get(Milestone::PlanAccepted), Some(14_000));
        assert_eq!(milestones.get(Milestone::Applied), None);
        assert_eq!(milestones.recovery_ms(), None);
    }

    #[test]
    fn without_a_step_nothing_is_waited_for_between_checkout_and_verification() {
        let timeline =
            samples::ending(Some(RunOutcome::Recovered), Some(500), 600, None, None, &[]);
        let reached = Milestone::ALL.map(|milestone| timeline.milestones().get(milestone).unwrap());
        assert_eq!(reached, [0, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_000, 1_500]);
    }

    #[test]
    fn a_run_that_only_began_knows_two_milestones() {
        let events = samples::stamped(vec![(0, samples::started(7, OutageSource::Assumed))]);
        let milestones = events.iter().collect::<Timeline>().milestones();
        assert_eq!(milestones.get(Milestone::Detected), Some(7));
        assert_eq!(milestones.get(Milestone::Declared), None);
        assert_eq!(Timeline::default().milestones(), Milestones::default());
    }
}
