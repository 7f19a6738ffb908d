//! Types that must be concrete, above all in the blocks of data sources.

use super::{
    super::{Mode, Position},
    inferred,
};
use insta::assert_snapshot;

#[test]
fn blocks_of_data_sources_get_types_without_dynamic_parts() {
    let inferred = inferred(&[(
        "main.tf",
        r#"
        variable "names" { type = list(string) }
        variable "plain" { type = string }
        variable "extra" {}
        data "aws_ami" "a" {
          filter {
            name   = "name"
            values = ["x*"]
          }
          filter {
            name   = var.plain
            values = var.names
          }
        }
        data "aws_iam_policy_document" "d" {
          statement {
            actions   = var.extra
            resources = [for r in var.extra : "${r}/*"]
            sid       = var.extra
            principals {
              type        = "AWS"
              identifiers = [aws_x.y.arn]
            }
            tags = { a = 1, b = "x" }
            not  = true
            count_of = 3
          }
        }
        resource "aws_x" "y" {}
        "#,
    )])
    .unwrap();
    let mut types = Vec::new();
    for kind in ["aws_ami", "aws_iam_policy_document"] {
        let (_, shape) = inferred.type_shape(Mode::Data, kind).unwrap();
        for (name, block) in &shape.block.blocks {
            types.push(format!("{name} {}", block.concrete_type()));
        }
    }
    assert_snapshot!(types.join("\n"), @r#"
    filter ["object",{"name":"string","values":["list","string"]}]
    statement ["object",{"actions":["list","string"],"count_of":"number","not":"bool","principals":["list",["object",{"identifiers":["list","string"],"type":"string"}]],"resources":["list","string"],"sid":"string","tags":["map","string"]}]
    "#);
}

#[test]
fn elsewhere_a_type_is_dynamic_but_for_ids_and_keys() {
    let inferred = inferred(&[(
        "main.tf",
        r#"
        data "x_list" "d" {
          filter { names = "a" }
        }
        resource "x_y" "a" { for_each = data.x_list.d.names }
        resource "x_y" "b" {
          for_each = data.x_list.d.map
          port     = each.value.port
        }
        resource "x_y" "c" { zone = data.x_list.d.zones }
        "#,
    )])
    .unwrap();
    let (_, list) = inferred.type_shape(Mode::Data, "x_list").unwrap();
    let show = |name: &str, position| list.block.attributes[name].schema_type(name, position);
    let types: Vec<_> = ["map", "names", "zones"]
        .map(|name| format!("{name} {}", show(name, Position::Top)))
        .to_vec();
    assert_snapshot!(types.join("\n"), @r#"
    map "dynamic"
    names ["set","string"]
    zones "dynamic"
    "#);
    let (_, managed) = inferred.type_shape(Mode::Managed, "x_y").unwrap();
    assert_eq!(managed.block.attributes["id"].schema_type("id", Position::Top), "string");
    let nested = &list.block.blocks["filter"].attributes["names"];
    assert_eq!(nested.schema_type("names", Position::DataNested), "string");
    assert_eq!(nested.schema_type("names", Position::Nested), "dynamic");
}
