//! What no state knew of, as the caveats of a report have it.

use super::timeline::StepTime;
use crate::model::orphan::{Orphan, OrphanFate};

/// How many orphans are named one by one.
const NAMED: usize = 20;

/// Returns the caveats: one for each orphan that no state knows of yet.
pub(super) fn caveats(steps: &[StepTime]) -> Vec<String> {
    let imported = all(steps).filter(|(_, orphan)| orphan.fate == OrphanFate::Imported).count();
    let mut said: Vec<String> = at_large(steps)
        .take(NAMED)
        .map(|(step, orphan)| format!("in no state: {}: {}", step.id, orphan.sentence()))
        .collect();
    let more = at_large(steps).count().saturating_sub(NAMED);
    if more > 0 {
        said.push(format!("in no state: {more} more, all of them in the journal"));
    }
    if imported > 0 {
        said.push(format!("{imported} object(s) that no state knew of were taken into it"));
    }
    said
}

/// Returns what to do about them.
pub(super) fn next(steps: &[StepTime]) -> Option<String> {
    let at_large = at_large(steps).count();
    (at_large > 0).then(|| {
        format!(
            "Look in the cloud for what is in no state ({at_large}): delete it there, or give its id with `drctl resume --import ADDRESS=ID`"
        )
    })
}

fn all(steps: &[StepTime]) -> impl Iterator<Item = (&StepTime, &Orphan)> {
    steps.iter().flat_map(|step| step.orphans.iter().map(move |orphan| (step, orphan)))
}

fn at_large(steps: &[StepTime]) -> impl Iterator<Item = (&StepTime, &Orphan)> {
    all(steps).filter(|(_, orphan)| orphan.fate != OrphanFate::Imported)
}
