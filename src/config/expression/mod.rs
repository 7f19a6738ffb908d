//! An expression with its place: what it refers to, what it literally says, what it comes to.

mod arithmetic;
mod edit;
mod evaluate;
mod literal;
mod lookups;
mod references;
mod written;

pub use edit::{Edit, Text};
pub use evaluate::{EvalError, Scope};
pub use literal::TypeError;
pub use lookups::Lookup;
pub use references::Reference;
pub use written::{HOLE, Written};

use super::{
    syntax::{Element, Expression, Span, StringTemplate, Template, TraversalOperator},
    text::SourceText,
};
use crate::model::finding::Place;
use hcl::edit::visit_mut::{self, VisitMut};
use std::{ops::Range, sync::Arc};

/// An expression of a file.
///
/// Cheap to clone. Two are equal when they say the same but for whitespace, wherever they stand.
#[derive(Clone, Debug)]
pub struct Expr {
    node: Arc<Expression>,
    text: Arc<SourceText>,
}

impl Expr {
    pub(super) fn new(node: Expression, text: &Arc<SourceText>) -> Self {
        Self { node: Arc::new(node), text: text.clone() }
    }

    /// Returns a part of this expression as one of its own.
    pub fn part(&self, node: &Expression) -> Self {
        Self::new(node.clone(), &self.text)
    }

    /// Returns the syntax tree.
    pub fn node(&self) -> &Expression {
        &self.node
    }

    /// Returns the text of the file in which it stands.
    pub fn text(&self) -> &Arc<SourceText> {
        &self.text
    }

    /// Returns where it starts.
    pub fn place(&self) -> Place {
        self.text.place_of(&*self.node)
    }

    /// Returns where a part of it starts.
    pub fn place_of(&self, part: &impl Span) -> Place {
        self.text.place_of(part)
    }

    /// Returns the bytes of the file that it stands for.
    pub fn range(&self) -> Range<usize> {
        self.text.range(&self.node.span().unwrap_or(0..0))
    }

    /// Returns how it is written in the file.
    pub fn source(&self) -> &str {
        self.text.slice(&self.node.span().unwrap_or(0..0))
    }

    /// Returns the path when the expression is exactly one traversal, such as `var.region` or
    /// `stack["network"].outputs`; `(…)` and `"${…}"` around it count for nothing.
    pub fn traversal(&self) -> Option<Vec<String>> {
        whole_path(&self.node)
    }

    /// Returns `NAME` when the expression is exactly `var.NAME`.
    pub fn variable_name(&self) -> Option<String> {
        match <[String; 2]>::try_from(self.traversal()?) {
            Ok([root, name]) if root == "var" => Some(name),
            _ => None,
        }
    }
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
            || without_layout(&self.node) == without_layout(&other.node)
    }
}

/// Returns the tree without spans, comments and whitespace, which can be compared and evaluated.
fn without_layout(node: &Expression) -> hcl::Expression {
    let mut node = node.clone();
    MarkersApart.visit_expr_mut(&mut node);
    node.into()
}

/// Cuts literal text behind each `${` and `%{`: a template is written out on the way, and of
/// several such marks in one piece of text only the first would be escaped.
struct MarkersApart;

impl MarkersApart {
    fn cut(template: &mut Template) {
        for element in std::mem::take(template) {
            match element {
                Element::Literal(text) => {
                    let mut rest = text.as_str();
                    while let Some(at) = rest.find("${").into_iter().chain(rest.find("%{")).min() {
                        let (piece, after) = rest.split_at(at + 2);
                        template.push(piece);
                        rest = after;
                    }
                    template.push(rest);
                }
                other => template.push(other),
            }
        }
    }
}

impl VisitMut for MarkersApart {
    fn visit_string_template_mut(&mut self, node: &mut StringTemplate) {
        Self::cut(node);
        visit_mut::visit_string_template_mut(self, node);
    }

    fn visit_template_mut(&mut self, node: &mut Template) {
        Self::cut(node);
        visit_mut::visit_template_mut(self, node);
    }
}

/// Takes away `(…)` and `"${…}"`, which change nothing.
fn unwrap(node: &Expression) -> &Expression {
    match node {
        Expression::Parenthesis(inner) => unwrap(inner.inner()),
        Expression::StringTemplate(template) => match template.as_single_element() {
            Some(Element::Interpolation(inner)) => unwrap(&inner.expr),
            _ => node,
        },
        _ => node,
    }
}

fn whole_path(node: &Expression) -> Option<Vec<String>> {
    match unwrap(node) {
        Expression::Variable(name) => Some(vec![name.to_string()]),
        Expression::Traversal(traversal) => {
            let mut path = whole_path(&traversal.expr)?;
            for operator in &traversal.operators {
                path.push(static_step(operator.value())?);
            }
            Some(path)
        }
        _ => None,
    }
}

/// Returns the name that `.name` or `["name"]` steps to.
fn static_step(operator: &TraversalOperator) -> Option<String> {
    match operator {
        TraversalOperator::GetAttr(name) => Some(name.to_string()),
        TraversalOperator::Index(index) => literal::string(index),
        TraversalOperator::AttrSplat(_)
        | TraversalOperator::FullSplat(_)
        | TraversalOperator::LegacyIndex(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::SourceFile;

    /// Parses `a = text`; the expression begins at column 5.
    pub(super) fn expr(text: &str) -> Expr {
        let file =
            SourceFile::parse("drctl.hcl", format!("a = {text}\n").as_bytes(), None).unwrap();
        file.body().expr("a").unwrap().clone()
    }

    #[test]
    fn exactly_a_traversal_is_told_from_anything_more() {
        let path = |text| expr(text).traversal().map(|path| path.join("."));
        assert_eq!(path("var.region").unwrap(), "var.region");
        assert_eq!(path("region").unwrap(), "region");
        assert_eq!(path("\"${var.region}\"").unwrap(), "var.region");
        assert_eq!(path("(a[\"b\"].c)").unwrap(), "a.b.c");
        for more in
            ["\"${var.region}a\"", "var.x[0]", "var.x[*]", "f(x)", "\"var.region\"", "-x", "f(x).y"]
        {
            assert_eq!(path(more), None, "{more}");
        }
    }

    #[test]
    fn exactly_a_variable_is_told() {
        let name = |text| expr(text).variable_name();
        assert_eq!(name("var.region").unwrap(), "region");
        assert_eq!(name("\"${var.region}\"").unwrap(), "region");
        for other in ["local.region", "var.a.b", "var", "var.regions[0]"] {
            assert_eq!(name(other), None, "{other}");
        }
    }

    #[test]
    fn expressions_are_equal_when_they_say_the_same() {
        assert_eq!(expr("{ a = 1, b = x.y }"), expr("{\n  a = 1 # one\n  b = x.y\n}"));
        assert_ne!(expr("x.y"), expr("x.z"));
    }

    #[test]
    fn the_source_is_as_it_is_in_the_file() {
        let whole = expr("{ a = 1, a = f( x ) }");
        assert_eq!(whole.source(), "{ a = 1, a = f( x ) }");
        assert_eq!(whole.object().unwrap()[0].expr().source(), "f( x )");
        assert_eq!(whole.range(), 4..25);
    }
}
