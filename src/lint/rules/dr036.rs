//! DR036: networks with the same addresses in both regions.

use crate::{
    config::{
        eval::{Unknown, Value},
        module::{Resource, ResourceMode},
    },
    lint::{
        rule::{Found, Rule},
        slot::{extent, header},
        subject::Subject,
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

/// What joins a network with another, and the argument that says which.
const JOINTS: [(&str, &str); 8] = [
    ("aws_dx_gateway_association", "dx_gateway_id"),
    ("aws_ec2_transit_gateway_vpc_attachment", "transit_gateway_id"),
    ("aws_networkmanager_vpc_attachment", "core_network_id"),
    ("aws_vpc_peering_connection", "peer_vpc_id"),
    ("aws_vpc_peering_connection_accepter", "vpc_peering_connection_id"),
    ("aws_vpn_connection", "customer_gateway_id"),
    ("azurerm_virtual_hub_connection", "virtual_hub_id"),
    ("azurerm_virtual_network_peering", "remote_virtual_network_id"),
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

/// Returns what joins networks of a root with others that are not rebuilt with it, and where it
/// stands.
fn joint(subject: &Subject<'_>) -> Option<(String, Extent)> {
    subject.resources().find_map(|(call, resource)| {
        let (_, argument) = JOINTS.iter().find(|(kind, _)| *kind == resource.kind)?;
        let other = resource.body().expr(argument)?;
        let scopes = call.fallback.instances(resource.body());
        let outside = scopes.iter().any(|scope| is_outside(resource, &scope.value(other)));
        (resource.mode == ResourceMode::Managed && outside)
            .then(|| (call.address_of(&resource.address()), header(&resource.block)))
    })
}

/// Whether what a network is joined with is there already: it is passed or looked up, and not made
/// by the same root. The customer's end of a tunnel is always elsewhere.
fn is_outside(joint: &Resource, value: &Value) -> bool {
    match value {
        _ if joint.kind == "aws_vpn_connection" => true,
        Value::String(_) | Value::Unknown(Unknown::Variable(_)) => true,
        Value::Unknown(Unknown::Reference(path)) => path.starts_with("data."),
        _ => false,
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.contains('/') => vec![text.to_string()],
        Value::List(items) | Value::Set(items) => items.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}
