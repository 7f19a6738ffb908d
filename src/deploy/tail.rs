//! The last lines of a log: what a failed program said at the end.

use std::{
    error::Error,
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// How many lines are kept.
const LINES: usize = 5;
/// How much of the log's end is looked at, in bytes.
const REACH: u64 = 8 << 10;

/// The last lines that a program printed, oldest first; as an error, so that they
/// stand in the chain below what the program was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastLines(pub Vec<String>);

impl fmt::Display for LastLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Error for LastLines {}

impl LastLines {
    /// Reads the last lines of a log that are not blank. `None` when there are none,
    /// or the log cannot be read: then there is less to show, and that is all.
    pub(super) fn of_log(path: &Path) -> Option<Self> {
        let end = read_end(path).ok()?;
        let text = String::from_utf8_lossy(&end);
        let mut lines: Vec<_> =
            text.lines().rev().map(plain).filter(|line| !line.is_empty()).take(LINES).collect();
        lines.reverse();
        if lines.is_empty() { None } else { Some(Self(lines)) }
    }
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    let mut log = File::open(path)?;
    let length = log.metadata()?.len();
    log.seek(SeekFrom::Start(length.saturating_sub(REACH)))?;
    let mut end = Vec::new();
    log.take(REACH).read_to_end(&mut end)?;
    Ok(end)
}

/// Takes colours and other control sequences out of a line, so that a program
/// cannot write on the operator's terminal through an error.
fn plain(line: &str) -> String {
    let mut plain = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next() == Some('[') {
            // Parameters, up to the letter that ends them.
            chars.by_ref().find(|c| ('@'..='~').contains(c));
        } else if !c.is_control() {
            plain.push(c);
        }
    }
    plain.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn last_lines(text: &str) -> Option<LastLines> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, text).unwrap();
        LastLines::of_log(&path)
    }

    #[test]
    fn the_last_lines_are_kept_without_blank_ones_and_colours() {
        let said = last_lines("1\n2\n3\n4\n5\n\n\u{1b}[1;31m6\u{1b}[0m\r\n  \n").unwrap();
        assert_eq!(said.0, ["2", "3", "4", "5", "6"]);
    }

    #[test]
    fn a_long_log_is_read_from_its_end_only() {
        let said = last_lines(&format!("{}\nlast\n", "x".repeat(1 << 20))).unwrap();
        assert_eq!(said.0.len(), 2);
        assert!(said.0[0].len() < REACH as usize);
        assert_eq!(said.0[1], "last");
    }

    #[test]
    fn nothing_said_is_nothing() {
        assert_eq!(last_lines("\n \n"), None);
        assert_eq!(LastLines::of_log(Path::new("/nowhere")), None);
    }
}
