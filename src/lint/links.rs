//! What refers to what in all that a root module reaches: directly, or through local values,
//! variables of modules and their outputs.

use super::{
    known::text,
    slot::{Holder, Slot},
    subject::{Call, Home, Seen, Subject},
};
use crate::config::{
    expression::Expr,
    module::{CallTarget, ModuleCall, Resource, ResourceMode},
    syntax::{Expression, ObjectKey},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// What refers to what.
pub(crate) struct Links<'s, 'a> {
    subject: &'s Subject<'a>,
    /// For each call the one that makes it.
    parents: Vec<Option<usize>>,
    /// The calls that a call makes under a name.
    children: BTreeMap<(usize, &'a str), Vec<usize>>,
    seen: BTreeMap<&'a Path, &'s Seen<'a>>,
}

/// A resource as one call reaches it.
#[derive(Clone, Copy)]
pub(crate) struct Node<'a> {
    /// The index of the call.
    pub(crate) call: usize,
    /// The resource.
    pub(crate) resource: &'a Resource,
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.call == other.call && std::ptr::eq(self.resource, other.resource)
    }
}

/// An argument that refers to a resource.
pub(crate) struct Use<'a> {
    /// Whose argument it is.
    pub(crate) by: User<'a>,
    /// Which argument, with the blocks that it stands in.
    pub(crate) path: String,
    /// What is referred to.
    pub(crate) of: Node<'a>,
}

/// What refers to a resource.
#[derive(Clone, Copy)]
pub(crate) enum User<'a> {
    /// Another one.
    Resource(Node<'a>),
    /// A module that is not in this repository.
    Remote(&'a ModuleCall),
}

impl<'s, 'a> Links<'s, 'a> {
    /// Looks at everything that a root reaches.
    pub(crate) fn of(subject: &'s Subject<'a>) -> Self {
        let by_address: BTreeMap<&str, usize> = subject
            .calls
            .iter()
            .enumerate()
            .map(|(at, call)| (call.address.as_str(), at))
            .collect();
        let (mut parents, mut children) = (Vec::new(), BTreeMap::new());
        for (at, call) in subject.calls.iter().enumerate() {
            let parent = call.primary.call().and_then(|by| {
                let end = call.address.rfind(&format!("module.{}", by.name))?;
                let parent = *by_address.get(call.address[..end].trim_end_matches('.'))?;
                let made: &mut Vec<usize> = children.entry((parent, by.name.as_str())).or_default();
                made.push(at);
                Some(parent)
            });
            parents.push(parent);
        }
        let seen = subject.modules.iter().map(|seen| (seen.module.dir.as_path(), seen)).collect();
        Self { subject, parents, children, seen }
    }

    /// Returns every resource of a type, in every call in which it is made.
    pub(crate) fn nodes(&self, wanted: impl Fn(&Resource) -> bool) -> Vec<Node<'a>> {
        let calls = self.subject.calls.iter().enumerate();
        calls
            .flat_map(|(call, at)| {
                at.module.resources.iter().map(move |resource| Node { call, resource })
            })
            .filter(|node| wanted(node.resource))
            .collect()
    }

    /// Returns the call in which a resource is seen.
    pub(crate) fn call(&self, node: Node<'a>) -> &'s Call<'a> {
        &self.subject.calls[node.call]
    }

    /// Returns the resources and data sources that an expression of a call rests on.
    pub(crate) fn targets(&self, call: usize, expr: &Expr) -> Vec<Node<'a>> {
        let (mut open, mut found) = (BTreeSet::new(), Vec::new());
        self.collect(call, expr, &mut open, &mut found);
        found
    }

    /// Returns what the arguments of those that are `asked` refer to.
    pub(crate) fn uses(&self, asked: impl Fn(&Holder<'a>) -> bool) -> Vec<Use<'a>> {
        let mut found = Vec::new();
        for (call, at) in self.subject.calls.iter().enumerate() {
            let Some(seen) = self.seen.get(at.module.dir.as_path()) else { continue };
            for slot in seen.slots.iter().filter(|slot| asked(&slot.holder)) {
                let Some(by) = user(call, slot) else { continue };
                let targets = self.targets(call, slot.expr());
                let path = &slot.path;
                found.extend(targets.into_iter().map(|of| Use { by, path: path.clone(), of }));
            }
        }
        found
    }

    fn collect(
        &self,
        call: usize,
        expr: &Expr,
        open: &mut BTreeSet<(usize, String)>,
        found: &mut Vec<Node<'a>>,
    ) {
        for path in expr.paths() {
            self.follow(call, &path, open, found);
        }
    }

    fn follow(
        &self,
        call: usize,
        path: &[String],
        open: &mut BTreeSet<(usize, String)>,
        found: &mut Vec<Node<'a>>,
    ) {
        let module = self.subject.calls[call].module;
        let [root, name, ..] = path else { return };
        let depth = if root == "module" { 3 } else { 2 };
        let through = matches!(root.as_str(), "var" | "local" | "module");
        let words: Vec<&str> = path.iter().take(depth).map(String::as_str).collect();
        if through && !open.insert((call, words.join("."))) {
            return;
        }
        let mut add = |mode, kind: &str, name: &str| {
            let Some(resource) = module.resource(mode, kind, name) else { return };
            let node = Node { call, resource };
            if !found.contains(&node) {
                found.push(node);
            }
        };
        match (root.as_str(), path.get(2)) {
            ("var", _) => {
                let by = self.subject.calls[call].primary.call();
                let argument = by.and_then(|by| by.arguments.iter().find(|a| a.name() == name));
                if let (Some(parent), Some(argument)) = (self.parents[call], argument) {
                    self.collect(parent, argument.expr(), open, found);
                }
            }
            ("local", _) => {
                if let Some(expr) = module.local(name) {
                    self.collect(call, expr, open, found);
                }
            }
            ("module", Some(output)) => {
                for child in self.children.get(&(call, name.as_str())).into_iter().flatten() {
                    let called = self.subject.calls[*child].module;
                    if let Some(expr) = called.output(output).and_then(|o| o.value.as_ref()) {
                        self.collect(*child, expr, open, found);
                    }
                }
            }
            ("data", Some(last)) => add(ResourceMode::Data, name, last),
            ("ephemeral", Some(last)) => add(ResourceMode::Ephemeral, name, last),
            (kind, _) => add(ResourceMode::Managed, kind, name),
        }
    }

    /// Returns where a resource lies: as it says itself, or as its provider does.
    pub(crate) fn home(&self, node: Node<'a>) -> Home {
        let call = self.call(node);
        match node.resource.body().expr("region").filter(|_| node.resource.kind.starts_with("aws_"))
        {
            Some(own) => {
                Home { primary: text(&call.primary, own), fallback: text(&call.fallback, own) }
            }
            None => call.home(node.resource),
        }
    }

    /// Returns the `region` of the provider block that a resource uses, also through the calls that
    /// hand it down, and the call in which that block stands. `None` when there is no such block, or
    /// it does not say.
    pub(crate) fn provider(&self, node: Node<'a>) -> Option<(&'s Call<'a>, &'a Expr)> {
        let (mut at, mut key) = (node.call, node.resource.provider_key());
        loop {
            let call = &self.subject.calls[at];
            let own = call.module.providers.iter().find(|provider| provider.key() == key);
            if let Some(region) = own.and_then(|provider| provider.region.as_ref()) {
                return Some((call, region));
            }
            let handed = call.primary.call().and_then(|by| handed_down(by, &key));
            // Only a configuration without an alias is handed down by itself.
            key = handed.or_else(|| (!key.contains('.')).then(|| key.clone()))?;
            at = self.parents[at]?;
        }
    }

    /// Returns the region in which a resource lies today, if the code or the user says so.
    pub(crate) fn region(&self, node: Node<'a>) -> Option<String> {
        let pair = self.subject.pair;
        self.home(node).primary.filter(|home| pair.primary_is_named || *home != pair.primary)
    }

    /// Whether two resources lie in one region today; `None` when that is not known.
    pub(crate) fn are_together(&self, one: Node<'a>, other: Node<'a>) -> Option<bool> {
        let silent = |node: Node<'a>| node.resource.body().expr("region").is_none();
        let same_provider = one.call == other.call
            && one.resource.provider_key() == other.resource.provider_key()
            && silent(one)
            && silent(other);
        same_provider.then_some(true).or_else(|| Some(self.region(one)? == self.region(other)?))
    }
}

/// Returns the provider configuration of the caller that a called module knows as `key`.
fn handed_down(call: &ModuleCall, key: &str) -> Option<String> {
    let providers = call.providers.as_ref()?;
    let Expression::Object(object) = providers.node() else { return None };
    let path = |node: &Expression| Some(providers.part(node).traversal()?.join("."));
    object.iter().find_map(|(name, value)| {
        let name = match name {
            ObjectKey::Ident(name) => Some(name.to_string()),
            ObjectKey::Expression(node) => path(node),
        };
        if name.as_deref() == Some(key) { path(value.expr()) } else { None }
    })
}

fn user<'a>(call: usize, slot: &Slot<'a>) -> Option<User<'a>> {
    match slot.holder {
        Holder::Resource(resource) => Some(User::Resource(Node { call, resource })),
        Holder::Call(by) => matches!(by.target, CallTarget::Remote(_)).then_some(User::Remote(by)),
        _ => None,
    }
}
