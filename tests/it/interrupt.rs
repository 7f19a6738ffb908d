//! Signals and terminals, with a Terraform that is held in the middle of an apply until the test lets it go
//! on, and that writes down every interrupt it gets.

use crate::support::Env;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread::sleep,
    time::{Duration, Instant},
};

/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(120);

const RUNBOOK: &str = "service \"shop\" {\n  rto = \"30m\"\n  primary = \"ap-northeast-1\"\n}\nstack \"data\" {\n  path = \"data\"\n}\nstack \"next\" {\n  path = \"next\"\n  needs = [\"data\"]\n}\n";
const STACK: &str = "resource \"terraform_data\" \"this\" {}\n";

/// Ends as Terraform does: with the work in flight after one interrupt, at once after two.
const HELD: &str = r#"#!/bin/sh
site='SITE'
if test "$1" = apply && ! test -e "$site/free"; then
  trap 'echo INT >>"$site/interrupts"' INT
  echo '{"@level":"info","@message":"terraform_data.this: Creating...","@module":"terraform.ui","@timestamp":"2026-01-01T00:00:00.000000Z","hook":{"resource":{"addr":"terraform_data.this","module":"","resource":"terraform_data.this","implied_provider":"terraform","resource_type":"terraform_data","resource_name":"this","resource_key":null},"action":"create"},"type":"apply_start"}'
  while ! test -e "$site/go"; do
    test "$(wc -l <"$site/interrupts")" -lt 2 || exit 1
    sleep 0.05
  done
  test -s "$site/interrupts" && exit 1
fi
exec terraform "$@"
"#;

struct Held {
    env: Env,
}

impl Held {
    fn new() -> Self {
        let env =
            Env::with(&[("drctl.hcl", RUNBOOK), ("data/main.tf", STACK), ("next/main.tf", STACK)]);
        let held = Self { env };
        fs::create_dir(held.site()).unwrap();
        fs::write(held.site().join("interrupts"), "").unwrap();
        let program = HELD.replace("SITE", &held.site().display().to_string());
        fs::write(held.terraform(), program).unwrap();
        fs::set_permissions(held.terraform(), fs::Permissions::from_mode(0o755)).unwrap();
        held
    }

    fn site(&self) -> PathBuf {
        self.env.root().join("site")
    }

    fn terraform(&self) -> String {
        self.env.root().join("held-terraform").display().to_string()
    }

    fn failover(&self, more: &[&str]) -> Vec<String> {
        let terraform = self.terraform();
        let own = ["--terraform", terraform.as_str()];
        self.env.failover_args(&own.iter().chain(more).copied().collect::<Vec<_>>())
    }

    /// drctl with nobody at a terminal.
    fn begin(&self, args: &[String]) -> Child {
        self.env.spawn(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// drctl at a terminal of its own, which `script` (util-linux) makes.
    fn at_terminal(&self, args: &[String]) -> Terminal {
        let drctl = self.env.command(&[]);
        let words =
            [env!("CARGO_BIN_EXE_drctl").to_owned()].into_iter().chain(args.iter().cloned());
        let line = words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let mut command = Command::new("script");
        command
            .args(["-qefc", &format!("stty cols 160 rows 40; exec {line}"), "/dev/null"])
            .current_dir(drctl.get_current_dir().unwrap())
            .env_clear()
            .envs(drctl.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        Terminal::new(command.spawn().expect("script is needed: Debian: apt-get install bsdutils"))
    }

    fn let_go(&self) {
        fs::write(self.site().join("go"), "").unwrap();
    }

    fn interrupts(&self) -> usize {
        fs::read_to_string(self.site().join("interrupts")).unwrap().lines().count()
    }

    fn events(&self) -> Vec<Value> {
        let runs = fs::read_dir(self.env.home().join("runs")).into_iter().flatten().flatten();
        let newest = runs.map(|run| run.path()).max();
        let text = newest.and_then(|run| fs::read_to_string(run.join("journal.jsonl")).ok());
        text.unwrap_or_default()
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    fn event(&self, name: &str) -> Option<Value> {
        self.events().into_iter().find(|event| event["event"] == name)
    }

    /// Waits until the resource is being made, and the journal knows.
    fn wait_for_flight(&self) {
        wait("the apply", || self.event("resource_started").is_some());
    }

    fn was_interrupted_by(&self, signal: &str) {
        wait("the end", || self.event("run_finished").is_some());
        assert_eq!(self.event("interrupt_received").unwrap()["signal"], signal);
        assert_eq!(self.event("run_finished").unwrap()["outcome"], "interrupted");
    }
}

fn wait(what: &str, is_there: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_there() {
        assert!(began.elapsed() < PATIENCE, "{what} never came");
        sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

struct Terminal {
    script: Child,
    shown: Arc<Mutex<String>>,
}

impl Terminal {
    fn new(mut script: Child) -> Self {
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut out, paper) = (script.stdout.take().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = out.read(&mut piece) {
                paper.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
            }
        });
        Self { script, shown }
    }

    fn types(&mut self, keys: &str) {
        self.script.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }

    fn text(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits until `words` are shown, from here on; what was shown before is forgotten.
    fn shows(&self, words: &str) {
        let began = Instant::now();
        loop {
            let mut shown = self.shown.lock().unwrap();
            if let Some(at) = shown.find(words) {
                shown.drain(..at + words.len());
                return;
            }
            assert!(began.elapsed() < PATIENCE, "`{words}` was never shown:\n{shown}");
            drop(shown);
            sleep(Duration::from_millis(20));
        }
    }

    fn ends(mut self) -> (Option<i32>, String) {
        let code = self.script.wait().unwrap().code();
        (code, self.text())
    }
}

const CTRL_C: &str = "\x03";

#[test]
fn a_second_ctrl_c_asks_and_the_question_goes_with_the_work() {
    let held = Held::new();
    let mut terminal = held.at_terminal(&held.failover(&[]));
    held.wait_for_flight();
    terminal.types(CTRL_C);
    terminal.shows("SIGINT: nothing new is begun");
    terminal.shows("Terraform was interrupted once; ");
    terminal.types(CTRL_C);
    terminal.shows("End now? 1 resource(s) are being made: their ids would be lost");
    // Not yes is no, and it is asked again.
    terminal.types("yesno\x7f\x7f\x7f\x7f\r");
    terminal.shows("The wait goes on");
    terminal.types(CTRL_C);
    terminal.shows("End now?");
    held.let_go();
    let (code, rest) = terminal.ends();
    assert_eq!(code, Some(5), "{rest}");
    assert!(rest.contains("drctl resume"), "{rest}");
    held.was_interrupted_by("SIGINT");
    assert_eq!(held.interrupts(), 1, "Terraform gets one, and none from the terminal");
    assert_eq!(
        held.event("noted").filter(|noted| noted["message"].as_str().unwrap().contains("cut off")),
        None
    );
}

#[test]
fn yes_ends_it_at_once_and_what_is_lost_is_in_the_journal() {
    let held = Held::new();
    let mut terminal = held.at_terminal(&held.failover(&[]));
    held.wait_for_flight();
    terminal.types(CTRL_C);
    terminal.shows("Terraform was interrupted once; ");
    terminal.types(CTRL_C);
    terminal.shows("End now?");
    terminal.types("yes\r");
    let (code, rest) = terminal.ends();
    assert_eq!(code, Some(5), "{rest}");
    assert_eq!(held.interrupts(), 2);
    let notes = held.events().into_iter().filter(|event| event["event"] == "noted");
    let notes: Vec<_> = notes.map(|note| note["message"].as_str().unwrap().to_owned()).collect();
    insta::assert_snapshot!(notes.iter().filter(|note| note.contains("cut off")).cloned().collect::<Vec<_>>().join("\n"), @"`terraform apply` was interrupted, did not end in time, and was cut off with terraform_data.this in flight. Look in the cloud for what was in flight before you go on: the state may not know of it");
}

#[test]
fn without_a_terminal_a_second_signal_says_what_is_waited_for_and_how_to_force_the_end() {
    let held = Held::new();
    let mut child = held.begin(&held.failover(&[]));
    held.wait_for_flight();
    let (mut err, said) = (child.stderr.take().unwrap(), Arc::new(Mutex::new(String::new())));
    let paper = Arc::clone(&said);
    let reading = std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = err.read(&mut piece) {
            paper.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
        }
    });
    let says = |words: &str| wait(words, || said.lock().unwrap().contains(words));
    signal(&child, Signal::SIGTERM);
    says("SIGTERM: nothing new is begun");
    says("terraform_data.this");
    says("Terraform was interrupted once; ");
    signal(&child, Signal::SIGINT);
    says(&format!("`kill -QUIT {}` ends it now, which loses the ids of 1 resource(s)", child.id()));
    assert_eq!(held.interrupts(), 1);
    signal(&child, Signal::SIGQUIT);
    says("Ending now");
    assert_eq!(child.wait().unwrap().code(), Some(5));
    reading.join().unwrap();
    assert_eq!(held.interrupts(), 2);
    held.was_interrupted_by("SIGTERM");
}

#[test]
fn a_closed_terminal_is_a_first_signal_and_what_is_in_flight_ends() {
    let held = Held::new();
    let mut terminal = held.at_terminal(&held.failover(&[]));
    held.wait_for_flight();
    // The terminal goes with the program that made it.
    terminal.script.kill().unwrap();
    terminal.script.wait().unwrap();
    wait("the signal", || held.event("interrupt_received").is_some());
    held.let_go();
    held.was_interrupted_by("SIGHUP");
    assert_eq!(held.interrupts(), 1);
}

#[test]
fn a_run_under_nohup_goes_on_when_its_terminal_is_closed() {
    let held = Held::new();
    let args = held.failover(&[]);
    let drctl = held.env.command(&[]);
    let mut command = Command::new("nohup");
    let child = command
        .arg(env!("CARGO_BIN_EXE_drctl"))
        .args(&args)
        .current_dir(drctl.get_current_dir().unwrap())
        .env_clear()
        .envs(drctl.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    held.wait_for_flight();
    signal(&child, Signal::SIGHUP);
    held.let_go();
    let output = held.env.output(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(held.interrupts(), 0);
}

#[test]
fn readers_that_are_gone_change_nothing() {
    let held = Held::new();
    let mut child = held.begin(&held.failover(&["--json"]));
    held.wait_for_flight();
    drop((child.stdout.take(), child.stderr.take()));
    held.let_go();
    assert_eq!(child.wait().unwrap().code(), Some(6));
    let done = held.events().into_iter().filter(|event| event["event"] == "step_finished");
    assert_eq!(done.filter(|event| event["outcome"]["is"] == "done").count(), 2);
    // Nor when drctl says more, of the very displays that fail.
    let held = Held::new();
    let mut child = held.begin(&held.failover(&["-vv", "--color=never"]));
    held.wait_for_flight();
    drop((child.stdout.take(), child.stderr.take()));
    held.let_go();
    assert_eq!(child.wait().unwrap().code(), Some(6));
}

#[test]
fn a_grace_that_is_over_is_told_with_what_may_be_lost() {
    let held = Held::new();
    let child = held.begin(&held.failover(&["--grace", "100ms"]));
    held.wait_for_flight();
    signal(&child, Signal::SIGINT);
    let output = held.env.output(child.wait_with_output().unwrap());
    assert_eq!(output.code, Some(5), "{output}");
    assert!(
        output
            .stderr
            .contains("did not end in time, and was cut off with terraform_data.this in flight"),
        "{output}"
    );
}

#[test]
fn one_that_was_interrupted_before_its_drctl_died_is_not_interrupted_again() {
    let held = Held::new();
    let mut child = held.begin(&held.failover(&[]));
    held.wait_for_flight();
    signal(&child, Signal::SIGINT);
    wait("the interrupt", || held.interrupts() == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let terraform = held.terraform();
    let mut resumed = held.env.spawn(&["resume", "--yes", "--terraform", &terraform]);
    let mut said = String::new();
    let mut err = resumed.stderr.take().unwrap();
    let mut piece = [0; 512];
    while !said.contains("followed to its end") {
        let length = err.read(&mut piece).unwrap();
        assert!(length > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    fs::write(held.site().join("free"), "").unwrap();
    held.let_go();
    err.read_to_string(&mut said).unwrap();
    assert_eq!(resumed.wait().unwrap().code(), Some(6), "{said}");
    assert_eq!(held.interrupts(), 1);
}

#[test]
fn the_real_terraform_hears_one_interrupt_from_a_terminal() {
    let env = Env::new();
    let slow = "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"touch ../started; exec sleep 600\"\n  }\n}\n";
    env.commit(&[("drctl.hcl", RUNBOOK), ("data/main.tf", slow), ("next/main.tf", STACK)]);
    let held = Held { env };
    let mut terminal = held.at_terminal(&held.env.failover_args(&[]));
    wait("the provisioner", || {
        let runs = fs::read_dir(held.env.home().join("runs")).into_iter().flatten().flatten();
        runs.map(|run| run.path().join("work/started")).any(|started| started.exists())
    });
    terminal.types(CTRL_C);
    let (code, text) = terminal.ends();
    assert_eq!(code, Some(5), "{text}");
    held.was_interrupted_by("SIGINT");
    let run = fs::read_dir(held.env.home().join("runs")).unwrap().next().unwrap().unwrap().path();
    let logs = fs::read_dir(run.join("logs")).unwrap().map(|log| log.unwrap().path());
    let said: String = logs.map(|log| fs::read_to_string(log).unwrap()).collect();
    assert_eq!(said.matches("Interrupt received").count(), 1, "{said}");
    assert!(!said.contains("Two interrupts received"), "{said}");
}
