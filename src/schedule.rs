//! Tasks that need each other, done by a limited number of lanes: when each is done, and what
//! decided that. It serves what will be (the forecast) and what was (the report) alike.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

/// More copies of one resource than any stack has; what is beyond is not counted.
pub const MAX_COPIES: usize = 10_000;

/// Tasks, each of which may need others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    tasks: Vec<Task>,
    dependents: Vec<Vec<usize>>,
}

/// A task, which may have to be done several times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// The tasks that come first, by their index; each is lower than that of this task.
    pub needs: Vec<usize>,
    /// How many times it is done; what needs it waits for all of them.
    pub copies: usize,
}

impl Tasks {
    /// Takes tasks in an order in which what a task needs stands before it; a need that does not is
    /// left out.
    pub fn new(mut tasks: Vec<Task>) -> Self {
        let mut dependents = vec![Vec::new(); tasks.len()];
        for (index, task) in tasks.iter_mut().enumerate() {
            task.needs.retain(|need| *need < index);
            task.needs.iter().for_each(|need| dependents[*need].push(index));
        }
        Self { tasks, dependents }
    }

    /// Returns how many tasks there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

/// Returns how many of the tasks that `counts` names may be done at the same time as each task: those
/// that have as many before them. A circle of needs is cut.
pub fn side_by_side(needs: &[Vec<usize>], counts: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut depths = vec![0_usize; needs.len()];
    for _ in 0..needs.len() {
        let before = depths.clone();
        for (depth, needs) in depths.iter_mut().zip(needs) {
            *depth = needs.iter().map(|need| before[*need] + 1).max().unwrap_or(0);
        }
        if before == depths {
            break;
        }
    }
    let beside = |depth: &usize| {
        (0..depths.len()).filter(|task| depths[*task] == *depth && counts(*task)).count()
    };
    depths.iter().map(beside).collect()
}

/// When tasks are done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// When the last one ends, from the start of the first.
    pub total: Duration,
    /// Everything that takes time, in the order of the starts.
    turns: Vec<Turn>,
    /// The turn that ends last.
    last: Option<usize>,
}

/// A task being done once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The task, by its index.
    pub task: usize,
    /// When it begins, from the start of the first.
    pub begins: Duration,
    /// True when nothing but the limit made it wait until then.
    pub by_lane: bool,
    /// The turn whose end let it begin.
    after: Option<usize>,
}

impl Schedule {
    /// Makes a list schedule: what is ready first begins first, as many at once as there are
    /// `lanes` (at least one). Each copy of a task takes a lane of its own, and what needs the task
    /// waits for all of them, as in Terraform; what takes no time takes no lane.
    ///
    /// `time` says how long a task takes once. With a limit, a shorter time of one
    /// resource can make the whole longer (R. L. Graham, 1969): that is in Terraform's way of doing
    /// it, and not a mistake of the schedule.
    pub fn new(tasks: &Tasks, lanes: usize, mut time: impl FnMut(usize) -> Duration) -> Self {
        let all = &tasks.tasks;
        let mut list = List {
            tasks,
            work: (0..all.len()).map(&mut time).collect(),
            waits: all.iter().map(|task| task.needs.len()).collect(),
            left: all.iter().map(|task| task.copies.min(MAX_COPIES)).collect(),
            ready: VecDeque::new(),
            freed: None,
            made: Self::default(),
        };
        let first: Vec<usize> = (0..all.len()).filter(|task| list.waits[*task] == 0).collect();
        for task in first {
            list.is_ready(task, Duration::ZERO, None);
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

/// Returns how long tasks take when nothing waits for a lane: their longest path.
pub fn longest_path(tasks: &Tasks, time: impl Fn(usize) -> Duration) -> Duration {
    let mut ends = Vec::with_capacity(tasks.len());
    for (index, task) in tasks.tasks.iter().enumerate() {
        let begins = task.needs.iter().map(|need| ends[*need]).max().unwrap_or_default();
        ends.push(begins + if task.copies == 0 { Duration::ZERO } else { time(index) });
    }
    ends.into_iter().max().unwrap_or_default()
}

/// A schedule in the making.
struct List<'a> {
    tasks: &'a Tasks,
    work: Vec<Duration>,
    /// How many needs of each task are still open.
    waits: Vec<usize>,
    /// How many instances of each task have not ended.
    left: Vec<usize>,
    /// Nodes that may begin, with how many instances have not begun, since when, and thanks to whom.
    ready: VecDeque<(usize, usize, Duration, Option<usize>)>,
    /// The turn that ended last.
    freed: Option<usize>,
    made: Schedule,
}

impl List<'_> {
    /// Takes in that all that a task needs is there; goes on to what needs it when it takes no time.
    fn is_ready(&mut self, task: usize, now: Duration, after: Option<usize>) {
        let mut open = vec![task];
        while let Some(task) = open.pop() {
            if self.work[task].is_zero() || self.left[task] == 0 {
                open.extend(self.free(task));
            } else {
                self.ready.push_back((task, self.left[task], now, after));
            }
        }
    }

    /// Returns what may begin now that a task is there, last one first.
    fn free(&mut self, task: usize) -> Vec<usize> {
        let tasks = self.tasks;
        let mut free = Vec::new();
        for dependent in tasks.dependents[task].iter().rev() {
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
                let Some((task, left, since, after)) = self.ready.front_mut() else { break };
                let by_lane = *since < now;
                let after = if by_lane { self.freed } else { *after };
                let turn = Turn { task: *task, begins: now, by_lane, after };
                running.push(Reverse((now + self.work[*task], self.made.turns.len())));
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
            let task = self.made.turns[turn].task;
            self.left[task] -= 1;
            if self.left[task] == 0 {
                for free in self.free(task).into_iter().rev() {
                    self.is_ready(free, ends, Some(turn));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::side_by_side;

    #[test]
    fn what_has_as_much_before_it_stands_side_by_side() {
        // Two after one, and one after both; the one that does not count is a program.
        let needs = [vec![], vec![0], vec![0], vec![1, 2], vec![0]];
        assert_eq!(side_by_side(&needs, |task| task != 4), [1, 2, 2, 1, 2]);
        let circle = [vec![1], vec![0]];
        assert_eq!(side_by_side(&circle, |_| true), [2, 2]);
    }
}
