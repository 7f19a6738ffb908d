//! How long a graph takes when Terraform works on a limited number of resources at once.

use super::graph::Graph;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

/// Terraform's own default of `-parallelism`.
pub const PARALLELISM: usize = 10;

/// More instances of one resource than any stack has; what is beyond is not counted.
const MAX_COPIES: usize = 10_000;

/// When the instances of a graph are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// When the last one ends, from the start of the first.
    pub total: Duration,
    /// Every instance that takes time, in the order of the starts.
    turns: Vec<Turn>,
    /// The turn that ends last.
    last: Option<usize>,
}

/// One instance being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The node, by its index.
    pub node: usize,
    /// When it begins, from the start of the first.
    pub begins: Duration,
    /// True when nothing but the limit made it wait until then.
    pub by_lane: bool,
    /// The turn whose end let it begin.
    after: Option<usize>,
}

impl Schedule {
    /// Makes a list schedule: what is ready first begins first, as many at once as there are
    /// `lanes` (at least one). Each instance of a resource takes a lane of its own, and what needs
    /// the resource waits for all of them, as in Terraform; what takes no time takes no lane.
    ///
    /// `time` says how long one instance of a node takes. With a limit, a shorter time of one
    /// resource can make the whole longer (R. L. Graham, 1969): that is in Terraform's way of doing
    /// it, and not a mistake of the schedule.
    pub fn new(graph: &Graph, lanes: usize, mut time: impl FnMut(usize) -> Duration) -> Self {
        let nodes = graph.nodes();
        let mut list = List {
            graph,
            work: (0..nodes.len()).map(&mut time).collect(),
            waits: nodes.iter().map(|node| node.needs.len()).collect(),
            left: nodes.iter().map(|node| node.copies().min(MAX_COPIES)).collect(),
            ready: VecDeque::new(),
            freed: None,
            made: Self::default(),
        };
        let first: Vec<usize> = (0..nodes.len()).filter(|node| list.waits[*node] == 0).collect();
        for node in first {
            list.is_ready(node, Duration::ZERO, None);
        }
        list.run(lanes.max(1));
        list.made
    }

    /// Returns the turns that decide the total, the first one first: each begins when the one
    /// before it ends, so that their times add up to the total.
    pub fn critical(&self) -> Vec<Turn> {
        let mut next = self.last;
        let mut path: Vec<Turn> = std::iter::from_fn(|| {
            let turn = *self.turns.get(next?)?;
            next = turn.after;
            Some(turn)
        })
        .collect();
        path.reverse();
        path
    }
}

/// Returns how long a graph takes when nothing waits for a lane: its longest path.
pub fn longest_path(graph: &Graph, time: impl Fn(usize) -> Duration) -> Duration {
    let mut ends = Vec::with_capacity(graph.nodes().len());
    for (index, node) in graph.nodes().iter().enumerate() {
        let begins = node.needs.iter().map(|need| ends[*need]).max().unwrap_or_default();
        ends.push(begins + if node.copies() == 0 { Duration::ZERO } else { time(index) });
    }
    ends.into_iter().max().unwrap_or_default()
}

/// A schedule in the making.
struct List<'a> {
    graph: &'a Graph,
    work: Vec<Duration>,
    /// How many needs of each node are still open.
    waits: Vec<usize>,
    /// How many instances of each node have not ended.
    left: Vec<usize>,
    /// Nodes that may begin, with how many instances have not begun, since when, and thanks to whom.
    ready: VecDeque<(usize, usize, Duration, Option<usize>)>,
    /// The turn that ended last.
    freed: Option<usize>,
    made: Schedule,
}

impl List<'_> {
    /// Takes in that all that a node needs is there; goes on to what needs it when it takes no time.
    fn is_ready(&mut self, node: usize, now: Duration, after: Option<usize>) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if self.work[node].is_zero() || self.left[node] == 0 {
                open.extend(self.free(node));
            } else {
                self.ready.push_back((node, self.left[node], now, after));
            }
        }
    }

    /// Returns what may begin now that a node is there, last one first.
    fn free(&mut self, node: usize) -> Vec<usize> {
        let graph = self.graph;
        let mut free = Vec::new();
        for dependent in graph.dependents(node).iter().rev() {
            self.waits[*dependent] -= 1;
            if self.waits[*dependent] == 0 {
                free.push(*dependent);
            }
        }
        free
    }

    fn run(&mut self, lanes: usize) {
        let mut running = BinaryHeap::new();
        loop {
            let now = self.made.total;
            while running.len() < lanes {
                let Some((node, left, since, after)) = self.ready.front_mut() else { break };
                let by_lane = *since < now;
                let after = if by_lane { self.freed } else { *after };
                let turn = Turn { node: *node, begins: now, by_lane, after };
                running.push(Reverse((now + self.work[*node], self.made.turns.len())));
                *left -= 1;
                if *left == 0 {
                    self.ready.pop_front();
                }
                self.made.turns.push(turn);
            }
            let Some(Reverse((ends, turn))) = running.pop() else { break };
            self.made.total = ends;
            self.made.last = Some(turn);
            self.freed = Some(turn);
            let node = self.made.turns[turn].node;
            self.left[node] -= 1;
            if self.left[node] == 0 {
                for free in self.free(node).into_iter().rev() {
                    self.is_ready(free, ends, Some(turn));
                }
            }
        }
    }
}
