//! The wish that a run ends.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Whether a run was asked to stop, and by which signal or limit.
#[derive(Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    now: CancellationToken,
    signal: Arc<OnceLock<String>>,
    limit: Arc<OnceLock<String>>,
    grace: Arc<OnceLock<Duration>>,
    heard: Arc<watch::Sender<Heard>>,
}

/// The signals that were heard until now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How many.
    pub count: u32,
    /// The last one's name.
    pub signal: String,
    /// Whether the last one was meant to end at once what was asked to stop.
    pub insists: bool,
}

impl Stop {
    /// Asks the run to stop. Only the first signal counts; whoever listens by [`Stop::heard`] hears
    /// of each.
    pub fn request(&self, signal: &str) {
        self.hear(signal, false);
    }

    /// Asks the run to stop, and one that was asked already to end at once.
    pub fn insist(&self, signal: &str) {
        self.hear(signal, true);
    }

    fn hear(&self, signal: &str, insists: bool) {
        let signal = signal.to_owned();
        let _ = self.signal.set(signal.clone());
        // Heard first: who waits for the token looks at how many there were.
        self.heard.send_modify(|heard| *heard = Heard { count: heard.count + 1, signal, insists });
        self.token.cancel();
    }

    /// Asks the run to stop, since a limit of it is reached: `limit` says which, as a sentence
    /// without a full stop. A run that was stopped already is not stopped by it.
    pub fn expire(&self, limit: &str) {
        if !self.token.is_cancelled() {
            let _ = self.limit.set(limit.to_owned());
            self.token.cancel();
        }
    }

    /// Returns the token that is cancelled by the first signal or limit.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Waits no longer for what was asked to stop: somebody said yes to what that loses.
    pub fn end_now(&self) {
        self.now.cancel();
    }

    /// Returns the token that is cancelled when nothing is waited for any longer.
    pub fn now(&self) -> &CancellationToken {
        &self.now
    }

    /// Returns what tells of every signal. While somebody has one, signals are theirs to speak of.
    pub fn heard(&self) -> watch::Receiver<Heard> {
        self.heard.subscribe()
    }

    /// Returns true while somebody listens by [`Stop::heard`].
    pub fn is_attended(&self) -> bool {
        self.heard.receiver_count() > 0
    }

    /// Sets how long a Terraform that was asked to stop may take before it is killed.
    pub fn set_grace(&self, grace: Duration) {
        let _ = self.grace.set(grace);
    }

    /// Returns that grace, once it is known.
    pub fn grace(&self) -> Option<Duration> {
        self.grace.get().copied()
    }

    /// Returns the name of the first signal, once there was one.
    pub fn signal(&self) -> Option<&str> {
        self.signal.get().map(String::as_str)
    }

    /// Returns the limit that stopped the run, once one has.
    pub fn limit(&self) -> Option<&str> {
        self.limit.get().map(String::as_str)
    }
}
