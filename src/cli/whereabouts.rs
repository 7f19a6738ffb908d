//! Where a command is asked to look.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
};
use crate::source;
use anyhow::{Context, anyhow};
use std::{
    fs,
    path::{Component, Path, PathBuf},
};

/// The repository that a path lies in, and the path in it.
pub(super) struct Whereabouts {
    /// The root of the working tree, or the path itself where there is none.
    pub(super) top: PathBuf,
    /// The path from there; empty for the root itself.
    pub(super) within: PathBuf,
}

impl Whereabouts {
    pub(super) fn of(path: &Path) -> Result<Self, CliError> {
        let real = fs::canonicalize(path)
            .with_context(|| format!("failed to find `{}`", path.display()))
            .or_exit(Exit::Usage)
            .map_err(|error| error.hint("Name a folder of a checkout"))?;
        if !real.is_dir() {
            let error = anyhow!("`{}` is not a folder", path.display());
            return Err(CliError::new(Exit::Usage, error).hint(
                "Name the folder that the file stands in: a module is all files of a folder",
            ));
        }
        let top = source::toplevel(&real).unwrap_or_else(|| real.clone());
        let within = real.strip_prefix(&top).unwrap_or(Path::new(""));
        let within = within.components().filter(|part| *part != Component::CurDir).collect();
        Ok(Self { top, within })
    }
}
