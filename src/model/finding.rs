//! A place in a source file, and what was found there.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::{
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

/// A place in a source file.
///
/// Lines and columns count from 1. Columns count Unicode scalar values, not bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Path from the root of the checkout.
    #[serde(serialize_with = "path")]
    #[schemars(with = "String")]
    pub file: PathBuf,
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// A stretch of a source file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Where it starts.
    #[serde(flatten)]
    pub start: Place,
    /// The line of the first character behind it.
    pub end_line: usize,
    /// The column of the first character behind it.
    pub end_column: usize,
    /// The same in bytes of the file, from 0; empty for a file that could not be read.
    pub bytes: Range<usize>,
}

impl Extent {
    /// Returns a stretch of one character at a place whose bytes are not known.
    pub fn at(start: Place) -> Self {
        Self { end_line: start.line, end_column: start.column + 1, bytes: 0..0, start }
    }
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The service cannot be rebuilt elsewhere as it is, or not safely.
    Error,
    /// It can, and something of it will not be what it was, or will need a hand.
    Warning,
    /// Worth knowing before the night on which it counts.
    Info,
}

impl Severity {
    /// All of them, heaviest first.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Info];

    /// Returns its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

/// A rule as it is shown to people and tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleText {
    /// Its code, such as `DR004`. Never given to another rule.
    pub code: &'static str,
    /// Its name in words joined by dashes, such as `arn-names-region`.
    pub name: &'static str,
    /// What it finds, as a short sentence without a full stop.
    pub title: &'static str,
    /// What its findings weigh.
    pub severity: Severity,
    /// Its page: Markdown that says why it matters and what to write instead.
    pub page: &'static str,
}

/// Something that a rule found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's code, such as `DR004`.
    pub code: &'static str,
    /// What it weighs.
    pub severity: Severity,
    /// Where.
    pub at: Extent,
    /// What is wrong, lower case, on one line, without the place.
    pub message: String,
    /// What to do about it, as a sentence that starts with a verb.
    pub hint: String,
    /// What it is about: an address such as `module.db.aws_db_instance.this`, or a file.
    pub subject: String,
    /// The folders of the root modules that it concerns, from the root of the checkout, in order.
    #[serde(serialize_with = "paths")]
    pub roots: Vec<PathBuf>,
    /// What the value is in either region, where both are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Values>,
    /// Other places that explain it, and what each has to do with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<Related>,
    /// A change that is safe to make by a machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

impl Finding {
    /// Returns what tells it from other findings and stays the same when lines move: 16 hex digits.
    ///
    /// Two findings of one rule with the same file, subject and message have the same.
    pub fn fingerprint(&self) -> String {
        let file = self.at.start.file.as_os_str().as_encoded_bytes();
        let parts = [self.code.as_bytes(), file, self.subject.as_bytes(), self.message.as_bytes()];
        // FNV-1a, 64 bits: it is kept in baseline files, so it must be the same in every version.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        // A zero byte behind each part, so that none can borrow from the next.
        for byte in parts.into_iter().flat_map(|part| part.iter().chain(&[0])) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        format!("{hash:016x}")
    }
}

/// What a value is in the primary and in the fallback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Values {
    /// In the primary region.
    pub primary: String,
    /// In the fallback region.
    pub fallback: String,
}

/// A place that explains a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Related {
    /// Where.
    pub at: Extent,
    /// What it has to do with the finding, lower case.
    pub message: String,
}

/// A change of source files that mends a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What it does, as a sentence that starts with a verb.
    pub title: String,
    /// What is put in the place of what; no two overlap.
    pub splices: Vec<Splice>,
}

/// Text that takes the place of a stretch of a file; of an empty one, it is put in between.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Splice {
    /// The stretch that goes.
    pub at: Extent,
    /// What stands there instead.
    pub text: String,
}

/// Writes a path as text; one that is not Unicode must not cost the whole report.
fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

fn paths<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(line: usize, subject: &str, message: &str) -> Finding {
        Finding {
            code: "DR004",
            severity: Severity::Error,
            at: Extent::at(Place { file: PathBuf::from("main.tf"), line, column: 1 }),
            message: message.to_owned(),
            hint: String::new(),
            subject: subject.to_owned(),
            roots: Vec::new(),
            values: None,
            related: Vec::new(),
            fix: None,
        }
    }

    #[test]
    fn a_fingerprint_stays_when_lines_move_and_when_drctl_is_upgraded() {
        assert_eq!(finding(1, "a", "b").fingerprint(), finding(9, "a", "b").fingerprint());
        assert_eq!(finding(1, "a", "b").fingerprint(), "6e5a3c5428951761");
    }

    #[test]
    fn a_fingerprint_tells_what_differs() {
        assert_ne!(finding(1, "a", "b").fingerprint(), finding(1, "a", "c").fingerprint());
        assert_ne!(finding(1, "ab", "c").fingerprint(), finding(1, "a", "bc").fingerprint());
    }
}
