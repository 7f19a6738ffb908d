//! DR004: ARNs of the primary.

use crate::{
    lint::{
        mend::aws_region_for,
        mention::Kind,
        rule::{Found, Rule},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR004",
        name: "arn-names-primary",
        title: "an ARN names the primary region",
        severity: Severity::Error,
        page: include_str!("dr004.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(primary) = subject.primary() else { return };
    for (seen, slot) in subject.slots() {
        for (written, mention) in slot.mentions() {
            let Kind::Arn(region) = mention.kind else { continue };
            if region.name != primary || written.compared {
                continue;
            }
            let at = slot.expr().text().extent_of(mention.range.clone());
            let fix = aws_region_for(seen.module, slot.expr(), mention.range.clone(), true);
            found.add(
                at,
                seen.address_of(&slot.holder.address()),
                format!("the ARN names `{primary}`, so it leads into the region that is down"),
                "Take the region from the provider: `data \"aws_region\" \"current\" {}` and `${data.aws_region.current.region}` (`name` before version 6 of the provider)",
            )
            .fix(fix);
        }
    }
}
