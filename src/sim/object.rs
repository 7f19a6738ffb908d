//! An object: what a resource is once it stands.

use crate::sim::{call::Place, group::Group, name::Name};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// What tells one object from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The provider's address.
    pub provider: String,
    /// The account, project or subscription.
    pub account: String,
    /// Where it stands.
    pub place: Place,
    /// The type of the resource.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its id, unique in all of the above.
    pub id: String,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in {}", self.kind, self.id, self.place)
    }
}

/// On whose behalf something is done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Maker {
    /// The run, when it is known. Draws do not depend on it, so that a run can be repeated.
    pub run: Option<String>,
    /// The stack, when it is known.
    pub stack: Option<String>,
    /// The resource's address in its stack.
    pub address: String,
}

/// How an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It works, as far as its region does.
    Running,
    /// It is there and does not work: its making failed half way, or somebody broke it.
    Broken,
    /// It is not there any more, and Terraform did not remove it. Reads do not find it.
    Gone,
}

/// One thing that stands in the cloud, or stood there and was lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// What tells it from all others.
    pub key: ObjectKey,
    /// The name that it holds.
    pub name: Option<Name>,
    /// Its attributes, as they were given. May hold secrets.
    pub attributes: Value,
    /// When it was ready, in milliseconds on the simulated clock. In the future while it is being made.
    pub created_at_ms: u64,
    /// When reads begin to find it: later than it was made where reads lag behind writes.
    pub visible_at_ms: u64,
    /// When it last changed.
    pub updated_at_ms: u64,
    /// When it was lost, if it was.
    pub gone_at_ms: Option<u64>,
    /// How it is.
    pub health: Health,
    /// On whose behalf it was made.
    pub made_by: Maker,
    /// Set when it keeps a number of others alive.
    pub group: Option<Group>,
    /// The id of the group that keeps it alive.
    pub member_of: Option<String>,
}

impl Object {
    /// Returns true when a read that begins at `at_ms` finds it.
    pub fn is_found(&self, at_ms: u64) -> bool {
        self.health != Health::Gone && self.visible_at_ms <= at_ms
    }

    /// Returns true when it counts against a quota.
    pub(super) fn is_live(&self) -> bool {
        self.health != Health::Gone
    }

    /// Returns the key of the group that keeps it alive.
    pub(super) fn group_key(&self) -> Option<ObjectKey> {
        let group = self.member_of.as_ref()?;
        let (kind, id) = group.split_once('/')?;
        Some(ObjectKey { kind: kind.to_owned(), id: id.to_owned(), ..self.key.clone() })
    }
}
