//! One command step.

use super::{
    recovery::{CommandWork, Recovery},
    step_error::StepError,
    tell::Teller,
    tools::Tools,
};
use crate::{
    deploy::{self, CommandStep, Logs},
    model::step::Phase,
    runbook::{Known, strings},
};
use std::{sync::Arc, time::Duration};

/// How long a program may take, unless the runbook says.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// How long a program may take to end once it was asked to.
const GRACE: Duration = Duration::from_secs(30);

/// A program that is ready to run.
pub(super) struct Command {
    step: CommandStep,
    tools: Arc<Tools>,
    tell: Teller,
}

impl Command {
    /// Makes it from what is known now.
    pub(super) fn new(
        work: &CommandWork,
        known: &Known,
        recovery: &Recovery,
        tools: Arc<Tools>,
        tell: Teller,
    ) -> Result<Self, StepError> {
        let argv = strings(known, &work.run).map_err(StepError::Value)?;
        let mut env = recovery.env.clone();
        for variable in &work.env {
            let value = known.string(variable.expr()).map_err(StepError::Value)?;
            env.insert(variable.name().to_owned(), value);
        }
        let limit = work.limit.unwrap_or(LIMIT);
        let step = CommandStep { argv, dir: recovery.root.clone(), env, limit, grace: GRACE };
        Ok(Self { step, tools, tell })
    }

    /// Runs it to its end.
    pub(super) async fn run(self) -> Result<(), StepError> {
        if self.tools.simulator.is_some() {
            self.tell.note("a rehearsal does not run the programs of a runbook");
            return Ok(());
        }
        self.tell.begins(Phase::Run).await?;
        let log = self.tools.log(self.tell.step(), "run");
        let logs = Logs { stdout: log.stdout, stderr: log.stderr };
        let result = deploy::run(&self.step, &logs, self.tools.stop.token()).await;
        self.tell.ends(Phase::Run, result.is_ok());
        Ok(result?)
    }
}
