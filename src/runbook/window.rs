//! A window of time, as a block of the runbook.

use super::{Mistake, reader::Reader};
use crate::{
    config::body::Block,
    model::window::{Hour, Window, WindowError, weekday, zone},
};
use jiff::{Timestamp, tz::TimeZone};

/// The attributes of a window.
pub(super) const ATTRIBUTES: &[&str] = &["days", "from", "until", "zone"];

/// Reads a window: with `days` one of every week, without them from one moment to another.
pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Window> {
    let mut reader = Reader::new(block, ATTRIBUTES, &[], mistakes);
    reader.required("from")?;
    reader.required("until")?;
    if reader.expr("days").is_none() {
        let (from, until): (Timestamp, Timestamp) =
            (reader.parsed("from")?, reader.parsed("until")?);
        if from < until {
            return Some(Window::Once { from, until });
        }
        reader.wrong(Mistake::new(block.place(), WindowError::Backwards.to_string()));
        return None;
    }
    let mut days = Vec::new();
    for (text, place) in reader.strings("days") {
        match weekday(&text) {
            Ok(day) => days.push(day),
            Err(error) => reader.wrong(Mistake::new(place, format!("`days`: {error}"))),
        }
    }
    let in_zone = match reader.string("zone") {
        None => TimeZone::UTC,
        Some((text, place)) => zone(&text)
            .map_err(|error| reader.wrong(Mistake::new(place, error.to_string())))
            .ok()?,
    };
    let (from, until): (Hour, Hour) = (reader.parsed("from")?, reader.parsed("until")?);
    if days.is_empty() {
        reader.wrong(Mistake::new(block.place(), "the window is on no day"));
        return None;
    }
    Some(Window::Weekly { days, from: from.0, until: until.0, zone: in_zone })
}

/// Reads all windows of a kind within `block`, each with its name.
pub(super) fn named(
    block: &Block,
    kind: &str,
    mistakes: &mut Vec<Mistake>,
) -> Vec<(String, Window)> {
    let mut windows = Vec::new();
    for inner in block.body().blocks_of(kind) {
        let labels: Vec<&str> = inner.labels().collect();
        let [name] = labels[..] else {
            let message = format!("`{kind}` takes a name as its label");
            mistakes.push(
                Mistake::new(inner.place(), message)
                    .hint(format!("Write it as `{kind} \"NAME\" {{ … }}`")),
            );
            continue;
        };
        windows.extend(read(inner, mistakes).map(|window| (name.to_owned(), window)));
    }
    windows
}
