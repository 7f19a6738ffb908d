//! Functions of numbers.

use super::{Answer, Args, Number, Unknown, Value, convert};
use num_bigint::BigInt;

pub(super) fn abs(args: &Args<'_>) -> Answer {
    let number = args.number(0)?;
    Ok(Value::Number(if number.is_negative() { number.negated() } else { number }))
}

pub(super) fn ceil(args: &Args<'_>) -> Answer {
    Ok(Value::Number(args.number(0)?.negated().floor().negated()))
}

pub(super) fn floor(args: &Args<'_>) -> Answer {
    Ok(Value::Number(args.number(0)?.floor()))
}

pub(super) fn max(args: &Args<'_>) -> Answer {
    let all = numbers(args, args.values)?;
    all.into_iter().max().map(Value::Number).ok_or_else(|| args.doubt())
}

pub(super) fn min(args: &Args<'_>) -> Answer {
    let all = numbers(args, args.values)?;
    all.into_iter().min().map(Value::Number).ok_or_else(|| args.doubt())
}

fn numbers(args: &Args<'_>, values: &[Value]) -> Result<Vec<Number>, Unknown> {
    values
        .iter()
        .map(|value| match value {
            Value::Null => args.wrong("a number is null"),
            value => convert::number(value),
        })
        .collect()
}

pub(super) fn sum(args: &Args<'_>) -> Answer {
    let all = numbers(args, args.items(0)?)?;
    let mut all = all.into_iter();
    let Some(first) = all.next() else { return args.wrong("there is nothing to add") };
    let total = all.try_fold(first, |total, number| total.plus(&number));
    total.map(Value::Number).ok_or_else(|| args.doubt())
}

pub(super) fn signum(args: &Args<'_>) -> Answer {
    let number = args.number(0)?;
    if !number.is_whole() {
        return Err(args.doubt());
    }
    Ok(if number.is_zero() {
        0_i64
    } else if number.is_negative() {
        -1
    } else {
        1
    }
    .into())
}

/// Whole powers, where the floats that Terraform computes with are exact.
pub(super) fn pow(args: &Args<'_>) -> Answer {
    let (base, exponent) = (args.number(0)?, args.number(1)?);
    let (Some(base), Some(exponent)) = (base.as_i64(), exponent.as_i64()) else {
        return Err(args.doubt());
    };
    let exponent = u32::try_from(exponent).ok().filter(|exponent| *exponent <= 1023);
    let Some(exponent) = exponent else { return Err(args.doubt()) };
    let power = BigInt::from(base).pow(exponent);
    let exact = power.bits() <= 53 || base == 2;
    let float = power.to_string().parse().ok().filter(|_| exact);
    float.and_then(Number::from_float).map(Value::Number).ok_or_else(|| args.doubt())
}

/// Logarithms of powers of their base, of which floats are sure.
pub(super) fn log(args: &Args<'_>) -> Answer {
    let (number, base) = (args.number(0)?, args.number(1)?);
    match (number.as_i64(), base.as_i64()) {
        (Some(1), Some(base)) if base > 1 => Ok(0_i64.into()),
        (Some(number), Some(2)) if number > 1 && number.count_ones() == 1 => {
            Ok(i64::from(number.trailing_zeros()).into())
        }
        _ => Err(args.doubt()),
    }
}

pub(super) fn parseint(args: &Args<'_>) -> Answer {
    if !matches!(args.values[0], Value::String(_) | Value::Partial(_) | Value::Unknown(_)) {
        return args.wrong("a string is needed");
    }
    let (text, base) = (args.text(0)?, args.whole(1)?);
    if !(2..=62).contains(&base) {
        return args.wrong("the base is not one from 2 to 62");
    }
    if base > 36 {
        return Err(args.doubt());
    }
    let digits = text.strip_prefix('-').unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        // Go also takes a plus sign.
        return if digits.contains(['+', '_']) {
            Err(args.doubt())
        } else {
            args.wrong("no number")
        };
    }
    let base = u32::try_from(base).map_err(|_| args.doubt())?;
    match BigInt::parse_bytes(text.as_bytes(), base) {
        Some(whole) => Number::from_big(whole).map(Value::Number).ok_or_else(|| args.doubt()),
        None => args.wrong("this is no number in that base"),
    }
}
