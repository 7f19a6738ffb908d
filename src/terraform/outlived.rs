//! A Terraform that another drctl started and that outlived it: followed through its log, as one's
//! own is.
//!
//! Whoever did not start a process cannot learn its exit code. What Terraform prints tells as much:
//! an apply that went well ends with its summary, which comes after the state was saved, and one that
//! did not ends with its errors and without a summary (`apply.go`, Terraform 1.11.4). What has
//! neither was cut off.

use crate::terraform::{
    LogFiles, TerraformError, UiMessage,
    heard::{Heard, Listen},
    process::{at, failure, log_error, send},
    tail::Tail,
};
use nix::{sys::signal::Signal, unistd::Pid};
use std::{
    fs::{self, File},
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often the log is looked at, and whether it is still written.
const LOOK: Duration = Duration::from_millis(100);

/// An apply that another drctl started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlived {
    /// Where its output goes.
    pub log: LogFiles,
    /// Its process group, when it was seen to run.
    pub group: Option<i32>,
    /// How long it may take to stop once it was interrupted, before it is killed; `None` is for ever.
    pub grace: Option<Duration>,
}

impl Outlived {
    /// Hands over each line that it prints, from the first one, until it has ended.
    ///
    /// When `stop` is cancelled, it is interrupted exactly once and given time to save its state.
    ///
    /// # Errors
    ///
    /// [`TerraformError`] for everything that is not proven to have ended well:
    /// [`TerraformError::Unproven`] when it was cut off.
    pub async fn follow(
        &self,
        on: &mut (dyn FnMut(UiMessage) + Send),
        stop: &CancellationToken,
    ) -> Result<(), TerraformError> {
        let file =
            File::open(&self.log.stdout).map_err(|source| log_error(&self.log.stdout, source))?;
        let mut finished = false;
        let mut hear = |message: UiMessage| {
            if let UiMessage::ChangeSummary { operation, .. } = &message {
                finished |= operation == "apply";
            }
            on(message);
        };
        let mut heard = Heard::new(Tail::new(file), &mut hear);
        let stopped = self.attend(stop, &mut heard).await;
        heard.end();
        if let Some(source) = heard.broken.take() {
            return Err(log_error(&self.log.stdout, source));
        }
        let command = "apply";
        let (failed, in_flight) = (!heard.errors().is_empty(), heard.in_flight());
        if failed {
            return Err(failure(command, 1, &self.log, &heard));
        }
        if finished {
            return Ok(());
        }
        Err(match stopped {
            Some(killed) => TerraformError::Interrupted { command, in_flight, killed },
            None => TerraformError::Unproven { command, in_flight },
        })
    }

    /// Waits for its end. Returns whether it had to be killed, when it was stopped.
    async fn attend(&self, stop: &CancellationToken, heard: &mut Heard<'_>) -> Option<bool> {
        let group = self.group.map(Pid::from_raw);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut stopped, mut kill_at) = (None, None);
        let mut orphaned = false;
        loop {
            // A file system that knows no locks tells nothing, and then the group does.
            let alive = self.group.is_some_and(is_alive);
            let writes = self.log.in_use().unwrap_or(alive);
            if !writes && !alive {
                break;
            }
            // Terraform is gone and its plugins are not: it was killed, and they have nobody to tell.
            if !writes && !orphaned {
                orphaned = true;
                send(group, Signal::SIGINT);
                kill_at = self.grace.map(|grace| Instant::now() + grace);
            }
            tokio::select! {
                biased;
                () = stop.cancelled(), if stopped.is_none() && !orphaned => {
                    stopped = Some(false);
                    send(group, Signal::SIGINT);
                    kill_at = self.grace.map(|grace| Instant::now() + grace);
                }
                () = at(kill_at), if kill_at.is_some() => {
                    (stopped, kill_at) = (stopped.map(|_| true), None);
                    send(group, Signal::SIGKILL);
                }
                _ = look.tick() => heard.look(),
            }
        }
        stopped
    }
}

/// Whether a process group has a member that is not a zombie, which may wait for ever for whoever
/// takes its exit code (proc_pid_stat(5)).
fn is_alive(group: i32) -> bool {
    let mut all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.any(|entry| group_of(&entry.path()) == Some(group))
}

/// Returns the process group of a process that is not a zombie, by the file `stat` of its folder in
/// `/proc` (proc_pid_stat(5)).
pub fn group_of(process: &Path) -> Option<i32> {
    let stat = fs::read_to_string(process.join("stat")).ok()?;
    // The name may hold anything, also a parenthesis; behind it are the state, the parent, the group.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    (state != "Z").then_some(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::resource::ResourceAction;

    const START: &str = r#"{"type":"apply_start","@timestamp":"2026-01-02T03:04:05Z","hook":{"resource":{"addr":"a.b"},"action":"create"}}"#;
    const COMPLETE: &str = r#"{"type":"apply_complete","@timestamp":"2026-01-02T03:04:06Z","hook":{"resource":{"addr":"a.b"},"action":"create","id_key":"id","id_value":"b-1"}}"#;
    const SUMMARY: &str = r#"{"type":"change_summary","changes":{"add":1,"change":0,"import":0,"remove":0,"operation":"apply"}}"#;
    const ERROR: &str =
        r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"no quota"}}"#;

    async fn followed(lines: &[&str]) -> (Result<(), TerraformError>, usize) {
        let dir = tempfile::tempdir().unwrap();
        let stdout = dir.path().join("000-a-apply.out");
        fs::write(&stdout, lines.join("\n") + "\n").unwrap();
        let log = LogFiles { stderr: stdout.with_extension("err"), stdout };
        let mut heard = 0;
        let outlived = Outlived { log, group: None, grace: None };
        let ended = outlived.follow(&mut |_| heard += 1, &CancellationToken::new()).await;
        (ended, heard)
    }

    #[tokio::test]
    async fn only_a_summary_without_an_error_proves_that_it_went_well() {
        let (ended, heard) = followed(&[START, COMPLETE, SUMMARY]).await;
        assert!(ended.is_ok() && heard == 3, "{ended:?}");
        let plan = SUMMARY.replace("\"apply\"", "\"plan\"");
        for cut_off in [&[START, COMPLETE][..], &[START, COMPLETE, &plan], &[]] {
            let (ended, _) = followed(cut_off).await;
            assert!(matches!(ended, Err(TerraformError::Unproven { .. })), "{ended:?}");
        }
        let (ended, _) = followed(&[START, COMPLETE, SUMMARY, ERROR]).await;
        assert!(matches!(ended, Err(TerraformError::Failed { .. })), "{ended:?}");
        let (ended, _) = followed(&[START]).await;
        let open = ended.unwrap_err().in_flight().to_vec();
        assert_eq!(open[0].address, "a.b");
        assert_eq!(open[0].action, ResourceAction::Create);
    }

    #[tokio::test]
    async fn a_log_that_is_not_there_is_told() {
        let log = LogFiles {
            stdout: Path::new("/nowhere/a.out").into(),
            stderr: Path::new("/nowhere/a.err").into(),
        };
        let outlived = Outlived { log, group: None, grace: None };
        let ended = outlived.follow(&mut |_| {}, &CancellationToken::new()).await;
        assert!(matches!(ended, Err(TerraformError::Log { .. })), "{ended:?}");
    }
}
