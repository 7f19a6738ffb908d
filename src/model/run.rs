//! A run: its name, what it is, and how it can end.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The name of a run, such as `20260314-025907-4f1c`: the time at which it began
/// in UTC, and four hexadecimal digits. Names sort in the order of their runs.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Names a run that began at `began_at`; `salt` tells apart two that began in one second.
    pub fn new(began_at: Timestamp, salt: u16) -> Self {
        Self(format!("{}-{salt:04x}", began_at.strftime("%Y%m%d-%H%M%S")))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns its last four digits, which tell it from others.
    pub fn salt(&self) -> &str {
        self.0.rsplit('-').next().unwrap_or_default()
    }
}

/// A string that is no run's name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not the name of a run, which looks like `20260314-025907-4f1c`")]
pub struct RunIdError(String);

impl FromStr for RunId {
    type Err = RunIdError;

    /// Reads a whole name.
    ///
    /// # Errors
    ///
    /// [`RunIdError`] when the string is not of the form above, so that a name
    /// never is a path.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let shape: String = s
            .chars()
            .map(|c| match c {
                '0'..='9' => '9',
                'a'..='f' => 'f',
                other => other,
            })
            .collect();
        let salt_is_hex = shape.len() == 20 && shape[16..].chars().all(|c| matches!(c, '9' | 'f'));
        if shape.starts_with("99999999-999999-") && salt_is_hex {
            Ok(Self(s.to_owned()))
        } else {
            Err(RunIdError(s.to_owned()))
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// A real run into the fallback region.
    Failover,
    /// A run against the simulated cloud.
    Rehearsal,
    /// A real run into the fallback region that is torn down again, always.
    Drill,
    /// The way home after a failover: its region is the primary.
    Failback,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl RunKind {
    /// Returns the word for it, which is also that of its JSON.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Rehearsal => "rehearsal",
            Self::Drill => "drill",
            Self::Failback => "failback",
            Self::Unknown => "unknown",
        }
    }
}

/// When the outage began, which is `t0`, and how that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// How long before the run began, in milliseconds of wall time.
    pub before_ms: u64,
    /// Who says so.
    pub known_by: OutageSource,
    /// How long before the run began the outage was detected, in milliseconds of wall time, where
    /// something watched; never more than `before_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_before_ms: Option<u64>,
}

impl Outage {
    /// Returns how long after its start the outage was detected, in milliseconds: when something that
    /// watched said so, or when the run began.
    pub fn detected_after_ms(&self) -> u64 {
        self.before_ms.saturating_sub(self.detected_before_ms.unwrap_or(0))
    }
}

/// How the start of an outage is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutageSource {
    /// The operator said so, with `--outage-at`.
    Declared,
    /// Nobody said: the run's own start stands for it, so the outage was longer than shown.
    Assumed,
    /// It is the first failed probe of the outage that `drctl watch` saw.
    Probed,
    /// There was none: it was made up for a drill, or made on purpose.
    Simulated,
    /// There is none: the run is a way home, whose downtime is planned.
    Planned,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

impl OutageSource {
    /// Returns true when the start of the outage was observed, so that times that count from it say
    /// something of the service.
    pub const fn is_observed(self) -> bool {
        matches!(self, Self::Declared | Self::Probed)
    }
}

/// Who said go, which is `t2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredBy {
    /// The operator typed the service's name.
    Typed,
    /// The command line carried the digest of the very plan that was made.
    Digest,
    /// Nobody had to: the run is a rehearsal, and nothing real is at stake.
    Rehearsal,
    /// Somebody approved it when `drctl watch` asked.
    Approval,
    /// The policy of the runbook, without a person.
    Policy,
    /// Whoever asked for a drill, which is torn down again.
    Drill,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

/// What a step waits for that is no step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lock {
    /// Terraform's shared plugin cache, which bears one `init` at a time.
    PluginCache,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every step is done, and every probe that the runbook has passed.
    Recovered,
    /// Every step is done; the runbook has no probe, so whether the service is back is not known.
    Unverified,
    /// A step failed, or the service did not pass its probes.
    Failed,
    /// The gate refused a plan, and nothing else failed.
    Refused,
    /// The run was stopped.
    Interrupted,
    /// A drill came to its end, and something of what it made could not be removed again.
    NotRemoved,
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable_and_sort_by_time() {
        let early = RunId::new("2026-03-14T02:59:07Z".parse().unwrap(), 0x4f1c);
        let late = RunId::new("2026-03-14T03:00:00Z".parse().unwrap(), 1);
        assert_eq!(early.to_string(), "20260314-025907-4f1c");
        assert!(early < late);
        assert_eq!("20260314-025907-4f1c".parse(), Ok(early));
    }

    #[test]
    fn a_path_is_no_name() {
        for bad in ["..", "20260314-025907", "20260314-025907-../x", "20260314-025907-4F1C", ""] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }
}
