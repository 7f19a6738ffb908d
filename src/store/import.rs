//! Runs from elsewhere: one JSON object a line, all or none of them.

use super::{Store, StoreError, put};
use crate::model::{
    record::{RunRecord, SCHEMA},
    run::RunId,
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// A run as a line tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Which line, from 1.
    pub number: usize,
    /// The run.
    pub record: RunRecord,
    /// The line itself, which may have keys that this drctl does not know.
    pub text: String,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Which line, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.number, self.why)
    }
}

/// What became of the runs of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Runs that were not there.
    pub added: Vec<RunId>,
    /// Runs that were there as they are.
    pub same: Vec<RunId>,
    /// Runs that were there in other words, and are kept as they were.
    pub kept: Vec<RunId>,
    /// Runs that were there in other words, and were replaced.
    pub replaced: Vec<RunId>,
}

/// Reads one run a line. Empty lines are passed over; the same run may come twice.
///
/// # Errors
///
/// [`StoreError::Lines`] with every line that cannot be used.
pub fn read_lines(text: &[u8]) -> Result<Vec<Line>, StoreError> {
    let (mut good, mut bad) = (Vec::<Line>::new(), Vec::new());
    let mut seen: BTreeMap<RunId, usize> = BTreeMap::new();
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    let mut count = 0;
    for (line, number) in lines {
        count += 1;
        match record(line) {
            Err(why) => bad.push(BadLine { number, why }),
            Ok((record, text)) => match seen.get(&record.run).map(|at| &good[*at]) {
                None => {
                    seen.insert(record.run.clone(), good.len());
                    good.push(Line { number, record, text });
                }
                Some(first) if first.record == record => {}
                Some(first) => bad.push(BadLine {
                    number,
                    why: format!(
                        "the run {} is told otherwise than on line {}",
                        record.run, first.number
                    ),
                }),
            },
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(StoreError::Lines { lines: count, bad }) }
}

fn record(line: &[u8]) -> Result<(RunRecord, String), String> {
    let text = str::from_utf8(line.trim_ascii()).map_err(|_| "it is not UTF-8".to_owned())?;
    let value: Value =
        serde_json::from_str(text).map_err(|e| format!("it is not JSON: {}", in_line(&e)))?;
    match value.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) if version(other) > version(SCHEMA) => {
            return Err(format!(
                "it has the form `{other}` of a newer drctl, and this one knows `{SCHEMA}`: import it with the newer one"
            ));
        }
        Some(other) => return Err(format!("it has the form `{other}`, not `{SCHEMA}`")),
        None => return Err(format!("it is no run: it has no `\"schema\": \"{SCHEMA}\"`")),
    }
    let record: RunRecord = serde_json::from_value(value).map_err(|e| in_line(&e))?;
    // A name becomes a path, so it must be one.
    record.run.as_str().parse::<RunId>().map_err(|error| error.to_string())?;
    Ok((record, text.to_owned()))
}

/// Says what is wrong without a line, which is always the first of one.
fn in_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// Returns the number of a form, and none of anything else.
fn version(schema: &str) -> Option<u32> {
    schema.strip_prefix("drctl/run/v")?.parse().ok()
}

impl Store {
    /// Takes runs in, all or none. One that is there in other words is kept as it is, unless
    /// `replace`; a finished one is never replaced by one that is not.
    ///
    /// # Errors
    ///
    /// The history cannot be read or written.
    pub fn import(&mut self, lines: &[Line], replace: bool) -> Result<Imported, StoreError> {
        let mut there = BTreeMap::new();
        for line in lines {
            if let Some(record) = self.get(&line.record.run)? {
                there.insert(record.run.clone(), record);
            }
        }
        let path = self.path.clone();
        self.within(|connection| {
            let mut imported = Imported::default();
            for line in lines {
                let run = line.record.run.clone();
                let put = || {
                    put(connection, &line.record, &line.text, None)
                        .map_err(|source| StoreError::from_sqlite(&path, source))
                };
                let list = match there.get(&run) {
                    Some(record) if *record == line.record => &mut imported.same,
                    Some(_) if !replace || !put()? => &mut imported.kept,
                    Some(_) => &mut imported.replaced,
                    // Another drctl may have taken it in since; then it is finished there.
                    None if put()? => &mut imported.added,
                    None => &mut imported.kept,
                };
                list.push(run);
            }
            Ok(imported)
        })
    }
}
