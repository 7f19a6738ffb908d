//! Every module of a checkout, and which of them people apply.

mod made;
mod root;
mod survey;

pub use made::Made;
pub use root::{Evidence, Root, RootKind};
use survey::Outline;
pub use survey::{Reached, Survey};

use super::{
    file::{Judge, Unparsed},
    module::{CallTarget, Module, ModuleError, is_configuration},
};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
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
    /// How many bytes of configuration it holds.
    bytes: u64,
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
        let paths = Paths::new(root, &folders)?;
        let modules = folders
            .par_iter()
            .filter(|folder| folder.has_configuration)
            .map(|folder| Ok((folder.dir.clone(), paths.module(root, &folder.dir, judge)?)))
            .collect::<Result<BTreeMap<_, _>, ModuleError>>()?;
        let outlines: Vec<Outline> = modules.values().map(Outline::of).collect();
        let roots = root::find(&outlines, &folders);
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
                folder.bytes += entry.metadata().map_or(0, |metadata| metadata.len());
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

/// The folders of a checkout that hold modules.
#[derive(Debug)]
struct Paths {
    /// The checkout, without symbolic links.
    inside: PathBuf,
    known: BTreeSet<PathBuf>,
}

impl Paths {
    fn new(root: &Path, folders: &[Folder]) -> Result<Self, ModuleError> {
        let inside = fs::canonicalize(root).map_err(|source| ModuleError::new(root, source))?;
        let with_configuration = folders.iter().filter(|folder| folder.has_configuration);
        Ok(Self { inside, known: with_configuration.map(|folder| folder.dir.clone()).collect() })
    }

    /// Reads a module whose calls lead to where the modules are.
    fn module(
        &self,
        root: &Path,
        dir: &Path,
        judge: Option<&dyn Judge>,
    ) -> Result<Module, ModuleError> {
        let mut module = Module::read(root, dir, judge)?;
        for call in &mut module.calls {
            self.follow(&mut call.target);
        }
        Ok(module)
    }

    /// Follows a local call to the module that it means, through symbolic links inside.
    fn follow(&self, target: &mut CallTarget) {
        let CallTarget::Local(dir) = target else { return };
        if self.known.contains(dir) {
            return;
        }
        *target = match fs::canonicalize(self.inside.join(&*dir)) {
            Ok(real) => match real.strip_prefix(&self.inside) {
                Ok(real) if self.known.contains(real) => CallTarget::Local(real.to_owned()),
                Ok(_) => CallTarget::Missing(dir.clone()),
                Err(_) => CallTarget::Outside,
            },
            Err(_) => CallTarget::Missing(dir.clone()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: &str = "module \"m\" {\n  source = \"../../modules/net\"\n}\n";

    fn repository(files: &[(&str, &str)]) -> (tempfile::TempDir, Repository) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let repository = Repository::read(folder.path(), None).unwrap();
        (folder, repository)
    }

    fn roots(repository: &Repository) -> Vec<String> {
        let show = |root: &Root| {
            format!("{} {:?} {:?}", root.dir.display(), root.kind, root.evidence.len())
        };
        repository.roots().iter().map(show).collect()
    }

    #[test]
    fn roots_are_found_without_being_told() {
        let (_folder, repository) = repository(&[
            ("stacks/network/main.tf", CALL),
            ("stacks/network/backend.tf", "terraform {\n  backend \"s3\" {}\n}\n"),
            ("stacks/network/.terraform.lock.hcl", ""),
            ("stacks/network/.terraform/modules/x/main.tf", "provider \"aws\" {}"),
            ("stacks/app/main.tf", "provider \"aws\" {}\n"),
            ("stacks/data/main.tf", "variable \"v\" {}\n"),
            ("stacks/data/prod.tfvars", ""),
            (
                "modules/net/main.tf",
                "provider \"aws\" {}\nmodule \"i\" {\n  source = \"./inner\"\n}\n",
            ),
            ("modules/net/inner/main.tf.json", "{}"),
            ("modules/lonely/main.tf", ""),
            (
                "modules/lonely/examples/full/main.tf",
                "module \"m\" {\n  source = \"../..\"\n}\nprovider \"aws\" {}\n",
            ),
            ("modules/nobody/main.tf", ""),
            ("modules/alone/main.tf", "provider \"aws\" {}"),
            ("modules/applied/main.tf", "terraform {\n  backend \"s3\" {}\n}\n"),
            ("tests/smoke/main.tf", "module \"m\" {\n  source = \"../../stacks/data\"\n}\n"),
            ("docs/readme.md", ""),
        ]);
        assert_eq!(
            roots(&repository),
            [
                "modules/applied Live 1",
                "stacks/app Live 1",
                "stacks/data Live 1",
                "stacks/network Live 2",
                "modules/lonely/examples/full Example 2",
                "tests/smoke Example 1",
                "modules/alone Library 1",
                "modules/nobody Library 0",
            ]
        );
        let network = &repository.roots()[3];
        assert_eq!(
            network.evidence,
            [
                Evidence::Backend(crate::model::finding::Place {
                    file: "stacks/network/backend.tf".into(),
                    line: 2,
                    column: 3
                }),
                Evidence::LockFile("stacks/network/.terraform.lock.hcl".into()),
            ]
        );
        assert_eq!(repository.modules().len(), 11);
        let inner = &repository.module(Path::new("modules/net")).unwrap().calls[0].target;
        assert_eq!(*inner, CallTarget::Local("modules/net/inner".into()));
    }

    #[test]
    fn the_folder_itself_can_be_the_root() {
        let (_folder, repository) = repository(&[("main.tf", "provider \"aws\" {}")]);
        assert_eq!(roots(&repository), [" Live 1"]);
        assert!(repository.module(Path::new("")).is_some());
    }

    #[test]
    fn calls_are_followed_through_links_but_not_out_of_the_repository() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("main.tf"), "").unwrap();
        let (folder, _) = repository(&[("real/main.tf", ""), ("a/main.tf", "")]);
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
        let call =
            |name: &str, to: &str| format!("module \"{name}\" {{\n  source = \"{to}\"\n}}\n");
        let calls = [
            call("link", "../link"),
            call("out", "../out"),
            call("gone", "../gone"),
            call("up", "../../x"),
        ];
        fs::write(folder.path().join("a/main.tf"), calls.concat()).unwrap();

        let repository = Repository::read(folder.path(), None).unwrap();

        let a = repository.module(Path::new("a")).unwrap();
        let targets: Vec<_> = a.calls.iter().map(|call| call.target.clone()).collect();
        assert_eq!(
            targets,
            [
                CallTarget::Local("real".into()),
                CallTarget::Outside,
                CallTarget::Missing("gone".into()),
                CallTarget::Outside,
            ]
        );
        assert_eq!(roots(&repository), ["a Library 0"]);
    }

    #[test]
    fn what_is_not_understood_is_listed_and_what_is_not_there_is_an_error() {
        let (folder, repository) = repository(&[("b/x.tf", "="), ("a/x.tf", "("), ("a/y.tf", "")]);
        let places: Vec<_> = repository.unparsed().map(|u| u.place.to_string()).collect();
        assert_eq!(places, ["a/x.tf:1:1", "b/x.tf:1:1"]);
        let error = Repository::read(&folder.path().join("none"), None).unwrap_err();
        assert!(error.to_string().starts_with("failed to list `"));
    }
}
