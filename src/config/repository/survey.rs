//! A checkout seen module by module, for one that is too large to be held whole.

use super::{Folder, Made, Paths, Root, root, walk};
use crate::{
    config::{
        eval::Modules,
        file::{Judge, Unparsed},
        module::{CallTarget, Module, ModuleError},
    },
    model::finding::Place,
};
use rayon::prelude::*;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A checkout of more configuration than this is read again for each root, and not kept: a syntax
/// tree takes about twenty times the memory of its text.
const KEPT: u64 = 4 << 20;

/// A file of more bytes than this is not read by `file` and its like: evaluation takes no more.
const LARGEST_READ: u64 = 1 << 20;

/// Which modules a checkout has, and which of them people apply.
pub struct Survey<'j> {
    checkout: PathBuf,
    judge: Option<&'j dyn Judge>,
    paths: Paths,
    roots: Vec<Root>,
    unparsed: Vec<Unparsed>,
    files: usize,
    made: Made,
    kept: BTreeMap<PathBuf, Module>,
}

/// What is kept of a module to tell whether it is a root.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) dir: PathBuf,
    pub(super) calls: Vec<CallTarget>,
    pub(super) backend: Option<Place>,
    pub(super) cloud: Option<Place>,
    pub(super) providers: Vec<Place>,
    unparsed: Vec<Unparsed>,
    files: usize,
    made: Made,
}

impl Outline {
    pub(super) fn of(module: &Module) -> Self {
        let mut made = Made::default();
        made.add(module);
        Self {
            made,
            dir: module.dir.clone(),
            calls: module.calls.iter().map(|call| call.target.clone()).collect(),
            backend: module.backend.as_ref().map(|backend| backend.place()),
            cloud: module.cloud.as_ref().map(|cloud| cloud.place()),
            providers: module.providers.iter().map(|provider| provider.place()).collect(),
            unparsed: module.unparsed.clone(),
            files: module.files.len() + module.unparsed.len(),
        }
    }
}

/// Root modules with every local module that they reach.
pub struct Reached<'s> {
    /// The checkout, without symbolic links.
    inside: &'s Path,
    kept: &'s BTreeMap<PathBuf, Module>,
    read: BTreeMap<PathBuf, Module>,
}

impl Modules for Reached<'_> {
    fn module(&self, dir: &Path) -> Option<&Module> {
        self.kept.get(dir).or_else(|| self.read.get(dir))
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let real = fs::canonicalize(self.inside.join(path)).ok()?;
        let metadata = fs::metadata(&real).ok()?;
        // A pipe or a device would be waited for.
        let fits = metadata.is_file() && metadata.len() <= LARGEST_READ;
        (real.starts_with(self.inside) && fits).then(|| fs::read(real).ok()).flatten()
    }
}

impl<'j> Survey<'j> {
    /// Looks at every module below `checkout`, as [`Repository::read`](super::Repository::read)
    /// does, and keeps the modules only where they are small.
    ///
    /// # Errors
    ///
    /// [`ModuleError`] for a folder that cannot be listed.
    pub fn read(checkout: &Path, judge: Option<&'j dyn Judge>) -> Result<Self, ModuleError> {
        let folders = walk(checkout)?;
        let paths = Paths::new(checkout, &folders)?;
        let keeps = folders.iter().map(|folder| folder.bytes).sum::<u64>() <= KEPT;
        let one = |folder: &Folder| {
            let module = paths.module(checkout, &folder.dir, judge)?;
            Ok((Outline::of(&module), keeps.then_some(module)))
        };
        let all = folders
            .par_iter()
            .filter(|folder| folder.has_configuration)
            .map(one)
            .collect::<Result<Vec<_>, ModuleError>>()?;
        let (mut outlines, modules): (Vec<Outline>, Vec<Option<Module>>) = all.into_iter().unzip();
        let mut made = Made::default();
        for outline in &mut outlines {
            made.merge(std::mem::take(&mut outline.made));
        }
        let kept = modules.into_iter().flatten().map(|module| (module.dir.clone(), module));
        Ok(Self {
            checkout: checkout.to_owned(),
            judge,
            roots: root::find(&outlines, &folders),
            files: outlines.iter().map(|outline| outline.files).sum(),
            unparsed: outlines.iter().flat_map(|outline| outline.unparsed.clone()).collect(),
            paths,
            made,
            kept: kept.collect(),
        })
    }

    /// Returns the root of the checkout.
    pub fn checkout(&self) -> &Path {
        &self.checkout
    }

    /// Returns the modules that nobody calls, live ones first, then by folder.
    pub fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// Returns every file that was not understood, in order.
    pub fn unparsed(&self) -> &[Unparsed] {
        &self.unparsed
    }

    /// Returns how many files of configuration there are.
    pub fn files(&self) -> usize {
        self.files
    }

    /// Returns what all modules make together, also those that no live root reaches.
    pub fn made(&self) -> &Made {
        &self.made
    }

    /// Reads the modules in some folders and every local module that they reach.
    ///
    /// # Errors
    ///
    /// [`ModuleError`] for a folder that cannot be listed any more.
    pub fn reach(&self, dirs: &[&Path]) -> Result<Reached<'_>, ModuleError> {
        let mut reached =
            Reached { inside: &self.paths.inside, kept: &self.kept, read: BTreeMap::new() };
        let mut open: Vec<PathBuf> = dirs.iter().map(|dir| (*dir).to_owned()).collect();
        while let Some(dir) = open.pop() {
            if reached.module(&dir).is_some() || !self.paths.known.contains(&dir) {
                continue;
            }
            let module = self.paths.module(&self.checkout, &dir, self.judge)?;
            open.extend(module.calls.iter().filter_map(|call| match &call.target {
                CallTarget::Local(dir) => Some(dir.clone()),
                _ => None,
            }));
            reached.read.insert(dir, module);
        }
        Ok(reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        eval::{Facts, Inputs, Scope, Value},
        module::Resource,
    };

    struct NoFacts;

    impl Facts for NoFacts {
        fn attribute(&self, _: &str, _: &Resource, _: &[String]) -> Option<Value> {
            None
        }
    }

    #[test]
    fn files_are_read_inside_the_checkout_and_nowhere_else() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("a.json", "{\"region\": \"eu-west-1\"}");
        std::os::unix::fs::symlink(outside.path().join("secret"), dir.path().join("link")).unwrap();
        write(
            "main.tf",
            "locals {\n  a = jsondecode(file(\"${path.module}/a.json\")).region\n  b = file(\"${path.module}/link\")\n  c = file(\"../secret\")\n}\n",
        );
        let survey = Survey::read(dir.path(), None).unwrap();
        let reached = survey.reach(&[Path::new("")]).unwrap();
        let root = reached.module(Path::new("")).unwrap();
        let inputs = Inputs { variables: BTreeMap::new(), workspace: None, facts: &NoFacts };
        let scope = Scope::root(root, &reached, inputs);
        assert_eq!(scope.local("a"), Value::string("eu-west-1"));
        assert!(!scope.local("b").is_known() && !scope.local("c").is_known());
    }
}
