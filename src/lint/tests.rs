//! How a root module is seen from two regions.

use super::{
    regions::{Pair, most_named, variables},
    slot::slots,
    subject::{About, Call, Facts, Home, Subject},
};
use crate::config::{
    eval::Value,
    repository::{Made, Repository},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const TOKYO: &str = "ap-northeast-1";
const SEOUL: &str = "ap-northeast-2";

fn text(text: &str) -> Value {
    Value::String(Arc::from(text))
}

fn pair() -> Pair {
    Pair::choose(Some(TOKYO), Some(SEOUL), None)
}

/// A checkout with these files.
fn checkout(files: &[(&str, &str)]) -> (tempfile::TempDir, Repository) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let repository = Repository::read(dir.path(), None).unwrap();
    (dir, repository)
}

/// Looks at the root module of a checkout, whose variables are set to `base` in both regions.
fn look(files: &[(&str, &str)], base: &[(&str, Value)], see: impl FnOnce(&Subject<'_>)) {
    let (_dir, repository) = checkout(files);
    let root = repository.module(Path::new("")).unwrap();
    let base: BTreeMap<String, Value> =
        base.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let (pair, facts) = (pair(), Facts::new());
    let values = variables(root, &pair, &base, &BTreeMap::new());
    let given_at = BTreeMap::new();
    let made = Made::default();
    let about = About {
        made: &made,
        runbook: None,
        stack: None,
        given: &base,
        given_at: &given_at,
        lock: None,
    };
    see(&Subject::new(root, &repository, &pair, &values, &facts, about));
}

fn home(primary: &str, fallback: &str) -> Home {
    Home { primary: Some(primary.to_owned()), fallback: Some(fallback.to_owned()) }
}

fn call<'s, 'a>(subject: &'s Subject<'a>, address: &str) -> &'s Call<'a> {
    subject.calls.iter().find(|call| call.address == address).unwrap()
}

fn addresses(subject: &Subject<'_>) -> Vec<String> {
    subject.calls.iter().map(|call| call.address.clone()).collect()
}

/// What the output `name` of a call's module comes to, in the primary and in the fallback.
fn output(call: &Call<'_>, name: &str) -> (Value, Value) {
    call.both(call.module.output(name).unwrap().value.as_ref().unwrap())
}

#[test]
fn regions_that_nobody_names_stand_in() {
    let shown = |pair: Pair| {
        let named = (pair.primary_is_named, pair.fallback_is_named);
        format!("{} {} {named:?}", pair.primary, pair.fallback)
    };
    assert_eq!(shown(pair()), "ap-northeast-1 ap-northeast-2 (true, true)");
    assert_eq!(
        shown(Pair::choose(None, None, Some("eu-west-2"))),
        "eu-west-2 us-west-2 (true, false)"
    );
    assert_eq!(shown(Pair::choose(None, None, None)), "us-east-1 us-west-2 (false, false)");
    assert_eq!(
        shown(Pair::choose(None, None, Some("us-west-2"))),
        "us-west-2 us-east-2 (true, false)"
    );
    let google = Pair::choose(None, None, Some("europe-west1"));
    assert_ne!(google.primary, google.fallback);
    assert!(crate::catalogue::Regions::known().find(&google.fallback).is_some());
    let mixed = Pair::choose(None, Some(SEOUL), Some("westeurope"));
    assert!(!mixed.fallback_is_named, "{mixed:?}");
    assert!(Pair::choose(None, Some("mars-1"), Some("westeurope")).fallback_is_named);
    assert!(!Pair::choose(Some(SEOUL), Some(SEOUL), None).differs());
}

#[test]
fn what_names_the_primary_is_carried_over() {
    let pair = pair();
    let list = |items: &[&str]| Value::List(items.iter().map(|item| text(item)).collect());
    assert_eq!(pair.carried(&text(TOKYO)), text(SEOUL));
    // The second zone that is offered, not the one of the same letter; and by id.
    assert_eq!(pair.carried(&text("ap-northeast-1c")), text("ap-northeast-2b"));
    assert_eq!(pair.carried(&text("apne1-az4")), text("apne2-az3"));
    assert_eq!(
        pair.carried(&list(&["ap-northeast-1a", "x", "us-east-1"])),
        list(&["ap-northeast-2a", "x", "us-east-1"])
    );
    for same in ["ap-northeast-12", "arn:aws:sqs:ap-northeast-1:1:q", "logs-ap-northeast-1", ""] {
        assert_eq!(pair.carried(&text(same)), text(same));
    }
}

#[test]
fn variables_of_a_region_are_set_and_those_of_another_place_are_not() {
    let (_dir, repository) = checkout(&[(
        "main.tf",
        r#"
        variable "region" {}
        variable "aws_region" { default = null }
        variable "location" { default = "" }
        variable "dr_region" {}
        variable "replica_region" {}
        variable "image" {}
        variable "zones" { default = ["ap-northeast-1a"] }
        variable "edge_region" { default = "us-east-1" }
        variable "name" { default = "shop" }
        "#,
    )]);
    let root = repository.module(Path::new("")).unwrap();
    let there = BTreeMap::from([("name".to_owned(), text("seoul"))]);
    let base = BTreeMap::from([("image".to_owned(), text("x"))]);
    let made = variables(root, &pair(), &base, &there);
    let shown = |values: &BTreeMap<String, Value>| {
        values.iter().map(|(name, value)| format!("{name} = {value:?}")).collect::<Vec<_>>()
    };
    assert_eq!(
        shown(&made.primary),
        [
            "aws_region = String(\"ap-northeast-1\")",
            "image = String(\"x\")",
            "location = String(\"ap-northeast-1\")",
            "region = String(\"ap-northeast-1\")",
        ]
    );
    assert_eq!(
        shown(&made.fallback),
        [
            "aws_region = String(\"ap-northeast-2\")",
            "image = String(\"x\")",
            "location = String(\"ap-northeast-2\")",
            "name = String(\"seoul\")",
            "region = String(\"ap-northeast-2\")",
            "zones = List([String(\"ap-northeast-2a\")])",
        ]
    );
}

#[test]
fn the_region_of_a_root_is_not_that_of_its_aliases() {
    let (_dir, repository) = checkout(&[(
        "main.tf",
        r#"
        variable "region" {}
        provider "aws" { region = var.region }
        provider "aws" {
          alias  = "a"
          region = "us-east-1"
        }
        provider "aws" {
          alias  = "b"
          region = "us-east-1"
        }
        locals {
          here  = "eu-west-2"
          asked = var.region == "us-west-1"
        }
        "#,
    )]);
    let own = slots(repository.module(Path::new("")).unwrap());
    let named = most_named(&own.iter().collect::<Vec<_>>());
    assert_eq!(named.as_deref(), Some("eu-west-2"));
}

#[test]
fn providers_point_where_they_would_if_what_names_the_primary_were_moved() {
    let files = [
        (
            "main.tf",
            r#"
            variable "region" {}
            provider "aws" { region = var.region }
            provider "aws" {
              alias  = "fixed"
              region = "ap-northeast-1"
            }
            provider "aws" {
              alias  = "edge"
              region = "us-east-1"
            }
            provider "google" { region = null }
            module "plain" { source = "./m" }
            module "passed" {
              source    = "./m"
              providers = { aws.edge = aws.edge, google = google.unknown }
            }
            module "swapped" {
              source    = "./m"
              providers = { aws = aws.edge }
            }
            "#,
        ),
        (
            "m/main.tf",
            r#"
            provider "aws" {}
            data "aws_region" "current" {}
            output "region" { value = data.aws_region.current.name }
            "#,
        ),
    ];
    look(&files, &[], |subject| {
        let homes = &subject.root().homes;
        assert_eq!(homes["aws"], home(TOKYO, SEOUL));
        assert_eq!(homes["aws.fixed"], home(TOKYO, SEOUL));
        assert_eq!(homes["aws.edge"], home("us-east-1", "us-east-1"));
        assert_eq!(homes["google"], home(TOKYO, SEOUL), "the environment says");
        let plain = call(subject, "module.plain");
        assert_eq!(plain.homes["aws"], home(TOKYO, SEOUL));
        assert!(!plain.homes.contains_key("aws.edge"));
        let passed = call(subject, "module.passed");
        assert_eq!(passed.homes["aws"], home(TOKYO, SEOUL));
        assert_eq!(passed.homes["aws.edge"], home("us-east-1", "us-east-1"));
        assert_eq!(passed.homes["google"], Home::default());
        let swapped = call(subject, "module.swapped");
        assert_eq!(swapped.homes["aws"], home("us-east-1", "us-east-1"));
        assert_eq!(output(plain, "region"), (text(TOKYO), text(SEOUL)));
        assert_eq!(output(swapped, "region"), (text("us-east-1"), text("us-east-1")));
    });
}

#[test]
fn calls_are_seen_beside_what_they_become_in_the_fallback() {
    let files = [
        (
            "main.tf",
            r#"
            variable "region" {}
            variable "zones" { type = list(string) }
            module "here" {
              source = "./m"
              name   = "here"
              count  = var.region == "ap-northeast-1" ? 1 : 0
            }
            module "there" {
              source = "./m"
              name   = "there"
              count  = var.region == "ap-northeast-1" ? 0 : 1
            }
            module "zone" {
              source   = "./m"
              for_each = toset(var.zones)
              name     = each.key
            }
            module "one" {
              source = "./m"
              name   = "logs-${var.region}"
            }
            "#,
        ),
        ("m/main.tf", "variable \"name\" {}\noutput \"name\" { value = var.name }\n"),
    ];
    let zones = Value::List([text("ap-northeast-1a"), text("ap-northeast-1c")].into());
    look(&files, &[("zones", zones)], |subject| {
        assert_eq!(
            addresses(subject),
            [
                "",
                "module.zone[\"ap-northeast-1a\"]",
                "module.zone[\"ap-northeast-1c\"]",
                "module.one",
                "module.there[0]",
            ]
        );
        let name = |address: &str| output(call(subject, address), "name");
        assert_eq!(
            name("module.zone[\"ap-northeast-1c\"]"),
            (text("ap-northeast-1c"), text("ap-northeast-2b"))
        );
        assert_eq!(name("module.one"), (text("logs-ap-northeast-1"), text("logs-ap-northeast-2")));
        let inner = call(subject, "module.one");
        assert!(subject.caller(inner).unwrap().is_root());
        assert_eq!(subject.slots_of(inner).len(), 1);
        assert_eq!(inner.module.dir, PathBuf::from("m"));
    });
}

#[test]
fn data_sources_tell_the_region_that_they_are_asked_in() {
    let files = [(
        "main.tf",
        r#"
        variable "region" {}
        provider "aws" { region = var.region }
        data "aws_region" "current" {}
        data "aws_availability_zones" "all" {}
        data "aws_availability_zones" "some" { state = "available" }
        data "aws_partition" "current" {}
        output "region" { value = data.aws_region.current.name }
        output "first" { value = data.aws_availability_zones.all.names[0] }
        output "last" { value = data.aws_availability_zones.some.names[2] }
        output "suffix" { value = data.aws_partition.current.dns_suffix }
        "#,
    )];
    look(&files, &[], |subject| {
        let both = |name: &str| output(subject.root(), name);
        assert_eq!(both("region"), (text(TOKYO), text(SEOUL)));
        assert_eq!(both("first"), (text("ap-northeast-1a"), text("ap-northeast-2a")));
        assert_eq!(both("last"), (text("ap-northeast-1d"), text("ap-northeast-2c")));
        assert_eq!(both("suffix"), (text("amazonaws.com"), text("amazonaws.com")));
    });
}
