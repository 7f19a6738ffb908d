//! What the report says of a run against what the simulated cloud knows to be true.

use crate::support::Env;
use serde_json::Value;

/// By how much a rehearsal is faster than the times of the catalogue.
const SCALE: u64 = 10;

/// How long each type takes, in milliseconds: always as long, so that the truth is known.
const TRUTH: [(&str, u64); 7] = [
    ("acme_vpc", 4_000),
    ("acme_subnet", 2_000),
    ("acme_gateway", 20_000),
    ("acme_database", 30_000),
    ("acme_cache", 10_000),
    ("acme_cluster", 60_000),
    ("acme_nodes", 15_000),
];

const RUNBOOK: &str = r#"
service "shop" {
  rto     = "30m"
  primary = "eu-west-1"
}

stack "network" {
  path = "network"
}

stack "data" {
  path        = "data"
  variables   = { network = stack.network.outputs.id }
  parallelism = 1
}

stack "cluster" {
  path      = "cluster"
  variables = { network = stack.network.outputs.id }
}

probe "command" "front" {
  run = ["true"]
}
"#;

const NETWORK: &str = r#"
resource "acme_vpc" "main" {
  cidr = "10.0.0.0/16"
}
resource "acme_subnet" "a" {
  count = 2
  vpc   = acme_vpc.main.id
}
resource "acme_gateway" "out" {
  subnet = acme_subnet.a[0].id
}
output "id" {
  value = acme_gateway.out.id
}
"#;

/// The cache is ready at once, and waits for the database: there is one lane.
const DATA: &str = r#"
variable "network" {}
resource "acme_database" "orders" {
  network = var.network
}
resource "acme_cache" "sessions" {
  network = var.network
}
"#;

const CLUSTER: &str = r#"
variable "network" {}
locals {
  name = acme_cluster.this.id
}
resource "acme_cluster" "this" {
  network = var.network
}
resource "acme_nodes" "workers" {
  cluster = local.name
}
"#;

fn rehearsed() -> Value {
    let env = Env::with(&[
        ("drctl.hcl", RUNBOOK),
        ("network/main.tf", NETWORK),
        ("data/main.tf", DATA),
        ("cluster/main.tf", CLUSTER),
    ]);
    let times: Vec<String> = TRUTH
        .iter()
        .map(|(kind, ms)| {
            let time = format!("{ms}ms");
            format!(
                r#""{kind}": {{"create": {{"p50": "{time}", "p90": "{time}", "n": 0, "source": "docs"}}}}"#
            )
        })
        .collect();
    let catalogue = env.root().join("catalogue.json");
    std::fs::write(&catalogue, format!(r#"{{"resources": {{{}}}}}"#, times.join(", "))).unwrap();
    let (catalogue, scale) = (catalogue.display().to_string(), SCALE.to_string());
    let output = env.run(&[
        "rehearse",
        "--region",
        "eu-central-1",
        "--time-scale",
        &scale,
        "--catalogue",
        &catalogue,
    ]);
    assert_eq!(output.code, Some(0), "{output}");
    serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap()
}

/// Whether a time is the true one within 2 % or 50 ms of this machine's time.
fn agrees(measured: u64, truth: u64) -> bool {
    measured.abs_diff(truth) <= (truth / 50).max(50 * SCALE)
}

/// One rehearsal for all, since it takes its time.
#[test]
fn a_report_agrees_with_the_truth_that_the_simulated_cloud_knows() {
    let report = rehearsed();
    the_path_is_the_true_one(&report);
    times_are_true_and_waits_are_named(&report);
    what_would_be_saved_is_what_the_rest_takes(&report);
}

fn the_path_is_the_true_one(report: &Value) {
    let segments = report["critical_path"]["segments"].as_array().unwrap();
    let took = |segment: &Value| segment["took_ms"].as_u64().unwrap();

    let on_path: Vec<&str> = segments.iter().filter_map(|s| s["address"].as_str()).collect();
    let on_path: Vec<&str> = on_path.iter().map(|a| a.split('[').next().unwrap()).collect();
    assert_eq!(
        on_path,
        [
            "acme_vpc.main",
            "acme_subnet.a",
            "acme_gateway.out",
            "acme_cluster.this",
            "acme_nodes.workers"
        ],
        "{segments:#?}"
    );
    let resources: u64 = segments.iter().filter(|s| s["what"] == "resource").map(took).sum();
    let truth = 4_000 + 2_000 + 20_000 + 60_000 + 15_000;
    assert!(agrees(resources, truth), "{resources} is not {truth}");
    let whole: u64 = segments.iter().map(took).sum();
    assert_eq!(Some(whole), report["recovery_time_ms"].as_u64(), "without a gap");
    assert_eq!(report["critical_path"]["inferred"], serde_json::json!([]));
}

fn times_are_true_and_waits_are_named(report: &Value) {
    for resource in report["resources"].as_array().unwrap() {
        let address = resource["address"].as_str().unwrap();
        let kind = address.split('.').next().unwrap();
        let truth = TRUTH.iter().find(|(known, _)| *known == kind).unwrap().1;
        let took = resource["took_ms"].as_u64().unwrap();
        assert!(agrees(took, truth), "{address}: {took} is not {truth}");
        if kind == "acme_cache" || kind == "acme_database" {
            continue;
        }
        assert_eq!(resource["waited"]["behind"], "terraform", "{resource:#}");
    }
    // One of the two waited for the other: which is first, only Terraform knows.
    let of_data = report["resources"].as_array().unwrap().iter().filter(|r| r["step"] == "data");
    let waited: Vec<u64> = of_data
        .filter(|resource| resource["waited"]["behind"] == "parallelism")
        .map(|resource| resource["waited"]["for_ms"].as_u64().unwrap())
        .collect();
    let [waited] = waited[..] else { panic!("{waited:?}") };
    assert!(agrees(waited, 30_000) || agrees(waited, 10_000), "{waited}");
}

fn what_would_be_saved_is_what_the_rest_takes(report: &Value) {
    let savings = report["critical_path"]["savings"].as_array().unwrap();
    let saves = |address: &str| {
        let saving = savings.iter().find(|saving| saving["address"] == address);
        saving.unwrap_or_else(|| panic!("{address}: {savings:#?}"))["saves_ms"].as_u64().unwrap()
    };
    // Without its cluster the stack takes 15 s, and data takes over with its 40 s: 75 - 40.
    assert!(agrees(saves("acme_cluster.this"), 35_000), "{savings:#?}");
    assert!(agrees(saves("acme_nodes.workers"), 15_000), "{savings:#?}");
    assert!(agrees(saves("acme_gateway.out"), 20_000), "{savings:#?}");
}
