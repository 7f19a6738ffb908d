//! Findings that a comment in the code answers: `# drctl:ignore DR004 the reason`.

use crate::{
    config::{
        body::{Block, Body},
        file::SourceFile,
        text::SourceText,
    },
    model::finding::{Extent, Finding},
};
use std::path::PathBuf;

/// What a comment begins with behind its marks, for what follows it or stands on its line.
const HERE: &str = "drctl:ignore";

/// What a comment begins with that speaks of the whole file.
const FILE: &str = "drctl:ignore-file";

/// A comment that answers findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Suppression {
    /// The file that it stands in.
    pub(crate) file: PathBuf,
    /// Where the comment stands.
    pub(crate) at: Extent,
    /// The codes that it names.
    pub(crate) codes: Vec<String>,
    /// Why; empty when it does not say.
    pub(crate) reason: String,
    /// The folders of the root modules that reach its file.
    pub(crate) roots: Vec<PathBuf>,
    /// Lines of the file that it speaks of, from the first to the last.
    lines: (usize, usize),
}

impl Suppression {
    /// Whether it answers a finding.
    pub(crate) fn answers(&self, finding: &Finding) -> bool {
        let (first, last) = self.lines;
        !self.reason.is_empty()
            && self.codes.iter().any(|code| code == finding.code)
            && self.file == finding.at.start.file
            && (first..=last).contains(&finding.at.start.line)
    }
}

/// Returns the suppressions of a file, in order.
pub(crate) fn suppressions(file: &SourceFile) -> Vec<Suppression> {
    let comments: Vec<_> = file.comments().collect();
    if !comments.iter().any(|(_, text)| text.contains(HERE)) {
        return Vec::new();
    }
    let text = file.text();
    let mut constructs = Vec::new();
    collect(file.body(), text, &mut constructs);
    let mut found = Vec::new();
    for (place, comment) in comments {
        let words = comment.trim_start_matches(['#', '/', '*']).trim_end_matches(['*', '/']).trim();
        let (whole, rest) = match (words.strip_prefix(FILE), words.strip_prefix(HERE)) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => continue,
        };
        let (codes, reason) = split(rest.trim());
        let line = spoken_of(text, place.line);
        let within = constructs.iter().filter(|(first, _)| *first == line).map(|(_, last)| *last);
        let lines = if whole { (1, usize::MAX) } else { (line, within.max().unwrap_or(line)) };
        let start = byte_of(text, place.line, comment);
        let at = text.extent_of(start..start + comment.trim_end().len());
        let file = file.path().to_owned();
        found.push(Suppression { file, at, codes, reason, roots: Vec::new(), lines });
    }
    found
}

/// Splits `DR004, DR005 the reason` into codes and reason.
fn split(rest: &str) -> (Vec<String>, String) {
    let mut codes = Vec::new();
    let mut left = rest;
    loop {
        let word = left
            .split(|c: char| c.is_whitespace() || [',', ':'].contains(&c))
            .next()
            .unwrap_or_default();
        if !word.starts_with("DR") || !word[2..].chars().all(|c| c.is_ascii_digit()) {
            break;
        }
        codes.push(word.to_owned());
        left = left[word.len()..].trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    }
    (codes, left.trim_start_matches([':', '-', ' ']).trim().to_owned())
}

/// Returns the line that a comment on `line` speaks of: its own, if code stands before it there,
/// and else the next line that is no comment.
fn spoken_of(text: &SourceText, line: usize) -> usize {
    let is_comment = |line: &str| {
        let line = line.trim_start();
        line.is_empty() || line.starts_with('#') || line.starts_with("//") || line.starts_with("/*")
    };
    let from = line - 1;
    let after = text.as_str().lines().enumerate().skip(from);
    after.into_iter().find(|(_, line)| !is_comment(line)).map_or(line, |(at, _)| at + 1)
}

fn byte_of(text: &SourceText, line: usize, comment: &str) -> usize {
    let before: usize = text.as_str().split_inclusive('\n').take(line - 1).map(str::len).sum();
    text.as_str()[before..].find(comment).map_or(before, |at| before + at)
}

/// Collects the first and the last line of every argument and block.
fn collect(body: &Body, text: &SourceText, found: &mut Vec<(usize, usize)>) {
    let lines = |range: std::ops::Range<usize>| {
        let extent = text.extent_of(range);
        (extent.start.line, extent.end_line)
    };
    found.extend(body.attributes().iter().map(|attribute| lines(attribute.range())));
    for block in body.blocks() {
        found.push(lines(Block::range(block)));
        collect(block.body(), text, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let file = SourceFile::parse("a.tf", text.as_bytes(), None).unwrap();
        let line = |s: &Suppression| {
            format!("{} {:?} {:?} {:?}", s.at.start, s.codes.join(","), s.reason, s.lines)
        };
        suppressions(&file).iter().map(line).collect()
    }

    #[test]
    fn a_comment_speaks_of_its_line_or_of_what_follows() {
        let text = "\
# drctl:ignore DR006 applied once
# (see the handbook)
resource \"a\" \"b\" {
  x = 1 // drctl:ignore DR004, DR005: on purpose
  y = 2
}
/* drctl:ignore-file DR001 none */
# drctl:ignore DR001
z = 3
";
        assert_eq!(
            shown(text),
            [
                "a.tf:1:1 \"DR006\" \"applied once\" (3, 6)",
                "a.tf:4:9 \"DR004,DR005\" \"on purpose\" (4, 4)",
                "a.tf:7:1 \"DR001\" \"none\" (1, 18446744073709551615)",
                "a.tf:8:1 \"DR001\" \"\" (9, 9)",
            ]
        );
    }

    #[test]
    fn other_comments_say_nothing() {
        assert_eq!(
            shown("# drctl is good\na = \"# drctl:ignore DR001 x\"\n"),
            Vec::<String>::new()
        );
    }
}
