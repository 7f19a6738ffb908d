//! From what was seen to what is inferred: use first, then what is written, then names.

use super::{
    budget::Budget,
    graph::{Graph, Id, Node, Root},
    kinds::Kinds,
    names,
    shape::{Attribute, Block, Hint, Inferred, Kind, Length, Mode, Text, is_write_only},
    value::Value,
};
use std::collections::BTreeMap;

/// How far a value is followed through the attributes that it was taken from, and into itself.
const MAX_DEPTH: usize = 8;

pub(super) struct Settle<'g> {
    graph: &'g Graph,
    pub(super) budget: Budget,
}

/// Where a name stands.
#[derive(Clone, Copy)]
struct Named<'n> {
    name: &'n str,
    mode: Option<Mode>,
}

impl<'g> Settle<'g> {
    pub(super) fn new(graph: &'g Graph, budget: Budget) -> Self {
        Self { graph, budget }
    }

    pub(super) fn inferred(&mut self) -> Inferred {
        let mut inferred = Inferred::default();
        for provider in &self.graph.providers {
            inferred.provider(provider.clone());
        }
        for (root, id) in self.graph.roots() {
            match root {
                Root::Type(provider, mode, kind) => {
                    let mut found = self.block(&[id], Some(*mode));
                    let block =
                        &mut inferred.provider(provider.clone()).type_mut(*mode, kind).block;
                    // A resource's `id` is a string, whatever is done with it.
                    for (name, known) in &mut block.attributes {
                        if let Some(read) = found.attributes.remove(name) {
                            *known = Attribute { hint: std::mem::take(&mut known.hint), ..read };
                        }
                    }
                    block.attributes.append(&mut found.attributes);
                    block.blocks = found.blocks;
                }
                Root::Config(provider) => {
                    inferred.provider(provider.clone()).config = self.block(&[id], None);
                }
                Root::Meta(provider) => {
                    inferred.provider(provider.clone()).meta = self.block(&[id], None);
                }
                Root::Function(provider, name) => {
                    let function = inferred
                        .provider(provider.clone())
                        .functions
                        .entry(name.clone())
                        .or_default();
                    function.result = self.hint(id, Named { name: "", mode: None }, 0);
                    let calls = self.graph.calls.get(&(provider.clone(), name.clone()));
                    function.arguments = calls.cloned().unwrap_or_default();
                }
            }
        }
        inferred
    }

    /// Returns the body that several nodes describe together.
    fn block(&mut self, ids: &[Id], mode: Option<Mode>) -> Block {
        let graph = self.graph;
        let mut block = Block::default();
        for id in ids {
            for (name, child) in &graph.node(*id).children {
                let node = graph.node(*child);
                if node.block {
                    let nested = self.nested(*child, node, mode);
                    block.blocks.insert(name.clone(), nested);
                } else if !block.blocks.contains_key(name) {
                    let attribute = self.attribute(*child, Named { name, mode });
                    block.attributes.insert(name.clone(), attribute);
                }
            }
        }
        block
    }

    fn nested(&mut self, id: Id, node: &Node, mode: Option<Mode>) -> Block {
        let single = !node.children.is_empty();
        let content: Vec<Id> = single.then_some(id).into_iter().chain(node.element).collect();
        let mut block = self.block(&content, mode);
        block.single = single;
        if node.attribute {
            block.also_attribute = true;
            // What only the form `x = [{…}]` writes belongs to the content, too.
            for (name, value) in node.written.element().fields() {
                if !block.attributes.contains_key(name) && !block.blocks.contains_key(name) {
                    let attribute = self.written_only(name, value, mode);
                    block.attributes.insert(name.clone(), attribute);
                }
            }
        }
        block
    }

    fn written_only(&mut self, name: &str, value: &Value, mode: Option<Mode>) -> Attribute {
        let written_as = self.value(value, 0);
        let told = name_hint(Named { name, mode });
        Attribute {
            written: true,
            hint: refine(written_as.clone(), told),
            written_as,
            kinds: value.kinds().iter().collect(),
            write_only: is_write_only(name),
            ..Attribute::default()
        }
    }

    fn attribute(&mut self, id: Id, named: Named<'_>) -> Attribute {
        let graph = self.graph;
        let node = graph.node(id);
        let written_as = if node.attribute { self.value(&node.written, 0) } else { Hint::Unknown };
        let mut attribute = Attribute {
            written: node.attribute,
            read: node.read,
            hint: self.hint(id, named, 0),
            written_as,
            kinds: node.written.kinds().iter().collect(),
            write_only: is_write_only(named.name),
            for_each_use: node.for_each,
            conditions: Default::default(),
            max_index: None,
        };
        self.gather(id, &mut attribute);
        attribute
    }

    /// Adds what was seen anywhere in an attribute.
    fn gather(&mut self, id: Id, into: &mut Attribute) {
        let graph = self.graph;
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            let node = graph.node(id);
            let room = super::shape::MAX_PLACES.saturating_sub(into.conditions.len());
            into.conditions.extend(node.conditions.iter().take(room).cloned());
            into.max_index = into.max_index.max(node.max_index);
            open.extend(node.children.values().chain(&node.element).chain(&node.decoded));
        }
    }

    /// Returns what a node holds.
    fn hint(&mut self, id: Id, named: Named<'_>, depth: usize) -> Hint {
        if depth > MAX_DEPTH || !self.budget.spend(1) {
            return Hint::Unknown;
        }
        let graph = self.graph;
        let node = graph.node(id);
        let used = self.used(node, named, depth);
        let written = self.value(&node.written, depth + 1);
        refine(refine(used, written), name_hint(named))
    }

    /// Returns what those who read a node take it for.
    fn used(&mut self, node: &Node, named: Named<'_>, depth: usize) -> Hint {
        let used = node.used_as;
        if let Some(decoded) = node.decoded {
            let inside = Box::new(self.hint(decoded, Named { name: "", ..named }, depth + 1));
            return Hint::Text(if used.has(Kind::Yaml) {
                Text::Yaml(inside)
            } else {
                Text::Json(inside)
            });
        }
        let is_list = used.has(Kind::List) || node.one || node.at_least > 0;
        if !node.children.is_empty() && !is_list {
            let mut fields = BTreeMap::new();
            for (name, child) in &node.children {
                fields.insert(name.clone(), self.hint(*child, Named { name, ..named }, depth + 1));
            }
            return Hint::Object(fields);
        }
        let plain = used.without(Kind::List).without(Kind::Map);
        if is_list || used.has(Kind::Map) || node.element.is_some() {
            let of = match node.element {
                Some(element) => self.hint(element, singular(named), depth + 1),
                None => Hint::Unknown,
            };
            // A `for_each` takes no list, and what has parts is no set of strings.
            let keyed = used.has(Kind::Map) || (node.for_each && !of.is_unknown());
            if keyed && !is_list {
                return Hint::Map(Box::new(of));
            }
            if !is_list && node.for_each {
                return Hint::Set(Box::new(Hint::TEXT));
            }
            let length = if node.one { Length::One } else { Length::AtLeast(node.at_least) };
            return Hint::List { of: Box::new(of), length };
        }
        if node.for_each {
            return Hint::Set(Box::new(Hint::TEXT));
        }
        let scalar = of_kinds(plain);
        // What is only counted can be anything that has a length.
        if scalar.is_unknown() && node.collection { Hint::list(Hint::Unknown) } else { scalar }
    }

    /// Returns what is written to an attribute.
    fn value(&mut self, value: &Value, depth: usize) -> Hint {
        let Some(parts) = value.parts() else { return Hint::Unknown };
        if depth > MAX_DEPTH || !self.budget.spend(1) {
            return Hint::Unknown;
        }
        let kinds = parts.kinds;
        let of = |this: &mut Self| Box::new(this.value(&parts.element, depth + 1));
        if !parts.fields.is_empty() {
            let mut fields = BTreeMap::new();
            for (name, field) in &parts.fields {
                fields.insert(name.clone(), self.value(field, depth + 1));
            }
            return Hint::Object(fields);
        }
        if kinds.has(Kind::Set) {
            return Hint::Set(of(self));
        }
        if kinds.has(Kind::List) {
            return Hint::list(*of(self));
        }
        if kinds.has(Kind::Map) || kinds.has(Kind::Object) {
            return Hint::Map(of(self));
        }
        let scalar = of_kinds(kinds);
        if !scalar.is_unknown() {
            return scalar;
        }
        // It is the value of other attributes: the first that tells anything.
        for id in parts.nodes.iter().take(4) {
            let name = &self.graph.node(*id).name;
            let found = self.hint(*id, Named { name, mode: None }, depth + 2);
            if !found.is_unknown() {
                return found;
            }
        }
        Hint::Unknown
    }
}

/// Returns the hint of a value without parts.
fn of_kinds(kinds: Kinds) -> Hint {
    if kinds.has(Kind::Json) {
        return Hint::Text(Text::Json(Box::default()));
    }
    if kinds.has(Kind::Yaml) {
        return Hint::Text(Text::Yaml(Box::default()));
    }
    match kinds.text() {
        Some(Text::Plain) if kinds.has(Kind::Number) => Hint::Number,
        Some(Text::Plain) if kinds.has(Kind::Bool) => Hint::Bool,
        Some(text) => Hint::Text(text),
        None if kinds.has(Kind::Number) => Hint::Number,
        None if kinds.has(Kind::Bool) => Hint::Bool,
        None => Hint::Unknown,
    }
}

fn name_hint(named: Named<'_>) -> Hint {
    if named.name.is_empty() {
        Hint::Unknown
    } else {
        names::hint(named.name, named.mode == Some(Mode::Data))
    }
}

/// Returns what the elements of a list are called; `ids` are each an `id`.
fn singular(named: Named<'_>) -> Named<'_> {
    let name = named.name.strip_suffix('s').unwrap_or(named.name);
    Named {
        name: if name.ends_with("cidr_block") || name.ends_with("arn") { name } else { "" },
        ..named
    }
}

/// Fills what one source leaves open with what another tells. The first counts where they differ.
pub(super) fn refine(first: Hint, other: Hint) -> Hint {
    match (first, other) {
        (Hint::Unknown, other) => other,
        (Hint::Text(Text::Plain), Hint::Text(text)) => Hint::Text(text),
        (Hint::Text(Text::Json(inside)), Hint::Text(Text::Json(other))) => {
            Hint::Text(Text::Json(Box::new(refine(*inside, *other))))
        }
        (Hint::List { of, length }, Hint::List { of: other, length: otherwise }) => {
            let length = match (length, otherwise) {
                (Length::AtLeast(0), longer) => longer,
                (Length::AtLeast(known), Length::AtLeast(longer)) => {
                    Length::AtLeast(known.max(longer))
                }
                (known, _) => known,
            };
            Hint::List { of: Box::new(refine(*of, *other)), length }
        }
        (Hint::List { of, length }, Hint::Set(other)) => {
            Hint::List { of: Box::new(refine(*of, *other)), length }
        }
        (Hint::Set(of), Hint::List { of: other, .. } | Hint::Set(other)) => {
            Hint::Set(Box::new(refine(*of, *other)))
        }
        (Hint::Map(of), Hint::Map(other)) => Hint::Map(Box::new(refine(*of, *other))),
        (Hint::Map(of), Hint::Object(mut fields)) => {
            for field in fields.values_mut() {
                let known = std::mem::take(field);
                *field = refine(known, (*of).clone());
            }
            Hint::Object(fields)
        }
        (Hint::Object(mut fields), Hint::Object(others)) => {
            for (name, other) in others {
                let known = fields.remove(&name).unwrap_or_default();
                fields.insert(name, refine(known, other));
            }
            Hint::Object(fields)
        }
        (Hint::Object(mut fields), Hint::Map(of)) => {
            for field in fields.values_mut() {
                let known = std::mem::take(field);
                *field = refine(known, (*of).clone());
            }
            Hint::Object(fields)
        }
        (first, _) => first,
    }
}
