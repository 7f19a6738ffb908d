//! DR002: default providers that are fixed to the primary.

use crate::{
    lint::{
        mend::{append, home, is_json, replace},
        rule::{Found, Rule},
        slot::Holder,
        subject::Subject,
        tie::{Of, Tie, ties},
    },
    model::finding::{Fix, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR002",
        name: "provider-region-literal",
        title: "the default provider's region is the primary, as a literal",
        severity: Severity::Error,
        page: include_str!("dr002.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::DefaultProvider) {
        let Holder::Provider(provider) = tie.slot.holder else { continue };
        let (name, region) = (&provider.name, &tie.mention.text);
        let fix = fix(&tie);
        found
            .add(
                tie.string(),
                tie.address(),
                format!(
                    "the provider `{name}` is fixed to `{region}`, so every apply of this module goes to the region that is down"
                ),
                "Write `var.region`, and declare `variable \"region\"` with this default",
            )
            .fix(fix);
    }
}

/// A variable with the same default changes nothing until somebody sets it. A module that is
/// called would need its callers to pass it on.
fn fix(tie: &Tie<'_, '_>) -> Option<Fix> {
    let module = tie.seen.module;
    let plain = tie.slot.expr().literal_string()? == tie.mention.text;
    if !tie.seen.address.is_empty()
        || !plain
        || tie.slot.path != "region"
        || is_json(tie.slot.expr())
        || module.variable("region").is_some()
    {
        return None;
    }
    let variables = module.files.iter().find(|file| file.path().ends_with("variables.tf"));
    let declared = format!(
        "variable \"region\" {{\n  type    = string\n  default = \"{}\"\n}}\n",
        tie.mention.text
    );
    let splices = vec![
        replace(tie.slot.expr(), tie.written.range.clone(), "var.region"),
        append(variables.or_else(|| home(module))?, &declared),
    ];
    Some(Fix { title: "Take the region from a variable".to_owned(), splices })
}
