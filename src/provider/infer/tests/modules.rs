//! Names that lead through modules.

use super::inferred;
use insta::assert_snapshot;

fn render(files: &[(&str, &str)]) -> String {
    inferred(files).unwrap().render()
}

#[test]
fn outputs_and_variables_carry_what_is_read_and_written() {
    assert_snapshot!(render(&[
        (
            "root/main.tf",
            r#"
            module "eks" {
              source = "../eks"
              net    = { cidr = x_vpc.v.cidr, subnets = x_vpc.v.subnets }
              tags   = x_vpc.v.all_tags
            }
            resource "x_vpc" "v" {}
            resource "x_kube" "k" { ca = base64decode(module.eks.ca) }
            output "names" { value = [for n in module.eks.nodes : n.name] }
            "#,
        ),
        (
            "eks/main.tf",
            r#"
            variable "net" {
              type = object({ cidr = string, subnets = list(object({ id = string, zone = optional(string) })) })
            }
            variable "tags" { type = map(string) }
            variable "size" {
              type    = number
              default = 3
            }
            resource "x_eks" "c" {
              size    = var.size
              network = cidrsubnet(var.net.cidr, 4, 0)
              ids     = var.net.subnets[*].id
              tags    = merge(var.tags, { a = "b" })
            }
            output "ca" { value = try(x_eks.c.certificate_authority[0].data, null) }
            output "nodes" { value = { for k, v in x_eks.c.groups : k => v.node } }
            "#,
        ),
    ]), @"
    registry.terraform.io/hashicorp/x
      resource x_eks
        certificate_authority: [{data: base64}; 1+] r
        groups: [{node: {name: text}}] r
        id: text
        ids: [text] w
        network: cidr w
        size: number w
        tags: {a: text} w
      resource x_kube
        ca: text w
        id: text
      resource x_vpc
        all_tags: map(text) r
        cidr: cidr r
        id: text
        subnets: [{id: text}] r
    ");
}

#[test]
fn repeated_modules_are_seen_through_in_every_form() {
    assert_snapshot!(render(&[
        (
            "root/main.tf",
            r#"
            module "many" {
              for_each = { a = { size = 1 } }
              source   = "../m"
              size     = each.value.size
              name     = each.key
            }
            module "some" {
              count  = 2
              source = "../m"
              size   = count.index
              name   = "x"
            }
            locals {
              a = module.many["a"].thing.one_
              b = module.some[0].thing.two
              c = module.some[*].thing.three
              d = [for k, m in module.many : m.thing.four]
              e = values(module.many)[*].thing.five
              f = { for k, m in module.many : k => m.list[1].six }
            }
            "#,
        ),
        (
            "m/main.tf",
            r#"
            variable "size" {}
            variable "name" {}
            resource "x_y" "t" {
              size = var.size
              name = var.name
            }
            output "thing" { value = x_y.t }
            output "list" { value = x_y.t.list }
            "#,
        ),
    ]), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        five: ? r
        four: ? r
        id: text
        list: [{six: ?}; 2+] r
        name: text w
        one_: ? r
        size: number w
        three: ? r
        two: ? r
    ");
}

#[test]
fn modules_that_depend_on_each_other_by_output_are_followed() {
    assert_snapshot!(render(&[
        (
            "root/main.tf",
            r#"
            module "a" {
              source = "../a"
              back   = module.b.forth
            }
            module "b" {
              source = "../b"
              given  = module.a.first
            }
            output "o" { value = module.a.last.leaf }
            "#,
        ),
        (
            "a/main.tf",
            r#"
            variable "back" {}
            resource "x_a" "a" {}
            output "first" { value = x_a.a.start }
            output "last" { value = var.back.middle }
            "#,
        ),
        (
            "b/main.tf",
            r#"
            variable "given" {}
            output "forth" { value = var.given }
            "#,
        ),
    ]), @"
    registry.terraform.io/hashicorp/x
      resource x_a
        id: text
        start: {middle: {leaf: ?}} r
    ");
}

#[test]
fn a_provider_is_named_by_each_module_in_its_own_words() {
    assert_snapshot!(render(&[
        (
            "root/main.tf",
            r#"
            terraform {
              required_providers { cloud = { source = "one/cloud" } }
            }
            resource "cloud_thing" "a" {}
            module "m" {
              source    = "../m"
              providers = { cloud.other = only.passed }
            }
            "#,
        ),
        (
            "m/main.tf",
            r#"
            terraform {
              required_providers {
                cloud = {
                  source                = "two/cloud"
                  configuration_aliases = [cloud.other]
                }
              }
            }
            resource "cloud_thing" "a" { provider = cloud.other }
            "#,
        ),
    ]), @"
    registry.terraform.io/hashicorp/only
    registry.terraform.io/one/cloud
      resource cloud_thing
        id: text
    registry.terraform.io/two/cloud
      resource cloud_thing
        id: text
    ");
}

#[test]
fn remote_states_have_the_outputs_that_are_read() {
    assert_snapshot!(render(&[(
        "main.tf",
        r#"
        data "terraform_remote_state" "net" {
          backend = "s3"
          config  = { bucket = "b" }
        }
        output "a" { value = data.terraform_remote_state.net.outputs.subnets[0].id }
        "#,
    )]), @"
    terraform.io/builtin/terraform
      resource terraform_data
        id: text
        input: ?
        output: ?
        triggers_replace: ?
      data terraform_remote_state
        backend: text w
        config: {bucket: text} w
        defaults: ?
        outputs: {subnets: [{id: text}; 1+]} r
        workspace: ?
    ");
}
