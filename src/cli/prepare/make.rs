//! Makes a bundle.

use super::{
    bundle::{
        Asked, Bundle, Environment, Head, MAX_AGE, StackMade, Unprepared, catalogue, platform,
    },
    files, providers,
    shelf::{Making, Shelf},
};
use crate::{
    cli::{
        asked::Which,
        error::{CliError, OrExit},
        execute::{GRACE, STATE_GRACE},
        exit::Exit,
        foreseen::foresee,
        home::{Home, RunFolder},
        prepared::{Keeping, Prepared, look},
        taken_up,
        ui::Ui,
    },
    engine::{self, Done, Planned, Recovery, SavedPlan, StackWork, Stop, Tools},
    model::{gate::Refusal, step::StepId},
    observe::refusals,
    source::FetchedFrom,
    terraform::{Action, Invocation, LogFiles},
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// What is to be prepared, and how.
pub(in crate::cli) struct Wanted {
    /// Which service, from where, and into which region.
    pub(in crate::cli) which: Which,
    /// True to copy images that are missing in the fallback.
    pub(in crate::cli) copy: bool,
    /// Other platforms whose providers are kept, besides those of the runbook.
    pub(in crate::cli) platforms: Vec<String>,
    /// How old the bundle may be, over what the runbook says.
    pub(in crate::cli) max_age: Option<Duration>,
    /// How many stacks to work on at once.
    pub(in crate::cli) max_parallel: usize,
}

/// What a bundle is made with.
pub(super) struct Work<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) making: &'a Making,
    /// A run folder of its own inside what is made, removed at the end.
    folder: RunFolder,
    pub(super) home: &'a Home,
    pub(super) stop: &'a Stop,
    pub(super) ui: &'a Ui,
    pub(super) unprepared: Vec<Unprepared>,
}

/// Makes a bundle, and returns it with its folder. The one before stays until it is whole.
///
/// # Errors
///
/// Something without which a bundle is of no use cannot be had; or it was interrupted.
pub(in crate::cli) async fn make(
    wanted: &Wanted,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<(Bundle, PathBuf), CliError> {
    let made_at = Timestamp::now();
    let making = Shelf::of(home, &wanted.which)?.begin()?;
    let folder = Home::at(making.dir.join("run")).new_run(made_at)?;
    let unprepared = Vec::new();
    let mut work = Work { wanted, making: &making, folder, home, stop, ui, unprepared };
    let bundle = work.bundle(made_at).await?;
    if stop.token().is_cancelled() {
        return Err(interrupted());
    }
    let dir = making.finish(&bundle)?;
    Ok((bundle, dir))
}

pub(super) fn interrupted() -> CliError {
    CliError::new(Exit::Interrupted, anyhow!("stopped before all was prepared"))
        .hint("What was prepared before stays in use; run it again")
}

impl Work<'_> {
    async fn bundle(&mut self, made_at: Timestamp) -> Result<Bundle, CliError> {
        let began = Instant::now();
        let which = &self.wanted.which;
        let keeping = Keeping::default();
        let mut prepared =
            look(which, keeping, self.home, &self.folder.work(), self.stop, self.ui).await?;
        if let (FetchedFrom::Mirror { because, .. }, false) =
            (&prepared.checkout.from, which.offline)
        {
            let error = anyhow!("the origin cannot be asked: {}", because.join(": "));
            return Err(CliError::new(Exit::Failed, error)
                .hint("Give `--offline` to prepare from the local mirror all the same"));
        }
        prepared.refused()?;
        prepared.rto = prepared.runbook.service.rto;
        let notes = foresee(&mut prepared, Some(self.home), None).await;
        prepared.notes.extend(notes);
        let runbook = prepared.runbook.clone();
        let mut platforms = runbook.prepare.platforms.clone();
        platforms.extend(self.wanted.platforms.iter().cloned());
        let own = platform();
        platforms.retain(|platform| *platform != own);
        platforms.sort();
        platforms.dedup();
        let images = self.images(&prepared).await?;
        let checks = self.checks(&runbook);
        let (mut salt, asked) = ([0; 16], Asked::of(which, &prepared.repo));
        getrandom::fill(&mut salt)
            .map_err(|error| anyhow!("the system gives no random numbers: {error}"))
            .or_exit(Exit::Failed)?;
        let max_age = self.wanted.max_age.or(runbook.prepare.max_age).unwrap_or(MAX_AGE);
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut bundle = Bundle {
            schema: Bundle::schema(),
            made_at,
            took_ms: 0,
            max_age_ms: ms(max_age),
            drctl: env!("CARGO_PKG_VERSION").to_owned(),
            catalogue: catalogue(),
            terraform: prepared.detected.release,
            platform: own,
            platforms,
            service: prepared.service.clone(),
            asked,
            commit: prepared.checkout.commit.clone(),
            digest: prepared.assembled.digest.clone(),
            files: digests(&prepared),
            environment: Environment::now(&crate::model::text::hex(&salt)),
            stacks: BTreeMap::new(),
            images,
            checks,
            forecast: prepared.forecast.clone(),
            unprepared: Vec::new(),
            notes: prepared.notes.clone(),
        };
        bundle.stacks = self.stacks(prepared, &bundle.platforms).await?;
        bundle.unprepared = std::mem::take(&mut self.unprepared);
        bundle.took_ms = ms(began.elapsed());
        Ok(bundle)
    }

    /// Initialises the stacks, plans those that can be, and keeps what that left.
    async fn stacks(
        &mut self,
        prepared: Prepared,
        platforms: &[String],
    ) -> Result<BTreeMap<StepId, StackMade>, CliError> {
        let root = prepared.checkout.dir.clone();
        let Prepared { assembled, detected, .. } = prepared;
        let producers = assembled.redirections.iter();
        let reading: BTreeSet<StepId> = producers
            .filter(|(_, made)| made.remote_states.iter().any(|state| state.producer.is_some()))
            .map(|(id, _)| id.clone())
            .collect();
        let (recovery, tools) =
            taken_up::open(&self.folder, assembled, detected, GRACE, self.stop).await?;
        let tools = Arc::new(tools);
        let done =
            engine::do_beforehand(&recovery, &reading, &tools, self.wanted.max_parallel).await;
        if self.stop.token().is_cancelled() {
            return Err(interrupted());
        }
        let states = engine::declared_states(&recovery, &tools).await.unwrap_or_default();
        let mut stacks = BTreeMap::new();
        for step in &recovery.steps {
            let engine::Work::Stack(work) = &step.work else { continue };
            let Some(done) = done.get(&step.id) else { continue };
            let path = work.dir.strip_prefix(&root).unwrap_or(&work.dir).to_owned();
            let twin = stacks.values().find(|made: &&StackMade| made.path == path);
            let twin = twin.map(|made| made.providers.clone());
            let mut made = self.stack(&step.id, work, done, path)?;
            if let Some(providers) = twin {
                made.providers = providers;
            }
            self.mirror(&step.id, work, done, platforms, &tools, &mut made).await?;
            made.state = states.get(&step.id).and_then(|state| head(state));
            stacks.insert(step.id.clone(), made);
        }
        self.put_away(&recovery, &stacks)?;
        if let Some(tools) = Arc::into_inner(tools) {
            tools.server.stop(STATE_GRACE).await;
        }
        Ok(stacks)
    }

    /// Keeps what was done for one stack.
    fn stack(
        &mut self,
        step: &StepId,
        work: &StackWork,
        done: &Done,
        path: PathBuf,
    ) -> Result<StackMade, CliError> {
        if let Err(cause) = &done.init {
            let error = anyhow!("`{step}` cannot be initialised: {}", cause.join(": "));
            return Err(CliError::new(Exit::Failed, error)
                .hint("What was prepared before stays in use; see `terraform init` in the stack"));
        }
        let last = self.last_providers();
        let kept = providers::folder(&self.making.dir);
        let providers = providers::gather(&work.dir, &kept, last.as_deref())?;
        let dir = self.making.dir.join("stacks").join(step.as_str());
        let keep = || {
            files::copy(&work.dir.join(".terraform"), &dir.join("terraform"), &["providers"])?;
            match fs::copy(work.dir.join(".terraform.lock.hcl"), dir.join("lock.hcl")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        };
        keep().with_context(|| format!("failed to keep `{step}`")).or_exit(Exit::Failed)?;
        let (plan, refusals) = self.plan(step, &done.plan)?;
        Ok(StackMade {
            path,
            backend: work.state.backend().to_owned(),
            initialised: true,
            providers,
            modules: modules(&dir.join("terraform/modules/modules.json")),
            plan,
            frozen: done.frozen.clone(),
            refusals,
            state: None,
        })
    }

    fn plan(
        &mut self,
        step: &StepId,
        planned: &Planned,
    ) -> Result<(Option<SavedPlan>, Vec<Refusal>), CliError> {
        let mut left = |why: String, expected: bool| {
            let (step, what) = (Some(step.clone()), "plan".to_owned());
            self.unprepared.push(Unprepared { step, what, why, expected });
        };
        match planned {
            Planned::Left(why) => left(why.clone(), true),
            Planned::Failed(cause) => left(format!("it failed: {}", cause.join(": ")), false),
            Planned::Refused(answer) => {
                left(format!("the gate refuses it: {}", refusals(answer)), false);
                return Ok((None, answer.refusals.clone()));
            }
            Planned::Saved(saved) => {
                let file = Path::new("plans").join(format!("{step}.tfplan"));
                let to = self.making.dir.join(&file);
                let plans = to.parent().unwrap_or(&to);
                fs::create_dir_all(plans)
                    .and_then(|()| fs::rename(&saved.file, &to))
                    .with_context(|| format!("failed to keep the plan of `{step}`"))
                    .or_exit(Exit::Failed)?;
                return Ok((Some(SavedPlan { file, ..(**saved).clone() }), Vec::new()));
            }
        }
        Ok((None, Vec::new()))
    }

    /// Gets the providers of other platforms, and holds them against the lock file.
    async fn mirror(
        &mut self,
        step: &StepId,
        work: &StackWork,
        done: &Done,
        platforms: &[String],
        tools: &Tools,
        made: &mut StackMade,
    ) -> Result<(), CliError> {
        let versions = done.init.clone().unwrap_or_default();
        if platforms.is_empty() || versions.is_empty() {
            return Ok(());
        }
        let dir = self.making.dir.join("mirror");
        let action = Action::MirrorProviders { dir: dir.clone(), platforms: platforms.to_vec() };
        let mut call = Invocation::new(&work.dir, action);
        call.env = work.env.clone();
        let log = |end: &str| self.folder.logs().join(format!("mirror-{step}.{end}"));
        let log = LogFiles { stdout: log("out"), stderr: log("err") };
        tools
            .terraform
            .run(&call, &log, &mut |_| {}, self.stop.token())
            .await
            .with_context(|| format!("the providers of `{step}` cannot be mirrored"))
            .or_exit(Exit::Failed)
            .map_err(|error| {
                error.hint("Leave `--platform` out where only this machine recovers")
            })?;
        let (known, unknown) = providers::mirrored(&dir, platforms, &work.dir, &versions)?;
        made.providers.extend(known);
        for provider in unknown {
            self.unprepared.push(Unprepared {
                step: Some(step.clone()),
                what: format!("{} {} for {}", provider.source, provider.version, provider.platform),
                why: "the lock file has no hash to verify it by".to_owned(),
                expected: false,
            });
            made.providers.push(provider);
        }
        Ok(())
    }

    fn last_providers(&self) -> Option<PathBuf> {
        let shelf = Shelf::of(self.home, &self.wanted.which).ok()?;
        Some(providers::folder(&shelf.held().ok()??.dir))
    }

    /// Moves what is read later to its place, and removes all else.
    fn put_away(
        &self,
        recovery: &Recovery,
        stacks: &BTreeMap<StepId, StackMade>,
    ) -> Result<(), CliError> {
        let dir = &self.making.dir;
        let put = || -> std::io::Result<()> {
            fs::rename(self.folder.logs(), dir.join("logs"))?;
            for step in recovery.steps.iter().filter(|step| !stacks.contains_key(&step.id)) {
                let chart = dir.join("steps").join(step.id.as_str()).join("chart");
                if chart.is_dir() {
                    fs::create_dir_all(dir.join("charts"))?;
                    fs::rename(chart, dir.join("charts").join(step.id.as_str()))?;
                }
            }
            for gone in ["run", "steps"] {
                match fs::remove_dir_all(dir.join(gone)) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            Ok(())
        };
        put().context("failed to keep what was prepared").or_exit(Exit::Failed)
    }
}

/// How many modules from elsewhere a stack has.
fn modules(manifest: &Path) -> usize {
    let text = fs::read(manifest).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let all = manifest["Modules"].as_array().into_iter().flatten();
    all.filter(|module| module["Dir"].as_str().is_some_and(|d| d.starts_with(".terraform"))).count()
}

pub(super) fn head(state: &[u8]) -> Option<Head> {
    let state: serde_json::Value = serde_json::from_slice(state).ok()?;
    let lineage = state["lineage"].as_str()?.to_owned();
    Some(Head { serial: state["serial"].as_u64()?, lineage })
}

/// Returns the digests of the runbook, and of the lock files and files of variables of the stacks.
pub(super) fn digests(prepared: &Prepared) -> BTreeMap<PathBuf, String> {
    let root = &prepared.checkout.dir;
    let mut paths = vec![root.join(crate::runbook::FILE_NAME)];
    for step in &prepared.assembled.recovery.steps {
        let engine::Work::Stack(work) = &step.work else { continue };
        paths.push(work.dir.join(".terraform.lock.hcl"));
        paths.extend(work.var_files.iter().cloned());
        let own = fs::read_dir(&work.dir).into_iter().flatten().flatten();
        paths.extend(own.map(|entry| entry.path()).filter(|path| is_variables(path)));
    }
    let read = paths.into_iter().filter_map(|path| {
        let digest = engine::digest(&String::from_utf8_lossy(&fs::read(&path).ok()?));
        Some((path.strip_prefix(root).unwrap_or(&path).to_owned(), digest))
    });
    read.collect()
}

/// Whether Terraform reads a file of variables by itself.
fn is_variables(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "terraform.tfvars"
        || name == "terraform.tfvars.json"
        || name.ends_with(".auto.tfvars")
        || name.ends_with(".auto.tfvars.json")
}
