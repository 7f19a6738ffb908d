//! What an expression refers to.

use super::{Expr, static_step};
use crate::{
    config::syntax::{
        Decorated, Expression, ForDirective, ForExpr, Ident, Span, Traversal, TraversalOperator,
        visit::{self, Visit},
    },
    model::finding::Place,
};
use std::{fmt, ops::Range};

/// A dotted name in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its parts, such as `stack`, `network`, `outputs`, `ids`. It ends before the first part that
    /// is not a plain name: `a.b[0].c` and `a.b[*].c` refer to `a.b`, `a["b"]` to `a.b`.
    pub path: Vec<String>,
    /// The names that follow a literal number right behind the path: `c` and `d` for `a.b[0].c.d`.
    /// Empty when another kind of index or a splat follows.
    pub beyond: Vec<String>,
    /// Where it starts.
    pub place: Place,
    /// The bytes of the file that the whole traversal stands in, also what follows the path.
    pub range: Range<usize>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path.join("."))
    }
}

impl Expr {
    /// Returns everything that the expression refers to, in order, also inside templates.
    ///
    /// Variables of a `for` are not references, nor are functions and the keys of an object.
    pub fn references(&self) -> Vec<Reference> {
        let place = |found: Found| Reference {
            path: found.path,
            beyond: found.beyond,
            place: self.text.place(&found.span),
            range: self.text.range(&found.span),
        };
        self.found().into_iter().map(place).collect()
    }

    /// Returns the paths of all that the expression refers to, in order: the same as
    /// [`references`](Expr::references), for less, where nobody asks for places.
    pub fn paths(&self) -> Vec<Vec<String>> {
        self.found().into_iter().map(|found| found.path).collect()
    }

    fn found(&self) -> Vec<Found> {
        let mut collector = Collector::default();
        collector.visit_expr(&self.node);
        collector.found
    }
}

/// A reference as the syntax tree has it.
struct Found {
    path: Vec<String>,
    beyond: Vec<String>,
    span: Range<usize>,
}

#[derive(Default)]
struct Collector {
    bound: Vec<String>,
    found: Vec<Found>,
}

impl Collector {
    /// Runs `body` with the variables of a `for`.
    fn bind(
        &mut self,
        key: Option<&Decorated<Ident>>,
        value: &Decorated<Ident>,
        body: impl FnOnce(&mut Self),
    ) {
        let outside = self.bound.len();
        self.bound.extend(key.into_iter().chain([value]).map(ToString::to_string));
        body(self);
        self.bound.truncate(outside);
    }

    fn take(&mut self, path: Vec<String>, beyond: Vec<String>, node: &impl Span) {
        self.found.push(Found { path, beyond, span: node.span().unwrap_or_default() });
    }

    fn root(&self, node: &Expression) -> Option<String> {
        match node {
            Expression::Variable(name) => {
                let name = name.to_string();
                (!self.bound.contains(&name)).then_some(name)
            }
            _ => None,
        }
    }
}

impl Visit for Collector {
    fn visit_expr(&mut self, node: &Expression) {
        if let Some(root) = self.root(node) {
            self.take(vec![root], Vec::new(), node);
        }
        visit::visit_expr(self, node);
    }

    fn visit_traversal(&mut self, node: &Traversal) {
        match self.root(&node.expr) {
            Some(root) => {
                let mut steps = node.operators.iter().map(Decorated::value);
                let mut path = vec![root];
                let stop = steps.by_ref().find(|step| match static_step(step) {
                    Some(name) => {
                        path.push(name);
                        false
                    }
                    None => true,
                });
                let beyond = match stop {
                    Some(
                        TraversalOperator::Index(Expression::Number(_))
                        | TraversalOperator::LegacyIndex(_),
                    ) => steps.map_while(static_step).collect(),
                    _ => Vec::new(),
                };
                self.take(path, beyond, node);
            }
            None => self.visit_expr(&node.expr),
        }
        for operator in &node.operators {
            if let TraversalOperator::Index(index) = operator.value() {
                self.visit_expr(index);
            }
        }
    }

    fn visit_for_expr(&mut self, node: &ForExpr) {
        let intro = &node.intro;
        self.visit_expr(&intro.collection_expr);
        self.bind(intro.key_var.as_ref(), &intro.value_var, |this| {
            let condition = node.cond.as_ref().map(|condition| &condition.expr);
            for part in node.key_expr.iter().chain([&node.value_expr]).chain(condition) {
                this.visit_expr(part);
            }
        });
    }

    fn visit_for_directive(&mut self, node: &ForDirective) {
        let intro = &node.for_expr;
        self.visit_expr(&intro.collection_expr);
        self.bind(intro.key_var.as_ref(), &intro.value_var, |this| {
            this.visit_template(&intro.template);
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::config::expression::tests::expr;

    fn references(text: &str) -> Vec<String> {
        let found = expr(text).references();
        found.iter().map(|r| format!("{r} {}:{}", r.place.line, r.place.column)).collect()
    }

    #[test]
    fn traversals_are_found_wherever_they_stand() {
        assert_eq!(references("stack.network.outputs.ids"), ["stack.network.outputs.ids 1:5"]);
        assert_eq!(references("\"${region}-${f(a.b)}\""), ["region 1:8", "a.b 1:20"]);
        assert_eq!(
            references("{ (k) = [x], y = z ? -q : !r.s }").join(" "),
            "k 1:8 x 1:14 z 1:22 q 1:27 r.s 1:32"
        );
        assert_eq!(
            references("<<E\n${a}\n%{ if b }${c}%{ endif }\nE"),
            ["a 2:3", "b 3:7", "c 3:12"]
        );
        assert_eq!(references("[1, null, true, \"x\", { y = 1 }]"), Vec::<String>::new());
    }

    #[test]
    fn a_path_ends_at_what_is_not_a_name_and_the_index_is_searched() {
        assert_eq!(references("a[\"b\"].c"), ["a.b.c 1:5"]);
        assert_eq!(references("a.b[c.d].e"), ["a.b 1:5", "c.d 1:9"]);
        assert_eq!(references("a.b[*].c"), ["a.b 1:5"]);
        assert_eq!(references("a.0.c"), ["a 1:5"]);
        assert_eq!(references("f(x).y[z]"), ["x 1:7", "z 1:12"]);
    }

    #[test]
    fn names_behind_a_number_are_told_apart_from_the_path() {
        let beyond = |text| expr(text).references()[0].beyond.join(".");
        assert_eq!(beyond("a.b[0].c.d"), "c.d");
        assert_eq!(beyond("a.b.0.c"), "c");
        assert_eq!(beyond("a.b[0].c[1].d"), "c");
        for other in ["a.b.c", "a.b[*].c", "a.b.*.c", "a.b[x].c", "a[\"b\"].c"] {
            assert_eq!(beyond(other), "", "{other}");
        }
    }

    #[test]
    fn variables_of_a_for_are_no_references_inside_it() {
        assert_eq!(
            references("[for k, v in v : \"${k}${v.x}${w}\" if k != y]"),
            ["v 1:18", "w 1:35", "y 1:47"]
        );
        assert_eq!(references("[[for v in a : v], v]"), ["a 1:16", "v 1:24"]);
        assert_eq!(
            references("\"%{ for i in l }${i}${j}%{ endfor }${i}\""),
            ["l 1:18", "j 1:27", "i 1:42"]
        );
    }
}
