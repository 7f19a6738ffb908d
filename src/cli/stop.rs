//! Signals: the first asks the run to stop, and no later one reaches Terraform.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    ui::Ui,
};
use crate::engine::Stop;
use anyhow::Context;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::signal::unix::{SignalKind, signal};

/// Listens for the signals that ask a program to end, from now on.
///
/// `said` is called for each one, with its name and how many came before it.
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
    ] {
        let mut signals = signal(kind)?;
        let (stop, said, count) = (stop.clone(), Arc::clone(&said), Arc::clone(&count));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                said(name, count.fetch_add(1, Ordering::Relaxed));
                stop.request(name);
            }
        });
    }
    Ok(stop)
}

/// Listens for signals, where nothing is to be said of them.
pub(super) fn listen_only() -> Result<Stop, CliError> {
    listen(|_, _| {}).context("failed to listen for signals").or_exit(Exit::Failed)
}

/// Listens for signals, and says what they do.
pub(super) fn listen_and_say(ui: Ui) -> Result<Stop, CliError> {
    listen(move |name, before| {
        ui.say(&match before {
            0 => format!(
                "\n{name}: nothing new is begun; what Terraform has in flight is waited for, so that no resource is lost\n"
            ),
            _ => format!("\n{name}: still waiting; a second signal never reaches Terraform, which would drop its state\n"),
        });
    })
    .context("failed to listen for signals")
    .or_exit(Exit::Failed)
}

/// Listens for signals in a drill, which tears down what it made whatever comes, and says so.
pub(super) fn listen_in_a_drill(ui: Ui) -> Result<Stop, CliError> {
    listen(move |name, before| {
        ui.say(&match before {
            0 => format!(
                "\n{name}: nothing new is begun; what Terraform has in flight is waited for, then all that the drill made is torn down, which no signal stops\n"
            ),
            _ => format!("\n{name}: the teardown goes on; if drctl is killed, `drctl drill --sweep` finishes it\n"),
        });
    })
    .context("failed to listen for signals")
    .or_exit(Exit::Failed)
}

/// Listens for signals while a region is dark for real, which is made light again whatever comes, and says
/// so.
pub(super) fn listen_in_the_dark(ui: Ui) -> Result<Stop, CliError> {
    listen(move |name, before| {
        ui.say(&match before {
            0 => format!(
                "\n{name}: what is dark is made light again; a failover that was begun goes on by itself\n"
            ),
            _ => format!("\n{name}: still at it; if drctl is killed, `drctl chaos kong --light` makes it light\n"),
        });
    })
    .context("failed to listen for signals")
    .or_exit(Exit::Failed)
}
