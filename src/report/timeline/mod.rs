//! The fold over the events of a run: what was said, sorted by what it is about.
//!
//! Times are milliseconds on the clock of the run unless a name says otherwise.

mod facts;
mod failback;

pub use facts::{
    Checkout, InFlight, Invented, LockWait, Needed, Note, ObjectTime, Obstructed, PhaseTime,
    PlanFacts, PreparedFacts, ProbeDown, RecoveryPoint, Removal, ResourceTime, RunFacts,
    SecondPlan, SimulatedFacts, StepTime, Sweep, TerraformFacts,
};
pub use failback::{FailbackFacts, LookedAt};

use super::{
    clock::{Clock, LONGEST},
    milestones::Milestones,
};
use crate::model::{
    deploy::{ObjectProgress, ObjectState},
    event::{Event, EventKind},
    prediction::Prediction,
    redirect::Dependency,
    resource::ResourceAction,
    run::{Outage, RunOutcome},
    step::{Phase, StepId, StepKind},
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Everything that the events of one run say.
///
/// Built event by event with [`Timeline::add`], or from a whole stream with
/// `collect`. Grows with the steps and resources of the run, not with its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// What the first event said.
    pub run: Option<RunFacts>,
    /// The commit, and how it was come by.
    pub checkout: Option<Checkout>,
    /// What it started from that was prepared before the outage.
    pub prepared: Option<PreparedFacts>,
    /// When the repository was there.
    pub checkout_ready_ms: Option<u64>,
    /// What was going to be done.
    pub plan: Option<PlanFacts>,
    /// When that was known.
    pub planned_ms: Option<u64>,
    /// How many steps were worked on at once; `None` in old journals.
    pub max_parallel: Option<u16>,
    /// When it was declared.
    pub declared_ms: Option<u64>,
    /// When the service passed its probes in the fallback, before traffic was moved.
    pub fallback_verified_ms: Option<u64>,
    /// When the service was verified.
    pub verified_ms: Option<u64>,
    /// The probe that did not pass, when one did not.
    pub down: Option<ProbeDown>,
    /// Every step, in the runbook's order.
    pub steps: Vec<StepTime>,
    /// Every resource that ended, in the order of their ends.
    pub resources: Vec<ResourceTime>,
    /// Recovery points by store: how long before `t0`, or why that is not known.
    pub recovery_points: BTreeMap<String, RecoveryPoint>,
    /// What was worth knowing.
    pub notes: Vec<Note>,
    /// What the cloud was, when it was simulated.
    pub simulated: Option<SimulatedFacts>,
    /// What a failover would be refused for.
    pub obstacles: Vec<Obstructed>,
    /// What the simulated cloud made up and a condition read.
    pub invented: Vec<Invented>,
    /// What a second plan of each stack found.
    pub second_plans: Vec<SecondPlan>,
    /// What was removed again.
    pub removals: Vec<Removal>,
    /// The way home that the run is, when it is one.
    pub failback: Option<FailbackFacts>,
    /// What was taken back afterwards, by `drctl undo`.
    pub undone: Vec<Removal>,
    /// True while something is taken back.
    undoing: bool,
    /// The last sweep of what it left, when it was a drill.
    pub sweep: Option<Sweep>,
    /// The signal that asked the run to stop.
    pub interrupted_by: Option<String>,
    /// How the run ended; `None` while it runs, and when drctl was killed.
    pub outcome: Option<RunOutcome>,
    /// The Terraform that did it: its product and its version.
    pub terraform: Option<TerraformFacts>,
    /// What each stack could not do without.
    pub inventory: Vec<Needed>,
    /// How long it was expected to take, before it began.
    pub prediction: Option<Prediction>,
    /// When the last event was.
    pub last_ms: u64,
    /// From when the run broke off to when it was gone on with, each time.
    pub breaks: Vec<(u64, u64)>,
    /// When the event before the one that is taken in was.
    last_event_ms: u64,
    /// Resources that began and have not ended, with the times at which they began.
    open: BTreeMap<(StepId, String, ResourceAction), Vec<u64>>,
    /// Those that were open when the run broke off last.
    was_open: BTreeMap<(StepId, String, ResourceAction), Vec<u64>>,
    /// How many of `resources` had ended then.
    cut_off: usize,
    /// What the times of the journal stand for.
    clock: Clock,
}

impl Timeline {
    /// Takes the next event in.
    pub fn add(&mut self, event: &Event) {
        let now = self.clock.read(event);
        // What is done about a run afterwards makes it no longer.
        let afterwards =
            matches!(event.kind, EventKind::SweepStarted { .. } | EventKind::UndoStarted { .. });
        if self.sweep.is_none() && !self.undoing && !afterwards {
            self.last_ms = self.last_ms.max(now);
        }
        match &event.kind {
            EventKind::RunStarted { run, run_kind, drctl, began_at, repo, region, outage } => {
                self.run = Some(RunFacts {
                    id: run.clone(),
                    kind: *run_kind,
                    drctl: drctl.clone(),
                    began_at: *began_at,
                    repo: repo.clone(),
                    region: region.clone(),
                    outage: Outage {
                        before_ms: outage.before_ms.min(LONGEST),
                        detected_before_ms: outage
                            .detected_before_ms
                            .map(|ms| ms.min(outage.before_ms).min(LONGEST)),
                        ..*outage
                    },
                });
            }
            EventKind::CheckoutReady { commit, reference, mirror_age_ms } => {
                self.checkout_ready_ms = Some(now);
                self.checkout = Some(Checkout {
                    commit: commit.clone(),
                    reference: reference.clone(),
                    mirror_age_ms: *mirror_age_ms,
                });
            }
            EventKind::StartedPrepared { bundle, made_at, age_ms, ready, planned } => {
                self.prepared = Some(PreparedFacts {
                    bundle: bundle.clone(),
                    made_at: *made_at,
                    age_ms: (*age_ms).min(LONGEST),
                    ready: ready.clone(),
                    planned: planned.clone(),
                });
            }
            EventKind::RunPlanned {
                service,
                primary,
                rto_ms,
                rpo_ms,
                digest,
                steps,
                max_parallel,
            } => {
                self.planned_ms = Some(now);
                self.max_parallel = *max_parallel;
                self.plan = Some(PlanFacts {
                    service: service.clone(),
                    primary: primary.clone(),
                    rto_ms: *rto_ms,
                    rpo_ms: *rpo_ms,
                    digest: digest.clone(),
                });
                for summary in steps {
                    let step = self.step(&summary.id);
                    step.kind = summary.kind;
                    step.block.clone_from(&summary.block);
                    step.needs.clone_from(&summary.needs);
                    step.parallelism = summary.parallelism;
                }
            }
            EventKind::Declared { by: _ } => self.declared_ms = Some(now),
            EventKind::PhaseStarted { step, phase } => {
                let declared_ms = self.declared_ms.unwrap_or(now);
                if *phase != Phase::Apply {
                    self.give_up(step);
                }
                self.step(step).begin(*phase, now, declared_ms);
            }
            EventKind::PhaseFinished { step, phase, ok } => self.step(step).end(*phase, now, *ok),
            EventKind::PlanMade { step, actions, digest } => {
                let step = self.step(step);
                step.planned.clone_from(actions);
                step.plan_digest.clone_from(digest);
            }
            EventKind::TerraformFound { product, version } => {
                let (product, version) = (product.clone(), version.clone());
                self.terraform = Some(TerraformFacts { product, version });
            }
            EventKind::Inventoried { step, needs } => {
                let needed =
                    |need: &Dependency| Needed { step: step.clone(), dependency: need.clone() };
                self.inventory.extend(needs.iter().map(needed));
            }
            EventKind::Predicted { prediction } => self.prediction = Some((**prediction).clone()),
            EventKind::LockWaited { step, lock, took_ms } => {
                let wait =
                    LockWait { lock: *lock, until_ms: now, took_ms: (*took_ms).min(LONGEST) };
                self.step(step).locks.push(wait);
            }
            EventKind::ProvidersChosen { step, versions } => {
                self.step(step).providers.clone_from(versions);
            }
            EventKind::DependenciesRead { step, needs } => {
                self.step(step).dependencies.clone_from(needs);
            }
            EventKind::GateAnswered { step, answer } => {
                let step = self.step(step);
                step.refusals.clone_from(&answer.refusals);
                step.placed.clone_from(&answer.placed);
                step.remnants.clone_from(&answer.remnants);
                step.changes.clone_from(&answer.changes);
                step.accepted_ms = answer.accepted().then_some(now);
            }
            EventKind::ResourceStarted { step, address, action } => {
                let key = (step.clone(), address.clone(), *action);
                self.open.entry(key).or_default().push(now);
            }
            EventKind::ResourceFinished { step, address, action, took_ms, ok } => {
                let took_ms = self.clock.took(*took_ms);
                let seen = self.close(&(step.clone(), address.clone(), *action));
                let began_ms = now.saturating_sub(took_ms);
                self.resources.push(ResourceTime {
                    step: step.clone(),
                    address: address.clone(),
                    action: *action,
                    began_ms,
                    seen_ms: seen.unwrap_or(began_ms),
                    took_ms,
                    ok: *ok,
                });
            }
            EventKind::Simulated { time_scale, seed, dark } => {
                let (time_scale, seed, dark) = (*time_scale, *seed, dark.clone());
                self.simulated = Some(SimulatedFacts { time_scale, seed, dark });
            }
            EventKind::Obstructed { step, obstacle } => {
                self.obstacles.push(Obstructed { step: step.clone(), obstacle: obstacle.clone() })
            }
            EventKind::Invented { step, resource_type, attribute, read_at } => {
                self.invented.push(Invented {
                    step: step.clone(),
                    resource_type: resource_type.clone(),
                    attribute: attribute.clone(),
                    read_at: read_at.clone(),
                });
            }
            EventKind::Replanned { step, changes, cause } => self.second_plans.push(SecondPlan {
                step: step.clone(),
                changes: changes.clone(),
                cause: cause.clone(),
            }),
            EventKind::UndoStarted { .. } => self.undoing = true,
            EventKind::UndoFinished { .. } => self.undoing = false,
            EventKind::RemovalStarted { step } => {
                self.taken_back().push(Removal {
                    step: step.clone(),
                    began_ms: now,
                    took_ms: None,
                    cause: vec![],
                });
            }
            EventKind::RemovalFinished { step, cause } => {
                if let Some(removal) = self.taken_back().iter_mut().rfind(|r| r.step == *step) {
                    removal.took_ms = Some(now.saturating_sub(removal.began_ms));
                    removal.cause.clone_from(cause);
                }
            }
            EventKind::OutputsReady { step, names } => self.step(step).outputs.clone_from(names),
            EventKind::Noted { step, message } => {
                let (step, message) = (step.clone(), message.clone());
                self.notes.push(Note { at_ms: now, step, message });
            }
            EventKind::StepFinished { step, outcome } => {
                let step = self.step(step);
                step.ended_ms = Some(now);
                step.outcome = Some(outcome.clone());
            }
            EventKind::ObjectSeen { step, object } => self.step(step).see(object, now),
            EventKind::ImagesAsked { step, images } => self.step(step).images.clone_from(images),
            EventKind::TrafficMoved { step, traffic } => {
                self.step(step).traffic = Some(traffic.clone());
            }
            EventKind::FallbackVerified => self.fallback_verified_ms = Some(now),
            EventKind::ServiceVerified => self.verified_ms = Some(now),
            EventKind::VerificationFailed { probe, detail } => {
                self.verified_ms = None;
                self.down = Some(ProbeDown { probe: probe.clone(), detail: detail.clone() });
            }
            EventKind::RecoveryPointFound { store, before_outage_ms, cause } => {
                let (before_outage_ms, cause) = (*before_outage_ms, cause.clone());
                let point = RecoveryPoint { before_outage_ms, cause };
                self.recovery_points.insert(store.clone(), point);
            }
            EventKind::RunResumed { done, .. } => self.resume(now, done),
            EventKind::OrphansFound { step, orphans } => {
                self.step(step).orphans.clone_from(orphans);
            }
            EventKind::ApplyTakenUp { step, .. } => self.take_up(step),
            EventKind::InterruptReceived { signal } => self.interrupted_by = Some(signal.clone()),
            EventKind::RunFinished { outcome } => self.outcome = Some(*outcome),
            EventKind::SweepStarted { drctl: _, at } => {
                self.sweep = Some(Sweep { at: *at, removed: None, unknown: vec![] });
            }
            EventKind::SweepFinished { removed, unknown } => {
                if let Some(sweep) = &mut self.sweep {
                    sweep.removed = Some(*removed);
                    sweep.unknown.clone_from(unknown);
                }
            }
            EventKind::FailbackOf { failover, fallback } => {
                self.failback = Some(FailbackFacts::new(failover.clone(), fallback.clone()));
            }
            EventKind::StackLooked { step, looked } => {
                let (step, looked) = (step.clone(), looked.clone());
                self.homeward(|failback| failback.look(step, looked));
            }
            EventKind::TearDownStarted { .. } => {
                self.homeward(|failback| failback.removed = Some(false))
            }
            EventKind::TearDownFinished { removed } => {
                let removed = *removed;
                self.homeward(|failback| {
                    failback.removed = Some(removed);
                    failback.torn_down_ms = Some(now);
                });
            }
            EventKind::ProbeAnswered { .. } | EventKind::Unknown => {}
        }
        self.last_event_ms = now;
    }

    /// Where removals go: those of the run itself, or those that were asked for afterwards.
    fn taken_back(&mut self) -> &mut Vec<Removal> {
        match &mut self.failback {
            Some(failback) if failback.removed.is_some() && !self.undoing => &mut failback.removals,
            _ if self.undoing => &mut self.undone,
            _ => &mut self.removals,
        }
    }

    /// Takes in something that is of a way home.
    fn homeward(&mut self, take: impl FnOnce(&mut FailbackFacts)) {
        if let Some(failback) = &mut self.failback {
            take(failback);
        }
    }

    /// How long the service was down on its way home: from the first step that moves traffic until it
    /// was verified.
    pub fn planned_downtime_ms(&self) -> Option<u64> {
        self.failback.as_ref()?;
        let verified_ms = self.verified_ms?;
        let cutovers = self.steps.iter().filter(|step| step.kind == StepKind::Cutover);
        let began = cutovers.filter_map(|step| Some(step.phases.first()?.began_ms)).min();
        Some(began.map_or(0, |began_ms| verified_ms.saturating_sub(began_ms)))
    }

    /// What was open when the run broke off is over, and what is not done begins anew.
    fn resume(&mut self, now: u64, done: &[StepId]) {
        self.undoing = false;
        self.breaks.push((self.last_event_ms, now));
        self.cut_off = self.resources.len();
        self.resources = self.worked_on();
        self.was_open = std::mem::take(&mut self.open);
        let broke_off = self.last_event_ms;
        for step in &mut self.steps {
            for phase in step.phases.iter_mut().filter(|phase| phase.took_ms.is_none()) {
                phase.took_ms = Some(broke_off.saturating_sub(phase.began_ms));
                phase.ok = Some(false);
            }
            if !done.contains(&step.id) {
                (step.ended_ms, step.outcome) = (None, None);
            }
        }
        (self.outcome, self.interrupted_by, self.down, self.verified_ms) = (None, None, None, None);
    }

    /// What was open in the apply of `step` when the run broke off is open still.
    fn take_up(&mut self, step: &StepId) {
        let mut cut_off = self.resources.split_off(self.cut_off.min(self.resources.len()));
        cut_off.retain(|resource| resource.step != *step);
        self.resources.append(&mut cut_off);
        let open = std::mem::take(&mut self.was_open);
        let (again, over) = open.into_iter().partition(|((of, ..), _)| of == step);
        self.was_open = over;
        self.open.extend::<BTreeMap<_, _>>(again);
    }

    /// What was open in the apply of `step` when that was cut off is over: it begins anew.
    fn give_up(&mut self, step: &StepId) {
        let mut cut_off = self.worked_on().split_off(self.resources.len());
        cut_off.retain(|resource| resource.step == *step);
        self.resources.append(&mut cut_off);
        self.open.retain(|(of, ..), _| of != step);
    }

    /// Returns the milestones reached so far.
    pub fn milestones(&self) -> Milestones {
        Milestones::from(self)
    }

    /// Returns the resources that began and did not end, the longest first.
    pub fn in_flight(&self) -> Vec<InFlight> {
        let mut all: Vec<_> = self
            .open
            .iter()
            .flat_map(|(key, began)| began.iter().map(move |began_ms| (key, *began_ms)))
            .map(|((step, address, action), began_ms)| InFlight {
                step: step.clone(),
                address: address.clone(),
                action: *action,
                began_ms,
                for_ms: self.last_ms.saturating_sub(began_ms),
            })
            .collect();
        // Stable, so that equals stay in the order of their names.
        all.sort_by_key(|resource| resource.began_ms);
        all
    }

    /// Returns the resources that ended, and behind them those that were in flight at the end of
    /// their apply, or still are.
    pub fn worked_on(&self) -> Vec<ResourceTime> {
        let cut_off = self.in_flight().into_iter().map(|open| {
            let step = self.steps.iter().find(|step| step.id == open.step);
            let phases = step.into_iter().flat_map(|step| &step.phases);
            let ends = phases.filter_map(|phase| Some(phase.began_ms + phase.took_ms?));
            let ended = ends.filter(|ended| *ended >= open.began_ms).min().unwrap_or(self.last_ms);
            ResourceTime {
                step: open.step,
                address: open.address,
                action: open.action,
                began_ms: open.began_ms,
                seen_ms: open.began_ms,
                took_ms: ended - open.began_ms,
                ok: false,
            }
        });
        self.resources.iter().cloned().chain(cut_off).collect()
    }

    /// Returns whether all that the run made was removed again; `None` when nothing was to be.
    ///
    /// What may be left, since no state knows of it, is not known to be removed.
    pub fn removed(&self) -> Option<bool> {
        if let Some(sweep) = &self.sweep {
            return Some(sweep.removed == Some(true) && sweep.unknown.is_empty());
        }
        let whole = |removal: &Removal| removal.took_ms.is_some() && removal.cause.is_empty();
        match self.outcome {
            Some(RunOutcome::NotRemoved) => Some(false),
            _ if self.removals.is_empty() => None,
            _ => Some(self.removals.iter().all(whole)),
        }
    }

    /// Returns the time since `t0` at the last event, in milliseconds.
    pub fn out_for_ms(&self) -> u64 {
        let before_ms = self.run.as_ref().map_or(0, |run| run.outage.before_ms);
        before_ms.saturating_add(self.last_ms)
    }

    /// Returns the step of that name, made anew when no plan spoke of it.
    fn step(&mut self, id: &StepId) -> &mut StepTime {
        let place = self.steps.iter().position(|step| step.id == *id).unwrap_or_else(|| {
            self.steps.push(StepTime::new(id.clone()));
            self.steps.len() - 1
        });
        &mut self.steps[place]
    }

    /// Ends the earliest of the resources in flight that have this key, and returns when its begin
    /// was read.
    fn close(&mut self, key: &(StepId, String, ResourceAction)) -> Option<u64> {
        let began = self.open.get_mut(key)?;
        let first = began.remove(0);
        if began.is_empty() {
            self.open.remove(key);
        }
        Some(first)
    }
}

impl StepTime {
    fn new(id: StepId) -> Self {
        Self {
            id,
            kind: StepKind::Unknown,
            block: None,
            needs: Vec::new(),
            began_ms: None,
            ended_ms: None,
            outcome: None,
            phases: Vec::new(),
            accepted_ms: None,
            planned: BTreeMap::new(),
            refusals: Vec::new(),
            placed: Vec::new(),
            remnants: Vec::new(),
            changes: None,
            outputs: Vec::new(),
            parallelism: None,
            plan_digest: None,
            providers: BTreeMap::new(),
            locks: Vec::new(),
            objects: Vec::new(),
            images: Vec::new(),
            traffic: None,
            dependencies: BTreeMap::new(),
            orphans: Vec::new(),
        }
    }

    fn begin(&mut self, phase: Phase, now: u64, declared_ms: u64) {
        self.began_ms.get_or_insert(now);
        let free_since = self
            .phases
            .last()
            .map_or(declared_ms, |before| before.began_ms + before.took_ms.unwrap_or_default());
        let waited_ms = now.saturating_sub(free_since);
        self.phases.push(PhaseTime { phase, began_ms: now, waited_ms, took_ms: None, ok: None });
    }

    fn end(&mut self, phase: Phase, now: u64, ok: bool) {
        let open = |spent: &&mut PhaseTime| spent.phase == phase && spent.took_ms.is_none();
        if let Some(spent) = self.phases.iter_mut().rev().find(open) {
            spent.took_ms = Some(now.saturating_sub(spent.began_ms));
            spent.ok = Some(ok);
        }
    }

    /// Takes in how something is that the step waits for.
    fn see(&mut self, seen: &ObjectState, now: u64) {
        let place = self.objects.iter().position(|known| known.object == seen.object);
        let place = place.unwrap_or_else(|| {
            self.objects.push(ObjectTime {
                object: seen.object.clone(),
                seen_ms: now,
                ready_ms: None,
                state: seen.state,
                detail: String::new(),
                trouble: None,
            });
            self.objects.len() - 1
        });
        let known = &mut self.objects[place];
        known.state = seen.state;
        known.detail.clone_from(&seen.detail);
        match seen.state {
            ObjectProgress::Ready => drop(known.ready_ms.get_or_insert(now)),
            ObjectProgress::Troubled | ObjectProgress::Failed => {
                known.trouble = Some(seen.detail.clone());
                known.ready_ms = None;
            }
            ObjectProgress::Waiting | ObjectProgress::Unknown => known.ready_ms = None,
        }
    }

    /// Returns what it waited for, the longest first: what was not ready at last, then what took
    /// the longest to get so.
    pub fn slowest_objects(&self) -> Vec<&ObjectTime> {
        let mut all: Vec<&ObjectTime> = self.objects.iter().collect();
        // Stable, so that equals stay in the order in which they were seen.
        all.sort_by_key(|object| Reverse(object.ready_ms.unwrap_or(u64::MAX)));
        all
    }

    /// Returns how long it took from its first phase to its end, in milliseconds.
    pub fn took_ms(&self) -> Option<u64> {
        Some(self.ended_ms?.saturating_sub(self.began_ms?))
    }

    /// Returns how long it waited before and between its phases, in milliseconds.
    pub fn waited_ms(&self) -> u64 {
        self.phases.iter().map(|spent| spent.waited_ms).sum()
    }
}

impl<'a> FromIterator<&'a Event> for Timeline {
    fn from_iter<I: IntoIterator<Item = &'a Event>>(events: I) -> Self {
        let mut timeline = Self::default();
        events.into_iter().for_each(|event| timeline.add(event));
        timeline
    }
}

impl FromIterator<Event> for Timeline {
    fn from_iter<I: IntoIterator<Item = Event>>(events: I) -> Self {
        let mut timeline = Self::default();
        events.into_iter().for_each(|event| timeline.add(&event));
        timeline
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::{self, begins, created, creating, ends};

    fn fold(happened: Vec<(u64, EventKind)>) -> Timeline {
        samples::stamped(happened).iter().collect()
    }

    #[test]
    fn a_step_knows_its_phases_and_the_waiting_between() {
        let timeline: Timeline = samples::by_hand().into_iter().collect();
        let network = &timeline.steps[0];
        let spent = |phase, began_ms, waited_ms, took_ms| PhaseTime {
            phase,
            began_ms,
            waited_ms,
            took_ms: Some(took_ms),
            ok: Some(true),
        };
        assert_eq!(
            network.phases,
            [
                spent(Phase::Init, 12_100, 100, 8_000),
                spent(Phase::Plan, 20_100, 0, 3_200),
                spent(Phase::Gate, 23_300, 0, 200),
                spent(Phase::Apply, 23_600, 100, 216_900),
            ]
        );
        assert_eq!((network.took_ms(), network.waited_ms()), (Some(228_500), 200));
        assert_eq!(timeline.steps[1].phases[0].waited_ms, 230_000, "for its needs");
    }

    #[test]
    fn a_resource_began_before_it_ended_by_what_terraform_says_it_took() {
        let timeline: Timeline = samples::by_hand().iter().collect();
        let began: Vec<_> = timeline.resources.iter().map(|resource| resource.began_ms).collect();
        assert_eq!(began, [24_100, 24_000]);
        assert_eq!(timeline.in_flight(), []);
    }

    #[test]
    fn what_began_twice_and_ended_once_is_in_flight_once() {
        let timeline = fold(vec![
            (10, creating("data", "a.a")),
            (20, creating("data", "a.b")),
            (30, created("data", "a.a", 20, false)),
            (40, creating("data", "a.a")),
            (50, created("app", "a.b", 1, true)),
        ]);
        let open: Vec<_> = timeline
            .in_flight()
            .into_iter()
            .map(|open| (open.address, open.began_ms, open.for_ms))
            .collect();
        assert_eq!(open, [("a.b".to_owned(), 20, 30), ("a.a".to_owned(), 40, 10)]);
    }

    #[test]
    fn a_phase_that_is_tried_again_is_two_phases() {
        let timeline = fold(vec![
            (10, begins("data", Phase::Init)),
            (20, ends("data", Phase::Init, false)),
            (50, begins("data", Phase::Init)),
        ]);
        let step = &timeline.steps[0];
        let seen: Vec<_> = step.phases.iter().map(|p| (p.waited_ms, p.took_ms, p.ok)).collect();
        assert_eq!(seen, [(0, Some(10), Some(false)), (30, None, None)]);
        assert_eq!(step.took_ms(), None);
    }

    #[test]
    fn an_object_is_ready_since_it_last_became_so_and_keeps_its_trouble() {
        let sees = |state, detail: &str| EventKind::ObjectSeen {
            step: StepId::new("web"),
            object: ObjectState { object: "deployment/web".into(), state, detail: detail.into() },
        };
        use ObjectProgress::{Ready, Troubled, Waiting};
        let timeline = fold(vec![
            (10, sees(Waiting, "0 of 3 ready")),
            (20, sees(Ready, "3 of 3 ready")),
            (30, sees(Troubled, "the image cannot be pulled")),
            (40, sees(Waiting, "2 of 3 ready")),
            (50, sees(Ready, "3 of 3 ready")),
            (60, sees(Ready, "3 of 3 ready")),
        ]);
        let object = &timeline.steps[0].objects[0];
        assert_eq!((object.seen_ms, object.ready_ms), (10, Some(50)));
        assert_eq!(object.trouble.as_deref(), Some("the image cannot be pulled"));
        assert_eq!((object.state, object.detail.as_str()), (Ready, "3 of 3 ready"));
    }

    #[test]
    fn a_fold_may_be_cut_anywhere_and_taken_up_again() {
        for seed in 1..200 {
            let events = samples::by_chance(seed);
            let (before, after) = events.split_at(events.len() / 2);
            let mut halves: Timeline = before.iter().collect();
            after.iter().for_each(|event| halves.add(event));
            assert_eq!(halves, events.iter().collect(), "seed {seed}");
        }
    }
}
