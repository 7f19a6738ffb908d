//! Going on with a failover that failed, was stopped, or whose drctl was killed.

use super::{
    adopt,
    asked::Asked,
    cmd::report,
    error::{CliError, OrExit},
    execute::{Left, release_locks, serve},
    exit::Exit,
    failback,
    home::{Home, RunFolder},
    kept, left_over, outlived,
    output::Output,
    prepare,
    prepared::{Keeping, Prepared},
    record::Record,
    recover::Attempt,
    taken_up::{self, check_out_again, check_out_beside},
    ui::Ui,
    way::Way,
};
use crate::{
    engine::{Adopted, Decisions, Run, Stop},
    model::{
        event::{Event, EventKind},
        run::{RunKind, RunOutcome},
        step::{StepId, StepOutcome},
    },
    observe::journal,
    report::show::Format,
    state,
};
use anyhow::anyhow;
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeSet, time::Duration};

/// How a run is gone on with.
pub(super) struct Resumption {
    /// True to ask nobody: it was confirmed when it began, and nothing else is done now.
    pub(super) yes: bool,
    /// Digests of changes to what is there that somebody said yes to.
    pub(super) accepted: Vec<String>,
    /// The terraform to run, over that of the run.
    pub(super) terraform: Option<String>,
    /// What somebody decided about what the run left.
    pub(super) decisions: Decisions,
    /// True to end what outlived the process before, and not to follow it to its end.
    pub(super) end: bool,
    /// True to ask no server for the repository.
    pub(super) offline: bool,
    pub(super) json: bool,
    pub(super) max_parallel: u16,
    pub(super) grace: Option<Duration>,
    pub(super) write: Vec<Output<Format>>,
}

/// What the journal of a run says of it.
struct Before {
    began_at: Timestamp,
    outage_at: Option<Timestamp>,
    digest: String,
    done: BTreeSet<StepId>,
    last: Event,
}

impl Resumption {
    /// Goes on with the run of `folder`.
    ///
    /// # Errors
    ///
    /// There is nothing to go on with, or it goes on in another process; and as a failover has them.
    pub(super) async fn resume(
        mut self,
        folder: &RunFolder,
        home: &Home,
        stop: &Stop,
        ui: &Ui,
    ) -> Result<Exit, CliError> {
        if failback::is_one(folder) {
            return failback::resume(self.homeward(), folder, home, stop, ui).await;
        }
        loop {
            let exit = self.once(folder, home, stop, ui).await?;
            let may_ask = ui.is_interactive() && !self.yes && !stop.token().is_cancelled();
            if exit != Exit::Refused || !may_ask {
                return Ok(exit);
            }
            if !left_over::ask(folder, ui, &mut self.decisions).await? {
                return Ok(exit);
            }
        }
    }

    async fn once(
        &self,
        folder: &RunFolder,
        home: &Home,
        stop: &Stop,
        ui: &Ui,
    ) -> Result<Exit, CliError> {
        let before = Before::read(folder)?;
        let Some(record) = Record::read(&folder.asked())? else { return Err(nothing(folder)) };
        let mut which = record.which(self.terraform.as_deref(), self.offline);
        which.json = self.json;
        let asked = Asked {
            which,
            rto: None,
            rpo: None,
            outage_at: before.outage_at,
            max_parallel: self.max_parallel,
            grace: Some(self.grace.unwrap_or(Duration::from_millis(record.grace_ms))),
            keep_work: false,
            write: self.write.clone(),
        };
        let way = Way::Failover {
            expected: self.yes.then(|| before.digest.clone()),
            again: true,
            accepted: self.accepted.clone(),
            prepared: prepare::Prepared::Ignore,
            noticed: None,
        };
        let (began_at, way) = (before.began_at, &way);
        let attempt =
            Attempt { asked: &asked, began_at, way, folder, home, stop, ui, quiet: false };
        attempt.go_on(&before, self, Duration::from_millis(record.grace_ms)).await
    }
}

impl Resumption {
    /// The same for a way home.
    fn homeward(self) -> failback::Asked {
        failback::Asked {
            dry_run: false,
            yes: self.yes,
            expected: None,
            accepted: self.accepted,
            data_is_home: true,
            primary_is_back: true,
            ending: None,
            reference: None,
            terraform: self.terraform,
            offline: self.offline,
            json: self.json,
            max_parallel: self.max_parallel,
            grace: self.grace,
            write: self.write,
        }
    }
}

impl Before {
    fn read(folder: &RunFolder) -> Result<Self, CliError> {
        let journal = journal::read(&folder.journal()).or_exit(Exit::Usage)?;
        let run = folder.id();
        let mut before = None;
        let (mut done, mut outcome, mut digest) = (BTreeSet::new(), None, None);
        let mut simulated = false;
        for event in &journal.events {
            match &event.kind {
                EventKind::RunStarted { run_kind, began_at, outage, .. } => {
                    let ago = SignedDuration::from_millis(
                        i64::try_from(outage.before_ms).unwrap_or(i64::MAX),
                    );
                    before = Some((*run_kind, *began_at, began_at.checked_sub(ago).ok()));
                }
                EventKind::Simulated { .. } => simulated = true,
                EventKind::RunPlanned { digest: its, .. } => digest = Some(its.clone()),
                EventKind::StepFinished { step, outcome } => {
                    let stands = matches!(outcome, StepOutcome::Done);
                    if stands {
                        done.insert(step.clone())
                    } else {
                        done.remove(step)
                    };
                }
                // What was taken back is done again.
                EventKind::RemovalFinished { step, .. } => {
                    done.remove(step);
                }
                EventKind::RunResumed { .. } => outcome = None,
                EventKind::RunFinished { outcome: its } => outcome = Some(*its),
                _ => {}
            }
        }
        let (kind, began_at, outage_at) = before.ok_or_else(|| nothing(folder))?;
        let refuse = |why: String, hint: String| {
            Err(CliError::new(Exit::Usage, anyhow!("{why}")).hint(hint))
        };
        if simulated || kind != RunKind::Failover {
            let hint = match kind {
                RunKind::Drill if !simulated => {
                    format!("Remove what it left: `drctl drill --sweep {run}`")
                }
                _ => "Begin it anew: it changed nothing".to_owned(),
            };
            return refuse(format!("the run {run} is no failover"), hint);
        }
        if matches!(outcome, Some(RunOutcome::Recovered | RunOutcome::Unverified)) {
            let hint = format!("See what it took: `drctl report {run}`");
            return refuse(format!("the run {run} came to its end"), hint);
        }
        let digest = digest.ok_or_else(|| nothing(folder))?;
        let last = journal.events.last().cloned().ok_or_else(|| nothing(folder))?;
        Ok(Self { began_at, outage_at, digest, done, last })
    }
}

fn nothing(folder: &RunFolder) -> CliError {
    let error = anyhow!("the run {} ended before anything was done", folder.id());
    CliError::new(Exit::Usage, error).hint("Begin it anew: `drctl failover`")
}

impl Attempt<'_> {
    /// Runs what is left of a run, prints the report, and writes it to the files that were asked for.
    async fn go_on(
        &self,
        before: &Before,
        how: &Resumption,
        grace: Duration,
    ) -> Result<Exit, CliError> {
        if let Err(error) = self.run_rest(before, how, grace).await {
            report::write_all(self.folder, &self.asked.write, self.ui);
            return Err(error);
        }
        report::tell(self.folder, &self.asked.write, self.asked.which.json, self.ui)
    }

    async fn run_rest(
        &self,
        before: &Before,
        how: &Resumption,
        grace: Duration,
    ) -> Result<RunOutcome, CliError> {
        let (journal, events) = taken_up::journal(self.folder)?;
        let left = self.examine(before, &events, how, grace).await?;
        let prepared = self.confirm_rest(before, left.adopted.values().any(Adopted::runs)).await?;
        let mut sink = self.shown_beside(journal)?;
        let since = Timestamp::now().duration_since(self.began_at).as_millis();
        let since_ms = u64::try_from(since).unwrap_or(0);
        let mut run = Run::go_on(&before.last, since_ms, &mut sink);
        run.say(EventKind::RunResumed {
            drctl: env!("CARGO_PKG_VERSION").to_owned(),
            at: Timestamp::now(),
            done: before.done.iter().cloned().collect(),
        });
        let ended = self.execute(&mut run, prepared, Some(left)).await;
        let outcome = self.close(run, &ended);
        drop(sink);
        outcome?;
        kept::remember(self.home, self.folder, self.ui);
        ended
    }

    /// Looks what the process before left: ends what runs and cannot be followed, or must not be, and
    /// releases the locks of what is dead.
    async fn examine(
        &self,
        before: &Before,
        events: &[Event],
        how: &Resumption,
        grace: Duration,
    ) -> Result<Left, CliError> {
        let (store, server) = serve(self.folder).await?;
        let mut adopted = adopt::broken_off(events, self.folder, grace);
        let spared = if how.end { BTreeSet::new() } else { adopt::groups(&adopted) };
        outlived::end_all_but(&spared, self.folder, grace, self.stop, self.ui).await?;
        if how.end {
            adopted = adopt::broken_off(events, self.folder, grace);
        }
        let runs = adopted.iter().filter(|(_, adopted)| adopted.runs());
        let at_work: BTreeSet<StepId> = runs.map(|(step, _)| step.clone()).collect();
        for step in &at_work {
            self.ui.say(&format!("The apply of `{step}` still runs: it is followed to its end\n"));
        }
        release_locks(&store, self.folder.id(), &at_work)?;
        let mut decisions =
            Decisions { resumed_at: Some(Timestamp::now()), ..how.decisions.clone() };
        if server.before == Some(state::Before::Rebooted) {
            decisions.unsynced.extend(adopt::open(events));
        }
        Ok(Left { store, server, done: before.done.clone(), adopted, decisions })
    }

    /// Checks the same commit out again, with what Terraform had to leave in the old work copy, and
    /// asks whether to go on. A work copy in which something runs stays where it is.
    async fn confirm_rest(&self, before: &Before, runs: bool) -> Result<Prepared, CliError> {
        let (folder, which) = (self.folder, &self.asked.which);
        let keeping = Keeping::default();
        let (home, stop, ui) = (self.home, self.stop, self.ui);
        let prepared = match runs {
            true => check_out_beside(folder, which, home, stop, ui).await?,
            false => check_out_again(folder, which, keeping, home, stop, ui).await?,
        };
        if prepared.assembled.digest != before.digest {
            let error = anyhow!(
                "what would be done is no longer what was confirmed: its digest is {}, and was {}",
                prepared.assembled.digest,
                before.digest
            );
            return Err(CliError::new(Exit::Refused, error).hint(
                "Go on with the drctl that began the run, or begin it anew with `drctl failover --again`",
            ));
        }
        tokio::select! {
            by = self.confirm(&prepared) => by.map(drop)?,
            () = self.stop.token().cancelled() => {
                let error = anyhow!("interrupted before anything was done");
                return Err(CliError::new(Exit::Interrupted, error));
            }
        }
        Ok(prepared)
    }
}
