//! A recovery from the first flag to the last line of its report.

use super::{
    after_go::AfterGo,
    asked::Asked,
    attend::Attending,
    cmd::report,
    confirm::{confirm, confirm_drill},
    drill::{self, Lock},
    earlier::refuse_twice,
    error::{CliError, OrExit},
    execute::GRACE,
    exit::Exit,
    foreseen::foresee,
    home::{Home, RunFolder},
    kept,
    prepare::{self, Start, start},
    prepared::{self, Prepared, origin},
    record::Record,
    stop::Manner,
    taken_up::old_work,
    ui::Ui,
    way::Way,
};
use crate::{
    engine::{Run, Stop},
    model::{
        event::{EventKind, Sink},
        run::{DeclaredBy, Outage, OutageSource, RunOutcome},
    },
    observe::{
        Apart, Ending, Fanout, journal::JournalWriter, json::JsonLines, lines::Lines,
        progress::Progress,
    },
    source::WorkCopy,
};
use anyhow::Context;
use jiff::Timestamp;
use std::{fs, io};
use tokio::{task::spawn_blocking, time::Instant};

/// Shows what would be done, and does nothing: in a failover that starts `from` what was prepared, or in a
/// drill.
pub(super) async fn show(
    asked: &Asked,
    from: Option<prepare::Prepared>,
    home: &Home,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let work = scratch.path().join("work");
    let stop = &Stop::default();
    let mut prepared = match from {
        Some(prepared) => {
            start(Start { asked, prepared, again: false, home, work: &work, stop, ui }).await?
        }
        None => {
            let keeping = drill::KEEPING_OF_NONE;
            let mut prepared = prepared::prepare(asked, keeping, home, &work, stop, ui).await?;
            drill::adapt(&mut prepared);
            prepared
        }
    };
    if prepared.forecast.is_none() {
        let none = foresee(&mut prepared, Some(home), None).await;
        prepared.notes.extend(none);
    }
    ui.answer(&match asked.which.json {
        true => format!("{:#}\n", prepared.json()),
        false => prepared.text(),
    });
    prepared.refused()?;
    Ok(Exit::Met)
}

/// One try at a recovery.
pub(super) struct Attempt<'a> {
    pub(super) asked: &'a Asked,
    /// When it began, by the wall clock.
    pub(super) began_at: Timestamp,
    pub(super) way: &'a Way,
    pub(super) folder: &'a RunFolder,
    pub(super) home: &'a Home,
    pub(super) stop: &'a Stop,
    pub(super) ui: &'a Ui,
    /// True to show nothing on the way: somebody else says what came of it.
    pub(super) quiet: bool,
}

impl Attempt<'_> {
    /// Runs to the end, prints the report, and writes it to the files that were asked for.
    pub(super) async fn recover(&self) -> Result<Exit, CliError> {
        if let Err(error) = self.run().await {
            // It has a report, too: a CI job shows that more than any other.
            report::write_all(self.folder, &self.asked.write, self.ui);
            return Err(error);
        }
        report::tell(self.folder, &self.asked.write, self.asked.which.json, self.ui)
    }

    /// Runs to the end; what came of it is in the folder of the run.
    pub(super) async fn run(&self) -> Result<RunOutcome, CliError> {
        let start = Instant::now();
        let started = self.started()?;
        let mut sink = self.sinks()?;
        let mut run = Run::begin(start, started, &mut sink)
            .with_context(|| format!("failed to write `{}`", self.folder.journal().display()))
            .or_exit(Exit::Failed)
            .map_err(|error| {
                error.hint("Make room on the disk, or set `DRCTL_HOME` to a folder on another")
            })?;
        // Held until all is written down: whoever gets it next finds a run that is over.
        let mut lock = None;
        let ended = self.go(&mut run, &mut lock).await;
        let closed = self.close(run, &ended);
        // What is shown is shown whole before the report is printed.
        drop(sink);
        closed?;
        // Nobody asks about a run that only answers a question of drctl itself.
        if !self.quiet {
            kept::remember(self.home, self.folder, self.ui);
        }
        ended
    }

    /// Says how a run ended, and removes what it needs no longer.
    pub(super) fn close(
        &self,
        mut run: Run<'_>,
        ended: &Result<RunOutcome, CliError>,
    ) -> Result<(), CliError> {
        let outcome = outcome_of(ended, &mut run, self.stop);
        run.finish(outcome).map_err(|error| self.forgotten(error))?;
        self.clean_up(outcome);
        Ok(())
    }

    fn started(&self) -> Result<EventKind, CliError> {
        Ok(EventKind::RunStarted {
            run: self.folder.id().clone(),
            run_kind: self.way.run_kind(),
            drctl: env!("CARGO_PKG_VERSION").to_owned(),
            began_at: self.began_at,
            repo: origin(&self.asked.which.repo)?.to_string(),
            region: self.asked.which.region.clone(),
            outage: self.outage(),
        })
    }

    /// When the outage began, by whoever knows best.
    fn outage(&self) -> Outage {
        let ms_before = |at: Timestamp| {
            u64::try_from(self.began_at.duration_since(at).as_millis()).unwrap_or(0)
        };
        let known = |known_by, before_ms| Outage { before_ms, known_by, detected_before_ms: None };
        if let Some(outage) = self.way.simulated().and_then(|simulated| simulated.outage) {
            return outage;
        }
        if self.way.drill().is_some() {
            let before_ms = self.asked.outage_at.map_or(0, ms_before);
            return known(OutageSource::Simulated, before_ms);
        }
        let Some(began_at) = self.asked.outage_at else { return known(OutageSource::Assumed, 0) };
        let before_ms = ms_before(began_at);
        match self.way.noticed() {
            None => known(OutageSource::Declared, before_ms),
            Some(noticed) => Outage {
                detected_before_ms: Some(ms_before(noticed.detected_at).min(before_ms)),
                ..known(OutageSource::Probed, before_ms)
            },
        }
    }

    fn sinks(&self) -> Result<Fanout, CliError> {
        let journal = JournalWriter::create(&self.folder.journal()).or_exit(Exit::Failed)?;
        self.shown_beside(journal)
    }

    /// Returns what takes the events of the run in: its journal, and what is shown of them.
    pub(super) fn shown_beside(&self, journal: JournalWriter) -> Result<Fanout, CliError> {
        if self.quiet {
            return Ok(Fanout::new(Box::new(journal), Vec::new()));
        }
        let ending = Ending::default();
        let show: Box<dyn Sink> = match Progress::on_stderr(ending.clone()).or_exit(Exit::Failed)? {
            Some(progress) => Box::new(AfterGo::new(Box::new(progress))),
            None => Box::new(Lines::new(io::stderr())),
        };
        let mut shows = vec![show];
        if self.asked.which.json {
            shows.push(Box::new(JsonLines::new(io::stdout())));
        }
        let apart = shows.into_iter().map(|show| Ok(Box::new(Apart::new(show)?) as Box<dyn Sink>));
        let apart: io::Result<Vec<Box<dyn Sink>>> = apart.collect();
        let apart = apart.context("failed to start").or_exit(Exit::Failed)?;
        let attending = Attending::begin(self.stop, ending, self.manner(), *self.ui);
        let shows = std::iter::once(Box::new(attending) as Box<dyn Sink>).chain(apart);
        Ok(Fanout::new(Box::new(journal), shows.collect()))
    }

    /// What a signal means to it.
    fn manner(&self) -> Manner {
        match self.way {
            Way::Failover { .. } => Manner::Run,
            Way::Rehearsal(_) => Manner::Rehearsal,
            Way::Drill(_) => Manner::Drill,
        }
    }

    async fn go(&self, run: &mut Run<'_>, lock: &mut Option<Lock>) -> Result<RunOutcome, CliError> {
        let simulated = self.way.simulated();
        let keeping = self.way.keeping(self.folder.id());
        let work = self.folder.work();
        let mut prepared = match self.way {
            Way::Failover { prepared, again, .. } => {
                let (prepared, again) = (*prepared, *again);
                let Self { asked, home, stop, ui, .. } = *self;
                start(Start { asked, prepared, again, home, work: &work, stop, ui }).await?
            }
            Way::Rehearsal(_) | Way::Drill(_) => {
                prepared::prepare(self.asked, keeping, self.home, &work, self.stop, self.ui).await?
            }
        };
        if simulated.is_some() && prepared.rpo.take().is_some() {
            prepared
                .notes
                .push("the recovery point is not rehearsed: data is not simulated".to_owned());
        }
        if self.way.drill().is_some() {
            drill::adapt(&mut prepared);
        }
        prepared.say(run, self.asked.max_parallel);
        if simulated.is_none() || prepared.assembled.obstacles().any(|(_, obstacle)| obstacle.fatal)
        {
            prepared.refused()?;
        }
        for (step, obstacle) in prepared.assembled.obstacles() {
            run.say(EventKind::Obstructed { step: step.clone(), obstacle: obstacle.clone() });
        }
        if let Some(simulated) = simulated {
            let scenario = simulated.scenario(prepared.assembled.recovery.known.primary.as_deref());
            run.say(EventKind::Simulated {
                time_scale: simulated.time_scale,
                seed: simulated.seed,
                dark: scenario.dark(),
            });
        }
        if let Some(terms) = self.way.drill() {
            *lock = self.admit(terms, &prepared)?;
        }
        let none = match simulated {
            Some(simulated) => foresee(&mut prepared, None, Some(simulated)).await,
            None if prepared.forecast.is_some() => None,
            None => foresee(&mut prepared, Some(self.home), None).await,
        };
        let foreseen = none.is_none();
        if let Some(why) = none {
            run.note(why);
        }
        if let Some(prediction) = prepared.forecast.clone() {
            run.say(EventKind::Predicted { prediction: Box::new(prediction) });
        }
        if let Some(terms) = self.way.drill() {
            drill::bound(terms, &mut prepared, foreseen, run)?;
        }
        match self.way {
            Way::Rehearsal(_) => run.declared(DeclaredBy::Rehearsal),
            Way::Drill(terms) if terms.simulated.is_some() => run.declared(DeclaredBy::Drill),
            Way::Failover { .. } | Way::Drill(_) => {
                if let Way::Failover { again: false, .. } = self.way {
                    let region = &self.asked.which.region;
                    refuse_twice(self.home, self.folder.id(), &prepared.service, region)?;
                }
                tokio::select! {
                    by = self.confirm(&prepared) => {
                        let by = by?;
                        self.write_down(&prepared)?;
                        run.declared(self.way.noticed().map_or(by, |noticed| noticed.by));
                    }
                    () = self.stop.token().cancelled() => return Ok(RunOutcome::Interrupted),
                }
            }
        }
        self.execute(run, prepared, None).await
    }

    /// Writes down what was asked, which going on with the run, or sweeping up after a drill, needs,
    /// before anything is made.
    fn write_down(&self, prepared: &Prepared) -> Result<(), CliError> {
        let path = match self.way {
            Way::Failover { .. } => self.folder.asked(),
            Way::Drill(_) => self.folder.drill(),
            Way::Rehearsal(_) => return Ok(()),
        };
        let grace = self.asked.grace.or(prepared.grace).unwrap_or(GRACE);
        let Prepared { service, repo, checkout, detected, .. } = prepared;
        let which = &self.asked.which;
        Record::new(self.folder.id(), service, repo, &checkout.commit, which, &detected.path, grace)
            .write(&path)
    }

    /// Asks who says go, on a thread of its own: a prompt can be left unanswered.
    pub(super) async fn confirm(&self, prepared: &Prepared) -> Result<DeclaredBy, CliError> {
        let (expected, yes) = match self.way {
            Way::Failover { expected, .. } => (expected.clone(), false),
            Way::Drill(terms) => (terms.expected.clone(), terms.yes),
            Way::Rehearsal(_) => (None, true),
        };
        let drills = self.way.drill().is_some();
        if expected.is_none() && !yes {
            self.ui.say(&prepared.text());
        }
        let ui = *self.ui;
        let (service, digest) = (prepared.service.clone(), prepared.assembled.digest.clone());
        let region = self.asked.which.region.clone();
        let asking = spawn_blocking(move || {
            let expected = expected.as_deref();
            match drills {
                true => confirm_drill(&ui, &service, &region, &digest, expected, yes),
                false => confirm(&ui, &service, &region, &digest, expected),
            }
        });
        asking.await.context("the question broke off").or_exit(Exit::Failed)?
    }

    /// The journal could not be written.
    fn forgotten(&self, error: io::Error) -> CliError {
        let error = anyhow::Error::new(error)
            .context("the journal could not be written, so the run was stopped");
        CliError::new(Exit::Failed, error).hint(format!(
            "Make room on the disk of `{}`; what was done until then is in `{}`",
            self.home.root().display(),
            self.folder.journal().display()
        ))
    }

    /// Removes what a good run needs no longer; a bad one keeps it for whoever looks into it.
    fn clean_up(&self, outcome: RunOutcome) {
        // Saved plans and inputs hold secrets in clear, so they go in any case: nothing goes on from them.
        let scratch = self.folder.scratch();
        match fs::remove_dir_all(&scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                self.ui.say(&format!("note: failed to remove `{}`: {error}\n", scratch.display()));
            }
            _ => {}
        }
        if !matches!(outcome, RunOutcome::Recovered | RunOutcome::Unverified) {
            return;
        }
        let work = [self.folder.work()].into_iter().chain(old_work(self.folder));
        for dir in work.filter(|_| !self.asked.keep_work).collect::<Vec<_>>() {
            if let Err(error) = WorkCopy::at(dir).remove() {
                self.ui.say(&format!("note: failed to remove the work copy: {error}\n"));
            }
        }
    }
}

/// Returns how a run ended, and tells it why when something stopped it.
pub(super) fn outcome_of(
    ended: &Result<RunOutcome, CliError>,
    run: &mut Run<'_>,
    stop: &Stop,
) -> RunOutcome {
    run.interrupted(stop);
    match ended {
        Ok(outcome) => *outcome,
        Err(error) => {
            run.note(error.summary());
            match error.exit() {
                _ if stop.signal().is_some() => RunOutcome::Interrupted,
                Exit::Refused => RunOutcome::Refused,
                _ => RunOutcome::Failed,
            }
        }
    }
}
