//! The resources of one stack as they were worked on: which ran when, and what each waited for.

use super::{Behind, Waited};
use crate::{
    model::{
        resource::without_keys,
        step::{PARALLELISM, StepId},
    },
    report::timeline::{ResourceTime, StepTime},
};
use std::collections::{BTreeMap, HashMap};

/// One stretch in which Terraform applied a stack, with the resources that it worked on.
pub(super) struct Lanes<'a> {
    /// The resources, by their index in the report.
    pub(super) resources: Vec<(usize, &'a ResourceTime)>,
    /// For each of them, by its place above, those that it needed.
    needs: Vec<Needs>,
    /// For each name without keys, the places of its instances.
    instances: HashMap<String, Vec<usize>>,
    names: Vec<String>,
    /// Every end, in order: when, whose, and how many were being worked on just before it.
    ends: Vec<(u64, usize, usize)>,
    /// How many may be worked on at once.
    pub(super) lanes: usize,
    /// True when it is known which needs which.
    pub(super) knows_needs: bool,
    began_ms: u64,
}

/// The names that a resource needed; shared by all instances of a resource.
type Needs = std::rc::Rc<Vec<String>>;

/// What let a resource begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nothing: it could begin with the apply.
    Start,
    /// The end of one that it needed.
    Need(usize),
    /// The end of one whose lane came free.
    Lane(usize),
}

impl<'a> Lanes<'a> {
    /// Takes the resources of `step` that ended between two moments, both included.
    pub(super) fn of(
        step: &StepTime,
        all: &[(usize, &'a ResourceTime)],
        began_ms: u64,
        ended_ms: u64,
    ) -> Self {
        let within = |resource: &ResourceTime| (began_ms..=ended_ms).contains(&end(resource));
        let resources: Vec<_> = all.iter().filter(|(_, r)| within(r)).copied().collect();
        let names: Vec<String> = resources.iter().map(|(_, r)| without_keys(&r.address)).collect();
        let mut instances: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, name) in names.iter().enumerate() {
            instances.entry(name.clone()).or_default().push(place);
        }
        let known: BTreeMap<&str, Needs> = step
            .dependencies
            .iter()
            .map(|(name, needs)| (name.as_str(), Needs::new(needs.clone())))
            .collect();
        let none = Needs::default();
        let needs = names.iter().map(|name| known.get(name.as_str()).unwrap_or(&none).clone());
        Self {
            needs: needs.collect(),
            ends: ends(&resources),
            lanes: usize::from(step.parallelism.unwrap_or(PARALLELISM)).max(1),
            knows_needs: !step.dependencies.is_empty() || resources.len() < 2,
            resources,
            instances,
            names,
            began_ms,
        }
    }

    /// Returns the name of the one at `place`, without keys of instances.
    pub(super) fn name(&self, place: usize) -> &str {
        &self.names[place]
    }

    /// Returns the names that the one at `place` needed.
    pub(super) fn needs(&self, place: usize) -> &[String] {
        &self.needs[place]
    }

    /// Returns the place of the one that ended last.
    pub(super) fn last(&self) -> Option<usize> {
        self.ends.last().map(|(_, place, _)| *place)
    }

    /// Returns when all that the one at `place` needed was there, and thanks to whom.
    fn ready(&self, place: usize) -> (u64, Option<usize>) {
        let began = self.resources[place].1.began_ms;
        let needed = self.needs[place].iter().filter_map(|name| self.instances.get(name)).flatten();
        needed
            .filter(|need| **need != place)
            .map(|need| (end(self.resources[*need].1), *need))
            .max()
            // It ended before, whatever the clocks of two processes say.
            .map_or((self.began_ms, None), |(ended, need)| (ended.min(began), Some(need)))
    }

    /// Returns what let the one at `place` begin.
    pub(super) fn cause(&self, place: usize) -> Cause {
        let (ready, need) = self.ready(place);
        match self.freed(self.resources[place].1.seen_ms) {
            // Without the graph, whatever ended before is the best guess.
            Some((_, before, _)) if !self.knows_needs => Cause::Need(before),
            Some((freed, before, in_flight))
                if in_flight >= self.lanes && freed > ready && Some(before) != need =>
            {
                Cause::Lane(before)
            }
            _ => need.map_or(Cause::Start, Cause::Need),
        }
    }

    /// Returns how long the one at `place` waited; `None` when it is not known what it needed.
    pub(super) fn waited(&self, place: usize) -> Option<Waited> {
        if !self.knows_needs {
            return None;
        }
        let (ready_ms, _) = self.ready(place);
        let for_ms = self.resources[place].1.began_ms.saturating_sub(ready_ms);
        let behind = match self.cause(place) {
            Cause::Lane(_) => Behind::Parallelism,
            Cause::Start | Cause::Need(_) => Behind::Terraform,
        };
        Some(Waited { ready_ms, for_ms, behind })
    }

    /// Returns the last end at or before a moment.
    fn freed(&self, moment: u64) -> Option<(u64, usize, usize)> {
        let after = self.ends.partition_point(|(ended, _, _)| *ended <= moment);
        self.ends.get(after.checked_sub(1)?).copied()
    }

    /// Returns when the first one began and the last one ended.
    pub(super) fn span(&self) -> Option<(u64, u64)> {
        let first = self.resources.iter().map(|(_, r)| r.began_ms).min()?;
        Some((first.max(self.began_ms), self.ends.last()?.0))
    }

    /// Returns the stretches in which no resource was worked on, between the first begin and the
    /// last end.
    pub(super) fn pauses(&self) -> Vec<(u64, u64)> {
        let mut spans: Vec<_> = self.resources.iter().map(|(_, r)| (r.began_ms, end(r))).collect();
        spans.sort_unstable();
        let (mut pauses, mut busy_until) = (Vec::new(), None::<u64>);
        for (began, ended) in spans {
            if let Some(until) = busy_until.filter(|until| began > *until) {
                pauses.push((until, began));
            }
            busy_until = Some(busy_until.unwrap_or(0).max(ended));
        }
        pauses
    }
}

/// Returns when a resource ended, in milliseconds since the run began.
pub(super) fn end(resource: &ResourceTime) -> u64 {
    resource.began_ms.saturating_add(resource.took_ms)
}

/// Returns every end with the number of those being worked on just before.
fn ends(resources: &[(usize, &ResourceTime)]) -> Vec<(u64, usize, usize)> {
    let mut begins: Vec<u64> = resources.iter().map(|(_, r)| r.seen_ms).collect();
    begins.sort_unstable();
    let mut ends: Vec<_> = (0..).zip(resources).map(|(place, (_, r))| (end(r), place)).collect();
    ends.sort_unstable();
    (0..)
        .zip(ends)
        .map(|(ended_before, (ended, place))| {
            let begun: usize = begins.partition_point(|began| *began < ended);
            (ended, place, begun.saturating_sub(ended_before).max(1))
        })
        .collect()
}

/// Returns the resources of each step, with their index in the report.
pub(super) fn by_step(
    resources: &[ResourceTime],
) -> BTreeMap<&StepId, Vec<(usize, &ResourceTime)>> {
    let mut steps: BTreeMap<&StepId, Vec<_>> = BTreeMap::new();
    for (index, resource) in resources.iter().enumerate() {
        steps.entry(&resource.step).or_default().push((index, resource));
    }
    steps
}
