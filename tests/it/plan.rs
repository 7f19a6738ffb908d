//! `drctl plan`: how each layout says its region, and what stands in the way.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{fs, path::Path};

/// A repository of `fixtures/layouts`.
fn layout(name: &str) -> Env {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/layouts").join(name);
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    Env::with(&files)
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn plan(env: &Env, more: &[&str]) -> Output {
    env.run(&[&["plan", "--region", "ap-northeast-2"], more].concat())
}

/// The layout of each stack, as JSON has it.
fn layouts(env: &Env) -> Vec<String> {
    let json: Value = serde_json::from_str(&plan(env, &["--json"]).stdout).unwrap();
    let layout = |step: &Value| step["redirection"]["layout"].as_str().map(str::to_owned);
    json["steps"].as_array().unwrap().iter().filter_map(layout).collect()
}

#[test]
fn every_layout_is_told_apart() {
    for (name, expected) in [
        ("folders", vec!["directory", "directory"]),
        ("terragrunt", vec!["terragrunt"]),
        ("var-files", vec!["variable"]),
        ("alias-pair", vec!["alias_pair"]),
        ("workspaces", vec!["workspace_map"]),
    ] {
        assert_eq!(layouts(&layout(name)), expected, "{name}");
    }
}

#[test]
fn folders_are_pointed_elsewhere_and_an_image_is_refused() {
    insta::assert_snapshot!(plan(&layout("folders"), &[]), @r#"
    --- stdout
    Plan of `shop` to ap-northeast-2 (from ap-northeast-1)
      repository  $ENV/repo
      commit      [COMMIT]
      objectives  RTO [TIME], RPO none
      runs        Terraform [VERSION]

    Steps
      network: stack in live/ap-northeast-1/network
          layout: a folder for each region
          provider `aws` from ap-northeast-1 to ap-northeast-2 (override)  live/ap-northeast-1/network/main.tf:10:12
          provider `aws.edge` stays in us-east-1  live/ap-northeast-1/network/main.tf:15:12
          module `network`: `zones` from ap-northeast-1a to ap-northeast-2a (override)  live/ap-northeast-1/network/main.tf:20:14
          module `network`: `zones` from ap-northeast-1c to ap-northeast-2b (override)  live/ap-northeast-1/network/main.tf:20:33
          state: drctl's own
      data: stack in live/ap-northeast-1/data, after network
          layout: a folder for each region
          provider `aws` from ap-northeast-1 to ap-northeast-2 (override)  live/ap-northeast-1/data/main.tf:10:12
          data.terraform_remote_state.network: reads the new state of network  live/ap-northeast-1/data/main.tf:13:1
          state: drctl's own

    What must still be alive
      unknown: provider registry registry.terraform.io  live/ap-northeast-1/data/main.tf:22:1
      alive: state backend drctl's own, on this machine
      alive: remote state data.terraform_remote_state.network, made by the stack network  live/ap-northeast-1/data/main.tf:13:1
      alive: pinned region us-east-1 (provider aws.edge) in us-east-1

    Notes
      data: there is no folder for `ap-northeast-2`, so `live/ap-northeast-1/data` is pointed there
      network: there is no folder for `ap-northeast-2`, so `live/ap-northeast-1/network` is pointed there

    Digest [DIGEST]

    Refused, for 1 reason(s)
      data: live/ap-northeast-1/data/main.tf:23:16: `aws_instance.db`: `ami` names the machine image `ami-0f00dcafe0f00dcaf`, which is not in `ap-northeast-2`
        Say what stands for it: `--replace ami-0f00dcafe0f00dcaf=NEW`, or in the runbook `region "ap-northeast-2" { replace = { "ami-0f00dcafe0f00dcaf" = "NEW" } }`; the same on both sides keeps it
    --- exit 4
    "#);
}

#[test]
fn what_stands_for_an_image_can_be_said() {
    let env = layout("folders");
    let output = plan(&env, &["--replace", "ami-0f00dcafe0f00dcaf=ami-0123456789abcdef0"]);
    assert_eq!(output.code, Some(0), "{output}");
    let wrong = plan(&env, &["--replace", "ami"]);
    assert_eq!(wrong.code, Some(2), "{wrong}");
    assert!(wrong.stderr.contains("write it as `OLD=NEW`"), "{wrong}");
}

#[test]
fn a_terragrunt_unit_runs_its_module() {
    insta::assert_snapshot!(plan(&layout("terragrunt"), &[]), @r#"
    --- stdout
    Plan of `shop` to ap-northeast-2 (from ap-northeast-1)
      repository  $ENV/repo
      commit      [COMMIT]
      objectives  RTO [TIME], RPO none
      runs        Terraform [VERSION]

    Steps
      network: stack in modules/network
          layout: Terragrunt
          variable cidr = "10.0.0.0/16"
          variable zones = ["ap-northeast-2a","ap-northeast-2b"]
          provider `aws` to ap-northeast-2 (override)
          state: drctl's own

    What must still be alive
      unknown: provider registry registry.terraform.io  modules/network/main.tf:9:1
      alive: state backend drctl's own, on this machine

    Digest [DIGEST]
    --- exit 0
    "#);
}

#[test]
fn a_workspace_is_chosen_and_never_selected() {
    insta::assert_snapshot!(plan(&layout("workspaces"), &[]), @r"
    --- stdout
    Plan of `shop` to ap-northeast-2 (from ap-northeast-1)
      repository  $ENV/repo
      commit      [COMMIT]
      objectives  RTO [TIME], RPO none
      runs        Terraform [VERSION]

    Steps
      shop: stack in the root of the repository
          layout: region by workspace
          workspace: seoul
          provider `aws` from ap-northeast-1 to ap-northeast-2 (override)  main.tf:21:12
          state: drctl's own

    What must still be alive
      unknown: provider registry registry.terraform.io  main.tf:24:1
      alive: state backend drctl's own, on this machine

    Notes
      shop: main.tf:11:14: local `region` names the primary and the fallback, so `ap-northeast-1` is left as it is

    Digest [DIGEST]
    --- exit 0
    ");
}

#[test]
fn both_regions_in_one_root_are_refused_until_the_runbook_decides() {
    let env = layout("alias-pair");
    let output = plan(&env, &[]);
    assert_eq!(output.code, Some(4), "{output}");
    let runbook = fs::read_to_string(env.repo().join("drctl.hcl")).unwrap();
    // The copy of the fallback is turned on, and that of the primary left out.
    let decided = runbook.replace(
        "path = \".\"",
        "path      = \".\"\n  variables = { enable_dr = true }\n  providers = { \"aws.dr\" = region }",
    ) + "\nglobal \"aws_sqs_queue.orders\" {\n  decision = \"leave\"\n}\n";
    env.commit(&[("drctl.hcl", &decided)]);
    let output = plan(&env, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    let rehearsed = env.run(&["rehearse", "--region", "ap-northeast-2", "--time-scale", "1000"]);
    assert_eq!(rehearsed.code, Some(0), "{rehearsed}");
    assert!(rehearsed.stdout.contains("aws_sqs_queue.orders_dr[0]"), "{rehearsed}");
    assert!(!rehearsed.stdout.contains("aws_sqs_queue.orders\n"), "{rehearsed}");
}

#[test]
fn every_layout_that_can_be_moved_is_rebuilt_in_the_fallback() {
    for (name, replace) in [
        ("folders", Some("ami-0f00dcafe0f00dcaf=ami-0123456789abcdef0")),
        ("terragrunt", None),
        ("var-files", None),
        ("workspaces", None),
    ] {
        let env = layout(name);
        let base = ["rehearse", "--region", "ap-northeast-2", "--time-scale", "1000"];
        let replace: Vec<&str> = replace.iter().flat_map(|r| ["--replace", *r]).collect();
        let output = env.run(&[&base[..], &replace].concat());
        assert_eq!(output.code, Some(0), "{name}: {output}");
        let report = env.run(&["report", "--json"]);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        for step in report["steps"].as_array().unwrap() {
            for placed in step["placed"].as_array().unwrap() {
                let region = placed["region"].as_str();
                let pinned = placed["address"] == "aws_acm_certificate.front";
                let expected = if pinned { "us-east-1" } else { "ap-northeast-2" };
                assert_eq!(region, Some(expected), "{name}: {placed}");
            }
        }
    }
}

#[test]
fn a_failover_is_refused_before_anything_is_done() {
    let env = layout("folders");
    let output = env.run(&["failover", "--region", "ap-northeast-2", "--dry-run"]);
    assert_eq!(output.code, Some(4), "{output}");
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("main.tf:23:16"), "{output}");
    assert!(!env.journal().iter().any(|event| event["event"] == "phase_started"));
}
