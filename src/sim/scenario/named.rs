//! Scenarios that really happened, with public figures and their source.

use crate::{model::nearest, sim::scenario::Scenario};

/// The names of the scenarios that come with drctl, oldest first.
pub const NAMED: [&str; 4] = [
    "us-east-1-2017-02-28",
    "europe-west9-2023-04-25",
    "google-2025-06-12",
    "us-east-1-2025-10-19",
];

/// Their text, in the same order.
const TEXTS: [&str; 4] = [
    include_str!("named/us-east-1-2017-02-28.json"),
    include_str!("named/europe-west9-2023-04-25.json"),
    include_str!("named/google-2025-06-12.json"),
    include_str!("named/us-east-1-2025-10-19.json"),
];

/// A name that no scenario has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("no scenario is named `{0}`")]
pub struct UnknownScenario(pub String);

impl UnknownScenario {
    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        Some(match nearest(&self.0, NAMED) {
            Some(meant) => format!("Use `{meant}`"),
            None => format!("Use one of: {}", NAMED.join(", ")),
        })
    }
}

impl Scenario {
    /// Returns a scenario that comes with drctl. Its time 0 is when the event began.
    ///
    /// # Errors
    ///
    /// [`UnknownScenario`] for a name that is not in [`NAMED`].
    pub fn named(name: &str) -> Result<Self, UnknownScenario> {
        let text = NAMED.iter().zip(TEXTS).find(|(known, _)| **known == name).map(|(_, text)| text);
        let text = text.ok_or_else(|| UnknownScenario(name.to_owned()))?;
        Ok(Self::from_json(text).expect("a test reads every one of these files"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_scenario_reads_and_says_where_its_figures_are_from() {
        for name in NAMED {
            let scenario = Scenario::named(name).unwrap();
            assert_eq!(scenario.name.as_deref(), Some(name));
            assert!(scenario.source.is_some_and(|source| source.contains("https://")), "{name}");
            assert!(scenario.about.is_some(), "{name}");
            assert!(!scenario.outages.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_slip_in_a_name_is_helped_with() {
        let error = Scenario::named("us-east-1-2025-10-91").unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("Use `us-east-1-2025-10-19`"));
    }
}
