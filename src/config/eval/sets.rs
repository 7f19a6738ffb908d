//! The order of sets whose elements are no plain values.
//!
//! Terraform orders them by a text that it writes for each. How it writes a list and a map differs
//! from a tuple and an object, so the order is taken only when both give the same.

use super::{
    convert,
    value::{Unknown, Value},
};

/// Returns a set in Terraform's order.
///
/// # Errors
///
/// [`Unknown::Function`] when the order is not certain.
pub(super) fn ordered(items: Vec<Value>) -> Result<Value, Unknown> {
    let doubt = || Unknown::function("toset");
    let sorted = |collections: bool| {
        let mut keyed = Vec::with_capacity(items.len());
        for item in &items {
            let mut key = String::new();
            write(item, collections, &mut key, 8)?;
            keyed.push((key, item));
        }
        keyed.sort_by(|left, right| left.0.as_bytes().cmp(right.0.as_bytes()));
        keyed.dedup_by(|left, right| left.0 == right.0);
        Some(keyed.into_iter().map(|(_, item)| item.clone()).collect::<Vec<_>>())
    };
    let one = sorted(true).ok_or_else(doubt)?;
    if sorted(false).as_ref() != Some(&one) || one.iter().any(convert::is_plain) {
        return Err(doubt());
    }
    Ok(Value::Set(one.into()))
}

fn write(value: &Value, collections: bool, key: &mut String, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Unknown(_) | Value::Partial(_) | Value::Set(_) => return None,
        // Where the order of a null is asked for, other rules hold.
        Value::Null if depth == 7 => return None,
        Value::Null => key.push('~'),
        Value::Bool(value) => key.push(if *value { 'T' } else { 'F' }),
        Value::Number(number) => {
            // Longer ones are written with an exponent.
            let text = number.to_string();
            if text.len() > 9 {
                return None;
            }
            key.push_str(&text);
        }
        Value::String(text) => {
            if !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                return None;
            }
            key.push_str(&serde_json::Value::from(text.as_ref()).to_string());
        }
        Value::List(items) => {
            key.push(if collections { '[' } else { '<' });
            for item in items.iter() {
                write(item, collections, key, depth)?;
                key.push(';');
            }
            key.push(if collections { ']' } else { '>' });
        }
        Value::Map(entries) => {
            key.push(if collections { '{' } else { '<' });
            for (name, value) in entries.iter() {
                if collections {
                    write(&name.as_str().into(), collections, key, depth)?;
                    key.push(':');
                }
                write(value, collections, key, depth)?;
                key.push(';');
            }
            key.push(if collections { '}' } else { '>' });
        }
    }
    Some(())
}
