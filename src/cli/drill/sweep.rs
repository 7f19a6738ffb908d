//! Removes what drills left that came to no end of their own.

use super::{
    Lock,
    adapt::{keeping, unprotect},
    left::{Addresses, held_since, in_no_state, in_states, newest},
    lock::{Holder, taken},
    open::is_open,
};
use crate::{
    cli::{
        error::CliError,
        execute::STATE_GRACE,
        exit::Exit,
        home::{Home, RunFolder},
        kept, outlived,
        prepared::Prepared,
        record::Record,
        taken_up::{TakenUp, check_out_again, old_work},
        ui::Ui,
    },
    engine::{Recovery, Removal, Run, Stop},
    model::{
        event::{Event, EventKind, Sink},
        run::{RunId, RunOutcome},
        step::StepOutcome,
    },
    observe::{Fanout, journal::JournalWriter, lines::Lines},
    runbook::Known,
    source::WorkCopy,
    state::StateStore,
    terraform::Outputs,
};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::BTreeSet, fs, io, sync::Arc, time::Duration};

/// What a sweep may be told.
pub(crate) struct Asked<'a> {
    /// One drill alone: its name, the start of it, or `latest`.
    pub(crate) run: Option<&'a str>,
    /// The terraform to run, over that of the drill.
    pub(crate) terraform: Option<&'a str>,
    /// True to ask no server for a repository.
    pub(crate) offline: bool,
}

/// Sweeps up after one drill, or after all of which something may be left.
pub(crate) async fn sweep(
    asked: &Asked<'_>,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let mut worst = Exit::Met;
    let mut swept = 0;
    for run in open_drills(asked.run, home, ui)? {
        let folder = home.run(&run);
        let one = Sweep { asked, home, folder: &folder, stop, ui };
        let exit = match one.run().await {
            Ok(None) => continue,
            Ok(Some(exit)) => exit,
            // What cannot be swept now must not hold up the others.
            Err(error) => {
                ui.error(&error);
                error.exit()
            }
        };
        swept += 1;
        worst = worse(worst, exit);
        if stop.token().is_cancelled() {
            break;
        }
    }
    if swept == 0 {
        ui.answer("No state knows of anything that is left of a drill\n");
    }
    Ok(worst)
}

/// Something that is left counts more than something that may be.
fn worse(a: Exit, b: Exit) -> Exit {
    let rank = |exit: Exit| match exit {
        Exit::Met => 0,
        Exit::Unproven => 1,
        Exit::Interrupted => 2,
        Exit::Refused => 3,
        _ => 4,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// Returns the drills that did not come to an end of their own, the oldest first.
fn open_drills(name: Option<&str>, home: &Home, ui: &Ui) -> Result<Vec<RunId>, CliError> {
    let runs = match name {
        Some(name) => vec![home.find_run(name)?],
        None => home.runs()?,
    };
    let is_drill = |run: &RunId| home.run(run).drill().exists();
    if let (Some(_), [run]) = (name, &runs[..])
        && !is_drill(run)
    {
        ui.say(&format!("note: the run {run} is no drill that made something\n"));
    }
    Ok(runs.into_iter().filter(is_drill).filter(|run| is_open(&home.run(run))).collect())
}

/// The sweep of one drill.
struct Sweep<'a> {
    asked: &'a Asked<'a>,
    home: &'a Home,
    folder: &'a RunFolder,
    stop: &'a Stop,
    ui: &'a Ui,
}

impl Sweep<'_> {
    /// Removes what is left; `None` when the drill still runs, or is swept by somebody else.
    async fn run(&self) -> Result<Option<Exit>, CliError> {
        let run = self.folder.id();
        let Some(record) = Record::read(&self.folder.drill())? else { return Ok(None) };
        let lock = match Lock::take(self.home, &record.service, &record.region, run)? {
            Ok(lock) => lock,
            Err(Some(Holder { run: holder, pid })) if holder == *run => {
                self.ui.say(&format!("note: the drill {run} is at work, process {pid}\n"));
                return Ok(None);
            }
            Err(holder) => return Err(taken(&record.service, &record.region, holder.as_ref())),
        };
        // It may have come to its end while the lock was waited for.
        if !is_open(self.folder) {
            return Ok(None);
        }
        let grace = Duration::from_millis(record.grace_ms);
        outlived::end(self.folder, grace, self.stop, self.ui).await?;
        self.ui.say(&format!(
            "Sweeping up after the drill {run} of {} into {}\n",
            record.service, record.region
        ));
        let prepared = self.check_out(&record).await?;
        let exit = self.remove(&record, prepared, grace).await?;
        drop(lock);
        Ok(Some(exit))
    }

    /// Checks the same commit out again, with what Terraform had to leave in the old work copies.
    async fn check_out(&self, record: &Record) -> Result<Prepared, CliError> {
        let which = record.which(self.asked.terraform, self.asked.offline);
        let (folder, keeping) = (self.folder, keeping(self.folder.id()));
        let checked_out =
            check_out_again(folder, &which, keeping, self.home, self.stop, self.ui).await;
        checked_out.map_err(|error| {
            error.hint("The states of the drill are kept: `drctl state list` shows them, and the sweep can be begun again")
        })
    }

    async fn remove(
        &self,
        record: &Record,
        prepared: Prepared,
        grace: Duration,
    ) -> Result<Exit, CliError> {
        let root = prepared.assembled.recovery.root.clone();
        let TakenUp { recovery, tools } =
            TakenUp::open(self.folder, prepared, grace, self.stop).await?;
        unprotect(&root)?;
        let store = Arc::clone(&tools.store);
        let known = known(&recovery, &store);
        let before = newest(&store);
        let (mut sink, events) = self.sink();
        let exit = {
            let mut journal = Run::take_up(&last(&events), sink.as_mut());
            close(&mut journal, &events);
            journal.say(EventKind::SweepStarted {
                drctl: env!("CARGO_PKG_VERSION").to_owned(),
                at: Timestamp::now(),
            });
            let stop = self.stop.token();
            let removal =
                Removal { recovery: &recovery, known: &known, tools: &tools, stop, afresh: true };
            let removed = removal.run(&mut journal).await;
            let left = in_states(&store);
            let unknown = in_no_state(self.folder, &store);
            let removed = removed && left.is_empty();
            journal.say(EventKind::SweepFinished { removed, unknown: unknown.clone() });
            let held: usize = held_since(&store, &before).values().map(BTreeSet::len).sum();
            self.tell(record, held, &left, &unknown);
            match (removed, unknown.is_empty()) {
                (true, true) => Exit::Met,
                (true, false) => Exit::Unproven,
                (false, _) if self.stop.signal().is_some() => Exit::Interrupted,
                (false, _) => Exit::Failed,
            }
        };
        drop(sink);
        if let Some(tools) = Arc::into_inner(tools) {
            tools.server.stop(STATE_GRACE).await;
        }
        kept::remember(self.home, self.folder, self.ui);
        if matches!(exit, Exit::Met | Exit::Unproven) {
            self.clean_up();
        }
        Ok(exit)
    }

    /// Returns where the sweep is written down, and what was before.
    ///
    /// That things are removed is worth more than that it is remembered.
    fn sink(&self) -> (Box<dyn Sink>, Vec<Event>) {
        match JournalWriter::append(&self.folder.journal()) {
            Ok((journal, events)) => {
                let lines: Box<dyn Sink> = Box::new(Lines::new(io::stderr()));
                (Box::new(Fanout::new(Box::new(journal), vec![lines])), events)
            }
            Err(error) => {
                let error = CliError::new(Exit::Failed, error);
                self.ui.say(&format!(
                    "note: the journal of {} tells nothing of this sweep: {}\n",
                    self.folder.id(),
                    error.summary()
                ));
                (Box::new(Lines::new(io::stderr())), Vec::new())
            }
        }
    }

    fn tell(&self, record: &Record, held: usize, left: &Addresses, unknown: &[String]) {
        let standing: usize = left.values().map(BTreeSet::len).sum();
        let (run, service, region) = (self.folder.id(), &record.service, &record.region);
        let removed = held.saturating_sub(standing);
        let mut text = format!("{run}: removed {removed} resource(s) of {service} in {region}\n");
        for (stack, addresses) in left {
            for address in addresses {
                text += &format!("  left: {stack}: {address}\n");
            }
        }
        for address in unknown {
            text += &format!(
                "  may be left, since drctl and Terraform were killed while it was made: {address}\n"
            );
        }
        self.ui.answer(&text);
        if standing > 0 {
            self.ui.say(&format!(
                "hint: see why in `{}`, then sweep again: `drctl drill --sweep {run}`\n",
                self.folder.logs().display()
            ));
        }
        if !unknown.is_empty() {
            self.ui.say(&format!("hint: look for them in {region}: no state knows of them\n"));
        }
    }

    /// Removes what holds secrets, and the work copies; journal, logs and states stay.
    fn clean_up(&self) {
        let work = [self.folder.work()].into_iter().chain(old_work(self.folder));
        for dir in work.chain([self.folder.scratch()]).collect::<Vec<_>>() {
            if let Err(error) = WorkCopy::at(&dir).remove() {
                self.ui.say(&format!("note: failed to remove `{}`: {error}\n", dir.display()));
            }
        }
    }
}

/// Returns what the stacks were made with: the outputs of the newest state of each that has some.
fn known(recovery: &Recovery, store: &StateStore) -> Known {
    let mut known = recovery.known.clone();
    for step in &recovery.steps {
        let versions = store.versions(&step.id).unwrap_or_default();
        let outputs = versions.iter().rev().find_map(|version| {
            let outputs = Outputs::from_state(&fs::read(&version.path).ok()?).ok()?.plain();
            (!outputs.is_empty()).then_some(outputs)
        });
        if let Some(outputs) = outputs {
            known.outputs.insert(step.id.to_string(), Value::Object(outputs));
        }
    }
    known
}

/// The last event of a run; a made-up one where the journal cannot be read.
fn last(events: &[Event]) -> Event {
    let none = Event { seq: 0, elapsed_ms: 0, kind: EventKind::Unknown };
    events.last().cloned().unwrap_or(none)
}

/// Ends a run whose process was killed: its steps first.
fn close(journal: &mut Run<'_>, events: &[Event]) {
    let ended = |event: &Event| matches!(event.kind, EventKind::RunFinished { .. });
    if events.is_empty() || events.iter().any(ended) {
        return;
    }
    let mut open = Vec::new();
    for event in events {
        match &event.kind {
            EventKind::RunPlanned { steps, .. } => {
                open = steps.iter().map(|step| step.id.clone()).collect();
            }
            EventKind::StepFinished { step, .. } => open.retain(|id| id != step),
            _ => {}
        }
    }
    journal.note("drctl was killed here; what follows was written by the sweep");
    for step in open {
        journal.say(EventKind::StepFinished { step, outcome: StepOutcome::Interrupted });
    }
    journal.say(EventKind::RunFinished { outcome: RunOutcome::Interrupted });
}
