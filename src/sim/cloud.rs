//! The cloud: its state, its time, and what every call goes through.

use crate::sim::{
    call::{Answer, Call, Operation},
    draw::{self, Latencies},
    fault::{Failure, Fault},
    group::Repair,
    holdings::{Filter, Holdings},
    name::Names,
    object::{Health, Object, ObjectKey},
    scenario::{OutageMode, Scenario},
    throttle::Queues,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A simulated cloud.
///
/// A call at `now_ms` is answered at once with when it would be done. Calls may
/// come in any order of time that parallel callers produce.
pub struct Cloud {
    pub(super) latencies: Box<dyn Latencies>,
    pub(super) state: State,
}

/// All that a cloud remembers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    pub(super) seed: u64,
    /// The latest time that was heard of.
    pub(super) now_ms: u64,
    /// What goes wrong, with absolute times. Entries are added, never removed: others count on their places.
    pub(super) scenario: Scenario,
    pub(super) objects: Holdings,
    pub(super) names: Names,
    /// How often each operation was asked for, by whom.
    asked: BTreeMap<String, u64>,
    /// How many calls each entry of the scenario's failures was tried on.
    tried: BTreeMap<usize, u64>,
    queues: Queues,
    /// Places of the outages whose data is lost already.
    lost: BTreeSet<usize>,
    pub(super) repairs: BTreeSet<Repair>,
}

/// A call that came through to the cloud.
pub(super) struct Turn {
    /// What its draws hang on.
    pub(super) ticket: String,
    /// When its work begins.
    pub(super) start_ms: u64,
    /// What it fails with in the end, and whether it leaves something behind.
    pub(super) rigged: Option<(String, bool)>,
}

/// An outage that a call ran into.
pub(super) struct Dark {
    /// When the caller gives up.
    pub(super) at_ms: u64,
    pub(super) fault: Fault,
    pub(super) leave_behind: bool,
}

impl Cloud {
    /// An empty cloud at time 0.
    ///
    /// Two clouds with the same seed, scenario and latencies answer the same calls alike.
    pub fn new(seed: u64, scenario: Scenario, latencies: impl Latencies + 'static) -> Self {
        let state = State { seed, scenario, ..State::default() };
        Self { latencies: Box::new(latencies), state }
    }

    /// Plays a scenario besides what goes wrong already; its times count from `now_ms`.
    pub fn play(&mut self, scenario: Scenario, now_ms: u64) {
        self.advance(now_ms);
        self.state.scenario.add(scenario, now_ms);
    }

    /// Lets time pass: data is lost, and groups get their members back.
    ///
    /// Every call does so itself; a list needs it to be of `now_ms`. A time that
    /// has passed already changes nothing.
    pub fn advance(&mut self, now_ms: u64) {
        loop {
            let loss = self.next_loss().filter(|(at_ms, _)| *at_ms <= now_ms);
            let repair_ms = self.state.repairs.first().map(|repair| repair.at_ms);
            match (loss, repair_ms.filter(|at_ms| *at_ms <= now_ms)) {
                (None, None) => break,
                (Some((at_ms, place)), due) if due.is_none_or(|due_ms| at_ms <= due_ms) => {
                    self.state.lost.insert(place);
                    self.lose_data(place, at_ms);
                }
                _ => {
                    if let Some(repair) = self.state.repairs.pop_first() {
                        self.repair(repair);
                    }
                }
            }
        }
        self.state.now_ms = self.state.now_ms.max(now_ms);
    }

    /// Returns the latest time that the cloud has heard of, in milliseconds on the simulated clock.
    pub fn now_ms(&self) -> u64 {
        self.state.now_ms
    }

    /// Returns what goes wrong, with times on the simulated clock.
    pub fn scenario(&self) -> &Scenario {
        &self.state.scenario
    }

    /// Returns the objects that fit `filter`, in the order of their keys; also those that are gone or being made.
    pub fn objects(&self, filter: &Filter) -> impl Iterator<Item = &Object> {
        self.state.objects.iter().filter(|object| filter.takes(object))
    }

    /// Returns one object, also when reads do not find it.
    pub fn object(&self, key: &ObjectKey) -> Option<&Object> {
        self.state.objects.get(key)
    }

    /// Returns the objects that `word` is the id, the name or the address of.
    pub fn find(&self, word: &str) -> Vec<&Object> {
        let is_meant = |object: &&Object| {
            object.key.id == word
                || object.made_by.address == word
                || object.name.as_ref().is_some_and(|name| name.value == word)
        };
        self.state.objects.iter().filter(is_meant).collect()
    }

    /// Returns true when an object does its work at `at_ms`: it runs, and nothing that it stands in is down.
    pub fn serves(&self, key: &ObjectKey, at_ms: u64) -> bool {
        let Some(object) = self.state.objects.get(key) else { return false };
        let down = self.state.scenario.outages.iter().any(|outage| {
            outage.mode != OutageMode::LostData
                && outage.is_on(at_ms)
                && outage.on.is_about_what_stands()
                && outage.on.region.as_deref().is_none_or(|region| key.place.is_in(region))
                && outage.on.takes_kind(&key.kind)
        });
        object.health == Health::Running && object.created_at_ms <= at_ms && !down
    }

    /// Brings a call to the cloud: through the queues, and to a region that answers.
    ///
    /// # Errors
    ///
    /// The answer of a call that did not get there.
    pub(super) fn begin(
        &mut self,
        now_ms: u64,
        call: &Call,
        operation: Operation,
    ) -> Result<Turn, Box<Answer>> {
        self.advance(now_ms);
        let ticket = self.ticket(call, operation);
        let let_in_ms = self.line_up(now_ms, call, operation).map_err(|waited_ms| {
            Box::new(failed(call, operation, now_ms + waited_ms, Fault::Throttled { waited_ms }))
        })?;
        let start_ms = self
            .ride(call, operation, &ticket, let_in_ms, 0)
            .map_err(|dark| Box::new(failed(call, operation, dark.at_ms, dark.fault)))?;
        let rigged = self.rigged(call, operation, &ticket);
        Ok(Turn { ticket, start_ms, rigged })
    }

    /// Returns when work that begins at `from_ms` is done, with the time that outages take.
    ///
    /// # Errors
    ///
    /// The first outage that lasts longer than callers wait.
    pub(super) fn ride(
        &self,
        call: &Call,
        operation: Operation,
        ticket: &str,
        from_ms: u64,
        work_ms: u64,
    ) -> Result<u64, Dark> {
        let (mut at_ms, mut left_ms) = (from_ms, work_ms);
        loop {
            let end_ms = at_ms.saturating_add(left_ms.max(1));
            let ahead = self.state.scenario.outages.iter().enumerate().filter(|(n, outage)| {
                outage.mode != OutageMode::LostData
                    && outage.from_ms < end_ms
                    && outage.until_ms.is_none_or(|until_ms| at_ms < until_ms)
                    && outage.on.takes(call, operation)
                    && outage.share.is_none_or(|share| self.draw("outage", *n, ticket) < share)
            });
            // Of two that are on already, the first in the scenario.
            let first = ahead.min_by_key(|(_, outage)| outage.from_ms.max(at_ms));
            let Some((_, outage)) = first else { return Ok(at_ms.saturating_add(left_ms)) };
            let dark_ms = outage.from_ms.max(at_ms);
            left_ms -= dark_ms - at_ms;
            match outage.until_ms {
                Some(until_ms) if until_ms - dark_ms <= outage.patience_ms() => at_ms = until_ms,
                _ => {
                    let what = outage.on.region.as_deref().unwrap_or_else(|| call.endpoint());
                    let region = what.to_owned();
                    let (mode, until_ms) = (outage.mode, outage.until_ms);
                    return Err(Dark {
                        at_ms: dark_ms.saturating_add(outage.patience_ms()),
                        fault: Fault::Unavailable { region, mode, until_ms },
                        leave_behind: outage.leave_behind,
                    });
                }
            }
        }
    }

    /// Returns how long an operation takes that begins at `at_ms`, when nothing comes in between.
    pub(super) fn work_ms(
        &self,
        call: &Call,
        operation: Operation,
        ticket: &str,
        at_ms: u64,
    ) -> u64 {
        let unit = draw::unit(self.state.seed, &["latency", ticket]);
        let usual = self.latencies.latency(&call.kind, operation, unit);
        let factor: f64 = (self.state.scenario.slow.iter())
            .filter(|slow| slow.from_ms <= at_ms && slow.until_ms.is_none_or(|until| at_ms < until))
            .filter(|slow| slow.on.takes(call, operation))
            .map(|slow| slow.factor)
            .product();
        // A float's conversion saturates, so that no factor makes it wrap around.
        (usual.as_secs_f64() * 1_000.0 * factor).round() as u64
    }

    fn draw(&self, what: &str, place: usize, ticket: &str) -> f64 {
        draw::unit(self.state.seed, &[what, &place.to_string(), ticket])
    }

    /// Returns what the draws of a call hang on: who asks for what, and for the how many-th time.
    fn ticket(&mut self, call: &Call, operation: Operation) -> String {
        let Call { account, place, kind, by, .. } = call;
        let asker =
            format!("{:?} {account:?} {place} {kind} {:?} {operation}", by.stack, by.address);
        let times = self.state.asked.entry(asker.clone()).or_default();
        *times += 1;
        format!("{asker} {times}")
    }

    /// Lines a call up wherever it is throttled, and returns when it is through.
    fn line_up(&mut self, now_ms: u64, call: &Call, operation: Operation) -> Result<u64, u64> {
        let mut at_ms = now_ms;
        for (n, throttle) in self.state.scenario.throttles.iter().enumerate() {
            if throttle.on.takes(call, operation) {
                let interface = format!("{n} {} {}", call.account, call.endpoint());
                at_ms = self
                    .state
                    .queues
                    .enter(throttle, interface, at_ms)
                    .map_err(|waited_ms| at_ms - now_ms + waited_ms)?;
            }
        }
        Ok(at_ms)
    }

    /// Returns what the scenario makes this call fail with. Counts it for every failure that it might be.
    fn rigged(
        &mut self,
        call: &Call,
        operation: Operation,
        ticket: &str,
    ) -> Option<(String, bool)> {
        let mut found = None;
        for (n, rigged) in self.state.scenario.failures.iter().enumerate() {
            if !rigged.on.takes(call, operation) {
                continue;
            }
            let tried = self.state.tried.entry(n).or_default();
            *tried += 1;
            let is_nth = rigged.nth.is_none_or(|nth| nth == *tried);
            let is_drawn = rigged.probability.is_none_or(|p| self.draw("failure", n, ticket) < p);
            if is_nth && is_drawn && found.is_none() {
                found = Some((rigged.message.clone(), rigged.leave_behind));
            }
        }
        found
    }

    /// Returns the next loss of data, with its time and its place among the outages.
    fn next_loss(&self) -> Option<(u64, usize)> {
        (self.state.scenario.outages.iter().enumerate())
            .filter(|(n, outage)| {
                outage.mode == OutageMode::LostData && !self.state.lost.contains(n)
            })
            .map(|(n, outage)| (outage.from_ms, n))
            .min()
    }
}

/// The answer of a call that failed.
pub(super) fn failed(call: &Call, operation: Operation, done_at_ms: u64, fault: Fault) -> Answer {
    Answer { done_at_ms, result: Err(Box::new(Failure::new(call, operation, fault))) }
}
