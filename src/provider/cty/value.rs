//! Values as Terraform passes them to providers and back.

use super::{Number, Type};
use bytes::Bytes;
use std::collections::BTreeMap;

/// A value, to be read with its [`Type`].
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Value {
    /// Nothing. Untyped unless inside a [`Value::Dynamic`].
    #[default]
    Null,
    /// Not known before the apply.
    Unknown(Refinement),
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    String(String),
    /// The elements of a list, set or tuple.
    Sequence(Vec<Value>),
    /// The members of a map or object.
    Members(BTreeMap<String, Value>),
    /// A value that brings its type, since the schema leaves it open.
    Dynamic(Box<Dynamic>),
}

/// A value with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Dynamic {
    /// The type, never [`Type::Dynamic`] itself.
    pub ty: Type,
    /// The value; null and unknown are typed here.
    pub value: Value,
}

/// What is known of an unknown value.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Refinement {
    /// Nothing.
    #[default]
    None,
    /// It will not be null, so `x != null` is decided at plan.
    NotNull,
    /// More than that, kept as Terraform encoded it, for echoing.
    Encoded(Bytes),
}

impl Value {
    /// An unknown value of which nothing is known.
    pub const UNKNOWN: Self = Self::Unknown(Refinement::None);
    /// An unknown value that will not be null. Terraform ignores the promise where the type is open.
    pub const UNKNOWN_NOT_NULL: Self = Self::Unknown(Refinement::NotNull);

    /// Returns `value` with its type.
    ///
    /// A value that already brings its type keeps it, and one that is null or unknown of no type
    /// stays so.
    pub fn dynamic(ty: Type, value: Value) -> Self {
        match value {
            typed @ Self::Dynamic(_) => typed,
            value if ty != Type::Dynamic => Self::Dynamic(Box::new(Dynamic { ty, value })),
            open @ (Self::Null | Self::Unknown(_)) => open,
            value => {
                let ty = value.implied_type();
                Self::Dynamic(Box::new(Dynamic { ty, value }))
            }
        }
    }

    /// Returns an object or a map of these members.
    pub fn members<N: Into<String>>(members: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self::Members(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// Returns the value without the type that it brings.
    pub fn inner(&self) -> &Value {
        match self {
            Self::Dynamic(dynamic) => dynamic.value.inner(),
            value => value,
        }
    }

    /// Whether it is null, of whatever type.
    pub fn is_null(&self) -> bool {
        matches!(self.inner(), Self::Null)
    }

    /// Whether it is unknown itself; see [`Value::is_wholly_known`] for its parts.
    pub fn is_unknown(&self) -> bool {
        matches!(self.inner(), Self::Unknown(_))
    }

    /// Whether nothing in it is unknown, at any depth.
    pub fn is_wholly_known(&self) -> bool {
        match self {
            Self::Unknown(_) => false,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => true,
            Self::Sequence(elements) => elements.iter().all(Self::is_wholly_known),
            Self::Members(members) => members.values().all(Self::is_wholly_known),
            Self::Dynamic(dynamic) => dynamic.value.is_wholly_known(),
        }
    }

    /// Returns the text, if it is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self.inner() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the elements, if it is a known list, set or tuple.
    pub fn as_sequence(&self) -> Option<&[Value]> {
        match self.inner() {
            Self::Sequence(elements) => Some(elements),
            _ => None,
        }
    }

    /// Returns the members, if it is a known map or object.
    pub fn as_members(&self) -> Option<&BTreeMap<String, Value>> {
        match self.inner() {
            Self::Members(members) => Some(members),
            _ => None,
        }
    }

    /// Returns the member `name`, if it is a known map or object that has one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_members()?.get(name)
    }

    /// Returns the type that the value would have if it were written in a configuration.
    ///
    /// A sequence is a tuple, members are an object; null and unknown leave their type open.
    pub fn implied_type(&self) -> Type {
        match self {
            Self::Null | Self::Unknown(_) => Type::Dynamic,
            Self::Bool(_) => Type::Bool,
            Self::Number(_) => Type::Number,
            Self::String(_) => Type::String,
            Self::Sequence(elements) => {
                Type::Tuple(elements.iter().map(Self::implied_type).collect())
            }
            Self::Members(members) => {
                Type::object(members.iter().map(|(name, value)| (name, value.implied_type())))
            }
            Self::Dynamic(dynamic) => dynamic.ty.clone(),
        }
    }

    /// Returns what kind of value this is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Unknown(_) => "unknown",
            Self::Bool(_) => "a bool",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Sequence(_) => "a sequence",
            Self::Members(_) => "named values",
            Self::Dynamic(dynamic) => dynamic.value.kind(),
        }
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Number(int.into())
    }
}

impl From<Number> for Value {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        Self::Sequence(elements.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_brings_its_type_once() {
        let typed = Value::dynamic(Type::String, "a".into());
        assert_eq!(Value::dynamic(Type::Number, typed.clone()), typed);
        assert_eq!(Value::dynamic(Type::Dynamic, Value::Null), Value::Null);
        assert_eq!(Value::dynamic(Type::Dynamic, "a".into()), typed);
        assert!(Value::dynamic(Type::Bool, Value::Null).is_null());
    }

    #[test]
    fn unknown_is_found_at_any_depth() {
        let deep = Value::members([(
            "a",
            Value::from_iter([Value::dynamic(Type::String, Value::UNKNOWN_NOT_NULL)]),
        )]);
        assert!(!deep.is_unknown());
        assert!(!deep.is_wholly_known());
    }
}
