//! An evidence pack: what a run was and came to, so that nobody can change it unseen afterwards.
//!
//! It follows from the journal alone, so that the same run always makes the same pack, byte for byte.

use super::json::Report;
use crate::model::run::RunId;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The name of the form of a manifest. Keys are added under it, never changed.
pub const SCHEMA: &str = "drctl/evidence/v1";
/// The journal, byte for byte.
pub const JOURNAL: &str = "journal.jsonl";
/// The hash chain over the journal: a link a line.
pub const CHAIN: &str = "chain.txt";
/// The report as one document.
pub const REPORT: &str = "report.json";
/// The manifest.
pub const MANIFEST: &str = "manifest.json";
/// The sums of all files, as `sha256sum -c` reads them.
pub const SUMS: &str = "SHA256SUMS";

/// What a pack holds, and what the run was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The version of drctl that made the pack.
    pub made_by: String,
    /// What the journal says of the run.
    pub facts: Facts,
    /// How the journal is held together.
    pub journal: JournalSeal,
    /// Every other file, in the order of their names.
    pub files: Vec<FileSum>,
}

/// What an auditor asks first, taken from the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The run.
    pub run: Option<RunId>,
    /// The version of drctl that did it.
    pub drctl: Option<String>,
    /// The service.
    pub service: Option<String>,
    /// The fallback region.
    pub region: Option<String>,
    /// Where the repository comes from.
    pub repository: Option<String>,
    /// The commit.
    pub commit: Option<String>,
    /// The digest over all that decided what would be done.
    pub plan_digest: Option<String>,
    /// SHA-256 of the plan of each stack, as `terraform show -json` tells it.
    pub plans: BTreeMap<String, String>,
    /// The Terraform.
    pub terraform: Option<String>,
    /// The versions of the providers of each stack.
    pub providers: BTreeMap<String, BTreeMap<String, String>>,
    /// The run in one word.
    pub summary: String,
    /// `t8 − t0`, in milliseconds.
    pub recovery_time_ms: Option<u64>,
    /// The recovery time objective, in milliseconds.
    pub rto_ms: Option<u64>,
}

/// The hash chain over a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalSeal {
    /// How many events it holds.
    pub events: u64,
    /// The last link, in hexadecimal.
    pub last_link: String,
    /// True when its last line was written only in part, and is not part of the chain.
    pub torn: bool,
}

/// A file with its sum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSum {
    /// Its name in the pack; never a path.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 sum, in hexadecimal.
    pub sha256: String,
}

impl Facts {
    /// Takes them from a report.
    pub fn of(report: &Report) -> Self {
        let run = report.run.as_ref();
        let plan = report.plan.as_ref();
        let steps = || report.steps.iter().map(|report| &report.step);
        let digest = |step: &super::timeline::StepTime| {
            Some((step.id.to_string(), step.plan_digest.clone()?))
        };
        Self {
            run: run.map(|run| run.id.clone()),
            drctl: run.map(|run| run.drctl.clone()),
            service: plan.map(|plan| plan.service.clone()),
            region: run.map(|run| run.region.clone()),
            repository: run.map(|run| run.repo.clone()),
            commit: report.checkout.as_ref().map(|checkout| checkout.commit.clone()),
            plan_digest: plan.map(|plan| plan.digest.clone()),
            plans: steps().filter_map(digest).collect(),
            terraform: report.terraform.as_ref().map(|t| format!("{} {}", t.product, t.version)),
            providers: steps()
                .filter(|step| !step.providers.is_empty())
                .map(|step| (step.id.to_string(), step.providers.clone()))
                .collect(),
            summary: report.summary.word().to_owned(),
            recovery_time_ms: report.recovery_time_ms,
            rto_ms: plan.and_then(|plan| plan.rto_ms),
        }
    }
}

/// What does not fit in a pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "flaw", rename_all = "snake_case")]
pub enum Flaw {
    /// A file of the manifest is not there.
    Missing {
        /// Which.
        name: String,
    },
    /// A file is there that the manifest does not know.
    Unknown {
        /// Which.
        name: String,
    },
    /// A file is not what the manifest says.
    Changed {
        /// Which.
        name: String,
        /// The sum that it has.
        found: String,
        /// The sum that the manifest has.
        expected: String,
    },
    /// A name in the manifest leads elsewhere.
    NoName {
        /// Which.
        name: String,
    },
    /// A line of the journal is not the one that the chain was made over.
    Line {
        /// Which, from 1; the first one that is not.
        line: u64,
    },
    /// The journal and the chain are not as long as each other.
    Length {
        /// How many lines the journal has.
        lines: u64,
        /// How many links the chain has.
        links: u64,
    },
    /// The journal cannot be read as one.
    Journal {
        /// Why not, with its place.
        why: String,
    },
    /// The chain ends in another link than somebody remembers.
    LastLink {
        /// Who remembers it.
        by: Witness,
        /// The link that the journal ends in.
        found: String,
        /// The link that is remembered.
        expected: String,
    },
    /// The manifest says something else of the run than its journal.
    Facts,
    /// The report says something else than follows from the journal.
    Report,
    /// The sums in `SHA256SUMS` are not those of the manifest.
    Sums,
}

/// Who remembers the last link of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The manifest of the pack.
    Manifest,
    /// Whoever gave it on the command line.
    CommandLine,
    /// The history of runs on this machine.
    History,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name } => write!(f, "`{name}` is missing"),
            Self::Unknown { name } => write!(f, "`{name}` is not in the manifest"),
            Self::Changed { name, found, expected } => {
                write!(f, "`{name}` was changed: its SHA-256 is {found}, not {expected}")
            }
            Self::NoName { name } => write!(f, "`{name}` in the manifest is no name of a file"),
            Self::Line { line } => {
                write!(f, "line {line} of the journal, or one before it, was changed")
            }
            Self::Length { lines, links } => {
                write!(f, "the journal has {lines} lines and its chain {links} links")
            }
            Self::Journal { why } => write!(f, "the journal cannot be read: {why}"),
            Self::LastLink { by, found, expected } => {
                let by = match by {
                    Witness::Manifest => "the manifest",
                    Witness::CommandLine => "the command line",
                    Witness::History => "the history of this machine",
                };
                write!(f, "the journal's chain ends in {found}, and {by} remembers {expected}")
            }
            Self::Facts => {
                f.write_str("the manifest says something else of the run than its journal")
            }
            Self::Report => {
                f.write_str("the report says something else than follows from the journal")
            }
            Self::Sums => f.write_str("`SHA256SUMS` has other sums than the manifest"),
        }
    }
}

impl Manifest {
    /// Returns it as one indented JSON document that ends with a newline.
    ///
    /// # Errors
    ///
    /// None that is known: every key is text.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Returns what `sha256sum -c` reads, over the files and the manifest itself.
    pub fn sums(&self, manifest_sha256: &str) -> String {
        let files = self.files.iter().map(|file| (file.sha256.as_str(), file.name.as_str()));
        let all = files.chain([(manifest_sha256, MANIFEST)]);
        all.map(|(sum, name)| format!("{sum}  {name}\n")).collect()
    }

    /// Holds the files that are there against it, by name, size and sum.
    pub fn compare(&self, there: &BTreeMap<String, FileSum>) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let named: BTreeSet<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        for file in &self.files {
            let name = file.name.clone();
            if name.is_empty() || name.contains(['/', '\\', '\0']) || name.starts_with('.') {
                flaws.push(Flaw::NoName { name });
                continue;
            }
            match there.get(&file.name) {
                None => flaws.push(Flaw::Missing { name }),
                Some(found) if found == file => {}
                Some(found) => flaws.push(Flaw::Changed {
                    name,
                    found: found.sha256.clone(),
                    expected: file.sha256.clone(),
                }),
            }
        }
        let extra = there.keys().filter(|name| !named.contains(name.as_str()));
        flaws.extend(extra.map(|name| Flaw::Unknown { name: name.clone() }));
        flaws
    }
}

/// Holds the links of a chain against those that were written down, a link a line.
pub fn compare_chain(links: &[String], written: &str) -> Option<Flaw> {
    let written: Vec<&str> = written.lines().collect();
    let differs = links.iter().zip(&written).position(|(link, written)| link != written);
    if let Some(at) = differs {
        return Some(Flaw::Line { line: at as u64 + 1 });
    }
    let (lines, links) = (links.len() as u64, written.len() as u64);
    (lines != links).then_some(Flaw::Length { lines, links })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(name: &str, sha256: &str) -> FileSum {
        FileSum { name: name.into(), bytes: 1, sha256: sha256.into() }
    }

    fn manifest(files: &[FileSum]) -> Manifest {
        Manifest {
            schema: SCHEMA.into(),
            made_by: "0.1.0".into(),
            facts: Facts::default(),
            journal: JournalSeal { events: 0, last_link: String::new(), torn: false },
            files: files.to_vec(),
        }
    }

    #[test]
    fn every_way_to_differ_is_told() {
        let manifest = manifest(&[sum("a", "1"), sum("b", "2"), sum("../c", "3"), sum("d", "4")]);
        let there = [sum("a", "1"), sum("b", "9"), sum("e", "5")];
        let there = there.into_iter().map(|file| (file.name.clone(), file)).collect();
        let said: Vec<_> = manifest.compare(&there).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "`b` was changed: its SHA-256 is 9, not 2",
                "`../c` in the manifest is no name of a file",
                "`d` is missing",
                "`e` is not in the manifest",
            ]
        );
    }

    #[test]
    fn the_first_line_that_differs_is_told() {
        let links = ["x".to_owned(), "y".to_owned(), "z".to_owned()];
        assert_eq!(compare_chain(&links, "x\ny\nz\n"), None);
        assert_eq!(compare_chain(&links, "x\nq\nz\n"), Some(Flaw::Line { line: 2 }));
        assert_eq!(compare_chain(&links, "x\ny\n"), Some(Flaw::Length { lines: 3, links: 2 }));
    }
}
