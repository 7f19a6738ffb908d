//! DR028: aliased providers that are fixed to the primary.

use crate::{
    lint::{
        mend::{is_json, replace},
        rule::{Found, Rule},
        slot::Holder,
        subject::Subject,
        tie::{Of, Tie, ties},
    },
    model::finding::{Fix, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR028",
        name: "alias-region-literal",
        title: "a provider with an alias is fixed to the primary",
        severity: Severity::Warning,
        page: include_str!("dr028.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::AliasProvider) {
        let Holder::Provider(provider) = tie.slot.holder else { continue };
        let region = &tie.mention.text;
        if has_a_twin(subject, &tie) {
            continue;
        }
        let fix = fix(&tie);
        found
            .add(
                tie.string(),
                tie.address(),
                format!(
                    "the provider `{}` is fixed to `{region}`, and so is everything that uses it",
                    provider.key()
                ),
                "Write the variable that the default provider takes its region from",
            )
            .fix(fix);
    }
}

/// Whether another configuration of the same provider is the one of the fallback.
fn has_a_twin(subject: &Subject<'_>, tie: &Tie<'_, '_>) -> bool {
    let Holder::Provider(provider) = tie.slot.holder else { return false };
    let Some(fallback) = subject.fallback() else { return false };
    tie.seen.module.providers.iter().any(|other| {
        let region = other.region.as_ref().and_then(|region| region.literal_string());
        other.name == provider.name && region.as_deref() == Some(fallback)
    })
}

fn fix(tie: &Tie<'_, '_>) -> Option<Fix> {
    let Holder::Provider(provider) = tie.slot.holder else { return None };
    let default = tie.seen.module.provider(&provider.name, None)?.region.as_ref()?;
    let variable = default.variable_name()?;
    if is_json(tie.slot.expr())
        || tie.slot.path != "region"
        || tie.slot.expr().literal_string()? != tie.mention.text
    {
        return None;
    }
    let title = format!("Write `var.{variable}` instead");
    let with = format!("var.{variable}");
    let splices = vec![replace(tie.slot.expr(), tie.written.range.clone(), with)];
    Some(Fix { title, splices })
}
