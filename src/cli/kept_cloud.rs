//! The simulated cloud that a rehearsal left in its folder.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    home::RunFolder,
};
use crate::{catalogue::Catalogue, provider::simulate::World, sim::Cloud};
use anyhow::{Context, anyhow};
use std::{borrow::Cow, fs};

/// Reads the cloud of a run.
///
/// # Errors
///
/// The run left none, or it cannot be read.
pub(super) fn load(folder: &RunFolder) -> Result<Cloud, CliError> {
    let text = fs::read_to_string(folder.cloud()).map_err(|_| {
        let error = anyhow!("the run {} left no simulated cloud", folder.id());
        CliError::new(Exit::Usage, error).hint("Leave one with `drctl rehearse --keep`")
    })?;
    let latencies = World::latencies(Cow::Borrowed(Catalogue::builtin()));
    Cloud::load(&text, latencies)
        .with_context(|| format!("failed to read `{}`", folder.cloud().display()))
        .or_exit(Exit::Failed)
}

/// Writes the cloud of a run down.
///
/// # Errors
///
/// It cannot be written.
pub(super) fn save(folder: &RunFolder, cloud: &Cloud) -> Result<(), CliError> {
    let text = cloud.save().or_exit(Exit::Failed)?;
    fs::write(folder.cloud(), text)
        .context("failed to write the simulated cloud")
        .or_exit(Exit::Failed)
}
