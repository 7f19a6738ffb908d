//! What is drawn, in the form that is quickest to draw from.

use crate::{
    catalogue::{normal_quantile, spread},
    forecast::{
        history::Time,
        whole::{Whole, Work},
    },
    schedule::MAX_COPIES,
};
use fastrand::Rng;
use std::time::Duration;

/// All steps.
pub(super) struct Model {
    pub(super) steps: Vec<Step>,
    /// The steps by their index, so that what each needs comes first.
    pub(super) order: Vec<usize>,
}

/// One step: its tasks are those of its resources, and few that take no time.
pub(super) struct Step {
    /// The steps that come first, by their index.
    pub(super) needs: Vec<usize>,
    pub(super) lanes: usize,
    /// What passes before the first task, in milliseconds; one of them is drawn.
    pub(super) overheads: Vec<u64>,
    pub(super) tasks: Vec<Task>,
    /// How many tasks each waits for.
    pub(super) waits: Vec<u32>,
    /// Where the dependents of each task begin in [`Step::dependents`]; one more than tasks.
    starts: Vec<u32>,
    dependents: Vec<u32>,
}

/// A resource with all its instances, or a gate: what waits for much, and much waits for.
pub(super) struct Task {
    /// The node of the graph.
    pub(super) node: usize,
    /// How many instances there are; none for a gate.
    pub(super) copies: u32,
    time: LogNormal,
}

/// A log-normal time, in milliseconds.
struct LogNormal {
    /// The logarithm of the median.
    middle: f64,
    spread: f64,
    /// Terraform gives up here.
    ceiling: f64,
}

impl Model {
    pub(super) fn new(whole: &Whole) -> Self {
        Self { steps: whole.works.iter().map(Step::new).collect(), order: whole.order.clone() }
    }
}

impl Step {
    fn new(work: &Work) -> Self {
        let nodes = work.graph.nodes();
        let takes_time = |node: usize| nodes[node].copies() > 0 && !work.times[node].p50.is_zero();
        // What each node waits for, by the tasks: those of its needs, and for a need that takes no
        // time those that it waits for itself.
        let mut waits_for: Vec<Vec<u32>> = Vec::with_capacity(nodes.len());
        let mut task_of = vec![None; nodes.len()];
        let (mut tasks, mut needs): (Vec<Task>, Vec<Vec<u32>>) = (Vec::new(), Vec::new());
        for (index, node) in nodes.iter().enumerate() {
            let mut before: Vec<u32> = Vec::new();
            for need in &node.needs {
                match task_of[*need] {
                    Some(task) => before.push(task),
                    None => before.extend(&waits_for[*need]),
                }
            }
            before.sort_unstable();
            before.dedup();
            let timed = takes_time(index);
            if timed || is_worth_a_gate(before.len(), work.graph.dependents(index).len()) {
                task_of[index] = Some(tasks.len() as u32);
                tasks.push(Task {
                    node: index,
                    copies: if timed { nodes[index].copies().min(MAX_COPIES) as u32 } else { 0 },
                    time: LogNormal::new(&work.times[index], work.ceilings[index]),
                });
                needs.push(before);
                waits_for.push(Vec::new());
            } else {
                waits_for.push(before);
            }
        }
        let (starts, dependents) = turned(&needs);
        Self {
            needs: work.needs.clone(),
            lanes: work.lanes.max(1),
            overheads: work.overheads.iter().copied().map(ms).collect(),
            waits: needs.iter().map(|needs| needs.len() as u32).collect(),
            tasks,
            starts,
            dependents,
        }
    }

    /// Returns the tasks that wait for one.
    pub(super) fn dependents(&self, task: u32) -> &[u32] {
        let at = task as usize;
        &self.dependents[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

impl Task {
    pub(super) fn draw(&self, rng: &mut Rng) -> u64 {
        self.time.draw(rng)
    }
}

impl LogNormal {
    fn new(time: &Time, ceiling: Option<Duration>) -> Self {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        // Own runs can be longer than a default timeout: then the code has set another.
        let ceiling = ceiling.filter(|ceiling| *ceiling >= time.p50);
        Self {
            middle: ms(time.p50).ln(),
            spread: spread(time.p50, time.p90),
            ceiling: ceiling.map_or(f64::INFINITY, ms).min(LONGEST as f64),
        }
    }

    fn draw(&self, rng: &mut Rng) -> u64 {
        let drawn = (self.middle + self.spread * normal_quantile(rng.f64())).exp();
        drawn.min(self.ceiling).round() as u64
    }
}

/// The longest time that is drawn, in milliseconds: 1,115 years, of which half a million add up.
const LONGEST: u64 = 1 << 45;

pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(LONGEST)
}

/// Whether a node that takes no time is kept, since its needs times its dependents are more edges
/// than both together.
fn is_worth_a_gate(needs: usize, dependents: usize) -> bool {
    needs * dependents > needs + dependents
}

/// Turns lists of needs round: where the dependents of each task begin, and all dependents.
fn turned(needs: &[Vec<u32>]) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; needs.len() + 1];
    needs.iter().flatten().for_each(|need| starts[*need as usize + 1] += 1);
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    let mut next = starts.clone();
    let mut dependents = vec![0; starts.last().map_or(0, |end| *end as usize)];
    for (task, needs) in needs.iter().enumerate() {
        for need in needs {
            let slot = &mut next[*need as usize];
            dependents[*slot as usize] = task as u32;
            *slot += 1;
        }
    }
    (starts, dependents)
}
