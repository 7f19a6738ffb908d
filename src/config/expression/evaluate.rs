//! What an expression of a runbook comes to.
//!
//! Meant for short expressions over known values. Terraform's own files need more: values that are
//! not known yet, all of its functions, its conversions.

use super::{Expr, arithmetic, literal, static_step, unwrap, without_layout};
use crate::{
    config::syntax::{Element, Expression, ObjectKey},
    model::{finding::Place, nearest},
};
use hcl::eval::{Context, Error, ErrorKind, Evaluate};
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
    /// [`EvalError`] for a name or a function that is not in the scope, an attribute that a value
    /// has not, or an operation that its operands cannot do.
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
        let operand = |node: &Expression| evaluate(node, &context).ok();
        if let Some(span) = arithmetic::undefined(&self.node, &operand) {
            let message = "this comes to no number, as far as can be told".into();
            return Err(EvalError { place: self.text.place(&span), message });
        }
        match evaluate(&self.node, &context) {
            Ok(value) => Ok(to_json(value)),
            Err(error) => {
                let (node, error) = innermost(&self.node, error, &context);
                let message = explain(node, error.kind(), scope);
                Err(EvalError { place: self.place_of(node), message })
            }
        }
    }
}

fn evaluate(node: &Expression, context: &Context<'_>) -> Result<hcl::Value, Error> {
    without_layout(node).evaluate(context)
}

/// Finds the smallest part that fails by itself.
fn innermost<'a>(
    node: &'a Expression,
    error: Error,
    context: &Context<'_>,
) -> (&'a Expression, Error) {
    for part in parts(node, context) {
        if let Err(error) = evaluate(part, context) {
            return innermost(part, error, context);
        }
    }
    (node, error)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::expression::tests::expr;
    use serde_json::json;

    fn scope() -> Scope {
        let outputs = json!({ "ids": ["a", "b"], "count": 9_007_199_254_740_993_u64, "password": "hunter2", "on": true });
        Scope::new()
            .with("region", "eu-west-1")
            .with("stack", json!({ "network": { "outputs": outputs } }))
    }

    fn value(text: &str) -> Value {
        expr(text).evaluate(&scope()).unwrap()
    }

    fn error(text: &str) -> String {
        expr(text).evaluate(&scope()).unwrap_err().to_string()
    }

    #[test]
    fn expressions_of_a_runbook_come_to_their_values() {
        assert_eq!(value("stack.network.outputs.ids"), json!(["a", "b"]));
        assert_eq!(value("stack[\"network\"].outputs.ids[1]"), json!("b"));
        assert_eq!(value("\"shop-${region}\""), json!("shop-eu-west-1"));
        assert_eq!(value("\"${stack.network.outputs.ids}\""), json!(["a", "b"]));
        assert_eq!(
            value("region == \"eu-west-1\" ? { a = 1 } : { b = stack.nowhere }"),
            json!({ "a": 1 })
        );
        assert_eq!(
            value("[for k, v in { b = 2, a = 1 } : \"${k}${v}\"]").as_array().unwrap().len(),
            2
        );
        assert_eq!(
            value("[for id in stack.network.outputs.ids : \"${id}!\" if id != \"a\"]"),
            json!(["b!"])
        );
        assert_eq!(
            value("\"$${region} %{ if stack.network.outputs.on }yes%{ endif }\""),
            json!("${region} yes")
        );
        assert_eq!(value("\"$$${r}-$$${n}\""), json!("$${r}-$${n}"));
    }

    #[test]
    fn escapes_beside_an_interpolation_mean_what_they_say() {
        assert_eq!(value(r#""$${r}-$${n}-${region}""#), json!("${r}-${n}-eu-west-1"));
        assert_eq!(
            value(r#""$$${r} %%%{n} %%{m} ${region}""#),
            json!("$${r} %%{n} %{m} eu-west-1")
        );
        assert_eq!(value(r#""a\\n\"q\"\n\t\u00e9 ${region}""#), json!("a\\n\"q\"\n\té eu-west-1"));
        assert_eq!(
            value("<<-E\n    $${a} $${b}\n      \\n ${region}\n    E"),
            json!("${a} ${b}\n  \\n eu-west-1\n")
        );
        assert_eq!(value("\"%{ if true }$${a} $${b}%{ endif }\""), json!("${a} ${b}"));
    }

    #[test]
    fn whole_numbers_stay_whole() {
        assert_eq!(value("stack.network.outputs.count"), json!(9_007_199_254_740_993_u64));
        assert_eq!(value("stack.network.outputs.count + 1"), json!(9_007_199_254_740_994_u64));
        assert_eq!(value("6 / 2"), json!(3));
        assert_eq!(value("1 / 4"), json!(0.25));
        assert_eq!(value("\"${6 / 2} ${18446744073709551615}\""), json!("3 18446744073709551615"));
    }

    #[test]
    fn what_fails_is_told_at_the_innermost_place_without_any_value() {
        insta::assert_snapshot!(error("[1, regoin]"), @"drctl.hcl:1:9: there is no `regoin`; did you mean `region`?");
        insta::assert_snapshot!(error("\"x${stack.netwrok.outputs}\""), @"drctl.hcl:1:9: `stack` has no `netwrok`; did you mean `network`?");
        insta::assert_snapshot!(error("{ a = stack.network.outputs.idz }"), @"drctl.hcl:1:11: `stack.network.outputs` has no `idz`; did you mean `ids`?");
        insta::assert_snapshot!(error("region.x"), @"drctl.hcl:1:5: `region` has no attributes");
        insta::assert_snapshot!(error("1 + (2 * stack.network.outputs.password)"), @"drctl.hcl:1:10: `*` cannot take a number and a string");
        insta::assert_snapshot!(error("stack.network.outputs.password ? 1 : 2"), @"drctl.hcl:1:5: this is a string, where a boolean is needed");
        insta::assert_snapshot!(error("upper(region)"), @"drctl.hcl:1:5: there is no function `upper`");
        insta::assert_snapshot!(error("stack.network.outputs.ids[7]"), @"drctl.hcl:1:5: there is no element 7");
    }
}
