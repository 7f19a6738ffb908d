//! What goes wrong when a service is rebuilt in another region, one test a pitfall: each shows
//! that drctl handles it, or refuses it with a reason.
//!
//! * [`region`]: a stack that lands in the wrong region.
//! * [`state`]: a recovery that touches the primary, or hangs on it.
//! * [`cancellation`]: an apply that is cut off.
//! * [`field`]: what hurt others, with the public thread that tells of it.

mod cancellation;
mod field;
mod region;
mod state;

use crate::support::{Env, Output};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::Read,
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The head of every runbook here.
const SERVICE: &str = "service \"shop\" {\n  rto     = \"2h\"\n  primary = \"ap-northeast-1\"\n}\n";

/// A runbook with a stack for each folder.
fn runbook(stacks: &[&str], more: &str) -> String {
    let stack = |name: &&str| format!("stack \"{name}\" {{\n  path = \"{name}\"\n}}\n");
    format!("{SERVICE}{}{more}", stacks.iter().map(stack).collect::<String>())
}

/// A repository with one stack, `only`, whose root module is `code`.
fn only(code: &str) -> Env {
    Env::with(&[("drctl.hcl", &runbook(&["only"], "")), ("only/main.tf", code)])
}

fn rehearse(env: &Env, more: &[&str]) -> Output {
    env.run(&[&["rehearse", "--region", "ap-northeast-2", "--time-scale", "1000"], more].concat())
}

/// Rehearses, which must end with `code`, and returns the region of each planned resource.
fn placed(env: &Env, more: &[&str], code: i32) -> BTreeMap<String, String> {
    let output = rehearse(env, more);
    assert_eq!(output.code, Some(code), "{output}");
    let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
    let steps = report["steps"].as_array().unwrap().iter();
    steps
        .flat_map(|step| step["placed"].as_array().cloned().unwrap_or_default())
        .map(|placed| {
            let text = |name: &str| placed[name].as_str().map(str::to_owned);
            (text("address").unwrap(), text("region").or_else(|| text("known_by")).unwrap())
        })
        .collect()
}

/// Rehearses a repository of one stack and returns the region of each planned resource.
fn placed_only(code: &str) -> BTreeMap<String, String> {
    placed(&only(code), &[], 0)
}

/// Those that are expected, in the shape of [`placed`].
fn regions(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

/// What `drctl plan` refuses.
fn refused(env: &Env) -> String {
    let output = env.run(&["plan", "--region", "ap-northeast-2"]);
    assert_eq!(output.code, Some(4), "{output}");
    let (_, refused) = output.stdout.split_once("\nRefused").unwrap();
    let lines = refused.lines().skip(1).filter(|line| !line.starts_with("    "));
    lines.map(str::trim).collect::<Vec<_>>().join("\n")
}

/// The state that drctl keeps of a stack of the newest run.
fn state(env: &Env, stack: &str) -> Value {
    let output = env.run(&["state", "export", "--stack", stack]);
    assert_eq!(output.code, Some(0), "{output}");
    serde_json::from_str(&output.stdout).unwrap()
}

/// A server that takes connections and never answers, as a backend in a dead region does.
struct Silent {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Silent {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::SeqCst);
                open.push(stream);
            }
        });
        Self { port, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Starts a failover and waits until a file called `started` is in its work copy.
fn begun(env: &Env) -> std::process::Child {
    let args = env.failover_args(&[]);
    let child = env.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let patience = Instant::now();
    while !shell(&format!("ls {}/runs/*/work/started", env.home().display())) {
        assert!(patience.elapsed() < Duration::from_secs(60), "the apply never began");
        thread::sleep(Duration::from_millis(50));
    }
    child
}

fn shell(line: &str) -> bool {
    Command::new("sh").arg("-c").arg(line).output().unwrap().status.success()
}

fn signal(name: &str, process: u32) {
    assert!(shell(&format!("kill -{name} {process}")), "kill -{name} {process}");
}

/// Everything that a child printed on standard error until now and to its end.
fn rest(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}
