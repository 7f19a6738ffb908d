//! DR020: protections against deletion, which also hold in the fallback.

use crate::{
    config::{
        expression::Expr,
        module::{CallTarget, Resource},
    },
    lint::{
        known::{is_made, is_regional, text, truth},
        rule::{Found, Rule},
        slot::extent,
        subject::{Call, Subject},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR020",
        name: "deletion-is-blocked",
        title: "a resource that a drill or a failback deletes is protected",
        severity: Severity::Warning,
        page: include_str!("dr020.md"),
    },
    check,
};

/// Arguments that make the cloud refuse a deletion.
const PROTECTIONS: [&str; 7] = [
    "deletion_protection",
    "deletion_protection_enabled",
    "delete_protection_enabled",
    "disable_api_termination",
    "enable_deletion_protection",
    "termination_protection",
    "termination_protection_enabled",
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (call, resource) in subject.resources() {
        // What is there once, whatever region serves, is never taken down.
        let of_a_cloud =
            ["aws_", "azurerm_", "google_"].iter().any(|p| resource.kind.starts_with(p));
        if !of_a_cloud || !is_regional(resource) || !is_made(call, resource) {
            continue;
        }
        for argument in PROTECTIONS {
            if let Some(expr) = resource.body().expr(argument).filter(|expr| holds(call, expr)) {
                protected(subject, found, &call.address_of(&resource.address()), argument, expr);
            }
        }
        if let Some(expr) = prevented(resource) {
            let of = call.address_of(&resource.address());
            found
                .add(
                    extent(expr),
                    of,
                    "`prevent_destroy` makes Terraform refuse to take this down after a drill or a failback",
                    "Write down who takes it out of the fallback's state, and how, or set it in an `_override.tf` file that only the primary has: `prevent_destroy` takes no variable",
                )
                .severity(weight(subject));
        }
    }
    for call in &subject.calls {
        for made in &call.module.calls {
            // What a module of another repository does with such an argument, its name tells.
            if !matches!(made.target, CallTarget::Remote(_)) {
                continue;
            }
            for argument in made.arguments.iter().filter(|a| PROTECTIONS.contains(&a.name())) {
                if holds(call, argument.expr()) {
                    let of = call.address_of(&format!("module.{}", made.name));
                    protected(subject, found, &of, argument.name(), argument.expr());
                }
            }
        }
    }
}

/// Whether a protection also holds in the fallback.
fn holds(call: &Call<'_>, expr: &Expr) -> bool {
    truth(&call.fallback, expr) == Some(true)
        || text(&call.fallback, expr).as_deref() == Some("ACTIVE")
}

/// Returns the `prevent_destroy` of a resource, which Terraform takes as a literal only.
fn prevented(resource: &Resource) -> Option<&Expr> {
    let expr =
        resource.body().blocks_of("lifecycle").find_map(|l| l.body().expr("prevent_destroy"));
    expr.filter(|expr| expr.boolean() == Ok(true))
}

fn protected(subject: &Subject<'_>, found: &mut Found<'_>, of: &str, argument: &str, expr: &Expr) {
    found
        .add(
            extent(expr),
            of,
            format!("`{argument}` holds in the fallback, too, so a drill or a failback cannot take this down"),
            format!("Set `{argument}` from a variable, and let the runbook set it to false for the fallback: `region \"…\" {{ variables = {{ … }} }}`"),
        )
        .severity(weight(subject));
}

/// Without a runbook nobody plans a drill yet, and the protection is what is wanted.
fn weight(subject: &Subject<'_>) -> Severity {
    if subject.about.runbook.is_some() { Severity::Warning } else { Severity::Info }
}
