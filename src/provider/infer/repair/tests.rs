//! What the real Terraform refuses, read and applied. It has one provider built in, which is
//! enough to make it say everything that it says of others.

use super::super::{Inferred, infer, local_modules};
use super::*;
use crate::config::repository::Repository;
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};

/// Runs `terraform validate` on a root module in `root/`.
fn refused(text: &str) -> (tempfile::TempDir, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let stack = folder.path().join("root");
    fs::create_dir(&stack).unwrap();
    fs::write(stack.join("main.tf"), text).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command.args(arguments).current_dir(&stack).env("CHECKPOINT_DISABLE", "1");
        command.env("TF_DATA_DIR", folder.path().join("data")).output().unwrap().stdout
    };
    run(&["init", "-input=false", "-no-color"]);
    let printed: Value = serde_json::from_slice(&run(&["validate", "-json"])).unwrap();
    (folder, printed["diagnostics"].as_array().unwrap().clone())
}

fn repairs(folder: &Path, diagnostics: &[Value]) -> Vec<Repair> {
    let repository = Repository::read(folder, None).unwrap();
    let modules: Vec<_> = repository.modules().collect();
    let mut repairs: Vec<_> = diagnostics
        .iter()
        .filter_map(|diagnostic| Repair::read(diagnostic, &modules, Path::new("root")))
        .collect();
    repairs.sort_by_key(ToString::to_string);
    repairs.dedup();
    repairs
}

fn told(repairs: &[Repair]) -> String {
    repairs.iter().map(|repair| format!("{repair}\n")).collect()
}

/// Applies to nothing and shows what came of it; a second time nothing may change.
fn applied(repairs: &[Repair]) -> String {
    let mut inferred = Inferred::default();
    for repair in repairs {
        assert!(inferred.apply(repair), "{repair}");
        assert!(!inferred.apply(repair), "{repair}");
    }
    inferred.render()
}

#[test]
fn what_the_schema_lacks_is_learned_from_validate() {
    let (folder, diagnostics) = refused(
        r#"
        resource "terraform_data" "a" {
          foo = 1
          block {
            x = 1
            inner {
              y = 2
            }
          }
        }
        resource "terraform_nope" "b" {}
        data "terraform_nope" "b" {}
        ephemeral "terraform_nope" "b" {}
        output "f" { value = provider::terraform::nope(1) }
        data "terraform_remote_state" "s" {
          backend   = []
          workspace = { a = 1 }
        }
        "#,
    );

    let repairs = repairs(folder.path(), &diagnostics);

    assert_snapshot!(told(&repairs), @"
    added argument `foo` to resource type `terraform_data`
    added data source `terraform_nope` to provider `terraform.io/builtin/terraform`
    added ephemeral resource type `terraform_nope` to provider `terraform.io/builtin/terraform`
    added function `nope` to provider `terraform.io/builtin/terraform`
    added resource type `terraform_nope` to provider `terraform.io/builtin/terraform`
    gave `backend` of data source `terraform_remote_state` the type `[text]`
    gave `workspace` of data source `terraform_remote_state` the type `map(text)`
    made `block` of resource type `terraform_data` a block
    ");
    assert_snapshot!(applied(&repairs), @"
    terraform.io/builtin/terraform
      resource terraform_data
        foo: ? w
        id: text
        block {}
          x: ? w
          inner {}
            y: ? w
      resource terraform_nope
        id: text
      data terraform_nope
      data terraform_remote_state
        backend: [text]
        workspace: map(text)
      ephemeral terraform_nope
      function nope() -> ?
    ");
}

#[test]
fn what_is_read_and_not_there_is_learned_from_validate() {
    let (folder, diagnostics) = refused(
        r#"
        resource "terraform_data" "a" {
          lifecycle {
            ignore_changes = [ignored, input]
          }
        }
        resource "terraform_data" "b" {}
        resource "terraform_data" "many" {
          count = 2
        }
        locals {
          text = "x-${terraform_data.b.zed[0].x}"
          far  = terraform_data.many[0].counted
        }
        output "a" { value = data.terraform_remote_state.s.there }
        data "terraform_remote_state" "s" { backend = "local" }
        "#,
    );

    let repairs = repairs(folder.path(), &diagnostics);

    assert_snapshot!(told(&repairs), @"
    added attribute `counted` to resource type `terraform_data`
    added attribute `ignored` to resource type `terraform_data`
    added attribute `there` to data source `terraform_remote_state`
    added attribute `zed` to resource type `terraform_data`
    ");
    assert_snapshot!(applied(&repairs), @"
    terraform.io/builtin/terraform
      resource terraform_data
        counted: ? r
        id: text
        ignored: ? r
        zed: ? r
      data terraform_remote_state
        there: ? r
    ");
}

/// A diagnostic at the first place of a text in the file.
fn diagnostic(text: &str, at: &str, summary: &str, detail: &str) -> Value {
    let start = text.find(at).unwrap();
    json!({
        "severity": "error", "summary": summary, "detail": detail,
        "range": { "filename": "main.tf", "start": { "line": 1, "column": 1, "byte": start } },
        "snippet": { "code": at, "highlight_start_offset": 0, "highlight_end_offset": at.len() }
    })
}

#[test]
fn nested_blocks_and_other_modules_are_found() {
    let text = r#"
        data "aws_ami" "a" {
          dynamic "filter" {
            for_each = [1]
            content {
              values = var.x
              deep { z = 1 }
            }
          }
        }
        provider "aws" {
          assume { role = 1 }
        }
        output "o" { value = data.aws_ami.a.devices[3].ebs }
    "#;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("root")).unwrap();
    fs::write(folder.path().join("root/main.tf"), text.replace("{ z = 1 }", "{\n z = 1\n}"))
        .unwrap();
    let text = fs::read_to_string(folder.path().join("root/main.tf")).unwrap();
    let at = |place, summary, detail| diagnostic(&text, place, summary, detail);
    let diagnostics = [
        at(
            "var.x",
            "Incorrect attribute value type",
            "Inappropriate value for attribute \"values\": string required.",
        ),
        at("z = 1", "Unsupported argument", "An argument named \"z\" is not expected here."),
        at("role", "Unsupported argument", "An argument named \"role\" is not expected here."),
        at("[3]", "Invalid index", "The given key does not identify an element."),
        at("output", "Something else", "An argument named \"no\" is not expected here."),
    ];

    let repairs = repairs(folder.path(), &diagnostics);

    assert_snapshot!(told(&repairs), @"
    added argument `assume.role` to the configuration of provider `registry.terraform.io/hashicorp/aws`
    added argument `filter.deep.z` to data source `aws_ami`
    added attribute `devices[3]` to data source `aws_ami`
    gave `filter.values` of data source `aws_ami` the type `[text]`
    ");
    assert_snapshot!(applied(&repairs), @"
    registry.terraform.io/hashicorp/aws
      config
        assume {}
          role: ? w
      data aws_ami
        devices: [?; 4+] r
        filter {}
          values: [text]
          deep {}
            z: ? w
    ");
}

#[test]
fn what_was_an_attribute_becomes_a_block_that_is_both() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.tf"), "resource \"x_y\" \"a\" {\n  rules = []\n}\n")
        .unwrap();
    let repository = Repository::read(folder.path(), None).unwrap();
    let root = repository.module(Path::new("")).unwrap();
    let mut inferred = infer(root, &local_modules(&repository)).unwrap();
    let provider = super::super::ProviderAddress::implied("x");
    let target = Target::Type { provider, mode: Mode::Managed, kind: "x_y".into() };
    let path = vec!["rules".to_owned()];

    assert!(inferred.apply(&Repair::Block { target, path, content: Block::default() }));

    assert_snapshot!(inferred.render(), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        id: text
        rules {} also as attribute
    ");
}
