//! Evidence packs: made, checked, and tampered with.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// A run, and the pack of it.
fn packed() -> (Env, PathBuf) {
    let env = Env::with(&[
        (
            "drctl.hcl",
            "service \"small\" {\n  rto = \"30m\"\n  primary = \"eu-west-1\"\n}\nstack \"only\" {\n  path = \".\"\n}\nprobe \"command\" \"front\" {\n  run = [\"true\"]\n  interval = \"10ms\"\n  up_after = 1\n}\n",
        ),
        ("main.tf", "resource \"terraform_data\" \"this\" {}\n"),
    ]);
    assert_eq!(env.failover(&[]).code, Some(0));
    let dir = env.root().join("evidence");
    let made = env.run(&["report", "--evidence", dir.to_str().unwrap()]);
    assert_eq!(made.code, Some(0), "{made}");
    assert!(made.stderr.starts_with("Evidence in "), "{made}");
    (env, dir)
}

fn check(env: &Env, dir: &Path, more: &[&str]) -> Output {
    env.run(&[&["verify-evidence", dir.to_str().unwrap()], more].concat())
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_pack_that_nobody_touched_is_intact() {
    let (env, dir) = packed();
    insta::assert_snapshot!(check(&env, &dir, &[]), @r"
    --- stdout
    INTACT  nothing was changed after the run

    Run             [RUN] of small into ap-northeast-2
    Verdict         met, recovered in [TIME]
    Commit          [COMMIT]
    Plan digest     [DIGEST]
    Run by          drctl 0.1.0, Terraform [VERSION]
    Journal         25 events, chain [DIGEST]
    Manifest        [DIGEST]
    --- exit 0
    ");
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "SHA256SUMS",
            "chain.txt",
            "journal.jsonl",
            "manifest.json",
            "report.html",
            "report.json",
            "report.junit.xml",
            "report.md",
            "report.txt"
        ]
    );
    let sums = Command::new("sha256sum")
        .args(["-c", "--quiet", "SHA256SUMS"])
        .current_dir(&dir)
        .status()
        .expect("sha256sum is needed: install coreutils");
    assert!(sums.success());
    let manifest: Value =
        serde_json::from_slice(&fs::read(dir.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["facts"]["plans"]["only"].as_str().unwrap().len(), 64);
    assert!(manifest["facts"]["terraform"].as_str().unwrap().starts_with("Terraform 1."));
}

#[test]
fn the_same_run_makes_the_same_bytes() {
    let (env, dir) = packed();
    let again = env.root().join("again");
    assert_eq!(env.run(&["report", "--evidence", again.to_str().unwrap()]).code, Some(0));
    for entry in fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name();
        assert_eq!(
            fs::read(dir.join(&name)).unwrap(),
            fs::read(again.join(&name)).unwrap(),
            "{name:?}"
        );
    }
}

#[test]
fn every_change_is_told() {
    let (env, dir) = packed();
    let journal = dir.join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("\"rto_ms\":1800000", "\"rto_ms\":9800000", 1)).unwrap();
    append(&dir.join("report.txt"), "\nit was a good run\n");
    fs::write(dir.join("note.txt"), "hello").unwrap();
    fs::remove_file(dir.join("report.md")).unwrap();
    let output = check(&env, &dir, &["--json"]);
    assert_eq!(output.code, Some(1));
    let shown: Value = serde_json::from_str(&output.stdout).unwrap();
    let flaws: Vec<_> = shown["flaws"]
        .as_array()
        .unwrap()
        .iter()
        .map(|flaw| {
            let more = flaw["name"].as_str().map(str::to_owned);
            let by = || flaw["by"].as_str().map(str::to_owned);
            let line = || flaw["line"].as_u64().map(|line| line.to_string());
            let more = more.or_else(by).or_else(line).unwrap_or_default();
            format!("{} {more}", flaw["flaw"].as_str().unwrap()).trim_end().to_owned()
        })
        .collect();
    insta::assert_snapshot!(flaws.join("\n"), @r"
    changed journal.jsonl
    missing report.md
    changed report.txt
    unknown note.txt
    line 3
    last_link manifest
    last_link history
    facts
    report
    ");
}

/// Whoever makes all sums anew still cannot make the end of the chain that others remember.
#[test]
fn a_pack_made_anew_over_a_changed_journal_is_found_by_who_remembers_its_chain() {
    let (env, dir) = packed();
    let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
    let chain = report["kept"]["chain"].as_str().unwrap().to_owned();
    let run = report["run"]["id"].as_str().unwrap().to_owned();

    // As somebody with the run's folder would do it.
    let journal = env.home().join("runs").join(run).join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("\"passes\":1", "\"passes\":3", 1)).unwrap();
    let forged = env.root().join("forged");
    assert_eq!(env.run(&["report", "--evidence", forged.to_str().unwrap()]).code, Some(0));

    let here = check(&env, &forged, &[]);
    assert_eq!(here.code, Some(1), "the history of this machine remembers it: {here}");
    let elsewhere = Env::new();
    assert_eq!(check(&elsewhere, &forged, &[]).code, Some(0), "it fits together");
    let output = check(&elsewhere, &forged, &["--chain", &chain]);
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("and the command line remembers"), "{output}");
    assert_eq!(check(&elsewhere, &dir, &["--chain", &chain]).code, Some(0));
}

#[test]
fn what_is_no_pack_is_told_with_what_to_do() {
    let empty = Env::new();
    let env = &empty;
    let dir = env.root().join("pack");
    fs::create_dir(&dir).unwrap();
    let mut said = vec![check(env, &dir, &[]).stderr];
    fs::write(dir.join("manifest.json"), "[]").unwrap();
    said.push(check(env, &dir, &[]).stderr);
    fs::write(
        dir.join("manifest.json"),
        r#"{"schema":"drctl/evidence/v9","made_by":"9","facts":{},"journal":{"events":0,"last_link":"","torn":false},"files":[]}"#,
    )
    .unwrap();
    said.push(check(env, &dir, &[]).stderr);
    said.push(check(env, &dir, &["--chain", "short"]).stderr);
    let (env, dir) = packed();
    said.push(env.run(&["report", "--evidence", dir.to_str().unwrap()]).stderr);
    let said = said.join("\n").replace(&empty.root().display().to_string(), "$ENV");
    insta::assert_snapshot!(crate::support::redact::all(&said, env.root()), @r"
    error: failed to read `$ENV/pack/manifest.json`
      caused by: No such file or directory (os error 2)
      hint: Name the folder that `drctl report --evidence` made

    error: `$ENV/pack/manifest.json` is no manifest of drctl
      caused by: invalid length 0, expected struct Manifest with 5 elements at line 1 column 2
      hint: Name the folder that `drctl report --evidence` made

    error: the pack is of the form `drctl/evidence/v9`, and this drctl knows `drctl/evidence/v1`
      hint: Check it with the drctl that made it, or a newer one

    error: invalid value 'short' for '--chain <HEX>': it has 64 hexadecimal digits; the report prints it as `journal chain`

    For more information, try '--help'.

    error: failed to make the folder `$ENV/evidence`
      caused by: File exists (os error 17)
      hint: Name a folder that is not there yet, in one that can be written
    ");
}

#[test]
fn metrics_and_spans_are_formats_like_any_other() {
    let (env, _) = packed();
    let metrics = env.run(&["report", "--format", "openmetrics"]);
    assert!(metrics.stdout.contains("drctl_verdict{service=\"small\",region=\"ap-northeast-2\",kind=\"failover\",objective=\"rto\",is=\"met\"} 1\n"), "{metrics}");
    assert!(metrics.stdout.ends_with("# EOF\n"));
    let spans: Value =
        serde_json::from_str(&env.run(&["report", "--format", "otlp"]).stdout).unwrap();
    let spans = spans["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap();
    let names: Vec<_> = spans.iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["recover small", "only", "init", "plan", "gate", "apply", "terraform_data.this"]
    );
}
