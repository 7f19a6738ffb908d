//! What an expression of a runbook comes to.
//!
//! Meant for short expressions over known values. Terraform's own files need more: values that are
//! not known yet, its functions, its conversions.

use super::{Expr, literal, static_step, unwrap};
use crate::{
    config::syntax::{Element, Expression, ObjectKey},
    model::{finding::Place, nearest},
};
use hcl::eval::{Context, ErrorKind, Evaluate};
use serde_json::Value;
use std::collections::BTreeMap;

/// The names that an expression may use, and their values.
#[derive(Clone, Default)]
pub struct Scope {
    roots: BTreeMap<String, Value>,
}

/// An expression that comes to nothing. It never holds a value, since values can be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct EvalError {
    /// The innermost part that failed.
    pub place: Place,
    /// Why, lower case.
    pub message: String,
}

impl EvalError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(format!("Correct the expression at {}", self.place))
    }
}

impl Scope {
    /// Returns a scope without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name, or gives it another value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.roots.insert(name.into(), value.into());
        self
    }
}

impl Expr {
    /// Evaluates the expression. Whole numbers stay whole, and objects are in the order of their
    /// keys.
    ///
    /// # Errors
    ///
    /// [`EvalError`] for a name that is not in the scope, an attribute that a value has not, a
    /// function (there are none), or an operation that its operands cannot do.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvalError> {
        for reference in self.references() {
            let root = &reference.path[0];
            if !scope.roots.contains_key(root) {
                let message = missing("there is no", root, scope.roots.keys());
                return Err(EvalError { place: reference.place, message });
            }
        }
        let mut context = Context::new();
        for (name, value) in &scope.roots {
            context.declare_var(name.as_str(), to_hcl(value));
        }
        match evaluate(&self.node, &context) {
            Ok(value) => Ok(to_json(value)),
            Err(kind) => {
                let (node, kind) = innermost(&self.node, kind, &context);
                let message = explain(node, &kind, scope);
                Err(EvalError { place: self.place_of(node), message })
            }
        }
    }
}

fn evaluate(node: &Expression, context: &Context<'_>) -> Result<hcl::Value, ErrorKind> {
    hcl::Expression::from(node.clone()).evaluate(context).map_err(hcl::eval::Error::into_kind)
}

/// Finds the smallest part that fails by itself.
fn innermost<'a>(
    node: &'a Expression,
    kind: ErrorKind,
    context: &Context<'_>,
) -> (&'a Expression, ErrorKind) {
    for part in parts(node, context) {
        if let Err(kind) = evaluate(part, context) {
            return innermost(part, kind, context);
        }
    }
    (node, kind)
}

/// Returns the parts that are evaluated with the same names as the whole.
fn parts<'a>(node: &'a Expression, context: &Context<'_>) -> Vec<&'a Expression> {
    match node {
        Expression::Parenthesis(inner) => vec![inner.inner()],
        Expression::Array(array) => array.iter().collect(),
        Expression::Object(object) => object
            .iter()
            .flat_map(|(key, value)| {
                let key = match key {
                    ObjectKey::Expression(key) => Some(key),
                    ObjectKey::Ident(_) => None,
                };
                key.into_iter().chain([value.expr()])
            })
            .collect(),
        Expression::StringTemplate(_) | Expression::HeredocTemplate(_) => {
            let elements = node.as_template().into_iter().flatten();
            elements.filter_map(Element::as_interpolation).map(|inner| &inner.expr).collect()
        }
        Expression::Conditional(inner) => match evaluate(&inner.cond_expr, context) {
            Ok(hcl::Value::Bool(true)) => vec![&inner.true_expr],
            Ok(hcl::Value::Bool(false)) => vec![&inner.false_expr],
            _ => vec![&inner.cond_expr],
        },
        Expression::FuncCall(call) => call.args.iter().collect(),
        Expression::UnaryOp(operation) => vec![&operation.expr],
        Expression::BinaryOp(operation) => vec![&operation.lhs_expr, &operation.rhs_expr],
        Expression::ForExpr(inner) => vec![&inner.intro.collection_expr],
        Expression::Traversal(traversal) => vec![&traversal.expr],
        Expression::Null(_)
        | Expression::Bool(_)
        | Expression::Number(_)
        | Expression::String(_)
        | Expression::Variable(_) => Vec::new(),
    }
}

fn explain(node: &Expression, kind: &ErrorKind, scope: &Scope) -> String {
    if let Some(message) = missing_step(node, scope) {
        return message;
    }
    match kind {
        ErrorKind::UndefinedVar(name) => format!("there is no `{name}`"),
        ErrorKind::UndefinedFunc(name) => format!("there is no function `{name}`"),
        ErrorKind::Unexpected(value, expected) => {
            format!("this is {}, where {expected} is needed", kind_of(value))
        }
        ErrorKind::Index(index) => format!("there is no element {index}"),
        ErrorKind::UnaryOp(operator, value) => {
            format!("`{operator}` cannot take {}", kind_of(value))
        }
        ErrorKind::BinaryOp(left, operator, right) => {
            format!("`{operator}` cannot take {} and {}", kind_of(left), kind_of(right))
        }
        ErrorKind::NoSuchKey(key) => format!("there is no `{key}`"),
        ErrorKind::KeyExists(_) => "two entries come to the same key".into(),
        _ => "this cannot be evaluated".into(),
    }
}

/// Says which step of a traversal leads nowhere.
fn missing_step(node: &Expression, scope: &Scope) -> Option<String> {
    let Expression::Traversal(traversal) = node else { return None };
    let Expression::Variable(root) = unwrap(&traversal.expr) else { return None };
    let mut path = root.to_string();
    let mut value = scope.roots.get(root.as_str())?;
    for operator in &traversal.operators {
        let name = static_step(operator.value())?;
        let Value::Object(entries) = value else {
            return Some(format!("`{path}` has no attributes"));
        };
        let Some(next) = entries.get(&name) else {
            return Some(missing(&format!("`{path}` has no"), &name, entries.keys()));
        };
        value = next;
        path = format!("{path}.{name}");
    }
    None
}

fn missing<'a>(lead: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    match nearest(name, known.map(String::as_str)) {
        Some(near) => format!("{lead} `{name}`; did you mean `{near}`?"),
        None => format!("{lead} `{name}`"),
    }
}

fn kind_of(value: &hcl::Value) -> &'static str {
    match value {
        hcl::Value::Null => "null",
        hcl::Value::Bool(_) => "a boolean",
        hcl::Value::Number(_) => "a number",
        hcl::Value::String(_) => "a string",
        hcl::Value::Array(_) => "a list",
        hcl::Value::Object(_) => "an object",
    }
}

fn to_hcl(value: &Value) -> hcl::Value {
    match value {
        Value::Null => hcl::Value::Null,
        Value::Bool(value) => hcl::Value::Bool(*value),
        Value::Number(number) => {
            let whole = number.as_i64().map(hcl::Number::from);
            let whole = whole.or_else(|| number.as_u64().map(hcl::Number::from));
            let number = whole.or_else(|| number.as_f64().and_then(hcl::Number::from_f64));
            number.map_or(hcl::Value::Null, hcl::Value::Number)
        }
        Value::String(text) => hcl::Value::String(text.clone()),
        Value::Array(values) => values.iter().map(to_hcl).collect(),
        Value::Object(entries) => {
            // In the order of their keys, as Terraform goes through them.
            let sorted: BTreeMap<_, _> = entries.iter().collect();
            sorted.into_iter().map(|(name, value)| (name.clone(), to_hcl(value))).collect()
        }
    }
}

fn to_json(value: hcl::Value) -> Value {
    match value {
        hcl::Value::Null => Value::Null,
        hcl::Value::Bool(value) => Value::Bool(value),
        hcl::Value::Number(number) => literal::number(&number).map_or(Value::Null, Value::Number),
        hcl::Value::String(text) => Value::String(text),
        hcl::Value::Array(values) => values.into_iter().map(to_json).collect(),
        hcl::Value::Object(entries) => {
            entries.into_iter().map(|(name, value)| (name, to_json(value))).collect()
        }
    }
}
