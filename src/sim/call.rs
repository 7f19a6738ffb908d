//! What is asked of the cloud, and what it answers.

use crate::sim::{
    fault::Failure,
    group::Group,
    name::Name,
    object::{Maker, Object, ObjectKey},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Makes an object.
    Create,
    /// Reads an object.
    Read,
    /// Changes an object in place.
    Update,
    /// Removes an object.
    Delete,
}

impl Operation {
    /// Returns the word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Where an object stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "snake_case")]
pub enum Place {
    /// In no region.
    Global,
    /// In a region.
    Region {
        /// Its name.
        region: String,
    },
    /// In one zone of a region.
    Zone {
        /// The region's name.
        region: String,
        /// The zone's name.
        zone: String,
    },
}

impl Place {
    /// Names a region.
    pub fn region_named(region: impl Into<String>) -> Self {
        Self::Region { region: region.into() }
    }

    /// Returns the region, when there is one.
    pub fn region(&self) -> Option<&str> {
        match self {
            Self::Global => None,
            Self::Region { region } | Self::Zone { region, .. } => Some(region),
        }
    }

    /// Returns true when `name` is the region or the zone of this place.
    pub fn is_in(&self, name: &str) -> bool {
        match self {
            Self::Global => false,
            Self::Region { region } => region == name,
            Self::Zone { region, zone } => region == name || zone == name,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Global => "global",
            Self::Region { region } => region,
            Self::Zone { zone, .. } => zone,
        })
    }
}

/// Who asks, where, and about which type of resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The provider's address, such as `registry.terraform.io/hashicorp/aws`.
    pub provider: String,
    /// The account, project or subscription.
    pub account: String,
    /// Where the object is, or is to be.
    pub place: Place,
    /// The region that answers for a global object, such as `us-east-1` for IAM:
    /// when that region is down, so is the call.
    pub control_plane: Option<String>,
    /// The type of the resource, such as `aws_s3_bucket`.
    pub kind: String,
    /// On whose behalf.
    pub by: Maker,
}

impl Call {
    /// Returns true when the call depends on the region or zone `name`.
    pub(super) fn depends_on(&self, name: &str) -> bool {
        self.place.is_in(name) || self.control_plane.as_deref() == Some(name)
    }

    /// Returns the region whose interface is called; empty for a global one without a home.
    pub(super) fn endpoint(&self) -> &str {
        self.place.region().or(self.control_plane.as_deref()).unwrap_or_default()
    }

    /// Returns the key of an object that this call is about.
    pub(super) fn key(&self, id: &str) -> ObjectKey {
        ObjectKey {
            provider: self.provider.clone(),
            account: self.account.clone(),
            place: self.place.clone(),
            kind: self.kind.clone(),
            id: id.to_owned(),
        }
    }
}

/// An object that is to be made.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Its id, when the caller knows what ids of this type look like; one is invented otherwise.
    pub id: Option<String>,
    /// A name that no other object of its type may have.
    pub name: Option<Name>,
    /// Its attributes, kept as they are.
    pub attributes: Value,
    /// Set when the object keeps a number of others alive.
    pub group: Option<Group>,
}

/// A change of an object in place.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// All of its attributes, as they are to be.
    pub attributes: Value,
    /// How many members a group is to have from now on; members above that number go.
    pub size: Option<u32>,
}

/// What the cloud answers, and when.
///
/// An answer that was given stands: a fault that is added afterwards does not
/// reach back to it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// When the answer would arrive, on the simulated clock: queueing, back-off and latency included.
    pub done_at_ms: u64,
    /// The object as it is then (as it last was, for a delete), or why not.
    pub result: Result<Object, Box<Failure>>,
}
