//! DR037: records that somebody has to change by hand.

use crate::{
    config::module::{Resource, ResourceMode},
    lint::{
        known::{blocks, is_made, says, truth},
        links::{Links, Node},
        rule::{Found, Rule},
        slot::header,
        subject::Subject,
    },
    model::{
        finding::{RuleText, Severity},
        step::StepKind,
    },
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR037",
        name: "front-door-does-not-move",
        title: "the name of the front door leads to one region",
        severity: Severity::Info,
        page: include_str!("dr037.md"),
    },
    check,
};

/// What a region is entered through. CloudFront and Global Accelerator are entered everywhere, and
/// are not among it.
const DOORS: [&str; 5] =
    ["aws_alb", "aws_api_gateway_domain_name", "aws_apigatewayv2_domain_name", "aws_elb", "aws_lb"];

/// How a record says that it is one of several.
const POLICIES: [&str; 8] = [
    "cidr_routing_policy",
    "failover_routing_policy",
    "geolocation_routing_policy",
    "geoproximity_routing_policy",
    "health_check_id",
    "latency_routing_policy",
    "set_identifier",
    "weighted_routing_policy",
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    // The runbook moves the traffic.
    let steps = subject.about.runbook.map(|r| r.steps.as_slice()).unwrap_or_default();
    if steps.iter().any(|step| step.kind() == StepKind::Cutover) {
        return;
    }
    let links = Links::of(subject);
    let is_record =
        |r: &Resource| r.mode == ResourceMode::Managed && r.kind == "aws_route53_record";
    for record in links.nodes(is_record) {
        let body = record.resource.body();
        // A name for each region is not the one that customers know.
        let regional = body.expr("name").is_some_and(|name| name.source().contains("region"));
        if regional
            || POLICIES.iter().any(|policy| says(body, policy))
            || is_private(&links, record)
        {
            continue;
        }
        let alias = blocks(body, "alias").find_map(|(_, alias)| alias.expr("name"));
        let Some(to) = alias.or_else(|| body.expr("records")) else { continue };
        let doors = links.targets(record.call, to);
        let Some(door) = doors.into_iter().find(|door| is_door(&links, *door)) else { continue };
        let call = links.call(record);
        if !is_made(call, record.resource) {
            continue;
        }
        found
            .add(
                header(&record.resource.block),
                call.address_of(&record.resource.address()),
                "the name leads to this region whatever happens to it, and somebody has to change it while Route 53's control plane, in us-east-1, may be down",
                "Add a record for each region with a `set_identifier`, a `failover_routing_policy` and a health check, or a step of the runbook that moves the traffic: `dns`, or a `command` with `phase = \"cutover\"`",
            )
            .related(header(&door.resource.block), "the front door");
    }
}

/// Whether it is what customers come in through.
fn is_door<'a>(links: &Links<'_, 'a>, door: Node<'a>) -> bool {
    let internal = door.resource.body().expr("internal");
    // Where nobody can tell whether it is internal, nothing is said.
    let inside = internal.is_some_and(|i| truth(&links.call(door).primary, i) != Some(false));
    DOORS.contains(&door.resource.kind.as_str()) && !inside
}

/// Whether the record stands in a zone that only a network sees.
fn is_private<'a>(links: &Links<'_, 'a>, record: Node<'a>) -> bool {
    let Some(zone) = record.resource.body().expr("zone_id") else { return false };
    if ["private", "internal"].iter().any(|word| zone.source().contains(word)) {
        return true;
    }
    links.targets(record.call, zone).into_iter().any(|zone| {
        let body = zone.resource.body();
        let private = body.expr("private_zone");
        says(body, "vpc")
            || says(body, "vpc_id")
            || private.is_some_and(|p| truth(&links.call(zone).primary, p) != Some(false))
    })
}
