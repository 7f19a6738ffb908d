//! DR013: stores whose data is in one region only.

use crate::{
    config::module::{Module, Resource, ResourceMode},
    lint::{
        known::{blocks, has_word, is_made, says, text, truth},
        links::{Links, Node, Use, User},
        rule::{Found, Rule},
        slot::{Holder, header},
        stores::{STORES, Store},
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR013",
        name: "no-copy-in-another-region",
        title: "data is kept in one region only",
        severity: Severity::Warning,
        page: include_str!("dr013.md"),
    },
    check,
};

/// Words in the name of a store that can be lost, or made again.
const LOSABLE: [&str; 27] = [
    "access",
    "artifact",
    "artifacts",
    "assets",
    "athena",
    "build",
    "cache",
    "canary",
    "cdn",
    "ci",
    "cloudtrail",
    "codebuild",
    "codepipeline",
    "e2e",
    "frontend",
    "log",
    "logging",
    "logs",
    "sessions",
    "site",
    "static",
    "temp",
    "terraform",
    "tests",
    "tfstate",
    "tmp",
    "website",
];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let is_store = |resource: &Resource| {
        resource.mode == ResourceMode::Managed
            && STORES.iter().any(|store| store.kind == resource.kind)
    };
    let links = Links::of(subject);
    let nodes = links.nodes(is_store);
    if nodes.is_empty() {
        return;
    }
    let uses = links.uses(|holder| match holder {
        Holder::Resource(by) => by.mode == ResourceMode::Managed,
        Holder::Call(_) => true,
        _ => false,
    });
    for node in nodes {
        let Some(store) = STORES.iter().find(|store| store.kind == node.resource.kind) else {
            continue;
        };
        let call = links.call(node);
        let elsewhere = || {
            let home = links.home(node).primary;
            home.is_some_and(|home| subject.primary().is_some_and(|primary| home != primary))
        };
        if !is_made(call, node.resource)
            || elsewhere()
            || !holds_data(&links, &uses, node)
            || answers(store, node, &links, &uses)
            || saved_elsewhere(subject, store, node)
            || has_recovery_point(subject, &links, node)
        {
            continue;
        }
        found.add(
            header(&node.resource.block),
            call.address_of(&node.resource.address()),
            "nothing in this repository copies its data to another region, so what it holds is out of reach while this one is down, and lost if it does not come back",
            format!("Add {}, or name what copies it in a `recovery_point` of the runbook", store.hint),
        );
    }
}

/// Whether it seems to hold what nobody could make again.
fn holds_data<'a>(links: &Links<'_, 'a>, uses: &[Use<'a>], node: Node<'a>) -> bool {
    let (body, scope) = (node.resource.body(), &links.call(node).primary);
    let name =
        ["bucket", "name", "identifier", "domain_name"].iter().find_map(|name| body.expr(name));
    let losable = has_word(&links.call(node).address_of(&node.resource.name), &LOSABLE)
        || name.is_some_and(|name| has_word(name.source(), &LOSABLE));
    let ttl = || blocks(body, "ttl").next().is_some();
    let is_lock = || {
        let key = body.expr("hash_key").and_then(|key| text(scope, key));
        // The table of the lock of a state: "S3" among the backends in Terraform's documentation.
        key.is_some_and(|key| key == "LockID")
    };
    match node.resource.kind.as_str() {
        "aws_dynamodb_table" => !losable && !ttl() && !is_lock(),
        "aws_elasticache_replication_group" => {
            let kept = body.expr("snapshot_retention_limit").map(|limit| limit.source());
            kept.is_some_and(|kept| kept != "0")
        }
        "aws_s3_bucket" => {
            let can_be_emptied = body.expr("force_destroy").is_some_and(|e| e.source() != "false");
            !losable && !can_be_emptied && is_kept(links, uses, node)
        }
        _ => !losable,
    }
}

/// Whether old versions of a bucket's objects are kept, or the bucket itself against mistakes.
fn is_kept<'a>(links: &Links<'_, 'a>, uses: &[Use<'a>], node: Node<'a>) -> bool {
    let body = node.resource.body();
    let scope = |at: Node<'a>| &links.call(at).primary;
    let is_on = |(_, block): (_, &crate::config::body::Body)| {
        let enabled = block.expr("enabled").and_then(|e| truth(scope(node), e)) == Some(true);
        enabled
            || block.expr("status").and_then(|e| text(scope(node), e)).as_deref() == Some("Enabled")
    };
    let protected = || {
        let lifecycle = body.blocks_of("lifecycle");
        let mut protects = lifecycle.filter_map(|block| block.body().expr("prevent_destroy"));
        protects.any(|expr| expr.boolean() == Ok(true))
    };
    let versioned = || {
        uses.iter().any(|one| match one.by {
            User::Resource(by) => {
                by.resource.kind == "aws_s3_bucket_versioning"
                    && one.of == node
                    && blocks(by.resource.body(), "versioning_configuration").any(is_on)
            }
            User::Remote(_) => false,
        })
    };
    blocks(body, "versioning").any(is_on) || protected() || versioned()
}

/// Whether it says itself that it is copied or is a copy, or something refers to it that copies.
fn answers<'a>(store: &Store, node: Node<'a>, links: &Links<'_, 'a>, uses: &[Use<'a>]) -> bool {
    let own = store.own.iter().any(|name| says(node.resource.body(), name));
    own || uses.iter().filter(|one| one.of == node).any(|one| match one.by {
        User::Resource(by) if by.resource.kind == "aws_backup_selection" => store.backed_up,
        User::Resource(by) => {
            let copier = store.copiers.iter().find(|(kind, _)| *kind == by.resource.kind);
            let copies = copier.is_some_and(|(_, path)| path.is_empty() || one.path == *path);
            // A replica beside it, which reads are spread over, goes down with it.
            copies
                && (by.resource.kind != node.resource.kind
                    || links.are_together(by, node) != Some(true))
        }
        User::Remote(call) => {
            let source = call.source.as_ref().map(|source| source.source()).unwrap_or_default();
            ["backup", "replic", "global"]
                .iter()
                .any(|w| call.name.contains(w) || source.contains(w))
        }
    })
}

/// Whether plans of AWS Backup may take it along: they choose by tags, often from elsewhere.
fn saved_elsewhere(subject: &Subject<'_>, store: &Store, node: Node<'_>) -> bool {
    let tags = node.resource.body().expr("tags").map(|tags| tags.source().to_lowercase());
    let tagged = tags.is_some_and(|tags| tags.contains("backup"));
    store.backed_up && (tagged || subject.about.made.copies_backups())
}

/// Whether the runbook tells how old its data is that can be restored.
fn has_recovery_point<'a>(subject: &Subject<'_>, links: &Links<'_, 'a>, node: Node<'a>) -> bool {
    let points = subject.about.runbook.map(|r| r.recovery_points.as_slice()).unwrap_or_default();
    let call = links.call(node);
    let named = ["name", "bucket", "identifier", "cluster_identifier"];
    let named = named.iter().find_map(|name| node.resource.body().expr(name));
    let names = [
        Some(node.resource.name.clone()),
        Some(node.resource.address()),
        Some(call.address_of(&node.resource.address())),
        call.primary.call().map(|call| call.name.clone()),
        named.and_then(|name| text(&call.primary, name)),
        folder(call.module),
    ];
    points
        .iter()
        .any(|point| names.iter().flatten().any(|name| name.eq_ignore_ascii_case(&point.store)))
}

fn folder(module: &Module) -> Option<String> {
    Some(module.dir.file_name()?.to_string_lossy().into_owned())
}
