//! DR012: keys that are gone with the region whose data they protect.

use crate::{
    config::{body::Body, expression::Expr},
    lint::{
        known::{blocks, says, text, truth},
        links::{Links, Node},
        rule::{Found, Rule},
        slot::{extent, header},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR012",
        name: "copy-is-encrypted-with-a-key-of-the-primary",
        title: "a copy in another region is encrypted with a key of the primary",
        severity: Severity::Error,
        page: include_str!("dr012.md"),
    },
    check,
};

/// Types that lie where the copy does, the argument that names the key, and what makes them copies;
/// nothing where they are always.
const COPIES: &[(&str, &str, &[&str])] = &[
    ("aws_ami_copy", "kms_key_id", &[]),
    ("aws_db_instance", "kms_key_id", &["replicate_source_db"]),
    ("aws_db_instance_automated_backups_replication", "kms_key_id", &[]),
    ("aws_dynamodb_table_replica", "kms_key_arn", &[]),
    ("aws_ebs_snapshot_copy", "kms_key_id", &[]),
    (
        "aws_rds_cluster",
        "kms_key_id",
        &["replication_source_identifier", "global_cluster_identifier"],
    ),
];

/// Types with a block for each copy, its argument for the key, and its argument for the region.
const BLOCKS: &[(&str, &str, &str, &str)] = &[
    ("aws_dynamodb_table", "replica", "kms_key_arn", "region_name"),
    ("aws_efs_replication_configuration", "destination", "kms_key_id", "region"),
    ("aws_secretsmanager_secret", "replica", "kms_key_id", "region"),
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let links = Links::of(subject);
    for node in links.nodes(|resource| resource.kind.starts_with("aws_")) {
        let body = node.resource.body();
        for (_, key, signs) in COPIES.iter().filter(|(kind, ..)| *kind == node.resource.kind) {
            if !signs.is_empty() && !signs.iter().any(|sign| says(body, sign)) {
                continue;
            }
            if let (Some(key), Some(region)) = (body.expr(key), links.region(node)) {
                judge(&links, node, key, &region, found);
            }
        }
        for (_, block, key, region) in
            BLOCKS.iter().filter(|(kind, ..)| *kind == node.resource.kind)
        {
            for (_, copy) in blocks(body, block) {
                let region = copy.expr(region).and_then(|r| text(&links.call(node).primary, r));
                if let (Some(key), Some(region)) = (copy.expr(key), region) {
                    judge(&links, node, key, &region, found);
                }
            }
        }
        if node.resource.kind == "aws_s3_bucket_replication_configuration" {
            for (key, bucket) in destinations(body) {
                let to = links.targets(node.call, bucket);
                let to = to.into_iter().find(|to| to.resource.kind == "aws_s3_bucket");
                if let Some(region) = to.and_then(|to| links.region(to)) {
                    judge(&links, node, key, &region, found);
                }
            }
        }
    }
}

/// Returns the key and the bucket of each destination of a replication that names a key.
fn destinations(body: &Body) -> Vec<(&Expr, &Expr)> {
    let rules = blocks(body, "rule").flat_map(|(_, rule)| blocks(rule, "destination"));
    let keyed = rules.filter_map(|(_, destination)| {
        let (_, encryption) = blocks(destination, "encryption_configuration").next()?;
        Some((encryption.expr("replica_kms_key_id")?, destination.expr("bucket")?))
    });
    keyed.collect()
}

/// Says when the key of a copy in `region` is known to lie in another one.
fn judge<'a>(
    links: &Links<'_, 'a>,
    copy: Node<'a>,
    expr: &Expr,
    region: &str,
    found: &mut Found<'_>,
) {
    for key in links.targets(copy.call, expr) {
        let several = key.resource.body().expr("multi_region");
        let several = several.and_then(|expr| truth(&links.call(key).primary, expr));
        if key.resource.kind != "aws_kms_key" || several == Some(true) {
            continue;
        }
        let Some(home) = links.region(key).filter(|home| home != region) else { continue };
        found
            .add(
                extent(expr),
                links.call(copy).address_of(&copy.resource.address()),
                format!("the copy lies in `{region}` and its key in `{home}`: without that region nobody can read it"),
                format!("Name a key of `{region}` here, or make this one with `multi_region = true` and an `aws_kms_replica_key` there"),
            )
            .related(header(&key.resource.block), format!("the key, in `{home}`"));
    }
}
