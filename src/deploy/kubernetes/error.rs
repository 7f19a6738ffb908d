//! Every way in which a step on a cluster fails, besides those of its programs.

use crate::model::time::Pretty;
use std::{io, path::PathBuf, time::Duration};

/// Every way in which a step on a cluster fails, besides those of its programs.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// There is no kubectl.
    #[error("`kubectl` was not found")]
    NoKubectl,
    /// What should be the certificate of an authority is none.
    #[error(
        "the `ca` of the cluster `{cluster}` is neither a certificate in PEM nor base64 of one"
    )]
    NoCertificate {
        /// The cluster's name in the runbook.
        cluster: String,
    },
    /// The API server does not answer.
    #[error("the API server of the cluster `{cluster}` does not answer: {cause}")]
    Unreachable {
        /// The cluster's name in the runbook.
        cluster: String,
        /// Why not.
        cause: String,
        /// The command that asks it whether it is there.
        check: String,
    },
    /// The API server does not take who asks.
    #[error("the cluster `{cluster}` does not let drctl in: {cause}")]
    Unauthorized {
        /// The cluster's name in the runbook.
        cluster: String,
        /// What it says.
        cause: String,
        /// The command that asks it what it allows.
        check: String,
    },
    /// A manifest could not be read.
    #[error("failed to read `{}`", path.display())]
    Unread {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A text is no YAML.
    #[error("it is no YAML: {cause}")]
    NotYaml {
        /// Why not.
        cause: String,
    },
    /// A manifest is wrong.
    #[error("`{}` is no manifest", path.display())]
    NoManifest {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Box<KubernetesError>,
    },
    /// An object has no name.
    #[error("an object in `{}` has no `{what}`", origin.display())]
    NoObject {
        /// Where it stands.
        origin: PathBuf,
        /// What it lacks.
        what: &'static str,
    },
    /// There is nothing to apply.
    #[error("there is no manifest in `{}`", path.display())]
    Nothing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A folder of manifests is a kustomization.
    #[error("`{}` holds a kustomization", path.display())]
    Kustomized {
        /// The folder.
        path: PathBuf,
    },
    /// An object is of another namespace than the step.
    #[error("`{object}` is of the namespace `{own}`, and the step of `{namespace}`")]
    OtherNamespace {
        /// The object.
        object: String,
        /// Its namespace.
        own: String,
        /// The step's.
        namespace: String,
    },
    /// The cluster does not know a kind.
    #[error("the cluster `{cluster}` does not know the kind `{kind}` of `{api}`")]
    NoKind {
        /// The cluster's name in the runbook.
        cluster: String,
        /// The API, such as `apps/v1`.
        api: String,
        /// The kind.
        kind: String,
    },
    /// Somebody else owns what is to be changed.
    #[error("`{object}` is not changed, since others own {}", owned(owners))]
    Conflict {
        /// The object.
        object: String,
        /// The field and whose it is.
        owners: Vec<(String, String)>,
    },
    /// The API server refuses an object.
    #[error("the cluster refuses `{object}`: {cause}")]
    Refused {
        /// The object.
        object: String,
        /// What it says.
        cause: String,
    },
    /// Objects will not get ready.
    #[error("{}", not_ready(objects, *limit))]
    NotReady {
        /// The objects and why not.
        objects: Vec<(String, String)>,
        /// How long was waited; absent when there is nothing to wait for.
        limit: Option<Duration>,
        /// The command that shows more.
        check: String,
    },
    /// Something is not gone.
    #[error("not gone after {}: {}", Pretty(*limit), objects.join(", "))]
    NotGone {
        /// The objects.
        objects: Vec<String>,
        /// How long was waited.
        limit: Duration,
    },
}

fn owned(owners: &[(String, String)]) -> String {
    let each: Vec<_> = owners.iter().map(|(field, who)| format!("`{field}` (`{who}`)")).collect();
    each.join(", ")
}

fn not_ready(objects: &[(String, String)], limit: Option<Duration>) -> String {
    let each: Vec<_> = objects.iter().map(|(object, why)| format!("`{object}`: {why}")).collect();
    match limit {
        Some(limit) => format!("not ready within {}: {}", Pretty(limit), each.join("; ")),
        None => format!("it will not get ready: {}", each.join("; ")),
    }
}

impl KubernetesError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoKubectl => {
                "Install kubectl, at most one minor version away from the cluster's, and put it on the PATH: https://kubernetes.io/docs/tasks/tools/".to_owned()
            }
            Self::NoCertificate { cluster } => format!(
                "Give `cluster \"{cluster}\"` the certificate as the stack puts it out, or the text of its file"
            ),
            Self::Unreachable { check, .. } => format!(
                "Check that the cluster is up, and that this machine reaches its API server: `{check}`"
            ),
            Self::Unauthorized { check, .. } => {
                format!("Check the token or the credentials, and what they allow: `{check}`")
            }
            Self::Nothing { .. } => {
                "Name files that end in `.yaml`, `.yml` or `.json`, or a folder that holds some; folders in it are not looked into".to_owned()
            }
            Self::Kustomized { path } => {
                format!("Write `kustomization = \"{}\"` in the place of `manifests`", path.display())
            }
            Self::OtherNamespace { .. } => {
                "Take the namespace out of the manifest, or `namespace` out of the step".to_owned()
            }
            Self::NoKind { .. } => {
                "Apply the definition of this kind first, in this step or in one that it needs; or write an API that this version of Kubernetes serves: `kubectl api-resources`".to_owned()
            }
            Self::Conflict { .. } => {
                "Take what others own out of the manifest, such as `replicas` that an autoscaler sets; or set `force_conflicts = true` in the step to own it from now on".to_owned()
            }
            Self::NotReady { check, limit, .. } => match limit {
                Some(_) => format!("Look at it with `{check}`, or give the step a longer `limit`"),
                None => format!("Mend what is named, then resume the run; look at it with `{check}`"),
            },
            Self::NotGone { .. } => {
                "Look for finalizers that nobody clears: `kubectl get … -o yaml`".to_owned()
            }
            Self::NoManifest { source, .. } => return source.hint(),
            Self::Unread { .. }
            | Self::NotYaml { .. }
            | Self::NoObject { .. }
            | Self::Refused { .. } => return None,
        })
    }
}
