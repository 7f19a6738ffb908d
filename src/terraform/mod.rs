//! The seam to the `terraform` (or `tofu`) binary: a command as data, the process,
//! and everything that it prints, read.
//!
//! What others need: [`Terraform`] and [`TerraformBinary`] to run an [`Invocation`],
//! [`UiMessage`] for what it says on the way, [`Plan`] and [`Outputs`] for what it
//! prints as one document, and [`TerraformError`] for every way it can fail.

mod cause;
mod dependencies;
mod detect;
mod diagnostic;
mod error;
mod heard;
mod hidden;
mod invocation;
mod made;
mod managed;
mod outlived;
mod output;
mod process;
mod secret;
mod show;
mod state_file;
mod tail;
mod timing;
mod ui;
mod version;

pub use cause::{Cause, LockHolder};
pub use dependencies::dependencies;
pub use detect::{Detected, detect, find};
pub use diagnostic::{Diagnostic, Severity, Validation};
pub use error::{InFlight, TerraformError};
pub use hidden::Hidden;
pub use invocation::{Action, Invocation};
pub use made::{Made, MadeSoFar};
pub use managed::{Held, held, managed};
pub use outlived::{Outlived, group_of};
pub use output::{Output, Outputs};
pub use process::TerraformBinary;
pub use show::{Change, Mode, Plan, PlannedResource, PriorResource, ResourceChange};
pub use tail::replay;
pub use timing::{Timed, Timing};
pub use ui::UiMessage;
pub use version::{Product, Release, Version};

use async_trait::async_trait;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};
use tokio_util::sync::CancellationToken;

/// Runs Terraform commands. The real one spawns a process; a test's one replays.
#[async_trait]
pub trait Terraform: Send + Sync {
    /// Runs `call` to its end and hands over each line that it prints as it comes.
    ///
    /// When `stop` is cancelled, Terraform is interrupted exactly once and given
    /// time to save its state. When it ends well all the same, that is the answer.
    ///
    /// Dropping the future does not end the process: an apply that nobody watches
    /// any more still finishes and saves its state.
    ///
    /// # Errors
    ///
    /// [`TerraformError`] for everything short of exit 0, or of exit 2 from a plan,
    /// which says that there is something to change.
    async fn run(
        &self,
        call: &Invocation,
        log: &LogFiles,
        on: &mut (dyn FnMut(UiMessage) + Send),
        stop: &CancellationToken,
    ) -> Result<Finished, TerraformError>;

    /// Runs `call` to its end and returns what it printed, for the commands that
    /// print one document: see [`Action::prints_a_document`].
    ///
    /// The document may hold secrets in clear, so it is never left on the disk:
    /// `log.stdout` has no name any more by the time that Terraform starts.
    ///
    /// # Errors
    ///
    /// As for [`Terraform::run`]. A `validate` that finds errors is an answer.
    async fn read(
        &self,
        call: &Invocation,
        log: &LogFiles,
        stop: &CancellationToken,
    ) -> Result<Vec<u8>, TerraformError>;
}

/// How a command ended that ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Whether there is something to change. Known of a plan only.
    pub has_changes: Option<bool>,
}

/// Where one command's output goes. The files must not exist yet, and are made
/// with mode 0600: an older log is never written over, since the process that
/// writes it may still be at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFiles {
    /// What it says: JSON, a line a message.
    pub stdout: PathBuf,
    /// What it says beside that: plain text, mostly warnings and crashes.
    pub stderr: PathBuf,
}

impl LogFiles {
    /// Notes that the command which writes these files is interrupted: a second time would be one too
    /// many, also after the drctl that did it has died.
    fn note_interrupt(&self) {
        let noted = create_private(&self.interrupted());
        if let Err(error) = noted.map(drop) {
            tracing::warn!(%error, "it is not noted that Terraform was interrupted");
        }
    }

    /// Tells whether the command was interrupted.
    pub fn was_interrupted(&self) -> bool {
        self.interrupted().exists()
    }

    fn interrupted(&self) -> PathBuf {
        self.stdout.with_extension("interrupted")
    }

    /// Tells whether the command that writes these files still runs.
    ///
    /// Terraform holds a lock on its standard output, put there before it started,
    /// so this is true for a Terraform that has outlived the drctl which started it.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or asked.
    pub fn in_use(&self) -> io::Result<bool> {
        match File::open(&self.stdout)?.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Makes a file that only its owner can read and write, and that was not there.
fn create_private(path: &std::path::Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path)
}

/// Cuts a text to at most `max` characters and marks the cut.
fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
