//! Findings that were there before: old debts from a file, or what the base of a change has.

use super::report::Report;
use crate::model::finding::Finding;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// Findings that are known, and how often each is there. They are told by what they say and the
/// file that they stand in, and not by lines, which move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    counts: BTreeMap<Debt, usize>,
}

/// A baseline file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not JSON of the form that drctl writes.
    #[error("the baseline file cannot be read")]
    Format(#[source] serde_json::Error),
    /// A later drctl wrote it.
    #[error("the baseline file has version {0}, and this drctl reads version {VERSION}")]
    Version(u32),
}

impl BaselineError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("Write it anew with `drctl validate --write-baseline FILE`".to_owned())
    }
}

const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    findings: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    debt: Debt,
    #[serde(default = "once", skip_serializing_if = "is_once")]
    count: usize,
}

fn once() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_once(count: &usize) -> bool {
    *count == 1
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Debt {
    file: PathBuf,
    code: String,
    subject: String,
    message: String,
}

impl Debt {
    fn of(finding: &Finding) -> Self {
        Self {
            file: finding.at.start.file.clone(),
            code: finding.code.to_owned(),
            subject: finding.subject.clone(),
            message: finding.message.clone(),
        }
    }
}

impl Known {
    /// Returns findings as known ones.
    pub fn of(findings: &[Finding]) -> Self {
        let mut known = Self::default();
        for finding in findings {
            *known.counts.entry(Debt::of(finding)).or_default() += 1;
        }
        known
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    ///
    /// [`BaselineError`] when the text is not one.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        #[derive(Deserialize)]
        #[serde(expecting = "a baseline file of drctl")]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(BaselineError::Format)?;
        if head.version != VERSION {
            return Err(BaselineError::Version(head.version));
        }
        let file: File = serde_json::from_str(text).map_err(BaselineError::Format)?;
        let counts = file.findings.into_iter().map(|entry| (entry.debt, entry.count));
        Ok(Self { counts: counts.collect() })
    }

    /// Returns the text of a baseline file, a line for each finding, so that a change of it is
    /// easy to read.
    pub fn to_text(&self) -> String {
        let entry = |(debt, count): (&Debt, &usize)| {
            let entry = Entry { debt: debt.clone(), count: *count };
            format!("    {}", serde_json::to_string(&entry).unwrap_or_default())
        };
        let entries: Vec<String> = self.counts.iter().map(entry).collect();
        let lines = if entries.is_empty() {
            String::new()
        } else {
            format!("\n{}\n  ", entries.join(",\n"))
        };
        format!("{{\n  \"version\": {VERSION},\n  \"findings\": [{lines}]\n}}\n")
    }

    /// Takes what is known out of a report, and counts it there.
    pub fn take_from(&self, report: &mut Report) {
        let mut left = self.counts.clone();
        let before = report.findings.len();
        report.findings.retain(|finding| match left.get_mut(&Debt::of(finding)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        });
        report.known += before - report.findings.len();
    }

    /// Returns how many of the known findings are not in a report any more.
    pub fn gone_from(&self, findings: &[Finding]) -> usize {
        let now = Self::of(findings);
        let left = |(debt, count): (&Debt, &usize)| {
            count.saturating_sub(now.counts.get(debt).copied().unwrap_or(0))
        };
        self.counts.iter().map(left).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Extent, Place, Severity};

    fn finding(line: usize, message: &str) -> Finding {
        Finding {
            code: "DR004",
            severity: Severity::Error,
            at: Extent::at(Place { file: "a.tf".into(), line, column: 1 }),
            message: message.into(),
            hint: String::new(),
            subject: "local.a".into(),
            roots: vec![],
            values: None,
            related: vec![],
            fix: None,
        }
    }

    #[test]
    fn what_is_known_is_taken_out_once_each_wherever_it_moved() {
        let known = Known::of(&[finding(1, "x"), finding(2, "x"), finding(3, "y")]);
        let findings = vec![finding(9, "x"), finding(10, "x"), finding(11, "x"), finding(12, "z")];
        let mut report = Report { findings, ..Report::default() };
        assert_eq!(known.gone_from(&report.findings), 1);
        known.take_from(&mut report);
        let left: Vec<_> = report.findings.iter().map(|f| f.at.start.line).collect();
        assert_eq!((left, report.known), (vec![11, 12], 2));
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_nothing_else_is() {
        let known = Known::of(&[finding(1, "x"), finding(2, "x"), finding(3, "y")]);
        insta::assert_snapshot!(known.to_text(), @r#"
        {
          "version": 1,
          "findings": [
            {"file":"a.tf","code":"DR004","subject":"local.a","message":"x","count":2},
            {"file":"a.tf","code":"DR004","subject":"local.a","message":"y"}
          ]
        }
        "#);
        assert_eq!(Known::read(&known.to_text()).unwrap(), known);
        assert_eq!(Known::read(&Known::default().to_text()).unwrap(), Known::default());
        assert!(matches!(Known::read("{\"version\": 2}"), Err(BaselineError::Version(2))));
        assert!(matches!(Known::read("[]"), Err(BaselineError::Format(_))));
    }
}
