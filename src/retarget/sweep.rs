//! Goes through all that a module declares, and carries what names the primary over to the fallback.
//!
//! An override replaces an argument at the top of a block, a local value, an output or a nested
//! block of a kind as a whole, so that is the unit of every change here.

use super::{
    naming::{Fate, Naming},
    redirect::Redirection,
};
use crate::{
    catalogue::names::mentions,
    config::{
        body::{Attribute, Block, Body},
        expression::{Edit, Expr},
        module::{Module, Provider, Resource, ResourceMode},
    },
    model::{
        finding::Place,
        redirect::{Means, Moved, Obstacle},
    },
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, path::Path};

/// Arguments that Terraform reads as names and not as values.
const KEYWORDS: &[&str] = &["iterator", "provider", "when", "on_failure"];

/// Arguments that say what a block is, and not what it holds.
const META: &[&str] =
    &["provider", "providers", "depends_on", "source", "version", "alias", "region", "zone"];

/// Goes through the modules of one stack.
pub(super) struct Sweep<'a> {
    pub(super) naming: &'a Naming,
    /// What takes the place of `terraform.workspace`.
    pub(super) workspace: Option<&'a str>,
    /// Resources of the module at hand that are only read, by type and name.
    pub(super) adopted: &'a BTreeSet<(String, String)>,
    pub(super) made: &'a mut Redirection,
}

impl Sweep<'_> {
    /// Goes through a module; the variables of the root are set from outside, see [`Sweep::variable`].
    pub(super) fn module(&mut self, module: &Module, is_root: bool) {
        let dir = &module.dir;
        if !is_root {
            for variable in &module.variables {
                let what = format!("variable `{}`", variable.name);
                if let Some(value) = variable.default.as_ref().and_then(|d| self.value(d, &what)) {
                    self.made.overrides.set(dir, &["variable", &variable.name, "default"], value);
                }
            }
        }
        for local in &module.locals {
            if let Some(value) = self.value(local.expr(), &format!("local `{}`", local.name())) {
                self.made.overrides.set(dir, &["locals", local.name()], value);
            }
        }
        for output in &module.outputs {
            let what = format!("output `{}`", output.name);
            if let Some(value) = output.value.as_ref().and_then(|v| self.value(v, &what)) {
                self.made.overrides.set(dir, &["output", &output.name, "value"], value);
            }
        }
        for call in &module.calls {
            for argument in
                call.body().attributes().iter().filter(|a| !META[..5].contains(&a.name()))
            {
                let what = format!("module `{}`: `{}`", call.name, argument.name());
                if let Some(value) = self.value(argument.expr(), &what) {
                    self.made.overrides.set(dir, &["module", &call.name, argument.name()], value);
                }
            }
        }
        for resource in &module.resources {
            self.resource(dir, resource);
        }
        for provider in &module.providers {
            self.provider(dir, provider);
        }
    }

    /// Sets a variable of the root to what its default, or a file that Terraform reads by itself,
    /// becomes in the fallback.
    pub(super) fn variable(&mut self, name: &str, expr: &Expr) {
        let before = self.made.obstacles.len();
        let edits = self.edits(expr, &format!("variable `{name}`"), Means::Variable);
        for obstacle in &mut self.made.obstacles[before..] {
            obstacle.hint = format!(
                "Give the variable in the runbook: `region \"{}\" {{ variables = {{ {name} = … }} }}`",
                self.naming.region
            );
        }
        if edits.is_empty() {
            return;
        }
        match expr.edited_literal(&edits) {
            Some(value) => {
                self.made.variables.insert(name.to_owned(), value);
            }
            None => self.stuck(expr.place(), &format!("variable `{name}`")),
        }
    }

    fn resource(&mut self, dir: &Path, resource: &Resource) {
        let block = match resource.mode {
            ResourceMode::Managed => "resource",
            ResourceMode::Data if resource.kind == "terraform_remote_state" => return,
            ResourceMode::Data => "data",
            ResourceMode::Ephemeral => "ephemeral",
        };
        let address = resource.address();
        let changes = self.body(resource.body(), &format!("`{address}`"), &META[..3]);
        for (name, value) in changes {
            let path = [block, &resource.kind, &resource.name, &name];
            // What was decided on a global resource counts: one that is left out stays out.
            if !self.made.overrides.has(dir, &path) {
                self.made.overrides.set(dir, &path, value);
            }
        }
    }

    fn provider(&mut self, dir: &Path, provider: &Provider) {
        let what = format!("provider `{}`", provider.key());
        for (name, value) in self.body(provider.body(), &what, META) {
            let alias = provider.alias.as_deref();
            self.made.overrides.set_provider(dir, &provider.name, alias, &name, value);
        }
    }

    /// Returns the arguments and the kinds of nested blocks that change, as JSON syntax has them.
    fn body(&mut self, body: &Body, what: &str, except: &[&str]) -> Vec<(String, Value)> {
        let mut changed = Vec::new();
        for argument in body.attributes().iter().filter(|a| !except.contains(&a.name())) {
            let what = format!("{what}: `{}`", argument.name());
            if let Some(value) = self.value(argument.expr(), &what) {
                changed.push((argument.name().to_owned(), value));
            }
        }
        let kinds: BTreeSet<&str> = body.blocks().iter().map(Block::made_kind).collect();
        for name in kinds.into_iter().filter(|kind| *kind != "lifecycle") {
            let of_kind = body.blocks().iter().filter(|block| block.made_kind() == name);
            let mut any = false;
            let mut blocks = Map::new();
            for block in of_kind {
                let (value, differs) = self.nested(block, &format!("{what}: `{name}`"));
                any |= differs;
                push(&mut blocks, block, value);
            }
            if any {
                changed.extend(blocks);
            }
        }
        changed
    }

    /// Returns a nested block as JSON syntax has it, and whether anything in it changed.
    fn nested(&mut self, block: &Block, what: &str) -> (Value, bool) {
        let (mut made, mut any) = (Map::new(), false);
        for argument in block.body().attributes() {
            let value = self.value(argument.expr(), &format!("{what}: `{}`", argument.name()));
            any |= value.is_some();
            made.insert(argument.name().to_owned(), value.unwrap_or_else(|| as_written(argument)));
        }
        for inner in block.body().blocks() {
            let (value, differs) = self.nested(inner, what);
            any |= differs;
            push(&mut made, inner, value);
        }
        (made.into(), any)
    }

    /// Returns what an expression becomes, if anything of it changes.
    fn value(&mut self, expr: &Expr, what: &str) -> Option<Value> {
        let edits = self.edits(expr, what, Means::Override);
        if edits.is_empty() {
            return None;
        }
        let value = expr.edited(&edits);
        if value.is_none() {
            self.stuck(expr.place(), what);
        }
        value
    }

    fn stuck(&mut self, place: Place, what: &str) {
        self.made.obstacles.push(Obstacle {
            place,
            message: format!(
                "{what} names the primary region and cannot be overridden as it is written"
            ),
            hint: "Write it as a variable, or from the region of the provider".to_owned(),
            fatal: false,
        });
    }

    /// Finds what changes in an expression, and tells of it.
    fn edits(&mut self, expr: &Expr, what: &str, by: Means) -> Vec<Edit> {
        let mut edits = Vec::new();
        let texts = expr.texts();
        let other = texts.iter().find(|t| !t.compared && mentions(&t.text, &self.naming.region));
        for text in &texts {
            let to = match self.naming.fate(text) {
                Fate::Stays => continue,
                Fate::Becomes(to) => to,
                Fate::Mentions => {
                    self.made.notes.push(format!(
                        "{}: {what} names the primary region: `{}`",
                        text.place, text.text
                    ));
                    continue;
                }
                Fate::Stuck(stuck) => {
                    self.made.obstacles.push(Obstacle {
                        place: text.place.clone(),
                        message: format!(
                            "{what} names {} `{}`, which is not in `{}`",
                            stuck.what(),
                            text.text,
                            self.naming.region
                        ),
                        hint: format!(
                            "Say what stands for it: `--replace {old}=NEW`, or in the runbook `region \"{region}\" {{ replace = {{ \"{old}\" = \"NEW\" }} }}`; the same on both sides keeps it",
                            old = text.text,
                            region = self.naming.region
                        ), fatal: false });
                    continue;
                }
            };
            // What speaks of both regions speaks of where things are, not of where to go.
            if other.is_some() && !self.naming.replace.keys().any(|old| text.text.contains(old)) {
                self.made.notes.push(format!(
                    "{}: {what} names the primary and the fallback, so `{}` is left as it is",
                    text.place, text.text
                ));
                continue;
            }
            self.made.moved.push(Moved {
                what: what.to_owned(),
                place: Some(text.place.clone()),
                from: Some(text.text.clone()),
                to: to.clone(),
                by,
            });
            edits.push(Edit { range: text.range.clone(), text: to });
        }
        for reference in expr.references() {
            match reference.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["terraform", "workspace"] => {
                    if let Some(workspace) = self.workspace {
                        edits.push(Edit {
                            range: reference.range,
                            text: format!("\"{workspace}\""),
                        });
                    }
                }
                [kind, name, ..] if self.adopted.contains(&(kind.to_owned(), name.to_owned())) => {
                    let at = reference.range.start;
                    edits.push(Edit { range: at..at, text: "data.".to_owned() });
                }
                _ => {}
            }
        }
        edits
    }
}

/// Returns an argument that does not change, as JSON syntax has it.
fn as_written(argument: &Attribute) -> Value {
    let expr = argument.expr();
    if KEYWORDS.contains(&argument.name()) {
        return expr.literal().unwrap_or_else(|| expr.source().into());
    }
    expr.to_json_syntax().unwrap_or_else(|| format!("${{{}}}", expr.source()).into())
}

/// Adds a block to those of its kind.
fn push(blocks: &mut Map<String, Value>, block: &Block, body: Value) {
    let labels: Vec<&str> = block.labels().collect();
    let labelled = labels.iter().rev().fold(body, |body, label| json!({ *label: body }));
    match blocks.entry(block.kind().to_owned()).or_insert_with(|| json!([])) {
        Value::Array(all) => all.push(labelled),
        other => *other = json!([labelled]),
    }
}
