//! DR046: modules that pass their region to some of their resources only.

use crate::{
    catalogue::{Catalogue, Scope},
    config::{
        eval::Value,
        module::{Module, Resource, ResourceMode},
    },
    lint::{
        rule::{Found, Rule},
        slot::{extent, header},
        subject::{Call, Subject},
    },
    model::finding::{RuleText, Severity},
};
use std::collections::BTreeSet;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR046",
        name: "region-reaches-some-resources",
        title: "a module passes its region to some of its resources only",
        severity: Severity::Warning,
        page: include_str!("dr046.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let mut seen = BTreeSet::new();
    for call in subject.calls.iter().filter(|call| !call.is_root()) {
        for (variable, given) in passed_on(call.module) {
            if !matters(call, given) {
                continue;
            }
            let Some(at) = given.body().expr("region").map(extent) else { continue };
            for resource in left_out(call.module, given) {
                if !seen.insert(resource.place()) {
                    continue;
                }
                found
                    .add(
                        header(&resource.block),
                        call.address_of(&resource.address()),
                        format!(
                            "the module sets `region = var.{variable}` elsewhere and not here, so this lands in the provider's region instead"
                        ),
                        format!("Add `region = var.{variable}`"),
                    )
                    .related(at.clone(), "here the region is passed on");
            }
        }
    }
}

/// Returns the variables that a module sets as the region of a resource, each with the first one.
fn passed_on(module: &Module) -> Vec<(String, &Resource)> {
    let mut found: Vec<(String, &Resource)> = Vec::new();
    for resource in module.resources.iter().filter(|r| r.kind.starts_with("aws_")) {
        let region = resource.body().expr("region").and_then(|expr| expr.variable_name());
        let Some(name) = region.filter(|name| ["region", "aws_region"].contains(&name.as_str()))
        else {
            continue;
        };
        if !found.iter().any(|(known, _)| *known == name) {
            found.push((name, resource));
        }
    }
    found
}

/// Whether a call sends the module somewhere else than its provider points.
fn matters(call: &Call<'_>, given: &Resource) -> bool {
    let Some(expr) = given.body().expr("region") else { return false };
    let home = call.home(given);
    let differs = |value: Value, home: &Option<String>| match value {
        Value::Null => false,
        Value::String(region) => home.as_deref() != Some(&*region),
        _ => home.is_none(),
    };
    let (here, there) = call.both(expr);
    differs(here, &home.primary) || differs(there, &home.fallback)
}

/// Returns the regional resources of the same provider configuration that set no region.
fn left_out<'m>(module: &'m Module, given: &Resource) -> Vec<&'m Resource> {
    let key = given.provider_key();
    let without = |r: &&Resource| r.body().expr("region").is_none() && r.provider_key() == key;
    module.resources.iter().filter(without).filter(|r| is_regional(r)).collect()
}

/// Whether a resource takes `region`: the provider's guide "Enhanced Region Support" has all that
/// lie in one do so.
fn is_regional(resource: &Resource) -> bool {
    let known = Catalogue::builtin().resource(&resource.kind).and_then(|known| known.scope);
    resource.mode == ResourceMode::Managed
        && matches!(known, Some(Scope::Regional | Scope::Zonal))
        && resource.kind.starts_with("aws_")
}
