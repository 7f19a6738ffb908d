//! Functions that convert to a type.

use super::{Answer, Args, Value, convert};
use crate::config::eval::types;

pub(super) fn same(args: &Args<'_>) -> Answer {
    Ok(args.values[0].clone())
}

pub(super) fn tostring(args: &Args<'_>) -> Answer {
    match &args.values[0] {
        Value::Null => Ok(Value::Null),
        value => convert::text(value),
    }
}

pub(super) fn tonumber(args: &Args<'_>) -> Answer {
    match &args.values[0] {
        Value::Null => Ok(Value::Null),
        value => convert::number(value).map(Value::Number),
    }
}

pub(super) fn tobool(args: &Args<'_>) -> Answer {
    match &args.values[0] {
        Value::Null => Ok(Value::Null),
        value => convert::boolean(value).map(Value::Bool),
    }
}

pub(super) fn tolist(args: &Args<'_>) -> Answer {
    if args.values[0].is_null() {
        return Ok(Value::Null);
    }
    convert::unify(args.items(0)?.to_vec(), args.name).map(Value::list)
}

pub(super) fn toset(args: &Args<'_>) -> Answer {
    if args.values[0].is_null() {
        return Ok(Value::Null);
    }
    types::set(convert::unify(args.items(0)?.to_vec(), args.name)?)
}

pub(super) fn tomap(args: &Args<'_>) -> Answer {
    if args.values[0].is_null() {
        return Ok(Value::Null);
    }
    let entries = args.entries(0)?;
    let values = convert::unify(entries.values().cloned().collect(), args.name)?;
    Ok(Value::map(entries.keys().cloned().zip(values)))
}
