//! DR035: tables by workspace that have no entry for the workspace of the fallback.

use super::dr010::{is_reached, place_of};
use crate::{
    catalogue::names::region_named,
    config::{
        eval::Value,
        expression::{Expr, Lookup},
        module::Module,
    },
    lint::{
        rule::{Found, Rule},
        slot::extent,
        subject::{Call, Subject},
    },
    model::finding::{Place, RuleText, Severity},
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR035",
        name: "table-lacks-workspace",
        title: "a table by workspace has no entry for one that leads to another region",
        severity: Severity::Warning,
        page: include_str!("dr035.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let needed = workspaces(subject);
    if needed.is_empty() {
        return;
    }
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for call in &subject.calls {
        for slot in subject.slots_of(call) {
            for lookup in slot.expr().lookups() {
                if lookup.guarded || !is_reached(&call.primary, &lookup) {
                    continue;
                }
                let Some(entries) = by_workspace(call, &lookup) else { continue };
                let lacking = needed.iter().find(|(name, _)| !entries.contains_key(*name));
                let Some((name, why)) = lacking else { continue };
                if !seen.insert(lookup.key.place()) {
                    continue;
                }
                let draft = found.add(
                    extent(&lookup.key),
                    call.address_of(&slot.holder.address()),
                    format!("the table has no entry for the workspace `{name}`, {why}"),
                    format!("Add an entry for `{name}` to the table"),
                );
                if let Some(at) = place_of(call.module, &lookup.map) {
                    draft.related(at, "this is the table");
                }
            }
        }
    }
}

/// Returns the entries of a table that is asked for the workspace.
fn by_workspace(call: &Call<'_>, lookup: &Lookup) -> Option<BTreeMap<String, Value>> {
    if !is_workspace(call.module, &lookup.key, 0) {
        return None;
    }
    match call.primary.value(&lookup.map) {
        Value::Map(entries) => Some((*entries).clone()),
        _ => None,
    }
}

/// Whether an expression is exactly the workspace, also by a local value.
fn is_workspace(module: &Module, expr: &Expr, depth: usize) -> bool {
    let Some(path) = expr.traversal() else { return false };
    match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["terraform", "workspace"] => true,
        ["local", name] if depth < 8 => {
            module.local(name).is_some_and(|local| is_workspace(module, local, depth + 1))
        }
        _ => false,
    }
}

/// Returns the workspaces that every table must have, and why: the one that the runbook says
/// serves, and those that the table behind the provider's region leads elsewhere with.
fn workspaces(subject: &Subject<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let declared = subject.about.stack.and_then(|stack| stack.workspace.clone());
    found.extend(declared.map(|name| (name, "which the runbook says serves".to_owned())));
    let root = subject.root();
    let default = root.module.providers.iter().filter(|provider| provider.alias.is_none());
    for region in default.filter_map(|provider| provider.region.as_ref()) {
        for (name, value) in table_behind(root, region, 0).into_iter().flatten() {
            let Value::String(text) = value else { continue };
            let Some(region) = region_named(&text) else { continue };
            let elsewhere = match subject.fallback() {
                Some(fallback) => region == fallback,
                None => subject.primary().is_some_and(|primary| region != primary),
            };
            if elsewhere {
                found.insert(name, format!("which leads to `{region}`, so the plan fails there"));
            }
        }
    }
    found
}

/// Returns the table by workspace that an expression takes its value from, also by local values.
fn table_behind(call: &Call<'_>, expr: &Expr, depth: usize) -> Option<BTreeMap<String, Value>> {
    if let Some(table) = expr.lookups().iter().find_map(|lookup| by_workspace(call, lookup)) {
        return Some(table);
    }
    let path = expr.traversal()?;
    match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["local", name] if depth < 8 => table_behind(call, call.module.local(name)?, depth + 1),
        _ => None,
    }
}
