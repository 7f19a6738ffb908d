//! Names that a resource would have in both regions, where there can be only one.

use super::{
    rule::Found,
    slot::extent,
    stable,
    subject::{Call, Subject},
};
use crate::{
    catalogue::{Catalogue, Namespace, Scope},
    config::{
        body::Body,
        expression::Expr,
        module::{CallTarget, Resource, ResourceMode},
    },
    model::finding::Place,
};
use std::collections::{BTreeMap, BTreeSet};

/// A name argument that comes to the same in both regions.
pub(crate) struct Shared<'a> {
    /// The resource's address as it is seen from the root, by which it is first reached.
    pub(crate) address: String,
    /// The resource.
    pub(crate) resource: &'a Resource,
    /// The argument's value.
    pub(crate) expr: &'a Expr,
    /// Where the name can be given only once.
    pub(crate) namespace: Namespace,
    /// The names, of all instances in all calls.
    pub(crate) names: BTreeSet<String>,
}

/// Returns the names that resources would have in both regions, by place, where `asked` takes an
/// interest in their namespace and the runbook has not decided on them.
pub(crate) fn shared<'a>(subject: &Subject<'a>, asked: fn(Namespace) -> bool) -> Vec<Shared<'a>> {
    let mut found: BTreeMap<Place, Shared<'a>> = BTreeMap::new();
    if !subject.pair.differs() {
        return Vec::new();
    }
    let groups = groups(subject);
    for (call, resource) in subject.resources() {
        let naming = Catalogue::builtin().resource(&resource.kind).and_then(|r| r.name.as_ref());
        let Some(naming) = naming.filter(|naming| asked(naming.unique)) else { continue };
        let Some(expr) = resource.body().expr(&naming.attribute) else { continue };
        if resource.mode != ResourceMode::Managed || is_decided(subject, resource) {
            continue;
        }
        if naming.unique == Namespace::ResourceGroup && !in_one_group(call, resource, &groups) {
            continue;
        }
        let names = names(call, resource, expr);
        if names.is_empty() || is_for_one_region(resource) {
            continue;
        }
        let shared = found.entry(expr.place()).or_insert_with(|| Shared {
            address: call.address_of(&resource.address()),
            resource,
            expr,
            namespace: naming.unique,
            names: BTreeSet::new(),
        });
        shared.names.extend(names);
    }
    found.into_values().collect()
}

/// Adds a finding for each, in `what`'s words.
pub(crate) fn report(
    shared: Vec<Shared<'_>>,
    found: &mut Found<'_>,
    what: fn(&Shared<'_>, &str) -> (String, String),
) {
    for one in shared {
        let Some(first) = one.names.first() else { continue };
        let more = match one.names.len() - 1 {
            0 => format!("`{first}`"),
            more => format!("`{first}` and {more} more"),
        };
        let (message, hint) = what(&one, &more);
        found
            .add(extent(one.expr), one.address.as_str(), message, hint)
            .values(first.as_str(), first.as_str());
    }
}

/// Returns the names that instances of a resource have in both regions.
fn names(call: &Call<'_>, resource: &Resource, expr: &Expr) -> BTreeSet<String> {
    let of = |scope: &crate::config::eval::Scope<'_>| -> BTreeSet<String> {
        let instances = scope.instances(resource.body());
        instances.iter().filter_map(|scope| stable::text(&scope.value(expr))).collect()
    };
    let there = of(&call.fallback);
    of(&call.primary).into_iter().filter(|name| !name.is_empty() && there.contains(name)).collect()
}

/// Whether the runbook says what is done with a resource.
pub(crate) fn is_decided(subject: &Subject<'_>, resource: &Resource) -> bool {
    let globals = subject.about.runbook.map(|runbook| runbook.globals.as_slice());
    let address = resource.address();
    globals.unwrap_or_default().iter().any(|g| g.target == resource.kind || g.target == address)
}

/// Words in the name of what says for which region something is made.
const ONE_REGION: [&str; 8] =
    ["primary", "secondary", "global", "replica", "dr", "failover", "region", "regional"];

/// Whether `count` or `for_each` asks something that sounds as if it were about the region, though
/// the files do not tell what it is.
fn is_for_one_region(resource: &Resource) -> bool {
    let body: &Body = resource.body();
    let made_by = body.expr("count").or_else(|| body.expr("for_each"));
    let references = made_by.map(Expr::references).unwrap_or_default();
    references.iter().any(|reference| {
        let mut words = reference.path.iter().flat_map(|part| part.split(['_', '-']));
        words.any(|word| ONE_REGION.contains(&word))
    })
}

/// Whether a resource of Azure lies in the same resource group in both regions, and the group is
/// one that is there already: the name of one that is made here is a finding of its own.
fn in_one_group(call: &Call<'_>, resource: &Resource, made: &BTreeSet<String>) -> bool {
    let Some(group) = resource.body().expr("resource_group_name") else { return false };
    call.same_text(group).is_some_and(|group| !made.contains(&group))
}

/// Returns the names of the resource groups of Azure that a root makes, where they are the same in
/// both regions.
fn groups(subject: &Subject<'_>) -> BTreeSet<String> {
    let made = subject.resources().filter(|(_, resource)| {
        resource.mode == ResourceMode::Managed && resource.kind == "azurerm_resource_group"
    });
    made.filter_map(|(call, resource)| Some((call, resource, resource.body().expr("name")?)))
        .flat_map(|(call, resource, name)| names(call, resource, name))
        .collect()
}

/// Whether anything of a root lies in a region, so that the root is applied again elsewhere. One
/// that has only what lives in no region is applied once.
pub(crate) fn is_regional(subject: &Subject<'_>) -> bool {
    let catalogue = Catalogue::builtin();
    let lies_somewhere = |resource: &Resource| {
        let cloud = ["aws_", "google_", "azurerm_"].iter().any(|p| resource.kind.starts_with(p));
        let scope = catalogue.resource(&resource.kind).and_then(|known| known.scope);
        resource.mode == ResourceMode::Managed && cloud && scope != Some(Scope::Global)
    };
    subject.about.stack.is_some()
        || subject.resources().any(|(_, resource)| lies_somewhere(resource))
        || subject
            .modules
            .iter()
            .flat_map(|seen| &seen.module.calls)
            .any(|call| !matches!(call.target, CallTarget::Local(_)))
}
