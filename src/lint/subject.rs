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
        syntax::{Expression, ObjectKey},
    },
    model::finding::Extent,
    runbook::{Runbook, Stack},
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashSet},
    path::Path,
};

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
    /// Where those of both regions are set.
    pub(crate) given_at: &'a BTreeMap<String, Extent>,
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
    /// What its arguments read, by the first two names of each path.
    read: OnceCell<HashSet<(String, String)>>,
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
                seen.push(Seen::new(call.module, call.address.clone()));
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

    /// Returns everything that the module of a call says.
    pub(crate) fn slots_of(&self, call: &Call<'a>) -> &[Slot<'a>] {
        let seen = self.modules.iter().find(|seen| seen.module.dir == call.module.dir);
        seen.map_or(&[], |seen| &seen.slots)
    }

    /// Returns the call whose module calls the one of `call`.
    pub(crate) fn caller(&self, call: &Call<'a>) -> Option<&Call<'a>> {
        let outer = call.address.rfind("module.")?;
        let outer = call.address[..outer].trim_end_matches('.');
        self.calls.iter().find(|known| known.address == outer)
    }

    /// Returns every resource, data source and ephemeral resource, call by call.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (&Call<'a>, &'a Resource)> {
        self.calls
            .iter()
            .flat_map(|call| call.module.resources.iter().map(move |resource| (call, resource)))
    }
}

impl Drop for Subject<'_> {
    fn drop(&mut self) {
        self.calls[0].primary.release();
        self.calls[0].fallback.release();
    }
}

impl<'a> Seen<'a> {
    pub(crate) fn new(module: &'a Module, address: String) -> Self {
        Self { module, slots: slots(module), address, read: OnceCell::new() }
    }

    /// Whether an argument of the module reads `root.name`, or all of `root`.
    pub(crate) fn reads(&self, root: &str, name: &str) -> bool {
        let read = self.read.get_or_init(|| {
            let paths = self.slots.iter().flat_map(|slot| slot.expr().paths());
            let first_two = |path: Vec<String>| {
                let mut names = path.into_iter();
                (names.next().unwrap_or_default(), names.next().unwrap_or_default())
            };
            paths.map(first_two).filter(|(root, _)| root == "var" || root == "local").collect()
        });
        let has = |name: &str| read.contains(&(root.to_owned(), name.to_owned()));
        has(name) || has("")
    }
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
            // Old modules declare with an empty block what their caller hands down.
            if provider.region.is_none() && passed.contains_key(&provider.key()) {
                continue;
            }
            let home = self.home(&at, provider);
            at.homes.insert(provider.key(), home);
        }
        if at.is_root() {
            self.implied(&mut at);
        }
        for (key, home) in &at.homes {
            let set = |facts: &Regional, scope: &Scope<'a>, region: &Option<String>| {
                if let Some(region) = region {
                    facts.set(scope.address(), key, region);
                }
            };
            set(&self.facts.primary, &at.primary, &home.primary);
            set(&self.facts.fallback, &at.fallback, &home.fallback);
        }
        let pairs = paired(at.primary.children(), at.fallback.children());
        let inner: Vec<(Call<'a>, BTreeMap<String, Home>)> = pairs
            .into_iter()
            .map(|(primary, fallback)| {
                let passed = primary.call().map(|call| passed_to(call, &at.homes));
                let call = Call {
                    module: primary.module(),
                    address: primary.address().to_owned(),
                    primary,
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

    /// Returns where a configuration points that leaves its region to the environment.
    fn environment(&self, known: bool) -> Home {
        Home {
            primary: known.then(|| self.pair.primary.clone()),
            fallback: known.then(|| self.pair.fallback.clone()),
        }
    }

    fn home(&self, at: &Call<'a>, provider: &Provider) -> Home {
        let Some(expr) = &provider.region else {
            // Without a word, it is what the environment says, which is set for either region.
            let silent = provider.alias.is_none();
            return self.environment(silent);
        };
        let text = |value: Value| value.text().map(str::to_owned);
        let (here, there) = at.both(expr);
        if (&here, &there) == (&Value::Null, &Value::Null) {
            return self.environment(true);
        }
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

/// Puts the instances of each call in the primary beside those in the fallback: by address, and
/// where the keys differ, as zones do, in order. What is not made in the fallback is not rebuilt,
/// and what is made only there is seen as it is there.
fn paired<'a>(here: Vec<Scope<'a>>, there: Vec<Scope<'a>>) -> Vec<(Scope<'a>, Scope<'a>)> {
    let name = |scope: &Scope<'a>| scope.call().map(|call| call.name.clone());
    let mut there: Vec<Option<Scope<'a>>> = there.into_iter().map(Some).collect();
    let mut found: Vec<(Scope<'a>, Option<Scope<'a>>)> = here
        .into_iter()
        .map(|scope| {
            let same = |other: &Option<Scope<'a>>| {
                other.as_ref().is_some_and(|other| other.address() == scope.address())
            };
            let at = there.iter().position(same);
            (scope, at.and_then(|at| there[at].take()))
        })
        .collect();
    for (scope, other) in found.iter_mut().filter(|(_, other)| other.is_none()) {
        let called = name(scope);
        let next = there.iter_mut().find(|left| left.as_ref().is_some_and(|s| name(s) == called));
        *other = next.and_then(Option::take);
    }
    let only_there = there.into_iter().flatten().map(|scope| (scope.clone(), scope));
    found.into_iter().filter_map(|(here, there)| Some((here, there?))).chain(only_there).collect()
}

/// Returns the provider configurations that a call hands down, by their keys in the child.
fn passed_to(call: &ModuleCall, homes: &BTreeMap<String, Home>) -> BTreeMap<String, Home> {
    // Configurations without an alias are handed down by themselves, also beside others that are
    // named: Terraform looks for them from the module upwards.
    let default = homes.iter().filter(|(key, _)| !key.contains('.'));
    let mut passed: BTreeMap<String, Home> =
        default.map(|(key, home)| (key.clone(), home.clone())).collect();
    let Some(providers) = &call.providers else { return passed };
    let Expression::Object(explicit) = providers.node() else { return passed };
    let path = |node: &Expression| Some(providers.part(node).traversal()?.join("."));
    for (key, value) in explicit.iter() {
        let key = match key {
            ObjectKey::Ident(name) => Some(name.to_string()),
            // `aws.edge` is a path, and not a name.
            ObjectKey::Expression(node) => path(node),
        };
        // A configuration that is not known here points nowhere that is known.
        let home = path(value.expr()).and_then(|path| homes.get(&path).cloned());
        passed.extend(key.map(|key| (key, home.unwrap_or_default())));
    }
    passed
}
