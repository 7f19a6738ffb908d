//! Which modules are applied by themselves, found without being told.

use super::{Folder, survey::Outline};
use crate::{config::module::CallTarget, model::finding::Place};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// A module that is applied by itself, or could be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its folder, from the root of the repository.
    pub dir: PathBuf,
    /// What it seems to be.
    pub kind: RootKind,
    /// What speaks for it, strongest first.
    pub evidence: Vec<Evidence>,
}

/// What a root module seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootKind {
    /// Something runs from it.
    Live,
    /// It shows or tests something.
    Example,
    /// It is written to be called from elsewhere.
    Library,
}

/// A sign of what a root module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It lies below a folder whose name says example or test.
    ExampleFolder(PathBuf),
    /// It says where its state is kept.
    Backend(Place),
    /// It is bound to a workspace of HCP Terraform.
    Cloud(Place),
    /// There is a file with values for its variables.
    VariableFile(PathBuf),
    /// Its providers are locked, as `terraform init` does.
    LockFile(PathBuf),
    /// It configures a provider.
    Provider(Place),
}

/// Names of folders whose modules are not meant to run.
const EXAMPLES: [&str; 8] =
    ["example", "examples", "test", "tests", "testing", "testdata", "fixture", "fixtures"];

const LOCK_FILE: &str = ".terraform.lock.hcl";

/// Whether a file of this name says something about its folder.
pub(super) fn is_sign(name: &str) -> bool {
    let is_values = name.ends_with(".tfvars") || name.ends_with(".tfvars.json");
    name == LOCK_FILE || is_values && !name.contains("example") && !name.contains("sample")
}

/// Finds the root modules, live ones first, then by folder.
///
/// A module that a live one or a library calls is no root. One that only examples and tests call is
/// a root if it keeps state or has values, for tests do call what also runs by itself.
pub(super) fn find(modules: &[Outline], folders: &[Folder]) -> Vec<Root> {
    let signs: BTreeMap<&Path, &[String]> =
        folders.iter().map(|folder| (folder.dir.as_path(), folder.signs.as_slice())).collect();
    let (mut called, mut shown) = (BTreeSet::new(), BTreeSet::new());
    for module in modules {
        let callers = if example_folder(&module.dir).is_some() { &mut shown } else { &mut called };
        callers.extend(module.calls.iter().filter_map(|target| match target {
            CallTarget::Local(dir) => Some(dir),
            _ => None,
        }));
    }
    let mut roots: Vec<Root> = modules
        .iter()
        .filter(|module| !called.contains(&module.dir))
        .map(|module| root(module, signs.get(module.dir.as_path()).copied().unwrap_or_default()))
        .filter(|root| {
            let weak = |evidence: &Evidence| matches!(evidence, Evidence::Provider(_));
            let applied = root.kind == RootKind::Live && !root.evidence.iter().all(weak);
            applied || !shown.contains(&root.dir)
        })
        .collect();
    roots.sort_by(|a, b| (a.kind, &a.dir).cmp(&(b.kind, &b.dir)));
    roots
}

fn root(module: &Outline, signs: &[String]) -> Root {
    let mut evidence = Vec::new();
    let example = example_folder(&module.dir);
    evidence.extend(example.clone().map(Evidence::ExampleFolder));
    evidence.extend(module.backend.clone().map(Evidence::Backend));
    evidence.extend(module.cloud.clone().map(Evidence::Cloud));
    let path = |name: &String| module.dir.join(name);
    let values = signs.iter().filter(|name| *name != LOCK_FILE);
    evidence.extend(values.map(|name| Evidence::VariableFile(path(name))));
    let lock = signs.iter().filter(|name| *name == LOCK_FILE);
    evidence.extend(lock.map(|name| Evidence::LockFile(path(name))));
    evidence.extend(module.providers.iter().cloned().map(Evidence::Provider));
    let weak = evidence.iter().all(|e| matches!(e, Evidence::Provider(_)));
    let kind = match example {
        Some(_) => RootKind::Example,
        // A provider block alone is no sign among modules: many libraries have one.
        None if evidence.is_empty() || weak && is_among_modules(&module.dir) => RootKind::Library,
        None => RootKind::Live,
    };
    Root { dir: module.dir.clone(), kind, evidence }
}

/// Whether a folder lies below one that is for modules, by its name.
fn is_among_modules(dir: &Path) -> bool {
    let parents = dir.ancestors().skip(1).filter_map(Path::file_name);
    parents.into_iter().any(|name| name == "modules" || name == "module")
}

/// Returns the outermost folder on the way that is for examples or tests.
fn example_folder(dir: &Path) -> Option<PathBuf> {
    let outwards: Vec<&Path> = dir.ancestors().collect();
    let is_example = |path: &&&Path| {
        path.file_name().is_some_and(|name| EXAMPLES.iter().any(|example| name == *example))
    };
    outwards.iter().rev().find(is_example).map(|path| path.to_path_buf())
}
