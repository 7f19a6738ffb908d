//! Functions of lists.

use super::{Answer, Args, Unknown, Value, convert};
use unicode_segmentation::UnicodeSegmentation;

pub(super) fn alltrue(args: &Args<'_>) -> Answer {
    decided(args, false)
}

pub(super) fn anytrue(args: &Args<'_>) -> Answer {
    decided(args, true)
}

/// One decisive element decides, whatever the others come to.
fn decided(args: &Args<'_>, decisive: bool) -> Answer {
    let mut doubt = None;
    let mut found = false;
    for item in args.items(0)? {
        match item {
            Value::Null => found |= !decisive,
            item => match convert::boolean(item) {
                Ok(value) => found |= value == decisive,
                Err(why) if why.is_invalid() => return Err(why),
                Err(why) => doubt = Some(why),
            },
        }
    }
    match doubt {
        Some(why) if !found => Err(why),
        _ => Ok(Value::Bool(found == decisive)),
    }
}

pub(super) fn chunklist(args: &Args<'_>) -> Answer {
    let items = convert::unify(args.list(0)?.to_vec(), args.name)?;
    let size = args.whole(1)?;
    let Ok(size) = usize::try_from(size) else { return args.wrong("the size is negative") };
    if items.is_empty() {
        return Ok(Value::list([]));
    }
    let size = if size == 0 { items.len() } else { size };
    Ok(Value::list(items.chunks(size).map(|chunk| Value::list(chunk.iter().cloned()))))
}

pub(super) fn coalesce(args: &Args<'_>) -> Answer {
    let all = convert::unify(args.values.to_vec(), args.name);
    // Where the type is in doubt, a string is a string if there are only such before it.
    let all = match all {
        Ok(all) => all,
        Err(why) if why.is_invalid() => return Err(why),
        Err(why) => match args.values.iter().find(|value| !is_empty(value)) {
            Some(text @ (Value::String(_) | Value::Partial(_))) => return Ok(text.clone()),
            _ => return Err(why),
        },
    };
    match all.into_iter().find(|value| !is_empty(value)) {
        Some(Value::Unknown(why)) => Err(why),
        // Of a string that may be empty nobody knows whether it is taken.
        Some(Value::Partial(pieces)) => Ok(Value::Partial(pieces)),
        Some(value) => Ok(value),
        None => args.wrong("every argument is null or empty"),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.text() == Some("")
}

pub(super) fn coalescelist(args: &Args<'_>) -> Answer {
    for at in 0..args.values.len() {
        if args.values[at].is_null() {
            continue;
        }
        if !args.list(at)?.is_empty() {
            return Ok(args.values[at].clone());
        }
    }
    args.wrong("every list is empty")
}

pub(super) fn compact(args: &Args<'_>) -> Answer {
    let mut kept = Vec::new();
    for item in args.items(0)? {
        match item {
            Value::Null => {}
            Value::Unknown(why) => return Err(why.clone()),
            item => {
                let text = convert::text(item)?;
                if text.text() != Some("") {
                    kept.push(text);
                }
            }
        }
    }
    Ok(Value::list(kept))
}

pub(super) fn concat(args: &Args<'_>) -> Answer {
    let mut all = Vec::new();
    for at in 0..args.values.len() {
        all.extend_from_slice(args.list(at)?);
    }
    // Lists of several types are made one type, tuples are not.
    match convert::unify(all.clone(), args.name) {
        Ok(same) if same == all => Ok(Value::list(all)),
        _ => {
            let mixed = |at: usize| {
                let items = args.list(at).map(<[Value]>::to_vec).unwrap_or_default();
                !items.is_empty() && convert::unify(items.clone(), args.name) != Ok(items)
            };
            // A value that is certain to be a tuple makes the whole one.
            let tuple = (0..args.values.len()).any(mixed);
            let plain = |value: &Value| value.is_null() || convert::is_plain(value);
            let unclear = all.iter().any(|value| matches!(value, Value::Unknown(_)));
            if unclear && all.iter().all(|v| !matches!(v, Value::Number(_) | Value::Bool(_))) {
                return Ok(Value::list(all));
            }
            if tuple && all.iter().all(plain) { Ok(Value::list(all)) } else { Err(args.doubt()) }
        }
    }
}

pub(super) fn contains(args: &Args<'_>) -> Answer {
    let wanted = args.given(1)?;
    let mut doubt = None;
    for item in args.items(0)? {
        match convert::equal(item, wanted) {
            Ok(true) => return Ok(true.into()),
            Ok(false) => {}
            Err(why) => doubt = Some(why),
        }
    }
    doubt.map_or(Ok(false.into()), Err)
}

pub(super) fn index(args: &Args<'_>) -> Answer {
    let wanted = args.given(1)?;
    for (at, item) in args.list(0)?.iter().enumerate() {
        if convert::equal(item, wanted)? {
            return Ok(at.into());
        }
    }
    args.wrong("there is no such element")
}

pub(super) fn distinct(args: &Args<'_>) -> Answer {
    let items = convert::unify(args.list(0)?.to_vec(), args.name)?;
    if let Some(why) = items.iter().find_map(Value::unknown) {
        return Err(why.clone());
    }
    if items.len() > 2000 {
        return Err(Unknown::Limit);
    }
    let mut kept: Vec<Value> = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    Ok(Value::list(kept))
}

pub(super) fn element(args: &Args<'_>) -> Answer {
    let items = args.list(0)?;
    let at = args.whole(1)?;
    let Ok(at) = usize::try_from(at) else { return Err(args.doubt()) };
    if items.is_empty() {
        return args.wrong("the list is empty");
    }
    Ok(items[at % items.len()].clone())
}

pub(super) fn flatten(args: &Args<'_>) -> Answer {
    let mut flat = Vec::new();
    spread(args.items(0)?, &mut flat)?;
    Ok(Value::list(flat))
}

fn spread(items: &[Value], flat: &mut Vec<Value>) -> Result<(), Unknown> {
    for item in items {
        match item {
            Value::List(items) | Value::Set(items) => spread(items, flat)?,
            // It may be a list.
            Value::Unknown(why) => return Err(why.clone()),
            item => flat.push(item.clone()),
        }
    }
    Ok(())
}

pub(super) fn length(args: &Args<'_>) -> Answer {
    Ok(match args.given(0)? {
        Value::List(items) | Value::Set(items) => items.len().into(),
        Value::Map(entries) => entries.len().into(),
        Value::String(text) => text.graphemes(true).count().into(),
        partial @ Value::Partial(_) => return Err(convert::reason(partial)),
        _ => return args.wrong("this has no length"),
    })
}

pub(super) fn one(args: &Args<'_>) -> Answer {
    match args.items(0)? {
        [] => Ok(Value::Null),
        [one] => Ok(one.clone()),
        _ => args.wrong("there is more than one element"),
    }
}

pub(super) fn range(args: &Args<'_>) -> Answer {
    let number = |at: usize| args.number(at);
    let zero = || Ok(0_i64.into());
    let (start, limit) = match args.values.len() {
        1 => (zero()?, number(0)?),
        _ => (number(0)?, number(1)?),
    };
    let step = match args.values.len() {
        3 => number(2)?,
        _ if limit < start => (-1_i64).into(),
        _ => 1_i64.into(),
    };
    let down = step.is_negative();
    if step.is_zero() || (start != limit && (limit < start) != down) {
        return args.wrong("the step does not lead to the limit");
    }
    let mut made = Vec::new();
    let mut at = start;
    while if down { at > limit } else { at < limit } {
        if made.len() >= 1024 {
            return args.wrong("there are more than 1024 numbers");
        }
        let next = at.plus(&step).ok_or_else(|| args.doubt())?;
        made.push(Value::Number(std::mem::replace(&mut at, next)));
    }
    Ok(Value::list(made))
}

pub(super) fn reverse(args: &Args<'_>) -> Answer {
    Ok(Value::list(args.items(0)?.iter().rev().cloned()))
}

pub(super) fn slice(args: &Args<'_>) -> Answer {
    let items = args.list(0)?;
    let (start, end) = (args.whole(1)?, args.whole(2)?);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    match range.and_then(|(start, end)| items.get(start..end)) {
        Some(items) => Ok(Value::list(items.iter().cloned())),
        None => args.wrong("the list does not reach so far"),
    }
}

pub(super) fn sort(args: &Args<'_>) -> Answer {
    let mut texts = args.texts(0)?;
    texts.sort();
    Ok(Value::list(texts.into_iter().map(Value::String)))
}
