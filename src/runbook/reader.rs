//! Reads the attributes of one block, each checked, and writes down what is wrong.

use super::Mistake;
use crate::{
    config::{
        body::{Attribute, Block},
        expression::{Expr, Scope},
    },
    model::{finding::Place, time::parse_duration},
};
use serde_json::Value;
use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

/// One block and the mistakes found so far.
pub(super) struct Reader<'a> {
    block: &'a Block,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Reader<'a> {
    /// Opens `block`, which may have these attributes and these blocks and no others.
    pub(super) fn new(
        block: &'a Block,
        attributes: &[&str],
        blocks: &[&str],
        mistakes: &'a mut Vec<Mistake>,
    ) -> Self {
        let body = block.body();
        for attribute in body.attributes() {
            let name = attribute.name();
            if !attributes.contains(&name) {
                let message = format!("`{}` has no attribute `{name}`", block.kind());
                mistakes.push(
                    Mistake::new(attribute.place(), message)
                        .instead_of(name, attributes.iter().copied()),
                );
            }
        }
        for inner in body.blocks() {
            let kind = inner.kind();
            if !blocks.contains(&kind) {
                let message = format!("`{}` has no block `{kind}`", block.kind());
                mistakes.push(
                    Mistake::new(inner.place(), message).instead_of(kind, blocks.iter().copied()),
                );
            }
        }
        Self { block, mistakes }
    }

    /// Writes down a mistake.
    pub(super) fn wrong(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Returns the label at `index`, which must be there; labels beyond `count` are mistakes.
    pub(super) fn labels(&mut self, what: &[&str]) -> Option<Vec<&'a str>> {
        let labels: Vec<&str> = self.block.labels().collect();
        if labels.len() == what.len() {
            return Some(labels);
        }
        let wanted: String = what.iter().map(|w| format!(" \"{w}\"")).collect();
        let kind = self.block.kind();
        let message = format!("`{kind}` takes {} label(s), and has {}", what.len(), labels.len());
        self.wrong(
            Mistake::new(self.block.place(), message)
                .hint(format!("Write it as `{kind}{wanted} {{ … }}`")),
        );
        None
    }

    /// Returns an attribute that may be left out.
    pub(super) fn expr(&self, name: &str) -> Option<&'a Expr> {
        self.block.body().expr(name)
    }

    /// Returns an attribute that must be there.
    pub(super) fn required(&mut self, name: &str) -> Option<&'a Expr> {
        let expr = self.expr(name);
        if expr.is_none() {
            let message = format!("`{}` needs the attribute `{name}`", self.block.kind());
            self.wrong(Mistake::new(self.block.place(), message));
        }
        expr
    }

    /// Returns the entries of an attribute that is an object.
    pub(super) fn entries(&mut self, name: &str) -> Vec<Attribute> {
        let Some(expr) = self.expr(name) else { return Vec::new() };
        expr.object().unwrap_or_else(|error| {
            let message = format!("`{name}`: expected {}, found {}", error.expected, error.found);
            self.wrong(
                Mistake::new(error.place, message).hint(format!("Write `{name} = {{ … }}`")),
            );
            Vec::new()
        })
    }

    /// Returns an attribute that must be a string and depend on nothing.
    pub(super) fn string(&mut self, name: &str) -> Option<(String, Place)> {
        let expr = self.expr(name)?;
        match self.value(expr)? {
            Value::String(text) => Some((text, expr.place())),
            other => self.not(name, "a string", &other, expr),
        }
    }

    /// Returns an attribute that must be a string and may speak of the region.
    pub(super) fn string_for(&mut self, name: &str, region: &str) -> Option<(String, Place)> {
        let expr = self.expr(name)?;
        let value = expr.evaluate(&Scope::new().with("region", region));
        match value.map_err(|error| self.wrong(Mistake::new(error.place, error.message))).ok()? {
            Value::String(text) => Some((text, expr.place())),
            other => self.not(name, "a string", &other, expr),
        }
    }

    /// Returns an attribute that must be a whole number above zero.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, name: &str) -> Option<T> {
        let expr = self.expr(name)?;
        let value = self.value(expr)?;
        let number = value.as_u64().filter(|n| *n > 0).and_then(|n| T::try_from(n).ok());
        number.or_else(|| self.not(name, "a whole number above zero", &value, expr))
    }

    /// Returns an attribute that is true or false.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let expr = self.expr(name)?;
        let value = self.value(expr)?;
        value.as_bool().or_else(|| self.not(name, "true or false", &value, expr))
    }

    /// Returns an attribute that must be a number above zero.
    pub(super) fn amount(&mut self, name: &str) -> Option<f64> {
        let expr = self.expr(name)?;
        let value = self.value(expr)?;
        let amount = value.as_f64().filter(|n| *n > 0.0 && n.is_finite());
        if amount.is_none() {
            self.wrong(Mistake::new(expr.place(), format!("`{name}` is no number above zero")));
        }
        amount
    }

    /// Returns what one of some words stands for.
    pub(super) fn word<T: Copy>(&mut self, name: &str, known: &[(&str, T)]) -> Option<T> {
        let (text, place) = self.string(name)?;
        let meant = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if meant.is_none() {
            let words = known.iter().map(|(word, _)| *word);
            let message = format!("`{text}` is nothing that `{name}` can be");
            self.wrong(Mistake::new(place, message).instead_of(&text, words));
        }
        meant
    }

    /// Returns an attribute that must be a list of strings and depend on nothing.
    pub(super) fn strings(&mut self, name: &str) -> Vec<(String, Place)> {
        let Some(expr) = self.expr(name) else { return Vec::new() };
        let Some(value) = self.value(expr) else { return Vec::new() };
        let items: Option<Vec<String>> = value
            .as_array()
            .map(|items| items.iter().map(|i| i.as_str().map(str::to_owned)).collect())
            .unwrap_or_default();
        match items {
            Some(items) => {
                let places = expr.list().unwrap_or_default();
                let place = |at: usize| places.get(at).map_or_else(|| expr.place(), Expr::place);
                items.into_iter().enumerate().map(|(at, item)| (item, place(at))).collect()
            }
            None => self.not(name, "a list of strings", &value, expr).unwrap_or_default(),
        }
    }

    /// Returns an attribute that is written as a string and read as a `T`.
    pub(super) fn parsed<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr<Err: fmt::Display>,
    {
        let (text, place) = self.string(name)?;
        text.parse()
            .map_err(|error| self.wrong(Mistake::new(place, format!("`{name}`: {error}"))))
            .ok()
    }

    /// Returns an attribute that is a duration.
    pub(super) fn duration(&mut self, name: &str) -> Option<Duration> {
        let (text, place) = self.string(name)?;
        parse_duration(&text)
            .map_err(|error| self.wrong(Mistake::new(place, format!("`{name}`: {error}"))))
            .ok()
    }

    /// Returns `path` if it stays inside the repository.
    pub(super) fn inside(&mut self, path: &str, place: &Place) -> Option<PathBuf> {
        let clean = super::settings::inside(path);
        if clean.is_none() {
            let message = format!("`{path}` leads out of the repository");
            self.wrong(
                Mistake::new(place.clone(), message)
                    .hint("Write a path from the root of the repository"),
            );
        }
        clean
    }

    /// The value of an expression that depends on nothing.
    fn value(&mut self, expr: &Expr) -> Option<Value> {
        expr.evaluate(&Scope::default())
            .map_err(|error| self.wrong(Mistake::new(error.place, error.message)))
            .ok()
    }

    fn not<T>(&mut self, name: &str, what: &str, value: &Value, expr: &Expr) -> Option<T> {
        let message = format!("`{name}` is {}, not {what}", super::values::word(value));
        self.wrong(Mistake::new(expr.place(), message));
        None
    }
}
