//! How a stack is pointed at another region, as it is shown: what moves, what stays, what cannot.

use super::finding::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the code of a stack says in which region it lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// A variable carries the region to the provider.
    Variable,
    /// The provider block names it.
    Literal,
    /// Nothing names it, so the provider takes it from its environment.
    Environment,
    /// One root has providers in the primary and in the fallback.
    AliasPair,
    /// The workspace decides.
    WorkspaceMap,
    /// A folder for each region, which names it in its files.
    Directory,
    /// Terragrunt writes the provider, the backend and the inputs.
    Terragrunt,
    /// Each resource says where it lies: `location` of Azure, `region` of the AWS provider 6.
    Resource,
    /// No provider of it has a region.
    NoRegion,
    /// What its files do not tell.
    #[default]
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Variable => "region by variable",
            Self::Literal => "region in the provider block",
            Self::Environment => "region from the environment",
            Self::AliasPair => "both regions in one root",
            Self::WorkspaceMap => "region by workspace",
            Self::Directory => "a folder for each region",
            Self::Terragrunt => "Terragrunt",
            Self::Resource => "region by resource",
            Self::NoRegion => "no region",
            Self::Unknown => "not known",
        })
    }
}

/// One thing that names a region, and where it will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// What, such as ``provider `aws.edge` `` or `` local `zones` ``.
    pub what: String,
    /// Where it stands, when it stands anywhere.
    pub place: Option<Place>,
    /// What it says now, when that is known.
    pub from: Option<String>,
    /// What it will say.
    pub to: String,
    /// How that is done.
    pub by: Means,
}

/// How something comes to name the fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// By a generated override file.
    Override,
    /// By a file of variables.
    Variable,
    /// By the runbook, which says so itself.
    Runbook,
    /// Not at all: it stays where it is, on purpose.
    Stays,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Override => "override",
            Self::Variable => "variable",
            Self::Runbook => "runbook",
            Self::Stays => "stays",
            Self::Unknown => "unknown",
        })
    }
}

/// Why a stack cannot be pointed at the fallback as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Obstacle {
    /// Where it stands.
    pub place: Place,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to change.
    pub hint: String,
    /// True when not even a rehearsal may go on, since what it runs could not be held in check.
    pub fatal: bool,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// What is done with a resource that lives in no region, or whose name is taken in all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It is created as it is written.
    #[default]
    Create,
    /// It is created under a name with a suffix.
    Suffix,
    /// The one that is there is only read.
    Adopt,
    /// It is left out.
    Leave,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Suffix => "suffix",
            Self::Adopt => "adopt",
            Self::Leave => "leave",
            Self::Unknown => "unknown",
        })
    }
}

/// A resource that lives in no region, or whose name is taken in all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalResource {
    /// Its address in its module.
    pub address: String,
    /// Where it is declared.
    pub place: Place,
    /// What is done with it.
    pub decision: Decision,
    /// Its name in the fallback, when it is known.
    pub name: Option<String>,
    /// True when the primary's has the same name, false when another, `None` when nobody can tell.
    pub collides: Option<bool>,
}

/// Something that a recovery cannot do without.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Dependency {
    /// What kind of thing.
    pub kind: DependencyKind,
    /// Which, such as a host, an address or a control plane.
    pub name: String,
    /// Where the code names it first.
    pub place: Option<Place>,
    /// The region that it lives in, when that is known.
    pub region: Option<String>,
    /// What is known of it.
    pub status: DependencyStatus,
}

/// What kind of thing a recovery cannot do without.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DependencyKind {
    /// Where the state of the recovery is kept.
    StateBackend,
    /// The state of another stack.
    RemoteState,
    /// What a data source looks up.
    DataSource,
    /// Where providers come from.
    ProviderRegistry,
    /// Where a module comes from.
    ModuleSource,
    /// Where container images come from.
    ImageHost,
    /// A key of a key management service.
    Key,
    /// A certificate.
    Certificate,
    /// What changes resources of a kind, at home in one region.
    ControlPlane,
    /// A region that a provider is pinned to.
    PinnedRegion,
    /// Something that an ARN names.
    Arn,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for DependencyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::StateBackend => "state backend",
            Self::RemoteState => "remote state",
            Self::DataSource => "data source",
            Self::ProviderRegistry => "provider registry",
            Self::ModuleSource => "module source",
            Self::ImageHost => "image host",
            Self::Key => "key",
            Self::Certificate => "certificate",
            Self::ControlPlane => "control plane",
            Self::PinnedRegion => "pinned region",
            Self::Arn => "ARN",
            Self::Unknown => "unknown",
        })
    }
}

/// What is known of something that must be alive.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DependencyStatus {
    /// It lives in the region that is down.
    Dead,
    /// Nobody can tell from the code.
    Unknown,
    /// It does not live in the region that is down: it is on this machine, made by this very
    /// run, or in a region that is not the primary.
    #[serde(other)]
    Alive,
}

impl DependencyStatus {
    /// Returns what is known of something that lives in `region`, when `primary` is down.
    pub fn of(region: Option<&str>, primary: Option<&str>) -> Self {
        match (region, primary) {
            (Some(region), Some(primary)) if region == primary => Self::Dead,
            (Some(_), Some(_)) => Self::Alive,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for DependencyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Dead => "in the dead region",
            Self::Unknown => "unknown",
            Self::Alive => "alive",
        })
    }
}
