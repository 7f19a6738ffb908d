//! DR039: import blocks.

use crate::{
    config::body::Block,
    lint::{
        rule::{Found, Rule},
        slot::extent,
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR039",
        name: "import-literal-id",
        title: "an import takes an object by a literal id",
        severity: Severity::Warning,
        page: include_str!("dr039.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for import in &subject.root().module.imports {
        let Some(id) = import.body().expr("id").filter(|id| id.literal_string().is_some()) else {
            continue;
        };
        if !is_of_a_cloud(import) {
            continue;
        }
        let to = import.body().expr("to").map_or("import", |to| to.source());
        found.add(
            extent(id),
            to,
            "a new state imports this again: the plan fails where there is no such object, and takes over the primary's where there is",
            "Take the block away when the import is done, or make it depend on the region: `for_each = var.region == \"PRIMARY\" ? toset([\"ID\"]) : []`",
        );
    }
}

/// Whether what is imported is of a cloud that has regions: users of a pager are not rebuilt.
fn is_of_a_cloud(import: &Block) -> bool {
    let to = import.body().expr("to").map(|to| to.source()).unwrap_or_default();
    let mut parts = to.split(['.', '[']);
    parts.any(|part| ["aws_", "google_", "azurerm_"].iter().any(|cloud| part.starts_with(cloud)))
}
