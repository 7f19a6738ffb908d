//! Every way in which a command step fails.

use super::{
    dns::DnsError, docker::DockerError, helm::HelmError, images::ImagesError,
    kubernetes::KubernetesError, tail::LastLines,
};
use crate::model::time::Pretty;
use std::{io, path::PathBuf, time::Duration};

/// Every way in which a command step fails.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The step names no program.
    #[error("the step has no command")]
    Empty,
    /// The folder to run in is not there.
    #[error("the folder `{}` is not there", dir.display())]
    NoFolder {
        /// The folder.
        dir: PathBuf,
    },
    /// There is no such program.
    #[error("`{program}` was not found")]
    NotFound {
        /// The program, as it was written.
        program: String,
    },
    /// The program is there; what its first line says must run it is not.
    #[error("the interpreter in the first line of `{program}` was not found")]
    NoInterpreter {
        /// The program, as it was written.
        program: String,
    },
    /// The program may not be run.
    #[error("`{program}` is not executable")]
    NotExecutable {
        /// The program, as it was written.
        program: String,
    },
    /// The program could not be started for another reason.
    #[error("failed to start `{program}`")]
    Start {
        /// The program, as it was written.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A log could not be made.
    #[error("failed to write `{}`", path.display())]
    Log {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The program could not be waited for.
    #[error("failed to wait for `{program}`")]
    Wait {
        /// The program, as it was written.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It ran and failed.
    #[error("`{program}` failed with exit code {code}")]
    Failed {
        /// The program, as it was written.
        program: String,
        /// The code that it exited with.
        code: i32,
        /// Where all that it said is.
        log: PathBuf,
        /// What it said last.
        #[source]
        said: Option<LastLines>,
    },
    /// It was killed, and not by drctl.
    #[error("`{program}` was killed by signal {signal}")]
    Killed {
        /// The program, as it was written.
        program: String,
        /// The signal's number.
        signal: i32,
        /// Where all that it said is.
        log: PathBuf,
        /// What it said last.
        #[source]
        said: Option<LastLines>,
    },
    /// It did not end in time and was stopped.
    #[error("`{program}` did not end within {}", Pretty(*limit))]
    TimedOut {
        /// The program, as it was written.
        program: String,
        /// How long it was given.
        limit: Duration,
        /// Where all that it said is.
        log: PathBuf,
        /// What it said last.
        #[source]
        said: Option<LastLines>,
    },
    /// A step on a cluster failed by itself.
    #[error(transparent)]
    Kubernetes(#[from] KubernetesError),
    /// Docker failed.
    #[error(transparent)]
    Docker(#[from] DockerError),
    /// Images cannot be had.
    #[error(transparent)]
    Images(#[from] ImagesError),
    /// A release did not come up.
    #[error(transparent)]
    Helm(#[from] HelmError),
    /// Traffic was not moved by a zone of Route 53.
    #[error(transparent)]
    Dns(#[from] DnsError),
    /// The journal could not be written.
    #[error("the journal could not be written, so nothing new was begun")]
    Forgotten,
    /// It was stopped, since the run was.
    #[error("`{program}` was stopped")]
    Stopped {
        /// The program, as it was written.
        program: String,
        /// Where all that it said is; `None` when it had not been started.
        log: Option<PathBuf>,
    },
}

impl DeployError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("Give the step a `run` with at least a program".to_owned()),
            Self::NoFolder { .. } => {
                Some("Check the step's folder against the commit that is recovered".to_owned())
            }
            Self::NotFound { program } if program.contains('/') => {
                Some(format!("Check that `{program}` is committed: `git ls-files {program}`"))
            }
            Self::NotFound { program } => {
                Some(format!("Install `{program}`, or put it on the PATH: `command -v {program}`"))
            }
            Self::NoInterpreter { program } => Some(format!(
                "Look at the first line of `{program}` for a missing program or Windows line ends: `head -1 {program} | od -c`"
            )),
            Self::NotExecutable { program } => {
                Some(format!("Make it executable: `git update-index --chmod=+x {program}`"))
            }
            Self::Failed { log, .. }
            | Self::Killed { log, .. }
            | Self::Stopped { log: Some(log), .. } => {
                Some(format!("Read all that it said: `less {}`", log.display()))
            }
            Self::TimedOut { log, .. } => Some(format!(
                "Look for what it waited for in `{}`, or give the step a longer limit",
                log.display()
            )),
            Self::Log { path, .. } => {
                let dir = path.parent().unwrap_or(path);
                Some(format!("Make room, or check who may write: `df -h {}`", dir.display()))
            }
            Self::Kubernetes(error) => error.hint(),
            Self::Docker(error) => error.hint(),
            Self::Images(error) => error.hint(),
            Self::Helm(error) => error.hint(),
            Self::Dns(error) => error.hint(),
            Self::Forgotten
            | Self::Stopped { log: None, .. }
            | Self::Start { .. }
            | Self::Wait { .. } => None,
        }
    }
}
