//! Every way in which a release does not come up, besides those of its programs.

use crate::deploy::DeployError;
use std::path::PathBuf;

/// Every way in which a release does not come up, besides those of its programs.
#[derive(Debug, thiserror::Error)]
pub enum HelmError {
    /// This Helm is too old.
    #[error("Helm is {found}, and {oldest} or newer is needed")]
    TooOld {
        /// The version that was found.
        found: String,
        /// The oldest that will do.
        oldest: &'static str,
    },
    /// Helm does not say which version it is.
    #[error("`helm version` names no version, but says `{said}`")]
    NoVersion {
        /// What it says.
        said: String,
    },
    /// Nobody said where the release is.
    #[error("the step names no cluster")]
    NoCluster,
    /// Helm said something that could not be read.
    #[error("failed to read what `helm {command}` says")]
    Unreadable {
        /// The command.
        command: &'static str,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// A folder holds no chart.
    #[error("`{}` is not that of a chart: {cause}", path.display())]
    NoChart {
        /// The file that makes a folder a chart.
        path: PathBuf,
        /// Why it is none.
        cause: String,
    },
    /// The chart and the values do not go together.
    #[error("the chart cannot be rendered with the values of the step")]
    Unrendered {
        /// What Helm said.
        #[source]
        source: Box<DeployError>,
    },
    /// Helm refuses the release after it was repaired.
    #[error("the release `{release}` is still `{status}` after it was repaired")]
    Stuck {
        /// The release.
        release: String,
        /// How it is.
        status: &'static str,
        /// The command that shows its history.
        look: String,
    },
    /// The release did not come up.
    #[error("the release `{release}` did not come up; {left}")]
    NotUp {
        /// The release.
        release: String,
        /// What there is of it now.
        left: Left,
        /// The command that shows it.
        look: String,
        /// Why not.
        #[source]
        source: Box<DeployError>,
    },
}

/// What there is of a release that did not come up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Helm changed nothing.
    Unchanged,
    /// It is back at the revision that was up before.
    RolledBack(u64),
    /// It could not be brought back to that revision.
    NotRolledBack {
        /// The revision.
        revision: u64,
        /// Why not.
        cause: String,
    },
    /// It was never up before, so there is nothing to go back to.
    AsItIs,
    /// Nobody knows, since the cluster did not say.
    Unknown {
        /// Why not.
        cause: String,
    },
}

impl std::fmt::Display for Left {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unchanged => f.write_str("nothing was changed"),
            Self::RolledBack(revision) => write!(f, "it is back at revision {revision}"),
            Self::NotRolledBack { revision, cause } => {
                write!(f, "it could not be rolled back to revision {revision} either: {cause}")
            }
            Self::AsItIs => {
                f.write_str("it was left as it is, since no revision of it was ever up")
            }
            Self::Unknown { cause } => write!(f, "what there is of it is not known: {cause}"),
        }
    }
}

impl HelmError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::TooOld { .. } | Self::NoVersion { .. } => Some(
                "Install a Helm that is still maintained, and put it on the PATH: https://helm.sh/docs/intro/install/".to_owned(),
            ),
            Self::NoCluster | Self::Unreadable { .. } => None,
            Self::NoChart { .. } => Some(
                "Set `chart` to a folder with a `Chart.yaml`, or to the name of a chart in a `repository`".to_owned(),
            ),
            Self::Unrendered { source } => {
                source.hint().or_else(|| Some("Compare `values` with what the chart takes".to_owned()))
            }
            Self::Stuck { look, .. } => {
                Some(format!("Find out who else works on the release: `{look}`"))
            }
            Self::NotUp { source, look, .. } => source.hint().or_else(|| {
                Some(format!("Mend what is named, then resume the run; look at it with `{look}`"))
            }),
        }
    }
}
