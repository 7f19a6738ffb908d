//! A program that is asked: exit code 0 means up.

use super::{Seen, Why};
use crate::program::{Ended, Program, ProgramError};

/// Runs a program, and says what its end means.
pub(super) async fn ask(program: &Program) -> Seen {
    match program.run(&[]).await {
        Ok(ended) => seen(&ended),
        Err(error) => not_run(&error),
    }
}

/// What the end of a program says.
pub(super) fn seen(ended: &Ended) -> Seen {
    let why = match ended.status.code() {
        Some(0) => Why::Ok,
        Some(_) => Why::Exit,
        None => Why::Killed,
    };
    Seen::new(why, ended.summary())
}

/// What it says that a program did not come to its end.
pub(super) fn not_run(error: &ProgramError) -> Seen {
    let why = match error {
        ProgramError::Empty | ProgramError::NotStarted { .. } => Why::NotFound,
        ProgramError::Wait(_) => Why::Broken,
    };
    Seen::new(why, error.to_string())
}
