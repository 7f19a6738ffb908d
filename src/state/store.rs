//! The folder in which every version of every stack's state is kept.
//!
//! ```text
//! <dir>/in-use                 locked while a server runs
//! <dir>/endpoint.json          how that server is reached
//! <dir>/<stack>/000001.tfstate the first version
//! <dir>/<stack>/000002.tfstate the newest is the current one
//! <dir>/<stack>/000003.deleted Terraform deleted the state; the versions stay
//! <dir>/<stack>/lock.json      the holder of the lock, while there is one
//! ```
//!
//! A version is written under another name, synced, and then renamed, so a file
//! that is there is whole. Folders are 0700 and files 0600: states hold secrets.

use super::{
    document::StateHead,
    error::{Refusal, StateError},
    lock::{LockInfo, LockRecord},
};
use crate::model::{run::RunId, step::StepId};
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tempfile::NamedTempFile;

const LOCK: &str = "lock.json";
const SCRATCH: &str = ".incoming-";

/// The states of one run's stacks.
#[derive(Debug)]
pub struct StateStore {
    dir: PathBuf,
    /// Held by whatever looks first and writes then.
    writing: Mutex<()>,
}

/// One kept version of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u64,
    /// Where it lies.
    pub path: PathBuf,
    /// True when this is not a state but the mark that Terraform deleted it.
    pub deleted: bool,
}

impl StateStore {
    /// Opens a folder of states, and makes it when it is not there.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`] when the folder cannot be made, or made private.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StateError> {
        let dir = dir.into();
        let private = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&dir)
            // It may have been there before, open to others.
            .and_then(|()| fs::set_permissions(&dir, Permissions::from_mode(0o700)));
        private.map_err(|source| StateError::Write { path: dir.clone(), source })?;
        Ok(Self { dir, writing: Mutex::new(()) })
    }

    /// Returns the stacks that have, or had, a state, in the order of their names.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`] when the folder cannot be read.
    pub fn stacks(&self) -> Result<Vec<StepId>, StateError> {
        let folders = entries(&self.dir)?.into_iter().filter(|path| path.is_dir());
        let mut stacks: Vec<StepId> = folders.map(|path| StepId::new(name_of(&path))).collect();
        stacks.sort();
        Ok(stacks)
    }

    /// Returns the current state of a stack, or `None` when it has none.
    ///
    /// # Errors
    ///
    /// [`StateError`] when it cannot be read.
    pub fn latest(&self, stack: &StepId) -> Result<Option<Vec<u8>>, StateError> {
        let Some(version) = self.current(stack)? else { return Ok(None) };
        let bytes = fs::read(&version.path);
        bytes.map(Some).map_err(|source| StateError::Read { path: version.path, source })
    }

    /// Returns serial and lineage of a stack's current state, or `None` when it has none.
    ///
    /// # Errors
    ///
    /// [`StateError`] when it cannot be read, or is damaged.
    pub fn head(&self, stack: &StepId) -> Result<Option<StateHead>, StateError> {
        let Some(Version { path, .. }) = self.current(stack)? else { return Ok(None) };
        let head = StateHead::of_file(&path);
        head.map(Some).map_err(|source| StateError::Damaged { path, source })
    }

    /// Returns every kept version of a stack's state, oldest first.
    ///
    /// # Errors
    ///
    /// [`StateError`] when the stack's folder cannot be read.
    pub fn versions(&self, stack: &StepId) -> Result<Vec<Version>, StateError> {
        let folder = self.folder(stack)?;
        let broken = |source| StateError::Read { path: folder.clone(), source };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(broken(error)),
        };
        let mut versions = Vec::new();
        for entry in entries {
            versions.extend(Version::at(entry.map_err(broken)?.path()));
        }
        versions.sort_by_key(|version| version.number);
        Ok(versions)
    }

    /// Returns who holds the lock of a stack's state.
    ///
    /// A lock of an earlier run means that its drctl or its Terraform was killed.
    /// That Terraform may still be at work, and be let in by a server that stands in for the
    /// killed one: see [`super::StateServer::start`].
    ///
    /// # Errors
    ///
    /// [`StateError`] when the lock's record cannot be read.
    pub fn lock(&self, stack: &StepId) -> Result<Option<LockRecord>, StateError> {
        let path = self.folder(stack)?.join(LOCK);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StateError::Read { path, source }),
        };
        let record = serde_json::from_slice(&bytes);
        record.map(Some).map_err(|source| StateError::DamagedLock { path, source })
    }

    /// Takes the lock of a stack away from whoever holds it, and returns who did.
    ///
    /// Works on a damaged record too, of which nothing is returned.
    ///
    /// # Errors
    ///
    /// [`StateError`] when the lock cannot be removed.
    pub fn break_lock(&self, stack: &StepId) -> Result<Option<LockRecord>, StateError> {
        let _writing = self.begin();
        let holder = match self.lock(stack) {
            Err(StateError::DamagedLock { .. }) => None,
            other => other?,
        };
        let folder = self.folder(stack)?;
        remove(&folder, &folder.join(LOCK))?;
        Ok(holder)
    }

    /// Gives the lock of a stack back for its dead holder, when it was taken in the run `run`, and
    /// returns who held it. A lock of a damaged record is nobody's any more.
    ///
    /// # Errors
    ///
    /// [`StateError::Refused`] when somebody else holds it; others when it cannot be removed.
    pub fn release(&self, stack: &StepId, run: &RunId) -> Result<Option<LockRecord>, StateError> {
        match self.lock(stack) {
            Ok(Some(holder)) if holder.run == *run => {
                self.give_lock_back(stack, Some(&holder.info.id))?;
                Ok(Some(holder))
            }
            Ok(Some(holder)) => Err(Refusal::Locked { holder: Box::new(holder) }.into()),
            Ok(None) => Ok(None),
            Err(StateError::DamagedLock { .. }) => self.break_lock(stack),
            Err(error) => Err(error),
        }
    }

    /// Marks the store as served, for as long as the returned file is open.
    pub(super) fn claim(&self) -> Result<File, StateError> {
        let path = self.dir.join("in-use");
        let open =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = open.map_err(|source| StateError::Write { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StateError::InUse { dir: self.dir.clone() }),
            Err(TryLockError::Error(source)) => Err(StateError::Write { path, source }),
        }
    }

    /// Returns where it is written down how the server of this store is reached.
    pub(super) fn endpoint(&self) -> PathBuf {
        self.dir.join("endpoint.json")
    }

    /// Returns a new file in the store that only its owner can read. Gone again when dropped.
    pub(super) fn private_file(&self) -> io::Result<NamedTempFile> {
        tempfile::Builder::new()
            .prefix(SCRATCH)
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.dir)
    }

    /// Removes what a killed server left half received. Only for the holder of the claim.
    pub(super) fn tidy(&self) -> Result<(), StateError> {
        for folder in entries(&self.dir)?.into_iter().filter(|path| path.is_dir()) {
            for path in entries(&folder)? {
                if name_of(&path).starts_with(SCRATCH) {
                    remove(&folder, &path)?;
                }
            }
        }
        Ok(())
    }

    /// Returns a file beside the versions, to receive one in. Gone again when dropped.
    pub(super) fn scratch(&self, stack: &StepId) -> Result<NamedTempFile, StateError> {
        let folder = self.make_folder(stack)?;
        scratch_in(&folder)
    }

    /// Makes a received document the current state.
    ///
    /// `lock` is the name of the lock that the sender says it holds. A document
    /// that is byte for byte the current one is accepted without a new version:
    /// that is a request sent again because its answer was lost.
    pub(super) fn commit(
        &self,
        stack: &StepId,
        received: NamedTempFile,
        lock: Option<&str>,
    ) -> Result<(), StateError> {
        let sent =
            StateHead::of_file(received.path()).map_err(|source| Refusal::NotAState { source })?;

        let _writing = self.begin();
        self.check_lock(stack, lock)?;
        if let Some(kept) = self.head(stack)? {
            if sent.lineage != kept.lineage {
                return Err(Refusal::Lineage { sent: sent.lineage, kept: kept.lineage }.into());
            }
            if sent.serial < kept.serial {
                return Err(Refusal::SerialFell { sent: sent.serial, kept: kept.serial }.into());
            }
            if sent.serial == kept.serial {
                return match self.is_current(stack, received.path())? {
                    true => Ok(()),
                    false => Err(Refusal::SerialTaken { serial: sent.serial }.into()),
                };
            }
        }
        self.keep(stack, received, "tfstate")
    }

    /// Marks the current state as deleted. Its versions stay.
    pub(super) fn delete(&self, stack: &StepId, lock: Option<&str>) -> Result<(), StateError> {
        let _writing = self.begin();
        self.check_lock(stack, lock)?;
        if self.current(stack)?.is_some() {
            let mark = self.scratch(stack)?;
            self.keep(stack, mark, "deleted")?;
        }
        Ok(())
    }

    /// Takes the lock. Taking it again under the same name is fine: the answer was lost.
    pub(super) fn take_lock(
        &self,
        stack: &StepId,
        run: &RunId,
        info: LockInfo,
    ) -> Result<(), StateError> {
        let _writing = self.begin();
        if let Some(holder) = self.lock(stack)? {
            return match holder.info.id == info.id && holder.run == *run {
                true => Ok(()),
                false => Err(Refusal::Locked { holder: Box::new(holder) }.into()),
            };
        }
        let record = LockRecord { run: run.clone(), info };
        let folder = self.make_folder(stack)?;
        let mut file = scratch_in(&folder)?;
        let written = serde_json::to_writer(&mut file, &record)
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(b"\n"));
        written.map_err(|source| StateError::Write { path: folder.join(LOCK), source })?;
        persist(&folder, file, &folder.join(LOCK))
    }

    /// Gives the lock back. `None` breaks it, whoever holds it. A lock that nobody
    /// holds is given back already.
    pub(super) fn give_lock_back(
        &self,
        stack: &StepId,
        id: Option<&str>,
    ) -> Result<(), StateError> {
        let Some(id) = id else {
            self.break_lock(stack)?;
            return Ok(());
        };
        let _writing = self.begin();
        match self.lock(stack)? {
            Some(holder) if holder.info.id != id => {
                Err(Refusal::Locked { holder: Box::new(holder) }.into())
            }
            Some(_) => {
                let folder = self.folder(stack)?;
                remove(&folder, &folder.join(LOCK))
            }
            None => Ok(()),
        }
    }

    fn check_lock(&self, stack: &StepId, lock: Option<&str>) -> Result<(), StateError> {
        match (self.lock(stack)?, lock) {
            (None, None) => Ok(()),
            (Some(holder), Some(id)) if holder.info.id == id => Ok(()),
            (Some(holder), _) => Err(Refusal::Locked { holder: Box::new(holder) }.into()),
            (None, Some(id)) => Err(Refusal::LockLost { id: id.to_owned() }.into()),
        }
    }

    fn is_current(&self, stack: &StepId, path: &Path) -> Result<bool, StateError> {
        let received =
            fs::read(path).map_err(|source| StateError::Read { path: path.to_owned(), source })?;
        Ok(self.latest(stack)?.is_some_and(|kept| kept == received))
    }

    /// Gives a file the next version's name, durably.
    fn keep(&self, stack: &StepId, file: NamedTempFile, ending: &str) -> Result<(), StateError> {
        let folder = self.folder(stack)?;
        let next = self.versions(stack)?.last().map_or(1, |last| last.number + 1);
        persist(&folder, file, &folder.join(format!("{next:06}.{ending}")))
    }

    fn current(&self, stack: &StepId) -> Result<Option<Version>, StateError> {
        Ok(self.versions(stack)?.pop().filter(|version| !version.deleted))
    }

    /// Returns where a stack's states lie. A name never leads out of the store.
    pub(super) fn folder(&self, stack: &StepId) -> Result<PathBuf, StateError> {
        let name = stack.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let fits = (1..=128).contains(&name.len()) && !name.starts_with('.') && name != "in-use";
        if fits && name.chars().all(plain) {
            Ok(self.dir.join(name))
        } else {
            Err(StateError::Name { stack: name.to_owned() })
        }
    }

    fn make_folder(&self, stack: &StepId) -> Result<PathBuf, StateError> {
        let folder = self.folder(stack)?;
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => sync(&self.dir)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(StateError::Write { path: folder, source }),
        }
        Ok(folder)
    }

    fn begin(&self) -> MutexGuard<'_, ()> {
        // What it guards is on the disk and whole at any moment, so a panic spoils nothing.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Version {
    /// Returns the version that a file is, or `None` for a file of another kind.
    fn at(path: PathBuf) -> Option<Self> {
        let (number, ending) = name_of(&path).split_once('.')?;
        let deleted = match ending {
            "tfstate" => false,
            "deleted" => true,
            _ => return None,
        };
        let number = number.parse().ok()?;
        Some(Self { number, deleted, path })
    }
}

fn name_of(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, StateError> {
    let read = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>();
    read().map_err(|source| StateError::Read { path: dir.to_owned(), source })
}

fn scratch_in(folder: &Path) -> Result<NamedTempFile, StateError> {
    let made = tempfile::Builder::new()
        .prefix(SCRATCH)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder);
    made.map_err(|source| StateError::Write { path: folder.to_owned(), source })
}

/// Names a file for good: its bytes are on the disk before its name is, and the
/// name is before this returns.
fn persist(folder: &Path, file: NamedTempFile, path: &Path) -> Result<(), StateError> {
    let named = file
        .as_file()
        .sync_all()
        .and_then(|()| file.persist_noclobber(path).map_err(|error| error.error));
    named.map_err(|source| StateError::Write { path: path.to_owned(), source })?;
    sync(folder)
}

fn remove(folder: &Path, path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Ok(()) => sync(folder),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(StateError::Write { path: path.to_owned(), source }),
    }
}

fn sync(folder: &Path) -> Result<(), StateError> {
    let synced = File::open(folder).and_then(|dir| dir.sync_all());
    synced.map_err(|source| StateError::Write { path: folder.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn store() -> (TempDir, StateStore, StepId) {
        let dir = tempfile::tempdir().unwrap();
        let store = StateStore::open(dir.path().join("states")).unwrap();
        (dir, store, StepId::new("network"))
    }

    fn put(store: &StateStore, stack: &StepId, text: &str) -> Result<(), StateError> {
        let mut file = store.scratch(stack).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        store.commit(stack, file, None)
    }

    fn state(serial: u64, lineage: &str) -> String {
        format!(r#"{{"version":4,"serial":{serial},"lineage":"{lineage}"}}"#)
    }

    fn run(salt: u16) -> RunId {
        RunId::new(jiff::Timestamp::UNIX_EPOCH, salt)
    }

    fn lock(id: &str) -> LockInfo {
        LockInfo { id: id.to_owned(), who: "op@host".to_owned(), ..LockInfo::default() }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn every_version_is_kept_and_private() {
        let (_dir, store, stack) = store();
        assert_eq!(store.latest(&stack).unwrap(), None);
        put(&store, &stack, &state(1, "a")).unwrap();
        put(&store, &stack, &state(5, "a")).unwrap();
        assert_eq!(store.latest(&stack).unwrap(), Some(state(5, "a").into_bytes()));
        assert_eq!(store.head(&stack).unwrap().unwrap().serial, 5);
        let versions = store.versions(&stack).unwrap();
        let names: Vec<_> = versions.iter().map(|version| name_of(&version.path)).collect();
        assert_eq!(names, ["000001.tfstate", "000002.tfstate"]);
        assert_eq!(mode(&store.dir), 0o700);
        assert_eq!(mode(&store.dir.join("network")), 0o700);
        assert!(versions.iter().all(|version| mode(&version.path) == 0o600));
    }

    #[test]
    fn what_does_not_follow_is_refused_and_nothing_is_written() {
        let (_dir, store, stack) = store();
        put(&store, &stack, &state(5, "a")).unwrap();
        let said =
            [state(4, "a"), state(6, "b"), state(5, "a") + " ", "{}".to_owned(), String::new()]
                .map(|bad| put(&store, &stack, &bad).expect_err(&bad).to_string());
        insta::assert_snapshot!(said.join("\n"), @r"
        the state's serial is 4, but 5 is kept already
        the state's lineage is `b`, but `a` is kept here
        another state of serial 5 is kept already
        what was sent is not a Terraform state
        what was sent is not a Terraform state
        ");
        assert_eq!(store.latest(&stack).unwrap(), Some(state(5, "a").into_bytes()));
        assert_eq!(entries(&store.dir.join("network")).unwrap().len(), 1);
    }

    #[test]
    fn the_same_state_sent_again_is_no_new_version() {
        let (_dir, store, stack) = store();
        put(&store, &stack, &state(5, "a")).unwrap();
        put(&store, &stack, &state(5, "a")).unwrap();
        assert_eq!(store.versions(&stack).unwrap().len(), 1);
    }

    #[test]
    fn a_deleted_state_leaves_its_versions() {
        let (_dir, store, stack) = store();
        put(&store, &stack, &state(5, "a")).unwrap();
        store.delete(&stack, None).unwrap();
        assert_eq!(store.latest(&stack).unwrap(), None);
        put(&store, &stack, &state(1, "b")).unwrap();
        let marks: Vec<_> = store.versions(&stack).unwrap().iter().map(|v| v.deleted).collect();
        assert_eq!(marks, [false, true, false]);
    }

    #[test]
    fn a_lock_is_for_one_holder() {
        let (_dir, store, stack) = store();
        store.take_lock(&stack, &run(1), lock("x")).unwrap();
        store.take_lock(&stack, &run(1), lock("x")).expect("the same request, sent again");
        assert!(matches!(
            store.take_lock(&stack, &run(1), lock("y")),
            Err(StateError::Refused(Refusal::Locked { holder })) if holder.info.id == "x"
        ));
        assert!(store.give_lock_back(&stack, Some("y")).is_err());
        assert!(store.delete(&stack, None).is_err());
        store.give_lock_back(&stack, Some("x")).unwrap();
        store.give_lock_back(&stack, Some("x")).expect("the same request, sent again");
        assert_eq!(store.lock(&stack).unwrap(), None);
    }

    #[test]
    fn a_lock_that_was_broken_does_not_let_its_holder_write() {
        let (_dir, store, stack) = store();
        store.take_lock(&stack, &run(1), lock("x")).unwrap();
        assert_eq!(store.break_lock(&stack).unwrap().unwrap().run, run(1));
        let file = store.scratch(&stack).unwrap();
        fs::write(file.path(), state(1, "a")).unwrap();
        assert!(matches!(
            store.commit(&stack, file, Some("x")),
            Err(StateError::Refused(Refusal::LockLost { .. }))
        ));
    }

    #[test]
    fn a_damaged_lock_still_locks_and_can_be_broken() {
        let (_dir, store, stack) = store();
        put(&store, &stack, &state(1, "a")).unwrap();
        fs::write(store.dir.join("network").join(LOCK), "{").unwrap();
        assert!(matches!(put(&store, &stack, &state(2, "a")), Err(StateError::DamagedLock { .. })));
        assert_eq!(store.break_lock(&stack).unwrap(), None);
        put(&store, &stack, &state(2, "a")).unwrap();
    }

    #[test]
    fn what_a_killed_server_left_is_tidied_away() {
        let (_dir, store, stack) = store();
        put(&store, &stack, &state(1, "a")).unwrap();
        let left = store.dir.join("network/.incoming-abc");
        fs::write(&left, "half").unwrap();
        store.tidy().unwrap();
        assert!(!left.exists());
        assert_eq!(store.versions(&stack).unwrap().len(), 1);
    }

    #[test]
    fn a_name_never_leads_out_of_the_store() {
        let (_dir, store, _) = store();
        for bad in ["", ".", "..", "../x", "a/b", ".hidden", "in-use", "a b", "%2e", "é"] {
            assert!(
                matches!(store.folder(&StepId::new(bad)), Err(StateError::Name { .. })),
                "{bad}"
            );
        }
        assert!(store.folder(&StepId::new("data-2_b.c")).is_ok());
    }

    #[test]
    fn versions_are_ordered_by_number() {
        let (_dir, store, stack) = store();
        let folder = store.make_folder(&stack).unwrap();
        for number in [1_000_000, 999_999, 2] {
            fs::write(folder.join(format!("{number:06}.tfstate")), "").unwrap();
        }
        fs::write(folder.join("notes.txt"), "").unwrap();
        let numbers: Vec<_> = store.versions(&stack).unwrap().iter().map(|v| v.number).collect();
        assert_eq!(numbers, [2, 999_999, 1_000_000]);
    }
}
