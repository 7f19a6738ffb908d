//! What can go wrong with kept state, and what Terraform is refused.

use super::{document::DocumentError, lock::LockRecord};
use std::{io, path::PathBuf};

/// Every way in which keeping state goes wrong.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It must not be done. Nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A stack's name cannot be the name of a folder.
    #[error("`{stack}` cannot name a folder of states")]
    Name {
        /// The stack's name.
        stack: String,
    },
    /// Another drctl serves the same folder.
    #[error("the states in `{}` are in use by another drctl", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
    },
    /// Something could not be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// What.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Something could not be written. What was there before is still there.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// What.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A kept version is not a state any more.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: DocumentError,
    },
    /// A lock's record cannot be understood.
    #[error("the lock `{}` is damaged", path.display())]
    DamagedLock {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The server could not be started.
    #[error("failed to serve the states on the loopback interface")]
    Listen {
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The operating system gave no random bytes for the password.
    #[error("failed to make a password for the states")]
    Random {
        /// Why not.
        #[source]
        source: getrandom::Error,
    },
    /// The work on a request ended without an answer: a bug in drctl.
    #[error("the work on a state ended without an answer")]
    Worker {
        /// How it ended.
        #[source]
        source: tokio::task::JoinError,
    },
}

impl StateError {
    /// Returns true when the disk, or the user's share of it, is full.
    pub fn is_full(&self) -> bool {
        let (Self::Write { source, .. } | Self::Read { source, .. }) = self else { return false };
        matches!(
            source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }

    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.hint(),
            Self::Name { .. } => Some(
                "Rename the stack; letters, digits, `-`, `_` and `.` are fine, a leading `.` is not"
                    .to_owned(),
            ),
            Self::InUse { .. } => {
                Some("Wait until the other run has ended, or interrupt it once".to_owned())
            }
            Self::Write { path, .. } if self.is_full() => {
                Some(format!("Make room on the disk: `df -h {}` shows it", path.display()))
            }
            Self::Read { path, .. } | Self::Write { path, .. } => {
                Some(format!("Check who may use it: `ls -ld {}`", path.display()))
            }
            Self::Damaged { path, .. } => Some(format!(
                "Move `{}` away to go back to the version before it",
                path.display()
            )),
            Self::DamagedLock { path, .. } => Some(format!(
                "Make sure that no Terraform of an earlier run is alive, then remove `{}`",
                path.display()
            )),
            Self::Listen { .. } => {
                Some("Check that 127.0.0.1 is up: `ip address show lo`".to_owned())
            }
            Self::Random { .. } | Self::Worker { .. } => None,
        }
    }
}

/// Why a request was refused. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// What it sent is not a state.
    #[error("what was sent is not a Terraform state")]
    NotAState {
        /// What is wrong with it.
        #[source]
        source: DocumentError,
    },
    /// The state has another history than the one that is kept.
    #[error("the state's lineage is `{sent}`, but `{kept}` is kept here")]
    Lineage {
        /// The lineage that was sent.
        sent: String,
        /// The lineage that is kept.
        kept: String,
    },
    /// The state is older than the one that is kept.
    #[error("the state's serial is {sent}, but {kept} is kept already")]
    SerialFell {
        /// The serial that was sent.
        sent: u64,
        /// The serial that is kept.
        kept: u64,
    },
    /// Another state of the same serial is kept.
    #[error("another state of serial {serial} is kept already")]
    SerialTaken {
        /// The serial.
        serial: u64,
    },
    /// Somebody else holds the lock.
    #[error(
        "the state is locked by {}, which took the lock `{}` in run {} for {}",
        holder.info.who, holder.info.id, holder.run, holder.info.operation
    )]
    Locked {
        /// Who.
        holder: Box<LockRecord>,
    },
    /// The lock that was named is not held any more: somebody broke it.
    #[error("the lock `{id}` is not held any more")]
    LockLost {
        /// The lock's name.
        id: String,
    },
    /// The body is not what its digest says.
    #[error("the body does not match its Content-MD5")]
    Digest,
    /// The body is longer than the server takes.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The longest that is taken, in bytes.
        limit: u64,
    },
    /// The body could not be read to its end.
    #[error("the body broke off")]
    BrokeOff,
    /// The lock's own description cannot be understood.
    #[error("what was sent does not describe a lock")]
    NotALock {
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl Refusal {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Locked { holder } => Some(format!(
                "Make sure that no Terraform of run {} is alive before its lock is broken",
                holder.run
            )),
            Self::Lineage { .. } | Self::SerialFell { .. } | Self::SerialTaken { .. } => {
                Some("Compare the versions that are kept before anything is pushed".to_owned())
            }
            Self::LockLost { .. } => Some(
                "Find out who broke the lock, and plan again before anything is applied".to_owned(),
            ),
            Self::NotAState { .. }
            | Self::Digest
            | Self::TooLong { .. }
            | Self::BrokeOff
            | Self::NotALock { .. } => None,
        }
    }
}
