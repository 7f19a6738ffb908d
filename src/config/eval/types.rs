//! Type constraints of variables, and the conversion to them.

use super::{
    convert,
    operators::Kind,
    scope::Scope,
    value::{Unknown, Value},
};
use crate::config::syntax::{Expression, FuncCall, Object, ObjectKey};
use std::collections::BTreeMap;

/// A type constraint.
#[derive(Debug)]
pub(super) enum Type<'e> {
    Any,
    Bool,
    Number,
    String,
    List(Box<Type<'e>>),
    Set(Box<Type<'e>>),
    Map(Box<Type<'e>>),
    Tuple(Vec<Type<'e>>),
    Object(BTreeMap<String, Attribute<'e>>),
    /// It is not a type as Terraform has them.
    Invalid,
}

/// An attribute of an object type.
#[derive(Debug)]
pub(super) struct Attribute<'e> {
    kind: Type<'e>,
    optional: bool,
    default: Option<&'e Expression>,
}

impl<'e> Type<'e> {
    /// Reads a type constraint; its depth is bounded by the parser.
    pub(super) fn read(node: &'e Expression) -> Self {
        match node {
            Expression::Variable(name) => Self::named(name.as_str()),
            // Old configurations quote it, and a bare `list` has elements of any type.
            Expression::String(name) => Self::named(name.value()),
            Expression::Parenthesis(inner) => Self::read(inner.inner()),
            Expression::FuncCall(call) => Self::constructed(call),
            _ => Self::Invalid,
        }
    }

    fn named(name: &str) -> Self {
        let any = || Box::new(Self::Any);
        match name {
            "any" => Self::Any,
            "bool" => Self::Bool,
            "number" => Self::Number,
            "string" => Self::String,
            "list" => Self::List(any()),
            "set" => Self::Set(any()),
            "map" => Self::Map(any()),
            _ => Self::Invalid,
        }
    }

    fn constructed(call: &'e FuncCall) -> Self {
        let Some(of) = call.args.get(0).filter(|_| call.args.len() == 1) else {
            return Self::Invalid;
        };
        let inner = || Box::new(Self::read(of));
        match (call.name.name.as_str(), of) {
            ("list", _) => Self::List(inner()),
            ("set", _) => Self::Set(inner()),
            ("map", _) => Self::Map(inner()),
            ("tuple", Expression::Array(items)) => {
                Self::Tuple(items.iter().map(Self::read).collect())
            }
            ("object", Expression::Object(object)) => Self::object(object).unwrap_or(Self::Invalid),
            _ => Self::Invalid,
        }
    }

    fn object(object: &'e Object) -> Option<Self> {
        let mut attributes = BTreeMap::new();
        for (key, value) in object {
            let name = match key {
                ObjectKey::Ident(name) => name.to_string(),
                ObjectKey::Expression(Expression::Variable(name)) => name.to_string(),
                ObjectKey::Expression(Expression::String(name)) => name.value().clone(),
                ObjectKey::Expression(_) => return None,
            };
            let attribute = match value.expr() {
                Expression::FuncCall(call) if call.name.name.as_str() == "optional" => Attribute {
                    kind: Self::read(call.args.get(0)?),
                    optional: true,
                    default: call.args.get(1),
                },
                other => Attribute { kind: Self::read(other), optional: false, default: None },
            };
            attributes.insert(name, attribute);
        }
        Some(Self::Object(attributes))
    }

    /// Returns what a value of it is.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Bool => Kind::Bool,
            Self::Number => Kind::Number,
            Self::String => Kind::String,
            Self::List(_) | Self::Tuple(_) => Kind::List,
            Self::Map(_) | Self::Object(_) => Kind::Map,
            Self::Any | Self::Set(_) | Self::Invalid => Kind::Any,
        }
    }

    /// Converts a value; what cannot be is [`Unknown::Invalid`].
    pub(super) fn convert(&self, scope: &Scope<'_>, value: &Value) -> Value {
        self.converted(scope, value).unwrap_or_else(Value::Unknown)
    }

    fn converted(&self, scope: &Scope<'_>, value: &Value) -> Result<Value, Unknown> {
        if !scope.cost().spend(1) {
            return Err(Unknown::Limit);
        }
        match (self, value) {
            (Self::Invalid, _) => Err(Unknown::function("type")),
            (_, Value::Null) | (Self::Any, _) => Ok(value.clone()),
            (_, Value::Unknown(why)) => Err(why.clone()),
            (Self::String, _) => convert::text(value),
            (Self::Number, _) => convert::number(value).map(Value::Number),
            (Self::Bool, _) => convert::boolean(value).map(Value::Bool),
            (Self::List(of), Value::List(items) | Value::Set(items)) => {
                of.all(scope, items.to_vec()).map(Value::list)
            }
            (Self::Set(of), Value::List(items) | Value::Set(items)) => {
                set(of.all(scope, items.to_vec())?)
            }
            (Self::Map(of), Value::Map(entries)) => {
                let values = of.all(scope, entries.values().cloned().collect())?;
                Ok(Value::map(entries.keys().cloned().zip(values)))
            }
            (Self::Tuple(of), Value::List(items)) if of.len() == items.len() => of
                .iter()
                .zip(items.iter())
                .map(|(of, item)| of.within(scope, item))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::list),
            (Self::Object(of), Value::Map(entries)) => {
                let mut made = BTreeMap::new();
                for (name, attribute) in of {
                    let value = match entries.get(name) {
                        None if !attribute.optional => {
                            return Err(Unknown::invalid(format!("`{name}` is missing")));
                        }
                        None | Some(Value::Null) => match attribute.default {
                            Some(default) => attribute.default_value(scope, default)?,
                            None => Value::Null,
                        },
                        Some(value) => attribute.kind.within(scope, value)?,
                    };
                    made.insert(name.clone(), value);
                }
                Ok(Value::map(made))
            }
            (_, other) => Err(Unknown::invalid(format!("{} does not fit its type", other.kind()))),
        }
    }

    /// Converts a part of a value: what is not known in it stays in its place.
    fn within(&self, scope: &Scope<'_>, value: &Value) -> Result<Value, Unknown> {
        match self.converted(scope, value) {
            Err(why) if !why.is_invalid() => Ok(Value::Unknown(why)),
            other => other,
        }
    }

    fn all(&self, scope: &Scope<'_>, items: Vec<Value>) -> Result<Vec<Value>, Unknown> {
        match self {
            Self::Any => convert::unify(items, "type"),
            of => items.iter().map(|item| of.within(scope, item)).collect(),
        }
    }
}

impl Attribute<'_> {
    fn default_value(&self, scope: &Scope<'_>, default: &Expression) -> Result<Value, Unknown> {
        // A default is a constant: it has no names to be looked up, and no place is needed.
        let value = super::expression::constant(scope, default);
        self.kind.converted(scope, &value)
    }
}

/// Returns a set of values that have one type.
///
/// # Errors
///
/// An unknown when which values it has, or their order, is not certain.
pub(super) fn set(mut items: Vec<Value>) -> Result<Value, Unknown> {
    if let Some(why) = items.iter().find_map(Value::unknown) {
        return Err(why.clone());
    }
    if items.iter().any(|item| !convert::is_plain(item)) {
        return super::sets::ordered(items);
    }
    items.sort_by(|left, right| match (left, right) {
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => std::cmp::Ordering::Equal,
    });
    items.dedup();
    Ok(Value::Set(items.into()))
}
