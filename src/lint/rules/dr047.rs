//! DR047: modules that configure a provider themselves, and so cannot be sent elsewhere.

use crate::{
    catalogue::names::same_region,
    config::module::{Module, Provider},
    lint::{
        rule::{Found, Rule},
        slot::header,
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};
use std::collections::BTreeSet;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR047",
        name: "module-configures-provider",
        title: "a module that is called configures its provider itself",
        severity: Severity::Warning,
        page: include_str!("dr047.md"),
    },
    check,
};

/// Providers whose configuration says in which region things are.
const REGIONAL: [&str; 4] = ["aws", "awscc", "google", "google-beta"];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let mut seen = BTreeSet::new();
    for call in subject.calls.iter().filter(|call| !call.is_root()) {
        for provider in call.module.providers.iter().filter(|p| is_regional(call.module, p)) {
            let fixed = provider.region.as_ref().map(|region| (region, region.literal_string()));
            let message = match fixed {
                // What the caller passes, it can change.
                Some((_, None)) => continue,
                Some((_, Some(region))) => {
                    // One that points elsewhere on purpose is not tied to the region that is down.
                    if subject.primary().is_none_or(|primary| !same_region(&region, primary)) {
                        continue;
                    }
                    format!(
                        "the module fixes its provider to `{region}`, where no caller can move it from"
                    )
                }
                None if says_nothing(provider) => continue,
                None => "the module configures its provider itself and leaves the region to the environment, whatever its caller's provider says".to_owned(),
            };
            if !seen.insert(provider.place()) {
                continue;
            }
            let draft = found.add(
                header(&provider.block),
                call.address_of(&format!("provider.{}", provider.key())),
                message,
                "Take the block away, and let the caller pass the configuration: `providers = { … }`",
            );
            if let Some(by) = call.primary.call() {
                draft.related(header(&by.block), "this calls the module");
            }
        }
    }
}

fn is_regional(module: &Module, provider: &Provider) -> bool {
    let required = module.required_providers.iter().find(|r| r.name == provider.name);
    let source = required.and_then(|required| required.source.as_deref());
    let kind = source.and_then(|source| source.rsplit('/').next()).unwrap_or(&provider.name);
    REGIONAL.contains(&kind)
}

/// Whether a block only declares what the caller hands down, as modules did before Terraform 0.15.
fn says_nothing(provider: &Provider) -> bool {
    let body = provider.body();
    let silent = |name: &str| ["alias", "version"].contains(&name);
    body.blocks().is_empty() && body.attributes().iter().all(|a| silent(a.name()))
}
