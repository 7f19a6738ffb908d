//! What Terraform does to a resource.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What Terraform does to one resource instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceAction {
    /// Makes it.
    Create,
    /// Reads it: a data source.
    Read,
    /// Changes it in place.
    Update,
    /// Removes it.
    Delete,
    /// Removes it and makes it anew, or the other way round.
    Replace,
    /// Takes an existing object into the state.
    Import,
    /// Renames it in the state.
    Move,
    /// Drops it from the state and leaves the object.
    Forget,
    /// Nothing.
    #[serde(rename = "noop")]
    NoOp,
    /// One that this drctl does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for ResourceAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Import => "import",
            Self::Move => "move",
            Self::Forget => "forget",
            Self::NoOp => "no-op",
            Self::Unknown => "unknown action",
        })
    }
}
