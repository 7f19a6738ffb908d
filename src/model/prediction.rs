//! How long a recovery was expected to take, before it began.

use crate::model::{resource::without_keys, step::StepId, time::Rounded};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// The quantiles that a prediction keeps: 0 %, 5 %, … 100 %.
pub const QUANTILES: usize = 21;

/// How long a recovery is expected to take, as a distribution of draws.
///
/// It speaks of the execution, `t8 − t2`: what comes before the declaration is
/// only in [`Prediction::chance`], and only as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Prediction {
    /// How many recoveries were drawn.
    pub draws: u32,
    /// The seed of the draws; the same seed, code and history draw the same.
    pub seed: u64,
    /// The median, in milliseconds.
    pub p50_ms: u64,
    /// The 90th percentile.
    pub p90_ms: u64,
    /// The 99th percentile.
    pub p99_ms: u64,
    /// The shortest draw, every twentieth of the draws, and the longest: 21 values that never fall.
    pub quantiles_ms: Vec<u64>,
    /// With every resource at its median: the whole, as a list schedule gives it.
    pub at_medians_ms: u64,
    /// The same when Terraform works on everything at once.
    pub floor_ms: u64,
    /// What passes before the declaration, at the median of the team's own runs; `None` without any.
    pub before_ms: Option<u64>,
    /// The share of draws that meet the recovery time objective, from 0 to 1; `None` without one.
    pub chance: Option<f64>,
    /// What is not in it since nobody has seen it yet, in a few words each.
    pub missing: Vec<String>,
    /// How long caches of the DNS may hold the old answer once traffic is moved, at worst, in
    /// milliseconds; `None` when no step moves traffic by the DNS, or does not say its `ttl`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caches_ms: Option<u64>,
    /// When each step is done, from the declaration on.
    pub steps: Vec<PredictedStep>,
    /// Every managed resource of the code.
    pub resources: Vec<PredictedResource>,
}

/// When a step is expected to be done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictedStep {
    /// Its name.
    pub step: StepId,
    /// The median of its end, in milliseconds since the declaration.
    pub p50_ms: u64,
    /// The 90th percentile of its end.
    pub p90_ms: u64,
}

/// How long a resource is expected to take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictedResource {
    /// In which stack.
    pub step: StepId,
    /// Its address without keys of instances.
    pub address: String,
    /// How many instances there are, as far as that is known.
    pub instances: u64,
    /// The median of one create, in milliseconds.
    pub p50_ms: u64,
    /// The 90th percentile of one create.
    pub p90_ms: u64,
    /// What the numbers rest on, in a few words.
    pub basis: String,
    /// The share of draws in which it lies on the critical path, from 0 to 1.
    pub critical: f64,
}

impl fmt::Display for Prediction {
    /// Writes it as one line, such as `6m20s at the median, 8m at the 90th percentile`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |ms| Rounded(Duration::from_millis(ms));
        let (p50, p90) = (time(self.p50_ms), time(self.p90_ms));
        write!(f, "{p50} at the median, {p90} at the 90th percentile")?;
        match self.chance_of_100() {
            Some(chance) => write!(f, "; the RTO is met in {chance} of 100"),
            None => Ok(()),
        }
    }
}

impl Prediction {
    /// Returns the quantiles in words: `6m20s at the median, 8m00s at the 90th percentile, 9m00s at
    /// the 99th`.
    pub fn in_words(&self) -> String {
        let time = |ms| Rounded(Duration::from_millis(ms));
        let (p50, p90, p99) = (time(self.p50_ms), time(self.p90_ms), time(self.p99_ms));
        format!("{p50} at the median, {p90} at the 90th percentile, {p99} at the 99th")
    }

    /// Returns, in words, how long it takes for whoever holds the old answer of the DNS for as long as
    /// that may be held: the worst case, which is in no other figure.
    pub fn behind_caches(&self) -> Option<String> {
        let held = self.caches_ms?;
        let time = |ms: u64| Rounded(Duration::from_millis(ms.saturating_add(held)));
        let held = Rounded(Duration::from_millis(held));
        let (p50, p90) = (time(self.p50_ms), time(self.p90_ms));
        Some(format!(
            "{p50} at the median, {p90} at the 90th percentile, for whoever holds the old answer of the DNS for the whole {held} of its TTL"
        ))
    }

    /// Returns in how many of a hundred recoveries the recovery time objective is met, rounded down:
    /// a chance that is to be relied on is never told as more than it is. `None` without an
    /// objective.
    pub fn chance_of_100(&self) -> Option<u32> {
        // What a float cannot hold is no reason to round down: 0.29 times 100 is a bit less than 29.
        self.chance.map(|chance| (chance * 100.0 + 1e-6).floor() as u32)
    }

    /// Returns what was expected of the resource at `address`, which may hold keys of instances.
    pub fn resource(&self, step: &StepId, address: &str) -> Option<&PredictedResource> {
        let plain = without_keys(address);
        self.resources.iter().find(|resource| resource.step == *step && resource.address == plain)
    }

    /// Returns the share of draws that took no longer than `ms`, from 0 to 1, interpolated between
    /// the quantiles that are kept; `None` when none are.
    pub fn position(&self, ms: u64) -> Option<f64> {
        let last = self.quantiles_ms.len().checked_sub(1).filter(|last| *last > 0)?;
        let above = self.quantiles_ms.partition_point(|quantile| *quantile <= ms);
        if above == 0 {
            return Some(0.0);
        }
        let Some(next) = self.quantiles_ms.get(above) else { return Some(1.0) };
        let below = self.quantiles_ms[above - 1];
        // `below <= ms < next`, so the difference is not zero.
        let part = (ms - below) as f64 / (next - below) as f64;
        Some(((above - 1) as f64 + part) / last as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_place_among_the_draws() {
        let quantiles_ms = (0..=20).map(|twentieth| 1_000 + twentieth * 100).collect();
        let prediction = Prediction { quantiles_ms, ..Prediction::default() };
        for (ms, share) in
            [(0, 0.0), (1_000, 0.0), (1_050, 0.025), (2_000, 0.5), (3_000, 1.0), (9_000, 1.0)]
        {
            assert_eq!(prediction.position(ms), Some(share), "{ms}");
        }
        assert_eq!(Prediction::default().position(5), None);
    }

    #[test]
    fn a_forecast_is_one_line_and_promises_no_more_than_it_can() {
        let said = |chance| {
            Prediction { p50_ms: 380_000, p90_ms: 480_400, chance, ..Prediction::default() }
                .to_string()
        };
        assert_eq!(said(None), "6m20s at the median, 8m00s at the 90th percentile");
        for (chance, of_100) in [(0.29, "29"), (0.999, "99"), (1.0, "100"), (0.0, "0")] {
            let said = said(Some(chance));
            assert!(said.ends_with(&format!("; the RTO is met in {of_100} of 100")), "{said}");
        }
    }

    #[test]
    fn caches_make_it_longer_by_the_whole_ttl_at_worst() {
        let prediction = Prediction { p50_ms: 380_000, p90_ms: 480_400, ..Prediction::default() };
        assert_eq!(prediction.behind_caches(), None);
        let cached = Prediction { caches_ms: Some(60_000), ..prediction };
        assert_eq!(
            cached.behind_caches().unwrap(),
            "7m20s at the median, 9m00s at the 90th percentile, for whoever holds the old answer of the DNS for the whole 1m00s of its TTL"
        );
    }

    #[test]
    fn draws_that_are_all_the_same_have_two_places() {
        let prediction = Prediction { quantiles_ms: vec![7; QUANTILES], ..Prediction::default() };
        assert_eq!((prediction.position(6), prediction.position(7)), (Some(0.0), Some(1.0)));
    }
}
