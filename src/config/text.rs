//! The text of a file, and places in it.

use super::syntax::Span;
use crate::model::finding::{Extent, Place};
use std::{
    ops::Range,
    path::{Path, PathBuf},
};

/// Characters are counted in steps of this many bytes, so that a place on a very long line is
/// found without counting the whole line.
const STEP: usize = 4096;

/// U+FEFF at the start of a file. Terraform takes no notice of it, nor does any column.
pub(super) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The text of a file.
///
/// Offsets of the syntax tree ("spans") and offsets in the file differ where the file was not HCL
/// as the parser takes it (`.tf.json`, very large objects). Every method here says which it takes.
#[derive(Debug)]
pub struct SourceText {
    path: PathBuf,
    text: String,
    lines: Vec<usize>,
    characters: Vec<usize>,
    offsets: OffsetMap,
}

impl SourceText {
    pub(super) fn new(path: PathBuf, text: String) -> Self {
        let lines = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(at, _)| at + 1))
            .collect();
        let mut seen = 0;
        let characters = text
            .as_bytes()
            .chunks(STEP)
            .map(|chunk| {
                let before = seen;
                seen += starts_of_characters(chunk);
                before
            })
            .collect();
        Self { path, text, lines, characters, offsets: OffsetMap::default() }
    }

    /// Says where what was parsed stands in the file.
    pub(super) fn with_offsets(self, offsets: OffsetMap) -> Self {
        Self { offsets, ..self }
    }

    /// Returns the path from the root of the repository.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the whole text: byte for byte the file, but for bytes in comments that are not
    /// UTF-8, each of which is a `?` here.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the place of a byte offset in the file. An offset behind the end is the end.
    pub fn place_at(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[line - 1];
        let mut column = 1 + if offset - start < STEP {
            starts_of_characters(&self.text.as_bytes()[start..offset])
        } else {
            self.characters_before(offset) - self.characters_before(start)
        };
        if line == 1 && offset > 0 && self.text.starts_with(BYTE_ORDER_MARK) {
            column -= 1;
        }
        Place { file: self.path.clone(), line, column }
    }

    /// Returns the stretch of the file that the bytes of `range` make up.
    pub fn extent_of(&self, range: Range<usize>) -> Extent {
        let end = self.place_at(range.end);
        let start = self.place_at(range.start);
        Extent { start, end_line: end.line, end_column: end.column, bytes: range }
    }

    /// Returns where a span of the syntax tree starts.
    pub fn place(&self, span: &Range<usize>) -> Place {
        self.place_at(self.offsets.start(span.start))
    }

    /// Returns where a node of the syntax tree starts; a node that was made and not parsed is
    /// placed at the start of the file.
    pub fn place_of(&self, node: &impl Span) -> Place {
        self.place(&node.span().unwrap_or(0..0))
    }

    /// Returns the bytes of the file that a span of the syntax tree stands for.
    pub fn range(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.offsets.start(span.start).min(self.text.len());
        start..self.offsets.end(span.end).clamp(start, self.text.len())
    }

    /// Returns the text that a span of the syntax tree stands for, as it is in the file.
    pub fn slice(&self, span: &Range<usize>) -> &str {
        self.text.get(self.range(span)).unwrap_or_default()
    }

    fn characters_before(&self, offset: usize) -> usize {
        let step = (offset / STEP).min(self.characters.len().saturating_sub(1));
        let known = self.characters.get(step).copied().unwrap_or(0);
        known + starts_of_characters(&self.text.as_bytes()[step * STEP..offset])
    }
}

/// Counts the bytes that begin a character, which is right for a chunk cut anywhere.
fn starts_of_characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| (**byte & 0xC0) != 0x80).count()
}

/// Where the bytes that were parsed stand in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct OffsetMap {
    /// In order of both; empty when the two are the same.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug)]
struct Segment {
    parsed: usize,
    file: usize,
    len: usize,
}

impl OffsetMap {
    /// Says that `len` bytes at `parsed` were copied from `file`. What stands between two
    /// segments was made up, and belongs to the end of the segment before it.
    pub(super) fn push(&mut self, parsed: usize, file: usize, len: usize) {
        if let Some(last) = self.segments.last_mut()
            && last.parsed + last.len == parsed
            && last.file + last.len == file
        {
            last.len += len;
            return;
        }
        self.segments.push(Segment { parsed, file, len });
    }

    /// Returns the map of two rewritings, `self` being the first.
    pub(super) fn then(self, second: Self) -> Self {
        if self.segments.is_empty() {
            return second;
        }
        if second.segments.is_empty() {
            return self;
        }
        let mut both = Self::default();
        for outer in &second.segments {
            // A copied run can span several runs of the first rewriting.
            let end = outer.file + outer.len;
            let first = self.segments.partition_point(|s| s.parsed <= outer.file).max(1) - 1;
            for inner in self.segments[first..].iter().take_while(|s| s.parsed < end.max(1)) {
                let from = inner.parsed.max(outer.file);
                let to = (inner.parsed + inner.len).min(end);
                let file = inner.file + (from - inner.parsed).min(inner.len);
                both.push(outer.parsed + (from - outer.file), file, to.saturating_sub(from));
            }
        }
        both
    }

    /// Returns where in the file a parsed offset stands.
    pub(super) fn start(&self, parsed: usize) -> usize {
        let next = self.segments.partition_point(|segment| segment.parsed <= parsed);
        match next.checked_sub(1).map(|at| &self.segments[at]) {
            Some(segment) => segment.file + (parsed - segment.parsed).min(segment.len),
            None if self.segments.is_empty() => parsed,
            None => 0,
        }
    }

    /// Returns where in the file a parsed range ends, given its end.
    pub(super) fn end(&self, parsed: usize) -> usize {
        // The last byte inside decides: a closing bracket that was made up must not reach on.
        match parsed.checked_sub(1) {
            Some(last) if !self.segments.is_empty() => {
                let next = self.segments.partition_point(|segment| segment.parsed <= last);
                match next.checked_sub(1).map(|at| &self.segments[at]) {
                    Some(segment) => segment.file + (parsed - segment.parsed).min(segment.len),
                    None => 0,
                }
            }
            _ => parsed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> SourceText {
        SourceText::new("a.tf".into(), content.into())
    }

    fn at(text: &SourceText, offset: usize) -> (usize, usize) {
        let place = text.place_at(offset);
        (place.line, place.column)
    }

    #[test]
    fn columns_count_characters_and_lines_end_with_a_line_feed() {
        let text = text("é = 1\r\nb = \"日本\" # x\n");
        assert_eq!(at(&text, 0), (1, 1));
        assert_eq!(at(&text, "é".len()), (1, 2));
        assert_eq!(at(&text, "é = 1\r\n".len()), (2, 1));
        assert_eq!(at(&text, "é = 1\r\nb = \"日本\" ".len()), (2, 10));
        assert_eq!(at(&text, 10_000), (3, 1));
    }

    #[test]
    fn a_byte_order_mark_takes_no_column() {
        let text = text("\u{feff}a = 1\n");
        assert_eq!(at(&text, 3), (1, 1));
        assert_eq!(at(&text, 7), (1, 5));
        assert_eq!(at(&text, 0), (1, 1));
    }

    #[test]
    fn a_place_on_a_line_of_many_steps_is_exact() {
        let text = text(&"日".repeat(5_000));
        assert_eq!(at(&text, 3 * 4_321), (1, 4_322));
    }

    #[test]
    fn made_up_bytes_belong_to_what_stands_before_them() {
        // `ab` was copied from 10, then three bytes were made up, then `c` was copied from 20.
        let mut map = OffsetMap::default();
        map.push(0, 10, 2);
        map.push(5, 20, 1);
        assert_eq!([0, 1, 2, 4, 5, 6].map(|at| map.start(at)), [10, 11, 12, 12, 20, 21]);
        assert_eq!([1, 2, 4, 6].map(|at| map.end(at)), [11, 12, 12, 21]);
    }

    #[test]
    fn two_rewritings_are_followed_back_to_the_file() {
        let mut first = OffsetMap::default();
        first.push(0, 100, 4);
        first.push(6, 200, 4);
        // The second put two bytes in front of the sixth.
        let mut second = OffsetMap::default();
        second.push(0, 0, 6);
        second.push(8, 6, 4);
        let both = first.then(second);
        assert_eq!([0, 3, 5, 7, 8, 11].map(|at| both.start(at)), [100, 103, 104, 104, 200, 203]);
    }
}
