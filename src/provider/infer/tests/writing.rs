//! What is written: attributes, blocks, and what must exist without being either.

use super::{inferred, render};
use insta::assert_snapshot;

#[test]
fn blocks_dynamic_blocks_and_their_iterators_are_followed() {
    assert_snapshot!(render(r#"
        resource "x_source" "s" {}
        resource "aws_security_group" "g" {
          ingress {
            from_port = 1
          }
          dynamic "egress" {
            for_each = x_source.s.rules
            content {
              from_port = egress.value.port + 1
              name      = egress.key
            }
          }
          dynamic "outer" {
            for_each = x_source.s.outers
            iterator = it
            content {
              name = it.value.name
              dynamic "inner" {
                for_each = it.value.inners
                content { cidr = inner.value }
              }
            }
          }
        }
    "#), @"
    registry.terraform.io/hashicorp/aws
      resource aws_security_group
        id: text
        egress {}
          from_port: number w
          name: text w
        ingress {}
          from_port: number w
        outer {}
          name: text w
          inner {}
            cidr: cidr w
    registry.terraform.io/hashicorp/x
      resource x_source
        id: text
        outers: [{inners: [?], name: text}] r
        rules: [{port: number}] r
    ");
}

#[test]
fn a_name_in_both_forms_is_a_block_that_is_also_an_attribute() {
    let inferred = inferred(&[(
        "main.tf",
        r#"
        resource "aws_security_group" "a" { ingress = [] }
        resource "aws_security_group" "b" {
          ingress {
            from_port = 1
            cidr_blocks = ["10.0.0.0/8"]
          }
        }
        resource "aws_security_group" "c" { ingress = [{ from_port = 2, self = true }] }
        "#,
    )])
    .unwrap();
    assert_snapshot!(inferred.render(), @"
    registry.terraform.io/hashicorp/aws
      resource aws_security_group
        id: text
        ingress {} also as attribute
          cidr_blocks: [cidr] w
          from_port: number w
          self: bool w
    ");
    let (_, group) =
        inferred.type_shape(super::super::Mode::Managed, "aws_security_group").unwrap();
    assert_snapshot!(group.block.blocks["ingress"].concrete_type(), @r#"["object",{"cidr_blocks":["list","string"],"from_port":"number","self":"bool"}]"#);
}

#[test]
fn a_block_that_is_read_without_an_index_is_single() {
    assert_snapshot!(render(r#"
        resource "x_y" "a" {
          timeouts { create = "1m" }
          list { a = 1 }
        }
        output "a" { value = x_y.a.timeouts.create }
        output "b" { value = x_y.a.list[0].computed }
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        id: text
        list {}
          a: number w
          computed: ? r
        timeouts {} single
          create: text w
    ");
}

#[test]
fn what_only_the_lifecycle_names_exists() {
    assert_snapshot!(render(r#"
        resource "x_trigger" "t" {}
        resource "x_y" "a" {
          lifecycle {
            ignore_changes       = [plain, deep[0].er, tags["x"], "quoted"]
            replace_triggered_by = [x_trigger.t.revision, x_trigger.t]
          }
        }
        resource "x_y" "b" {
          lifecycle { ignore_changes = all }
        }
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_trigger
        id: text
        revision: ? r
      resource x_y
        deep: [{er: ?}; 1+] r
        id: text
        plain: ?
        quoted: ?
        tags: {x: text}
    ");
}

#[test]
fn write_only_attributes_and_ephemerals_are_known() {
    assert_snapshot!(render(r#"
        ephemeral "random_password" "p" { length = 12 }
        resource "aws_db_instance" "d" {
          password_wo         = ephemeral.random_password.p.result
          password_wo_version = 1
        }
    "#), @"
    registry.terraform.io/hashicorp/aws
      resource aws_db_instance
        id: text
        password_wo: text w write-only
        password_wo_version: number w
    registry.terraform.io/hashicorp/random
      ephemeral random_password
        length: number w
        result: text r
    ");
}

#[test]
fn provider_blocks_and_provider_meta_have_a_shape() {
    assert_snapshot!(render(r#"
        terraform {
          required_providers {
            google = { source = "hashicorp/google" }
            acme   = { source = "example.com/acme/weird", version = "~> 1" }
            unused = { source = "them/unused" }
          }
          provider_meta "google" { module_name = "blueprints" }
        }
        provider "google" {
          alias   = "west"
          version = "1"
          project = "p"
          batching { enable = true }
        }
        resource "acme_thing" "t" {}
        resource "other_thing" "t" { provider = acme }
        resource "implied_thing" "t" {}
        resource "terraform_data" "d" { input = 1 }
        output "f" { value = provider::fun::parse("a", 1).region }
        moved {
          from = null_resource.a
          to   = terraform_data.d
        }
        removed {
          from = module.x.gone_thing.y
        }
    "#), @"
    example.com/acme/weird
      resource acme_thing
        id: text
      resource other_thing
        id: text
    registry.terraform.io/hashicorp/fun
      function parse(2) -> {region: zone}
    registry.terraform.io/hashicorp/gone
      resource gone_thing
        id: text
    registry.terraform.io/hashicorp/google
      config
        project: text w
        batching {}
          enable: bool w
      meta
        module_name: text w
    registry.terraform.io/hashicorp/implied
      resource implied_thing
        id: text
    registry.terraform.io/hashicorp/null
      resource null_resource
        id: text
    registry.terraform.io/them/unused
    terraform.io/builtin/terraform
      resource terraform_data
        id: text
        input: number w
        output: ?
        triggers_replace: ?
      data terraform_remote_state
        backend: ?
        config: ?
        defaults: ?
        outputs: ?
        workspace: ?
    ");
}

#[test]
fn json_is_read_like_hcl() {
    let text = r#"{
        "resource": { "x_y": { "a": {
            "name": "${x_z.b.computed}",
            "ports": [1, 2],
            "dynamic": { "rule": { "for_each": "${x_z.b.rules}", "content": { "to": "${rule.value.port + 1}" } } }
        } } , "x_z": { "b": {} } }
    }"#;
    assert_snapshot!(inferred(&[("main.tf.json", text)]).unwrap().render(), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        id: text
        name: text w
        ports: [number] w
        rule {}
          to: number w
      resource x_z
        computed: ? r
        id: text
        rules: [{port: number}] r
    ");
}

#[test]
fn provisioners_and_connections_read_themselves() {
    assert_snapshot!(render(r#"
        resource "x_y" "a" {
          connection { host = self.public_ip }
          provisioner "local-exec" { command = "echo ${self.note} ${x_y.b.other}" }
        }
        resource "x_y" "b" {}
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        id: text
        note: text r
        other: text r
        public_ip: ip r
    ");
}
