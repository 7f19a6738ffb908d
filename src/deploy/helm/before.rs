//! What stood there before the run: remembered, repaired where somebody was killed at it, put back.

use super::{
    attempt::OVER,
    error::HelmError,
    program::OnCluster,
    release::HelmRelease,
    standing::{
        LEFT_ALONE, Repair, Revision, Status, history, last_good, left_alone, listed, repair,
    },
};
use crate::deploy::{DeployError, Job, News};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a release that somebody may be working on is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What stood there before the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The revision that was up.
    pub(super) before: Option<u64>,
    /// The newest revision, or 0; all that come after it are the run's own.
    pub(super) newest: u64,
}

impl HelmRelease {
    /// Returns what stood there before the run; remembers it, if no earlier attempt has.
    pub(super) async fn memory(
        &self,
        on: &OnCluster<'_>,
        newest: Option<&Revision>,
    ) -> Result<Memory, DeployError> {
        let job = on.helm.job;
        if let Some(earlier) = job.recall()? {
            return Ok(earlier);
        }
        let before = match newest {
            None => None,
            Some(newest) => match newest.status {
                Status::Deployed => Some(newest.number),
                Status::Uninstalled | Status::Uninstalling => None,
                _ => last_good(&on.read("history", self.history(), history).await?),
            },
        };
        let memory = Memory { before, newest: newest.map_or(0, |newest| newest.number) };
        job.remember(&memory)?;
        Ok(memory)
    }

    /// Returns what stands there, once Helm takes an upgrade of it: what somebody was killed at is
    /// repaired.
    pub(super) async fn unlocked(
        &self,
        on: &OnCluster<'_>,
        seen: Option<Revision>,
        memory: &mut Memory,
    ) -> Result<Option<Revision>, DeployError> {
        let since = Instant::now();
        let (mut newest, mut told, mut repaired) = (seen, false, false);
        loop {
            let locked = match newest {
                Some(locked) if locked.status.is_locked() => locked,
                open => return Ok(open),
            };
            if repaired {
                let (release, status) = (self.name.clone(), locked.status.word());
                let look = format!("helm history {release} --namespace {}", self.namespace);
                return Err(HelmError::Stuck { release, status, look }.into());
            }
            let all = on.read("history", self.history(), history).await?;
            let wait = match locked.is_after(memory.newest) {
                true => Duration::ZERO,
                false => left_alone(&all, Timestamp::now())
                    .min(LEFT_ALONE.saturating_sub(since.elapsed())),
            };
            if wait.is_zero() {
                self.repair(on, &locked, &all, memory).await?;
                repaired = true;
            } else {
                if !told {
                    told = true;
                    self.tell(
                        on.helm.job,
                        &locked,
                        "since less than a minute: somebody may be at it",
                    );
                }
                pause(on.helm.job, wait.min(LOOK)).await?;
            }
            newest = on.read("list", self.list(), listed).await?;
        }
    }

    async fn repair(
        &self,
        on: &OnCluster<'_>,
        locked: &Revision,
        all: &[Revision],
        memory: &mut Memory,
    ) -> Result<(), DeployError> {
        let job = on.helm.job;
        let (args, what) = match repair(locked.status, all) {
            Repair::RollBack(revision) => {
                (self.unlock(revision), format!("it is put back to revision {revision} first"))
            }
            Repair::Remove => {
                // From here on, revisions are counted from 1 again, and all are the run's own.
                memory.newest = 0;
                job.remember(memory)?;
                let what = match locked.status {
                    Status::Uninstalling => "its removal is ended first",
                    _ => "nothing of it was ever up, so it is removed first",
                };
                (self.uninstall(false), what.to_owned())
            }
        };
        self.tell(job, locked, &format!("left by a Helm that was killed: {what}"));
        on.helm.run("repair", on.argv(&args), self.limit + OVER, job.stop).await
    }

    fn tell(&self, job: &Job<'_>, locked: &Revision, what: &str) {
        let (name, status) = (&self.name, locked.status.word());
        job.tell.say(News::Note(format!("the release `{name}` is `{status}`, {what}")));
    }

    /// Puts back what was up before the run.
    pub(super) async fn put_back(
        &self,
        on: &OnCluster<'_>,
        newest: &Revision,
        before: Option<u64>,
    ) -> Result<(), DeployError> {
        let args = match before {
            Some(revision) => self.rollback(revision),
            None if newest.status == Status::Uninstalled => return Ok(()),
            None => {
                let all = on.read("history", self.history(), history).await?;
                self.uninstall(last_good(&all).is_some())
            }
        };
        on.helm.run("take-back", on.argv(&args), self.limit + OVER, on.helm.job.stop).await
    }
}

/// Waits, unless the run is asked to stop.
async fn pause(job: &Job<'_>, how_long: Duration) -> Result<(), DeployError> {
    tokio::select! {
        () = sleep(how_long) => Ok(()),
        () = job.stop.cancelled() => {
            Err(DeployError::Stopped { program: "helm".to_owned(), log: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_can_be_read_by_the_drctl_after_this_one() {
        let text = r#"{"before":3,"newest":5}"#;
        let memory: Memory = serde_json::from_str(text).unwrap();
        assert_eq!(memory.before, Some(3));
        assert_eq!(serde_json::to_string(&memory).unwrap(), text);
    }
}
