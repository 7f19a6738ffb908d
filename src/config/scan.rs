//! A lexer that finds what the parser loses, or would refuse.
//!
//! It knows only what it must: comments, brackets, strings, templates and heredocs, by the rules of
//! Terraform's own scanner. It never recurses, so that nesting costs memory and not stack, and it
//! works on bytes, so that a comment may hold any.

use std::{borrow::Cow, collections::HashMap, ops::Range};

/// What was found in a file; all ranges are bytes.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Every comment, without the line ending.
    pub(super) comments: Vec<Range<usize>>,
    /// Line endings and line comments that stand directly in a `for` expression or a template
    /// directive, where Terraform takes no notice of them and the parser does.
    pub(super) soft: Vec<Range<usize>>,
    /// Heredocs with a content line that only starts with the marker.
    pub(super) misleading: Vec<Heredoc>,
    /// Keys that stand twice in one object.
    pub(super) duplicates: Vec<Duplicate>,
    /// Objects that are too large for the parser.
    pub(super) large: Vec<LargeObject>,
    /// Why nobody can read this file, where the lexer already knows.
    pub(super) broken: Option<Broken>,
    /// The innermost bracket, quote or heredoc that is open at the end.
    pub(super) unclosed: Option<usize>,
}

/// The two markers of a heredoc and what stands between them.
#[derive(Debug)]
pub(super) struct Heredoc {
    pub(super) opening: Range<usize>,
    pub(super) content: Range<usize>,
    pub(super) closing: Range<usize>,
}

/// An object entry that a later one with the same key replaces.
#[derive(Debug)]
pub(super) struct Duplicate {
    pub(super) name: String,
    /// The key that has no effect, and its whole entry with its comma.
    pub(super) dead: Range<usize>,
    pub(super) dead_entry: Range<usize>,
    /// The key that counts.
    pub(super) live: Range<usize>,
}

/// An object literal with very many entries.
#[derive(Debug)]
pub(super) struct LargeObject {
    pub(super) whole: Range<usize>,
    /// Where each entry starts.
    pub(super) entries: Vec<usize>,
}

/// Something that Terraform's scanner refuses and the parser does not.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) at: usize,
    pub(super) message: &'static str,
}

/// An object of more entries than this is listed in [`Scan::large`].
pub(super) const LARGE: usize = 4096;

/// Scans a whole file.
pub(super) fn scan(bytes: &[u8]) -> Scan {
    let mut scanner = Scanner { bytes, at: 0, stack: Vec::new(), found: Scan::default() };
    if bytes.starts_with(super::text::BYTE_ORDER_MARK.as_bytes()) {
        scanner.at = super::text::BYTE_ORDER_MARK.len();
    }
    scanner.push(Kind::Body { in_value: false });
    while scanner.at < bytes.len() && scanner.found.broken.is_none() {
        if !scanner.step() {
            break;
        }
    }
    // The bottom of the stack is the file itself.
    scanner.found.unclosed = scanner.stack.get(1..).and_then(<[_]>::last).map(|frame| frame.open);
    scanner.found
}

/// Returns where an interpolation or directive at the start of `bytes` ends, if it does.
pub(super) fn interpolation_end(bytes: &[u8]) -> Option<usize> {
    let mut scanner = Scanner { bytes, at: 0, stack: Vec::new(), found: Scan::default() };
    scanner.push(Kind::Body { in_value: true });
    scanner.template();
    while scanner.stack.len() > 1 {
        if scanner.at >= bytes.len() || scanner.found.broken.is_some() || !scanner.step() {
            return None;
        }
    }
    Some(scanner.at)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    stack: Vec<Frame>,
    found: Scan,
}

struct Frame {
    open: usize,
    kind: Kind,
}

enum Kind {
    /// The file, or the body of a block.
    Body {
        in_value: bool,
    },
    Object(Object),
    /// `{for …}`, or `[for …]` when square.
    For {
        square: bool,
    },
    Round,
    Square,
    Quote,
    Heredoc {
        opening: Range<usize>,
        content: usize,
        line_start: bool,
        misleading: bool,
    },
    Interpolation,
    Directive,
}

#[derive(Default)]
struct Object {
    entries: Vec<Entry>,
    current: Option<(usize, Option<Range<usize>>)>,
}

struct Entry {
    key: Range<usize>,
    whole: Range<usize>,
}

impl Object {
    fn end_key(&mut self, at: usize) {
        if let Some((start, key @ None)) = &mut self.current {
            *key = Some(*start..at);
        }
    }

    fn end_entry(&mut self, at: usize) {
        if let Some((start, Some(key))) = self.current.take() {
            self.entries.push(Entry { key, whole: start..at });
        }
    }
}

impl Scanner<'_> {
    fn push(&mut self, kind: Kind) {
        self.stack.push(Frame { open: self.at, kind });
    }

    fn starts_with(&self, word: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(word)
    }

    /// Takes one token, or a run of text; false when the brackets do not match.
    fn step(&mut self) -> bool {
        match self.stack.last().map(|frame| &frame.kind) {
            Some(Kind::Quote) => {
                self.in_quote();
                true
            }
            Some(Kind::Heredoc { line_start, .. }) => {
                if *line_start {
                    self.heredoc_line_start();
                } else {
                    self.in_heredoc();
                }
                true
            }
            Some(_) => self.in_code(),
            None => false,
        }
    }

    fn in_quote(&mut self) {
        match self.bytes[self.at] {
            b'"' => {
                self.stack.pop();
                self.at += 1;
            }
            b'\\' => self.at += 2,
            b'\n' => {
                let open = self.stack.last().map_or(0, |frame| frame.open);
                let message = "a quoted string must end on the line on which it starts";
                self.found.broken = Some(Broken { at: open, message });
            }
            _ => self.template(),
        }
    }

    fn in_heredoc(&mut self) {
        if self.bytes[self.at] == b'\n' {
            if let Some(Kind::Heredoc { line_start, .. }) = self.kind() {
                *line_start = true;
            }
            self.at += 1;
        } else {
            self.template();
        }
    }

    /// Ends the heredoc when its marker stands alone on the line.
    fn heredoc_line_start(&mut self) {
        let bytes = self.bytes;
        let end = line_end(bytes, self.at);
        let Some(Kind::Heredoc { opening, content, line_start, misleading }) =
            self.stack.last_mut().map(|frame| &mut frame.kind)
        else {
            return;
        };
        *line_start = false;
        let marker = &bytes[opening.clone()];
        let line = bytes[self.at..end].trim_ascii();
        let Some(rest) = line.strip_prefix(marker) else { return };
        if !rest.is_empty() {
            *misleading |= !is_identifier(rest[0]);
            return;
        }
        let indent = bytes[self.at..end].len() - bytes[self.at..end].trim_ascii_start().len();
        let closing = self.at + indent..self.at + indent + marker.len();
        if *misleading {
            let heredoc = Heredoc {
                opening: opening.clone(),
                content: *content..self.at,
                closing: closing.clone(),
            };
            self.found.misleading.push(heredoc);
        }
        self.at = closing.end;
        self.stack.pop();
    }

    /// Takes a character of a string or heredoc, or the start of an interpolation or directive.
    fn template(&mut self) {
        if self.starts_with(b"$${") || self.starts_with(b"%%{") {
            self.at += 3;
        } else if self.starts_with(b"${") {
            self.push(Kind::Interpolation);
            self.at += 2;
        } else if self.starts_with(b"%{") {
            self.push(Kind::Directive);
            self.at += 2;
        } else {
            self.at += 1;
        }
    }

    fn in_code(&mut self) -> bool {
        let byte = self.bytes[self.at];
        match byte {
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'\n' => self.newline(),
            b'#' => self.line_comment(),
            b'/' if self.starts_with(b"//") => self.line_comment(),
            b'/' if self.starts_with(b"/*") => self.inline_comment(),
            b'}' | b']' | b')' => return self.close(byte),
            b',' => {
                self.at += 1;
                let at = self.at;
                if let Some(Kind::Object(object)) = self.kind() {
                    object.end_entry(at);
                }
            }
            _ => {
                let at = self.at;
                if let Some(Kind::Object(Object { current: current @ None, .. })) = self.kind() {
                    *current = Some((at, None));
                }
                self.token(byte);
            }
        }
        true
    }

    fn token(&mut self, byte: u8) {
        match byte {
            b'"' => {
                self.push(Kind::Quote);
                self.at += 1;
            }
            b'<' if self.starts_with(b"<<") => self.heredoc(),
            b'(' => self.open(Kind::Round),
            b'[' => {
                let kind =
                    if self.for_follows() { Kind::For { square: true } } else { Kind::Square };
                self.open(kind);
            }
            b'{' => {
                let is_for = self.for_follows();
                let kind = match self.kind() {
                    Some(Kind::Body { in_value: false }) => Kind::Body { in_value: false },
                    _ if is_for => Kind::For { square: false },
                    _ => Kind::Object(Object::default()),
                };
                self.open(kind);
            }
            b'=' | b'!' | b'<' | b'>' if self.bytes.get(self.at + 1) == Some(&b'=') => self.at += 2,
            b'=' if self.starts_with(b"=>") => self.at += 2,
            b':' if self.starts_with(b"::") => self.at += 2,
            b'=' | b':' => {
                let at = self.at;
                match self.kind() {
                    Some(Kind::Body { in_value }) => *in_value = true,
                    Some(Kind::Object(object)) => object.end_key(at),
                    _ => {}
                }
                self.at += 1;
            }
            _ if is_identifier(byte) => {
                self.at += self.bytes[self.at..].iter().take_while(|b| is_identifier(**b)).count();
            }
            _ => self.at += 1,
        }
    }

    fn kind(&mut self) -> Option<&mut Kind> {
        self.stack.last_mut().map(|frame| &mut frame.kind)
    }

    fn open(&mut self, kind: Kind) {
        self.push(kind);
        self.at += 1;
    }

    fn newline(&mut self) {
        let at = self.at;
        let start = at - usize::from(at > 0 && self.bytes[at - 1] == b'\r');
        match self.kind() {
            Some(Kind::Body { in_value }) => *in_value = false,
            Some(Kind::Object(object))
                if object.current.as_ref().is_some_and(|c| c.1.is_some()) =>
            {
                object.end_entry(start);
            }
            Some(Kind::For { .. } | Kind::Directive) => self.found.soft.push(start..at + 1),
            _ => {}
        }
        self.at += 1;
    }

    fn line_comment(&mut self) {
        let end = line_end(self.bytes, self.at);
        let text = self.bytes[self.at..end].trim_ascii_end();
        let range = self.at..self.at + text.len();
        if matches!(self.kind(), Some(Kind::For { .. } | Kind::Directive)) {
            self.found.soft.push(range.clone());
        }
        self.found.comments.push(range);
        self.at = end;
    }

    fn inline_comment(&mut self) {
        let end = find(&self.bytes[self.at + 2..], b"*/")
            .map_or(self.bytes.len(), |length| self.at + 2 + length + 2);
        self.found.comments.push(self.at..end);
        self.at = end;
    }

    /// Begins a heredoc, if `<<` is followed by a marker and a line ending.
    fn heredoc(&mut self) {
        let start = self.at + 2 + usize::from(self.bytes.get(self.at + 2) == Some(&b'-'));
        let rest = self.bytes.get(start..).unwrap_or_default();
        let opening = start..start + rest.iter().take_while(|byte| is_identifier(**byte)).count();
        let after = &self.bytes[opening.end..];
        let newline = match after {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        if opening.is_empty() || newline == 0 {
            self.at += 2;
            return;
        }
        let content = opening.end + newline;
        self.push(Kind::Heredoc { opening, content, line_start: true, misleading: false });
        self.at = content;
    }

    /// Looks for the word `for` behind the bracket here.
    fn for_follows(&self) -> bool {
        let mut rest = self.bytes[self.at + 1..].trim_ascii_start();
        loop {
            let skipped = match rest {
                [b'#', ..] | [b'/', b'/', ..] => line_end(rest, 0),
                [b'/', b'*', ..] => match find(&rest[2..], b"*/") {
                    Some(length) => length + 4,
                    None => return false,
                },
                _ => break,
            };
            rest = rest[skipped..].trim_ascii_start();
        }
        rest.strip_prefix(b"for").is_some_and(|rest| {
            rest.first().is_some_and(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'#' | b'/'))
        })
    }

    fn close(&mut self, byte: u8) -> bool {
        let at = self.at;
        self.at += 1;
        let matches = match self.kind() {
            Some(Kind::Round) => byte == b')',
            Some(Kind::Square | Kind::For { square: true }) => byte == b']',
            Some(_) => byte == b'}',
            None => false,
        };
        // A bracket too many at the top is for the parser to blame.
        if !matches || self.stack.len() == 1 {
            return false;
        }
        if let Some(Frame { open, kind: Kind::Object(mut object) }) = self.stack.pop() {
            object.end_entry(at);
            self.object(open..at + 1, &object.entries);
        }
        true
    }

    fn object(&mut self, whole: Range<usize>, entries: &[Entry]) {
        if entries.len() < 2 {
            return;
        }
        let mut last = HashMap::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate().rev() {
            let name = key_name(self.bytes[entry.key.clone()].trim_ascii());
            let live: usize = *last.entry(name.clone()).or_insert(index);
            if live != index {
                self.found.duplicates.push(Duplicate {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    dead: entry.key.clone(),
                    dead_entry: entry.whole.clone(),
                    live: entries[live].key.clone(),
                });
            }
        }
        if entries.len() > LARGE {
            let entries = entries.iter().map(|entry| entry.whole.start).collect();
            self.found.large.push(LargeObject { whole, entries });
        }
    }
}

/// Returns what makes two keys the same: `a` and `"a"` are, `(a)` and `a` are not.
fn key_name(key: &[u8]) -> Cow<'_, [u8]> {
    match key {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'"') => Cow::Borrowed(inner),
        _ if key.contains(&b'"') => Cow::Borrowed(key),
        _ => Cow::Owned(key.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect()),
    }
}

/// Whether a byte can be part of an identifier; those of other scripts are, byte by byte.
fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || !byte.is_ascii()
}

fn line_end(bytes: &[u8], from: usize) -> usize {
    bytes[from..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| from + length)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
