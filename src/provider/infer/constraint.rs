//! Declared types of variables: what each tells of the values that are passed.

use super::{
    graph::Id,
    interpreter::Interpreter,
    shape::Kind,
    value::{Parts, Value},
};
use crate::config::{
    expression::Expr,
    syntax::{Expression, FuncCall, ObjectKey},
};
use std::collections::BTreeMap;

/// Types inside each other that are followed.
const MAX_DEPTH: usize = 16;

impl Interpreter<'_> {
    /// Notes what a type tells of a value, and returns the value with what the type adds.
    pub(super) fn constrain(&mut self, value: &Value, kind: &Expr) -> Value {
        self.require(value, kind.node(), 0);
        let declared = self.declared_value(kind.node(), 0);
        value.join(&declared, &mut self.budget)
    }

    fn require(&mut self, value: &Value, node: &Expression, depth: usize) {
        if depth > MAX_DEPTH || value.is_unknown() || !self.budget.spend(1) {
            return;
        }
        if let Some(kind) = primitive(node) {
            self.used(value, kind);
        }
        let Expression::FuncCall(call) = node else { return };
        let Some(inner) = call.args.get(0) else { return };
        match call.name.name.as_str() {
            "optional" => self.require(value, inner, depth + 1),
            kind @ ("list" | "set" | "map") => {
                self.used(value, if kind == "map" { Kind::Map } else { Kind::List });
                if !is_any(inner) {
                    let element = self.element(value);
                    self.require(&element, inner, depth + 1);
                }
            }
            "object" => {
                for (name, kind) in fields(call) {
                    let part = self.existing(value, &name);
                    self.require(&part, kind, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// Returns the part of a name if there is one already: converting to an object type drops what
    /// the type does not name, and leaves out what the value does not have.
    fn existing(&mut self, value: &Value, name: &str) -> Value {
        let child = |id: Id| self.graph.node(id).children.get(name).copied();
        let nodes = value.nodes().filter_map(child).collect();
        let children = Value::new(Parts { nodes, ..Parts::default() });
        match value.field(name) {
            Some(field) => children.join(field, &mut self.budget),
            None => children,
        }
    }

    /// Returns what any value of a type is.
    fn declared_value(&mut self, node: &Expression, depth: usize) -> Value {
        if depth > MAX_DEPTH || !self.budget.spend(1) {
            return Value::default();
        }
        if let Some(kind) = primitive(node) {
            return match kind {
                Kind::List | Kind::Map => Value::of(kind, Value::default()),
                kind => Value::kind(kind),
            };
        }
        let Expression::FuncCall(call) = node else { return Value::default() };
        let Some(inner) = call.args.get(0) else { return Value::default() };
        match call.name.name.as_str() {
            "optional" => self.declared_value(inner, depth + 1),
            "list" => Value::of(Kind::List, self.declared_value(inner, depth + 1)),
            "set" => Value::of(Kind::Set, self.declared_value(inner, depth + 1)),
            "map" => Value::of(Kind::Map, self.declared_value(inner, depth + 1)),
            "tuple" => Value::of(Kind::List, Value::default()),
            "object" => {
                let mut known = BTreeMap::new();
                for (name, kind) in fields(call) {
                    known.insert(name, self.declared_value(kind, depth + 1));
                }
                Value::object(known)
            }
            _ => Value::default(),
        }
    }
}

/// Returns the kind of a type without parts; old configurations quote it.
fn primitive(node: &Expression) -> Option<Kind> {
    let name = match node {
        Expression::Variable(name) => name.as_str(),
        Expression::String(name) => name.value().as_str(),
        _ => return None,
    };
    match name {
        "string" => Some(Kind::Text),
        "number" => Some(Kind::Number),
        "bool" => Some(Kind::Bool),
        "list" => Some(Kind::List),
        "map" => Some(Kind::Map),
        _ => None,
    }
}

fn is_any(node: &Expression) -> bool {
    matches!(node, Expression::Variable(name) if name.as_str() == "any")
}

/// Returns the attributes of an `object({…})`.
fn fields(call: &FuncCall) -> Vec<(String, &Expression)> {
    let Some(Expression::Object(object)) = call.args.get(0) else { return Vec::new() };
    object
        .iter()
        .filter_map(|(key, value)| {
            let name = match key {
                ObjectKey::Ident(name) => name.to_string(),
                ObjectKey::Expression(Expression::Variable(name)) => name.to_string(),
                ObjectKey::Expression(node) => node.as_str()?.to_owned(),
            };
            Some((name, value.expr()))
        })
        .collect()
}
