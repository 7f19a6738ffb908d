//! `drctl watch` and `drctl approve`, whole: real probes, real failovers, real kills.

use crate::support::Env;
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A service that is up while a file is there, which a failover makes again.
struct Shop {
    env: Env,
    watch: Option<Child>,
}

impl Shop {
    fn new(watch: &str) -> Self {
        let env = Env::new();
        let site = env.root().join("site");
        fs::create_dir(&site).unwrap();
        let site = site.display();
        env.commit(&[
            (
                "drctl.hcl",
                &format!(
                    r#"
service "shop" {{
  rto     = "30m"
  primary = "ap-northeast-1"
}}
stack "only" {{
  path = "."
}}
probe "command" "front" {{
  run      = ["test", "-e", "{site}/up"]
  interval = "100ms"
  timeout  = "100ms"
  up_after = 1
}}
probe "command" "tokyo" {{
  run      = ["test", "-e", "{site}/tokyo"]
  role     = "primary"
  interval = "100ms"
  timeout  = "100ms"
}}
probe "command" "seoul" {{
  run      = ["test", "-e", "{site}/seoul"]
  role     = "fallback"
  interval = "100ms"
  timeout  = "100ms"
}}
probe "command" "world" {{
  run      = ["test", "-e", "{site}/world"]
  role     = "witness"
  interval = "100ms"
  timeout  = "100ms"
}}
{watch}
notify "webhook" "dead" {{
  url = "http://127.0.0.1:1/hook"
}}
notify "command" "log" {{
  run = ["sh", "-c", "cat >> {site}/notices && echo >> {site}/notices"]
}}
"#
                ),
            ),
            (
                "main.tf",
                &format!(
                    "variable \"region\" {{ default = \"ap-northeast-1\" }}\n\
                     resource \"terraform_data\" \"this\" {{\n  input = var.region\n  provisioner \"local-exec\" {{\n    command = \"touch {site}/up\"\n  }}\n}}\n"
                ),
            ),
        ]);
        let shop = Self { env, watch: None };
        for name in ["up", "tokyo", "seoul", "world"] {
            shop.touch(name);
        }
        shop
    }

    fn site(&self, name: &str) -> PathBuf {
        self.env.root().join("site").join(name)
    }

    fn touch(&self, name: &str) {
        fs::write(self.site(name), "").unwrap();
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.site(name)).unwrap();
    }

    /// Starts the watch; what it says is in the file `said` of the site.
    fn start(&mut self, more: &[&str]) {
        let said = || {
            let mut options = fs::OpenOptions::new();
            options.append(true).create(true).open(self.site("said")).unwrap()
        };
        let args = [&["watch", "--region", "ap-northeast-2"], more].concat();
        let mut command: Command = self.env.command(&args);
        let child = command.stdout(Stdio::from(said())).stderr(Stdio::from(said())).spawn();
        self.watch = Some(child.unwrap());
    }

    fn kill(&mut self) {
        let mut watch = self.watch.take().unwrap();
        watch.kill().unwrap();
        watch.wait().unwrap();
    }

    fn said(&self) -> String {
        fs::read_to_string(self.site("said")).unwrap_or_default()
    }

    fn memory(&self) -> Option<Value> {
        let path = self.env.home().join("watch/shop--ap-northeast-2/state.json");
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// The runs, each with its journal.
    fn runs(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.env.home().join("runs")).into_iter().flatten().flatten();
        let mut runs: Vec<_> = entries
            .map(|entry| {
                let journal = fs::read_to_string(entry.path().join("journal.jsonl"));
                (entry.file_name().into_string().unwrap(), journal.unwrap_or_default())
            })
            .collect();
        runs.sort();
        runs
    }

    fn wait(&self, what: &str, is: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !is(self) {
            assert!(began.elapsed() < Duration::from_secs(90), "no {what}:\n{}", self.said());
            sleep(Duration::from_millis(10));
        }
    }

    fn wait_said(&self, text: &str) {
        self.wait(text, |shop| shop.said().contains(text));
    }

    fn is_up_and_judged(&self) -> bool {
        let settled = |name: &str| {
            self.memory().is_some_and(|m| m["judge"]["probes"][name]["settled"] == "up")
        };
        ["front", "tokyo", "seoul", "world"].into_iter().all(settled)
    }

    /// When the front began to fail, in milliseconds since 1970, as far as it is remembered.
    fn failing_since(&self) -> Option<i64> {
        let memory = self.memory()?;
        let since = memory["judge"]["probes"]["front"]["failing_since"].as_i64()?;
        let at = &memory["judge"]["at"];
        let wall: jiff::Timestamp = at["wall"].as_str()?.parse().ok()?;
        Some(wall.as_millisecond() - (at["steady_ms"].as_i64()? - since))
    }

    /// Waits until somebody is asked, and returns the question.
    fn wait_asked(&self) -> Value {
        let asked = |shop: &Self| {
            let list = shop.env.run(&["approve", "--list", "--json"]).stdout;
            serde_json::from_str::<Value>(&list).ok()?["questions"].as_array()?.first().cloned()
        };
        self.wait("question", |shop| asked(shop).is_some());
        asked(self).unwrap()
    }

    fn finished(&self) -> bool {
        self.runs().iter().any(|(_, journal)| journal.contains("run_finished"))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        if let Some(mut watch) = self.watch.take() {
            let _ = watch.kill();
            let _ = watch.wait();
        }
    }
}

/// When the outage of a run began, in milliseconds since 1970.
fn outage_began(journal: &str) -> i64 {
    let first: Value = serde_json::from_str(journal.lines().next().unwrap()).unwrap();
    let began: jiff::Timestamp = first["began_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(first["outage"]["known_by"], "probed");
    began.as_millisecond() - first["outage"]["before_ms"].as_i64().unwrap()
}

const AT_ONCE: &str = r#"watch {
  confirm      = "300ms"
  service_down = "failover"
  region_down  = "failover"
}"#;

/// Kills it `kills` times at random moments, from when the first failed probe is remembered on.
fn killed_at_random(seed: u64, kills: u32) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut shop = Shop::new(AT_ONCE);
    shop.start(&["--listen", "none"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.remove("up");
    shop.wait("first failed probe", |shop| shop.failing_since().is_some());
    let first = shop.failing_since().unwrap();
    for _ in 0..kills {
        sleep(Duration::from_millis(rng.u64(0..900)));
        shop.kill();
        shop.start(&["--listen", "none"]);
    }
    shop.wait("failover", Shop::finished);
    shop.wait("end of the failover in the memory", |shop| {
        shop.memory().is_some_and(|memory| !memory["fired"]["ended"].is_null())
    });
    let runs = shop.runs();
    assert_eq!(runs.len(), 1, "seed {seed}: it is failed over once:\n{}", shop.said());
    let began = outage_began(&runs[0].1);
    assert!(
        (began - first).abs() <= 20,
        "seed {seed}: t0 is {began}, not {first}\n{}",
        shop.said()
    );
    // The killed ones left their checkouts, and the one that runs took them away.
    let watches = fs::read_dir(shop.env.home().join("watch")).unwrap().flatten();
    let names = watches.map(|entry| entry.file_name().into_string().unwrap());
    let checkouts: Vec<_> = names.filter(|name| name.starts_with(".work-")).collect();
    assert_eq!(checkouts.len(), 1, "seed {seed}: {checkouts:?}");
    let ended = shop.memory().unwrap()["fired"]["ended"].as_str().unwrap().to_owned();
    assert!(ended.starts_with("met: "), "seed {seed}: {ended}");
}

#[test]
fn killed_50_times_it_fails_over_once_with_the_right_start() {
    (0..5).for_each(|seed| killed_at_random(seed, 10));
}

#[test]
fn killed_50_times_more_it_fails_over_once_with_the_right_start() {
    (5..10).for_each(|seed| killed_at_random(seed, 10));
}

#[test]
fn a_region_that_is_down_is_told_from_a_service_and_nobody_is_asked_when_the_policy_says_so() {
    let mut shop = Shop::new(
        "watch {\n  confirm = \"200ms\"\n  service_down = \"notify\"\n  region_down = \"failover\"\n}",
    );
    shop.start(&["--listen", "none"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.remove("up");
    shop.wait_said("shop is out (service down)");
    sleep(Duration::from_millis(700));
    assert!(shop.runs().is_empty(), "of a service that is down people are told");
    shop.remove("tokyo");
    shop.wait_said("its region is down");
    shop.wait_said("is back after");
    shop.wait_said("failover 2");
    shop.wait("end", Shop::finished);
    let runs = shop.runs();
    assert!(runs[0].1.contains(r#""by":"policy""#));
    let report: Value = serde_json::from_str(&shop.env.run(&["report", "--json"]).stdout).unwrap();
    assert_eq!(report["summary"], "met");
    let of = |name: &str| {
        let milestones = report["milestones"].as_array().unwrap();
        milestones.iter().find(|m| m["name"] == name).unwrap()["since_outage_ms"].as_u64().unwrap()
    };
    // One interval and three timeouts, and what a busy machine adds.
    assert!(of("detected") < 5_000 && of("declared") > of("detected"), "{report}");
    assert!(report["caveats"].as_array().unwrap().is_empty(), "{report}");
}

#[test]
fn it_is_not_failed_over_into_a_region_that_is_down_nor_while_cut_off() {
    let mut shop = Shop::new(AT_ONCE);
    shop.start(&["--listen", "none"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.remove("seoul");
    shop.wait_said("the fallback region is down");
    shop.remove("up");
    shop.wait_said("nothing is failed over: the fallback region is down, too");
    assert!(shop.runs().is_empty());
    shop.touch("seoul");
    shop.wait("failover", Shop::finished);

    let mut shop = Shop::new(AT_ONCE);
    shop.start(&["--listen", "none"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.remove("world");
    shop.remove("up");
    shop.wait_said("drctl is cut off");
    sleep(Duration::from_millis(900));
    assert!(!shop.said().contains("is out"), "{}", shop.said());
    shop.touch("world");
    shop.wait("failover", Shop::finished);
}

const ASKS: &str = "watch {\n  confirm = \"200ms\"\n  service_down = \"approve\"\n  approve_url = \"https://ops.example.com/drctl/\"\n}";

#[test]
fn somebody_is_asked_and_answers_at_a_terminal() {
    let mut shop = Shop::new(ASKS);
    let list = |shop: &Shop| shop.env.run(&["approve", "--list", "--json"]).stdout;
    insta::assert_snapshot!(shop.env.run(&["approve"]), @r"
    --- stderr
    Nothing is asked.
    --- exit 1
    ");
    shop.start(&["--listen", "none"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.remove("up");
    let question = shop.wait_asked();
    let (outage, digest) =
        (question["outage"].as_str().unwrap(), question["digest"].as_str().unwrap());

    let wrong = shop.env.run(&["approve", outage, "--yes", "--expect-plan", "000000000000"]);
    assert_eq!(wrong.code, Some(4), "{wrong}");
    let nobody = shop.env.run(&["approve"]);
    assert_eq!(nobody.code, Some(2), "{nobody}");
    assert!(shop.runs().is_empty());
    let yes = shop.env.run(&["approve", outage, "--yes", "--expect-plan", &digest[..12]]);
    assert_eq!(yes.code, Some(0), "{yes}");
    shop.wait("failover", Shop::finished);
    assert!(shop.runs()[0].1.contains(r#""by":"approval""#));
    // A webhook that is down holds up nothing, and its address is said to nobody.
    shop.wait_said("could not be delivered to `dead` yet");
    assert!(!shop.said().contains("/hook"), "{}", shop.said());
    assert_eq!(
        serde_json::from_str::<Value>(&list(&shop)).unwrap()["questions"],
        serde_json::json!([])
    );
    // What people were told, in this order, has the link that only they may use.
    shop.wait_said("failover 2");
    shop.wait("notices", |shop| {
        fs::read_to_string(shop.site("notices")).is_ok_and(|text| text.contains("failover_ended"))
    });
    let notices = fs::read_to_string(shop.site("notices")).unwrap();
    let notices: Vec<Value> = notices
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: Vec<&str> = notices.iter().map(|notice| notice["kind"].as_str().unwrap()).collect();
    let order = ["outage_began", "ready", "approval_asked", "approved", "failover_began"];
    assert_eq!(kinds[..5], order);
    let link = notices[2]["link"].as_str().unwrap();
    assert!(link.starts_with("https://ops.example.com/drctl/approve?token="), "{link}");
    assert!(!shop.said().contains("token="), "a link is for those who may use it");
}

#[test]
fn what_is_denied_is_not_done() {
    let mut shop = Shop::new(ASKS);
    shop.start(&["--listen", "none"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.remove("up");
    shop.wait_asked();
    assert_eq!(shop.env.run(&["approve", "--deny"]).code, Some(0));
    shop.wait_said("the failover was denied");
    let again = shop.env.run(&["approve"]);
    assert_eq!(again.code, Some(1), "{again}");
    sleep(Duration::from_millis(600));
    assert!(shop.runs().is_empty());
    // An outage that passes by itself is entered where availability is counted.
    shop.touch("up");
    shop.wait_said("shop is back after");
    let known = shop.env.run(&["availability", "--service", "shop", "--json"]).stdout;
    assert!(known.contains("seen by drctl watch"), "{known}");
}

#[test]
fn where_a_failover_cannot_outlive_it_the_watch_stops_it_and_waits() {
    let mut shop = Shop::new(AT_ONCE);
    let slow = shop.site("applies").display().to_string();
    shop.env.commit(&[(
        "main.tf",
        &format!(
            "resource \"terraform_data\" \"this\" {{\n  provisioner \"local-exec\" {{\n    command = \"touch {slow} && sleep 300\"\n  }}\n}}\n"
        ),
    )]);
    shop.start(&["--listen", "none", "--wait-for-failover"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.remove("up");
    shop.wait("apply", |shop| shop.site("applies").exists());
    let mut watch = shop.watch.take().unwrap();
    let pid = nix::unistd::Pid::from_raw(i32::try_from(watch.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(watch.wait().unwrap().success());
    assert!(shop.finished(), "{}", shop.said());
    assert!(shop.said().contains(": interrupted: "), "{}", shop.said());
    // It is remembered, and not begun again.
    shop.start(&["--listen", "none"]);
    sleep(Duration::from_secs(2));
    assert_eq!(shop.runs().len(), 1, "{}", shop.said());
}

fn http(port: u16, request: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn get(port: u16, path: &str) -> String {
    http(port, &format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
}

fn post(port: u16, body: &str) -> String {
    let length = body.len();
    http(
        port,
        &format!(
            "POST /approve HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn a_link_is_good_for_one_answer_and_looking_at_it_does_nothing() {
    let mut shop = Shop::new(ASKS);
    shop.start(&["--listen", "127.0.0.1:0"]);
    shop.wait("state", Shop::is_up_and_judged);
    shop.wait_said("metrics at");
    let said = shop.said();
    let port = said.split("http://127.0.0.1:").nth(1).unwrap().split('/').next().unwrap();
    let port: u16 = port.parse().unwrap();
    assert!(get(port, "/healthz").ends_with("\r\n\r\nok\n"));
    shop.remove("up");
    shop.wait("notice", |shop| {
        fs::read_to_string(shop.site("notices")).is_ok_and(|text| text.contains("approval_asked\""))
    });
    let notices = fs::read_to_string(shop.site("notices")).unwrap();
    let token = notices.split("token=").nth(1).unwrap().split('"').next().unwrap().to_owned();

    let metrics = get(port, "/metrics");
    assert!(metrics.contains("drctl_outage{service=\"shop\"} 1\n"), "{metrics}");
    assert!(
        metrics.contains("drctl_probe_up{service=\"shop\",probe=\"front\",role=\"service\"} 0\n")
    );
    assert!(metrics.contains("drctl_detection_seconds{service=\"shop\"} "));
    assert!(!get(port, "/status").contains(&token));
    for wrong in ["/approve", "/approve?token=", &format!("/approve?token={}", "0".repeat(64))] {
        assert!(get(port, wrong).starts_with("HTTP/1.1 410"), "{wrong}");
    }
    assert!(
        post(port, &format!("token={}&answer=yes", "0".repeat(64))).starts_with("HTTP/1.1 410")
    );
    let page = get(port, &format!("/approve?token={token}"));
    assert!(page.contains("Fail over into ap-northeast-2"), "{page}");
    assert!(post(port, &format!("token={token}&answer=maybe")).starts_with("HTTP/1.1 400"));
    sleep(Duration::from_millis(500));
    assert!(shop.runs().is_empty(), "nobody answered yet");
    assert!(post(port, &format!("token={token}&answer=yes")).contains("Approved"));
    assert!(!post(port, &format!("token={token}&answer=no")).contains("Denied"));
    shop.wait("failover", Shop::finished);
    assert_eq!(shop.runs().len(), 1);
}

#[test]
fn what_cannot_be_watched_says_why() {
    let mut shop = Shop::new("watch {}");
    let env = &shop.env;
    let unused = ["watch", "--listen", "none", "--region"];
    insta::assert_snapshot!(env.run(&[&unused[..], &["ap-northeast-1"]].concat()), @r"
    --- stderr
    error: `ap-northeast-1` is the primary region, which is the one to leave
      hint: Name the fallback region with `--region`
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["watch", "--listen", "here"]), @r"
    --- stderr
    error: invalid value 'here' for '--listen <ADDRESS>': write it as `127.0.0.1:9464`, or `none`

    For more information, try '--help'.
    --- exit 2
    ");

    shop.start(&["--listen", "none"]);
    shop.wait("state", Shop::is_up_and_judged);
    let second = shop.env.run(&["watch", "--region", "ap-northeast-2", "--listen", "none"]);
    assert_eq!(second.code, Some(2), "{second}");
    assert!(second.stderr.contains("it is watched already, by process "), "{second}");
    shop.kill();

    let state = shop.env.home().join("watch/shop--ap-northeast-2/state.json");
    fs::write(&state, "{").unwrap();
    let damaged = shop.env.run(&["watch", "--region", "ap-northeast-2", "--listen", "none"]);
    assert_eq!(damaged.code, Some(3), "{damaged}");
    assert!(damaged.stderr.contains("move `"), "{damaged}");

    let env = Env::with(&[
        (
            "drctl.hcl",
            "service \"shop\" {\n  rto = \"30m\"\n}\nstack \"only\" {\n  path = \".\"\n}\nprobe \"http\" \"front\" {\n  url = stack.only.outputs.url\n}\n",
        ),
        ("main.tf", "output \"url\" {\n  value = \"http://127.0.0.1:1\"\n}\n"),
    ]);
    insta::assert_snapshot!(env.run(&["watch", "--listen", "none", "--region", "eu-west-1"]), @r#"
    --- stderr
    note: `front` is not watched, since nothing is known of stacks before a recovery: drctl.hcl:8:9: `stack` has no `only`
    error: there is nothing to watch: no probe of the service can be asked before a recovery
      hint: Write one into the runbook: `probe "http" "front" { url = "https://shop.example.com/health" }`
    --- exit 2
    "#);
    insta::assert_snapshot!(env.run(&["watch", "--listen", "none"]), @r#"
    --- stderr
    error: no region to fail over to is named
      hint: Give `--region`, or write `watch { region = "…" }` into the runbook
    --- exit 2
    "#);
}
