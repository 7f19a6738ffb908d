//! The run once more with other times: what it would have been had a resource been there already,
//! or had Terraform worked on everything at once.

use super::lanes::{Lanes, by_step};
use crate::{
    model::step::{Phase, StepId},
    report::timeline::{ResourceTime, StepTime, Timeline},
    schedule::{Schedule, Task, Tasks, longest_path},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

/// The steps of a run as a model that gives the measured times when nothing is changed.
pub(super) struct Replay {
    steps: Vec<Modelled>,
}

/// One step.
struct Modelled {
    id: StepId,
    needs: Vec<usize>,
    /// When it could begin whatever it needs: it was initialised, or it was declared.
    free_ms: u64,
    /// What it took besides its resources, in milliseconds. Below zero where Terraform was better
    /// than a list schedule.
    besides_ms: i64,
    /// A program, which is there already or takes all its time.
    is_program: bool,
    stack: Option<Stack>,
}

/// The resources of a stack.
struct Stack {
    tasks: Tasks,
    /// What each task takes in milliseconds, and its name without keys.
    times: Vec<(u64, String)>,
    lanes: usize,
}

/// How many resources of a stack are worked on at once.
#[derive(Clone, Copy)]
pub(super) enum With {
    /// As many as were.
    AsItWas,
    /// So many.
    Lanes(usize),
    /// All that are ready.
    AllAtOnce,
}

/// What is taken as being there already.
#[derive(Clone, Copy)]
pub(super) enum Without<'a> {
    /// Nothing.
    Nothing,
    /// All instances of a resource.
    Resource(&'a StepId, &'a str),
    /// A program.
    Program(&'a StepId),
}

impl Replay {
    /// Models the steps that were worked on.
    pub(super) fn new(timeline: &Timeline, worked_on: &[ResourceTime]) -> Self {
        let resources = by_step(worked_on);
        let began = timeline.steps.iter().filter(|step| !step.phases.is_empty());
        let ordered = ordered(began.collect());
        let place: HashMap<&StepId, usize> =
            ordered.iter().enumerate().map(|(place, step)| (&step.id, place)).collect();
        let mut replay = Self { steps: Vec::new() };
        let none = Vec::new();
        let mut ends = Vec::with_capacity(ordered.len());
        for step in &ordered {
            let needs: Vec<usize> =
                step.needs.iter().filter_map(|need| place.get(need).copied()).collect();
            let stack = Stack::of(step, resources.get(&step.id).unwrap_or(&none), timeline);
            let before = step.phases.iter().filter(|phase| phase.phase.is_before_needs());
            let before = before.filter_map(|phase| Some(phase.began_ms + phase.took_ms?)).max();
            let mut modelled = Modelled {
                id: step.id.clone(),
                needs,
                free_ms: before.or(timeline.declared_ms).unwrap_or(0),
                besides_ms: 0,
                is_program: stack.is_none(),
                stack,
            };
            // What the model does not explain is kept as it was measured.
            let begins = modelled.begins(&ends);
            let ended = step.ended_ms.unwrap_or(timeline.last_ms);
            let modelled_ms =
                begins.saturating_add(modelled.work_ms(Without::Nothing, With::AsItWas));
            modelled.besides_ms = signed(ended) - signed(modelled_ms);
            ends.push(modelled.ends(&ends, Without::Nothing, With::AsItWas));
            replay.steps.push(modelled);
        }
        replay
    }

    /// Whether a stack of it made anything.
    pub(super) fn has_resources(&self) -> bool {
        self.steps.iter().any(|step| step.stack.is_some())
    }

    /// Returns when the last step ends, in milliseconds since the run began.
    pub(super) fn total_ms(&self, without: Without<'_>, with: With) -> u64 {
        self.ends(without, with).into_iter().max().unwrap_or(0)
    }

    fn ends(&self, without: Without<'_>, with: With) -> Vec<u64> {
        let mut ends: Vec<u64> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            ends.push(step.ends(&ends, without, with));
        }
        ends
    }
}

impl Modelled {
    /// Returns when it begins, by when the steps before it end.
    fn begins(&self, ends: &[u64]) -> u64 {
        self.needs.iter().map(|need| ends[*need]).fold(self.free_ms, u64::max)
    }

    /// Returns when it ends, by when the steps before it end.
    fn ends(&self, ends: &[u64], without: Without<'_>, with: With) -> u64 {
        let skipped = matches!(without, Without::Program(id) if *id == self.id);
        let took = if skipped && self.is_program {
            0
        } else {
            (signed(self.work_ms(without, with)) + self.besides_ms).max(0)
        };
        self.begins(ends).saturating_add(took.unsigned_abs())
    }

    /// Returns how long its resources take.
    fn work_ms(&self, without: Without<'_>, with: With) -> u64 {
        let Some(stack) = &self.stack else { return 0 };
        let gone = match without {
            Without::Resource(step, name) if *step == self.id => Some(name),
            _ => None,
        };
        let time = |task: usize| match &stack.times[task] {
            (_, name) if Some(name.as_str()) == gone => Duration::ZERO,
            (ms, _) => Duration::from_millis(*ms),
        };
        let total = match with {
            With::AllAtOnce => longest_path(&stack.tasks, time),
            With::AsItWas => Schedule::new(&stack.tasks, stack.lanes, time).total,
            With::Lanes(lanes) => Schedule::new(&stack.tasks, lanes, time).total,
        };
        u64::try_from(total.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Stack {
    /// `None` for what is no stack or made nothing.
    fn of(step: &StepTime, all: &[(usize, &ResourceTime)], timeline: &Timeline) -> Option<Self> {
        let applies = || step.phases.iter().filter(|phase| phase.phase == Phase::Apply);
        let began = applies().map(|phase| phase.began_ms).min()?;
        let lanes = Lanes::of(step, all, began, step.ended_ms.unwrap_or(timeline.last_ms));
        if lanes.resources.is_empty() {
            return None;
        }
        // A resource, and behind all of its instances a task of no time, so that a thousand that
        // need a thousand are two thousand needs and not a million.
        let mut instances: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut places: Vec<usize> = (0..lanes.resources.len()).collect();
        // The order in which Terraform began them is the one in which they are ready.
        places.sort_by_key(|place| lanes.resources[*place].1.began_ms);
        let mut names: Vec<&str> = Vec::new();
        for place in places {
            let of_name = instances.entry(lanes.name(place)).or_default();
            if of_name.is_empty() {
                names.push(lanes.name(place));
            }
            of_name.push(place);
        }
        let mut made = Made {
            lanes: &lanes,
            instances,
            tasks: Vec::new(),
            times: Vec::new(),
            done: HashMap::new(),
        };
        for name in names {
            made.add(name, &mut HashSet::new());
        }
        let Made { tasks, times, .. } = made;
        Some(Self { tasks: Tasks::new(tasks), times, lanes: lanes.lanes })
    }
}

/// Tasks in the making, so that what each needs stands before it.
struct Made<'a> {
    lanes: &'a Lanes<'a>,
    instances: HashMap<&'a str, Vec<usize>>,
    tasks: Vec<Task>,
    times: Vec<(u64, String)>,
    /// The task behind all instances of a name.
    done: HashMap<&'a str, usize>,
}

impl<'a> Made<'a> {
    /// Adds a name after all that it needs; a circle, which no state holds, is cut.
    fn add(&mut self, name: &'a str, open: &mut HashSet<&'a str>) {
        if self.done.contains_key(name) || !open.insert(name) {
            return;
        }
        let lanes = self.lanes;
        let places = self.instances.get(name).cloned().unwrap_or_default();
        let needs: Vec<&'a str> = places
            .first()
            .map_or(&[][..], |place| lanes.needs(*place))
            .iter()
            .map(String::as_str)
            .collect();
        let known: Vec<&'a str> =
            needs.into_iter().filter(|need| self.instances.contains_key(need)).collect();
        for need in &known {
            self.add(need, open);
        }
        let needs: Vec<usize> =
            known.iter().filter_map(|need| self.done.get(need).copied()).collect();
        let first = self.tasks.len();
        for place in places {
            self.tasks.push(Task { needs: needs.clone(), copies: 1 });
            self.times.push((lanes.resources[place].1.took_ms, name.to_owned()));
        }
        let all = (first..self.tasks.len()).collect();
        self.done.insert(name, self.tasks.len());
        self.tasks.push(Task { needs: all, copies: 1 });
        self.times.push((0, String::new()));
    }
}

/// Sorts steps so that what each needs comes first.
fn ordered(mut left: Vec<&StepTime>) -> Vec<&StepTime> {
    let mut order: Vec<&StepTime> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let open: BTreeMap<&StepId, ()> = left.iter().map(|step| (&step.id, ())).collect();
        let free = left.iter().position(|step| !step.needs.iter().any(|n| open.contains_key(n)));
        order.push(left.remove(free.unwrap_or(0)));
    }
    order
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}
