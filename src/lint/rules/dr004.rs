//! DR004: ARNs of the primary.

use crate::{
    lint::{
        mend::aws_region_for,
        rule::{Found, Rule},
        subject::Subject,
        tie::{Of, ties},
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
    for tie in ties(subject, Of::Arn) {
        let primary = &tie.mention.text;
        let range = tie.mention.range.clone();
        let fix = tie
            .is_of_the_default_provider()
            .then(|| aws_region_for(tie.seen.module, tie.slot.expr(), range, true));
        found
            .add(
                tie.extent(),
                tie.address(),
                format!("the ARN names `{primary}`, so it leads into the region that is down"),
                "Take the region from the provider: `data \"aws_region\" \"current\" {}` and `${data.aws_region.current.region}` (`name` before version 6 of the provider)",
            )
            .fix(fix.flatten());
    }
}
