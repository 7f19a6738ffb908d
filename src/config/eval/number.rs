//! Numbers as Terraform has them: binary floats of up to 512 bits.
//!
//! `0.1 + 0.2` and `1 / 3` come to what Terraform prints only when every rounding is the same, so
//! the arithmetic of Go's `big.Float` is done here, and what would not be certain is not done.

use num_bigint::{BigInt, BigUint, Sign};
use std::{cmp::Ordering, fmt};

/// The precision of a number that is written in configuration, in bits.
const WRITTEN: u32 = 512;
/// The precision of a number that a function counted, in bits.
const COUNTED: u32 = 64;
/// The precision of a number that a function made with floats of the machine, in bits.
const MACHINE: u32 = 53;
/// Nothing larger than two to this power, or smaller than one over it, is computed.
const RANGE: i64 = 8192;
/// A power of five with a larger exponent is not exact in Terraform's parser.
const EXACT_TENS: i64 = 240;
/// More digits than this do not fit 512 bits.
const EXACT_DIGITS: usize = 150;

/// A number, exact.
#[derive(Clone)]
pub struct Number {
    /// Odd, or zero.
    mantissa: BigInt,
    /// The power of two that the mantissa is multiplied by.
    exponent: i64,
    /// How many bits a result that is not exact is rounded to; `None` when that is not certain.
    precision: Option<u32>,
}

impl Number {
    /// Reads a number as it is written in decimal; `None` when it is none, or too large to be exact.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (digits, tens) = match digits.split_once(['e', 'E']) {
            Some((digits, tens)) => (digits, tens.parse::<i32>().ok()?),
            None => (digits, 0),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let fraction_digits = fraction.trim_end_matches('0');
        if !digits(whole) || !digits(fraction) || whole.len() + fraction.len() > EXACT_DIGITS {
            return None;
        }
        let mantissa = BigInt::parse_bytes(format!("{whole}{fraction_digits}").as_bytes(), 10)?;
        if negative && mantissa.sign() == Sign::NoSign {
            return None;
        }
        let mantissa = if negative { -mantissa } else { mantissa };
        let tens = i64::from(tens) - i64::try_from(fraction_digits.len()).ok()?;
        if tens.abs() > EXACT_TENS {
            return None;
        }
        let power = BigInt::from(10).pow(u32::try_from(tens.unsigned_abs()).ok()?);
        if tens >= 0 {
            Self::rounded(mantissa * power, 0, Some(WRITTEN))
        } else {
            Self::quotient(&mantissa, 0, &power, 0, Some(WRITTEN))
        }
    }

    /// Returns what a function made with a float of the machine; `None` for infinities.
    pub fn from_float(float: f64) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        let bits = float.to_bits();
        let exponent = i64::try_from((bits >> 52) & 0x7ff).ok()?;
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) =
            if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
        let mantissa = BigInt::from(mantissa);
        let mantissa = if float.is_sign_negative() { -mantissa } else { mantissa };
        Self::rounded(mantissa, exponent, Some(MACHINE))
    }

    /// Returns a whole number that a function counted or read.
    pub(super) fn from_big(whole: BigInt) -> Option<Self> {
        let bits = u32::try_from(whole.bits()).ok()?;
        Self::rounded(whole, 0, Some(bits.max(COUNTED)))
    }

    /// Returns the number if it is whole.
    pub(super) fn to_big(&self) -> Option<BigInt> {
        (self.exponent >= 0).then(|| self.mantissa.clone() << self.exponent)
    }

    /// Returns the number if it is whole and fits.
    pub fn as_i64(&self) -> Option<i64> {
        if self.exponent == 0 {
            return i64::try_from(&self.mantissa).ok();
        }
        i64::try_from(self.to_big().filter(|whole| whole.bits() < 65)?).ok()
    }

    /// Returns the number if it is whole, not negative and fits.
    pub fn as_usize(&self) -> Option<usize> {
        usize::try_from(self.as_i64()?).ok()
    }

    /// Returns the nearest float.
    pub fn as_f64(&self) -> f64 {
        self.to_string().parse().unwrap_or(f64::NAN)
    }

    /// Whether it has no fraction.
    pub fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.mantissa.sign() == Sign::NoSign
    }

    /// Whether it is below zero.
    pub fn is_negative(&self) -> bool {
        self.mantissa.sign() == Sign::Minus
    }

    /// Returns the sum; `None` when it is not certain.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let sum = self.at(exponent)? + other.at(exponent)?;
        Self::rounded(sum, exponent, self.common(other))
    }

    /// Returns the difference; `None` when it is not certain.
    pub(super) fn minus(&self, other: &Self) -> Option<Self> {
        self.plus(&other.negated())
    }

    /// Returns the product; `None` when it is not certain.
    pub(super) fn times(&self, other: &Self) -> Option<Self> {
        if self.makes_negative_zero(other) {
            return None;
        }
        let product = &self.mantissa * &other.mantissa;
        let whole = Self::rounded(product, self.exponent + other.exponent, Some(WRITTEN))?;
        // It may grow beyond the precision of both, but is never cut down to that.
        let needed = u32::try_from(whole.mantissa.bits()).ok()?;
        let precision = self.common(other).map(|common| common.max(needed));
        Some(Self { precision, ..whole })
    }

    /// Returns the quotient; `None` when it is not certain, or the divisor is zero.
    pub(super) fn over(&self, other: &Self) -> Option<Self> {
        if other.is_zero() || self.makes_negative_zero(other) {
            return None;
        }
        let precision = self.common(other);
        Self::quotient(&self.mantissa, self.exponent, &other.mantissa, other.exponent, precision)
    }

    /// Returns what is left of a division that is rounded towards zero; `None` when it is not certain.
    pub(super) fn modulo(&self, other: &Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        // Terraform rounds on the way; for these sizes that changes nothing.
        let (left, right) = (self.at(exponent)?, other.at(exponent)?);
        if other.is_zero() || left.bits() > 64 || right.bits() > 64 {
            return None;
        }
        let rest = left % right;
        Self::rounded(rest, exponent, None)
    }

    /// Whether a product or a quotient is Terraform's negative zero, which there is none of here.
    fn makes_negative_zero(&self, other: &Self) -> bool {
        (self.is_zero() || other.is_zero()) && (self.is_negative() || other.is_negative())
    }

    /// Returns it with the other sign.
    pub(super) fn negated(&self) -> Self {
        Self { mantissa: -&self.mantissa, ..self.clone() }
    }

    /// Returns the largest whole number that is not above it.
    pub(super) fn floor(&self) -> Self {
        if self.is_whole() {
            return self.clone();
        }
        // A shift to the right rounds down, also below zero.
        let mantissa = &self.mantissa >> self.exponent.unsigned_abs();
        Self::normal(mantissa, 0, None)
    }

    /// Returns its magnitude with so many digits behind the point, of two nearest the even one.
    pub(super) fn fixed(&self, places: usize) -> String {
        let places = u32::try_from(places).unwrap_or(u32::MAX).min(1 << 14);
        let scaled = self.mantissa.magnitude() * BigUint::from(10_u8).pow(places);
        let rounded = if self.exponent >= 0 {
            scaled << self.exponent
        } else {
            let cut = self.exponent.unsigned_abs();
            let mut high: BigUint = &scaled >> cut;
            let half = BigUint::from(1_u8) << (cut - 1);
            match (scaled - (&high << cut)).cmp(&half) {
                Ordering::Greater => high += 1_u8,
                Ordering::Equal if high.bit(0) => high += 1_u8,
                _ => {}
            }
            high
        };
        let digits = rounded.to_string();
        let places = places as usize;
        if places == 0 {
            return digits;
        }
        let digits = format!("{digits:0>width$}", width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        format!("{whole}.{fraction}")
    }

    fn at(&self, exponent: i64) -> Option<BigInt> {
        let shift = u64::try_from(self.exponent - exponent).ok()?;
        Some(self.mantissa.clone() << shift)
    }

    fn common(&self, other: &Self) -> Option<u32> {
        Some(self.precision?.max(other.precision?))
    }

    fn normal(mantissa: BigInt, exponent: i64, precision: Option<u32>) -> Self {
        match mantissa.trailing_zeros() {
            None => Self { mantissa, exponent: 0, precision },
            Some(0) => Self { mantissa, exponent, precision },
            Some(zeros) => {
                let exponent = exponent + i64::try_from(zeros).unwrap_or(0);
                Self { mantissa: mantissa >> zeros, exponent, precision }
            }
        }
    }

    /// Rounds to the nearest, and of two to the even one.
    fn rounded(mantissa: BigInt, exponent: i64, precision: Option<u32>) -> Option<Self> {
        let exact = Self::normal(mantissa, exponent, precision);
        let bits = exact.mantissa.bits();
        if exact.exponent.abs() + i64::try_from(bits).ok()? > RANGE {
            return None;
        }
        let Some(kept) = precision.map(u64::from) else {
            // An exact result is the same at any precision that Terraform uses.
            return (bits <= u64::from(MACHINE)).then_some(exact);
        };
        if bits <= kept {
            return Some(exact);
        }
        let cut = bits - kept;
        let (sign, magnitude) = exact.mantissa.into_parts();
        let mut high: BigUint = &magnitude >> cut;
        let half = BigUint::from(1_u8) << (cut - 1);
        match (magnitude - (&high << cut)).cmp(&half) {
            Ordering::Greater => high += 1_u8,
            Ordering::Equal if high.bit(0) => high += 1_u8,
            _ => {}
        }
        let exponent = exact.exponent + i64::try_from(cut).ok()?;
        Some(Self::normal(BigInt::from_biguint(sign, high), exponent, precision))
    }

    fn quotient(
        left: &BigInt,
        left_exponent: i64,
        right: &BigInt,
        right_exponent: i64,
        precision: Option<u32>,
    ) -> Option<Self> {
        let wanted = u64::from(WRITTEN) + 8;
        let shift = (right.bits() + wanted).saturating_sub(left.bits());
        let shifted = left.clone() << shift;
        let (mut whole, rest) = (&shifted / right, &shifted % right);
        // One more bit says that there is more, so that no half is taken for exact.
        whole <<= 1;
        if rest.sign() != Sign::NoSign {
            let negative = (left.sign() == Sign::Minus) != (right.sign() == Sign::Minus);
            whole += if negative { -1 } else { 1 };
        }
        let exponent = left_exponent - right_exponent - i64::try_from(shift).ok()? - 1;
        Self::rounded(whole, exponent, precision)
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self::normal(whole.into(), 0, Some(COUNTED))
    }
}

impl From<usize> for Number {
    fn from(whole: usize) -> Self {
        Self::normal(whole.into(), 0, Some(COUNTED))
    }
}

impl Number {
    /// Returns a whole number that is written in configuration.
    pub(super) fn written(whole: impl Into<BigInt>) -> Self {
        Self::normal(whole.into(), 0, Some(WRITTEN))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.exponent == other.exponent && self.mantissa == other.mantissa
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let exponent = self.exponent.min(other.exponent);
        // Both are within the range, so neither shift is large.
        let at = |number: &Self| {
            number.mantissa.clone() << u64::try_from(number.exponent - exponent).unwrap_or(0)
        };
        at(self).cmp(&at(other))
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The shortest decimal that is read back as the same number, without an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.mantissa.bits();
        let precision = self.precision.unwrap_or(WRITTEN);
        if self.is_negative() {
            f.write_str("-")?;
        }
        if self.exponent >= 0 && bits + self.exponent.unsigned_abs() <= u64::from(precision) {
            return write!(f, "{}", self.mantissa.magnitude() << self.exponent);
        }
        let decimal = Decimal::shortest(self.mantissa.magnitude(), self.exponent, precision);
        f.write_str(&decimal.to_string())
    }
}

/// `0.DIGITS` times ten to the power of `point`, without zeros at the end.
struct Decimal {
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    fn exact(mantissa: &BigUint, exponent: i64) -> Self {
        let mut digits = if exponent >= 0 {
            (mantissa << exponent).to_string()
        } else {
            let power = u32::try_from(exponent.unsigned_abs()).unwrap_or(0);
            (mantissa * BigUint::from(5_u8).pow(power)).to_string()
        }
        .into_bytes();
        let point = i64::try_from(digits.len()).unwrap_or(0) + exponent.min(0);
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        Self { digits, point }
    }

    /// The way of Go's `big.Float.Text`, whose digits these have to be.
    fn shortest(mantissa: &BigUint, exponent: i64, precision: u32) -> Self {
        let mut exact = Self::exact(mantissa, exponent);
        let (mut wide, mut place) = (mantissa.clone(), exponent);
        let bits = i64::try_from(mantissa.bits()).unwrap_or(0);
        let shift = bits - i64::from(precision) - 1;
        if shift < 0 {
            wide <<= shift.unsigned_abs();
        } else {
            wide >>= shift.unsigned_abs();
        }
        place += shift;
        if wide.bits() == 0 {
            return exact;
        }
        let lower = Self::exact(&(&wide - 1_u8), place);
        let upper = Self::exact(&(&wide + 1_u8), place);
        let inclusive = !wide.bit(1);
        for (i, digit) in exact.digits.clone().into_iter().enumerate() {
            let (low, high) = (lower.at(i), upper.at(i));
            let down = low != digit || inclusive && i + 1 == lower.digits.len();
            let up = digit != high && (inclusive || digit + 1 < high || i + 1 < upper.digits.len());
            match (down, up) {
                (true, true) => exact.round(i + 1),
                (true, false) => exact.cut(i + 1),
                (false, true) => exact.raise(i + 1),
                (false, false) => continue,
            }
            break;
        }
        exact
    }

    fn at(&self, index: usize) -> u8 {
        self.digits.get(index).copied().unwrap_or(b'0')
    }

    fn round(&mut self, kept: usize) {
        if kept >= self.digits.len() {
            return;
        }
        let half = self.digits[kept] == b'5' && kept + 1 == self.digits.len();
        let up = if half {
            kept > 0 && (self.digits[kept - 1] - b'0') & 1 != 0
        } else {
            self.digits[kept] >= b'5'
        };
        if up { self.raise(kept) } else { self.cut(kept) }
    }

    fn cut(&mut self, kept: usize) {
        self.digits.truncate(kept);
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
    }

    fn raise(&mut self, mut kept: usize) {
        if kept >= self.digits.len() {
            return;
        }
        while kept > 0 && self.digits[kept - 1] >= b'9' {
            kept -= 1;
        }
        if kept == 0 {
            self.digits = vec![b'1'];
            self.point += 1;
            return;
        }
        self.digits[kept - 1] += 1;
        self.digits.truncate(kept);
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = i64::try_from(self.digits.len()).unwrap_or(0);
        if self.point <= 0 {
            f.write_str("0.")?;
            for _ in self.point..0 {
                f.write_str("0")?;
            }
        }
        for (at, digit) in (0..).zip(&self.digits) {
            if at > 0 && at == self.point {
                f.write_str(".")?;
            }
            write!(f, "{}", char::from(*digit))?;
        }
        for _ in length..self.point {
            f.write_str("0")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn numbers_are_printed_as_terraform_prints_them() {
        let number = |text: &str| Number::parse(text).unwrap();
        let sum = number("0.1").plus(&number("0.2")).unwrap();
        assert_eq!(sum.to_string(), "0.3");
        let third = number("1").over(&number("3")).unwrap().to_string();
        assert_eq!(third, format!("0.{}5", "3".repeat(154)));
        let counted = Number::from(2_i64).over(&Number::from(3_i64)).unwrap();
        assert_eq!(counted.to_string(), "0.6666666666666666667");
        assert_eq!(Number::from_float(2_f64.powi(60)).unwrap().to_string(), "1152921504606847000");
        for same in
            ["0", "-0.5", "100000000000000000000000", "1.25", "0.001", "18446744073709551617"]
        {
            assert_eq!(number(same).to_string(), same);
        }
        assert_eq!(number("1.50e3").to_string(), "1500");
        assert_eq!(Number::parse("1e400"), None);
    }
}
