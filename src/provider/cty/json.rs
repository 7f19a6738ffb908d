//! Values in JSON, as they stand in a state file.

use super::{
    Number, Type, Value,
    place::{At, Within},
};
use serde_json::Value as Json;

/// How a state file writes values whose type its schema leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonForm {
    /// As they are: the schema that wrote them had fixed types, as those of the real providers.
    Plain,
    /// As `{"value": …, "type": …}`: the schema that wrote them left the types open, as ours does.
    Typed,
}

impl JsonForm {
    /// Returns the form of an object that is now to be read as an `object`.
    ///
    /// It is typed if all its members of an open type look typed. One alone proves nothing: a real
    /// resource may well have a block of a `type` and a `value`.
    pub fn of(object: &Type, json: &Json) -> Self {
        let (Type::Object(attributes), Json::Object(members)) = (object, json) else {
            return Self::Plain;
        };
        let open = |name: &String| attributes.get(name) == Some(&Type::Dynamic);
        let mut open = members.iter().filter(|(name, json)| open(name) && !json.is_null());
        if open.all(|(_, json)| typed(json).is_some()) { Self::Typed } else { Self::Plain }
    }
}

/// JSON could not be read as a value of the type that it was to have.
pub type JsonError = At<JsonFault>;

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonFault {
    /// It is of another type.
    #[error("it is {found} where `{expected}` is wanted")]
    Mismatch {
        /// The type that the schema has.
        expected: Type,
        /// What there is instead.
        found: &'static str,
    },
    /// It does not bring its type although everything around it does.
    #[error("it does not bring its type")]
    Untyped,
    /// A tuple has more or fewer elements than its type.
    #[error("it has {found} elements where {expected} are wanted")]
    Length {
        /// How many its type has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
}

/// Reads a value of type `ty`.
///
/// A string, a number and a bool stand for each other where Terraform would convert them. Members
/// that an object's type does not have are left out, and those that it lacks are null.
///
/// # Errors
///
/// [`JsonError`] names the place where the JSON does not fit the type.
pub fn from_json(ty: &Type, json: &Json, form: JsonForm) -> Result<Value, JsonError> {
    let mismatch =
        || JsonError::from(JsonFault::Mismatch { expected: ty.clone(), found: kind(json) });
    match (ty, json) {
        (_, Json::Null) => Ok(Value::Null),
        (Type::Dynamic, json) => match (form, typed(json)) {
            (JsonForm::Plain, _) => {
                let plain = plain(json);
                Ok(Value::dynamic(plain.implied_type(), plain))
            }
            (JsonForm::Typed, Some((ty, json))) => {
                let value = from_json(&ty, json, form)?;
                Ok(Value::dynamic(ty, value))
            }
            (JsonForm::Typed, None) => Err(JsonFault::Untyped.into()),
        },
        (Type::String, Json::String(text)) => Ok(text.as_str().into()),
        (Type::String, Json::Number(json)) => Ok(number(json).to_string().into()),
        (Type::String, Json::Bool(bool)) => Ok(bool.to_string().into()),
        (Type::Number, Json::Number(json)) => Ok(number(json).into()),
        (Type::Number, Json::String(text)) => {
            Ok(Value::Number(text.parse().map_err(|_| mismatch())?))
        }
        (Type::Bool, Json::Bool(bool)) => Ok((*bool).into()),
        (Type::Bool, Json::String(text)) => Ok(Value::Bool(text.parse().map_err(|_| mismatch())?)),
        (Type::List(element) | Type::Set(element), Json::Array(elements)) => elements
            .iter()
            .enumerate()
            .map(|(i, json)| from_json(element, json, form).within_index(i))
            .collect(),
        (Type::Tuple(types), Json::Array(elements)) => {
            if types.len() != elements.len() {
                let (expected, found) = (types.len(), elements.len());
                return Err(JsonFault::Length { expected, found }.into());
            }
            let typed = types.iter().zip(elements).enumerate();
            typed.map(|(i, (ty, json))| from_json(ty, json, form).within_index(i)).collect()
        }
        (Type::Map(element), Json::Object(members)) => {
            let members = members.iter().map(|(name, json)| {
                Ok((name.clone(), from_json(element, json, form).within(name)?))
            });
            Ok(Value::Members(members.collect::<Result<_, JsonError>>()?))
        }
        (Type::Object(attributes), Json::Object(members)) => {
            let members = attributes.iter().map(|(name, ty)| {
                let json = members.get(name).unwrap_or(&Json::Null);
                Ok((name.clone(), from_json(ty, json, form).within(name)?))
            });
            Ok(Value::Members(members.collect::<Result<_, JsonError>>()?))
        }
        _ => Err(mismatch()),
    }
}

/// Reads JSON as it is: an array is a sequence, an object is members, nothing is typed.
///
/// A number with more than 17 significant digits has been rounded by the JSON reader before.
pub fn plain(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(bool) => (*bool).into(),
        Json::Number(json) => number(json).into(),
        Json::String(text) => text.as_str().into(),
        Json::Array(elements) => elements.iter().map(plain).collect(),
        Json::Object(members) => {
            Value::members(members.iter().map(|(name, json)| (name, plain(json))))
        }
    }
}

/// Returns the decimal that was written, not the float that it was read into.
fn number(json: &serde_json::Number) -> Number {
    json.to_string().parse().expect("a JSON number that was read has a small exponent")
}

/// Takes `{"value": …, "type": …}` apart.
fn typed(json: &Json) -> Option<(Type, &Json)> {
    let members = json.as_object().filter(|members| members.len() == 2)?;
    let ty = serde_json::from_value(members.get("type")?.clone()).ok()?;
    Some((ty, members.get("value")?))
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a bool",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn open(names: &[&str]) -> Type {
        Type::object(names.iter().map(|name| (*name, Type::Dynamic)))
    }

    #[test]
    fn what_the_real_provider_wrote_gets_the_type_that_it_looks_like() {
        let ty = open(&["name", "ports", "gone", "never"]);
        let json = json!({"name": "a", "ports": [80, 0.1], "gone": null, "other": 1});
        let form = JsonForm::of(&ty, &json);
        assert_eq!(form, JsonForm::Plain);
        let ports = Value::from_iter([Value::from(80), Value::Number("0.1".parse().unwrap())]);
        assert_eq!(
            from_json(&ty, &json, form).unwrap(),
            Value::members([
                ("name", Value::dynamic(Type::String, "a".into())),
                ("ports", Value::dynamic(Type::Tuple(vec![Type::Number; 2]), ports)),
                ("gone", Value::Null),
                ("never", Value::Null),
            ])
        );
    }

    #[test]
    fn what_an_open_schema_wrote_keeps_its_type() {
        let ty = open(&["zones", "none"]);
        let json = json!({
            "zones": {"value": ["a"], "type": ["set", "string"]},
            "none": {"value": null, "type": "bool"},
        });
        let form = JsonForm::of(&ty, &json);
        assert_eq!(form, JsonForm::Typed);
        assert_eq!(
            from_json(&ty, &json, form).unwrap(),
            Value::members([
                (
                    "zones",
                    Value::dynamic(Type::set(Type::String), Value::from_iter([Value::from("a")]))
                ),
                ("none", Value::dynamic(Type::Bool, Value::Null)),
            ])
        );
    }

    #[test]
    fn a_real_attribute_with_a_type_and_a_value_is_not_mistaken_for_a_typed_one() {
        let ty = open(&["name", "parameter"]);
        let json = json!({"name": "a", "parameter": {"type": "string", "value": "x"}});
        assert_eq!(JsonForm::of(&ty, &json), JsonForm::Plain);
    }

    #[test]
    fn scalars_are_converted_where_terraform_would() {
        let read = |ty: Type, json| from_json(&ty, &json, JsonForm::Plain);
        assert_eq!(read(Type::String, json!(1.50)).unwrap(), Value::from("1.5"));
        assert_eq!(read(Type::Number, json!("12")).unwrap(), Value::from(12));
        assert_eq!(read(Type::Bool, json!("true")).unwrap(), Value::from(true));
        let error = read(Type::object([("a", Type::list(Type::Bool))]), json!({"a": [1]}));
        let error = error.unwrap_err();
        assert_eq!(error.path, ".a[0]");
        assert_eq!(error.fault.to_string(), "it is a number where `\"bool\"` is wanted");
    }
}
