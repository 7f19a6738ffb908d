//! DR032: certificates and rules of CloudFront that move away from where it looks for them.

use crate::{
    config::{eval::Value, expression::Expr, module::ResourceMode},
    lint::{
        known::{blocks, is_made, text},
        links::{Links, Node},
        rule::{Found, Rule},
        slot::{extent, header},
        subject::Subject,
    },
    model::finding::{Extent, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR032",
        name: "not-in-us-east-1",
        title: "what CloudFront needs is not in us-east-1",
        severity: Severity::Warning,
        page: include_str!("dr032.md"),
    },
    check,
};

/// Where CloudFront looks for certificates and web ACLs: "Requirements for using SSL/TLS certificates
/// with CloudFront" in its Developer Guide, and the documentation of `aws_wafv2_web_acl`.
const THERE: &str = "us-east-1";

const CERTIFICATES: [&str; 2] = ["aws_acm_certificate", "aws_acm_certificate_validation"];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let links = Links::of(subject);
    let mut known: Vec<Node<'_>> = Vec::new();
    for front in
        links.nodes(|r| r.mode == ResourceMode::Managed && r.kind == "aws_cloudfront_distribution")
    {
        for (_, certificate) in blocks(front.resource.body(), "viewer_certificate") {
            let Some(expr) = certificate.expr("acm_certificate_arn") else { continue };
            let targets = links.targets(front.call, expr).into_iter();
            known.extend(
                targets.filter(|target| CERTIFICATES.contains(&target.resource.kind.as_str())),
            );
        }
    }
    known.extend(links.nodes(|r| {
        let scoped = || r.body().expr("scope").and_then(Expr::literal_string);
        r.kind.starts_with("aws_wafv2_") && scoped().as_deref() == Some("CLOUDFRONT")
    }));
    let mut said: Vec<Node<'_>> = Vec::new();
    for node in known {
        let call = links.call(node);
        let Some((here, there)) = homes(subject, &links, node) else { continue };
        // One that is not there today either is not what it seems to be.
        if said.contains(&node) || here != THERE || there == THERE || !is_made(call, node.resource)
        {
            continue;
        }
        said.push(node);
        found
            .add(
                place(node),
                call.address_of(&node.resource.address()),
                format!("CloudFront takes this from `{THERE}` only, and with the fallback it moves to `{there}`"),
                format!("Add `provider \"aws\" {{ alias = \"edge\", region = \"{THERE}\" }}` and set `provider = aws.edge` here"),
            )
            .values(here, there);
    }
}

fn place(node: Node<'_>) -> Extent {
    let provider = node.resource.provider.as_ref();
    provider.map_or_else(|| header(&node.resource.block), extent)
}

/// Returns where a resource lies in the primary and in the fallback, as the code says it; what is
/// fixed to `us-east-1` stays there on purpose.
fn homes<'a>(
    subject: &Subject<'a>,
    links: &Links<'_, 'a>,
    node: Node<'a>,
) -> Option<(String, String)> {
    let call = links.call(node);
    let own = node.resource.body().expr("region");
    let (at, expr) = match own {
        Some(own) => (call, own),
        None => {
            let Some((at, expr)) = links.provider(node) else {
                subject.primary()?;
                let home = call.home(node.resource);
                return Some((home.primary?, home.fallback?));
            };
            (at, expr)
        }
    };
    match at.both(expr) {
        (Value::String(here), Value::String(there)) => Some((here.to_string(), there.to_string())),
        _ => text(&at.primary, expr).zip(text(&at.fallback, expr)),
    }
}
