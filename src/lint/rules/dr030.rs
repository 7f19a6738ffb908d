//! DR030: locations of Google Cloud resources.

use crate::{
    lint::{
        rule::{Found, Rule},
        subject::Subject,
        tie::{Of, ties},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR030",
        name: "google-location-literal",
        title: "a location of Google Cloud is the primary, as a literal",
        severity: Severity::Warning,
        page: include_str!("dr030.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::Google) {
        let (place, argument) = (&tie.mention.text, tie.argument());
        found.add(
            tie.string(),
            tie.address(),
            format!("`{argument}` is `{place}` in every region"),
            "Leave it out where the provider's region or zone counts, or set it from the variable that sets the provider's",
        );
    }
}
