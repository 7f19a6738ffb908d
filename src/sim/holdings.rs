//! All objects, and the counts over them that every call needs.

use crate::sim::{
    call::Call,
    object::{Health, Object, ObjectKey},
    scenario::On,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// All objects, by key.
///
/// Written down as the list of objects; the rest is counted again when it is read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Object>", into = "Vec<Object>")]
pub(super) struct Holdings {
    all: BTreeMap<ObjectKey, Object>,
    /// How many live objects of each type there are, by account, region and type.
    live: BTreeMap<(String, String, String), u64>,
    /// The live members of each group.
    members: BTreeMap<ObjectKey, BTreeSet<ObjectKey>>,
}

/// Which objects to list. What is not set does not narrow the list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Those in this region or zone.
    pub region: Option<String>,
    /// Those of this type; `aws_db_*` stands for all types that begin like that.
    pub kind: Option<String>,
    /// Those that are like this.
    pub health: Option<Health>,
    /// Those of this account.
    pub account: Option<String>,
}

impl Filter {
    /// Returns true when `object` is among those to list.
    pub fn takes(&self, object: &Object) -> bool {
        let key = &object.key;
        self.region.as_ref().is_none_or(|region| key.place.is_in(region))
            && self.kind.as_ref().is_none_or(|kind| is_like(&key.kind, kind))
            && self.health.is_none_or(|health| object.health == health)
            && self.account.as_ref().is_none_or(|account| key.account == *account)
    }
}

/// Returns true when a type is `pattern`, or begins like a pattern that ends in `*`.
pub(super) fn is_like(kind: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => kind == pattern,
    }
}

impl Holdings {
    /// Puts an object in, in place of one with the same key.
    pub(super) fn insert(&mut self, object: Object) {
        let key = object.key.clone();
        self.remove(&key);
        self.all.insert(key.clone(), object);
        self.count(&key);
    }

    /// Takes an object out.
    pub(super) fn remove(&mut self, key: &ObjectKey) -> Option<Object> {
        self.discount(key);
        self.all.remove(key)
    }

    /// Changes an object where it stands.
    pub(super) fn change<T>(
        &mut self,
        key: &ObjectKey,
        change: impl FnOnce(&mut Object) -> T,
    ) -> Option<T> {
        self.discount(key);
        let answer = self.all.get_mut(key).map(change);
        self.count(key);
        answer
    }

    /// Returns an object.
    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.all.get(key)
    }

    /// Returns every object, in the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.all.values()
    }

    /// Returns the live members of a group.
    pub(super) fn members(&self, group: &ObjectKey) -> Vec<ObjectKey> {
        self.members.get(group).into_iter().flatten().cloned().collect()
    }

    /// Returns how many live members a group has.
    pub(super) fn member_count(&self, group: &ObjectKey) -> usize {
        self.members.get(group).map_or(0, BTreeSet::len)
    }

    /// Returns how many live objects count against the same quota as the one that `call` is to make.
    pub(super) fn live_like(&self, call: &Call, on: &On) -> u64 {
        let region = call.place.region().unwrap_or_default();
        let from = (call.account.clone(), region.to_owned(), String::new());
        self.live
            .range(from..)
            .take_while(|((account, r, _), _)| *account == call.account && r == region)
            .filter(|((_, _, kind), _)| on.takes_kind(kind))
            .map(|(_, count)| count)
            .sum()
    }

    fn count(&mut self, key: &ObjectKey) {
        let Some(object) = self.all.get(key).filter(|object| object.is_live()) else { return };
        *self.live.entry(bucket(key)).or_default() += 1;
        if let Some(group) = object.group_key() {
            self.members.entry(group).or_default().insert(key.clone());
        }
    }

    fn discount(&mut self, key: &ObjectKey) {
        let Some(object) = self.all.get(key).filter(|object| object.is_live()) else { return };
        if let Some(live) = self.live.get_mut(&bucket(key)) {
            *live -= 1;
        }
        let Some(group) = object.group_key() else { return };
        if let Some(members) = self.members.get_mut(&group) {
            members.remove(key);
            if members.is_empty() {
                self.members.remove(&group);
            }
        }
    }
}

fn bucket(key: &ObjectKey) -> (String, String, String) {
    let region = key.place.region().unwrap_or_default();
    (key.account.clone(), region.to_owned(), key.kind.clone())
}

impl From<Vec<Object>> for Holdings {
    fn from(objects: Vec<Object>) -> Self {
        let mut holdings = Self::default();
        for object in objects {
            holdings.insert(object);
        }
        holdings
    }
}

impl From<Holdings> for Vec<Object> {
    fn from(holdings: Holdings) -> Self {
        holdings.all.into_values().collect()
    }
}
