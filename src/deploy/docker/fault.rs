//! Why a container does not get up.

use std::fmt;

/// Why a container does not get up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It ended.
    Ended {
        /// Its exit code.
        code: i64,
        /// True when it used more memory than it may.
        memory: bool,
        /// What the engine says, which is empty where it has nothing to say.
        why: String,
    },
    /// It ends each time that it is started.
    Loops {
        /// How often it was started again.
        times: u64,
        /// Its last exit code.
        code: i64,
    },
    /// Its health check failed as often as it may.
    Unhealthy {
        /// What the check said last, in one line.
        said: String,
    },
    /// It is gone.
    Gone,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { code, memory, why } => {
                write!(f, "ended with exit code {code}")?;
                if *memory {
                    f.write_str(", since it used more memory than it may")?;
                }
                if why.is_empty() { Ok(()) } else { write!(f, ": {why}") }
            }
            Self::Loops { times, code } => {
                write!(
                    f,
                    "was started again {times} times, and ended with exit code {code} each time"
                )
            }
            Self::Unhealthy { said } if said.is_empty() => {
                f.write_str("is unhealthy: its health check says nothing")
            }
            Self::Unhealthy { said } => write!(f, "is unhealthy: {said}"),
            Self::Gone => f.write_str("is gone"),
        }
    }
}
