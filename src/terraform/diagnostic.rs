//! Errors and warnings in Terraform's own words.

use crate::{
    model::finding::Place,
    terraform::{TerraformError, cut, error::document},
};
use serde::Deserialize;
use std::{fmt, path::PathBuf};

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The command failed for it.
    Error,
    /// The command went on.
    Warning,
    /// One that this drctl does not know.
    #[serde(other)]
    Unknown,
}

/// An error or a warning.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, mostly in one line.
    pub summary: String,
    /// The rest; may be empty.
    pub detail: String,
    /// The resource or provider that it is about, when it is about one.
    pub address: Option<String>,
    /// Where in the configuration, from the folder in which the command ran.
    pub place: Option<Place>,
}

#[derive(Deserialize)]
struct Wire {
    severity: Severity,
    summary: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    range: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    filename: PathBuf,
    start: Start,
}

#[derive(Deserialize)]
struct Start {
    line: usize,
    column: usize,
}

impl From<Wire> for Diagnostic {
    fn from(wire: Wire) -> Self {
        let Wire { severity, summary, detail, address, range } = wire;
        let place = range.map(|Range { filename, start: Start { line, column } }| Place {
            file: filename,
            line,
            column,
        });
        Self { severity, summary, detail, address: address.filter(|a| !a.is_empty()), place }
    }
}

impl Diagnostic {
    /// Finds the first error in what a command printed as text on standard error.
    pub(super) fn in_text(text: &str) -> Option<Self> {
        // With `-no-color` an error is a paragraph that begins so, at the left margin.
        let mut lines = text.lines().skip_while(|line| !line.starts_with("Error: "));
        let summary = lines.next()?.strip_prefix("Error: ")?.to_owned();
        let rest: Vec<_> = lines.take_while(|line| !line.starts_with("Error: ")).collect();
        let detail = rest.join("\n").trim().to_owned();
        let (address, place) = (None, None);
        Some(Self { severity: Severity::Error, summary, detail, address, place })
    }
}

/// One line: what, about what, where, and the first paragraph of why.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.address {
            write!(f, "{address}: ")?;
        }
        f.write_str(&on_one_line(&self.summary))?;
        if let Some(place) = &self.place {
            write!(f, " at {place}")?;
        }
        let why = on_one_line(self.detail.split("\n\n").next().unwrap_or_default());
        if !why.is_empty() {
            write!(f, ": {}", cut(why.trim_end_matches('.'), 400))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `terraform validate` says of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Validation {
    /// Whether the configuration can be used.
    pub valid: bool,
    /// What was found, warnings too.
    pub diagnostics: Vec<Diagnostic>,
}

impl Validation {
    /// Reads what `terraform validate -json` printed.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Unreadable`] when it printed something else.
    pub fn read(printed: &[u8]) -> Result<Self, TerraformError> {
        document("validate", printed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_is_told_in_one_line() {
        let diagnostic: Diagnostic = serde_json::from_str(
            r#"{"severity":"error","summary":"local-exec provisioner error",
                "detail":"Error running command 'false':\nexit status 1. Output: \n\nMore.",
                "address":"terraform_data.db",
                "range":{"filename":"main.tf","start":{"line":26,"column":30,"byte":676},"end":{"line":26,"column":31,"byte":677}}}"#,
        )
        .unwrap();
        assert_eq!(
            diagnostic.to_string(),
            "terraform_data.db: local-exec provisioner error at main.tf:26:30: \
             Error running command 'false': exit status 1. Output:"
        );
    }

    #[test]
    fn the_first_error_is_found_in_text() {
        // As `terraform output -json -no-color` of Terraform 1.11.4 prints it.
        let text = "\nError: Unsupported state file format\n\nThe state file could not be parsed as JSON: syntax error at byte offset 7.\n\nError: Unsupported state file format\n\nThe state file does not have a \"version\" attribute, which is required to\nidentify the format version.\n";
        let found = Diagnostic::in_text(text).unwrap();
        assert_eq!(
            found.to_string(),
            "Unsupported state file format: The state file could not be parsed as JSON: \
             syntax error at byte offset 7"
        );
        assert_eq!(Diagnostic::in_text("Warning: x\n"), None);
    }

    #[test]
    fn a_validation_keeps_its_diagnostics() {
        let read = Validation::read(
            br#"{"format_version":"1.0","valid":false,"error_count":1,"warning_count":0,
                "diagnostics":[{"severity":"error","summary":"Module not installed","detail":""}]}"#,
        )
        .unwrap();
        assert!(!read.valid);
        assert_eq!(read.diagnostics[0].summary, "Module not installed");
        assert!(Validation::read(b"no JSON").is_err());
    }
}
