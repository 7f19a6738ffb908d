//! Names that only one may have: who holds them, and until when.

use crate::sim::{fault::Fault, object::ObjectKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A name that no other object of the same type may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Among whom.
    pub scope: NameScope,
    /// The name.
    pub value: String,
}

/// Among whom a name must be unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameScope {
    /// All customers of the cloud, everywhere, as the name of an S3 bucket.
    Global,
    /// One account or project in all regions, as the name of an IAM role.
    Account,
    /// One account or project in one region, as the name of a load balancer.
    Region,
    /// What stands in another object, such as a resource group, given by its id.
    Within(String),
}

/// Who holds a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Hold {
    /// An object of this account.
    Object { account: String },
    /// Nobody, but it is not given out again before this time.
    Until(u64),
}

/// All names that are held.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Names {
    held: BTreeMap<String, Hold>,
}

impl Names {
    /// Says why `name` cannot be had at `at_ms`, if it cannot.
    pub(super) fn refusal(&self, key: &ObjectKey, name: &Name, at_ms: u64) -> Option<Fault> {
        match self.held.get(&slot(key, name))? {
            Hold::Object { account } => Some(Fault::NameTaken {
                name: name.value.clone(),
                scope: name.scope.clone(),
                ours: *account == key.account,
            }),
            Hold::Until(until_ms) if at_ms < *until_ms => {
                Some(Fault::NameQuarantined { name: name.value.clone(), until_ms: *until_ms })
            }
            Hold::Until(_) => None,
        }
    }

    /// Gives a name to an object.
    pub(super) fn take(&mut self, key: &ObjectKey, name: &Name) {
        self.held.insert(slot(key, name), Hold::Object { account: key.account.clone() });
    }

    /// Takes a name back; it can be had again from `free_at_ms`.
    pub(super) fn release(&mut self, key: &ObjectKey, name: &Name, free_at_ms: u64) {
        self.held.insert(slot(key, name), Hold::Until(free_at_ms));
    }
}

/// Where a name is written down. Parts are quoted, so that no two names share a slot.
fn slot(key: &ObjectKey, name: &Name) -> String {
    let ObjectKey { provider, account, place, kind, .. } = key;
    let region = place.region().unwrap_or_default();
    let value = &name.value;
    match &name.scope {
        NameScope::Global => format!("{provider:?} {kind:?} global {value:?}"),
        NameScope::Account => format!("{provider:?} {kind:?} account {account:?} {value:?}"),
        NameScope::Region => {
            format!("{provider:?} {kind:?} region {account:?} {region:?} {value:?}")
        }
        NameScope::Within(parent) => {
            format!("{provider:?} {kind:?} within {account:?} {parent:?} {value:?}")
        }
    }
}
