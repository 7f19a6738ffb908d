//! Every module of a checkout, and which of them people apply.

mod root;

pub use root::{Evidence, Root, RootKind};

use super::{
    file::{Judge, Unparsed},
    module::{CallTarget, Module, ModuleError, is_configuration},
};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A checkout, read whole.
#[derive(Debug, Default)]
pub struct Repository {
    modules: BTreeMap<PathBuf, Module>,
    roots: Vec<Root>,
}

/// A folder, as it was found.
#[derive(Debug, Default)]
struct Folder {
    dir: PathBuf,
    has_configuration: bool,
    /// Variable files and the lock file, by name, in order.
    signs: Vec<String>,
}

impl Repository {
    /// Reads every module below `root`, each once, and finds the ones that are applied.
    ///
    /// Hidden folders (`.git`, `.terraform`, …) are left out, and symbolic links are not followed
    /// to other folders: what they lead to is found where it is.
    ///
    /// # Errors
    ///
    /// [`ModuleError`] for a folder that cannot be listed. A file that cannot be read or
    /// understood is no error: see [`Repository::unparsed`].
    pub fn read(root: &Path, judge: Option<&dyn Judge>) -> Result<Self, ModuleError> {
        let folders = walk(root)?;
        let mut modules = folders
            .par_iter()
            .filter(|folder| folder.has_configuration)
            .map(|folder| Ok((folder.dir.clone(), Module::read(root, &folder.dir, judge)?)))
            .collect::<Result<BTreeMap<_, _>, ModuleError>>()?;
        follow(root, &mut modules)?;
        let roots = root::find(&modules, &folders);
        Ok(Self { modules, roots })
    }

    /// Returns the modules in the order of their folders.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = &Module> {
        self.modules.values()
    }

    /// Returns the module in a folder, named from the root; the root itself is the empty path.
    pub fn module(&self, dir: &Path) -> Option<&Module> {
        self.modules.get(dir)
    }

    /// Returns the modules that nobody calls, live ones first, then by folder.
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// Returns every file that was not understood, in order.
    pub fn unparsed(&self) -> impl Iterator<Item = &Unparsed> {
        self.modules.values().flat_map(|module| &module.unparsed)
    }
}

fn walk(root: &Path) -> Result<Vec<Folder>, ModuleError> {
    let (mut folders, mut open) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(dir) = open.pop() {
        let path = root.join(&dir);
        let error = |source| ModuleError::new(&path, source);
        let mut folder = Folder { dir, ..Folder::default() };
        for entry in fs::read_dir(&path).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Of an entry, not of what a link leads to.
            if entry.file_type().map_err(error)?.is_dir() {
                if !name.starts_with('.') {
                    open.push(folder.dir.join(entry.file_name()));
                }
            } else if is_configuration(&name) {
                folder.has_configuration = true;
            } else if root::is_sign(&name) {
                folder.signs.push(name);
            }
        }
        folder.signs.sort();
        folders.push(folder);
    }
    folders.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(folders)
}

/// Follows every local call to the module that it means, through symbolic links inside `root`.
fn follow(root: &Path, modules: &mut BTreeMap<PathBuf, Module>) -> Result<(), ModuleError> {
    let inside = fs::canonicalize(root).map_err(|source| ModuleError::new(root, source))?;
    let known: std::collections::BTreeSet<PathBuf> = modules.keys().cloned().collect();
    for call in modules.values_mut().flat_map(|module| &mut module.calls) {
        let CallTarget::Local(dir) = &call.target else { continue };
        if known.contains(dir) {
            continue;
        }
        call.target = match fs::canonicalize(inside.join(dir)) {
            Ok(real) => match real.strip_prefix(&inside) {
                Ok(real) if known.contains(real) => CallTarget::Local(real.to_owned()),
                Ok(_) => CallTarget::Missing(dir.clone()),
                Err(_) => CallTarget::Outside,
            },
            Err(_) => CallTarget::Missing(dir.clone()),
        };
    }
    Ok(())
}
