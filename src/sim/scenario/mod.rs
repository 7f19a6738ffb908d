//! What goes wrong in the cloud, as plain data.
//!
//! A scenario is a table of lists. Times are milliseconds on the simulated clock,
//! counted from when the scenario begins to be played.

mod named;
mod read;

pub use named::{NAMED, UnknownScenario};
pub use read::{Mistake, ScenarioError};

use crate::sim::{
    call::{Call, Operation},
    holdings::is_like,
};
use serde::{Deserialize, Serialize};

/// What goes wrong. An empty one is a cloud on a good day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scenario {
    /// Its name.
    pub name: Option<String>,
    /// What it plays, in a sentence or two.
    pub about: Option<String>,
    /// Where its figures come from, when it really happened.
    pub source: Option<String>,
    /// Regions, zones or services that do not answer.
    pub outages: Vec<Outage>,
    /// Interfaces that let only so many calls through.
    pub throttles: Vec<Throttle>,
    /// Calls that fail.
    pub failures: Vec<Rigged>,
    /// How many objects there may be.
    pub quotas: Vec<Quota>,
    /// What takes longer than usual.
    pub slow: Vec<Slow>,
    /// Where reads lag behind writes.
    pub consistency: Vec<Consistency>,
    /// How long names stay taken after a deletion.
    pub quarantines: Vec<Quarantine>,
    /// Names that somebody else has.
    pub names_taken: Vec<TakenName>,
}

/// Which calls something applies to: those that fit everything that is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct On {
    /// In this region or zone, and calls on global objects that this region answers for.
    pub region: Option<String>,
    /// On these types; `aws_db_*` stands for all types that begin like that.
    pub types: Vec<String>,
    /// That do one of these.
    pub operations: Vec<Operation>,
    /// For the resource with this address.
    pub address: Option<String>,
}

/// A region, a zone or a service that does not answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Outage {
    /// What is out.
    pub on: On,
    /// When it begins.
    pub from_ms: u64,
    /// When it ends; never, when it is not set.
    pub until_ms: Option<u64>,
    /// How it looks from outside.
    pub mode: OutageMode,
    /// Whether a creation that it catches half way leaves a broken object behind,
    /// which Terraform keeps as tainted.
    pub leave_behind: bool,
    /// How long a caller tries before it reports the failure; when the outage ends
    /// before that, the call goes on. The default is the mode's.
    pub answers_after_ms: Option<u64>,
    /// The share of calls that it hits, above 0 and at most 1. All, when it is not set.
    pub share: Option<f64>,
}

/// How an outage looks from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutageMode {
    /// No address, or no connection. Callers try for 5 s.
    #[default]
    Refused,
    /// Connections hang. Callers wait for 10 min.
    Hanging,
    /// Error 503. Callers retry for 30 s.
    #[serde(alias = "503")]
    Unavailable,
    /// It answers, but all that stood there when it began is lost.
    LostData,
}

impl Outage {
    /// Returns true when it is on at `at_ms`.
    pub(super) fn is_on(&self, at_ms: u64) -> bool {
        self.from_ms <= at_ms && self.until_ms.is_none_or(|until_ms| at_ms < until_ms)
    }

    /// Returns how long a caller tries, in milliseconds. The modes' times are chosen, not measured.
    pub(super) fn patience_ms(&self) -> u64 {
        self.answers_after_ms.unwrap_or(match self.mode {
            OutageMode::Refused | OutageMode::LostData => 5_000,
            OutageMode::Unavailable => 30_000,
            OutageMode::Hanging => 600_000,
        })
    }
}

/// An interface that lets only so many calls through; others queue, in the order of arrival.
///
/// Each account has a queue of its own in each region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Which calls share the queue.
    #[serde(default)]
    pub on: On,
    /// How many a second, above 0.
    pub per_second: f64,
    /// How many may go at once after a pause; at least 1.
    #[serde(default = "one")]
    pub burst: u32,
    /// How long a caller retries before it reports that it was throttled; for ever, when it is not set.
    #[serde(default)]
    pub give_up_after_ms: Option<u64>,
}

/// Calls that fail after they have taken their time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rigged {
    /// Which calls.
    pub on: On,
    /// Only the nth of them in the order of arrival, from 1. Name an address too to
    /// have the same one fail in each run.
    pub nth: Option<u64>,
    /// Each with this probability, drawn by seed.
    pub probability: Option<f64>,
    /// What the cloud says.
    pub message: String,
    /// Whether a creation leaves a broken object behind, which Terraform keeps as tainted.
    pub leave_behind: bool,
}

/// How many live objects of some types one account may have in one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Which types and region.
    #[serde(default)]
    pub on: On,
    /// At most so many, together.
    pub limit: u64,
}

/// What takes longer than usual, when it begins in this time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slow {
    /// Which calls.
    #[serde(default)]
    pub on: On,
    /// How many times as long, above 0.
    pub factor: f64,
    /// When it begins.
    #[serde(default)]
    pub from_ms: u64,
    /// When it ends; never, when it is not set.
    #[serde(default)]
    pub until_ms: Option<u64>,
}

/// Reads that do not find yet what was just made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consistency {
    /// Which objects, by their creation.
    #[serde(default)]
    pub on: On,
    /// For how long after a creation reads answer 404.
    pub reads_after_create_404_ms: u64,
}

/// Names that stay taken for a while after a deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// Which objects, by their deletion.
    #[serde(default)]
    pub on: On,
    /// For how long.
    pub for_ms: u64,
}

/// A name that somebody else has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakenName {
    /// The type of resource; `aws_s3_*` stands for all types that begin like that.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name.
    pub name: String,
}

fn one() -> u32 {
    1
}

impl On {
    /// Names all calls in a region.
    pub fn region(name: impl Into<String>) -> Self {
        Self { region: Some(name.into()), ..Self::default() }
    }

    /// Names all calls on types like `pattern`.
    pub fn types(pattern: impl Into<String>) -> Self {
        Self { types: vec![pattern.into()], ..Self::default() }
    }

    /// Returns true when `call` is meant, if it does `operation`.
    pub(super) fn takes(&self, call: &Call, operation: Operation) -> bool {
        self.region.as_deref().is_none_or(|region| call.depends_on(region))
            && self.takes_kind(&call.kind)
            && (self.operations.is_empty() || self.operations.contains(&operation))
            && self.address.as_deref().is_none_or(|address| call.by.address == address)
    }

    /// Returns true when the type is meant.
    pub(super) fn takes_kind(&self, kind: &str) -> bool {
        self.types.is_empty() || self.types.iter().any(|pattern| is_like(kind, pattern))
    }

    /// Returns true when everything is meant that stands somewhere, rather than some calls.
    pub(super) fn is_about_what_stands(&self) -> bool {
        self.operations.is_empty() && self.address.is_none()
    }
}

impl Scenario {
    /// A region that goes dark at `from_ms` and does not come back.
    pub fn region_down(region: &str, from_ms: u64, mode: OutageMode) -> Self {
        let outage = Outage { on: On::region(region), from_ms, mode, ..Outage::default() };
        Self { name: Some(format!("{region}-down")), outages: vec![outage], ..Self::default() }
    }

    /// Returns the regions that are wholly down from the start, each once.
    pub fn dark(&self) -> Vec<String> {
        let whole =
            |on: &On| on.types.is_empty() && on.operations.is_empty() && on.address.is_none();
        let from_start =
            self.outages.iter().filter(|o| o.from_ms == 0 && o.share.is_none() && whole(&o.on));
        let mut regions: Vec<String> =
            from_start.filter_map(|outage| outage.on.region.clone()).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }

    /// Returns every region and zone that is named, so that the caller can say which it does not know.
    pub fn regions(&self) -> Vec<&str> {
        let mut regions: Vec<_> =
            self.ons().into_iter().filter_map(|(_, on)| on.region.as_deref()).collect();
        regions.sort_unstable();
        regions.dedup();
        regions
    }

    /// Returns every selection with its path.
    fn ons(&self) -> Vec<(String, &On)> {
        fn all<'a, T>(
            list: &'static str,
            of: &'a [T],
            on: fn(&T) -> &On,
        ) -> impl Iterator<Item = (String, &'a On)> {
            of.iter().enumerate().map(move |(n, item)| (format!("{list}[{n}].on"), on(item)))
        }
        all("outages", &self.outages, |o| &o.on)
            .chain(all("throttles", &self.throttles, |t| &t.on))
            .chain(all("failures", &self.failures, |f| &f.on))
            .chain(all("quotas", &self.quotas, |q| &q.on))
            .chain(all("slow", &self.slow, |s| &s.on))
            .chain(all("consistency", &self.consistency, |c| &c.on))
            .chain(all("quarantines", &self.quarantines, |q| &q.on))
            .collect()
    }

    /// Adds what another scenario says, with its times counted from `at_ms`.
    pub(super) fn add(&mut self, mut other: Self, at_ms: u64) {
        for outage in &mut other.outages {
            outage.from_ms += at_ms;
            outage.until_ms = outage.until_ms.map(|until_ms| until_ms + at_ms);
        }
        for slow in &mut other.slow {
            slow.from_ms += at_ms;
            slow.until_ms = slow.until_ms.map(|until_ms| until_ms + at_ms);
        }
        self.name = other.name.or(self.name.take());
        self.about = other.about.or(self.about.take());
        self.source = other.source.or(self.source.take());
        self.outages.append(&mut other.outages);
        self.throttles.append(&mut other.throttles);
        self.failures.append(&mut other.failures);
        self.quotas.append(&mut other.quotas);
        self.slow.append(&mut other.slow);
        self.consistency.append(&mut other.consistency);
        self.quarantines.append(&mut other.quarantines);
        self.names_taken.append(&mut other.names_taken);
    }
}
