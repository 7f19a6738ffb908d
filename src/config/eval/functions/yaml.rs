//! `yamldecode`.
//!
//! The scalars that every version of YAML reads in one way are read, and others are not.

use super::{Answer, Args, Number, Unknown, Value};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;

/// How deep collections may stand in each other.
const DEPTH: usize = 64;

pub(super) fn yamldecode(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    let mut events = Parser::new_from_str(&text).map(|event| event.map(|(event, _)| event));
    let mut next = || match events.next() {
        Some(Ok(event)) => Ok(event),
        // The parsers do not refuse all the same texts.
        Some(Err(_)) | None => Err(args.doubt()),
    };
    let started = (next()?, next()?);
    if !matches!(started, (Event::StreamStart, Event::DocumentStart(_))) {
        return Err(args.doubt());
    }
    let first = next()?;
    let value = node(args, first, &mut next, DEPTH)?;
    match (next()?, next()?) {
        (Event::DocumentEnd, Event::StreamEnd) => Ok(value),
        _ => Err(args.doubt()),
    }
}

fn node<'e>(
    args: &Args<'_>,
    event: Event<'e>,
    next: &mut impl FnMut() -> Result<Event<'e>, Unknown>,
    depth: usize,
) -> Answer {
    if depth == 0 {
        return Err(Unknown::Limit);
    }
    match event {
        Event::Scalar(text, style, 0, None) => scalar(args, &text, style),
        Event::SequenceStart(0, None) => {
            let mut items = Vec::new();
            loop {
                match next()? {
                    Event::SequenceEnd => return Ok(Value::list(items)),
                    event => items.push(node(args, event, next, depth - 1)?),
                }
            }
        }
        Event::MappingStart(0, None) => {
            let mut entries = BTreeMap::new();
            loop {
                let key = match next()? {
                    Event::MappingEnd => return Ok(Value::map(entries)),
                    event => node(args, event, next, depth - 1)?,
                };
                let value = next()?;
                let value = node(args, value, next, depth - 1)?;
                let Some(key) = key.text().filter(|key| *key != "<<") else {
                    return Err(args.doubt());
                };
                if entries.insert(key.to_owned(), value).is_some() {
                    return Err(args.doubt());
                }
            }
        }
        // Anchors, aliases and tags.
        _ => Err(args.doubt()),
    }
}

fn scalar(args: &Args<'_>, text: &str, style: ScalarStyle) -> Answer {
    if style != ScalarStyle::Plain {
        return Ok(text.into());
    }
    match text {
        "" | "~" | "null" => return Ok(Value::Null),
        "true" => return Ok(true.into()),
        "false" => return Ok(false.into()),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if plain(whole) && plain(fraction) && (whole == "0" || !whole.starts_with('0')) {
        // More digits are cut to a float of the machine.
        let few = whole.len() + fraction.len() <= 15;
        return match Number::parse(text).filter(|_| few) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(args.doubt()),
        };
    }
    let word = text.to_ascii_lowercase();
    let special = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "=", "<<"];
    let starts_odd = text.starts_with(|c: char| c.is_ascii_digit() || "+-.=<&*!@`%".contains(c));
    // A host, a version or a range is no number in any version of YAML.
    let certain = text.starts_with(|c: char| c.is_ascii_digit())
        && text.contains(|c: char| c.is_ascii_alphabetic() && !"xobeXOBEtTzZ_".contains(c))
        || text.matches('.').count() > 1 && !text.contains([':', '_']);
    if special.contains(&word.as_str()) || starts_odd && !certain {
        return Err(args.doubt());
    }
    Ok(text.into())
}
