//! `drctl rehearse`: whole repositories rebuilt by the real Terraform on the simulated cloud.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{fs, process::Command};

fn rehearse(env: &Env, more: &[&str]) -> Output {
    let base = ["rehearse", "--region", "ap-northeast-2", "--time-scale", "1000"];
    env.run(&base.iter().chain(more).copied().collect::<Vec<_>>())
}

fn report(env: &Env) -> Value {
    serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap()
}

const RUNBOOK: &str = r#"
service "shop" {
  rto     = "4h"
  primary = "ap-northeast-1"
}

region "ap-northeast-2" {
  replace = { "ami-12345678" = "ami-87654321" }
}

stack "network" {
  path = "network"
}

stack "web" {
  path      = "web"
  variables = { subnets = stack.network.outputs.subnets }
}
"#;

const NETWORK: &str = r#"
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.40"
    }
  }
  backend "s3" {
    bucket = "primary-state"
    key    = "network"
    region = "ap-northeast-1"
  }
}

provider "aws" {
  region = "ap-northeast-1"
}

data "aws_availability_zones" "here" {}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "each" {
  for_each          = toset(slice(data.aws_availability_zones.here.names, 0, 2))
  vpc_id            = aws_vpc.main.id
  availability_zone = each.value
  cidr_block        = cidrsubnet(aws_vpc.main.cidr_block, 8, index(data.aws_availability_zones.here.names, each.value))
}

output "subnets" {
  value = [for subnet in aws_subnet.each : subnet.id]
}
"#;

const WEB: &str = r#"
provider "aws" {}

variable "subnets" {
  type = list(string)
}

resource "aws_security_group" "web" {
  name = "web"
  dynamic "ingress" {
    for_each = [80, 443]
    content {
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }
}

resource "aws_instance" "web" {
  count                  = length(var.subnets)
  ami                    = "ami-12345678"
  instance_type          = "t3.micro"
  subnet_id              = var.subnets[count.index]
  vpc_security_group_ids = [aws_security_group.web.id]
}

resource "weird_thing" "x" {
  score = length(aws_instance.web) + 1
}

output "addresses" {
  value = aws_instance.web[*].private_ip
}
"#;

fn shop() -> Env {
    Env::with(&[("drctl.hcl", RUNBOOK), ("network/main.tf", NETWORK), ("web/main.tf", WEB)])
}

#[test]
fn a_service_is_rebuilt_without_an_account_and_removed_again() {
    let env = shop();
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    let report = report(&env);
    assert_eq!(report["summary"], "met");
    assert_eq!(report["run"]["kind"], "rehearsal");
    assert_eq!(report["simulated"]["dark"][0], "ap-northeast-1");
    let created =
        report["resources"].as_array().unwrap().iter().filter(|r| r["action"] == "create");
    assert_eq!(created.count(), 7, "{output}");
    let removed: Vec<_> = report["removals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["step"].as_str().unwrap())
        .collect();
    assert_eq!(removed, ["web", "network"], "the last first");
    for plan in report["second_plans"].as_array().unwrap() {
        assert_eq!(plan["changes"], serde_json::json!({}), "a second plan is clean: {output}");
    }
    assert_eq!(report["second_plans"].as_array().unwrap().len(), 2);
    assert!(output.stdout.contains("a rehearsal: the cloud was simulated"), "{output}");
    assert_eq!(env.run(&["report"]).stdout, output.stdout);
}

#[test]
fn the_same_seed_makes_the_same_cloud() {
    let made = || -> Vec<(String, String)> {
        let env = shop();
        assert_eq!(rehearse(&env, &["--seed", "7", "--keep"]).code, Some(0));
        let listed = env.run(&["sim", "ls", "--json"]).stdout;
        let objects = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut made: Vec<_> = objects
            .map(|o| (o["type"].as_str().unwrap().into(), o["id"].as_str().unwrap().into()))
            .collect();
        made.sort();
        made
    };
    assert_eq!(made(), made());
}

#[test]
fn what_is_kept_can_be_listed_broken_and_destroyed() {
    let env = shop();
    assert_eq!(rehearse(&env, &["--keep"]).code, Some(0));
    let listed = env.run(&["sim", "ls", "--type", "aws_instance"]);
    assert_eq!(listed.code, Some(0), "{listed}");
    assert!(
        listed.stdout.contains("2 object(s)") && listed.stdout.contains("ap-northeast-2"),
        "{listed}"
    );
    let id = env.run(&["sim", "ls", "--type", "aws_vpc", "--json"]);
    let vpc: Value = serde_json::from_str(id.stdout.lines().next().unwrap()).unwrap();
    let broken = env.run(&["sim", "break", vpc["id"].as_str().unwrap()]);
    assert_eq!(broken.code, Some(0), "{broken}");
    assert!(env.run(&["sim", "ls"]).stdout.contains("broken"));
    assert_eq!(env.run(&["sim", "destroy"]).code, Some(0));
    assert_eq!(env.run(&["sim", "ls"]).code, Some(2));
}

#[test]
fn a_fault_of_the_cloud_is_told_in_its_words() {
    let env = shop();
    let scenario = env.root().join("scenario.json");
    fs::write(
        &scenario,
        r#"{"quotas":[{"on":{"types":["aws_instance"],"region":"ap-northeast-2"},"limit":1}]}"#,
    )
    .unwrap();
    let output = rehearse(&env, &["--scenario", scenario.to_str().unwrap()]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.contains("aws_instance.web["), "{output}");
    assert!(output.stdout.to_lowercase().contains("limit"), "{output}");
}

#[test]
fn a_stack_that_still_needs_the_primary_fails_as_in_life() {
    let env = Env::with(&[
        (
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"1h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"only\" {\n  path = \"only\"\n}\n",
        ),
        (
            "only/main.tf",
            "provider \"aws\" {\n  region = \"us-west-2\"\n}\nprovider \"aws\" {\n  alias = \"old\"\n  region = var.old\n}\nvariable \"old\" {\n  default = \"ap-northeast-1\"\n}\ndata \"aws_vpc\" \"old\" {\n  provider = aws.old\n  id = \"vpc-1\"\n}\nresource \"aws_subnet\" \"x\" {\n  vpc_id = data.aws_vpc.old.id\n}\n",
        ),
    ]);
    // The alias follows the region, unless the runbook pins it to the primary.
    assert_eq!(rehearse(&env, &[]).code, Some(0));
    env.commit(&[("drctl.hcl", "service \"shop\" {\n  rto = \"1h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"only\" {\n  path = \"only\"\n  variables = { old = primary }\n}\n")]);
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.contains("data.aws_vpc.old"), "{output}");
}

#[test]
fn values_of_the_runbook_come_before_all_others() {
    let env = Env::with(&[
        (
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"1h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"only\" {\n  path = \".\"\n}\nsimulate \"data.acme_lookup\" {\n  path = \"gs://bucket-${region}/x\"\n}\n",
        ),
        (
            "main.tf",
            "terraform {\n  required_providers {\n    acme = {\n      source = \"example.com/corp/acme\"\n    }\n  }\n}\ndata \"acme_lookup\" \"x\" {}\nresource \"acme_thing\" \"y\" {\n  path = data.acme_lookup.x.path\n  lifecycle {\n    precondition {\n      condition     = startswith(data.acme_lookup.x.path, \"gs://bucket-ap-northeast-2/\")\n      error_message = \"not there\"\n    }\n  }\n}\n",
        ),
    ]);
    let output = rehearse(&env, &[]);
    // A provider that nobody knows is in no region, so only the value decides.
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn a_remote_state_has_the_outputs_of_the_stack_that_keeps_it() {
    let reads = |key: &str| {
        format!(
            "data \"terraform_remote_state\" \"a\" {{\n  backend = \"s3\"\n  config = {{\n    bucket = \"b\"\n    key = \"{key}\"\n    region = \"ap-northeast-1\"\n  }}\n}}\nresource \"terraform_data\" \"x\" {{\n  input = data.terraform_remote_state.a.outputs.name\n  lifecycle {{\n    precondition {{\n      condition = data.terraform_remote_state.a.outputs.name == \"from the first\"\n      error_message = \"another value\"\n    }}\n  }}\n}}\n"
        )
    };
    let env = Env::with(&[
        (
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"1h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"first\" {\n  path = \"one\"\n}\nstack \"second\" {\n  path = \"two\"\n  needs = [\"first\"]\n}\n",
        ),
        (
            "one/main.tf",
            "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"live/first.tfstate\"\n    region = \"ap-northeast-1\"\n  }\n}\noutput \"name\" {\n  value = \"from the first\"\n}\n",
        ),
        ("two/main.tf", &reads("live/first.tfstate")),
    ]);
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    env.commit(&[("two/main.tf", &reads("live/other.tfstate"))]);
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.contains("another value"), "{output}");
}

#[test]
fn a_hostile_repository_cannot_touch_the_host() {
    let env = Env::new();
    let mark = env.root().join("touched");
    let mark = mark.display();
    env.commit(&[
        ("drctl.hcl", &format!("service \"shop\" {{\n  rto = \"1h\"\n  primary = \"ap-northeast-1\"\n}}\nstack \"only\" {{\n  path = \"only\"\n}}\ncommand \"evil\" {{\n  needs = [\"only\"]\n  run = [\"touch\", \"{mark}\"]\n}}\nprobe \"command\" \"evil\" {{\n  run = [\"touch\", \"{mark}\"]\n}}\nrecovery_point \"evil\" {{\n  run = [\"touch\", \"{mark}\"]\n}}\n")),
        ("only/main.tf", &format!("resource \"terraform_data\" \"a\" {{\n  provisioner \"local-exec\" {{\n    command = \"touch {mark}\"\n  }}\n  provisioner \"local-exec\" {{\n    when = destroy\n    command = \"touch {mark}\"\n  }}\n}}\nresource \"null_resource\" \"b\" {{\n  provisioner \"local-exec\" {{\n    command = \"touch {mark}\"\n    environment = {{ REGION = \"ap-northeast-1\" }}\n  }}\n}}\ndata \"external\" \"c\" {{\n  program = [\"touch\", \"{mark}\"]\n}}\nresource \"local_file\" \"d\" {{\n  filename = \"{mark}\"\n  content = \"x\"\n}}\ndata \"archive_file\" \"e\" {{\n  type = \"zip\"\n  source_content = \"x\"\n  source_content_filename = \"x\"\n  output_path = \"{mark}\"\n}}\nmodule \"m\" {{\n  source = \"../m\"\n}}\n")),
        ("only/a_override.tf", &format!("resource \"null_resource\" \"b\" {{\n  provisioner \"local-exec\" {{\n    command = \"touch {mark}\"\n  }}\n}}\n")),
        ("m/main.tf.json", &format!("{{\"resource\":{{\"null_resource\":{{\"z\":{{\"provisioner\":[{{\"local-exec\":{{\"command\":\"touch {mark}\"}}}}]}}}}}}}}")),
    ]);
    let output = rehearse(&env, &[]);
    assert!(!env.root().join("touched").exists(), "{output}");
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("is outside of the scratch copy"), "{output}");
    env.commit(&[("only/zzzz_override.tf", "")]);
    assert_eq!(rehearse(&env, &[]).code, Some(4), "an override that would win is refused");
}

#[test]
fn two_rehearsals_at_once_do_not_meet() {
    let (one, two) = (shop(), shop());
    let args = ["rehearse", "--region", "ap-northeast-2", "--time-scale", "1000"];
    let (a, b) = (one.spawn(&args), two.spawn(&args));
    let (a, b) =
        (one.output(a.wait_with_output().unwrap()), two.output(b.wait_with_output().unwrap()));
    assert_eq!((a.code, b.code), (Some(0), Some(0)), "{a}\n{b}");
}

#[test]
fn the_worked_example_is_rebuilt() {
    let env = Env::new();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/terraform");
    let copied = Command::new("cp").args(["-R", source]).arg(env.repo()).status().unwrap();
    assert!(copied.success());
    env.commit(&[]);
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    let report = report(&env);
    assert!(report["resources"].as_array().unwrap().len() > 60, "{output}");
    assert_eq!(report["invented"].as_array().unwrap().len(), 0, "{output}");
}

#[test]
fn the_tests_of_a_repository_run_offline() {
    let code = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\nvariable \"name\" {\n  type = string\n}\nterraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key = \"k\"\n    region = \"ap-northeast-1\"\n  }\n}\nresource \"aws_s3_bucket\" \"this\" {\n  bucket = var.name\n}\n";
    // The code itself never asks for the ARN.
    let tests = "variables {\n  name = \"docs\"\n}\nrun \"made\" {\n  assert {\n    condition     = aws_s3_bucket.this.arn == \"arn:aws:s3:::docs\"\n    error_message = \"no such ARN\"\n  }\n}\nrun \"named\" {\n  command = plan\n  assert {\n    condition     = aws_s3_bucket.this.bucket == \"other\"\n    error_message = \"another name\"\n  }\n}\n";
    let env = Env::with(&[("store/main.tf", code), ("store/tests/store.tftest.hcl", tests)]);
    let output = rehearse(&env, &["--tests"]);
    insta::assert_snapshot!(output, @"
    --- stdout
    PASS   store/tests/store.tftest.hcl  made
    FAIL   store/tests/store.tftest.hcl  named
           Test assertion failed at tests/store.tftest.hcl:13:21: another name
    --- stderr
    1 passed, 1 failed, in 1 module(s); nothing real was made
    --- exit 1
    ");
    env.commit(&[("store/tests/store.tftest.hcl", &tests.replace("other", "docs"))]);
    let output = rehearse(&env, &["--tests", "--json"]);
    assert_eq!(output.code, Some(0), "{output}");
    let runs: Vec<Value> =
        output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run["status"] == "pass"), "{output}");
}

#[test]
fn a_repository_without_tests_is_told_so() {
    let output = rehearse(&shop(), &["--tests"]);
    insta::assert_snapshot!(output, @"
    --- stderr
    error: the repository has no tests
      hint: Write one: `*.tftest.hcl` beside a module's code, or in its folder `tests`
    --- exit 2
    ");
}

#[test]
fn the_modules_that_only_tests_call_cannot_touch_the_host_either() {
    let env = Env::new();
    let mark = env.root().join("touched");
    let evil = format!(
        "resource \"null_resource\" \"a\" {{\n  provisioner \"local-exec\" {{\n    command = \"touch {}\"\n  }}\n}}\noutput \"id\" {{\n  value = null_resource.a.id\n}}\n",
        mark.display()
    );
    env.commit(&[
        ("main.tf", "variable \"id\" {\n  default = \"\"\n}\noutput \"id\" {\n  value = var.id\n}\n"),
        ("tests/setup/main.tf", &evil),
        ("tests/a.tftest.hcl", "run \"setup\" {\n  module {\n    source = \"./tests/setup\"\n  }\n}\nrun \"uses\" {\n  variables {\n    id = run.setup.id\n  }\n  assert {\n    condition     = output.id != \"\"\n    error_message = \"no id\"\n  }\n}\n"),
    ]);
    let output = rehearse(&env, &["--tests"]);
    assert!(!mark.exists(), "{output}");
    assert_eq!(output.code, Some(0), "{output}");
}
