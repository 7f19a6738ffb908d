//! What a run that was asked to stop waits for, and how long it does.

use super::{board::Board, words::WIDEST_NAME};
use crate::model::{
    event::{Event, EventKind, Sink},
    time::Pretty,
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What a run waits for once it was asked to stop: told by its events, and shared by those who show it and
/// those who ask about it.
#[derive(Clone, Debug, Default)]
pub struct Ending(Arc<Mutex<State>>);

/// How long what is in flight may take to end, before it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Graces {
    /// Terraform, which was interrupted once.
    pub terraform: Option<Duration>,
    /// Any other program.
    pub programs: Duration,
}

#[derive(Debug, Default)]
struct State {
    board: Board,
    /// The clock of the run: where it stood, and when that was heard.
    heard: Option<(u64, Instant)>,
    asked: Option<(Instant, Graces)>,
    ends_now: bool,
    question: Option<String>,
    notices: Vec<String>,
    drawn: bool,
    column: usize,
    removing: bool,
}

impl Ending {
    /// The run was asked to stop just now.
    pub fn begin(&self, graces: Graces) {
        self.state().asked.get_or_insert((Instant::now(), graces));
    }

    /// What is in flight is no longer waited for.
    pub fn end_now(&self) {
        self.state().ends_now = true;
    }

    /// Asks a question below all that is shown, or takes it away.
    pub fn ask(&self, question: Option<String>) {
        self.state().question = question;
    }

    /// Has something said by the display that draws; `false` when none does.
    pub fn tell(&self, text: &str) -> bool {
        let mut state = self.state();
        if state.drawn {
            state.notices.push(text.to_owned());
        }
        state.drawn
    }

    /// Returns true while a display draws, which shows what is waited for all the time.
    pub fn is_drawn(&self) -> bool {
        self.state().drawn
    }

    /// Returns how many resources are being made, changed or removed, as far as Terraform has told.
    pub fn changing(&self) -> usize {
        self.state().board.changing()
    }

    /// Returns true once what the run made is being removed.
    pub fn is_removing(&self) -> bool {
        self.state().removing
    }

    /// Returns what is waited for, a line each, and how long it still is; no line when nothing is.
    pub fn lines(&self) -> Vec<String> {
        let state = self.state();
        let (now_ms, column) = (state.now_ms(), state.column);
        let line = |text: &str| format!("[{:>9}] {:>9}  {text}", Pretty::ms(now_ms), "Waiting");
        let mut lines: Vec<String> =
            state.board.rows(now_ms, column).iter().map(|(_, row)| line(row)).collect();
        if !lines.is_empty()
            && let Some(status) = state.status()
        {
            lines.push(line(&status));
        }
        lines
    }

    /// Says that a display draws, or does so no longer.
    pub(super) fn drawn(&self, drawn: bool) {
        self.state().drawn = drawn;
    }

    /// Returns what is to be said above what is drawn, once.
    pub(super) fn notices(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notices)
    }

    /// Returns the lines below what is drawn: how long is still waited, and the question.
    pub(super) fn below(&self) -> Vec<String> {
        let state = self.state();
        state.status().into_iter().chain(state.question.clone()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in here leaves nothing half done that matters.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn now_ms(&self) -> u64 {
        let Some((elapsed_ms, heard)) = self.heard else { return 0 };
        elapsed_ms.saturating_add(u64::try_from(heard.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Returns how long is still waited, once the run was asked to stop.
    fn status(&self) -> Option<String> {
        let (asked, graces) = self.asked.filter(|_| !self.removing)?;
        if self.ends_now {
            return Some("ending now".to_owned());
        }
        let (who, grace, does) = match self.board.runs_terraform() {
            true => ("Terraform was interrupted once", graces.terraform?, "it is killed"),
            false if self.board.is_at_work() => {
                ("programs were asked to end", graces.programs, "they are killed")
            }
            false => return None,
        };
        Some(match grace.checked_sub(asked.elapsed()) {
            Some(left) => format!("{who}; {} are left until {does}", Pretty(whole(left))),
            None => format!("{who}; the grace of {} is over, and {does}", Pretty(grace)),
        })
    }
}

/// Returns whole seconds, rounded up: what is left is never shown as nothing.
fn whole(left: Duration) -> Duration {
    Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

impl Sink for Ending {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        let mut state = self.state();
        state.heard = Some((event.elapsed_ms, Instant::now()));
        state.board.take(event);
        match &event.kind {
            EventKind::RunPlanned { steps, .. } => {
                let widths = steps.iter().map(|step| step.id.as_str().chars().count());
                state.column = widths.max().unwrap_or(0).min(WIDEST_NAME);
            }
            EventKind::RemovalStarted { .. } => state.removing = true,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{
            resource::ResourceAction,
            step::{Phase, StepId, StepKind},
        },
        observe::samples,
    };

    const GRACES: Graces =
        Graces { terraform: Some(Duration::from_secs(30 * 60)), programs: Duration::from_secs(30) };

    fn told(kinds: Vec<EventKind>) -> Ending {
        let mut ending = Ending::default();
        samples::stamped(kinds, 1_000).iter().for_each(|event| ending.take(event).unwrap());
        ending
    }

    /// How long something lasted until now depends on the machine.
    fn shown(lines: &[String]) -> String {
        let all = lines.join("\n");
        regex::Regex::new(r"(\d+m)?\d+\.\d+s").unwrap().replace_all(&all, "TIME").into_owned()
    }

    fn applies(resources: &[&str]) -> Vec<EventKind> {
        let step = || StepId::new("data");
        let phase = Phase::Apply;
        let mut all = vec![
            samples::planned(&[("network", StepKind::Stack), ("data", StepKind::Stack)]),
            EventKind::PhaseStarted { step: step(), phase },
        ];
        all.extend(resources.iter().map(|address| EventKind::ResourceStarted {
            step: step(),
            address: (*address).into(),
            action: ResourceAction::Create,
        }));
        all
    }

    #[test]
    fn what_is_waited_for_is_told_with_how_long() {
        let ending = told(applies(&["aws_vpc.main", "aws_subnet.a"]));
        assert_eq!((ending.changing(), ending.below()), (2, vec![]), "nobody asked it to stop");
        ending.begin(GRACES);
        insta::assert_snapshot!(shown(&ending.lines()), @r"
        [     TIME]   Waiting  data     apply       TIME  aws_vpc.main TIME and 1 more
        [     TIME]   Waiting  Terraform was interrupted once; TIME are left until it is killed
        ");
        ending.ask(Some("End now? ".to_owned()));
        insta::assert_snapshot!(shown(&ending.below()), @r"
        Terraform was interrupted once; TIME are left until it is killed
        End now?
        ");
        ending.ask(None);
        ending.end_now();
        assert_eq!(ending.below(), ["ending now"]);
    }

    #[test]
    fn a_grace_that_is_over_says_so_and_programs_have_their_own() {
        let ending = told(applies(&[]));
        ending.begin(Graces { terraform: Some(Duration::ZERO), ..GRACES });
        insta::assert_snapshot!(shown(&ending.below()), @"Terraform was interrupted once; the grace of TIME is over, and it is killed");
        let program = EventKind::PhaseStarted { step: StepId::new("cutover"), phase: Phase::Run };
        let ending = told(vec![program]);
        ending.begin(GRACES);
        insta::assert_snapshot!(shown(&ending.below()), @"programs were asked to end; TIME are left until they are killed");
    }

    #[test]
    fn nothing_in_flight_is_nothing_to_wait_for() {
        let ending = told(vec![]);
        ending.begin(GRACES);
        assert_eq!((ending.lines().len(), ending.below().len()), (0, 0));
    }

    #[test]
    fn only_a_display_that_draws_is_told() {
        let ending = Ending::default();
        assert!(!ending.tell("lost"));
        ending.drawn(true);
        assert!(ending.tell("kept"));
        assert_eq!(ending.notices(), ["kept"]);
        assert_eq!(ending.notices().len(), 0);
    }
}
