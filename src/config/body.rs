//! What stands in a file or a block: attributes and blocks, in order, with their places.

use super::{expression::Expr, syntax::Span, text::SourceText};
use crate::model::finding::Place;
use hcl::edit::structure;
use std::{ops::Range, sync::Arc};

/// The content of a file or a block.
///
/// Two bodies are equal when they say the same, wherever they stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
}

/// `name = expression`, or an entry of an object literal.
#[derive(Clone, Debug)]
pub struct Attribute {
    name: String,
    span: Range<usize>,
    expr: Expr,
}

/// `kind "label" { … }`.
#[derive(Clone, Debug)]
pub struct Block {
    kind: String,
    labels: Vec<(String, Range<usize>)>,
    span: Range<usize>,
    text: Arc<SourceText>,
    body: Body,
}

impl Body {
    pub(super) fn new(tree: structure::Body, text: &Arc<SourceText>) -> Self {
        let mut body = Self::default();
        for structure in tree {
            match structure {
                structure::Structure::Attribute(attribute) => {
                    let span = attribute.key.span().unwrap_or_default();
                    let name = attribute.key.as_str().to_owned();
                    let expr = Expr::new(attribute.value, text);
                    body.attributes.push(Attribute { name, span, expr });
                }
                structure::Structure::Block(block) => body.blocks.push(Block::new(block, text)),
            }
        }
        body
    }

    /// Returns the attributes in order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// Returns the attribute of a name.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// Returns the expression of an attribute.
    pub fn expr(&self, name: &str) -> Option<&Expr> {
        self.attribute(name).map(Attribute::expr)
    }

    /// Returns the blocks in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Returns the blocks of a kind, in order.
    pub fn blocks_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Block> {
        self.blocks.iter().filter(move |block| block.kind == kind)
    }

    pub(super) fn into_blocks(self) -> Vec<Block> {
        self.blocks
    }

    pub(super) fn set(&mut self, attribute: Attribute) {
        match self.attributes.iter_mut().find(|known| known.name == attribute.name) {
            Some(known) => *known = attribute,
            None => self.attributes.push(attribute),
        }
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.attributes.retain(|attribute| attribute.name != name);
    }

    pub(super) fn blocks_mut(&mut self) -> &mut Vec<Block> {
        &mut self.blocks
    }
}

impl Attribute {
    pub(super) fn entry(name: String, span: Range<usize>, expr: Expr) -> Self {
        Self { name, span, expr }
    }

    /// Returns what stands before `=`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the name stands; the value's place is [`Expr::place`].
    pub fn place(&self) -> Place {
        self.expr.text().place(&self.span)
    }

    /// Returns what stands behind `=`.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns the bytes of the file from the name to the end of the value.
    pub fn range(&self) -> Range<usize> {
        let start = self.expr.text().range(&self.span).start;
        start..self.expr.range().end.max(start)
    }
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.expr == other.expr
    }
}

impl Block {
    fn new(block: structure::Block, text: &Arc<SourceText>) -> Self {
        let labels = block
            .labels
            .iter()
            .map(|label| (label.as_str().to_owned(), label.span().unwrap_or_default()))
            .collect();
        Self {
            kind: block.ident.as_str().to_owned(),
            labels,
            span: block.span().unwrap_or_default(),
            text: text.clone(),
            body: Body::new(block.body, text),
        }
    }

    /// Returns the first word, such as `resource`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the kind of block that it is in the end: a `dynamic` block is of the kind that it makes.
    pub fn made_kind(&self) -> &str {
        match (self.kind(), self.label(0)) {
            ("dynamic", Some(made)) => made,
            (kind, _) => kind,
        }
    }

    /// Returns the labels in order.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = &str> {
        self.labels.iter().map(|(label, _)| label.as_str())
    }

    /// Returns the label at an index from 0.
    pub fn label(&self, index: usize) -> Option<&str> {
        self.labels.get(index).map(|(label, _)| label.as_str())
    }

    /// Returns where the label at an index stands, with its quote.
    pub fn label_place(&self, index: usize) -> Option<Place> {
        self.labels.get(index).map(|(_, span)| self.text.place(span))
    }

    /// Returns where the block starts.
    pub fn place(&self) -> Place {
        self.text.place(&self.span)
    }

    /// Returns the bytes of the file from its first word to its closing brace.
    pub fn range(&self) -> Range<usize> {
        self.text.range(&self.span)
    }

    /// Returns the text of the file in which it stands.
    pub fn text(&self) -> &Arc<SourceText> {
        &self.text
    }

    /// Returns what stands between the braces.
    pub fn body(&self) -> &Body {
        &self.body
    }

    pub(super) fn body_mut(&mut self) -> &mut Body {
        &mut self.body
    }

    /// Whether kind and labels are the same.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.labels().eq(other.labels())
    }
}

impl PartialEq for Block {
    fn eq(&self, other: &Self) -> bool {
        self.is_like(other) && self.body == other.body
    }
}
