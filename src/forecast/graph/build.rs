//! The graph, read from the modules: first every node, then what each rests on.

use super::{
    Copies, Graph, Node, Role,
    copies::{View, behind, called, copies},
};
use crate::{
    config::{
        body::Body,
        eval::{Modules, Scope},
        expression::{Expr, Reference},
        module::{CallTarget, Module, ModuleCall, Resource, ResourceMode},
        syntax::{Expression, ObjectKey},
    },
    model::time::parse_duration,
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

/// More nodes than any stack that Terraform could plan; calls beyond are not followed.
const MAX_NODES: usize = 200_000;

pub(super) fn graph<'m>(scope: &Scope<'m>, modules: &'m dyn Modules) -> Graph {
    let mut builder = Builder { modules, nodes: Vec::new(), places: Vec::new(), rests: Vec::new() };
    builder.declare_root(scope);
    let mut place = 0;
    while place < builder.places.len() {
        builder.declare_calls(place);
        place += 1;
    }
    builder.connect();
    Graph::sorted(builder.nodes)
}

struct Builder<'m> {
    modules: &'m dyn Modules,
    nodes: Vec<Node>,
    /// Modules as calls reach them; a caller stands before what it calls.
    places: Vec<Place<'m>>,
    rests: Vec<Rest<'m>>,
}

/// A module as one call reaches it.
struct Place<'m> {
    module: &'m Module,
    address: String,
    caller: Option<(usize, &'m ModuleCall)>,
    /// What all in it waits for: the expansion of its call. The root waits for nothing.
    open: Option<usize>,
    /// What waits for all in it.
    close: usize,
    names: BTreeMap<Name<'m>, usize>,
    children: HashMap<&'m str, usize>,
    views: Vec<View<'m>>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Name<'m> {
    Local(&'m str),
    Variable(&'m str),
    Output(&'m str),
    Resource(ResourceMode, &'m str, &'m str),
    /// A call that is not followed.
    Call(&'m str),
    Provider(&'m str, Option<&'m str>),
}

/// What a node rests on.
struct Rest<'m> {
    node: usize,
    /// The place in which the names are meant.
    place: usize,
    on: On<'m>,
}

#[derive(Clone, Copy)]
enum On<'m> {
    Body(&'m Body),
    Expr(&'m Expr),
    Provider(&'m Resource),
}

impl<'m> Builder<'m> {
    fn declare_root(&mut self, scope: &Scope<'m>) {
        let views = vec![View { scope: Some(scope.clone()), copies: Copies::ONE }];
        self.declare(scope.module(), String::new(), None, views);
    }

    /// Adds the nodes of a module, and notes what each rests on.
    fn declare(
        &mut self,
        module: &'m Module,
        address: String,
        caller: Option<(usize, &'m ModuleCall)>,
        views: Vec<View<'m>>,
    ) -> usize {
        let (at, mut names) = (self.places.len(), BTreeMap::new());
        let inside = |name: &str| {
            if address.is_empty() { name.to_owned() } else { format!("{address}.{name}") }
        };
        let open = caller.map(|(from, call)| {
            let open = self.relay(format!("{address} (expand)"), self.places[from].open);
            for name in ["count", "for_each", "depends_on"] {
                if let Some(expr) = call.body().expr(name) {
                    self.rests.push(Rest { node: open, place: from, on: On::Expr(expr) });
                }
            }
            open
        });
        let first = self.nodes.len();
        for local in &module.locals {
            let node = self.relay(inside(&format!("local.{}", local.name())), open);
            self.rests.push(Rest { node, place: at, on: On::Expr(local.expr()) });
            names.entry(Name::Local(local.name())).or_insert(node);
        }
        for variable in &module.variables {
            let node = self.relay(inside(&format!("var.{}", variable.name)), open);
            if let Some((from, call)) = caller
                && let Some(passed) = call.arguments.iter().find(|a| a.name() == variable.name)
            {
                self.rests.push(Rest { node, place: from, on: On::Expr(passed.expr()) });
            }
            names.entry(Name::Variable(&variable.name)).or_insert(node);
        }
        for output in &module.outputs {
            let node = self.relay(inside(&format!("output.{}", output.name)), open);
            self.rests.push(Rest { node, place: at, on: On::Body(output.body()) });
            names.entry(Name::Output(&output.name)).or_insert(node);
        }
        for provider in &module.providers {
            let node = self.relay(inside(&format!("provider.{}", provider.key())), open);
            self.rests.push(Rest { node, place: at, on: On::Body(provider.body()) });
            names.entry(Name::Provider(&provider.name, provider.alias.as_deref())).or_insert(node);
        }
        for resource in &module.resources {
            let node = self.add(inside(&resource.address()), role(resource, &views), open);
            self.rests.push(Rest { node, place: at, on: On::Body(resource.body()) });
            self.rests.push(Rest { node, place: at, on: On::Provider(resource) });
            let name = Name::Resource(resource.mode, &resource.kind, &resource.name);
            names.entry(name).or_insert(node);
        }
        let close = self.relay(inside("(close)"), None);
        self.nodes[close].needs = open.into_iter().chain(first..close).collect();
        let children = HashMap::new();
        self.places.push(Place { module, address, caller, open, close, names, children, views });
        at
    }

    /// Follows the calls of a place, or makes nodes for those that lead nowhere.
    fn declare_calls(&mut self, at: usize) {
        let module = self.places[at].module;
        let scopes =
            if module.calls.is_empty() { BTreeMap::new() } else { called(&self.places[at].views) };
        for call in &module.calls {
            let place = &self.places[at];
            let prefix = if place.address.is_empty() {
                String::new()
            } else {
                format!("{}.", place.address)
            };
            let address = format!("{prefix}module.{}", call.name);
            let inner = match self.target(at, call) {
                Some(target) => {
                    let scopes = scopes.get(&call.name).map(Vec::as_slice).unwrap_or_default();
                    let views = behind(&place.views, call, scopes);
                    let child = self.declare(target, address, Some((at, call)), views);
                    self.places[at].children.entry(&call.name).or_insert(child);
                    self.places[child].close
                }
                None => {
                    let role = Role::Opaque { source: source(call) };
                    let node = self.add(address, role, self.places[at].open);
                    self.rests.push(Rest { node, place: at, on: On::Body(call.body()) });
                    self.places[at].names.entry(Name::Call(&call.name)).or_insert(node);
                    node
                }
            };
            let close = self.places[at].close;
            self.nodes[close].needs.push(inner);
        }
    }

    /// Returns the module that a call leads to, unless it is elsewhere or calls itself.
    fn target(&self, at: usize, call: &ModuleCall) -> Option<&'m Module> {
        let CallTarget::Local(dir) = &call.target else { return None };
        let target = self.modules.module(dir)?;
        let mut above = Some(at);
        while let Some(place) = above {
            let place = &self.places[place];
            if place.module.dir == target.dir {
                return None;
            }
            above = place.caller.map(|(from, _)| from);
        }
        (self.nodes.len() < MAX_NODES).then_some(target)
    }

    fn connect(&mut self) {
        let mut providers = HashMap::new();
        for Rest { node, place, on } in std::mem::take(&mut self.rests) {
            match on {
                On::Expr(expr) => self.link(node, place, expr),
                On::Body(body) => self.link_body(node, place, body),
                On::Provider(resource) => {
                    let (name, alias) = resource.provider_name();
                    let found = *providers
                        .entry((place, name.clone(), alias.clone()))
                        .or_insert_with(|| self.provider(place, name, alias));
                    self.nodes[node].needs.extend(found);
                }
            }
        }
        for node in &mut self.nodes {
            node.needs.sort_unstable();
            node.needs.dedup();
        }
    }

    fn link_body(&mut self, node: usize, place: usize, body: &Body) {
        for attribute in body.attributes() {
            self.link(node, place, attribute.expr());
        }
        for block in body.blocks() {
            self.link_body(node, place, block.body());
        }
    }

    fn link(&mut self, node: usize, place: usize, expr: &Expr) {
        for reference in expr.references() {
            let found = self.meant(place, &reference);
            self.nodes[node].needs.extend(found);
        }
    }

    /// Returns the node that a name in a place means; `None` for one that waits for nothing.
    fn meant(&self, place: usize, reference: &Reference) -> Option<usize> {
        let names = &self.places[place].names;
        let mut parts = reference.path.iter().map(String::as_str);
        let root = parts.next()?;
        let next = parts.next()?;
        let resource = |mode, kind, name| names.get(&Name::Resource(mode, kind, name)).copied();
        match root {
            "local" => names.get(&Name::Local(next)).copied(),
            "var" => names.get(&Name::Variable(next)).copied(),
            "data" => resource(ResourceMode::Data, next, parts.next()?),
            "ephemeral" => resource(ResourceMode::Ephemeral, next, parts.next()?),
            "module" => match self.places[place].children.get(next) {
                Some(child) => Some(self.output(*child, reference)),
                None => names.get(&Name::Call(next)).copied(),
            },
            kind => resource(ResourceMode::Managed, kind, next),
        }
    }

    /// Returns the node that a reference to a module means: of one output, or of all of it.
    fn output(&self, child: usize, reference: &Reference) -> usize {
        let child = &self.places[child];
        let repeated = child.caller.is_some_and(|(_, call)| call.body().expr("for_each").is_some());
        // `module.a["key"].out` is a path as well.
        let at = if repeated { 3 } else { 2 };
        let name = reference.path.get(at).or_else(|| reference.beyond.first());
        let output = name.and_then(|name| child.names.get(&Name::Output(name)));
        output.copied().unwrap_or(child.close)
    }

    /// Returns the provider configuration that a name means in a place.
    fn provider(
        &self,
        mut place: usize,
        mut name: String,
        mut alias: Option<String>,
    ) -> Option<usize> {
        loop {
            let here = &self.places[place];
            if let Some(node) = here.names.get(&Name::Provider(&name, alias.as_deref())) {
                return Some(*node);
            }
            let (from, call) = here.caller?;
            match passed(call, &name, alias.as_deref()) {
                Some(path) => {
                    let mut path = path.into_iter();
                    (name, alias) = (path.next()?, path.next());
                }
                // Only the default configuration is handed down without being passed.
                None if alias.is_some() => return None,
                None => {}
            }
            place = from;
        }
    }

    fn relay(&mut self, address: String, open: Option<usize>) -> usize {
        self.add(address, Role::Relay, open)
    }

    fn add(&mut self, address: String, role: Role, open: Option<usize>) -> usize {
        self.nodes.push(Node { address, role, needs: open.into_iter().collect() });
        self.nodes.len() - 1
    }
}

fn role(resource: &Resource, views: &[View<'_>]) -> Role {
    let kind = resource.kind.clone();
    match resource.mode {
        ResourceMode::Managed => {
            let takes = takes(resource, views);
            Role::Resource { kind, copies: copies(views, resource.body()), takes }
        }
        ResourceMode::Data => Role::Data { kind },
        ResourceMode::Ephemeral => Role::Relay,
    }
}

/// Returns how long a resource takes that does nothing but wait.
fn takes(resource: &Resource, views: &[View<'_>]) -> Option<Duration> {
    if resource.kind != "time_sleep" {
        return None;
    }
    let expr = resource.body().expr("create_duration")?;
    let evaluated = || views.first()?.scope.as_ref()?.value(expr).text().map(str::to_owned);
    parse_duration(&expr.literal_string().or_else(evaluated)?).ok()
}

fn source(call: &ModuleCall) -> String {
    match &call.target {
        CallTarget::Remote(source) => source.clone(),
        _ => call.source.as_ref().and_then(Expr::literal_string).unwrap_or_default(),
    }
}

/// Returns what a call passes for a provider configuration of the module that it calls.
fn passed(call: &ModuleCall, name: &str, alias: Option<&str>) -> Option<Vec<String>> {
    let providers = call.providers.as_ref()?;
    let Expression::Object(entries) = providers.node() else { return None };
    entries.iter().find_map(|(key, value)| {
        let key = match key {
            ObjectKey::Ident(name) => vec![name.to_string()],
            ObjectKey::Expression(node) => {
                let key = providers.part(node);
                let quoted = || Some(key.literal_string()?.split('.').map(str::to_owned).collect());
                key.traversal().or_else(quoted)?
            }
        };
        let mut parts = key.iter().map(String::as_str);
        let is_meant = parts.next() == Some(name) && parts.next() == alias;
        let value = providers.part(value.expr());
        let quoted = || Some(value.literal_string()?.split('.').map(str::to_owned).collect());
        is_meant.then(|| value.traversal().or_else(quoted)).flatten()
    })
}
