//! Plans once more what is up: whoever applies it again must find nothing to do.

use super::{recovery::Recovery, remove::standing, run::Run, step_error::StepError, tools::Tools};
use crate::{
    model::{chain, event::EventKind},
    runbook::Known,
};
use std::sync::Arc;

/// Plans each stack of `recovery` that is up once more, and says what is left to do.
///
/// `known` holds the outputs that the stacks were made with.
pub async fn replan(recovery: &Recovery, known: &Known, tools: &Arc<Tools>, run: &mut Run<'_>) {
    for stack in standing(recovery, tools) {
        let planned = match known.values(&stack.work.variables) {
            Ok(variables) => stack.replan(variables).await,
            Err(mistake) => Err(StepError::Value(mistake)),
        };
        let step = stack.tell.step().clone();
        let (changes, cause) = match planned {
            Ok(changes) => (changes, Vec::new()),
            Err(error) => (Default::default(), chain(&error)),
        };
        run.say(EventKind::Replanned { step, changes, cause });
    }
}
