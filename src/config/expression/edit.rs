//! An expression with some of its text replaced, as Terraform's JSON syntax has it.

use super::{Expr, literal};
use crate::{
    config::{
        syntax::{
            BinaryOp, BinaryOperator, Element, Expression, ObjectKey, ObjectValue, Span, Template,
            visit::{self, Visit},
        },
        text::SourceText,
    },
    model::finding::Place,
};
use serde_json::Value;
use std::ops::Range;

/// A piece of literal text in an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text, as it is written between its quotes.
    pub text: String,
    /// The bytes of the file that it stands in, without quotes.
    pub range: Range<usize>,
    /// Where it starts.
    pub place: Place,
    /// True when it is a whole string; false when something is interpolated beside it.
    pub whole: bool,
    /// True when it is compared with something, so that it is a question and not a value.
    pub compared: bool,
    /// The keys of the objects that it stands in, outermost first.
    pub keys: Vec<String>,
}

/// Text that takes the place of a part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The bytes of the file that are replaced.
    pub range: Range<usize>,
    /// What stands there instead.
    pub text: String,
}

impl Expr {
    /// Returns the literal text in the expression, in order. Keys of objects are not part of it.
    pub fn texts(&self) -> Vec<Text> {
        let mut collector = Collector {
            text: &self.text,
            json: self.is_json(),
            compared: false,
            keys: Vec::new(),
            found: Vec::new(),
        };
        collector.visit_expr(&self.node);
        collector.found
    }

    /// Returns the value in JSON syntax, with `edits` made to its text.
    ///
    /// `None` when what comes out cannot be read as an expression, or an edit stands outside of it.
    pub fn edited(&self, edits: &[Edit]) -> Option<Value> {
        let made = self.spliced(edits)?;
        if self.is_json() {
            return serde_json::from_str(&made).ok();
        }
        let parsed: Expression = made.parse().ok()?;
        // A literal is easier to read as one.
        Some(literal::literal(&parsed).map_or_else(|| format!("${{{made}}}").into(), as_template))
    }

    /// Returns the literal that it is with `edits` made to its text; `None` when it is none.
    pub fn edited_literal(&self, edits: &[Edit]) -> Option<Value> {
        let made = self.spliced(edits)?;
        if self.is_json() {
            return serde_json::from_str(&made).ok();
        }
        literal::literal(&made.parse().ok()?)
    }

    fn spliced(&self, edits: &[Edit]) -> Option<String> {
        let whole = self.range();
        let mut edits: Vec<&Edit> = edits.iter().collect();
        edits.sort_by_key(|edit| edit.range.start);
        let (mut made, mut at) = (String::new(), whole.start);
        for edit in edits {
            if edit.range.start < at || edit.range.end > whole.end {
                return None;
            }
            made.push_str(self.text.as_str().get(at..edit.range.start)?);
            if self.is_json() {
                let quoted = Value::from(edit.text.as_str()).to_string();
                made.push_str(quoted.get(1..quoted.len() - 1)?);
            } else {
                made.push_str(&edit.text);
            }
            at = edit.range.end;
        }
        made.push_str(self.text.as_str().get(at..whole.end)?);
        Some(made)
    }

    /// Returns the value in JSON syntax.
    pub fn to_json_syntax(&self) -> Option<Value> {
        self.edited(&[])
    }

    fn is_json(&self) -> bool {
        self.text.path().extension().is_some_and(|extension| extension == "json")
    }
}

/// Every string in JSON syntax is a template, so what looks like one must be escaped.
fn as_template(value: Value) -> Value {
    match value {
        Value::String(text) => text.replace("${", "$${").replace("%{", "%%{").into(),
        Value::Array(values) => values.into_iter().map(as_template).collect(),
        Value::Object(entries) => entries.into_iter().map(|(k, v)| (k, as_template(v))).collect(),
        other => other,
    }
}

struct Collector<'a> {
    text: &'a SourceText,
    json: bool,
    compared: bool,
    keys: Vec<String>,
    found: Vec<Text>,
}

impl Collector<'_> {
    fn take(&mut self, node: &impl Span, whole: bool) {
        let mut range = self.text.range(&node.span().unwrap_or_default());
        let Some(text) = self.text.as_str().get(range.clone()) else { return };
        let quoted = text.len() >= 2 && text.starts_with('"') && text.ends_with('"');
        let text = if quoted && (whole || self.json) {
            range = range.start + 1..range.end - 1;
            &text[1..text.len() - 1]
        } else {
            text
        };
        self.found.push(Text {
            text: text.to_owned(),
            place: self.text.place_at(range.start),
            range,
            whole,
            compared: self.compared,
            keys: self.keys.clone(),
        });
    }

    fn template(&mut self, template: &Template) {
        let whole = template.iter().all(|element| matches!(element, Element::Literal(_)));
        for element in template {
            match element {
                Element::Literal(literal) => self.take(literal, whole),
                other => visit::visit_element(self, other),
            }
        }
    }
}

impl Visit for Collector<'_> {
    fn visit_expr(&mut self, node: &Expression) {
        match node {
            Expression::String(string) => self.take(string, true),
            Expression::StringTemplate(template) => self.template(template),
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template),
            _ => visit::visit_expr(self, node),
        }
    }

    fn visit_template(&mut self, node: &Template) {
        self.template(node);
    }

    fn visit_binary_op(&mut self, node: &BinaryOp) {
        let compares = matches!(node.operator.value(), BinaryOperator::Eq | BinaryOperator::NotEq);
        let before = self.compared;
        self.compared |= compares;
        visit::visit_binary_op(self, node);
        self.compared = before;
    }

    fn visit_object_item(&mut self, key: &ObjectKey, value: &ObjectValue) {
        let name = literal::key_name(key).unwrap_or_default();
        self.keys.push(name);
        self.visit_expr(value.expr());
        self.keys.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{expression::tests::expr, file::SourceFile};
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn literal_text_is_found_with_where_it_stands() {
        let text = r#"{ a = "x", "b" = ["y-${f("z")}", q == "w"], "c" : <<-E
            in
            E
        }"#;
        let shown: Vec<_> = expr(text)
            .texts()
            .into_iter()
            .map(|t| format!("{} {} {} {}", t.keys.join("."), t.text.trim(), t.whole, t.compared))
            .collect();
        assert_eq!(
            shown,
            [
                "a x true false",
                "b y- false false",
                "b z true false",
                "b w true true",
                "c in true false"
            ]
        );
    }

    #[test]
    fn edits_are_made_in_place_and_literals_stay_literals() {
        let edited = |text: &str, old: &str, new: &str| {
            let expr = expr(text);
            let edits: Vec<Edit> = expr
                .texts()
                .into_iter()
                .filter_map(|t| {
                    let at = t.range.start + t.text.find(old)?;
                    Some(Edit { range: at..at + old.len(), text: new.to_owned() })
                })
                .collect();
            expr.edited(&edits).unwrap()
        };
        assert_eq!(edited(r#""ap-1a""#, "ap-1", "ap-2"), json!("ap-2a"));
        assert_eq!(edited(r#"["ap-1a", "ap-1c"]"#, "ap-1", "ap-2"), json!(["ap-2a", "ap-2c"]));
        assert_eq!(edited(r#""${var.x}-ap-1""#, "ap-1", "ap-2"), json!(r#"${"${var.x}-ap-2"}"#));
        assert_eq!(
            edited(r#"{ (var.k) = "ap-1" }"#, "ap-1", "ap-2"),
            json!(r#"${{ (var.k) = "ap-2" }}"#)
        );
        assert_eq!(edited(r#""$${x} ap-1""#, "ap-1", "ap-2"), json!("$${x} ap-2"));
    }

    #[test]
    fn json_syntax_is_edited_as_json() {
        let text = br#"{"locals": {"a": ["ap-1a", "${var.x}-ap-1"]}}"#;
        let file = SourceFile::parse(Path::new("x.tf.json"), text, None).unwrap();
        let local = file.body().blocks()[0].body().expr("a").unwrap();
        let edits: Vec<Edit> = local
            .texts()
            .into_iter()
            .filter_map(|t| {
                let at = t.range.start + t.text.find("ap-1")?;
                Some(Edit { range: at..at + 4, text: "ap-2".into() })
            })
            .collect();
        assert_eq!(local.edited(&edits).unwrap(), json!(["ap-2a", "${var.x}-ap-2"]));
    }
}
