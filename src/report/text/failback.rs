//! What is of a way home alone.

use crate::{
    model::{run::RunOutcome, time::Pretty},
    report::{
        Page, Report, Verdict,
        timeline::{FailbackFacts, LookedAt},
    },
};

/// Findings of a stack that are shown.
const SHOWN: usize = 8;

impl Report {
    /// Returns the way home in one sentence without a full stop.
    pub(super) fn way_home(&self, failback: &FailbackFacts) -> String {
        let service = self.service();
        let (home, left) =
            (self.run.as_ref().map_or("the primary", |r| &r.region), &failback.fallback);
        let took = Pretty::ms(self.out_for_ms);
        let mut text = match (self.outcome, failback.planned_downtime_ms) {
            (Some(RunOutcome::Recovered | RunOutcome::NotRemoved), Some(down)) => {
                let took = Pretty::ms(self.recovery_time_ms.unwrap_or(self.out_for_ms));
                format!(
                    "{service} is home in {home} after {took}, of which traffic was on its way for {}",
                    Pretty::ms(down)
                )
            }
            (Some(RunOutcome::Unverified), _) => {
                format!("every step of {service} is done in {home}, but nobody asked if it is back")
            }
            (Some(RunOutcome::Refused), _) => {
                format!("the way home of {service} to {home} was refused after {took}")
            }
            (Some(RunOutcome::Interrupted), _) => {
                let by = self.interrupted_by.as_deref().unwrap_or("the operator");
                format!("the way home of {service} to {home} was stopped by {by} after {took}")
            }
            (None, _) => format!("the journal of {service} ends before the way home to {home} did"),
            _ => format!("the way home of {service} to {home} failed after {took}"),
        };
        match self.verdicts.rto {
            Verdict::Met { spare_ms } => {
                text += &format!(", {} within its RTO", Pretty::ms(spare_ms))
            }
            Verdict::Missed { over_ms } => {
                text += &format!(", {} over its RTO", Pretty::ms(over_ms))
            }
            Verdict::Unproven { .. } => {}
        }
        match failback.removed {
            Some(true) => text += &format!("; {left} is torn down"),
            Some(false) => text += &format!("; not all of {left} could be torn down"),
            None => {}
        }
        text
    }

    /// What was found before it, and what became of the fallback.
    pub(super) fn homecoming(&self, page: &mut Page) {
        let Some(failback) = &self.failback else { return };
        let found: Vec<&LookedAt> =
            failback.looked.iter().filter(|at| !at.looked.is_as_it_was()).collect();
        if !found.is_empty() {
            page.section("Found before the way home");
            for LookedAt { step, looked } in found {
                let yes = if looked.accepted { ", accepted" } else { "" };
                page.field(
                    step.as_str(),
                    &format!("in the {}: {}{yes}", looked.side.word(), looked.words()),
                );
                let lost = looked.lost.iter().map(|address| format!("lost: {address}"));
                let drifted =
                    looked.drifted.iter().map(|a| format!("changed outside of Terraform: {a}"));
                // What no code makes again comes first; the JSON document has all.
                let all: Vec<_> =
                    looked.changes.iter().cloned().chain(drifted).chain(lost).collect();
                all.iter().take(SHOWN).for_each(|line| page.hanging("    ", line));
                if all.len() > SHOWN {
                    page.line(&format!("    and {} more", all.len() - SHOWN));
                }
            }
        }
        Self::taken_back(page, &format!("Torn down in {}", failback.fallback), &failback.removals);
    }
}
