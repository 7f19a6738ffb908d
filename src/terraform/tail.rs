//! A log file read line by line, also while it is being written.

use crate::terraform::UiMessage;
use std::{fs::File, io, io::Read, path::Path};

/// The longest line that is held in memory, in bytes. A plan's longest lines hold
/// one resource; only a dump of a whole state comes near this.
const LONGEST: usize = 256 << 20;

/// How much is read at once, in bytes, and how much the buffer keeps between lines.
const CHUNK: usize = 64 << 10;

/// Reads a finished log from its beginning: what a command said whose end nobody saw.
///
/// # Errors
///
/// When the file cannot be opened or read.
pub fn replay(stdout: &Path, on: &mut dyn FnMut(UiMessage)) -> io::Result<()> {
    let mut tail = Tail::new(File::open(stdout)?);
    while tail.read_some(on)? {}
    tail.finish(on);
    Ok(())
}

/// A file's lines, as far as they have been written.
pub(super) struct Tail {
    file: File,
    chunk: Box<[u8]>,
    /// The beginning of a line whose end is not there yet.
    partial: Vec<u8>,
    /// How much of a line that is too long was thrown away.
    dropped: u64,
    longest: usize,
}

impl Tail {
    pub(super) fn new(file: File) -> Self {
        Self {
            file,
            chunk: vec![0; CHUNK].into(),
            partial: Vec::new(),
            dropped: 0,
            longest: LONGEST,
        }
    }

    /// Reads one chunk and hands over the lines that it completes. Returns false
    /// when there is nothing more for now.
    pub(super) fn read_some(&mut self, on: &mut dyn FnMut(UiMessage)) -> io::Result<bool> {
        let count = loop {
            match self.file.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        let chunk = std::mem::take(&mut self.chunk);
        let mut rest = &chunk[..count];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.hold(&rest[..end]);
            self.finish(on);
            rest = &rest[end + 1..];
        }
        self.hold(rest);
        self.chunk = chunk;
        Ok(count > 0)
    }

    /// Hands over what there is as a line: its end, or the end of the file, was met.
    pub(super) fn finish(&mut self, on: &mut dyn FnMut(UiMessage)) {
        if self.dropped > 0 {
            let bytes = self.dropped;
            self.dropped = 0;
            tracing::warn!(bytes, "a line of Terraform's output is too long to be read");
            on(UiMessage::TooLong { bytes });
        } else if !self.partial.is_empty() {
            on(UiMessage::read(&String::from_utf8_lossy(&self.partial)));
        }
        self.partial.clear();
        self.partial.shrink_to(CHUNK);
    }

    fn hold(&mut self, part: &[u8]) {
        if self.dropped == 0 && self.partial.len() + part.len() <= self.longest {
            self.partial.extend_from_slice(part);
        } else {
            self.dropped += (self.partial.len() + part.len()) as u64;
            self.partial = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn drain(tail: &mut Tail) -> Vec<UiMessage> {
        let mut seen = Vec::new();
        while tail.read_some(&mut |message| seen.push(message)).unwrap() {}
        seen
    }

    fn text(text: &str) -> UiMessage {
        UiMessage::Text(text.into())
    }

    #[test]
    fn a_line_is_handed_over_when_its_end_is_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut tail = Tail::new(File::open(file.path()).unwrap());
        let mut writer = file.as_file();

        writer.write_all(b"one\n\ntw").unwrap();
        assert_eq!(drain(&mut tail), [text("one")]);
        writer.write_all(b"o\nthree").unwrap();
        assert_eq!(drain(&mut tail), [text("two")]);

        let mut last = Vec::new();
        tail.finish(&mut |message| last.push(message));
        assert_eq!(last, [text("three")]);
    }

    #[test]
    fn bytes_that_are_no_text_are_survived() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"\xff\xfe\0garbage\n{\"type\":\"log\",\"@message\":\"on\"}\n").unwrap();
        let mut seen = Vec::new();
        replay(file.path(), &mut |message| seen.push(message)).unwrap();
        assert_eq!(seen[0], text("\u{fffd}\u{fffd}\0garbage"));
        assert_eq!(seen[1], UiMessage::Log { text: "on".into() });
    }

    #[test]
    fn a_line_that_is_too_long_is_told_and_the_next_is_read() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{}\nshort", "x".repeat(3 * CHUNK)).unwrap();
        let mut tail = Tail { longest: 2 * CHUNK, ..Tail::new(File::open(file.path()).unwrap()) };
        assert_eq!(
            drain(&mut tail),
            [UiMessage::TooLong { bytes: 3 * CHUNK as u64 }, text("short")]
        );
        assert!(tail.partial.capacity() <= CHUNK);
    }
}
