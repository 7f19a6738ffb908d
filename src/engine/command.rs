//! One command step.

use super::{
    recovery::{CommandWork, Recovery},
    step_error::StepError,
    tell::Teller,
    tools::Tools,
};
use crate::{
    config::expression::Expr,
    deploy::{self, CommandStep, Logs},
    model::step::{Phase, StepId},
    runbook::{Known, strings},
};
use std::{
    fs::{self, DirBuilder, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

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

/// What is left of a program that was run.
pub(super) struct Trace(PathBuf);

impl Trace {
    /// Returns where it is remembered that the program of `step` was begun.
    pub(super) fn of(step: &StepId, tools: &Tools) -> Self {
        Self(tools.deploy.join(format!("{step}.json")))
    }

    /// Returns true when the program was begun and not taken back.
    pub(super) fn is_there(&self) -> bool {
        self.0.exists()
    }

    /// Remembers that it is begun.
    fn leave(&self) -> Result<(), StepError> {
        let dir = self.0.parent().unwrap_or(&self.0);
        let mut builder = DirBuilder::new();
        let made = builder.mode(0o700).recursive(true).create(dir);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let written = made.and_then(|()| options.open(&self.0)?.sync_all());
        written.map_err(|source| StepError::Write { path: self.0.clone(), source })
    }

    fn wipe(&self) {
        // What is left of it would only have it taken back twice.
        let _ = fs::remove_file(&self.0);
    }
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
        Ok(Self { step: program(&work.run, work, known, recovery)?, tools, tell })
    }

    /// Runs it to its end.
    pub(super) async fn run(self) -> Result<(), StepError> {
        if self.tools.simulator.is_some() {
            self.tell.note("a rehearsal does not run the programs of a runbook");
            return Ok(());
        }
        Trace::of(self.tell.step(), &self.tools).leave()?;
        self.tell.begins(Phase::Run).await?;
        let log = self.tools.log(self.tell.step(), "run");
        let logs = Logs { stdout: log.stdout, stderr: log.stderr };
        let result = deploy::run(&self.step, &logs, self.tools.stop.token()).await;
        self.tell.ends(Phase::Run, result.is_ok());
        Ok(result?)
    }
}

/// A program of a step, with the environment and the limit of that step.
fn program(
    run: &Expr,
    work: &CommandWork,
    known: &Known,
    recovery: &Recovery,
) -> Result<CommandStep, StepError> {
    let argv = strings(known, run).map_err(StepError::Value)?;
    let mut env = recovery.env.clone();
    for variable in &work.env {
        let value = known.string(variable.expr()).map_err(StepError::Value)?;
        env.insert(variable.name().to_owned(), value);
    }
    let limit = work.limit.unwrap_or(LIMIT);
    Ok(CommandStep { argv, dir: recovery.root.clone(), env, limit, grace: GRACE })
}

/// Runs `undo`, which takes back what the program of `step` did.
pub(super) async fn take_back(
    (step, work, undo): (&StepId, &CommandWork, &Expr),
    known: &Known,
    recovery: &Recovery,
    tools: &Tools,
    stop: &CancellationToken,
) -> Result<(), StepError> {
    let program = program(undo, work, known, recovery)?;
    let log = tools.log(step, "undo");
    let logs = Logs { stdout: log.stdout, stderr: log.stderr };
    deploy::run(&program, &logs, stop).await?;
    Trace::of(step, tools).wipe();
    Ok(())
}
