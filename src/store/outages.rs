//! Outages that were entered by hand.

use super::{Store, StoreError};
use crate::model::outage::{EnteredOutage, Interval};
use jiff::Timestamp;
use rusqlite::{named_params, types::Type};

impl Store {
    /// Keeps an outage; returns false when it is there already, with whatever note.
    ///
    /// Times are kept in milliseconds.
    ///
    /// # Errors
    ///
    /// The history cannot be written.
    pub fn add_outage(&mut self, outage: &EnteredOutage) -> Result<bool, StoreError> {
        const SQL: &str = "INSERT INTO outages (service, began_at, ended_at, note)
            VALUES (:service, :began_at, :ended_at, :note) ON CONFLICT DO NOTHING";
        let entered = named_params! {
            ":service": outage.service,
            ":began_at": outage.interval.began_at.as_millisecond(),
            ":ended_at": outage.interval.ended_at.as_millisecond(),
            ":note": outage.note,
        };
        let added = self.connection.execute(SQL, entered);
        added.map(|rows| rows > 0).map_err(|source| self.failed(source))
    }

    /// Forgets an outage, whatever its note; returns false when it is not there.
    ///
    /// # Errors
    ///
    /// The history cannot be written.
    pub fn remove_outage(&mut self, service: &str, interval: Interval) -> Result<bool, StoreError> {
        const SQL: &str = "DELETE FROM outages
            WHERE service = :service AND began_at = :began_at AND ended_at = :ended_at";
        let removed = self.connection.execute(
            SQL,
            named_params! {
                ":service": service,
                ":began_at": interval.began_at.as_millisecond(),
                ":ended_at": interval.ended_at.as_millisecond(),
            },
        );
        removed.map(|rows| rows > 0).map_err(|source| self.failed(source))
    }

    /// Returns the outages of `service`, or of all, in the order of their beginnings.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    pub fn outages(&self, service: Option<&str>) -> Result<Vec<EnteredOutage>, StoreError> {
        const SQL: &str = "SELECT service, began_at, ended_at, note FROM outages
            WHERE :service IS NULL OR service = :service ORDER BY began_at, ended_at";
        self.rows(SQL, named_params! {":service": service}, |row| {
            let time = |at: usize| {
                Timestamp::from_millisecond(row.get(at)?).map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(at, Type::Integer, error.into())
                })
            };
            Ok(EnteredOutage {
                service: row.get(0)?,
                interval: Interval { began_at: time(1)?, ended_at: time(2)? },
                note: row.get(3)?,
            })
        })
    }
}
