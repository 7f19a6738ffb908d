//! Functions of maps and sets.

use super::{Answer, Args, Unknown, Value, convert};
use crate::config::eval::types;
use std::collections::BTreeMap;

pub(super) fn keys(args: &Args<'_>) -> Answer {
    Ok(Value::list(args.entries(0)?.keys().map(|key| Value::from(key.as_str()))))
}

pub(super) fn values(args: &Args<'_>) -> Answer {
    Ok(Value::list(args.entries(0)?.values().cloned()))
}

pub(super) fn lookup(args: &Args<'_>) -> Answer {
    let (entries, key) = (args.entries(0)?, args.text(1)?);
    if let Some(value) = entries.get(key.as_ref()) {
        return Ok(value.clone());
    }
    let Some(default) = args.values.get(2) else { return args.wrong("there is no such key") };
    // In a map the default is converted to the type of its elements, in an object it is not.
    let mut all: Vec<Value> = entries.values().cloned().collect();
    all.push(default.clone());
    let numeric = |value: &Value| convert::number(value).is_ok() || convert::boolean(value).is_ok();
    let certain = match default {
        Value::Null => true,
        Value::String(_) if entries.values().all(|value| matches!(value, Value::String(_))) => {
            !entries.is_empty() || !numeric(default)
        }
        Value::Partial(_) => {
            entries.values().all(|v| matches!(v, Value::String(_) | Value::Partial(_)))
        }
        default if convert::is_plain(default) => {
            let kind = std::mem::discriminant(default);
            let same = entries.values().all(|value| std::mem::discriminant(value) == kind);
            let kinds: Vec<_> = entries.values().map(std::mem::discriminant).collect();
            let mixed = kinds.windows(2).any(|pair| pair[0] != pair[1])
                && !entries.values().any(|v| matches!(v, Value::Unknown(_) | Value::Null));
            !entries.is_empty() && (same || mixed)
        }
        _ => {
            convert::unify(all.clone(), args.name).is_ok_and(|unified| unified == all)
                && !entries.is_empty()
        }
    };
    match default {
        Value::Unknown(why) => Err(why.clone()),
        default if certain => Ok(default.clone()),
        _ => Err(args.doubt()),
    }
}

pub(super) fn matchkeys(args: &Args<'_>) -> Answer {
    let (values, keys, wanted) = (args.list(0)?, args.texts(1)?, args.texts(2)?);
    if values.len() != keys.len() {
        return args.wrong("the lists are not of one length");
    }
    let kept = values.iter().zip(&keys).filter(|(_, key)| wanted.contains(key));
    let kept = kept.map(|(value, _)| value.clone()).collect();
    convert::unify(kept, args.name).map(Value::list)
}

pub(super) fn merge(args: &Args<'_>) -> Answer {
    let mut made = BTreeMap::new();
    for value in args.values {
        match value {
            Value::Null => {}
            Value::Map(entries) => {
                made.extend(entries.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
            Value::Unknown(why) => return Err(why.clone()),
            _ => return args.wrong("only maps and objects can be merged"),
        }
    }
    Ok(Value::map(made))
}

/// Returns the arguments as sets of one type.
fn sets(args: &Args<'_>) -> Result<Vec<Vec<Value>>, Unknown> {
    let mut lengths = Vec::new();
    let mut all = Vec::new();
    for at in 0..args.values.len() {
        let items = args.items(at)?;
        lengths.push(items.len());
        all.extend_from_slice(items);
    }
    if !all.iter().all(convert::is_plain) {
        return Err(all.iter().find_map(Value::unknown).cloned().unwrap_or_else(|| args.doubt()));
    }
    let mut all = convert::unify(all, args.name)?.into_iter();
    Ok(lengths.into_iter().map(|length| all.by_ref().take(length).collect()).collect())
}

pub(super) fn setunion(args: &Args<'_>) -> Answer {
    types::set(sets(args)?.concat())
}

pub(super) fn setintersection(args: &Args<'_>) -> Answer {
    let mut sets = sets(args)?.into_iter();
    let first = sets.next().unwrap_or_default();
    let kept = sets
        .fold(first, |kept, other| kept.into_iter().filter(|item| other.contains(item)).collect());
    types::set(kept)
}

pub(super) fn setsubtract(args: &Args<'_>) -> Answer {
    let sets = sets(args)?;
    let (from, taken) = (&sets[0], &sets[1]);
    types::set(from.iter().filter(|item| !taken.contains(item)).cloned().collect())
}

pub(super) fn setproduct(args: &Args<'_>) -> Answer {
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for at in 0..args.values.len() {
        let items = convert::unify(args.list(at)?.to_vec(), args.name)?;
        if rows.len().saturating_mul(items.len()) > 20_000 {
            return Err(Unknown::Limit);
        }
        let longer = |row: &Vec<Value>, item: &Value| {
            let mut row = row.clone();
            row.push(item.clone());
            row
        };
        rows =
            rows.iter().flat_map(|row| items.iter().map(move |item| longer(row, item))).collect();
    }
    Ok(Value::list(rows.into_iter().map(Value::list)))
}

pub(super) fn transpose(args: &Args<'_>) -> Answer {
    let mut made: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, list) in args.entries(0)? {
        let one = [list.clone()];
        let inner = Args { name: args.name, values: &one };
        for text in inner.texts(0)? {
            made.entry(text.as_ref().to_owned()).or_default().push(key.clone());
        }
    }
    let entry = |(key, mut list): (String, Vec<String>)| {
        list.sort();
        (key, Value::list(list.into_iter().map(Value::from)))
    };
    Ok(Value::map(made.into_iter().map(entry)))
}

pub(super) fn zipmap(args: &Args<'_>) -> Answer {
    let (keys, values) = (args.texts(0)?, args.list(1)?);
    if keys.len() != values.len() {
        return args.wrong("there are not as many keys as values");
    }
    let entries = keys.iter().zip(values);
    Ok(Value::map(entries.map(|(key, value)| (key.as_ref().to_owned(), value.clone()))))
}
