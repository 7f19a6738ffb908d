//! `drctl forecast`: how long a recovery would take, from the code or from plans.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{fs, process::Command};

const RUNBOOK: &str = r#"
service "shop" {
  rto     = "4m"
  primary = "ap-northeast-1"
}

region "ap-northeast-2" {}

stack "network" {
  path = "network"
}

stack "app" {
  path  = "app"
  needs = ["network"]
}

command "cutover" {
  needs = ["app"]
  run   = ["true"]
}

probe "tcp" "front" {
  address  = "127.0.0.1:1"
  interval = "5s"
  up_after = 3
}
"#;

/// Every `terraform_data` takes 30 s at the median and 60 s at the 90th percentile.
const TIMES: &str = r#"{"resources": {"terraform_data": {
    "create": {"p50": "30s", "p90": "60s", "n": 7, "source": "log", "max": "90s"}}}}"#;

const NETWORK: &str = "resource \"terraform_data\" \"vpc\" {}\nresource \"terraform_data\" \"subnet\" {\n  count = 2\n  input = terraform_data.vpc.id\n}\n";
const APP: &str = "locals {\n  db = terraform_data.db.id\n}\nresource \"terraform_data\" \"db\" {}\nresource \"terraform_data\" \"web\" {\n  input = local.db\n}\n";

fn shop() -> Env {
    let env =
        Env::with(&[("drctl.hcl", RUNBOOK), ("network/main.tf", NETWORK), ("app/main.tf", APP)]);
    fs::write(env.root().join("times.json"), TIMES).unwrap();
    env
}

fn forecast(env: &Env, more: &[&str]) -> Output {
    let times = env.root().join("times.json");
    env.run(&[&["forecast", "--catalogue", times.to_str().unwrap()], more].concat())
}

fn json(env: &Env, more: &[&str]) -> Value {
    let output = forecast(env, &[more, &["--json"]].concat());
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"))
}

fn ms(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value}"))
}

/// Plans a stack for real, and returns where `terraform show -json` of it and the plan itself are.
fn planned(env: &Env, stack: &str) -> (String, String) {
    let dir = env.root().join(format!("planned-{stack}"));
    fs::create_dir_all(&dir).unwrap();
    fs::copy(env.repo().join(stack).join("main.tf"), dir.join("main.tf")).unwrap();
    let terraform = |args: &[&str]| {
        let output = Command::new("terraform")
            .args(args)
            .current_dir(&dir)
            .env_remove("TF_CLI_CONFIG_FILE")
            .env("CHECKPOINT_DISABLE", "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    terraform(&["init", "-input=false"]);
    terraform(&["plan", "-input=false", "-out=saved"]);
    let shown = dir.join("plan.json");
    fs::write(&shown, terraform(&["show", "-json", "saved"])).unwrap();
    (shown.display().to_string(), dir.join("saved").display().to_string())
}

#[test]
fn the_verdict_comes_first_and_then_why() {
    insta::assert_snapshot!(forecast(&shop(), &[]), @r"
    --- stdout
    MET  RTO 4m: met in 95 of 100; [TIME] at the median, [TIME] at the 90th percentile, [TIME] at the 99th

    How long it takes (10000 draws, seed 1)
      up to [TIME]        3 of 100  ###
      up to [TIME]       13 of 100  #############
      up to [TIME]       31 of 100  ###############################
      up to [TIME]       27 of 100  ###########################
      up to [TIME]       15 of 100  ###############
      up to [TIME]        6 of 100  ######  < RTO
      over [TIME]         5 of 100  #####

    What dominates
      critical    median      90th     saves  what
      100 of 100       30s     [TIME]       30s  network: terraform_data.vpc
                                                by public logs (n=7)
      100 of 100       30s     [TIME]       30s  network: terraform_data.subnet (2 instances)
                                                by public logs (n=7)
      100 of 100       30s     [TIME]       30s  app: terraform_data.db
                                                by public logs (n=7)
      100 of 100       30s     [TIME]       30s  app: terraform_data.web
                                                by public logs (n=7)

    Critical path, with every resource at its median: [TIME]
           30s  network: terraform_data.vpc
           30s  network: terraform_data.subnet
           30s  app: terraform_data.db
           30s  app: terraform_data.web
           10s  besides: verification, and init, plan and programs as far as seen

    Steps from the declaration on: at the medians, and their ends as drawn
      step       begins      ends    median      90th  by
      network        0s     [TIME]     [TIME]     [TIME]  the code
      app         [TIME]     [TIME]     [TIME]     [TIME]  the code
      cutover     [TIME]     [TIME]     [TIME]     [TIME]  nobody: taken as no time

    Parallelism
      limit           as the runbook says, or what the providers bear
      costs           nothing: no resource waits long for another one's lane

    What the times rest on
      resources       4 resources, with 5 instances
      times           4 by public times of their type
      own runs        none yet: every real run makes the next forecast better

    Not in it
      - init and plan of network, app
      - the programs of cutover
      - verification beyond the 10s that the probes need
      - detection and decision

    How good earlier forecasts were
      real runs       none kept a forecast and got to its end
      rehearsals      none kept a forecast and got to its end
    --- exit 0
    ");
}

#[test]
fn the_numbers_are_those_of_the_code() {
    let env = shop();
    let told = json(&env, &[]);
    assert_eq!(told["schema"], "drctl/forecast/v1");
    assert_eq!(
        (told["service"].as_str(), told["region"].as_str()),
        (Some("shop"), Some("ap-northeast-2"))
    );
    let drawn = &told["forecast"];
    // Two in a row in each stack, and 10 s for the probe's second and third answer.
    assert_eq!((ms(&drawn["at_medians_ms"]), ms(&drawn["floor_ms"])), (130_000, 130_000));
    assert!(ms(&drawn["p50_ms"]) > 130_000, "the later of two subnets counts: {drawn}");
    assert!(ms(&drawn["p90_ms"]) < 250_000, "not all are slow at once: {drawn}");
    assert_eq!(drawn["quantiles_ms"].as_array().unwrap().len(), 21);
    assert_eq!(told["steps"][1]["begins_ms"], 60_000);
    assert_eq!(told["critical_path"].as_array().unwrap().len(), 4);
    assert_eq!(told["rests_on"]["instances"], 5);
    assert_eq!(
        forecast(&env, &[]).stdout,
        forecast(&env, &[]).stdout,
        "the same seed draws the same"
    );
    assert_ne!(json(&env, &["--seed", "2"])["forecast"], told["forecast"]);
}

#[test]
fn the_exit_code_says_whether_nine_of_ten_meet_the_objective() {
    let env = shop();
    for (rto, code) in [("1h", 0), ("2m", 1)] {
        let output = forecast(&env, &["--rto", rto]);
        assert_eq!(output.code, Some(code), "{output}");
    }
    let half = json(&env, &["--rto", "2m"]);
    assert_eq!(half["verdict"], "missed");
    let chance = half["forecast"]["chance"].as_f64().unwrap();
    assert!(chance > 0.0 && chance < 0.5, "{chance}");

    let env = Env::with(&[("main.tf", NETWORK)]);
    fs::write(env.root().join("times.json"), TIMES).unwrap();
    let none = forecast(&env, &[]);
    assert_eq!(none.code, Some(6), "{none}");
    assert!(none.stdout.starts_with("NO RTO"), "{none}");
    let empty = Env::with(&[("main.tf", "locals {}\n")]);
    insta::assert_snapshot!(empty.run(&["forecast"]), @r"
    --- stderr
    error: there is nothing to forecast: no stack makes a resource
      hint: Name a checkout whose live root modules, or whose runbook's stacks, make resources
    --- exit 6
    ");
}

#[test]
fn what_is_there_already_takes_no_time() {
    let env = shop();
    let whole = json(&env, &[]);
    let less = json(
        &env,
        &["--without", "app:terraform_data.db", "--without", "network:terraform_data.subnet[0]"],
    );
    assert_eq!(ms(&less["forecast"]["at_medians_ms"]), 70_000);
    assert_eq!(less["without"][1], "network:terraform_data.subnet");
    assert_eq!(less["rests_on"]["there_already"], 2);
    let saves = whole["dominant"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["address"] == "terraform_data.db");
    assert_eq!(saves.unwrap()["saves_ms"], 30_000);
    insta::assert_snapshot!(forecast(&env, &["--without", "app:terraform_data.dbb"]), @r"
    --- stderr
    error: there is no resource `terraform_data.dbb` in the stack `app`
      hint: Did you mean `app:terraform_data.db`?
    --- exit 2
    ");
    insta::assert_snapshot!(forecast(&env, &["--without", "terraform_data.db"]), @r"
    --- stderr
    error: invalid value 'terraform_data.db' for '--without <STACK:ADDRESS>': write it as `STACK:ADDRESS`, such as `data:aws_db_instance.main`

    For more information, try '--help'.
    --- exit 2
    ");
}

#[test]
fn fewer_lanes_make_it_longer_and_it_says_by_how_much() {
    let env = shop();
    let one = json(&env, &["--parallelism", "1"]);
    // Three in a row, two in a row, and the probe.
    assert_eq!(
        (ms(&one["forecast"]["at_medians_ms"]), ms(&one["forecast"]["floor_ms"])),
        (160_000, 130_000)
    );
    assert_eq!(
        (&one["parallelism"][0]["lanes"], &one["parallelism"][0]["at_medians_ms"]),
        (&10.into(), &130_000.into())
    );
    let said = forecast(&env, &["--parallelism", "1"]);
    assert!(
        said.stdout.contains("costs           30s of 2m40s; without a limit it takes 2m10s"),
        "{said}"
    );
}

#[test]
fn a_checkout_is_looked_at_as_it_is() {
    let env = shop();
    let clean = json(&env, &[]);
    let longer = APP.to_owned()
        + "resource \"terraform_data\" \"more\" {\n  input = terraform_data.web.id\n}\n";
    fs::write(env.repo().join("app/main.tf"), longer).unwrap();
    let dirty = json(&env, &[]);
    let at = |told: &Value| ms(&told["forecast"]["at_medians_ms"]);
    assert_eq!(at(&dirty), at(&clean) + 30_000);
    assert_eq!(json(&env, &["app"]), dirty, "a folder of it means all that the runbook does");
    assert_eq!(json(&env, &["--repo", "."]), dirty);
    fs::write(env.repo().join("network/more.tf"), "resource {").unwrap();
    let broken = forecast(&env, &[]);
    assert!(broken.stdout.contains("a file was not understood"), "{broken}");
}

#[test]
fn a_plan_says_what_is_made_and_the_code_what_local_values_are() {
    let env = shop();
    let code = json(&env, &[]);
    let (app, _) = planned(&env, "app");
    let given = format!("app={app}");
    let told = json(&env, &["--plan", &given]);
    assert_eq!(told["forecast"], code["forecast"], "the code tells the same");
    let plan = &told["steps"][1]["plan"];
    assert_eq!((&plan["resources"], &plan["locals_from_code"]), (&2.into(), &1.into()));
    assert_eq!(told["steps"][0]["plan"], Value::Null);
    let said = forecast(&env, &["--plan", &given]);
    let words = said.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("the plan: 2 resources, 2 instances; 1 local value by the code"),
        "{said}"
    );

    // A number that the code does not tell.
    let unknown = NETWORK.replace("count = 2", "count = var.n") + "variable \"n\" {}\n";
    env.commit(&[("network/main.tf", &unknown)]);
    assert!(forecast(&env, &[]).stdout.contains("the number of `terraform_data.subnet`"));
    env.commit(&[("network/main.tf", &NETWORK.replace("count = 2", "count = 20"))]);
    let (network, _) = planned(&env, "network");
    env.commit(&[("network/main.tf", &unknown)]);
    let told = json(&env, &["--plan", &format!("network={network}"), "--plan", &given]);
    assert_eq!(told["rests_on"]["instances"], 23);
    assert_eq!(ms(&told["forecast"]["at_medians_ms"]), 160_000, "20 over 10 lanes");
}

#[test]
fn plans_are_enough_where_there_is_no_code() {
    let env = shop();
    let (network, _) = planned(&env, "network");
    let bare = Env::with(&[("README.md", "nothing\n")]);
    fs::write(bare.root().join("times.json"), TIMES).unwrap();
    let told = json(&bare, &["--plan", &network, "--rto", "1h"]);
    assert_eq!(
        (&told["steps"][0]["step"], &told["rests_on"]["instances"]),
        (&"plan".into(), &3.into())
    );
}

#[test]
fn what_is_no_plan_is_told_with_what_to_do() {
    let env = shop();
    let (shown, saved) = planned(&env, "app");
    let file = |name: &str, text: &str| {
        let path = env.root().join(name);
        fs::write(&path, text).unwrap();
        format!("app={}", path.display())
    };
    let bad = [
        format!("app={saved}"),
        file("text.json", "Plan: 2 to add\n"),
        file("state.json", r#"{"format_version": "1.0", "values": {}}"#),
        file("broke.json", r#"{"format_version": "1.2", "errored": true, "configuration": {}}"#),
        file("newer.json", r#"{"format_version": "2.0"}"#),
        "app=nowhere.json".to_owned(),
        format!("ap={shown}"),
        shown.clone(),
        "app=".to_owned(),
    ];
    let said: Vec<String> =
        bad.iter().map(|plan| forecast(&env, &["--plan", plan]).to_string()).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    --- stderr
    error: the plan `$ENV/planned-app/saved` cannot be used
      caused by: it is a saved plan, and not what `terraform show -json` prints of it
      hint: Write `terraform show -json $ENV/planned-app/saved > plan.json`, and name that
    --- exit 2
    --- stderr
    error: the plan `$ENV/text.json` cannot be used
      caused by: `terraform show` printed something that cannot be read: line 1 is not JSON
      hint: Write `terraform show -json PLANFILE > $ENV/text.json`, and name that
    --- exit 2
    --- stderr
    error: the plan `$ENV/state.json` cannot be used
      caused by: it has no plan in it: it is a state, or something else
      hint: Write `terraform show -json PLANFILE > $ENV/state.json`, and name that
    --- exit 2
    --- stderr
    error: the plan `$ENV/broke.json` cannot be used
      caused by: it broke off with an error, so that it does not say all
      hint: Write `terraform show -json PLANFILE > $ENV/broke.json`, and name that
    --- exit 2
    --- stderr
    error: the plan `$ENV/newer.json` cannot be used
      caused by: `terraform show` printed something that cannot be read: its format has version 2.0, not 1
      hint: Write `terraform show -json PLANFILE > $ENV/newer.json`, and name that
    --- exit 2
    --- stderr
    error: failed to read the plan `nowhere.json`
      caused by: No such file or directory (os error 2)
      hint: Name a file that `terraform show -json` printed
    --- exit 2
    --- stderr
    error: there is no stack `ap` for the plan `$ENV/planned-app/plan.json`
      hint: Did you mean `app`?
      hint: The stacks are: network, app
    --- exit 2
    --- stderr
    error: the plan `$ENV/planned-app/plan.json` could be of 2 stacks
      hint: Write `--plan STACK=$ENV/planned-app/plan.json`; the stacks are: network, app
    --- exit 2
    --- stderr
    error: invalid value 'app=' for '--plan <[STACK=]FILE>': write it as `STACK=FILE`, such as `network=plan.json`

    For more information, try '--help'.
    --- exit 2
    ");
    let app = format!("app={shown}");
    let twice = forecast(&env, &["--plan", &app, "--plan", &app]);
    assert!(twice.stderr.contains("there are two plans of the stack `app`"), "{twice}");
    let gone = Value::from_iter([
        ("format_version", Value::from("1.2")),
        (
            "resource_changes",
            serde_json::json!([
            {"address": "terraform_data.a", "mode": "managed", "type": "terraform_data", "name": "a",
                "change": {"actions": ["delete"]}},
            {"address": "terraform_data.b", "mode": "managed", "type": "terraform_data", "name": "b",
                "change": {"actions": ["create"]}}]),
        ),
    ]);
    let deletes = forecast(&env, &["--plan", &file("gone.json", &gone.to_string())]);
    assert!(
        deletes
            .stdout
            .contains("the plan of app would also delete 1: only what it makes is counted"),
        "{deletes}"
    );
}

#[test]
fn no_line_is_wider_than_a_hundred_columns() {
    let long =
        "a_name_that_is_much_longer_than_anybody_would_give_to_a_resource_of_theirs_and_some_more";
    let stack = "a-stack-with-a-name-that-is-longer-than-its-column";
    let runbook = format!(
        "service \"s\" {{\n  rto = \"1h\"\n}}\nstack \"{stack}\" {{\n  path = \"a\"\n  parallelism = 1\n}}\n"
    );
    let code = format!(
        "resource \"terraform_data\" \"{long}\" {{\n  count = 9\n}}\nmodule \"{long}\" {{\n  source = \"x/y/z\"\n}}\n"
    );
    let env = Env::with(&[("drctl.hcl", &runbook), ("a/main.tf", &code)]);
    fs::write(env.root().join("times.json"), TIMES).unwrap();
    let shown = forecast(&env, &[]);
    assert_eq!(shown.code, Some(0), "{shown}");
    for line in shown.stdout.lines() {
        assert!(line.chars().count() <= 100 && line.is_ascii(), "{line}");
    }
}

#[test]
fn bad_usage_is_told() {
    let env = shop();
    let bad: [&[&str]; 7] = [
        &["nowhere"],
        &["drctl.hcl"],
        &["--region", "ap-northeast-9"],
        &["--runbook", "none.hcl"],
        &["--draws", "0"],
        &["--rto", "soon"],
        &["app", "--repo", "."],
    ];
    for args in bad {
        let output = forecast(&env, args);
        assert_eq!(output.code, Some(2), "{args:?}: {output}");
        assert!(output.stderr.starts_with("error: "), "{output}");
    }
    let broken = env.root().join("broken.json");
    fs::write(&broken, "{").unwrap();
    let output = env.run(&["forecast", "--catalogue", broken.to_str().unwrap()]);
    assert_eq!(output.code, Some(2), "{output}");
}

#[test]
fn a_rehearsal_remembers_what_was_expected_and_the_next_forecast_looks_back() {
    let env = shop();
    let times = env.root().join("times.json");
    let done = env.run(&[
        "rehearse",
        "--region",
        "ap-northeast-2",
        "--time-scale",
        "1000",
        "--no-second-plan",
        "--rto",
        "4h",
        "--catalogue",
        times.to_str().unwrap(),
    ]);
    assert_eq!(done.code, Some(0), "{done}");
    assert!(done.stderr.contains(" Forecast  "), "{done}");
    let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
    let expected = &report["forecast"];
    // No probe is asked, and no program is run.
    assert_eq!(expected["at_medians_ms"], 120_000);
    assert!(expected["position"].is_f64() && expected["chance"] == 1.0, "{expected}");
    assert_eq!(expected["missing"], serde_json::json!(["init and plan of network, app"]));
    let next = json(&env, &[]);
    assert_eq!(
        (&next["calibration"]["rehearsals"]["runs"], &next["calibration"]["real"]["runs"]),
        (&1.into(), &0.into())
    );
    assert_eq!(next["calibration"]["rehearsals"]["verdict"], "too_few");
    assert_eq!(next["rests_on"]["own_runs"], 0, "a rehearsal teaches nothing of the cloud");
}

#[test]
fn a_dry_run_shows_the_forecast_and_the_digest_does_not_depend_on_it() {
    let env = shop();
    let dry = |more: &[&str]| {
        let args = ["failover", "--region", "ap-northeast-2", "--dry-run"];
        env.run(&[&args[..], more].concat())
    };
    let shown = dry(&[]);
    assert!(shown.stdout.contains("  forecast    "), "{shown}");
    let digest = |rto: &str| {
        let plan: Value = serde_json::from_str(&dry(&["--json", "--rto", rto]).stdout).unwrap();
        (plan["digest"].clone(), plan["forecast"]["chance"].clone())
    };
    let ((first, sure), (second, never)) = (digest("4h"), digest("1ms"));
    assert_eq!((sure.as_f64(), never.as_f64()), (Some(1.0), Some(0.0)));
    assert_eq!(first, second);
}
