//! Traffic is moved to a fallback that passes its probes, and to no other.

use crate::support::Env;
use serde_json::Value;
use std::fs;

const NETWORK: &str = "output \"id\" {\n  value = \"n-1\"\n}\noutput \"token\" {\n  value     = \"s3cr3t-canary\"\n  sensitive = true\n}\n";

/// A service with a cutover, and a probe that asks what was rebuilt: it passes when `bin/healthy` does.
fn shop(env: &Env, more: &str, healthy: &str) {
    let traffic = env.root().join("traffic").display().to_string();
    let runbook = format!(
        r#"service "shop" {{
  rto           = "30m"
  primary       = "ap-northeast-1"
  verify_within = "3s"
}}
stack "network" {{
  path = "network"
}}
command "cutover" {{
  needs = ["network"]
  run   = ["./bin/cut", region]
{more}}}
command "announce" {{
  needs = ["cutover"]
  run   = ["true"]
}}
probe "command" "front" {{
  run      = ["./bin/healthy", stack.network.outputs.id]
  interval = "100ms"
  up_after = 2
}}
probe "command" "public" {{
  run      = ["test", "-e", "{traffic}"]
  interval = "100ms"
}}
"#
    );
    env.commit(&[
        ("drctl.hcl", &runbook),
        ("network/main.tf", NETWORK),
        ("bin/healthy", &format!("#!/bin/sh\n{healthy}\n")),
        ("bin/cut", &format!("#!/bin/sh\necho \"$1\" > '{traffic}'\n")),
    ]);
}

fn report(env: &Env) -> Value {
    serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap()
}

/// The events of the newest run that have to do with the cutover, in their order.
fn order(env: &Env) -> Vec<String> {
    let told = |event: &Value| {
        let text = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        match event["event"].as_str()? {
            "probe_answered" => Some(format!("{} {}", text("probe"), event["up"])),
            "phase_started" if text("phase") == "run" => Some(format!("{} runs", text("step"))),
            kind @ ("fallback_verified" | "verification_failed" | "service_verified") => {
                Some(kind.to_owned())
            }
            "step_finished" => {
                Some(format!("{} {}", text("step"), event["outcome"]["is"].as_str().unwrap()))
            }
            _ => None,
        }
    };
    let mut order: Vec<String> = env.journal().iter().filter_map(told).collect();
    order.dedup();
    order
}

#[test]
fn traffic_moves_once_the_fallback_passes_its_probes_and_the_public_name_is_asked_after_that() {
    let env = Env::new();
    shop(&env, "", "exit 0");
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    let order = order(&env);
    let at = |what: &str| {
        order.iter().position(|told| told == what).unwrap_or_else(|| panic!("{what}: {order:?}"))
    };
    assert!(at("network done") < at("front true"), "{order:?}");
    assert!(at("front true") < at("fallback_verified"), "{order:?}");
    assert!(at("fallback_verified") < at("cutover runs"), "{order:?}");
    assert!(at("cutover done") < at("announce runs"), "{order:?}");
    assert!(at("announce done") < at("public true"), "{order:?}");
    assert_eq!(order.last().map(String::as_str), Some("service_verified"), "{order:?}");
}

#[test]
fn traffic_stays_where_it_is_while_the_fallback_fails_its_probes() {
    let env = Env::new();
    shop(&env, "", "echo no database >&2; exit 1");
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(!env.root().join("traffic").exists(), "no traffic is moved");
    let order = order(&env);
    let end = ["verification_failed", "cutover withheld", "announce skipped"];
    assert_eq!(order[order.len() - 3..], end, "{order:?}");
    let report = report(&env);
    let outcome = &report["steps"][1]["outcome"];
    assert_eq!(outcome["is"], "withheld", "{report:#}");
    let why = outcome["why"].as_str().unwrap();
    assert!(why.starts_with("the probe `front` does not pass in the fallback: "), "{why}");
    assert!(env.run(&["report"]).stdout.contains("withheld"));
}

#[test]
fn a_cutover_that_says_so_waits_for_no_probe() {
    let env = Env::new();
    shop(&env, "  unverified = true\n", "exit 1");
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(3), "the probe fails in the end: {output}");
    assert_eq!(fs::read_to_string(env.root().join("traffic")).unwrap(), "ap-northeast-2\n");
}

#[test]
fn a_cutover_that_nothing_can_verify_says_so() {
    let env = Env::new();
    let runbook = "service \"shop\" {\n  rto = \"30m\"\n}\nstack \"network\" {\n  path = \"network\"\n}\ncommand \"cutover\" {\n  run = [\"true\"]\n}\nprobe \"command\" \"public\" {\n  run      = [\"true\"]\n  interval = \"50ms\"\n}\n";
    env.commit(&[("drctl.hcl", runbook), ("network/main.tf", NETWORK)]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("traffic is moved without a verified fallback"), "{output}");
}

#[test]
fn traffic_goes_back_where_it_was() {
    let env = Env::new();
    let back = env.root().join("back").display().to_string();
    let undo = format!(
        "  undo = [\"sh\", \"-c\", \"echo $0 from $DRCTL_REGION > '{back}'\", stack.network.outputs.id]\n"
    );
    shop(&env, &undo, "exit 0");
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    insta::assert_snapshot!(env.run(&["undo"]), @r"
    --- stderr
    What `cutover` did in ap-northeast-2 is taken back
    error: nobody can confirm this failover: there is no terminal
      hint: Look at it with `--dry-run`, then run it with `--yes --expect-plan [DIGEST]`
    --- exit 2
    ");
    assert!(!env.root().join("back").exists());
    insta::assert_snapshot!(env.run(&["undo", "--step", "network", "--yes"]), @r"
    --- stderr
    error: `network` is a stack: what Terraform made is not taken back so
      hint: Remove it with Terraform, over the state of the run: `drctl state`
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["undo", "--step", "cutoff", "--yes"]), @r"
    --- stderr
    error: there is no step `cutoff`
      hint: There are `network`, `cutover`, `announce`
    --- exit 2
    ");
    let undone = env.run(&["undo", "--yes"]);
    assert_eq!(undone.code, Some(0), "{undone}");
    assert_eq!(fs::read_to_string(env.root().join("back")).unwrap(), "n-1 from ap-northeast-2\n");
    let report = report(&env);
    assert_eq!(report["undone"][0]["step"], "cutover", "{report:#}");
    assert_eq!(report["removals"].as_array().map(Vec::len), Some(0), "{report:#}");
    assert!(env.run(&["report"]).stdout.contains("Taken back"));
    env.journal();
}

#[test]
fn a_sensitive_output_is_refused_where_everybody_would_see_it() {
    let env = Env::new();
    let runbook = r#"service "shop" {
  rto = "30m"
}
stack "network" {
  path = "network"
}
docker "here" {
  host = "unix:///nowhere"
}
command "tell" {
  run = ["echo", stack.network.outputs.token]
  env = { TOKEN = stack.network.outputs.token }
}
container "web" {
  image   = "web:1"
  command = ["serve", "--token", stack.network.outputs.token]
  env     = { TOKEN = stack.network.outputs.token }
}
container "mail" {
  image = stack.network.outputs.imge
}
"#;
    env.commit(&[("drctl.hcl", runbook), ("network/main.tf", NETWORK)]);
    let output = env.run(&["failover", "--region", "ap-northeast-2", "--dry-run"]);
    insta::assert_snapshot!(output, @r"
    --- stderr
    error: the runbook does not fit the repository:
      drctl.hcl:11:18: `stack.network.outputs.token` is sensitive, and would be seen here
        Every user of a machine can read the arguments of its programs: hand it over in `env`, or in the `values` or `secrets` of a step
      drctl.hcl:16:34: `stack.network.outputs.token` is sensitive, and would be seen here
        Every user of a machine can read the arguments of its programs: hand it over in `env`, or in the `values` or `secrets` of a step
      drctl.hcl:20:11: the stack `network` has no output `imge`
        Known here: `id`, `token`
    --- exit 2
    ");
}
