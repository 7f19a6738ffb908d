//! The work copy: made from a mirror, looked over, and removed when it has served.

use super::{
    Origin, Progress, SourceError, Watch,
    error::{io, local},
    local as machine,
    mirror::Mirror,
};
use git2::{
    IndexEntry, Oid, Repository, RepositoryInitOptions, Tree, TreeWalkMode, TreeWalkResult,
    build::CheckoutBuilder,
};
use std::{
    fmt,
    fs::{self, DirBuilder, File, Permissions},
    io::Read,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, PermissionsExt},
    },
    path::{Component, Path, PathBuf},
};

/// The first line of a file that stands for a larger one, from the specification
/// of Git LFS (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>), which
/// also limits such files to 1,024 bytes.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
const LFS_POINTER_LIMIT: u32 = 1024;

/// Something about a work copy that stopped nothing and is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A symbolic link leads out of the work copy.
    LinkLeadsOut {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// Files are kept in Git LFS: their pointers are there and their contents are not.
    LfsPointers {
        /// How many.
        count: usize,
        /// One of them.
        example: PathBuf,
    },
    /// A submodule says `update = none`, so its folder is empty.
    SubmoduleSkipped {
        /// Its path.
        path: String,
    },
}

impl Warning {
    /// Says the same of a work copy that this one lies in.
    pub(super) fn inside(self, folder: &Path) -> Self {
        match self {
            Self::LinkLeadsOut { path, target } => {
                Self::LinkLeadsOut { path: folder.join(path), target }
            }
            Self::LfsPointers { count, example } => {
                Self::LfsPointers { count, example: folder.join(example) }
            }
            Self::SubmoduleSkipped { path } => {
                Self::SubmoduleSkipped { path: folder.join(path).display().to_string() }
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkLeadsOut { path, target } => write!(
                f,
                "the link `{}` leads out of the repository, to `{}`",
                path.display(),
                target.display()
            ),
            Self::LfsPointers { count: 1, example } => {
                write!(f, "`{}` is a Git LFS pointer; its content is not there", example.display())
            }
            Self::LfsPointers { count, example } => write!(
                f,
                "{count} files such as `{}` are Git LFS pointers; their contents are not there",
                example.display()
            ),
            Self::SubmoduleSkipped { path } => {
                write!(f, "the submodule `{path}` is left out, since it says `update = none`")
            }
        }
    }
}

/// Makes a folder, and those above it, that nobody else can look into.
pub(super) fn create_private(folder: &Path) -> Result<(), SourceError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io("create", folder))
}

/// Makes the folder for a work copy, and refuses one that holds something.
pub(super) fn prepare(dest: &Path) -> Result<PathBuf, SourceError> {
    if dest.symlink_metadata().is_ok() {
        let is_empty = fs::read_dir(dest).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty {
            return Err(SourceError::NotEmpty { path: dest.to_owned() });
        }
    }
    create_private(dest)?;
    dest.canonicalize().map_err(io("find", dest))
}

/// Writes the files of a commit that the mirror holds.
///
/// The work copy borrows the mirror's objects, so no history is copied.
pub(super) fn make(
    dest: &Path,
    origin: &Origin,
    mirror: &Mirror,
    commit: Oid,
    watch: &mut Watch<'_>,
) -> Result<Repository, SourceError> {
    let repo = borrow(dest, origin, mirror)?;
    let fail = || local("check out into", dest);
    let object = repo.find_object(commit, None).map_err(fail())?;
    let tree = object.peel_to_tree().map_err(fail())?;

    let mut options = CheckoutBuilder::new();
    // Without attributes there is nothing to filter, and libgit2 looks for them once a file.
    options.force().disable_filters(!has_attributes(&tree));
    options.progress(|_, done, total| (watch.progress)(Progress::Writing { done, total }));
    repo.checkout_tree(&object, Some(&mut options)).map_err(fail())?;
    drop(options);
    // libgit2 cannot be stopped between two files.
    watch.go_on()?;

    repo.set_head_detached(commit).map_err(fail())?;
    drop((tree, object));
    Ok(repo)
}

/// Returns true when a `.gitattributes` says how files are to be written, such as their line ends.
fn has_attributes(tree: &Tree<'_>) -> bool {
    let mut found = false;
    let walked = tree.walk(TreeWalkMode::PreOrder, |_, entry| {
        found |= entry.name_bytes() == b".gitattributes";
        if found { TreeWalkResult::Abort } else { TreeWalkResult::Ok }
    });
    // A walk that was broken off, by us or by a missing object, has not shown that there are none.
    found || walked.is_err()
}

fn borrow(dest: &Path, origin: &Origin, mirror: &Mirror) -> Result<Repository, SourceError> {
    let fail = || local("create", dest);
    let mut options = RepositoryInitOptions::new();
    // A user's template may hold hooks.
    options.no_reinit(true).external_template(false);
    let repo = Repository::init_opts(dest, &options).map_err(fail())?;

    let git = repo.path().to_owned();
    let alternates = git.join("objects/info/alternates");
    fs::create_dir_all(git.join("objects/info")).map_err(io("create", &alternates))?;
    let borrowed = [mirror.dir().join("objects").as_os_str().as_bytes(), b"\n"].concat();
    fs::write(&alternates, borrowed).map_err(io("write", &alternates))?;
    let shallow = mirror.dir().join("shallow");
    if shallow.exists() {
        fs::copy(&shallow, git.join("shallow")).map_err(io("copy", shallow))?;
    }

    repo.remote("origin", &origin.to_string()).map_err(fail())?;
    let mut config = repo.config().map_err(fail())?;
    // The files are what the repository says, whatever the user's own settings are.
    for (key, value) in [("core.autocrlf", "false"), ("core.attributesfile", "/dev/null")] {
        config.set_str(key, value).map_err(fail())?;
    }
    // Opened again, for libgit2 reads the alternates only once.
    Repository::open(dest).map_err(fail())
}

/// Looks a work copy over for what a reader of its files should know.
pub(super) fn inspect(repo: &Repository, dest: &Path) -> Result<Vec<Warning>, SourceError> {
    let index = repo.index().map_err(local("read the index of", dest))?;
    let path = |entry: &IndexEntry| PathBuf::from(std::ffi::OsStr::from_bytes(&entry.path));
    let mut warnings = Vec::new();
    let mut pointers = Vec::new();
    let uses_lfs = index
        .iter()
        .filter(|entry| entry.path.ends_with(b".gitattributes"))
        .any(|entry| fs::read_to_string(dest.join(path(&entry))).is_ok_and(|t| t.contains("=lfs")));
    for entry in index.iter() {
        let path = path(&entry);
        if entry.mode == u32::from(git2::FileMode::Link) {
            warnings.extend(leads_out(dest, path));
        } else if uses_lfs && entry.file_size <= LFS_POINTER_LIMIT && is_pointer(&dest.join(&path))
        {
            pointers.push(path);
        }
    }
    let count = pointers.len();
    let pointers = pointers.into_iter().next();
    warnings.extend(pointers.map(|example| Warning::LfsPointers { count, example }));
    Ok(warnings)
}

fn is_pointer(file: &Path) -> bool {
    let mut start = [0; LFS_POINTER.len()];
    File::open(file).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *LFS_POINTER
}

fn leads_out(dest: &Path, path: PathBuf) -> Option<Warning> {
    let link = dest.join(&path);
    let target = fs::read_link(&link).ok()?;
    // A link to nowhere has no real path, and is judged by its words.
    let stays = match link.canonicalize() {
        Ok(real) => real.starts_with(dest),
        Err(_) => target.is_relative() && stays_below(path.parent()?, &target),
    };
    (!stays).then_some(Warning::LinkLeadsOut { path, target })
}

fn stays_below(folder: &Path, target: &Path) -> bool {
    let mut depth = folder.components().count();
    target.components().all(|part| {
        match part {
            Component::ParentDir if depth == 0 => return false,
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            _ => {}
        }
        true
    })
}

/// The folder of a run's work copy: kept when it is dropped, gone after [`WorkCopy::remove`].
///
/// What failed must be looked at, so keeping is what happens by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkCopy {
    dir: PathBuf,
}

impl WorkCopy {
    /// Names a folder, whether it is there or not.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Returns the commit that is checked out, as 40 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`SourceError`] when the folder is no repository at a commit.
    pub fn commit(&self) -> Result<String, SourceError> {
        let repo = machine::open(&self.dir)?;
        let head = repo.head().and_then(|head| head.peel_to_commit().map(|c| c.id()));
        head.map(|id| id.to_string()).map_err(local("read the commit of", &self.dir))
    }

    /// Returns true when files were changed or added since the checkout; ignored files do not count.
    ///
    /// # Errors
    ///
    /// [`SourceError`] when the folder is no repository.
    pub fn is_dirty(&self) -> Result<bool, SourceError> {
        machine::is_dirty(&machine::open(&self.dir)?)
    }

    /// Removes the folder and all in it, also what is read-only. That it is gone already is fine.
    ///
    /// # Errors
    ///
    /// [`SourceError`] when something could not be removed.
    pub fn remove(self) -> Result<(), SourceError> {
        let removed = fs::remove_dir_all(&self.dir).or_else(|_| {
            make_writable(&self.dir);
            fs::remove_dir_all(&self.dir)
        });
        match removed {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            other => other.map_err(io("remove", self.dir)),
        }
    }
}

/// Lets the owner into every folder; what cannot be changed shows when it is removed.
fn make_writable(folder: &Path) {
    let _ = fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // A link's own type, so that nothing outside is touched.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            make_writable(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Sample;
    use super::*;

    #[test]
    fn folders_that_are_made_are_private_and_those_that_were_there_stay_as_they_are() {
        let sample = Sample::new();
        let mode =
            |name: &str| fs::metadata(sample.path(name)).unwrap().permissions().mode() & 0o777;
        fs::create_dir(sample.path("runs")).unwrap();
        fs::set_permissions(sample.path("runs"), Permissions::from_mode(0o750)).unwrap();

        sample.checkout("runs/1/copy").unwrap();

        let names = ["runs", "runs/1", "runs/1/copy", "mirrors"];
        assert_eq!(names.map(mode), [0o750, 0o700, 0o700, 0o700]);
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let sample = Sample::new();
        fs::create_dir(sample.path("empty")).unwrap();
        fs::write(sample.path("file"), "").unwrap();
        assert!(sample.checkout("empty").is_ok());
        for dest in ["empty", "file"] {
            let error = sample.checkout(dest).unwrap_err();
            assert!(matches!(error, SourceError::NotEmpty { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_work_copy_knows_its_commit_and_whether_it_was_changed() {
        let sample = Sample::new();
        let found = sample.checkout("copy").unwrap();
        let copy = WorkCopy::at(&found.dir);
        assert_eq!(copy.commit().unwrap(), found.commit);
        assert!(!copy.is_dirty().unwrap());
        fs::write(found.dir.join("main.tf"), "changed").unwrap();
        assert!(copy.is_dirty().unwrap());
    }

    #[test]
    fn a_work_copy_is_kept_when_dropped_and_removed_when_told_also_when_read_only() {
        let sample = Sample::new();
        let dir = sample.checkout("copy").unwrap().dir;
        drop(WorkCopy::at(&dir));
        assert!(dir.exists());

        fs::create_dir(dir.join("cache")).unwrap();
        fs::write(dir.join("cache/provider"), "").unwrap();
        std::os::unix::fs::symlink(sample.path("repo"), dir.join("cache/link")).unwrap();
        fs::set_permissions(dir.join("cache/provider"), Permissions::from_mode(0o400)).unwrap();
        fs::set_permissions(dir.join("cache"), Permissions::from_mode(0o500)).unwrap();
        WorkCopy::at(&dir).remove().unwrap();
        assert!(!dir.exists());
        assert!(sample.path("repo/main.tf").exists());
        WorkCopy::at(&dir).remove().unwrap();
    }

    #[test]
    fn a_link_is_judged_by_where_it_really_leads() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().canonicalize().unwrap().join("copy");
        fs::create_dir_all(dest.join("a/b")).unwrap();
        let cases = [
            ("a/up", "..", false),
            ("a/out", "../..", true),
            ("a/b/nowhere", "../../x", false),
            ("a/b/gone", "../../../x", true),
            ("absolute", "/nonexistent/x", true),
            // Words that stay, through a link that does not.
            ("via", "a/out/y", true),
        ];
        fs::write(dir.path().join("y"), "").unwrap();
        for (path, target, leads) in cases {
            std::os::unix::fs::symlink(target, dest.join(path)).unwrap();
            assert_eq!(leads_out(&dest, path.into()).is_some(), leads, "{path}");
        }
    }
}
