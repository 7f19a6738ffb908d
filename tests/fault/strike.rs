//! A kill: of whom, and when.

use crate::{
    processes::{self, Process},
    scene::{Case, Running},
};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{
    fmt,
    thread::sleep,
    time::{Duration, Instant},
};

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Victim {
    /// drctl alone: what it started goes on.
    Drctl,
    /// drctl and every Terraform of its.
    Both,
    /// One Terraform, and drctl sees it.
    Terraform,
    /// All at once, as when the machine loses its power.
    Tree,
}

impl Victim {
    pub(crate) const ALL: [Self; 4] = [Self::Drctl, Self::Both, Self::Terraform, Self::Tree];
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Drctl => "drctl",
            Self::Both => "drctl and terraform",
            Self::Terraform => "terraform",
            Self::Tree => "all at once",
        })
    }
}

/// When it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// As soon as the journal has so many lines more than when drctl was started.
    Line(usize),
    /// After so long.
    After(Duration),
}

/// What a kill is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) victim: Victim,
    pub(crate) when: When,
}

/// What was killed.
#[derive(Clone, Debug)]
pub(crate) struct Struck {
    pub(crate) victim: Victim,
    /// The part of the run that it came in.
    pub(crate) moment: Moment,
}

/// The part of a run, by the last event that the journal had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moment {
    Before,
    Init,
    Plan,
    Gate,
    Apply,
    Resource,
    Outputs,
    Command,
    Verification,
    Between,
    Resumed,
    Ending,
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Before => "before the first step",
            Self::Init => "init began or ended",
            Self::Plan => "plan began or ended",
            Self::Gate => "gate",
            Self::Apply => "apply began or ended",
            Self::Resource => "a resource in the apply",
            Self::Outputs => "outputs",
            Self::Command => "command",
            Self::Verification => "verification",
            Self::Between => "between two steps",
            Self::Resumed => "resumption began",
            Self::Ending => "the run had ended",
        })
    }
}

impl Moment {
    fn of(line: Option<&Value>) -> Self {
        let Some(line) = line else { return Self::Before };
        let phase = line["phase"].as_str().unwrap_or_default();
        match line["event"].as_str().unwrap_or_default() {
            "phase_started" | "phase_finished" => match phase {
                "init" => Self::Init,
                "plan" => Self::Plan,
                "gate" => Self::Gate,
                "apply" => Self::Apply,
                "output" => Self::Outputs,
                _ => Self::Command,
            },
            "plan_made" | "gate_answered" => Self::Gate,
            "resource_started" | "resource_finished" => Self::Resource,
            "dependencies_read" | "outputs_ready" => Self::Outputs,
            "step_finished" | "lock_waited" | "noted" => Self::Between,
            "probe_answered" | "service_verified" | "fallback_verified" | "verification_failed" => {
                Self::Verification
            }
            "run_resumed" => Self::Resumed,
            "run_finished" => Self::Ending,
            _ => Self::Before,
        }
    }
}

impl Strike {
    /// Draws one of the moments in the life of a drctl that writes `lines` and takes `time`.
    pub(crate) fn draw(random: &mut fastrand::Rng, lines: usize, time: Duration) -> Self {
        let victim = Victim::ALL[random.usize(..Victim::ALL.len())];
        let when = match random.bool() {
            true => When::Line(random.usize(1..=lines.max(1))),
            false => When::After(time.mul_f64(random.f64())),
        };
        Self { victim, when }
    }

    /// Kills when its time has come; nothing when the drctl ended before.
    pub(crate) fn at(self, case: &Case, running: &mut Running, before: usize) -> Option<Struck> {
        let began = Instant::now();
        let due = |case: &Case| match self.when {
            When::Line(line) => case.length() >= before + line,
            When::After(time) => began.elapsed() >= time,
        };
        while !due(case) {
            if running.is_over() {
                return None;
            }
            sleep(LOOK);
        }
        let moment = match self.victim {
            Victim::Terraform => {
                let terraform = one_terraform(case, running)?;
                processes::signal(terraform.id, Signal::SIGKILL);
                Moment::of(case.lines().last())
            }
            Victim::Drctl => self.kill_drctl(case, running),
            Victim::Both => {
                let others = processes::of(&case.home);
                let moment = self.kill_drctl(case, running);
                // Those that began in between, too.
                let late = processes::of(&case.home);
                for process in others.iter().chain(&late).filter(|p| p.is_terraform()) {
                    processes::signal(process.id, Signal::SIGKILL);
                }
                moment
            }
            Victim::Tree => {
                let others = processes::of(&case.home);
                processes::signal(running.id(), Signal::SIGKILL);
                others.iter().for_each(|process| processes::signal(process.id, Signal::SIGKILL));
                processes::kill_all(&case.home);
                Moment::of(case.lines().last())
            }
        };
        Some(Struck { victim: self.victim, moment })
    }

    fn kill_drctl(self, case: &Case, running: &Running) -> Moment {
        processes::signal(running.id(), Signal::SIGKILL);
        Moment::of(case.lines().last())
    }
}

/// Waits for a Terraform to be there, and returns one; none when drctl ends before.
fn one_terraform(case: &Case, running: &mut Running) -> Option<Process> {
    loop {
        let found = processes::of(&case.home).into_iter().find(Process::is_terraform);
        if found.is_some() || running.is_over() {
            return found;
        }
        sleep(LOOK);
    }
}
