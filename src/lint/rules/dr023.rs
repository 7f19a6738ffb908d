//! DR023: provisioners and external programs.

use crate::{
    config::module::ResourceMode,
    lint::{
        rule::{Found, Rule},
        slot::header,
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR023",
        name: "side-effect",
        title: "a program runs beside the plan",
        severity: Severity::Warning,
        page: include_str!("dr023.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for seen in &subject.modules {
        for resource in &seen.module.resources {
            let of = seen.address_of(&resource.address());
            if resource.mode == ResourceMode::Data && resource.kind == "external" {
                found.add(
                    header(&resource.block),
                    of,
                    "a program runs at every plan, on whatever machine that is, and nobody knows what it needs or how long it takes",
                    "Ask a provider's data source instead, or pass the value in by a variable",
                );
                continue;
            }
            for block in resource.body().blocks_of("provisioner") {
                let when = block.body().expr("when").map(|when| when.source());
                // What runs at the end of a resource is not in the way of a rebuild.
                if when.is_some_and(|when| when.trim_matches('"') == "destroy") {
                    continue;
                }
                let kind = block.label(0).unwrap_or("provisioner");
                let place = if kind == "local-exec" {
                    "the machine that applies"
                } else {
                    "the new machine"
                };
                found.add(
                    header(block),
                    &of,
                    format!("`{kind}` runs a program on {place} that no plan shows; what it needs there and how long it takes counts for the recovery, and nobody knows it"),
                    "Make it a step of the runbook, `command \"…\" { run = [ … ] }`, which is timed and tried again, or use a resource of a provider",
                );
            }
        }
    }
}
