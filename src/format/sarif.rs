//! SARIF 2.1.0, the format of static analysis results: as much of it as is written here.
//!
//! The names are those of the standard, and so is the meaning of each field. An
//! absent field is left out, as the standard wants it.

use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// Where the standard's schema is.
pub const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// The base that stands for the root of the checkout, by the habit of those who read SARIF.
pub const SOURCE_ROOT: &str = "%SRCROOT%";

/// A whole document.
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    /// What ran.
    pub runs: Vec<Run>,
}

impl Log {
    /// Returns a document of one run.
    pub fn of(run: Run) -> Self {
        Self { schema: SCHEMA, version: "2.1.0", runs: vec![run] }
    }

    /// Returns it as text.
    pub fn to_text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

/// One run of one tool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// What ran.
    pub tool: Tool,
    /// How it ran.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invocations: Vec<Invocation>,
    /// What is counted in columns.
    pub column_kind: ColumnKind,
    /// What was found.
    pub results: Vec<Finding>,
}

/// What is counted in columns.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ColumnKind {
    /// Unicode scalar values.
    UnicodeCodePoints,
}

/// The tool.
#[derive(Clone, Debug, Serialize)]
pub struct Tool {
    /// Its main part.
    pub driver: Driver,
}

/// The main part of a tool.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Driver {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The same, when it is one of Semantic Versioning.
    pub semantic_version: &'static str,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A rule, which the standard calls a reporting descriptor.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its code.
    pub id: &'static str,
    /// Its name in Pascal case.
    pub name: String,
    /// What it finds, in a sentence.
    pub short_description: Text,
    /// Why, in a paragraph.
    pub full_description: Text,
    /// What to do.
    pub help: Text,
    /// What its findings weigh.
    pub default_configuration: Configuration,
    /// What else is known of it.
    pub properties: Tags,
}

/// How a rule is set up.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Configuration {
    /// What its findings weigh.
    pub level: Level,
}

/// How much a result weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A serious problem.
    Error,
    /// A problem.
    Warning,
    /// A minor one, or none.
    Note,
}

/// Words by which rules are put together.
#[derive(Clone, Debug, Serialize)]
pub struct Tags {
    /// The words.
    pub tags: Vec<&'static str>,
}

/// A text, and the same as Markdown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Text {
    /// As plain text.
    pub text: String,
    /// As Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
}

impl Text {
    /// Returns a text without Markdown.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), markdown: None }
    }
}

/// How a run went.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// True when the tool got to its end.
    pub execution_successful: bool,
    /// What it said of itself.
    pub tool_execution_notifications: Vec<Notification>,
}

/// Something that a tool says of its own run.
#[derive(Clone, Debug, Serialize)]
pub struct Notification {
    /// What.
    pub message: Text,
    /// What it weighs.
    pub level: Level,
}

/// Something that was found, which the standard calls a result.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's code.
    pub rule_id: &'static str,
    /// The rule's place among the driver's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_index: Option<usize>,
    /// What it weighs.
    pub level: Level,
    /// What is wrong.
    pub message: Text,
    /// Where.
    pub locations: Vec<Location>,
    /// Places that explain it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub related_locations: Vec<Location>,
    /// What tells it from others, also when lines move.
    pub partial_fingerprints: BTreeMap<&'static str, String>,
    /// What would mend it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<Fix>,
    /// What else is known of it.
    pub properties: serde_json::Value,
}

/// A place.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// Its number among the places of a finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<usize>,
    /// Where in which file.
    pub physical_location: PhysicalLocation,
    /// What it has to do with the finding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<Text>,
}

/// A stretch of a file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PhysicalLocation {
    /// The file.
    pub artifact_location: ArtifactLocation,
    /// The stretch.
    pub region: Region,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactLocation {
    /// Its path, as a relative URI.
    pub uri: String,
    /// What it is relative to.
    pub uri_base_id: &'static str,
}

impl ArtifactLocation {
    /// Returns the file at a path from the root of the checkout.
    pub fn at(path: &Path) -> Self {
        Self { uri: relative_uri(path), uri_base_id: SOURCE_ROOT }
    }
}

/// A stretch of a text. Lines and columns count from 1, and the end is behind the last character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Region {
    /// The line of the first character.
    pub start_line: usize,
    /// Its column.
    pub start_column: usize,
    /// The line behind the last character.
    pub end_line: usize,
    /// Its column.
    pub end_column: usize,
    /// The bytes before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_offset: Option<usize>,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_length: Option<usize>,
}

/// A change that mends a finding.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// What it does.
    pub description: Text,
    /// The files that change.
    pub artifact_changes: Vec<ArtifactChange>,
}

/// A change of one file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ArtifactChange {
    /// The file.
    pub artifact_location: ArtifactLocation,
    /// What is put in the place of what.
    pub replacements: Vec<Replacement>,
}

/// What is put in the place of what.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replacement {
    /// What goes.
    pub deleted_region: Region,
    /// What stands there instead.
    pub inserted_content: ArtifactContent,
}

/// The text of a file, or of a part of one.
#[derive(Clone, Debug, Serialize)]
pub struct ArtifactContent {
    /// The text.
    pub text: String,
}

/// Returns a path as a relative URI (RFC 3986), all but the unreserved characters encoded.
///
/// A colon is encoded too: in the first segment it would end a scheme.
fn relative_uri(path: &Path) -> String {
    let mut uri = String::new();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri_that_stays_relative() {
        let uri = |path: &str| relative_uri(Path::new(path));
        assert_eq!(uri("live/db/main.tf"), "live/db/main.tf");
        assert_eq!(uri("a:b/100% 서울.tf"), "a%3Ab/100%25%20%EC%84%9C%EC%9A%B8.tf");
    }
}
