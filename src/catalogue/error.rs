//! What is wrong with a user's data file, and where.

use crate::model::nearest;

/// Why a user's data file was not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CatalogueError {
    /// It is not JSON, or not of the format.
    #[error("line {line}, column {column}{}: {reason}", at(.path))]
    Format {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The keys that lead there, with dots between them; empty at the top.
        path: String,
        /// What was found there.
        reason: String,
    },
    /// A class is named that no file defines.
    #[error("`{path}`: there is no class `{class}`")]
    UnknownClass {
        /// The keys that lead to the name.
        path: String,
        /// The name.
        class: String,
        /// The class that was most likely meant.
        nearest: Option<String>,
    },
}

fn at(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(", at `{path}`") }
}

impl CatalogueError {
    /// Makes an error of what the JSON reader said of `text`.
    pub(super) fn format(text: &str, error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let whole = error.to_string();
        // The reader ends its message with the place, which is a field here.
        let place = format!(" at line {line} column {column}");
        let reason = whole.strip_suffix(&place).unwrap_or(&whole).to_owned();
        Self::Format { line, column, path: path_at(text, line, column), reason }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Format { reason, .. } => {
                // An unknown key comes first in backticks, the keys that there are after it.
                let mut words = reason.split('`').skip(1).step_by(2);
                let meant = match words.next() {
                    Some(word) if reason.starts_with("unknown ") => nearest(word, words),
                    _ => None,
                };
                Some(match meant {
                    Some(meant) => format!("write `{meant}`, which is most likely what was meant"),
                    None => "compare the entry with one of the same kind in the built-in \
                             catalogue, which has the same format"
                        .to_owned(),
                })
            }
            Self::UnknownClass { nearest: Some(nearest), .. } => {
                Some(format!("write `{nearest}`, which is most likely what was meant"))
            }
            Self::UnknownClass { class, .. } => {
                Some(format!("define `{class}` under `classes`, or use a built-in class"))
            }
        }
    }
}

/// Where the reader of a JSON text is: in an object behind a key, or in an array at an index.
enum Level {
    Object { key: String, key_next: bool },
    Array(usize),
}

/// Returns the keys that lead to a place in a JSON text, with dots between them.
fn path_at(text: &str, line: usize, column: usize) -> String {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = (before + column).min(text.len());
    // The reader closes the object before it tells of a value in it.
    let read = text.as_bytes()[..end].strip_suffix(b"}").unwrap_or(&text.as_bytes()[..end]);
    let mut bytes = read.iter().copied();
    let mut levels = Vec::new();
    while let Some(byte) = bytes.next() {
        match (byte, levels.last_mut()) {
            (b'{', _) => levels.push(Level::Object { key: String::new(), key_next: true }),
            (b'[', _) => levels.push(Level::Array(0)),
            (b'}' | b']', _) => drop(levels.pop()),
            (b',', Some(Level::Object { key_next, .. })) => *key_next = true,
            (b',', Some(Level::Array(index))) => *index += 1,
            (b'"', level) => {
                let found = string(&mut bytes);
                if let Some(Level::Object { key, key_next }) = level
                    && std::mem::take(key_next)
                {
                    *key = found;
                }
            }
            _ => {}
        }
    }
    let steps = levels.into_iter().filter_map(|level| match level {
        Level::Object { key, .. } => (!key.is_empty()).then_some(key),
        Level::Array(index) => Some(index.to_string()),
    });
    steps.collect::<Vec<_>>().join(".")
}

/// Reads on to the end of a JSON string; escapes are kept as they are written.
fn string(bytes: &mut impl Iterator<Item = u8>) -> String {
    let mut read = Vec::new();
    while let Some(byte) = bytes.next().filter(|byte| *byte != b'"') {
        read.push(byte);
        if byte == b'\\' {
            read.extend(bytes.next());
        }
    }
    String::from_utf8_lossy(&read).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_text_has_a_path() {
        let text = "{\n \"a\": {\"b\\\"{\": [1, {\"c\": 2}]},\n \"d\": 3\n}";
        assert_eq!(path_at(text, 2, 20), "a.b\\\"{.1");
        assert_eq!(path_at(text, 2, 26), "a.b\\\"{.1.c");
        assert_eq!(path_at(text, 3, 7), "d");
        assert_eq!(path_at(text, 99, 99), "d");
        assert_eq!(path_at(text, 1, 1), "");
    }
}
