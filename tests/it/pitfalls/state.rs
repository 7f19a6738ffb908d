//! A recovery that touches the primary, or hangs on it.

use super::{Silent, only, refused, rehearse, runbook, shell, state};
use crate::support::Env;
use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

const MADE: &str = "resource \"terraform_data\" \"x\" {\n  input = \"made\"\n}\n";

/// The primary's state, kept where its code says: in a file of the test.
fn primary_with_a_state(env: &Env) -> String {
    let path = env.root().join("primary.tfstate").display().to_string();
    let code =
        format!("terraform {{\n  backend \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n{MADE}");
    env.commit(&[("drctl.hcl", &runbook(&["only"], "")), ("only/main.tf", &code)]);
    let primary = env.root().join("primary");
    let line = format!(
        "cp -R '{}/only' '{}' && cd '{}' && terraform init -no-color >/dev/null && terraform apply -auto-approve -no-color >/dev/null",
        env.repo().display(),
        primary.display(),
        primary.display()
    );
    assert!(Command::new("sh").arg("-c").arg(line).status().unwrap().success());
    path
}

#[test]
fn the_primarys_state_is_byte_identical_and_its_backend_sees_no_request() {
    let silent = Silent::start();
    let address = format!("http://127.0.0.1:{}/state", silent.port);
    let env = only(&format!(
        "terraform {{\n  backend \"http\" {{\n    address        = \"{address}\"\n    lock_address   = \"{address}\"\n    unlock_address = \"{address}\"\n  }}\n}}\n{MADE}"
    ));
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(silent.connections(), 0, "the primary's backend was asked");

    let env = Env::new();
    let path = primary_with_a_state(&env);
    let before = fs::read(&path).unwrap();
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn the_naive_flip_over_the_primarys_state_is_refused() {
    let env = Env::new();
    let path = primary_with_a_state(&env);
    let before = fs::read(&path).unwrap();
    let declared = format!(
        "region \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n"
    );
    env.commit(&[("drctl.hcl", &runbook(&["only"], &declared))]);
    insta::assert_snapshot!(refused(&env), @"only: drctl.hcl:9:3: the state of `only` would be written over the primary's state of `only`");
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_state_that_already_holds_something_is_refused() {
    let env = Env::new();
    let path = primary_with_a_state(&env);
    // The code does not say that this is where its state is, so only the plan can tell.
    let declared = format!(
        "region \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n"
    );
    env.commit(&[("drctl.hcl", &runbook(&["only"], &declared)), ("only/main.tf", MADE)]);
    let before = fs::read(&path).unwrap();
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stdout.contains("the state already holds 1 resource(s)"), "{output}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_later_run_of_the_same_state_shows_what_it_takes_away_and_needs_a_yes() {
    let env = Env::new();
    let path = env.root().join("dr.tfstate").display().to_string();
    let declared = format!(
        "region \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n"
    );
    env.commit(&[("drctl.hcl", &runbook(&["only"], &declared)), ("only/main.tf", MADE)]);
    assert_eq!(env.failover(&[]).code, Some(6));

    let again = env.failover(&["--again"]);
    assert_eq!(again.code, Some(6), "nothing changes, so nothing is asked\n{again}");

    env.commit(&[("only/main.tf", "resource \"terraform_data\" \"y\" {}\n")]);
    let refused = env.failover(&["--again"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(refused.stdout.contains("`terraform_data.x`: would be deleted"), "{refused}");
    let (_, rest) = refused.stderr.split_once("--accept-changes ").unwrap();
    let digest: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    let yes = env.failover(&["--again", "--accept-changes", &digest]);
    assert_eq!(yes.code, Some(6), "{yes}");
    assert!(!fs::read_to_string(&path).unwrap().contains("\"name\": \"x\""));
}

#[test]
fn an_import_block_is_refused_with_its_place() {
    let env = only(&format!("import {{\n  to = terraform_data.x\n  id = \"old\"\n}}\n{MADE}"));
    insta::assert_snapshot!(refused(&env), @"only: only/main.tf:1:1: this block would take an object that is there already, the primary's, into the fallback's state");
}

#[test]
fn prevent_destroy_protects_nothing_and_stops_nothing() {
    let env = only(
        "resource \"terraform_data\" \"x\" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n",
    );
    assert_eq!(env.failover(&[]).code, Some(6));
    assert_eq!(state(&env, "only")["resources"].as_array().unwrap().len(), 1);
}

#[test]
fn a_check_block_that_fails_is_a_note_and_no_failure() {
    let env = only(&format!(
        "{MADE}check \"c\" {{\n  assert {{\n    condition     = terraform_data.x.output == \"other\"\n    error_message = \"not the other\"\n  }}\n}}\n"
    ));
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert!(output.stdout.contains("not the other"), "{output}");
}

#[test]
fn a_backend_is_replaced_whole_also_a_partial_one_and_a_cloud_block() {
    for settings in [
        "backend \"s3\" {}",
        "backend \"s3\" {\n    bucket = \"b\"\n    key    = \"k\"\n    region = \"ap-northeast-1\"\n  }",
        "cloud {\n    organization = \"acme\"\n    workspaces {\n      name = \"prod\"\n    }\n  }",
    ] {
        let output = only(&format!("terraform {{\n  {settings}\n}}\n{MADE}")).failover(&[]);
        assert_eq!(output.code, Some(6), "{settings}: {output}");
    }
}

#[test]
fn a_workspace_in_the_environment_is_not_selected() {
    let env = only(MADE);
    let args = env.failover_args(&[]);
    let mut command = env.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("TF_WORKSPACE", "prod").env("TF_DATA_DIR", "/nowhere");
    let output = env.output(command.output().unwrap());
    assert_eq!(output.code, Some(6), "{output}");
}

#[test]
fn what_an_earlier_init_left_is_made_anew() {
    let env = only(MADE);
    // A kill in `init` leaves this file empty, and the next `init` cannot read it.
    env.commit(&[("only/.terraform/terraform.tfstate", "")]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
}

#[test]
fn a_state_file_that_was_committed_is_not_used() {
    let env = only(MADE);
    let old = r#"{"version":4,"terraform_version":"1.11.4","serial":7,"lineage":"old","outputs":{},"resources":[{"mode":"managed","type":"terraform_data","name":"x","provider":"provider[\"terraform.io/builtin/terraform\"]","instances":[{"schema_version":0,"attributes":{"id":"old","input":null,"output":null,"triggers_replace":null}}]}]}"#;
    env.commit(&[("only/terraform.tfstate", old)]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_ne!(state(&env, "only")["lineage"], "old");
    assert_eq!(fs::read_to_string(env.repo().join("only/terraform.tfstate")).unwrap(), old);
}

#[test]
fn a_remote_state_in_a_dead_region_is_never_asked() {
    let silent = Silent::start();
    let address = format!("http://127.0.0.1:{}/network", silent.port);
    let network = format!(
        "terraform {{\n  backend \"http\" {{\n    address = \"{address}\"\n  }}\n}}\nresource \"terraform_data\" \"net\" {{\n  input = \"10.20.0.0/16\"\n}}\noutput \"cidr\" {{\n  value = terraform_data.net.output\n}}\n"
    );
    let data = format!(
        "data \"terraform_remote_state\" \"net\" {{\n  backend = \"http\"\n  config = {{\n    address = \"{address}\"\n  }}\n}}\nresource \"terraform_data\" \"x\" {{\n  input = data.terraform_remote_state.net.outputs.cidr\n}}\n"
    );
    // The runbook does not say which comes first: what one reads of the other does.
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["data", "network"], "")),
        ("network/main.tf", &network),
        ("data/main.tf", &data),
    ]);
    let began = Instant::now();
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(silent.connections(), 0);
    assert!(began.elapsed() < Duration::from_secs(60), "nothing waited for it");
    let text = state(&env, "data").to_string();
    assert!(text.contains("10.20.0.0/16"), "{text}");
}

#[test]
fn a_remote_state_that_no_stack_makes_is_refused_with_its_place() {
    let env = only(
        "data \"terraform_remote_state\" \"other\" {\n  backend = \"s3\"\n  config = {\n    bucket = \"b\"\n    key    = \"k\"\n    region = \"ap-northeast-1\"\n  }\n}\n",
    );
    insta::assert_snapshot!(refused(&env), @"only: only/main.tf:1:1: `data.terraform_remote_state.other` reads a state in the primary region, which no stack of the runbook produces");
}

#[test]
fn a_rehearsal_asks_no_declared_backend() {
    let silent = Silent::start();
    let address = format!("http://127.0.0.1:{}/state", silent.port);
    let declared = format!(
        "region \"ap-northeast-2\" {{\n  state \"http\" {{\n    address = \"{address}/${{stack}}\"\n  }}\n}}\n"
    );
    let env = Env::with(&[("drctl.hcl", &runbook(&["only"], &declared)), ("only/main.tf", MADE)]);
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(silent.connections(), 0);
}

#[test]
fn two_stacks_with_one_state_are_refused() {
    let declared = "region \"ap-northeast-2\" {\n  state \"s3\" {\n    bucket = \"dr\"\n    key    = \"shop.tfstate\"\n    region = region\n  }\n}\n";
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["a", "b"], declared)),
        ("a/main.tf", MADE),
        ("b/main.tf", MADE),
    ]);
    insta::assert_snapshot!(refused(&env), @r"
    a: drctl.hcl:12:3: `a` and `b` would share one state, and each would remove what the other made
    b: drctl.hcl:12:3: `b` and `a` would share one state, and each would remove what the other made
    ");
}

#[test]
fn a_state_in_the_region_that_is_down_is_refused() {
    let declared = "region \"ap-northeast-2\" {\n  state \"s3\" {\n    bucket = \"dr\"\n    key    = stack\n    region = primary\n  }\n}\n";
    let env = Env::with(&[("drctl.hcl", &runbook(&["a"], declared)), ("a/main.tf", MADE)]);
    insta::assert_snapshot!(refused(&env), @"a: drctl.hcl:12:14: the state of `a` would be kept in the primary region, which is the one that is down");
}

#[test]
fn the_state_is_durable_private_and_handed_over() {
    let env = only(MADE);
    assert_eq!(env.failover(&[]).code, Some(6));
    let runs = env.home().join("runs").display().to_string();
    assert!(shell(&format!("test -z \"$(find {runs} -type f -perm /077)\"")));
    let to = env.root().join("states").display().to_string();
    let output = env.run(&["state", "export", "--to", &to]);
    assert_eq!(output.code, Some(0), "{output}");
    let handed = env.root().join("states/only.tfstate");
    assert_eq!(
        fs::metadata(&handed)
            .map(|m| std::os::unix::fs::PermissionsExt::mode(&m.permissions()) & 0o777)
            .unwrap(),
        0o600
    );
    let twice = env.run(&["state", "export", "--to", &to]);
    assert_eq!(twice.code, Some(3), "what is there is not written over\n{twice}");
    insta::assert_snapshot!(env.run(&["state", "list"]), @r"
    --- stdout
    only                 1 version(s), serial 1
    --- exit 0
    ");
    // Terraform takes it over into another backend.
    let takes = format!(
        "cd '{}' && mkdir taken && cp '{}/only/main.tf' taken/ && cd taken && terraform init -no-color >/dev/null && terraform state push ../states/only.tfstate && terraform plan -detailed-exitcode -no-color >/dev/null",
        env.root().display(),
        env.repo().display()
    );
    assert!(shell(&takes), "{takes}");
}
