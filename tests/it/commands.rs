//! The small commands.

use crate::support::Env;
use std::fs;

#[test]
fn doctor_says_what_is_there_and_what_is_missing() {
    let env = Env::new();
    let found = env.run(&["doctor"]);
    assert_eq!(found.code, Some(0), "{found}");
    assert!(found.stdout.contains("terraform"), "{found}");

    let env = Env::new().path("/nowhere");
    let missing = env.run(&["doctor", "--json"]);
    assert_eq!(missing.code, Some(1), "{missing}");
    let told: serde_json::Value = serde_json::from_str(&missing.stdout).unwrap();
    assert_eq!(told["checks"][0]["state"], "missing");
    assert!(told["checks"][0]["todo"].as_str().unwrap().contains("Terraform"), "{missing}");
}

#[test]
fn doctor_looks_for_the_programs_that_the_steps_of_a_runbook_take() {
    let runbook = "service \"shop\" {\n  rto = \"30m\"\n}\nstack \"web\" {\n  path = \"web\"\n}\ncluster \"seoul\" {\n  context = \"seoul\"\n}\nhelm \"shop\" {\n  chart = \"oci://example.com/shop\"\n}\nkubernetes \"base\" {\n  manifests = [\"k8s\"]\n}\n";
    let env = Env::with(&[("drctl.hcl", runbook), ("web/main.tf", "")]).path("/nowhere");
    let output = env.run(&["doctor", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let found = |program: &str| {
        let checks = told["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == program);
        check.map(|check| (check["state"].clone(), check["found"].clone()))
    };
    let missing = |steps: &str| Some(("missing".into(), format!("not found, for {steps}").into()));
    assert_eq!(found("helm"), missing("`shop`"));
    assert_eq!(found("kubectl"), missing("`shop`, `base`"));
    assert_eq!(found("docker"), None, "no step takes it");
}

#[test]
fn runs_and_report_on_a_machine_that_never_ran_anything() {
    let env = Env::new();
    insta::assert_snapshot!(env.run(&["runs"]), @"
    --- stderr
    There is no run in `$ENV/home` yet.
    --- exit 0
    ");
    insta::assert_snapshot!(env.run(&["report"]), @"
    --- stderr
    error: there is no run in `$ENV/home` yet
      hint: See `drctl runs` for the runs that there are
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["report", "20260314"]), @"
    --- stderr
    error: there is no run `[SHORT]`
      hint: See `drctl runs` for the runs that there are
    --- exit 2
    ");
}

#[test]
fn a_broken_journal_is_told_with_its_line_and_hides_no_other_run() {
    let env = Env::with(&[("main.tf", "resource \"terraform_data\" \"this\" {}\n")]);
    assert_eq!(env.failover(&["--rto", "1h"]).code, Some(6));
    let broken = env.home().join("runs/20260101-000000-0000");
    fs::create_dir(&broken).unwrap();
    fs::write(broken.join("journal.jsonl"), "not json\n").unwrap();
    let runs = env.run(&["runs"]);
    assert_eq!(runs.code, Some(0), "{runs}");
    assert!(runs.stdout.contains("unproven") && runs.stdout.contains("unreadable"), "{runs}");
    let report = env.run(&["report", "20260101"]);
    assert_eq!(report.code, Some(3), "{report}");
    assert!(report.stderr.contains("line 1"), "{report}");
}

#[test]
fn completions_for_every_shell() {
    let env = Env::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = env.run(&["completions", shell]);
        assert!(output.code == Some(0) && output.stdout.contains("failover"), "{output}");
    }
}

#[test]
fn help_shows_an_example_of_every_command() {
    let env = Env::new();
    for command in [
        "failover",
        "resume",
        "undo",
        "images",
        "forecast",
        "probe",
        "report",
        "runs",
        "compare",
        "trend",
        "availability",
        "verify-evidence",
        "doctor",
        "completions",
    ] {
        let help = env.run(&[command, "--help"]);
        assert!(help.stdout.contains("Examples:"), "{help}");
        assert!(help.stdout.contains(&format!("  drctl {command}")), "{help}");
    }
}

#[test]
fn a_wrong_word_on_the_command_line_is_bad_usage() {
    let env = Env::new();
    assert_eq!(env.run(&["failovr"]).code, Some(2));
    assert_eq!(env.run(&["failover"]).code, Some(2), "--region is missing");
    assert_eq!(env.run(&["failover", "--region", "x", "--rto", "soon"]).code, Some(2));
}
