//! Looks at stacks that are up, and writes nothing: what was lost, what changed, what would be done.

use super::{
    recovery::{Recovery, StateHome, Work},
    remove::unheard,
    stack::Stack,
    step_error::StepError,
    tools::Tools,
};
use crate::{
    model::{
        chain,
        failback::{Looked, Side},
        secrets::Secrets,
        step::StepId,
    },
    retarget::home,
    runbook::Known,
    terraform::{Action, Mode, Outputs, Plan},
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use tokio::task::JoinSet;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// What each stack is like, in the runbook's order.
    pub looked: Vec<(StepId, Looked)>,
    /// The types of the resources that the states hold, by stack.
    pub kinds: BTreeMap<StepId, BTreeSet<String>>,
    /// What the stacks put out.
    pub outputs: Map<String, Value>,
    /// What is secret of what they put out.
    pub secrets: Secrets,
}

/// Refreshes every stack of `recovery` but those to `leave`, and plans it over its state.
///
/// Nothing is written but the plan, which stays on this machine.
pub async fn look(
    recovery: &Recovery,
    tools: &Arc<Tools>,
    side: Side,
    leave: &[StepId],
    accepted: &[String],
) -> Found {
    let mut found = Found::default();
    let mut failed: BTreeMap<StepId, Vec<String>> = BTreeMap::new();
    for (id, outputs) in each(recovery, tools, |stack| async move { stack.come_up().await }).await {
        match outputs {
            Ok(outputs) => {
                found.secrets.extend(outputs.secrets());
                drop(found.outputs.insert(id.to_string(), Value::Object(outputs.plain())))
            }
            Err(error) => drop(failed.insert(id, chain(&error))),
        }
    }
    let known = Arc::new(Known { outputs: found.outputs.clone(), ..recovery.known.clone() });
    let skip: BTreeSet<StepId> = leave.iter().chain(failed.keys()).cloned().collect();
    let plans = each(recovery, tools, |stack| {
        let (known, skips) = (Arc::clone(&known), skip.contains(stack.tell.step()));
        async move {
            if skips {
                return Ok(None);
            }
            let variables = known.values(&stack.work.variables).map_err(StepError::Value)?;
            stack.plan_of_now(variables).await.map(Some)
        }
    });
    for (id, plan) in plans.await {
        let looked = match plan {
            Ok(Some(plan)) => {
                let managed = plan.prior.iter().filter(|prior| prior.mode == Mode::Managed);
                let lost = plan.resource_drift.iter().map(|drift| &drift.kind);
                let kinds = managed.map(|prior| &prior.kind).chain(lost).cloned().collect();
                found.kinds.insert(id.clone(), kinds);
                home::look(&plan, side, accepted)
            }
            Ok(None) => match failed.remove(&id) {
                Some(cause) => unseen(side, cause),
                None => continue,
            },
            Err(error) => unseen(side, chain(&error)),
        };
        found.looked.push((id, looked));
    }
    found
}

fn unseen(side: Side, cause: Vec<String>) -> Looked {
    Looked {
        side,
        lost: vec![],
        drifted: vec![],
        changes: vec![],
        digest: None,
        accepted: false,
        cause,
    }
}

/// Does something with every stack, with all at once, and returns what came of it in their order.
async fn each<T: Send + 'static, F>(
    recovery: &Recovery,
    tools: &Arc<Tools>,
    act: impl Fn(Stack) -> F,
) -> Vec<(StepId, Result<T, StepError>)>
where
    F: Future<Output = Result<T, StepError>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for (at, step) in recovery.steps.iter().enumerate() {
        let Work::Stack(work) = &step.work else { continue };
        let stack = unheard(step, work, tools, tools.stop.token());
        let (id, acting) = (step.id.clone(), act(stack));
        tasks.spawn(async move { (at, id, acting.await) });
    }
    let mut all: Vec<_> = tasks.join_all().await;
    all.sort_by_key(|(at, ..)| *at);
    all.into_iter().map(|(_, id, done)| (id, done)).collect()
}

impl Stack {
    /// Initialises the stack and returns what it puts out by its state.
    async fn come_up(&self) -> Result<Outputs, StepError> {
        let _turn = self.tools.init_turn().await;
        self.init().await?;
        let state = match self.work.state {
            StateHome::Own => self.tools.store.latest(self.tell.step())?.unwrap_or_default(),
            StateHome::Declared { .. } => self.pull_state().await?,
        };
        // Where nothing was ever applied there is no state.
        if state.trim_ascii().is_empty() {
            return Ok(Outputs::default());
        }
        Ok(Outputs::from_state(&state)?)
    }

    /// Refreshes the stack and plans it, in the place where it is.
    async fn plan_of_now(&self, variables: Map<String, Value>) -> Result<Plan, StepError> {
        let file = self.plan_again(variables, "look", false).await?;
        Ok(Plan::read(&self.read(Action::ShowPlan { file }).await?)?)
    }
}
