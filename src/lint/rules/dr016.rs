//! DR016: arguments that are the primary, whole.

use crate::{
    catalogue::Cloud,
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
        code: "DR016",
        name: "region-literal",
        title: "an argument is the primary region, as a literal",
        severity: Severity::Warning,
        page: include_str!("dr016.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::Argument) {
        let (region, argument) = (&tie.mention.text, tie.argument());
        // A data source that is told its region would be told what it is asked for.
        let safe = tie.written.text == *region
            && tie.is_of_the_default_provider()
            && tie.mention.kind.region().is_some_and(|region| region.cloud == Cloud::Aws)
            && tie.resource().is_none_or(|resource| resource.kind != "aws_region");
        let fix = safe.then(|| {
            aws_region_for(tie.seen.module, tie.slot.expr(), tie.written.range.clone(), false)
        });
        found
            .add(
                tie.string(),
                tie.address(),
                format!("`{argument}` names `{region}` in every region"),
                "Take the region from the provider or from the variable that sets it",
            )
            .fix(fix.flatten());
    }
}
