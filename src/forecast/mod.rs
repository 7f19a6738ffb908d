//! How long a recovery would take, from the code alone.
//!
//! * [`graph`] is the order in which Terraform can make the resources of a root module.
//! * [`history`] is how long each takes: the team's own runs over the catalogue.
//! * [`crate::schedule`] is both with Terraform's limit of how many it makes at once.
//!
//! * [`planned`] is the graph as a plan of Terraform tells it.
//! * [`draws`] is the whole as a distribution: a [`Prediction`](crate::model::prediction::Prediction).
//! * [`calibration`] is how good the forecasts of earlier runs were.
//!
//! [`Forecast`] puts the stacks of a service together. It speaks of what Terraform makes, and of
//! other steps as far as the team's own runs saw them: the time of detection, of the decision and of
//! the verification is only in the distribution. It takes every resource of the code as one to be
//! made, also a global one that a failover would leave or adopt, unless it is told of those with
//! [`Forecast::provide`].

pub mod calibration;
pub mod draws;
pub mod graph;
pub mod history;
pub mod planned;

mod whole;

#[cfg(test)]
mod tests;

pub use graph::Graph;
pub use history::{Basis, History, Observation, Time};
pub use planned::Planned;

use crate::{
    catalogue::Catalogue,
    config::eval::{Modules, Scope},
    model::step::StepId,
};
use graph::Role;
use std::time::Duration;
use whole::Whole;

/// A step of the recovery, as a forecast is asked about it.
pub struct Step<'m> {
    /// Its name.
    pub id: StepId,
    /// The steps that must be done first; names that no step has are passed over.
    pub needs: Vec<StepId>,
    /// The root module of a stack; `None` for a step that is no stack, whose time is that of the
    /// team's own runs, or for a stack that only a plan tells of.
    pub root: Option<Scope<'m>>,
    /// What Terraform would make in the stack, where it was asked: wins over the code.
    pub plan: Option<&'m Planned>,
    /// How many resources Terraform works on at once; `None` for the stack's [share](crate::catalogue::throttles::share)
    /// of what its providers bear.
    pub lanes: Option<usize>,
}

/// How long a recovery would take.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The whole, with every resource at its median. Optimistic where several paths are about as
    /// long, since any one of them can be the late one.
    pub p50: Duration,
    /// The whole, with every resource at its 90th percentile; never less than
    /// [`p50`](Forecast::p50). Pessimistic: in fewer than one of ten runs are all of them so slow
    /// at once. [`Forecast::predict`] has the distribution.
    pub p90: Duration,
    /// The whole at the medians if Terraform worked on everything at once: what no parallelism can
    /// shorten.
    pub floor: Duration,
    /// What decides the whole at the medians, first one first. The times of its entries and the
    /// overheads of their stacks add up to [`p50`](Forecast::p50).
    pub path: Vec<Entry>,
    /// Every step, in the order in which they were given.
    pub steps: Vec<StepTime>,
    /// What the times of the resources rest on.
    pub counts: Counts,
    /// Modules that are not in the repository, and whose time is therefore missing.
    pub unseen: Vec<Unseen>,
    /// Resources of which one instance stands for a number that the code does not tell.
    pub uncounted: Vec<Uncounted>,
    whole: Whole,
    /// What passed before the declaration in the team's own runs, shortest first.
    before: Vec<Duration>,
    /// What verification took in them, shortest first.
    verifications: Vec<Duration>,
}

/// A resource on the way that decides the whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In which stack.
    pub stack: StepId,
    /// Its address without keys of instances.
    pub address: String,
    /// Its type.
    pub kind: String,
    /// Its median, times [`turns`](Entry::turns).
    pub p50: Duration,
    /// Its 90th percentile, times [`turns`](Entry::turns).
    pub p90: Duration,
    /// Where its time comes from.
    pub basis: Basis,
    /// How many of its instances follow each other here, since there are not enough lanes.
    pub turns: usize,
    /// True when it began because a lane came free, and not because it needs the entry before it.
    pub by_lane: bool,
}

/// When a step is done, with every resource at its median.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepTime {
    /// Its name.
    pub id: StepId,
    /// When its needs are done, from the start of the recovery.
    pub begins: Duration,
    /// When it is done itself.
    pub ends: Duration,
    /// From its begin to its first resource, by the team's own runs: `init`, `plan` and the gate; of
    /// a step that is no stack all of it. `None` when no run is known, and then nothing is counted
    /// for it: nobody has published it.
    pub overhead: Option<Duration>,
    /// False for a step that is no stack.
    pub is_stack: bool,
    /// How many circles its graph had, which Terraform would refuse.
    pub loops: usize,
    /// What was taken from a plan of Terraform, where there was one; else all is from the code.
    pub taken: Option<planned::Taken>,
}

/// How many managed resources rest on what; one with `count` or `for_each` counts once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub resources: usize,
    /// All instances of them, as far as they are known.
    pub instances: usize,
    /// Those that the code times itself.
    pub code: usize,
    /// Those of which the team's own runs made this one, or one of its type.
    pub own: usize,
    /// Those whose type the catalogue has times of.
    pub types: usize,
    /// Those that are timed like others of their kind.
    pub classes: usize,
    /// Those whose time is a guess: their type is not in the catalogue.
    pub guesses: usize,
    /// Those that are said to be there already.
    pub there: usize,
}

/// A module that is not in the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// In which stack.
    pub stack: StepId,
    /// The address of the call, such as `module.eks`.
    pub address: String,
    /// Where the module comes from, as the call says; empty when it does not say.
    pub source: String,
}

/// A resource whose number of instances is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uncounted {
    /// In which stack.
    pub stack: StepId,
    /// Its address.
    pub address: String,
}

impl Forecast {
    /// Makes the forecast of a service. Steps that do not need each other go on at the same time,
    /// each with lanes of its own. A circle of needs is cut.
    pub fn of<'m>(
        steps: &[Step<'m>],
        modules: &'m dyn Modules,
        catalogue: &Catalogue,
        history: &History,
    ) -> Self {
        let whole = Whole::new(steps, modules, catalogue, history);
        Self::with(whole, history.before().to_vec(), history.verifications().to_vec())
    }

    fn with(whole: Whole, before: Vec<Duration>, verifications: Vec<Duration>) -> Self {
        let run = whole.run(|time| time.p50);
        let mut forecast = Self {
            p50: run.total,
            p90: whole.run(|time| time.p90).total.max(run.total),
            floor: whole.floor(),
            path: whole.path(&run),
            steps: whole.step_times(&run),
            counts: Counts::default(),
            unseen: Vec::new(),
            uncounted: Vec::new(),
            whole,
            before,
            verifications,
        };
        forecast.take_stock();
        forecast
    }

    /// Takes resources as there already: those of which `is_there` says so, by their stack and their
    /// address without keys of instances.
    #[must_use]
    pub fn provide(mut self, is_there: impl Fn(&StepId, &str) -> bool) -> Self {
        self.whole.provide(is_there);
        Self::with(self.whole, self.before, self.verifications)
    }

    /// Returns [`p50`](Forecast::p50) if Terraform worked on `lanes` resources at once in every
    /// stack.
    pub fn with_lanes(&self, lanes: usize) -> Duration {
        self.whole.with_lanes(lanes)
    }

    /// Returns by how much [`p50`](Forecast::p50) would drop without the time of one resource.
    pub fn saves_at(&self, stack: &StepId, address: &str) -> Duration {
        self.p50.saturating_sub(self.whole.without(stack, address))
    }

    /// Returns the entry of the path that takes longest, the first of equals.
    pub fn dominant(&self) -> Option<&Entry> {
        self.path.iter().rev().max_by_key(|entry| entry.p50)
    }

    /// Returns by how much [`p50`](Forecast::p50) would drop if the resource of an entry were there
    /// already, all its instances; zero when something else takes as long.
    pub fn saves(&self, entry: &Entry) -> Duration {
        self.saves_at(&entry.stack, &entry.address)
    }

    /// Returns the whole with other times: `time` is asked once for every managed resource, and what
    /// it answers holds for all its instances. This is what samples are taken with.
    pub fn with_times(&self, time: impl FnMut(&Time) -> Duration) -> Duration {
        self.whole.run(time).total
    }

    /// Returns the graph of every step with the times of its nodes, in the order of the steps.
    pub fn graphs(&self) -> impl ExactSizeIterator<Item = (&StepId, &Graph, &[Time])> {
        self.whole.works.iter().map(|work| (&work.id, &work.graph, work.times.as_slice()))
    }

    /// Counts what the forecast rests on, and lists what it does not see.
    fn take_stock(&mut self) {
        for work in &self.whole.works {
            for (node, time) in work.graph.nodes().iter().zip(&work.times) {
                let (stack, address) = (work.id.clone(), node.address.clone());
                match &node.role {
                    Role::Resource { copies, .. } => {
                        self.counts.add(copies.number, time.basis);
                        if !copies.known {
                            self.uncounted.push(Uncounted { stack, address });
                        }
                    }
                    Role::Opaque { source } => {
                        self.unseen.push(Unseen { stack, address, source: source.clone() });
                    }
                    Role::Data { .. } | Role::Relay => {}
                }
            }
        }
    }
}

impl Counts {
    fn add(&mut self, instances: usize, basis: Basis) {
        self.resources += 1;
        self.instances = self.instances.saturating_add(instances);
        *match basis {
            Basis::Code => &mut self.code,
            Basis::Address { .. } | Basis::Own { .. } => &mut self.own,
            Basis::Type { .. } => &mut self.types,
            Basis::Class => &mut self.classes,
            Basis::Guess | Basis::Unknown => &mut self.guesses,
            Basis::There => &mut self.there,
        } += 1;
    }
}
