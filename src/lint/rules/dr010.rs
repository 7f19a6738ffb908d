//! DR010: tables by region that have no entry for the fallback.

use crate::{
    catalogue::names::region_of,
    config::{
        body::{Attribute, Body},
        eval::{Scope, Value},
        expression::{Expr, Lookup},
        module::Module,
    },
    lint::{
        rule::{Found, Rule},
        slot::extent,
        subject::{Call, Subject},
    },
    model::finding::{Extent, Place, RuleText, Severity},
};
use std::collections::BTreeSet;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR010",
        name: "table-lacks-fallback",
        title: "a table by region has no entry for the fallback",
        severity: Severity::Error,
        page: include_str!("dr010.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(fallback) = subject.fallback() else { return };
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for call in &subject.calls {
        for (address, body, attributes) in holders(call) {
            // What is not made in the fallback does not look anything up there.
            let scopes = body
                .map_or_else(|| vec![call.fallback.clone()], |body| call.fallback.instances(body));
            for lookup in attributes.iter().flat_map(|a| a.expr().lookups()) {
                let lacks = |scope: &Scope<'_>| lacking(scope, &lookup, fallback);
                let Some(lack) = scopes.iter().find_map(lacks) else { continue };
                if !seen.insert(lookup.key.place()) {
                    continue;
                }
                let draft = found.add(
                    extent(&lookup.key),
                    call.address_of(&address),
                    format!("the table has no entry for `{}`, so the plan fails there", lack.key),
                    format!("Add an entry for `{}` to the table", lack.key),
                );
                if let Some(at) = place_of(call.module, &lookup.map) {
                    draft.related(at, format!("the table has {}", lack.has));
                }
            }
        }
    }
}

/// Everything in a module that has arguments: its address, its body if it can be made in several
/// instances, and its arguments.
fn holders<'a>(call: &Call<'a>) -> Vec<(String, Option<&'a Body>, Vec<&'a Attribute>)> {
    let module = call.module;
    let mut found = Vec::new();
    for local in &module.locals {
        found.push((format!("local.{}", local.name()), None, vec![local]));
    }
    for output in &module.outputs {
        found.push((format!("output.{}", output.name), None, all(output.body())));
    }
    for provider in &module.providers {
        found.push((format!("provider.{}", provider.key()), None, all(provider.body())));
    }
    for resource in &module.resources {
        found.push((resource.address(), Some(resource.body()), all(resource.body())));
    }
    for inner in &module.calls {
        found.push((format!("module.{}", inner.name), Some(inner.body()), all(inner.body())));
    }
    found
}

/// Returns the arguments of a body and of the blocks in it.
fn all(body: &Body) -> Vec<&Attribute> {
    let inner = body.blocks().iter().flat_map(|block| all(block.body()));
    body.attributes().iter().chain(inner).collect()
}

/// An entry that is not there.
struct Lack {
    key: String,
    /// What the table has, for people.
    has: String,
}

/// Returns the entry for the fallback that a lookup asks for and does not find.
fn lacking(scope: &Scope<'_>, lookup: &Lookup, fallback: &str) -> Option<Lack> {
    if lookup.guarded || !is_reached(scope, lookup) {
        return None;
    }
    let Value::String(key) = scope.value(&lookup.key) else { return None };
    if region_of(&key)?.name != fallback {
        return None;
    }
    let Value::Map(entries) = scope.value(&lookup.map) else { return None };
    let by_region = entries.keys().any(|key| region_of(key).is_some());
    if !by_region || entries.contains_key(&*key) {
        return None;
    }
    let names: Vec<String> = entries.keys().take(5).map(|key| format!("`{key}`")).collect();
    let more = if entries.len() > 5 { " and more" } else { "" };
    Some(Lack { key: key.to_string(), has: format!("{}{more}", names.join(", ")) })
}

/// Whether the conditions around a lookup let it be asked, as far as they are known.
pub(super) fn is_reached(scope: &Scope<'_>, lookup: &Lookup) -> bool {
    lookup.conditions.iter().all(|(condition, holds)| match scope.value(condition) {
        Value::Bool(value) => value == *holds,
        // A condition that nobody knows may be the very question whether the entry is there.
        _ => false,
    })
}

/// Returns where the table that an expression names is written.
pub(super) fn place_of(module: &Module, map: &Expr) -> Option<Extent> {
    let path = map.references().first()?.path.clone();
    match path.as_slice() {
        [local, name, ..] if local == "local" => module.local(name).map(extent),
        [var, name, ..] if var == "var" => {
            module.variable(name).and_then(|variable| variable.default.as_ref()).map(extent)
        }
        _ => None,
    }
}
