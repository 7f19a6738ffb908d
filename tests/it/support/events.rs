//! What `model::event` promises of every stream.

use drctl::model::{
    event::{Event, EventKind},
    step::{Phase, StepId},
};
use std::collections::{BTreeMap, BTreeSet};

/// Panics where a stream breaks a promise.
pub(crate) fn assert_guarantees(events: &[Event]) {
    assert!(events.iter().map(|e| e.seq).eq(0..events.len() as u64), "seq rises by one");
    assert!(events.is_sorted_by_key(|e| e.elapsed_ms), "time never falls");
    let all = events;
    let swept = events.iter().position(|e| matches!(e.kind, EventKind::SweepStarted { .. }));
    let events = &events[..swept.unwrap_or(events.len())];
    let undoing = events.iter().position(|e| matches!(e.kind, EventKind::UndoStarted { .. }));
    let events = &events[..undoing.unwrap_or(events.len())];
    if swept.is_some() {
        let last = &all[all.len() - 1].kind;
        assert!(matches!(last, EventKind::SweepFinished { .. }), "{last:?} is last");
    }
    let (first, last) = (&events[0].kind, &events[events.len() - 1].kind);
    assert!(matches!(first, EventKind::RunStarted { .. }), "{first:?} is first");
    assert!(matches!(last, EventKind::RunFinished { .. }), "{last:?} is last");
    let resumed = |e: &Event| matches!(e.kind, EventKind::RunResumed { .. });
    for pair in
        events.windows(2).filter(|pair| matches!(pair[0].kind, EventKind::RunFinished { .. }))
    {
        assert!(resumed(&pair[1]), "{:?} follows the end of the run", pair[1]);
    }

    let mut planned: BTreeSet<StepId> = BTreeSet::new();
    let mut ended: BTreeSet<StepId> = BTreeSet::new();
    let mut open: BTreeMap<(StepId, Phase), u32> = BTreeMap::new();
    for event in events {
        if let EventKind::RunPlanned { steps, .. } = &event.kind {
            planned = steps.iter().map(|step| step.id.clone()).collect();
        }
        if let Some(step) = step_of(&event.kind) {
            assert!(planned.contains(step), "{event:?} comes before the plan");
            assert!(!ended.contains(step), "{event:?} comes after the end of its step");
        }
        match &event.kind {
            EventKind::RunResumed { done, .. } => {
                let done: BTreeSet<StepId> = done.iter().cloned().collect();
                assert!(done.is_subset(&ended), "what is done had ended: {done:?}");
                ended = done;
                open.clear();
            }
            EventKind::PhaseStarted { step, phase } => {
                *open.entry((step.clone(), *phase)).or_default() += 1;
            }
            EventKind::PhaseFinished { step, phase, .. } => {
                let begun = open.get_mut(&(step.clone(), *phase)).expect("a phase that began");
                *begun = begun.checked_sub(1).expect("a phase ends once");
            }
            EventKind::StepFinished { step, .. } => assert!(ended.insert(step.clone())),
            _ => {}
        }
    }
    let ran_to_its_end = events.iter().any(|e| matches!(e.kind, EventKind::Declared { .. }));
    if ran_to_its_end {
        assert_eq!(planned, ended, "every step ends");
    }
}

fn step_of(kind: &EventKind) -> Option<&StepId> {
    match kind {
        EventKind::PhaseStarted { step, .. }
        | EventKind::PhaseFinished { step, .. }
        | EventKind::PlanMade { step, .. }
        | EventKind::GateAnswered { step, .. }
        | EventKind::ResourceStarted { step, .. }
        | EventKind::ResourceFinished { step, .. }
        | EventKind::ApplyTakenUp { step, .. }
        | EventKind::OutputsReady { step, .. }
        | EventKind::StepFinished { step, .. } => Some(step),
        EventKind::Noted { step, .. } => step.as_ref(),
        _ => None,
    }
}
