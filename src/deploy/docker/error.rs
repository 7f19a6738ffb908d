//! Every way in which Docker fails.

use super::{Engine, fault::Fault};
use crate::{
    deploy::{DeployError, LastLines},
    model::time::Pretty,
};
use std::{path::PathBuf, time::Duration};

/// Every way in which Docker fails.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    /// The engine cannot be asked anything.
    #[error("{engine} does not answer")]
    Unreached {
        /// Which.
        engine: Engine,
        /// What became of the question.
        #[source]
        source: Box<DeployError>,
    },
    /// The Docker CLI has no `compose`.
    #[error("`docker compose` is not there")]
    NoCompose {
        /// What became of the question for its version.
        #[source]
        source: Box<DeployError>,
    },
    /// The engine's name cannot be told yet, or not at all.
    #[error("the engine is not known")]
    NoEngine,
    /// A container of the step's name is somebody else's.
    #[error("the container `{name}` is there already, and is not one of this step's")]
    NotOurs {
        /// Its name.
        name: String,
        /// Where.
        engine: Engine,
    },
    /// An image could not be pulled.
    #[error("{engine} cannot pull the image `{image}`")]
    Pull {
        /// Which.
        image: String,
        /// By whom.
        engine: Engine,
        /// What became of it.
        #[source]
        source: Box<DeployError>,
    },
    /// An image was pulled, and then not there.
    #[error("the image `{image}` was pulled, and is gone")]
    Lost {
        /// Which.
        image: String,
    },
    /// Containers do not get up.
    #[error("{}", words(faults))]
    NotUp {
        /// Which, and why not; at least one.
        faults: Vec<(String, Fault)>,
        /// Where all that the first one said is.
        log: Option<PathBuf>,
        /// What the first one said last.
        #[source]
        said: Option<LastLines>,
    },
    /// Containers were not ready in time.
    #[error("not ready within {}: {}", Pretty(*limit), waiting.join("; "))]
    NotReady {
        /// Which, and what was seen last of each.
        waiting: Vec<String>,
        /// How long they were given.
        limit: Duration,
        /// What the first one in trouble said last.
        #[source]
        said: Option<LastLines>,
    },
    /// A program printed something that is not what it prints.
    #[error("`docker` printed what drctl does not understand")]
    Odd {
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
}

fn words(faults: &[(String, Fault)]) -> String {
    let said: Vec<_> = faults.iter().map(|(what, why)| format!("{what} {why}")).collect();
    said.join("; ")
}

impl DockerError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        let engine = |engine: &Engine, words: &[&str]| super::typed(&engine.argv(words.to_vec()));
        match self {
            Self::Unreached { engine: which, .. } => Some(format!(
                "Start it, or correct `docker \"{}\"` in the runbook; it is back when this answers: `{}`",
                which.name,
                engine(which, &["version"])
            )),
            Self::NoCompose { .. } => Some(
                "Install Docker Compose v2, the package `docker-compose-plugin` or `docker-compose-v2`: https://docs.docker.com/compose/install/linux/".to_owned(),
            ),
            Self::NoEngine => {
                Some("Declare it in the runbook: `docker \"NAME\" { host = … }`".to_owned())
            }
            Self::NotOurs { name, engine: which } => Some(format!(
                "Give the step another `name`, or remove what stands there: `{}`",
                engine(which, &["rm", "--force", name])
            )),
            Self::Pull { image, engine: which, .. } => Some(format!(
                "See that this works, where drctl runs: `{}`",
                engine(which, &["pull", image])
            )),
            Self::Lost { .. } => Some(
                "See whether something clears the engine up, and resume the run".to_owned(),
            ),
            Self::NotUp { log: Some(log), .. } => {
                Some(format!("Read all that it said: `less {}`", log.display()))
            }
            Self::NotReady { .. } => {
                Some("Give the step a longer `limit`, or a health check that passes sooner".to_owned())
            }
            Self::NotUp { log: None, .. } => None,
            Self::Odd { .. } => Some(
                "Report this as a bug of drctl, with what `docker version` prints".to_owned(),
            ),
        }
    }
}

impl From<serde_json::Error> for DeployError {
    fn from(source: serde_json::Error) -> Self {
        DockerError::Odd { source }.into()
    }
}
