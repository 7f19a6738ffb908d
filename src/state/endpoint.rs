//! Where a server listens, kept so that the next one can stand in for it.
//!
//! Terraform has the address and the password in its environment and cannot be told others. When
//! drctl is killed, its Terraform tries again for a while: a drctl that listens at the same port and
//! knows the same password takes its state in as if nothing had happened.

use super::{error::StateError, store::StateStore};
use serde::{Deserialize, Serialize};
use std::fs;

/// Names the running system: it is another one after each start of the machine (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Where a server listens, and whom it lets in.
#[derive(Serialize, Deserialize)]
pub(super) struct Endpoint {
    /// The port of 127.0.0.1.
    pub(super) port: u16,
    /// What Terraform says to be let in.
    pub(super) password: String,
    /// The running system; empty where it has no name.
    pub(super) boot: String,
}

impl Endpoint {
    /// Makes the record of a server of this running system.
    pub(super) fn new(port: u16, password: &str) -> Self {
        let boot = fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned();
        Self { port, password: password.to_owned(), boot }
    }

    /// Returns the record that a server left which did not come to its end. What cannot be read says
    /// nothing.
    pub(super) fn left(store: &StateStore) -> Option<Self> {
        serde_json::from_slice(&fs::read(store.endpoint()).ok()?).ok()
    }

    /// Keeps the record until [`Endpoint::forget`].
    pub(super) fn keep(&self, store: &StateStore) -> Result<(), StateError> {
        let path = store.endpoint();
        let write = || {
            let mut file = store.private_file()?;
            serde_json::to_writer(&mut file, self)?;
            // Not synced: what it is of does not outlive the machine.
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| StateError::Write { path: path.clone(), source })
    }

    /// Removes the record.
    pub(super) fn forget(store: &StateStore) {
        // One that stays only makes the next server listen at the same port.
        let _ = fs::remove_file(store.endpoint());
    }
}
