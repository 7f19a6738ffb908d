//! Every way in which the history can fail, and what to do about it.

use super::import::BadLine;
use rusqlite::ErrorCode;
use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

/// What the system or SQLite said.
type Cause = Box<dyn Error + Send + Sync>;

/// Why the history cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened or made.
    #[error("failed to open the history `{}`", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: Cause,
    },
    /// A newer drctl wrote it.
    #[error("the history `{}` has form {found}, and this drctl knows forms up to {known}", path.display())]
    Newer {
        /// Where.
        path: PathBuf,
        /// Its form.
        found: i64,
        /// The newest form that is known.
        known: i64,
    },
    /// It is no database, or one that was damaged.
    #[error("the history `{}` is damaged", path.display())]
    Corrupt {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Cause,
    },
    /// What is kept of a run cannot be read.
    #[error("what the history `{}` keeps of the run {run} cannot be read", path.display())]
    Record {
        /// Where.
        path: PathBuf,
        /// Which run.
        run: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// There is no room on the disk.
    #[error("there is no room on the disk for the history `{}`", path.display())]
    Full {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// It cannot be written.
    #[error("the history `{}` cannot be written", path.display())]
    ReadOnly {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Cause,
    },
    /// Another drctl held it for too long.
    #[error("the history `{}` is in use by another drctl", path.display())]
    Busy {
        /// Where.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Cause,
    },
    /// Anything else.
    #[error("failed to use the history `{}`", path.display())]
    Use {
        /// Where.
        path: PathBuf,
        /// What went wrong.
        #[source]
        source: Cause,
    },
    /// Lines of an import cannot be used, so none was taken.
    #[error("nothing was imported: {} of {lines} line(s) cannot be used\n{}", bad.len(), shown(bad))]
    Lines {
        /// How many lines there are.
        lines: usize,
        /// Each that cannot be used, in order.
        bad: Vec<BadLine>,
    },
}

fn shown(bad: &[BadLine]) -> String {
    bad.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

impl StoreError {
    pub(super) fn from_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let (path, code) = (path.to_owned(), source.sqlite_error_code());
        // Its own chain says everything twice.
        let source = Cause::from(source.to_string());
        match code {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt { path, source }
            }
            Some(ErrorCode::DiskFull) => Self::Full { path, source },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::ReadOnly { path, source }
            }
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy { path, source }
            }
            Some(ErrorCode::CannotOpen) => Self::Open { path, source },
            _ => Self::Use { path, source },
        }
    }

    pub(super) fn from_io(path: &Path, source: io::Error) -> Self {
        let (path, kind) = (path.to_owned(), source.kind());
        let source = Cause::from(source);
        match kind {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Full { path, source }
            }
            _ => Self::Open { path, source },
        }
    }

    /// Returns true when the history is as it was and can be read, only not changed.
    pub fn is_unwritable(&self) -> bool {
        matches!(
            self,
            // SQLite cannot open the file that it notes its way back in.
            Self::ReadOnly { .. } | Self::Full { .. } | Self::Busy { .. } | Self::Open { .. }
        )
    }

    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Open { .. } | Self::Use { .. } => {
                "See that `DRCTL_HOME` is a folder of yours that can be read and written".to_owned()
            }
            Self::Newer { .. } => {
                "Use the newer drctl that wrote it: an older one would lose what it does not know"
                    .to_owned()
            }
            Self::Corrupt { path, .. } | Self::Record { path, .. } => format!(
                "Move it away with `mv {0} {0}.damaged`: the journals of the runs are the truth, and the next command makes it anew from them; runs whose folder was removed come back from an export with `drctl runs import`, and outages entered by hand must be entered again",
                path.display()
            ),
            Self::Full { .. } => "Make room on its disk, and do it again".to_owned(),
            Self::ReadOnly { path, .. } => format!(
                "Do it as the user who owns `{}`, on a disk that can be written",
                path.parent().unwrap_or(path).display()
            ),
            Self::Busy { .. } => "Do it again in a moment".to_owned(),
            Self::Lines { .. } => {
                "Mend or remove these lines, and import all of it again".to_owned()
            }
        })
    }
}
