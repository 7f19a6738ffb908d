//! What all modules of a checkout make together, as far as others look it up.

use crate::config::{
    expression::HOLE,
    module::{CallTarget, Module, Resource, ResourceMode},
};
use std::collections::{BTreeMap, BTreeSet};

/// What all modules of a checkout make together.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// For each type the last parts of the names, where `None` is one that nobody can tell.
    names: BTreeMap<String, BTreeSet<Option<String>>>,
    copies: bool,
    /// Where the modules come from that are not in the checkout, in lower case.
    sources: BTreeSet<String>,
}

impl Made {
    /// Adds what a module makes.
    pub fn add(&mut self, module: &Module) {
        let sources = module.calls.iter().filter_map(|call| match &call.target {
            CallTarget::Remote(source) => Some(source.to_lowercase()),
            _ => None,
        });
        self.sources.extend(sources);
        for resource in module.resources.iter().filter(|r| r.mode == ResourceMode::Managed) {
            self.copies |= resource.kind == "aws_backup_plan" && copies(resource);
            let names = self.names.entry(resource.kind.clone()).or_default();
            names.insert(name_of(resource).and_then(|name| last_part(&name)));
        }
    }

    /// Adds what others make.
    pub fn merge(&mut self, other: Self) {
        self.copies |= other.copies;
        self.sources.extend(other.sources);
        for (kind, names) in other.names {
            self.names.entry(kind).or_default().extend(names);
        }
    }

    /// Whether some module makes a resource of a type.
    pub fn makes(&self, kind: &str) -> bool {
        self.names.contains_key(kind)
    }

    /// Whether some module makes a resource of a type whose name could end like `name` does, of
    /// which a [`HOLE`] stands for what is not known.
    pub fn makes_named(&self, kind: &str, name: &str) -> bool {
        let Some(names) = self.names.get(kind) else { return false };
        let last = last_part(name);
        last.is_none() || names.contains(&None) || names.contains(&last)
    }

    /// Whether some module comes from elsewhere, from an address with `word` in it: nobody can tell
    /// from here what such a module makes.
    pub fn calls_for(&self, word: &str) -> bool {
        self.sources.iter().any(|source| source.contains(word))
    }

    /// Whether some plan of AWS Backup copies what it saves to another vault.
    pub fn copies_backups(&self) -> bool {
        self.copies
    }
}

fn copies(plan: &Resource) -> bool {
    let rules = plan.body().blocks().iter().filter(|block| block.made_kind() == "rule");
    let within = |block: &crate::config::body::Block| {
        let inner = block.body().blocks_of("content").next().unwrap_or(block);
        inner.body().blocks().iter().any(|block| block.made_kind() == "copy_action")
    };
    rules.into_iter().any(within) || plan.body().expr("rule").is_some()
}

/// Returns how the name of a resource is written, with a [`HOLE`] for what is put together.
fn name_of(resource: &Resource) -> Option<String> {
    let expr = resource.body().expr("name")?;
    expr.written().into_iter().next().map(|written| written.text)
}

/// Returns the literal text at the end of a name, behind its last `/` or hole.
fn last_part(name: &str) -> Option<String> {
    let last = name.rsplit(['/', HOLE]).next().unwrap_or_default();
    (!last.is_empty()).then(|| last.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, path::Path};

    #[test]
    fn names_are_known_by_their_ends() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"
            resource "aws_ssm_parameter" "a" { name = "/${var.env}/db/password" }
            resource "aws_backup_plan" "b" {
              rule {
                copy_action { destination_vault_arn = var.vault }
              }
            }
            resource "aws_kms_alias" "c" { name = var.name }
            module "vpc" { source = "terraform-aws-modules/vpc/aws" }
        "#;
        fs::write(dir.path().join("main.tf"), text).unwrap();
        let mut made = Made::default();
        assert!(!made.copies_backups());
        made.add(&Module::read(dir.path(), Path::new(""), None).unwrap());
        assert!(made.makes("aws_kms_alias") && !made.makes("aws_vpc") && made.copies_backups());
        assert!(made.calls_for("vpc") && !made.calls_for("eks"));
        assert!(made.makes_named("aws_ssm_parameter", "/prod/db/password"));
        assert!(!made.makes_named("aws_ssm_parameter", "/prod/db/user"));
        assert!(made.makes_named("aws_kms_alias", "alias/x"), "nobody can tell");
        assert!(!made.makes_named("aws_secretsmanager_secret", "x"));
    }
}
