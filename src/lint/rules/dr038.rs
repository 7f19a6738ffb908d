//! DR038: what runs and is not in the code.

use crate::{
    config::{
        expression::Expr,
        module::{Resource, ResourceMode},
    },
    lint::{
        rule::{Found, Rule},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR038",
        name: "drift-is-ignored",
        title: "the code does not say what runs, since its changes are ignored",
        severity: Severity::Info,
        page: include_str!("dr038.md"),
    },
    check,
};

use std::ops::Range;

/// Arguments that something else than Terraform commonly changes, and what the rebuild then lacks.
const HIDDEN: &[(&str, &[&str], &str)] = &[
    ("aws_ecs_service", &["task_definition"], RELEASE),
    ("aws_ecs_service", &["desired_count"], COUNT),
    ("aws_ecs_task_definition", &["container_definitions"], RELEASE),
    ("aws_autoscaling_group", &["desired_capacity", "min_size", "max_size"], COUNT),
    ("aws_eks_node_group", &["scaling_config"], COUNT),
    ("aws_instance", &["ami", "user_data"], RELEASE),
    ("aws_launch_template", &["image_id", "user_data"], RELEASE),
    (
        "aws_lambda_function",
        &["image_uri", "s3_key", "s3_object_version", "filename", "source_code_hash"],
        RELEASE,
    ),
    ("aws_lambda_alias", &["function_version"], RELEASE),
    ("aws_apprunner_service", &["source_configuration"], RELEASE),
    ("aws_db_instance", &["engine_version", "allocated_storage", "instance_class"], SIZE),
    ("aws_rds_cluster", &["engine_version"], SIZE),
    ("aws_rds_cluster_instance", &["engine_version", "instance_class"], SIZE),
    ("aws_elasticache_replication_group", &["engine_version", "num_cache_clusters"], SIZE),
    ("aws_db_instance", &["snapshot_identifier"], RESTORE),
    ("aws_rds_cluster", &["snapshot_identifier"], RESTORE),
    ("google_cloud_run_service", &["template"], RELEASE),
    ("google_cloud_run_v2_service", &["template"], RELEASE),
    ("google_container_node_pool", &["node_count"], COUNT),
    ("google_sql_database_instance", &["settings"], SIZE),
];

const RELEASE: &str =
    "the rebuild starts with the version in the code, and not with the one that runs";
const COUNT: &str =
    "the rebuild starts with the number in the code, and not with the one that the load needs";
const SIZE: &str = "the rebuild gets what the code says, and what runs may have outgrown that";
const RESTORE: &str = "naming another snapshot changes nothing once the database is there, so a second restore needs a new one";

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for seen in &subject.modules {
        for resource in seen.module.resources.iter().filter(|r| r.mode == ResourceMode::Managed) {
            for (list, name, range) in ignored(resource) {
                let path = list.text().as_str().get(range.clone()).unwrap_or_default();
                if !is_whole(&name, path) {
                    continue;
                }
                let hidden = HIDDEN.iter().find(|(kind, names, _)| {
                    *kind == resource.kind && names.contains(&name.as_str())
                });
                let Some((_, _, what)) = hidden else { continue };
                found.add(
                    list.text().extent_of(range),
                    seen.address_of(&resource.address()),
                    format!("changes of `{name}` are ignored: {what}"),
                    hint(what),
                );
            }
        }
    }
}

/// Whether what is ignored of a block that holds many things matters to a rebuild.
fn is_whole(name: &str, path: &str) -> bool {
    let within: &[&str] = match name {
        "template" => &["containers"],
        "settings" => &["disk_size", "tier"],
        _ => return true,
    };
    path.trim_matches('"') == name || within.iter().any(|word| path.contains(word))
}

fn hint(what: &str) -> &'static str {
    match what {
        RELEASE => {
            "Release into the fallback in a `command` step of the runbook, or read the version that runs from a parameter that is there, too"
        }
        COUNT => {
            "Give the fallback a number of its own by a variable, and scale in a step of the runbook before the traffic moves"
        }
        RESTORE => {
            "Make a restore with a new database, or replace the old one: `terraform apply -replace=…`"
        }
        _ => "Write into the code what runs, before the night",
    }
}

/// Returns what the `lifecycle` of a resource says is ignored: first names, and where they stand.
pub(super) fn ignored(resource: &Resource) -> Vec<(&Expr, String, Range<usize>)> {
    let lifecycle = resource.body().blocks_of("lifecycle");
    let lists = lifecycle.filter_map(|block| block.body().expr("ignore_changes"));
    lists
        .flat_map(|list| {
            let paths = list.references().into_iter();
            let paths = paths.map(move |r| (list, r.path[0].clone(), r.range));
            // Old configurations quote them.
            let quoted = list.written().into_iter();
            let quoted = quoted.map(move |w| {
                let name = w.text.split(['.', '[']).next().unwrap_or_default().to_owned();
                (list, name, w.range)
            });
            paths.chain(quoted).collect::<Vec<_>>()
        })
        .collect()
}
