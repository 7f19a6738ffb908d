//! What can go wrong with modules from a folder.

use std::{io, path::PathBuf};

/// Every way in which serving modules from a folder goes wrong.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// The folder of modules is not there, not a folder, or closed to us.
    #[error("failed to open the folder of modules `{}`", dir.display())]
    Folder {
        /// The folder, as it was given.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server could not be started.
    #[error("failed to serve modules on the loopback interface")]
    Listen {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A module is not in the folder.
    #[error("the module `{module}` is not in `{}`", dir.display())]
    NotFound {
        /// The module, as `namespace/name/provider`.
        module: String,
        /// What its git repository is called.
        repository: String,
        /// The folder of modules.
        dir: PathBuf,
    },
    /// A module is there, and this version of it is not.
    #[error("version {version} of the module `{module}` is not in the folder of modules")]
    NoVersion {
        /// The module, as `namespace/name/provider`.
        module: String,
        /// The version, as it was asked for.
        version: String,
    },
    /// A symbolic link leads out of the folder of modules, or out of its own module.
    #[error("the module `{module}` is refused: the symbolic link `{}` leads out of it", path.display())]
    Outside {
        /// The module, as `namespace/name/provider`.
        module: String,
        /// The link, or a path through it.
        path: PathBuf,
    },
    /// Something in the folder could not be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A module could not be copied for Terraform.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The work on a request ended without an answer: a bug in drctl.
    #[error("the work on a module ended without an answer")]
    Worker {
        /// How it ended.
        #[source]
        source: tokio::task::JoinError,
    },
}

impl ModulesError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { dir, .. } => Some(format!(
                "Name a folder that holds modules, or leave `--modules` out to let Terraform fetch \
                 them; `ls -ld {}` shows what is there",
                dir.display()
            )),
            Self::Listen { .. } => {
                Some("Check that 127.0.0.1 is up: `ip address show lo`".to_owned())
            }
            Self::NotFound { module, repository, dir } => {
                let (namespace, dir) = (module.split('/').next().unwrap_or(module), dir.display());
                Some(format!(
                    "Put it into `{dir}/{module}`, or, if it is of the public registry, run `git \
                     clone https://github.com/{namespace}/{repository} {dir}/{namespace}+{repository}`"
                ))
            }
            Self::NoVersion { module, version } => {
                Some(format!("Put it into `{module}/{version}` of the folder of modules"))
            }
            Self::Outside { path, .. } => Some(format!(
                "Replace the link by what it leads to; `readlink -f {}` shows it",
                path.display()
            )),
            Self::Read { path, .. } | Self::Write { path, .. } => {
                Some(format!("Check who may use it: `ls -ld {}`", path.display()))
            }
            Self::Worker { .. } => None,
        }
    }
}
