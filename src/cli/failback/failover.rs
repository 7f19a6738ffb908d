//! The failover that a way home begins at.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::{Home, RunFolder},
        record::Record,
        taken_up,
    },
    model::{
        event::{Event, EventKind},
        run::{RunId, RunKind, RunOutcome},
    },
    observe::journal::{self, JournalWriter},
};
use anyhow::anyhow;

/// A failover that may be gone home from.
pub(super) struct Failover {
    /// Its folder.
    pub(super) folder: RunFolder,
    /// What it was asked.
    pub(super) record: Record,
    /// The region that it left.
    pub(super) primary: String,
}

/// What the journal of a run says of it.
struct Told {
    is_real_failover: bool,
    outcome: Option<RunOutcome>,
    primary: Option<String>,
}

impl Told {
    fn of(events: &[Event]) -> Self {
        let mut told = Self { is_real_failover: false, outcome: None, primary: None };
        for event in events {
            match &event.kind {
                EventKind::RunStarted { run_kind, .. } => {
                    told.is_real_failover = *run_kind == RunKind::Failover;
                }
                EventKind::Simulated { .. } => told.is_real_failover = false,
                EventKind::RunPlanned { primary, .. } => told.primary.clone_from(primary),
                EventKind::RunResumed { .. } => told.outcome = None,
                EventKind::RunFinished { outcome } => told.outcome = Some(*outcome),
                _ => {}
            }
        }
        told
    }

    fn recovered(&self) -> bool {
        self.is_real_failover
            && matches!(self.outcome, Some(RunOutcome::Recovered | RunOutcome::Unverified))
    }
}

impl Failover {
    /// Finds the failover that `name` means; the newest that recovered without one.
    ///
    /// # Errors
    ///
    /// There is none, or that run did not bring the service up elsewhere.
    pub(super) fn find(home: &Home, name: Option<&str>) -> Result<Self, CliError> {
        let run = match name {
            Some(name) => home.find_run(name)?,
            None => newest(home)?,
        };
        let folder = home.run(&run);
        let told = Told::of(&journal::read(&folder.journal()).or_exit(Exit::Usage)?.events);
        if !told.is_real_failover {
            let error = anyhow!("the run {run} is no failover, so there is no way home from it");
            return Err(CliError::new(Exit::Usage, error)
                .hint("Name a failover: `drctl runs --kind failover`")
                .hint("Rehearse the way home: `drctl rehearse --and-back`"));
        }
        if !told.recovered() {
            let error = anyhow!("the failover {run} did not come to its end");
            return Err(CliError::new(Exit::Usage, error)
                .hint(format!("Go on with it: `drctl resume {run}`")));
        }
        let record = Record::read(&folder.asked())?.ok_or_else(|| {
            let error = anyhow!("it is not known what the failover {run} was asked");
            CliError::new(Exit::Failed, error)
                .hint("Go home by hand: its folder lacks `asked.json`")
        })?;
        let primary = told.primary.ok_or_else(|| {
            let error = anyhow!("it is not known which region the failover {run} left");
            CliError::new(Exit::Usage, error)
                .hint("Write `primary = \"…\"` into the runbook's `service` block, and commit it")
        })?;
        Ok(Self { folder, record, primary })
    }

    /// Keeps every other drctl from the failover while the way home is gone.
    ///
    /// # Errors
    ///
    /// Another works on it.
    pub(super) fn hold(&self) -> Result<(JournalWriter, Vec<Event>), CliError> {
        taken_up::journal(&self.folder)
    }
}

/// Returns the way home after which nothing was left of the failover `failover`, if there was one.
pub(in crate::cli) fn torn_down(home: &Home, failover: &RunId) -> Option<RunId> {
    let later = home.runs().ok()?.into_iter().filter(|run| run > failover);
    later.into_iter().find(|run| {
        let Ok(journal) = journal::read(&home.run(run).journal()) else { return false };
        let says = |wanted: &dyn Fn(&EventKind) -> bool| {
            journal.events.iter().any(|event| wanted(&event.kind))
        };
        says(&|kind| matches!(kind, EventKind::FailbackOf { failover: its, .. } if its == failover))
            && says(&|kind| matches!(kind, EventKind::TearDownFinished { removed: true }))
    })
}

fn newest(home: &Home) -> Result<RunId, CliError> {
    for run in home.runs()?.into_iter().rev() {
        let Ok(journal) = journal::read(&home.run(&run).journal()) else { continue };
        if Told::of(&journal.events).recovered() {
            return Ok(run);
        }
    }
    let error = anyhow!("there is no failover that recovered, so there is nothing to go home from");
    Err(CliError::new(Exit::Usage, error)
        .hint("See `drctl runs` for the runs that there are")
        .hint("Rehearse the way home: `drctl rehearse --and-back`"))
}
