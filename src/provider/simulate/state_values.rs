//! What a copy of the primary's state knows: the values that the real provider gave.

use crate::provider::infer::Mode;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// The length from which an identifier in a value can only mean the thing itself.
const TELLING: usize = 8;

/// The attributes of every instance in a state, by mode and type. Holds secrets: never shown.
#[derive(Clone, Default)]
pub struct StateValues {
    instances: BTreeMap<(Mode, String), Vec<Map<String, Json>>>,
    region: Option<String>,
}

/// A state that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StateValuesError {
    /// It is not JSON of the known form.
    #[error("failed to understand the state")]
    Malformed(#[source] serde_json::Error),
    /// It is of another version.
    #[error("the state is of version {0}, not 4")]
    Version(u64),
}

impl StateValuesError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("Run `terraform state pull` to get the state in the form that is read".to_owned())
    }
}

#[derive(Deserialize)]
struct State {
    version: u64,
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    attributes: Map<String, Json>,
}

impl StateValues {
    /// Reads a state of version 4. `region` is the one that its values are of.
    ///
    /// # Errors
    ///
    /// [`StateValuesError`] for what is no such state.
    pub fn read(state: &[u8], region: Option<&str>) -> Result<Self, StateValuesError> {
        let state: State = serde_json::from_slice(state).map_err(StateValuesError::Malformed)?;
        if state.version != 4 {
            return Err(StateValuesError::Version(state.version));
        }
        let mut values = Self { region: region.map(str::to_owned), ..Self::default() };
        for resource in state.resources {
            let mode = if resource.mode == "data" { Mode::Data } else { Mode::Managed };
            let known = values.instances.entry((mode, resource.kind)).or_default();
            known.extend(resource.instances.into_iter().map(|instance| instance.attributes));
        }
        Ok(values)
    }

    /// Returns the instance that is most like one with these arguments.
    pub(super) fn likeliest(
        &self,
        mode: Mode,
        kind: &str,
        arguments: &Map<String, Json>,
    ) -> Option<Known<'_>> {
        let instances = self.instances.get(&(mode, kind.to_owned()))?;
        let alike = |known: &&Map<String, Json>| {
            arguments.iter().filter(|(name, json)| known.get(*name) == Some(*json)).count()
        };
        // The first of equals, so that the order of calls decides nothing.
        let attributes = instances.iter().rev().max_by_key(alike)?;
        Some(Known { attributes, region: self.region.as_deref() })
    }

    /// Returns the instance that has this id.
    pub(super) fn with_id(&self, kind: &str, id: &str) -> Option<&Map<String, Json>> {
        let instances = self.instances.get(&(Mode::Managed, kind.to_owned()))?;
        instances.iter().find(|known| known.get("id").and_then(Json::as_str) == Some(id))
    }
}

impl std::fmt::Debug for StateValues {
    /// Says how much there is, and nothing of what it is.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StateValues")
            .field("types", &self.instances.len())
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// An instance in the state.
pub(super) struct Known<'s> {
    attributes: &'s Map<String, Json>,
    region: Option<&'s str>,
}

impl Known<'_> {
    /// Returns an attribute as a new thing in `region` would have it, whose id is `id`.
    ///
    /// The region is put in place of the primary's, and the new id in place of the old one. The id
    /// of a resource itself is never taken: two cannot have it.
    pub(super) fn get(
        &self,
        mode: Mode,
        name: &str,
        region: &str,
        id: Option<&str>,
    ) -> Option<Json> {
        if mode == Mode::Managed && name == "id" {
            return None;
        }
        let json = self.attributes.get(name).filter(|json| !json.is_null())?;
        let mut swaps = Vec::new();
        let old_id = self.attributes.get("id").and_then(Json::as_str);
        if let (Mode::Managed, Some(old), Some(new)) = (mode, old_id, id)
            && old.len() >= TELLING
        {
            swaps.push((old, new));
        }
        if let Some(old) = self.region {
            swaps.push((old, region));
        }
        Some(swapped(json, &swaps))
    }
}

fn swapped(json: &Json, swaps: &[(&str, &str)]) -> Json {
    match json {
        Json::String(text) => {
            let swap = |text: String, (old, new): &(&str, &str)| text.replace(old, new);
            swaps.iter().fold(text.clone(), swap).into()
        }
        Json::Array(elements) => elements.iter().map(|json| swapped(json, swaps)).collect(),
        Json::Object(members) => {
            members.iter().map(|(name, json)| (name.clone(), swapped(json, swaps))).collect()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn state() -> StateValues {
        let attributes = |name: &str, id: &str| {
            json!({"attributes": {
                "name": name, "id": id, "port": 5432,
                "arn": format!("arn:aws:rds:eu-west-1:1:db/{id}"),
            }})
        };
        let state = json!({"version": 4, "resources": [{
            "mode": "managed", "type": "aws_db_instance", "name": "db",
            "instances": [attributes("a", "db-aaaaaaaa"), attributes("b", "db-bbbbbbbb")],
        }]});
        StateValues::read(state.to_string().as_bytes(), Some("eu-west-1")).unwrap()
    }

    #[test]
    fn the_likeliest_instance_speaks_for_a_new_one() {
        let arguments = json!({"name": "b"}).as_object().unwrap().clone();
        let state = state();
        let known = state.likeliest(Mode::Managed, "aws_db_instance", &arguments).unwrap();
        let get = |name| known.get(Mode::Managed, name, "eu-central-1", Some("db-new"));
        assert_eq!(get("arn"), Some(json!("arn:aws:rds:eu-central-1:1:db/db-new")));
        assert_eq!(get("port"), Some(json!(5432)));
        assert_eq!(get("id"), None);
        assert!(state.with_id("aws_db_instance", "db-aaaaaaaa").is_some());
    }

    #[test]
    fn a_state_is_never_shown() {
        assert!(!format!("{:?}", state()).contains("aaaaaaaa"));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        assert!(matches!(
            StateValues::read(b"{\"version\":3}", None),
            Err(StateValuesError::Version(3))
        ));
        assert!(matches!(StateValues::read(b"[", None), Err(StateValuesError::Malformed(_))));
    }
}
