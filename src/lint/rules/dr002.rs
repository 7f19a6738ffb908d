//! DR002: default providers that are fixed to the primary.

use crate::{
    catalogue::Catalogue,
    config::module::{CallTarget, ModuleCall, Resource, ResourceMode},
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
    if makes_only_what_is_global(subject) {
        return;
    }
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

/// Whether everything of AWS that is made lives in no region, as far as can be seen: then it is no
/// matter where the provider points. Certificates are CloudFront's where that is beside them.
fn makes_only_what_is_global(subject: &Subject<'_>) -> bool {
    let unseen = |call: &ModuleCall| !matches!(call.target, CallTarget::Local(_));
    if subject.modules.iter().any(|seen| seen.module.calls.iter().any(unseen)) {
        return false;
    }
    let made = || {
        let all = subject.modules.iter().flat_map(|seen| &seen.module.resources);
        all.filter(|r| r.mode == ResourceMode::Managed && r.kind.starts_with("aws_"))
    };
    let edge = made().any(|resource| resource.kind.starts_with("aws_cloudfront_"));
    let is_global = |resource: &Resource| {
        Catalogue::builtin().is_global(&resource.kind)
            || edge && resource.kind.starts_with("aws_acm_")
    };
    made().next().is_some() && made().all(is_global)
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
