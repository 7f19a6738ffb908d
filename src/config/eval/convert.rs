//! Terraform's conversions between the kinds of values, and its `==`.

use super::{
    number::Number,
    value::{Piece, Unknown, Value},
};
use std::{collections::BTreeMap, sync::Arc};

/// Returns the string that a value is converted to, which can be partly known.
pub(super) fn text(value: &Value) -> Result<Value, Unknown> {
    Ok(match value {
        Value::String(_) | Value::Partial(_) => value.clone(),
        Value::Number(number) => Value::String(number.to_string().into()),
        Value::Bool(value) => Value::String(value.to_string().into()),
        Value::Unknown(why) => return Err(why.clone()),
        other => return Err(unfit(other, "a string")),
    })
}

/// Returns the number that a value is converted to.
pub(super) fn number(value: &Value) -> Result<Number, Unknown> {
    match value {
        Value::Number(number) => Ok(number.clone()),
        Value::String(text) => read_number(text),
        Value::Unknown(why) => Err(why.clone()),
        Value::Partial(_) => Err(reason(value)),
        other => Err(unfit(other, "a number")),
    }
}

fn read_number(text: &str) -> Result<Number, Unknown> {
    if let Some(number) = Number::parse(text) {
        return Ok(number);
    }
    // Go reads more notations than the plain one, and these are what it could begin with.
    let digits = text.trim_start_matches(['+', '-']);
    let number = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.chars().all(|c| c.is_ascii_digit() || "+-._eEpP".contains(c));
    if number || digits.to_ascii_lowercase().starts_with("inf") {
        return Err(Unknown::function("tonumber"));
    }
    Err(Unknown::invalid("a number is required"))
}

/// Returns the boolean that a value is converted to.
pub(super) fn boolean(value: &Value) -> Result<bool, Unknown> {
    match value {
        Value::Bool(value) => Ok(*value),
        Value::String(text) => match text.as_ref() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(Unknown::invalid("`true` or `false` is required")),
        },
        Value::Unknown(why) => Err(why.clone()),
        Value::Partial(_) => Err(reason(value)),
        other => Err(unfit(other, "`true` or `false`")),
    }
}

fn unfit(value: &Value, wanted: &str) -> Unknown {
    Unknown::invalid(format!("this is {}, where {wanted} is needed", value.kind()))
}

/// Returns why a value that is not wholly known is not.
pub(super) fn reason(value: &Value) -> Unknown {
    value.unknown().cloned().unwrap_or(Unknown::Limit)
}

/// Returns whether `==` holds.
pub(super) fn equal(left: &Value, right: &Value) -> Result<bool, Unknown> {
    match (left, right) {
        (Value::Unknown(why), other) | (other, Value::Unknown(why)) => match other {
            Value::Unknown(other) if other.is_invalid() => Err(other.clone()),
            _ => Err(why.clone()),
        },
        (Value::Null, Value::Null) => Ok(true),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Number(a), Value::Number(b)) => Ok(a == b),
        (Value::String(a), Value::String(b)) => Ok(a == b),
        (Value::Partial(pieces), Value::String(text))
        | (Value::String(text), Value::Partial(pieces)) => {
            if contradicts(pieces, text) {
                Ok(false)
            } else {
                Err(reason_of(pieces))
            }
        }
        (Value::Partial(pieces), Value::Partial(_)) => Err(reason_of(pieces)),
        (Value::List(a), Value::List(b)) => all_equal(a.len() == b.len(), a.iter().zip(b.iter())),
        (Value::Map(a), Value::Map(b)) => {
            all_equal(a.keys().eq(b.keys()), a.values().zip(b.values()))
        }
        (Value::Set(a), Value::Set(b)) => {
            let both = a.iter().chain(b.iter());
            if !both.clone().all(is_plain) || a.is_empty() || b.is_empty() {
                return Err(Unknown::function("=="));
            }
            Ok(a == b)
        }
        _ => Ok(false),
    }
}

/// Whether a value is a known boolean, number or string.
pub(super) fn is_plain(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}

fn all_equal<'a>(
    same: bool,
    pairs: impl Iterator<Item = (&'a Value, &'a Value)>,
) -> Result<bool, Unknown> {
    if !same {
        return Ok(false);
    }
    let mut doubt = None;
    for (left, right) in pairs {
        match equal(left, right) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(why) => doubt = Some(why),
        }
    }
    // A list is not equal to a tuple, nor a map to an object.
    Err(doubt.unwrap_or_else(|| Unknown::function("==")))
}

fn reason_of(pieces: &[Piece]) -> Unknown {
    let unknown = pieces.iter().find_map(|piece| match piece {
        Piece::Unknown(why) => Some(why.clone()),
        Piece::Text(_) => None,
    });
    unknown.unwrap_or(Unknown::Limit)
}

/// Whether a text cannot be what a partly known string comes to.
fn contradicts(pieces: &[Piece], text: &str) -> bool {
    // Where two parts meet, other than ASCII may be composed anew.
    let ascii = |piece: &Piece| match piece {
        Piece::Text(known) => known.is_ascii(),
        Piece::Unknown(_) => true,
    };
    if !text.is_ascii() || !pieces.iter().all(ascii) {
        return false;
    }
    let starts = match pieces.first() {
        Some(Piece::Text(known)) => text.starts_with(known.as_ref()),
        _ => true,
    };
    let ends = match pieces.last() {
        Some(Piece::Text(known)) => text.ends_with(known.as_ref()),
        _ => true,
    };
    let least: usize = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(known) => known.len(),
            Piece::Unknown(_) => 0,
        })
        .sum();
    !starts || !ends || least > text.len()
}

/// How deep values are looked into to find a common type.
const UNIFIED: usize = 6;

/// Converts values to the one type that Terraform finds for all of them, as it does with the
/// branches of a condition and the elements of a list.
///
/// # Errors
///
/// What is wrong, or [`Unknown::Function`] of `name` when the outcome rests on whether something
/// is a list or a tuple, a map or an object, which values do not tell.
pub(super) fn unify(values: Vec<Value>, name: &str) -> Result<Vec<Value>, Unknown> {
    unify_within(values, name, UNIFIED)
}

fn unify_within(values: Vec<Value>, name: &str, depth: usize) -> Result<Vec<Value>, Unknown> {
    let doubt = || Unknown::function(name);
    let kinds: Vec<Kind> = values.iter().map(Kind::of).filter(|kind| *kind != Kind::Null).collect();
    let known: Vec<Kind> = kinds.iter().copied().filter(|kind| *kind != Kind::Unknown).collect();
    let has_unknown = known.len() < kinds.len();
    let Some(first) = known.first().copied() else { return Ok(values) };
    if kinds.len() == 1 {
        return Ok(values);
    }
    let all = |wanted: &[Kind]| known.iter().all(|kind| wanted.contains(kind));
    if all(&[Kind::String, Kind::Number, Kind::Bool]) {
        if all(&[first]) && (!has_unknown || first == Kind::String) {
            return Ok(values);
        }
        if has_unknown && !known.contains(&Kind::String) {
            return Err(doubt());
        }
        if !known.contains(&Kind::String) {
            return Err(Unknown::invalid("a number and a boolean have no type in common"));
        }
        return values
            .into_iter()
            .map(|value| match value {
                Value::Null | Value::Unknown(_) => Ok(value),
                other => text(&other),
            })
            .collect();
    }
    if has_unknown || depth == 0 {
        // What is unknown could be of another type, to which the others would be converted.
        return if only_strings(&values, depth) && all(&[first]) {
            Ok(values)
        } else {
            Err(doubt())
        };
    }
    if all(&[Kind::List]) {
        return unify_lists(values, name, depth);
    }
    if all(&[Kind::Map]) {
        return unify_maps(values, name, depth);
    }
    if all(&[Kind::Set]) {
        let first = values.first().map(Value::items).and_then(<[Value]>::first).map(Kind::of);
        let same = values.iter().flat_map(Value::items).all(|item| Some(Kind::of(item)) == first);
        return if same { Ok(values) } else { Err(doubt()) };
    }
    if all(&[Kind::List, Kind::Set]) {
        return Err(doubt());
    }
    Err(Unknown::invalid("these have no type in common"))
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Unknown,
    Null,
    Bool,
    Number,
    String,
    List,
    Set,
    Map,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Unknown(_) => Self::Unknown,
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) | Value::Partial(_) => Self::String,
            Value::List(_) => Self::List,
            Value::Set(_) => Self::Set,
            Value::Map(_) => Self::Map,
        }
    }
}

/// Whether nothing in these would be converted to a string beside a string.
fn only_strings(values: &[Value], depth: usize) -> bool {
    values.iter().all(|value| match value {
        Value::Bool(_) | Value::Number(_) | Value::Set(_) => false,
        Value::List(items) => depth > 0 && only_strings(items, depth - 1),
        Value::Map(entries) => {
            depth > 0 && entries.values().all(|v| only_strings(std::slice::from_ref(v), depth - 1))
        }
        _ => true,
    })
}

/// Whether all are of one type, whichever of list and tuple, map and object they are.
fn same_shape(values: &[&Value], depth: usize) -> bool {
    let mut known = values.iter().filter(|value| !value.is_null());
    let Some(first) = known.next() else { return true };
    let kind = Kind::of(first);
    if kind == Kind::Unknown || known.any(|value| Kind::of(value) != kind) {
        return false;
    }
    match kind {
        Kind::List | Kind::Set => {
            let lists: Vec<&[Value]> =
                values.iter().filter(|v| !v.is_null()).map(|value| value.items()).collect();
            let items: Vec<&Value> = lists.iter().copied().flatten().collect();
            // Of different elements only a tuple can be.
            let tuples = |length: usize| {
                lists.iter().all(|list| list.len() == length)
                    && (0..length).all(|at| {
                        let column: Vec<&Value> = lists.iter().map(|list| &list[at]).collect();
                        same_shape(&column, depth - 1)
                    })
            };
            depth > 0
                && (same_shape(&items, depth - 1)
                    || kind == Kind::List && tuples(lists.first().map_or(0, |list| list.len())))
        }
        Kind::Map => {
            let maps: Vec<&Value> = values.iter().copied().filter(|v| !v.is_null()).collect();
            let items: Vec<&Value> =
                maps.iter().flat_map(|map| map.entries().map(|(_, value)| value)).collect();
            // Of different values only an object can be.
            let objects = || {
                let keys = || first.entries().map(|(key, _)| key);
                maps.iter().all(|map| map.entries().map(|(key, _)| key).eq(keys()))
                    && keys().all(|key| {
                        let column: Vec<&Value> = maps.iter().filter_map(|m| m.get(key)).collect();
                        same_shape(&column, depth - 1)
                    })
            };
            depth > 0 && (same_shape(&items, depth - 1) || objects())
        }
        _ => true,
    }
}

fn unify_lists(values: Vec<Value>, name: &str, depth: usize) -> Result<Vec<Value>, Unknown> {
    if same_shape(&values.iter().collect::<Vec<_>>(), depth) {
        return Ok(values);
    }
    let lengths: Vec<usize> =
        values.iter().filter(|v| !v.is_null()).map(|value| value.items().len()).collect();
    let as_lists = || {
        let items = values.iter().flat_map(|value| value.items().iter().cloned()).collect();
        let mut items = unify_within(items, name, depth - 1)?.into_iter();
        let list = |value: &Value| match value {
            Value::Null => Value::Null,
            other => Value::list(items.by_ref().take(other.items().len())),
        };
        Ok::<_, Unknown>(values.iter().map(list).collect::<Vec<_>>())
    };
    let Some(first) = lengths.first().copied().filter(|first| lengths.iter().all(|l| l == first))
    else {
        return as_lists();
    };
    let as_tuples = || {
        let mut columns = Vec::new();
        for at in 0..first {
            let column =
                values.iter().map(|v| v.items().get(at).cloned().unwrap_or(Value::Null)).collect();
            columns.push(unify_within(column, name, depth - 1)?);
        }
        let row = |(at, value): (usize, &Value)| match value {
            Value::Null => Value::Null,
            _ => Value::list(columns.iter().map(|column: &Vec<Value>| column[at].clone())),
        };
        Ok::<_, Unknown>(values.iter().enumerate().map(row).collect::<Vec<_>>())
    };
    both(as_lists(), as_tuples(), name)
}

fn unify_maps(values: Vec<Value>, name: &str, depth: usize) -> Result<Vec<Value>, Unknown> {
    if same_shape(&values.iter().collect::<Vec<_>>(), depth) {
        return Ok(values);
    }
    let as_maps = || {
        let items =
            values.iter().flat_map(|value| value.entries().map(|(_, v)| v.clone())).collect();
        let mut items = unify_within(items, name, depth - 1)?.into_iter();
        let map = |value: &Value| match value {
            Value::Map(entries) => {
                let keys = entries.keys().cloned();
                Value::map(keys.zip(items.by_ref().take(entries.len())).collect::<Vec<_>>())
            }
            _ => Value::Null,
        };
        Ok::<_, Unknown>(values.iter().map(map).collect::<Vec<_>>())
    };
    let keys: Vec<Vec<&str>> = values
        .iter()
        .filter(|value| !value.is_null())
        .map(|value| value.entries().map(|(key, _)| key).collect())
        .collect();
    if keys.windows(2).any(|pair| pair[0] != pair[1]) {
        return as_maps();
    }
    let as_objects = || {
        let mut made = vec![BTreeMap::new(); values.len()];
        for key in &keys[0] {
            let column =
                values.iter().map(|v| v.get(key).cloned().unwrap_or(Value::Null)).collect();
            let column = unify_within(column, name, depth - 1)?;
            for (entries, value) in made.iter_mut().zip(column) {
                entries.insert((*key).to_owned(), value);
            }
        }
        let object = |(value, made): (&Value, BTreeMap<String, Value>)| match value {
            Value::Null => Value::Null,
            _ => Value::Map(Arc::new(made)),
        };
        Ok::<_, Unknown>(values.iter().zip(made).map(object).collect::<Vec<_>>())
    };
    both(as_maps(), as_objects(), name)
}

fn both(
    one: Result<Vec<Value>, Unknown>,
    other: Result<Vec<Value>, Unknown>,
    name: &str,
) -> Result<Vec<Value>, Unknown> {
    match one {
        // What has no type in common is no list and no map.
        Err(why) if why.is_invalid() => other,
        one if one == other => one,
        _ => Err(Unknown::function(name)),
    }
}
