//! What every kind of deployment step has in common, and what it is done with.

use super::{
    command::CommandStep,
    error::DeployError,
    images::Image,
    process::{Logs, run},
};
use crate::model::{
    deploy::{ImageAnswer, ObjectState, Traffic},
    step::Phase,
};
use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How much of what a program prints is read, in bytes: some 10,000 objects as `kubectl` shows them.
const MOST: u64 = 64 << 20;

/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(30);

/// A step that brings something up on what the stacks made.
///
/// All of it is data: making one touches nothing.
#[async_trait]
pub trait Deployment: Send + Sync {
    /// Returns the command lines that it will run, in order, without secrets: what a dry run shows.
    fn commands(&self) -> Vec<String>;

    /// Returns the images that have to be had from registries; `None` when only the stacks can tell. May
    /// run programs that change nothing.
    ///
    /// # Errors
    ///
    /// [`DeployError`] when they cannot be told.
    async fn images(&self, job: &Job<'_>) -> Result<Option<Vec<Image>>, DeployError> {
        let _ = job;
        Ok(Some(Vec::new()))
    }

    /// Does what can be done before all that the step needs is up: finds its programs, asks for its
    /// images. What it is made of may lack what only the stacks will tell.
    ///
    /// Changes nothing outside `job.scratch`.
    ///
    /// # Errors
    ///
    /// [`DeployError`] when it can be told now that the step will fail.
    async fn prepare(&self, job: &Job<'_>) -> Result<(), DeployError>;

    /// Brings it up, and returns once it is ready. What stood there before is written to
    /// `job.memory` first. It can be called again after it failed or was killed.
    ///
    /// # Errors
    ///
    /// [`DeployError`] for everything short of that.
    async fn bring_up(&self, job: &Job<'_>) -> Result<(), DeployError>;

    /// Takes back what [`Deployment::bring_up`] did, as `job.memory` tells: what it made is removed,
    /// and what it changed is put back as it stood. Nothing to take back is no error.
    ///
    /// # Errors
    ///
    /// [`DeployError`] when something of it is left.
    async fn take_back(&self, job: &Job<'_>) -> Result<(), DeployError>;
}

/// What a deployment is done with.
pub struct Job<'a> {
    /// The step's name.
    pub step: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The run's name.
    pub run: &'a str,
    /// The fallback region.
    pub region: &'a str,
    /// The root of the work copy, where programs run.
    pub root: &'a Path,
    /// The environment of every program, besides drctl's own.
    pub env: &'a BTreeMap<String, String>,
    /// A folder of the step's own, 0700, which is gone after the run: for files that hold secrets.
    pub scratch: &'a Path,
    /// The file in which the step remembers what stood before it; it stays after the run.
    pub memory: &'a Path,
    /// Where the output of programs goes.
    pub logs: &'a Path,
    /// Numbers the log files of the run.
    pub next_log: &'a AtomicU32,
    /// Tells when the run is asked to stop.
    pub stop: &'a CancellationToken,
    /// Says what happens.
    pub tell: &'a dyn Tell,
}

impl Job<'_> {
    /// Runs a program to its end and returns what it printed, at most 64 MiB. What it prints is in a
    /// file of `scratch` for that long, since it may hold secrets.
    ///
    /// # Errors
    ///
    /// [`DeployError`] for everything short of exit code 0.
    pub(super) async fn ask(
        &self,
        name: &str,
        argv: Vec<String>,
        limit: Duration,
    ) -> Result<String, DeployError> {
        let mut logs = self.logs(name);
        let file = logs.stdout.file_name().unwrap_or_default().to_owned();
        logs.stdout = self.scratch.join(file);
        let step = self.command(argv, limit);
        run(&step, &logs, self.stop).await?;
        let unread = |source| DeployError::Log { path: logs.stdout.clone(), source };
        let mut text = Vec::new();
        File::open(&logs.stdout)
            .and_then(|file| file.take(MOST).read_to_end(&mut text))
            .and_then(|_| fs::remove_file(&logs.stdout))
            .map_err(unread)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Returns a program of this step, ready to run in the work copy.
    pub(super) fn command(&self, argv: Vec<String>, limit: Duration) -> CommandStep {
        let (dir, env) = (self.root.to_owned(), self.env.clone());
        CommandStep { argv, dir, env, limit, grace: GRACE }
    }

    /// Remembers what stood before the step, for good: the file is 0600 and on the disk when this
    /// returns.
    ///
    /// # Errors
    ///
    /// [`DeployError::Log`] when it cannot be written: then nothing may be changed.
    pub(super) fn remember<T: Serialize>(&self, what: &T) -> Result<(), DeployError> {
        let failed = |source| DeployError::Log { path: self.memory.to_owned(), source };
        let text = serde_json::to_vec_pretty(what).map_err(io::Error::other).map_err(failed)?;
        let fresh = self.memory.with_extension("new");
        let write = || {
            let mut options = OpenOptions::new();
            let mut file =
                options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&fresh, self.memory)?;
            self.memory.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        };
        write().map_err(failed)
    }

    /// Returns what [`Job::remember`] was given last, when that was ever called in the run.
    ///
    /// # Errors
    ///
    /// [`DeployError::Log`] when it is there and cannot be read.
    pub(super) fn recall<T: DeserializeOwned>(&self) -> Result<Option<T>, DeployError> {
        let read = match fs::read(self.memory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.and_then(|text| serde_json::from_slice(&text).map_err(io::Error::other)),
        };
        read.map(Some).map_err(|source| DeployError::Log { path: self.memory.to_owned(), source })
    }

    /// Forgets what stood before the step: it is put back.
    pub(super) fn forget(&self) {
        // What is left of it only says what is so.
        let _ = fs::remove_file(self.memory);
    }

    /// Returns new names for the output of the command `name`.
    pub fn logs(&self, name: &str) -> Logs {
        let number = self.next_log.fetch_add(1, Ordering::Relaxed);
        let file = |end: &str| -> PathBuf {
            self.logs.join(format!("{number:03}-{}-{name}.{end}", self.step))
        };
        Logs { stdout: file("out"), stderr: file("err") }
    }
}

/// How a deployment says what happens.
#[async_trait]
pub trait Tell: Send + Sync {
    /// Says that a phase begins, and returns once that is remembered; each at most once.
    ///
    /// # Errors
    ///
    /// [`DeployError::Forgotten`]: then nothing may be begun.
    async fn begins(&self, phase: Phase) -> Result<(), DeployError>;

    /// Says that a phase ended.
    fn ends(&self, phase: Phase, ok: bool);

    /// Says what is seen.
    fn say(&self, news: News);
}

/// What a deployment sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Something worth knowing that stopped nothing: one sentence.
    Note(String),
    /// Something that is waited for is in a new state.
    Object(ObjectState),
    /// Registries were asked for images.
    Images(Vec<ImageAnswer>),
    /// A name leads elsewhere.
    Traffic(Traffic),
}
