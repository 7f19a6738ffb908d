//! The modules that a root reaches inside the repository, with what each is told.

use crate::config::{
    known::Knowledge,
    module::{CallTarget, Module, ModuleCall, Resource},
    repository::Repository,
};
use std::{collections::BTreeSet, path::Path};

/// How deep calls are followed; Terraform refuses a module that calls itself.
const MAX_DEPTH: usize = 16;

/// A module as one call reaches it.
pub(super) struct Reached<'r> {
    /// Its address, such as `module.a.module.b`; empty for the root.
    pub(super) address: String,
    /// What is known in it, with the values that it has in the primary.
    pub(super) known: Knowledge<'r>,
}

impl<'r> Reached<'r> {
    /// The module.
    pub(super) fn module(&self) -> &'r Module {
        self.known.module()
    }

    /// Whether it is the root itself.
    pub(super) fn is_root(&self) -> bool {
        self.address.is_empty()
    }

    /// Returns the whole address of a resource of this module.
    pub(super) fn address_of(&self, resource: &Resource) -> String {
        if self.is_root() {
            resource.address()
        } else {
            format!("{}.{}", self.address, resource.address())
        }
    }

    /// Returns how a saved plan names a provider configuration of this module.
    pub(super) fn provider_key(&self, key: &str) -> String {
        if self.is_root() { key.to_owned() } else { format!("{}:{key}", self.address) }
    }
}

/// Returns the root and every local module below it, call by call.
pub(super) fn reach<'r>(root: Knowledge<'r>, repository: &'r Repository) -> Vec<Reached<'r>> {
    let mut found = Vec::new();
    follow(Reached { address: String::new(), known: root }, repository, 0, &mut found);
    found
}

fn follow<'r>(
    at: Reached<'r>,
    repository: &'r Repository,
    depth: usize,
    found: &mut Vec<Reached<'r>>,
) {
    let calls = at.module().calls.iter().filter_map(|call| Some((call, called(call, repository)?)));
    let inner: Vec<Reached<'r>> = calls
        .map(|(call, module)| Reached {
            address: [&at.address, "module", &call.name]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("."),
            known: at.known.of_call(call, module),
        })
        .collect();
    found.push(at);
    if depth < MAX_DEPTH {
        for reached in inner {
            follow(reached, repository, depth + 1, found);
        }
    }
}

fn called<'r>(call: &ModuleCall, repository: &'r Repository) -> Option<&'r Module> {
    match &call.target {
        CallTarget::Local(dir) => repository.module(dir),
        CallTarget::Outside
        | CallTarget::Missing(_)
        | CallTarget::Remote(_)
        | CallTarget::Unknown => None,
    }
}

/// Returns the first call of each module among them.
pub(super) fn first_calls<'a, 'r>(reached: &'a [Reached<'r>]) -> Vec<&'a Reached<'r>> {
    let mut seen: BTreeSet<&Path> = BTreeSet::new();
    reached.iter().filter(|reached| seen.insert(&reached.module().dir)).collect()
}

/// Returns the modules among them, each once.
pub(super) fn modules<'r>(reached: &[Reached<'r>]) -> Vec<&'r Module> {
    first_calls(reached).into_iter().map(Reached::module).collect()
}
