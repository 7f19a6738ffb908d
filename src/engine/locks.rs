//! Locks on states in declared backends, which a Terraform of this run took and was killed with.
//!
//! A backend tells of a lock its name, who took it, what for, and when. It is this run's own when all of
//! that fits a command of the run that has ended, and only then it is taken away: while that command
//! held it, nobody else can have taken one.

use super::{stack::Stack, step_error::StepError};
use crate::terraform::{Action, LockHolder, LogFiles, TerraformError};
use jiff::{SignedDuration, Timestamp, fmt::strtime};
use nix::unistd::{Uid, User};
use serde::Deserialize;
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::Path,
};

/// How long after the last line of a log its command may still have taken a lock, and how long before
/// the first one; clocks of file systems are coarse.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

/// How much of a log is read for its first line, in bytes.
const FIRST_LINE: u64 = 4096;

/// A command of this run that has ended, and takes a lock while it runs.
#[derive(Debug)]
struct Command {
    /// What Terraform calls it in a lock.
    operation: &'static str,
    from: Timestamp,
    until: Timestamp,
}

impl Stack {
    /// Takes away the lock that a command found in its way, when a dead Terraform of this run left it.
    /// Returns false when nothing says that it did.
    pub(super) async fn release_dead_lock(
        &self,
        error: &TerraformError,
    ) -> Result<bool, StepError> {
        let (Some(before), true) = (self.tools.decisions.resumed_at, self.work.state.is_declared())
        else {
            return Ok(false);
        };
        let Some(holder) = error.lock_holder() else { return Ok(false) };
        let commands = commands(&self.tools.logs, self.tell.step().as_str(), before);
        let (Some(id), true) = (&holder.id, is_ours(&holder, &us(), &commands)) else {
            return Ok(false);
        };
        self.tell.note(format!(
            "the lock `{id}` on the state is taken away: a Terraform of this run took it at {}, as {}, and was killed",
            holder.created.as_deref().unwrap_or_default(),
            holder.who.as_deref().unwrap_or_default(),
        ));
        let log = self.tools.log(self.tell.step(), "force-unlock");
        let call = self.call(Action::ForceUnlock { id: id.clone() });
        self.tools.terraform.run(&call, &log, &mut |_| {}, &self.stop).await?;
        Ok(true)
    }
}

/// Whether a lock was taken by one of `commands`, which `us` ran.
fn is_ours(holder: &LockHolder, us: &str, commands: &[Command]) -> bool {
    let Some(created) = holder.created.as_deref().and_then(go_time) else { return false };
    holder.who.as_deref() == Some(us)
        && commands.iter().any(|command| {
            holder.operation.as_deref() == Some(command.operation)
                && command.from <= created
                && created <= command.until
        })
}

/// Reads a time as Go prints it: `2026-01-02 03:04:05.678 +0000 UTC`.
fn go_time(text: &str) -> Option<Timestamp> {
    let parts: Vec<&str> = text.split_whitespace().take(3).collect();
    let parsed = strtime::parse("%Y-%m-%d %H:%M:%S%.f %z", parts.join(" ")).ok()?;
    parsed.to_timestamp().ok()
}

/// Who Terraform says that holds its locks: the user and the host (`statemgr.NewLockInfo`).
fn us() -> String {
    let user = User::from_uid(Uid::current()).ok().flatten().map(|user| user.name);
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}@{}", user.unwrap_or_default(), host.trim())
}

/// Returns the commands of a stack that began before a time and have ended.
fn commands(logs: &Path, step: &str, before: Timestamp) -> Vec<Command> {
    let entries = fs::read_dir(logs).into_iter().flatten().flatten();
    let command = |stdout: &Path| {
        let name = stdout.file_name()?.to_str()?;
        let (_, name) = name.split_once('-')?;
        let operation = match name.strip_prefix(step)?.strip_prefix('-')? {
            "plan.out" => "OperationTypePlan",
            "apply.out" => "OperationTypeApply",
            _ => return None,
        };
        let log = LogFiles { stdout: stdout.to_owned(), stderr: stdout.with_extension("err") };
        let from = began(stdout).filter(|from| *from < before)?;
        let until = Timestamp::try_from(fs::metadata(stdout).ok()?.modified().ok()?).ok()?;
        let ended = !log.in_use().ok()?;
        ended.then_some(Command { operation, from: from - SLACK, until: until + SLACK })
    };
    entries.filter_map(|entry| command(&entry.path())).collect()
}

/// Returns when a command began: the time of the first line that it printed.
fn began(stdout: &Path) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "@timestamp")]
        at: Timestamp,
    }
    let mut first = Vec::new();
    let mut file = BufReader::new(File::open(stdout).ok()?.take(FIRST_LINE));
    file.read_until(b'\n', &mut first).ok()?;
    Some(serde_json::from_slice::<Line>(&first).ok()?.at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(who: &str, operation: &str, created: &str) -> LockHolder {
        LockHolder {
            id: Some("27d0".to_owned()),
            who: Some(who.to_owned()),
            operation: Some(operation.to_owned()),
            created: Some(created.to_owned()),
        }
    }

    #[test]
    fn a_lock_is_ours_only_when_all_that_is_told_of_it_fits() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let apply = Command {
            operation: "OperationTypeApply",
            from: at("2026-01-02T03:04:05Z"),
            until: at("2026-01-02T03:05:00Z"),
        };
        let ours = |who, operation, created| {
            is_ours(&holder(who, operation, created), "ops@ci-7", std::slice::from_ref(&apply))
        };
        let (created, op) = ("2026-01-02 03:04:06.123456789 +0000 UTC", "OperationTypeApply");
        assert!(ours("ops@ci-7", op, created));
        assert!(ours("ops@ci-7", op, "2026-01-02 12:04:06.1 +0900 JST"));
        assert!(!ours("eve@ci-7", op, created));
        assert!(!ours("ops@ci-7", "OperationTypePlan", created));
        assert!(!ours("ops@ci-7", op, "2026-01-02 03:04:00 +0000 UTC"), "before it");
        assert!(!ours("ops@ci-7", op, "2026-01-02 03:05:01 +0000 UTC"), "after it");
        assert!(!ours("ops@ci-7", op, "yesterday"));
        assert!(!is_ours(&LockHolder::default(), "ops@ci-7", &[apply]));
    }

    #[test]
    fn only_what_began_before_and_took_a_lock_counts() {
        let dir = tempfile::tempdir().unwrap();
        let line = r#"{"@timestamp":"2026-01-02T03:04:05.5Z","type":"version"}"#;
        for name in ["001-a-plan.out", "002-a-apply.out", "003-a-init.out", "004-b-a-apply.out"] {
            fs::write(dir.path().join(name), format!("{line}\n")).unwrap();
        }
        let found = |before: &str| {
            let all = commands(dir.path(), "a", before.parse().unwrap());
            let mut all: Vec<_> = all.iter().map(|command| command.operation).collect();
            all.sort_unstable();
            all
        };
        assert_eq!(found("2026-01-02T03:04:06Z"), ["OperationTypeApply", "OperationTypePlan"]);
        assert_eq!(found("2026-01-02T03:04:05Z"), Vec::<&str>::new());
    }
}
