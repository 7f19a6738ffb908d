//! The strings of an expression as they are written, each as one text.

use super::{Expr, literal};
use crate::config::{
    syntax::{
        BinaryOp, BinaryOperator, Element, Expression, FuncCall, ObjectKey, ObjectValue, Span,
        Template,
        visit::{self, Visit},
    },
    text::SourceText,
};
use std::ops::Range;

/// Stands in [`Written::text`] for each `${…}` and `%{…}`.
pub const HOLE: char = '\u{1a}';

/// A string of an expression: quoted, or a heredoc, with or without interpolations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What is written between the quotes, with a [`HOLE`] for each interpolation.
    pub text: String,
    /// The bytes of the file that it stands in, with its quotes.
    pub range: Range<usize>,
    /// True when it is compared with something, so that it is a question and not a value.
    pub compared: bool,
    /// The keys of the objects that it stands in, outermost first.
    pub keys: Vec<String>,
    /// True when it is itself the key of an object.
    pub is_key: bool,
    /// The functions that it is an argument of, outermost first.
    pub functions: Vec<String>,
    /// Where the pieces of the text stand in the file: offset in the text, offset in the file.
    pieces: Vec<(usize, usize)>,
}

impl Written {
    /// Returns the bytes of the file in which a part of the text stands, given its bytes there.
    pub fn range_of(&self, part: &Range<usize>) -> Range<usize> {
        let start = self.in_file(part.start);
        // A part ends in the piece in which its last byte stands.
        let end = self.in_file(part.end.saturating_sub(1).max(part.start)) + 1;
        start..end.max(start + part.len().min(1))
    }

    /// Whether nothing is interpolated.
    pub fn is_whole(&self) -> bool {
        !self.text.contains(HOLE)
    }

    fn in_file(&self, at: usize) -> usize {
        let next = self.pieces.partition_point(|(text, _)| *text <= at);
        let (text, file) =
            next.checked_sub(1).map_or((0, self.range.start), |piece| self.pieces[piece]);
        (file + (at - text)).min(self.range.end)
    }
}

impl Expr {
    /// Returns every string in the expression, in order, those within interpolations after the
    /// string that they are in.
    pub fn written(&self) -> Vec<Written> {
        let mut collector = Collector {
            text: &self.text,
            compared: false,
            keys: Vec::new(),
            functions: Vec::new(),
            found: Vec::new(),
        };
        collector.visit_expr(&self.node);
        collector.found
    }
}

struct Collector<'a> {
    text: &'a SourceText,
    compared: bool,
    keys: Vec<String>,
    functions: Vec<String>,
    found: Vec<Written>,
}

impl Collector<'_> {
    fn take(&mut self, range: Range<usize>, text: String, pieces: Vec<(usize, usize)>) {
        self.found.push(Written {
            text,
            range,
            compared: self.compared,
            keys: self.keys.clone(),
            is_key: false,
            functions: self.functions.clone(),
            pieces,
        });
    }

    fn string(&mut self, node: &impl Span) {
        let range = self.text.range(&node.span().unwrap_or_default());
        let Some(source) = self.text.as_str().get(range.clone()) else { return };
        let inner = source.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let (text, start) = match inner {
            Some(inner) => (inner, range.start + 1),
            None => (source, range.start),
        };
        self.take(range.clone(), text.to_owned(), vec![(0, start)]);
    }

    fn template(&mut self, node: &impl Span, template: &Template) {
        let range = self.text.range(&node.span().unwrap_or_default());
        let (mut text, mut pieces) = (String::new(), Vec::new());
        for element in template {
            let at = self.text.range(&element.span().unwrap_or_default());
            pieces.push((text.len(), at.start));
            match element {
                Element::Literal(_) => text.push_str(self.text.as_str().get(at).unwrap_or("")),
                Element::Interpolation(_) | Element::Directive(_) => text.push(HOLE),
            }
        }
        self.take(range, text, pieces);
        for element in template {
            visit::visit_element(self, element);
        }
    }
}

impl Visit for Collector<'_> {
    fn visit_expr(&mut self, node: &Expression) {
        match node {
            Expression::String(string) => self.string(string),
            Expression::StringTemplate(template) => self.template(template, template),
            Expression::HeredocTemplate(heredoc) => self.template(&**heredoc, &heredoc.template),
            _ => visit::visit_expr(self, node),
        }
    }

    fn visit_template(&mut self, node: &Template) {
        // The body of a directive is a template of its own.
        self.template(node, node);
    }

    fn visit_binary_op(&mut self, node: &BinaryOp) {
        let compares = matches!(node.operator.value(), BinaryOperator::Eq | BinaryOperator::NotEq);
        let before = self.compared;
        self.compared |= compares;
        visit::visit_binary_op(self, node);
        self.compared = before;
    }

    fn visit_func_call(&mut self, node: &FuncCall) {
        self.functions.push(node.name.name.to_string());
        visit::visit_func_call(self, node);
        self.functions.pop();
    }

    fn visit_object_item(&mut self, key: &ObjectKey, value: &ObjectValue) {
        if let ObjectKey::Expression(key) = key {
            let before = self.found.len();
            self.visit_expr(key);
            for written in &mut self.found[before..] {
                written.is_key = true;
            }
        }
        self.keys.push(literal::key_name(key).unwrap_or_default());
        self.visit_expr(value.expr());
        self.keys.pop();
    }
}

#[cfg(test)]
mod tests {
    use crate::config::expression::tests::expr;

    #[test]
    fn strings_are_found_whole_with_where_they_stand() {
        let text = r#"{ "k" = f("a-${g("b")}-c", q == "w"), y : <<-E
            in ${z}
            E
        }"#;
        let shown: Vec<_> = expr(text)
            .written()
            .into_iter()
            .map(|w| {
                format!(
                    "{} {:?} {} {} {}",
                    w.keys.join("."),
                    w.text.trim(),
                    w.functions.join("."),
                    w.compared,
                    w.is_key
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                " \"k\"  false true",
                "k \"a-\\u{1a}-c\" f false false",
                "k \"b\" f.g false false",
                "k \"w\" f true false",
                "y \"in \\u{1a}\"  false false",
            ]
        );
    }

    #[test]
    fn a_part_of_a_string_is_found_in_the_file() {
        let expr = expr(r#""ab${var.x}cde""#);
        let written = &expr.written()[0];
        let at = |part: &str| {
            let start = written.text.find(part).unwrap();
            let range = written.range_of(&(start..start + part.len()));
            &expr.text().as_str()[range]
        };
        assert_eq!(at("b"), "b");
        assert_eq!(at("cd"), "cd");
        assert_eq!(at("de"), "de");
        assert_eq!(at("b\u{1a}c"), "b${var.x}c");
    }
}
