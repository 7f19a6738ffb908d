//! Whether a group comes back by itself after a kill, and how fast.

use super::fleet::{Fleet, Member};
use crate::model::{
    chain,
    verdict::{Doubt, Verdict},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt, pin::Pin, time::Duration};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// From one look at a group to the next, once it has been gone for longer than [`BRISK`].
const POLL: Duration = Duration::from_secs(1);
/// The same before that. Restarts on one machine take less than a second, which is to be seen.
const BRISK_POLL: Duration = Duration::from_millis(250);
/// How long a group is looked at that often.
const BRISK: Duration = Duration::from_secs(10);
/// How long a group is waited for at least, however short its objective. Chosen.
const LEAST_PATIENCE: Duration = Duration::from_secs(60);

/// Returns how long a group is waited for, after the kill and once more after it was re-applied: three
/// times its objective, so that it is known by how far that was missed, and at least a minute.
pub fn patience(back_within: Duration) -> Duration {
    back_within.saturating_mul(3).max(LEAST_PATIENCE)
}

/// What makes a group whole that does not come back by itself.
#[async_trait]
pub trait Reapply: Send + Sync {
    /// Does it, within `limit`.
    ///
    /// # Errors
    ///
    /// Why it did not work, in one line.
    async fn reapply(&self, limit: Duration, stop: &CancellationToken) -> Result<(), String>;
}

/// What came after a kill. Times count from the moment before the kill was ordered, on the clock
/// that the group lives by, to the answer that showed it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When the one that was killed was first seen not to work, in milliseconds.
    pub noticed_after_ms: Option<u64>,
    /// When as many as before were first seen to work, at that look and the next, in milliseconds.
    pub back_after_ms: Option<u64>,
    /// What took its place.
    pub by: Option<By>,
    /// That it did not come back within its objective, and what was done then.
    pub reapplied: Option<Reapplied>,
    /// How long it was watched, in milliseconds.
    pub watched_ms: u64,
    /// True when the watching was broken off.
    pub interrupted: bool,
    /// Why the last look told nothing, where it did not.
    pub unanswered: Option<String>,
    /// How many looks told something.
    pub looks: u32,
}

/// What took the place of one that was killed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// It was started anew under its name.
    Restarted,
    /// Another one came.
    Replaced(String),
}

/// A program was run to make a group whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reapplied {
    /// When it began, in milliseconds.
    pub after_ms: u64,
    /// Why it failed, if it did.
    pub error: Option<String>,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restarted => f.write_str("restarted in place"),
            Self::Replaced(name) => write!(f, "replaced by {name}"),
        }
    }
}

impl Outcome {
    /// Holds the time against the objective. A group that was re-applied missed it.
    pub fn verdict(&self, back_within: Duration) -> Verdict {
        let objective_ms = ms(back_within);
        match self.back_after_ms {
            Some(after_ms) => Verdict::of(after_ms, objective_ms),
            None if self.looks == 0 => Verdict::Unproven { why: Doubt::NotVerified },
            None if self.watched_ms < objective_ms => Verdict::Unproven { why: Doubt::NotEnded },
            None => Verdict::Missed { over_ms: self.watched_ms - objective_ms },
        }
    }
}

/// A group that is watched after a kill.
pub struct Back<'a> {
    /// The group.
    pub fleet: &'a dyn Fleet,
    /// Who was in it before, all of them healthy.
    pub before: &'a [Member],
    /// Which of them was killed.
    pub victim: &'a Member,
    /// The moment before the kill was ordered, on the group's clock.
    pub began: Instant,
    /// Its objective.
    pub back_within: Duration,
    /// What is done when it does not come back within that.
    pub reapply: Option<&'a dyn Reapply>,
    /// Breaks it off.
    pub stop: &'a CancellationToken,
}

type Mending<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

impl Back<'_> {
    /// Watches until the group is whole again, there is no [`patience`] left, or it is stopped.
    ///
    /// It is whole when as many are healthy as before, without the one that was killed, at two looks in
    /// a row. A look that is not answered says nothing.
    pub async fn watch(&self) -> Outcome {
        let mut outcome = Outcome::default();
        let mut whole: Option<(u64, By)> = None;
        let mut mending: Option<Mending<'_>> = None;
        let objective_ms = ms(self.back_within);
        let mut until_ms = ms(patience(self.back_within));
        loop {
            let looked = self.fleet.members().await;
            outcome.watched_ms = self.since();
            match looked {
                Ok(members) => {
                    outcome.looks += 1;
                    outcome.unanswered = None;
                    if !members.iter().any(|m| m.healthy && self.is_victim(m)) {
                        outcome.noticed_after_ms.get_or_insert(outcome.watched_ms);
                    }
                    match (self.whole_by(&members), whole.take()) {
                        (Some(_), Some((after_ms, by))) => {
                            outcome.back_after_ms = Some(after_ms);
                            outcome.by = Some(by);
                            break;
                        }
                        (by, _) => whole = by.map(|by| (outcome.watched_ms, by)),
                    }
                }
                Err(error) => outcome.unanswered = Some(chain(&error).join(": ")),
            }
            if self.stop.is_cancelled() {
                outcome.interrupted = true;
                break;
            }
            if whole.is_none() && outcome.watched_ms >= until_ms {
                break;
            }
            if let Some(reapply) = self.reapply
                && whole.is_none()
                && outcome.reapplied.is_none()
                && outcome.watched_ms >= objective_ms
            {
                let limit = patience(self.back_within);
                outcome.reapplied = Some(Reapplied { after_ms: outcome.watched_ms, error: None });
                until_ms = outcome.watched_ms.saturating_add(ms(limit));
                mending = Some(reapply.reapply(limit, self.stop));
            }
            if let Err(error) =
                self.wait(outcome.watched_ms, &mut mending, &mut outcome.reapplied).await
            {
                outcome.unanswered = Some(error);
                break;
            }
        }
        // A program in the middle of its work is not left alone with it.
        if let Some(mending) = mending {
            note(mending.await, &mut outcome.reapplied);
        }
        outcome
    }

    /// Waits for the next look. The program that re-applies goes on meanwhile; on a clock that is not
    /// real it takes no time, so it is waited for.
    async fn wait(
        &self,
        watched_ms: u64,
        mending: &mut Option<Mending<'_>>,
        reapplied: &mut Option<Reapplied>,
    ) -> Result<(), String> {
        let pause = if watched_ms < ms(BRISK) { BRISK_POLL } else { POLL };
        if let Some(mut running) = mending.take() {
            if self.fleet.is_simulated() {
                note(running.await, reapplied);
            } else {
                tokio::select! {
                    done = &mut running => note(done, reapplied),
                    _ = self.fleet.wait(pause) => *mending = Some(running),
                    () = self.stop.cancelled() => *mending = Some(running),
                }
                return Ok(());
            }
        }
        tokio::select! {
            waited = self.fleet.wait(pause) => waited.map_err(|error| chain(&error).join(": ")),
            () = self.stop.cancelled() => Ok(()),
        }
    }

    fn since(&self) -> u64 {
        ms(self.fleet.now().saturating_duration_since(self.began))
    }

    fn is_victim(&self, member: &Member) -> bool {
        member.name == self.victim.name && member.start == self.victim.start
    }

    /// What took the place of the one that was killed, when the group is whole.
    fn whole_by(&self, members: &[Member]) -> Option<By> {
        let healthy: Vec<&Member> =
            members.iter().filter(|member| member.healthy && !self.is_victim(member)).collect();
        if healthy.len() < self.before.len() {
            return None;
        }
        if healthy.iter().any(|member| member.name == self.victim.name) {
            return Some(By::Restarted);
        }
        let known: BTreeSet<(&str, &str)> =
            self.before.iter().map(|m| (m.name.as_str(), m.start.as_str())).collect();
        let new = healthy.iter().find(|m| !known.contains(&(m.name.as_str(), m.start.as_str())));
        new.map(|member| By::Replaced(member.name.clone()))
    }
}

fn note(done: Result<(), String>, reapplied: &mut Option<Reapplied>) {
    if let (Err(error), Some(reapplied)) = (done, reapplied) {
        reapplied.error = Some(error);
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
