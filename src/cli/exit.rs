//! Exit codes: part of drctl's interface, so each is written down once, here.

use std::process::ExitCode;

/// What drctl exits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The objective was met, or nothing was found.
    Met = 0,
    /// It worked and the answer is no: the objective was missed, or there are findings.
    No = 1,
    /// The command line or the runbook cannot be used.
    Usage = 2,
    /// The recovery failed, something that it needs is missing, or a drill left something.
    Failed = 3,
    /// The gate refused a plan; nothing was changed by it.
    Refused = 4,
    /// The run was interrupted.
    Interrupted = 5,
    /// Whether the objective was met could not be proven.
    Unproven = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
