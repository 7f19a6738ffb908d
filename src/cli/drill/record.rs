//! What is needed to sweep up after a drill, on the disk before anything is made.

use crate::{
    cli::{
        asked::Which,
        durable, earlier,
        error::{CliError, OrExit},
        exit::Exit,
        home::RunFolder,
    },
    model::{
        event::EventKind,
        run::{RunId, RunOutcome},
    },
    observe::journal::JournalReader,
};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The form of the record. Keys are added under it, never changed or taken away.
const SCHEMA: &str = "drctl/drill/v1";

/// What is needed to sweep up after a drill. It holds no secret: a repository is named without
/// credentials, and its commit is in the local mirror.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    schema: String,
    /// The drill.
    pub(crate) run: RunId,
    /// Its service.
    pub(crate) service: String,
    /// The region that it rebuilds into.
    pub(crate) region: String,
    /// The commit, as 40 hexadecimal digits.
    pub(crate) commit: String,
    repo: String,
    #[serde(default)]
    primary: Option<String>,
    runbook: PathBuf,
    #[serde(default)]
    stack: Option<PathBuf>,
    #[serde(default)]
    replace: Vec<(String, String)>,
    #[serde(default)]
    workspace: Option<String>,
    #[serde(default)]
    terraform: Option<String>,
    /// How long an interrupted Terraform may take to end, in milliseconds.
    pub(crate) grace_ms: u64,
}

impl Record {
    /// Makes the record of a drill.
    pub(crate) fn new(
        run: &RunId,
        service: &str,
        repo: &str,
        commit: &str,
        which: &Which,
        terraform: &Path,
        grace: Duration,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            run: run.clone(),
            service: service.to_owned(),
            region: which.region.clone(),
            commit: commit.to_owned(),
            repo: repo.to_owned(),
            primary: which.primary.clone(),
            runbook: which.runbook.clone(),
            stack: which.stack.clone(),
            replace: which.replace.clone(),
            workspace: which.workspace.clone(),
            // What made a thing can remove it, also where `PATH` is another, as in cron.
            terraform: terraform.to_str().map(str::to_owned),
            grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Returns what the drill was asked, at the commit that it took; `terraform` wins over its own.
    pub(crate) fn which(&self, terraform: Option<&str>, offline: bool) -> Which {
        Which {
            reference: Some(self.commit.clone()),
            primary: self.primary.clone(),
            runbook: self.runbook.clone(),
            stack: self.stack.clone(),
            replace: self.replace.clone(),
            workspace: self.workspace.clone(),
            offline,
            terraform: terraform.map(str::to_owned).or_else(|| self.terraform.clone()),
            ..Which::of(self.repo.clone(), self.region.clone())
        }
    }

    /// Writes it into the folder of the drill: when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// It cannot be written; then nothing may be made.
    pub(crate) fn write(&self, folder: &RunFolder) -> Result<(), CliError> {
        let text = || -> io::Result<String> { Ok(format!("{:#}\n", serde_json::to_value(self)?)) };
        text()
            .and_then(|text| durable::replace(&folder.drill(), text.as_bytes()))
            .with_context(|| format!("failed to write `{}`", folder.drill().display()))
            .or_exit(Exit::Failed)
            .map_err(|error| error.hint("Make room on the disk: nothing was made yet"))
    }

    /// Reads it; `None` when the run is no drill, or made nothing.
    ///
    /// # Errors
    ///
    /// It is there and cannot be read.
    pub(crate) fn read(folder: &RunFolder) -> Result<Option<Self>, CliError> {
        let path = folder.drill();
        let cannot = || format!("failed to read `{}`", path.display());
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(cannot).or_exit(Exit::Failed)?,
        };
        serde_json::from_slice(&text).map(Some).with_context(cannot).or_exit(Exit::Failed)
    }
}

/// Whether something may be left of a drill.
pub(super) fn is_open(folder: &RunFolder) -> bool {
    if earlier::resources(&folder.state()) > 0 {
        return true;
    }
    // A journal that cannot be read proves nothing.
    let Ok(journal) = JournalReader::open(&folder.journal()) else { return true };
    let mut closed = false;
    for event in journal {
        let Ok(event) = event else { return true };
        match event.kind {
            EventKind::RunFinished { outcome } => closed = outcome != RunOutcome::NotRemoved,
            // It may have been killed, too.
            EventKind::SweepStarted { .. } => closed = false,
            EventKind::SweepFinished { removed, .. } => closed = removed,
            _ => {}
        }
    }
    !closed
}
