//! What reading tells of an attribute.

use super::render;
use insta::assert_snapshot;

#[test]
fn steps_tell_lists_objects_and_lengths() {
    assert_snapshot!(render(r#"
        resource "aws_eks_cluster" "c" {}
        output "a" { value = aws_eks_cluster.c.certificate_authority[0].data }
        output "b" { value = aws_eks_cluster.c.identity.0.oidc.0.issuer }
        output "c" { value = aws_eks_cluster.c.list[2] }
        output "d" { value = aws_eks_cluster.c.object["key"].more }
        output "e" { value = aws_eks_cluster.c.splat[*].name }
        output "f" { value = aws_eks_cluster.c.old.*.name[1] }
    "#), @"
    registry.terraform.io/hashicorp/aws
      resource aws_eks_cluster
        certificate_authority: [{data: ?}; 1+] r
        id: text
        identity: [{oidc: [{issuer: url}; 1+]}; 1+] r
        list: [?; 3+] r
        object: {key: {more: ?}} r
        old: [{name: text}] r
        splat: [{name: text}] r
    ");
}

#[test]
fn counted_and_repeated_resources_are_seen_through() {
    assert_snapshot!(render(r#"
        resource "aws_subnet" "counted" { count = 2 }
        resource "aws_subnet" "each" { for_each = toset(["a"]) }
        resource "aws_subnet" "single" {}
        locals {
          first = aws_subnet.counted[0].one_
          all   = aws_subnet.counted[*].two
          named = aws_subnet.each["a"].three
          for   = [for s in aws_subnet.each : s.four]
          pairs = { for k, s in aws_subnet.each : k => s.five }
          alone = aws_subnet.single[*].six
          old   = aws_subnet.counted.*.seven
          whole = values(aws_subnet.each)[*].eight
        }
    "#), @"
    registry.terraform.io/hashicorp/aws
      resource aws_subnet
        eight: ? r
        five: ? r
        four: ? r
        id: text
        one_: ? r
        seven: ? r
        six: ? r
        three: ? r
        two: ? r
    ");
}

#[test]
fn functions_tell_what_their_arguments_are() {
    assert_snapshot!(render(r#"
        resource "x_y" "a" {}
        locals {
          a = base64decode(x_y.a.as_base64)
          b = cidrsubnet(x_y.a.as_cidr, 4, 1)
          c = one(x_y.a.exactly_one).inner
          d = jsondecode(x_y.a.as_json).Statement[0].Effect
          e = yamldecode(x_y.a.as_yaml)["key"]
          f = slice(x_y.a.three, 0, 3)
          g = timeadd(x_y.a.as_time, "1h")
          h = join(",", x_y.a.texts)
          i = sum(x_y.a.numbers) + x_y.a.number
          j = element(x_y.a.some, 7)
          k = lookup(x_y.a.known, "key", null)
          l = lookup(x_y.a.unknown, var.key, "none")
          m = keys(x_y.a.map)
          n = merge(x_y.a.merged, { b = 1 })["b"]
          o = [for x in flatten(x_y.a.nested) : x.leaf]
          p = concat(x_y.a.left, x_y.a.right)[0].both
          q = zipmap(x_y.a.keys, x_y.a.values)["k"].zipped
          r = try(x_y.a.tried[0].first, x_y.a.tried_too)
          s = split("/", x_y.a.path)[1]
          t = alltrue(x_y.a.flags)
          u = length(x_y.a.counted)
          v = toset(x_y.a.converted)
          w = coalesce(x_y.a.perhaps, "x")
          x = can(x_y.a.can)
          y = contains(x_y.a.container, "z")
          z = setproduct(x_y.a.rows, x_y.a.columns)[0][0].cell
        }
        variable "key" {}
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        as_base64: base64 r
        as_cidr: cidr r
        as_json: json({Statement: [{Effect: ?}; 1+]}) r
        as_time: time r
        as_yaml: yaml({key: ?}) r
        can: ? r
        columns: [{cell: ?}] r
        container: [?] r
        converted: [?] r
        counted: [?] r
        exactly_one: [{inner: ?}; 1] r
        flags: [bool] r
        id: text
        keys: [text] r
        known: {key: ?} r
        left: [{both: ?}] r
        map: map(?) r
        merged: {b: ?} r
        nested: [{leaf: ?}] r
        number: number r
        numbers: [number] r
        path: text r
        perhaps: ? r
        right: [{both: ?}] r
        rows: [{cell: ?}] r
        some: [?; 1+] r
        texts: [text] r
        three: [?; 3+] r
        tried: [{first: ?}; 1+] r
        tried_too: ? r
        unknown: map(?) r
        values: [{zipped: ?}] r
    ");
}

#[test]
fn operators_templates_and_conditions_tell_scalars() {
    assert_snapshot!(render(r#"
        resource "x_y" "a" {}
        locals {
          a = "${x_y.a.in_template}-b"
          b = x_y.a.number + 1
          c = !x_y.a.flag && x_y.a.other
          d = x_y.a.compared == "on"
          e = x_y.a.ranked > 3
          f = "${x_y.a.passed_on}"
          g = <<-EOT
            %{ if x_y.a.directive }${x_y.a.in_heredoc}%{ endif }
            %{ for k, v in x_y.a.looped }${v.leaf}%{ endfor }
          EOT
          h = -x_y.a.negated
          i = x_y.a.maybe == null
          j = (x_y.a.parenthesised).leaf
        }
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        compared: text r
        directive: bool r decides@11:19
        flag: bool r
        id: text
        in_heredoc: text r
        in_template: text r
        looped: [{leaf: text}] r
        maybe: ? r
        negated: number r
        number: number r
        other: bool r
        parenthesised: {leaf: ?} r
        passed_on: ? r
        ranked: number r
    ");
}

#[test]
fn what_decides_is_told_with_its_place() {
    assert_snapshot!(render(r#"
        resource "x_y" "a" {}
        locals {
          ready = x_y.a.status == "ready"
          a     = local.ready ? 1 : 2
          b     = [for e in x_y.a.list : e.name if e.on]
        }
        resource "x_z" "b" {
          count = length(x_y.a.counted)
          lifecycle {
            postcondition {
              condition     = self.checked > 1
              error_message = "no: ${self.told}"
            }
          }
        }
        resource "x_z" "c" {
          for_each = x_y.a.names
          name     = each.key
        }
        check "alive" {
          data "http" "front" { url = "https://example.com" }
          assert {
            condition     = data.http.front.status_code == 200
            error_message = "down"
          }
        }
    "#), @"
    registry.terraform.io/hashicorp/http
      data http
        status_code: number r decides@24:29
        url: url w
    registry.terraform.io/hashicorp/x
      resource x_y
        counted: [?] r decides@9:19
        id: text
        list: [{name: text, on: bool}] r decides@6:52
        names: set(text) r for_each decides@18:22
        status: text r decides@5:19
      resource x_z
        checked: number r decides@12:31
        id: text
        name: text w
        told: text r
    ");
}

#[test]
fn a_set_a_map_and_a_list_are_told_by_how_they_are_run_over() {
    assert_snapshot!(render(r#"
        resource "x_y" "a" {}
        resource "x_z" "set" { for_each = x_y.a.names }
        resource "x_z" "map" {
          for_each = x_y.a.map
          port     = each.value.port
        }
        resource "x_z" "list" {
          for_each = { for v in x_y.a.list : v.key => v.value }
          port     = each.value + 1
        }
        resource "x_z" "counted" {
          count = 2
          port  = x_y.a.indexed[count.index]
        }
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        id: text
        indexed: [?] r
        list: [{key: text, value: number}] r
        map: map({port: number}) r for_each decides@5:22
        names: set(text) r for_each decides@3:43
      resource x_z
        id: text
        port: number w
    ");
}

#[test]
fn names_tell_only_where_use_does_not() {
    assert_snapshot!(render(r#"
        resource "x_y" "a" {}
        output "a" {
          value = [x_y.a.arn, x_y.a.cidr_block, x_y.a.port, x_y.a.subnet_ids, x_y.a.created_at]
        }
        output "b" { value = base64decode(x_y.a.role_arn) }
        output "c" { value = "at ${x_y.a.dns_name}" }
        output "d" { value = x_y.a.cidr_blocks[1] }
        data "x_zones" "z" {}
        output "e" { value = data.x_zones.z.names }
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        arn: arn r
        cidr_block: cidr r
        cidr_blocks: [cidr; 2+] r
        created_at: time r
        dns_name: host r
        id: text
        port: number r
        role_arn: base64 r
        subnet_ids: [text] r
      data x_zones
        names: [text; 3+] r
    ");
}

#[test]
fn what_is_written_elsewhere_tells_what_is_read() {
    assert_snapshot!(render(r#"
        resource "x_y" "literal" {
          a = "10.0.0.0/16"
          b = 3
          c = ["x"]
          d = { k = true }
          e = x_y.other.f
          g = jsonencode({ a = 1 })
          h = "arn:aws:iam::${var.n}:role/x"
          i = null
        }
        resource "x_y" "other" { f = true }
        variable "n" {}
    "#), @"
    registry.terraform.io/hashicorp/x
      resource x_y
        a: cidr w
        b: number w
        c: [text] w
        d: {k: bool} w
        e: bool w
        f: bool w r
        g: json(?) w
        h: arn w
        i: ? w
        id: text
    ");
}
