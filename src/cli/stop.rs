//! Signals: the first asks the run to stop, and no later one reaches Terraform.

use std::sync::{Arc, Mutex};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whether the run was asked to stop, and by which signal.
#[derive(Clone, Default)]
pub(super) struct Stop {
    token: CancellationToken,
    signal: Arc<Mutex<Option<&'static str>>>,
}

impl Stop {
    /// Listens for the signals that ask a program to end, from now on.
    ///
    /// `said` is called for each one, with its name and how many came before it.
    ///
    /// # Errors
    ///
    /// The system does not let us listen.
    pub(super) fn listen(
        said: impl Fn(&str, u32) + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let stop = Self::default();
        let said = Arc::new(said);
        let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
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
                    let before = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if let Ok(mut first) = stop.signal.lock() {
                        first.get_or_insert(name);
                    }
                    said(name, before);
                    stop.token.cancel();
                }
            });
        }
        Ok(stop)
    }

    /// Returns the token that is cancelled by the first signal.
    pub(super) fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Returns the name of the first signal, once there was one.
    pub(super) fn signal(&self) -> Option<&'static str> {
        self.signal.lock().ok().and_then(|signal| *signal)
    }
}
