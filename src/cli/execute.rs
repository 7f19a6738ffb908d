//! From a confirmed plan to the answer of the last probe, with the real parts.

use super::{
    drill,
    error::{CliError, OrExit},
    exit::Exit,
    for_real,
    home::RunFolder,
    prepare,
    prepared::Prepared,
    recover::Attempt,
    rehearsal::{Rehearsal, StateKeys, module_registry, state_keys},
    taken_up::{recalled, tools},
    way::{Simulated, Way},
};
use crate::{
    engine::{
        self, Adopted, Asked, Assembled, Ended, Recovery, Removal, Run, Simulator, Standing,
        StateHome, Tools, Work, find_recovery_points,
    },
    model::{
        run::{RunId, RunOutcome},
        step::StepId,
    },
    probe::{RealProber, Verification},
    provider::{
        modules::ModuleRegistry,
        simulate::{OverrideError, Overrides},
    },
    runbook::{Asks, Known},
    state::{StateError, StateServer, StateStore},
    terraform::TerraformBinary,
};
use anyhow::Context;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// How long an interrupted process may take to end, unless the runbook says: a
/// resource in flight can take as long as its provider's own timeout.
pub(super) const GRACE: Duration = Duration::from_secs(30 * 60);

/// How long the state service waits for a request in flight when the run ends.
pub(super) const STATE_GRACE: Duration = Duration::from_secs(10);

impl Attempt<'_> {
    /// Does what was confirmed, or what an earlier process has `left` of it.
    pub(super) async fn execute(
        &self,
        run: &mut Run<'_>,
        prepared: Prepared,
        left: Option<Left>,
    ) -> Result<RunOutcome, CliError> {
        let Prepared { assembled, detected, limit, bundle, .. } = prepared;
        let simulated = self.way.simulated();
        for dir in [self.folder.scratch(), self.folder.logs()] {
            if left.is_none() || !dir.is_dir() {
                private_dir(&dir)?;
            }
        }
        let (store, server, left) = match left {
            Some(Left { store, server, done, adopted }) => (store, server, Some((done, adopted))),
            None => {
                let (store, server) = serve(self.folder).await?;
                (store, server, None)
            }
        };
        // Only the simulated cloud asks, and only before the overrides are written.
        let keys = match simulated {
            None => StateKeys::new(),
            Some(_) => state_keys(&assembled.recovery, &server),
        };
        write_overrides(&assembled, &server)?;
        if self.way.drill().is_some() {
            drill::unprotect(&assembled.recovery.root)?;
        }
        let grace = self.asked.grace.or(prepared.grace).unwrap_or(GRACE);
        let terraform =
            TerraformBinary { path: detected.path, release: detected.release, grace: Some(grace) };
        let mut recovery = with_state(assembled, &server)?;
        let rehearsal = match simulated {
            None => None,
            Some(simulated) => Some(self.simulate(simulated, &mut recovery, keys).await?),
        };
        let beforehand = match &bundle {
            Some(taken) => taken.lay_out(&recovery, self.folder)?,
            None if left.is_some() => prepare::again(self.folder, &recovery)?,
            None => BTreeMap::new(),
        };
        let region = &recovery.known.region;
        let tools = Arc::new(Tools {
            beforehand,
            plugin_dir: bundle.as_ref().map(|taken| taken.providers()),
            again: matches!(self.way, Way::Failover { again: true, .. }),
            accepted: match self.way {
                Way::Failover { accepted, .. } => accepted.clone(),
                Way::Rehearsal(_) | Way::Drill(_) => Vec::new(),
            },
            simulator: rehearsal.clone().map(|rehearsal| rehearsal as Arc<dyn Simulator>),
            ..tools(self.folder, terraform, (server, store), region, self.stop)
        });
        let prober = Arc::new(RealProber::default());
        let asks_http = recovery.probes.iter().any(|probe| matches!(probe.asks, Asks::Http { .. }));
        if asks_http && (rehearsal.is_none() || recovery.asks_for_real) {
            let prober = Arc::clone(&prober);
            tokio::spawn(async move { prober.warm().await });
        }
        let clock = limit.map(|limit| limit.begin(self.stop));
        let max_parallel = usize::from(self.asked.max_parallel);
        let standing = match left {
            None => Standing::nothing(&recovery),
            Some((done, adopted)) => {
                Standing { adopted, ..recalled(&recovery, &tools, done).await? }
            }
        };
        let (asks, has) = (Arc::clone(&prober), Arc::clone(&tools));
        let (ended, known) =
            engine::execute(&recovery, has, max_parallel, asks, standing, run).await;
        let done = ended == Ended::Done;
        let mut outcome = match ended {
            Ended::Failed => RunOutcome::Failed,
            Ended::Refused => RunOutcome::Refused,
            Ended::Interrupted => RunOutcome::Interrupted,
            Ended::Done => self.verify(&recovery, &known, prober, &tools, run).await,
        };
        drop(clock);
        if self.way.drill().is_some() {
            outcome = self.tear_down(outcome, &recovery, &known, &tools, run).await;
        }
        if let Some(rehearsal) = rehearsal {
            if let Some(act) = simulated.and_then(|simulated| simulated.meanwhile.as_ref())
                && done
            {
                act(Arc::clone(&rehearsal.world)).await;
            }
            let replans = matches!(self.way, Way::Rehearsal(simulated) if simulated.second_plan);
            if done && replans && !self.stop.token().is_cancelled() {
                engine::replan(&recovery, &known, &tools, run).await;
            }
            self.end(&rehearsal, &recovery, &known, &tools, run).await?;
        }
        if let Some(tools) = Arc::into_inner(tools) {
            tools.server.stop(STATE_GRACE).await;
        }
        Ok(outcome)
    }

    /// Makes the simulated cloud, and keeps Terraform from everything else.
    async fn simulate(
        &self,
        simulated: &Simulated,
        recovery: &mut Recovery,
        keys: StateKeys,
    ) -> Result<Arc<Rehearsal>, CliError> {
        let primary = recovery.known.primary.as_deref();
        let world = match &simulated.world {
            Some(world) => Arc::clone(world),
            None => Arc::new(simulated.world(simulated.scenario(primary))),
        };
        let region = recovery.known.region.clone();
        let root = recovery.root.clone();
        let mut values = recovery.simulate.clone();
        values.extend(simulated.values.clone());
        let overrides = Overrides::from_json(&Value::Object(values))
            .map_err(|error| CliError::hinted(Exit::Usage, error, OverrideError::hint))?;
        for_real::adapt(recovery, simulated)?;
        // Programs of the runbook are not run, and who tells the recovery point is one.
        recovery.recovery_points.clear();
        let registry = match &simulated.modules {
            None => None,
            Some(dir) => Some(self.registry(dir, recovery).await?),
        };
        let states = simulated.states.clone();
        Ok(Arc::new(Rehearsal::new(world, root, region, overrides, states, registry, keys)))
    }

    /// Serves registry modules from a folder, and tells Terraform so.
    async fn registry(
        &self,
        dir: &Path,
        recovery: &mut Recovery,
    ) -> Result<ModuleRegistry, CliError> {
        let config = self.folder.scratch().join("terraform.rc");
        let registry = module_registry(&recovery.root, dir, &config).await?;
        for step in &mut recovery.steps {
            if let Work::Stack(stack) = &mut step.work {
                let config = config.display().to_string();
                Arc::make_mut(stack).env.insert("TF_CLI_CONFIG_FILE".to_owned(), config);
            }
        }
        Ok(registry)
    }

    /// Removes what a rehearsal made, or keeps it, and ends the simulated cloud.
    async fn end(
        &self,
        rehearsal: &Rehearsal,
        recovery: &Recovery,
        known: &Known,
        tools: &Arc<Tools>,
        run: &mut Run<'_>,
    ) -> Result<(), CliError> {
        let keeps = self.way.simulated().is_some_and(|simulated| simulated.keep);
        if keeps {
            let text = rehearsal.world.with_cloud(|cloud, _| cloud.save()).or_exit(Exit::Failed)?;
            fs::write(self.folder.cloud(), text)
                .context("failed to keep the simulated cloud")
                .or_exit(Exit::Failed)?;
        } else if self.way.drill().is_none() && !tools.stop.token().is_cancelled() {
            let stop = tools.stop.token();
            Removal { recovery, known, tools, stop, afresh: false }.run(run).await;
        }
        for missing in rehearsal.missing_modules() {
            run.note(missing);
        }
        rehearsal.stop().await;
        Ok(())
    }

    async fn verify(
        &self,
        recovery: &Recovery,
        known: &Known,
        prober: Arc<RealProber>,
        tools: &Tools,
        run: &mut Run<'_>,
    ) -> RunOutcome {
        let verification = engine::verify(recovery, known, prober, tools, Asked::AtEnd, run).await;
        let outage_began = self.asked.outage_at.unwrap_or(self.began_at);
        find_recovery_points(recovery, known, outage_began, run).await;
        match verification {
            Verification::Verified => RunOutcome::Recovered,
            Verification::Unasked => RunOutcome::Unverified,
            Verification::GaveUp { .. } => RunOutcome::Failed,
            Verification::Stopped => RunOutcome::Interrupted,
        }
    }
}

/// What an earlier process of a run left.
pub(super) struct Left {
    /// The states that drctl keeps.
    pub(super) store: Arc<StateStore>,
    /// Serves them; what outlived that process knows its address.
    pub(super) server: StateServer,
    /// The steps that are done.
    pub(super) done: BTreeSet<StepId>,
    /// The applies that it began, and of which it told no end.
    pub(super) adopted: BTreeMap<StepId, Adopted>,
}

/// Opens the states of a run, and serves them.
pub(super) async fn serve(folder: &RunFolder) -> Result<(Arc<StateStore>, StateServer), CliError> {
    let store = Arc::new(StateStore::open(folder.state()).map_err(from_state)?);
    let server = StateServer::start(Arc::clone(&store), folder.id().clone());
    let server = server.await.map_err(from_state)?;
    Ok((store, server))
}

/// Releases the locks of the states that drctl keeps for those who took them in the run `run` and are
/// dead: all but those who work on the stacks `at_work`.
pub(super) fn release_locks(
    store: &StateStore,
    run: &RunId,
    at_work: &BTreeSet<StepId>,
) -> Result<(), CliError> {
    for stack in store.stacks().map_err(from_state)? {
        if !at_work.contains(&stack) {
            store.release(&stack, run).map_err(from_state)?;
        }
    }
    Ok(())
}

/// Writes what points every stack at the fallback into the work copy.
pub(super) fn write_overrides(assembled: &Assembled, server: &StateServer) -> Result<(), CliError> {
    for redirection in assembled.redirections.values() {
        redirection
            .write(&assembled.recovery.root, &|stack| server.url(stack))
            .context("failed to write the override files into the work copy")
            .or_exit(Exit::Failed)?;
    }
    Ok(())
}

pub(super) fn from_state(error: StateError) -> CliError {
    CliError::hinted(Exit::Failed, error, StateError::hint)
}

/// Tells every stack that has no backend of its own where its state is kept.
pub(super) fn with_state(assembled: Assembled, server: &StateServer) -> Result<Recovery, CliError> {
    let mut recovery = assembled.recovery;
    for step in &mut recovery.steps {
        let Work::Stack(stack) = &mut step.work else { continue };
        if stack.state == StateHome::Own {
            let env = server.backend_env(&step.id).map_err(from_state)?;
            Arc::make_mut(stack).env.extend(env);
        }
    }
    Ok(recovery)
}

pub(super) fn private_dir(dir: &Path) -> Result<(), CliError> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("failed to make `{}`", dir.display()))
        .or_exit(Exit::Failed)
}

/// Whether several `init` at once would write to one plugin cache.
pub(super) fn shares_plugin_cache() -> bool {
    env::var_os("TF_PLUGIN_CACHE_DIR").is_some()
        || cli_config().is_some_and(|text| text.contains("plugin_cache_dir"))
}

/// The text of Terraform's CLI configuration, if there is one.
fn cli_config() -> Option<String> {
    let path = env::var_os("TF_CLI_CONFIG_FILE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".terraformrc")))?;
    fs::read_to_string(path).ok()
}
