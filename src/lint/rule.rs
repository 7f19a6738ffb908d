//! What a rule is, and how it says what it found.

use super::subject::Subject;
use crate::model::finding::{Extent, Finding, Fix, Related, RuleText, Severity, Values};

/// A rule: what it is called, and how it looks.
pub(crate) struct Rule {
    /// What people read of it.
    pub(crate) text: RuleText,
    /// Looks at one root module.
    pub(crate) check: fn(&Subject<'_>, &mut Found<'_>),
}

/// What one rule found in one root module.
pub(crate) struct Found<'r> {
    rule: &'r RuleText,
    root: &'r std::path::Path,
    pub(crate) findings: Vec<Finding>,
}

impl<'r> Found<'r> {
    pub(crate) fn new(rule: &'r RuleText, root: &'r std::path::Path) -> Self {
        Self { rule, root, findings: Vec::new() }
    }

    /// Adds a finding: where, what about, what is wrong, and what to do.
    pub(crate) fn add(
        &mut self,
        at: Extent,
        subject: impl Into<String>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Draft<'_> {
        self.findings.push(Finding {
            code: self.rule.code,
            severity: self.rule.severity,
            at,
            message: message.into(),
            hint: hint.into(),
            subject: subject.into(),
            roots: vec![self.root.to_owned()],
            values: None,
            related: Vec::new(),
            fix: None,
        });
        let last = self.findings.len() - 1;
        Draft { finding: &mut self.findings[last] }
    }
}

/// A finding that was just added, to say more of it.
pub(crate) struct Draft<'f> {
    finding: &'f mut Finding,
}

impl Draft<'_> {
    /// Says what the value is in either region.
    pub(crate) fn values(self, primary: impl Into<String>, fallback: impl Into<String>) -> Self {
        self.finding.values = Some(Values { primary: primary.into(), fallback: fallback.into() });
        self
    }

    /// Says that it weighs something else than the rule's findings commonly do.
    pub(crate) fn severity(self, severity: Severity) -> Self {
        self.finding.severity = severity;
        self
    }

    /// Adds a place that explains it.
    pub(crate) fn related(self, at: Extent, message: impl Into<String>) -> Self {
        self.finding.related.push(Related { at, message: message.into() });
        self
    }

    /// Adds a change that is safe to make by a machine.
    pub(crate) fn fix(self, fix: Option<Fix>) -> Self {
        self.finding.fix = fix;
        self
    }
}
