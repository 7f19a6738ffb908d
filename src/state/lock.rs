//! Locks on states: who holds one, written down so that a crash leaves evidence.

use crate::model::run::RunId;
use serde::{Deserialize, Serialize};

/// How Terraform describes the holder of a lock, in its own words and spelling.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LockInfo {
    /// The lock's name, a UUID.
    #[serde(rename = "ID")]
    pub id: String,
    /// What the lock is taken for, such as `OperationTypeApply`.
    #[serde(default)]
    pub operation: String,
    /// Anything more; Terraform leaves it empty.
    #[serde(default)]
    pub info: String,
    /// The user and the host.
    #[serde(default)]
    pub who: String,
    /// Terraform's version.
    #[serde(default)]
    pub version: String,
    /// When, in RFC 3339, by that host's clock.
    #[serde(default)]
    pub created: String,
    /// Where the state lies, in the backend's words.
    #[serde(default)]
    pub path: String,
}

/// A lock as it lies on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The run in which it was taken.
    pub run: RunId,
    /// Who took it, when, and what for.
    pub info: LockInfo,
}
