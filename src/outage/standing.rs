//! How one probe stands: up, down, or not known yet.

use super::{Moment, damping::Damping, moment::millis};
use crate::{
    probe::{Probe, Why},
    runbook::{self, Flap, Role},
};
use serde::{Deserialize, Serialize};

/// What a question is, as far as the judgement goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The probe's name.
    pub name: String,
    /// What its answers say something of.
    pub role: Role,
    /// Bad answers in a row that count.
    pub down_after: u32,
    /// Good answers in a row that count.
    pub up_after: u32,
    /// From one question to the next, in milliseconds.
    pub interval_ms: Moment,
    /// How long an answer may take, in milliseconds.
    pub timeout_ms: Moment,
}

impl Question {
    /// Takes what the judgement needs from a probe.
    pub fn of(probe: &Probe, role: Role) -> Self {
        Self {
            name: probe.name.clone(),
            role,
            down_after: probe.down_after.get(),
            up_after: probe.up_after.get(),
            interval_ms: millis(probe.interval).max(1),
            timeout_ms: millis(probe.timeout).max(1),
        }
    }

    /// Takes the same from a probe of the runbook, whose address need not be known.
    pub fn declared(probe: &runbook::Probe) -> Self {
        Self {
            name: probe.name.clone(),
            role: probe.role,
            down_after: probe.down_after,
            up_after: probe.up_after,
            interval_ms: millis(probe.interval).max(1),
            timeout_ms: millis(probe.timeout).max(1),
        }
    }

    /// Returns how long a failure can take at most until it is noticed, in milliseconds.
    pub fn detection_ms(&self) -> Moment {
        self.interval_ms + self.timeout_ms * Moment::from(self.down_after)
    }
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the question began.
    pub asked: Moment,
    /// When the answer was there.
    pub answered: Moment,
    /// What it was.
    pub why: Why,
    /// The same in one line.
    pub detail: String,
    /// What is worth knowing of a good answer.
    pub warning: Option<String>,
}

impl Seen {
    /// Returns true for a good answer.
    pub fn is_up(&self) -> bool {
        self.why == Why::Ok
    }
}

/// What a probe stands at, after enough answers in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settled {
    /// Not enough answers yet.
    Unknown,
    /// Up.
    Up,
    /// Down.
    Down,
}

/// How a probe stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// What it stands at.
    pub settled: Settled,
    /// When the first question of the failures that go on was asked.
    pub failing_since: Option<Moment>,
    /// When the first question of the successes that go on was asked.
    pub passing_since: Option<Moment>,
    /// The last answer in a word and a line; `None` before the first.
    pub last: Option<(String, String)>,
    /// When the question was asked that the last answer is to.
    pub last_asked: Option<Moment>,
    /// How many answers in a row were like the last.
    pub row: u32,
    /// How many answers there were since the start.
    #[serde(skip)]
    pub answers: u64,
    /// Whether it was ever up: one that never was may be asked wrongly.
    pub was_up: bool,
    pub(super) damping: Damping,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            settled: Settled::Unknown,
            failing_since: None,
            passing_since: None,
            last: None,
            last_asked: None,
            row: 0,
            answers: 0,
            was_up: false,
            damping: Damping::default(),
        }
    }
}

impl Asked {
    /// Takes an answer in; returns true when that changes what it stands at.
    pub(super) fn take(&mut self, question: &Question, seen: &Seen, flap: &Flap) -> bool {
        self.answers += 1;
        let went_on = if seen.is_up() { self.passing_since } else { self.failing_since }.is_some();
        self.row = if went_on { self.row.saturating_add(1) } else { 1 };
        match seen.is_up() {
            true => {
                self.failing_since = None;
                self.passing_since.get_or_insert(seen.asked);
            }
            false => {
                self.passing_since = None;
                self.failing_since.get_or_insert(seen.asked);
            }
        }
        self.last = Some((seen.why.to_string(), seen.detail.clone()));
        self.last_asked = Some(seen.asked);
        let (wanted, enough) = match seen.is_up() {
            true => (Settled::Up, question.up_after),
            false => (Settled::Down, question.down_after),
        };
        // One that was never up is believed at its first good word.
        let enough = if self.settled == Settled::Unknown && seen.is_up() { 1 } else { enough };
        if self.settled == wanted || self.row < enough {
            return false;
        }
        if self.settled == Settled::Down {
            self.damping.came_up(seen.answered, flap);
        }
        self.settled = wanted;
        self.was_up |= wanted == Settled::Up;
        true
    }

    /// Notes that nobody asked.
    pub(super) fn was_not_asked(&mut self, seen: &Seen) {
        self.answers += 1;
        self.last = Some((seen.why.to_string(), seen.detail.clone()));
    }

    /// Returns true while its answers speak against what it stands at: then it is asked sooner.
    pub fn is_in_doubt(&self) -> bool {
        match self.settled {
            Settled::Up => self.failing_since.is_some(),
            Settled::Down => self.passing_since.is_some(),
            Settled::Unknown => true,
        }
    }

    /// Returns true when it is failing, whether or not that is settled yet.
    pub fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// Forgets what it saw while drctl could not see.
    pub(super) fn forget(&mut self) {
        *self = Self {
            damping: self.damping,
            last: self.last.take(),
            was_up: self.was_up,
            answers: self.answers,
            ..Self::default()
        };
    }

    /// Moves all its times, which are others after a restart.
    pub(super) fn shift(&mut self, by: Moment) {
        for moment in [&mut self.failing_since, &mut self.passing_since, &mut self.last_asked] {
            *moment = moment.map(|at| at.saturating_add(by));
        }
        self.damping.shift(by);
    }
}
