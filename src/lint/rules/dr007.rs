//! DR007: names that an account, a project or a subscription has only once, over all regions.

use crate::{
    catalogue::Namespace,
    lint::{
        rule::{Found, Rule},
        subject::Subject,
        unique::{is_regional, report, shared},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR007",
        name: "account-name-in-both-regions",
        title: "a name that the account has only once is the same in both regions",
        severity: Severity::Error,
        page: include_str!("dr007.md"),
    },
    check,
};

/// Returns what a namespace is of, with its article.
fn owner(namespace: Namespace) -> &'static str {
    match namespace {
        Namespace::Project | Namespace::ProjectLocation => "the project",
        Namespace::ResourceGroup => "the resource group",
        Namespace::Subscription => "the subscription",
        _ => "the account",
    }
}

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    if !is_regional(subject) {
        return;
    }
    let shared =
        shared(subject, |namespace| namespace.spans_regions() && namespace != Namespace::Global);
    report(shared, found, |one, name| {
        let (owner, kind) = (owner(one.namespace), &one.resource.kind);
        let message = format!(
            "the rebuilt `{kind}` would be named {name} like the primary's, and {owner} has each name only once"
        );
        let hint = format!(
            "Put the region into the name, or decide in the runbook: `global \"{}\" {{ decision = \"suffix\" }}`, or `adopt` the primary's",
            one.resource.address()
        );
        (message, hint)
    });
}
