//! How many resources at once a provider's interface bears: `throttles.json`, read once.

use crate::model::step::PARALLELISM;
use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "comment")]
    _comment: String,
    providers: BTreeMap<String, Throttle>,
    free: Vec<String>,
}

/// What one provider's interface bears.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// How many resources may be worked on at once.
    pub at_once: u16,
    /// What follows from the limits of the interface.
    pub because: String,
    /// The public page that has them.
    pub source: String,
}

static KNOWN: LazyLock<File> = LazyLock::new(|| {
    serde_json::from_str(include_str!("throttles.json")).expect("a test reads this file")
});

/// Returns how many resources Terraform may work on at once where there are resources of these
/// types: as many as the tenderest of their providers bears, and Terraform's own
/// [default](PARALLELISM) where one of them is not known or none of them asks an interface.
pub fn at_once<'a>(types: impl IntoIterator<Item = &'a str>) -> u16 {
    let is_free = |kind: &&str| !KNOWN.free.iter().any(|free| kind.starts_with(free.as_str()));
    let borne = |kind: &str| {
        let known = KNOWN.providers.iter().find(|(prefix, _)| kind.starts_with(prefix.as_str()));
        known.map_or(PARALLELISM, |(_, throttle)| throttle.at_once)
    };
    types.into_iter().filter(is_free).map(borne).min().unwrap_or(PARALLELISM)
}

/// Returns the share of one stack in what an interface bears, when `stacks` of them may ask it at the
/// same time; never less than Terraform's own default.
pub fn share(at_once: u16, stacks: usize) -> u16 {
    let stacks = u16::try_from(stacks.max(1)).unwrap_or(u16::MAX);
    (at_once / stacks).max(PARALLELISM)
}

/// Returns what is known of each provider, by the prefix of its types.
pub fn throttles() -> impl Iterator<Item = (&'static str, &'static Throttle)> {
    KNOWN.providers.iter().map(|(prefix, throttle)| (prefix.as_str(), throttle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_says_why_and_where_it_is_from() {
        for (prefix, throttle) in throttles() {
            assert!(prefix.ends_with('_') && throttle.at_once > PARALLELISM, "{prefix}");
            assert!(!throttle.because.is_empty(), "{prefix}");
            assert!(throttle.source.starts_with("https://"), "{prefix}");
        }
    }

    #[test]
    fn the_tenderest_provider_decides_and_what_asks_nothing_does_not() {
        assert_eq!(at_once(["aws_vpc", "random_id"]), 50);
        assert_eq!(at_once(["aws_vpc", "google_compute_network"]), 50);
        assert_eq!(at_once(["aws_vpc", "datadog_monitor"]), PARALLELISM);
        assert_eq!(at_once(["random_id", "terraform_data"]), PARALLELISM);
        assert_eq!(at_once([]), PARALLELISM);
    }

    #[test]
    fn stacks_beside_each_other_share_what_is_borne() {
        assert_eq!([1, 2, 3, 10].map(|stacks| share(50, stacks)), [50, 25, 16, 10]);
        assert_eq!(share(50, 0), 50);
    }
}
