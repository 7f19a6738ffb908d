//! For code scanning: SARIF 2.1.0.

use super::super::report::Report;
use crate::{
    format::sarif::{
        ArtifactChange, ArtifactContent, ArtifactLocation, ColumnKind, Configuration, Driver,
        Finding as Found, Fix, Invocation, Level, Location, Log, Notification, PhysicalLocation,
        Region, Replacement, Rule, Run, Tags, Text, Tool,
    },
    model::{
        finding::{self, Extent, Finding, RuleText, Severity, Splice},
        text::plain,
    },
};
use serde_json::json;
use std::collections::BTreeMap;

/// The name of the fingerprint. Another way to make it needs another name.
const FINGERPRINT: &str = "drctl/v1";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Returns the report as a document of one run.
pub(super) fn sarif(report: &Report) -> Log {
    let notification =
        |note: &String| Notification { message: Text::plain(plain(note)), level: Level::Note };
    let notes: Vec<_> = report.notes.iter().map(notification).collect();
    Log::of(Run {
        tool: Tool {
            driver: Driver {
                name: "drctl",
                version: VERSION,
                semantic_version: VERSION,
                rules: report.rules.iter().map(|rule| described(rule)).collect(),
            },
        },
        invocations: vec![Invocation {
            execution_successful: true,
            tool_execution_notifications: notes,
        }],
        column_kind: ColumnKind::UnicodeCodePoints,
        results: report.findings.iter().map(|finding| found(report, finding)).collect(),
    })
}

fn described(rule: &RuleText) -> Rule {
    let paragraph = first_paragraph(rule.page);
    Rule {
        id: rule.code,
        name: pascal(rule.name),
        short_description: Text::plain(sentence(rule.title)),
        full_description: Text::plain(match paragraph.as_str() {
            "" => sentence(rule.title),
            some => some.to_owned(),
        }),
        help: Text { text: rule.page.to_owned(), markdown: Some(rule.page.to_owned()) },
        default_configuration: Configuration { level: level(rule.severity) },
        properties: Tags { tags: vec!["disaster-recovery", "terraform"] },
    }
}

fn found(report: &Report, finding: &Finding) -> Found {
    let related = (1..).zip(&finding.related).map(|(id, related)| Location {
        id: Some(id),
        message: Some(Text::plain(plain(&related.message))),
        ..location(&related.at)
    });
    let mut properties = json!({
        "roots": finding.roots.iter().map(|root| root.to_string_lossy()).collect::<Vec<_>>(),
        "subject": finding.subject,
    });
    if let Some(values) = &finding.values {
        properties["values"] = json!({"primary": values.primary, "fallback": values.fallback});
    }
    let message = format!("{} {}", sentence(&finding.message), finding.hint);
    Found {
        rule_id: finding.code,
        rule_index: report.rules.iter().position(|rule| rule.code == finding.code),
        level: level(finding.severity),
        message: Text::plain(plain(&message)),
        locations: vec![location(&finding.at)],
        related_locations: related.collect(),
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, finding.fingerprint())]),
        fixes: finding.fix.iter().filter(|fix| !fix.splices.is_empty()).map(fix).collect(),
        properties,
    }
}

fn location(at: &Extent) -> Location {
    Location {
        id: None,
        physical_location: PhysicalLocation {
            artifact_location: ArtifactLocation::at(&at.start.file),
            region: region(at),
        },
        message: None,
    }
}

fn region(at: &Extent) -> Region {
    // No bytes but some columns: the file could not be read, so the bytes are not known.
    let empty = (at.start.line, at.start.column) == (at.end_line, at.end_column);
    let bytes = Some(&at.bytes).filter(|bytes| empty || !bytes.is_empty());
    Region {
        start_line: at.start.line,
        start_column: at.start.column,
        end_line: at.end_line,
        end_column: at.end_column,
        byte_offset: bytes.map(|bytes| bytes.start),
        byte_length: bytes.map(ExactSizeIterator::len),
    }
}

fn fix(fix: &finding::Fix) -> Fix {
    let mut changes: Vec<ArtifactChange> = Vec::new();
    for Splice { at, text } in &fix.splices {
        let replacement = Replacement {
            deleted_region: region(at),
            inserted_content: ArtifactContent { text: text.clone() },
        };
        let file = ArtifactLocation::at(&at.start.file);
        match changes.iter_mut().find(|change| change.artifact_location == file) {
            Some(change) => change.replacements.push(replacement),
            None => changes
                .push(ArtifactChange { artifact_location: file, replacements: vec![replacement] }),
        }
    }
    Fix { description: Text::plain(&fix.title), artifact_changes: changes }
}

fn level(severity: Severity) -> Level {
    match severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Info => Level::Note,
    }
}

/// Returns `arn-names-region` as `ArnNamesRegion`.
fn pascal(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    name.split('-').map(capital).collect::<Vec<String>>().concat()
}

/// Returns it with a full stop.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

/// Returns the first paragraph of a page that is no heading, on one line.
fn first_paragraph(page: &str) -> String {
    let paragraphs = page.split("\n\n").map(str::trim);
    let mut prose = paragraphs.filter(|text| !text.is_empty() && !text.starts_with(['#', '`']));
    prose.next().unwrap_or_default().lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::show::sample;

    #[test]
    fn the_document_has_rules_results_and_fixes() {
        let mut report = sample::report();
        report.findings = [0, 2].map(|which| report.findings[which].clone()).into();
        report.rules = [0, 3].map(|which| report.rules[which]).into();
        let text = sarif(&report).to_text().unwrap().replace(VERSION, "VERSION");
        insta::assert_snapshot!(text, @r##"
        {
          "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
          "version": "2.1.0",
          "runs": [
            {
              "tool": {
                "driver": {
                  "name": "drctl",
                  "version": "VERSION",
                  "semanticVersion": "VERSION",
                  "rules": [
                    {
                      "id": "DR004",
                      "name": "ArnNamesRegion",
                      "shortDescription": {
                        "text": "an ARN names a region."
                      },
                      "fullDescription": {
                        "text": "An ARN with a region is of that region."
                      },
                      "help": {
                        "text": "# DR004\n\nAn ARN with a region\nis of that region.\n\n## Instead\n\nBuild it.\n",
                        "markdown": "# DR004\n\nAn ARN with a region\nis of that region.\n\n## Instead\n\nBuild it.\n"
                      },
                      "defaultConfiguration": {
                        "level": "error"
                      },
                      "properties": {
                        "tags": [
                          "disaster-recovery",
                          "terraform"
                        ]
                      }
                    },
                    {
                      "id": "DR031",
                      "name": "DefaultVpc",
                      "shortDescription": {
                        "text": "the default VPC of a region is not that of another."
                      },
                      "fullDescription": {
                        "text": "It differs."
                      },
                      "help": {
                        "text": "# DR031\n\nIt differs.\n",
                        "markdown": "# DR031\n\nIt differs.\n"
                      },
                      "defaultConfiguration": {
                        "level": "note"
                      },
                      "properties": {
                        "tags": [
                          "disaster-recovery",
                          "terraform"
                        ]
                      }
                    }
                  ]
                }
              },
              "invocations": [
                {
                  "executionSuccessful": true,
                  "toolExecutionNotifications": [
                    {
                      "message": {
                        "text": "The lock file of `live/web` was not read: 100% \\u{1b}gone."
                      },
                      "level": "note"
                    }
                  ]
                }
              ],
              "columnKind": "unicodeCodePoints",
              "results": [
                {
                  "ruleId": "DR004",
                  "ruleIndex": 0,
                  "level": "error",
                  "message": {
                    "text": "the key of `aws_db_instance.this` is in ap-northeast-1 in either region. Put the region of the provider in its place."
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "live/db/main.tf",
                          "uriBaseId": "%SRCROOT%"
                        },
                        "region": {
                          "startLine": 2,
                          "startColumn": 16,
                          "endLine": 2,
                          "endColumn": 52,
                          "byteOffset": 51,
                          "byteLength": 36
                        }
                      }
                    }
                  ],
                  "partialFingerprints": {
                    "drctl/v1": "518ec598cb02442c"
                  },
                  "fixes": [
                    {
                      "description": {
                        "text": "Put `var.region` in its place"
                      },
                      "artifactChanges": [
                        {
                          "artifactLocation": {
                            "uri": "live/db/main.tf",
                            "uriBaseId": "%SRCROOT%"
                          },
                          "replacements": [
                            {
                              "deletedRegion": {
                                "startLine": 2,
                                "startColumn": 16,
                                "endLine": 2,
                                "endColumn": 52,
                                "byteOffset": 51,
                                "byteLength": 36
                              },
                              "insertedContent": {
                                "text": "\"arn:aws:kms:${var.region}:1:key/x\""
                              }
                            }
                          ]
                        }
                      ]
                    }
                  ],
                  "properties": {
                    "roots": [
                      "live/db"
                    ],
                    "subject": "aws_db_instance.this",
                    "values": {
                      "fallback": "arn:aws:kms:ap-northeast-1:1:key/x",
                      "primary": "arn:aws:kms:ap-northeast-1:1:key/x"
                    }
                  }
                },
                {
                  "ruleId": "DR031",
                  "ruleIndex": 1,
                  "level": "note",
                  "message": {
                    "text": "`data.aws_vpc.main` is another VPC in the fallback. Name it by a tag."
                  },
                  "locations": [
                    {
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "modules/net/main.tf",
                          "uriBaseId": "%SRCROOT%"
                        },
                        "region": {
                          "startLine": 2,
                          "startColumn": 2,
                          "endLine": 2,
                          "endColumn": 9,
                          "byteOffset": 25,
                          "byteLength": 7
                        }
                      }
                    }
                  ],
                  "relatedLocations": [
                    {
                      "id": 1,
                      "physicalLocation": {
                        "artifactLocation": {
                          "uri": "live/db/main.tf",
                          "uriBaseId": "%SRCROOT%"
                        },
                        "region": {
                          "startLine": 1,
                          "startColumn": 11,
                          "endLine": 1,
                          "endColumn": 26,
                          "byteOffset": 10,
                          "byteLength": 15
                        }
                      },
                      "message": {
                        "text": "is in its subnets"
                      }
                    }
                  ],
                  "partialFingerprints": {
                    "drctl/v1": "493e97b42fe1fd29"
                  },
                  "properties": {
                    "roots": [
                      "live/web"
                    ],
                    "subject": "module.net.data.aws_vpc.main"
                  }
                }
              ]
            }
          ]
        }
        "##);
    }

    #[test]
    fn what_is_nasty_is_written_as_the_standard_has_it() {
        let log = sarif(&sample::report());
        let found = &log.runs[0].results[3];
        let file = &found.locations[0].physical_location.artifact_location;
        insta::assert_snapshot!(format!("{}\n{}", file.uri, found.message.text), @r#"
        live/%EC%84%9C%EC%9A%B8%20a/b%7Cc%3Cd%3E.tf
        a|b is 100% `<b>x</b>`, and \u{1b}[31mred*_. Write "a\|b": it's <safe> & sound.
        "#);
    }

    #[test]
    fn a_rule_is_described_by_the_first_prose_of_its_page() {
        assert_eq!(first_paragraph("# DR1\n\n## Why\n\nOne\ntwo.\n\nThree."), "One two.");
        assert_eq!(first_paragraph("# DR1\n"), "");
    }

    #[test]
    fn bytes_that_are_not_known_are_left_out() {
        let mut at = sample::report().findings[0].at.clone();
        at.bytes = 0..0;
        assert_eq!(region(&at).byte_offset, None);
        (at.end_line, at.end_column) = (at.start.line, at.start.column);
        assert_eq!(region(&at).byte_length, Some(0));
    }
}
