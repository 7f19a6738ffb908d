//! Where an expression takes an entry of a map whose key is not written there.

use super::Expr;
use crate::config::syntax::{
    Conditional, Expression, FuncCall, Traversal, TraversalOperator,
    visit::{self, Visit},
};

/// `map[key]`, or `lookup(map, key)`.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// The map.
    pub map: Expr,
    /// The key.
    pub key: Expr,
    /// Whether it cannot fail: there is a default, or it stands in `try` or `can`.
    pub guarded: bool,
    /// The conditions that it stands under, each with whether it must be true.
    pub conditions: Vec<(Expr, bool)>,
}

impl Expr {
    /// Returns every entry that is taken from a map, in order.
    pub fn lookups(&self) -> Vec<Lookup> {
        let mut collector =
            Collector { whole: self, guarded: 0, conditions: Vec::new(), found: Vec::new() };
        collector.visit_expr(&self.node);
        collector.found
    }
}

struct Collector<'a> {
    whole: &'a Expr,
    guarded: usize,
    conditions: Vec<(Expr, bool)>,
    found: Vec<Lookup>,
}

impl Collector<'_> {
    fn take(&mut self, map: Expr, key: &Expression, default: bool) {
        self.found.push(Lookup {
            map,
            key: self.whole.part(key),
            guarded: default || self.guarded > 0,
            conditions: self.conditions.clone(),
        });
    }

    fn under(&mut self, condition: &Expression, holds: bool, node: &Expression) {
        self.conditions.push((self.whole.part(condition), holds));
        self.visit_expr(node);
        self.conditions.pop();
    }
}

impl Visit for Collector<'_> {
    fn visit_traversal(&mut self, node: &Traversal) {
        for (at, operator) in node.operators.iter().enumerate() {
            if let TraversalOperator::Index(key) = operator.value() {
                let before = Traversal::new(node.expr.clone(), node.operators[..at].to_vec());
                let map = match at {
                    0 => self.whole.part(&node.expr),
                    _ => self.whole.part(&Expression::Traversal(Box::new(before))),
                };
                self.take(map, key, false);
            }
        }
        visit::visit_traversal(self, node);
    }

    fn visit_func_call(&mut self, node: &FuncCall) {
        let arguments: Vec<&Expression> = node.args.iter().collect();
        let name = node.name.name.as_str();
        if let ("lookup", [map, key, default @ ..]) = (name, &arguments[..]) {
            self.take(self.whole.part(map), key, !default.is_empty());
        }
        let guards = usize::from(matches!(name, "try" | "can"));
        self.guarded += guards;
        visit::visit_func_call(self, node);
        self.guarded -= guards;
    }

    fn visit_conditional(&mut self, node: &Conditional) {
        self.visit_expr(&node.cond_expr);
        self.under(&node.cond_expr, true, &node.true_expr);
        self.under(&node.cond_expr, false, &node.false_expr);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::expression::tests::expr;

    fn shown(text: &str) -> Vec<String> {
        let found = expr(text).lookups();
        let one = |l: &super::Lookup| {
            let conditions =
                l.conditions.iter().map(|(c, holds)| format!(" {holds}:{}", c.source()));
            let map = l.map.traversal().unwrap_or_default().join(".");
            format!("{map}[{}] {}{}", l.key.source(), l.guarded, conditions.collect::<String>())
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn entries_of_maps_are_found_with_what_guards_them() {
        assert_eq!(shown("local.m[var.r].x[\"y\"]"), ["local.m[var.r] false", "[\"y\"] false"]);
        assert_eq!(
            shown("\"${lookup(local.m, k)}-${lookup(m, k, 1)}\""),
            ["local.m[k] false", "m[k] true"]
        );
        assert_eq!(shown("a ? try(m[b], 1) : n[c]"), ["m[b] true true:a", "n[c] false false:a"]);
        assert_eq!(shown("m.x[*].y"), Vec::<String>::new());
    }
}
