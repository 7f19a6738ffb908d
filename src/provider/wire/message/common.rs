//! What many messages have in common.

use crate::provider::cty::{self, DecodeError, EncodeError, JsonError, JsonForm, Type, Value};
use bytes::Bytes;

/// A value in one of two encodings; Terraform sends the first, and so do we.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DynamicValue {
    /// The value in MessagePack.
    #[prost(bytes = "bytes", tag = "1")]
    pub msgpack: Bytes,
    /// The value in JSON, if `msgpack` is empty.
    #[prost(bytes = "bytes", tag = "2")]
    pub json: Bytes,
}

/// Why a value that Terraform sent could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableValue {
    /// Its MessagePack does not fit the schema.
    #[error("failed to read a value in MessagePack")]
    Msgpack(#[source] DecodeError),
    /// Its JSON is none.
    #[error("failed to read a value in JSON")]
    Syntax(#[source] serde_json::Error),
    /// Its JSON does not fit the schema.
    #[error("failed to read a value in JSON")]
    Json(#[source] JsonError),
}

impl DynamicValue {
    /// Encodes `value` as a `ty`.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if the value does not fit the type.
    pub fn encode(ty: &Type, value: &Value) -> Result<Self, EncodeError> {
        Ok(Self { msgpack: cty::encode(ty, value)?.into(), json: Bytes::new() })
    }

    /// Decodes a value of type `ty`; an empty message is null.
    ///
    /// # Errors
    ///
    /// [`UnreadableValue`] if it does not fit the type.
    pub fn decode(&self, ty: &Type) -> Result<Value, UnreadableValue> {
        if !self.msgpack.is_empty() {
            return cty::decode(ty, &self.msgpack).map_err(UnreadableValue::Msgpack);
        }
        if self.json.is_empty() {
            return Ok(Value::Null);
        }
        let json = serde_json::from_slice(&self.json).map_err(UnreadableValue::Syntax)?;
        cty::from_json(ty, &json, JsonForm::Typed).map_err(UnreadableValue::Json)
    }
}

/// The stored state of a resource, as its JSON stands in the state file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RawState {
    /// The JSON. States older than Terraform 0.12 have another form, which is not read.
    #[prost(bytes = "bytes", tag = "1")]
    pub json: Bytes,
}

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Severity {
    /// Not set.
    Invalid = 0,
    /// The operation failed.
    Error = 1,
    /// The operation succeeded, with something to say.
    Warning = 2,
}

/// An error or warning, shown to the user.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Diagnostic {
    /// How bad it is.
    #[prost(enumeration = "Severity", tag = "1")]
    pub severity: i32,
    /// One line.
    #[prost(string, tag = "2")]
    pub summary: String,
    /// The rest.
    #[prost(string, tag = "3")]
    pub detail: String,
    /// What it is about, which Terraform shows with its place in the configuration.
    #[prost(message, optional, tag = "4")]
    pub attribute: Option<AttributePath>,
}

impl Diagnostic {
    /// Returns an error about the whole operation.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Error, summary.into(), detail.into())
    }

    /// Returns a warning about the whole operation.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Severity::Warning, summary.into(), detail.into())
    }

    /// Returns the diagnostic, about the attribute at `path`.
    #[must_use]
    pub fn at(self, path: AttributePath) -> Self {
        Self { attribute: Some(path), ..self }
    }

    fn new(severity: Severity, summary: String, detail: String) -> Self {
        Self { severity: severity.into(), summary, detail, attribute: None }
    }
}

/// The way to a part of a value.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributePath {
    /// From the outside in.
    #[prost(message, repeated, tag = "1")]
    pub steps: Vec<Step>,
}

impl AttributePath {
    /// Returns the way to the attribute `name` of the whole.
    pub fn attribute(name: impl Into<String>) -> Self {
        let selector = Some(Selector::AttributeName(name.into()));
        Self { steps: vec![Step { selector }] }
    }
}

/// One step of an [`AttributePath`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct Step {
    /// What the step selects.
    #[prost(oneof = "Selector", tags = "1, 2, 3")]
    pub selector: Option<Selector>,
}

/// What a [`Step`] selects.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Selector {
    /// An attribute of an object.
    #[prost(string, tag = "1")]
    AttributeName(String),
    /// An element of a map.
    #[prost(string, tag = "2")]
    ElementKeyString(String),
    /// An element of a list.
    #[prost(int64, tag = "3")]
    ElementKeyInt(i64),
}

/// What this Terraform can handle beyond the protocol's major version.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct ClientCapabilities {
    /// Answers may say "not yet".
    #[prost(bool, tag = "1")]
    pub deferral_allowed: bool,
    /// Schemas may have write-only attributes (Terraform 1.11 and later).
    #[prost(bool, tag = "2")]
    pub write_only_attributes_allowed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn fields_have_the_numbers_of_the_protocol() {
        let diagnostic = Diagnostic::error("a", "b").at(AttributePath::attribute("c"));
        // 1: error, 2: "a", 3: "b", 4: {1: {1: "c"}}.
        assert_eq!(
            diagnostic.encode_to_vec(),
            b"\x08\x01\x12\x01a\x1a\x01b\x22\x05\x0a\x03\x0a\x01c"
        );
    }

    #[test]
    fn a_value_is_read_from_either_encoding_and_an_empty_one_is_null() {
        let value = Value::dynamic(Type::String, "a".into());
        let sent = DynamicValue::encode(&Type::Dynamic, &value).unwrap();
        assert_eq!(sent.decode(&Type::Dynamic).unwrap(), value);
        let json = DynamicValue {
            json: Bytes::from_static(br#"{"value":"a","type":"string"}"#),
            ..DynamicValue::default()
        };
        assert_eq!(json.decode(&Type::Dynamic).unwrap(), value);
        assert_eq!(DynamicValue::default().decode(&Type::Bool).unwrap(), Value::Null);
    }
}
