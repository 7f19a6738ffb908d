//! A simulated cloud that outlives drctl: real failovers run on it, and are killed on it.
//!
//! A rehearsal ends its cloud with itself. This one is served by whoever starts it, so what a
//! killed drctl or Terraform had made can still be listed. Terraform reaches it through a wrapper,
//! `DIR/terraform`: it tells the real one, by the folder that it runs in, which sockets answer for
//! the stack there, and becomes it. Give it to `drctl failover --terraform DIR/terraform`, or use it
//! in the place of `terraform` by hand.
//!
//! A resource is known to the cloud by its `name`, or its `Name` tag: the address of what is listed is
//! that of the code as long as both are the same.
#![allow(dead_code, reason = "each program that includes this uses a part of it")]

use drctl::{
    catalogue::Catalogue,
    config::{module::Module, repository::Repository},
    provider::{
        infer::{infer, local_modules},
        simulate::{Settings, Simulation, World},
        wire::reattach::{Providers, VARIABLE},
    },
    sim::{Call, Cloud, Filter, ObjectKey, Operation, Scenario},
};
use serde_json::Value;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::runtime::Runtime;

/// What the cloud is like.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    /// How long a creation takes, in milliseconds. A removal takes as long, a change and a read a tenth.
    pub(crate) latency_ms: u64,
    /// The same for some types, by their name.
    pub(crate) latency_by_type: BTreeMap<String, u64>,
    /// What goes wrong, with times since the start. [`SimCloud::play`] adds to it later; `slow` takes
    /// the address of a single resource.
    pub(crate) scenario: Scenario,
    /// The region of provider blocks that name none.
    pub(crate) region: String,
    /// What the draws begin with.
    pub(crate) seed: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            latency_ms: 20,
            latency_by_type: BTreeMap::new(),
            scenario: Scenario::default(),
            region: "ap-northeast-2".to_owned(),
            seed: 1,
        }
    }
}

/// One object of the cloud, as far as tests compare it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Thing {
    /// The region, or `global`.
    pub(crate) region: String,
    /// The stack, by the name of its folder.
    pub(crate) stack: String,
    /// The type, a dot, and the resource's `name` or `Name` tag.
    pub(crate) address: String,
    /// The type of the resource.
    pub(crate) kind: String,
    /// Its id.
    pub(crate) id: String,
    /// When it was ready, in milliseconds since the cloud began.
    pub(crate) created_ms: u64,
    /// When it was lost, when it was. What Terraform removed is not listed.
    pub(crate) gone_ms: Option<u64>,
}

/// How often the cloud was asked to do something.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    created: AtomicU64,
    removed: AtomicU64,
}

/// A cloud that is served until this is dropped.
pub(crate) struct SimCloud {
    dir: PathBuf,
    world: Arc<World>,
    counts: Arc<Counts>,
    stacks: Vec<Stack>,
    serving: Mutex<Option<Serving>>,
    // Dropped last: the providers stop on it.
    runtime: Runtime,
}

/// The providers of all stacks.
struct Serving {
    /// What Terraform takes for their process: it watches it, and kills it when a socket is dead.
    process: Child,
    _providers: Vec<Providers>,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Gone already is fine: Terraform may have been first.
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

struct Stack {
    /// Its folder from the root of the repository; empty for the root itself.
    path: PathBuf,
    simulation: Arc<Simulation>,
}

impl SimCloud {
    /// Serves every root module of the repository at `repo`, and writes the wrapper into `dir`, a
    /// folder that is made.
    ///
    /// `stacks` are their folders from the root of the repository.
    ///
    /// # Panics
    ///
    /// The code cannot be read, or there is no room for sockets.
    pub(crate) fn start(repo: &Path, stacks: &[&str], dir: &Path, weather: Weather) -> Self {
        let counts = Arc::new(Counts::default());
        let known = Cow::Borrowed(Catalogue::builtin());
        let latencies = latencies(&weather, Arc::clone(&counts));
        let cloud = Cloud::new(weather.seed, weather.scenario.clone(), latencies);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let world = Arc::new(World::resume(cloud, known, 1.0));
        let repository = Repository::read(repo, None).expect("a repository that can be read");
        let stack = |path: &&str| {
            let path = PathBuf::from(path.trim_start_matches("./").trim_matches('.'));
            let module = Module::read(repo, &path, None).expect("a stack that can be read");
            let inferred = infer(&module, &local_modules(&repository)).expect("inferred schemas");
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let settings =
                Settings { stack: name, region: weather.region.clone(), ..Settings::default() };
            let simulation = Simulation::new(Arc::clone(&world), inferred, settings);
            Stack { path, simulation: Arc::new(simulation.expect("schemas")) }
        };
        let stacks = stacks.iter().map(stack).collect();
        fs::create_dir_all(dir).expect("a folder for the wrapper");
        let cloud =
            Self { dir: dir.to_owned(), world, counts, stacks, serving: Mutex::default(), runtime };
        cloud.answer();
        let wrapper = cloud.terraform();
        fs::write(&wrapper, cloud.script()).expect("a wrapper that can be written");
        fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).expect("its mode");
        cloud
    }

    /// Returns the wrapper, which stands for `terraform`.
    pub(crate) fn terraform(&self) -> PathBuf {
        self.dir.join("terraform")
    }

    /// Lists what stands in the cloud, and what was lost, in the order of region, stack and address.
    pub(crate) fn things(&self) -> Vec<Thing> {
        let mut things: Vec<Thing> = self.world.with_cloud(|cloud, now_ms| {
            cloud.advance(now_ms);
            let thing = |object: &drctl::sim::Object| Thing {
                region: object.key.place.region().unwrap_or("global").to_owned(),
                stack: object.made_by.stack.clone().unwrap_or_default(),
                address: object.made_by.address.clone(),
                kind: object.key.kind.clone(),
                id: object.key.id.clone(),
                created_ms: object.created_at_ms,
                gone_ms: object.gone_at_ms,
            };
            cloud.objects(&Filter::default()).map(thing).collect()
        });
        things.sort();
        things
    }

    /// Returns how many objects were made since the cloud began.
    pub(crate) fn created(&self) -> u64 {
        self.counts.created.load(Ordering::Relaxed)
    }

    /// Returns how many objects were removed since the cloud began.
    pub(crate) fn removed(&self) -> u64 {
        self.counts.removed.load(Ordering::Relaxed)
    }

    /// Lets something go wrong from now on.
    pub(crate) fn play(&self, scenario: Value) {
        let scenario = Scenario::from_value(scenario).expect("a scenario");
        self.world.with_cloud(|cloud, now_ms| cloud.play(scenario, now_ms));
    }

    /// Kills every provider: what was asked of it has been done, and nobody hears of it.
    pub(crate) fn crash(&self) {
        let _in = self.runtime.enter();
        self.serving().take();
    }

    /// Takes away all that stands in a region, as if it had never been.
    pub(crate) fn remove_all(&self, region: &str) {
        self.world.with_cloud(|cloud, now_ms| {
            let filter = Filter { region: Some(region.to_owned()), ..Filter::default() };
            let stands: Vec<_> = cloud.objects(&filter).cloned().collect();
            for object in stands {
                let ObjectKey { provider, account, place, kind, id } = object.key;
                let by = object.made_by;
                let call = Call { provider, account, place, control_plane: None, kind, by };
                // What is gone by itself is gone.
                let _ = cloud.delete(now_ms, &call, &id);
            }
        });
    }

    /// Serves the providers when they do not answer.
    pub(crate) fn answer_if_crashed(&self) {
        if self.serving().is_none() {
            self.answer();
        }
    }

    /// Serves the providers, again after a [`SimCloud::crash`]: all that stood there still stands.
    pub(crate) fn answer(&self) {
        let mut serving = self.serving();
        serving.take();
        let process = Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn();
        let process = process.expect("`sleep` on the PATH");
        let (ours, its) = (pid_of(std::process::id()), pid_of(process.id()));
        let serve = |(n, stack): (usize, &Stack)| {
            let providers = self.runtime.block_on(stack.simulation.serve()).expect("sockets");
            // Renamed into place, since a Terraform may be starting.
            let (path, new) = (self.sockets(n), self.dir.join("new"));
            let text = providers.reattach().replace(&ours, &its) + "\n";
            fs::write(&new, text).expect("a file that can be written");
            fs::rename(new, path).expect("a file that can be renamed");
            providers
        };
        let providers = self.stacks.iter().enumerate().map(serve).collect();
        *serving = Some(Serving { process, _providers: providers });
    }

    fn serving(&self) -> std::sync::MutexGuard<'_, Option<Serving>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sockets(&self, stack: usize) -> PathBuf {
        self.dir.join(format!("{stack}.sockets"))
    }

    /// The wrapper: nothing of it remains once Terraform runs, so signals reach that alone.
    fn script(&self) -> String {
        let real = which::which("terraform").expect("`terraform` on the PATH");
        let mut cases = String::new();
        // The longest path first: it says most.
        let mut stacks: Vec<_> = self.stacks.iter().enumerate().collect();
        stacks.sort_by_key(|(_, stack)| std::cmp::Reverse(stack.path.as_os_str().len()));
        for (n, stack) in stacks {
            let pattern = match stack.path.as_os_str().is_empty() {
                true => "*".to_owned(),
                false => format!("*/'{}'", stack.path.display()),
            };
            let _ = writeln!(cases, "{pattern}) sockets='{}' ;;", self.sockets(n).display());
        }
        format!(
            "#!/bin/sh\n\
             dir=$PWD sockets=\n\
             for arg; do case $arg in -chdir=/*) dir=${{arg#-chdir=}} ;; -chdir=*) dir=$PWD/${{arg#-chdir=}} ;; esac; done\n\
             case $dir in\n{cases}esac\n\
             if [ -n \"$sockets\" ]; then\n\
             \x20 IFS= read -r {VARIABLE} <\"$sockets\"\n\
             \x20 export {VARIABLE}\n\
             fi\n\
             exec '{}' \"$@\"\n",
            real.display()
        )
    }
}

/// How the sockets' description names the process that answers.
fn pid_of(id: u32) -> String {
    format!("\"Pid\":{id},")
}

/// How long calls take, and how many of them there were.
fn latencies(
    weather: &Weather,
    counts: Arc<Counts>,
) -> impl Fn(&str, Operation, f64) -> Duration + Send + Sync + 'static {
    let (usual, by_type) = (weather.latency_ms, weather.latency_by_type.clone());
    move |kind, operation, _| {
        let ms = *by_type.get(kind).unwrap_or(&usual);
        match operation {
            Operation::Create => counts.created.fetch_add(1, Ordering::Relaxed),
            Operation::Delete => counts.removed.fetch_add(1, Ordering::Relaxed),
            Operation::Read | Operation::Update => return Duration::from_millis(ms / 10),
        };
        Duration::from_millis(ms)
    }
}
