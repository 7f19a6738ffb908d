//! DR006: names that are taken in all regions by whoever has them first.

use crate::{
    catalogue::Namespace,
    lint::{
        rule::{Found, Rule},
        subject::Subject,
        unique::{report, shared},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR006",
        name: "global-name-in-both-regions",
        title: "a name of a global namespace is the same in both regions",
        severity: Severity::Error,
        page: include_str!("dr006.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let shared = shared(subject, |namespace| namespace == Namespace::Global);
    report(shared, found, |one, name| {
        let (kind, address) = (&one.resource.kind, one.resource.address());
        let message = format!(
            "the rebuilt `{kind}` would be named {name} like the primary's, and all customers of the cloud share these names"
        );
        let hint = format!(
            "Put the region into the name, or decide in the runbook: `global \"{address}\" {{ decision = \"suffix\" }}`"
        );
        (message, hint)
    });
}
