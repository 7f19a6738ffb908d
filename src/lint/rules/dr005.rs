//! DR005: regional endpoints, endpoint services and image hosts.

use crate::{
    lint::{
        mend::aws_region_for,
        rule::{Found, Rule},
        subject::Subject,
        tie::{Of, Tie, ties},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR005",
        name: "endpoint-names-primary",
        title: "an address names the primary region",
        severity: Severity::Error,
        page: include_str!("dr005.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for tie in ties(subject, Of::Endpoint) {
        let region = &tie.mention.text;
        let (message, hint) = if is_image_host(&tie) {
            (
                format!("images are pulled from `{region}`, and cannot be when it is down"),
                "Replicate the repository into the fallback, and write the region of the provider into the address: `${data.aws_region.current.region}` for AWS",
            )
        } else {
            (
                format!("the address leads into `{region}`, the region that is down"),
                "Take the region from the provider: `data \"aws_region\" \"current\" {}` and `${data.aws_region.current.region}` (`name` before version 6 of the provider)",
            )
        };
        let fix = is_the_same_everywhere(&tie).then(|| {
            aws_region_for(tie.seen.module, tie.slot.expr(), tie.mention.range.clone(), true)
        });
        found.add(tie.extent(), tie.address(), message, hint).fix(fix.flatten());
    }
}

fn is_image_host(tie: &Tie<'_, '_>) -> bool {
    tie.written.text.contains(".dkr.ecr.") || tie.written.text.contains("-docker.pkg.dev")
}

/// Whether an address is one of AWS itself, which is there in each region: an endpoint service
/// `com.amazonaws.REGION.SERVICE`, or a host or principal `SERVICE.REGION.amazonaws.com`. What
/// bears the name of one bucket, API or database is not.
fn is_the_same_everywhere(tie: &Tie<'_, '_>) -> bool {
    let text = tie.written.text.as_str();
    let region = tie.mention.text.as_str();
    // Which of several in one text this is, is hard to say.
    if !tie.is_of_the_default_provider() || text.matches(region).count() != 1 {
        return false;
    }
    let Some((before, after)) = text.split_once(region) else { return false };
    let host = before.rsplit_once("://").map_or(before, |(_, host)| host);
    let service = host.strip_suffix('.').is_some_and(|service| {
        !service.is_empty() && service.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    });
    let path = after.strip_prefix(".amazonaws.com").map(|rest| rest.trim_end_matches('/'));
    before == "com.amazonaws." || service && path == Some("")
}
