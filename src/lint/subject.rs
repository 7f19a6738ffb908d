//! One root module as the rules see it: all that it reaches, in either region.

use super::{
    facts::Regional,
    regions::{Pair, Variables},
    slot::{Slot, slots},
};
use crate::{
    catalogue::names,
    config::{
        eval::{Inputs, Modules, Scope, Value},
        expression::Expr,
        module::{Module, ModuleCall, Provider, Resource},
        repository::Made,
    },
    runbook::{Runbook, Stack},
};
use std::{collections::BTreeMap, path::Path};

/// One root module as the rules see it.
pub(crate) struct Subject<'a> {
    /// Every module that it reaches in this repository, call by call, the root itself first.
    pub(crate) calls: Vec<Call<'a>>,
    /// The same modules, each once.
    pub(crate) modules: Vec<Seen<'a>>,
    /// From where into where.
    pub(crate) pair: &'a Pair,
    /// What surrounds it.
    pub(crate) about: About<'a>,
}

/// What surrounds a root module.
#[derive(Clone, Copy)]
pub(crate) struct About<'a> {
    /// What all modules of the checkout make together.
    pub(crate) made: &'a Made,
    /// The runbook, if there is one.
    pub(crate) runbook: Option<&'a Runbook>,
    /// The stack of the runbook that the root is, if it is one.
    pub(crate) stack: Option<&'a Stack>,
    /// Names of variables that files or the runbook set, in the primary or in the fallback.
    pub(crate) given: &'a BTreeMap<String, Value>,
    /// The root's lock file, if there is one: its path in the repository, and its text.
    pub(crate) lock: Option<(&'a Path, &'a str)>,
}

/// A module, once.
pub(crate) struct Seen<'a> {
    /// The module.
    pub(crate) module: &'a Module,
    /// Everything that it says.
    pub(crate) slots: Vec<Slot<'a>>,
    /// The address under which it is first reached; empty for the root.
    pub(crate) address: String,
}

/// A module as one call reaches it, in either region.
pub(crate) struct Call<'a> {
    /// The module.
    pub(crate) module: &'a Module,
    /// Its address; empty for the root.
    pub(crate) address: String,
    /// With the values that it has in the primary.
    pub(crate) primary: Scope<'a>,
    /// With the values that it has in the fallback.
    pub(crate) fallback: Scope<'a>,
    /// Where each provider configuration points, by its key in this module.
    pub(crate) homes: BTreeMap<String, Home>,
}

/// Where a provider configuration points.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Home {
    /// In the primary, as the code says; `None` when it does not.
    pub(crate) primary: Option<String>,
    /// In the fallback, if what names the primary is moved.
    pub(crate) fallback: Option<String>,
}

/// Values of both regions that are kept as long as the subject.
pub(crate) struct Facts {
    primary: Regional,
    fallback: Regional,
}

impl Facts {
    pub(crate) fn new() -> Self {
        Self { primary: Regional::default(), fallback: Regional::default() }
    }
}

/// How many calls of modules are followed from one root; a module that is called more often than
/// that is looked at in its first calls.
const MAX_CALLS: usize = 2_000;

impl<'a> Subject<'a> {
    /// Reaches everything from a root.
    pub(crate) fn new(
        root: &'a Module,
        modules: &'a dyn Modules,
        pair: &'a Pair,
        variables: &Variables,
        facts: &'a Facts,
        about: About<'a>,
    ) -> Self {
        let workspace = about.stack.and_then(|stack| stack.workspace.clone());
        let scope = |variables: &BTreeMap<String, Value>, facts: &'a Regional| {
            let inputs =
                Inputs { variables: variables.clone(), workspace: workspace.clone(), facts };
            Scope::root(root, modules, inputs)
        };
        let first = Call {
            module: root,
            address: String::new(),
            primary: scope(&variables.primary, &facts.primary),
            fallback: scope(&variables.fallback, &facts.fallback),
            homes: BTreeMap::new(),
        };
        let mut calls = Vec::new();
        Reach { pair, facts, calls: &mut calls }.follow(first, &BTreeMap::new());
        let mut seen: Vec<Seen<'a>> = Vec::new();
        for call in &calls {
            if !seen.iter().any(|known| known.module.dir == call.module.dir) {
                let (module, address) = (call.module, call.address.clone());
                seen.push(Seen { module, slots: slots(module), address });
            }
        }
        Self { calls, modules: seen, pair, about }
    }

    /// Returns the root itself.
    pub(crate) fn root(&self) -> &Call<'a> {
        &self.calls[0]
    }

    /// Returns the primary, if the code or the user names it.
    pub(crate) fn primary(&self) -> Option<&str> {
        (self.pair.primary_is_named && self.pair.differs()).then_some(self.pair.primary.as_str())
    }

    /// Returns the fallback, if the runbook or the user names it.
    pub(crate) fn fallback(&self) -> Option<&str> {
        (self.pair.fallback_is_named && self.pair.differs()).then_some(self.pair.fallback.as_str())
    }

    /// Returns every argument of every module, with the module.
    pub(crate) fn slots(&self) -> impl Iterator<Item = (&Seen<'a>, &Slot<'a>)> {
        self.modules.iter().flat_map(|seen| seen.slots.iter().map(move |slot| (seen, slot)))
    }

    /// Returns every resource, data source and ephemeral resource, call by call.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&Call<'a>, &'a Resource)> {
        self.calls
            .iter()
            .flat_map(|call| call.module.resources.iter().map(move |resource| (call, resource)))
    }
}

impl Seen<'_> {
    /// Returns an address in this module as it is seen from the root.
    pub(crate) fn address_of(&self, address: &str) -> String {
        join(&self.address, address)
    }
}

impl Call<'_> {
    /// Whether it is the root itself.
    pub(crate) fn is_root(&self) -> bool {
        self.address.is_empty()
    }

    /// Returns an address in this module as it is seen from the root.
    pub(crate) fn address_of(&self, address: &str) -> String {
        join(&self.address, address)
    }

    /// Returns where the provider of a resource points.
    pub(crate) fn home(&self, resource: &Resource) -> Home {
        self.homes.get(&resource.provider_key()).cloned().unwrap_or_default()
    }

    /// Returns what an expression comes to in the primary and in the fallback.
    pub(crate) fn both(&self, expr: &Expr) -> (Value, Value) {
        (self.primary.value(expr), self.fallback.value(expr))
    }

    /// Returns the string that an expression comes to in both regions, if it is the same.
    pub(crate) fn same_text(&self, expr: &Expr) -> Option<String> {
        match self.both(expr) {
            (Value::String(here), Value::String(there)) if here == there => Some(here.to_string()),
            _ => None,
        }
    }
}

fn join(module: &str, address: &str) -> String {
    if module.is_empty() { address.to_owned() } else { format!("{module}.{address}") }
}

/// Follows calls and says where the providers of each point.
struct Reach<'a, 'c> {
    pair: &'a Pair,
    facts: &'a Facts,
    calls: &'c mut Vec<Call<'a>>,
}

impl<'a> Reach<'a, '_> {
    fn follow(&mut self, mut at: Call<'a>, passed: &BTreeMap<String, Home>) {
        at.homes = passed.clone();
        for provider in &at.module.providers {
            let home = self.home(&at, provider);
            at.homes.insert(provider.key(), home);
        }
        if at.is_root() {
            self.implied(&mut at);
        }
        for (key, home) in &at.homes {
            let set = |facts: &Regional, region: &Option<String>| {
                if let Some(region) = region {
                    facts.set(&at.address, key, region);
                }
            };
            set(&self.facts.primary, &home.primary);
            set(&self.facts.fallback, &home.fallback);
        }
        let (here, there) = (at.primary.children(), at.fallback.children());
        let mut there: BTreeMap<String, Scope<'a>> =
            there.into_iter().map(|scope| (scope.address().to_owned(), scope)).collect();
        let inner: Vec<(Call<'a>, BTreeMap<String, Home>)> = here
            .into_iter()
            .map(|scope| {
                let address = scope.address().to_owned();
                let passed = scope.call().map(|call| passed_to(call, &at.homes));
                let fallback = there.remove(&address).unwrap_or_else(|| scope.clone());
                let call = Call {
                    module: scope.module(),
                    address,
                    primary: scope,
                    fallback,
                    homes: BTreeMap::new(),
                };
                (call, passed.unwrap_or_default())
            })
            .collect();
        self.calls.push(at);
        for (call, passed) in inner {
            if self.calls.len() < MAX_CALLS {
                self.follow(call, &passed);
            }
        }
    }

    /// Providers that the root uses and does not configure take their region from the environment.
    fn implied(&self, at: &mut Call<'a>) {
        for name in ["aws", "google", "google-beta"] {
            at.homes.entry(name.to_owned()).or_insert_with(|| Home {
                primary: Some(self.pair.primary.clone()),
                fallback: Some(self.pair.fallback.clone()),
            });
        }
    }

    fn home(&self, at: &Call<'a>, provider: &Provider) -> Home {
        let Some(expr) = &provider.region else {
            // Without a word, it is what the environment says, which is set for either region.
            let silent = provider.alias.is_none();
            return Home {
                primary: silent.then(|| self.pair.primary.clone()),
                fallback: silent.then(|| self.pair.fallback.clone()),
            };
        };
        let text = |value: Value| match value {
            Value::String(text) => Some(text.to_string()),
            _ => None,
        };
        let (here, there) = at.both(expr);
        let (primary, fallback) = (text(here), text(there));
        // What is fixed to the primary is a finding of its own; the rest is seen as if it were mended.
        let moved = fallback.map(|region| {
            if names::same_region(&region, &self.pair.primary) {
                self.pair.fallback.clone()
            } else {
                region
            }
        });
        Home { primary, fallback: moved }
    }
}

/// Returns the provider configurations that a call hands down, by their keys in the child.
fn passed_to(call: &ModuleCall, homes: &BTreeMap<String, Home>) -> BTreeMap<String, Home> {
    let explicit = call.providers.as_ref().and_then(|expr| expr.object().ok());
    match explicit {
        Some(entries) => entries
            .iter()
            .filter_map(|entry| {
                let home = homes.get(&entry.expr().traversal()?.join("."))?;
                Some((entry.name().to_owned(), home.clone()))
            })
            .collect(),
        // Only configurations without an alias are handed down by themselves.
        None => {
            let default = homes.iter().filter(|(key, _)| !key.contains('.'));
            default.map(|(key, home)| (key.clone(), home.clone())).collect()
        }
    }
}
