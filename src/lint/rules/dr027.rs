//! DR027: the region argument of version 6 of the AWS provider.

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
        code: "DR027",
        name: "resource-region-literal",
        title: "the region argument of a resource is the primary, as a literal",
        severity: Severity::Warning,
        page: include_str!("dr027.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::ResourceRegion) {
        let region = &tie.mention.text;
        let fix = (tie.written.text == *region && tie.is_of_the_default_provider()).then(|| {
            aws_region_for(tie.seen.module, tie.slot.expr(), tie.written.range.clone(), false)
        });
        found
            .add(
                tie.string(),
                tie.address(),
                format!("it stays in `{region}` wherever the provider points"),
                "Take the argument away, so that the provider's region counts, or set it from a variable",
            )
            .fix(fix.flatten());
    }
}
