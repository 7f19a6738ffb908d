//! Traffic moved home: what the steps of a failover did is taken back, and done again if need be.

use super::{
    command::{self, Command, Trace},
    deploying::Deploying,
    recovery::{PlannedStep, Recovery, Work},
    run::Run,
    step_error::StepError,
    tell::Teller,
    tools::Tools,
};
use crate::{
    model::{
        chain,
        event::EventKind,
        step::{Phase, StepId, StepKind},
    },
    runbook::Known,
};
use std::{fmt, sync::Arc};
use tokio::sync::mpsc;

/// One step of a failover that is to be taken back, with all that it was done with.
pub struct TakeBack {
    /// What the failover did.
    pub recovery: Arc<Recovery>,
    /// What it knew.
    pub known: Known,
    /// What it was done with.
    pub tools: Arc<Tools>,
    /// The step.
    pub step: StepId,
}

impl fmt::Debug for TakeBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TakeBack").field("step", &self.step).finish_non_exhaustive()
    }
}

/// The steps of a failover that moved its traffic, in the runbook's order.
pub fn cutovers(recovery: &Recovery) -> impl Iterator<Item = &PlannedStep> {
    recovery.steps.iter().filter(|step| step.kind == StepKind::Cutover)
}

/// Whether a step of a failover did something that is not taken back yet.
pub fn has_done_something(step: &StepId, tools: &Tools) -> bool {
    Trace::of(step, tools).is_there()
}

impl TakeBack {
    fn step(&self) -> Option<&PlannedStep> {
        self.recovery.steps.iter().find(|step| step.id == self.step)
    }

    /// Takes it back.
    pub(super) async fn run(&self, tell: Teller) -> Result<(), StepError> {
        let Some(step) = self.step() else { return Ok(()) };
        if self.tools.simulator.is_some() {
            tell.note("a rehearsal moves no traffic");
            return Ok(());
        }
        if !has_done_something(&self.step, &self.tools) {
            tell.note("nothing of it is left to take back");
            return Ok(());
        }
        tell.begins(Phase::Run).await?;
        let result = self.take_back(step).await;
        tell.ends(Phase::Run, result.is_ok());
        result
    }

    async fn take_back(&self, step: &PlannedStep) -> Result<(), StepError> {
        let stop = self.tools.stop.token();
        match &step.work {
            Work::Deploy(work) => {
                let what = (step.id.clone(), Arc::clone(work));
                let (known, recovery, tools) = (&self.known, &self.recovery, &self.tools);
                Deploying::new(what, known, recovery, tools, stop, None).take_back().await
            }
            Work::Command(work) => {
                let Some(undo) = &work.undo else { return Ok(()) };
                let what = (&step.id, &**work, undo);
                command::take_back(what, &self.known, &self.recovery, &self.tools, stop).await
            }
            Work::Stack(_) | Work::TakeBack(_) | Work::LeftOut(_) => Ok(()),
        }
    }

    /// Does it again, so that traffic goes where the failover sent it. Returns true when that was done.
    pub async fn do_again(&self, run: &mut Run<'_>) -> bool {
        let Some(step) = self.step() else { return true };
        run.say(EventKind::RemovalStarted { step: self.step.clone() });
        let (words, mut heard) = mpsc::unbounded_channel();
        let tell = Teller::new(self.step.clone(), words);
        let doing = self.forth(step, tell);
        let hearing = async {
            while let Some(word) = heard.recv().await {
                // That it begins is in the journal already, and its step has ended.
                if let Some(heard) = word.heard {
                    let _ = heard.send(true);
                }
            }
        };
        let (done, ()) = tokio::join!(doing, hearing);
        let cause = done.map_or_else(|error| chain(&error), |()| Vec::new());
        let whole = cause.is_empty();
        run.say(EventKind::RemovalFinished { step: self.step.clone(), cause });
        whole
    }

    async fn forth(&self, step: &PlannedStep, tell: Teller) -> Result<(), StepError> {
        match &step.work {
            Work::Deploy(work) => {
                let what = (step.id.clone(), Arc::clone(work));
                let (known, recovery, tools) = (&self.known, &self.recovery, &self.tools);
                let stop = tools.stop.token();
                Deploying::new(what, known, recovery, tools, stop, Some(tell)).bring_up().await
            }
            Work::Command(work) => {
                let tools = Arc::clone(&self.tools);
                Command::new(work, &self.known, &self.recovery, tools, tell)?.run().await
            }
            Work::Stack(_) | Work::TakeBack(_) | Work::LeftOut(_) => Ok(()),
        }
    }
}
