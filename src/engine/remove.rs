//! Removes what a run made, the last first.

use super::{
    recovery::{Recovery, Work},
    run::Run,
    stack::Stack,
    step_error::StepError,
    tell::Teller,
    tools::Tools,
};
use crate::{
    model::{chain, event::EventKind, step::StepId},
    runbook::Known,
};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Removes what the stacks of `recovery` made, each after all that needs it.
///
/// `known` holds the outputs that the stacks were made with. A stack that cannot
/// be removed holds up no other. Returns true when nothing is left.
pub async fn remove(
    recovery: &Recovery,
    known: &Known,
    tools: &Arc<Tools>,
    run: &mut Run<'_>,
) -> bool {
    let mut all = true;
    for stack in standing(recovery, tools).into_iter().rev() {
        let step = stack.tell.step().clone();
        run.say(EventKind::RemovalStarted { step: step.clone() });
        let removed = match known.values(&stack.work.variables) {
            Ok(variables) => stack.remove(variables).await,
            Err(mistake) => Err(StepError::Value(mistake)),
        };
        let cause = removed.as_ref().err().map(|error| chain(error)).unwrap_or_default();
        all &= removed.is_ok();
        run.say(EventKind::RemovalFinished { step, cause });
    }
    all
}

/// The stacks that drctl keeps a state of, each behind all that it needs. What they say is unheard.
pub(super) fn standing(recovery: &Recovery, tools: &Arc<Tools>) -> Vec<Stack> {
    let stack = |step: &super::recovery::PlannedStep| {
        let Work::Stack(work) = &step.work else { return None };
        tools.store.head(&step.id).ok().flatten()?;
        let (words, _unheard) = mpsc::unbounded_channel();
        let tell = Teller::new(step.id.clone(), words);
        Some(Stack { work: Arc::clone(work), tools: Arc::clone(tools), tell })
    };
    in_order(recovery).into_iter().filter_map(stack).collect()
}

/// The steps, each behind all that it needs.
fn in_order(recovery: &Recovery) -> Vec<&super::recovery::PlannedStep> {
    let mut ordered: Vec<&super::recovery::PlannedStep> = Vec::new();
    while ordered.len() < recovery.steps.len() {
        let before = ordered.len();
        for step in &recovery.steps {
            let there = |id: &StepId| ordered.iter().any(|done| done.id == *id);
            if !there(&step.id) && step.needs.iter().all(there) {
                ordered.push(step);
            }
        }
        if ordered.len() == before {
            // The runbook has checked that there is no cycle.
            break;
        }
    }
    ordered
}
