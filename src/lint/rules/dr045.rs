//! DR045: what the fallback does not offer.

use crate::{
    catalogue::Regions,
    config::{
        eval::{Scope, Value},
        module::{Resource, ResourceMode},
    },
    lint::{
        rule::{Found, Rule},
        slot::{extent, header},
        subject::{Call, Subject},
    },
    model::finding::{Extent, Place, RuleText, Severity},
};
use std::collections::BTreeSet;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR045",
        name: "not-offered-in-fallback",
        title: "the fallback does not offer a service or an instance class",
        severity: Severity::Error,
        page: include_str!("dr045.md"),
    },
    check,
};

/// Arguments that hold an instance class; its first two parts are what the table of regions has.
const CLASSES: [(&str, &str); 3] = [
    ("aws_db_instance", "instance_class"),
    ("aws_rds_cluster_instance", "instance_class"),
    ("aws_mq_broker", "host_instance_type"),
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(fallback) = subject.fallback() else { return };
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (call, resource) in subject.resources() {
        if resource.mode != ResourceMode::Managed {
            continue;
        }
        for scope in call.fallback.instances(resource.body()) {
            if region(call, &scope, resource).as_deref() != Some(fallback) {
                continue;
            }
            let Some((at, what)) = missing(&scope, resource, fallback) else { continue };
            if seen.insert(at.start.clone()) {
                found.add(
                    at,
                    call.address_of(&resource.address()),
                    format!("{what} is not offered in `{fallback}`, so it cannot be made there"),
                    "Use what both regions offer, or choose another fallback",
                );
            }
        }
    }
}

/// Returns the region that a resource is made in when the fallback is built.
fn region(call: &Call<'_>, scope: &Scope<'_>, resource: &Resource) -> Option<String> {
    match resource.body().expr("region").map(|expr| scope.value(expr)) {
        Some(Value::String(region)) => Some(region.to_string()),
        None | Some(Value::Null) => call.home(resource).fallback,
        Some(_) => None,
    }
}

/// Returns what a region does not offer of a resource, and where that is said.
fn missing(scope: &Scope<'_>, resource: &Resource, region: &str) -> Option<(Extent, String)> {
    let lacks = |what: &str| Regions::known().offers(region, what) == Some(false);
    if lacks(&resource.kind) {
        return Some((header(&resource.block), format!("`{}`", resource.kind)));
    }
    let (_, argument) = CLASSES.iter().find(|(kind, _)| *kind == resource.kind)?;
    let expr = resource.body().expr(argument)?;
    let Value::String(class) = scope.value(expr) else { return None };
    let (family, _) = class.rsplit_once('.')?;
    lacks(family).then(|| (extent(expr), format!("the instance class `{class}`")))
}
