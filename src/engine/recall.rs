//! What an earlier process of the run brought up, and what is known of it.

use super::{
    adopted::Adopted,
    recovery::{PlannedStep, Recovery, StateHome, Work},
    remove::unheard,
    step_error::StepError,
    tools::Tools,
};
use crate::{
    model::{chain, secrets::Secrets, step::StepId},
    runbook::Known,
    terraform::Outputs,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What is up before a recovery goes on.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The steps that are done.
    pub done: BTreeSet<StepId>,
    /// What is known, with the outputs of the stacks among them.
    pub known: Known,
    /// The applies that an earlier process began, and of which nobody has told the end.
    pub adopted: BTreeMap<StepId, Adopted>,
    /// What is secret among them.
    pub secrets: Secrets,
}

impl Standing {
    /// Nothing is up.
    pub fn nothing(recovery: &Recovery) -> Self {
        Self {
            done: BTreeSet::new(),
            known: recovery.known.clone(),
            adopted: BTreeMap::new(),
            secrets: Secrets::default(),
        }
    }
}

/// Reads the outputs of the stacks that are `done` from where their states are.
///
/// # Errors
///
/// The first stack whose outputs cannot be read, with the whole error chain, outermost first.
pub async fn recall(
    recovery: &Recovery,
    tools: &Arc<Tools>,
    done: BTreeSet<StepId>,
) -> Result<Standing, (StepId, Vec<String>)> {
    let (mut known, mut secrets) = (recovery.known.clone(), Secrets::default());
    for step in recovery.steps.iter().filter(|step| done.contains(&step.id)) {
        let outputs = outputs(step, tools).await;
        let outputs = outputs.map_err(|error| (step.id.clone(), chain(&error)))?;
        if let Some(outputs) = outputs {
            secrets.extend(outputs.secrets());
            known.outputs.insert(step.id.to_string(), Value::Object(outputs.plain()));
        }
    }
    Ok(Standing { done, known, adopted: BTreeMap::new(), secrets })
}

async fn outputs(step: &PlannedStep, tools: &Arc<Tools>) -> Result<Option<Outputs>, StepError> {
    let Work::Stack(work) = &step.work else { return Ok(None) };
    if work.state == StateHome::Own {
        let state = tools.store.latest(&step.id)?;
        return Ok(Some(
            state.map(|state| Outputs::from_state(&state)).transpose()?.unwrap_or_default(),
        ));
    }
    let stack = unheard(step, work, tools, tools.stop.token());
    stack.init().await?;
    Ok(Some(Outputs::from_state(&stack.pull_state().await?)?))
}
