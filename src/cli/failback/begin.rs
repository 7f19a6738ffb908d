//! A way home from the first question to the last line of its report.

use super::{
    Asked, Ground, confirm,
    failover::{Failover, torn_down},
    found::{self, Both, Data},
    homeward::{Terms, homeward},
    journey::Journey,
    record::Record,
    shown::Plan,
};
use crate::{
    cli::{
        after_go::AfterGo,
        asked::Which,
        cmd::report,
        error::{CliError, OrExit},
        execute::{GRACE, STATE_GRACE},
        exit::Exit,
        home::{Home, RunFolder},
        kept, outlived,
        prepared::{Keeping, Prepared},
        recover::outcome_of,
        taken_up::{self, TakenUp, check_out_again},
        ui::Ui,
    },
    engine::{Run, Stop, TakeBack, Work, has_done_something},
    model::{
        event::{EventKind, Sink},
        failback::Side,
        run::{Outage, OutageSource, RunKind, RunOutcome},
        secrets::Secrets,
        step::StepId,
    },
    observe::{Fanout, journal::JournalWriter, json::JsonLines, lines::Lines},
    runbook::{Failback, Known},
    source::WorkCopy,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{collections::BTreeSet, fs, io, sync::Arc, time::Duration};
use tokio::time::Instant;

/// Goes home from the failover that `name` means, or shows how.
///
/// # Errors
///
/// There is no such failover, the way home is not clear, or nobody confirmed it.
pub(in crate::cli) async fn fail_back(
    name: Option<&str>,
    asked: &Asked,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let failover = Failover::find(home, name)?;
    if let Some(failback) = torn_down(home, failover.folder.id()) {
        let (run, region) = (failover.folder.id(), &failover.record.region);
        let error = anyhow!("nothing is left of the failover {run} in {region}: it was torn down");
        return Err(
            CliError::new(Exit::Usage, error).hint(format!("See how: `drctl report {failback}`"))
        );
    }
    let (held, _) = failover.hold()?;
    let began_at = Timestamp::now();
    let scratch;
    let place = if asked.dry_run {
        scratch = tempfile::tempdir()
            .context("failed to make a temporary folder")
            .or_exit(Exit::Failed)?;
        Home::at(scratch.path().to_owned())
    } else {
        home.clone()
    };
    let folder = place.new_run(began_at)?;
    let way = WayHome { failover: &failover, asked, folder: &folder, home, stop, ui };
    if asked.dry_run {
        let mut unheard = Vec::new();
        let mut run = way.begin(began_at, &mut unheard)?;
        return way.show(&mut run).await;
    }
    let mut sink = way.sinks()?;
    let mut run = way.begin(began_at, &mut sink)?;
    let ended = way.confirm_and_go(&mut run).await;
    way.close(run, &ended)?;
    drop((sink, held));
    way.after(&ended);
    if let Err(error) = ended {
        report::write_all(&folder, &asked.write, ui);
        return Err(error);
    }
    report::tell(&folder, &asked.write, asked.json, ui)
}

/// A way home with all that it is gone with.
pub(super) struct WayHome<'a> {
    pub(super) failover: &'a Failover,
    pub(super) asked: &'a Asked,
    pub(super) folder: &'a RunFolder,
    pub(super) home: &'a Home,
    pub(super) stop: &'a Stop,
    pub(super) ui: &'a Ui,
}

/// Both regions, opened.
pub(super) struct Opened {
    /// What was made of the repository for the primary.
    pub(super) prepared: Prepared,
    pub(super) primary: Ground,
    pub(super) fallback: Ground,
    pub(super) failback: Failback,
}

/// All that is known before anything is done.
struct Ready {
    opened: Opened,
    both: Both,
    asked: bool,
    /// The digest of what is done where it is at home, whatever was found there.
    decisions: String,
}

impl WayHome<'_> {
    fn begin<'s>(&self, began_at: Timestamp, sink: &'s mut dyn Sink) -> Result<Run<'s>, CliError> {
        let started = EventKind::RunStarted {
            run: self.folder.id().clone(),
            run_kind: RunKind::Failback,
            drctl: env!("CARGO_PKG_VERSION").to_owned(),
            began_at,
            repo: self.which(Side::Fallback).repo,
            region: self.failover.primary.clone(),
            outage: Outage {
                before_ms: 0,
                known_by: OutageSource::Planned,
                detected_before_ms: None,
            },
        };
        let mut run = Run::begin(Instant::now(), started, sink)
            .with_context(|| format!("failed to write `{}`", self.folder.journal().display()))
            .or_exit(Exit::Failed)?;
        run.say(EventKind::FailbackOf {
            failover: self.failover.folder.id().clone(),
            fallback: self.failover.record.region.clone(),
        });
        Ok(run)
    }

    fn sinks(&self) -> Result<Fanout, CliError> {
        let journal = JournalWriter::create(&self.folder.journal()).or_exit(Exit::Failed)?;
        Ok(self.shown_beside(journal))
    }

    /// Returns what takes the events in. Questions are asked on the way, so that lines are shown and
    /// no picture that would be drawn over them.
    pub(super) fn shown_beside(&self, journal: JournalWriter) -> Fanout {
        let lines: Box<dyn Sink> = match self.ui.is_interactive() {
            true => Box::new(AfterGo::new(Box::new(Lines::new(io::stderr())))),
            false => Box::new(Lines::new(io::stderr())),
        };
        let mut shows = vec![lines];
        if self.asked.json {
            shows.push(Box::new(JsonLines::new(io::stdout())));
        }
        Fanout::new(Box::new(journal), shows)
    }

    /// What is asked of the repository for one of the two regions.
    fn which(&self, side: Side) -> Which {
        let Asked { terraform, offline, reference, .. } = self.asked;
        let which = self.failover.record.which(terraform.as_deref(), *offline);
        if side == Side::Fallback {
            return which;
        }
        Which {
            region: self.failover.primary.clone(),
            primary: None,
            replace: Vec::new(),
            reference: reference.clone().or(which.reference.clone()),
            at_home: true,
            ..which
        }
    }

    pub(super) fn grace(&self, prepared: &Prepared) -> Duration {
        self.asked.grace.or(prepared.grace).unwrap_or(GRACE)
    }

    /// Checks the repository out for both regions and opens what is there.
    pub(super) async fn open(&self, accepted: &[String]) -> Result<Opened, CliError> {
        let Self { failover, folder, home, stop, ui, .. } = *self;
        let grace = Duration::from_millis(failover.record.grace_ms);
        outlived::end(&failover.folder, grace, stop, ui).await?;
        let keeping = Keeping::default();
        let which = self.which(Side::Primary);
        let prepared = check_out_again(folder, &which, keeping, home, stop, ui).await?;
        let failback = prepared.runbook.failback.clone().unwrap_or_default();
        found::reachable(&prepared.assembled, &failback)?;
        let which = self.which(Side::Fallback);
        let left = check_out_again(&failover.folder, &which, keeping, home, stop, ui).await?;
        let up = TakenUp::open(&failover.folder, left, grace, stop).await?;
        let known = up.recovery.known.clone();
        let secrets = Secrets::default();
        let fallback = Ground { recovery: Arc::new(up.recovery), known, tools: up.tools, secrets };
        let primary = self.open_home(&prepared, accepted).await?;
        Ok(Opened { prepared, primary, fallback, failback })
    }

    async fn open_home(
        &self,
        prepared: &Prepared,
        accepted: &[String],
    ) -> Result<Ground, CliError> {
        let (assembled, detected) = (prepared.assembled.clone(), prepared.detected.clone());
        let grace = self.grace(prepared);
        let (recovery, mut tools) =
            taken_up::open(self.folder, assembled, detected, grace, self.stop).await?;
        tools.accepted = accepted.to_vec();
        let known = recovery.known.clone();
        let secrets = Secrets::default();
        Ok(Ground { recovery: Arc::new(recovery), known, tools: Arc::new(tools), secrets })
    }

    /// Finds out all that is needed to decide, and says it.
    async fn ready(&self, run: &mut Run<'_>) -> Result<Ready, CliError> {
        let Asked { accepted, primary_is_back, .. } = self.asked;
        let mut opened = self.open(accepted).await?;
        let Opened { prepared, primary, fallback, failback } = &mut opened;
        let runbook = &prepared.runbook;
        let asked = match primary_is_back {
            true => false,
            false => {
                let (recovery, known) = (&fallback.recovery, &fallback.known);
                found::primary_is_back(runbook, recovery, known, self.stop, run).await?
            }
        };
        if !asked {
            let why = match primary_is_back {
                true => "nobody asked whether the primary is back, as `--primary-is-back` says",
                false => "no probe has the role `primary`, so nobody asked whether it is back",
            };
            prepared.notes.push(why.to_owned());
        }
        self.ui.say(&format!(
            "looking at {} stack(s) in {} and in {}: nothing is written\n",
            runbook.stacks().count(),
            primary.known.region,
            fallback.known.region
        ));
        let both = found::look(primary, fallback, failback, accepted).await;
        if self.stop.token().is_cancelled() {
            return Err(found::interrupted());
        }
        primary.learn(&both.primary);
        fallback.learn(&both.fallback);
        let decisions = prepared.assembled.digest.clone();
        turn_homeward(&mut opened, &BTreeSet::new())?;
        Ok(Ready { opened, both, asked, decisions })
    }

    async fn show(&self, run: &mut Run<'_>) -> Result<Exit, CliError> {
        let ready = self.ready(run).await?;
        let data = ready.data(self.asked);
        let plan = self.plan(&ready, data.as_ref().ok());
        self.ui.answer(&match self.asked.json {
            true => format!("{:#}\n", plan.json()),
            false => plan.text(),
        });
        ready.both.refused()?;
        data.map(|_| Exit::Met)
    }

    fn plan<'p>(&'p self, ready: &'p Ready, data: Option<&'p Data>) -> Plan<'p> {
        Plan {
            prepared: &ready.opened.prepared,
            failover: self.failover.folder.id(),
            fallback: &self.failover.record.region,
            both: &ready.both,
            data,
            ending: self.ending(&ready.opened.failback),
            asked: ready.asked,
        }
    }

    fn ending(&self, failback: &Failback) -> Option<super::Ending> {
        self.asked.ending.or(failback.keep.then_some(super::Ending::Keep))
    }

    async fn confirm_and_go(&self, run: &mut Run<'_>) -> Result<RunOutcome, CliError> {
        let mut ready = self.ready(run).await?;
        let data = ready.data(self.asked);
        let plan = self.plan(&ready, data.as_ref().ok());
        let (digest, text) = (plan.digest(), plan.text());
        let prepared = &mut ready.opened.prepared;
        // Without a recovery point of the way home there is none to be held against an objective.
        if ready.opened.failback.recovery_points.is_empty() {
            prepared.rpo = None;
        }
        prepared.assembled.digest.clone_from(&digest);
        prepared.say(run, self.asked.max_parallel);
        ready.both.say(run);
        ready.both.refused()?;
        data?;
        let writes: Vec<String> = ready.both.to_do().iter().map(ToString::to_string).collect();
        if !self.asked.yes {
            self.ui.say(&text);
        }
        let (service, expected) = (ready.opened.prepared.service.clone(), &self.asked.expected);
        let primary = &self.failover.primary;
        let by = tokio::select! {
            by = confirm::go(self.ui, &service, primary, &writes, &digest, expected.as_deref()) => by?,
            () = self.stop.token().cancelled() => return Err(found::interrupted()),
        };
        self.record(&ready).write(self.folder)?;
        run.declared(by);
        let Ready { mut opened, both, .. } = ready;
        both.agree(Arc::make_mut(&mut opened.primary.recovery));
        let ending = self.ending(&opened.failback);
        Ok(self.go(opened, ending, run, BTreeSet::new()).await)
    }

    /// Goes home.
    pub(super) async fn go(
        &self,
        opened: Opened,
        ending: Option<super::Ending>,
        run: &mut Run<'_>,
        done: BTreeSet<StepId>,
    ) -> RunOutcome {
        let Opened { primary, fallback, .. } = opened;
        let journey = Journey {
            home: primary,
            fallback,
            ending,
            yes: self.asked.yes,
            max_parallel: self.asked.max_parallel,
            stop: self.stop,
            ui: self.ui,
        };
        let outcome = journey.go(run, done).await;
        let Journey { home, fallback, .. } = journey;
        home.stop().await;
        fallback.stop().await;
        outcome
    }

    fn record(&self, ready: &Ready) -> Record {
        let Opened { prepared, failback, .. } = &ready.opened;
        let grace_ms = u64::try_from(self.grace(prepared).as_millis()).unwrap_or(u64::MAX);
        let lost = ready.both.primary.looked.iter();
        let mut record = Record::new(
            self.failover.folder.id(),
            &self.failover.primary,
            &prepared.checkout.commit,
            &ready.decisions,
            grace_ms,
        );
        record.lost = lost.map(|(id, l)| (id.clone(), l.lost.iter().cloned().collect())).collect();
        record.accepted.clone_from(&self.asked.accepted);
        record.ending = self.ending(failback);
        record
    }

    /// Says how a way home ended.
    pub(super) fn close(
        &self,
        mut run: Run<'_>,
        ended: &Result<RunOutcome, CliError>,
    ) -> Result<(), CliError> {
        let outcome = outcome_of(ended, &mut run, self.stop);
        run.finish(outcome).map_err(|error| {
            let error =
                anyhow!(error).context("the journal could not be written, so the run was stopped");
            CliError::new(Exit::Failed, error)
                .hint(format!("Make room on the disk of `{}`", self.home.root().display()))
        })
    }

    /// Remembers a way home, and removes what is needed no longer.
    pub(super) fn after(&self, ended: &Result<RunOutcome, CliError>) {
        kept::remember(self.home, self.folder, self.ui);
        if !matches!(ended, Ok(RunOutcome::Recovered | RunOutcome::Unverified)) {
            return;
        }
        // Saved plans and inputs hold secrets in clear. What is gone already is no trouble.
        for folder in [self.folder, &self.failover.folder] {
            let _ = fs::remove_dir_all(folder.scratch());
            let _ = WorkCopy::at(folder.work()).remove();
        }
    }
}

/// Makes the steps of the way home out of those that bring the service up; `done` are those that an
/// earlier process of the run did.
///
/// # Errors
///
/// Nothing says how the traffic of a step gets home.
pub(super) fn turn_homeward(opened: &mut Opened, done: &BTreeSet<StepId>) -> Result<(), CliError> {
    let Opened { prepared, primary, fallback, failback } = opened;
    Arc::make_mut(&mut fallback.recovery).known.outputs.clone_from(&fallback.known.outputs);
    let take_back = |step: &StepId| {
        let Ground { recovery, known, tools, .. } = fallback.clone();
        if !has_done_something(step, &tools) && !done.contains(step) {
            return Work::LeftOut("nothing of it is left to take back".to_owned());
        }
        Work::TakeBack(Arc::new(TakeBack { recovery, known, tools, step: step.clone() }))
    };
    let terms =
        Terms { failback, fallback: &fallback.recovery, take_back: &take_back, simulated: false };
    let recovery = homeward((*primary.recovery).clone(), &terms)?;
    let outputs = std::mem::take(&mut primary.known.outputs);
    primary.known = Known { outputs, ..recovery.known.clone() };
    prepared.assembled.recovery = recovery.clone();
    primary.recovery = Arc::new(recovery);
    Ok(())
}

impl Ready {
    fn data(&self, asked: &Asked) -> Result<Data, CliError> {
        let Opened { prepared, failback, .. } = &self.opened;
        self.both.data(&prepared.runbook, failback, asked.data_is_home)
    }
}

impl Ground {
    /// Ends what serves its states.
    async fn stop(self) {
        drop(self.recovery);
        if let Some(tools) = Arc::into_inner(self.tools) {
            tools.server.stop(STATE_GRACE).await;
        }
    }
}
