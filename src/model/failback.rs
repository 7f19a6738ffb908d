//! What is found before the way home is gone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the two regions of a way home.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The region that is gone home to.
    Primary,
    /// The region that served meanwhile.
    Fallback,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl Side {
    /// Returns the word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Fallback => "fallback",
            Self::Unknown => "region",
        }
    }
}

/// What a stack is like on one side, by its state, its code and what is really there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Looked {
    /// On which side.
    pub side: Side,
    /// Addresses of resources that the state holds and that are there no more.
    pub lost: Vec<String>,
    /// Addresses of resources that were changed outside of Terraform.
    pub drifted: Vec<String>,
    /// What Terraform would do besides creating again what was lost, each in a sentence without a
    /// full stop.
    pub changes: Vec<String>,
    /// SHA-256 over what somebody has to say yes to; `None` when that is nothing.
    pub digest: Option<String>,
    /// True when somebody did.
    pub accepted: bool,
    /// The whole error chain when it could not be looked at, outermost first.
    pub cause: Vec<String>,
}

impl Looked {
    /// Returns true when it is as its code and its state say.
    pub fn is_as_it_was(&self) -> bool {
        self.lost.is_empty()
            && self.drifted.is_empty()
            && self.changes.is_empty()
            && self.cause.is_empty()
    }

    /// Returns true when nobody still has to say yes to something, and it could be looked at.
    pub fn may_go_on(&self) -> bool {
        self.cause.is_empty() && (self.digest.is_none() || self.accepted)
    }

    /// Returns what was found in a few words.
    pub fn words(&self) -> String {
        if let [first, ..] = self.cause.as_slice() {
            return format!("cannot be looked at: {first}");
        }
        if self.is_as_it_was() {
            return "as it was".to_owned();
        }
        let counts = [
            (self.lost.len(), "lost"),
            (self.drifted.len(), "changed outside of Terraform"),
            (self.changes.len(), "to be changed"),
        ];
        let some = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<_> = some.map(|(count, what)| format!("{count} {what}")).collect();
        words.join(", ")
    }
}
