//! What is going on right now, as text: a fold over events, without a terminal.

use crate::model::text::plain;
use crate::model::{
    deploy::{ObjectProgress, ObjectState},
    event::{Event, EventKind},
    resource::ResourceAction,
    run::OutageSource,
    step::{Phase, StepId},
    time::Pretty,
};
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

/// Cells of the bar of a step that applies.
const CELLS: u64 = 20;

/// What a row is about. Rows are shown in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RowKey {
    /// A step, with its place in the runbook.
    Step(usize, StepId),
    /// A probe that is asked during verification.
    Probe(String),
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(_, step) => f.pad(&plain(step.as_str())),
            Self::Probe(probe) => f.pad(&plain(probe)),
        }
    }
}

/// The state of a run at a glance.
#[derive(Debug, Default)]
pub(super) struct Board {
    service: Option<String>,
    region: String,
    before_ms: u64,
    assumed: bool,
    rto_ms: Option<u64>,
    stopping: bool,
    order: BTreeMap<StepId, usize>,
    steps: BTreeMap<StepId, Working>,
    probes: BTreeMap<String, String>,
}

/// A step at work.
#[derive(Debug, Default)]
struct Working {
    phase: Option<(Phase, u64)>,
    total: u64,
    done: u64,
    in_flight: BTreeMap<(String, ResourceAction), u64>,
    /// What is waited for, with what was seen of it, in the order in which it was first seen.
    waits_for: Vec<Awaited>,
}

/// Something that a step waits for.
#[derive(Debug)]
struct Awaited {
    object: String,
    state: ObjectProgress,
    detail: String,
}

impl Board {
    /// Takes one event in.
    pub(super) fn take(&mut self, event: &Event) {
        let now = event.elapsed_ms;
        match &event.kind {
            EventKind::RunStarted { region, outage, .. } => {
                self.region.clone_from(region);
                self.before_ms = outage.before_ms;
                self.assumed = outage.known_by == OutageSource::Assumed;
            }
            EventKind::RunPlanned { service, rto_ms, steps, .. } => {
                self.service = Some(service.clone());
                self.rto_ms = *rto_ms;
                self.order = steps.iter().map(|step| step.id.clone()).zip(0..).collect();
            }
            EventKind::PhaseStarted { step, phase } => {
                let working = self.working(step);
                working.phase = Some((*phase, now));
                // What an apply that was cut off had in flight is over.
                if matches!(phase, Phase::Init | Phase::Plan) {
                    working.in_flight.clear();
                }
            }
            EventKind::PhaseFinished { step, .. } => self.working(step).phase = None,
            EventKind::PlanMade { step, actions, .. } => {
                self.working(step).total =
                    actions.iter().map(|(action, number)| changes(*action) * number).sum();
            }
            EventKind::ResourceStarted { step, address, action } => {
                self.working(step).in_flight.insert((address.clone(), *action), now);
            }
            EventKind::ResourceFinished { step, address, action, .. } => {
                let working = self.working(step);
                working.in_flight.remove(&(address.clone(), *action));
                working.done += changes(*action).min(1);
            }
            EventKind::ApplyTakenUp { step, waits_for, .. } => {
                let open = waits_for.iter().map(|(address, action)| (address.clone(), *action));
                self.working(step).in_flight.extend(open.map(|key| (key, now)));
            }
            EventKind::ObjectSeen { step, object } => self.working(step).see(object),
            EventKind::StepFinished { step, .. } => {
                self.steps.remove(step);
            }
            EventKind::ProbeAnswered { probe, up, detail, passes, needed } => {
                let state = if *up { "up" } else { "down" };
                let text = format!("{state:<6} {passes} of {needed} in a row  {detail}");
                self.probes.insert(probe.clone(), text);
            }
            EventKind::InterruptReceived { .. } => self.stopping = true,
            EventKind::RunResumed { .. } => {
                self.stopping = false;
                self.steps.clear();
                self.probes.clear();
            }
            EventKind::RunFinished { .. } => {
                self.steps.clear();
                self.probes.clear();
            }
            EventKind::CheckoutReady { .. }
            | EventKind::Simulated { .. }
            | EventKind::Obstructed { .. }
            | EventKind::TerraformFound { .. }
            | EventKind::Inventoried { .. }
            | EventKind::Predicted { .. }
            | EventKind::LockWaited { .. }
            | EventKind::ProvidersChosen { .. }
            | EventKind::DependenciesRead { .. }
            | EventKind::Invented { .. }
            | EventKind::Replanned { .. }
            | EventKind::RemovalStarted { .. }
            | EventKind::RemovalFinished { .. }
            | EventKind::Declared { .. }
            | EventKind::GateAnswered { .. }
            | EventKind::OrphansFound { .. }
            | EventKind::OutputsReady { .. }
            | EventKind::Noted { .. }
            | EventKind::ImagesAsked { .. }
            | EventKind::TrafficMoved { .. }
            | EventKind::FallbackVerified
            | EventKind::ServiceVerified
            | EventKind::VerificationFailed { .. }
            | EventKind::RecoveryPointFound { .. }
            | EventKind::UndoStarted { .. }
            | EventKind::UndoFinished { .. }
            | EventKind::SweepStarted { .. }
            | EventKind::SweepFinished { .. }
            | EventKind::Unknown => {}
        }
    }

    /// Returns the one line about the whole run, `now_ms` after it began.
    pub(super) fn header(&self, now_ms: u64) -> String {
        let out_ms = self.before_ms.saturating_add(now_ms);
        let mut text = self.service.clone().unwrap_or_else(|| "recovery".to_owned());
        let since = if self.assumed { "since the run began" } else { "into the outage" };
        let _ = write!(text, " into {}   {} {since}", self.region, Pretty::ms(out_ms));
        if let Some(rto_ms) = self.rto_ms {
            let _ = match rto_ms.checked_sub(out_ms) {
                Some(left) => write!(text, "   {} of the RTO left", Pretty::ms(left)),
                None => write!(text, "   RTO passed {} ago", Pretty::ms(out_ms - rto_ms)),
            };
        }
        if self.stopping {
            text.push_str("   stopping: what runs may end");
        }
        plain(&text).into_owned()
    }

    /// Returns a line for every step and probe at work, `now_ms` after the run
    /// began, with names padded to `column`.
    pub(super) fn rows(&self, now_ms: u64, column: usize) -> Vec<(RowKey, String)> {
        let steps = self.steps.iter().filter_map(|(step, working)| {
            let place = self.order.get(step).copied().unwrap_or(usize::MAX);
            Some((RowKey::Step(place, step.clone()), working.text(now_ms)?))
        });
        let probes = self
            .probes
            .iter()
            .map(|(probe, text)| (RowKey::Probe(probe.clone()), plain(text).into_owned()));
        let mut rows: Vec<_> = steps
            .chain(probes)
            .map(|(key, text)| (key.clone(), format!("{key:<column$}  {text}")))
            .collect();
        rows.sort();
        rows
    }

    fn working(&mut self, step: &StepId) -> &mut Working {
        self.steps.entry(step.clone()).or_default()
    }
}

impl Working {
    /// Returns the phase, how far it is and what it waits for; `None` between two phases.
    fn text(&self, now_ms: u64) -> Option<String> {
        let (phase, since_ms) = self.phase?;
        let spent = Pretty::ms(now_ms.saturating_sub(since_ms)).to_string();
        let mut text = format!("{:<6} {spent:>9}", phase.word());
        if phase == Phase::Apply && self.total > 0 {
            let done = self.done.min(self.total);
            let full = usize::try_from(done * CELLS / self.total).unwrap_or_default();
            let _ = write!(text, "  [{:.<20}] {done}/{}", "#".repeat(full), self.total);
        }
        if let Some(((address, _), began)) = self.in_flight.iter().min_by_key(|(_, began)| **began)
        {
            let spent = Pretty::ms(now_ms.saturating_sub(*began));
            let _ = write!(text, "  {} {spent}", plain(address));
            if let Some(others @ 1..) = self.in_flight.len().checked_sub(1) {
                let _ = write!(text, " and {others} more");
            }
        }
        if let Some(awaited) = self.most_telling() {
            let Awaited { object, detail, .. } = awaited;
            let _ = write!(text, "  {} {}", plain(object), plain(detail));
            let open = self.waits_for.iter().filter(|a| a.state != ObjectProgress::Ready).count();
            if let Some(others @ 1..) = open.checked_sub(1) {
                let _ = write!(text, " and {others} more");
            }
        }
        Some(text)
    }

    /// Takes in how something is that is waited for.
    fn see(&mut self, seen: &ObjectState) {
        let ObjectState { object, state, detail } = seen.clone();
        match self.waits_for.iter_mut().find(|known| known.object == object) {
            Some(known) => (known.state, known.detail) = (state, detail),
            None => self.waits_for.push(Awaited { object, state, detail }),
        }
    }

    /// Returns what keeps the step waiting: what is in trouble before what is on its way.
    fn most_telling(&self) -> Option<&Awaited> {
        let open = || self.waits_for.iter().filter(|a| a.state != ObjectProgress::Ready);
        let troubled =
            |a: &&Awaited| matches!(a.state, ObjectProgress::Troubled | ObjectProgress::Failed);
        open().find(troubled).or_else(|| open().next())
    }
}

/// Returns how many ends of resources an action of a plan will bring, for the bar.
fn changes(action: ResourceAction) -> u64 {
    match action {
        ResourceAction::Create | ResourceAction::Update | ResourceAction::Delete => 1,
        // Terraform reports its two halves.
        ResourceAction::Replace => 2,
        ResourceAction::Read
        | ResourceAction::Import
        | ResourceAction::Move
        | ResourceAction::Forget
        | ResourceAction::NoOp
        | ResourceAction::Unknown => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::step::StepKind, observe::samples};

    fn board(kinds: Vec<EventKind>) -> Board {
        let mut board = Board::default();
        samples::stamped(kinds, 1_000).iter().for_each(|event| board.take(event));
        board
    }

    fn shown(board: &Board, now_ms: u64) -> String {
        let rows = board.rows(now_ms, 7).into_iter().map(|(_, text)| text);
        std::iter::once(board.header(now_ms)).chain(rows).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_glance_shows_the_time_left_and_what_is_waited_for() {
        let step = StepId::new;
        let (phase, action) = (Phase::Apply, ResourceAction::Create);
        let make = |address: &str| EventKind::ResourceStarted {
            step: step("data"),
            address: address.into(),
            action,
        };
        let board = board(vec![
            samples::started(OutageSource::Declared),
            samples::planned(&[
                ("network", StepKind::Stack),
                ("data", StepKind::Stack),
                ("app", StepKind::Deploy),
            ]),
            EventKind::PhaseStarted { step: step("data"), phase: Phase::Plan },
            EventKind::PlanMade {
                step: step("data"),
                actions: [(action, 8), (ResourceAction::Read, 5)].into(),
                digest: None,
            },
            EventKind::PhaseFinished { step: step("data"), phase: Phase::Plan, ok: true },
            EventKind::PhaseStarted { step: step("data"), phase },
            make("aws_db_instance.main"),
            make("aws_kms_key.main"),
            make("aws_db_subnet_group.main"),
            EventKind::ResourceFinished {
                step: step("data"),
                address: "aws_kms_key.main".into(),
                action,
                took_ms: 2_000,
                ok: true,
            },
            EventKind::PhaseStarted { step: step("app"), phase: Phase::Run },
            EventKind::PhaseStarted { step: step("network"), phase: Phase::Init },
        ]);
        insta::assert_snapshot!(shown(&board, 230_000), @"
        shop into ap-northeast-2   7m50.0s into the outage   22m10.0s of the RTO left
        network  init     3m39.0s
        data     apply    3m45.0s  [##..................] 1/8  aws_db_instance.main 3m44.0s and 1 more
        app      run      3m40.0s
        ");
        insta::assert_snapshot!(board.header(1_560_000), @"
        shop into ap-northeast-2   30m00.0s into the outage   0.0s of the RTO left
        ");
        insta::assert_snapshot!(board.header(1_700_000), @"
        shop into ap-northeast-2   32m20.0s into the outage   RTO passed 2m20.0s ago
        ");
    }

    #[test]
    fn a_start_that_was_assumed_is_not_called_an_outage() {
        let mut events = vec![samples::started(OutageSource::Assumed)];
        events.push(EventKind::InterruptReceived { signal: "SIGINT".into() });
        insta::assert_snapshot!(shown(&board(events), 5_000), @"
        recovery into ap-northeast-2   4m05.0s since the run began   stopping: what runs may end
        ");
    }

    #[test]
    fn a_step_shows_what_it_waits_for_and_trouble_first() {
        use ObjectProgress::{Ready, Troubled, Waiting};
        let sees = |object: &str, state, detail: &str| EventKind::ObjectSeen {
            step: StepId::new("web"),
            object: ObjectState { object: object.into(), state, detail: detail.into() },
        };
        let mut events = vec![
            samples::planned(&[("web", StepKind::Deploy)]),
            EventKind::PhaseStarted { step: StepId::new("web"), phase: Phase::Wait },
            sees("deployment/web", Waiting, "1 of 3 ready"),
            sees("deployment/api", Waiting, "0 of 2 ready"),
        ];
        insta::assert_snapshot!(shown(&board(events.clone()), 9_000), @r"
        shop into    9.0s into the outage   29m51.0s of the RTO left
        web      wait        8.0s  deployment/web 1 of 3 ready and 1 more
        ");
        events.push(sees("deployment/api", Troubled, "the image cannot be pulled: api:2"));
        insta::assert_snapshot!(shown(&board(events.clone()), 9_000), @r"
        shop into    9.0s into the outage   29m51.0s of the RTO left
        web      wait        8.0s  deployment/api the image cannot be pulled: api:2 and 1 more
        ");
        events.push(sees("deployment/api", Ready, "2 of 2 ready"));
        events.push(sees("deployment/web", Ready, "3 of 3 ready"));
        insta::assert_snapshot!(shown(&board(events), 9_000), @r"
        shop into    9.0s into the outage   29m51.0s of the RTO left
        web      wait        8.0s
        ");
    }

    #[test]
    fn what_has_ended_is_not_shown() {
        let step = StepId::new("data");
        let began = EventKind::PhaseStarted { step: step.clone(), phase: Phase::Run };
        let outcome = crate::model::step::StepOutcome::Done;
        let ended = EventKind::StepFinished { step, outcome };
        assert_eq!(board(vec![began.clone()]).rows(9_000, 4).len(), 1);
        assert_eq!(board(vec![began, ended]).rows(9_000, 4).len(), 0);
    }
}
