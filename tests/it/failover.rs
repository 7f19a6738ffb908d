//! `drctl failover`, whole: the real Terraform, the real git, real repositories.

use crate::support::Env;
use serde_json::Value;
use std::{fs, process::Command, time::Duration};

/// Four stacks with outputs between them, a cutover and a probe.
///
/// `SITE` in the provisioners is replaced by a folder of the test.
fn shop(env: &Env) {
    let site = env.root().join("site").display().to_string();
    fs::create_dir(&site).unwrap();
    let stack = |more: &str, command: &str| {
        let command = command.replace("SITE", &site);
        format!(
            "variable \"region\" {{ default = \"ap-northeast-1\" }}\n{more}\n\
             resource \"terraform_data\" \"this\" {{\n  input = var.region\n  provisioner \"local-exec\" {{\n    command = \"{command}\"\n  }}\n}}\n"
        )
    };
    let network = stack(
        "output \"subnets\" { value = [\"${terraform_data.this.output}-a\"] }\noutput \"token\" {\n  value = \"s3cr3t-canary\"\n  sensitive = true\n}",
        "echo ${var.region} > SITE/network",
    );
    let data = stack(
        "variable \"subnets\" { type = list(string) }\nvariable \"token\" { sensitive = true }\noutput \"endpoint\" { value = \"db.${var.subnets[0]}\" }",
        "echo ${join(\",\", var.subnets)} > SITE/data",
    );
    let web = stack("variable \"db\" {}\n", "echo ${var.db} > SITE/web");
    env.commit(&[
        ("drctl.hcl", SHOP),
        ("stacks/network/main.tf", &network),
        ("stacks/data/main.tf", &data),
        ("stacks/web/main.tf", &web),
        ("stacks/mail/main.tf", &stack("", "echo mail > SITE/mail")),
        (
            "bin/healthy",
            &format!("#!/bin/sh\ntest \"$(cat '{site}/web')\" = \"db.$1-a\" && echo fine\n"),
        ),
        ("bin/cut", &format!("#!/bin/sh\necho \"$1 $DRCTL_SERVICE\" > '{site}/traffic'\n")),
        ("bin/newest", "#!/bin/sh\ndate -u +%Y-%m-%dT%H:%M:%SZ\n"),
    ]);
}

const SHOP: &str = r#"
service "shop" {
  rto     = "30m"
  rpo     = "1h"
  primary = "ap-northeast-1"
}

stack "network" {
  path = "stacks/network"
}

stack "data" {
  path = "stacks/data"
  variables = {
    subnets = stack.network.outputs.subnets
    token   = stack.network.outputs.token
  }
}

stack "web" {
  path      = "stacks/web"
  variables = { db = stack.data.outputs.endpoint }
}

stack "mail" {
  path = "stacks/mail"
}

command "cutover" {
  needs = ["web"]
  run   = ["./bin/cut", region]
}

probe "command" "front" {
  run      = ["./bin/healthy", region]
  interval = "50ms"
  up_after = 2
}

recovery_point "orders" {
  run = ["./bin/newest"]
}
"#;

#[test]
fn a_service_of_four_stacks_is_rebuilt_verified_and_reported() {
    let env = Env::new();
    shop(&env);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");

    let site = |name: &str| fs::read_to_string(env.root().join("site").join(name)).unwrap();
    assert_eq!(site("network"), "ap-northeast-2\n");
    assert_eq!(site("data"), "ap-northeast-2-a\n", "the output of one stack fed the next");
    assert_eq!(site("web"), "db.ap-northeast-2-a\n");
    assert_eq!(site("traffic"), "ap-northeast-2 shop\n");
    assert!(!env.journal().is_empty());

    let report = env.run(&["report"]);
    assert_eq!(report.stdout, output.stdout, "the journal alone tells the same");
    assert_eq!(report.code, Some(0));

    let json: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
    let phases = json["phases"].as_array().unwrap();
    let sum: u64 = phases.iter().map(|phase| phase["took_ms"].as_u64().unwrap()).sum();
    assert_eq!(Some(sum), json["recovery_time_ms"].as_u64(), "the phases add up");
    assert_eq!(json["summary"], "met");
}

#[test]
fn what_a_run_prints_reads_well() {
    let env = Env::new();
    env.commit(&[
        ("drctl.hcl", "service \"small\" {\n  rto = \"30m\"\n  primary = \"eu-west-1\"\n}\nstack \"only\" {\n  path = \".\"\n}\n"),
        ("main.tf", "resource \"terraform_data\" \"this\" {}\n"),
    ]);
    insta::assert_snapshot!(env.failover(&[]), @r"
    --- stdout
    UNPROVEN  every step of small is done in ap-northeast-2, but nobody asked if it is back
      Note: outage start not given: counted from the start of the run

    Objectives
      recovery time    not back  RTO  [TIME]  unproven: nobody asked whether the service is back

    Where the time went
      detection            [TIME]  [SHARE]
      decision             [TIME]  [SHARE]
      workspace            [TIME]  [SHARE]
      plan                 [TIME]  [SHARE]
      apply                [TIME]  [SHARE]
      deploy               [TIME]  [SHARE]
      cutover              [TIME]  [SHARE]
      verify               [TIME]  [SHARE]  not completed
      so far               [TIME]

    What decided it
      [STRETCHES]

    Forecast
      execution       0s at the median, 0s at the 90th percentile, 0s at the 99th
      chance          the objective is met in 100 of 100 draws
      not in it       init and plan of only; verification: no probe is declared; detection and decision

    Steps
                          began       took
      done      only       [TIME]       [TIME]  init [TIME], plan [TIME], gate [TIME], apply [TIME]

    Slowest resources
           [TIME]  only  create   terraform_data.this

    Run
      name            [RUN], by drctl 0.1.0, began [WHEN] UTC
      repository      $ENV/repo
      commit          [COMMIT]
      plan digest     [DIGEST]
      run by          Terraform [VERSION]
      journal chain   [DIGEST]
      journal         $ENV/home/runs/[RUN]/journal.jsonl

    Next
      - See for yourself whether the service answers, and give the runbook a `probe`
      - Show this again with `drctl report [RUN]`
    --- stderr
    [     [TIME]]   Started  failover [RUN] of $ENV/repo into ap-northeast-2; outage start not given: counted from the start of the run
    [     [TIME]]   Fetched  commit [SHORT]
    [     [TIME]]   Planned  small: 1 step, away from eu-west-1, RTO [TIME], digest [SHORT]
    [     [TIME]]      Runs  Terraform [VERSION]
    [     [TIME]]  Forecast  0s at the median, 0s at the 90th percentile; the RTO is met in 100 of 100
    [     [TIME]]  Declared  by the digest of this very plan
    [     [TIME]]     Began  only  init
    [     [TIME]]     Ended  only  init ([TIME])
    [     [TIME]]     Began  only  plan
    [     [TIME]]     Ended  only  plan ([TIME])
    [     [TIME]]     Began  only  gate
    [     [TIME]]      Plan  only  1 to create
    [     [TIME]]  Accepted  only  the plan may be applied
    [     [TIME]]     Ended  only  gate ([TIME])
    [     [TIME]]     Began  only  apply
    [     [TIME]]  Creating  only  terraform_data.this
    [     [TIME]]   Created  only  terraform_data.this ([TIME])
    [     [TIME]]     Ended  only  apply ([TIME])
    [     [TIME]]   Outputs  only  none
    [     [TIME]]      Done  only  up ([TIME])
    [     [TIME]]  Finished  every step is done; without a probe, nobody knows whether the service is back
    --- exit 6
    ");
}

#[test]
fn a_secret_output_flows_and_is_never_written_down() {
    let env = Env::new();
    shop(&env);
    let output = env.failover(&["--json"]);
    assert_eq!(output.code, Some(0), "{output}");
    let text = format!("{}{}", output.stdout, output.stderr);
    assert!(!text.contains("s3cr3t-canary"), "{text}");
    let found =
        Command::new("grep").args(["-rl", "s3cr3t-canary"]).arg(env.home()).output().unwrap();
    let files = String::from_utf8(found.stdout).unwrap();
    let only_state = files.lines().all(|file| file.contains("/state/"));
    assert!(
        only_state && files.contains("/state/network/"),
        "only the state may hold it:\n{files}"
    );
    let open = Command::new("find")
        .arg(env.home().join("runs"))
        .args(["-type", "f", "-perm", "/077"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(open.stdout).unwrap(), "", "nobody else can read a run's files");
}

#[test]
fn one_fails_one_is_slow_one_is_killed_and_each_is_told_apart() {
    let env = Env::new();
    let one = |command: &str| {
        format!(
            "resource \"terraform_data\" \"this\" {{\n  provisioner \"local-exec\" {{\n    command = \"{command}\"\n  }}\n}}\n"
        )
    };
    env.commit(&[
        ("drctl.hcl", "service \"shop\" {\n  rto = \"30m\"\n  primary = \"ap-northeast-1\"\n}\nstack \"fails\" {\n  path = \"fails\"\n}\nstack \"slow\" {\n  path = \"slow\"\n}\nstack \"killed\" {\n  path = \"killed\"\n}\nstack \"blocked\" {\n  path = \"blocked\"\n  needs = [\"fails\", \"slow\"]\n}\n"),
        ("fails/main.tf", &one("echo no room left; exit 3")),
        ("slow/main.tf", &one("sleep 2")),
        ("killed/main.tf", &one("kill -9 $PPID")),
        ("blocked/main.tf", &one("true")),
    ]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(!env.journal().is_empty());
    let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
    let told: Vec<String> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            let outcome = &step["outcome"];
            let hints = outcome["hints"].as_array().map(|h| h.len()).unwrap_or_default();
            let why = outcome["cause"][0].as_str().or(outcome["blocked_by"].as_str()).unwrap_or("");
            format!(
                "{} {}: {why}; {hints} hint(s)",
                step["id"].as_str().unwrap(),
                outcome["is"].as_str().unwrap()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    fails failed: `terraform apply` failed with exit code 1; 1 hint(s)
    slow done: ; 0 hint(s)
    killed failed: `terraform apply` was killed by signal 9; 2 hint(s)
    blocked skipped: fails; 0 hint(s)
    ");
    assert!(
        output.stdout.contains("no room left") || output.stdout.contains("exit status 3"),
        "{output}"
    );
}

#[test]
fn an_interrupt_ends_cleanly_and_exits_with_five() {
    let env = Env::new();
    env.commit(&[
        ("drctl.hcl", "service \"shop\" {\n  rto = \"30m\"\n  primary = \"ap-northeast-1\"\n}\nstack \"slow\" {\n  path = \"slow\"\n}\nstack \"next\" {\n  path = \"next\"\n  needs = [\"slow\"]\n}\n"),
        ("slow/main.tf", "resource \"terraform_data\" \"first\" {}\nresource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"touch ../started; exec sleep 30\"\n  }\n}\n"),
        ("next/main.tf", "resource \"terraform_data\" \"this\" {}\n"),
    ]);
    let args = env.failover_args(&[]);
    let child = env.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let begun = || {
        Command::new("sh")
            .arg("-c")
            .arg(format!("ls {}/runs/*/work/started", env.home().display()))
            .output()
            .unwrap()
            .status
            .success()
    };
    let patience = std::time::Instant::now();
    while !begun() {
        assert!(patience.elapsed() < Duration::from_secs(60), "the apply never began");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success()
    );
    let output = env.output(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(5), "{output}");
    assert!(!env.journal().is_empty());
    let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
    assert_eq!(report["interrupted_by"], "SIGINT");
    let outcomes: Vec<_> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["outcome"]["is"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["interrupted", "interrupted"]);
    // What was made until then is in the state, and no lock is left.
    let state = Command::new("sh")
        .arg("-c")
        .arg(format!("cat {}/runs/*/state/slow/*.tfstate | tail -n 200", env.home().display()))
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&state.stdout).contains("first"));
    assert!(
        !Command::new("sh")
            .arg("-c")
            .arg(format!("ls {}/runs/*/state/slow/lock.json", env.home().display()))
            .output()
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn a_plan_that_imports_is_refused_and_nothing_is_applied() {
    let env = Env::with(&[
        (
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"30m\"\n  primary = \"ap-northeast-1\"\n}\nstack \"only\" {\n  path = \".\"\n}\n",
        ),
        (
            "main.tf",
            "import {\n  to = terraform_data.old\n  id = \"11111111-2222-3333-4444-555555555555\"\n}\nresource \"terraform_data\" \"old\" {}\n",
        ),
    ]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("main.tf:1:1: this block would take an object"), "{output}");
    assert!(!env.journal().iter().any(|event| event["event"] == "resource_started"));
}

#[test]
fn a_declared_backend_is_used_and_its_outputs_flow() {
    let env = Env::new();
    let dir = env.root().join("dr-state").display().to_string();
    env.commit(&[
        ("drctl.hcl", &format!("service \"shop\" {{\n  rto = \"30m\"\n  primary = \"ap-northeast-1\"\n}}\nregion \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{dir}/${{stack}}-${{region}}.tfstate\"\n  }}\n}}\nstack \"a\" {{\n  path = \"a\"\n}}\nstack \"b\" {{\n  path = \"b\"\n  variables = {{ from = stack.a.outputs.id }}\n}}\n")),
        ("a/main.tf", "terraform {\n  backend \"s3\" {\n    bucket = \"primary\"\n    key = \"a\"\n    region = \"ap-northeast-1\"\n  }\n}\nresource \"terraform_data\" \"this\" {}\noutput \"id\" { value = terraform_data.this.id }\n"),
        ("b/main.tf", "variable \"from\" {}\nresource \"terraform_data\" \"this\" { input = var.from }\n"),
    ]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    let state =
        |name: &str| fs::read_to_string(format!("{dir}/{name}-ap-northeast-2.tfstate")).unwrap();
    let a: Value = serde_json::from_str(&state("a")).unwrap();
    assert!(state("b").contains(a["outputs"]["id"]["value"].as_str().unwrap()));
}

#[test]
fn an_origin_that_is_gone_is_replaced_by_the_mirror_and_that_is_said() {
    let env = Env::with(&[("main.tf", "resource \"terraform_data\" \"this\" {}\n")]);
    let (repo, gone) = (env.repo(), env.root().join("gone"));
    let repo_arg = repo.display().to_string();
    let args = [
        "failover",
        "--repo",
        &repo_arg,
        "--region",
        "ap-northeast-2",
        "--rto",
        "30m",
        "--dry-run",
    ];
    assert_eq!(env.run(&args).code, Some(0));
    fs::rename(&repo, &gone).unwrap();
    let output = env.run(&args);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("a local mirror stood in"), "{output}");
}
