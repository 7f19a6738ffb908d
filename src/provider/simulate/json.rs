//! Between Terraform's values and JSON, in which overrides, states and the catalogue speak.

use crate::provider::{
    cty::{Number, Type, Value, plain},
    infer::Hint,
};
use serde_json::{Map, Value as Json};

/// Returns a value as JSON. What is unknown is null.
pub(super) fn to_json(value: &Value) -> Json {
    match value.inner() {
        Value::Null | Value::Unknown(_) | Value::Dynamic(_) => Json::Null,
        Value::Bool(bool) => (*bool).into(),
        Value::Number(number) => number_json(number),
        Value::String(text) => text.as_str().into(),
        Value::Sequence(elements) => elements.iter().map(to_json).collect(),
        Value::Members(members) => {
            members.iter().map(|(name, value)| (name.clone(), to_json(value))).collect()
        }
    }
}

fn number_json(number: &Number) -> Json {
    // A number too large for JSON's reader is no argument that anything is looked up by.
    serde_json::from_str(&number.to_string()).unwrap_or(Json::Null)
}

/// Returns the arguments that are known and set.
pub(super) fn known_members(value: &Value) -> Map<String, Json> {
    let members = value.as_members().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_null() && !value.is_unknown())
        .map(|(name, value)| (name.clone(), to_json(value)))
        .collect()
}

/// Gives JSON the type that `hint` says, or else the likeliest one: an array of equals is a list.
pub(super) fn typed(json: &Json, hint: &Hint) -> Value {
    match (json, hint) {
        (Json::Null, _) => Value::Null,
        (Json::Array(elements), _) => {
            let of = match hint {
                Hint::List { of, .. } | Hint::Set(of) => of,
                _ => &Hint::Unknown,
            };
            let elements: Vec<Value> = elements.iter().map(|json| typed(json, of)).collect();
            let types: Vec<Type> = elements.iter().map(Value::implied_type).collect();
            let alike = types
                .first()
                .filter(|first| !first.has_dynamic() && types.iter().all(|ty| ty == *first));
            let ty = match (alike, hint) {
                (Some(ty), Hint::Set(_)) => Type::set(ty.clone()),
                (Some(ty), _) => Type::list(ty.clone()),
                (None, _) => Type::Tuple(types),
            };
            Value::dynamic(ty, elements.into_iter().map(bare).collect())
        }
        (Json::Object(members), hint) => {
            let of = |name: &String| match hint {
                Hint::Map(of) => of,
                Hint::Object(fields) => fields.get(name).unwrap_or(&Hint::Unknown),
                _ => &Hint::Unknown,
            };
            let members: Vec<(String, Value)> =
                members.iter().map(|(name, json)| (name.clone(), typed(json, of(name)))).collect();
            let first = members.first().map(|(_, value)| value.implied_type());
            let is_map = matches!(hint, Hint::Map(_))
                && first.as_ref().is_some_and(|first| {
                    !first.has_dynamic() && members.iter().all(|(_, v)| v.implied_type() == *first)
                });
            let ty = match first {
                Some(first) if is_map => Type::map(first),
                _ => Type::object(members.iter().map(|(n, v)| (n.clone(), v.implied_type()))),
            };
            let bare = members.into_iter().map(|(name, value)| (name, bare(value)));
            Value::dynamic(ty, Value::members(bare))
        }
        (scalar, _) => {
            let value = plain(scalar);
            Value::dynamic(value.implied_type(), value)
        }
    }
}

/// Takes off the type of a value whose place in another's type says it.
fn bare(value: Value) -> Value {
    match value {
        Value::Dynamic(dynamic) => dynamic.value,
        value => value,
    }
}

/// Makes of JSON a value of type `ty`, whatever it takes: Terraform was promised that type.
pub(super) fn coerce(ty: &Type, json: &Json) -> Value {
    match (ty, json) {
        (Type::Dynamic, json) => typed(json, &Hint::Unknown),
        (_, Json::Null) => Value::Null,
        (Type::String, Json::String(text)) => text.as_str().into(),
        (Type::String, json) => json.to_string().into(),
        (Type::Number, Json::Number(_)) => plain(json),
        (Type::Number, Json::String(text)) => {
            text.parse::<Number>().map_or_else(|_| 1.into(), Value::from)
        }
        (Type::Number, _) => 1.into(),
        (Type::Bool, json) => Value::Bool(*json == Json::Bool(true) || *json == "true"),
        (Type::Set(of), Json::Array(elements)) => {
            let mut once: Vec<Value> = Vec::new();
            for element in elements {
                let value = coerce(of, element);
                if !once.contains(&value) {
                    once.push(value);
                }
            }
            Value::Sequence(once)
        }
        (Type::List(of), Json::Array(elements)) => {
            elements.iter().map(|json| coerce(of, json)).collect()
        }
        (Type::List(of) | Type::Set(of), json) => Value::Sequence(vec![coerce(of, json)]),
        (Type::Tuple(types), json) => {
            let element = |(n, ty)| coerce(ty, json.get(n).unwrap_or(&Json::Null));
            types.iter().enumerate().map(element).collect()
        }
        (Type::Map(of), Json::Object(members)) => {
            Value::members(members.iter().map(|(name, json)| (name, coerce(of, json))))
        }
        (Type::Map(_), _) => Value::Members(Default::default()),
        (Type::Object(fields), json) => {
            let json = json.get(0).unwrap_or(json);
            let of = |name: &String| json.get(name).unwrap_or(&Json::Null);
            Value::members(fields.iter().map(|(name, ty)| (name, coerce(ty, of(name)))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::infer::Length;
    use serde_json::json;

    #[test]
    fn equal_elements_make_a_list_and_others_a_tuple() {
        let ty = |json: Json, hint: &Hint| typed(&json, hint).implied_type().to_string();
        assert_eq!(ty(json!(["a", "b"]), &Hint::Unknown), r#"["list","string"]"#);
        assert_eq!(ty(json!(["a", 1]), &Hint::Unknown), r#"["tuple",["string","number"]]"#);
        assert_eq!(ty(json!(["a"]), &Hint::Set(Box::new(Hint::TEXT))), r#"["set","string"]"#);
        assert_eq!(ty(json!({"k": 1}), &Hint::Map(Box::default())), r#"["map","number"]"#);
        let of = Box::new(Hint::Map(Box::default()));
        let hint = Hint::List { of, length: Length::AtLeast(1) };
        assert_eq!(ty(json!([{"k": "v"}]), &hint), r#"["list",["map","string"]]"#);
    }

    #[test]
    fn anything_becomes_what_was_promised() {
        let made = |ty: Type, json: Json| to_json(&coerce(&ty, &json));
        assert_eq!(made(Type::String, json!(7)), json!("7"));
        assert_eq!(made(Type::Number, json!("7")), json!(7));
        assert_eq!(made(Type::Number, json!("x")), json!(1));
        assert_eq!(made(Type::set(Type::String), json!(["a", "a"])), json!(["a"]));
        assert_eq!(made(Type::list(Type::String), json!("a")), json!(["a"]));
        let object = Type::object([("a", Type::Bool), ("b", Type::String)]);
        assert_eq!(made(object, json!([{"a": true}])), json!({"a": true, "b": null}));
    }
}
