//! DR026: values that nobody can repeat.

use crate::{
    config::{
        expression::Expr,
        module::ResourceMode,
        syntax::{
            Expression, FuncCall, Span, Traversal, TraversalOperator,
            visit::{self, Visit},
        },
        text::SourceText,
    },
    lint::{
        rule::{Found, Rule},
        rules::dr038::ignored,
        slot::{Holder, Slot},
        subject::{Seen, Subject},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR026",
        name: "value-differs-at-every-plan",
        title: "a value is another one at every plan, or on every machine",
        severity: Severity::Warning,
        page: include_str!("dr026.md"),
    },
    check,
};

use std::{collections::BTreeSet, ops::Range};

/// Arguments that are there to make a change.
const TRIGGERS: [&str; 4] = ["triggers", "triggers_replace", "keepers", "input"];

/// Functions that read a file, of which it does not matter how its path is written.
const FILES: &str = "file";

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for seen in &subject.modules {
        let counting = locals_that_count(seen);
        for slot in &seen.slots {
            let counts = match slot.holder {
                Holder::Local(name) => counting.contains(name),
                _ => counts(slot),
            };
            if !counts {
                continue;
            }
            for (what, range) in unsteady(slot.expr()) {
                if what == "path.cwd" && is_tag(slot) {
                    continue;
                }
                let (message, hint) = said(&what);
                found.add(
                    slot.expr().text().extent_of(range),
                    seen.address_of(&slot.holder.address()),
                    message,
                    hint,
                );
            }
        }
    }
}

fn said(what: &str) -> (String, &'static str) {
    match what {
        "path.cwd" => (
            "`path.cwd` is the folder that Terraform was started from, which is another one on the machine that recovers".to_owned(),
            "Write `path.root` or `path.module`, or name it",
        ),
        "bcrypt()" => (
            "`bcrypt()` gives another hash at every plan, so no plan is ever empty and what really changed is hard to see".to_owned(),
            "Add the argument to `ignore_changes`, or hash outside of Terraform",
        ),
        _ => (
            format!("`{what}` is another value at every plan, so what rests on it is changed or replaced each time, also when a run is taken up again"),
            "Use `time_static` or `random_id`, whose value is kept in the state, or add the argument to `ignore_changes`",
        ),
    }
}

/// Whether a change of an argument is a change of a resource.
fn counts(slot: &Slot<'_>) -> bool {
    let Holder::Resource(resource) = slot.holder else { return false };
    let first = slot.path.split('.').next().unwrap_or_default();
    let hidden = ignored(resource).into_iter().any(|(_, name, _)| name == first || name == "all");
    let inert = ["provisioner", "connection", "lifecycle"].contains(&first);
    resource.mode == ResourceMode::Managed && !hidden && !inert && !TRIGGERS.contains(&first)
        // It is read only when the database is deleted.
        && first != "final_snapshot_identifier"
}

fn is_tag(slot: &Slot<'_>) -> bool {
    slot.path.contains("tags") || slot.path.contains("labels")
}

/// Returns the local values that an argument uses which counts.
fn locals_that_count(seen: &Seen<'_>) -> BTreeSet<String> {
    let names = |slot: &Slot<'_>| {
        let references = slot.expr().references().into_iter();
        let locals = references.filter(|r| r.path.len() > 1 && r.path[0] == "local");
        locals.map(|r| r.path[1].clone()).collect::<Vec<_>>()
    };
    let unsteady: Vec<&Slot<'_>> = seen
        .slots
        .iter()
        .filter(|slot| matches!(slot.holder, Holder::Local(_)) && !unsteady(slot.expr()).is_empty())
        .collect();
    if unsteady.is_empty() {
        return BTreeSet::new();
    }
    seen.slots.iter().filter(|slot| counts(slot) && !is_tag(slot)).flat_map(names).collect()
}

/// Returns what an expression calls that is never the same, and where.
fn unsteady(expr: &Expr) -> Vec<(String, Range<usize>)> {
    // Most expressions say nothing of the kind, and a look at the text is quick.
    let source = expr.source();
    if !["timestamp(", "uuid(", "bcrypt(", "path.cwd"].iter().any(|word| source.contains(word)) {
        return Vec::new();
    }
    let mut collector = Collector { text: expr.text(), files: 0, found: Vec::new() };
    collector.visit_expr(expr.node());
    collector.found
}

struct Collector<'a> {
    text: &'a SourceText,
    /// How many functions around this one read a file.
    files: usize,
    found: Vec<(String, Range<usize>)>,
}

impl Collector<'_> {
    fn take(&mut self, what: String, node: &impl Span) {
        self.found.push((what, self.text.range(&node.span().unwrap_or_default())));
    }
}

impl Visit for Collector<'_> {
    fn visit_func_call(&mut self, node: &FuncCall) {
        let name = node.name.name.as_str();
        let unsteady = ["timestamp", "uuid", "bcrypt"].contains(&name);
        if unsteady && node.name.namespace.is_empty() {
            self.take(format!("{name}()"), node);
        }
        let reads = name.contains(FILES);
        self.files += usize::from(reads);
        visit::visit_func_call(self, node);
        self.files -= usize::from(reads);
    }

    fn visit_traversal(&mut self, node: &Traversal) {
        let is_path = matches!(&node.expr, Expression::Variable(name) if name.as_str() == "path");
        let is_cwd = node.operators.first().is_some_and(|operator| {
            matches!(operator.value(), TraversalOperator::GetAttr(name) if name.as_str() == "cwd")
        });
        let range = self.text.range(&node.span().unwrap_or_default());
        // The path of a file is right as long as all of them start from the same folder.
        let is_folder = self
            .text
            .as_str()
            .get(range.end..)
            .is_some_and(|rest| rest.trim_start_matches([' ', '}']).starts_with('/'));
        if is_path && is_cwd && self.files == 0 && !is_folder {
            self.take("path.cwd".to_owned(), node);
        }
        visit::visit_traversal(self, node);
    }
}
