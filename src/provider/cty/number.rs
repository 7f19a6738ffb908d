//! Terraform's numbers, which are decimal, long and exact.

use std::{cmp::Ordering, fmt, str::FromStr};

/// A number, kept exactly.
///
/// Terraform computes with 512-bit floats and sends a number as an integer or a 64-bit float only
/// where that loses nothing; `0.1` travels as text. It is sent back as it came, so that nothing
/// hangs on what a version of Terraform takes for the same number.
///
/// The representation is canonical, so that equal numbers compare equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Number(Repr);

/// The smallest of these that holds the number exactly.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Repr {
    Int(i64),
    /// Infinite, has a fraction, or is beyond `i64`; never NaN.
    Float(f64),
    /// Plain decimal digits: no exponent, no needless zero.
    Decimal(Box<str>),
}

/// The largest exponent that is read, which bounds how many zeros `1e9` stands for.
const MAX_EXPONENT: i32 = 4096;

/// Why a text or float is not a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// It is not a decimal number.
    #[error("`{0}` is not a decimal number")]
    Form(String),
    /// Its exponent is beyond anything that Terraform computes.
    #[error("the exponent of `{0}` is beyond {MAX_EXPONENT}")]
    Exponent(String),
    /// It is a float's NaN.
    #[error("NaN is not a number")]
    Nan,
}

impl Number {
    /// Returns the number if it is an integer of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(int) => Some(int),
            _ => None,
        }
    }

    /// Returns the nearest 64-bit float.
    #[expect(clippy::cast_precision_loss, reason = "the nearest is what is asked for")]
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(int) => *int as f64,
            Repr::Float(float) => *float,
            Repr::Decimal(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    pub(super) fn repr(&self) -> &Repr {
        &self.0
    }
}

impl From<i64> for Number {
    fn from(int: i64) -> Self {
        Self(Repr::Int(int))
    }
}

impl TryFrom<f64> for Number {
    type Error = NumberError;

    /// Takes a float for exactly the number that it is.
    ///
    /// # Errors
    ///
    /// [`NumberError::Nan`].
    #[expect(clippy::cast_possible_truncation, reason = "only what is whole and in range is cast")]
    fn try_from(float: f64) -> Result<Self, Self::Error> {
        if float.is_nan() {
            return Err(NumberError::Nan);
        }
        // -2^63 is an `i64` and 2^63 is not; both are floats.
        let edge = 63_f64.exp2();
        let whole = float.fract() == 0.0 && float >= -edge && float < edge;
        Ok(Self(if whole { Repr::Int(float as i64) } else { Repr::Float(float) }))
    }
}

impl fmt::Display for Number {
    /// Writes plain decimal digits, as Terraform turns a number into a string.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(int) => int.fmt(f),
            Repr::Float(float) => f.write_str(&exact_decimal(*float)),
            Repr::Decimal(text) => f.write_str(text),
        }
    }
}

impl FromStr for Number {
    type Err = NumberError;

    /// Reads a decimal number, with or without a fraction or an exponent.
    ///
    /// # Errors
    ///
    /// [`NumberError`] quotes the text.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(int) = text.parse() {
            return Ok(Self(Repr::Int(int)));
        }
        let decimal = canonical(text)?;
        if let Ok(int) = decimal.parse() {
            return Ok(Self(Repr::Int(int)));
        }
        match decimal.parse() {
            Ok(float) if is_exactly(float, &decimal) => Ok(Self(Repr::Float(float))),
            _ => Ok(Self(Repr::Decimal(decimal.into()))),
        }
    }
}

/// Returns all the digits of `float`, which a fraction of a power of two always has an end of.
fn exact_decimal(float: f64) -> String {
    if float.is_infinite() || float.fract() == 0.0 {
        return float.to_string();
    }
    // No 64-bit float has more digits after the point.
    let digits = format!("{float:.1074}");
    digits.trim_end_matches('0').to_owned()
}

/// Whether `float` is the very number that `decimal` writes, not only the nearest.
fn is_exactly(float: f64, decimal: &str) -> bool {
    // A fraction of a power of two ends in 5, so most decimals are told apart by one look.
    let has_fraction = decimal.contains('.');
    float.is_finite()
        && (!has_fraction || decimal.ends_with('5'))
        && exact_decimal(float) == decimal
}

/// Writes a decimal number without exponent, plus sign or needless zeros.
fn canonical(text: &str) -> Result<String, NumberError> {
    let form = || NumberError::Form(text.to_owned());
    let (sign, unsigned) = match text.as_bytes().first() {
        Some(b'-') => ("-", &text[1..]),
        Some(b'+') => ("", &text[1..]),
        _ => ("", text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| form())?),
        None => (unsigned, 0),
    };
    if exponent.abs() > MAX_EXPONENT {
        return Err(NumberError::Exponent(text.to_owned()));
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(form());
    }

    // Where the point stands among the digits once the exponent is worked in.
    let point = i64::try_from(whole.len()).map_err(|_| form())? + i64::from(exponent);
    let point = match point.cmp(&0) {
        Ordering::Less => {
            let zeros = usize::try_from(-point).map_err(|_| form())?;
            digits.insert_str(0, &"0".repeat(zeros));
            0
        }
        _ => usize::try_from(point).map_err(|_| form())?,
    };
    if digits.len() < point {
        digits.push_str(&"0".repeat(point - digits.len()));
    }
    let (whole, fraction) = digits.split_at(point);
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        trimmed => trimmed,
    };
    let fraction = fraction.trim_end_matches('0');
    let sign = if whole == "0" && fraction.is_empty() { "" } else { sign };
    Ok(match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn a_number_has_one_representation_however_it_is_written() {
        for (text, same) in [
            ("1", "1.0"),
            ("1000", "1e3"),
            ("-0", "0"),
            ("+7", "7"),
            ("0.5", "5e-1"),
            ("0.001", ".1e-2"),
            ("00.10", "0.1"),
            ("9223372036854775808", "9.223372036854775808e18"),
            ("123456789012345678901234567891", "123456789012345678901234567891.000"),
        ] {
            assert_eq!(number(text), number(same), "{text}");
        }
        assert_eq!(Number::try_from(2.0).unwrap(), Number::from(2));
        assert_eq!(Number::try_from(0.5).unwrap(), number("0.5"));
        assert_eq!(Number::try_from(-0.0).unwrap(), Number::from(0));
    }

    #[test]
    fn a_tenth_is_not_the_float_nearest_to_it() {
        assert_ne!(Number::try_from(0.1).unwrap(), number("0.1"));
        assert_eq!(number("0.1").repr(), &Repr::Decimal("0.1".into()));
        assert_eq!(number("0.125").repr(), &Repr::Float(0.125));
        assert_eq!(number("0.15").repr(), &Repr::Decimal("0.15".into()));
    }

    #[test]
    fn what_is_displayed_reads_back_as_the_same_number() {
        for text in ["0", "-17", "0.1", "1e300", "-2.5e-7", "18446744073709551617", "1e-400"] {
            let number = number(text);
            assert_eq!(number.to_string().parse::<Number>().unwrap(), number, "{text}");
        }
        for float in [f64::MIN_POSITIVE, f64::MAX, 1.0 / 3.0, 63_f64.exp2()] {
            let number = Number::try_from(float).unwrap();
            assert_eq!(number.to_string().parse::<Number>().unwrap(), number, "{float}");
        }
        assert_eq!(number("2.5e-7").to_string(), "0.00000025");
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "-", ".", "1e", "0x10", "1_000", "NaN", "Infinity", "1e9999", "1.2.3"] {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
        assert_eq!(Number::try_from(f64::NAN), Err(NumberError::Nan));
    }
}
