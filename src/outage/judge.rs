//! The judgement: from answers to an outage, and to its end.

use super::{
    Clock, Moment, Stamp,
    picture::{Picture, Scope, witnessed},
    standing::{Asked, Question, Seen, Settled},
};
use crate::{
    model::window::Window,
    probe::Why,
    runbook::{Flap, Role, Watch},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By what it is judged.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// How many probes of the service must be down; more than half when absent.
    pub quorum: Option<u32>,
    /// Who is not believed.
    pub flap: Flap,
    /// When an outage is expected, by name.
    pub maintenance: Vec<(String, Window)>,
}

impl From<&Watch> for Rules {
    fn from(watch: &Watch) -> Self {
        Self { quorum: watch.quorum, flap: watch.flap, maintenance: watch.maintenance.clone() }
    }
}

/// An outage that goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ongoing {
    /// When the first probe of it failed: `t0`.
    pub began: Moment,
    /// When it was seen to be one: `t1`.
    pub detected: Moment,
    /// What is down.
    pub scope: Scope,
    /// Whether as many of the probes that are down were up once as must be down: what never was up
    /// may be asked wrongly.
    pub was_up: bool,
}

/// Something changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A probe stands at something else.
    Probe {
        /// Which.
        name: String,
        /// At what.
        to: Settled,
        /// The word of its last answer.
        why: String,
        /// The same in a line.
        detail: String,
    },
    /// A good answer came with a warning that was not said before.
    Warned {
        /// Of which probe.
        name: String,
        /// What.
        warning: String,
    },
    /// A probe of the service is not believed any more, or again.
    Flapping {
        /// Which.
        name: String,
        /// True when it is not believed.
        on: bool,
    },
    /// drctl is cut off, or no longer.
    CutOff(bool),
    /// The primary region is down, or no longer.
    PrimaryDown(bool),
    /// The fallback region is down, or no longer.
    FallbackDown(bool),
    /// As many probes are down as must be; it is not called an outage yet.
    Suspected {
        /// When the first probe failed.
        began: Moment,
    },
    /// It was none.
    Unsuspected,
    /// It is expected, so nothing is done about it.
    Expected {
        /// The name of the window.
        window: String,
        /// When that ends.
        until: Timestamp,
    },
    /// It is an outage.
    Began(Ongoing),
    /// More is down than before.
    Escalated(Ongoing),
    /// The outage is over.
    Ended {
        /// Which.
        outage: Ongoing,
        /// When the first probe passed that made an end of it.
        ended: Moment,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Phase {
    Calm,
    Suspected { excused_until: Option<Moment>, window: Option<String> },
    Out { outage: Ongoing },
}

/// What a judge remembers over a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// When it was kept.
    pub at: Stamp,
    probes: BTreeMap<String, Asked>,
    #[serde(flatten)]
    phase: Phase,
}

/// Judges what probes answer. It has no clock: every call brings its time, which never falls.
#[derive(Clone, Debug)]
pub struct Judge {
    rules: Rules,
    questions: Vec<Question>,
    standings: Vec<Asked>,
    warnings: Vec<Option<String>>,
    flapping: Vec<bool>,
    picture: Picture,
    /// What was said last of the primary and of the fallback: whether it is down.
    said: (bool, bool),
    phase: Phase,
    version: u64,
}

/// A pause after which what was not settled says nothing any more: at least so many milliseconds.
const FORGET_AFTER_MS: Moment = 60_000;

impl Judge {
    /// A judge who has seen nothing yet.
    pub fn new(rules: Rules, questions: Vec<Question>) -> Self {
        let standings = vec![Asked::default(); questions.len()];
        let believed = vec![true; questions.len()];
        let picture = Picture::of(&questions, &standings, &believed, rules.quorum);
        Self {
            warnings: vec![None; questions.len()],
            flapping: vec![false; questions.len()],
            rules,
            standings,
            picture,
            said: (false, false),
            questions,
            phase: Phase::Calm,
            version: 0,
        }
    }

    /// A judge who remembers what was kept. A probe that has a new name begins anew.
    pub fn resume(rules: Rules, questions: Vec<Question>, kept: Kept, clock: &dyn Clock) -> Self {
        let mut judge = Self::new(rules, questions);
        let shift = kept.at.moment(clock) - kept.at.steady_ms;
        let paused = clock.steady() - kept.at.moment(clock);
        judge.phase = kept.phase;
        let outage = matches!(judge.phase, Phase::Out { .. });
        for (question, standing) in judge.questions.iter().zip(&mut judge.standings) {
            let Some(known) = kept.probes.get(&question.name) else { continue };
            *standing = known.clone();
            standing.shift(shift);
            let stale = paused > FORGET_AFTER_MS.max(10 * question.interval_ms);
            if stale && !outage && standing.settled != Settled::Down {
                standing.forget();
            }
        }
        let (now, flap) = (clock.steady(), judge.rules.flap);
        for (standing, flapping) in judge.standings.iter_mut().zip(&mut judge.flapping) {
            *flapping = standing.damping.is_suppressed(now, &flap);
        }
        judge.draw();
        judge.said = (judge.picture.primary_down, judge.picture.fallback_down);
        match &mut judge.phase {
            Phase::Calm => {}
            Phase::Suspected { excused_until, .. } => {
                *excused_until = excused_until.map(|at| at + shift);
            }
            Phase::Out { outage } => {
                outage.began += shift;
                outage.detected += shift;
            }
        }
        judge
    }

    /// Returns what is to be remembered.
    pub fn keep(&self, clock: &dyn Clock) -> Kept {
        let names = self.questions.iter().map(|question| question.name.clone());
        Kept {
            at: Stamp::of(clock.steady(), clock),
            probes: names.zip(self.standings.iter().cloned()).collect(),
            phase: self.phase.clone(),
        }
    }

    /// Returns a number that grows with everything that must not be forgotten: when a row of failures
    /// began, what a probe stands at, what is an outage.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the questions, in their order.
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Returns how each probe stands, in the order of the questions.
    pub fn standings(&self) -> &[Asked] {
        &self.standings
    }

    /// Returns what all probes said together when it was last looked at.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Returns the outage that goes on.
    pub fn outage(&self) -> Option<Ongoing> {
        match self.phase {
            Phase::Out { outage } => Some(outage),
            Phase::Calm | Phase::Suspected { .. } => None,
        }
    }

    /// Returns true when a probe is not believed since it goes up and down.
    pub fn is_flapping(&self, probe: usize) -> bool {
        self.flapping[probe]
    }

    /// Returns true when what is known of the region is settled and newer than the outage, so that what is
    /// done about its scope can be done.
    pub fn is_scope_settled(&self, outage: &Ongoing) -> bool {
        let fresh = |(question, standing): (&Question, &Asked)| {
            question.role != Role::Primary
                || standing.last_asked.is_some_and(|asked| asked >= outage.began)
        };
        !self.picture.primary_in_doubt && self.questions.iter().zip(&self.standings).all(fresh)
    }

    /// Returns how long after the beginning of one question the next is asked, in milliseconds: sooner
    /// while the answers speak against what a probe stands at, or something is wrong.
    ///
    /// So a failure is noticed at the latest one interval and, for each bad answer that it needs, one
    /// timeout after it began.
    pub fn pace_ms(&self, probe: usize) -> Moment {
        let question = &self.questions[probe];
        if self.standings[probe].is_in_doubt() {
            question.timeout_ms.min(question.interval_ms)
        } else {
            question.interval_ms
        }
    }

    /// Takes an answer in.
    pub fn take(&mut self, probe: usize, seen: &Seen, wall: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        let question = &self.questions[probe];
        let standing = &mut self.standings[probe];
        if seen.why == Why::Via {
            // Who was to ask elsewhere did not, which says nothing of whom they were to ask.
            standing.was_not_asked(seen);
            let warning = format!("it could not be asked: {}", seen.detail);
            return self.warn(probe, Some(warning)).into_iter().collect();
        }
        let settled = standing.take(question, seen, &self.rules.flap);
        let more_of_the_same = standing.row > 1 && !settled;
        self.version += u64::from(!more_of_the_same);
        if settled {
            changes.push(Change::Probe {
                name: question.name.clone(),
                to: standing.settled,
                why: seen.why.to_string(),
                detail: seen.detail.clone(),
            });
        }
        if seen.is_up() {
            changes.extend(self.warn(probe, seen.warning.clone()));
        }
        // One more answer like the last changes nothing while all is calm.
        if !(more_of_the_same && self.phase == Phase::Calm) {
            changes.extend(self.look(seen.answered, wall));
        }
        changes
    }

    /// Notes what is to be warned of, and says it once.
    fn warn(&mut self, probe: usize, warning: Option<String>) -> Option<Change> {
        if self.warnings[probe] == warning {
            return None;
        }
        self.warnings[probe].clone_from(&warning);
        let name = self.questions[probe].name.clone();
        warning.map(|warning| Change::Warned { name, warning })
    }

    /// Lets time pass.
    pub fn look(&mut self, now: Moment, wall: Timestamp) -> Vec<Change> {
        let mut changes = Vec::new();
        for probe in 0..self.questions.len() {
            let flapping = self.questions[probe].role == Role::Service
                && self.standings[probe].damping.is_suppressed(now, &self.rules.flap);
            if flapping != self.flapping[probe] {
                self.flapping[probe] = flapping;
                let name = self.questions[probe].name.clone();
                changes.push(Change::Flapping { name, on: flapping });
            }
        }
        let before = std::mem::take(&mut self.picture);
        self.draw();
        if before.cut_off && !self.picture.cut_off {
            // What failed while nothing could be seen says nothing.
            let others = self.questions.iter().zip(&mut self.standings);
            others.filter(|(q, _)| q.role != Role::Witness).for_each(|(_, s)| s.forget());
            self.draw();
        }
        let now_is = &self.picture;
        if before.cut_off != now_is.cut_off {
            changes.push(Change::CutOff(now_is.cut_off));
        }
        // While witnesses fail, too, it may be drctl that is cut off.
        if !now_is.cut_off && !now_is.witnesses_failing {
            let (primary, fallback) = (now_is.primary_down, now_is.fallback_down);
            let (said_primary, said_fallback) =
                std::mem::replace(&mut self.said, (primary, fallback));
            changes.extend((primary != said_primary).then_some(Change::PrimaryDown(primary)));
            changes.extend((fallback != said_fallback).then_some(Change::FallbackDown(fallback)));
        }
        self.judge(now, wall, &mut changes);
        self.version += u64::from(!changes.is_empty());
        changes
    }

    fn draw(&mut self) {
        let believed: Vec<bool> = self.flapping.iter().map(|flapping| !flapping).collect();
        self.picture = Picture::of(&self.questions, &self.standings, &believed, self.rules.quorum);
    }

    fn judge(&mut self, now: Moment, wall: Timestamp, changes: &mut Vec<Change>) {
        if self.picture.cut_off {
            return;
        }
        let quorum = self.picture.is_quorum();
        if quorum && self.phase == Phase::Calm {
            self.phase = Phase::Suspected { excused_until: None, window: None };
            changes.push(Change::Suspected { began: self.began() });
        }
        let began = self.began();
        match &mut self.phase {
            Phase::Calm => {}
            Phase::Suspected { .. } if !quorum => {
                self.phase = Phase::Calm;
                changes.push(Change::Unsuspected);
            }
            Phase::Suspected { excused_until, window } => {
                let expected = self.rules.maintenance.iter().find_map(|(name, window)| {
                    window.end_of(wall).map(|until| (name.clone(), until))
                });
                if let Some((name, until)) = expected {
                    *excused_until = Some(now);
                    if window.as_ref() != Some(&name) {
                        *window = Some(name.clone());
                        changes.push(Change::Expected { window: name, until });
                    }
                    return;
                }
                // What was expected is no part of the outage.
                let began = excused_until.map_or(began, |until| began.max(until));
                let alone = self.picture.witnesses_failing
                    || !witnessed(&self.questions, &self.standings, began);
                if alone {
                    return;
                }
                let was_up =
                    self.picture.down.iter().filter(|p| self.standings[**p].was_up).count();
                let outage = Ongoing {
                    began,
                    detected: now,
                    scope: self.picture.scope(),
                    was_up: was_up >= self.picture.needed,
                };
                self.phase = Phase::Out { outage };
                changes.push(Change::Began(outage));
            }
            Phase::Out { outage } if quorum => {
                let scope = self.picture.scope();
                if scope > outage.scope {
                    outage.scope = scope;
                    changes.push(Change::Escalated(*outage));
                }
            }
            Phase::Out { outage } => {
                let outage = *outage;
                let passing = self.questions.iter().zip(&self.standings);
                let of_service = passing.filter(|(q, _)| q.role == Role::Service);
                // Nothing passes when those that were down are only not believed any more.
                let ended = of_service
                    .filter(|(_, s)| s.settled == Settled::Up)
                    .filter_map(|(_, s)| s.passing_since)
                    .filter(|passing| *passing >= outage.began)
                    .min();
                let Some(ended) = ended else { return };
                self.phase = Phase::Calm;
                changes.push(Change::Ended { outage, ended });
            }
        }
    }

    /// Returns when the first probe of the failures that go on now failed: from the last of those that
    /// are down back over those that follow each other so closely that they can have one cause.
    fn began(&self) -> Moment {
        let since = |probe: &usize| self.standings[*probe].failing_since;
        let Some(mut began) = self.picture.down.iter().filter_map(since).max() else { return 0 };
        let both = self.questions.iter().zip(&self.standings).enumerate();
        let mut failing: Vec<(Moment, Moment)> = both
            .filter(|(probe, (q, _))| q.role == Role::Service && !self.flapping[*probe])
            .filter_map(|(_, (q, s))| Some((s.failing_since?, q.detection_ms())))
            .filter(|(since, _)| *since <= began)
            .collect();
        failing.sort_unstable_by(|one, other| other.cmp(one));
        for (earlier, detection_ms) in failing {
            if began - earlier > detection_ms {
                break;
            }
            began = earlier;
        }
        began
    }
}

#[cfg(test)]
mod tests;
