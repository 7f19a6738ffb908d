//! DR017: local values and defaults that are the primary.

use crate::{
    lint::{
        rule::{Found, Rule},
        slot::Holder,
        subject::Subject,
        tie::{Of, ties},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR017",
        name: "region-in-value",
        title: "a local value or a default is the primary region",
        severity: Severity::Warning,
        page: include_str!("dr017.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::Value) {
        let region = &tie.mention.text;
        let (message, hint) = match tie.slot.holder {
            Holder::Variable(variable) => (
                format!("the default is `{region}`, and a call does not set `{}`", variable.name),
                "Take the default away and pass the region in every call, or ask the provider: `data \"aws_region\" \"current\" {}`",
            ),
            _ => (
                format!("the value is `{region}` in every region"),
                "Make it a variable with this default, or ask the provider: `data \"aws_region\" \"current\" {}`",
            ),
        };
        found.add(tie.string(), tie.address(), message, hint);
    }
}
