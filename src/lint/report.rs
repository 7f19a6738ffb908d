//! What a validation found, before anything is shown.

use crate::model::finding::{Finding, RuleText, Severity};
use std::path::PathBuf;

/// What a validation found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was found, by file, place and code.
    pub findings: Vec<Finding>,
    /// The rules that were asked, by code.
    pub rules: Vec<&'static RuleText>,
    /// The root modules that were looked at, by folder.
    pub roots: Vec<RootSummary>,
    /// How many files were read.
    pub files: usize,
    /// How many findings a comment in the code suppresses.
    pub suppressed: usize,
    /// How many findings were there before: in the baseline file, or at the base revision.
    pub known: usize,
    /// Things worth knowing about the validation itself, each a sentence.
    pub notes: Vec<String>,
}

/// A root module that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootSummary {
    /// Its folder, from the root of the checkout; empty for the root itself.
    pub dir: PathBuf,
    /// The region that serves, when it is known.
    pub primary: Option<String>,
    /// The region that is rebuilt into; one that stands in when none was named.
    pub fallback: Option<String>,
    /// How many resources and data sources it declares, with those of the modules that it calls.
    pub resources: usize,
}

impl Report {
    /// Returns how many findings are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}
