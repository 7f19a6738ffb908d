//! Fixes put into the files, and the proof that nothing else changed.

use crate::{
    config::{
        body::Body,
        file::{SourceFile, Unparsed},
    },
    model::finding::{Finding, Fix, Splice},
};
use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

/// A file with its fixes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// Its path, from the root of the checkout.
    pub file: PathBuf,
    /// What stands in it now.
    pub before: String,
    /// What stands in it with the fixes.
    pub after: String,
}

impl Fixed {
    /// Returns the change as a unified diff.
    pub fn diff(&self) -> String {
        let name = self.file.display();
        similar::TextDiff::from_lines(&self.before, &self.after)
            .unified_diff()
            .header(&format!("a/{name}"), &format!("b/{name}"))
            .to_string()
    }
}

/// What the fixes of findings come to.
#[derive(Clone, Debug, Default)]
pub struct Fixes {
    /// The files that change, in order.
    pub files: Vec<Fixed>,
    /// How many findings are mended.
    pub mended: usize,
    /// Findings whose fix could not be made, and why: another fix is in its way, or the file has
    /// changed.
    pub left: Vec<(Finding, String)>,
}

/// A file whose fixes would change more than they should. This is a mistake in a rule.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    /// The file cannot be read as Terraform any more.
    #[error("with its fixes, {file} could not be read", file = file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// Where it is broken.
        #[source]
        source: Unparsed,
    },
    /// Something else changed.
    #[error("the fixes of {file} would change `{what}`, too", file = file.display())]
    TooMuch {
        /// The file.
        file: PathBuf,
        /// What would change.
        what: String,
    },
}

impl FixError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("No file was changed; mend the findings of this file by hand, and report it".into())
    }
}

/// Puts the fixes of findings into the files that `read` returns.
///
/// # Errors
///
/// [`FixError`] when a file would not be what it was but for the fixes; then none is to be written.
pub fn fixes(
    findings: &[Finding],
    read: &dyn Fn(&Path) -> Option<String>,
) -> Result<Fixes, FixError> {
    let mut made = Fixes::default();
    let mut splices: BTreeMap<PathBuf, Vec<Splice>> = BTreeMap::new();
    for finding in findings {
        let Some(fix) = &finding.fix else { continue };
        if fits(fix, &splices) {
            for splice in &fix.splices {
                let of_file = splices.entry(splice.at.start.file.clone()).or_default();
                // Several fixes can need the same declaration.
                if !of_file.contains(splice) {
                    of_file.push(splice.clone());
                }
            }
            made.mended += 1;
        } else {
            made.left.push((finding.clone(), "another fix is in its way; run it again".into()));
        }
    }
    for (file, mut of_file) in splices {
        let Some(before) = read(&file) else { continue };
        of_file.sort_by_key(|splice| (splice.at.bytes.start, splice.at.bytes.end));
        let (after, changed) = spliced(&before, &of_file);
        prove(&file, &before, &after, &of_file, &changed)?;
        made.files.push(Fixed { file, before, after });
    }
    Ok(made)
}

/// Whether no splice of a fix overlaps one that was taken before.
fn fits(fix: &Fix, taken: &BTreeMap<PathBuf, Vec<Splice>>) -> bool {
    fix.splices.iter().all(|splice| {
        let others = taken.get(&splice.at.start.file).into_iter().flatten();
        others
            .into_iter()
            .all(|other| other == splice || !overlap(&other.at.bytes, &splice.at.bytes))
    })
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

/// Returns the text with its splices, and where they stand in it.
fn spliced(before: &str, splices: &[Splice]) -> (String, Vec<Range<usize>>) {
    let (mut after, mut at, mut changed) = (String::with_capacity(before.len()), 0, Vec::new());
    for splice in splices {
        let range = &splice.at.bytes;
        after.push_str(before.get(at..range.start).unwrap_or_default());
        let start = after.len();
        after.push_str(&splice.text);
        changed.push(start..after.len());
        at = range.end;
    }
    after.push_str(before.get(at..).unwrap_or_default());
    (after, changed)
}

/// Reads both texts and compares everything that no splice touches.
fn prove(
    file: &Path,
    before: &str,
    after: &str,
    splices: &[Splice],
    changed: &[Range<usize>],
) -> Result<(), FixError> {
    let parse = |text: &str| {
        SourceFile::parse(file, text.as_bytes(), None)
            .map_err(|source| FixError::Broken { file: file.to_owned(), source })
    };
    let (old, new) = (parse(before)?, parse(after)?);
    let gone: Vec<Range<usize>> = splices.iter().map(|splice| splice.at.bytes.clone()).collect();
    let (mut was, mut is) = (Vec::new(), Vec::new());
    leaves(old.body(), "", &gone, &mut was);
    leaves(new.body(), "", changed, &mut is);
    let differs = was.iter().zip(&is).find(|(a, b)| a != b).map(|(a, _)| a.clone());
    let longer = || {
        let (long, short) = if was.len() > is.len() { (&was, &is) } else { (&is, &was) };
        long.get(short.len()).cloned()
    };
    match differs.or_else(longer) {
        Some(what) => Err(FixError::TooMuch { file: file.to_owned(), what }),
        None => Ok(()),
    }
}

/// Lists every argument that no range touches, with the blocks that it stands in.
fn leaves(body: &Body, path: &str, except: &[Range<usize>], found: &mut Vec<String>) {
    let touched =
        |range: &Range<usize>| except.iter().any(|e| e.start <= range.end && range.start <= e.end);
    for attribute in body.attributes().iter().filter(|a| !touched(&a.range())) {
        found.push(format!("{path}{} = {}", attribute.name(), attribute.expr().source()));
    }
    for block in body.blocks() {
        // A block that was put in as a whole is no part of what was there.
        if except.iter().any(|e| e.start <= block.range().start && block.range().end <= e.end) {
            continue;
        }
        let labels: Vec<&str> = block.labels().collect();
        let inner = format!("{path}{} {} ", block.kind(), labels.join(" "));
        if block.body().attributes().is_empty() && block.body().blocks().is_empty() {
            found.push(inner.clone());
        }
        leaves(block.body(), &inner, except, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::{Extent, Place, Severity};

    fn finding(range: Range<usize>, text: &str) -> Finding {
        let start = Place { file: "a.tf".into(), line: 1, column: 1 };
        let at = Extent { start, end_line: 1, end_column: 1, bytes: range };
        Finding {
            code: "DR004",
            severity: Severity::Error,
            at: at.clone(),
            message: String::new(),
            hint: String::new(),
            subject: String::new(),
            roots: vec![],
            values: None,
            related: vec![],
            fix: Some(Fix {
                title: "Mend".into(),
                splices: vec![Splice { at, text: text.to_owned() }],
            }),
        }
    }

    fn made(findings: &[Finding]) -> Result<Fixes, FixError> {
        fixes(findings, &|_| Some("a = \"x\"\nb = 2\nc {\n  d = 3\n}\n".into()))
    }

    #[test]
    fn splices_are_made_and_the_rest_is_byte_for_byte_the_same() {
        let made =
            made(&[finding(4..7, "var.x"), finding(12..13, "3"), finding(5..6, "y")]).unwrap();
        assert_eq!(made.files[0].after, "a = var.x\nb = 3\nc {\n  d = 3\n}\n");
        assert_eq!((made.mended, made.left.len()), (2, 1));
    }

    #[test]
    fn a_fix_that_breaks_the_file_or_changes_more_is_refused() {
        let broken = made(&[finding(4..7, "(")]).unwrap_err();
        assert!(matches!(broken, FixError::Broken { .. }));
        let swallows = made(&[finding(4..7, "1 /*"), finding(25..25, "*/")]);
        assert!(matches!(swallows, Err(FixError::TooMuch { .. } | FixError::Broken { .. })));
    }
}
