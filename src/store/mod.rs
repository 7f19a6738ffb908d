//! Runs kept over time: an embedded database of what every run came to.
//!
//! The journals of the runs are the truth, and this is what was folded out of
//! them: it can be made anew from journals, and outlives their folders. One file
//! of SQLite, which several drctl may use at once. It keeps SQLite's rollback
//! journal and not its write-ahead log: a write is rare and takes milliseconds,
//! and a home that cannot be written can still be read.

mod error;
mod import;
mod outages;
mod schema;

pub use error::StoreError;
pub use import::{BadLine, Imported, Line, read_lines};

use crate::model::{
    record::RunRecord,
    run::{RunId, RunKind},
    verdict::Summary,
};
use rusqlite::{Connection, OpenFlags, Row, TransactionBehavior, named_params};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The name of the file in drctl's folder.
pub const FILE_NAME: &str = "history.db";

/// How long one drctl waits for another that writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// The history of runs.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
}

/// A run that is there, without what it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// False when the end of the run was not seen.
    pub finished: bool,
    /// How long its journal was when it was read, in bytes; `None` when it was imported.
    pub journal_bytes: Option<u64>,
}

/// A run that is to be kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The run.
    pub record: RunRecord,
    /// How long its journal was, in bytes.
    pub journal_bytes: u64,
}

/// Which runs are asked for; all when it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only of this service.
    pub service: Option<String>,
    /// Only of this kind.
    pub kind: Option<RunKind>,
    /// Only into this region.
    pub region: Option<String>,
    /// True for runs on a real cloud only.
    pub real: bool,
    /// Only those that began before this one.
    pub before: Option<RunId>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
}

impl Store {
    /// Opens the history at `path`, makes it (0600, in a folder of 0700) when it is not there, and
    /// brings it up to date when an older drctl made it.
    ///
    /// Where it cannot be written it is opened all the same, and only what changes it fails.
    ///
    /// # Errors
    ///
    /// It cannot be made or read, is damaged, or was written by a newer drctl.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            create(path).map_err(|source| StoreError::from_io(path, source))?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|source| StoreError::from_sqlite(path, source))?;
        Self::set_up(path.to_owned(), connection)
    }

    /// Makes a history that is gone with this process.
    ///
    /// # Errors
    ///
    /// When there is no memory for it.
    pub fn in_memory() -> Result<Self, StoreError> {
        let path = PathBuf::from(":memory:");
        let connection =
            Connection::open_in_memory().map_err(|e| StoreError::from_sqlite(&path, e))?;
        Self::set_up(path, connection)
    }

    /// Copies all that is kept into memory, for a history that cannot be written.
    ///
    /// # Errors
    ///
    /// When this one cannot be read.
    pub fn copy_in_memory(&self) -> Result<Self, StoreError> {
        let mut copy = Self::in_memory()?;
        let known = self.known()?;
        copy.within(|connection| {
            for (record, text) in self.lines(&Query::default())? {
                let taken = known.get(&record.run);
                put(connection, &record, &text, taken.and_then(|t| t.journal_bytes))
                    .map_err(|e| self.failed(e))?;
            }
            Ok(())
        })?;
        for outage in self.outages(None)? {
            copy.add_outage(&outage)?;
        }
        Ok(copy)
    }

    fn set_up(path: PathBuf, mut connection: Connection) -> Result<Self, StoreError> {
        let set_up = connection
            .busy_timeout(PATIENCE)
            .map_err(|source| StoreError::from_sqlite(&path, source))
            .and_then(|()| schema::migrate(&path, &mut connection));
        set_up.map(|()| Self { path, connection })
    }

    /// Returns every run that is there, the oldest first.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    pub fn known(&self) -> Result<BTreeMap<RunId, Taken>, StoreError> {
        let rows = self.rows("SELECT run, finished, journal_bytes FROM runs", &[], |row| {
            let bytes: Option<i64> = row.get(2)?;
            let journal_bytes = bytes.and_then(|bytes| bytes.try_into().ok());
            let taken = Taken { finished: row.get(1)?, journal_bytes };
            Ok((row.get::<_, String>(0)?, taken))
        })?;
        Ok(rows.into_iter().filter_map(|(run, taken)| Some((run.parse().ok()?, taken))).collect())
    }

    /// Keeps `runs`, all or none. One that is there is replaced, but a finished one never by one
    /// that is not.
    ///
    /// # Errors
    ///
    /// The history cannot be written.
    pub fn add(&mut self, runs: &[Folded]) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.within(|connection| {
            for run in runs {
                let text = to_text(&path, &run.record)?;
                put(connection, &run.record, &text, Some(run.journal_bytes))
                    .map_err(|source| StoreError::from_sqlite(&path, source))?;
            }
            Ok(())
        })
    }

    /// Returns a run by its whole name.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    pub fn get(&self, run: &RunId) -> Result<Option<RunRecord>, StoreError> {
        let sql = "SELECT run, record FROM runs WHERE run = :run";
        let rows = self.rows(sql, named_params! {":run": run.as_str()}, text_of)?;
        rows.first().map(|(run, text)| self.parsed(run, text)).transpose()
    }

    /// Returns the runs that `query` asks for, the newest first.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    pub fn query(&self, query: &Query) -> Result<Vec<RunRecord>, StoreError> {
        Ok(self.lines(query)?.into_iter().map(|(record, _)| record).collect())
    }

    /// Returns the same runs, each with the JSON that is kept of it, on one line: also the keys
    /// that this drctl does not know.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    pub fn lines(&self, query: &Query) -> Result<Vec<(RunRecord, String)>, StoreError> {
        const SQL: &str = "SELECT run, record FROM runs
            WHERE (:service IS NULL OR service = :service)
              AND (:kind IS NULL OR kind = :kind)
              AND (:region IS NULL OR region = :region)
              AND (NOT :real OR time_scale IS NULL)
              AND (:before IS NULL OR run < :before)
            ORDER BY run DESC LIMIT :limit";
        // Below zero is without a limit.
        let limit = query.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let asked = named_params! {
            ":service": query.service,
            ":kind": query.kind.map(RunKind::word),
            ":region": query.region,
            ":real": query.real,
            ":before": query.before.as_ref().map(RunId::as_str),
            ":limit": limit,
        };
        let rows = self.rows(SQL, asked, text_of)?;
        rows.into_iter().map(|(run, text)| Ok((self.parsed(&run, &text)?, text))).collect()
    }

    /// Returns the services of all runs, by name.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    pub fn services(&self) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT service FROM runs WHERE service IS NOT NULL
            UNION SELECT service FROM outages ORDER BY 1";
        self.rows(sql, &[], |row| row.get(0))
    }

    fn parsed(&self, run: &str, text: &str) -> Result<RunRecord, StoreError> {
        serde_json::from_str(text).map_err(|source| StoreError::Record {
            path: self.path.clone(),
            run: run.to_owned(),
            source,
        })
    }

    fn rows<T>(
        &self,
        sql: &str,
        asked: &[(&str, &dyn rusqlite::ToSql)],
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = || -> rusqlite::Result<Vec<T>> {
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map(asked, read)?.collect()
        };
        rows().map_err(|source| self.failed(source))
    }

    /// Does all of `work` or nothing, and lets no other drctl write meanwhile.
    fn within<T>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = &self.path;
        let failed = |source| StoreError::from_sqlite(path, source);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let done = work(&transaction)?;
        transaction.commit().map_err(failed)?;
        Ok(done)
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&self.path, source)
    }
}

fn text_of(row: &Row<'_>) -> rusqlite::Result<(String, String)> {
    Ok((row.get(0)?, row.get(1)?))
}

fn to_text(path: &Path, record: &RunRecord) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|source| StoreError::Record {
        path: path.to_owned(),
        run: record.run.to_string(),
        source,
    })
}

/// Makes the file before SQLite does, which would let others read it.
fn create(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        // Another drctl was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Writes a run with the JSON that is kept of it; returns true when that changed anything.
fn put(
    connection: &Connection,
    record: &RunRecord,
    text: &str,
    journal_bytes: Option<u64>,
) -> rusqlite::Result<bool> {
    const SQL: &str = "INSERT INTO runs (run, kind, service, region, began_at, summary, finished,
            recovery_time_ms, time_scale, journal_bytes, record)
        VALUES (:run, :kind, :service, :region, :began_at, :summary, :finished,
            :recovery_time_ms, :time_scale, :journal_bytes, :record)
        ON CONFLICT (run) DO UPDATE SET kind = excluded.kind, service = excluded.service,
            region = excluded.region, began_at = excluded.began_at, summary = excluded.summary,
            finished = excluded.finished, recovery_time_ms = excluded.recovery_time_ms,
            time_scale = excluded.time_scale, journal_bytes = excluded.journal_bytes,
            record = excluded.record
        WHERE excluded.finished >= finished";
    // What SQLite cannot count is an age of the universe, and only a column to look by.
    let counted = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let written = connection.prepare_cached(SQL)?.execute(named_params! {
        ":run": record.run.as_str(),
        ":kind": record.kind.word(),
        ":service": record.service,
        ":region": record.region,
        ":began_at": record.began_at.as_millisecond(),
        ":summary": record.summary.word(),
        ":finished": record.summary != Summary::Unfinished,
        ":recovery_time_ms": record.recovery_time_ms.map(counted),
        ":time_scale": record.time_scale,
        ":journal_bytes": journal_bytes.map(counted),
        ":record": text,
    })?;
    Ok(written > 0)
}

#[cfg(test)]
mod tests;
