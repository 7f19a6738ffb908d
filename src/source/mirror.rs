//! What is kept of an origin between runs: a bare repository with what was asked for before.
//!
//! A mirror holds the commits and the references that runs have asked for, not
//! all of the origin: that is what another run will ask for in a disaster. When
//! each was last seen is in the mirror's own git configuration.

use super::{
    FetchedFrom, Found, Origin, SourceError,
    error::{io, local},
    reference::{Reference, Refs, Wanted},
    work_copy::create_private,
};
use crate::model::chain;
use git2::{Oid, Repository, RepositoryInitOptions};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// When anything was last fetched, in seconds since 1970.
const FETCHED: &str = "drctl.fetched";
/// When all branches and tags were last fetched, in seconds since 1970.
const ALL_FETCHED: &str = "drctl.allfetched";

/// The mirror of one origin. It may not be there yet.
#[derive(Clone, Debug)]
pub(super) struct Mirror {
    dir: PathBuf,
    origin: String,
}

/// The right to change a mirror, across processes, for as long as it lives.
pub(super) struct Lock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

impl Mirror {
    /// Names the mirror of an origin; makes the folder of all mirrors when it is missing.
    pub(super) fn of(origin: &Origin, mirrors: &Path) -> Result<Self, SourceError> {
        create_private(mirrors)?;
        // Work copies refer to it from elsewhere, so the path must be absolute.
        let mirrors = mirrors.canonicalize().map_err(io("find", mirrors))?;
        Ok(Self { dir: origin.mirror(&mirrors), origin: origin.to_string() })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns true when the mirror holds a commit.
    pub(super) fn holds(&self, commit: Oid) -> bool {
        self.open().is_some_and(|repo| repo.find_commit(commit).is_ok())
    }

    fn open(&self) -> Option<Repository> {
        Repository::open_bare(&self.dir).ok()
    }

    /// Opens the mirror to change it; makes it when it is missing or broken.
    ///
    /// Waits while another run changes it, for as long as `go_on` agrees.
    pub(super) fn prepare(
        &self,
        go_on: impl Fn() -> Result<(), SourceError>,
    ) -> Result<(Repository, Lock), SourceError> {
        let path = self.dir.with_extension("lock");
        let file = File::create(&path).map_err(io("create", &path))?;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(20)),
                Err(TryLockError::Error(error)) => return Err(io("lock", &path)(error)),
            }
            go_on()?;
        }
        // Whoever held one of these was killed, since nobody else changes the mirror now.
        remove_locks(&self.dir).map_err(io("free", &self.dir))?;
        let repo = match self.open() {
            Some(repo) => repo,
            None => self.create()?,
        };
        Ok((repo, Lock(file)))
    }

    fn create(&self) -> Result<Repository, SourceError> {
        if self.dir.exists() {
            // Half made, by a run that was killed: nothing in it can be used.
            std::fs::remove_dir_all(&self.dir).map_err(io("replace", &self.dir))?;
        }
        create_private(&self.dir)?;
        let mut options = RepositoryInitOptions::new();
        // A user's template may hold hooks.
        options.bare(true).external_template(false);
        Repository::init_opts(&self.dir, &options).map_err(local("create", &self.dir))
    }

    /// Answers for an origin that `refused`.
    ///
    /// # Errors
    ///
    /// The refusal itself when there is no mirror, and [`SourceError::MirrorLacks`]
    /// when there is one without what was asked for.
    pub(super) fn stand_in(
        &self,
        asked: Option<&str>,
        refused: SourceError,
    ) -> Result<Found, SourceError> {
        // One without a date was made for an origin that never answered, perhaps for a slip.
        let Some(repo) = self.open().filter(|repo| age(repo, None).is_some()) else {
            return Err(refused);
        };
        let refs = Refs::of(&repo).map_err(local("read", &self.dir))?;
        let (commit, name) = match refs.find(asked, &self.origin) {
            Ok(Wanted::Reference(reference)) => {
                (peel(&repo, reference.target).ok(), Some(reference.name))
            }
            Ok(Wanted::Commit(id)) => (repo.find_commit(id).ok().map(|c| c.id()), None),
            Ok(Wanted::Short(id)) => (repo.find_commit_by_prefix(&id).ok().map(|c| c.id()), None),
            Err(ambiguous @ SourceError::AmbiguousReference { .. }) => return Err(ambiguous),
            Err(_) => (None, None),
        };
        let Some(commit) = commit else {
            return Err(SourceError::MirrorLacks {
                origin: self.origin.clone(),
                reference: asked.unwrap_or("HEAD").to_owned(),
                known: refs.known(),
                source: Box::new(refused),
            });
        };
        let (age, because) = (age(&repo, name.as_deref()), chain(&refused));
        Ok(Found { commit, from: FetchedFrom::Mirror { age, because }, uncommitted: false })
    }
}

/// Removes the lock files of git below `dir`, but not among its objects, which need none.
fn remove_locks(dir: &Path) -> std::io::Result<()> {
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let entries = match std::fs::read_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                if entry.file_name() != "objects" {
                    open.push(entry.path());
                }
            } else if entry.path().extension().is_some_and(|extension| extension == "lock") {
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Returns the commit behind an object.
pub(super) fn peel(repo: &Repository, target: Oid) -> Result<Oid, git2::Error> {
    Ok(repo.find_object(target, None)?.peel_to_commit()?.id())
}

/// Writes down what the origin said: these references, and which branch is its `HEAD`.
///
/// `all` says that these are all branches and tags that there are.
pub(super) fn record(
    repo: &Repository,
    seen: &[Reference],
    head: Option<&Reference>,
    all: bool,
) -> Result<(), git2::Error> {
    let mut config = repo.config()?;
    let now = i64::try_from(seconds_since_1970()).unwrap_or(i64::MAX);
    for reference in seen {
        put(repo, reference)?;
        if !all {
            config.set_i64(&seen_key(&reference.name), now)?;
        }
    }
    if let Some(branch) = head.filter(|head| head.name.starts_with("refs/heads/")) {
        repo.set_head(&branch.name)?;
    }
    config.set_i64(FETCHED, now)?;
    if all {
        config.set_i64(ALL_FETCHED, now)?;
    }
    Ok(())
}

fn put(repo: &Repository, reference: &Reference) -> Result<(), git2::Error> {
    let Reference { name, target, .. } = reference;
    if name == "HEAD" {
        return repo.set_head_detached(peel(repo, *target)?);
    }
    let write = || repo.reference(name, *target, true, "drctl: fetched").map(|_| ());
    write().or_else(|_| {
        // The origin had a branch `a` and now has `a/b`, or the other way round.
        for other in repo.references()?.flatten() {
            let in_the_way = other.name().is_ok_and(|other| {
                let inside =
                    |a: &str, b: &str| a.strip_prefix(b).is_some_and(|r| r.starts_with('/'));
                inside(other, name) || inside(name, other)
            });
            if in_the_way {
                let mut other = other;
                other.delete()?;
            }
        }
        write()
    })
}

/// Returns how long ago the origin last said what a reference is, or anything at all.
fn age(repo: &Repository, name: Option<&str>) -> Option<Duration> {
    let config = repo.config().ok()?;
    let read = |key: &str| config.get_i64(key).ok().and_then(|secs| u64::try_from(secs).ok());
    let seen = match name {
        Some(name) => read(&seen_key(name)).max(read(ALL_FETCHED)),
        None => read(FETCHED),
    };
    Some(Duration::from_secs(seconds_since_1970().saturating_sub(seen?)))
}

fn seen_key(name: &str) -> String {
    format!("drctl.{name}.fetched")
}

fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
