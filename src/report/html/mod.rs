//! The report for a browser: one file that needs nothing else, no network, no font, no script.
//!
//! Everything from outside is escaped by the template, and made [`plain`] before.

mod gantt;
mod page;
mod past;
mod path;
mod rest;
mod scale;

use super::{
    critical::What,
    verdict::{Summary, Verdict},
};
use crate::model::{
    step::{Phase, StepOutcome},
    text::plain,
};

/// Returns text from outside as it is shown.
fn text(text: &str) -> String {
    plain(text).into_owned()
}

/// A message from outside: what stands in backticks is code.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Prose {
    /// Each part, and whether it is code.
    parts: Vec<(bool, String)>,
}

impl Prose {
    fn new(message: &str) -> Self {
        let parts: Vec<_> = message.split('`').collect();
        // An odd backtick is only a backtick, and then nobody can tell which one it is.
        if parts.len().is_multiple_of(2) {
            return Self { parts: vec![(false, text(message))] };
        }
        let part = |(number, part): (usize, &&str)| (number % 2 == 1, text(part));
        Self { parts: parts.iter().enumerate().map(part).collect() }
    }
}

/// A shape, a colour and a word: nothing is told by its colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    shape: &'static str,
    tone: &'static str,
    word: &'static str,
}

impl Mark {
    const fn new(shape: &'static str, tone: &'static str, word: &'static str) -> Self {
        Self { shape, tone, word }
    }

    const fn of(summary: Summary) -> Self {
        let (shape, tone) = match summary {
            Summary::Met => ("✓", "good"),
            Summary::Missed | Summary::Failed | Summary::Refused => ("✗", "bad"),
            Summary::Unproven => ("?", "doubt"),
            Summary::Interrupted | Summary::Unfinished => ("–", "doubt"),
        };
        Self::new(shape, tone, summary.word())
    }

    const fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Met { .. } => Self::new("✓", "good", "Met"),
            Verdict::Missed { .. } => Self::new("✗", "bad", "Missed"),
            Verdict::Unproven { .. } => Self::new("?", "doubt", "Unproven"),
        }
    }

    fn of_step(outcome: Option<&StepOutcome>) -> Self {
        let word = super::words::outcome(outcome);
        match outcome {
            Some(StepOutcome::Done) => Self::new("✓", "good", word),
            Some(StepOutcome::Failed { .. } | StepOutcome::Refused) => Self::new("✗", "bad", word),
            Some(
                StepOutcome::Skipped { .. }
                | StepOutcome::Interrupted
                | StepOutcome::Withheld { .. }
                | StepOutcome::LeftOut { .. },
            )
            | None => Self::new("–", "doubt", word),
        }
    }
}

/// Returns the class that colours a phase of a step.
const fn phase_class(phase: Phase) -> &'static str {
    match phase {
        Phase::Init => "p-init",
        Phase::Plan => "p-plan",
        Phase::Gate => "p-gate",
        Phase::Apply => "p-apply",
        Phase::Output | Phase::Unknown => "p-other",
        Phase::Check => "p-init",
        Phase::Run | Phase::Wait => "p-run",
    }
}

/// Returns the class that colours a phase of the run.
fn run_phase_class(name: &str) -> &'static str {
    match name {
        "detection" => "p-other",
        "decision" => "p-decision",
        "workspace" => "p-init",
        "plan" => "p-plan",
        "apply" => "p-apply",
        "deploy" => "p-run",
        "cutover" => "p-cutover",
        _ => "p-verify",
    }
}

/// Returns the class that colours a stretch of the critical path.
const fn what_class(what: &What) -> &'static str {
    match what {
        What::Detection | What::NotBack | What::Lock { .. } | What::Turn | What::Between => {
            "p-other"
        }
        What::Checkout => "p-init",
        What::Planning => "p-plan",
        What::Decision => "p-decision",
        What::Phase { phase } => phase_class(*phase),
        What::ApplyStart | What::BetweenResources | What::ApplyEnd | What::Resource { .. } => {
            "p-apply"
        }
        What::Verification => "p-verify",
        What::BrokenOff => "p-other",
    }
}

#[cfg(test)]
mod tests;
