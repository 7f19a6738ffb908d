//! What was made, or may have been, and no state knows of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An object that Terraform was killed over before it could write it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Orphan {
    /// The address of its resource instance.
    pub address: String,
    /// Its id; `None` when its making was begun and nothing more was heard, so that it may exist.
    pub id: Option<String>,
    /// What becomes of it.
    pub fate: OrphanFate,
    /// Why it is not imported though its id is known, or why it is thought to exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// What becomes of an orphan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrphanFate {
    /// The plan takes it into the state.
    Imported,
    /// Another one is made, as somebody said: this one, if it exists, lives on beside it.
    MadeAgain,
    /// Nothing is done about it.
    Left,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl Orphan {
    /// Returns what is to be looked for: the address, and the id when it is known.
    pub fn name(&self) -> String {
        match &self.id {
            Some(id) => format!("`{}` with the id `{id}`", self.address),
            None => format!("`{}`, which may exist", self.address),
        }
    }

    /// Returns name, fate and cause in one sentence without a full stop.
    pub fn sentence(&self) -> String {
        let fate = match self.fate {
            OrphanFate::Imported => "taken into the state",
            OrphanFate::MadeAgain => "made once more, and left beside that",
            OrphanFate::Left | OrphanFate::Unknown => "left as it is",
        };
        let cause = self.cause.as_ref().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{}: {fate}{cause}", self.name())
    }
}
