//! DR015: names that the next drill cannot have.

use crate::{
    catalogue::{Catalogue, ResourceType},
    config::module::{Resource, ResourceMode},
    lint::{
        known::{is_made, number, text, truth},
        rule::{Found, Rule},
        slot::extent,
        subject::{Call, Subject},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR015",
        name: "name-stays-taken",
        title: "a name stays taken after the resource is deleted",
        severity: Severity::Warning,
        page: include_str!("dr015.md"),
    },
    check,
};

use std::time::Duration;

/// A name that is free again after less than this is free before the next drill.
const SHORT: Duration = Duration::from_secs(3600);

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (call, resource) in subject.resources() {
        let Some(known) = Catalogue::builtin().resource(&resource.kind) else { continue };
        let (Some(naming), Some(quarantine)) = (&known.name, &known.quarantine) else { continue };
        let managed = resource.mode == ResourceMode::Managed && is_made(call, resource);
        let short = quarantine.lasts.is_some_and(|lasts| lasts < SHORT);
        if !managed || short || !is_kept(call, resource) {
            continue;
        }
        let Some(expr) = resource.body().expr(&naming.attribute) else { continue };
        let Some(name) = text(&call.fallback, expr) else { continue };
        if collides_anyway(call, resource, known) {
            continue;
        }
        let how_long = quarantine.lasts.map_or_else(
            || "for ever".to_owned(),
            |lasts| format!("for up to {} days", lasts.as_secs() / 86_400),
        );
        found.add(
            extent(expr),
            call.address_of(&resource.address()),
            format!("the name `{name}` stays taken {how_long} after a delete, so the next drill or failover cannot have it"),
            hint(&resource.kind, &quarantine.note),
        );
    }
}

/// Whether a delete leaves something behind, as far as the arguments decide it.
fn is_kept(call: &Call<'_>, resource: &Resource) -> bool {
    let body = resource.body();
    match resource.kind.as_str() {
        "aws_secretsmanager_secret" => match body.expr("recovery_window_in_days") {
            Some(days) => number(&call.fallback, days).is_some_and(|days| days > 0.0),
            None => true,
        },
        // The provider purges what it deletes unless that is forbidden or its `features` say
        // otherwise: <https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/guides/features-block>.
        "azurerm_key_vault" | "azurerm_app_configuration" => {
            let purge = body.expr("purge_protection_enabled");
            purge.and_then(|purge| truth(&call.fallback, purge)) == Some(true)
        }
        kind => !kind.starts_with("azurerm_"),
    }
}

/// Whether the name is taken by the primary's already, which is another matter.
fn collides_anyway(call: &Call<'_>, resource: &Resource, known: &ResourceType) -> bool {
    let Some(naming) = known.name.as_ref().filter(|naming| naming.unique.spans_regions()) else {
        return false;
    };
    let expr = resource.body().expr(&naming.attribute);
    expr.is_some_and(|expr| text(&call.primary, expr) == text(&call.fallback, expr))
}

fn hint(kind: &str, note: &str) -> String {
    match kind {
        "aws_secretsmanager_secret" => {
            "Set `recovery_window_in_days = 0` for the fallback by a variable, or use `name_prefix`"
                .to_owned()
        }
        _ => format!("Put something into the name that is new each time: {note}"),
    }
}
