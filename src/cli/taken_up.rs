//! A run that another process began, with all that is needed to do something about it.

use super::{
    carried::{carry, next_log},
    error::{CliError, OrExit},
    execute::{
        break_locks, from_state, private_dir, shares_plugin_cache, with_state, write_overrides,
    },
    exit::Exit,
    home::RunFolder,
    prepared::Prepared,
};
use crate::{
    engine::{Recovery, Stop, Tools},
    state::{StateServer, StateStore},
    terraform::TerraformBinary,
};
use anyhow::Context;
use std::{fs, path::PathBuf, sync::Arc, time::Duration};

/// A run that another process began.
pub(super) struct TakenUp {
    /// What it does.
    pub(super) recovery: Recovery,
    /// What it is done with.
    pub(super) tools: Arc<Tools>,
}

impl TakenUp {
    /// Opens its states and its tools, over the work copy that `prepared` made.
    ///
    /// # Errors
    ///
    /// Something of it cannot be read, or made.
    pub(super) async fn open(
        folder: &RunFolder,
        prepared: Prepared,
        grace: Duration,
        stop: &Stop,
    ) -> Result<Self, CliError> {
        for dir in [folder.scratch(), folder.logs()] {
            if !dir.is_dir() {
                private_dir(&dir)?;
            }
        }
        let store = Arc::new(StateStore::open(folder.state()).map_err(from_state)?);
        let server = StateServer::start(Arc::clone(&store), folder.id().clone());
        let server = server.await.map_err(from_state)?;
        break_locks(&store)?;
        write_overrides(&prepared.assembled, &server)?;
        let Prepared { assembled, detected, .. } = prepared;
        let recovery = with_state(assembled, &server)?;
        let terraform =
            TerraformBinary { path: detected.path, release: detected.release, grace: Some(grace) };
        let tools = Tools {
            server,
            troubles: Default::default(),
            terraform: Arc::new(terraform),
            store,
            stop: stop.clone(),
            region: recovery.known.region.clone(),
            again: false,
            accepted: Vec::new(),
            scratch: folder.scratch(),
            run: folder.id().clone(),
            deploy: folder.deploy(),
            logs: folder.logs(),
            one_init: shares_plugin_cache().then(Default::default),
            next_log: next_log(&folder.logs()).into(),
            simulator: None,
            simulated_env: Default::default(),
        };
        Ok(Self { recovery, tools: Arc::new(tools) })
    }
}

/// Moves the work copy of a run aside, if there is one, so that another can be made.
///
/// # Errors
///
/// It cannot be moved.
pub(super) fn move_aside(folder: &RunFolder) -> Result<(), CliError> {
    let work = folder.work();
    if !work.exists() {
        return Ok(());
    }
    let free = (1..).map(|n| work.with_extension(n.to_string())).find(|path| !path.exists());
    fs::rename(&work, free.unwrap_or_default())
        .with_context(|| format!("failed to move `{}` aside", work.display()))
        .or_exit(Exit::Failed)
}

/// Returns the work copies that were moved aside, the oldest first.
pub(super) fn old_work(folder: &RunFolder) -> Vec<PathBuf> {
    let work = folder.work();
    let aside = |n: u32| work.with_extension(n.to_string());
    (1..).map(aside).take_while(|path| path.exists()).collect()
}

/// Takes into the work copy of a run what Terraform had to leave in those before it.
///
/// # Errors
///
/// Something of it cannot be moved.
pub(super) fn carry_over(folder: &RunFolder) -> Result<(), CliError> {
    for old in old_work(folder) {
        carry(&old, &folder.work())
            .with_context(|| format!("failed to take over what is in `{}`", old.display()))
            .or_exit(Exit::Failed)?;
    }
    Ok(())
}
