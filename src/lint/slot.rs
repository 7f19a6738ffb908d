//! Everything that a module says, argument by argument.

use super::mention::{Kind, Mention, mentions};
use crate::{
    config::{
        body::{Attribute, Block, Body},
        expression::{Expr, Written},
        module::{Backend, Module, ModuleCall, Output, Provider, Resource, Variable},
    },
    model::finding::Extent,
};

/// An argument somewhere in a module.
pub(crate) struct Slot<'a> {
    /// What it is an argument of.
    pub(crate) holder: Holder<'a>,
    /// Its name with the blocks that it stands in, such as `ingress.cidr_blocks`.
    pub(crate) path: String,
    /// The argument.
    pub(crate) argument: &'a Attribute,
    /// Its strings, and what each names.
    pub(crate) strings: Vec<(Written, Vec<Mention>)>,
}

/// What an argument belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Holder<'a> {
    /// A `variable` block.
    Variable(&'a Variable),
    /// A local value.
    Local(&'a str),
    /// An `output` block.
    Output(&'a Output),
    /// A resource, data source or ephemeral resource.
    Resource(&'a Resource),
    /// A `provider` block.
    Provider(&'a Provider),
    /// The `backend` block.
    Backend(&'a Backend),
    /// A `module` block.
    Call(&'a ModuleCall),
}

impl Holder<'_> {
    /// Returns its address in its module, such as `aws_vpc.main` or `var.region`.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Variable(variable) => format!("var.{}", variable.name),
            Self::Local(name) => format!("local.{name}"),
            Self::Output(output) => format!("output.{}", output.name),
            Self::Resource(resource) => resource.address(),
            Self::Provider(provider) => format!("provider.{}", provider.key()),
            Self::Backend(backend) => format!("backend.{}", backend.kind),
            Self::Call(call) => format!("module.{}", call.name),
        }
    }
}

impl<'a> Slot<'a> {
    /// Returns its value.
    pub(crate) fn expr(&self) -> &'a Expr {
        self.argument.expr()
    }

    /// Returns where its value stands.
    pub(crate) fn extent(&self) -> Extent {
        extent(self.expr())
    }

    /// Returns the last part of its path.
    pub(crate) fn name(&self) -> &'a str {
        self.argument.name()
    }

    /// Whether one of its strings names something of a kind.
    pub(crate) fn names(&self, kind: Kind) -> bool {
        self.mentions().any(|(_, mention)| mention.kind == kind)
    }

    /// Returns what its strings name, each with the string that it stands in.
    pub(crate) fn mentions(&self) -> impl Iterator<Item = (&Written, &Mention)> {
        self.strings.iter().flat_map(|(written, found)| found.iter().map(move |m| (written, m)))
    }
}

/// Returns where an expression stands.
pub(crate) fn extent(expr: &Expr) -> Extent {
    expr.text().extent_of(expr.range())
}

/// Returns where a block begins: its first line, up to its opening brace.
pub(crate) fn header(block: &Block) -> Extent {
    let range = block.range();
    let text = block.text().as_str();
    let source = text.get(range.clone()).unwrap_or_default();
    let end = source
        .find(['{', '\n'])
        .map_or(range.end, |at| range.start + source[..at].trim_end().len());
    block.text().extent_of(range.start..end)
}

/// Arguments that are meant to be read by people, and those that name blocks and not values.
const SILENT: &[&str] = &["description", "type", "depends_on", "providers", "provider", "source"];

/// Returns everything that a module says, in the order of its declarations.
pub(crate) fn slots(module: &Module) -> Vec<Slot<'_>> {
    let mut slots = Vec::new();
    for variable in &module.variables {
        let default = variable.body().attributes().iter().filter(|a| a.name() == "default");
        slots.extend(default.map(|argument| slot(Holder::Variable(variable), "", argument)));
    }
    for local in &module.locals {
        slots.push(slot(Holder::Local(local.name()), "", local));
    }
    for output in &module.outputs {
        let value = output.body().attributes().iter().filter(|a| a.name() == "value");
        slots.extend(value.map(|argument| slot(Holder::Output(output), "", argument)));
    }
    for resource in &module.resources {
        walk(Holder::Resource(resource), "", resource.body(), &mut slots);
    }
    for provider in &module.providers {
        walk(Holder::Provider(provider), "", provider.body(), &mut slots);
    }
    if let Some(backend) = &module.backend {
        walk(Holder::Backend(backend), "", backend.body(), &mut slots);
    }
    for call in &module.calls {
        walk(Holder::Call(call), "", call.body(), &mut slots);
    }
    slots
}

fn walk<'a>(holder: Holder<'a>, path: &str, body: &'a Body, slots: &mut Vec<Slot<'a>>) {
    for argument in body.attributes().iter().filter(|a| !SILENT.contains(&a.name())) {
        slots.push(slot(holder, path, argument));
    }
    for block in body.blocks() {
        // The content of a `dynamic` block stands where the blocks that it makes would.
        let inner = match block.kind() {
            "content" if path.ends_with('.') => path.to_owned(),
            _ => format!("{path}{}.", block.made_kind()),
        };
        walk(holder, &inner, block.body(), slots);
    }
}

fn slot<'a>(holder: Holder<'a>, path: &str, argument: &'a Attribute) -> Slot<'a> {
    let strings = argument.expr().written().into_iter().map(|written| {
        let found = mentions(&written);
        (written, found)
    });
    Slot {
        holder,
        path: format!("{path}{}", argument.name()),
        argument,
        strings: strings.collect(),
    }
}
