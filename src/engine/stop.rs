//! The wish that a run ends.

use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Whether a run was asked to stop, and by which signal or limit.
#[derive(Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    signal: Arc<OnceLock<String>>,
    limit: Arc<OnceLock<String>>,
}

impl Stop {
    /// Asks the run to stop. Only the first signal counts.
    pub fn request(&self, signal: &str) {
        let _ = self.signal.set(signal.to_owned());
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

    /// Returns the name of the first signal, once there was one.
    pub fn signal(&self) -> Option<&str> {
        self.signal.get().map(String::as_str)
    }

    /// Returns the limit that stopped the run, once one has.
    pub fn limit(&self) -> Option<&str> {
        self.limit.get().map(String::as_str)
    }
}
