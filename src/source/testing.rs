//! Small repositories for the tests of this module.

use super::{Checkout, Origin, PATIENCE, Request, SourceError, checkout};
use git2::{Repository, RepositoryInitOptions, Signature};
use std::{fs, path::PathBuf, sync::atomic::AtomicBool};

/// A repository `repo` with one commit on `main`, in a folder of its own.
pub(super) struct Sample {
    pub(super) dir: tempfile::TempDir,
    pub(super) repo: Repository,
}

impl Sample {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = RepositoryInitOptions::new();
        options.initial_head("main").external_template(false);
        let repo = Repository::init_opts(dir.path().join("repo"), &options).unwrap();
        let sample = Self { dir, repo };
        sample.commit("main.tf", "# one\n");
        sample
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn commit(&self, file: &str, text: &str) -> String {
        let path = self.path("repo").join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        let mut index = self.repo.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = self.repo.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = self.repo.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        let who = Signature::now("t", "t@t.invalid").unwrap();
        let id = self.repo.commit(Some("HEAD"), &who, &who, file, &tree, &parents).unwrap();
        id.to_string()
    }

    pub(super) fn request(&self, dest: &str) -> Request {
        Request {
            origin: self.origin("repo"),
            reference: None,
            dest: self.path(dest),
            mirrors: self.path("mirrors"),
            offline: false,
            patience: PATIENCE,
        }
    }

    pub(super) fn origin(&self, name: &str) -> Origin {
        Origin::parse(&self.path(name).display().to_string()).unwrap()
    }

    pub(super) fn checkout(&self, dest: &str) -> Result<Checkout, SourceError> {
        checkout(&self.request(dest), &AtomicBool::new(false), &mut |_| {})
    }
}
