//! What the expressions of a runbook can speak of, and their values.

use super::Mistake;
use crate::config::{
    body::Attribute,
    expression::{Expr, Scope},
};
use serde_json::{Map, Value, json};

/// What is known when an expression is evaluated.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The fallback region: `region`.
    pub region: String,
    /// The region that serves in normal times: `primary`.
    pub primary: Option<String>,
    /// The service's name: `service`.
    pub service: String,
    /// The outputs of each stack that is up, by the stack's name: `stack.NAME.outputs.OUTPUT`.
    pub outputs: Map<String, Value>,
    /// On the way home, the region that is left behind and what its stacks put out: `fallback`.
    pub fallback: Option<Box<Left>>,
}

/// What the way home leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// The fallback region: `fallback.region`.
    pub region: String,
    /// The outputs of each of its stacks: `fallback.stack.NAME.outputs.OUTPUT`.
    pub outputs: Map<String, Value>,
}

impl Known {
    fn scope(&self) -> Scope {
        let scope = self.with_stack(stacks(&self.outputs));
        match &self.fallback {
            None => scope,
            Some(left) => {
                let left = json!({ "region": left.region, "stack": stacks(&left.outputs) });
                scope.with("fallback", left)
            }
        }
    }

    fn with_stack(&self, stack: Value) -> Scope {
        let primary = self.primary.clone().map_or(Value::Null, Value::String);
        Scope::new()
            .with("region", self.region.as_str())
            .with("primary", primary)
            .with("service", self.service.as_str())
            .with("stack", stack)
    }

    /// Evaluates an expression.
    ///
    /// # Errors
    ///
    /// The expression has no value; the mistake names the place.
    pub fn value(&self, expr: &Expr) -> Result<Value, Mistake> {
        value(expr, &self.scope())
    }

    /// Returns true when every stack is up whose outputs `expr` reads.
    pub fn knows(&self, expr: &Expr) -> bool {
        expr.references().iter().all(|reference| match reference.path.as_slice() {
            [root, stack, ..] if root == "stack" => self.outputs.contains_key(stack),
            _ => true,
        })
    }

    /// Evaluates each of `attributes`.
    ///
    /// # Errors
    ///
    /// The first that has no value.
    pub fn values(&self, attributes: &[Attribute]) -> Result<Map<String, Value>, Mistake> {
        values(attributes, &self.scope())
    }

    /// Evaluates each of `attributes` for the stack `name`: here `stack` is just its name.
    ///
    /// # Errors
    ///
    /// The first that has no value.
    pub fn values_for(
        &self,
        name: &str,
        attributes: &[Attribute],
    ) -> Result<Map<String, Value>, Mistake> {
        values(attributes, &self.with_stack(Value::String(name.to_owned())))
    }

    /// Evaluates an expression that must be a string; numbers and booleans are written out.
    ///
    /// # Errors
    ///
    /// It has no value, or one of another kind.
    pub fn string(&self, expr: &Expr) -> Result<String, Mistake> {
        let value = self.value(expr)?;
        text(&value).ok_or_else(|| not(expr, "a string", &value))
    }
}

/// The outputs of stacks, as expressions see them.
fn stacks(outputs: &Map<String, Value>) -> Value {
    let each = outputs.iter();
    Value::Object(each.map(|(name, all)| (name.clone(), json!({ "outputs": all }))).collect())
}

fn value(expr: &Expr, scope: &Scope) -> Result<Value, Mistake> {
    expr.evaluate(scope).map_err(|error| Mistake::new(error.place, error.message))
}

/// Evaluates each of `attributes`; the scope is made once for all.
fn values(attributes: &[Attribute], scope: &Scope) -> Result<Map<String, Value>, Mistake> {
    let each = attributes.iter();
    each.map(|a| Ok((a.name().to_owned(), value(a.expr(), scope)?))).collect()
}

/// Evaluates a list of strings, such as a program and its arguments.
///
/// # Errors
///
/// It has no value, is no list of strings, or is empty.
pub fn strings(known: &Known, expr: &Expr) -> Result<Vec<String>, Mistake> {
    let value = known.value(expr)?;
    let items: Option<Vec<String>> =
        value.as_array().map(|items| items.iter().map(text).collect()).unwrap_or_default();
    match items {
        Some(items) if !items.is_empty() => Ok(items),
        _ => Err(not(expr, "a list of strings that holds at least one", &value)),
    }
}

fn not(expr: &Expr, what: &str, value: &Value) -> Mistake {
    Mistake::new(expr.place(), format!("this is {}, not {what}", word(value)))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What kind of value it is, in words; never the value itself, which may be secret.
pub(super) fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(items) if items.is_empty() => "an empty list",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
