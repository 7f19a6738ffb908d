//! DR024: modules of other places without a version.

use crate::{
    config::module::{CallTarget, ModuleCall},
    lint::{
        rule::{Found, Rule},
        slot::extent,
        subject::Subject,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR024",
        name: "module-is-not-pinned",
        title: "a module can change between the drill and the outage",
        severity: Severity::Warning,
        page: include_str!("dr024.md"),
    },
    check,
};

/// Names that are branches, by custom.
const BRANCHES: [&str; 9] =
    ["HEAD", "dev", "develop", "development", "latest", "main", "master", "stable", "trunk"];

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for seen in &subject.modules {
        for call in &seen.module.calls {
            let (CallTarget::Remote(source), Some(expr)) = (&call.target, &call.source) else {
                continue;
            };
            let Some((message, hint)) = problem(call, source) else { continue };
            let of = seen.address_of(&format!("module.{}", call.name));
            found.add(extent(expr), of, message, hint);
        }
    }
}

/// Says what is wrong with where a module comes from, and what to write.
fn problem(call: &ModuleCall, source: &str) -> Option<(String, String)> {
    if is_registry(source) {
        return call.version.is_none().then(|| (
            "the registry's newest version is taken each time, so the rebuild can be of other code than the last drill".to_owned(),
            "Add `version = \"…\"` with the version that was proven".to_owned(),
        ));
    }
    if !is_git(source) {
        return None;
    }
    match reference(source) {
        None => Some((
            "the newest commit is taken each time, so the rebuild can be of other code than the last drill".to_owned(),
            format!("Add `{}ref=…` with a tag or a commit", if source.contains('?') { "&" } else { "?" }),
        )),
        Some(branch) if BRANCHES.contains(&branch) => Some((
            format!("`{branch}` is a branch, so the rebuild can be of other code than the last drill"),
            "Name a tag or a commit in `ref`".to_owned(),
        )),
        Some(_) => None,
    }
}

/// Whether a source is `NAMESPACE/NAME/PROVIDER` of a registry, with or without its host: "Module
/// Sources" in the documentation of the Terraform language.
fn is_registry(source: &str) -> bool {
    if source.contains("::") || source.contains(['?', '@', ' ']) || source.contains("://") {
        return false;
    }
    let parts: Vec<&str> = source.split("//").next().unwrap_or_default().split('/').collect();
    let is_host = parts.first().is_some_and(|host| host.contains('.'));
    let plain = |part: &&str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    };
    match parts.len() {
        3 => !is_host && parts.iter().all(plain),
        // These hosts are read as git repositories.
        4 => is_host && !is_hub(source) && parts[1..].iter().all(plain),
        _ => false,
    }
}

fn is_hub(source: &str) -> bool {
    source.starts_with("github.com/") || source.starts_with("bitbucket.org/")
}

fn is_git(source: &str) -> bool {
    let path = source.split('?').next().unwrap_or_default();
    source.starts_with("git::")
        || source.starts_with("git@")
        || is_hub(source)
        || (source.starts_with("https://") && (path.ends_with(".git") || path.contains(".git//")))
}

/// Returns the `ref` that a source of git asks for.
fn reference(source: &str) -> Option<&str> {
    let (_, query) = source.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("ref=")).filter(|found| !found.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_of_a_registry_of_git_or_of_neither() {
        let kind = |source| match (is_registry(source), is_git(source)) {
            (true, false) => "registry",
            (false, true) => "git",
            (false, false) => "-",
            (true, true) => "both",
        };
        for (source, expected) in [
            ("terraform-aws-modules/vpc/aws", "registry"),
            ("terraform-aws-modules/iam/aws//modules/iam-role", "registry"),
            ("app.terraform.io/acme/vpc/aws", "registry"),
            ("github.com/acme/vpc", "git"),
            ("github.com/acme/vpc//modules/x?ref=v1", "git"),
            ("git::ssh://git@example.com/vpc.git", "git"),
            ("git@github.com:acme/vpc.git", "git"),
            ("https://example.com/vpc.git?ref=v1", "git"),
            ("https://example.com/vpc.zip", "-"),
            ("s3::https://s3.amazonaws.com/x/vpc.zip", "-"),
        ] {
            assert_eq!(kind(source), expected, "{source}");
        }
        assert_eq!(reference("git::x?depth=1&ref=v1"), Some("v1"));
    }
}
