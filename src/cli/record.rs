//! What is needed to go on with a run, or to sweep up after a drill: on the disk before anything is made.

use super::{
    asked::Which,
    durable,
    error::{CliError, OrExit},
    exit::Exit,
};
use crate::model::run::RunId;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// The form of the record. Keys are added under it, never changed or taken away.
const SCHEMA: &str = "drctl/drill/v1";

/// What a run was asked. It holds no secret: a repository is named without credentials, and its
/// commit is in the local mirror.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    schema: String,
    /// The run.
    pub(super) run: RunId,
    /// Its service.
    pub(super) service: String,
    /// The region that it rebuilds into.
    pub(super) region: String,
    /// The commit, as 40 hexadecimal digits.
    pub(super) commit: String,
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
    pub(super) grace_ms: u64,
}

impl Record {
    /// Makes the record of a run.
    pub(super) fn new(
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

    /// Returns what the run was asked, at the commit that it took; `terraform` wins over its own.
    pub(super) fn which(&self, terraform: Option<&str>, offline: bool) -> Which {
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

    /// Writes it: when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// It cannot be written; then nothing may be made.
    pub(super) fn write(&self, path: &Path) -> Result<(), CliError> {
        let text = || -> io::Result<String> { Ok(format!("{:#}\n", serde_json::to_value(self)?)) };
        text()
            .and_then(|text| durable::replace(path, text.as_bytes()))
            .with_context(|| format!("failed to write `{}`", path.display()))
            .or_exit(Exit::Failed)
            .map_err(|error| error.hint("Make room on the disk: nothing was made yet"))
    }

    /// Reads it; `None` when there is none: then nothing was made.
    ///
    /// # Errors
    ///
    /// It is there and cannot be read.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, CliError> {
        let cannot = || format!("failed to read `{}`", path.display());
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(cannot).or_exit(Exit::Failed)?,
        };
        serde_json::from_slice(&text).map(Some).with_context(cannot).or_exit(Exit::Failed)
    }
}
