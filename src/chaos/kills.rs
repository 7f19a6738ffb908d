//! What was killed, on disk: one JSON object a line, appended and never changed.
//!
//! That something will be killed is on the disk before it is, so that a kill is never forgotten, and
//! the days that must pass between two survive every restart.

use super::{back::Outcome, schedule::Past};
use crate::model::{run::RunId, verdict::Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

/// The longest line that is read, in bytes. No entry comes near.
const LONGEST_LINE: u64 = 1 << 20;

/// What a kill was meant to be, written down before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The service.
    pub service: String,
    /// The group.
    pub group: String,
    /// What its members are, in words.
    pub target: String,
    /// Which one is killed.
    pub member: String,
    /// How many were healthy.
    pub members: usize,
    /// The objective, in milliseconds.
    pub back_within_ms: u64,
    /// True when nothing in it was real.
    #[serde(default)]
    pub simulated: bool,
    /// True when somebody asked for it, and no plan did.
    #[serde(default)]
    pub at_once: bool,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The kill that it is of.
    pub kill: RunId,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// It is about to be killed.
    WillKill(Intent),
    /// It was.
    Killed,
    /// It was not, as far as that is known.
    Failed {
        /// Why not.
        cause: String,
    },
    /// It was watched to the end.
    Ended {
        /// What came of it.
        outcome: Outcome,
    },
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

/// One kill, as its lines tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// Its name.
    pub id: RunId,
    /// When it was about to be done.
    pub at: Timestamp,
    /// What it was meant to be.
    pub intent: Intent,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a kill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// drctl ended before it could say whether it was done.
    Unknown,
    /// It was done, and drctl ended before the group was back.
    Unwatched,
    /// It was not done.
    Failed(String),
    /// It was done and watched.
    Ended(Outcome),
}

impl Kill {
    /// Holds what came of it against its objective; `None` when nothing was measured.
    pub fn verdict(&self) -> Option<Verdict> {
        match &self.fate {
            Fate::Ended(outcome) => {
                Some(outcome.verdict(Duration::from_millis(self.intent.back_within_ms)))
            }
            Fate::Unknown | Fate::Unwatched | Fate::Failed(_) => None,
        }
    }
}

/// All kills that a file tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kills {
    /// The oldest first.
    pub all: Vec<Kill>,
    /// How many lines cannot be read: a crash leaves half a line at most.
    pub unreadable: usize,
}

impl Kills {
    /// Reads a file; nothing was killed where there is none.
    ///
    /// # Errors
    ///
    /// It is there and cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            file => file?,
        };
        let mut lines = BufReader::new(file);
        let (mut kills, mut unreadable) = (BTreeMap::new(), 0);
        loop {
            let mut line = Vec::new();
            if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            match serde_json::from_slice::<Line>(&line) {
                Ok(line) => take(&mut kills, line),
                Err(_) if line.iter().all(u8::is_ascii_whitespace) => {}
                Err(_) => unreadable += 1,
            }
        }
        let mut all: Vec<Kill> = kills.into_values().collect();
        all.sort_by_key(|kill| kill.at);
        Ok(Self { all, unreadable })
    }

    /// Returns what is known of the earlier kills of a group. One that failed counts, too: it may have
    /// been done all the same.
    pub fn past(&self, service: &str, group: &str) -> Past {
        let of_it = |kill: &&Kill| kill.intent.service == service && kill.intent.group == group;
        let last = self.all.iter().filter(of_it).map(|kill| kill.at).max();
        Past { last, kills: self.all.iter().filter(of_it).count() as u64 }
    }
}

fn take(kills: &mut BTreeMap<RunId, Kill>, line: Line) {
    let Line { kill: id, at, entry } = line;
    let fate = match entry {
        Entry::WillKill(intent) => {
            kills.insert(id.clone(), Kill { id, at, intent, fate: Fate::Unknown });
            return;
        }
        Entry::Killed => Fate::Unwatched,
        Entry::Failed { cause } => Fate::Failed(cause),
        Entry::Ended { outcome } => Fate::Ended(outcome),
        Entry::Unknown => return,
    };
    if let Some(kill) = kills.get_mut(&id) {
        kill.fate = fate;
    }
}

/// The file, open to be added to, by one process at a time.
pub struct KillsWriter {
    file: File,
    // Held for as long as this is.
    _lock: File,
}

impl KillsWriter {
    /// Opens the file, which need not be there, nor its folder; `None` when another process has it open.
    /// The file has mode 0600, and the folder 0700.
    ///
    /// # Errors
    ///
    /// It cannot be made or read.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let lock = private().open(folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut file = private().read(true).append(true).open(path)?;
        // The folder's entry is data of the folder: without this the file could be lost whole.
        File::open(folder)?.sync_all()?;
        end_line(&mut file)?;
        Ok(Some(Self { file, _lock: lock }))
    }

    /// Adds a line, and returns once it is on the disk.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn add(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.sync_data()
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options
}

/// Ends the half of a line that a crash may have left, so that no other line continues it.
fn end_line(file: &mut File) -> io::Result<()> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(());
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

/// Returns where the file is in drctl's folder.
pub fn path_in(home: &Path) -> PathBuf {
    home.join("chaos").join("kills.jsonl")
}
