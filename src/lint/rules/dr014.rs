//! DR014: secrets that nobody could fill in again.

use crate::{
    config::module::ResourceMode,
    lint::{
        known::{is_made, says},
        links::{Links, User},
        rule::{Found, Rule},
        rules::dr038::ignored,
        slot::{Holder, header},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR014",
        name: "secret-is-in-one-region",
        title: "a secret is kept in one region only",
        severity: Severity::Warning,
        page: include_str!("dr014.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let links = Links::of(subject);
    let secrets = links.nodes(|r| {
        r.mode == ResourceMode::Managed
            && r.kind == "aws_secretsmanager_secret"
            && !says(r.body(), "replica")
    });
    if secrets.is_empty() {
        return;
    }
    let values = links.uses(|holder| match holder {
        Holder::Resource(by) => by.kind == "aws_secretsmanager_secret_version",
        Holder::Call(_) => true,
        _ => false,
    });
    for secret in secrets {
        let call = links.call(secret);
        // What the code puts in, it puts in again; a placeholder is what is ignored afterwards.
        let is_filled = values.iter().filter(|one| one.of == secret).any(|one| match one.by {
            User::Resource(by) => !ignored(by.resource)
                .iter()
                .any(|(_, name, _)| name.starts_with("secret_") || name == "all"),
            User::Remote(_) => true,
        });
        let elsewhere = links
            .region(secret)
            .is_some_and(|home| subject.primary().is_some_and(|primary| home != primary));
        if is_filled || elsewhere || !is_made(call, secret.resource) {
            continue;
        }
        let region = subject.fallback().unwrap_or("…");
        found.add(
            header(&secret.resource.block),
            call.address_of(&secret.resource.address()),
            "the code does not fill this secret in and nothing replicates it, so in the fallback it is empty",
            format!("Add `replica {{ region = \"{region}\" }}` and let the fallback read that one, or fill it in there in a step of the runbook"),
        );
    }
}
