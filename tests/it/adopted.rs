//! What outlived a killed drctl is taken up: nothing is made twice, and nothing is told twice.

use crate::support::{Env, Output};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::PathBuf, thread::sleep,
    time::Duration,
};

/// Two stacks that need nothing of each other, and one that needs both. Each counts in `SITE/NAME` how
/// often it was made; `slow` has two resources, and the second waits while `SITE/wait` is there.
fn shop(env: &Env, more: &str) -> PathBuf {
    let site = env.root().join("site");
    fs::create_dir(&site).unwrap();
    let dir = site.display();
    let resource = |name: &str, more: &str, command: &str| {
        format!(
            "resource \"terraform_data\" \"{name}\" {{\n{more}  provisioner \"local-exec\" {{\n    command = \"{command}echo made >> {dir}/{name}\"\n  }}\n}}\n"
        )
    };
    let first = resource("first", "", "");
    let wait = format!("touch {dir}/begun; while test -e {dir}/wait; do sleep 0.05; done; ");
    let second = resource("second", "  depends_on = [terraform_data.first]\n", &wait);
    let slow = format!("{first}{second}output \"endpoint\" {{ value = \"db.s-1\" }}\n");
    let app = format!("variable \"db\" {{}}\n{}", resource("app", "  input = var.db\n", ""));
    let runbook = format!(
        "service \"shop\" {{\n  rto = \"30m\"\n}}\n{more}stack \"quick\" {{\n  path = \"quick\"\n}}\nstack \"slow\" {{\n  path = \"slow\"\n}}\nstack \"app\" {{\n  path      = \"app\"\n  needs     = [\"quick\"]\n  variables = {{ db = stack.slow.outputs.endpoint }}\n}}\nprobe \"command\" \"front\" {{\n  run      = [\"test\", \"-e\", \"{dir}/app\"]\n  interval = \"50ms\"\n}}\n"
    );
    env.commit(&[
        ("drctl.hcl", &runbook),
        ("quick/main.tf", &resource("quick", "", "")),
        ("slow/main.tf", &slow),
        ("app/main.tf", &app),
    ]);
    fs::write(site.join("wait"), "").unwrap();
    site
}

/// Fails over, and kills drctl while `slow` is being made and `quick` is done.
fn kill_in_the_middle(env: &Env, more: &[&str]) {
    let args = env.failover_args(more);
    let mut child = env.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let told = |journal: &str| {
        let has = |what: &[&str]| journal.lines().any(|l| what.iter().all(|part| l.contains(part)));
        has(&["resource_started", "terraform_data.second"])
            && has(&["step_finished", r#""step":"quick""#])
    };
    while !told(&journal_text(env)) || !env.root().join("site/begun").exists() {
        sleep(Duration::from_millis(20));
        assert!(child.try_wait().unwrap().is_none(), "it has ended by itself");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn journal_text(env: &Env) -> String {
    let runs = fs::read_dir(env.home().join("runs")).into_iter().flatten().flatten();
    let run = runs.map(|run| run.path()).max();
    run.and_then(|run| fs::read_to_string(run.join("journal.jsonl")).ok()).unwrap_or_default()
}

/// Waits until the newest run has told of `what`.
fn wait_for(env: &Env, what: &str) {
    while !journal_text(env).contains(what) {
        sleep(Duration::from_millis(20));
    }
}

/// The processes of the stack `slow`: Terraform, and what it started.
fn alive(env: &Env) -> Vec<Pid> {
    let home = env.home();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let inside = entries.filter(|entry| {
        fs::read_link(entry.path().join("cwd"))
            .is_ok_and(|cwd| cwd.starts_with(&home) && cwd.ends_with("slow"))
    });
    inside.filter_map(|e| Some(Pid::from_raw(e.file_name().to_str()?.parse().ok()?))).collect()
}

fn made(env: &Env, name: &str) -> usize {
    let text = fs::read_to_string(env.root().join("site").join(name)).unwrap_or_default();
    text.lines().count()
}

fn is_met(env: &Env, output: &Output) -> Value {
    assert_eq!(output.code, Some(0), "{output}");
    let report = env.run(&["report", "--json"]);
    let report: Value = serde_json::from_str(&report.stdout).unwrap();
    assert_eq!(report["verdicts"]["rto"]["is"], "met", "{report:#}");
    report
}

/// How often each resource was told to begin and to end.
fn told(env: &Env) -> BTreeMap<String, (usize, usize)> {
    let mut all: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for event in env.journal() {
        let Some(address) = event["address"].as_str() else { continue };
        let counts = all.entry(address.to_owned()).or_default();
        match event["event"].as_str() {
            Some("resource_started") => counts.0 += 1,
            Some("resource_finished") => counts.1 += 1,
            _ => {}
        }
    }
    all
}

#[test]
fn an_apply_that_outlived_drctl_is_followed_to_its_end() {
    let env = Env::new();
    let site = shop(&env, "");
    kill_in_the_middle(&env, &[]);
    let mut resume = env.spawn(&["resume", "--yes"]);
    wait_for(&env, "apply_taken_up");
    assert!(resume.try_wait().unwrap().is_none());
    fs::remove_file(site.join("wait")).unwrap();
    let output = env.output(resume.wait_with_output().unwrap());
    let report = is_met(&env, &output);
    for name in ["quick", "first", "second", "app"] {
        assert_eq!(made(&env, name), 1, "{name} is made once");
    }
    assert!(told(&env).values().all(|counts| *counts == (1, 1)), "{:?}", told(&env));
    let events = env.journal();
    let taken_up = events.iter().find(|event| event["event"] == "apply_taken_up").unwrap();
    assert_eq!(taken_up["waits_for"], serde_json::json!({"terraform_data.second": "create"}));
    let resources = report["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 4, "each once: {resources:#?}");
    assert!(resources.iter().all(|resource| resource["ok"] == true), "{resources:#?}");
    let left = fs::read_dir(env.home().join("runs")).unwrap().next().unwrap().unwrap().path();
    assert!(!left.join("work").exists() && !left.join("work.1").exists(), "no work copy is left");
    assert!(!left.join("state/endpoint.json").exists(), "no password is left");
}

#[test]
fn an_apply_that_ended_while_nobody_looked_is_done() {
    let env = Env::new();
    // Where Terraform keeps the state itself, it needs nobody to end well.
    let kept = env.root().join("kept");
    let region = format!(
        "region \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{}/${{stack}}.tfstate\"\n  }}\n}}\n",
        kept.display()
    );
    let site = shop(&env, &region);
    kill_in_the_middle(&env, &[]);
    fs::remove_file(site.join("wait")).unwrap();
    while !alive(&env).is_empty() {
        sleep(Duration::from_millis(20));
    }
    is_met(&env, &env.run(&["resume", "--yes"]));
    for name in ["quick", "first", "second", "app"] {
        assert_eq!(made(&env, name), 1, "{name} is made once");
    }
    assert!(told(&env).values().all(|counts| *counts == (1, 1)), "{:?}", told(&env));
}

#[test]
fn a_state_that_could_not_be_saved_is_taken_in() {
    let env = Env::new();
    let site = shop(&env, "");
    // One that does not wait for another keeper of its state.
    let terraform = env.root().join("terraform");
    fs::write(&terraform, "#!/bin/sh\nexport TF_HTTP_RETRY_MAX=0\nexec terraform \"$@\"\n")
        .unwrap();
    fs::set_permissions(&terraform, fs::Permissions::from_mode(0o755)).unwrap();
    kill_in_the_middle(&env, &["--terraform", terraform.to_str().unwrap()]);
    fs::remove_file(site.join("wait")).unwrap();
    while !alive(&env).is_empty() {
        sleep(Duration::from_millis(20));
    }
    let run = fs::read_dir(env.home().join("runs")).unwrap().next().unwrap().unwrap().path();
    assert!(run.join("work/slow/errored.tfstate").exists());
    is_met(&env, &env.run(&["resume", "--yes"]));
    for name in ["quick", "first", "second", "app"] {
        assert_eq!(made(&env, name), 1, "{name} is made once");
    }
}

#[test]
fn a_resume_that_was_killed_is_resumed() {
    let env = Env::new();
    let site = shop(&env, "");
    kill_in_the_middle(&env, &[]);
    for taken_up in 1..=2 {
        let mut resume = env.spawn(&["resume", "--yes"]);
        while journal_text(&env).matches("apply_taken_up").count() < taken_up {
            sleep(Duration::from_millis(20));
        }
        resume.kill().unwrap();
        resume.wait().unwrap();
    }
    fs::remove_file(site.join("wait")).unwrap();
    is_met(&env, &env.run(&["resume", "--yes"]));
    for name in ["quick", "first", "second", "app"] {
        assert_eq!(made(&env, name), 1, "{name} is made once");
    }
    assert!(told(&env).values().all(|counts| *counts == (1, 1)), "{:?}", told(&env));
}

#[test]
fn an_apply_that_is_killed_while_it_is_followed_is_planned_again() {
    let env = Env::new();
    let site = shop(&env, "");
    kill_in_the_middle(&env, &[]);
    let resume = env.spawn(&["resume", "--yes"]);
    wait_for(&env, "apply_taken_up");
    for process in alive(&env) {
        let _ = kill(process, Signal::SIGKILL);
    }
    fs::remove_file(site.join("wait")).unwrap();
    let output = env.output(resume.wait_with_output().unwrap());
    is_met(&env, &output);
    assert!(output.stderr.contains("nothing proves that it ended well"), "{output}");
    assert_eq!(made(&env, "quick"), 1);
}

#[test]
fn what_is_not_to_be_followed_is_interrupted_once() {
    let env = Env::new();
    shop(&env, "");
    kill_in_the_middle(&env, &[]);
    let output = env.run(&["resume", "--yes", "--end"]);
    assert!(output.stderr.contains("still runs: SIGINT, then wait"), "{output}");
    assert_eq!(output.code, Some(4), "what was broken off is tainted: {output}");
    assert_eq!((made(&env, "first"), made(&env, "second")), (1, 0));
    assert!(alive(&env).is_empty());
}
