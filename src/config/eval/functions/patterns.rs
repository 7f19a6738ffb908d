//! Functions with regular expressions.
//!
//! The syntax is that of Go (RE2). What the crate reads otherwise is not done.

use super::{Answer, Args, Unknown, Value};
use crate::config::eval::value::Pieces;
use regex::{Captures, Regex, RegexBuilder};
use std::collections::BTreeMap;

/// Larger programs are not built.
const SIZE: usize = 1 << 20;

fn compile(args: &Args<'_>, pattern: &str) -> Result<Regex, Unknown> {
    // These are known, or known so, only there or here.
    let other = [
        "\\Q", "\\C", "\\<", "\\>", "&&", "--", "~~", "\\u", "\\U", "(?x", "(?R", "(?u", "(?<",
        "\\K",
    ];
    if other.iter().any(|other| pattern.contains(other)) || !pattern.is_ascii() {
        return Err(args.doubt());
    }
    if pattern.contains("[[") && !pattern.contains("[[:") {
        return Err(args.doubt());
    }
    match RegexBuilder::new(pattern).size_limit(SIZE).build() {
        Ok(regex) => Ok(regex),
        // Most often that is an error in Terraform, too, but not always.
        Err(_) => Err(args.doubt()),
    }
}

/// Whether a text gives the same matches with and without classes of Unicode.
fn plain(args: &Args<'_>, text: &str) -> Result<(), Unknown> {
    if text.is_ascii() && !text.contains('\x0b') { Ok(()) } else { Err(args.doubt()) }
}

pub(super) fn regex(args: &Args<'_>) -> Answer {
    let (pattern, text) = (args.text(0)?, args.text(1)?);
    let regex = compile(args, &pattern)?;
    plain(args, &text)?;
    match regex.captures(&text) {
        Some(captures) => found(args, &regex, &captures),
        None => args.wrong("the pattern does not match"),
    }
}

pub(super) fn regexall(args: &Args<'_>) -> Answer {
    let (pattern, text) = (args.text(0)?, args.text(1)?);
    let regex = compile(args, &pattern)?;
    plain(args, &text)?;
    let all = regex.captures_iter(&text).map(|captures| found(args, &regex, &captures));
    all.collect::<Result<Vec<_>, _>>().map(Value::list)
}

fn found(args: &Args<'_>, regex: &Regex, captures: &Captures<'_>) -> Answer {
    let group = |at: usize| captures.get(at).map_or(Value::Null, |group| group.as_str().into());
    let names: Vec<Option<&str>> = regex.capture_names().skip(1).collect();
    if names.is_empty() {
        return Ok(group(0));
    }
    let named = names.iter().flatten().count();
    if named == 0 {
        return Ok(Value::list((1..=names.len()).map(group)));
    }
    if named < names.len() {
        return args.wrong("the pattern has groups with and without names");
    }
    let entries: BTreeMap<String, Value> = names
        .iter()
        .enumerate()
        .map(|(at, name)| (name.unwrap_or_default().to_owned(), group(at + 1)))
        .collect();
    Ok(Value::map(entries))
}

pub(super) fn replace(args: &Args<'_>) -> Answer {
    let (value, old, new) = (args.string(0)?, args.text(1)?, args.text(2)?);
    if let Some(pattern) = old.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        let super::super::Value::String(text) = &value else {
            return Err(super::convert::reason(&value));
        };
        let regex = compile(args, pattern)?;
        plain(args, text)?;
        return Ok(regex.replace_all(text, new.as_ref()).into_owned().into());
    }
    match &value {
        // One character never reaches from a known part into another.
        Value::Partial(pieces) if old.len() == 1 => {
            let mut made = Pieces::default();
            made.add_mapped(pieces, |text| text.replace(old.as_ref(), &new));
            Ok(made.finish())
        }
        Value::String(text) => Ok(text.replace(old.as_ref(), &new).into()),
        other => Err(super::convert::reason(other)),
    }
}
