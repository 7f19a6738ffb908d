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
locals {
  size = try(trimspace(file("$ENV/size-$NAME-${var.region}")), "1")
}
resource "terraform_data" "object" {
  input = { region = var.region, size = local.size }
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
    insta::assert_snapshot!(env.run(&["failback", "--dry-run"]), @r"
    --- stdout
    Failback of `shop` to ap-northeast-1 (from ap-northeast-2)
      failover    [RUN]
      repository  $ENV/repo
      commit      [COMMIT]
      runs        Terraform [VERSION]
      primary     it is back, its probes say
      data        nothing keeps data

    In ap-northeast-2, since the failover
      network: as it was
      data: as it was

    In ap-northeast-1, by its own states
      network: as it was
      data: as it was
      no state of ap-northeast-1 is written

    Steps
      network: nothing to do
      data: nothing to do unless what it is given changes, after network
      the service is verified in ap-northeast-1
      cutover: taken back, which moves the traffic home
      the service is verified
      you are asked what becomes of ap-northeast-2

    Notes
      changes that are not committed are not part of this run, which takes commit [SHORT]

    Digest [DIGEST]
    --- stderr
    looking at 2 stack(s) in ap-northeast-1 and in ap-northeast-2: nothing is written
    --- exit 0
    ");
    insta::assert_snapshot!(env.run(&["failback"]), @r"
    --- stderr
    [     [TIME]]   Started  failback [RUN] of $ENV/repo into ap-northeast-1; the way home
    [     [TIME]]      Home  from ap-northeast-2, into which [RUN] failed over
    [     [TIME]]        Up  region  1 of 2 in a row: exit code 0
    [     [TIME]]        Up  region  2 of 2 in a row: exit code 0
    looking at 2 stack(s) in ap-northeast-1 and in ap-northeast-2: nothing is written
    [     [TIME]]   Fetched  commit [SHORT] ([COMMIT])
    [     [TIME]]   Planned  shop: 3 steps, RTO [TIME], digest [SHORT]
    [     [TIME]]      Runs  Terraform [VERSION]
    [     [TIME]]      Note  changes that are not committed are not part of this run, which takes commit [SHORT]
    [     [TIME]]    Looked  network  in the primary: as it was
    [     [TIME]]    Looked  data     in the primary: as it was
    [     [TIME]]    Looked  network  in the fallback: as it was
    [     [TIME]]    Looked  data     in the fallback: as it was
    Failback of `shop` to ap-northeast-1 (from ap-northeast-2)
      failover    [RUN]
      repository  $ENV/repo
      commit      [COMMIT]
      runs        Terraform [VERSION]
      primary     it is back, its probes say
      data        nothing keeps data

    In ap-northeast-2, since the failover
      network: as it was
      data: as it was

    In ap-northeast-1, by its own states
      network: as it was
      data: as it was
      no state of ap-northeast-1 is written

    Steps
      network: nothing to do
      data: nothing to do unless what it is given changes, after network
      the service is verified in ap-northeast-1
      cutover: taken back, which moves the traffic home
      the service is verified
      you are asked what becomes of ap-northeast-2

    Notes
      changes that are not committed are not part of this run, which takes commit [SHORT]

    Digest [DIGEST]
    [     [TIME]]      Note  nobody can confirm this way home: there is no terminal
    [     [TIME]]  Finished  the way home was not gone to its end
    error: nobody can confirm this way home: there is no terminal
      hint: Look at it with `--dry-run`, then run it with `--yes --expect-plan [DIGEST]`
    --- exit 2
    ");
    assert_eq!((states(&env), traffic(&env).as_str()), (before.clone(), "ap-northeast-2\n"));
    let home = fail_back(&env, &["--keep-fallback"]);
    assert_eq!(home.code, Some(0), "{home}");
    for said in ["MET  shop is home in ap-northeast-1 after ", "\n  downtime "] {
        assert!(home.stdout.contains(said), "{home}");
    }
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

/// Changes how big an object should be, as somebody does who works on the region by hand.
fn resize(env: &Env, stack: &str, region: &str) {
    fs::write(env.root().join(format!("size-{stack}-{region}")), "2").unwrap();
}

#[test]
fn the_primary_is_asked_whether_it_is_back() {
    let env = Env::new();
    Shop::default().fail_over(&env);
    fs::remove_file(env.root().join("light")).unwrap();
    let before = states(&env);
    insta::assert_snapshot!(env.run(&["failback", "--dry-run"]), @r"
    --- stderr
    error: ap-northeast-1 is not back: the probe `region` says: exit code 1
      hint: Wait until `drctl probe` sees it up; the fallback serves on until then
      hint: Add `--primary-is-back` if the probe is wrong and you know that it is
    --- exit 4
    ");
    assert_eq!((states(&env), traffic(&env).as_str()), (before, "ap-northeast-2\n"));
    let output = env.run(&["failback", "--dry-run", "--primary-is-back"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.contains("nobody asked whether the primary is back"), "{output}");
}

#[test]
fn what_was_changed_by_hand_in_the_fallback_needs_a_yes() {
    let env = Env::new();
    Shop::default().fail_over(&env);
    resize(&env, "data", "ap-northeast-2");
    let dry = env.run(&["failback", "--dry-run"]);
    insta::assert_snapshot!(dry.stderr, @r"
    looking at 2 stack(s) in ap-northeast-1 and in ap-northeast-2: nothing is written
    error: the way home is not clear:
        data in the fallback: 1 to be changed
          `terraform_data.object`: would be changed in place
      hint: Look at each, carry home what must not be lost, then say yes: `--accept-changes ba58f39a1a6e`
    ");
    assert_eq!(dry.code, Some(4), "{dry}");
    let refused = fail_back(&env, &["--keep-fallback"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert_eq!(traffic(&env), "ap-northeast-2\n");
    let accept = accept(&env);
    let home = fail_back(&env, &["--keep-fallback", "--accept-changes", &accept]);
    assert_eq!(home.code, Some(0), "{home}");
    assert_eq!(traffic(&env), "ap-northeast-1\n");
    let found = &report(&env)["failback"]["looked"][3];
    assert_eq!((&found["step"], &found["accepted"]), (&"data".into(), &true.into()), "{found:#}");
}

/// The digest of what somebody has to say yes to.
fn accept(env: &Env) -> String {
    let dry = env.run(&["failback", "--dry-run", "--json"]);
    let plan: Value = serde_json::from_str(&dry.stdout).unwrap_or_else(|_| panic!("{dry}"));
    let looked = plan["looked"].as_array().unwrap();
    let digest = looked.iter().find_map(|looked| looked["digest"].as_str());
    digest.unwrap_or_else(|| panic!("{plan:#}"))[..12].to_owned()
}

#[test]
fn the_primary_is_written_only_after_a_yes_and_only_where_there_is_something_to_do() {
    let env = Env::new();
    Shop::default().fail_over(&env);
    // Gone from the state, too: nothing tells that it ever was there.
    terraform(&env, "data", &["state", "rm", "terraform_data.object"]);
    fs::remove_file(env.root().join("objects/ap-northeast-1-data")).unwrap();
    let before = states(&env);
    let dry = env.run(&["failback", "--dry-run"]);
    assert!(dry.stdout.contains("WRITES the states of data in ap-northeast-1"), "{dry}");
    insta::assert_snapshot!(dry.stderr, @r"
    looking at 2 stack(s) in ap-northeast-1 and in ap-northeast-2: nothing is written
    error: the way home is not clear:
        data in the primary: 1 to be changed
          `terraform_data.object`: would be made, and the state never held it
      hint: Look at each, carry home what must not be lost, then say yes: `--accept-changes da34caea0377`
    ");
    let refused = fail_back(&env, &["--keep-fallback"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    assert_eq!(states(&env), before, "looking writes nothing");
    let accept = accept(&env);
    let home = fail_back(&env, &["--keep-fallback", "--accept-changes", &accept]);
    assert_eq!(home.code, Some(0), "{home}");
    assert_eq!(objects(&env), BOTH);
    let after = states(&env);
    let changed: Vec<_> = after.iter().filter(|state| !before.contains(state)).collect();
    let of_data = |path: &PathBuf| path.display().to_string().contains("/data.tfstate");
    assert!(changed.iter().all(|(path, _)| of_data(path)), "{changed:?}");
    assert!(!changed.is_empty());
}

#[test]
fn data_is_not_lost_without_a_word() {
    let env = Env::new();
    let point =
        "recovery_point \"orders\" {\n  run = [\"date\", \"-u\", \"+%Y-%m-%dT%H:%M:%SZ\"]\n}\n";
    Shop { runbook: point, ..Shop::default() }.fail_over(&env);
    let dry = env.run(&["failback", "--dry-run"]);
    insta::assert_snapshot!(dry.stderr, @r#"
    looking at 2 stack(s) in ap-northeast-1 and in ap-northeast-2: nothing is written
    error: what was written in the fallback would be lost: nothing says how the data of orders gets home
      hint: Say how: `failback { command "replicate-home" { run = ["…", fallback.region, region] } }`
      hint: Or `failback { data_is_home = true }` where both regions share it; commit it, and name the commit with `--ref`
      hint: Add `--data-is-home` if it is home, or may be lost
    "#);
    assert_eq!(dry.code, Some(4), "{dry}");
    let dry = env.run(&["failback", "--dry-run", "--data-is-home"]);
    assert_eq!(dry.code, Some(0), "{dry}");
}

/// Data gets home by a program that knows both regions; the fallback takes no more of it meanwhile.
const REPLICATED: &str = r#"recovery_point "orders" {
  run = ["date", "-u", "+%Y-%m-%dT%H:%M:%SZ"]
}
failback {
  command "replicate-home" {
    run = ["sh", "-c", "echo $0 $1 $2 > '$ENV/replicated'; touch '$ENV/began'; while ! test -e '$ENV/go'; do sleep 0.05; done",
      fallback.region, region, fallback.stack.data.outputs.id]
  }
  command "fence" {
    phase = "cutover"
    run   = ["sh", "-c", "echo fenced > '$ENV/fence'"]
    undo  = ["rm", "$ENV/fence"]
  }
  recovery_point "orders" {
    run = ["date", "-u", "+%Y-%m-%dT%H:%M:%SZ"]
  }
}
"#;

#[test]
fn a_way_home_that_was_killed_goes_on_where_it_was() {
    let env = Env::new();
    Shop { runbook: REPLICATED, ..Shop::default() }.fail_over(&env);
    let digest = digest(&env, &["--tear-down"]);
    let mut child = env.spawn(&["failback", "--yes", "--expect-plan", &digest, "--tear-down"]);
    while !env.root().join("began").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    child.kill().unwrap();
    let killed = env.output(child.wait_with_output().unwrap());
    assert_eq!(killed.code, None, "{killed}");
    assert_eq!(traffic(&env), "ap-northeast-2\n");
    fs::write(env.root().join("go"), "").unwrap();
    let resumed = env.run(&["resume", "--yes"]);
    assert_eq!(resumed.code, Some(0), "{resumed}");
    assert_eq!(traffic(&env), "ap-northeast-1\n");
    let told = fs::read_to_string(env.root().join("replicated")).unwrap();
    assert_eq!(told, "ap-northeast-2 ap-northeast-1 ap-northeast-2-data\n");
    assert!(env.root().join("fence").exists());
    assert_eq!(objects(&env), BOTH[..2], "the fallback is torn down");
    let journal = env.journal();
    let began = |event: &&Value| event["event"] == "phase_started" && event["step"] == "network";
    assert_eq!(journal.iter().filter(began).filter(|e| e["phase"] == "plan").count(), 1);
    let report = report(&env);
    assert_eq!(report["failback"]["removed"], true, "{report:#}");
    assert!(report["recovery_points"]["orders"]["before_outage_ms"].is_i64(), "{report:#}");
    insta::assert_snapshot!(env.run(&["resume", "--yes"]), @r"
    --- stderr
    error: the run [RUN] came to its end
      hint: See what it took: `drctl report [RUN]`
    --- exit 2
    ");
}

#[test]
fn traffic_goes_back_to_the_fallback_when_the_service_does_not_pass_at_home() {
    let env = Env::new();
    let public = "test ! -e \"$HERE/sick\" || grep -q 2 \"$HERE/traffic\"";
    let shop = Shop { runbook: REPLICATED, public: Some(public), ..Shop::default() };
    shop.fail_over(&env);
    for file in ["sick", "go"] {
        fs::write(env.root().join(file), "").unwrap();
    }
    let output = fail_back(&env, &["--tear-down"]);
    assert_eq!(output.code, Some(3), "{output}");
    assert_eq!(traffic(&env), "ap-northeast-2\n");
    assert!(!env.root().join("fence").exists(), "the fallback takes data again");
    assert_eq!(objects(&env), BOTH, "nothing is torn down");
    let said = env.run(&["report"]).stdout;
    assert!(said.contains("traffic leads to ap-northeast-2 again, which serves on"), "{said}");
    env.journal();
    fs::remove_file(env.root().join("sick")).unwrap();
    let resumed = env.run(&["resume", "--yes"]);
    assert_eq!(resumed.code, Some(0), "{resumed}");
    assert_eq!(traffic(&env), "ap-northeast-1\n");
    assert_eq!(objects(&env), BOTH[..2], "{resumed}");
}

#[test]
fn a_failure_before_the_traffic_is_moved_touches_nothing_of_the_fallback() {
    let env = Env::new();
    let broken = "failback {\n  command \"replicate-home\" {\n    run = [\"false\"]\n  }\n}\n";
    Shop { runbook: broken, ..Shop::default() }.fail_over(&env);
    let output = fail_back(&env, &["--tear-down"]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stderr.contains("ap-northeast-2 serves on"), "{output}");
    assert_eq!(
        (traffic(&env).as_str(), objects(&env)),
        ("ap-northeast-2\n", BOTH.map(str::to_owned).to_vec())
    );
}

#[test]
fn without_a_word_the_fallback_is_kept_and_torn_down_by_another_way_home() {
    let env = Env::new();
    Shop::default().fail_over(&env);
    let home = fail_back(&env, &[]);
    assert_eq!(home.code, Some(0), "{home}");
    assert_eq!(objects(&env), BOTH);
    let home = fail_back(&env, &["--tear-down"]);
    assert_eq!(home.code, Some(0), "{home}");
    assert_eq!(objects(&env), BOTH[..2]);
    assert_eq!(traffic(&env), "ap-northeast-1\n");
    insta::assert_snapshot!(env.run(&["failback", "--tear-down"]), @r"
    --- stderr
    error: nothing is left of the failover [RUN] in ap-northeast-2: it was torn down
      hint: See how: `drctl report [RUN]`
    --- exit 2
    ");
}

#[test]
fn traffic_that_nothing_brings_home_is_refused_and_a_step_can_be_repeated_at_home() {
    let env = Env::new();
    Shop { cutover: Some(""), ..Shop::default() }.fail_over(&env);
    insta::assert_snapshot!(env.run(&["failback", "--dry-run"]).stderr, @r#"
    looking at 2 stack(s) in ap-northeast-1 and in ap-northeast-2: nothing is written
    error: nothing says how the traffic gets home that `cutover` moved away
      hint: Let it run once more for ap-northeast-1, `failback { repeat = ["cutover"] }`, or say what does: `failback { command "home" { phase = "cutover", … } }`
      hint: Commit it, and name the commit with `--ref`
      hint: Before the next failover, give `cutover` what takes it back: `undo = ["…", primary]`
    "#);
    let repeated = Shop {
        cutover: Some(""),
        runbook: "failback {\n  repeat = [\"cutover\"]\n  keep   = true\n}\n",
        ..Shop::default()
    };
    let env = Env::new();
    repeated.fail_over(&env);
    let home = fail_back(&env, &[]);
    assert_eq!(home.code, Some(0), "{home}");
    assert_eq!(traffic(&env), "ap-northeast-1\n");
}

#[test]
fn a_state_that_a_copy_does_not_have_is_said() {
    let env = Env::new();
    Shop::default().commit(&env);
    let text = fs::read_to_string(env.repo().join("data/main.tf")).unwrap();
    let text = text.replace(&format!("{}/primary/", env.root().display()), "");
    env.commit(&[("data/main.tf", &text)]);
    fs::write(env.root().join("light"), "").unwrap();
    assert_eq!(env.failover(&[]).code, Some(0));
    insta::assert_snapshot!(env.run(&["failback", "--dry-run"]).stderr, @r#"
    error: the primary's own states cannot be reached:
        data: data/main.tf:2:3: the state of `data` is a file beside its code, which a private copy of the repository does not have
      hint: Say in the runbook where it is: `region "ap-northeast-1" { state "local" { path = "/…/${stack}.tfstate" } }`
    "#);
}

#[test]
fn there_must_be_a_failover_to_go_home_from() {
    let env = Env::new();
    Shop::default().commit(&env);
    insta::assert_snapshot!(env.run(&["failback"]), @r"
    --- stderr
    error: there is no failover that recovered, so there is nothing to go home from
      hint: See `drctl runs` for the runs that there are
      hint: Rehearse the way home: `drctl rehearse --and-back`
    --- exit 2
    ");
}

#[test]
fn mistakes_of_the_way_home_are_told_with_their_places() {
    let env = Env::new();
    let wrong = r#"failback {
  keeps = true
  leave = ["netwrk"]
  repeat = ["data"]
  command "cutover" {
    run = ["true", fallback.regio]
  }
  command "copy" {
    run = ["true", fallback.stack.dta.outputs.id]
    when = "now"
  }
}
"#;
    Shop { runbook: wrong, ..Shop::default() }.commit(&env);
    let output = env.run(&["failover", "--region", "ap-northeast-2", "--dry-run"]);
    insta::assert_snapshot!(output, @r"
    --- stderr
    error: the runbook has 7 mistake(s):
      drctl.hcl:35:3: `failback` has no attribute `keeps`
        Did you mean `keep`?
      drctl.hcl:36:11: `leave` names `netwrk`, and there is no such step
        Did you mean `network`?
      drctl.hcl:37:12: `repeat` names `data`, and there is no such command
        Known here: `cutover`
      drctl.hcl:38:3: there is a step `cutover` already
      drctl.hcl:39:20: nothing is known of `fallback.regio`
        Write `fallback.region`, or `fallback.stack.NAME.outputs.OUTPUT`
      drctl.hcl:42:20: there is no stack `dta`
        Did you mean `data`?
      drctl.hcl:43:5: `command` has no attribute `when`
        Known here: `run`, `needs`, `env`, `limit`, `phase`, `unverified`, `undo`
    --- exit 2
    ");
}

/// What has a region, so that the region can be lost with it.
const VPC: &str = r#"variable "region" {
  default = "ap-northeast-1"
}
provider "aws" {
  region = var.region
}
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_subnet" "a" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}
output "id" {
  value = aws_vpc.main.id
}
"#;

#[test]
fn a_rehearsal_goes_there_and_home_again() {
    let env = Env::with(&[
        (
            "drctl.hcl",
            "service \"shop\" {\n  rto     = \"24h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"network\" {\n  path = \"network\"\n}\ncommand \"cutover\" {\n  run  = [\"false\"]\n  undo = [\"false\"]\n}\n",
        ),
        ("network/main.tf", VPC),
    ]);
    let output =
        env.run(&["rehearse", "--region", "ap-northeast-2", "--and-back", "--time-scale", "100"]);
    assert_eq!(output.code, Some(0), "{output}");
    let report = report(&env);
    assert_eq!(report["run"]["kind"], "failback", "{report:#}");
    let looked = report["failback"]["looked"].as_array().unwrap();
    let lost: Vec<_> = looked.iter().map(|at| at["lost"].as_array().unwrap().len()).collect();
    assert_eq!(lost[0], 2, "the primary was lost as a whole: {report:#}");
    assert!(lost[1] > 0, "and something in the fallback by hand: {report:#}");
    assert_eq!(report["failback"]["removed"], true, "{report:#}");
    assert!(report["simulated"].is_object(), "{report:#}");
    env.journal();
    let made: Vec<_> = report["resources"].as_array().unwrap().iter().collect();
    assert_eq!(made.len(), 2, "what was lost is made again: {report:#}");
}
