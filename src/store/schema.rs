//! The form of the database, and how an older one is brought up to date.

use super::StoreError;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// What brings a database from each version to the next one; the first makes it from nothing.
///
/// Steps are added, never changed: `PRAGMA user_version` counts those that were done.
const STEPS: &[&str] = &["
CREATE TABLE runs (
    run              TEXT PRIMARY KEY,
    kind             TEXT NOT NULL,
    service          TEXT,
    region           TEXT NOT NULL,
    began_at         INTEGER NOT NULL, -- milliseconds since 1970 in UTC
    summary          TEXT NOT NULL,
    finished         INTEGER NOT NULL,
    recovery_time_ms INTEGER,
    time_scale       INTEGER,
    journal_bytes    INTEGER,
    record           TEXT NOT NULL     -- the whole of it, as JSON
) STRICT;
CREATE INDEX runs_taken ON runs (run, finished, journal_bytes);
CREATE INDEX runs_asked ON runs (service, kind, region, run);
CREATE TABLE outages (
    id       INTEGER PRIMARY KEY,
    service  TEXT NOT NULL,
    began_at INTEGER NOT NULL,         -- milliseconds since 1970 in UTC
    ended_at INTEGER NOT NULL,
    note     TEXT,
    UNIQUE (service, began_at, ended_at)
) STRICT;
"];

/// Returns the version that this drctl makes.
fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Brings the database up to date; two drctl may do so at once.
pub(super) fn migrate(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = |source| StoreError::from_sqlite(path, source);
    // One look without a lock is all that it costs in the common case.
    if missing(path, connection)?.is_empty() {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    for step in missing(path, &transaction)? {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", newest()).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Returns the steps that were not done yet.
fn missing(path: &Path, connection: &Connection) -> Result<&'static [&'static str], StoreError> {
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|source| StoreError::from_sqlite(path, source))?;
    usize::try_from(found)
        .ok()
        .and_then(|done| STEPS.get(done..))
        .ok_or_else(|| StoreError::Newer { path: path.to_owned(), found, known: newest() })
}
