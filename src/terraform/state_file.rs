//! A state as Terraform writes it, in its version 4.

use crate::terraform::TerraformError;
use serde::Deserialize;
use serde_json::Value;

/// What of a state is looked at.
#[derive(Deserialize)]
pub(super) struct StateFile {
    #[serde(default)]
    pub(super) resources: Vec<Resource>,
}

#[derive(Deserialize)]
pub(super) struct Resource {
    #[serde(default)]
    pub(super) module: Option<String>,
    /// `managed` or `data`.
    #[serde(default)]
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) instances: Vec<Instance>,
}

#[derive(Deserialize)]
pub(super) struct Instance {
    #[serde(default)]
    pub(super) index_key: Option<Value>,
    /// `tainted`, or not there.
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) attributes: Option<Attributes>,
    /// All that it needed, also indirectly.
    #[serde(default)]
    pub(super) dependencies: Vec<String>,
}

/// What of an object's values is looked at.
#[derive(Default, Deserialize)]
pub(super) struct Attributes {
    #[serde(default, deserialize_with = "text")]
    pub(super) id: Option<String>,
}

/// Reads a text; anything else is none.
fn text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(value.as_str().map(str::to_owned))
}

impl StateFile {
    /// Reads a state.
    ///
    /// # Errors
    ///
    /// [`TerraformError::BadState`] when it is none.
    pub(super) fn read(state: &[u8]) -> Result<Self, TerraformError> {
        // A state holds secrets, which serde's own messages quote.
        serde_json::from_slice(state).map_err(|error| TerraformError::BadState {
            what: format!("its JSON ends or goes wrong at line {}", error.line()),
        })
    }
}
