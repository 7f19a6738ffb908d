//! DR022: databases that cannot be taken back to a point in time.

use crate::{
    config::module::ResourceMode,
    lint::{
        known::{is_made, number, says},
        rule::{Found, Rule},
        slot::{extent, header},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR022",
        name: "no-backups",
        title: "a database has no automated backups",
        severity: Severity::Warning,
        page: include_str!("dr022.md"),
    },
    check,
};

/// Arguments of a database that takes what it does not say from what it is made of.
const MADE_OF: [&str; 4] =
    ["replicate_source_db", "snapshot_identifier", "restore_to_point_in_time", "s3_import"];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (call, resource) in subject.resources() {
        let is_instance =
            resource.mode == ResourceMode::Managed && resource.kind == "aws_db_instance";
        if !is_instance || !is_made(call, resource) || says(resource.body(), "replicate_source_db")
        {
            continue;
        }
        let body = resource.body();
        let at = match body.expr("backup_retention_period") {
            Some(days) if number(&call.primary, days) == Some(0.0) => extent(days),
            Some(_) => continue,
            None if MADE_OF.iter().any(|argument| says(body, argument)) => continue,
            None => header(&resource.block),
        };
        found.add(
            at,
            call.address_of(&resource.address()),
            "the database keeps no automated backups, so there is no point in time to restore and nothing that could be replicated to another region",
            "Set `backup_retention_period` to at least 1, better 7 or more",
        );
    }
}
