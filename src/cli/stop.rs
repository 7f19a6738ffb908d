//! Signals: the first asks the run to stop, and no later one reaches Terraform unless a person wants it to.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    ui::Ui,
};
use crate::engine::Stop;
use anyhow::Context;
use std::{
    fs, io, process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::signal::unix::{SignalKind, signal};

/// What a signal means to a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// What it does is done for real.
    Run,
    /// Nothing that it does is real.
    Rehearsal,
    /// It tears down what it made, whatever comes.
    Drill,
    /// It makes light again what it made dark, whatever comes.
    Dark,
}

impl Manner {
    /// Says what the first signal does.
    pub(super) fn first(self, signal: &str) -> String {
        format!(
            "{signal}: {}",
            match self {
                Self::Run | Self::Rehearsal =>
                    "nothing new is begun; what Terraform has in flight is waited for, so that no resource is lost",
                Self::Drill =>
                    "nothing new is begun; what Terraform has in flight is waited for, then all that the drill made is torn down, which no signal stops",
                Self::Dark =>
                    "what is dark is made light again; a failover that was begun goes on by itself",
            }
        )
    }

    /// Says what a later signal does.
    pub(super) fn again(self, signal: &str) -> String {
        format!(
            "{signal}: {}",
            match self {
                Self::Run | Self::Rehearsal =>
                    "still waiting; a second signal never reaches Terraform, which would drop its state",
                Self::Drill =>
                    "the teardown goes on; if drctl is killed, `drctl drill --sweep` finishes it",
                Self::Dark =>
                    "still at it; if drctl is killed, `drctl chaos kong --light` makes it light",
            }
        )
    }
}

/// Listens for the signals that ask a program to end, from now on.
///
/// `said` is called for each one, with its name and how many came before it, unless somebody attends
/// the end of what is stopped, and speaks.
///
/// # Errors
///
/// The system does not let us listen.
pub(super) fn listen(said: impl Fn(&str, u32) + Send + Sync + 'static) -> io::Result<Stop> {
    let stop = Stop::default();
    let (said, count) = (Arc::new(said), Arc::new(AtomicU32::new(0)));
    for (kind, name) in [
        (SignalKind::interrupt(), "SIGINT"),
        (SignalKind::terminate(), "SIGTERM"),
        // A closed terminal must not kill an apply.
        (SignalKind::hangup(), "SIGHUP"),
        // Ends at once what was asked to end.
        (SignalKind::quit(), "SIGQUIT"),
    ] {
        if kind == SignalKind::hangup() && is_ignored(kind) {
            // Started by `nohup`: the terminal may close, and the run goes on.
            continue;
        }
        let mut signals = signal(kind)?;
        let (stop, said, count) = (stop.clone(), Arc::clone(&said), Arc::clone(&count));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                let before = count.fetch_add(1, Ordering::Relaxed);
                let insists = kind == SignalKind::quit() && before > 0;
                if !stop.is_attended() {
                    said(name, before);
                    if insists {
                        stop.end_now();
                    }
                }
                match insists {
                    true => stop.insist(name),
                    false => stop.request(name),
                }
            }
        });
    }
    Ok(stop)
}

/// Returns true for a signal that was ignored when drctl started, by `SigIgn` of `/proc/self/status`
/// (proc(5)): bit `n - 1` stands for signal `n`.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// Listens for signals, where nothing is to be said of them.
pub(super) fn listen_only() -> Result<Stop, CliError> {
    listen(|_, _| {}).context("failed to listen for signals").or_exit(Exit::Failed)
}

/// Listens for signals, and says what they do.
pub(super) fn listen_and_say(ui: Ui) -> Result<Stop, CliError> {
    listen_and_say_in(Manner::Run, ui)
}

/// Listens for signals in a drill, which tears down what it made whatever comes, and says so.
pub(super) fn listen_in_a_drill(ui: Ui) -> Result<Stop, CliError> {
    listen_and_say_in(Manner::Drill, ui)
}

/// Listens for signals while a region is dark for real, which is made light again whatever comes, and says
/// so.
pub(super) fn listen_in_the_dark(ui: Ui) -> Result<Stop, CliError> {
    listen_and_say_in(Manner::Dark, ui)
}

fn listen_and_say_in(manner: Manner, ui: Ui) -> Result<Stop, CliError> {
    listen(move |name, before| {
        let said = match (before, manner) {
            (0, _) => manner.first(name),
            (_, Manner::Run) => {
                format!("{}; `kill -QUIT {}` ends it now", manner.again(name), process::id())
            }
            _ => manner.again(name),
        };
        ui.say(&format!("\n{said}\n"));
    })
    .context("failed to listen for signals")
    .or_exit(Exit::Failed)
}
