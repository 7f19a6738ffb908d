//! What is inferred from small configurations, as text.

mod data_sources;
mod limits;
mod modules;
mod reading;
mod writing;

use super::{InferError, Inferred, infer, local_modules};
use crate::config::repository::Repository;
use std::{fs, path::Path};

/// Infers from files whose root module is in the folder `root`, or at the top if there is none.
pub(super) fn inferred(files: &[(&str, &str)]) -> Result<Inferred, InferError> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let repository = Repository::read(folder.path(), None).unwrap();
    let unparsed: Vec<_> = repository.unparsed().map(ToString::to_string).collect();
    assert!(unparsed.is_empty(), "{unparsed:?}");
    let root = ["root", ""].iter().find_map(|dir| repository.module(Path::new(dir))).unwrap();
    infer(root, &local_modules(&repository))
}

/// Renders what a single file says.
fn render(text: &str) -> String {
    inferred(&[("main.tf", text)]).unwrap().render()
}
