//! `drctl chaos kong`, whole: on the simulated cloud, and for real with a region that is a file.

use crate::support::{Env, Output, redact};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use std::{
    fs,
    path::PathBuf,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A service that serves from the region to which its traffic goes, while that region is there.
struct Shop {
    env: Env,
}

const AT_ONCE: &str = "watch {\n  confirm = \"200ms\"\n}\n";
/// Nothing is decided for longer than any test takes.
const NEVER: &str = "watch {\n  confirm = \"1h\"\n}\n";
const KONG: &str = "kong {\n  dark  = [\"./bin/region\", \"cut\", primary]\n  light = [\"./bin/region\", \"mend\", primary]\n}\n";

impl Shop {
    fn new(more: &str) -> Self {
        let env = Env::new();
        let site = env.root().join("site");
        fs::create_dir(&site).unwrap();
        let home = env.home();
        let (site, home) = (site.display(), home.display());
        let probe = |name: &str, role: &str, run: &str| {
            format!(
                "probe \"command\" \"{name}\" {{\n  run      = {run}\n  role     = \"{role}\"\n  interval = \"100ms\"\n  timeout  = \"100ms\"\n  up_after = 1\n}}\n"
            )
        };
        let there = |name: &str| format!("[\"test\", \"-e\", \"{site}/{name}\"]");
        let front = format!(
            "[\"sh\", \"-c\", \"at=$(cat {site}/traffic) && test -e {site}/$at && test -e {site}/shop-$at\"]"
        );
        let runbook = [
            "service \"shop\" {\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}\n"
                .to_owned(),
            "region \"ap-northeast-2\" {}\nstack \"only\" {\n  path = \".\"\n}\n".to_owned(),
            format!(
                "command \"cutover\" {{\n  needs = [\"only\"]\n  run   = [\"sh\", \"-c\", \"echo $DRCTL_REGION > {site}/traffic\"]\n}}\n"
            ),
            probe("front", "service", &front),
            probe("tokyo", "primary", &there("ap-northeast-1")),
            probe("seoul", "fallback", &there("ap-northeast-2")),
            probe("world", "witness", &there("world")),
            more.to_owned(),
        ];
        // It tells where it runs, and what it is told.
        let region = format!(
            r#"#!/bin/sh
test -e drctl.hcl || exit 9
echo "$1 $2: $DRCTL_SERVICE from $DRCTL_PRIMARY to $DRCTL_REGION" >> {site}/switched
case $1 in
cut)
  if test -e {site}/earlier; then mv {site}/earlier/* {home}/runs/; fi
  if test -e {site}/hollow; then exit 0; fi
  rm {site}/$2
  if test -e {site}/jammed; then echo "the switch is jammed" >&2; exit 7; fi ;;
mend)
  if test -e {site}/stuck; then echo "the switch is stuck" >&2; exit 7; fi
  touch {site}/$2 ;;
esac
"#
        );
        let stack = format!(
            r#"
variable "region" {{
  default = "ap-northeast-1"
}}
resource "terraform_data" "shop" {{
  input = var.region
  provisioner "local-exec" {{
    command = "while test -e {site}/slow; do sleep 0.05; done; test ! -e {site}/broken && touch {site}/shop-${{var.region}}"
  }}
}}
"#
        );
        env.commit(&[
            ("drctl.hcl", &runbook.concat()),
            ("bin/region", &region),
            ("main.tf", &stack),
        ]);
        let shop = Self { env };
        shop.touch("shop-ap-northeast-1");
        shop.touch("ap-northeast-1");
        shop.touch("ap-northeast-2");
        shop.touch("world");
        shop.back_home();
        shop
    }

    fn site(&self, name: &str) -> PathBuf {
        self.env.root().join("site").join(name)
    }

    fn touch(&self, name: &str) {
        fs::write(self.site(name), "").unwrap();
    }

    fn is_light(&self) -> bool {
        self.site("ap-northeast-1").exists()
    }

    fn back_home(&self) {
        fs::write(self.site("traffic"), "ap-northeast-1\n").unwrap();
    }

    /// What the programs were told.
    fn switched(&self) -> String {
        fs::read_to_string(self.site("switched")).unwrap_or_default()
    }

    /// The arguments that need nobody at a terminal.
    fn args(&self, more: &[&str]) -> Vec<String> {
        let dry = ["failover", "--region", "ap-northeast-2", "--dry-run", "--json"];
        let dry = self.env.run(&dry);
        let plan: Value = serde_json::from_str(&dry.stdout).unwrap_or_else(|_| panic!("{dry}"));
        let digest = plan["digest"].as_str().unwrap();
        let base = ["chaos", "kong", "--real", "--yes", "--expect-plan", digest];
        base.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
    }

    fn kong(&self, more: &[&str]) -> Output {
        self.env.run(&self.args(more).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Starts it; what it says is in the file `said` of the site.
    fn start(&self, args: &[&str]) -> Child {
        let said = || {
            let mut options = fs::OpenOptions::new();
            options.append(true).create(true).open(self.site("said")).unwrap()
        };
        let mut command = self.env.command(args);
        // What is killed leaves its temporary files.
        command.env("TMPDIR", self.env.root());
        command.stdout(Stdio::from(said())).stderr(Stdio::from(said())).spawn().unwrap()
    }

    fn start_kong(&self, more: &[&str]) -> Child {
        let args = self.args(more);
        self.start(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn said(&self) -> String {
        fs::read_to_string(self.site("said")).unwrap_or_default()
    }

    fn wait(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is(self) {
            assert!(began.elapsed() < Duration::from_secs(60), "no {what}:\n{}", self.said());
            sleep(Duration::from_millis(10));
        }
    }

    fn runs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.env.home().join("runs")).into_iter().flatten().flatten();
        let mut runs: Vec<_> = entries.map(|entry| entry.path()).collect();
        runs.sort();
        runs
    }

    /// What is printed, without what differs from run to run: times are aligned by their length.
    fn redacted(&self, text: &str) -> String {
        let text = redact::all(text, self.env.root());
        let words = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        words.collect::<Vec<_>>().join("\n")
    }

    /// The failover that is under way.
    fn wait_applying(&self) {
        self.wait("apply", |shop| {
            let journal = |run: &PathBuf| fs::read_to_string(run.join("journal.jsonl"));
            shop.runs().iter().any(|run| {
                journal(run).is_ok_and(|text| text.contains("\"event\":\"resource_started\""))
            })
        });
    }
}

fn interrupt(kong: &mut Child) -> Option<i32> {
    kill(Pid::from_raw(i32::try_from(kong.id()).unwrap()), Signal::SIGINT).unwrap();
    kong.wait().unwrap().code()
}

fn document(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"))
}

#[test]
fn a_region_goes_dark_is_noticed_survived_and_light_again() {
    let shop = Shop::new(&[AT_ONCE, KONG].concat());
    let output = shop.kong(&["--json"]);
    assert_eq!(output.code, Some(0), "{output}");
    insta::assert_snapshot!(shop.switched(), @r"
    cut ap-northeast-1: shop from ap-northeast-1 to ap-northeast-2
    mend ap-northeast-1: shop from ap-northeast-1 to ap-northeast-2
    ");
    assert!(shop.is_light());
    let survived = document(&output);
    let ms =
        |name: &str| survived[name].as_u64().unwrap_or_else(|| panic!("no {name}: {survived}"));
    // One interval and three timeouts, and what a busy machine adds.
    assert!(ms("detected_ms") < 5_000, "{survived}");
    let times = ["first_failure_ms", "detected_ms", "decided_ms", "verified_ms"].map(ms);
    assert!(times.is_sorted(), "{survived}");
    assert_eq!(survived["scope"], "region");
    assert_eq!(survived["light"], true);
    assert_eq!(survived["simulated"], false);
    assert_eq!(survived["summary"], "met");
    // The failover is a run of its own, and counts from the first failed probe.
    let report: Value = document(&shop.env.run(&["report", "--json"]));
    assert_eq!(report["run"]["id"], survived["run"]);
    assert_eq!(report["run"]["outage"]["known_by"], "probed");
    assert_eq!(
        ms("first_failure_ms") + report["recovery_time_ms"].as_u64().unwrap(),
        ms("verified_ms")
    );
    let journal = shop.env.journal();
    assert!(journal.iter().any(|event| event["event"] == "declared" && event["by"] == "policy"));

    // What stands is not built a second time, and nothing is broken for it.
    shop.back_home();
    let again = shop.kong(&[]);
    insta::assert_snapshot!(again, @r"
    --- stderr
    error: the run [RUN] left 1 resource(s) of `shop` in ap-northeast-2; a second one would build them twice
      hint: See with `drctl report [RUN]` what there is; its state is in `$ENV/home/runs/[RUN]/state`
    --- exit 4
    ");
    assert_eq!(shop.switched().lines().count(), 2);
    // When it is gone, what is remembered of the first time is in nobody's way.
    let run = shop.runs().remove(0);
    fs::remove_dir_all(run.join("state")).unwrap();
    fs::remove_file(shop.site("shop-ap-northeast-2")).unwrap();
    let again = shop.kong(&["--json"]);
    assert_eq!(again.code, Some(0), "{again}");
    assert_ne!(document(&again)["run"], survived["run"]);
    assert!(shop.is_light());
}

#[test]
fn it_is_told_to_people() {
    let shop = Shop::new(&[AT_ONCE, KONG].concat());
    let output = shop.kong(&[]);
    insta::assert_snapshot!(shop.redacted(&output.stdout), @r"
    MET shop is back in ap-northeast-2 after [TIME], [TIME] within its RTO
    Note: what was made in ap-northeast-2 stands; take it down when the way back is gone

    [TIME] region dark ap-northeast-1, which took [TIME]
    [TIME] first failed probe
    [TIME] outage detected region down
    [TIME] failover decided run [RUN] into ap-northeast-2
    [TIME] service verified

    ap-northeast-1 is light again.

    The way back
    1. look what of ap-northeast-1 is left, with the primary's own state: `terraform plan` in each of its stacks
    2. move the traffic to ap-northeast-1, as `cutover` moved it away

    Report of the failover: drctl report [RUN]
    ");
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn light_comes_also_after_a_failover_that_failed_or_was_refused_at_once() {
    let shop = Shop::new(&[AT_ONCE, KONG].concat());
    shop.touch("broken");
    let failed = shop.kong(&["--json"]);
    assert_eq!(failed.code, Some(3), "{failed}");
    let survived = document(&failed);
    assert_eq!((&survived["summary"], &survived["light"]), (&json!("failed"), &json!(true)));
    assert_eq!(survived["verified_ms"], Value::Null);
    assert!(shop.is_light());

    // What an earlier run made turns up in the very moment in which the region goes dark.
    let shop = Shop::new(&[AT_ONCE, KONG].concat());
    assert_eq!(shop.kong(&[]).code, Some(0));
    shop.back_home();
    fs::create_dir(shop.site("earlier")).unwrap();
    let run = shop.runs().remove(0);
    fs::rename(&run, shop.site("earlier").join(run.file_name().unwrap())).unwrap();
    let refused = shop.kong(&["--json"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    let survived = document(&refused);
    assert_eq!((&survived["summary"], &survived["light"]), (&json!("refused"), &json!(true)));
    assert_eq!(survived["failback"], json!([]));
    assert!(survived["headline"].as_str().unwrap().starts_with("the recovery of shop was refused"));
    let why = survived["notes"][0].as_str().unwrap();
    assert!(why.ends_with("a second one would build them twice"), "{refused}");
    assert!(shop.is_light());
}

#[test]
fn light_comes_also_when_the_region_cannot_be_made_dark() {
    let shop = Shop::new(&[AT_ONCE, KONG].concat());
    shop.touch("jammed");
    let output = shop.kong(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    let errors = output.stderr.split_once("making ap-northeast-1 dark\n").unwrap().1;
    insta::assert_snapshot!(errors, @r"
    ap-northeast-1 is light again
    error: ap-northeast-1 could not be made dark
      caused by: `./bin/region` failed with exit code 7
      caused by: the switch is jammed
    ");
    assert!(shop.is_light() && output.stdout.is_empty(), "{output}");

    // What cannot be made light is said in the end, too.
    let shop = Shop::new(&[AT_ONCE, KONG].concat());
    shop.touch("stuck");
    let output = shop.kong(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    assert!(output.stdout.contains("ap-northeast-1 IS STILL DARK"), "{output}");
    assert_eq!(shop.switched().matches("mend").count(), 3);
    fs::remove_file(shop.site("stuck")).unwrap();
    insta::assert_snapshot!(shop.env.run(&["chaos", "kong", "--light"]), @r"
    --- stderr
    ap-northeast-1 is light again
    --- exit 0
    ");
    assert!(shop.is_light());
}

#[test]
fn light_comes_also_when_it_is_stopped() {
    let shop = Shop::new(&[NEVER, KONG].concat());
    let mut kong = shop.start_kong(&[]);
    shop.wait("outage", |shop| shop.said().contains("shop is out"));
    assert_eq!(interrupt(&mut kong), Some(5), "{}", shop.said());
    assert!(shop.is_light());
    assert!(shop.said().contains("INTERRUPTED  it was stopped before anything was failed over"));
    assert!(shop.runs().is_empty());

    // Before anything is broken there is nothing to mend.
    let shop = Shop::new(&[NEVER, KONG].concat());
    fs::remove_file(shop.site("world")).unwrap();
    let mut kong = shop.start_kong(&[]);
    shop.wait("cut", |shop| shop.said().contains("drctl is cut off"));
    assert_eq!(interrupt(&mut kong), Some(5), "{}", shop.said());
    assert!(shop.said().contains("it was stopped before anything was broken"), "{}", shop.said());
    assert_eq!(shop.switched(), "");
}

#[test]
fn a_failover_that_was_begun_goes_on_when_kong_is_stopped_or_killed() {
    for is_killed in [false, true] {
        let shop = Shop::new(&[AT_ONCE, KONG].concat());
        shop.touch("slow");
        let mut kong = shop.start_kong(&["--json"]);
        shop.wait_applying();
        if is_killed {
            kong.kill().unwrap();
            kong.wait().unwrap();
            assert!(!shop.is_light());
            let light = shop.env.run(&["chaos", "kong", "--light"]);
            assert_eq!(light.code, Some(0), "{light}");
        } else {
            assert_eq!(interrupt(&mut kong), Some(5), "{}", shop.said());
            assert!(shop.said().contains("\"summary\": \"interrupted\""), "{}", shop.said());
            // As long as it goes on nothing more is broken.
            let again = shop.kong(&[]);
            assert_eq!(again.code, Some(4), "{again}");
            assert!(again.stderr.contains("is not over, so nothing is broken"), "{again}");
        }
        assert!(shop.is_light());
        assert_eq!(shop.switched().lines().count(), 2, "{}", shop.switched());
        let mut watch = shop.start(&["watch", "--region", "ap-northeast-2", "--listen", "none"]);
        fs::remove_file(shop.site("slow")).unwrap();
        shop.wait("end of the failover", |shop| {
            shop.said().contains(": met: shop is back in ap-northeast-2")
        });
        sleep(Duration::from_millis(700));
        assert_eq!(interrupt(&mut watch), Some(0));
        assert_eq!(shop.runs().len(), 1, "{}", shop.said());
    }
}

#[test]
fn it_is_given_up_when_nothing_comes_of_it() {
    let shop = Shop::new(&[AT_ONCE, KONG].concat());
    shop.touch("hollow");
    let output = shop.kong(&["--give-up", "1s"]);
    assert_eq!(output.code, Some(3), "{output}");
    insta::assert_snapshot!(shop.redacted(&output.stdout), @r"
    UNSEEN shop: nobody noticed that ap-northeast-1 was dark
    Note: given up after [TIME], while every probe passed: ap-northeast-1 was not dark for what they ask, or is not needed

    [TIME] region dark ap-northeast-1, which took [TIME]
    never first failed probe
    never outage detected
    never failover decided
    never service verified

    ap-northeast-1 is light again.
    ");
    let shop = Shop::new(&[NEVER, KONG].concat());
    let output = shop.kong(&["--give-up", "4s"]);
    assert_eq!(output.code, Some(3), "{output}");
    insta::assert_snapshot!(shop.redacted(&output.stdout), @r"
    HELD shop was not failed over while ap-northeast-1 was dark: it had not gone on for long enough
    Note: given up after [TIME]; not up were then: `front` says: exit code 1; `tokyo` says: exit code 1

    [TIME] region dark ap-northeast-1, which took [TIME]
    [TIME] first failed probe
    [TIME] outage detected region down
    never failover decided
    never service verified

    ap-northeast-1 is light again.
    ");
    assert!(shop.is_light());
}

#[test]
fn what_is_not_declared_or_watched_already_is_not_broken() {
    let shop = Shop::new(AT_ONCE);
    insta::assert_snapshot!(shop.kong(&[]), @r"
    --- stderr
    error: the runbook does not say how ap-northeast-1 is made dark
      hint: Write a `kong` block; see `drctl chaos kong --help`
    --- exit 2
    ");
    insta::assert_snapshot!(shop.env.run(&["chaos", "kong", "--light"]), @r"
    --- stderr
    error: the runbook does not say how ap-northeast-1 is made dark
      hint: Write a `kong` block; see `drctl chaos kong --help`
    --- exit 2
    ");
    insta::assert_snapshot!(shop.env.run(&["chaos", "kong", "--real", "--give-up", "soon"]), @r"
    --- stderr
    error: invalid value 'soon' for '--give-up <DURATION>': `soon` is not a duration such as `90s`, `15m` or `1h30m`

    For more information, try '--help'.
    --- exit 2
    ");

    let shop = Shop::new(&[NEVER, KONG].concat());
    let mut watch = shop.start(&["watch", "--region", "ap-northeast-2", "--listen", "none"]);
    shop.wait("watch", |shop| shop.said().contains("watching shop"));
    let output = shop.kong(&[]);
    assert_eq!(output.code, Some(2), "{output}");
    let error = output.stderr.split_once("error: ").unwrap().1;
    let error = error.replace(&watch.id().to_string(), "[PID]");
    insta::assert_snapshot!(error, @r"
    it is watched already, by process [PID]
      hint: Stop that one first: each of the two would fail the service over
    ");
    assert_eq!(interrupt(&mut watch), Some(0));
    assert_eq!(shop.switched(), "");
}

#[test]
fn a_region_goes_dark_on_the_simulated_cloud() {
    let env = Env::with(&[
        (
            "drctl.hcl",
            r#"
service "shop" {
  rto     = "4h"
  primary = "ap-northeast-1"
}
stack "network" {
  path = "network"
}
probe "http" "front" {
  url      = "https://shop.example.com/health"
  interval = "10s"
  timeout  = "2s"
}
probe "region" "tokyo" {
  cloud    = "aws"
  interval = "10s"
  timeout  = "2s"
}
watch {
  region  = "ap-northeast-2"
  confirm = "30s"
}
"#,
        ),
        (
            "network/main.tf",
            r#"
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
provider "aws" {
  region = "ap-northeast-1"
}
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_subnet" "main" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}
"#,
        ),
    ]);
    let kong = |more: &[&str]| {
        let base = ["chaos", "kong", "--time-scale", "1000"];
        env.run(&base.iter().chain(more).copied().collect::<Vec<_>>())
    };
    for (mode, scope) in
        [("refused", "region"), ("hanging", "region"), ("503", "region"), ("lost-data", "service")]
    {
        let output = kong(&["--mode", mode, "--json"]);
        assert_eq!(output.code, Some(0), "{mode}: {output}");
        let survived = document(&output);
        let ms =
            |name: &str| survived[name].as_u64().unwrap_or_else(|| panic!("{mode}: {survived}"));
        // One interval and three timeouts.
        assert!(ms("detected_ms") <= 10_000 + 3 * 2_000, "{mode}: {survived}");
        assert!(ms("decided_ms") >= ms("detected_ms") + 30_000, "{mode}: {survived}");
        assert!(ms("verified_ms") > ms("decided_ms"), "{mode}: {survived}");
        assert_eq!(survived["scope"], scope, "{mode}: {survived}");
        assert_eq!(survived["light"], true);
        assert_eq!(survived["simulated"], true);
        let back = &survived["failback"][0];
        assert_eq!(back["stack"], "network", "{mode}: {survived}");
        let lost = back["changes"].as_object().map_or(0, serde_json::Map::len);
        assert_eq!(lost, if mode == "lost-data" { 2 } else { 0 }, "{mode}: {survived}");
    }
    let unseen = kong(&["--give-up", "1s"]);
    assert_eq!(unseen.code, Some(3), "{unseen}");
    assert!(unseen.stdout.starts_with("UNSEEN  shop: nobody noticed that"), "{unseen}");
    insta::assert_snapshot!(kong(&["--region", "ap-northeast-2"]), @r"
    --- stderr
    error: `ap-northeast-2` cannot be failed over into while it is dark
      hint: Name another region with `--into`
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["chaos", "kong", "--light", "--seed", "7"]), @r"
    --- stderr
    error: `--seed` is for the simulated cloud, and this outage is on the real one
      hint: Leave it out, or `--real` and `--light`
    --- exit 2
    ");
}
