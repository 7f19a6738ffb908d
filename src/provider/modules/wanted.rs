//! What the calls of a repository ask a registry for.

use super::{
    address::{Address, Source},
    shelf::Shelf,
    version::{Version, candidates},
};
use crate::config::{
    expression::Expr,
    module::{CallTarget, Module},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The registry modules that a repository calls, and the version constraints of the calls.
///
/// A folder that stands for every version is offered as the numbers that its callers mention, and
/// as 0.0.0 for those who mention none: `~> 5.0` finds 5.0.0, `> 1.2` finds 1.2.1. Terraform records
/// that number, so in a rehearsal it says what was asked for and not what the folder holds.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    calls: BTreeMap<Source, BTreeSet<Version>>,
}

impl Wanted {
    /// Collects what these modules call.
    ///
    /// Versions and sources that are not literals, which Terraform 1.11 refuses, are not seen.
    pub fn of<'a>(modules: impl IntoIterator<Item = &'a Module>) -> Self {
        let mut wanted = Self::default();
        for module in modules {
            wanted.add(module);
        }
        wanted
    }

    /// Returns true when no registry is asked for anything.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// Adds what a module calls, and returns the sources of its registry calls.
    fn add(&mut self, module: &Module) -> Vec<Source> {
        let mut called = Vec::new();
        for call in &module.calls {
            let CallTarget::Remote(source) = &call.target else { continue };
            let Some(source) = Source::parse(source) else { continue };
            let constraint = call.version.as_ref().and_then(Expr::literal_string);
            let versions = self.calls.entry(source.clone()).or_default();
            versions.extend(candidates(&constraint.unwrap_or_default()));
            called.push(source);
        }
        called
    }

    /// Adds what the modules on the shelf call that can be reached from here.
    ///
    /// It must be known before the first answer: within one `init` Terraform asks for the versions
    /// of a module once, and a caller further down may want another one.
    pub(super) fn follow(&mut self, shelf: &Shelf) {
        let mut open: Vec<Source> = self.calls.keys().cloned().collect();
        let mut seen: BTreeSet<(PathBuf, PathBuf)> = BTreeSet::new();
        while let Some(source) = open.pop() {
            // What is not there, or must not be read, is reported when it is asked for.
            let Ok(stock) = shelf.find(&source.address) else { continue };
            for package in stock.packages() {
                for module in reachable(package, &source.dir, &mut seen) {
                    open.extend(self.add(&module));
                }
            }
        }
    }

    /// Returns the registries, by host.
    pub(super) fn hosts(&self) -> BTreeSet<&str> {
        self.calls.keys().map(|source| source.host.as_str()).collect()
    }

    /// Returns the versions to offer by the module's address: see [`Wanted`].
    pub(super) fn versions(&self, address: &Address) -> BTreeSet<Version> {
        let calls = self.calls.iter().filter(|(source, _)| source.address == *address);
        let mentioned = calls.flat_map(|(_, versions)| versions.iter().cloned());
        mentioned.chain([Version::default()]).collect()
    }
}

/// Reads the module in a folder of a package and those that it calls by path, each only once.
fn reachable(package: &Path, dir: &Path, seen: &mut BTreeSet<(PathBuf, PathBuf)>) -> Vec<Module> {
    let (mut modules, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        if !seen.insert((package.to_owned(), dir.clone())) {
            continue;
        }
        match Module::read(package, &dir, None) {
            Ok(module) => {
                open.extend(module.calls.iter().filter_map(|call| match &call.target {
                    CallTarget::Local(dir) => Some(dir.clone()),
                    _ => None,
                }));
                modules.push(module);
            }
            // Terraform will say so, with the place of the call.
            Err(error) => tracing::debug!(%error, "a called folder is passed over"),
        }
    }
    modules
}
