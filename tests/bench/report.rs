//! What the report of a long journal costs, against a program that only reads its lines.

use super::{DRCTL, row, verdict};
use crate::validate::{Cost, measured};
use std::{fmt::Write as _, fs, path::Path, process::Command, time::Duration};

/// The run whose journal it is.
const RUN: &str = "20260314-025907-4f1c";
/// Stacks, with as many resources each; two events a resource.
const STACKS: usize = 4;
const RESOURCES: usize = 12_490;

/// A journal of 100,000 events in every form.
pub(crate) fn formats() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("runs").join(RUN);
    fs::create_dir_all(&folder).unwrap();
    let journal = folder.join("journal.jsonl");
    let text = journal_text();
    let events = text.lines().count();
    fs::write(&journal, text).unwrap();
    assert!((99_900..100_100).contains(&events), "{events}");

    let python = measured(3, || reads(&journal));
    for format in ["text", "json", "html", "markdown"] {
        let ours = measured(3, || report(home.path(), format));
        line(&format!("report: 100,000 events, {format}"), python, ours);
    }
}

fn line(case: &str, python: Cost, ours: Cost) {
    let most = Duration::from_secs(1);
    let goal = format!("under 1 s, {}", verdict(ours.wall < most));
    row(case, python.wall, ours.wall, &goal);
    let goal = format!("under 200 MB, {}", verdict(ours.peak < 200 * 1_024));
    println!("{case}, memory {:>12} MB  {goal}", ours.peak / 1_024);
}

fn report(home: &Path, format: &str) -> Command {
    let mut command = Command::new(DRCTL);
    command.args(["report", RUN, "--format", format]).env("DRCTL_HOME", home);
    command
}

/// A program that does nothing but read every line as JSON.
fn reads(journal: &Path) -> Command {
    let mut command = Command::new("python3");
    command.args(["-c", "import json,sys\nfor line in open(sys.argv[1]): json.loads(line)"]);
    command.arg(journal);
    command
}

/// Stacks one after another; in each, chains of ten resources, ten of them at once.
fn journal_text() -> String {
    let mut log = Log::default();
    log.say(0, &format!(r#""event":"run_started","run":"{RUN}","run_kind":"failover","drctl":"0.1.0","began_at":"2026-03-14T02:59:07Z","repo":"/shop","region":"b","outage":{{"before_ms":60000,"known_by":"declared"}}"#));
    let steps: Vec<String> = (0..STACKS)
        .map(|n| {
            let needs = if n == 0 { String::new() } else { format!("\"s{}\"", n - 1) };
            format!(r#"{{"id":"s{n}","kind":"stack","needs":[{needs}],"parallelism":10}}"#)
        })
        .collect();
    log.say(10, &format!(r#""event":"run_planned","service":"shop","primary":null,"rto_ms":86400000,"rpo_ms":null,"digest":"d","steps":[{}]"#, steps.join(",")));
    log.say(20, r#""event":"declared","by":"typed""#);
    let mut now = 20;
    for stack in 0..STACKS {
        now = log.stack(stack, now);
    }
    log.say(now + 100, r#""event":"service_verified""#);
    log.say(now + 110, r#""event":"run_finished","outcome":"recovered""#);
    log.text
}

#[derive(Default)]
struct Log {
    text: String,
    seq: usize,
}

impl Log {
    fn say(&mut self, at_ms: usize, rest: &str) {
        let _ = writeln!(self.text, r#"{{"seq":{},"elapsed_ms":{at_ms},{rest}}}"#, self.seq);
        self.seq += 1;
    }

    /// One stack that begins at `begun`; returns when it ends.
    fn stack(&mut self, stack: usize, begun: usize) -> usize {
        for phase in ["init", "plan", "gate"] {
            self.say(
                begun,
                &format!(r#""event":"phase_started","step":"s{stack}","phase":"{phase}""#),
            );
            self.say(
                begun + 50,
                &format!(
                    r#""event":"phase_finished","step":"s{stack}","phase":"{phase}","ok":true"#
                ),
            );
        }
        self.say(
            begun + 50,
            &format!(r#""event":"gate_answered","step":"s{stack}","answer":{{"refusals":[]}}"#),
        );
        self.say(
            begun + 60,
            &format!(r#""event":"phase_started","step":"s{stack}","phase":"apply""#),
        );
        let mut needs = Vec::new();
        let mut now = begun + 70;
        for first in (0..RESOURCES).step_by(10) {
            let rank = first / 10;
            for lane in 0..10.min(RESOURCES - first) {
                self.say(now, &format!(r#""event":"resource_started","step":"s{stack}","address":"module.m[\"k{lane}\"].aws_thing.r{rank}[{lane}]","action":"create""#));
            }
            for lane in 0..10.min(RESOURCES - first) {
                let took = 30 + lane;
                self.say(now + took, &format!(r#""event":"resource_finished","step":"s{stack}","address":"module.m[\"k{lane}\"].aws_thing.r{rank}[{lane}]","action":"create","took_ms":{took},"ok":true"#));
            }
            let before = match rank % 10 {
                0 => String::new(),
                _ => format!("\"module.m.aws_thing.r{}\"", rank - 1),
            };
            needs.push(format!(r#""module.m.aws_thing.r{rank}":[{before}]"#));
            now += 40;
        }
        self.say(
            now,
            &format!(r#""event":"phase_finished","step":"s{stack}","phase":"apply","ok":true"#),
        );
        self.say(
            now,
            &format!(
                r#""event":"dependencies_read","step":"s{stack}","needs":{{{}}}"#,
                needs.join(",")
            ),
        );
        self.say(
            now,
            &format!(r#""event":"step_finished","step":"s{stack}","outcome":{{"is":"done"}}"#),
        );
        now
    }
}
