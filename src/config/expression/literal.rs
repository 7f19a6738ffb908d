//! What an expression literally says, without any evaluation.

use super::{Expr, unwrap};
use crate::{
    config::{
        body::Attribute,
        syntax::{Element, Expression, FuncCall, Number, ObjectKey, Span, UnaryOperator},
    },
    model::finding::Place,
};
use serde_json::Value;

/// A literal of the wrong kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: expected {expected}, found {found}")]
pub struct TypeError {
    /// Where the expression starts.
    pub place: Place,
    /// What was asked for, with its article.
    pub expected: &'static str,
    /// What stands there, with its article.
    pub found: &'static str,
}

impl TypeError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(format!("Write {} at {}", self.expected, self.place))
    }
}

impl Expr {
    /// Returns the string, if the expression is one without interpolations; a heredoc is one, too.
    pub fn literal_string(&self) -> Option<String> {
        string(&self.node)
    }

    /// Returns the value, if the whole expression is a literal.
    pub fn literal(&self) -> Option<Value> {
        literal(&self.node)
    }

    /// Returns the string.
    ///
    /// # Errors
    ///
    /// [`TypeError`] when it is not a literal string.
    pub fn string(&self) -> Result<String, TypeError> {
        self.literal_string().ok_or_else(|| self.mismatch("a string"))
    }

    /// Returns the number, exact if it is whole and has at most 64 bits.
    ///
    /// # Errors
    ///
    /// [`TypeError`] when it is not a literal number.
    pub fn number(&self) -> Result<serde_json::Number, TypeError> {
        match self.literal() {
            Some(Value::Number(number)) => Ok(number),
            _ => Err(self.mismatch("a number")),
        }
    }

    /// Returns the boolean.
    ///
    /// # Errors
    ///
    /// [`TypeError`] when it is neither `true` nor `false`.
    pub fn boolean(&self) -> Result<bool, TypeError> {
        unwrap(&self.node).as_bool().ok_or_else(|| self.mismatch("`true` or `false`"))
    }

    /// Returns the elements of a list literal, which may be any expressions.
    ///
    /// # Errors
    ///
    /// [`TypeError`] when it is not written as a list.
    pub fn list(&self) -> Result<Vec<Self>, TypeError> {
        match unwrap(&self.node) {
            Expression::Array(array) => Ok(array.iter().map(|node| self.part(node)).collect()),
            _ => Err(self.mismatch("a list")),
        }
    }

    /// Returns the strings of a list literal.
    ///
    /// # Errors
    ///
    /// [`TypeError`] when it is not a list, or at the first element that is not a literal string.
    pub fn strings(&self) -> Result<Vec<String>, TypeError> {
        let list =
            self.list().map_err(|error| TypeError { expected: "a list of strings", ..error })?;
        list.iter().map(Self::string).collect()
    }

    /// Returns the entries of an object literal, in order; their values may be any expressions.
    ///
    /// # Errors
    ///
    /// [`TypeError`] when it is not written as an object, or at a key that is computed.
    pub fn object(&self) -> Result<Vec<Attribute>, TypeError> {
        match unwrap(&self.node) {
            Expression::Object(object) => object
                .iter()
                .map(|(key, value)| {
                    let span = match key {
                        ObjectKey::Ident(name) => name.span(),
                        ObjectKey::Expression(node) => node.span(),
                    };
                    let name = key_name(key).ok_or_else(|| TypeError {
                        place: self.text.place(&span.clone().unwrap_or_default()),
                        expected: "a literal key",
                        found: "a computed one",
                    })?;
                    Ok(Attribute::entry(name, span.unwrap_or_default(), self.part(value.expr())))
                })
                .collect(),
            Expression::FuncCall(call) if is_cut_object(call) => {
                let parts = call.args.iter().map(|part| self.part(part).object());
                Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
            }
            _ => Err(self.mismatch("an object")),
        }
    }

    fn mismatch(&self, expected: &'static str) -> TypeError {
        TypeError { place: self.place(), expected, found: kind(unwrap(&self.node)) }
    }
}

pub(super) fn string(node: &Expression) -> Option<String> {
    match unwrap(node) {
        Expression::String(text) => Some(text.value().clone()),
        Expression::HeredocTemplate(_) | Expression::StringTemplate(_) => {
            let elements = node.as_template()?.iter();
            elements.map(|element| element.as_literal().map(|text| text.as_str())).collect()
        }
        _ => None,
    }
}

pub(super) fn literal(node: &Expression) -> Option<Value> {
    match unwrap(node) {
        Expression::Null(_) => Some(Value::Null),
        Expression::Bool(value) => Some(Value::Bool(*value.value())),
        Expression::Number(value) => Some(Value::Number(number(value.value())?)),
        Expression::Array(array) => array.iter().map(literal).collect(),
        Expression::Object(object) => object
            .iter()
            .map(|(key, value)| Some((key_name(key)?, literal(value.expr())?)))
            .collect(),
        Expression::FuncCall(call) if is_cut_object(call) => {
            let parts: Option<Vec<Value>> = call.args.iter().map(literal).collect();
            let entries = parts?.into_iter().filter_map(|part| match part {
                Value::Object(entries) => Some(entries),
                _ => None,
            });
            Some(Value::Object(entries.flatten().collect()))
        }
        Expression::UnaryOp(operation) if *operation.operator.value() == UnaryOperator::Neg => {
            match literal(&operation.expr)? {
                Value::Number(value) => match value.as_i64() {
                    Some(whole) => whole.checked_neg().map(Value::from),
                    None => value.as_f64().map(|float| Value::from(-float)),
                },
                _ => None,
            }
        }
        other => string(other).map(Value::String),
    }
}

/// Whether a call of `merge` has only object literals, as a very large one has that was cut up.
fn is_cut_object(call: &FuncCall) -> bool {
    call.name.namespace.is_empty()
        && call.name.name.as_str() == "merge"
        && !call.args.is_empty()
        && call.args.iter().all(Expression::is_object)
}

/// Returns the name of a key that is not computed.
pub(super) fn key_name(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Ident(name) => Some(name.to_string()),
        ObjectKey::Expression(Expression::Number(number)) => Some(number.value().to_string()),
        ObjectKey::Expression(Expression::Bool(value)) => Some(value.value().to_string()),
        ObjectKey::Expression(node) => string(node),
    }
}

/// Returns a number as JSON has it; whole ones stay whole, as in Terraform.
pub(super) fn number(number: &Number) -> Option<serde_json::Number> {
    let exact = number.as_i64().map(Into::into).or_else(|| number.as_u64().map(Into::into));
    exact.or_else(|| whole(number.as_f64()?))
}

/// Returns a float as a JSON number, without a fraction where it has none.
fn whole(float: f64) -> Option<serde_json::Number> {
    /// Up to here every whole number is a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if float.fract() == 0.0 && float.abs() <= EXACT {
        // Written without a fraction, so it reads as an integer.
        return format!("{float:.0}").parse::<i64>().ok().map(Into::into);
    }
    serde_json::Number::from_f64(float)
}

/// Returns what an expression is, with an article.
fn kind(node: &Expression) -> &'static str {
    match node {
        Expression::Null(_) => "`null`",
        Expression::Bool(_) => "a boolean",
        Expression::Number(_) => "a number",
        Expression::String(_) => "a string",
        Expression::Array(_) => "a list",
        Expression::Object(_) => "an object",
        Expression::StringTemplate(template)
            if template.iter().all(|element| matches!(element, Element::Literal(_))) =>
        {
            "a string"
        }
        Expression::StringTemplate(_) | Expression::HeredocTemplate(_) => "a template",
        Expression::Variable(_) | Expression::Traversal(_) => "a reference",
        Expression::FuncCall(_) => "a function call",
        Expression::Conditional(_) => "a condition",
        Expression::ForExpr(_) => "a `for` expression",
        Expression::UnaryOp(_) | Expression::BinaryOp(_) => "an operation",
        Expression::Parenthesis(_) => "an expression",
    }
}

#[cfg(test)]
mod tests {
    use crate::config::expression::tests::expr;
    use serde_json::json;

    #[test]
    fn literals_are_read_exactly() {
        let literal = |text| expr(text).literal().unwrap();
        assert_eq!(literal("18446744073709551615"), json!(u64::MAX));
        assert_eq!(literal("-9223372036854775807"), json!(-9_223_372_036_854_775_807_i64));
        assert_eq!(literal("1e3"), json!(1000));
        assert_eq!(literal("[1.5, \"$${x}\", null, -(2)]"), json!([1.5, "${x}", null, -2]));
        assert_eq!(
            literal("{ a = true, \"b c\" = {}, 1 = [] }"),
            json!({ "a": true, "b c": {}, "1": [] })
        );
        assert_eq!(literal("<<-E\n    x\n      y\n    E"), json!("x\n  y\n"));
        for other in ["x", "\"${x}\"", "f(1)", "1 + 1", "[x]", "{ (x) = 1 }"] {
            assert_eq!(expr(other).literal(), None, "{other}");
        }
    }

    #[test]
    fn typed_literals_are_returned() {
        assert_eq!(expr("\"30m\"").string().unwrap(), "30m");
        assert_eq!(expr("3").number().unwrap().as_u64(), Some(3));
        assert!(expr("true").boolean().unwrap());
        assert_eq!(expr("[\"a\", \"b\"]").strings().unwrap(), ["a", "b"]);
        assert_eq!(expr("[x, 1]").list().unwrap()[0].variable_name(), None);
        let entries = expr("{ a = stack.b.outputs.c, \"d\" : 1 }").object().unwrap();
        let names: Vec<_> = entries.iter().map(|e| format!("{} {}", e.name(), e.place())).collect();
        assert_eq!(names, ["a drctl.hcl:1:7", "d drctl.hcl:1:30"]);
        assert_eq!(entries[0].expr().references()[0].to_string(), "stack.b.outputs.c");
    }

    #[test]
    fn a_literal_of_the_wrong_kind_is_told_with_its_place() {
        insta::assert_snapshot!(expr("30").string().unwrap_err(), @"drctl.hcl:1:5: expected a string, found a number");
        insta::assert_snapshot!(expr("\"${x}m\"").string().unwrap_err(), @"drctl.hcl:1:5: expected a string, found a template");
        insta::assert_snapshot!(expr("\"3\"").number().unwrap_err(), @"drctl.hcl:1:5: expected a number, found a string");
        insta::assert_snapshot!(expr("x.y").boolean().unwrap_err(), @"drctl.hcl:1:5: expected `true` or `false`, found a reference");
        insta::assert_snapshot!(expr("\"a\"").strings().unwrap_err(), @"drctl.hcl:1:5: expected a list of strings, found a string");
        insta::assert_snapshot!(expr("[\"a\", 1]").strings().unwrap_err(), @"drctl.hcl:1:11: expected a string, found a number");
        insta::assert_snapshot!(expr("[]").object().unwrap_err(), @"drctl.hcl:1:5: expected an object, found a list");
        insta::assert_snapshot!(expr("{ (a) = 1 }").object().unwrap_err(), @"drctl.hcl:1:7: expected a literal key, found a computed one");
    }
}
