//! `drctl drill`, whole: with the real Terraform, whose provisioners write into a folder what stands.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service of two stacks and a cutover; what a stack makes is a file in `site/`, until it is removed.
struct Shop {
    env: Env,
}

impl Shop {
    /// `command` is run while the second stack is made, with `SITE` for the folder; `drill` is the
    /// block of the runbook.
    fn new(command: &str, drill: &str) -> Self {
        let env = Env::new();
        let site = env.root().join("site");
        fs::create_dir(&site).unwrap();
        let shop = Self { env };
        let site = site.display().to_string();
        let stack = |name: &str, more: &str, then: &str| {
            let then = then.replace("SITE", &site);
            format!(
                "{more}\nresource \"terraform_data\" \"this\" {{\n  input = \"{site}\"\n  provisioner \"local-exec\" {{\n    command = \"touch ${{self.input}}/{name}; {then}\"\n  }}\n  provisioner \"local-exec\" {{\n    when    = destroy\n    command = \"test ! -e ${{self.input}}/stuck-{name} && rm -f ${{self.input}}/{name}\"\n  }}\n}}\n"
            )
        };
        let network = stack("network", "", "true")
            + "output \"id\" { value = terraform_data.this.id }\nresource \"terraform_data\" \"kept\" {\n  lifecycle {\n    prevent_destroy = true\n  }\n}\n";
        shop.env.commit(&[
            ("drctl.hcl", &RUNBOOK.replace("DRILL", drill)),
            ("network/main.tf", &network),
            ("web/main.tf", &stack("web", "variable \"network\" {}", command)),
            ("bin/cut", &format!("#!/bin/sh\ntouch '{site}/traffic'\n")),
            ("bin/healthy", "#!/bin/sh\ntest \"$DRCTL_DRILL\" = 1 && echo fine\n"),
        ]);
        shop
    }

    fn site(&self) -> PathBuf {
        self.env.root().join("site")
    }

    /// What stands, by name.
    fn standing(&self) -> Vec<String> {
        let entries = fs::read_dir(self.site()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn args<'a>(&self, more: &[&'a str]) -> Vec<&'a str> {
        [&["drill", "--region", "ap-northeast-2", "--yes"], more].concat()
    }

    fn drill(&self, more: &[&str]) -> Output {
        self.env.run(&self.args(more))
    }

    fn sweep(&self) -> Output {
        self.env.run(&["drill", "--sweep"])
    }

    /// Begins a drill and returns once the file `name` stands.
    fn begun(&self, name: &str, more: &[&str]) -> Child {
        let child = self.env.spawn(&self.args(more));
        wait_until("the drill gets there", || self.site().join(name).exists());
        child
    }

    fn report(&self) -> Value {
        serde_json::from_str(&self.env.run(&["report", "--json"]).stdout).unwrap()
    }

    /// Every kind of event of the newest run, in order.
    fn kinds(&self) -> Vec<String> {
        let events = self.env.journal();
        events.iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
    }
}

const RUNBOOK: &str = r#"
service "shop" {
  rto     = "30m"
  primary = "ap-northeast-1"
}

region "ap-northeast-2" {
  state "local" {
    path = "/nowhere/${stack}.tfstate"
  }
}

stack "network" {
  path = "network"
}

stack "web" {
  path      = "web"
  variables = { network = stack.network.outputs.id }
}

command "cutover" {
  needs = ["web"]
  run   = ["./bin/cut", region]
}

command "announce" {
  needs = ["cutover"]
  run   = ["true"]
}

probe "command" "rebuilt" {
  run      = ["./bin/healthy", stack.network.outputs.id]
  interval = "50ms"
  up_after = 2
}

probe "command" "front" {
  run      = ["./bin/healthy"]
  interval = "50ms"
}

DRILL
"#;

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "{what}: it never happened");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(name: &str, target: &str) {
    let sent = Command::new("kill").args([name, "--", target]).status().unwrap();
    assert!(sent.success(), "kill {name} {target}");
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The process groups that have a member in the work copies of runs.
fn groups(home: &Path) -> Vec<String> {
    let mut groups = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let inside = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(home));
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        if let (true, Some((_, rest))) = (inside, stat.rsplit_once(") ")) {
            groups.extend(rest.split(' ').nth(2).map(str::to_owned));
        }
    }
    groups.sort();
    groups.dedup();
    groups
}

#[test]
fn what_a_drill_makes_is_verified_and_torn_down_and_no_traffic_is_moved() {
    let shop = Shop::new("true", "");
    let output = shop.drill(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(shop.standing(), [""; 0], "{output}");

    let report = shop.report();
    assert_eq!(report["run"]["kind"], "drill");
    assert_eq!(report["run"]["outage"]["known_by"], "simulated");
    assert_eq!((&report["summary"], &report["removed"]), (&"met".into(), &true.into()));
    let outcomes: Vec<&str> = report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["outcome"]["is"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["done", "done", "left_out", "done"]);
    assert!(output.stdout.contains("the probe `front` is left out"), "{output}");
    let removals: Vec<&str> = report["removals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|removal| removal["step"].as_str().unwrap())
        .collect();
    assert_eq!(removals, ["web", "network"], "the last first");
    let runs = shop.env.run(&["runs", "--kind", "drill"]).stdout;
    assert!(runs.contains("drill: recovered in") && runs.contains(", removed"), "{runs}");
    let trend = shop.env.run(&["trend", "--kind", "drill"]);
    assert!(trend.stdout.contains("Drills of shop"), "{trend}");
    assert_eq!(shop.sweep().code, Some(0));
}

#[test]
fn a_step_that_fails_is_torn_down_with_the_others() {
    let shop = Shop::new("exit 7", "");
    let output = shop.drill(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    // A resource whose provisioner failed is removed without its other provisioners.
    assert_eq!(shop.standing(), ["web"], "{output}");
    let report = shop.report();
    assert_eq!((&report["outcome"], &report["removed"]), (&"failed".into(), &true.into()));
    insta::assert_snapshot!(shop.sweep(), @r"
    --- stdout
    No state knows of anything that is left of a drill
    --- exit 0
    ");
}

#[test]
fn a_signal_stops_the_run_and_not_the_teardown() {
    let shop = Shop::new("sleep 30", "");
    let child = shop.begun("web", &[]);
    let pid = child.id().to_string();
    signal("-INT", &pid);
    // Nor do those that come after.
    signal("-TERM", &pid);
    signal("-INT", &pid);
    let output = shop.env.output(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(5), "{output}");
    assert!(output.stderr.contains("then all that the drill made is torn down"), "{output}");
    assert!(output.stderr.contains("the teardown goes on"), "{output}");
    assert_eq!(shop.standing(), ["web"], "{output}");
    assert_eq!(shop.report()["removed"], true);
    let kinds = shop.kinds();
    let at = |kind: &str| kinds.iter().position(|k| k == kind).unwrap();
    assert!(at("interrupt_received") < at("removal_started"), "{kinds:?}");
}

#[test]
fn a_time_limit_ends_a_drill_and_says_so() {
    let shop = Shop::new("sleep 30", "drill {\n  max_time = \"500ms\"\n}");
    let output = shop.drill(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(
        output.stdout.contains("the time limit of 0.5s is reached: the drill is ended"),
        "{output}"
    );
    assert_eq!(shop.report()["removed"], true);
    assert!(groups(&shop.env.home()).is_empty());
    // The flag wins over the runbook.
    let again = Shop::new("true", "drill {\n  max_time = \"1ms\"\n}");
    assert_eq!(again.drill(&["--max-time", "10m"]).code, Some(0));
}

#[test]
fn what_could_not_be_removed_is_named_held_up_by_nothing_else_and_swept_later() {
    let shop = Shop::new("true", "");
    fs::write(shop.site().join("stuck-web"), "").unwrap();
    let output = shop.drill(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    // What the stack that is stuck needs stays with it.
    assert_eq!(shop.standing(), ["network", "stuck-web", "web"], "{output}");
    assert!(output.stdout.contains("web could not be removed: terraform_data.this"), "{output}");
    assert!(output.stdout.contains("`web` needs it, and could not be removed"), "{output}");
    assert!(output.stdout.contains("drctl drill --sweep"), "{output}");
    let report = shop.report();
    assert_eq!((&report["outcome"], &report["removed"]), (&"not_removed".into(), &false.into()));
    let refused = shop.drill(&[]);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(refused.stderr.contains("Remove what that drill left"), "{refused}");

    let still = shop.sweep();
    assert_eq!(still.code, Some(3), "{still}");
    assert!(still.stdout.contains("left: web: terraform_data.this"), "{still}");
    fs::remove_file(shop.site().join("stuck-web")).unwrap();
    let swept = shop.sweep();
    assert_eq!(swept.code, Some(0), "{swept}");
    assert!(swept.stdout.contains("removed 3 resource(s) of shop in ap-northeast-2"), "{swept}");
    assert_eq!(shop.standing(), [""; 0]);
    assert!(shop.env.run(&["runs"]).stdout.contains(", removed"));
    insta::assert_snapshot!(shop.sweep(), @r"
    --- stdout
    No state knows of anything that is left of a drill
    --- exit 0
    ");
}

#[test]
fn a_drill_that_is_killed_is_swept_up_after() {
    for name in ["network", "web"] {
        let shop = Shop::new("sleep 1", "");
        kill(shop.begun(name, &[]));
        let output = shop.sweep();
        assert_eq!(output.code, Some(0), "killed when {name} stood: {output}");
        // The create that was interrupted left its file, as a failed provisioner does.
        let left: Vec<_> = shop.standing().into_iter().filter(|stands| stands != "web").collect();
        assert_eq!(left, [""; 0], "killed when {name} stood: {output}");
        assert!(groups(&shop.env.home()).is_empty(), "{output}");
        assert_eq!(shop.report()["removed"], true);
        assert!(!shop.kinds().is_empty(), "the stream keeps its promises");
        let runs = shop.env.run(&["runs"]).stdout;
        assert!(runs.contains("interrupted") && runs.contains(", removed"), "{runs}");
        let again = shop.sweep();
        assert_eq!(again.code, Some(0), "{again}");
        assert!(again.stdout.starts_with("No state knows"), "{again}");
    }
}

#[test]
fn a_drill_that_is_killed_at_any_moment_leaves_nothing() {
    for after in [30, 150, 300, 450, 600] {
        let shop = Shop::new("true", "");
        let child = shop.env.spawn(&shop.args(&[]));
        std::thread::sleep(Duration::from_millis(after));
        kill(child);
        // A sweep can be killed, too.
        let sweep = shop.env.spawn(&["drill", "--sweep"]);
        std::thread::sleep(Duration::from_millis(after / 2));
        kill(sweep);
        let output = shop.sweep();
        assert_eq!(output.code, Some(0), "killed after {after} ms: {output}");
        assert_eq!(shop.standing(), [""; 0], "killed after {after} ms: {output}");
        assert_eq!(shop.sweep().code, Some(0));
        assert!(groups(&shop.env.home()).is_empty());
        let next = shop.drill(&[]);
        assert_eq!(next.code, Some(0), "the next drill may begin: {next}");
    }
}

#[test]
fn what_was_being_made_when_all_was_killed_is_named() {
    let shop = Shop::new("sleep 30", "");
    let child = shop.begun("web", &[]);
    for group in groups(&shop.env.home()) {
        signal("-KILL", &format!("-{group}"));
    }
    kill(child);
    let next = shop.drill(&[]);
    assert_eq!(next.code, Some(4), "{next}");
    assert!(next.stderr.contains("drctl drill --sweep"), "{next}");
    let output = shop.sweep();
    assert_eq!(output.code, Some(6), "{output}");
    assert!(output.stdout.contains("may be left"), "{output}");
    assert!(output.stdout.contains("web: terraform_data.this"), "{output}");
    assert!(!shop.standing().contains(&"network".to_owned()));
    let runs = shop.env.run(&["runs"]).stdout;
    assert!(runs.contains(", NOT ALL REMOVED"), "{runs}");
    assert_eq!(shop.sweep().code, Some(0), "said once");
}

#[test]
fn two_drills_are_never_on_at_once() {
    let shop = Shop::new("sleep 30", "");
    let first = shop.begun("web", &[]);
    let second = shop.drill(&[]);
    assert_eq!(second.code, Some(4), "{second}");
    assert!(second.stderr.contains(&format!("process {}", first.id())), "{second}");
    let sweep = shop.sweep();
    assert_eq!(sweep.code, Some(0), "{sweep}");
    assert!(sweep.stderr.contains("is at work"), "{sweep}");
    signal("-INT", &first.id().to_string());
    let output = shop.env.output(first.wait_with_output().unwrap());
    assert_eq!(output.code, Some(5), "{output}");
}

#[test]
fn a_blocked_drill_begins_only_when_it_is_told_to() {
    let block = "drill {\n  blocked \"freeze\" {\n    from  = \"2000-01-01T00:00:00Z\"\n    until = \"2100-01-01T00:00:00Z\"\n  }\n}";
    let shop = Shop::new("true", block);
    let output = shop.drill(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("Begin it at 2100-01-01T00:00:00Z or later"), "{output}");
    assert_eq!(shop.drill(&["--ignore-blocked"]).code, Some(0));
}

#[test]
fn a_drill_that_would_cost_too_much_is_refused() {
    let shop = Shop::new("true", "drill {\n  hourly = { terraform_data = 100 }\n}");
    let output = shop.drill(&["--max-cost", "0.0000001"]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("at 300.00 USD an hour"), "{output}");
    assert_eq!(shop.standing(), [""; 0]);
    let output = shop.drill(&["--max-cost", "50"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("costs about 300.00 USD an hour"), "{output}");
    assert!(
        output.stdout.contains("it is torn down after 10m00s, when that comes to 50.00 USD"),
        "{output}"
    );
}

#[test]
fn without_a_probe_that_asks_what_was_rebuilt_nothing_is_proven() {
    let shop = Shop::new("true", "");
    let runbook = fs::read_to_string(shop.env.repo().join("drctl.hcl")).unwrap();
    let without = runbook.replace(", stack.network.outputs.id]", "]");
    assert_ne!(runbook, without);
    shop.env.commit(&[("drctl.hcl", &without)]);
    let output = shop.drill(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(shop.report()["removed"], true);
}

#[test]
fn a_drill_never_stands_beside_a_failover() {
    let shop = Shop::new("true", "");
    let runbook = fs::read_to_string(shop.env.repo().join("drctl.hcl")).unwrap();
    let state = shop.env.root().join("dr").display().to_string();
    shop.env.commit(&[(
        "drctl.hcl",
        &runbook.replace("/nowhere", &state).replace("./bin/healthy", "true"),
    )]);
    let failover = shop.env.failover(&[]);
    assert_eq!(failover.code, Some(0), "{failover}");
    let output = shop.drill(&[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stderr.contains("may still stand"), "{output}");
    assert_eq!(shop.drill(&["--again"]).code, Some(0));
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let shop = Shop::new("true", "");
    let output = shop.env.run(&["drill", "--region", "ap-northeast-2"]);
    assert_eq!(output.code, Some(2), "{output}");
    assert!(output.stderr.contains("run it with `--yes`"), "{output}");
    assert_eq!(shop.sweep().code, Some(0), "nothing was made");
    for wrong in [
        &["drill"][..],
        &["drill", "--sweep", "--region", "ap-northeast-2"],
        &["drill", "--region", "ap-northeast-2", "--seed", "3", "--yes"],
        &["drill", "--region", "ap-northeast-2", "--max-cost", "-1"],
        &["drill", "--sweep", "20200101"],
    ] {
        let output = shop.env.run(wrong);
        assert_eq!(output.code, Some(2), "{wrong:?}: {output}");
    }
}

const BUCKET: &str = r#"
provider "aws" {
  region = "ap-northeast-1"
}

variable "stage" {
  default = "production"
}

resource "aws_s3_bucket" "assets" {
  bucket = "shop-assets-of-the-whole-company-in-${var.stage}-and-more"
}

resource "aws_iam_role" "app" {
  name               = "app"
  assume_role_policy = "{}"
}
"#;

#[test]
fn every_drill_has_names_of_its_own_also_on_the_simulated_cloud() {
    let runbook = "service \"shop\" {\n  rto = \"4h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"web\" {\n  path = \"web\"\n}\nglobal \"aws_s3_bucket\" {\n  decision = \"suffix\"\n}\nglobal \"aws_iam_role\" {\n  decision = \"create\"\n}\n";
    let env = Env::with(&[("drctl.hcl", runbook), ("web/main.tf", BUCKET)]);
    let dry = env.run(&["drill", "--region", "ap-northeast-2", "--dry-run", "--json"]);
    assert_eq!(dry.code, Some(0), "{dry}");
    let plan: Value = serde_json::from_str(&dry.stdout).unwrap();
    let mut names = Vec::new();
    for _ in 0..2 {
        let args = ["drill", "--region", "ap-northeast-2", "--simulated", "--time-scale", "1000"];
        let output = env.run(&args);
        assert_eq!(output.code, Some(0), "{output}");
        assert!(output.stdout.contains("a simulated drill: the cloud was simulated"), "{output}");
        assert!(
            output.stdout.contains("`aws_iam_role.app` is made under the name `app`"),
            "{output}"
        );
        let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
        assert_eq!(report["plan"]["digest"], plan["digest"], "what is done is the same");
        assert_eq!((&report["run"]["kind"], &report["removed"]), (&"drill".into(), &true.into()));
        let id = report["run"]["id"].as_str().unwrap();
        let run = env.home().join("runs").join(id);
        let first = fs::read_to_string(run.join("state/web/000001.tfstate")).unwrap();
        let state: Value = serde_json::from_str(&first).unwrap();
        let resources = state["resources"].as_array().unwrap();
        let bucket = resources.iter().find(|r| r["type"] == "aws_s3_bucket").unwrap();
        let name = bucket["instances"][0]["attributes"]["id"].as_str().unwrap().to_owned();
        let salt = &id[16..];
        assert!(name.ends_with(&format!("-ap-northeast-2-{salt}")), "{name}");
        assert!(name.len() <= 63 && name.starts_with("shop-assets-of-the"), "{name}");
        names.push(name);
    }
    assert_ne!(names[0], names[1]);
    assert!(env.run(&["runs"]).stdout.contains("simulated drill: "));
}
