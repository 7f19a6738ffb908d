//! For programs: everything, as one JSON document.

use super::super::report::{Report, RootSummary};
use crate::model::finding::{Finding, RuleText, Severity};
use serde::Serialize;
use std::borrow::Cow;

/// The version of the form of the document. Keys are added under it, never changed.
const VERSION: u32 = 1;

/// The document. Its keys stand in this order.
#[derive(Serialize)]
struct Document<'a> {
    /// Always [`VERSION`].
    version: u32,
    /// What was found, by file, place and code.
    findings: Vec<Found<'a>>,
    /// The root modules that were looked at, by folder.
    roots: Vec<Root<'a>>,
    /// How many files were read.
    files: usize,
    /// How many of what.
    summary: Summary,
    /// The rules that were asked, by code.
    rules: Vec<Rule>,
    /// Things worth knowing about the validation itself.
    notes: &'a [String],
}

/// A finding, and what it is known by when lines move.
///
/// `at` has `file`, `line` and `column`, those behind the last character as
/// `end_line` and `end_column`, and the same in `bytes`. Lines and columns
/// count from 1, in Unicode scalar values. `values`, `related` and `fix` are
/// there only when there are any.
#[derive(Serialize)]
struct Found<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    fingerprint: String,
}

/// A root module. `dir` is as in the `roots` of a finding: empty for the root of the checkout.
#[derive(Serialize)]
struct Root<'a> {
    dir: Cow<'a, str>,
    primary: Option<&'a str>,
    fallback: Option<&'a str>,
    resources: usize,
}

#[derive(Serialize)]
struct Summary {
    errors: usize,
    warnings: usize,
    infos: usize,
    suppressed: usize,
    known: usize,
}

#[derive(Serialize)]
struct Rule {
    code: &'static str,
    name: &'static str,
    title: &'static str,
    severity: Severity,
}

/// Returns the report as one JSON document.
pub(super) fn json<'a>(report: &'a Report) -> serde_json::Result<String> {
    let found = |finding| Found { finding, fingerprint: finding.fingerprint() };
    let root = |root: &'a RootSummary| Root {
        dir: root.dir.to_string_lossy(),
        primary: root.primary.as_deref(),
        fallback: root.fallback.as_deref(),
        resources: root.resources,
    };
    let rule = |rule: &&RuleText| Rule {
        code: rule.code,
        name: rule.name,
        title: rule.title,
        severity: rule.severity,
    };
    let document = Document {
        version: VERSION,
        findings: report.findings.iter().map(found).collect(),
        roots: report.roots.iter().map(root).collect(),
        files: report.files,
        summary: Summary {
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            infos: report.count(Severity::Info),
            suppressed: report.suppressed,
            known: report.known,
        },
        rules: report.rules.iter().map(rule).collect(),
        notes: &report.notes,
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::show::sample;

    #[test]
    fn the_document_has_everything() {
        let mut report = sample::report();
        report.findings.truncate(1);
        insta::assert_snapshot!(json(&report).unwrap(), @r#"
        {
          "version": 1,
          "findings": [
            {
              "code": "DR004",
              "severity": "error",
              "at": {
                "file": "live/db/main.tf",
                "line": 2,
                "column": 16,
                "end_line": 2,
                "end_column": 52,
                "bytes": {
                  "start": 51,
                  "end": 87
                }
              },
              "message": "the key of `aws_db_instance.this` is in ap-northeast-1 in either region",
              "hint": "Put the region of the provider in its place.",
              "subject": "aws_db_instance.this",
              "roots": [
                "live/db"
              ],
              "values": {
                "primary": "arn:aws:kms:ap-northeast-1:1:key/x",
                "fallback": "arn:aws:kms:ap-northeast-1:1:key/x"
              },
              "fix": {
                "title": "Put `var.region` in its place",
                "splices": [
                  {
                    "at": {
                      "file": "live/db/main.tf",
                      "line": 2,
                      "column": 16,
                      "end_line": 2,
                      "end_column": 52,
                      "bytes": {
                        "start": 51,
                        "end": 87
                      }
                    },
                    "text": "\"arn:aws:kms:${var.region}:1:key/x\""
                  }
                ]
              },
              "fingerprint": "518ec598cb02442c"
            }
          ],
          "roots": [
            {
              "dir": "live/db",
              "primary": "ap-northeast-1",
              "fallback": "ap-northeast-2",
              "resources": 3
            },
            {
              "dir": "live/web",
              "primary": "ap-northeast-1",
              "fallback": "ap-northeast-2",
              "resources": 3
            }
          ],
          "files": 17,
          "summary": {
            "errors": 1,
            "warnings": 0,
            "infos": 0,
            "suppressed": 1,
            "known": 4
          },
          "rules": [
            {
              "code": "DR004",
              "name": "arn-names-region",
              "title": "an ARN names a region",
              "severity": "error"
            },
            {
              "code": "DR012",
              "name": "prevent-destroy",
              "title": "a rehearsal cannot remove it",
              "severity": "warning"
            },
            {
              "code": "DR020",
              "name": "never-hit",
              "title": "a rule that finds nothing here",
              "severity": "error"
            },
            {
              "code": "DR031",
              "name": "default-vpc",
              "title": "the default VPC of a region is not that of another",
              "severity": "info"
            }
          ],
          "notes": [
            "The lock file of `live/web` was not read: 100% \u001bgone."
          ]
        }
        "#);
    }

    #[test]
    fn a_path_that_is_not_unicode_does_not_cost_the_report() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
        let mut report = sample::report();
        report.findings[0].at.start.file = OsStr::from_bytes(b"a\xff.tf").into();
        let read: serde_json::Value = serde_json::from_str(&json(&report).unwrap()).unwrap();
        assert_eq!(read["findings"][0]["at"]["file"], "a\u{fffd}.tf");
        assert_eq!(read["findings"][3]["message"], report.findings[3].message);
    }
}
