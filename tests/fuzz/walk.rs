//! Asks a file for everything that can be asked for, and checks what must hold for any of it.
#![allow(dead_code, reason = "each target uses a part")]

use drctl::{
    config::{
        body::{Attribute, Body},
        expression::{Edit, Expr, Scope, Text},
        file::SourceFile,
    },
    model::finding::Place,
};
use std::ops::Range;

/// Returns the name of the file that an input stands for, and its bytes.
///
/// It is a `.tf.json` file when it starts with a `{` or with a zero, which no `.tf` file does.
pub fn named(data: &[u8]) -> (&'static str, &[u8]) {
    match data {
        [0, rest @ ..] => ("x.tf.json", rest),
        [b'{', ..] => ("x.tf.json", data),
        _ => ("x.tf", data),
    }
}

/// Walks a file that was understood.
pub fn file(file: &SourceFile) {
    for (place, comment) in file.comments() {
        sane(&place);
        assert!(comment.starts_with(['#', '/']), "{place}: {comment:?}");
    }
    for key in file.duplicate_keys() {
        sane(&key.place);
        sane(&key.replaced_by);
    }
    body(file.body());
}

fn body(body: &Body) {
    for attribute in body.attributes() {
        self::attribute(attribute);
    }
    for block in body.blocks() {
        sane(&block.place());
        assert!(block.text().as_str().get(block.range()).is_some(), "{}", block.place());
        for (index, _) in block.labels().enumerate() {
            sane(&block.label_place(index).expect("a label has a place"));
        }
        let _ = block.made_kind();
        self::body(block.body());
    }
}

fn attribute(attribute: &Attribute) {
    sane(&attribute.place());
    inside(attribute.expr(), &attribute.range());
    expression(attribute.expr());
}

fn expression(expr: &Expr) {
    sane(&expr.place());
    inside(expr, &expr.range());
    for reference in expr.references() {
        sane(&reference.place);
        inside(expr, &reference.range);
        assert!(!reference.path.is_empty(), "{}", reference.place);
    }
    texts(expr);
    let _ = (expr.source(), expr.traversal(), expr.variable_name());
    let _ = (expr.literal(), expr.literal_string(), expr.string(), expr.number(), expr.boolean());
    let _ = (expr.to_json_syntax(), expr.evaluate(&Scope::new()));
    assert!(expr == &expr.part(expr.node()), "{}", expr.place());
    // What is in a list or an object are expressions of their own.
    for item in expr.list().into_iter().flatten() {
        expression(&item);
    }
    for entry in expr.object().into_iter().flatten() {
        attribute(&entry);
    }
}

/// Text that is replaced by itself changes nothing.
fn texts(expr: &Expr) {
    let texts = expr.texts();
    for text in &texts {
        sane(&text.place);
        inside(expr, &text.range);
    }
    let in_json = expr.text().path().extension().is_some_and(|extension| extension == "json");
    if !in_json {
        let same = |text: &Text| Edit {
            range: text.range.clone(),
            text: expr.text().as_str()[text.range.clone()].to_owned(),
        };
        let edits: Vec<Edit> = texts.iter().map(same).collect();
        assert_eq!(expr.edited(&edits), expr.edited(&[]), "{}", expr.place());
    }
}

fn sane(place: &Place) {
    assert!(place.line >= 1 && place.column >= 1, "{place}");
}

fn inside(expr: &Expr, range: &Range<usize>) {
    assert!(expr.text().as_str().get(range.clone()).is_some(), "{}: {range:?}", expr.place());
}
