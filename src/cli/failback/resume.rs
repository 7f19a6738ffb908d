//! Going on with a way home that failed, was stopped, or whose drctl was killed.

use super::{
    Asked,
    begin::{Opened, WayHome, turn_homeward},
    confirm,
    failover::Failover,
    found,
    record::Record,
};
use crate::{
    cli::{
        cmd::report,
        error::CliError,
        exit::Exit,
        home::{Home, RunFolder},
        outlived, taken_up,
        ui::Ui,
    },
    engine::{Run, Stop, Work},
    model::{
        event::{Event, EventKind},
        failback::Side,
        run::{RunKind, RunOutcome},
        step::{StepId, StepOutcome},
    },
    observe::journal,
};
use anyhow::anyhow;
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// Whether the run of `folder` is a way home.
pub(in crate::cli) fn is_one(folder: &RunFolder) -> bool {
    let Ok(mut journal) = journal::JournalReader::open(&folder.journal()) else { return false };
    let first = journal.next().and_then(Result::ok).map(|event| event.kind);
    matches!(first, Some(EventKind::RunStarted { run_kind: RunKind::Failback, .. }))
}

/// What the journal of a way home says of it.
struct Before {
    began_at: Timestamp,
    digest: String,
    done: BTreeSet<StepId>,
    last: Event,
}

impl Before {
    fn of(folder: &RunFolder, events: &[Event]) -> Result<Self, CliError> {
        let (mut began_at, mut digest, mut outcome) = (None, None, None);
        let (mut done, mut tearing_down) = (BTreeSet::new(), false);
        let mut simulated = false;
        for event in events {
            match &event.kind {
                EventKind::RunStarted { began_at: at, .. } => began_at = Some(*at),
                EventKind::Simulated { .. } => simulated = true,
                EventKind::RunPlanned { digest: its, .. } => digest = Some(its.clone()),
                EventKind::StepFinished { step, outcome: StepOutcome::Done } => {
                    done.insert(step.clone());
                }
                EventKind::StepFinished { step, .. } => drop(done.remove(step)),
                // What was moved back to the fallback is moved home again.
                EventKind::RemovalFinished { step, .. } if !tearing_down => {
                    done.remove(step);
                }
                EventKind::TearDownStarted { .. } => tearing_down = true,
                EventKind::RunResumed { .. } => (outcome, tearing_down) = (None, false),
                EventKind::RunFinished { outcome: its } => outcome = Some(*its),
                _ => {}
            }
        }
        let run = folder.id();
        if simulated {
            let error = anyhow!("the way home {run} was a rehearsal, and changed nothing");
            return Err(CliError::new(Exit::Usage, error)
                .hint("Rehearse it anew: `drctl rehearse --and-back`"));
        }
        if matches!(outcome, Some(RunOutcome::Recovered | RunOutcome::Unverified)) {
            let error = anyhow!("the run {run} came to its end");
            return Err(CliError::new(Exit::Usage, error)
                .hint(format!("See what it took: `drctl report {run}`")));
        }
        match (began_at, digest, events.last()) {
            (Some(began_at), Some(digest), Some(last)) => {
                Ok(Self { began_at, digest, done, last: last.clone() })
            }
            _ => Err(nothing(folder)),
        }
    }
}

fn nothing(folder: &RunFolder) -> CliError {
    let error = anyhow!("the run {} ended before anything was done", folder.id());
    CliError::new(Exit::Usage, error).hint("Begin it anew: `drctl failback`")
}

/// Goes on with the way home of `folder`.
///
/// # Errors
///
/// There is nothing to go on with, or it goes on in another process; and as the way home has them.
pub(in crate::cli) async fn resume(
    asked: Asked,
    folder: &RunFolder,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let record = Record::read(folder)?.ok_or_else(|| nothing(folder))?;
    let failover = Failover::find(home, Some(record.failover.as_str()))?;
    let (held, _) = failover.hold()?;
    let (journal, events) = taken_up::journal(folder)?;
    let before = Before::of(folder, &events)?;
    let mut accepted = record.accepted.clone();
    accepted.extend(asked.accepted.iter().cloned());
    let grace = asked.grace.unwrap_or(Duration::from_millis(record.grace_ms));
    let asked =
        Asked { accepted, grace: Some(grace), reference: Some(record.commit.clone()), ..asked };
    outlived::end(folder, grace, stop, ui).await?;
    let way = WayHome { failover: &failover, asked: &asked, folder, home, stop, ui };
    let opened = way.take_up(&record, &before).await?;
    let mut sink = way.shown_beside(journal);
    let since = Timestamp::now().duration_since(before.began_at).as_millis();
    let mut run = Run::go_on(&before.last, u64::try_from(since).unwrap_or(0), &mut sink);
    run.say(EventKind::RunResumed {
        drctl: env!("CARGO_PKG_VERSION").to_owned(),
        at: Timestamp::now(),
        done: before.done.iter().cloned().collect(),
    });
    let ending = asked.ending.or(record.ending);
    let ended = Ok(way.go(opened, ending, &mut run, before.done).await);
    way.close(run, &ended)?;
    drop((sink, held));
    way.after(&ended);
    report::tell(folder, &asked.write, asked.json, ui)
}

impl WayHome<'_> {
    /// Opens both regions once more, and asks whether to go on with what was confirmed.
    async fn take_up(&self, record: &Record, before: &Before) -> Result<Opened, CliError> {
        let mut opened = self.open(&self.asked.accepted).await?;
        if opened.prepared.assembled.digest != record.decisions {
            let error = anyhow!("what would be done is no longer what was confirmed");
            return Err(CliError::new(Exit::Refused, error).hint(
                "Go on with the drctl that began the run, or begin it anew: `drctl failback`",
            ));
        }
        found::outputs(&mut opened.fallback, Side::Fallback).await?;
        found::outputs(&mut opened.primary, Side::Primary).await?;
        turn_homeward(&mut opened, &before.done)?;
        for step in &mut Arc::make_mut(&mut opened.primary.recovery).steps {
            if let (Work::Stack(stack), Some(lost)) = (&mut step.work, record.lost.get(&step.id))
                && let Some(at_home) = &mut Arc::make_mut(stack).at_home
            {
                at_home.lost.clone_from(lost);
            }
        }
        let (service, primary) = (&opened.prepared.service, &record.primary);
        let writes: Vec<String> = record
            .lost
            .iter()
            .filter(|(_, lost)| !lost.is_empty())
            .map(|(id, _)| id.to_string())
            .collect();
        let expected = self.asked.yes.then_some(before.digest.as_str());
        tokio::select! {
            by = confirm::go(self.ui, service, primary, &writes, &before.digest, expected) => by.map(drop)?,
            () = self.stop.token().cancelled() => return Err(found::interrupted()),
        }
        Ok(opened)
    }
}
