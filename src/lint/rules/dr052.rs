//! DR052: copies that go down with what they are copies of.

use crate::{
    config::{
        body::Body,
        expression::Expr,
        module::{Resource, ResourceMode},
    },
    lint::{
        known::{blocks, is_made, text},
        links::{Links, Node},
        rule::{Found, Rule},
        slot::{extent, header},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR052",
        name: "copy-beside-its-source",
        title: "a copy lies in the same region as its source",
        severity: Severity::Error,
        page: include_str!("dr052.md"),
    },
    check,
};

/// Types with a block or blocks for copies of themselves, and the argument for the region.
const BLOCKS: &[(&str, &str, &str)] = &[
    ("aws_dynamodb_table", "replica", "region_name"),
    ("aws_efs_replication_configuration", "destination", "region"),
    ("aws_redshift_cluster", "snapshot_copy", "destination_region"),
    ("aws_secretsmanager_secret", "replica", "region"),
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let links = Links::of(subject);
    let managed = |r: &Resource| r.mode == ResourceMode::Managed && r.kind.starts_with("aws_");
    for node in links.nodes(managed) {
        let body = node.resource.body();
        let copies: Vec<Copied<'_>> = match node.resource.kind.as_str() {
            "aws_s3_bucket_replication_configuration" => buckets(&links, node),
            "aws_backup_plan" => vaults(&links, node),
            "aws_db_instance_automated_backups_replication" => {
                let source = body.expr("source_db_instance_arn");
                source.into_iter().flat_map(|source| backups(&links, node, source)).collect()
            }
            kind => {
                let blocks_of = BLOCKS.iter().find(|(known, ..)| *known == kind);
                blocks_of
                    .map(|(_, block, region)| regions(&links, node, block, region))
                    .unwrap_or_default()
            }
        };
        // Where one copy is elsewhere, or may be, another one beside the source does no harm.
        if copies.is_empty() || copies.iter().any(|copy| copy.together != Some(true)) {
            continue;
        }
        let call = links.call(node);
        if !is_made(call, node.resource) {
            continue;
        }
        for copy in copies {
            let region =
                links.region(node).map_or_else(|| "one region".to_owned(), |r| format!("`{r}`"));
            let draft = found.add(
                extent(copy.at),
                call.address_of(&node.resource.address()),
                format!("the copy lies in {region} like its source, so it does not outlast an outage of it"),
                "Choose a destination in another region, such as the fallback's",
            );
            if let Some(to) = copy.to {
                draft.related(header(&to.resource.block), "the copy");
            }
        }
    }
}

/// A copy that is asked for.
struct Copied<'a> {
    /// What says where.
    at: &'a Expr,
    /// Where it is put, if that is a resource.
    to: Option<Node<'a>>,
    /// Whether that is where its source is; `None` when nobody can tell.
    together: Option<bool>,
}

fn regions<'a>(
    links: &Links<'_, 'a>,
    node: Node<'a>,
    block: &'static str,
    region: &str,
) -> Vec<Copied<'a>> {
    let home = links.region(node);
    let named = |body: &'a Body| {
        let at = body.expr(region)?;
        let there = text(&links.call(node).primary, at);
        Some(Copied { at, to: None, together: home.as_ref().zip(there).map(|(a, b)| *a == b) })
    };
    blocks(node.resource.body(), block).filter_map(|(_, body)| named(body)).collect()
}

fn buckets<'a>(links: &Links<'_, 'a>, node: Node<'a>) -> Vec<Copied<'a>> {
    let bucket = |expr: &'a Expr| {
        links.targets(node.call, expr).into_iter().find(|to| to.resource.kind == "aws_s3_bucket")
    };
    let source = node.resource.body().expr("bucket").and_then(bucket);
    let rules = blocks(node.resource.body(), "rule");
    let destinations = rules.flat_map(|(_, rule)| blocks(rule, "destination"));
    destinations
        .filter_map(|(_, destination)| {
            let at = destination.expr("bucket")?;
            let to = bucket(at);
            // A copy for another account has another purpose.
            let foreign = destination.expr("account").is_some();
            let together = source.zip(to).and_then(|(a, b)| links.are_together(a, b));
            Some(Copied { at, to, together: together.filter(|_| !foreign) })
        })
        .collect()
}

fn vaults<'a>(links: &Links<'_, 'a>, node: Node<'a>) -> Vec<Copied<'a>> {
    let rules = blocks(node.resource.body(), "rule");
    let copies = rules.flat_map(|(_, rule)| blocks(rule, "copy_action"));
    copies
        .filter_map(|(_, copy)| {
            let at = copy.expr("destination_vault_arn")?;
            let to = links.targets(node.call, at);
            let to = to.into_iter().find(|to| to.resource.kind == "aws_backup_vault");
            Some(Copied { at, to, together: to.and_then(|to| links.are_together(node, to)) })
        })
        .collect()
}

fn backups<'a>(links: &Links<'_, 'a>, node: Node<'a>, at: &'a Expr) -> Option<Copied<'a>> {
    let source = links.targets(node.call, at);
    let source = source.into_iter().find(|to| to.resource.kind == "aws_db_instance")?;
    Some(Copied { at, to: None, together: links.are_together(source, node) })
}
