//! DR036: networks with the same addresses in both regions.

use crate::{
    config::{
        eval::Value,
        module::{Module, ResourceMode},
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
        code: "DR036",
        name: "same-addresses-in-both-regions",
        title: "a network that is joined with others has the same addresses in both regions",
        severity: Severity::Warning,
        page: include_str!("dr036.md"),
    },
    check,
};

/// Networks, and the argument that holds their addresses.
const NETWORKS: [(&str, &str); 3] = [
    ("aws_vpc", "cidr_block"),
    ("aws_vpc_ipv4_cidr_block_association", "cidr_block"),
    ("azurerm_virtual_network", "address_space"),
];

/// What joins a network with others, so that two with the same addresses cannot both be reached.
const JOINTS: [&str; 10] = [
    "aws_dx_gateway_association",
    "aws_ec2_transit_gateway_vpc_attachment",
    "aws_networkmanager_vpc_attachment",
    "aws_vpc_peering_connection",
    "aws_vpc_peering_connection_accepter",
    "aws_vpn_connection",
    "aws_vpn_gateway",
    "azurerm_virtual_hub_connection",
    "azurerm_virtual_network_gateway",
    "azurerm_virtual_network_peering",
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    if !subject.pair.differs() {
        return;
    }
    let Some((joint, at)) = joint(subject) else { return };
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for (call, resource) in subject.resources() {
        let network = NETWORKS.iter().find(|(kind, _)| *kind == resource.kind);
        let Some((_, argument)) = network else { continue };
        if resource.mode != ResourceMode::Managed {
            continue;
        }
        let Some(expr) = resource.body().expr(argument) else { continue };
        let ranges = |scope: &crate::config::eval::Scope<'_>| -> BTreeSet<String> {
            let instances = scope.instances(resource.body());
            instances.iter().flat_map(|scope| texts(&scope.value(expr))).collect()
        };
        let there = ranges(&call.fallback);
        let Some(range) = ranges(&call.primary).into_iter().find(|range| there.contains(range))
        else {
            continue;
        };
        if !seen.insert(expr.place()) {
            continue;
        }
        found
            .add(
                extent(expr),
                call.address_of(&resource.address()),
                format!(
                    "the network has `{range}` in both regions, and `{joint}` joins it with others, which can reach only one of the two"
                ),
                "Make the addresses a variable, and set others for the fallback",
            )
            .values(range.as_str(), range.as_str())
            .related(at.clone(), "this joins it with other networks");
    }
}

/// Returns what joins networks of a root with others, and where it stands.
fn joint(subject: &Subject<'_>) -> Option<(String, Extent)> {
    let joins = |module: &Module, call: &Call<'_>| {
        let known = module.resources.iter().find(|r| {
            r.mode == ResourceMode::Managed
                && JOINTS.contains(&r.kind.as_str())
                && !call.fallback.instances(r.body()).is_empty()
        })?;
        Some((call.address_of(&known.address()), crate::lint::slot::header(&known.block)))
    };
    subject.calls.iter().find_map(|call| joins(call.module, call))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.contains('/') => vec![text.to_string()],
        Value::List(items) | Value::Set(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
