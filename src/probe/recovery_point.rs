//! A program that knows how new the data is that can be restored.

use super::{CommandTarget, Seen, Why, one_line};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::timeout;

/// Why the age of the data could not be learnt.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryPointError {
    /// The program did not end well.
    #[error("the command gave no recovery point ({why}: {detail})")]
    Failed {
        /// The one word for it; never [`Why::Ok`].
        why: Why,
        /// What was seen, in one line.
        detail: String,
    },
    /// The program ended well and printed nothing.
    #[error("the command printed nothing")]
    Silent,
    /// What it printed first is no time.
    #[error("`{printed}` is not a time such as `2026-03-14T02:59:07Z`")]
    NotATime {
        /// Its first line.
        printed: String,
        /// What is wrong with it.
        #[source]
        source: jiff::Error,
    },
}

impl RecoveryPointError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Failed { why: Why::NotFound, .. } => {
                Some("Check that the command is in the repository and executable".to_owned())
            }
            Self::Failed { .. } => Some("Run the command by hand to see what it lacks".to_owned()),
            Self::Silent | Self::NotATime { .. } => Some(
                "Make the command print an RFC 3339 time with an offset as its first line"
                    .to_owned(),
            ),
        }
    }
}

/// Runs a program whose first line of output is an RFC 3339 time, that of the
/// newest data that can be restored.
///
/// # Errors
///
/// [`RecoveryPointError`] when there is no such line, or the program does not end
/// well within `limit`.
pub async fn recovery_point(
    command: &CommandTarget,
    limit: Duration,
) -> Result<Timestamp, RecoveryPointError> {
    let failed = |Seen { why, detail }| RecoveryPointError::Failed { why, detail };
    let ended = timeout(limit, command.run())
        .await
        .map_err(|_| failed(Seen::timeout(limit)))?
        .map_err(failed)?;
    let seen = ended.seen();
    if seen.why != Why::Ok {
        return Err(failed(seen));
    }
    let text = String::from_utf8_lossy(&ended.stdout);
    let printed = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
    let printed = printed.ok_or(RecoveryPointError::Silent)?;
    printed
        .parse()
        .map_err(|source| RecoveryPointError::NotATime { printed: one_line(printed), source })
}
