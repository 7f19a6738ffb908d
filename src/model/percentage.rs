//! A share of a whole, as people write it.

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// Millionths of a percent in a whole.
const WHOLE: u64 = 100_000_000;
/// The digits behind the point that are kept.
const DIGITS: usize = 6;

/// A percentage above 0 % and below 100 %, such as `99.95%`.
///
/// Held in millionths of a percent, so that what was written is what is meant:
/// of `99.95` a binary fraction knows only something near.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentage {
    millionths: u64,
}

impl Percentage {
    /// Returns this share of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        part(whole, self.millionths)
    }

    /// Returns what is left of `whole` without this share, rounded down.
    pub fn without(self, whole: u64) -> u64 {
        part(whole, WHOLE - self.millionths)
    }

    /// Returns the share as a fraction, above 0 and below 1.
    pub fn fraction(self) -> f64 {
        self.millionths as f64 / WHOLE as f64
    }
}

fn part(whole: u64, millionths: u64) -> u64 {
    let part = u128::from(whole) * u128::from(millionths) / u128::from(WHOLE);
    // A part is never more than the whole.
    u64::try_from(part).unwrap_or(whole)
}

/// Why a string is not a percentage.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PercentageError {
    /// It is not a number and a percent sign.
    #[error("`{0}` is not a percentage such as `99.95%`")]
    Form(String),
    /// It is 0 % or less, or 100 % or more.
    #[error("`{0}` is not above 0% and below 100%")]
    OutOfRange(String),
    /// It has more digits than drctl keeps.
    #[error("`{0}` has more than {DIGITS} digits behind its point")]
    TooFine(String),
}

impl FromStr for Percentage {
    type Err = PercentageError;

    /// Reads a percentage.
    ///
    /// # Errors
    ///
    /// [`PercentageError`] quotes the input, so callers add only *where* it was read.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let form = || PercentageError::Form(s.to_owned());
        let number = s.trim().strip_suffix('%').ok_or_else(form)?.trim_end();
        let (sign, number) = match number.strip_prefix('-') {
            Some(number) => (true, number),
            None => (false, number),
        };
        let (whole, behind) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(behind) {
            return Err(form());
        }
        let range = || PercentageError::OutOfRange(s.to_owned());
        let behind = behind.trim_end_matches('0');
        if behind.len() > DIGITS {
            return Err(PercentageError::TooFine(s.to_owned()));
        }
        let behind: u64 = format!("{behind:0<DIGITS$}").parse().map_err(|_| form())?;
        let whole: u64 = whole.parse().map_err(|_| range())?;
        let millionths =
            whole.checked_mul(WHOLE / 100).and_then(|w| w.checked_add(behind)).ok_or_else(range)?;
        if sign || millionths == 0 || millionths >= WHOLE {
            return Err(range());
        }
        Ok(Self { millionths })
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = WHOLE / 100;
        let text = format!("{}.{:0DIGITS$}", self.millionths / per, self.millionths % per);
        f.pad(&format!("{}%", text.trim_end_matches('0').trim_end_matches('.')))
    }
}

impl Serialize for Percentage {
    /// As it is written: `"99.95%"`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Percentage {
        text.parse().unwrap()
    }

    #[test]
    fn what_was_written_is_what_is_meant() {
        for text in ["99.95%", "10%", "0.000001%", "99.999999%"] {
            assert_eq!(read(text).to_string(), text);
        }
        assert_eq!(read(" 99.90 %").to_string(), "99.9%");
        // 90 days at 99.95 %: 64 minutes and 48 seconds.
        assert_eq!(read("99.95%").without(90 * 86_400_000), 3_888_000);
        assert_eq!(read("10%").of(1_005), 100);
        assert_eq!(read("25%").fraction(), 0.25);
    }

    #[test]
    fn a_percentage_says_what_is_wrong() {
        let said: Vec<_> = ["99.95", "x%", "%", "1e1%", "0%", "100%", "-5%", "1.1234567%", "9.%"]
            .map(|text| text.parse::<Percentage>().unwrap_err().to_string())
            .into();
        insta::assert_snapshot!(said.join("\n"), @r"
        `99.95` is not a percentage such as `99.95%`
        `x%` is not a percentage such as `99.95%`
        `%` is not a percentage such as `99.95%`
        `1e1%` is not a percentage such as `99.95%`
        `0%` is not above 0% and below 100%
        `100%` is not above 0% and below 100%
        `-5%` is not above 0% and below 100%
        `1.1234567%` has more than 6 digits behind its point
        `9.%` is not a percentage such as `99.95%`
        ");
    }
}
