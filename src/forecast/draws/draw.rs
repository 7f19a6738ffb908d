//! One recovery, drawn: the schedule of [`crate::schedule`] with times that are drawn as they are
//! needed, in memory that is used again.

use super::model::{Model, Step};
use fastrand::Rng;
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// No turn.
const NONE: u32 = u32::MAX;

/// What one recovery after the other is drawn in.
pub(super) struct Drawing {
    steps: Vec<Drawn>,
    /// How many tasks each task still waits for.
    waits: Vec<u32>,
    /// How many instances of each task have not ended.
    left: Vec<u32>,
    ready: VecDeque<Ready>,
    /// When each turn that is being done ends, and which it is.
    running: BinaryHeap<Reverse<(u64, u32)>>,
    gates: Vec<u32>,
}

/// A step of it.
#[derive(Default)]
struct Drawn {
    ends_ms: u64,
    /// The need that ended last.
    after: Option<usize>,
    /// The turn that ended last.
    last: u32,
    turns: Vec<Turn>,
    /// In which draw each task last was critical, so that it counts once.
    critical_in: Vec<u32>,
}

/// An instance being made.
#[derive(Clone, Copy)]
struct Turn {
    task: u32,
    /// The turn whose end let it begin.
    after: u32,
}

/// Instances that may begin.
struct Ready {
    task: u32,
    /// How many have not begun.
    left: u32,
    since_ms: u64,
    after: u32,
}

impl Drawing {
    pub(super) fn new(model: &Model) -> Self {
        let step =
            |step: &Step| Drawn { critical_in: vec![0; step.tasks.len()], ..Drawn::default() };
        Self {
            steps: model.steps.iter().map(step).collect(),
            waits: Vec::new(),
            left: Vec::new(),
            ready: VecDeque::new(),
            running: BinaryHeap::new(),
            gates: Vec::new(),
        }
    }

    /// Draws a recovery, and returns when its last step ends.
    pub(super) fn draw(&mut self, model: &Model, rng: &mut Rng) -> u64 {
        let mut total = 0;
        for &at in &model.order {
            let step = &model.steps[at];
            // The first of equals, as the schedule at the medians takes it.
            let after =
                step.needs.iter().copied().rev().max_by_key(|need| self.steps[*need].ends_ms);
            let begins_ms = after.map_or(0, |need| self.steps[need].ends_ms);
            let begins_ms = begins_ms.saturating_add(one_of(&step.overheads, rng));
            let took_ms = self.apply(step, at, rng);
            let drawn = &mut self.steps[at];
            (drawn.after, drawn.ends_ms) = (after, begins_ms.saturating_add(took_ms));
            total = total.max(drawn.ends_ms);
        }
        total
    }

    /// Returns when each step of the last draw ended.
    pub(super) fn ends(&self) -> impl Iterator<Item = u64> {
        self.steps.iter().map(|step| step.ends_ms)
    }

    /// Tells of each task on the critical path of the last draw, once: the step and the task, by
    /// their indices. `draw` is another number, not zero, for every draw.
    pub(super) fn critical(&mut self, draw: u32, mut on_path: impl FnMut(usize, usize)) {
        let total = self.ends().max();
        let mut next = self.steps.iter().position(|step| Some(step.ends_ms) == total);
        while let Some(at) = next {
            let step = &mut self.steps[at];
            let mut turn = step.last;
            while turn != NONE {
                let Turn { task, after } = step.turns[turn as usize];
                if step.critical_in[task as usize] != draw {
                    step.critical_in[task as usize] = draw;
                    on_path(at, task as usize);
                }
                turn = after;
            }
            next = step.after;
        }
    }

    /// Draws the schedule of one step, and returns how long it takes.
    fn apply(&mut self, step: &Step, at: usize, rng: &mut Rng) -> u64 {
        self.waits.clear();
        self.waits.extend_from_slice(&step.waits);
        self.left.clear();
        self.left.extend(step.tasks.iter().map(|task| task.copies));
        self.steps[at].turns.clear();
        self.steps[at].last = NONE;
        for task in 0..step.tasks.len() as u32 {
            // A gate that waits for nothing opens what waits for it, which may come later here.
            if step.waits[task as usize] == 0 {
                self.is_ready(step, task, 0, NONE);
            }
        }
        let (mut now_ms, mut freed) = (0, NONE);
        loop {
            while self.running.len() < step.lanes {
                let Some(first) = self.ready.front_mut() else { break };
                let after = if first.since_ms < now_ms { freed } else { first.after };
                let task = first.task;
                first.left -= 1;
                if first.left == 0 {
                    self.ready.pop_front();
                }
                let turns = &mut self.steps[at].turns;
                let ends_ms = now_ms.saturating_add(step.tasks[task as usize].draw(rng));
                self.running.push(Reverse((ends_ms, turns.len() as u32)));
                turns.push(Turn { task, after });
            }
            let Some(Reverse((ends_ms, turn))) = self.running.pop() else { break };
            (now_ms, freed) = (ends_ms, turn);
            let task = self.steps[at].turns[turn as usize].task;
            self.left[task as usize] -= 1;
            if self.left[task as usize] == 0 {
                self.free(step, task, now_ms, turn);
            }
        }
        self.steps[at].last = freed;
        now_ms
    }

    /// Takes in that a task waits for nothing more.
    fn is_ready(&mut self, step: &Step, task: u32, since_ms: u64, after: u32) {
        match step.tasks[task as usize].copies {
            0 => self.free(step, task, since_ms, after),
            left => self.ready.push_back(Ready { task, left, since_ms, after }),
        }
    }

    /// Takes in that a task is done.
    fn free(&mut self, step: &Step, task: u32, now_ms: u64, turn: u32) {
        self.gates.push(task);
        while let Some(done) = self.gates.pop() {
            for &task in step.dependents(done) {
                let waits = &mut self.waits[task as usize];
                *waits -= 1;
                if *waits > 0 {
                    continue;
                }
                match step.tasks[task as usize].copies {
                    0 => self.gates.push(task),
                    left => {
                        self.ready.push_back(Ready { task, left, since_ms: now_ms, after: turn });
                    }
                }
            }
        }
    }
}

/// Draws one of some values; zero when there is none.
pub(super) fn one_of(values: &[u64], rng: &mut Rng) -> u64 {
    match values {
        [] => 0,
        [one] => *one,
        several => several[rng.usize(..several.len())],
    }
}
