//! Modules that a rehearsal cannot make harmless, and so does not begin with.

use crate::{
    config::{file::Fault, inside, module::Module},
    retarget::harmless,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Why Terraform could run a program of the code's while it is rehearsed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Harm {
    /// It is not in the scratch copy, where its provisioners could be taken away.
    #[error("the module in `{}` lies outside of the repository, and runs programs", dir.display())]
    Outside {
        /// Its folder.
        dir: PathBuf,
    },
    /// Terraform may understand it.
    #[error("`{}` cannot be read, and may run programs: {why}", file.display())]
    Unread {
        /// The file, from the root of the repository.
        file: PathBuf,
        /// Why it cannot be read.
        why: String,
    },
}

impl Harm {
    /// Returns what to do about it.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Outside { .. } => "Bring the module into the repository",
            Self::Unread { .. } => "Mend the file, or leave it out: see `drctl validate`",
        }
        .to_owned()
    }
}

/// Returns why programs of a module in `dir` could run though `harmless` was applied to it, if they could.
pub(super) fn harm(root: &Path, dir: &Path, module: &Module) -> Option<Harm> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let is_inside = real(dir).zip(real(root)).is_some_and(|(dir, root)| dir.starts_with(root));
    if !is_inside {
        let runs = harmless(module).is_some() || !module.unparsed.is_empty();
        return runs.then(|| Harm::Outside { dir: real(dir).unwrap_or_else(|| dir.to_owned()) });
    }
    // What Terraform refuses, too, runs nothing.
    let taken = module.unparsed.iter().filter(|unparsed| unparsed.fault != Fault::Syntax);
    let unread = { taken }.find(|unparsed| may_run(root, &unparsed.file))?;
    let why = unread.message.clone();
    Some(Harm::Unread { file: unread.file.clone(), why })
}

/// Whether a file that was not understood could have a provisioner. JSON can write the word in many ways.
fn may_run(root: &Path, file: &Path) -> bool {
    let is_json = file.extension().is_some_and(|extension| extension == "json");
    let word = b"provisioner";
    is_json
        || inside::read(root, file)
            .map_or(true, |text| text.windows(word.len()).any(|window| window == word))
}
