//! What is needed to go on with a way home: on the disk before anything is done.

use super::Ending;
use crate::{
    cli::{
        durable,
        error::{CliError, OrExit},
        exit::Exit,
        home::RunFolder,
    },
    model::{run::RunId, step::StepId},
};
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::PathBuf,
};

/// The form of the record. Keys are added under it, never changed or taken away.
const SCHEMA: &str = "drctl/failback/v1";

/// What a way home was asked, and what was confirmed. It holds no secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    schema: String,
    /// The failover.
    pub(super) failover: RunId,
    /// The region that is gone home to.
    pub(super) primary: String,
    /// The commit that is at home there.
    pub(super) commit: String,
    /// The digest of what is done where it is at home, whatever was found there.
    pub(super) decisions: String,
    /// What was seen to be lost in the primary, by stack.
    pub(super) lost: BTreeMap<StepId, BTreeSet<String>>,
    /// Digests of changes that somebody said yes to.
    pub(super) accepted: Vec<String>,
    /// What becomes of the fallback.
    pub(super) ending: Option<Ending>,
    /// How long an interrupted process may take to end, in milliseconds.
    pub(super) grace_ms: u64,
}

impl Record {
    pub(super) fn new(
        failover: &RunId,
        primary: &str,
        commit: &str,
        decisions: &str,
        grace_ms: u64,
    ) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            failover: failover.clone(),
            primary: primary.to_owned(),
            commit: commit.to_owned(),
            decisions: decisions.to_owned(),
            lost: BTreeMap::new(),
            accepted: Vec::new(),
            ending: None,
            grace_ms,
        }
    }

    fn path(folder: &RunFolder) -> PathBuf {
        folder.asked().with_file_name("failback.json")
    }

    /// Writes it: when this returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// It cannot be written; then nothing may be done.
    pub(super) fn write(&self, folder: &RunFolder) -> Result<(), CliError> {
        let path = Self::path(folder);
        let text = || -> io::Result<String> { Ok(format!("{:#}\n", serde_json::to_value(self)?)) };
        text()
            .and_then(|text| durable::replace(&path, text.as_bytes()))
            .with_context(|| format!("failed to write `{}`", path.display()))
            .or_exit(Exit::Failed)
            .map_err(|error| error.hint("Make room on the disk: nothing was done yet"))
    }

    /// Reads it; `None` when there is none: then nothing was done, or the run is no way home.
    ///
    /// # Errors
    ///
    /// It is there and cannot be read.
    pub(super) fn read(folder: &RunFolder) -> Result<Option<Self>, CliError> {
        let path = Self::path(folder);
        let cannot = || format!("failed to read `{}`", path.display());
        let text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(cannot).or_exit(Exit::Failed)?,
        };
        serde_json::from_slice(&text).map(Some).with_context(cannot).or_exit(Exit::Failed)
    }
}
