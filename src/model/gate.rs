//! The plan gate's answer: a value with reasons, shown the same everywhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// Whether a plan may be applied, and if not, every reason why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateAnswer {
    /// Why not. Empty when the plan is accepted.
    pub refusals: Vec<Refusal>,
    /// Where each planned resource will lie, and how that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placed: Vec<Placed>,
    /// What in the plan still names the primary region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remnants: Vec<Remnant>,
    /// What a plan over an earlier run's state would change or take away, which needs a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
}

/// Where a planned resource will lie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Placed {
    /// Its address.
    pub address: String,
    /// The region, when it is in one and that is known.
    pub region: Option<String>,
    /// How that is known.
    pub known_by: KnownBy,
}

/// How the region of a resource is known.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum KnownBy {
    /// It says so itself: `region`, `location` or a zone.
    Resource,
    /// Its provider is configured for it.
    Provider,
    /// Its type lives in no region, or the runbook decides on it.
    Global,
    /// Its provider has no regions.
    NoRegion,
    /// Nothing in the plan tells.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for KnownBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Resource => "says so itself",
            Self::Provider => "by its provider",
            Self::Global => "global",
            Self::NoRegion => "no region",
            Self::Unknown => "not known",
        })
    }
}

/// A value of the plan that still names the primary region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remnant {
    /// The resource, or the variable.
    pub address: String,
    /// The path to the value in it.
    pub attribute: String,
    /// The value, cut at 120 characters; nothing when it is sensitive.
    pub value: Option<String>,
}

impl fmt::Display for Remnant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.as_deref().unwrap_or("a sensitive value");
        write!(f, "`{}`: `{}` still names the primary: {value}", self.address, self.attribute)
    }
}

/// What a plan would do to what an earlier run made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// Each change, in one sentence without a full stop.
    pub changes: Vec<Refusal>,
    /// SHA-256 over them: whoever says yes to it says yes to these, and to nothing else.
    pub digest: String,
    /// True when somebody did.
    pub accepted: bool,
}

impl GateAnswer {
    /// Returns true when the plan may be applied.
    pub fn accepted(&self) -> bool {
        self.refusals.is_empty()
    }

    /// Returns [`whereabouts`] of the planned resources.
    pub fn whereabouts(&self) -> Option<String> {
        whereabouts(&self.placed)
    }
}

/// Returns where resources lie, in a few words; nothing when none is of a provider with regions.
pub fn whereabouts(all: &[Placed]) -> Option<String> {
    let mut counts: BTreeMap<(u8, String), usize> = BTreeMap::new();
    for placed in all {
        let key = match (&placed.region, placed.known_by) {
            (Some(region), _) => (0, format!("in {region}")),
            (None, KnownBy::Global) => (1, "global".to_owned()),
            (None, KnownBy::NoRegion) => (2, "without a region".to_owned()),
            (None, _) => (3, "not known".to_owned()),
        };
        *counts.entry(key).or_default() += 1;
    }
    let regional = all.iter().any(|placed| placed.known_by != KnownBy::NoRegion);
    let words: Vec<_> =
        counts.into_iter().map(|((_, what), count)| format!("{count} {what}")).collect();
    regional.then(|| words.join(", "))
}

/// One reason to refuse a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Refusal {
    /// What kind of reason.
    pub reason: RefusalReason,
    /// The resource it is about, when it is about one.
    pub address: Option<String>,
    /// What was seen, in one sentence without a full stop.
    pub detail: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Some(address) => write!(f, "`{address}`: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

/// The kinds of reasons to refuse a plan.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The plan stands on a state that already holds resources.
    PriorState,
    /// Objects in the state were found changed or gone: the sign of a state read in another region.
    Drift,
    /// A resource would be deleted.
    Deletes,
    /// A resource would be replaced.
    Replaces,
    /// A resource that this run did not create would be changed.
    Updates,
    /// An existing object would be imported.
    Imports,
    /// A resource would be renamed in the state.
    Moves,
    /// A resource would be dropped from the state while its object lives on.
    Forgets,
    /// Terraform says that the plan is not complete, or that planning failed.
    Incomplete,
    /// The state is not kept where the run keeps its own.
    Backend,
    /// A resource lies outside the fallback region.
    Region,
    /// Nothing in the plan tells in which region a resource would lie.
    RegionUnknown,
    /// A provider has another version than the lock file says.
    ProviderVersion,
    /// A plan over an earlier run's state would change or take something away, and nobody said yes.
    Unconfirmed,
    /// A resource was broken off while it was made, and would be deleted and made anew.
    Tainted,
    /// A resource that was begun to be made, and that no state knows of, would be made again.
    MayExist,
    /// An action that drctl does not know.
    UnknownAction,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}
