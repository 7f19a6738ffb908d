//! What resources cost by the hour: `prices.json`, read once.

use serde::Deserialize;
use std::{collections::BTreeMap, sync::LazyLock};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "comment")]
    _comment: String,
    currency: String,
    prices: BTreeMap<String, Price>,
    free: Free,
}

/// The list price of one resource of a type.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// For an hour, on demand, in us-east-1.
    pub hourly: f64,
    /// The size that it is the price of.
    pub assumes: String,
    /// The public page that has it.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Free {
    #[serde(rename = "comment")]
    _comment: String,
    prefixes: Vec<String>,
    types: Vec<String>,
}

static KNOWN: LazyLock<File> = LazyLock::new(|| {
    serde_json::from_str(include_str!("prices.json")).expect("a test reads this file")
});

/// Returns what one resource of a type costs by the hour, in [`currency`]; zero for what is not paid
/// by the hour, `None` for what nobody told drctl.
pub fn hourly(kind: &str) -> Option<f64> {
    let free = &KNOWN.free;
    let is_free = || free.prefixes.iter().any(|prefix| kind.starts_with(prefix.as_str()));
    match KNOWN.prices.get(kind) {
        Some(price) => Some(price.hourly),
        None => (free.types.iter().any(|free| free == kind) || is_free()).then_some(0.0),
    }
}

/// Returns the currency of all prices.
pub fn currency() -> &'static str {
    &KNOWN.currency
}

/// Returns every type that has a price, with it.
pub fn prices() -> impl Iterator<Item = (&'static str, &'static Price)> {
    KNOWN.prices.iter().map(|(kind, price)| (kind.as_str(), price))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_price_is_one_and_says_what_of_and_where_it_is_from() {
        for (kind, price) in prices() {
            assert!(price.hourly > 0.0 && price.hourly < 100.0, "{kind}");
            assert!(!price.assumes.is_empty() && price.source.starts_with("https://"), "{kind}");
        }
    }

    #[test]
    fn what_costs_nothing_is_told_from_what_is_not_known() {
        assert_eq!(hourly("aws_nat_gateway"), Some(0.045));
        assert_eq!(hourly("aws_iam_role"), Some(0.0));
        assert_eq!(hourly("terraform_data"), Some(0.0));
        assert_eq!(hourly("aws_quantum_leap"), None);
        assert_eq!(currency(), "USD");
    }
}
