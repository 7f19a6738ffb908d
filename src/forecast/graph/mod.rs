//! The order in which Terraform can make the resources of a root module, from the code alone.
//!
//! The graph follows Terraform's own: every local value, variable, output and provider
//! configuration is a node that takes no time, so that the number of edges grows with the code and
//! not with its square. As in Terraform, all that a module declares waits until its call can be
//! expanded (its `count`, `for_each` and `depends_on`), `module.a.out` and `module.a[0].out` wait
//! for what that output rests on, and `module.a` in any other form waits for all of the module
//! (`internal/terraform/node_module_expand.go` and `transform_reference.go` in Terraform 1.x).
//!
//! Only creation is modelled. Modules that are not in the repository are nodes of unknown time.

mod build;
mod copies;

#[cfg(test)]
mod tests;

use crate::{
    config::eval::{Modules, Scope},
    schedule::{Task, Tasks},
};
use std::time::Duration;

/// The graph of one root module and the local modules that it calls.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    dependents: Vec<Vec<usize>>,
    loops: usize,
}

/// A node of a [`Graph`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its address without keys of instances, such as `module.net.aws_vpc.main`.
    pub address: String,
    /// What it is.
    pub role: Role,
    /// The nodes that come first, by their index; each is lower than that of this node.
    pub needs: Vec<usize>,
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// A managed resource, which takes time.
    Resource {
        /// Its type, such as `aws_vpc`.
        kind: String,
        /// How many instances there are, over all instances of its module.
        copies: Copies,
        /// How long it takes, where the code says that, as `time_sleep` does.
        takes: Option<Duration>,
    },
    /// A data source. Reads are taken as no time: nobody has published times of them.
    Data {
        /// Its type, such as `aws_ami`.
        kind: String,
    },
    /// A call of a module that is not in the repository, and takes an unknown time.
    Opaque {
        /// Where the module comes from, as the call says; empty when it does not say.
        source: String,
    },
    /// A name on the way, such as a local value or an output, which takes no time.
    Relay,
}

/// How many instances of a resource there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copies {
    /// The number; one stands for each count that is not known.
    pub number: usize,
    /// True when the code tells the number.
    pub known: bool,
}

impl Graph {
    /// Reads the graph of the root module of `scope`. Local calls are followed through `modules`;
    /// `scope` is asked for nothing but numbers of instances.
    ///
    /// A circle, which Terraform would refuse, is cut where it closes; see [`Graph::loops`].
    pub fn of<'m>(scope: &Scope<'m>, modules: &'m dyn Modules) -> Self {
        build::graph(scope, modules)
    }

    /// Returns every node; what a node needs stands before it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the nodes that directly need the one at `index`.
    ///
    /// # Panics
    ///
    /// When there is no node at `index`.
    pub fn dependents(&self, index: usize) -> &[usize] {
        &self.dependents[index]
    }

    /// Returns the nodes as tasks, with the same indices.
    pub fn tasks(&self) -> Tasks {
        let task = |node: &Node| Task { needs: node.needs.clone(), copies: node.copies() };
        Tasks::new(self.nodes.iter().map(task).collect())
    }

    /// Returns the types of what Terraform makes.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.role {
            Role::Resource { kind, .. } => Some(kind.as_str()),
            Role::Data { .. } | Role::Opaque { .. } | Role::Relay => None,
        })
    }

    /// Returns how many edges were left out because they close a circle.
    pub fn loops(&self) -> usize {
        self.loops
    }

    /// Returns the index of the node of an address without keys of instances.
    pub fn find(&self, address: &str) -> Option<usize> {
        self.nodes.iter().position(|node| node.address == address)
    }

    /// Sorts nodes so that what each needs stands before it, and cuts circles.
    pub(super) fn sorted(mut unsorted: Vec<Node>) -> Self {
        let mut place: Vec<Option<usize>> = vec![None; unsorted.len()];
        let mut open = vec![false; unsorted.len()];
        let (mut order, mut loops) = (Vec::with_capacity(unsorted.len()), 0);
        let mut cut = Vec::new();
        for start in 0..unsorted.len() {
            // The node, and how many of its needs have been seen to.
            let mut path = vec![(start, 0)];
            while let Some((node, next)) = path.last_mut() {
                let node = *node;
                if place[node].is_some() {
                    path.pop();
                    continue;
                }
                open[node] = true;
                match unsorted[node].needs.get(*next) {
                    Some(&need) => {
                        *next += 1;
                        if open[need] && place[need].is_none() {
                            loops += usize::from(need != node);
                            cut.push((node, need));
                        } else if place[need].is_none() {
                            path.push((need, 0));
                        }
                    }
                    None => {
                        place[node] = Some(order.len());
                        order.push(node);
                        path.pop();
                    }
                }
            }
        }
        for (node, need) in cut {
            unsorted[node].needs.retain(|other| *other != need);
        }
        let mut nodes = Vec::with_capacity(order.len());
        for node in order {
            let mut node =
                std::mem::replace(&mut unsorted[node], Node::relay(String::new(), Vec::new()));
            node.needs = node.needs.into_iter().filter_map(|need| place[need]).collect();
            node.needs.sort_unstable();
            nodes.push(node);
        }
        let mut dependents = vec![Vec::new(); nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for need in &node.needs {
                dependents[*need].push(index);
            }
        }
        Self { nodes, dependents, loops }
    }
}

impl Node {
    fn relay(address: String, needs: Vec<usize>) -> Self {
        Self { address, role: Role::Relay, needs }
    }

    /// Returns how many times its work is done.
    pub fn copies(&self) -> usize {
        match &self.role {
            Role::Resource { copies, .. } => copies.number,
            Role::Data { .. } | Role::Opaque { .. } | Role::Relay => 1,
        }
    }
}
