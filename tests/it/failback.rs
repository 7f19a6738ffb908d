//! The way home: looked at, confirmed, verified, and cleared up behind.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command};

/// A stack whose one object is a file, in a folder of its region.
const STACK: &str = r#"terraform {
  backend "local" {
    path = "$ENV/primary/$NAME.tfstate"
  }
}
variable "region" {
  default = "ap-northeast-1"
}
variable "size" {
  default = 1
}
resource "terraform_data" "object" {
  input = { region = var.region, size = var.size }
  provisioner "local-exec" {
    command = "mkdir -p '$ENV/objects' && touch '$ENV/objects/${var.region}-$NAME'"
  }
  provisioner "local-exec" {
    when    = destroy
    command = "rm -f '$ENV/objects/${self.input.region}-$NAME'"
  }
}
output "id" {
  value = "${var.region}-$NAME"
}
"#;

/// What differs between the services of these tests.
#[derive(Clone, Copy, Default)]
struct Shop<'a> {
    /// At the end of the runbook.
    runbook: &'a str,
    /// In the command that moves the traffic.
    cutover: Option<&'a str>,
    /// The program that says whether the service is up where traffic leads.
    public: Option<&'a str>,
}

impl Shop<'_> {
    /// Commits the service, builds it in the primary as its owner would, and fails it over.
    fn fail_over(&self, env: &Env) {
        self.commit(env);
        fs::create_dir_all(env.root().join("primary")).unwrap();
        for stack in ["network", "data"] {
            apply(env, stack);
        }
        let output = env.failover(&[]);
        assert_eq!(output.code, Some(0), "{output}");
        assert_eq!(traffic(env), "ap-northeast-2\n");
        fs::write(env.root().join("light"), "").unwrap();
    }

    fn commit(&self, env: &Env) {
        let root = env.root().display().to_string();
        let undo = r#"  undo  = ["./bin/point", primary]"#;
        let runbook = format!(
            r#"service "shop" {{
  rto           = "30m"
  primary       = "ap-northeast-1"
  verify_within = "2s"
}}
stack "network" {{
  path = "network"
}}
stack "data" {{
  path  = "data"
  needs = ["network"]
}}
command "cutover" {{
  needs = ["data"]
  run   = ["./bin/point", region]
{}
}}
probe "command" "region" {{
  role     = "primary"
  run      = ["test", "-e", "{root}/light"]
  interval = "50ms"
  up_after = 2
}}
probe "command" "inside" {{
  run      = ["test", "-e", "{root}/objects/${{stack.data.outputs.id}}"]
  interval = "50ms"
  up_after = 2
}}
probe "command" "public" {{
  run      = ["./bin/public"]
  interval = "50ms"
  up_after = 2
}}
{}"#,
            self.cutover.unwrap_or(undo),
            self.runbook.replace("$ENV", &root)
        );
        let stack = |name: &str| STACK.replace("$ENV", &root).replace("$NAME", name);
        let public = self.public.unwrap_or("test -e \"$HERE/traffic\"");
        let public = format!("#!/bin/sh\nHERE='{root}'\n{public}\n");
        env.commit(&[
            ("drctl.hcl", &runbook),
            ("network/main.tf", &stack("network")),
            ("data/main.tf", &stack("data")),
            ("bin/public", &public),
            ("bin/point", &format!("#!/bin/sh\necho \"$1\" > '{root}/traffic'\n")),
        ]);
    }
}

/// Runs Terraform in a stack of the repository, as its owner does.
fn terraform(env: &Env, stack: &str, args: &[&str]) {
    let output = Command::new("terraform")
        .args(args)
        .current_dir(env.repo().join(stack))
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .expect("terraform is needed: put it on the path");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "terraform {args:?}: {said}");
}

fn apply(env: &Env, stack: &str) {
    terraform(env, stack, &["init", "-input=false"]);
    terraform(env, stack, &["apply", "-auto-approve", "-input=false"]);
}

fn traffic(env: &Env) -> String {
    fs::read_to_string(env.root().join("traffic")).unwrap()
}

/// The primary's states, byte for byte.
fn states(env: &Env) -> Vec<(PathBuf, String)> {
    let files = fs::read_dir(env.root().join("primary")).unwrap();
    let mut all: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    all.sort();
    all.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn objects(env: &Env) -> Vec<String> {
    let files = fs::read_dir(env.root().join("objects")).unwrap();
    let mut all: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

/// The digest of the way home as it is now.
fn digest(env: &Env, more: &[&str]) -> String {
    let args: Vec<&str> = [&["failback", "--dry-run", "--json"], more].concat();
    let dry = env.run(&args);
    let plan: Value = serde_json::from_str(&dry.stdout).unwrap_or_else(|_| panic!("{dry}"));
    plan["digest"].as_str().unwrap().to_owned()
}

/// Goes home with whatever the digest turns out to be.
fn fail_back(env: &Env, more: &[&str]) -> Output {
    let digest = digest(env, more);
    let yes = ["--yes", "--expect-plan", &digest];
    env.run(&[&["failback"], more, &yes].concat())
}

fn report(env: &Env) -> Value {
    serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap()
}

const BOTH: [&str; 4] = [
    "ap-northeast-1-data",
    "ap-northeast-1-network",
    "ap-northeast-2-data",
    "ap-northeast-2-network",
];

#[test]
fn nothing_was_lost_so_only_the_traffic_goes_home() {
    let env = Env::new();
    Shop::default().fail_over(&env);
    let before = states(&env);
    insta::assert_snapshot!(env.run(&["failback", "--dry-run"]), @"");
    insta::assert_snapshot!(env.run(&["failback"]), @"");
    assert_eq!((states(&env), traffic(&env).as_str()), (before.clone(), "ap-northeast-2\n"));
    insta::assert_snapshot!(fail_back(&env, &["--keep-fallback"]), @"");
    assert_eq!(states(&env), before, "what has nothing to do is not written");
    assert_eq!(traffic(&env), "ap-northeast-1\n");
    assert_eq!(objects(&env), BOTH);
    env.journal();
    let report = report(&env);
    assert_eq!(report["run"]["kind"], "failback", "{report:#}");
    assert_eq!(report["failback"]["fallback"], "ap-northeast-2", "{report:#}");
    assert!(report["failback"]["planned_downtime_ms"].is_u64(), "{report:#}");
    let runs = env.run(&["runs", "--kind", "failback"]).stdout;
    assert!(runs.contains("shop to ap-northeast-1, failback: "), "{runs}");
}
