//! From which region into which a root module is looked at, and what its variables are in each.

use super::{
    mention::Kind,
    slot::{Holder, Slot},
};
use crate::{
    catalogue::{Cloud, Region, Regions, names},
    config::{
        eval::Value,
        expression::Expr,
        module::{Module, Variable},
    },
};
use std::{collections::BTreeMap, sync::Arc};

/// The two regions that a root module is looked at for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// The region that serves; one that stands in where nothing names one.
    pub(crate) primary: String,
    /// Whether the primary is one that the code or the user names.
    pub(crate) primary_is_named: bool,
    /// The region that is rebuilt into; another one of the same cloud where nobody named one.
    pub(crate) fallback: String,
    /// Whether the fallback is one that the runbook or the user names.
    pub(crate) fallback_is_named: bool,
}

impl Pair {
    /// Chooses the regions: those that are `asked` for, and else what the root itself names.
    pub(crate) fn choose(primary: Option<&str>, fallback: Option<&str>, own: Option<&str>) -> Self {
        let named = primary.or(own);
        let primary = named.map_or_else(
            || stand_in(fallback.and_then(|name| Regions::known().find(name)), &["us-east-1"]),
            str::to_owned,
        );
        let region = Regions::known().find(&primary);
        Self {
            primary_is_named: named.is_some(),
            fallback_is_named: fallback.is_some(),
            fallback: fallback
                .map_or_else(|| stand_in(region, &["us-west-2", "us-east-2"]), str::to_owned),
            primary,
        }
    }

    /// Whether the pair says anything about how things are named: then it leads somewhere else.
    pub(crate) fn differs(&self) -> bool {
        self.primary != self.fallback
    }

    /// Returns what a value becomes in the fallback where it names the primary or a zone of it.
    pub(crate) fn carried(&self, value: &Value) -> Value {
        match value {
            Value::String(text) if names::same_region(text, &self.primary) => {
                Value::String(Arc::from(self.fallback.as_str()))
            }
            Value::String(text) if names::zone_of(text, &self.primary) => {
                self.zone(text).map_or_else(|| value.clone(), |zone| Value::String(zone.into()))
            }
            Value::List(items) => {
                Value::List(items.iter().map(|item| self.carried(item)).collect())
            }
            Value::Set(items) => Value::Set(items.iter().map(|item| self.carried(item)).collect()),
            Value::Map(entries) => Value::Map(Arc::new(
                entries.iter().map(|(key, value)| (key.clone(), self.carried(value))).collect(),
            )),
            other => other.clone(),
        }
    }

    /// Returns the zone that stands for one of the primary, by name or by id.
    fn zone(&self, zone: &str) -> Option<String> {
        let regions = Regions::known();
        let (from, to) = (regions.find(&self.primary)?, regions.find(&self.fallback)?);
        let carry = |from: Vec<String>, to: Vec<String>| {
            let at = from.iter().position(|known| known == zone)?;
            to.get(at).cloned()
        };
        carry(from.zones.clone()?, to.zones.clone()?)
            .or_else(|| carry(from.zone_ids()?, to.zone_ids()?))
    }
}

/// Returns a region of the same cloud and partition as `beside`, the preferred ones first.
fn stand_in(beside: Option<&Region>, preferred: &[&str]) -> String {
    let regions = Regions::known();
    let fits = |region: &&Region| match beside {
        Some(beside) => {
            region.cloud == beside.cloud
                && region.partition == beside.partition
                && region.name != beside.name
        }
        None => region.cloud == Cloud::Aws,
    };
    let preferred = preferred.iter().filter_map(|name| regions.find(name));
    let all = regions.names().filter_map(|name| regions.find(name));
    preferred.chain(all).find(fits).map_or_else(|| "us-east-1".to_owned(), |r| r.name.clone())
}

/// Returns the region that most of a root's arguments name whole.
///
/// A provider configuration with an alias is there for what lies elsewhere, and counts for nothing.
pub(crate) fn most_named(slots: &[&Slot<'_>]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let aliased = |slot: &Slot<'_>| matches!(slot.holder, Holder::Provider(p) if p.alias.is_some());
    let mentions = slots.iter().filter(|slot| !aliased(slot)).flat_map(|slot| slot.mentions());
    for (_, mention) in mentions.filter(|(written, _)| !written.compared && !written.is_key) {
        if let Kind::Region(region) = mention.kind {
            *counts.entry(&region.name).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(name, _)| name.to_owned())
}

/// Words in the name of a variable that is not for the region in which the stack lies.
const ELSEWHERE: [&str; 14] = [
    "backup",
    "destination",
    "dr",
    "failover",
    "fallback",
    "passive",
    "peer",
    "remote",
    "replica",
    "replication",
    "second",
    "secondary",
    "standby",
    "target",
];

/// Whether a variable is meant to hold the region that the stack lies in, by its name.
pub(crate) fn is_for_a_region(variable: &Variable) -> bool {
    let name = variable.name.to_lowercase();
    let mut words = name.rsplit('_');
    words.next().is_some_and(|last| ["region", "location"].contains(&last))
        && !words.any(|word| ELSEWHERE.contains(&word))
}

/// Whether somebody has to set a variable: it has no default, or one that says nothing.
pub(crate) fn is_open(variable: &Variable) -> bool {
    let says_nothing = |default: &Expr| {
        default.literal().is_some_and(|value| value.is_null() || value.as_str() == Some(""))
    };
    variable.default.as_ref().is_none_or(says_nothing)
}

/// The values of a root's variables in either region.
pub(crate) struct Variables {
    /// In the primary.
    pub(crate) primary: BTreeMap<String, Value>,
    /// In the fallback: what is given there, and what names the primary carried over.
    pub(crate) fallback: BTreeMap<String, Value>,
}

/// Returns the variables of a root: `base` is set in both regions, `there` in the fallback only.
pub(crate) fn variables(
    root: &Module,
    pair: &Pair,
    base: &BTreeMap<String, Value>,
    there: &BTreeMap<String, Value>,
) -> Variables {
    let mut primary = base.clone();
    for variable in &root.variables {
        if is_open(variable) && is_for_a_region(variable) {
            let region = || Value::String(Arc::from(pair.primary.as_str()));
            primary.entry(variable.name.clone()).or_insert_with(region);
        }
    }
    let mut fallback: BTreeMap<String, Value> = BTreeMap::new();
    for variable in &root.variables {
        let default = || variable.default.as_ref()?.literal().map(|value| Value::from_json(&value));
        let Some(value) = primary.get(&variable.name).cloned().or_else(default) else { continue };
        let carried = pair.carried(&value);
        if carried != value || primary.contains_key(&variable.name) {
            fallback.insert(variable.name.clone(), carried);
        }
    }
    fallback.extend(there.iter().map(|(name, value)| (name.clone(), value.clone())));
    Variables { primary, fallback }
}
