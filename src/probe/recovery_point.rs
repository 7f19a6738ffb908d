//! How new the data is that can be restored: told by a program, a file or a value.

use super::{CommandTarget, Seen, Why, command, one_line};
use jiff::{SignedDuration, Timestamp};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::timeout;

/// How far the clock of whoever wrote a time may be ahead of ours.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(60);

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
    /// What was told is no time.
    #[error("`{told}` is not a time such as `2026-03-14T02:59:07Z`")]
    NotATime {
        /// The first line of it.
        told: String,
        /// What is wrong with it.
        #[source]
        source: jiff::Error,
    },
    /// The time is still to come, so it is not that of any data.
    #[error("{told} is still to come, so no data can be of that time")]
    StillToCome {
        /// The time.
        told: Timestamp,
    },
    /// The path is not absolute.
    #[error("`{}` is not an absolute path", path.display())]
    Relative {
        /// The path.
        path: PathBuf,
    },
    /// A folder without a file.
    #[error("there is no file in `{}`", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A file that cannot be looked at.
    #[error("failed to look at `{}`", path.display())]
    File {
        /// The file, or the folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl RecoveryPointError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> String {
        match self {
            Self::Failed { why: Why::NotFound, .. } => {
                "Check that the command is in the repository and executable"
            }
            Self::Failed { .. } => "Run the command by hand to see what it lacks",
            Self::Silent | Self::NotATime { .. } => {
                "Give an RFC 3339 time with an offset, `2026-03-14 02:59:07+00` or Unix seconds"
            }
            Self::StillToCome { .. } => "Compare the clocks, and see that the time has its offset",
            Self::Relative { .. } => {
                "Give an absolute path: a file of the repository has the time of its checkout"
            }
            Self::Empty { .. } | Self::File { .. } => {
                "See that the backups are there, and that this user may read the folder"
            }
        }
        .to_owned()
    }
}

/// Runs a program whose first line of output is the time of the newest data that can be restored.
///
/// # Errors
///
/// [`RecoveryPointError`] when there is no such line, or the program does not end
/// well within `limit`.
pub async fn recovery_point(
    command: &CommandTarget,
    limit: Duration,
) -> Result<Timestamp, RecoveryPointError> {
    let failed = |Seen { why, detail, .. }| RecoveryPointError::Failed { why, detail };
    let ended = timeout(limit, command.run(&[]))
        .await
        .map_err(|_| failed(Seen::timeout(limit)))?
        .map_err(|error| failed(command::not_run(&error)))?;
    let seen = command::seen(&ended);
    if seen.why != Why::Ok {
        return Err(failed(seen));
    }
    let text = String::from_utf8_lossy(&ended.stdout);
    let printed = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
    time_of_data(printed.ok_or(RecoveryPointError::Silent)?)
}

/// Reads the time of the newest data: RFC 3339, as SQL prints a time with its zone
/// (`2026-03-14 02:59:07+00`), or seconds since 1970.
///
/// # Errors
///
/// [`RecoveryPointError::NotATime`], also for a time without an offset, and
/// [`RecoveryPointError::StillToCome`].
pub fn time_of_data(told: &str) -> Result<Timestamp, RecoveryPointError> {
    let told = told.trim();
    let time = match told.parse::<f64>() {
        Ok(seconds) => {
            SignedDuration::try_from_secs_f64(seconds).and_then(Timestamp::from_duration)
        }
        Err(_) => told.parse(),
    };
    past(time.map_err(|source| RecoveryPointError::NotATime { told: one_line(told), source })?)
}

/// Returns the time of a file, or of the newest file below a folder.
///
/// # Errors
///
/// [`RecoveryPointError`] when there is none, or it cannot be looked at.
pub fn time_of_file(path: &Path) -> Result<Timestamp, RecoveryPointError> {
    if !path.is_absolute() {
        return Err(RecoveryPointError::Relative { path: path.to_owned() });
    }
    let (mut open, mut newest) = (vec![path.to_owned()], None);
    while let Some(path) = open.pop() {
        let file = |source| RecoveryPointError::File { path: path.clone(), source };
        let metadata = fs::metadata(&path).map_err(file)?;
        if metadata.is_dir() {
            for entry in fs::read_dir(&path).map_err(file)? {
                let entry = entry.map_err(file)?;
                // What a link leads to elsewhere is not in this folder.
                if !entry.file_type().map_err(file)?.is_symlink() {
                    open.push(entry.path());
                }
            }
        } else {
            newest = newest.max(Some(metadata.modified().map_err(file)?));
        }
    }
    let newest = newest.ok_or_else(|| RecoveryPointError::Empty { path: path.to_owned() })?;
    let time = Timestamp::try_from(newest);
    past(time.map_err(|source| RecoveryPointError::NotATime { told: "its time".into(), source })?)
}

fn past(time: Timestamp) -> Result<Timestamp, RecoveryPointError> {
    if time > Timestamp::now() + CLOCKS_DIFFER {
        return Err(RecoveryPointError::StillToCome { told: time });
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, FileTimes};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_read_as_standards_and_databases_write_it() {
        for told in [
            "2026-03-14T02:59:07Z",
            "2026-03-14T11:59:07+09:00",
            "2026-03-14 02:59:07+00",
            " 2026-03-14 02:59:07.000+00:00\n",
            "1773457147",
            "1773457147.0",
        ] {
            assert_eq!(time_of_data(told).unwrap(), at("2026-03-14T02:59:07Z"), "{told}");
        }
    }

    #[test]
    fn what_is_no_time_of_data_is_told() {
        for (told, why) in [
            ("2026-03-14 02:59:07", "is not a time"),
            ("yesterday", "is not a time"),
            ("NaN", "is not a time"),
            ("1e300", "is not a time"),
            ("2199-01-01T00:00:00Z", "is still to come"),
        ] {
            let error = time_of_data(told).unwrap_err();
            assert!(error.to_string().contains(why), "{told}: {error}");
        }
    }

    #[test]
    fn a_folder_has_the_time_of_its_newest_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, time: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let times = FileTimes::new().set_modified(at(time).into());
            File::create(&path).unwrap().set_times(times).unwrap();
            path
        };
        file("old.dump", "2026-01-01T00:00:00Z");
        let newest = file("deep/new.dump", "2026-03-14T02:59:07Z");
        assert_eq!(time_of_file(dir.path()).unwrap(), at("2026-03-14T02:59:07Z"));
        assert_eq!(time_of_file(&newest).unwrap(), at("2026-03-14T02:59:07Z"));
    }

    #[test]
    fn a_file_that_tells_nothing_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let said = |path: &Path| time_of_file(path).unwrap_err().to_string();
        assert!(said(dir.path()).starts_with("there is no file in"));
        assert!(said(&dir.path().join("gone")).starts_with("failed to look at"));
        assert_eq!(said(Path::new("backup/orders")), "`backup/orders` is not an absolute path");
    }
}
