//! What only a state knows: types that the configuration no longer names, attributes that it never
//! mentions, and the versions of the schemas that wrote it.

use super::{
    address::{AddressError, ProviderAddress},
    settle::refine,
    shape::{Attribute, Block, Hint, Inferred, Length, Mode, Text, is_write_only},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Values inside each other that are looked at.
const MAX_DEPTH: usize = 32;

/// A state that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Only version 4, which Terraform writes since 0.12, is known.
    #[error("the state has version {}, only 4 is known", found.map_or("none".to_owned(), |v| v.to_string()))]
    Version {
        /// The version it says it has.
        found: Option<u64>,
    },
    /// A resource of it names no provider.
    #[error("the state's `{kind}` names the provider `{provider}`")]
    Provider {
        /// The type of the resource.
        kind: String,
        /// What it names.
        provider: String,
        /// Why that is none.
        #[source]
        source: AddressError,
    },
}

impl StateError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("Run `terraform state pull` with the Terraform that the repository uses".to_owned())
    }
}

impl Inferred {
    /// Adds what a state holds, as `terraform state pull` prints it. Nothing is taken away, and
    /// what the configuration tells of an attribute counts for more.
    ///
    /// Orphans need a schema to be planned for destruction, attributes that are in no schema would
    /// be lost when the state is written, and a schema older than the state's is refused.
    ///
    /// # Errors
    ///
    /// [`StateError`] when it is no state of version 4, or a resource names no provider. What was
    /// added before stays.
    pub fn add_state(&mut self, state: &Value) -> Result<(), StateError> {
        let found = state["version"].as_u64();
        if found != Some(4) {
            return Err(StateError::Version { found });
        }
        for resource in list(&state["resources"]) {
            let mode = match resource["mode"].as_str() {
                Some("managed") => Mode::Managed,
                Some("data") => Mode::Data,
                _ => continue,
            };
            let Some(kind) = resource["type"].as_str() else { continue };
            let named = resource["provider"].as_str().unwrap_or_default();
            let provider = provider(named).map_err(|source| StateError::Provider {
                kind: kind.to_owned(),
                provider: named.to_owned(),
                source,
            })?;
            let shape = self.provider(provider).type_mut(mode, kind);
            for instance in list(&resource["instances"]) {
                let version = instance["schema_version"].as_u64().unwrap_or(0);
                shape.schema_version = shape.schema_version.max(version);
                if let Some(attributes) = instance["attributes"].as_object() {
                    add(&mut shape.block, attributes, 0);
                }
            }
        }
        Ok(())
    }
}

/// Reads `module.a.provider["registry.terraform.io/hashicorp/aws"].west`.
fn provider(named: &str) -> Result<ProviderAddress, AddressError> {
    let quoted = named.split('"').nth(1);
    // Before 0.13 it was `provider.aws`.
    let plain = || named.rsplit_once("provider.").map(|(_, name)| name.split('.').next());
    let source = quoted.or_else(|| plain().flatten()).unwrap_or_default();
    ProviderAddress::from_source(source)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Adds the attributes of an instance, or of a nested block of one.
fn add(block: &mut Block, attributes: &Map<String, Value>, depth: usize) {
    if depth == MAX_DEPTH {
        return;
    }
    for (name, value) in attributes {
        let value = plain(value);
        if let Some(nested) = block.blocks.get_mut(name) {
            let one = value.as_object().into_iter();
            for content in one.chain(list(value).filter_map(Value::as_object)) {
                add(nested, content, depth + 1);
            }
            continue;
        }
        let new = || Attribute { write_only: is_write_only(name), ..Attribute::default() };
        let attribute = block.attributes.entry(name.clone()).or_insert_with(new);
        let known = std::mem::take(&mut attribute.hint);
        attribute.hint = refine(known, hint(value, depth + 1));
    }
}

/// Takes away the wrapping that a dynamic attribute has in a state: its value and its type.
fn plain(value: &Value) -> &Value {
    const PARTS: [&str; 5] = ["list", "set", "map", "object", "tuple"];
    const WHOLE: [&str; 4] = ["string", "number", "bool", "dynamic"];
    let is_type = |kind: &Value| match kind {
        Value::String(kind) => WHOLE.contains(&kind.as_str()),
        Value::Array(kind) => {
            kind.first().and_then(Value::as_str).is_some_and(|k| PARTS.contains(&k))
        }
        _ => false,
    };
    match (value.get("value"), value.get("type")) {
        (Some(inner), Some(kind))
            if is_type(kind) && value.as_object().is_some_and(|o| o.len() == 2) =>
        {
            inner
        }
        _ => value,
    }
}

fn hint(value: &Value, depth: usize) -> Hint {
    if depth == MAX_DEPTH {
        return Hint::Unknown;
    }
    match value {
        Value::Null => Hint::Unknown,
        Value::Bool(_) => Hint::Bool,
        Value::Number(_) => Hint::Number,
        Value::String(text) => {
            let kinds = super::kinds::Kinds::of(super::kinds::of_literal(text));
            Hint::Text(kinds.text().unwrap_or(Text::Plain))
        }
        Value::Array(elements) => {
            let of = elements
                .iter()
                .fold(Hint::Unknown, |known, element| refine(known, hint(element, depth + 1)));
            Hint::List { of: Box::new(of), length: Length::AtLeast(0) }
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().map(|(name, value)| (name.clone(), hint(value, depth + 1))).collect();
            Hint::Object(fields)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::inferred;
    use super::*;
    use serde_json::json;

    #[test]
    fn types_attributes_and_versions_that_only_the_state_has_are_added() {
        let text = r#"
            resource "aws_vpc" "v" {
              cidr_block = var.cidr
              route { to = "x" }
            }
            variable "cidr" {}
        "#;
        let mut inferred = inferred(&[("main.tf", text)]).unwrap();
        let state = json!({ "version": 4, "resources": [
            {
                "mode": "managed", "type": "aws_vpc", "name": "v",
                "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
                "instances": [
                    { "schema_version": 1, "attributes": {
                        "id": "vpc-1", "cidr_block": "10.0.0.0/16", "tags": { "a": "b" },
                        "route": [{ "to": "x", "state": "active" }],
                        "peers": [{ "id": "p", "cidr": "10.1.0.0/16" }], "none": null,
                        "wrapped": { "value": [1], "type": ["tuple", ["number"]] },
                        "record": { "value": "x", "type": "A" }
                    } },
                    { "schema_version": 3, "attributes": { "none": true } }
                ]
            },
            {
                "mode": "managed", "type": "gone_thing", "name": "g", "module": "module.m",
                "provider": "module.m.provider[\"example.com/acme/gone\"].west",
                "instances": []
            },
            { "mode": "managed", "type": "old_thing", "provider": "provider.old", "instances": [] },
            { "mode": "data", "type": "aws_ami", "provider": "provider[\"registry.terraform.io/hashicorp/aws\"]",
              "instances": [{ "attributes": { "image_id": "ami-1" } }] }
        ] });

        inferred.add_state(&state).unwrap();

        insta::assert_snapshot!(inferred.render(), @"
        example.com/acme/gone
          resource gone_thing
            id: text
        registry.terraform.io/hashicorp/aws
          resource aws_vpc version 3
            cidr_block: cidr w
            id: text
            none: bool
            peers: [{cidr: cidr, id: text}]
            record: {type: text, value: text}
            tags: {a: text}
            wrapped: [number]
            route {}
              state: text
              to: text w
          data aws_ami
            image_id: text
        registry.terraform.io/hashicorp/old
          resource old_thing
            id: text
        ");
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let refuse = |state| Inferred::default().add_state(&state).unwrap_err().to_string();
        insta::assert_snapshot!(refuse(json!({ "version": 3 })), @"the state has version 3, only 4 is known");
        insta::assert_snapshot!(refuse(json!([])), @"the state has version none, only 4 is known");
        let nameless = json!({ "version": 4, "resources": [
            { "mode": "managed", "type": "x_y", "provider": "?" }
        ] });
        insta::assert_snapshot!(refuse(nameless), @"the state's `x_y` names the provider `?`");
    }
}
