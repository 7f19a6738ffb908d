//! The images of a step, looked for without bringing anything up.

use super::{Unheard, made};
use crate::{
    deploy::{DeployError, Job, images::Image},
    engine::recovery::{DeployWork, Recovery},
    model::step::StepId,
    runbook::Mistake,
};
use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::atomic::AtomicU32,
};
use tokio_util::sync::CancellationToken;

/// Why the images of a step cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum ImagesUntold {
    /// The runbook says something that the step cannot be made from.
    #[error("{0}")]
    Mistake(Mistake),
    /// A program that was asked failed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// There is no place to work in.
    #[error("failed to make the folder `{}`", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl ImagesUntold {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            // The logs are gone by then.
            Self::Deploy(DeployError::Failed { .. } | DeployError::TimedOut { .. }) => None,
            Self::Deploy(error) => error.hint(),
            Self::Mistake(_) | Self::Folder { .. } => None,
        }
    }
}

/// Returns the images that a step needs from registries, as far as they are known before the stacks
/// are up; `None` when only the stacks can tell. Programs that are asked work in `scratch`.
///
/// # Errors
///
/// [`ImagesUntold`] when they should be known, and are not.
pub async fn images(
    recovery: &Recovery,
    step: &StepId,
    work: &DeployWork,
    scratch: &Path,
    stop: &CancellationToken,
) -> Result<Option<Vec<Image>>, ImagesUntold> {
    let (known, root) = (&recovery.known, &recovery.root);
    let made = made(work, step.as_str(), known, root, true).map_err(ImagesUntold::Mistake)?;
    let Some(deployment) = made else { return Ok(None) };
    let scratch = scratch.join(step.as_str());
    let mut builder = fs::DirBuilder::new();
    let made = builder.mode(0o700).recursive(true).create(&scratch);
    made.map_err(|source| ImagesUntold::Folder { path: scratch.clone(), source })?;
    let job = Job {
        step: step.as_str(),
        service: &known.service,
        run: "",
        region: &known.region,
        root,
        env: &recovery.env,
        scratch: &scratch,
        memory: &scratch.join("memory.json"),
        logs: &scratch,
        next_log: &AtomicU32::new(0),
        stop,
        tell: &Unheard,
    };
    Ok(deployment.images(&job).await?)
}
