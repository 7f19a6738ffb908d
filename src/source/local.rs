//! An origin on this machine: its objects are linked into the mirror, not copied.

use super::{
    FetchedFrom, Found, SourceError, Watch,
    error::{io, local},
    mirror::{self, Mirror},
    reference::{Reference, Refs, Wanted},
};
use git2::{ErrorCode, Oid, Repository, StatusOptions};
use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// How deep repositories may borrow objects from each other, as in git.
const ALTERNATES_DEPTH: usize = 5;

/// Finds a commit in a local repository and puts it into the mirror.
pub(super) fn take(
    path: &Path,
    asked: Option<&str>,
    mirror: &Mirror,
    watch: &Watch<'_>,
) -> Result<Found, SourceError> {
    let origin = open(path)?;
    let name = path.display().to_string();
    let refs = Refs::of(&origin).map_err(local("read the references of", path))?;
    let wanted = refs.find(asked, &name)?;
    let commit = match &wanted {
        Wanted::Reference(reference) => {
            mirror::peel(&origin, reference.target).map_err(local("read", path))?
        }
        Wanted::Commit(id) => {
            origin.find_commit(*id).map_err(|_| refs.unknown(&id.to_string(), &name))?.id()
        }
        Wanted::Short(id) => by_short_id(&origin, id, &refs, &name)?,
    };

    let (repo, _lock) = mirror.prepare(|| watch.go_on())?;
    let seen = if let Wanted::Reference(reference) = wanted { vec![reference] } else { vec![] };
    // A reference is written down last, so where it is up to date all objects are there.
    let is_known = |r: &Reference| repo.refname_to_id(&r.name).is_ok_and(|id| id == r.target);
    if !seen.iter().any(is_known) {
        link_repository(&origin, mirror, commit, watch)?;
    }
    mirror::record(&repo, &seen, refs.head.as_ref(), false)
        .map_err(local("write", mirror.dir()))?;

    Ok(Found { commit, from: FetchedFrom::Origin, uncommitted: is_dirty(&origin)? })
}

/// Opens the repository whose root is `path`.
pub(super) fn open(path: &Path) -> Result<Repository, SourceError> {
    if !path.exists() {
        return Err(SourceError::PathMissing { path: path.to_owned() });
    }
    Repository::open(path).map_err(|error| match error.code() {
        ErrorCode::NotFound => SourceError::NotARepository {
            path: path.to_owned(),
            root: Repository::discover(path)
                .ok()
                .and_then(|repo| repo.workdir().map(Path::to_owned)),
        },
        ErrorCode::Owner => SourceError::OtherOwner { path: path.to_owned() },
        _ => local("open", path)(error),
    })
}

/// Finds the one commit whose id begins so.
pub(super) fn by_short_id(
    repo: &Repository,
    id: &str,
    refs: &Refs,
    origin: &str,
) -> Result<Oid, SourceError> {
    match repo.find_commit_by_prefix(id) {
        Ok(commit) => Ok(commit.id()),
        Err(error) if error.code() == ErrorCode::Ambiguous => {
            Err(SourceError::AmbiguousReference {
                origin: origin.to_owned(),
                reference: id.to_owned(),
                meanings: Vec::new(),
            })
        }
        Err(_) => Err(refs.unknown(id, origin)),
    }
}

/// Returns true when the working tree has changed or untracked files.
pub(super) fn is_dirty(repo: &Repository) -> Result<bool, SourceError> {
    if repo.is_bare() {
        return Ok(false);
    }
    let mut options = StatusOptions::new();
    // The repository is not ours to write to, not even its index.
    options.include_untracked(true).update_index(false).exclude_submodules(false);
    let statuses = repo.statuses(Some(&mut options)).map_err(local("compare", repo.path()))?;
    Ok(!statuses.is_empty())
}

fn link_repository(
    origin: &Repository,
    mirror: &Mirror,
    commit: Oid,
    watch: &Watch<'_>,
) -> Result<(), SourceError> {
    let (from, to) = (origin.commondir().join("objects"), mirror.dir().join("objects"));
    link_objects(&from, &to, ALTERNATES_DEPTH, watch)?;
    if !mirror.holds(commit) {
        // A `git gc` moved objects into a pack while they were being linked.
        link_objects(&from, &to, ALTERNATES_DEPTH, watch)?;
    }
    let (from, to) = (origin.commondir().join("shallow"), mirror.dir().join("shallow"));
    match fs::copy(&from, &to) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Mostly there is none, and then there is nothing to remove.
            let _ = fs::remove_file(&to);
            Ok(())
        }
        other => other.map(|_| ()).map_err(io("copy", from)),
    }
}

/// Links every object and pack that `to` lacks.
///
/// Names are digests of what is in the files, so what is there is never old.
fn link_objects(
    from: &Path,
    to: &Path,
    depth: usize,
    watch: &Watch<'_>,
) -> Result<(), SourceError> {
    for folder in entries(from)? {
        let name = folder.file_name().unwrap_or_default();
        if name == "pack" || name.len() == 2 {
            let target = to.join(name);
            fs::create_dir_all(&target).map_err(io("create", &target))?;
            for file in entries(&folder)?.iter().filter(|file| is_object(file)) {
                link(file, &target)?;
            }
            watch.go_on()?;
        }
    }
    let alternates = fs::read_to_string(from.join("info/alternates")).unwrap_or_default();
    for other in alternates.lines().filter(|line| depth > 0 && !line.is_empty()) {
        link_objects(&from.join(other), to, depth - 1, watch)?;
    }
    Ok(())
}

/// Packs and their indexes, and loose objects; not locks, bitmaps and half-written files.
fn is_object(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default();
    name.len() == 38 || ["pack", "idx"].iter().any(|e| file.extension() == Some(OsStr::new(e)))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(io("read", folder))? {
        entries.push(entry.map_err(io("read", folder))?.path());
    }
    // `.pack` before `.idx`: a reader of the mirror takes an index as the sign of a whole pack.
    entries.sort_by(|a, b| b.cmp(a));
    Ok(entries)
}

/// Links a file into a folder, or copies it where it cannot be linked.
fn link(file: &Path, folder: &Path) -> Result<(), SourceError> {
    let target = folder.join(file.file_name().unwrap_or_default());
    match fs::hard_link(file, &target) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {
            Ok(())
        }
        // Another disk, another owner, or too many links.
        Err(_) => {
            let copy = tempfile::NamedTempFile::new_in(folder).map_err(io("create", &target))?;
            fs::copy(file, copy.path()).map_err(io("copy", file))?;
            copy.persist(&target).map_err(|error| io("create", &target)(error.error))?;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FetchedFrom, Request, checkout, testing::Sample};
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn a_local_repository_is_checked_out_at_its_head() {
        let sample = Sample::new();
        let commit = sample.commit("main.tf", "# two\n");

        let found = sample.checkout("a/b/copy").unwrap();

        assert_eq!((&found.commit, found.from), (&commit, FetchedFrom::Origin));
        assert_eq!(fs::read_to_string(found.dir.join("main.tf")).unwrap(), "# two\n");
        let copy = Repository::open(&found.dir).unwrap();
        assert!(copy.head_detached().unwrap());
        let origin = copy.find_remote("origin").unwrap().url().unwrap().to_owned();
        assert_eq!(origin, sample.path("repo").display().to_string());
    }

    #[test]
    fn uncommitted_and_untracked_files_are_told_and_stay_out() {
        let sample = Sample::new();
        assert!(!sample.checkout("clean").unwrap().uncommitted);
        fs::write(sample.path("repo/new.tf"), "").unwrap();
        let found = sample.checkout("untracked").unwrap();
        assert!(found.uncommitted);
        assert!(!found.dir.join("new.tf").exists());
        fs::remove_file(sample.path("repo/new.tf")).unwrap();
        fs::write(sample.path("repo/main.tf"), "# changed\n").unwrap();
        let found = sample.checkout("changed").unwrap();
        assert!(found.uncommitted);
        assert_eq!(fs::read_to_string(found.dir.join("main.tf")).unwrap(), "# one\n");
    }

    #[test]
    fn a_path_that_vanished_is_answered_for_by_its_mirror() {
        let sample = Sample::new();
        let commit = sample.checkout("before").unwrap().commit;
        fs::rename(sample.path("repo"), sample.path("elsewhere")).unwrap();

        let found = sample.checkout("after").unwrap();

        assert_eq!(found.commit, commit);
        let FetchedFrom::Mirror { because, .. } = found.from else { panic!("{:?}", found.from) };
        let nothing = format!("there is nothing at `{}`", sample.path("repo").display());
        assert_eq!(because, [nothing]);
    }

    #[test]
    fn the_mirror_survives_a_repack_of_its_origin() {
        let sample = Sample::new();
        let first = sample.checkout("before").unwrap().commit;
        let second = sample.commit("main.tf", "# two\n");
        let mut pack = sample.repo.packbuilder().unwrap();
        let mut walk = sample.repo.revwalk().unwrap();
        walk.push_head().unwrap();
        pack.insert_walk(&mut walk).unwrap();
        pack.write(&sample.path("repo/.git/objects/pack"), 0).unwrap();
        for folder in fs::read_dir(sample.path("repo/.git/objects")).unwrap().flatten() {
            if folder.file_name().len() == 2 {
                fs::remove_dir_all(folder.path()).unwrap();
            }
        }

        for (dest, commit) in [("new", &second), ("old", &first)] {
            let reference = Some(commit.clone());
            let request = Request { reference, ..sample.request(dest) };
            let found = checkout(&request, &AtomicBool::new(false), &mut |_| {}).unwrap();
            assert_eq!(&found.commit, commit);
        }
    }

    #[test]
    fn what_is_no_repository_is_said_with_the_root_when_there_is_one() {
        let sample = Sample::new();
        sample.commit("stacks/main.tf", "");
        fs::create_dir(sample.path("plain")).unwrap();
        let hints = ["repo/stacks", "plain", "nowhere"].map(|name| {
            let error = open(&sample.path(name)).err().unwrap();
            let text = format!("{error}\n{}", error.hint().unwrap());
            let real = sample.dir.path().canonicalize().unwrap().display().to_string();
            text.replace(&real, "").replace(&sample.dir.path().display().to_string(), "")
        });
        insta::assert_snapshot!(hints.join("\n\n"), @r"
        `/repo/stacks` is not the root of a git repository
        Give the root of the repository, `/repo/`, in place of `/repo/stacks`

        `/plain` is not the root of a git repository
        Run `git init /plain` and commit, or give another path

        there is nothing at `/nowhere`
        Check the path, or give the URL of the repository
        ");
    }

    #[test]
    fn runs_at_the_same_time_share_one_mirror() {
        let sample = Sample::new();
        let requests = ["a", "b", "c", "d"].map(|dest| sample.request(dest));
        std::thread::scope(|scope| {
            let checkouts = requests.each_ref().map(|request| {
                scope.spawn(|| checkout(request, &AtomicBool::new(false), &mut |_| {}))
            });
            for checkout in checkouts {
                assert!(checkout.join().unwrap().unwrap().dir.join("main.tf").exists());
            }
        });
    }

    #[test]
    fn a_shallow_repository_stays_shallow() {
        let sample = Sample::new();
        let second = sample.commit("main.tf", "# two\n");
        fs::write(sample.path("repo/.git/shallow"), format!("{second}\n")).unwrap();

        let found = sample.checkout("copy").unwrap();

        assert_eq!(found.commit, second);
        assert!(Repository::open(found.dir).unwrap().is_shallow());
    }

    #[test]
    fn what_a_repository_borrows_is_in_its_mirror() {
        let sample = Sample::new();
        let commit = sample.repo.head().unwrap().target().unwrap();
        let borrower = Repository::init(sample.path("borrower")).unwrap();
        let alternates = sample.path("borrower/.git/objects/info/alternates");
        fs::write(alternates, format!("{}\n", sample.path("repo/.git/objects").display())).unwrap();
        let borrower = Repository::open(borrower.path()).unwrap();
        borrower.reference("refs/heads/main", commit, true, "").unwrap();
        borrower.set_head("refs/heads/main").unwrap();

        for gone in [false, true] {
            if gone {
                fs::remove_dir_all(sample.path("borrower")).unwrap();
                fs::remove_dir_all(sample.path("repo")).unwrap();
            }
            let dest = format!("copy-{gone}");
            let request = Request { origin: sample.origin("borrower"), ..sample.request(&dest) };
            let found = checkout(&request, &AtomicBool::new(false), &mut |_| {}).unwrap();
            assert!(found.dir.join("main.tf").exists());
        }
    }
}
