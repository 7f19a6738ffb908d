//! A repository on this machine as it was at another revision, to compare with.

use super::{
    SourceError,
    error::{io, local},
    local::open,
    reference::Refs,
};
use git2::{Repository, build::CheckoutBuilder};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Returns the root of the working tree that `path` lies in; `None` when it lies in none.
pub fn toplevel(path: &Path) -> Option<PathBuf> {
    Repository::discover(path).ok()?.workdir()?.canonicalize().ok()
}

/// Writes the files of a revision to the folder `dest`, which is made, and returns its commit.
///
/// The revision is written as git writes it: a branch, a tag, a commit, `HEAD~1`,
/// `origin/main`. The files are those of the commit where the branch that is checked out left the
/// revision (their merge base), so that only what the branch changed differs. No hook and no
/// filter runs.
///
/// # Errors
///
/// [`SourceError`], such as for a revision that is not there.
pub fn export(repository: &Path, revision: &str, dest: &Path) -> Result<String, SourceError> {
    let repo = open(repository)?;
    let name = repository.display().to_string();
    let refs = Refs::of(&repo).map_err(local("read the references of", repository))?;
    let asked = repo
        .revparse_single(revision)
        .and_then(|object| object.peel_to_commit())
        .map_err(|_| refs.unknown(revision, &name))?;
    let head = repo.head().ok().and_then(|head| head.target());
    let base = head.and_then(|head| repo.merge_base(head, asked.id()).ok());
    let commit = base.and_then(|base| repo.find_commit(base).ok()).unwrap_or(asked);
    fs::create_dir_all(dest).map_err(io("create", dest))?;
    let mut options = CheckoutBuilder::new();
    options.force().disable_filters(true).update_index(false).target_dir(dest);
    repo.checkout_tree(commit.as_object(), Some(&mut options)).map_err(local("write", dest))?;
    Ok(commit.id().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::testing::Sample;

    #[test]
    fn the_files_of_a_revision_are_written_and_the_working_tree_is_left_alone() {
        let sample = Sample::new();
        let first = sample.commit("a/x.tf", "# old\n");
        sample.commit("a/x.tf", "# new\n");
        let (repo, dest) = (sample.path("repo"), sample.path("base"));
        fs::write(repo.join("a/x.tf"), "# changed\n").unwrap();
        assert_eq!(export(&repo, "HEAD~1", &dest).unwrap(), first);
        assert_eq!(fs::read_to_string(dest.join("a/x.tf")).unwrap(), "# old\n");
        assert_eq!(fs::read_to_string(repo.join("a/x.tf")).unwrap(), "# changed\n");
        assert_eq!(toplevel(&repo.join("a")), Some(repo.canonicalize().unwrap()));
        let error = export(&repo, "nowhere", &sample.path("other")).unwrap_err();
        assert!(matches!(error, SourceError::NoSuchReference { .. }), "{error:?}");
    }

    #[test]
    fn what_the_base_branch_did_since_is_no_part_of_the_comparison() {
        let sample = Sample::new();
        let fork = sample.commit("x.tf", "# fork\n");
        let at = sample.repo.find_commit(fork.parse().unwrap()).unwrap();
        sample.repo.branch("base", &at, false).unwrap();
        sample.repo.set_head("refs/heads/base").unwrap();
        sample.commit("x.tf", "# base went on\n");
        sample.repo.set_head("refs/heads/main").unwrap();
        sample.commit("y.tf", "# mine\n");
        assert_eq!(export(&sample.path("repo"), "base", &sample.path("d")).unwrap(), fork);
    }
}
