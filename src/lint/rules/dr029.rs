//! DR029: what is looked up and made by nobody here.

use crate::{
    config::{
        expression::Expr,
        module::{Resource, ResourceMode},
    },
    lint::{
        known::is_made,
        links::{Links, Node},
        rule::{Found, Rule},
        slot::header,
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR029",
        name: "must-be-there-before",
        title: "something must be in the fallback before the rebuild",
        severity: Severity::Info,
        page: include_str!("dr029.md"),
    },
    check,
};

/// Data sources that look for one thing in a region: the type, the types that make it, whether its
/// name tells which, and what it is called.
const LOOKED_UP: &[(&str, &[&str], Option<&str>, &str)] = &[
    ("aws_acm_certificate", &["aws_acm_certificate"], None, "a certificate"),
    ("aws_alb", LB, None, "a load balancer"),
    (
        "aws_cloudformation_export",
        &["aws_cloudformation_stack"],
        None,
        "an export of CloudFormation",
    ),
    ("aws_cloudformation_stack", &["aws_cloudformation_stack"], None, "a stack of CloudFormation"),
    ("aws_db_instance", &["aws_db_instance"], None, "a database"),
    ("aws_db_snapshot", &[], None, "a snapshot"),
    ("aws_db_subnet_group", &["aws_db_subnet_group"], None, "a subnet group"),
    ("aws_dynamodb_table", &["aws_dynamodb_table"], None, "a table"),
    ("aws_ec2_transit_gateway", &["aws_ec2_transit_gateway"], None, "a transit gateway"),
    ("aws_ecr_image", &[], None, "an image"),
    ("aws_ecr_repository", &["aws_ecr_repository"], None, "a repository of images"),
    ("aws_ecs_cluster", &["aws_ecs_cluster"], None, "a cluster"),
    ("aws_efs_file_system", &["aws_efs_file_system"], None, "a file system"),
    ("aws_eks_cluster", &["aws_eks_cluster"], None, "a cluster"),
    ("aws_elb", LB, None, "a load balancer"),
    ("aws_instance", &["aws_instance"], None, "a machine"),
    ("aws_kms_alias", &["aws_kms_alias"], Some("name"), "the key"),
    ("aws_kms_key", &["aws_kms_alias", "aws_kms_key"], None, "a key"),
    ("aws_lambda_function", &["aws_lambda_function"], None, "a function"),
    ("aws_lambda_layer_version", &["aws_lambda_layer_version"], None, "a layer"),
    ("aws_lb", LB, None, "a load balancer"),
    ("aws_rds_cluster", &["aws_rds_cluster"], None, "a database"),
    ("aws_secretsmanager_secret", &["aws_secretsmanager_secret"], Some("name"), "the secret"),
    (
        "aws_secretsmanager_secret_version",
        &["aws_secretsmanager_secret"],
        Some("secret_id"),
        "the secret",
    ),
    ("aws_security_group", &["aws_security_group"], None, "a security group"),
    ("aws_sns_topic", &["aws_sns_topic"], None, "a topic"),
    ("aws_sqs_queue", &["aws_sqs_queue"], None, "a queue"),
    ("aws_ssm_parameter", &["aws_ssm_parameter"], Some("name"), "the parameter"),
    ("aws_subnet", SUBNET, None, "a subnet"),
    ("aws_subnet_ids", SUBNET, None, "subnets"),
    ("aws_subnets", SUBNET, None, "subnets"),
    ("aws_vpc", &["aws_vpc"], None, "a VPC"),
];

const LB: &[&str] = &["aws_alb", "aws_elb", "aws_lb"];
const SUBNET: &[&str] = &["aws_subnet"];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let links = Links::of(subject);
    let nodes = links.nodes(|r| r.mode == ResourceMode::Data && looked_up(r).is_some());
    let edge = !links.nodes(|r| r.kind == "aws_cloudfront_distribution").is_empty();
    for node in nodes {
        // CloudFront's is in one region, whatever the fallback is.
        if edge && node.resource.kind == "aws_acm_certificate" {
            continue;
        }
        let Some((_, made_by, name, what)) = looked_up(node.resource) else { continue };
        let made = subject.about.made;
        let expr = name.and_then(|name| node.resource.body().expr(name));
        let is_known = match name {
            Some(_) => {
                let Some(expr) = expr.filter(|expr| is_named(expr)) else { continue };
                made_by.iter().any(|kind| made.makes_named(kind, &written(expr)))
            }
            None => made_by.iter().any(|kind| made.makes(kind)),
        } || nouns(&node.resource.kind).iter().any(|noun| made.calls_for(noun));
        let call = links.call(node);
        if is_known
            || is_told(node.resource)
            || rests_on_another(&links, node)
            || !is_made(call, node.resource)
        {
            continue;
        }
        let place =
            subject.fallback().map_or_else(|| "the fallback".to_owned(), |f| format!("`{f}`"));
        let named = expr.and_then(Expr::literal_string).map(|name| format!(" `{name}`"));
        found.add(
            header(&node.resource.block),
            call.address_of(&node.resource.address()),
            format!("{what}{} must be in {place} before this is rebuilt there: nothing in this repository makes it", named.unwrap_or_default()),
            "Make sure that it is there, and that each drill proves it; or make it here",
        );
    }
}

type Looked = (&'static str, &'static [&'static str], Option<&'static str>, &'static str);

/// Returns what is known of a data source that finds what somebody made in the region.
fn looked_up(resource: &Resource) -> Option<&'static Looked> {
    let public = || {
        let name = resource.body().expr("name").map(|name| name.source().trim_matches('"'));
        // AWS keeps such parameters itself: "Discovering public parameters" in the Systems Manager
        // User Guide.
        name.is_some_and(|name| name.starts_with("/aws/"))
    };
    // So does it keys for its services, and a network for each account.
    let of_aws = || match resource.kind.as_str() {
        "aws_kms_alias" => {
            resource.body().expr("name").is_some_and(|n| n.source().contains("alias/aws/"))
        }
        "aws_kms_key" => {
            resource.body().expr("key_id").is_some_and(|n| n.source().contains("alias/aws/"))
        }
        "aws_vpc" => resource.body().expr("default").is_some(),
        "aws_ssm_parameter" => public(),
        "aws_security_group" => {
            resource.body().expr("name").is_some_and(|n| n.source() == "\"default\"")
        }
        _ => false,
    };
    LOOKED_UP.iter().find(|(kind, ..)| *kind == resource.kind).filter(|_| !of_aws())
}

/// Whether an expression says something of a name, and is not only a variable that does.
fn is_named(expr: &Expr) -> bool {
    // The region of an ARN is another matter.
    if written(expr).starts_with("arn:") {
        return false;
    }
    expr.literal_string().is_some()
        || expr
            .written()
            .first()
            .is_some_and(|w| !w.text.trim_matches(crate::config::expression::HOLE).is_empty())
}

/// Returns the words of which one stands in the address of a module elsewhere that makes it.
fn nouns(kind: &str) -> &'static [&'static str] {
    match kind {
        "aws_alb" | "aws_elb" | "aws_lb" => &["alb", "elb", "-lb", "load-balancer"],
        "aws_db_instance" | "aws_db_snapshot" | "aws_db_subnet_group" | "aws_rds_cluster" => {
            &["aurora", "rds", "database"]
        }
        "aws_dynamodb_table" => &["dynamo"],
        "aws_ecr_image" | "aws_ecr_repository" => &["ecr"],
        "aws_ecs_cluster" => &["ecs"],
        "aws_efs_file_system" => &["efs"],
        "aws_eks_cluster" => &["eks"],
        "aws_security_group" | "aws_subnet" | "aws_subnet_ids" | "aws_subnets" | "aws_vpc" => {
            &["vpc", "network"]
        }
        "aws_sns_topic" => &["sns"],
        "aws_sqs_queue" => &["sqs"],
        _ => &[],
    }
}

fn written(expr: &Expr) -> String {
    expr.written().into_iter().next().map(|written| written.text).unwrap_or_default()
}

/// Whether whoever runs it tells what is meant, so that a variable is the answer.
fn is_told(resource: &Resource) -> bool {
    let told = resource
        .body()
        .attributes()
        .iter()
        .filter(|a| !["count", "for_each", "provider"].contains(&a.name()));
    let mut told = told.peekable();
    let by_id = resource.body().blocks_of("filter").any(|filter| {
        let name = filter.body().expr("name").and_then(Expr::literal_string);
        let values = filter.body().expr("values");
        let told = values.is_some_and(|values| {
            values.written().is_empty() && values.references().iter().any(|r| r.path[0] == "var")
        });
        told && name.is_some_and(|name| name.ends_with("-id"))
    });
    if by_id {
        return true;
    }
    told.peek().is_some()
        && resource.body().blocks().is_empty()
        && told.all(|a| {
            let references = a.expr().references();
            a.expr().written().is_empty()
                && references.iter().any(|r| matches!(r.path[0].as_str(), "var" | "each"))
        })
}

/// Whether it follows from something else that the code makes or looks up, a remote state among it.
fn rests_on_another<'a>(links: &Links<'_, 'a>, node: Node<'a>) -> bool {
    let body = node.resource.body();
    let own = body.attributes().iter().filter(|a| !["count", "for_each"].contains(&a.name()));
    let blocks = body.blocks().iter().flat_map(|block| block.body().attributes());
    own.chain(blocks).any(|argument| {
        let global = |target: &Node<'a>| {
            ["aws_caller_identity", "aws_region", "aws_partition", "aws_availability_zones"]
                .contains(&target.resource.kind.as_str())
        };
        let module = argument.expr().references().iter().any(|r| r.path[0] == "module");
        module || links.targets(node.call, argument.expr()).iter().any(|target| !global(target))
    })
}
