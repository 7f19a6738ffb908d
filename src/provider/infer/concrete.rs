//! Types for a schema, in cty's JSON form, such as `["list","string"]`.
//!
//! Almost every attribute has the type `"dynamic"`. Three must not: `id`; what a `for_each` takes
//! as it is, whose keys must be known; and all that stands in a block that must be concrete.

use super::{
    names,
    shape::{Attribute, Block, Hint},
};
use serde_json::{Map, Value, json};

/// Where an attribute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Directly in a resource, a data source or a `provider` block.
    Top,
    /// In a nested block.
    Nested,
    /// In a nested block of a data source: Terraform panics on a dynamic type there when it
    /// defers the read to apply.
    DataNested,
}

impl Attribute {
    /// Returns the type that a schema should give the attribute.
    pub fn schema_type(&self, name: &str, position: Position) -> Value {
        match position {
            Position::DataNested => self.concrete_type(name),
            Position::Top if name == "id" => json!("string"),
            // A map would have been read with its values.
            _ if self.for_each_use && !self.written && matches!(self.hint, Hint::Set(_)) => {
                json!(["set", "string"])
            }
            Position::Top | Position::Nested => json!("dynamic"),
        }
    }

    /// Returns a type without any dynamic part: what is written decides, then how it is read, then
    /// whether the name is a plural. A string takes numbers and booleans, too.
    pub fn concrete_type(&self, name: &str) -> Value {
        for hint in [&self.written_as, &self.hint] {
            if !hint.is_unknown() {
                return hint.concrete_type();
            }
        }
        if names::is_plural(name) { json!(["list", "string"]) } else { json!("string") }
    }
}

impl Block {
    /// Returns the type of one block as an object without any dynamic part. Nested blocks are
    /// lists.
    pub fn concrete_type(&self) -> Value {
        let mut fields = Map::new();
        for (name, attribute) in &self.attributes {
            fields.insert(name.clone(), attribute.concrete_type(name));
        }
        for (name, block) in &self.blocks {
            fields.insert(name.clone(), json!(["list", block.concrete_type()]));
        }
        json!(["object", fields])
    }
}

impl Hint {
    /// Returns a type without any dynamic part.
    pub fn concrete_type(&self) -> Value {
        match self {
            Self::Unknown | Self::Text(_) => json!("string"),
            Self::Bool => json!("bool"),
            Self::Number => json!("number"),
            Self::List { of, .. } => json!(["list", of.concrete_type()]),
            Self::Set(of) => json!(["set", of.concrete_type()]),
            Self::Map(of) => json!(["map", of.concrete_type()]),
            Self::Object(fields) => object(fields.iter()),
        }
    }
}

/// Returns a map for entries that are strings, as tags are, and an object for all else.
fn object<'f>(fields: impl Iterator<Item = (&'f String, &'f Hint)>) -> Value {
    let types: Map<String, Value> =
        fields.map(|(name, hint)| (name.clone(), hint.concrete_type())).collect();
    if types.values().all(Value::is_string) {
        json!(["map", "string"])
    } else {
        json!(["object", types])
    }
}
