//! Every way in which driving Terraform goes wrong, and what to do then.

use crate::{
    model::{resource::ResourceAction, time::Pretty},
    terraform::{Cause, Diagnostic, LockHolder, Release, Version},
};
use serde::de::DeserializeOwned;
use std::{io, path::PathBuf, time::Duration};

/// A piece of work that had begun, and of which no good end was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The resource's address.
    pub address: String,
    /// What was being done to it.
    pub action: ResourceAction,
}

/// Every way in which driving Terraform goes wrong.
#[derive(Debug, thiserror::Error)]
pub enum TerraformError {
    /// There is no such program.
    #[error("`{name}` is not a program that can be found")]
    NotFound {
        /// What was looked for.
        name: String,
    },
    /// The program is neither Terraform nor OpenTofu.
    #[error("`{}` does not say that it is Terraform or OpenTofu", binary.display())]
    NotTerraform {
        /// Where it is.
        binary: PathBuf,
    },
    /// The program is older than drctl can drive.
    #[error("`{}` is {release}, and drctl needs at least {oldest}", binary.display())]
    TooOld {
        /// Where it is.
        binary: PathBuf,
        /// What it is.
        release: Release,
        /// The oldest version that will do.
        oldest: Version,
    },
    /// The folder to run it in is not there.
    #[error("there is no folder `{}` to run Terraform in", dir.display())]
    NoFolder {
        /// Which.
        dir: PathBuf,
    },
    /// It could not be started.
    #[error("failed to start `{}`", binary.display())]
    Start {
        /// What was to be started.
        binary: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A log file could not be made, written or read.
    #[error("failed to use the log file `{}`", path.display())]
    Log {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file that the plan is saved in could not be made.
    #[error("failed to make the plan file `{}`", path.display())]
    PlanFile {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The system does not say how the process ended.
    #[error("failed to wait for `terraform {command}`")]
    Wait {
        /// The subcommand.
        command: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It ran and says why it failed.
    #[error("`terraform {command}` {}", said(*cause, *code, *more))]
    Failed {
        /// The subcommand.
        command: &'static str,
        /// What it exited with.
        code: i32,
        /// Why, as far as that decides what to do.
        cause: Cause,
        /// The error that says so, or else the first.
        #[source]
        diagnostic: Option<Box<Diagnostic>>,
        /// How many other errors it gave.
        more: usize,
    },
    /// A signal that drctl did not send ended it.
    #[error("`terraform {command}` was killed by signal {signal}")]
    Killed {
        /// The subcommand.
        command: &'static str,
        /// The signal's number.
        signal: i32,
        /// What it was working on, and may have made without a note of it.
        in_flight: Vec<InFlight>,
    },
    /// It outlived the drctl that had started it, and what it printed ends in the middle.
    #[error("`terraform {command}` ended, and nothing proves that it ended well")]
    Unproven {
        /// The subcommand.
        command: &'static str,
        /// What it was working on, and may have made without a note of it.
        in_flight: Vec<InFlight>,
    },
    /// drctl was asked to stop, and interrupted it.
    #[error("`terraform {command}` was interrupted{}", after_that(*killed))]
    Interrupted {
        /// The subcommand.
        command: &'static str,
        /// What it was working on when it was interrupted, and did not bring to a good end.
        in_flight: Vec<InFlight>,
        /// True when it did not stop in time and was killed, so that its state may lag.
        killed: bool,
    },
    /// It took longer than it may, and drctl interrupted it.
    #[error("`terraform {command}` took longer than {} and was interrupted{}",
        Pretty(*limit), after_that(*killed))]
    TimedOut {
        /// The subcommand.
        command: &'static str,
        /// How long it may take.
        limit: Duration,
        /// What it was working on when it was interrupted, and did not bring to a good end.
        in_flight: Vec<InFlight>,
        /// True when it did not stop in time and was killed, so that its state may lag.
        killed: bool,
    },
    /// It printed something else than the document that it should print. The
    /// document may hold secrets, so it is not quoted.
    #[error("`terraform {command}` printed something that cannot be read: {what}")]
    Unreadable {
        /// The subcommand.
        command: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A state is not one. It may hold secrets, so it is not quoted.
    #[error("failed to read the state: {what}")]
    BadState {
        /// What is wrong with it.
        what: String,
    },
}

fn after_that(killed: bool) -> &'static str {
    if killed { ", did not stop, and was killed" } else { "" }
}

fn said(cause: Cause, code: i32, more: usize) -> String {
    let why = match cause {
        Cause::StateNotSaved => "could not save the new state",
        Cause::DiskFull => "found a disk full",
        Cause::Permission => "may not use a file",
        Cause::StateUnreachable => "could not reach the state",
        Cause::StateUnreadable => "could not read the state",
        Cause::StateLocked => "found the state locked",
        Cause::NotInitialised => "found a stack that is not initialised",
        Cause::ProviderCrashed => "lost a provider",
        Cause::DownloadFailed => "could not fetch a provider or a module",
        Cause::WrongVersion => "is not the version that the configuration asks for",
        Cause::MissingVariable => "lacks the value of a variable",
        Cause::StalePlan => "found the saved plan out of date",
        Cause::PlanUnreadable => "could not read the saved plan",
        Cause::Configuration => "found the configuration wrong",
        Cause::Other => {
            return match more {
                0 => format!("failed with exit code {code}"),
                1 => {
                    format!("failed with exit code {code} and 2 errors, of which this is the first")
                }
                n => format!(
                    "failed with exit code {code} and {} errors, of which this is the first",
                    n + 1
                ),
            };
        }
    };
    why.to_owned()
}

impl TerraformError {
    /// Returns why Terraform says that it failed, when it says so.
    pub fn cause(&self) -> Option<Cause> {
        match self {
            Self::Failed { cause, .. } => Some(*cause),
            _ => None,
        }
    }

    /// Returns who holds the lock, when the state is locked.
    pub fn lock_holder(&self) -> Option<LockHolder> {
        match self {
            Self::Failed { cause: Cause::StateLocked, diagnostic: Some(diagnostic), .. } => {
                Some(LockHolder::read(&diagnostic.detail))
            }
            _ => None,
        }
    }

    /// Returns what Terraform was working on when it was stopped.
    pub fn in_flight(&self) -> &[InFlight] {
        match self {
            Self::Killed { in_flight, .. }
            | Self::Unproven { in_flight, .. }
            | Self::Interrupted { in_flight, .. }
            | Self::TimedOut { in_flight, .. } => in_flight,
            _ => &[],
        }
    }

    /// Returns what to do now, as one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NotFound { name } => format!(
                "Install Terraform, or name another binary with `DRCTL_TERRAFORM=/path/to/{}`",
                if name.contains('/') { "terraform" } else { name }
            ),
            Self::NotTerraform { binary } => {
                format!("Run `{} version` and see what it is", binary.display())
            }
            Self::TooOld { release, oldest, .. } => format!(
                "Install {} {oldest} or newer, or name another binary with `DRCTL_TERRAFORM`",
                release.product
            ),
            Self::NoFolder { .. } => "Check the stack's `path` in the runbook".to_owned(),
            Self::Start { binary, source } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    format!("Make it executable with `chmod +x {}`", binary.display())
                }
                _ => format!("Run `{} version` and see why it does not start", binary.display()),
            },
            Self::Log { path, source } | Self::PlanFile { path, source } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    format!("Free some space: `df -h {}`", parent(path))
                }
                _ => format!("Check who may write there: `ls -ld {}`", parent(path)),
            },
            Self::Wait { .. } | Self::BadState { .. } => return None,
            Self::Failed { cause, .. } => return self.cause_hint(*cause),
            Self::Killed { signal: 9, .. } => "Look for an out-of-memory kill with \
                `dmesg | grep -i oom`, then lower `parallelism` or give the machine more memory"
                .to_owned(),
            Self::Killed { .. } => {
                "Look into the log of this command for what it did last".to_owned()
            }
            Self::Unproven { .. }
            | Self::Interrupted { killed: true, .. }
            | Self::TimedOut { killed: true, .. } => {
                "Look in the cloud for what was in flight before you go on: \
                 the state may not know of it"
                    .to_owned()
            }
            Self::Interrupted { .. } => return None,
            Self::TimedOut { .. } => {
                "Raise the limit when the resources really take that long".to_owned()
            }
            Self::Unreadable { command, .. } => {
                format!("Run `terraform {command}` by hand: a wrapper may print words of its own")
            }
        };
        Some(hint)
    }

    fn cause_hint(&self, cause: Cause) -> Option<String> {
        let hint = match cause {
            Cause::StateNotSaved => {
                "Keep `errored.tfstate`: it alone knows what was made; \
                 run `terraform state push errored.tfstate` once the backend answers again"
            }
            Cause::DiskFull => "Free some space: `df -h`",
            Cause::Permission => "Check who may use the file that is named",
            Cause::StateUnreachable => {
                "Check that the state's backend does not lie in the region that is down"
            }
            Cause::StateUnreadable => {
                "Look at the state with `terraform state pull`, or restore an older version of it"
            }
            Cause::StateLocked => {
                let holder = self.lock_holder().unwrap_or_default();
                let id = holder.id.unwrap_or_else(|| "ID".to_owned());
                return Some(match holder.who {
                    Some(who) => format!(
                        "Ask {who} to finish; only when nobody works on it any more, \
                         run `terraform force-unlock {id}`"
                    ),
                    None => format!(
                        "Find out who works on it; only when nobody does, \
                         run `terraform force-unlock {id}`"
                    ),
                });
            }
            Cause::NotInitialised => "Run `terraform init` in the stack",
            Cause::ProviderCrashed => {
                "Look into the log of this command for the provider's last words; \
                 the provider may be built for another kind of machine"
            }
            Cause::DownloadFailed => {
                "Make providers and modules reachable without the registry: \
                 run `terraform providers mirror` before an outage, and pin modules in the repository"
            }
            Cause::WrongVersion => {
                "Install the version that `required_version` asks for, \
                 and name it with `DRCTL_TERRAFORM`"
            }
            Cause::MissingVariable => {
                "Give it a value in the region's `variables` or `var_files` in the runbook"
            }
            Cause::StalePlan => "Plan again: the state has changed since this plan was saved",
            Cause::PlanUnreadable => {
                "Plan again, and check the disk with `df -h`: \
                 Terraform does not notice when a full disk cuts its plan short"
            }
            Cause::Configuration => "Run `terraform validate` in the stack",
            Cause::Other => return None,
        };
        Some(hint.to_owned())
    }
}

fn parent(path: &std::path::Path) -> String {
    path.parent().unwrap_or(path).display().to_string()
}

/// Reads a document that a command printed. It may hold secrets, and serde's own
/// messages quote what they stumble over, so only the place is told.
pub(super) fn document<T: DeserializeOwned>(
    command: &'static str,
    printed: &[u8],
) -> Result<T, TerraformError> {
    serde_json::from_slice(printed).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof if printed.is_empty() => "it is empty".to_owned(),
            serde_json::error::Category::Eof => "it ends too early".to_owned(),
            serde_json::error::Category::Data => {
                format!("line {} is not as expected", error.line())
            }
            _ => format!("line {} is not JSON", error.line()),
        };
        TerraformError::Unreadable { command, what }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::{Product, Severity};

    fn failed(cause: Cause, summary: &str, detail: &str, more: usize) -> TerraformError {
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            summary: summary.into(),
            detail: detail.into(),
            address: None,
            place: None,
        };
        TerraformError::Failed {
            command: "apply",
            code: 1,
            cause,
            diagnostic: Some(Box::new(diagnostic)),
            more,
        }
    }

    fn told(error: &TerraformError) -> String {
        let chain = crate::model::chain(error).join("\n  caused by: ");
        error.hint().into_iter().fold(chain, |told, hint| format!("{told}\n  hint: {hint}"))
    }

    #[test]
    fn every_way_to_fail_is_told_with_what_to_do() {
        let in_flight = || vec![InFlight { address: "a.b".into(), action: ResourceAction::Create }];
        let io = |kind| io::Error::from(kind);
        let command = "apply";
        let old = Release { product: Product::Terraform, version: Version::new(1, 4, 6) };
        let limit = Duration::from_secs(90);
        let errors = [
            TerraformError::NotFound { name: "terraform".into() },
            TerraformError::NotTerraform { binary: "/bin/cat".into() },
            TerraformError::TooOld {
                binary: "/bin/terraform".into(),
                release: old,
                oldest: old.product.oldest(),
            },
            TerraformError::NoFolder { dir: "stacks/data".into() },
            TerraformError::Start {
                binary: "/bin/terraform".into(),
                source: io(io::ErrorKind::PermissionDenied),
            },
            TerraformError::Log {
                path: "/run/log/apply.jsonl".into(),
                source: io(io::ErrorKind::StorageFull),
            },
            TerraformError::PlanFile {
                path: "/run/data/plan".into(),
                source: io(io::ErrorKind::PermissionDenied),
            },
            TerraformError::Wait { command, source: io(io::ErrorKind::Other) },
            failed(Cause::Other, "quota exceeded", "", 2),
            TerraformError::Killed { command, signal: 9, in_flight: in_flight() },
            TerraformError::Killed { command, signal: 11, in_flight: in_flight() },
            TerraformError::Unproven { command, in_flight: in_flight() },
            TerraformError::Interrupted { command, in_flight: in_flight(), killed: false },
            TerraformError::Interrupted { command, in_flight: in_flight(), killed: true },
            TerraformError::TimedOut { command, limit, in_flight: in_flight(), killed: false },
            TerraformError::Unreadable { command: "show", what: "it is empty".into() },
            TerraformError::BadState { what: "its format has version 3, not 4".into() },
        ];
        let all: Vec<_> = errors.iter().map(told).collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        `terraform` is not a program that can be found
          hint: Install Terraform, or name another binary with `DRCTL_TERRAFORM=/path/to/terraform`
        `/bin/cat` does not say that it is Terraform or OpenTofu
          hint: Run `/bin/cat version` and see what it is
        `/bin/terraform` is Terraform 1.4.6, and drctl needs at least 1.5.0
          hint: Install Terraform 1.5.0 or newer, or name another binary with `DRCTL_TERRAFORM`
        there is no folder `stacks/data` to run Terraform in
          hint: Check the stack's `path` in the runbook
        failed to start `/bin/terraform`
          caused by: permission denied
          hint: Make it executable with `chmod +x /bin/terraform`
        failed to use the log file `/run/log/apply.jsonl`
          caused by: no storage space
          hint: Free some space: `df -h /run/log`
        failed to make the plan file `/run/data/plan`
          caused by: permission denied
          hint: Check who may write there: `ls -ld /run/data`
        failed to wait for `terraform apply`
          caused by: other error
        `terraform apply` failed with exit code 1 and 3 errors, of which this is the first
          caused by: quota exceeded
        `terraform apply` was killed by signal 9
          hint: Look for an out-of-memory kill with `dmesg | grep -i oom`, then lower `parallelism` or give the machine more memory
        `terraform apply` was killed by signal 11
          hint: Look into the log of this command for what it did last
        `terraform apply` ended, and nothing proves that it ended well
          hint: Look in the cloud for what was in flight before you go on: the state may not know of it
        `terraform apply` was interrupted
        `terraform apply` was interrupted, did not stop, and was killed
          hint: Look in the cloud for what was in flight before you go on: the state may not know of it
        `terraform apply` took longer than 1m30.0s and was interrupted
          hint: Raise the limit when the resources really take that long
        `terraform show` printed something that cannot be read: it is empty
          hint: Run `terraform show` by hand: a wrapper may print words of its own
        failed to read the state: its format has version 3, not 4
        ");
    }

    #[test]
    fn every_cause_is_told_with_what_to_do() {
        let lock = "Error message: x\nLock Info:\n  ID:        27d0\n  Path:      s\n  Operation: OperationTypeApply\n  Who:       ops@ci-7\n  Version:   1.11.4\n  Created:   2026-01-02\n";
        let causes = [
            Cause::StateNotSaved,
            Cause::DiskFull,
            Cause::Permission,
            Cause::StateUnreachable,
            Cause::StateUnreadable,
            Cause::StateLocked,
            Cause::NotInitialised,
            Cause::ProviderCrashed,
            Cause::DownloadFailed,
            Cause::WrongVersion,
            Cause::MissingVariable,
            Cause::StalePlan,
            Cause::PlanUnreadable,
            Cause::Configuration,
            Cause::Other,
        ];
        let all: Vec<_> = causes
            .into_iter()
            .map(|cause| {
                let error = failed(cause, "…", lock, 0);
                let hint = error.hint();
                format!("{error}\n  hint: {}", hint.as_deref().unwrap_or("none"))
            })
            .collect();
        insta::assert_snapshot!(all.join("\n"), @r"
        `terraform apply` could not save the new state
          hint: Keep `errored.tfstate`: it alone knows what was made; run `terraform state push errored.tfstate` once the backend answers again
        `terraform apply` found a disk full
          hint: Free some space: `df -h`
        `terraform apply` may not use a file
          hint: Check who may use the file that is named
        `terraform apply` could not reach the state
          hint: Check that the state's backend does not lie in the region that is down
        `terraform apply` could not read the state
          hint: Look at the state with `terraform state pull`, or restore an older version of it
        `terraform apply` found the state locked
          hint: Ask ops@ci-7 to finish; only when nobody works on it any more, run `terraform force-unlock 27d0`
        `terraform apply` found a stack that is not initialised
          hint: Run `terraform init` in the stack
        `terraform apply` lost a provider
          hint: Look into the log of this command for the provider's last words; the provider may be built for another kind of machine
        `terraform apply` could not fetch a provider or a module
          hint: Make providers and modules reachable without the registry: run `terraform providers mirror` before an outage, and pin modules in the repository
        `terraform apply` is not the version that the configuration asks for
          hint: Install the version that `required_version` asks for, and name it with `DRCTL_TERRAFORM`
        `terraform apply` lacks the value of a variable
          hint: Give it a value in the region's `variables` or `var_files` in the runbook
        `terraform apply` found the saved plan out of date
          hint: Plan again: the state has changed since this plan was saved
        `terraform apply` could not read the saved plan
          hint: Plan again, and check the disk with `df -h`: Terraform does not notice when a full disk cuts its plan short
        `terraform apply` found the configuration wrong
          hint: Run `terraform validate` in the stack
        `terraform apply` failed with exit code 1
          hint: none
        ");
    }
}
