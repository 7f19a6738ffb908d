//! DR040: keys that stand twice.

use crate::{
    config::{
        file::{DuplicateKey, SourceFile},
        text::SourceText,
    },
    lint::{
        mend::is_json_file,
        rule::{Found, Rule},
        subject::Subject,
    },
    model::finding::{Fix, RuleText, Severity, Splice},
};
use std::ops::Range;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR040",
        name: "duplicate-key",
        title: "a key stands twice in one object",
        severity: Severity::Warning,
        page: include_str!("dr040.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for seen in &subject.modules {
        for file in &seen.module.files {
            for duplicate in file.duplicate_keys() {
                let text = file.text();
                found
                    .add(
                        text.extent_of(trimmed(text, &duplicate.bytes)),
                        file.path().display().to_string(),
                        format!(
                            "`{}` stands again on line {}, and the last one counts",
                            duplicate.key, duplicate.replaced_by.line
                        ),
                        "Take this entry away, or the other one if this is what is meant",
                    )
                    .related(
                        text.extent_of(trimmed(text, &duplicate.replaced_by_bytes)),
                        "this one counts",
                    )
                    .fix(fix(file, duplicate));
            }
        }
    }
}

/// Returns the bytes without the space behind them.
fn trimmed(text: &SourceText, range: &Range<usize>) -> Range<usize> {
    let key = text.as_str().get(range.clone()).unwrap_or_default();
    range.start..range.start + key.trim_end().len()
}

/// An entry that has its lines to itself goes with them.
fn fix(file: &SourceFile, duplicate: &DuplicateKey) -> Option<Fix> {
    if is_json_file(file.path()) {
        return None;
    }
    let text = file.text().as_str();
    let entry = duplicate.entry.clone();
    let start = text[..entry.start].rfind('\n').map_or(0, |at| at + 1);
    let written = text.get(entry.clone())?.trim_end();
    let end = text[entry.start + written.len()..]
        .find('\n')
        .map(|at| entry.start + written.len() + at + 1)?;
    let alone = text[start..entry.start].trim().is_empty()
        && text[entry.start + written.len()..end].trim().is_empty();
    // With a comment goes what somebody wanted to say.
    let silent =
        !written.contains(['#', '\n']) && !written.contains("//") && !written.contains("/*");
    (alone && silent).then(|| Fix {
        title: "Take away the entry that has no effect".to_owned(),
        splices: vec![Splice { at: file.text().extent_of(start..end), text: String::new() }],
    })
}
