//! What is still to be delivered, on disk.

use super::Message;
use crate::model::text::hex;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tempfile::NamedTempFile;
use tokio::sync::watch;

/// How many messages wait for one channel at most; beyond it the oldest is dropped.
pub const MOST_PENDING: usize = 1_000;

/// The name of the form in which a message waits.
const SCHEMA: &str = "drctl/outbox/v1";
/// How a file ends that is one.
const EXTENSION: &str = "json";

/// Messages that are still to be delivered: a file for each and each channel.
///
/// A file is there, whole and synced, before [`Outbox::put`] returns, and it is gone only once the
/// message was delivered or given up. Folders are 0700 and files 0600. One process at a time uses a
/// folder.
#[derive(Debug)]
pub struct Outbox {
    dir: PathBuf,
    pending: Mutex<Pending>,
    /// Says that something was put in.
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct Pending {
    /// What the next file is called.
    next: u64,
    /// What waits for each channel, the oldest first.
    queues: BTreeMap<String, VecDeque<u64>>,
    /// What could not be written.
    in_memory: BTreeMap<u64, Entry>,
}

/// A message that waits for a channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    schema: String,
    channel: String,
    /// When it was put in.
    pub(super) put_at: Timestamp,
    pub(super) message: Message,
}

/// What became of a message, and of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// It was delivered.
    Delivered {
        /// The channel.
        channel: String,
        /// The message's id.
        id: String,
        /// How many attempts that took, since this process began.
        attempts: u32,
    },
    /// The first attempt to deliver it failed, and there will be others.
    Failing {
        /// The channel.
        channel: String,
        /// The message's id.
        id: String,
        /// Why.
        why: String,
        /// When the next attempt is made.
        next_in: Duration,
    },
    /// It will not be delivered.
    Dropped {
        /// The channel.
        channel: String,
        /// The message's id, where it is known.
        id: Option<String>,
        /// Why.
        why: String,
    },
    /// Messages wait for a channel that is not there any more.
    Homeless {
        /// The channel.
        channel: String,
        /// How many.
        count: usize,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered { channel, id, attempts: 1 } => {
                write!(f, "message {id} was delivered to `{channel}`")
            }
            Self::Delivered { channel, id, attempts } => {
                write!(f, "message {id} was delivered to `{channel}` at attempt {attempts}")
            }
            Self::Failing { channel, id, why, next_in } => write!(
                f,
                "message {id} could not be delivered to `{channel}` yet ({why}), next attempt in {:.0}s",
                next_in.as_secs_f64()
            ),
            Self::Dropped { channel, id, why } => {
                let id = id.as_deref().unwrap_or("(unknown)");
                write!(f, "message {id} will not be delivered to `{channel}`: {why}")
            }
            Self::Homeless { channel, count } => write!(
                f,
                "{count} message(s) wait for `{channel}`, which the runbook does not name any more"
            ),
        }
    }
}

/// Why the outbox cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to {what} `{}`", path.display())]
pub struct OutboxError {
    what: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl Outbox {
    /// Opens the outbox in a folder, which is made if it is not there, and finds what waits in it.
    ///
    /// # Errors
    ///
    /// The folder cannot be made or read.
    pub fn open(dir: &Path) -> Result<Self, OutboxError> {
        make(dir)?;
        let mut queues: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut next = 0;
        for folder in entries(dir)? {
            if !folder.is_dir() {
                continue;
            }
            for file in entries(&folder)? {
                let number = file.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                match number.filter(|_| file.extension().is_some_and(|e| e == EXTENSION)) {
                    Some(number) => {
                        next = next.max(number + 1);
                        let channel = read(&file).map(|entry| entry.channel);
                        match channel.filter(|channel| folder.ends_with(folder_name(channel))) {
                            Some(channel) => queues.entry(channel).or_default().push(number),
                            None => set_aside(&file),
                        }
                    }
                    // Half of a file that was never put in.
                    None if file.extension().is_some_and(|e| e == "tmp") => {
                        drop(fs::remove_file(file))
                    }
                    None => {}
                }
            }
        }
        let sorted = |mut numbers: Vec<u64>| {
            numbers.sort_unstable();
            VecDeque::from(numbers)
        };
        let queues = queues.into_iter().map(|(channel, all)| (channel, sorted(all))).collect();
        let pending = Mutex::new(Pending { next, queues, in_memory: BTreeMap::new() });
        Ok(Self { dir: dir.to_owned(), pending, news: watch::Sender::new(0) })
    }

    /// Puts a message in for each of `channels`, and returns once it is on disk. It waits for the
    /// disk, and never for a channel.
    ///
    /// The oldest message of a channel for which too many wait is dropped, and told of.
    ///
    /// # Errors
    ///
    /// The first file that could not be written; the others are. Its message is delivered, too,
    /// unless the process ends before.
    pub fn put<'a>(
        &self,
        message: &Message,
        channels: impl IntoIterator<Item = &'a str>,
        now: Timestamp,
    ) -> Result<Vec<Note>, OutboxError> {
        let (mut notes, mut failed) = (Vec::new(), None);
        for channel in channels {
            match self.put_one(message, channel, now) {
                Ok(dropped) => notes.extend(dropped),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        self.news.send_modify(|news| *news += 1);
        failed.map_or(Ok(notes), Err)
    }

    fn put_one(
        &self,
        message: &Message,
        channel: &str,
        now: Timestamp,
    ) -> Result<Option<Note>, OutboxError> {
        let folder = self.dir.join(folder_name(channel));
        let entry = Entry {
            schema: SCHEMA.to_owned(),
            channel: channel.to_owned(),
            put_at: now,
            message: message.clone(),
        };
        // Also while the file is written: what is put in first is delivered first.
        let mut pending = self.pending();
        let number = pending.next;
        pending.next += 1;
        let path = folder.join(file_name(number));
        let written = make(&folder).and_then(|()| {
            let written = write(&folder, &path, &entry);
            written.map_err(|source| OutboxError { what: "write", path, source })
        });
        if written.is_err() {
            pending.in_memory.insert(number, entry);
        }
        let queue = pending.queues.entry(channel.to_owned()).or_default();
        queue.push_back(number);
        let oldest = if queue.len() > MOST_PENDING { queue.front().copied() } else { None };
        drop(pending);
        let dropped = oldest.map(|oldest| {
            let id = self.entry(channel, oldest).map(|entry| entry.message.id);
            self.done(channel, oldest);
            let why = format!("more than {MOST_PENDING} wait for it, and this was the oldest");
            Note::Dropped { channel: channel.to_owned(), id, why }
        });
        written.map(|()| dropped)
    }

    /// Returns how many messages wait for each channel.
    pub fn waiting(&self) -> BTreeMap<String, usize> {
        let pending = self.pending();
        let queues = pending.queues.iter().filter(|(_, queue)| !queue.is_empty());
        queues.map(|(channel, queue)| (channel.clone(), queue.len())).collect()
    }

    /// Returns what tells that something was put in.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Returns the oldest message of a channel that can be read. What cannot be read is set aside.
    pub(super) fn first(&self, channel: &str) -> Option<(u64, Entry)> {
        loop {
            let number = *self.pending().queues.get(channel)?.front()?;
            if let Some(entry) = self.entry(channel, number) {
                return Some((number, entry));
            }
            set_aside(&self.path(channel, number));
            self.forget(channel, number);
        }
    }

    /// Returns true while a message still waits.
    pub(super) fn holds(&self, channel: &str, number: u64) -> bool {
        self.pending().queues.get(channel).is_some_and(|queue| queue.contains(&number))
    }

    /// Takes a message out.
    pub(super) fn done(&self, channel: &str, number: u64) {
        let _ = fs::remove_file(self.path(channel, number));
        self.forget(channel, number);
    }

    fn entry(&self, channel: &str, number: u64) -> Option<Entry> {
        let in_memory = self.pending().in_memory.get(&number).cloned();
        in_memory.or_else(|| read(&self.path(channel, number)))
    }

    fn forget(&self, channel: &str, number: u64) {
        let mut pending = self.pending();
        pending.in_memory.remove(&number);
        if let Some(queue) = pending.queues.get_mut(channel) {
            queue.retain(|other| *other != number);
        }
    }

    fn path(&self, channel: &str, number: u64) -> PathBuf {
        self.dir.join(folder_name(channel)).join(file_name(number))
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a folder that is nobody else's.
fn make(dir: &Path) -> Result<(), OutboxError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| OutboxError { what: "make", path: dir.to_owned(), source })
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, OutboxError> {
    let listed = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
    listed().map_err(|source| OutboxError { what: "read", path: dir.to_owned(), source })
}

/// Reads a message that waits; `None` for whatever is none.
fn read(path: &Path) -> Option<Entry> {
    let entry: Entry = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (entry.schema == SCHEMA).then_some(entry)
}

/// Writes a file that is whole, or is not there.
fn write(folder: &Path, path: &Path, entry: &Entry) -> io::Result<()> {
    // It is 0600 from the beginning.
    let mut file = NamedTempFile::with_suffix_in(".tmp", folder)?;
    file.write_all(&serde_json::to_vec(entry)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Keeps what cannot be read for whoever wonders, and out of the way.
fn set_aside(path: &Path) {
    tracing::warn!(path = %path.display(), "a message that cannot be read is set aside");
    let _ = fs::rename(path, path.with_extension("unreadable"));
}

fn file_name(number: u64) -> String {
    format!("{number:020}.{EXTENSION}")
}

/// A folder's name for a channel, whatever that is called.
fn folder_name(channel: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let readable: String = channel.chars().take(40).map(fits).collect();
    let digest = Sha256::digest(channel.as_bytes());
    format!("{readable}-{}", hex(&digest[..6]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn message(id: &str) -> Message {
        Message {
            id: id.to_owned(),
            at: now(),
            service: "shop".to_owned(),
            kind: "outage".to_owned(),
            title: "down".to_owned(),
            text: String::new(),
            facts: BTreeMap::new(),
            link: None,
        }
    }

    fn now() -> Timestamp {
        "2026-03-14T02:59:07Z".parse().unwrap()
    }

    fn first(outbox: &Outbox, channel: &str) -> Option<String> {
        outbox.first(channel).map(|(_, entry)| entry.message.id)
    }

    #[test]
    fn what_is_put_in_is_there_for_the_next_process_in_order_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(&dir.path().join("outbox")).unwrap();
        for id in ["1", "2"] {
            outbox.put(&message(id), ["on call", "../..", ""], now()).unwrap();
        }
        let folders = entries(&dir.path().join("outbox")).unwrap();
        assert_eq!(folders.len(), 3);
        for path in folders.iter().flat_map(|folder| entries(folder).unwrap()) {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let again = Outbox::open(&dir.path().join("outbox")).unwrap();
        assert_eq!(again.waiting().values().copied().collect::<Vec<_>>(), [2, 2, 2]);
        let (number, entry) = again.first("on call").unwrap();
        assert_eq!((entry.message.id.as_str(), entry.put_at), ("1", now()));
        again.done("on call", number);
        again.put(&message("3"), ["on call"], now()).unwrap();
        assert_eq!(first(&again, "on call").as_deref(), Some("2"));
        assert_eq!(first(&again, "../..").as_deref(), Some("1"));
    }

    #[test]
    fn garbage_is_set_aside_and_holds_up_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(dir.path()).unwrap();
        outbox.put(&message("1"), ["a"], now()).unwrap();
        outbox.put(&message("2"), ["a"], now()).unwrap();
        let folder = dir.path().join(folder_name("a"));
        // One breaks while it waits, one before; and there are files of no meaning.
        fs::write(folder.join(file_name(0)), "{").unwrap();
        fs::write(folder.join(file_name(7)), "null").unwrap();
        fs::write(folder.join("half.tmp"), "{").unwrap();
        fs::write(dir.path().join("README"), "").unwrap();
        assert_eq!(first(&outbox, "a").as_deref(), Some("2"));
        let again = Outbox::open(dir.path()).unwrap();
        assert_eq!(again.waiting(), [("a".to_owned(), 1)].into());
        let mut names: Vec<_> = entries(&folder)
            .unwrap()
            .iter()
            .map(|path| path.extension().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["json", "unreadable", "unreadable"]);
    }

    #[test]
    fn the_oldest_makes_room_and_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(dir.path()).unwrap();
        for id in 0..MOST_PENDING {
            assert_eq!(outbox.put(&message(&id.to_string()), ["a"], now()).unwrap(), []);
        }
        let notes = outbox.put(&message("last"), ["a", "b"], now()).unwrap();
        let told = notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(told, @"message 0 will not be delivered to `a`: more than 1000 wait for it, and this was the oldest");
        assert_eq!(outbox.waiting()["a"], MOST_PENDING);
        assert_eq!(first(&outbox, "a").as_deref(), Some("1"));
    }

    #[test]
    fn what_cannot_be_written_is_kept_in_memory() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(dir.path()).unwrap();
        fs::write(dir.path().join(folder_name("a")), "in the way").unwrap();
        let error = outbox.put(&message("1"), ["a", "b"], now()).unwrap_err();
        assert!(error.to_string().starts_with("failed to make `"), "{error}");
        assert_eq!(first(&outbox, "a").as_deref(), Some("1"));
        assert_eq!(first(&outbox, "b").as_deref(), Some("1"));
        outbox.done("a", 0);
        assert_eq!(outbox.waiting(), [("b".to_owned(), 1)].into());
    }
}
