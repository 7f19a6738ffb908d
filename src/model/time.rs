//! Durations people declare and durations drctl measures.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, time::Duration};

/// An objective for the recovery time or the recovery point: the longest that is promised.
///
/// Written as `90s`, `15m`, `1h30m` or `1d`. Held in whole milliseconds; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Objective {
    ms: u64,
}

impl Objective {
    /// Returns the objective as a duration.
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.ms)
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Pretty(self.get()).fmt(f)
    }
}

impl FromStr for Objective {
    type Err = DurationError;

    /// Reads a duration.
    ///
    /// # Errors
    ///
    /// [`DurationError`] quotes the input, so callers add only *where* it was read.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let ms = parse_duration(s)?.as_millis();
        Ok(Self { ms: u64::try_from(ms).map_err(|_| DurationError::TooLong(s.to_owned()))? })
    }
}

/// Why a string is not a duration.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DurationError {
    /// It is not a number and a unit.
    #[error("`{0}` is not a duration such as `90s`, `15m` or `1h30m`")]
    Form(String),
    /// It is zero or less.
    #[error("`{0}` is not longer than zero")]
    NotPositive(String),
    /// It is longer than drctl can count.
    #[error("`{0}` is too long")]
    TooLong(String),
}

/// Reads a duration such as `250ms`, `90s`, `15m`, `1h30m` or `1d`.
///
/// # Errors
///
/// [`DurationError`] for anything else, and for zero.
pub fn parse_duration(s: &str) -> Result<Duration, DurationError> {
    let text = s.trim();
    let days = text.strip_suffix('d').and_then(|d| d.parse::<u64>().ok());
    let signed = match days {
        // A calendar has days of other lengths; a promise has not.
        Some(days) => days
            .checked_mul(86_400)
            .and_then(|secs| i64::try_from(secs).ok())
            .map(SignedDuration::from_secs)
            .ok_or_else(|| DurationError::TooLong(s.to_owned()))?,
        None => text.parse::<SignedDuration>().map_err(|_| DurationError::Form(s.to_owned()))?,
    };
    match Duration::try_from(signed) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err(DurationError::NotPositive(s.to_owned())),
    }
}

/// Prints a duration the way drctl prints every duration that it measured: `4m05.2s`.
pub struct Pretty(pub Duration);

impl Pretty {
    /// Prints a number of milliseconds.
    pub const fn ms(ms: u64) -> Self {
        Self(Duration::from_millis(ms))
    }
}

impl fmt::Display for Pretty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = self.0.as_millis() / 100;
        let (h, m, s, t) = (tenths / 36_000, tenths / 600 % 60, tenths / 10 % 60, tenths % 10);
        let text = if h > 0 {
            format!("{h}h{m:02}m{s:02}s")
        } else if m > 0 {
            format!("{m}m{s:02}.{t}s")
        } else {
            format!("{s}.{t}s")
        };
        f.pad(&text)
    }
}

/// Prints a duration that nobody measured, in whole seconds: `9m48s`.
///
/// Tenths of a forecast would promise what it cannot keep.
pub struct Rounded(pub Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_millis().saturating_add(500) / 1_000;
        let (h, m, s) = (secs / 3_600, secs / 60 % 60, secs % 60);
        let text = if h > 0 {
            format!("{h}h{m:02}m{s:02}s")
        } else if m > 0 {
            format!("{m}m{s:02}s")
        } else {
            format!("{s}s")
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_is_numbers_and_units() {
        for (text, secs) in
            [("90s", 90), ("15m", 900), ("1h30m", 5_400), ("1d", 86_400), ("2 hours", 7_200)]
        {
            let read = text.parse::<Objective>().map(|o| o.get().as_secs());
            assert_eq!(read, Ok(secs), "{text}");
        }
    }

    #[test]
    fn an_objective_says_what_is_wrong() {
        let said: Vec<_> = ["15", "xm", "0h", "-5m", "99999999999999999999d"]
            .into_iter()
            .map(|s| s.parse::<Objective>().expect_err(s).to_string())
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        `15` is not a duration such as `90s`, `15m` or `1h30m`
        `xm` is not a duration such as `90s`, `15m` or `1h30m`
        `0h` is not longer than zero
        `-5m` is not longer than zero
        `99999999999999999999d` is not a duration such as `90s`, `15m` or `1h30m`
        ");
    }

    #[test]
    fn durations_are_printed_one_way() {
        let shown: Vec<_> =
            [40, 9_960, 65_230, 3_725_000].map(|ms| Pretty::ms(ms).to_string()).into();
        assert_eq!(shown, ["0.0s", "9.9s", "1m05.2s", "1h02m05s"]);
    }

    #[test]
    fn a_forecast_is_printed_in_whole_seconds() {
        let shown: Vec<_> = [0, 499, 59_500, 588_000, 3_599_700]
            .map(|ms| Rounded(Duration::from_millis(ms)).to_string())
            .into();
        assert_eq!(shown, ["0s", "0s", "1m00s", "9m48s", "1h00m00s"]);
    }
}
