//! `format` and `formatlist`.

use super::{Answer, Args, Unknown, Value, convert, encoding};
use crate::config::eval::{number::Number, value::Pieces};
use num_bigint::BigInt;
use unicode_segmentation::UnicodeSegmentation;

/// Wider padding and longer fractions are not written.
const WIDEST: usize = 4096;

/// `%` with all that stands up to its verb.
#[derive(Default)]
struct Verb {
    zero: bool,
    sharp: bool,
    minus: bool,
    plus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
    index: Option<usize>,
    mode: char,
}

pub(super) fn format(args: &Args<'_>) -> Answer {
    let pattern = args.text(0)?;
    formatted(args, &pattern, &args.values[1..])
}

fn formatted(args: &Args<'_>, pattern: &str, values: &[Value]) -> Answer {
    let mut made = Pieces::default();
    let (mut next, mut used) = (0, 0);
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('%') {
        made.text(before);
        if let Some(after) = after.strip_prefix('%') {
            made.text("%");
            rest = after;
            continue;
        }
        let (verb, after) = read(after).ok_or_else(|| args.doubt())?;
        rest = after;
        let at = match verb.index {
            Some(0) => return args.wrong("arguments are counted from 1"),
            Some(index) => index - 1,
            None => next,
        };
        next = at + 1;
        used = used.max(next);
        let Some(value) = values.get(at) else { return args.wrong("an argument is missing") };
        write(args, &verb, value, &mut made)?;
        if made.len() > crate::config::eval::cost::TEXT {
            return Err(Unknown::Limit);
        }
    }
    made.text(rest);
    if used < values.len() {
        return args.wrong("there are more arguments than verbs");
    }
    Ok(made.finish())
}

/// Reads what follows a `%`, and returns what follows that.
fn read(text: &str) -> Option<(Verb, &str)> {
    let mut verb = Verb::default();
    let mut rest = text;
    loop {
        let flag = rest.chars().next()?;
        match flag {
            '0' => verb.zero = true,
            '#' => verb.sharp = true,
            '-' => verb.minus = true,
            '+' => verb.plus = true,
            ' ' => verb.space = true,
            _ => break,
        }
        rest = &rest[1..];
    }
    (verb.width, rest) = digits(rest)?;
    if let Some(after) = rest.strip_prefix('.') {
        let (precision, after) = digits(after)?;
        verb.precision = Some(precision.unwrap_or(0));
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('[') {
        let (index, after) = digits(after)?;
        verb.index = Some(index?);
        rest = after.strip_prefix(']')?;
    }
    verb.mode = rest.chars().next()?;
    rest = &rest[verb.mode.len_utf8()..];
    Some((verb, rest))
}

fn digits(text: &str) -> Option<(Option<usize>, &str)> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &text[..text.len() - rest.len()];
    if digits.is_empty() {
        return Some((None, rest));
    }
    let number = digits.parse().ok().filter(|number| *number <= WIDEST)?;
    Some((Some(number), rest))
}

fn write(args: &Args<'_>, verb: &Verb, value: &Value, made: &mut Pieces) -> Result<(), Unknown> {
    if let Value::Unknown(why) = value {
        made.unknown(why);
        return Ok(());
    }
    if value.is_null() && verb.mode != 'v' {
        return args.wrong("null cannot be formatted");
    }
    let text = match verb.mode {
        's' | 'v' if matches!(value, Value::Partial(_)) => {
            if verb.width.is_some() || verb.precision.is_some() || verb.sharp {
                return Err(convert::reason(value));
            }
            made.add(value);
            return Ok(());
        }
        's' => {
            let text = super::known_text(&convert::text(value)?)?;
            match verb.precision {
                Some(most) => text.graphemes(true).take(most).collect(),
                None => text.as_ref().to_owned(),
            }
        }
        'q' if verb.precision.is_none() => {
            encoding::quoted(&super::known_text(&convert::text(value)?)?)
        }
        't' => {
            // It takes no notice of a width.
            made.text(&convert::boolean(value)?.to_string());
            return Ok(());
        }
        'v' => plain(args, verb, value)?,
        'd' | 'b' | 'o' | 'x' | 'X' => {
            made.text(&whole(args, verb, &convert::number(value)?)?);
            return Ok(());
        }
        'f' | 'F' => {
            made.text(&fraction(args, verb, &convert::number(value)?)?);
            return Ok(());
        }
        'e' | 'E' | 'g' | 'G' => {
            convert::number(value)?;
            return Err(args.doubt());
        }
        _ => return args.wrong("there is no such verb"),
    };
    made.text(&padded(verb, text));
    Ok(())
}

/// `%v`: strings and numbers as they are, and everything else as JSON.
fn plain(args: &Args<'_>, verb: &Verb, value: &Value) -> Result<String, Unknown> {
    match value {
        Value::String(text) if !verb.sharp => Ok(text.as_ref().to_owned()),
        Value::Number(number) if !verb.sharp => {
            let text = number.to_string();
            let size = number.as_f64().abs();
            // Others are written with an exponent.
            let short = size < 1e6 && (size >= 1e-4 || number.is_zero());
            if short { Ok(text) } else { Err(args.doubt()) }
        }
        value => Ok(super::known_text(&encoding::as_json(value)?)?.as_ref().to_owned()),
    }
}

fn padded(verb: &Verb, text: String) -> String {
    let missing = verb.width.unwrap_or(0).saturating_sub(text.graphemes(true).count());
    if missing == 0 {
        return text;
    }
    match (verb.minus, verb.zero) {
        (true, _) => text + &" ".repeat(missing),
        (false, true) => "0".repeat(missing) + &text,
        (false, false) => " ".repeat(missing) + &text,
    }
}

/// Pads a number as Go does: zeros stand behind the sign.
fn signed(args: &Args<'_>, verb: &Verb, negative: bool, digits: &str) -> Result<String, Unknown> {
    let sign = match (negative, verb.plus, verb.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    };
    let missing = verb.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
    Ok(match (verb.minus, verb.zero) {
        (true, true) => return Err(args.doubt()),
        (true, false) => format!("{sign}{digits}{}", " ".repeat(missing)),
        (false, true) => format!("{sign}{}{digits}", "0".repeat(missing)),
        (false, false) => format!("{}{sign}{digits}", " ".repeat(missing)),
    })
}

fn whole(args: &Args<'_>, verb: &Verb, number: &Number) -> Result<String, Unknown> {
    let Some(whole) = number.to_big() else { return Err(args.doubt()) };
    if verb.sharp || verb.precision.is_some() {
        return Err(args.doubt());
    }
    let magnitude = BigInt::from(whole.magnitude().clone());
    let digits = match verb.mode {
        'd' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        _ => format!("{magnitude:X}"),
    };
    signed(args, verb, number.is_negative(), &digits)
}

fn fraction(args: &Args<'_>, verb: &Verb, number: &Number) -> Result<String, Unknown> {
    if verb.sharp {
        return Err(args.doubt());
    }
    let digits = number.fixed(verb.precision.unwrap_or(6));
    signed(args, verb, number.is_negative(), &digits)
}

pub(super) fn formatlist(args: &Args<'_>) -> Answer {
    let pattern = args.text(0)?;
    let mut length = None;
    for value in &args.values[1..] {
        match value {
            Value::List(items) | Value::Set(items) => {
                if length.is_some_and(|length| length != items.len()) {
                    return args.wrong("the lists are not of one length");
                }
                length = Some(items.len());
            }
            // It may be a list.
            Value::Unknown(why) => return Err(why.clone()),
            _ => {}
        }
    }
    let Some(length) = length else {
        return Ok(Value::list([formatted(args, &pattern, &args.values[1..])?]));
    };
    let mut made = Vec::new();
    for at in 0..length {
        let row: Vec<Value> = args.values[1..]
            .iter()
            .map(|value| match value {
                Value::List(items) | Value::Set(items) => items[at].clone(),
                other => other.clone(),
            })
            .collect();
        made.push(formatted(args, &pattern, &row)?);
    }
    Ok(Value::list(made))
}
