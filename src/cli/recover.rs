//! A recovery from the first flag to the last line of its report.

use super::{
    after_go::AfterGo,
    confirm::confirm,
    earlier::refuse_twice,
    error::{CliError, OrExit},
    exit::Exit,
    home::{Home, RunFolder},
    prepared::{Prepared, prepare},
    ui::Ui,
};
use crate::{
    engine::{
        self, Assembled, Ended, Recovery, Run, StateHome, Stop, Tools, Work, find_recovery_points,
    },
    model::{
        event::{EventKind, Sink},
        run::{DeclaredBy, Outage, OutageSource, RunId, RunKind, RunOutcome},
        time::Objective,
    },
    observe::{
        Apart, Fanout, journal::JournalWriter, json::JsonLines, lines::Lines, progress::Progress,
    },
    probe::{RealProber, Verification},
    runbook::Asks,
    source::WorkCopy,
    state::{StateServer, StateStore},
    terraform::TerraformBinary,
};
use anyhow::Context;
use jiff::Timestamp;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{task::spawn_blocking, time::Instant};

/// How long an interrupted process may take to end, unless the runbook says: a
/// resource in flight can take as long as its provider's own timeout.
const GRACE: Duration = Duration::from_secs(30 * 60);

/// How long the state service waits for a request in flight when the run ends.
const STATE_GRACE: Duration = Duration::from_secs(10);

/// What the command line asked for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) repo: String,
    pub(super) reference: Option<String>,
    pub(super) region: String,
    pub(super) primary: Option<String>,
    pub(super) runbook: PathBuf,
    pub(super) stack: Option<PathBuf>,
    pub(super) rto: Option<Objective>,
    pub(super) rpo: Option<Objective>,
    pub(super) outage_at: Option<Timestamp>,
    pub(super) began_at: Timestamp,
    pub(super) max_parallel: usize,
    pub(super) grace: Option<Duration>,
    pub(super) offline: bool,
    pub(super) terraform: Option<String>,
    pub(super) keep: bool,
    pub(super) again: bool,
    pub(super) json: bool,
    /// The digest that stands for a person's word.
    pub(super) expected: Option<String>,
}

/// Shows what would be done, and does nothing.
pub(super) async fn show(asked: &Asked, home: &Home, ui: &Ui) -> Result<Exit, CliError> {
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let prepared = prepare(asked, home, &scratch.path().join("work"), &Stop::default(), ui).await?;
    ui.answer(&match asked.json {
        true => format!("{:#}\n", prepared.json()),
        false => prepared.text(),
    });
    Ok(Exit::Met)
}

/// Runs a recovery to its end, and prints its report.
pub(super) async fn recover(
    asked: &Asked,
    home: &Home,
    folder: RunFolder,
    stop: &Stop,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let start = Instant::now();
    let mut sink = sinks(asked, &folder)?;
    let started = started(asked, folder.id().clone())?;
    let mut run = Run::begin(start, started, &mut sink)
        .with_context(|| format!("failed to write `{}`", folder.journal().display()))
        .or_exit(Exit::Failed)
        .map_err(|error| {
            error.hint("Make room on the disk, or set `DRCTL_HOME` to a folder on another")
        })?;
    let mut attempt = Attempt { asked, home, folder: &folder, stop, ui };
    let ended = attempt.go(&mut run).await;
    run.interrupted(stop);
    let outcome = match &ended {
        Ok(outcome) => *outcome,
        Err(error) => {
            run.note(error.summary());
            if stop.signal().is_some() { RunOutcome::Interrupted } else { RunOutcome::Failed }
        }
    };
    let finished = run.finish(outcome);
    drop(sink);
    if let Err(error) = finished {
        let error = anyhow::Error::new(error)
            .context("the journal could not be written, so the run was stopped");
        return Err(CliError::new(Exit::Failed, error).hint(format!(
            "Make room on the disk of `{}`; what was done until then is in `{}`",
            home.root().display(),
            folder.journal().display()
        )));
    }
    attempt.clean_up(outcome);
    ended?;
    if asked.json {
        super::cmd::report::exit_of(&folder)
    } else {
        super::cmd::report::print(&folder, ui)
    }
}

fn sinks(asked: &Asked, folder: &RunFolder) -> Result<Fanout, CliError> {
    let journal = JournalWriter::create(&folder.journal()).or_exit(Exit::Failed)?;
    let show: Box<dyn Sink> = match Progress::on_stderr().or_exit(Exit::Failed)? {
        Some(progress) => Box::new(AfterGo::new(Box::new(progress))),
        None => Box::new(Lines::new(std::io::stderr())),
    };
    let mut shows = vec![show];
    if asked.json {
        shows.push(Box::new(JsonLines::new(std::io::stdout())));
    }
    let apart = shows.into_iter().map(|show| Ok(Box::new(Apart::new(show)?) as Box<dyn Sink>));
    let apart =
        apart.collect::<std::io::Result<_>>().context("failed to start").or_exit(Exit::Failed)?;
    Ok(Fanout::new(Box::new(journal), apart))
}

fn started(asked: &Asked, run: RunId) -> Result<EventKind, CliError> {
    let outage = match asked.outage_at {
        None => Outage { before_ms: 0, known_by: OutageSource::Assumed },
        Some(at) => {
            let before = asked.began_at.duration_since(at).as_millis();
            let before_ms = u64::try_from(before).unwrap_or(0);
            Outage { before_ms, known_by: OutageSource::Declared }
        }
    };
    Ok(EventKind::RunStarted {
        run,
        run_kind: RunKind::Failover,
        drctl: env!("CARGO_PKG_VERSION").to_owned(),
        began_at: asked.began_at,
        repo: super::prepared::origin(&asked.repo)?.to_string(),
        region: asked.region.clone(),
        outage,
    })
}

/// One try at a recovery.
struct Attempt<'a> {
    asked: &'a Asked,
    home: &'a Home,
    folder: &'a RunFolder,
    stop: &'a Stop,
    ui: &'a Ui,
}

impl Attempt<'_> {
    async fn go(&mut self, run: &mut Run<'_>) -> Result<RunOutcome, CliError> {
        let prepared =
            prepare(self.asked, self.home, &self.folder.work(), self.stop, self.ui).await?;
        prepared.say(run);
        if !self.asked.again {
            let region = &prepared.assembled.recovery.known.region;
            refuse_twice(self.home, self.folder.id(), &prepared.service, region)?;
        }
        if self.asked.expected.is_none() {
            self.ui.say(&prepared.text());
        }
        tokio::select! {
            by = self.confirm(&prepared) => run.declared(by?),
            () = self.stop.token().cancelled() => return Ok(RunOutcome::Interrupted),
        }
        self.execute(run, prepared).await
    }

    /// Asks who says go, on a thread of its own: a prompt can be left unanswered.
    async fn confirm(&self, prepared: &Prepared) -> Result<DeclaredBy, CliError> {
        let (ui, expected) = (*self.ui, self.asked.expected.clone());
        let (service, digest) = (prepared.service.clone(), prepared.assembled.digest.clone());
        let region = self.asked.region.clone();
        let asking =
            spawn_blocking(move || confirm(&ui, &service, &region, &digest, expected.as_deref()));
        asking.await.context("the question broke off").or_exit(Exit::Failed)?
    }

    async fn execute(&self, run: &mut Run<'_>, prepared: Prepared) -> Result<RunOutcome, CliError> {
        let Prepared { assembled, detected, .. } = prepared;
        for redirection in assembled.redirections.values() {
            redirection
                .write(&assembled.recovery.root)
                .context("failed to write the override files into the work copy")
                .or_exit(Exit::Failed)?;
        }
        for dir in [self.folder.scratch(), self.folder.logs()] {
            private_dir(&dir)?;
        }
        let store = Arc::new(StateStore::open(self.folder.state()).or_exit(Exit::Failed)?);
        let server = StateServer::start(Arc::clone(&store), self.folder.id().clone())
            .await
            .or_exit(Exit::Failed)?;
        let grace = self.asked.grace.or(prepared.grace).unwrap_or(GRACE);
        let terraform =
            TerraformBinary { path: detected.path, release: detected.release, grace: Some(grace) };
        let recovery = with_state(assembled, &server)?;
        let tools = Arc::new(Tools {
            server,
            troubles: Default::default(),
            terraform: Arc::new(terraform),
            store,
            stop: self.stop.clone(),
            region: recovery.known.region.clone(),
            primary: recovery.known.primary.clone(),
            scratch: self.folder.scratch(),
            logs: self.folder.logs(),
            one_init: shares_plugin_cache().then(Default::default),
            next_log: 0.into(),
        });
        let prober = Arc::new(RealProber::default());
        if recovery.probes.iter().any(|probe| matches!(probe.asks, Asks::Http { .. })) {
            let prober = Arc::clone(&prober);
            tokio::spawn(async move { prober.warm().await });
        }
        let (ended, known) =
            engine::execute(&recovery, Arc::clone(&tools), self.asked.max_parallel, run).await;
        if let Some(tools) = Arc::into_inner(tools) {
            tools.server.stop(STATE_GRACE).await;
        }
        match ended {
            Ended::Failed => return Ok(RunOutcome::Failed),
            Ended::Refused => return Ok(RunOutcome::Refused),
            Ended::Interrupted => return Ok(RunOutcome::Interrupted),
            Ended::Done => {}
        }
        let verification = engine::verify(&recovery, &known, prober, self.stop.token(), run).await;
        let outage_began = self.asked.outage_at.unwrap_or(self.asked.began_at);
        find_recovery_points(&recovery, &known, outage_began, run).await;
        Ok(match verification {
            Verification::Verified => RunOutcome::Recovered,
            Verification::Unasked => RunOutcome::Unverified,
            Verification::GaveUp { .. } => RunOutcome::Failed,
            Verification::Stopped => RunOutcome::Interrupted,
        })
    }

    /// Removes what a good run needs no longer; a bad one keeps it for whoever looks into it.
    fn clean_up(&mut self, outcome: RunOutcome) {
        if !matches!(outcome, RunOutcome::Recovered | RunOutcome::Unverified) {
            return;
        }
        // Saved plans and inputs hold secrets in clear, so they go in any case.
        let scratch = fs::remove_dir_all(self.folder.scratch());
        if let Err(error) = scratch {
            self.ui.say(&format!(
                "note: failed to remove `{}`: {error}\n",
                self.folder.scratch().display()
            ));
        }
        if !self.asked.keep
            && let Err(error) = WorkCopy::at(self.folder.work()).remove()
        {
            self.ui.say(&format!("note: failed to remove the work copy: {error}\n"));
        }
    }
}

/// Tells every stack that has no backend of its own where its state is kept.
fn with_state(assembled: Assembled, server: &StateServer) -> Result<Recovery, CliError> {
    let mut recovery = assembled.recovery;
    for step in &mut recovery.steps {
        let Work::Stack(stack) = &mut step.work else { continue };
        if stack.state == StateHome::Own {
            let env = server.backend_env(&step.id).or_exit(Exit::Failed)?;
            Arc::make_mut(stack).env.extend(env);
        }
    }
    Ok(recovery)
}

fn private_dir(dir: &Path) -> Result<(), CliError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("failed to make `{}`", dir.display()))
        .or_exit(Exit::Failed)
}

/// Whether several `init` at once would write to one plugin cache.
fn shares_plugin_cache() -> bool {
    std::env::var_os("TF_PLUGIN_CACHE_DIR").is_some()
        || cli_config().is_some_and(|text| text.contains("plugin_cache_dir"))
}

/// The text of Terraform's CLI configuration, if there is one.
fn cli_config() -> Option<String> {
    let path = std::env::var_os("TF_CLI_CONFIG_FILE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".terraformrc")))?;
    fs::read_to_string(path).ok()
}
