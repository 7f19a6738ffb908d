//! Where the bundles for one question are, and who may change that.

use super::bundle::{Asked, Bundle};
use crate::cli::{
    asked::Which,
    error::{CliError, OrExit},
    exit::Exit,
    home::Home,
    prepared::origin,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink},
    path::{Path, PathBuf},
};

/// The link to the newest whole bundle.
const CURRENT: &str = "current";
/// What whoever reads a bundle holds, so that it is not removed.
const IN_USE: &str = "in-use";
/// What a bundle is called while it is made.
const MAKING: &str = ".making-";

/// Where the bundles for one question are.
pub(super) struct Shelf {
    dir: PathBuf,
    name: String,
}

/// A bundle that is held: it is not removed while this lives.
pub(in crate::cli) struct Held {
    /// What it is.
    pub(super) bundle: Bundle,
    /// Where it is.
    pub(super) dir: PathBuf,
    /// The name of its shelf.
    pub(super) name: String,
    _in_use: File,
}

/// The right to make a bundle, which ends with its process.
pub(super) struct Making {
    /// Where it is made.
    pub(super) dir: PathBuf,
    shelf: PathBuf,
    _lock: File,
}

impl Shelf {
    /// Finds the shelf for a question; it need not be there yet.
    ///
    /// # Errors
    ///
    /// The repository is named in no way that is understood.
    pub(super) fn of(home: &Home, which: &Which) -> Result<Self, CliError> {
        let repo = origin(&which.repo)?.to_string();
        let asked = Asked::of(which, &repo);
        let key = serde_json::to_string(&asked).or_exit(Exit::Failed)?;
        let digest = crate::engine::digest(&key);
        let last = repo.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let clean = |text: &str| text.chars().take(40).map(plain).collect::<String>();
        let last = clean(last.trim_end_matches(".git"));
        let name = format!("{last}--{}-{}", clean(&which.region), &digest[..8]);
        Ok(Self { dir: home.prepared().join(&name), name })
    }

    /// Returns the newest whole bundle, held; `None` when there is none.
    ///
    /// # Errors
    ///
    /// There is one, and it cannot be read.
    pub(super) fn held(&self) -> Result<Option<Held>, CliError> {
        // Between reading the link and taking hold another may take its place.
        for _ in 0..3 {
            let Ok(target) = fs::read_link(self.dir.join(CURRENT)) else { return Ok(None) };
            let dir = self.dir.join(target);
            let Ok(in_use) = File::open(dir.join(IN_USE)) else { continue };
            if in_use.try_lock_shared().is_err() {
                continue;
            }
            let bundle = Bundle::read(&dir)?;
            return Ok(Some(Held { bundle, dir, name: self.name.clone(), _in_use: in_use }));
        }
        let error = anyhow!("what is prepared in `{}` is not whole", self.dir.display());
        Err(CliError::new(Exit::Failed, error).hint("Make it anew: `drctl prepare`"))
    }

    /// Returns the newest whole bundle for a question, held. One that was made for a branch or a tag is
    /// as good for the commit that it holds.
    ///
    /// # Errors
    ///
    /// There is one, and it cannot be read.
    pub(super) fn find(home: &Home, which: &Which) -> Result<Option<Held>, CliError> {
        if let Some(held) = Self::of(home, which)?.held()? {
            return Ok(Some(held));
        }
        let full = |id: &&String| id.len() == 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
        let Some(commit) = which.reference.as_ref().filter(full) else { return Ok(None) };
        let asked = Asked::of(which, &origin(&which.repo)?.to_string());
        for dir in entries(&home.prepared()).unwrap_or_default() {
            let shelf = Self { name: name(&dir), dir };
            // What cannot be read is of another question, for all that is known.
            let Ok(Some(held)) = shelf.held() else { continue };
            let reference = held.bundle.asked.reference.clone();
            if held.bundle.commit == *commit
                && held.bundle.asked == (Asked { reference, ..asked.clone() })
            {
                return Ok(Some(held));
            }
        }
        Ok(None)
    }

    /// Begins a bundle, and removes what was left of one that was never finished.
    ///
    /// # Errors
    ///
    /// Another process makes one, or the folder cannot be made.
    pub(super) fn begin(&self) -> Result<Making, CliError> {
        let cannot = || format!("failed to make `{}`", self.dir.display());
        private().recursive(true).create(&self.dir).with_context(cannot).or_exit(Exit::Failed)?;
        let lock = open(&self.dir.join("lock")).with_context(cannot).or_exit(Exit::Failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let error = anyhow!("another drctl prepares this at the moment");
                return Err(CliError::new(Exit::Failed, error)
                    .hint("Wait for its end; the lock ends with its process"));
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(cannot).or_exit(Exit::Failed);
            }
        }
        for left in entries(&self.dir).with_context(cannot).or_exit(Exit::Failed)? {
            if name(&left).starts_with(MAKING) {
                remove(&left).with_context(cannot).or_exit(Exit::Failed)?;
            }
        }
        let dir = self.dir.join(format!("{MAKING}{}", std::process::id()));
        private().create(&dir).with_context(cannot).or_exit(Exit::Failed)?;
        Ok(Making { dir, shelf: self.dir.clone(), _lock: lock })
    }
}

impl Making {
    /// Puts the bundle in the place of the one before, which is removed unless somebody holds it.
    ///
    /// # Errors
    ///
    /// It cannot be written; then the one before stays.
    pub(super) fn finish(&self, bundle: &Bundle) -> Result<PathBuf, CliError> {
        let put = || -> io::Result<PathBuf> {
            drop(open(&self.dir.join(IN_USE))?);
            super::files::make_private(&self.dir)?;
            let text = format!("{:#}\n", serde_json::to_value(bundle)?);
            crate::cli::durable::replace(&self.dir.join(super::bundle::FILE), text.as_bytes())?;
            let generation = self.free_name(bundle.made_at);
            let dir = self.shelf.join(&generation);
            fs::rename(&self.dir, &dir)?;
            let link = self.shelf.join(".current");
            let _ = fs::remove_file(&link);
            symlink(&generation, &link)?;
            fs::rename(&link, self.shelf.join(CURRENT))?;
            File::open(&self.shelf)?.sync_all()?;
            Ok(dir)
        };
        let made = put()
            .with_context(|| format!("failed to write the bundle in `{}`", self.dir.display()))
            .or_exit(Exit::Failed)
            .map_err(|error| {
                error.hint("Make room on the disk; the bundle before this one stays")
            })?;
        self.tidy(&made);
        Ok(made)
    }

    fn free_name(&self, made_at: Timestamp) -> String {
        let stamp = made_at.strftime("%Y%m%d-%H%M%S").to_string();
        let free = |name: &String| !self.shelf.join(name).exists();
        let numbered = (1..).map(|n| format!("{stamp}-{n}"));
        std::iter::once(stamp.clone()).chain(numbered).find(free).unwrap_or(stamp)
    }

    /// Removes the bundles that nobody holds, but for the newest. What cannot be removed goes next time.
    fn tidy(&self, newest: &Path) {
        for old in entries(&self.shelf).unwrap_or_default() {
            if old == newest || !old.is_dir() || name(&old) == CURRENT {
                continue;
            }
            let free = open(&old.join(IN_USE)).is_ok_and(|file| file.try_lock().is_ok());
            if free {
                let _ = remove(&old);
            }
        }
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        // A bundle that is finished has another name by now.
        let _ = remove(&self.dir);
    }
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
