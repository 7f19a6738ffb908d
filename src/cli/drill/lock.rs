//! One drill at a time of a service into a region: a lock that ends with its process.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
    },
    model::run::RunId,
};
use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    process,
};

/// A lock that is held. The system gives it back however its process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The drill, or the one that is swept.
    pub(crate) run: RunId,
    /// The process.
    pub(crate) pid: u32,
}

impl Lock {
    /// Takes the lock of drills of `service` into `region` for `run`.
    ///
    /// The inner error is who holds it, as far as that can be read.
    ///
    /// # Errors
    ///
    /// The lock cannot be made.
    pub(crate) fn take(
        home: &Home,
        service: &str,
        region: &str,
        run: &RunId,
    ) -> Result<Result<Self, Option<Holder>>, CliError> {
        let path = path(home, service, region);
        let cannot = || format!("failed to take the lock `{}`", path.display());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(home.locks())
            .with_context(cannot)
            .or_exit(Exit::Failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(cannot)
            .or_exit(Exit::Failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.read_to_string(&mut text).ok();
                return Ok(Err(read.and_then(|_| serde_json::from_str(&text).ok())));
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(cannot).or_exit(Exit::Failed);
            }
        }
        let holder = Holder { run: run.clone(), pid: process::id() };
        let mut write = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", serde_json::to_string(&holder)?)
        };
        write().with_context(cannot).or_exit(Exit::Failed)?;
        Ok(Ok(Self { _file: file }))
    }
}

/// Two that share a file by the letters that are left out would only wait for each other.
fn path(home: &Home, service: &str, region: &str) -> PathBuf {
    let plain = |text: &str| -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        text.chars().map(|c| if fits(c) { c } else { '_' }).collect()
    };
    home.locks().join(format!("drill-{}@{}.lock", plain(service), plain(region)))
}

/// Says that another drill has the lock.
pub(super) fn taken(service: &str, region: &str, holder: Option<&Holder>) -> CliError {
    let who = holder.map_or_else(
        || "another process".to_owned(),
        |Holder { run, pid }| format!("the drill {run}, process {pid}"),
    );
    let error = anyhow!(
        "a drill of `{service}` into {region} is on already: {who}; two at once would take each other's names"
    );
    CliError::new(Exit::Refused, error)
        .hint("Wait for its end; the lock ends with its process, so that none is left behind")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn one_at_a_time_for_a_service_and_a_region() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().to_owned());
        let run = |salt| RunId::new(Timestamp::UNIX_EPOCH, salt);
        let take = |service: &str, region: &str, salt| {
            Lock::take(&home, service, region, &run(salt)).unwrap()
        };
        let held = take("shop", "eu-west-1", 1).unwrap();
        let holder = take("shop", "eu-west-1", 2).unwrap_err().unwrap();
        assert_eq!(holder, Holder { run: run(1), pid: process::id() });
        assert!(take("shop", "eu-west-2", 3).is_ok());
        assert!(take("../shop", "eu-west-1", 4).is_ok(), "a name never leads out of the folder");
        drop(held);
        assert!(take("shop", "eu-west-1", 2).is_ok());
    }
}
