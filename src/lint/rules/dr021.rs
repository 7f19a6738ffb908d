//! DR021: databases that leave nothing behind.

use crate::{
    config::module::{Resource, ResourceMode},
    lint::{
        known::{is_made, says, truth},
        rule::{Found, Rule},
        slot::{extent, header},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR021",
        name: "no-final-snapshot",
        title: "a database is deleted without a last snapshot",
        severity: Severity::Warning,
        page: include_str!("dr021.md"),
    },
    check,
};

/// Types with `skip_final_snapshot` and `final_snapshot_identifier`.
const DATABASES: [&str; 5] = [
    "aws_db_instance",
    "aws_docdb_cluster",
    "aws_neptune_cluster",
    "aws_rds_cluster",
    "aws_redshift_cluster",
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (call, resource) in subject.resources() {
        if !is_database(resource) || !is_made(call, resource) {
            continue;
        }
        let (body, of) = (resource.body(), call.address_of(&resource.address()));
        match body.expr("skip_final_snapshot") {
            Some(skip) if truth(&call.primary, skip) == Some(true) => {
                found.add(
                    extent(skip),
                    of,
                    "the database is deleted without a last snapshot, and with it all that was written since the last backup",
                    "Set `skip_final_snapshot = false` and a `final_snapshot_identifier`; let only the fallback of a drill skip it, by a variable",
                );
            }
            None if !says(body, "final_snapshot_identifier") => {
                found.add(
                    header(&resource.block),
                    of,
                    "there is neither `skip_final_snapshot` nor `final_snapshot_identifier`, so the provider refuses to delete it after a drill or a failback",
                    "Add a `final_snapshot_identifier` that is new each time, or `skip_final_snapshot = true` where nothing is to be kept",
                );
            }
            _ => {}
        }
    }
}

/// Whether it is a database of its own, and not a copy of one, which leaves nothing behind.
fn is_database(resource: &Resource) -> bool {
    resource.mode == ResourceMode::Managed
        && DATABASES.contains(&resource.kind.as_str())
        && !says(resource.body(), "replicate_source_db")
        && !says(resource.body(), "replication_source_identifier")
}
