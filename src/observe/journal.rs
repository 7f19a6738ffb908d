//! The run on disk: one JSON object a line, appended and never changed.
//!
//! What must be remembered before something is done is on the disk before
//! [`Sink::take`] returns: `fdatasync`, which costs about a millisecond on an
//! SSD and ten on a disk that turns. What Terraform or a probe only reported
//! ([`EventKind::ResourceStarted`] and its like, thousands in a large run) is
//! handed to the system and reaches the disk with the next event that is synced:
//! it survives a crash of drctl, and could be lost only with the machine.

use super::json_line;
use crate::model::{
    event::{Event, EventKind, Sink},
    text::hex,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The longest line that is read, in bytes. No event comes near; a file that is no journal might.
const LONGEST_LINE: u64 = 16 * 1024 * 1024;

/// Appends the stream to a file that only its owner can read.
#[derive(Debug)]
pub struct JournalWriter {
    file: File,
    /// Bytes of whole lines so far.
    whole: u64,
    /// True when the file ends in half a line that could not be cut off.
    broken: bool,
}

impl JournalWriter {
    /// Makes a new journal at `path`, with mode 0600, and makes its name durable too.
    ///
    /// # Errors
    ///
    /// [`JournalError::Create`], also when there is a file already: a journal is never overwritten.
    pub fn create(path: &Path) -> Result<Self, JournalError> {
        let create = || {
            let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
            alone(&file)?;
            // The folder's entry is data of the folder: without this the file could be lost whole.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(file)
        };
        let file =
            create().map_err(|source| JournalError::Create { path: path.to_owned(), source })?;
        Ok(Self { file, whole: 0, broken: false })
    }

    /// Opens the journal of a run that is over, to add what was done about it since. What a crash left
    /// of a last line is cut off. Returns its events, too.
    ///
    /// # Errors
    ///
    /// As [`JournalReader`], and [`JournalError::Append`] when it cannot be written, also since the
    /// process of the run still does: it holds a lock on it for as long as it lives.
    pub fn append(path: &Path) -> Result<(Self, Vec<Event>), JournalError> {
        let mut reader = JournalReader::open(path)?;
        let events = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
        let whole = reader.whole + u64::from(reader.open);
        let open = || {
            let mut file = OpenOptions::new().append(true).open(path)?;
            alone(&file)?;
            file.set_len(reader.whole)?;
            if reader.open {
                file.write_all(b"\n")?;
            }
            Ok(file)
        };
        let file =
            open().map_err(|source| JournalError::Append { path: path.to_owned(), source })?;
        Ok((Self { file, whole, broken: false }, events))
    }

    /// Cuts off what a failed write left, so that a later line does not continue half a line.
    fn cut(&mut self) {
        self.broken = self.file.set_len(self.whole).is_err();
    }
}

impl Sink for JournalWriter {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier line could be written only in part"));
        }
        let line = json_line(event)?;
        self.file.write_all(&line).inspect_err(|_| self.cut())?;
        self.whole += line.len() as u64;
        if must_be_durable(&event.kind) { self.file.sync_data() } else { Ok(()) }
    }
}

/// Locks a journal for as long as it is open, if nobody else has.
///
/// A file system that knows no locks is no reason not to recover.
fn alone(file: &File) -> io::Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// Returns true for what must be on the disk before the run goes on.
///
/// False only for what was seen to happen anyway, and comes in large numbers.
fn must_be_durable(kind: &EventKind) -> bool {
    !matches!(
        kind,
        EventKind::ResourceStarted { .. }
            | EventKind::ResourceFinished { .. }
            | EventKind::ProbeAnswered { .. }
    )
}

/// A hash chain over the lines of a journal.
///
/// The first link is 32 zero bytes; each next one is SHA-256 over the link
/// before it and the line, without its newline. Whoever knows the last link can
/// tell that no line was changed, added, moved or taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    link: [u8; 32],
}

impl Chain {
    /// Takes the next line in.
    pub fn add(&mut self, line: &[u8]) {
        self.link = Sha256::new().chain_update(self.link).chain_update(line).finalize().into();
    }

    /// Returns the last link, in hexadecimal.
    pub fn link(&self) -> String {
        hex(&self.link)
    }
}

/// A journal, read whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Journal {
    /// Every event, in order.
    pub events: Vec<Event>,
    /// True when the last line was written only in part, as a crash leaves it, and was dropped.
    pub torn: bool,
}

/// Reads a whole journal into memory.
///
/// # Errors
///
/// As [`JournalReader`], and [`JournalError::Empty`] when there is no event in it.
pub fn read(path: &Path) -> Result<Journal, JournalError> {
    let mut reader = JournalReader::open(path)?;
    let events = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok(Journal { events, torn: reader.torn() })
}

/// Reads a journal event by event, with one line in memory at a time.
///
/// Ends after the last event or the first error. An event of a kind that this
/// drctl does not know is read as [`EventKind::Unknown`].
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    lines: BufReader<File>,
    buffer: Vec<u8>,
    /// Events read so far, which is also the `seq` of the next.
    count: u64,
    /// Bytes of whole events read so far.
    whole: u64,
    /// True when the last of them lacks its newline.
    open: bool,
    torn: bool,
    ended: bool,
    chain: Chain,
}

impl JournalReader {
    /// Opens the journal at `path`.
    ///
    /// # Errors
    ///
    /// [`JournalError::Open`].
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let file = File::open(path)
            .map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
        Ok(Self {
            path: path.to_owned(),
            lines: BufReader::new(file),
            buffer: Vec::new(),
            count: 0,
            whole: 0,
            open: false,
            torn: false,
            ended: false,
            chain: Chain::default(),
        })
    }

    /// Returns true when the end was reached and the last line was written only in part.
    pub fn torn(&self) -> bool {
        self.torn
    }

    /// Returns the last link of the hash chain over the lines read so far, in hexadecimal.
    pub fn last_link(&self) -> String {
        self.chain.link()
    }

    /// Reads all the rest, and tells whether none of it was ever synced: then a machine that lost its
    /// power may have written any part of it, and nothing was done on its strength.
    fn ends_unsynced(&mut self) -> bool {
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = self.lines.by_ref().take(LONGEST_LINE);
            match limited.read_until(b'\n', &mut line) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
            let event: Result<Event, _> = serde_json::from_slice(&line);
            if event.is_ok_and(|event| must_be_durable(&event.kind)) {
                return false;
            }
        }
    }

    fn step(&mut self) -> Result<Option<Event>, JournalError> {
        let (name, line) = (self.path.clone(), self.count + 1);
        let path = || name.clone();
        self.buffer.clear();
        let mut limited = self.lines.by_ref().take(LONGEST_LINE);
        let read = limited
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| JournalError::Read { path: path(), source })?;
        if read == 0 {
            return if self.count == 0 {
                Err(JournalError::Empty { path: path() })
            } else {
                Ok(None)
            };
        }
        let whole = self.buffer.last() == Some(&b'\n');
        if !whole && read as u64 == LONGEST_LINE {
            return Err(JournalError::TooLong { path: path(), line });
        }
        let event: Event = match serde_json::from_slice(&self.buffer) {
            Ok(event) => event,
            // Never synced, so nothing was done on its strength.
            Err(_) if !whole => {
                self.torn = true;
                return if self.count == 0 {
                    Err(JournalError::Empty { path: path() })
                } else {
                    Ok(None)
                };
            }
            Err(_) if self.count > 0 && self.ends_unsynced() => {
                self.torn = true;
                return Ok(None);
            }
            Err(source) => return Err(JournalError::Line { path: path(), line, source }),
        };
        if event.seq != self.count {
            return Err(JournalError::Order {
                path: path(),
                line,
                expected: self.count,
                found: event.seq,
            });
        }
        self.count += 1;
        self.whole += read as u64;
        self.open = !whole;
        self.chain.add(self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer));
        Ok(Some(event))
    }
}

impl Iterator for JournalReader {
    type Item = Result<Event, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.step().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Why a journal cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be made.
    #[error("failed to create the journal `{}`", path.display())]
    Create {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Nothing can be added to it.
    #[error("failed to add to the journal `{}`", path.display())]
    Append {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be opened.
    #[error("failed to open the journal `{}`", path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be read to its end.
    #[error("failed to read the journal `{}`", path.display())]
    Read {
        /// Where.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no event in it.
    #[error("the journal `{}` is empty", path.display())]
    Empty {
        /// Where.
        path: PathBuf,
    },
    /// A whole line is not an event.
    #[error("line {line} of `{}` is not an event", path.display())]
    Line {
        /// Where.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A line is longer than any event can be.
    #[error("line {line} of `{}` is longer than any event", path.display())]
    TooLong {
        /// Where.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
    },
    /// An event is missing, doubled or out of its place.
    #[error("line {line} of `{}` holds event {found} where event {expected} belongs", path.display())]
    Order {
        /// Where.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// The number that follows.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
}

impl JournalError {
    /// Returns what to do now.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Create { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                "Leave that journal where it is and begin a new run, which gets a folder of its own"
                    .to_owned()
            }
            Self::Create { .. } | Self::Append { .. } => {
                "Make room and see that the run's folder can be written: nothing is begun that cannot be remembered"
                    .to_owned()
            }
            Self::Open { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                "Check the run's name, which looks like `20260314-025907-4f1c`".to_owned()
            }
            Self::Open { .. } | Self::Read { .. } => {
                "Read it as the user who made the run: only its owner can".to_owned()
            }
            Self::Empty { .. } => {
                "Begin a new run: this one was stopped before it did anything".to_owned()
            }
            Self::Line { path, line, .. } | Self::TooLong { path, line } => {
                format!("Look at it with `sed -n {line}p {}`: it was edited, or is no journal", path.display())
            }
            Self::Order { .. } => {
                "Use the journal as drctl wrote it: lines of this one were removed or moved".to_owned()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{chain, step::StepId};
    use std::{fs, os::unix::fs::PermissionsExt};

    fn noted(seq: u64) -> Event {
        let kind = EventKind::Noted { step: Some(StepId::new("data")), message: format!("n{seq}") };
        Event { seq, elapsed_ms: seq * 10, kind }
    }

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        fs::write(&path, text).unwrap();
        (dir, path)
    }

    fn lines(count: u64) -> String {
        let all = (0..count).map(|seq| json_line(&noted(seq)).unwrap());
        String::from_utf8(all.flatten().collect()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let mut writer = JournalWriter::create(&path).unwrap();
        (0..5).for_each(|seq| writer.take(&noted(seq)).unwrap());

        let journal = read(&path).unwrap();

        assert_eq!(journal, Journal { events: (0..5).map(noted).collect(), torn: false });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_journal_is_never_overwritten() {
        let (_dir, path) = written("kept");
        let error = JournalWriter::create(&path).unwrap_err();
        assert!(error.hint().unwrap().starts_with("Leave that journal"));
        assert_eq!(fs::read_to_string(path).unwrap(), "kept");
    }

    #[test]
    fn a_torn_last_line_is_dropped_and_said() {
        let whole = lines(3);
        for cut in [1, 10, 30] {
            let (_dir, path) = written(&whole[..whole.len() - 1 - cut]);
            let journal = read(&path).unwrap();
            assert_eq!((journal.events.len(), journal.torn), (2, true), "cut by {cut}");
        }
    }

    #[test]
    fn a_power_loss_may_spoil_what_was_not_synced_and_nothing_else() {
        let seen = |seq| {
            let kind = EventKind::ResourceStarted {
                step: StepId::new("data"),
                address: "a.b".into(),
                action: crate::model::resource::ResourceAction::Create,
            };
            let line = json_line(&Event { seq, elapsed_ms: seq * 10, kind }).unwrap();
            String::from_utf8(line).unwrap()
        };
        let zeros = "\0".repeat(40) + "\n";
        let (_dir, path) = written(&(lines(2) + &seen(2) + &zeros + &seen(4)));
        let journal = read(&path).unwrap();
        assert_eq!((journal.events.len(), journal.torn), (3, true));
        let (mut writer, events) = JournalWriter::append(&path).unwrap();
        assert_eq!(events.len(), 3);
        writer.take(&noted(3)).unwrap();
        assert_eq!(read(&path).unwrap().events.last(), Some(&noted(3)));

        let synced = String::from_utf8(json_line(&noted(4)).unwrap()).unwrap();
        let (_dir, path) = written(&(lines(2) + &seen(2) + &zeros + &synced));
        assert!(matches!(read(&path), Err(JournalError::Line { line: 4, .. })));
    }

    #[test]
    fn what_is_added_follows_the_last_whole_event() {
        let whole = lines(3);
        for (cut, kept) in [(0, 3), (1, 3), (2, 2), (30, 2)] {
            let (_dir, path) = written(&whole[..whole.len() - cut]);
            let (mut writer, events) = JournalWriter::append(&path).unwrap();
            assert_eq!(events.len(), kept, "cut by {cut}");
            let next = noted(u64::try_from(kept).unwrap());
            writer.take(&next).unwrap();
            let journal = read(&path).unwrap();
            assert_eq!(journal.events.last(), Some(&next), "cut by {cut}");
            assert!(!journal.torn);
        }
    }

    #[test]
    fn a_whole_event_without_its_newline_is_not_torn() {
        let (_dir, path) = written(lines(3).trim_end());
        let journal = read(&path).unwrap();
        assert_eq!((journal.events.len(), journal.torn), (3, false));
    }

    #[test]
    fn an_event_of_a_newer_drctl_is_kept_in_its_place() {
        let (_dir, path) =
            written(&(lines(1) + "{\"seq\":1,\"elapsed_ms\":9,\"event\":\"region_evacuated\"}\n"));
        let unknown = Event { seq: 1, elapsed_ms: 9, kind: EventKind::Unknown };
        assert_eq!(read(&path).unwrap().events, [noted(0), unknown]);
    }

    #[test]
    fn every_way_to_be_no_journal_is_said_with_its_place() {
        let said = |text: &str| {
            let (dir, path) = written(text);
            let error = read(&path).unwrap_err();
            let whole = format!("{}\n  hint: {}", chain(&error).join(": "), error.hint().unwrap());
            whole.replace(dir.path().to_str().unwrap(), "DIR")
        };
        let gap = json_line(&noted(2)).unwrap();
        let shown = [
            said(""),
            said("{\"seq\":0,"),
            said(&(lines(2) + "not json\n" + &lines(1))),
            said(&(lines(1) + std::str::from_utf8(&gap).unwrap())),
        ];
        insta::assert_snapshot!(shown.join("\n"), @"
        the journal `DIR/journal.jsonl` is empty
          hint: Begin a new run: this one was stopped before it did anything
        the journal `DIR/journal.jsonl` is empty
          hint: Begin a new run: this one was stopped before it did anything
        line 3 of `DIR/journal.jsonl` is not an event: expected ident at line 1 column 2
          hint: Look at it with `sed -n 3p DIR/journal.jsonl`: it was edited, or is no journal
        line 2 of `DIR/journal.jsonl` holds event 2 where event 1 belongs
          hint: Use the journal as drctl wrote it: lines of this one were removed or moved
        ");
    }

    #[test]
    fn a_journal_that_is_not_there_is_said() {
        let error = read(Path::new("/nowhere/journal.jsonl")).unwrap_err();
        assert_eq!(error.to_string(), "failed to open the journal `/nowhere/journal.jsonl`");
        assert!(error.hint().unwrap().starts_with("Check the run's name"));
    }

    #[test]
    fn a_full_disk_is_an_error_and_the_journal_takes_nothing_more() {
        let file = OpenOptions::new().append(true).open("/dev/full").unwrap();
        let mut writer = JournalWriter { file, whole: 0, broken: false };
        assert_eq!(writer.take(&noted(0)).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert!(writer.take(&noted(0)).unwrap_err().to_string().starts_with("an earlier line"));
    }

    #[test]
    fn half_a_line_is_cut_off_after_a_failed_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.jsonl");
        let mut writer = JournalWriter::create(&path).unwrap();
        writer.take(&noted(0)).unwrap();
        writer.file.write_all(b"{\"seq\":1,\"ela").unwrap();
        writer.cut();
        writer.take(&noted(1)).unwrap();
        assert_eq!(read(&path).unwrap().events, [noted(0), noted(1)]);
    }

    #[test]
    fn what_comes_before_an_action_is_synced_and_what_was_seen_is_not() {
        let step = StepId::new("data");
        let (phase, action) =
            (crate::model::step::Phase::Apply, crate::model::resource::ResourceAction::Create);
        assert!(must_be_durable(&EventKind::PhaseStarted { step: step.clone(), phase }));
        let seen = EventKind::ResourceStarted { step, address: "a.b".into(), action };
        assert!(!must_be_durable(&seen));
    }
}
