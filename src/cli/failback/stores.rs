//! Where data was written while the fallback served, which has to get home.

use crate::{engine::Found, lint::stores::STORES, runbook::Runbook};
use std::collections::BTreeSet;

/// Types of other clouds that keep data in one region, by name.
const OTHERS: &[&str] = &[
    "azurerm_cosmosdb_account",
    "azurerm_mssql_database",
    "azurerm_mysql_flexible_server",
    "azurerm_postgresql_flexible_server",
    "azurerm_storage_account",
    "google_bigtable_instance",
    "google_filestore_instance",
    "google_firestore_database",
    "google_redis_instance",
    "google_spanner_instance",
    "google_sql_database_instance",
    "google_storage_bucket",
];

/// Returns what keeps data in the fallback, in words: types of resources that its states hold, and the
/// stores whose recovery point the runbook asks.
pub(super) fn of(found: &Found, runbook: &Runbook) -> Vec<String> {
    let is_store = |kind: &&String| {
        STORES.iter().any(|store| store.kind == kind.as_str()) || OTHERS.contains(&kind.as_str())
    };
    let kinds: BTreeSet<&String> = found.kinds.values().flatten().filter(is_store).collect();
    let points = runbook.recovery_points.iter().map(|point| &point.store);
    kinds.into_iter().chain(points).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_in_order() {
        assert!(OTHERS.is_sorted());
    }
}
