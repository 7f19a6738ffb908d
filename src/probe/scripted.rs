//! A prober for tests: what it answers depends on how much time has passed.

use super::{Answer, Prober, Target, Why};
use async_trait::async_trait;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Answers from a script. Without any line it answers [`Why::Ok`] at once.
///
/// A target is known by the port of a [`super::TcpTarget`], by the path of an address, by the name
/// that is looked up, by the region, or by the program of a command, so a script names what a test
/// names. What is asked elsewhere is known as what it is here.
pub struct ScriptedProber {
    began: Instant,
    script: Vec<Line>,
}

struct Line {
    target: String,
    from: Duration,
    why: Why,
    takes: Duration,
}

impl Default for ScriptedProber {
    /// Makes a prober whose time begins now.
    fn default() -> Self {
        Self { began: Instant::now(), script: Vec::new() }
    }
}

impl ScriptedProber {
    /// From `from` on, `target` answers `why`.
    pub fn then(self, target: &str, from: Duration, why: Why) -> Self {
        self.then_slowly(target, from, why, Duration::ZERO)
    }

    /// From `from` on, `target` answers `why`, and takes its time for it.
    pub fn then_slowly(mut self, target: &str, from: Duration, why: Why, takes: Duration) -> Self {
        self.script.push(Line { target: target.to_owned(), from, why, takes });
        self
    }
}

#[async_trait]
impl Prober for ScriptedProber {
    async fn ask(&self, target: &Target, limit: Duration) -> Answer {
        let began = Instant::now();
        let name = name(target);
        let now = self.began.elapsed();
        let line = self.script.iter().rev().find(|line| line.target == name && line.from <= now);
        let (why, takes) = line.map_or((Why::Ok, Duration::ZERO), |line| (line.why, line.takes));
        let why = timeout(limit, sleep(takes)).await.map_or(Why::Timeout, |()| why);
        Answer::new(why, format!("scripted: {why}"), began.elapsed())
    }
}

fn name(target: &Target) -> String {
    match target {
        Target::Http(target) => target.path().to_owned(),
        Target::Tcp(target) => target.port.to_string(),
        Target::Dns(target) => target.host().to_owned(),
        Target::Region(target) => target.region().to_owned(),
        Target::Command(target) => target.argv.first().cloned().unwrap_or_default(),
        Target::Elsewhere(target) => name(&target.target),
    }
}
