//! DR033: canonical hosted zones of the primary.

use crate::{
    catalogue::Regions,
    config::body::Block,
    lint::{
        mend::{is_json, replace},
        rule::{Found, Rule},
        slot::Slot,
        subject::Subject,
        tie::{is_overridden, is_used_as_it_is},
    },
    model::finding::{Fix, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR033",
        name: "load-balancer-zone-literal",
        title: "the hosted zone of a load balancer is a literal",
        severity: Severity::Warning,
        page: include_str!("dr033.md"),
    },
    check,
};

/// What has a hosted zone of its own in each region, by the table of regions.
const ZONES: &[(&str, &str)] = &[
    ("alb_zone_id", "an application load balancer"),
    ("nlb_zone_id", "a network load balancer"),
    ("elb_zone_id", "a classic load balancer"),
    ("s3_zone_id", "a website in S3"),
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(primary) = subject.primary() else { return };
    for (seen, slot) in subject.slots() {
        for (written, _) in &slot.strings {
            let of = |fact: &str| Regions::known().fact(fact, primary) == Some(&written.text);
            let Some((_, what)) = ZONES.iter().find(|(fact, _)| of(fact)) else { continue };
            if !is_used_as_it_is(slot, written) || is_overridden(subject, seen, slot) {
                continue;
            }
            let fix = fix(slot);
            found
                .add(
                    slot.expr().text().extent_of(written.range.clone()),
                    seen.address_of(&slot.holder.address()),
                    format!(
                        "this is the hosted zone of {what} in `{primary}`; an alias to one elsewhere is refused with it"
                    ),
                    "Write the zone of the resource that the alias leads to, such as `aws_lb.web.zone_id`",
                )
                .fix(fix);
        }
    }
}

/// The name of an alias beside its zone says which resource it leads to.
fn fix(slot: &Slot<'_>) -> Option<Fix> {
    let crate::lint::slot::Holder::Resource(resource) = slot.holder else { return None };
    if slot.path != "alias.zone_id" || is_json(slot.expr()) {
        return None;
    }
    let within = |block: &&Block| {
        let (block, value) = (block.range(), slot.expr().range());
        block.start <= value.start && value.end <= block.end
    };
    let mut aliases = resource.body().blocks_of("alias").filter(within);
    let target = aliases.next()?.body().expr("name")?.traversal()?;
    let [kind, name, attribute] = <[String; 3]>::try_from(target).ok()?;
    if !matches!(kind.as_str(), "aws_lb" | "aws_alb" | "aws_elb") || attribute != "dns_name" {
        return None;
    }
    let with = format!("{kind}.{name}.zone_id");
    let title = format!("Write `{with}` instead");
    Some(Fix { title, splices: vec![replace(slot.expr(), slot.expr().range(), with)] })
}
