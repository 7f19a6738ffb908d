//! The tree of attributes of every type, and what was seen of each.

use super::{
    address::ProviderAddress,
    kinds::Kinds,
    shape::{MAX_PLACES, Mode},
    value::Value,
};
use crate::model::finding::Place;
use std::collections::{BTreeMap, BTreeSet};

/// A node of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(usize);

/// What a tree of nodes belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Root {
    /// An instance of a type.
    Type(ProviderAddress, Mode, String),
    /// The `provider` blocks.
    Config(ProviderAddress),
    /// The `provider_meta` blocks.
    Meta(ProviderAddress),
    /// The result of a function.
    Function(ProviderAddress, String),
}

/// What was seen of an attribute, a block, an element, or an instance.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// Its name, if it has one.
    pub(super) name: String,
    /// What it has under a name.
    pub(super) children: BTreeMap<String, Id>,
    /// What any of its elements is.
    pub(super) element: Option<Id>,
    /// What is decoded from it.
    pub(super) decoded: Option<Id>,
    /// It is an instance of a type, or the content of a `provider` block.
    pub(super) instance: bool,
    /// It is read.
    pub(super) read: bool,
    /// It is written as an attribute.
    pub(super) attribute: bool,
    /// It is written as a block.
    pub(super) block: bool,
    /// All that is written to it.
    pub(super) written: Value,
    /// What those who read it take it for.
    pub(super) used_as: Kinds,
    /// Something runs over its elements.
    pub(super) collection: bool,
    /// It is passed to `one()`.
    pub(super) one: bool,
    /// It is a `for_each` as it is.
    pub(super) for_each: bool,
    /// How many elements it has at least.
    pub(super) at_least: usize,
    /// The highest number it is indexed by.
    pub(super) max_index: Option<usize>,
    /// Where conditions depend on it.
    pub(super) conditions: BTreeSet<Place>,
}

/// All nodes.
#[derive(Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    roots: BTreeMap<Root, Id>,
    /// Every provider that is named, also one without a tree.
    pub(super) providers: BTreeSet<ProviderAddress>,
    /// With how many arguments each function is called.
    pub(super) calls: BTreeMap<(ProviderAddress, String), BTreeSet<usize>>,
}

impl Graph {
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0]
    }

    pub(super) fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id.0]
    }

    pub(super) fn roots(&self) -> impl Iterator<Item = (&Root, Id)> {
        self.roots.iter().map(|(root, id)| (root, *id))
    }

    pub(super) fn root(&mut self, root: Root) -> Id {
        if let Some(id) = self.roots.get(&root) {
            return *id;
        }
        let (Root::Type(provider, ..)
        | Root::Config(provider)
        | Root::Meta(provider)
        | Root::Function(provider, _)) = &root;
        self.providers.insert(provider.clone());
        let instance = !matches!(root, Root::Function(..));
        let id = self.add(Node { instance, ..Node::default() });
        self.roots.insert(root, id);
        id
    }

    pub(super) fn child(&mut self, of: Id, name: &str) -> Id {
        if let Some(id) = self.node(of).children.get(name) {
            return *id;
        }
        let id = self.add(Node { name: name.to_owned(), ..Node::default() });
        self.node_mut(of).children.insert(name.to_owned(), id);
        id
    }

    /// Returns what the elements are. An instance is its own: `[*]` and `for` over a resource
    /// without `count` run over the one that there is.
    pub(super) fn element(&mut self, of: Id) -> Id {
        if self.node(of).instance {
            return of;
        }
        if let Some(id) = self.node(of).element {
            return id;
        }
        let id = self.add(Node::default());
        self.node_mut(of).element = Some(id);
        id
    }

    pub(super) fn decoded(&mut self, of: Id) -> Id {
        if let Some(id) = self.node(of).decoded {
            return id;
        }
        let id = self.add(Node::default());
        self.node_mut(of).decoded = Some(id);
        id
    }

    pub(super) fn in_condition(&mut self, id: Id, place: &Place) {
        let node = self.node_mut(id);
        if !node.instance && node.conditions.len() < MAX_PLACES {
            node.conditions.insert(place.clone());
        }
    }

    fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        Id(self.nodes.len() - 1)
    }
}
