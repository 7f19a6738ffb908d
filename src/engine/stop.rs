//! The wish that a run ends.

use std::sync::{Arc, OnceLock};
use tokio_util::sync::CancellationToken;

/// Whether a run was asked to stop, and by which signal.
#[derive(Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    signal: Arc<OnceLock<String>>,
}

impl Stop {
    /// Asks the run to stop. Only the first signal counts.
    pub fn request(&self, signal: &str) {
        let _ = self.signal.set(signal.to_owned());
        self.token.cancel();
    }

    /// Returns the token that is cancelled by the first signal.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// Returns the name of the first signal, once there was one.
    pub fn signal(&self) -> Option<&str> {
        self.signal.get().map(String::as_str)
    }
}
