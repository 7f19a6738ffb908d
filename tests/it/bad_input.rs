//! Bad input and a bad machine: each gets a clear error, the right exit code, and loses nothing.

use crate::support::{Env, Output};
use std::{fs, os::unix::fs::PermissionsExt};

const ONE: &[(&str, &str)] = &[
    (
        "drctl.hcl",
        "service \"shop\" {\n  rto = \"30m\"\n  primary = \"ap-northeast-1\"\n}\nstack \"only\" {\n  path = \"only\"\n}\n",
    ),
    ("only/main.tf", "resource \"terraform_data\" \"this\" {}\n"),
];

fn dry(env: &Env, more: &[&str]) -> Output {
    let base = ["failover", "--region", "ap-northeast-2", "--dry-run"];
    env.run(&base.iter().chain(more).copied().collect::<Vec<_>>())
}

#[test]
fn no_repository() {
    let env = Env::new();
    insta::assert_snapshot!(dry(&env, &["--repo", "/nowhere/shop"]), @"
    --- stderr
    error: there is nothing at `/nowhere/shop`
      hint: Check the path, or give the URL of the repository
    --- exit 2
    ");
    insta::assert_snapshot!(dry(&env, &[]), @"
    --- stderr
    error: `$ENV` is not the root of a git repository
      hint: Run `git init $ENV` and commit, or give another path
    --- exit 2
    ");
}

#[test]
fn no_such_reference() {
    let env = Env::with(ONE);
    env.git(&["tag", "v1.42"]);
    insta::assert_snapshot!(dry(&env, &["--ref", "v1.43"]), @"
    --- stderr
    error: `$ENV/repo` has no branch, tag or commit `v1.43`
      hint: Did you mean `v1.42`?
    --- exit 2
    ");
}

#[test]
fn no_terraform() {
    let env = Env::with(ONE).path("/nowhere");
    insta::assert_snapshot!(dry(&env, &[]), @"
    --- stderr
    error: `terraform` is not a program that can be found
      hint: Install Terraform, or name another binary with `DRCTL_TERRAFORM=/path/to/terraform`
    --- exit 3
    ");
}

/// A program that says it is some Terraform.
fn program(env: &Env, script: &str) -> String {
    let path = env.root().join("terraform-of-the-test");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_terraform_that_is_too_old() {
    let env = Env::with(ONE);
    let old = program(&env, "echo 'Terraform v0.12.31'");
    insta::assert_snapshot!(dry(&env, &["--terraform", &old]), @r"
    --- stderr
    error: `$ENV/terraform-of-the-test` is Terraform [VERSION], and drctl needs at least 1.5.0
      hint: Install Terraform [VERSION] or newer, or name another binary with `DRCTL_TERRAFORM`
    --- exit 3
    ");
}

#[test]
fn a_program_that_is_no_terraform() {
    let env = Env::with(ONE);
    let other = program(&env, "echo hello");
    insta::assert_snapshot!(dry(&env, &["--terraform", &other]), @"
    --- stderr
    error: `$ENV/terraform-of-the-test` does not say that it is Terraform or OpenTofu
      hint: Run `$ENV/terraform-of-the-test version` and see what it is
    --- exit 3
    ");
}

#[test]
fn a_syntax_error_is_placed_where_terraform_places_it() {
    let env = Env::with(ONE);
    env.commit(&[("only/bad.tf", "resource \"terraform_data\" \"x\" {\n  input = \n}\n")]);
    insta::assert_snapshot!(dry(&env, &[]), @"
    --- stderr
    error: 1 file(s) of the stacks cannot be read:
      only/bad.tf:2:11: Invalid expression: Expected the start of an expression, but found an invalid expression token
      hint: Run `terraform fmt -check ./only` to see what Terraform says
    --- exit 2
    ");
}

#[test]
fn an_unknown_region() {
    let env = Env::with(ONE);
    insta::assert_snapshot!(env.run(&["failover", "--region", "ap-northest-2", "--dry-run"]), @r#"
    --- stderr
    error: there is no region `ap-northest-2` that drctl knows
      hint: Did you mean `ap-northeast-2`? If `ap-northest-2` is right, declare it: `region "ap-northest-2" {}` in the runbook
    --- exit 2
    "#);
    insta::assert_snapshot!(env.run(&["failover", "--region", "ap-northeast-1", "--dry-run"]), @"
    --- stderr
    error: `ap-northeast-1` is the primary region, which is the one to leave
      hint: Name the fallback region with `--region`
    --- exit 2
    ");
}

#[test]
fn every_mistake_of_a_runbook_is_told_at_once_with_its_place() {
    let env = Env::with(ONE);
    env.commit(&[(
        "drctl.hcl",
        r#"
service "shop" {
  rto = "half an hour"
  rop = "5m"
}

stack "only" {
  path  = "../elsewhere"
  needs = ["netwrok"]
}

stack "network" {
  path      = "only"
  variables = { a = stack.dta.outputs.x, b = stack.only.x, c = env.HOME }
}

nomad "web" {
}

probe "htp" "front" {
  url = "https://shop.example.com"
}

command "network" {
}
"#,
    )]);
    insta::assert_snapshot!(dry(&env, &[]), @r"
    --- stderr
    error: the runbook has 10 mistake(s):
      drctl.hcl:3:9: `rto`: `half an hour` is not a duration such as `90s`, `15m` or `1h30m`
      drctl.hcl:4:3: `service` has no attribute `rop`
        Did you mean `rpo`?
      drctl.hcl:8:11: `../elsewhere` leads out of the repository
        Write a path from the root of the repository
      drctl.hcl:14:21: there is no stack `dta`
        Known here: `only`, `network`
      drctl.hcl:14:46: `stack.only.x` names no output
        Write `stack.NAME.outputs.OUTPUT`
      drctl.hcl:14:64: a runbook knows nothing called `env`
        Known here: `region`, `primary`, `service`, `stack`
      drctl.hcl:17:1: a runbook has no block `nomad`
        Known here: `service`, `region`, `stack`, `command`, `container`, `compose`, `kubernetes`, `helm`, `dns`, `docker`, `cluster`, `probe`, `recovery_point`, `global`, `simulate`, `watch`, `notify`, `drill`, `prepare`, `chaos`, `kong`, `failback`
      drctl.hcl:20:7: there is no probe of kind `htp`
        Did you mean `http`?
      drctl.hcl:24:1: `command` needs the attribute `run`
      drctl.hcl:24:1: there is a step `network` already, at drctl.hcl:12:1
    --- exit 2
    ");
}

#[test]
fn steps_that_wait_for_each_other() {
    let env = Env::with(ONE);
    env.commit(&[
        ("drctl.hcl", "service \"shop\" {\n  rto = \"30m\"\n}\nstack \"a\" {\n  path = \"a\"\n  needs = [\"b\"]\n}\nstack \"b\" {\n  path = \"b\"\n  variables = { x = stack.a.outputs.y }\n}\n"),
        ("a/main.tf", "output \"y\" { value = 1 }\n"),
        ("b/main.tf", "variable \"x\" {}\n"),
    ]);
    insta::assert_snapshot!(dry(&env, &[]), @"
    --- stderr
    error: the runbook has 1 mistake(s):
      drctl.hcl:4:1: these steps wait for each other: `a` needs `b` needs `a`
        Remove one of these needs, or the output that is read for it
    --- exit 2
    ");
}

#[test]
fn a_runbook_that_does_not_fit_its_modules() {
    let env = Env::with(ONE);
    env.commit(&[
        ("drctl.hcl", "service \"shop\" {\n  rto = \"30m\"\n}\nregion \"ap-northeast-2\" {\n  variables = { nowhere = 1 }\n}\nstack \"a\" {\n  path = \"a\"\n  variables = { sise = 3 }\n}\nstack \"b\" {\n  path = \"b\"\n  variables = { x = stack.a.outputs.z }\n}\nstack \"c\" {\n  path = \"c\"\n}\n"),
        ("a/main.tf", "variable \"size\" {}\noutput \"y\" { value = 1 }\n"),
        ("b/main.tf", "variable \"x\" {}\n"),
    ]);
    insta::assert_snapshot!(dry(&env, &[]), @"
    --- stderr
    error: the runbook does not fit the repository:
      drctl.hcl:5:17: no stack declares the variable `nowhere`
        Known here: `size`, `x`
      drctl.hcl:9:17: `a` declares no variable `sise`
        Did you mean `size`?
      drctl.hcl:13:21: the stack `a` has no output `z`
        Did you mean `y`?
      drctl.hcl:15:1: `c` is no Terraform module
        Name a folder that holds `.tf` files, from the root of the repository
    --- exit 2
    ");
}

#[test]
fn several_root_modules_and_no_runbook() {
    let env = Env::with(&[
        ("network/main.tf", "provider \"aws\" {}\n"),
        ("data/main.tf", "provider \"aws\" {}\n"),
    ]);
    insta::assert_snapshot!(dry(&env, &["--rto", "30m"]), @r#"
    --- stderr
    error: there is no runbook, and 2 root modules to choose from
      hint: Commit a `drctl.hcl` such as this one:

            service "repo" {
              rto = "30m"
            }

            stack "data" {
              path = "data"
            }

            stack "network" {
              path = "network"
            }

      hint: Or take one alone: `--stack data`
    --- exit 2
    "#);
    assert_eq!(dry(&env, &["--rto", "30m", "--stack", "network"]).code, Some(0));
}

#[test]
fn no_objective() {
    let env = Env::with(&[("main.tf", "resource \"terraform_data\" \"this\" {}\n")]);
    insta::assert_snapshot!(dry(&env, &[]), @r#"
    --- stderr
    error: no recovery time objective is declared, so there is nothing to measure against
      hint: Give `--rto 30m`, or write `rto = "30m"` into the runbook's `service` block
    --- exit 2
    "#);
}

#[test]
fn nobody_at_the_terminal_and_no_digest() {
    let env = Env::with(ONE);
    let output = env.run(&["failover", "--region", "ap-northeast-2"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("nobody can confirm this failover"), "{output}");
    assert!(output.stderr.contains("--yes --expect-plan "), "{output}");
    let last = env.journal().pop().unwrap();
    assert_eq!(
        (last["event"].as_str(), last["outcome"].as_str()),
        (Some("run_finished"), Some("failed"))
    );
}

#[test]
fn another_plan_than_the_one_that_was_looked_at() {
    let env = Env::with(ONE);
    let args = env.failover_args(&[]);
    env.commit(&[("only/more.tf", "resource \"terraform_data\" \"more\" {}\n")]);
    let output = env.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("the plan is not the one that was expected"), "{output}");
}

#[test]
fn a_folder_that_cannot_be_made() {
    let env = Env::with(ONE);
    fs::write(env.home(), "a file where the folder should be").unwrap();
    let args = ["failover", "--region", "ap-northeast-2", "--yes", "--expect-plan", "000000000000"];
    let output = env.run(&args);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("hint: Set `DRCTL_HOME`"), "{output}");
}

/// A file may hold one block and no more, as on a disk that is full.
#[test]
fn a_journal_that_cannot_be_written_stops_the_run_before_anything_is_done() {
    let env = Env::with(ONE);
    let args = env.failover_args(&[]).join(" ");
    let script = format!("trap '' XFSZ; ulimit -f 1; exec {} {args}", env!("CARGO_BIN_EXE_drctl"));
    let mut shell = std::process::Command::new("sh");
    let from = env.command(&[]);
    shell.args(["-c", &script]).current_dir(env.repo()).env_clear();
    shell.envs(from.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = env.output(shell.output().unwrap());
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("hint: Make room"), "{output}");
    // What was written can be read.
    assert_eq!(env.run(&["report"]).code, Some(5), "the run is unfinished");
}

#[test]
fn a_terraform_that_prints_garbage_or_dies() {
    let env = Env::with(ONE);
    let real = "case $1 in version) echo 'Terraform v1.11.4';;";
    let garbage = program(
        &env,
        &format!(
            "{real} init) exit 0;; plan) head -c 100000 /dev/urandom; exit 0;; show) echo '<html>';; esac"
        ),
    );
    let output = env.failover(&["--terraform", &garbage]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.contains("printed something that cannot be read"), "{output}");

    let dies = program(&env, &format!("{real} *) kill -SEGV $$;; esac"));
    let output = env.failover(&["--terraform", &dies]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.contains("was killed by signal 11"), "{output}");
}
