//! Scopes: modules that call each other, resources, and input that is meant to do harm.

use super::{Facts, Inputs, Modules, Piece, Scope, Unknown, Value};
use crate::config::{
    expression::Expr,
    file::SourceFile,
    module::{Module, Resource},
    repository::Repository,
};
use std::{collections::BTreeMap, fs, path::Path};

struct Region;

impl Facts for Region {
    fn attribute(&self, module: &str, resource: &Resource, path: &[String]) -> Option<Value> {
        let region = resource.address() == "data.aws_region.current" && path == ["name"];
        region.then(|| format!("eu-west-1{module}").into())
    }
}

struct Folder(Repository, std::path::PathBuf);

impl Modules for Folder {
    fn module(&self, dir: &Path) -> Option<&Module> {
        self.0.module(dir)
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        fs::read(self.1.join(path)).ok()
    }
}

/// Runs `check` with the scope of the module in `root/`, or of the whole when there is none.
fn with<T>(files: &[(&str, &str)], check: impl FnOnce(&Scope<'_>) -> T) -> T {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let folder = Folder(Repository::read(dir.path(), None).unwrap(), dir.path().to_owned());
    assert_eq!(folder.0.unparsed().count(), 0, "{:?}", folder.0.unparsed().collect::<Vec<_>>());
    let root = folder.module(Path::new("root")).or_else(|| folder.module(Path::new(""))).unwrap();
    let inputs = Inputs {
        variables: BTreeMap::from([("given".to_owned(), Value::from("in"))]),
        workspace: Some("dr".to_owned()),
        facts: &Region,
    };
    check(&Scope::root(root, &folder, inputs))
}

fn expr(text: &str) -> Expr {
    let file = SourceFile::parse("x.tf", format!("a = {text}\n").as_bytes(), None).unwrap();
    file.body().expr("a").unwrap().clone()
}

/// Shows a value with `<…>` for what is not known.
fn shown(value: &Value) -> String {
    match value {
        Value::Partial(pieces) => pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.to_string(),
                Piece::Unknown(why) => format!("<{why}>"),
            })
            .collect(),
        Value::Unknown(why) => format!("<{why}>"),
        Value::List(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key}={}", shown(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        known => known.to_json().map_or_else(String::new, |json| json.to_string()),
    }
}

fn show(scope: &Scope<'_>, text: &str) -> String {
    shown(&scope.value(&expr(text)))
}

#[test]
fn what_is_not_known_leaves_the_rest_known() {
    let text = r#"
    variable "given" {}
    variable "unset" {}
    resource "aws_vpc" "main" {
      cidr_block = "10.0.0.0/16"
      tags       = { Name = "main", Id = var.unset }
      port       = "8080"
      policy     = "{}"
      zones      = ["b", "a"]
    }
    resource "aws_vpc" "many" {
      count      = 2
      cidr_block = "10.0.0.0/16"
    }
    data "aws_region" "current" {}
    data "aws_region" "other" {}
    "#;
    with(&[("main.tf", text)], |scope| {
        let show = |text: &str| show(scope, text);
        assert_eq!(show("var.given"), "\"in\"");
        assert_eq!(show("terraform.workspace"), "\"dr\"");
        assert_eq!(show("\"a-${var.unset}-b\""), "a-<`var.unset` is not set>-b");
        assert_eq!(show("upper(\"a-${var.unset}\")"), "A-<`var.unset` is not set>");
        assert_eq!(show("join(\"-\", [\"a\", var.unset])"), "a-<`var.unset` is not set>");
        assert_eq!(show("format(\"%s/%s\", \"x\", var.unset)"), "x/<`var.unset` is not set>");
        assert_eq!(
            show("jsonencode({ a = \"x:${var.unset}\" })"),
            "{\"a\":\"x:<`var.unset` is not set>\"}"
        );
        assert_eq!(show("merge({ a = var.unset }, { b = 1 }).b"), "1");
        assert_eq!(show("[1, var.unset][0]"), "1");
        assert_eq!(show("concat([\"a\"], [var.unset])"), "[\"a\", <`var.unset` is not set>]");
        assert_eq!(show("length([var.unset])"), "1");
        assert_eq!(show("var.unset || true"), "true");
        assert_eq!(show("var.unset ? \"a\" : \"a\""), "\"a\"");
        assert_eq!(show("var.unset ? \"a\" : \"b\""), "<`var.unset` is not set>");
        assert_eq!(show("\"eu-${var.unset}\" == \"us-1\""), "false");
        assert_eq!(show("startswith(\"eu-${var.unset}\", \"eu\")"), "true");
        assert_eq!(show("true ? 1 : var.unset"), "<`var.unset` is not set>");
        assert_eq!(show("true ? 1 : length(var.unset)"), "1");
        assert_eq!(show("try(var.unset.a, 1)"), "<`var.unset` is not set>");
        assert_eq!(show("try(local.nope, 1)"), "<`try()` is not evaluated>");
        assert_eq!(show("aws_vpc.main.cidr_block"), "\"10.0.0.0/16\"");
        assert_eq!(show("aws_vpc.main.tags.Name"), "\"main\"");
        for unknown in ["id", "port", "policy", "zones"] {
            let path = format!("aws_vpc.main.{unknown}");
            assert_eq!(show(&path), format!("<`{path}` is known after the apply>"));
        }
        assert_eq!(show("aws_vpc.many[0].cidr_block"), "<`aws_vpc.many` is known after the apply>");
        assert_eq!(show("\"${data.aws_region.current.name}a\""), "\"eu-west-1a\"");
        assert_eq!(
            show("data.aws_region.other.name"),
            "<`data.aws_region.other.name` is known after the apply>"
        );
        assert_eq!(show("self.x"), "<`self.x` is known after the apply>");
        assert_eq!(show("each.key"), "<it differs by instance>");
        assert_eq!(show("provider::x::y(1)"), "<`y()` is not evaluated>");
        assert_eq!(show("uuid()"), "<`uuid()` is not evaluated>");
    });
}

#[test]
fn modules_are_evaluated_as_they_are_called() {
    let files = [
        (
            "root/main.tf",
            r#"
            locals { zones = { a = "10.0.0.0/16", b = "10.1.0.0/16" } }
            module "one" {
              source = "../modules/net"
              name   = upper("x")
            }
            module "each" {
              source   = "../modules/net"
              for_each = local.zones
              name     = each.key
              cidr     = each.value
            }
            module "two" {
              source = "../modules/net"
              count  = 2
              name   = "n${count.index}"
            }
            module "none" {
              source = "../modules/net"
              count  = 0
              name   = "x"
            }
            module "some" {
              source   = "../modules/net"
              for_each = toset(aws_x.y.ids)
              name     = each.key
            }
            module "far" { source = "hashicorp/consul/aws" }
            resource "aws_x" "y" {
              for_each = local.zones
              name     = each.key
            }
            "#,
        ),
        (
            "modules/net/main.tf",
            r#"
            variable "name" {}
            variable "cidr" { default = null }
            variable "size" {
              nullable = false
              type     = number
              default  = "3"
            }
            output "label" { value = "${var.name}/${path.module}" }
            output "cidr" { value = var.cidr }
            output "all" { value = templatefile("${path.module}/t.tftpl", { xs = [var.name, "z"] }) }
            "#,
        ),
        ("modules/net/t.tftpl", "%{ for x in xs ~}\n- ${x}\n%{ endfor ~}\n"),
    ];
    with(&files, |scope| {
        let show = |text: &str| show(scope, text);
        assert_eq!(show("module.one.label"), "\"X/../modules/net\"");
        assert_eq!(show("module.one.all"), "\"- X\\n- z\\n\"");
        assert_eq!(show("module.each[\"b\"].cidr"), "\"10.1.0.0/16\"");
        assert_eq!(
            show("{ for k, m in module.each : k => m.cidr }"),
            "{a=\"10.0.0.0/16\", b=\"10.1.0.0/16\"}"
        );
        assert_eq!(show("module.two[*].label"), "[\"n0/../modules/net\", \"n1/../modules/net\"]");
        assert_eq!(show("module.none[*].label"), "[]");
        assert!(show("module.some[\"x\"].label").starts_with('<'));
        assert!(show("module.far.id").starts_with('<'));
        let addresses: Vec<String> =
            scope.children().iter().map(|child| child.address().to_owned()).collect();
        assert_eq!(
            addresses,
            [
                "module.one",
                "module.each[\"a\"]",
                "module.each[\"b\"]",
                "module.two[0]",
                "module.two[1]",
                "module.some"
            ]
        );
        let child = &scope.children()[5];
        assert_eq!(child.variable("name"), Value::Unknown(Unknown::Instance));
        assert_eq!(child.variable("size"), 3_i64.into());
        let resource = &scope.module().resources[0];
        let names: Vec<String> = scope
            .instances(resource.body())
            .iter()
            .map(|one| shown(&one.value(resource.body().expr("name").unwrap())))
            .collect();
        assert_eq!(names, ["\"a\"", "\"b\""]);
    });
}

#[test]
fn input_that_is_meant_to_do_harm_ends_soon_and_is_unknown() {
    use std::fmt::Write;
    let mut text = String::from("locals {\n  a0 = \"aaaaaaaa\"\n  l0 = [1]\n  d0 = 1\n  c0 = 1\n");
    for at in 1..3000 {
        let before = at - 1;
        // Text and lists that double, lists that nest, and a long chain.
        writeln!(text, "  a{at} = \"${{local.a{before}}}${{local.a{before}}}\"").unwrap();
        writeln!(text, "  l{at} = [local.l{before}, local.l{before}]").unwrap();
        writeln!(text, "  d{at} = [local.d{before}]").unwrap();
        writeln!(text, "  c{at} = local.c{before} + 1").unwrap();
    }
    text += "  circle = try(local.round, 1)\n  round = [local.circle]\n  big = [for x in range(1000) : [for y in range(1000) : [for z in range(1000) : x]]]\n}\n";
    text += "module \"self\" {\n  source = \"./\"\n  x = module.self.x\n}\nvariable \"x\" {\n  default = 1\n}\noutput \"x\" {\n  value = var.x\n}\n";
    let started = std::time::Instant::now();
    with(&[("main.tf", &text)], |scope| {
        assert!(!scope.local("circle").is_known(), "Terraform refuses a circle, also inside `try`");
        assert!(!scope.local("big").is_known());
        assert!(!scope.value(&expr("module.self.x")).is_known());
        for name in ["c", "a", "d", "l"] {
            assert!(!scope.local(&format!("{name}2999")).is_known(), "{name}");
            let values: Vec<Value> =
                (0..3000).map(|at| scope.local(&format!("{name}{at}"))).collect();
            // Asked from the bottom up there is room for the chain.
            assert!(name != "c" || values[2999] == 3000_i64.into());
        }
    });
    assert!(started.elapsed().as_secs() < 60);
}
