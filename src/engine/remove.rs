//! Removes what a run made, the last first.

use super::{
    command::{Trace, take_back},
    deploying::Deploying,
    recovery::{CommandWork, DeployWork, PlannedStep, Recovery, StackWork, StateHome, Work},
    run::Run,
    stack::Stack,
    step_error::StepError,
    tell::Teller,
    tools::Tools,
};
use crate::{
    model::{chain, event::EventKind, step::StepId},
    runbook::Known,
    terraform::managed,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::sync::CancellationToken;

/// How long to wait before what could not be removed is tried once more: a cloud may need a moment
/// to see that what stood in the way is gone.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// How what a run made is removed.
#[derive(Clone, Copy)]
pub struct Removal<'a> {
    /// What the run did.
    pub recovery: &'a Recovery,
    /// The outputs that the stacks were made with.
    pub known: &'a Known,
    /// What removes it.
    pub tools: &'a Arc<Tools>,
    /// What ends the removal early.
    pub stop: &'a CancellationToken,
    /// True where no stack is initialised yet, as in another process than that of the run.
    pub afresh: bool,
}

impl Removal<'_> {
    /// Removes what the stacks made, and takes back what was brought up on
    /// them, each after all that needs it.
    ///
    /// What a stack made that cannot be removed holds up only what it needs itself: without that, it
    /// could never be removed. What was brought up holds up nothing: it mostly goes with its stack.
    /// Returns true when nothing is left of what is known.
    pub async fn run(&self, run: &mut Run<'_>) -> bool {
        let mut standing: BTreeSet<StepId> = BTreeSet::new();
        let mut whole = true;
        for step in in_order(self.recovery).into_iter().rev() {
            match &step.work {
                Work::Stack(work) => {
                    let stack = unheard(step, work, self.tools, self.stop);
                    whole &= self.remove_stack(&stack, &mut standing, run).await;
                }
                Work::Deploy(work) => whole &= self.take_back(step, work, run).await,
                Work::Command(work) => whole &= self.undo(step, work, run).await,
                Work::TakeBack(_) | Work::LeftOut(_) => {}
            }
        }
        whole
    }

    /// Takes back what some steps did that are no stacks, each before what it needs. Returns true when
    /// all of it is taken back.
    pub async fn take_back_steps(&self, steps: &BTreeSet<StepId>, run: &mut Run<'_>) -> bool {
        let mut whole = true;
        for step in in_order(self.recovery).into_iter().rev() {
            if !steps.contains(&step.id) {
                continue;
            }
            match &step.work {
                Work::Deploy(work) => whole &= self.take_back(step, work, run).await,
                Work::Command(work) => whole &= self.undo(step, work, run).await,
                Work::Stack(_) | Work::TakeBack(_) | Work::LeftOut(_) => {}
            }
        }
        whole
    }

    /// Takes back what a step brought up.
    async fn take_back(
        &self,
        step: &PlannedStep,
        work: &Arc<DeployWork>,
        run: &mut Run<'_>,
    ) -> bool {
        let what = (step.id.clone(), Arc::clone(work));
        let (recovery, known) = (self.recovery, self.known);
        let deploying = Deploying::new(what, known, recovery, self.tools, self.stop, None);
        if !deploying.has_done_something() {
            return true;
        }
        run.say(EventKind::RemovalStarted { step: step.id.clone() });
        let cause = match deploying.take_back().await {
            Ok(()) => Vec::new(),
            Err(error) => chain(&error),
        };
        let whole = cause.is_empty();
        run.say(EventKind::RemovalFinished { step: step.id.clone(), cause });
        whole
    }

    /// Takes back what a program did, when the runbook says how.
    async fn undo(&self, step: &PlannedStep, work: &CommandWork, run: &mut Run<'_>) -> bool {
        if !Trace::of(&step.id, self.tools).is_there() {
            return true;
        }
        let Some(undo) = &work.undo else {
            let message = "what its program did is left as it is: the step has no `undo`";
            let (step, message) = (Some(step.id.clone()), message.to_owned());
            run.say(EventKind::Noted { step, message });
            return true;
        };
        run.say(EventKind::RemovalStarted { step: step.id.clone() });
        let what = (&step.id, work, undo);
        let done = take_back(what, self.known, self.recovery, self.tools, self.stop).await;
        let cause = done.map_or_else(|error| chain(&error), |()| Vec::new());
        let whole = cause.is_empty();
        run.say(EventKind::RemovalFinished { step: step.id.clone(), cause });
        whole
    }

    /// Removes what a stack made, unless something that is left needs it.
    async fn remove_stack(
        &self,
        stack: &Stack,
        standing: &mut BTreeSet<StepId>,
        run: &mut Run<'_>,
    ) -> bool {
        let step = stack.tell.step().clone();
        let home = self.bring_home(stack).await;
        if home.is_ok() && !has_resources(stack).await {
            return true;
        }
        run.say(EventKind::RemovalStarted { step: step.clone() });
        let cause = match (home, self.needed_by(&step, standing)) {
            (Err(error), _) => chain(&error),
            (Ok(()), Some(other)) => vec![format!("`{other}` needs it, and could not be removed")],
            (Ok(()), None) => self.remove(stack).await,
        };
        let whole = cause.is_empty();
        if !whole {
            standing.insert(step.clone());
        }
        run.say(EventKind::RemovalFinished { step, cause });
        whole
    }

    /// Gets a stack ready, and its state back from where Terraform had to leave it.
    async fn bring_home(&self, stack: &Stack) -> Result<(), StepError> {
        let declared = matches!(stack.work.state, StateHome::Declared { .. });
        if self.afresh && (declared || has_resources(stack).await || stack.left_state()) {
            stack.init().await?;
        }
        stack.bring_state_home().await
    }

    /// Removes what a stack made, and returns why that could not be done.
    async fn remove(&self, stack: &Stack) -> Vec<String> {
        let variables = || self.known.values(&stack.work.variables).map_err(StepError::Value);
        let once = async || stack.remove(variables()?).await;
        let mut removed = once().await;
        let worth_it = self.tools.simulator.is_none() && !self.stop.is_cancelled();
        if removed.is_err() && worth_it {
            sleep(AGAIN_AFTER).await;
            removed = once().await;
        }
        let Err(error) = removed else { return Vec::new() };
        let troubles = self.tools.refused_state(stack.tell.step()).into_iter();
        chain(&error).into_iter().chain(troubles.flat_map(|trouble| trouble.cause)).collect()
    }

    /// Returns one of `standing` that needs `step`, at some distance.
    fn needed_by<'s>(&self, step: &StepId, standing: &'s BTreeSet<StepId>) -> Option<&'s StepId> {
        let mut open: Vec<&StepId> = vec![step];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            if let Some(found) = standing.get(at) {
                return Some(found);
            }
            if seen.insert(at) {
                let steps = self.recovery.steps.iter();
                open.extend(steps.filter(|step| step.needs.contains(at)).map(|step| &step.id));
            }
        }
        None
    }
}

/// Whether a stack has something to remove; a state that cannot be read may hold anything.
async fn has_resources(stack: &Stack) -> bool {
    let state = match stack.work.state {
        StateHome::Own => stack.tools.store.latest(stack.tell.step()).map_err(|_| ()),
        StateHome::Declared { .. } => stack.pull_state().await.map(Some).map_err(|_| ()),
    };
    match state {
        Ok(None) => false,
        // Where nothing was ever applied there is no state.
        Ok(Some(state)) if state.trim_ascii().is_empty() => false,
        Ok(Some(state)) => managed(&state).map_or(true, |all| !all.is_empty()),
        Err(_) => true,
    }
}

/// The stacks that drctl keeps a state of, each behind all that it needs. What they say is unheard.
pub(super) fn standing(recovery: &Recovery, tools: &Arc<Tools>) -> Vec<Stack> {
    let mut all = stacks(recovery, tools, tools.stop.token());
    all.retain(|stack| tools.store.head(stack.tell.step()).is_ok_and(|head| head.is_some()));
    all
}

/// Every stack, each behind all that it needs. What they say is unheard.
fn stacks(recovery: &Recovery, tools: &Arc<Tools>, stop: &CancellationToken) -> Vec<Stack> {
    let stack = |step: &PlannedStep| match &step.work {
        Work::Stack(work) => Some(unheard(step, work, tools, stop)),
        _ => None,
    };
    in_order(recovery).into_iter().filter_map(stack).collect()
}

/// A stack that nobody listens to.
pub(super) fn unheard(
    step: &PlannedStep,
    work: &Arc<StackWork>,
    tools: &Arc<Tools>,
    stop: &CancellationToken,
) -> Stack {
    let (words, _unheard) = mpsc::unbounded_channel();
    let tell = Teller::new(step.id.clone(), words);
    Stack { work: Arc::clone(work), tools: Arc::clone(tools), stop: stop.clone(), tell }
}

/// The steps, each behind all that it needs.
fn in_order(recovery: &Recovery) -> Vec<&PlannedStep> {
    let mut ordered: Vec<&PlannedStep> = Vec::new();
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
