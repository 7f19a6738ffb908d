//! Signals: the first asks the run to stop, and no later one reaches Terraform.

use crate::engine::Stop;
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
