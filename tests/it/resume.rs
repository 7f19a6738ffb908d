//! `drctl resume`: what failed, was stopped or was killed is gone on with.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{fs, thread::sleep, time::Duration};

/// Two stacks and a cutover. `data` cannot be made while `SITE/broken` is there, and takes its time
/// while `SITE/slow` is; each stack counts in `SITE/NAME` how often it was made.
fn shop(env: &Env) {
    let site = env.root().join("site").display().to_string();
    fs::create_dir(&site).unwrap();
    let stack = |name: &str, more: &str, command: &str| {
        format!(
            "{more}resource \"terraform_data\" \"{name}\" {{\n  provisioner \"local-exec\" {{\n    command = \"{command} echo made >> {site}/{name}\"\n  }}\n}}\n"
        )
    };
    let wait = format!(
        "test ! -e {site}/broken || exit 1; while test -e {site}/slow; do sleep 0.05; done;"
    );
    let data = stack(
        "data",
        "variable \"subnet\" {}\noutput \"endpoint\" { value = \"db.${var.subnet}\" }\n",
        &wait,
    );
    let network = stack("network", "output \"subnet\" { value = \"s-1\" }\n", "");
    let runbook = format!(
        "service \"shop\" {{\n  rto = \"30m\"\n}}\nstack \"network\" {{\n  path = \"network\"\n}}\nstack \"data\" {{\n  path      = \"data\"\n  variables = {{ subnet = stack.network.outputs.subnet }}\n}}\ncommand \"cutover\" {{\n  needs = [\"data\"]\n  run   = [\"./bin/cut\", stack.network.outputs.subnet, stack.data.outputs.endpoint]\n}}\nprobe \"command\" \"front\" {{\n  run      = [\"test\", \"-e\", \"{site}/traffic\"]\n  interval = \"50ms\"\n}}\n"
    );
    env.commit(&[
        ("drctl.hcl", &runbook),
        ("network/main.tf", &network),
        ("data/main.tf", &data),
        ("bin/cut", &format!("#!/bin/sh\necho \"$@\" > '{site}/traffic'\n")),
    ]);
}

fn made(env: &Env, stack: &str) -> usize {
    let text = fs::read_to_string(env.root().join("site").join(stack)).unwrap_or_default();
    text.lines().count()
}

fn report(env: &Env) -> Value {
    serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap()
}

fn came_back(env: &Env, output: &Output) {
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(made(env, "network"), 1, "what is done is not done again");
    let traffic = fs::read_to_string(env.root().join("site/traffic")).unwrap();
    assert_eq!(traffic, "s-1 db.s-1\n", "outputs of what was done before are known");
    let events = env.journal();
    assert!(events.iter().any(|event| event["event"] == "run_resumed"));
    let report = report(env);
    assert_eq!(report["verdicts"]["rto"]["is"], "met", "{report:#}");
    let caveats = report["caveats"].to_string();
    assert!(caveats.contains("the run broke off and was resumed"), "{caveats}");
    let stretches = report.to_string();
    assert!(stretches.contains("\"broken_off\""), "the time between is nobody's work: {report:#}");
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.iter().all(|step| step["outcome"]["is"] == "done"), "{report:#}");
}

#[test]
fn a_run_that_failed_goes_on_where_it_failed() {
    let env = Env::new();
    shop(&env);
    let broken = env.root().join("site/broken");
    fs::write(&broken, "").unwrap();
    let failed = env.failover(&[]);
    assert_eq!(failed.code, Some(3), "{failed}");
    assert!(failed.stdout.contains("drctl resume"), "{failed}");
    fs::remove_file(&broken).unwrap();

    // What the broken apply left is tainted: it would be made anew, and nobody has said yes to that.
    let refused = env.run(&["resume", "--yes"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    let text = format!("{}{}", refused.stdout, refused.stderr);
    let digest = text.split("--accept-changes ").nth(1).unwrap_or_else(|| panic!("{refused}"));
    let output = env.run(&["resume", "--yes", "--accept-changes", &digest[..12]]);
    came_back(&env, &output);
    assert_eq!(made(&env, "data"), 1);
    let again = env.run(&["resume", "--yes"]);
    assert_eq!(again.code, Some(2), "{again}");
    assert!(again.stderr.contains("came to its end"), "{again}");
}

#[test]
fn a_run_whose_drctl_was_killed_goes_on() {
    let env = Env::new();
    shop(&env);
    let slow = env.root().join("site/slow");
    fs::write(&slow, "").unwrap();
    let args = env.failover_args(&[]);
    let mut child = env.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let journal = || {
        let runs = fs::read_dir(env.home().join("runs")).ok()?;
        let run = runs.flatten().next()?.path();
        fs::read_to_string(run.join("journal.jsonl")).ok()
    };
    let begun = |text: &String| text.contains(r#""event":"resource_started","step":"data""#);
    while !journal().as_ref().is_some_and(begun) {
        sleep(Duration::from_millis(20));
    }
    let busy = env.run(&["resume", "--yes"]);
    assert_eq!(busy.code, Some(3), "somebody is at it: {busy}");
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(&slow).unwrap();
    let output = env.run(&["resume", "--yes"]);
    if output.code == Some(4) {
        // Terraform was interrupted before it had made it.
        let text = format!("{}{}", output.stdout, output.stderr);
        let digest = text.split("--accept-changes ").nth(1).unwrap_or_else(|| panic!("{output}"));
        came_back(&env, &env.run(&["resume", "--yes", "--accept-changes", &digest[..12]]));
    } else {
        came_back(&env, &output);
    }
}

#[test]
fn there_is_something_to_go_on_with_or_an_error_that_says_what_to_do() {
    let env = Env::new();
    shop(&env);
    insta::assert_snapshot!(env.run(&["resume"]), @r"
    --- stderr
    error: there is no run in `$ENV/home` yet
      hint: See `drctl runs` for the runs that there are
    --- exit 2
    ");
    let rehearsed = env.run(&["rehearse", "--region", "ap-northeast-2"]);
    assert_eq!(rehearsed.code, Some(0), "{rehearsed}");
    insta::assert_snapshot!(env.run(&["resume"]), @r"
    --- stderr
    error: the run [RUN] is no failover
      hint: Begin it anew: it changed nothing
    --- exit 2
    ");
}
