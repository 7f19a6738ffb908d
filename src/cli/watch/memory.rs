//! What a watch must not forget, on the disk before anything is done about it.

use super::case::{Case, Fired};
use crate::{
    cli::{
        durable,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
    },
    model::run::RunId,
    outage::Kept,
};
use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

/// The form of the memory.
const SCHEMA: &str = "drctl/watch/v1";

/// What a watch must not forget.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Memory {
    schema: String,
    /// The service.
    pub(super) service: String,
    /// The fallback region.
    pub(super) region: String,
    /// What the judge knows.
    pub(super) judge: Kept,
    /// The outage that goes on.
    pub(super) case: Option<Case>,
    /// The newest failover that was begun.
    pub(super) fired: Option<Fired>,
}

impl Memory {
    /// A memory of a watch that begins.
    pub(super) fn new(service: &str, region: &str, judge: Kept) -> Self {
        let (service, region) = (service.to_owned(), region.to_owned());
        Self { schema: SCHEMA.to_owned(), service, region, judge, case: None, fired: None }
    }
}

/// The folder of a watch: 0700.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Place {
    dir: PathBuf,
}

impl Place {
    /// Makes the folder of the watch over a service that falls back to a region.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(super) fn make(home: &Home, service: &str, region: &str) -> Result<Self, CliError> {
        let place = Self { dir: home.watch(service, region) };
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(place.answers())
            .with_context(|| format!("failed to make `{}`", place.dir.display()))
            .or_exit(Exit::Failed)
            .map_err(|error| error.hint("Set `DRCTL_HOME` to a folder that can be written"))?;
        Ok(place)
    }

    /// Returns the folders of all watches.
    pub(super) fn all(home: &Home) -> Vec<Self> {
        let entries = fs::read_dir(home.watches()).into_iter().flatten().flatten();
        let mut all: Vec<_> = entries.map(|entry| Self { dir: entry.path() }).collect();
        all.retain(|place| place.memory().is_file());
        all.sort_by(|one, other| one.dir.cmp(&other.dir));
        all
    }

    /// Keeps a second watch over the same from running, for as long as the file is open.
    ///
    /// # Errors
    ///
    /// One runs; `instead` says what to do then.
    pub(super) fn claim(&self, instead: &str) -> Result<File, CliError> {
        let path = self.dir.join("lock");
        let cannot = || format!("failed to open `{}`", path.display());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).with_context(cannot).or_exit(Exit::Failed)?;
        if file.try_lock().is_err() {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            let error = anyhow!("it is watched already, by process {}", pid.trim());
            return Err(CliError::new(Exit::Usage, error).hint(instead));
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(cannot)
            .or_exit(Exit::Failed)?;
        Ok(file)
    }

    /// Reads what is remembered; `None` when there is nothing.
    ///
    /// # Errors
    ///
    /// There is something that cannot be understood.
    pub(super) fn load(&self) -> Result<Option<Memory>, CliError> {
        let path = self.memory();
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text
                .with_context(|| format!("failed to read `{}`", path.display()))
                .or_exit(Exit::Failed)?,
        };
        let cannot = |error: anyhow::Error| {
            CliError::new(Exit::Failed, error).hint(format!(
                "If no failover is under way (see `drctl runs`), move `{}` away and begin anew",
                path.display()
            ))
        };
        let memory: Memory = serde_json::from_slice(&text)
            .with_context(|| format!("what the watch remembers in `{}` is damaged", path.display()))
            .map_err(cannot)?;
        if memory.schema != SCHEMA {
            return Err(cannot(anyhow!("`{}` was written by another drctl", path.display())));
        }
        Ok(Some(memory))
    }

    /// Remembers, also if the machine stops right after this.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub(super) fn save(&self, memory: &Memory) -> io::Result<()> {
        durable::replace(&self.memory(), &serde_json::to_vec(memory)?)
    }

    fn memory(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    /// Returns where answers of people are put.
    pub(super) fn answers(&self) -> PathBuf {
        self.dir.join("answers")
    }

    /// Returns where notices wait to be delivered.
    pub(super) fn outbox(&self) -> PathBuf {
        self.dir.join("outbox")
    }

    /// Returns where the output of a failover goes.
    pub(super) fn log(&self, run: &str) -> PathBuf {
        self.dir.join(format!("{run}.log"))
    }

    /// Returns the key that links are signed with, made at its first use.
    ///
    /// # Errors
    ///
    /// It cannot be read or made.
    pub(super) fn key(&self) -> io::Result<Vec<u8>> {
        let path = self.dir.join("key");
        match fs::read(&path) {
            Ok(key) if key.len() == 32 => return Ok(key),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut key = vec![0; 32];
        getrandom::fill(&mut key).map_err(io::Error::other)?;
        durable::replace(&path, &key)?;
        Ok(key)
    }
}

/// Returns every outage that a watch sees, by its service. One that cannot be read is none that is known.
pub(in crate::cli) fn outages(home: &Home) -> Vec<(String, RunId)> {
    let memories = Place::all(home).into_iter().filter_map(|place| place.load().ok()?);
    memories.filter_map(|memory| Some((memory.service, memory.case?.id))).collect()
}
