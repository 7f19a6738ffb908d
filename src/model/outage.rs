//! An outage that no run of drctl has seen: somebody enters it by hand.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// From when to when something was out, by the wall clock; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// When it began.
    pub began_at: Timestamp,
    /// When it was over; always later.
    pub ended_at: Timestamp,
}

/// An outage that was entered by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnteredOutage {
    /// The service that was out.
    pub service: String,
    /// From when to when.
    #[serde(flatten)]
    pub interval: Interval,
    /// What is to be remembered of it.
    #[serde(default)]
    pub note: Option<String>,
}

/// Why a string is not an interval.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IntervalError {
    /// There is no slash in it.
    #[error(
        "`{0}` is not a beginning and an end such as `2026-03-14T02:55:07Z/2026-03-14T03:40:00Z`"
    )]
    Form(String),
    /// One of its ends is no time.
    #[error("`{0}` is not a time with an offset, such as `2026-03-14T02:55:07Z`")]
    Time(String),
    /// It ends before it begins.
    #[error("`{0}` does not end after it begins")]
    Backwards(String),
}

impl FromStr for Interval {
    type Err = IntervalError;

    /// Reads an interval as ISO 8601 writes it: beginning, slash, end.
    ///
    /// # Errors
    ///
    /// [`IntervalError`] quotes the input.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let (began, ended) =
            s.trim().split_once('/').ok_or_else(|| IntervalError::Form(s.to_owned()))?;
        let time = |text: &str| text.parse().map_err(|_| IntervalError::Time(text.to_owned()));
        let (began_at, ended_at) = (time(began)?, time(ended)?);
        if began_at >= ended_at {
            return Err(IntervalError::Backwards(s.to_owned()));
        }
        Ok(Self { began_at, ended_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_two_times_with_a_slash() {
        let read: Interval = "2026-03-14T02:55:07Z/2026-03-14T12:40:00+09:00".parse().unwrap();
        assert_eq!(read.began_at.to_string(), "2026-03-14T02:55:07Z");
        assert_eq!(read.ended_at.to_string(), "2026-03-14T03:40:00Z");
    }

    #[test]
    fn an_interval_says_what_is_wrong() {
        let said: Vec<_> = [
            "2026-03-14T02:55:07Z",
            "yesterday/2026-03-14T02:55:07Z",
            "2026-03-14T02:55:07/2026-03-14T03:40:00Z",
            "2026-03-14T02:55:07Z/2026-03-14T02:55:07Z",
        ]
        .map(|text| text.parse::<Interval>().unwrap_err().to_string())
        .into();
        insta::assert_snapshot!(said.join("\n"), @r"
        `2026-03-14T02:55:07Z` is not a beginning and an end such as `2026-03-14T02:55:07Z/2026-03-14T03:40:00Z`
        `yesterday` is not a time with an offset, such as `2026-03-14T02:55:07Z`
        `2026-03-14T02:55:07` is not a time with an offset, such as `2026-03-14T02:55:07Z`
        `2026-03-14T02:55:07Z/2026-03-14T02:55:07Z` does not end after it begins
        ");
    }
}
