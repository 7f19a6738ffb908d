//! An expression with its place: what it refers to, what it literally says, what it comes to.

mod evaluate;
mod literal;
mod references;

pub use evaluate::{EvalError, Scope};
pub use literal::TypeError;
pub use references::Reference;

use super::{
    syntax::{Element, Expression, Span, TraversalOperator},
    text::SourceText,
};
use crate::model::finding::Place;
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
            || hcl::Expression::from((*self.node).clone())
                == hcl::Expression::from((*other.node).clone())
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
