//! Override files, merged as Terraform merges them.
//!
//! The rules are those of the page "Override Files" of the Terraform language documentation: an
//! argument replaces the argument of that name, nested blocks replace all nested blocks of their
//! kind, `lifecycle` is merged by argument, a backend replaces the backend or `cloud` block whole.

use crate::config::body::{Attribute, Block};

/// Merges one override file's blocks over what is there.
///
/// Terraform refuses to override what nobody declared; here it is declared by that, so that what is
/// wrong with it can be said.
pub(super) fn merge(declared: &mut Vec<Block>, overrides: Vec<Block>) {
    for block in overrides {
        match block.kind() {
            "terraform" => terraform(declared, block),
            "locals" => locals(declared, block),
            "moved" | "import" | "check" | "removed" => declared.push(block),
            _ => match declared.iter_mut().find(|known| is_same(known, &block)) {
                Some(known) => arguments(known, block),
                None => declared.push(block),
            },
        }
    }
}

/// Whether two blocks declare the same thing.
fn is_same(a: &Block, b: &Block) -> bool {
    let alias = |block: &Block| block.body().expr("alias").and_then(|alias| alias.literal_string());
    a.is_like(b) && (a.kind() != "provider" || alias(a) == alias(b))
}

fn arguments(known: &mut Block, block: Block) {
    let mut replaced: Vec<String> = Vec::new();
    for attribute in block.body().attributes() {
        known.body_mut().set(attribute.clone());
    }
    for nested in block.body().blocks() {
        if nested.kind() == "lifecycle" {
            let lifecycle =
                known.body_mut().blocks_mut().iter_mut().find(|b| b.kind() == "lifecycle");
            if let Some(lifecycle) = lifecycle {
                arguments(lifecycle, nested.clone());
                continue;
            }
        }
        let kind_of_nested = nested.made_kind().to_owned();
        let blocks = known.body_mut().blocks_mut();
        if !replaced.contains(&kind_of_nested) {
            blocks.retain(|old| old.made_kind() != kind_of_nested);
            replaced.push(kind_of_nested);
        }
        blocks.push(nested.clone());
    }
}

fn locals(declared: &mut Vec<Block>, block: Block) {
    let mut new = block.clone();
    for local in block.body().attributes() {
        if replace(declared, "locals", local) {
            new.body_mut().remove(local.name());
        }
    }
    declared.push(new);
}

fn terraform(declared: &mut Vec<Block>, mut block: Block) {
    if block.body().attribute("required_version").is_some() {
        for known in declared.iter_mut().filter(|known| known.kind() == "terraform") {
            known.body_mut().remove("required_version");
        }
    }
    let keeps_state = |block: &Block| matches!(block.kind(), "backend" | "cloud");
    let nested = std::mem::take(block.body_mut().blocks_mut());
    for known in declared.iter_mut().filter(|known| known.kind() == "terraform") {
        let blocks = known.body_mut().blocks_mut();
        if nested.iter().any(keeps_state) {
            blocks.retain(|old| !keeps_state(old));
        }
    }
    for mut nested in nested {
        if nested.kind() == "required_providers" {
            for entry in nested.body().attributes().to_vec() {
                let known = declared.iter_mut().filter(|known| known.kind() == "terraform");
                let done = known.fold(false, |done, known| {
                    done | replace(known.body_mut().blocks_mut(), "required_providers", &entry)
                });
                if done {
                    nested.body_mut().remove(entry.name());
                }
            }
        }
        block.body_mut().blocks_mut().push(nested);
    }
    declared.push(block);
}

/// Replaces an attribute in the block of a kind that has it; false when none has.
fn replace(blocks: &mut [Block], kind: &str, attribute: &Attribute) -> bool {
    let mut of_kind = blocks.iter_mut().filter(|block| block.kind() == kind);
    match of_kind.find(|block| block.body().attribute(attribute.name()).is_some()) {
        Some(block) => {
            block.body_mut().set(attribute.clone());
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{
        body::Block,
        expression::Expr,
        module::read::tests::{read, source},
    };
    use std::path::Path;

    #[test]
    fn overrides_are_merged_as_terraform_does() {
        let module = read(&[
            (
                "main.tf",
                r#"
                terraform {
                  required_version = ">= 1.0"
                  required_providers {
                    aws  = { source = "hashicorp/aws", version = "4" }
                    null = { source = "hashicorp/null" }
                  }
                  backend "s3" {
                    bucket = "b"
                    key    = "k"
                  }
                }
                provider "aws" {
                  region  = "eu-west-1"
                  profile = "p"
                }
                provider "aws" {
                  alias  = "dst"
                  region = "eu-west-2"
                }
                locals {
                  a = 1
                  b = 2
                }
                resource "x_y" "z" {
                  size = 1
                  name = "n"
                  disk { id = 1 }
                  disk { id = 2 }
                  net { id = 3 }
                  lifecycle {
                    prevent_destroy = true
                    ignore_changes  = [size]
                  }
                }
                "#,
            ),
            (
                "a_override.tf",
                r#"
                terraform {
                  backend "local" {}
                  required_providers {
                    aws = { source = "hashicorp/aws", version = "5" }
                  }
                }
                locals {
                  b = 3
                }
                resource "x_y" "z" {
                  size = 2
                  dynamic "disk" {
                    for_each = []
                    content {}
                  }
                  lifecycle {
                    prevent_destroy = false
                  }
                }
                "#,
            ),
            (
                "override.tf.json",
                r#"{"provider": {"aws": {"region": "eu-central-1"}}, "locals": {"b": 4, "c": 5}, "terraform": {"required_version": ">= 1.9"}}"#,
            ),
        ]);

        let backend = module.backend.as_ref().unwrap();
        assert_eq!((backend.kind.as_str(), backend.body().attributes().len()), ("local", 0));
        let versions: Vec<_> = module
            .required_providers
            .iter()
            .map(|r| (r.name.as_str(), r.version.as_deref()))
            .collect();
        assert_eq!(versions, [("aws", Some("5")), ("null", None)]);
        assert_eq!(
            module.required_version.iter().map(Expr::source).collect::<Vec<_>>(),
            ["\">= 1.9\""]
        );
        let locals: Vec<_> = module
            .locals
            .iter()
            .map(|l| format!("{} {} {}", l.name(), l.expr().source(), l.place()))
            .collect();
        assert_eq!(
            locals,
            ["a 1 main.tf:22:19", "b 4 override.tf.json:1:63", "c 5 override.tf.json:1:71"]
        );

        let aws = module.provider("aws", None).unwrap();
        assert_eq!(aws.region.as_ref().unwrap().place().file, Path::new("override.tf.json"));
        assert_eq!(source(aws.body().expr("profile")), "\"p\"");
        assert_eq!(
            source(module.provider("aws", Some("dst")).unwrap().region.as_ref()),
            "\"eu-west-2\""
        );

        let [resource] = module.resources.as_slice() else { panic!() };
        assert_eq!(
            (source(resource.body().expr("size")), source(resource.body().expr("name"))),
            ("2", "\"n\"")
        );
        let kinds: Vec<_> = resource.body().blocks().iter().map(Block::kind).collect();
        assert_eq!(kinds, ["net", "lifecycle", "dynamic"]);
        let lifecycle = resource.body().blocks_of("lifecycle").next().unwrap().body();
        assert_eq!(
            (source(lifecycle.expr("prevent_destroy")), source(lifecycle.expr("ignore_changes"))),
            ("false", "[size]")
        );
        assert_eq!(resource.place().to_string(), "main.tf:25:17");
    }

    #[test]
    fn a_cloud_block_in_an_override_replaces_the_backend() {
        let module = read(&[
            ("main.tf", "terraform {\n  backend \"s3\" {}\n}\n"),
            ("cloud_override.tf", "terraform {\n  cloud {\n    organization = \"o\"\n  }\n}\n"),
        ]);
        assert!(module.backend.is_none());
        assert_eq!(module.cloud.unwrap().place().to_string(), "cloud_override.tf:2:3");
    }
}
