//! DR025: providers and Terraform itself without a version.

use crate::{
    config::{body::Block, module::Module},
    lint::{
        lock::Lock,
        rule::{Found, Rule},
        slot::header,
        subject::Subject,
    },
    model::finding::{Extent, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR025",
        name: "providers-are-not-pinned",
        title: "providers or Terraform can change between the drill and the outage",
        severity: Severity::Warning,
        page: include_str!("dr025.md"),
    },
    check,
};

use std::collections::BTreeMap;

/// How many providers a message names.
const NAMED: usize = 3;

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let root = subject.root().module;
    // Something that leaves all of it to its caller is not applied from here.
    let applied = root.backend.is_some() || root.cloud.is_some() || !root.providers.is_empty();
    if !applied {
        return;
    }
    let wanted = wanted(subject);
    let Some(at) = place(root) else { return };
    match subject.about.lock {
        None => {
            let floating: Vec<&str> = wanted
                .iter()
                .filter(|(_, versions)| !versions.iter().any(|version| is_exact(version)))
                .map(|(source, _)| short(source))
                .collect();
            if !floating.is_empty() {
                found.add(
                    at.clone(),
                    "terraform",
                    format!("there is no lock file here, so the newest version that fits is taken each time: {}", list(&floating)),
                    "Run `terraform init` in this folder and commit its `.terraform.lock.hcl`",
                );
            }
        }
        Some((path, text)) => {
            let lock = Lock::read(path, text);
            let missing: Vec<&str> = wanted
                .keys()
                .filter(|source| !lock.has(source))
                .map(|source| short(source))
                .collect();
            if !lock.is_empty() && !missing.is_empty() {
                found.add(
                    at.clone(),
                    "terraform",
                    format!("the lock file does not have every provider, so the newest version that fits is taken each time: {}", list(&missing)),
                    "Run `terraform init` in this folder and commit its `.terraform.lock.hcl`",
                );
            }
            let bound: Vec<&str> = lock.bound_to_one_platform().map(short).collect();
            if !bound.is_empty() {
                found.add(
                    at.clone(),
                    "terraform",
                    format!("the lock file knows some providers for one platform only, so `init` fails on a machine of another one: {}", list(&bound)),
                    "Run `terraform providers lock -platform=linux_amd64 -platform=…` and commit the lock file",
                );
            }
        }
    }
    let says_version = subject.modules.iter().any(|seen| !seen.module.required_version.is_empty());
    if !says_version {
        found
            .add(
                at,
                "terraform",
                "nothing says for which Terraform this is, and the state of a newer one cannot be read by an older one",
                "Add `required_version` with the version that was proven, such as `~> 1.11.0`",
            )
            .severity(Severity::Info);
    }
}

/// Returns the providers that a root and what it calls use, by source, with what is said of each.
fn wanted(subject: &Subject<'_>) -> BTreeMap<String, Vec<String>> {
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for module in subject.modules.iter().map(|seen| seen.module) {
        for required in &module.required_providers {
            let source = required.source.clone();
            let source = source.unwrap_or_else(|| format!("hashicorp/{}", required.name));
            wanted.entry(source).or_default().extend(required.version.clone());
        }
        let implied = module.resources.iter().map(|resource| resource.provider_name().0);
        for name in implied.chain(module.providers.iter().map(|provider| provider.name.clone())) {
            if !module.required_providers.iter().any(|required| required.name == name) {
                wanted.entry(format!("hashicorp/{name}")).or_default();
            }
        }
        // Old configurations say it in the provider block.
        for provider in &module.providers {
            let version =
                provider.body().expr("version").and_then(|version| version.literal_string());
            let source = format!("hashicorp/{}", provider.name);
            wanted.entry(source).and_modify(|versions| versions.extend(version));
        }
    }
    // It is a part of Terraform.
    wanted.retain(|source, _| {
        source != "hashicorp/terraform" && !source.contains("terraform.io/builtin/")
    });
    wanted
}

/// Whether a constraint admits one version: "Version Constraints" in the documentation of the
/// Terraform language.
fn is_exact(constraint: &str) -> bool {
    let version = constraint.trim().trim_start_matches('=').trim();
    version.split('.').count() == 3
        && version.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
        && version.starts_with(|c: char| c.is_ascii_digit())
}

/// Returns the last two parts of a source.
fn short(source: &str) -> &str {
    let at = source.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at + 1);
    &source[at..]
}

fn list(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(NAMED);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

/// Returns where a root speaks of providers, or else of anything.
fn place(root: &Module) -> Option<Extent> {
    let files =
        || root.files.iter().filter(|file| file.path().extension().is_some_and(|e| e == "tf"));
    let terraform = || files().flat_map(|file| file.body().blocks_of("terraform"));
    let required =
        || terraform().find_map(|block| block.body().blocks_of("required_providers").next());
    let first = || files().find_map(|file| file.body().blocks().first());
    let provider = || root.providers.first().map(|provider| &provider.block);
    let block: Option<&Block> = required()
        .or_else(|| terraform().next())
        .or_else(|| files().flat_map(|file| file.body().blocks_of("provider")).next())
        .or_else(provider)
        .or_else(first);
    block.map(header)
}
