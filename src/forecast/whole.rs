//! The graphs of all steps as one: what a forecast computes with.

use super::{Basis, Entry, Graph, History, Step, StepTime, Time, graph::Role, planned::Taken};
use crate::{
    catalogue::{Catalogue, throttles},
    config::eval::Modules,
    model::step::StepId,
    schedule::{Schedule, Tasks, longest_path, side_by_side},
};
use std::{collections::BTreeMap, time::Duration};

/// Every step with all that its time follows from.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) works: Vec<Work>,
    /// The steps by their index, so that what each needs comes first.
    pub(super) order: Vec<usize>,
}

/// One step.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) id: StepId,
    pub(super) needs: Vec<usize>,
    pub(super) lanes: usize,
    pub(super) is_stack: bool,
    /// The median of [`Work::overheads`].
    pub(super) overhead: Option<Duration>,
    /// What the team's own runs took before the first resource, or for a step that is no stack.
    pub(super) overheads: Vec<Duration>,
    pub(super) graph: Graph,
    /// What comes from a plan, where there is one.
    taken: Option<Taken>,
    tasks: Tasks,
    /// Of each node of the graph.
    pub(super) times: Vec<Time>,
    /// After how long Terraform gives up on each node, where the catalogue knows it.
    pub(super) ceilings: Vec<Option<Duration>>,
}

/// A recovery with certain times.
pub(super) struct Run {
    pub(super) total: Duration,
    spans: Vec<Span>,
}

/// A step in it.
#[derive(Clone, Default)]
struct Span {
    begins: Duration,
    ends: Duration,
    /// The need that ended last.
    after: Option<usize>,
    schedule: Schedule,
}

impl Whole {
    pub(super) fn new<'m>(
        steps: &[Step<'m>],
        modules: &'m dyn Modules,
        catalogue: &Catalogue,
        history: &History,
    ) -> Self {
        let known: BTreeMap<&StepId, usize> =
            steps.iter().enumerate().map(|(index, step)| (&step.id, index)).collect();
        let mut works: Vec<Work> = steps
            .iter()
            .map(|step| {
                let code = step.root.as_ref().map(|root| Graph::of(root, modules));
                let (graph, taken) = match step.plan {
                    Some(plan) => {
                        let (graph, taken) = plan.graph(code.as_ref());
                        (graph, Some(taken))
                    }
                    None => (code.unwrap_or_default(), None),
                };
                Work {
                    id: step.id.clone(),
                    needs: step.needs.iter().filter_map(|need| known.get(need).copied()).collect(),
                    lanes: 0,
                    is_stack: step.root.is_some() || step.plan.is_some(),
                    overhead: history.overhead(&step.id),
                    overheads: history.overheads(&step.id).to_vec(),
                    ceilings: ceilings(&graph, catalogue),
                    times: times(&graph, &step.id, catalogue, history),
                    tasks: graph.tasks(),
                    taken,
                    graph,
                }
            })
            .collect();
        let order = order(&mut works);
        let needs: Vec<Vec<usize>> = works.iter().map(|work| work.needs.clone()).collect();
        let beside = side_by_side(&needs, |step| works[step].is_stack);
        for ((work, step), beside) in works.iter_mut().zip(steps).zip(beside) {
            let borne = || throttles::share(throttles::at_once(work.graph.types()), beside);
            work.lanes = step.lanes.unwrap_or_else(|| usize::from(borne()));
        }
        Self { works, order }
    }

    pub(super) fn run(&self, mut time: impl FnMut(&Time) -> Duration) -> Run {
        self.run_nodes(|step, node| match &self.works[step].times[node] {
            Time { basis: Basis::Unknown | Basis::There, p50, .. } => *p50,
            known => time(known),
        })
    }

    /// Returns the total at the medians without the time of one resource.
    pub(super) fn without(&self, stack: &StepId, address: &str) -> Duration {
        let step = self.works.iter().position(|work| work.id == *stack);
        let node = step.and_then(|step| Some((step, self.works[step].graph.find(address)?)));
        let median = |step: usize, node: usize| self.works[step].times[node].p50;
        self.run_nodes(
            |at, of| if node == Some((at, of)) { Duration::ZERO } else { median(at, of) },
        )
        .total
    }

    /// Returns the total at the medians when nothing waits for a lane.
    pub(super) fn floor(&self) -> Duration {
        let mut ends = vec![Duration::ZERO; self.works.len()];
        for &step in &self.order {
            let work = &self.works[step];
            let begins = work.needs.iter().map(|need| ends[*need]).max().unwrap_or_default();
            let longest = longest_path(&work.tasks, |node| work.times[node].p50);
            ends[step] = begins + work.overhead.unwrap_or_default() + longest;
        }
        ends.into_iter().max().unwrap_or_default()
    }

    fn run_nodes(&self, time: impl FnMut(usize, usize) -> Duration) -> Run {
        self.run_on(None, time)
    }

    /// Returns the total at the medians when every stack has `lanes`.
    pub(super) fn with_lanes(&self, lanes: usize) -> Duration {
        self.run_on(Some(lanes), |step, node| self.works[step].times[node].p50).total
    }

    /// Takes no time for the resources that are there.
    pub(super) fn provide(&mut self, is_there: impl Fn(&StepId, &str) -> bool) {
        for work in &mut self.works {
            for (node, time) in work.graph.nodes().iter().zip(&mut work.times) {
                let is_resource = matches!(node.role, Role::Resource { .. });
                if is_resource && is_there(&work.id, &node.address) {
                    *time = Time::fixed(Duration::ZERO, Basis::There);
                }
            }
        }
    }

    fn run_on(&self, lanes: Option<usize>, mut time: impl FnMut(usize, usize) -> Duration) -> Run {
        let mut spans = vec![Span::default(); self.works.len()];
        for &step in &self.order {
            let work = &self.works[step];
            // The first of equals, so that the path does not depend on chance.
            let after = work.needs.iter().copied().rev().max_by_key(|need| spans[*need].ends);
            let begins = after.map(|need| spans[need].ends).unwrap_or_default();
            let schedule =
                Schedule::new(&work.tasks, lanes.unwrap_or(work.lanes), |node| time(step, node));
            let ends = begins + work.overhead.unwrap_or_default() + schedule.total;
            spans[step] = Span { begins, ends, after, schedule };
        }
        let total = spans.iter().map(|span| span.ends).max().unwrap_or_default();
        Run { total, spans }
    }

    pub(super) fn step_times(&self, run: &Run) -> Vec<StepTime> {
        let timed = |(work, span): (&Work, &Span)| StepTime {
            id: work.id.clone(),
            begins: span.begins,
            ends: span.ends,
            overhead: work.overhead,
            is_stack: work.is_stack,
            loops: work.graph.loops(),
            taken: work.taken,
        };
        self.works.iter().zip(&run.spans).map(timed).collect()
    }

    /// Returns what decides the total of a run at the medians.
    pub(super) fn path(&self, run: &Run) -> Vec<Entry> {
        let mut next = run.spans.iter().position(|span| span.ends == run.total);
        let mut steps = Vec::new();
        while let Some(step) = next {
            steps.push(step);
            next = run.spans[step].after;
        }
        let mut path = Vec::new();
        for step in steps.into_iter().rev() {
            let of_step = path.len();
            let mut last = None;
            for turn in run.spans[step].schedule.critical() {
                let time = &self.works[step].times[turn.task];
                // Instances of one resource that follow each other are one entry.
                if last.replace(turn.task) == Some(turn.task) && path.len() > of_step {
                    if let Some(entry) = path.last_mut() {
                        again(entry, time);
                    }
                } else {
                    path.push(self.entry(step, turn.task, turn.by_lane));
                }
            }
        }
        path
    }

    fn entry(&self, step: usize, node: usize, by_lane: bool) -> Entry {
        let work = &self.works[step];
        let (at, time) = (&work.graph.nodes()[node], &work.times[node]);
        let kind = match &at.role {
            Role::Resource { kind, .. } | Role::Data { kind } => kind.clone(),
            Role::Opaque { .. } | Role::Relay => String::new(),
        };
        Entry {
            stack: work.id.clone(),
            address: at.address.clone(),
            kind,
            p50: time.p50,
            p90: time.p90,
            basis: time.basis,
            turns: 1,
            by_lane,
        }
    }
}

/// Returns after how long Terraform gives up on each node, as far as that is known.
fn ceilings(graph: &Graph, catalogue: &Catalogue) -> Vec<Option<Duration>> {
    let ceiling = |node: &super::graph::Node| match &node.role {
        Role::Resource { kind, takes: None, .. } => catalogue.create_time(kind).ceiling,
        _ => None,
    };
    graph.nodes().iter().map(ceiling).collect()
}

fn again(entry: &mut Entry, time: &Time) {
    entry.p50 += time.p50;
    entry.p90 += time.p90;
    entry.turns += 1;
}

fn times(graph: &Graph, stack: &StepId, catalogue: &Catalogue, history: &History) -> Vec<Time> {
    let time = |node: &super::graph::Node| match &node.role {
        Role::Resource { takes: Some(takes), .. } => Time::fixed(*takes, Basis::Code),
        Role::Resource { kind, .. } => history.time(stack, &node.address, kind, catalogue),
        Role::Data { .. } | Role::Opaque { .. } | Role::Relay => {
            Time::fixed(Duration::ZERO, Basis::Unknown)
        }
    };
    graph.nodes().iter().map(time).collect()
}

/// Sorts steps so that what each needs comes first. In a circle, which a checked runbook does not
/// have, the first step goes ahead without what it needs.
fn order(works: &mut [Work]) -> Vec<usize> {
    let mut order = Vec::with_capacity(works.len());
    let mut placed = vec![false; works.len()];
    while order.len() < works.len() {
        let open = || (0..works.len()).filter(|step| !placed[*step]);
        let free = open().find(|step| works[*step].needs.iter().all(|need| placed[*need]));
        let Some(step) = free.or_else(|| open().next()) else { break };
        works[step].needs.retain(|need| placed[*need]);
        placed[step] = true;
        order.push(step);
    }
    order
}
