//! Arithmetic that comes to no number, found before anything is calculated: the evaluator of `hcl`
//! panics at the remainder of a division by zero, and wraps around where a number grows too large.

use crate::config::syntax::{
    BinaryOp, BinaryOperator, Expression, Span,
    visit::{self, Visit},
};
use std::ops::Range;

/// Whole numbers below this can be calculated with.
const LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// Returns where an operation stands that comes to no number, anywhere in an expression; `value` is
/// what an operand comes to.
///
/// Also one that may: a division by what cannot be told, such as the variable of a `for`.
pub(super) fn undefined(
    node: &Expression,
    value: &dyn Fn(&Expression) -> Option<hcl::Value>,
) -> Option<Range<usize>> {
    let mut search = Search { value, found: None };
    search.visit_expr(node);
    search.found
}

struct Search<'a> {
    value: &'a dyn Fn(&Expression) -> Option<hcl::Value>,
    found: Option<Range<usize>>,
}

impl Search<'_> {
    /// Whether an operation, whose operands are sound, has a result.
    fn has_result(&self, operation: &BinaryOp) -> bool {
        let operator = *operation.operator.value();
        let divides = matches!(operator, BinaryOperator::Div | BinaryOperator::Mod);
        let right = self.number(&operation.rhs_expr);
        if divides && right.is_none_or(|right| right == 0.0) {
            return false;
        }
        let (Some(left), Some(right)) = (self.number(&operation.lhs_expr), right) else {
            return true; // Not numbers, which the evaluator refuses, or not known.
        };
        let result = match operator {
            BinaryOperator::Plus => left + right,
            BinaryOperator::Minus => left - right,
            BinaryOperator::Mul => left * right,
            BinaryOperator::Div => left / right,
            _ => left % right,
        };
        [left, right, result].iter().all(|number| number.abs() < LIMIT)
    }

    fn number(&self, node: &Expression) -> Option<f64> {
        (self.value)(node)?.as_number()?.as_f64()
    }
}

impl Visit for Search<'_> {
    fn visit_binary_op(&mut self, node: &BinaryOp) {
        // From the inside out, so that no operand is evaluated that has no result itself.
        visit::visit_binary_op(self, node);
        let calculates = matches!(
            node.operator.value(),
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Mul
                | BinaryOperator::Div
                | BinaryOperator::Mod
        );
        if self.found.is_none() && calculates && !self.has_result(node) {
            self.found = node.span();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::expression::{Scope, tests::expr};

    fn error(text: &str) -> String {
        expr(text).evaluate(&Scope::new().with("none", 0)).unwrap_err().to_string()
    }

    #[test]
    fn what_comes_to_no_number_is_told_and_nothing_else_is_refused() {
        for text in ["1 % 0", "1 / 0", "1.5 % none", "18446744073709551615 + 1", "1e300 * 1e300"] {
            assert_eq!(
                error(text),
                "drctl.hcl:1:5: this comes to no number, as far as can be told",
                "{text}"
            );
        }
        insta::assert_snapshot!(error("[\"${2 * (1 % none)}\"]"), @"drctl.hcl:1:14: this comes to no number, as far as can be told");
        insta::assert_snapshot!(error("{ a = [1][1 % none] }"), @"drctl.hcl:1:15: this comes to no number, as far as can be told");
        insta::assert_snapshot!(error("\"%{ if 1 % none == 0 }a%{ endif }\""), @"drctl.hcl:1:12: this comes to no number, as far as can be told");
        insta::assert_snapshot!(error("[for n in [0] : 1 % n]"), @"drctl.hcl:1:21: this comes to no number, as far as can be told");
        for text in ["7 % 4 - 1.5 / -2", "[for n in [1] : n % 2 + n]", "9007199254740993 + 1"] {
            assert!(expr(text).evaluate(&Scope::new()).is_ok(), "{text}");
        }
    }
}
