//! What a watch saw and did since it began, for whoever began it.

use super::{
    case::{Case, Fired},
    memory::Memory,
};
use crate::{
    model::run::RunId,
    outage::{Judge, Ongoing, Settled},
};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// What can be waited for while a watch runs.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Signs {
    /// Cancelled once every probe was seen up in this watch.
    pub(in crate::cli) up: CancellationToken,
    /// Cancelled once it was decided to fail over.
    pub(in crate::cli) fired: CancellationToken,
}

/// What came of a watch.
#[derive(Debug)]
pub(in crate::cli) struct Outcome {
    /// The newest outage that began.
    pub(in crate::cli) noticed: Option<Noticed>,
    /// The failover that was begun.
    pub(in crate::cli) begun: Option<Begun>,
    /// Why nothing was failed over in an outage that goes on.
    pub(in crate::cli) held: Option<String>,
    /// Every probe that is not up, and what it answered last.
    pub(in crate::cli) not_up: Vec<String>,
}

/// An outage that was noticed.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Noticed {
    /// When the first probe of it failed.
    pub(in crate::cli) began: Timestamp,
    /// When it was seen to be one.
    pub(in crate::cli) detected: Timestamp,
    /// What was down: `service` or `region`.
    pub(in crate::cli) scope: &'static str,
}

/// A failover that was begun.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Begun {
    /// Its run.
    pub(in crate::cli) run: RunId,
    /// When it was decided.
    pub(in crate::cli) at: Timestamp,
    /// How it ended; `None` while it goes on.
    pub(in crate::cli) ended: Option<String>,
}

/// What is known since a watch began: what is remembered of others is no part of it.
#[derive(Debug)]
pub(super) struct Since {
    earlier: Option<RunId>,
    noticed: Option<Noticed>,
    pub(super) signs: Signs,
}

impl Since {
    /// Begins, where `earlier` is the failover that is remembered.
    pub(super) fn now(earlier: Option<&Fired>) -> Self {
        let earlier = earlier.map(|fired| fired.run.clone());
        Self { earlier, noticed: None, signs: Signs::default() }
    }

    /// Looks whether all are up. What is only remembered does not count.
    pub(super) fn look(&self, judge: &Judge) {
        if judge.standings().iter().all(|asked| asked.answers > 0) && not_up(judge).is_empty() {
            self.signs.up.cancel();
        }
    }

    pub(super) fn began(&mut self, outage: &Ongoing, case: &Case) {
        let scope = outage.scope.word();
        self.noticed =
            Some(Noticed { began: case.began.wall, detected: case.detected.wall, scope });
    }

    pub(super) fn escalated(&mut self, outage: &Ongoing) {
        if let Some(noticed) = &mut self.noticed {
            noticed.scope = outage.scope.word();
        }
    }

    /// Returns the failover that is remembered, if it was begun since.
    pub(super) fn begun<'a>(&self, fired: Option<&'a Fired>) -> Option<&'a Fired> {
        fired.filter(|fired| self.earlier.as_ref() != Some(&fired.run))
    }

    /// Returns what came of it.
    pub(super) fn outcome(&self, memory: &Memory, not_up: Vec<String>) -> Outcome {
        let begun = self.begun(memory.fired.as_ref()).map(|fired| Begun {
            run: fired.run.clone(),
            at: fired.at.wall,
            ended: fired.ended.clone(),
        });
        let held = memory.case.as_ref().map(|case| match (&case.held, &case.unready) {
            (Some(why), _) => why.clone(),
            (None, Some((_, why))) => format!("it cannot be made out what would be done: {why}"),
            (None, None) => "it had not gone on for long enough".to_owned(),
        });
        Outcome { noticed: self.noticed.clone(), begun, held, not_up }
    }
}

/// Every probe that is not up, and what it answered last.
pub(super) fn not_up(judge: &Judge) -> Vec<String> {
    let both = judge.questions().iter().zip(judge.standings());
    let down =
        both.filter(|(_, asked)| asked.settled != Settled::Up || asked.failing_since.is_some());
    down.map(|(question, asked)| match &asked.last {
        Some((_, detail)) => format!("`{}` says: {detail}", question.name),
        None => format!("`{}` has not answered yet", question.name),
    })
    .collect()
}
