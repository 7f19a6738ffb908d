//! The simulated cloud of a rehearsal, as the engine sees it.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    harmful::harm,
};
use crate::{
    config::{module::Module, repository::Repository},
    engine::{Learnt, PlannedStep, Recovery, Simulator, SimulatorError, Work},
    model::{event::EventKind, finding::Place, step::StepId},
    probe::Verification,
    provider::{
        infer::{self, Inferred, InstalledModules, MANIFEST, ModuleManifest, Repair},
        modules::{ModuleRegistry, ModulesError, Wanted},
        simulate::{
            Files, Overrides, RemoteStates, Settings, Simulation, SimulationError, StateValues,
            StateValuesError, World,
        },
        wire::reattach::{Providers, ServeError, VARIABLE},
    },
    retarget::{add_override, harmless},
    sim::Filter,
    state::StateServer,
};
use anyhow::{Context, anyhow};
use async_trait::async_trait;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A whole rehearsal: one cloud, and the providers of each stack.
pub(super) struct Rehearsal {
    pub(super) world: Arc<World>,
    /// The root of the scratch copy.
    pub(super) root: PathBuf,
    /// The fallback region.
    pub(super) region: String,
    /// What the runbook knows better than the catalogue.
    pub(super) overrides: Overrides,
    /// Copies of the primary's states, by the stack's name.
    states: BTreeMap<String, Vec<u8>>,
    /// Where registry modules come from, when not from their registry.
    registry: Option<ModuleRegistry>,
    /// What each stack's state is known by to the stacks that read it.
    keys: StateKeys,
    /// The outputs of the stacks that are up.
    remote_states: RemoteStates,
    /// Whether the stacks' tests are run.
    tested: bool,
    stacks: Mutex<BTreeMap<StepId, Arc<Simulated>>>,
    /// What the clock of the cloud showed when it began: what was there before is not its own.
    began_ms: u64,
    /// How many recoveries were made in its world before.
    earlier: u64,
}

/// A stack while its providers are served.
struct Simulated {
    dir: PathBuf,
    inferred: Inferred,
    simulation: Arc<Simulation>,
    providers: Providers,
}

impl Rehearsal {
    pub(super) fn new(
        world: Arc<World>,
        root: PathBuf,
        region: String,
        overrides: Overrides,
        states: BTreeMap<String, Vec<u8>>,
        registry: Option<ModuleRegistry>,
        keys: StateKeys,
    ) -> Self {
        let (began_ms, earlier) = (world.now_ms(), world.begin_recovery());
        Self {
            world,
            root,
            region,
            overrides,
            states,
            registry,
            keys,
            remote_states: RemoteStates::default(),
            tested: false,
            stacks: Mutex::default(),
            began_ms,
            earlier,
        }
    }

    /// Reads the test files of every stack, too: they ask for attributes that the code does not.
    pub(super) fn with_tests(self) -> Self {
        Self { tested: true, ..self }
    }

    /// Serves what was inferred of a stack, in the place of what was served before.
    async fn serve(
        &self,
        step: &StepId,
        dir: &Path,
        inferred: Inferred,
    ) -> Result<BTreeMap<String, String>, SimulatorError> {
        let state = match self.states.get(step.as_str()) {
            None => None,
            Some(text) => Some(
                StateValues::read(text, None)
                    .map_err(|error| SimulatorError::new(error, StateValuesError::hint))?,
            ),
        };
        let settings = Settings {
            state,
            stack: Some(step.to_string()),
            region: self.region.clone(),
            overrides: self.overrides.clone(),
            remote_states: self.remote_states.clone(),
            files: Some(Files::within(&self.root, dir)),
            earlier: self.earlier,
            ..Settings::default()
        };
        let simulation = Simulation::new(Arc::clone(&self.world), inferred.clone(), settings)
            .map_err(|error| SimulatorError::new(error, SimulationError::hint))?;
        let simulation = Arc::new(simulation);
        let providers = simulation
            .serve()
            .await
            .map_err(|error| SimulatorError::new(error, ServeError::hint))?;
        let env = BTreeMap::from([(VARIABLE.to_owned(), providers.reattach())]);
        let dir = dir.to_owned();
        let simulated = Arc::new(Simulated { dir, inferred, simulation, providers });
        self.stacks().insert(step.clone(), simulated);
        Ok(env)
    }

    fn stacks(&self) -> MutexGuard<'_, BTreeMap<StepId, Arc<Simulated>>> {
        self.stacks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stack(&self, step: &StepId) -> Option<Arc<Simulated>> {
        self.stacks().get(step).cloned()
    }

    /// Returns what was asked of the folder of modules and is not there.
    pub(super) fn missing_modules(&self) -> Vec<String> {
        let missing = self.registry.iter().flat_map(ModuleRegistry::missing);
        missing.map(|m| format!("module {}: {}", m.module, m.cause.join(": "))).collect()
    }

    /// Stops serving.
    pub(super) async fn stop(&self) {
        let stacks = std::mem::take(&mut *self.stacks());
        for stack in stacks.into_values().filter_map(Arc::into_inner) {
            stack.providers.stop().await;
        }
    }

    /// Returns the folder of a stack from the root of the scratch copy.
    fn inside<'a>(&self, dir: &'a Path) -> &'a Path {
        dir.strip_prefix(&self.root).unwrap_or(dir)
    }
}

/// Serves registry modules from the folder `dir` to the repository at `root`, and writes
/// the CLI configuration that tells Terraform so to `config`.
pub(super) async fn module_registry(
    root: &Path,
    dir: &Path,
    config: &Path,
) -> Result<ModuleRegistry, CliError> {
    let repository = Repository::read(root, None)
        .context("failed to read the modules of the repository")
        .or_exit(Exit::Failed)?;
    let wanted = Wanted::of(repository.modules());
    // Inside the work copy, since Terraform links to the copies and what a link leads to
    // outside of it is not read; hidden, so that it is no part of the repository.
    let copies = root.join(".drctl-modules");
    if copies.symlink_metadata().is_ok() {
        let error = anyhow!("`.drctl-modules` is committed, where copies of modules are to be put");
        return Err(CliError::new(Exit::Usage, error).hint("Remove it from the repository"));
    }
    let registry = ModuleRegistry::start(dir, &copies, wanted)
        .await
        .map_err(|error| CliError::hinted(Exit::Usage, error, ModulesError::hint))?;
    fs::write(config, registry.cli_config())
        .with_context(|| format!("failed to write `{}`", config.display()))
        .or_exit(Exit::Failed)?;
    Ok(registry)
}

/// What the state of each stack is known by: where it is now, and where its own backend keeps it.
pub(super) type StateKeys = BTreeMap<StepId, Vec<String>>;

/// Reads what the state of each stack is known by, before any override takes that away.
///
/// A stack whose backend block does not say is known by its folder, too.
pub(super) fn state_keys(recovery: &Recovery, server: &StateServer) -> StateKeys {
    let key = |step: &PlannedStep| {
        let Work::Stack(work) = &step.work else { return None };
        let dir = work.dir.strip_prefix(&recovery.root).unwrap_or(&work.dir);
        let module = Module::read(&recovery.root, dir, None).ok()?;
        let named = ["key", "prefix", "path", "address"].iter().find_map(|name| {
            module
                .backend
                .as_ref()?
                .body()
                .expr(name)?
                .literal_string()
                .filter(|key| !key.is_empty())
        });
        let folder = || Some(dir.to_str()?.to_owned()).filter(|dir| !dir.is_empty());
        let keys = named.or_else(folder).into_iter().chain([server.url(&step.id)]);
        Some((step.id.clone(), keys.collect()))
    };
    recovery.steps.iter().filter_map(key).collect()
}

/// What `terraform get` left, and the root module itself.
fn modules(root: &Path, stack: &Path) -> Result<(Module, InstalledModules), SimulatorError> {
    let module =
        Module::read(root, stack, None).map_err(|error| SimulatorError::new(error, |_| None))?;
    let manifest = root.join(stack).join(MANIFEST);
    let installed = match manifest.exists() {
        false => InstalledModules::default(),
        true => ModuleManifest::read(&manifest)
            .and_then(|manifest| manifest.modules(root, stack))
            .map_err(|error| SimulatorError::new(error, infer::ManifestError::hint))?,
    };
    Ok((module, installed))
}

#[async_trait]
impl Simulator for Rehearsal {
    async fn ready(
        &self,
        step: &StepId,
        dir: &Path,
    ) -> Result<BTreeMap<String, String>, SimulatorError> {
        let stack = self.inside(dir);
        let (mut root, installed) = modules(&self.root, stack)?;
        if self.tested {
            root.read_tests(&self.root);
        }
        for (dir, module) in installed.folders().chain([(root.dir.as_path(), &root)]) {
            let dir = self.root.join(dir);
            if let Some(why) = harm(&self.root, &dir, module) {
                return Err(SimulatorError::new(why, |why| Some(why.hint())));
            }
            if let Some(text) = harmless(module) {
                add_override(&dir, &text).map_err(|error| SimulatorError::new(error, |_| None))?;
            }
        }
        let inferred = infer::infer(&root, &|caller, call| installed.resolve(caller, call))
            .map_err(|error| SimulatorError::new(error, infer::InferError::hint))?;
        let mut inferred = inferred;
        if let Some(state) = self.states.get(step.as_str()) {
            let state = serde_json::from_slice(state)
                .map_err(|error| SimulatorError::new(error, |_| None))?;
            inferred
                .add_state(&state)
                .map_err(|error| SimulatorError::new(error, infer::StateError::hint))?;
        }
        self.serve(step, dir, inferred).await
    }

    async fn learn(&self, step: &StepId, said: &Path) -> Result<Option<Learnt>, SimulatorError> {
        let Some(stack) = self.stack(step) else { return Ok(None) };
        let (root, installed) = modules(&self.root, self.inside(&stack.dir))?;
        let modules: Vec<&Module> = installed.modules().chain([&root]).collect();
        let mut inferred = stack.inferred.clone();
        let mended: Vec<String> = diagnostics(said)
            .iter()
            .filter_map(|said| Repair::read(said, &modules, self.inside(&stack.dir)))
            .filter(|repair| inferred.apply(repair))
            .map(|repair| repair.to_string())
            .collect();
        if mended.is_empty() {
            return Ok(None);
        }
        let env = self.serve(step, &stack.dir.clone(), inferred).await?;
        Ok(Some(Learnt { mended, env }))
    }

    fn is_up(&self, step: &StepId, outputs: Map<String, Value>) {
        for key in self.keys.get(step).into_iter().flatten() {
            self.remote_states.set(key, outputs.clone());
        }
    }

    async fn findings(&self, step: &StepId) -> Vec<EventKind> {
        let Some(stack) = self.stack(step) else { return Vec::new() };
        let invented = stack.simulation.invented().into_iter();
        invented
            .map(|invented| EventKind::Invented {
                step: step.clone(),
                resource_type: invented.kind,
                attribute: invented.attribute,
                read_at: invented.places.into_iter().collect::<Vec<Place>>(),
            })
            .collect()
    }

    async fn verify(&self) -> Verification {
        self.world.with_cloud(|cloud, now_ms| {
            cloud.advance(now_ms);
            let down: BTreeSet<String> = cloud
                .objects(&Filter::default())
                .filter(|object| {
                    object.created_at_ms >= self.began_ms && object.gone_at_ms.is_none()
                })
                .filter(|object| !cloud.serves(&object.key, now_ms))
                .map(|object| object.made_by.address.clone())
                .collect();
            match down.into_iter().next() {
                None => Verification::Verified,
                Some(first) => Verification::GaveUp {
                    probe: "simulated cloud".to_owned(),
                    detail: format!("`{first}` does not serve"),
                },
            }
        })
    }
}

/// The diagnostics among the lines that a command printed.
fn diagnostics(said: &Path) -> Vec<Value> {
    let text = fs::read_to_string(said).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|line| line["type"] == "diagnostic")
        .map(|mut line| line["diagnostic"].take())
        .collect()
}
