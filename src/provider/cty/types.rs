//! Terraform's types, and the JSON in which schemas and dynamic values spell them.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
    ser::SerializeTuple,
};
use std::{collections::BTreeMap, fmt};

/// The type of a value, or what a schema allows it to be.
///
/// In JSON a primitive type is its name, and another is its kind with an argument:
/// `["list","string"]`, `["object",{"name":"string"}]`
/// ([source](https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/object-wire-format.md)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Any type; a value of it brings its own.
    Dynamic,
    /// Text.
    String,
    /// A number of any size and precision.
    Number,
    /// True or false.
    Bool,
    /// Values of one type, in order.
    List(Box<Type>),
    /// Values of one type, each once and in no order.
    Set(Box<Type>),
    /// Values of one type, by name.
    Map(Box<Type>),
    /// A fixed sequence of values, each of its own type.
    Tuple(Vec<Type>),
    /// Named values, each of its own type.
    Object(BTreeMap<String, Type>),
}

impl Type {
    /// Returns the type of a list of `element`.
    pub fn list(element: Type) -> Self {
        Self::List(Box::new(element))
    }

    /// Returns the type of a set of `element`.
    pub fn set(element: Type) -> Self {
        Self::Set(Box::new(element))
    }

    /// Returns the type of a map of `element`.
    pub fn map(element: Type) -> Self {
        Self::Map(Box::new(element))
    }

    /// Returns the type of an object with these attributes.
    pub fn object<N: Into<String>>(attributes: impl IntoIterator<Item = (N, Type)>) -> Self {
        Self::Object(attributes.into_iter().map(|(name, ty)| (name.into(), ty)).collect())
    }

    /// Whether the type leaves anything open, at any depth.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Self::Dynamic => true,
            Self::String | Self::Number | Self::Bool => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => element.has_dynamic(),
            Self::Tuple(elements) => elements.iter().any(Self::has_dynamic),
            Self::Object(attributes) => attributes.values().any(Self::has_dynamic),
        }
    }

    /// Returns the type of the element at `index`, if this is a type of sequences that has one.
    pub fn element(&self, index: usize) -> Option<&Type> {
        match self {
            Self::List(element) | Self::Set(element) => Some(element),
            Self::Tuple(elements) => elements.get(index),
            _ => None,
        }
    }

    /// Returns the type of the member `name`, if this is a type of named values that has one.
    pub fn member(&self, name: &str) -> Option<&Type> {
        match self {
            Self::Map(element) => Some(element),
            Self::Object(attributes) => attributes.get(name),
            _ => None,
        }
    }

    /// Returns the type's JSON.
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Dynamic => b"\"dynamic\"".to_vec(),
            Self::String => b"\"string\"".to_vec(),
            Self::Number => b"\"number\"".to_vec(),
            Self::Bool => b"\"bool\"".to_vec(),
            _ => serde_json::to_vec(self).expect("names and types are always JSON"),
        }
    }
}

impl fmt::Display for Type {
    /// Writes the type's JSON, which is also how Terraform's own messages spell it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_json()))
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn pair<S: Serializer>(
            serializer: S,
            kind: &str,
            argument: &impl Serialize,
        ) -> Result<S::Ok, S::Error> {
            let mut pair = serializer.serialize_tuple(2)?;
            pair.serialize_element(kind)?;
            pair.serialize_element(argument)?;
            pair.end()
        }
        match self {
            Self::Dynamic => serializer.serialize_str("dynamic"),
            Self::String => serializer.serialize_str("string"),
            Self::Number => serializer.serialize_str("number"),
            Self::Bool => serializer.serialize_str("bool"),
            Self::List(element) => pair(serializer, "list", element),
            Self::Set(element) => pair(serializer, "set", element),
            Self::Map(element) => pair(serializer, "map", element),
            Self::Tuple(elements) => pair(serializer, "tuple", elements),
            Self::Object(attributes) => pair(serializer, "object", attributes),
        }
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TypeVisitor)
    }
}

struct TypeVisitor;

impl<'de> Visitor<'de> for TypeVisitor {
    type Value = Type;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type such as \"string\" or [\"list\",\"string\"]")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Type, E> {
        match name {
            "dynamic" => Ok(Type::Dynamic),
            "string" => Ok(Type::String),
            "number" => Ok(Type::Number),
            "bool" => Ok(Type::Bool),
            _ => Err(E::custom(format_args!("unknown type `{name}`"))),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Type, A::Error> {
        fn argument<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
            seq: &mut A,
        ) -> Result<T, A::Error> {
            seq.next_element()?.ok_or_else(|| A::Error::custom("the kind of type has no argument"))
        }
        let kind: String = argument(&mut seq)?;
        let ty = match kind.as_str() {
            "list" => Type::List(argument(&mut seq)?),
            "set" => Type::Set(argument(&mut seq)?),
            "map" => Type::Map(argument(&mut seq)?),
            "tuple" => Type::Tuple(argument(&mut seq)?),
            "object" => Type::Object(argument(&mut seq)?),
            _ => return Err(A::Error::custom(format_args!("unknown kind of type `{kind}`"))),
        };
        // An object may name its optional attributes here; values never do.
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::cty::arbitrary::Arbitrary;

    #[test]
    fn a_type_is_spelled_as_terraform_spells_it() {
        let ty = Type::object([
            ("tags", Type::map(Type::String)),
            ("ports", Type::set(Type::Number)),
            ("any", Type::Dynamic),
            ("pair", Type::Tuple(vec![Type::Bool, Type::list(Type::String)])),
        ]);
        insta::assert_snapshot!(ty, @r#"["object",{"any":"dynamic","pair":["tuple",["bool",["list","string"]]],"ports":["set","number"],"tags":["map","string"]}]"#);
    }

    #[test]
    fn every_type_reads_back_as_it_was_written() {
        let mut arbitrary = Arbitrary::new(1);
        for _ in 0..500 {
            let ty = arbitrary.ty(4);
            assert_eq!(serde_json::from_slice::<Type>(&ty.to_json()).unwrap(), ty);
        }
    }

    #[test]
    fn optional_attributes_of_an_object_are_passed_over() {
        let ty: Type = serde_json::from_str(r#"["object",{"a":"string"},["a"]]"#).unwrap();
        assert_eq!(ty, Type::object([("a", Type::String)]));
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for text in ["\"text\"", "[]", "[\"list\"]", "[\"ring\",\"string\"]", "{}", "null", "7"] {
            assert!(serde_json::from_str::<Type>(text).is_err(), "{text}");
        }
    }
}
