//! A stack's outputs, from its state.

use crate::{
    model::secrets::Secrets,
    terraform::{Hidden, TerraformError},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One output.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Output {
    /// Its value, in clear also when it is sensitive.
    pub value: Hidden,
    /// Its type, as Terraform writes types in JSON: `"string"`, `["list","string"]`.
    #[serde(rename = "type", default)]
    pub kind: Value,
    /// True when its value must not be shown.
    #[serde(default)]
    pub sensitive: bool,
}

/// All outputs of a stack, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Outputs(BTreeMap<String, Output>);

impl Outputs {
    /// Reads the outputs in a state, which is a document of version 4.
    ///
    /// # Errors
    ///
    /// [`TerraformError::BadState`] when it is something else.
    pub fn from_state(state: &[u8]) -> Result<Self, TerraformError> {
        #[derive(Deserialize)]
        struct State {
            version: u64,
            #[serde(default)]
            outputs: Outputs,
        }
        // Like every document here, a state holds secrets, which serde's own messages quote.
        let State { version, outputs } =
            serde_json::from_slice(state).map_err(|error| TerraformError::BadState {
                what: format!("its JSON ends or goes wrong at line {}", error.line()),
            })?;
        if version != 4 {
            let what = format!("its format has version {version}, not 4");
            return Err(TerraformError::BadState { what });
        }
        Ok(outputs)
    }

    /// Returns their values in clear, as expressions read them.
    pub fn plain(&self) -> Map<String, Value> {
        self.iter().map(|(name, output)| (name.to_owned(), output.value.expose().clone())).collect()
    }

    /// Returns the values that must not be shown.
    pub fn secrets(&self) -> Secrets {
        let mut secrets = Secrets::default();
        for (_, output) in self.iter().filter(|(_, output)| output.sensitive) {
            secrets.learn(output.value.expose());
        }
        secrets
    }

    /// Returns an output, when there is one of that name.
    pub fn get(&self, name: &str) -> Option<&Output> {
        self.0.get(name)
    }

    /// Returns the outputs in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Output)> {
        self.0.iter().map(|(name, output)| (name.as_str(), output))
    }

    /// Returns the names in order.
    pub fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_tells_values_and_which_are_sensitive() {
        let state = br#"{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"x",
            "outputs":{"id":{"value":"i-1","type":"string"},
            "password":{"value":["hunter2"],"type":["list","string"],"sensitive":true}},"resources":[]}"#;

        let outputs = Outputs::from_state(state).unwrap();
        let sensitive: Vec<_> = outputs.iter().map(|(_, output)| output.sensitive).collect();
        assert_eq!(sensitive, [false, true]);
        assert_eq!(outputs.names(), ["id", "password"]);
        assert_eq!(outputs.get("id").unwrap().value.expose(), "i-1");
        assert!(!format!("{outputs:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_document_is_told_without_being_quoted() {
        for bad in [r#"{"outputs":"hunter2"}"#, r#"{"a":{"value":"hunter2""#, "hunter2"] {
            let error = Outputs::from_state(bad.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        let error = Outputs::from_state(br#"{"version":3,"modules":["hunter2"]}"#).unwrap_err();
        assert_eq!(error.to_string(), "failed to read the state: its format has version 3, not 4");
    }
}
