//! `drctl probe`.

use crate::support::{Env, Output, tls::Authority};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    process::Stdio,
    thread,
    time::Duration,
};

/// Serves the same answer on loopback for as long as the tests run, and returns the port.
fn serve(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const OVERLOADED: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

fn runbook(probes: &str) -> String {
    format!(
        "service \"shop\" {{\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}}\n{probes}"
    )
}

fn env(probes: &str) -> Env {
    Env::with(&[("drctl.hcl", &runbook(probes))])
}

/// The table with its times taken out.
fn table(output: &Output) -> String {
    let time = |word: &str| word.ends_with('s') && word.starts_with(|c: char| c.is_ascii_digit());
    let line = |line: &str| {
        let words: Vec<_> = line.split(' ').map(|w| if time(w) { "[TIME]" } else { w }).collect();
        let line = words.join(" ");
        line.split("[TIME]").map(str::trim).collect::<Vec<_>>().join(" [TIME] ").trim().to_owned()
    };
    let lines: Vec<_> = output.stdout.lines().map(line).collect();
    format!("{}\n--- exit {}", lines.join("\n"), output.code.unwrap())
}

fn json_of(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"))
}

#[test]
fn every_probe_is_asked_and_told_in_the_order_of_the_runbook() {
    let (good, bad) = (serve(HELLO), serve(OVERLOADED));
    let env = env(&format!(
        r#"
        stack "data" {{
          path = "data"
        }}
        probe "http" "front" {{
          url = "http://127.0.0.1:{good}/${{service}}"
        }}
        probe "http" "pay" {{
          url = "http://127.0.0.1:{bad}/"
        }}
        probe "tcp" "db" {{
          address = "${{stack.data.outputs.host}}:5432"
        }}
        probe "region" "tokyo" {{
          cloud    = "aws"
          endpoint = "http://127.0.0.1:{bad}/"
        }}
        probe "region" "seoul" {{
          cloud    = "aws"
          role     = "fallback"
          endpoint = "http://127.0.0.1:{good}/"
        }}
        probe "command" "quorum" {{
          run = ["sh", "-c", "echo $DRCTL_SERVICE in $DRCTL_PRIMARY: $(ls)"]
        }}
        "#
    ));
    let all = env.run(&["probe"]);
    insta::assert_snapshot!(table(&all), @r"
    PROBE   ROLE      ANSWER          TIME  DETAIL
    front   service   ok [TIME] 200 OK
    pay     service   status [TIME] 503 Service Unavailable, not 200-299
    db      service   not asked             it reads the outputs of the stack `data`, which only a run knows
    tokyo   primary   status [TIME] endpoint: 503 Service Unavailable, not 100-499
    seoul   fallback  not asked             the fallback region is not known: give the probe a `region`
    quorum  service   ok [TIME] exit code 0: shop in ap-northeast-1: drctl.hcl
    --- exit 1
    ");
    let named = env.run(&["probe", "quorum", "front", "--region", "ap-northeast-2"]);
    insta::assert_snapshot!(table(&named), @r"
    PROBE   ROLE      ANSWER          TIME  DETAIL
    front   service   ok [TIME] 200 OK
    quorum  service   ok [TIME] exit code 0: shop in ap-northeast-1: drctl.hcl
    --- exit 0
    ");
    let region = json!({ "region": "ap-northeast-2" });
    let told = json_of(&env.run(&["probe", "--json", "--region", "ap-northeast-2"]));
    assert_eq!(told["region"], region["region"]);
    let up: Vec<_> = told["probes"].as_array().unwrap().iter().map(|p| p["up"].clone()).collect();
    let null = Value::Null;
    assert_eq!(up, [json!(true), json!(false), null, json!(false), json!(true), json!(true)]);
    assert_eq!(told["probes"][1]["why"], "status");
}

#[test]
fn what_could_not_be_asked_is_not_up() {
    let env = env(
        "probe \"http\" \"front\" {\n  url = \"http://${region}.invalid/\"\n}\nprobe \"command\" \"fine\" {\n  run = [\"true\"]\n}\n",
    );
    let output = env.run(&["probe"]);
    insta::assert_snapshot!(table(&output), @r"
    PROBE  ROLE      ANSWER          TIME  DETAIL
    front  service   not asked             it reads `region`, which is not known: give `--region`
    fine   service   ok [TIME] exit code 0
    --- exit 6
    ");
}

#[test]
fn bad_input_is_told_with_what_to_do() {
    let env = Env::with(&[("main.tf", "")]);
    insta::assert_snapshot!(env.run(&["probe"]), @r"
    --- stderr
    error: there is no runbook `drctl.hcl` in `$ENV/repo`
      hint: Write a `drctl.hcl` with `probe` blocks
    --- exit 2
    ");
    env.commit(&[("drctl.hcl", &runbook(""))]);
    insta::assert_snapshot!(env.run(&["probe"]), @r#"
    --- stderr
    error: the runbook has no probe
      hint: Write one: `probe "http" "front" { url = "https://shop.example.com/health" }`
    --- exit 2
    "#);
    env.commit(&[(
        "drctl.hcl",
        &runbook("probe \"command\" \"front\" {\n  run = [\"true\"]\n}\n"),
    )]);
    insta::assert_snapshot!(env.run(&["probe", "frnt"]), @r"
    --- stderr
    error: the runbook has no probe `frnt`
      hint: Did you mean `front`?
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["probe", "--repo", "https://git.example.com/shop.git"]), @r"
    --- stderr
    error: failed to find `https://git.example.com/shop.git`
      caused by: No such file or directory (os error 2)
      hint: Name a folder of a checkout
    --- exit 2
    ");
    let wrong = [
        "probe \"http\" \"a\" {\n  url = \"shop.example.com\"\n}\n",
        "probe \"tcp\" \"b\" {\n  address = \"shop\"\n}\n",
        "probe \"dns\" \"c\" {\n  host = \"10.0.0.1\"\n}\n",
        "probe \"dns\" \"d\" {\n  host = \"shop.example.com\"\n  expect = \"a b\"\n}\n",
        "probe \"region\" \"e\" {\n  cloud = \"aws\"\n  role = \"witness\"\n}\n",
        "probe \"region\" \"f\" {\n  cloud = \"aws\"\n  role = \"fallback\"\n}\n",
        "probe \"region\" \"g\" {\n  cloud = \"aws\"\n  region = \"Tokyo\"\n}\n",
        "probe \"command\" \"h\" {\n  run = [\"true\"]\n  via = []\n}\n",
    ];
    env.commit(&[("drctl.hcl", &runbook(&wrong.concat()))]);
    insta::assert_snapshot!(table(&env.run(&["probe"])), @r"
    PROBE  ROLE      ANSWER          TIME  DETAIL
    a      service   not asked             `shop.example.com` is not an address such as `https://shop.example.com/health`
    b      service   not asked             `shop` is not `host:port`
    c      service   not asked             `10.0.0.1` is not a name such as `shop.example.com`
    d      service   not asked             `a b` is not a name such as `shop.example.com`
    e      witness   not asked             it does not say which region: give it a `region`, or the role `primary` or `fallback`
    f      fallback  not asked             the fallback region is not known: give the probe a `region`
    g      primary   not asked             `Tokyo` is not a region such as `ap-northeast-2`
    h      service   not asked             drctl.hcl:32:9: this is an empty list, not a list of strings that holds at least one
    --- exit 6
    ");
    env.commit(&[(
        "drctl.hcl",
        &runbook("probe \"http\" \"a\" {\n  url = 1\n  certificate = \"soon\"\n}\n"),
    )]);
    insta::assert_snapshot!(env.run(&["probe"]), @r"
    --- stderr
    error: the runbook has 1 mistake(s):
      drctl.hcl:7:17: `certificate`: `soon` is not a duration such as `90s`, `15m` or `1h30m`
    --- exit 2
    ");
}

#[test]
fn a_probe_is_asked_elsewhere_by_the_same_drctl() {
    let bin = env!("CARGO_BIN_EXE_drctl");
    let port = serve(HELLO);
    let env = env(&format!(
        r#"
        probe "http" "front" {{
          url     = "http://127.0.0.1:{port}/"
          via     = ["./bin/there", "bastion"]
          timeout = "20s"
        }}
        probe "tcp" "nobody" {{
          address = "127.0.0.1:1"
          via     = ["./bin/there", "bastion"]
          timeout = "20s"
        }}
        probe "tcp" "cut" {{
          address = "127.0.0.1:1"
          via     = ["sh", "-c", "echo 'no route to bastion' >&2; exit 255"]
          timeout = "20s"
        }}
        "#
    ));
    let there = format!("#!/bin/sh\ntest \"$1\" = bastion || exit 9\nshift 2\nexec {bin} \"$@\"\n");
    env.commit(&[("bin/there", &there)]);
    insta::assert_snapshot!(table(&env.run(&["probe"])), @r"
    PROBE   ROLE      ANSWER          TIME  DETAIL
    front   service   ok [TIME] 200 OK
    nobody  service   refused [TIME] 127.0.0.1:1: Connection refused (os error 111)
    cut     service   via [TIME] `sh`: exit code 255: no route to bastion
    --- exit 1
    ");
}

/// Asks one probe through standard input.
fn ask(env: &Env, text: &str) -> Output {
    let mut command = env.command(&["probe", "--ask", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    env.output(child.wait_with_output().unwrap())
}

#[test]
fn one_probe_comes_in_and_one_answer_goes_out() {
    let env = Env::new();
    let target = json!({ "command": { "argv": ["sh", "-c", "exit 3"], "env": {} } });
    let asked =
        json!({ "schema": "drctl/ask/v1", "limit_ms": 20_000, "target": target }).to_string();
    let answer = ask(&env, &asked);
    assert_eq!(answer.code, Some(0), "{answer}");
    let told = json_of(&answer);
    assert_eq!((&told["schema"], &told["why"]), (&json!("drctl/answer/v1"), &json!("exit")));
    insta::assert_snapshot!(ask(&env, ""), @r"
    --- stderr
    error: standard input holds no probe that can be asked
      caused by: EOF while parsing a value at line 1 column 0
      hint: Use the same version of drctl here and there
    --- exit 2
    ");
    insta::assert_snapshot!(ask(&env, &asked.replace("v1", "v2")), @r"
    --- stderr
    error: standard input holds no probe that can be asked
      caused by: `drctl/ask/v2` is not `drctl/ask/v1`
      hint: Use the same version of drctl here and there
    --- exit 2
    ");
    insta::assert_snapshot!(ask(&env, &asked.replace("command", "carrier pigeon")), @r"
    --- stderr
    error: standard input holds no probe that can be asked
      caused by: unknown variant `carrier pigeon`, expected one of `http`, `tcp`, `dns`, `region`, `command`, `elsewhere` at line 1 column 68
      hint: Use the same version of drctl here and there
    --- exit 2
    ");
    let bad = json!({ "http": { "url": "ftp://x", "method": "GET", "headers": {}, "expect_status": [200, 299], "expect_body": null, "certificate_secs": null } });
    let bad = json!({ "schema": "drctl/ask/v1", "limit_ms": 1, "target": bad }).to_string();
    insta::assert_snapshot!(ask(&env, &bad), @r"
    --- stderr
    error: standard input holds no probe that can be asked
      caused by: `ftp://x` is not an address such as `https://shop.example.com/health` at line 1 column 170
      hint: Use the same version of drctl here and there
    --- exit 2
    ");
    assert_eq!(env.run(&["probe", "front", "--ask", "-"]).code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ends_soon_warns_and_one_that_ended_is_down() {
    let authority = Authority::new();
    let (good, soon, over) =
        (authority.serve(300).await, authority.serve(5).await, authority.serve(-1).await);
    let stranger = Authority::new().serve(300).await;
    let probe = |name: &str, port: u16| {
        format!(
            "probe \"http\" \"{name}\" {{\n  url = \"https://127.0.0.1:{port}/\"\n  timeout = \"20s\"\n  certificate = \"14d\"\n}}\n"
        )
    };
    let plain = serve(HELLO);
    let http = format!(
        "probe \"http\" \"plain\" {{\n  url = \"http://127.0.0.1:{plain}/\"\n  certificate = \"14d\"\n}}\n"
    );
    let all = [probe("good", good), probe("soon", soon), probe("over", over)];
    let env = env(&(all.concat() + &probe("stranger", stranger) + &http));
    fs::write(env.root().join("ca.pem"), authority.pem()).unwrap();
    let mut command = env.command(&["probe", "--json"]);
    command.env("SSL_CERT_FILE", env.root().join("ca.pem"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let told = json_of(&env.output(output));
    let words: Vec<_> = told["probes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| format!("{} {} {}", p["name"], p["why"], p["warning"].is_string()))
        .collect();
    insta::assert_snapshot!(words.join("\n"), @r#"
    "good" "ok" false
    "soon" "ok" true
    "over" "expired" false
    "stranger" "tls" false
    "plain" "ok" true
    "#);
    let ends: jiff::Timestamp =
        told["probes"][1]["certificate_ends"].as_str().unwrap().parse().unwrap();
    let left = ends.duration_since(jiff::Timestamp::now()).as_hours();
    assert!((118..=120).contains(&left), "{left} hours");
}

#[test]
fn whoever_stops_it_stops_the_programs_of_probes_too() {
    let env = env(
        "probe \"command\" \"long\" {\n  run = [\"sh\", \"-c\", \"echo $$ > pid; mv pid child; sleep 100\"]\n  timeout = \"100s\"\n}\n",
    );
    let mut probe = env.spawn(&["probe"]);
    let child = env.repo().join("child");
    while !child.exists() {
        thread::sleep(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(i32::try_from(probe.id()).unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(probe.wait().unwrap().code(), Some(5));
    let pid: u32 = fs::read_to_string(child).unwrap().trim().parse().unwrap();
    let stat = || fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    while !stat().is_empty() && !stat().contains(") Z ") {
        thread::sleep(Duration::from_millis(10));
    }
}
