//! What is seen while a step brings something up on what the stacks made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that a step waits for: a container, a service of a compose file, a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectState {
    /// Its kind and name, such as `deployment/web`, with its namespace before it where it has one:
    /// `shop/deployment/web`.
    pub object: String,
    /// How it is.
    pub state: ObjectProgress,
    /// What was seen, such as `2 of 3 ready` or `the image cannot be pulled: …`.
    pub detail: String,
}

/// How far an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ObjectProgress {
    /// It is not ready yet.
    Waiting,
    /// Something keeps it from getting ready, which may pass.
    Troubled,
    /// It is ready.
    Ready,
    /// It will not get ready.
    Failed,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for ObjectProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Waiting => "waiting",
            Self::Troubled => "in trouble",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        })
    }
}

/// What a registry said of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImageAnswer {
    /// The image, as it is pulled.
    pub image: String,
    /// Its digest, such as `sha256:…`, when it is there.
    pub digest: Option<String>,
    /// Why it is not known to be there: absent when it is.
    pub cause: Option<String>,
}

/// Where a name led, and leads now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Traffic {
    /// The name, such as `shop.example.com`.
    pub name: String,
    /// What it led to, as the records say.
    pub before: Vec<String>,
    /// What it leads to now.
    pub after: Vec<String>,
    /// How long whoever asked before may go on with the old answer, in milliseconds.
    pub ttl_ms: u64,
}
