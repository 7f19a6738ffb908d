//! Taking back what steps of a failover did: traffic goes back where it was.

use super::{
    confirm::confirm,
    error::{CliError, OrExit},
    execute::STATE_GRACE,
    exit::Exit,
    home::{Home, RunFolder},
    kept, outlived,
    prepared::{Keeping, Prepared},
    record::Record,
    taken_up::{self, TakenUp, check_out_again, recalled},
    ui::Ui,
};
use crate::{
    engine::{Recovery, Removal, Run, Stop, Work},
    model::{
        event::EventKind,
        step::{StepId, StepKind, StepOutcome},
    },
    observe::{Fanout, lines::Lines},
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{collections::BTreeSet, io, sync::Arc, time::Duration};
use tokio::task::spawn_blocking;

/// What is to be taken back.
pub(super) struct Undoing {
    /// The steps; those that moved the traffic when there are none.
    pub(super) steps: Vec<String>,
    /// True to ask nobody.
    pub(super) yes: bool,
    /// The terraform to run, over that of the run.
    pub(super) terraform: Option<String>,
    /// True to ask no server for the repository.
    pub(super) offline: bool,
}

impl Undoing {
    /// Takes it back, and says what came of it.
    ///
    /// # Errors
    ///
    /// There is nothing to take back, or the run is at work.
    pub(super) async fn undo(
        &self,
        folder: &RunFolder,
        home: &Home,
        stop: &Stop,
        ui: &Ui,
    ) -> Result<Exit, CliError> {
        let run = folder.id();
        let Some(record) = Record::read(&folder.asked())? else {
            let error = anyhow!("the run {run} is no failover that did something");
            return Err(
                CliError::new(Exit::Usage, error).hint("See `drctl runs` for what there is")
            );
        };
        let (journal, events) = taken_up::journal(folder)?;
        let grace = Duration::from_millis(record.grace_ms);
        outlived::end(folder, grace, stop, ui).await?;
        let which = record.which(self.terraform.as_deref(), self.offline);
        let prepared = check_out_again(folder, &which, Keeping::default(), home, stop, ui).await?;
        let steps = self.steps(&prepared.assembled.recovery)?;
        self.ask(&prepared, &record.region, &steps, ui).await?;
        let up = TakenUp::open(folder, prepared, grace, stop).await?;
        let done = events.iter().filter_map(|event| match &event.kind {
            EventKind::StepFinished { step, outcome: StepOutcome::Done } => Some(step.clone()),
            _ => None,
        });
        let standing = recalled(&up.recovery, &up.tools, done.collect()).await?;
        let mut sink = Fanout::new(Box::new(journal), vec![Box::new(Lines::new(io::stderr()))]);
        let last = events.last().context("the journal is empty").or_exit(Exit::Failed)?;
        let mut telling = Run::take_up(last, &mut sink);
        telling.say(EventKind::UndoStarted {
            drctl: env!("CARGO_PKG_VERSION").to_owned(),
            at: Timestamp::now(),
            steps: steps.iter().cloned().collect(),
        });
        let removal = Removal {
            recovery: &up.recovery,
            known: &standing.known,
            tools: &up.tools,
            stop: stop.token(),
            afresh: true,
        };
        let undone = removal.take_back_steps(&steps, &mut telling).await;
        telling.say(EventKind::UndoFinished { undone });
        drop(sink);
        if let Some(tools) = Arc::into_inner(up.tools) {
            tools.server.stop(STATE_GRACE).await;
        }
        kept::remember(home, folder, ui);
        let names: Vec<&str> = steps.iter().map(StepId::as_str).collect();
        let what = if undone { "taken back" } else { "NOT all taken back" };
        ui.answer(&format!("{run}: {}: {what}\n", names.join(", ")));
        Ok(if undone { Exit::Met } else { Exit::Failed })
    }

    /// The steps that are meant.
    fn steps(&self, recovery: &Recovery) -> Result<BTreeSet<StepId>, CliError> {
        let can = |work: &Work| matches!(work, Work::Deploy(_) | Work::Command(_));
        if self.steps.is_empty() {
            let cutovers = recovery.steps.iter().filter(|step| step.kind == StepKind::Cutover);
            let cutovers: BTreeSet<StepId> = cutovers.map(|step| step.id.clone()).collect();
            if cutovers.is_empty() {
                let error = anyhow!("no step of the runbook moves traffic");
                return Err(
                    CliError::new(Exit::Usage, error).hint("Say which steps: `--step NAME`")
                );
            }
            return Ok(cutovers);
        }
        let find = |name: &String| {
            let found = recovery.steps.iter().find(|step| step.id.as_str() == name);
            match found {
                Some(step) if can(&step.work) => Ok(step.id.clone()),
                Some(_) => Err(CliError::new(
                    Exit::Usage,
                    anyhow!("`{name}` is a stack: what Terraform made is not taken back so"),
                )
                .hint("Remove it with Terraform, over the state of the run: `drctl state`")),
                None => {
                    let names: Vec<_> =
                        recovery.steps.iter().map(|step| format!("`{}`", step.id)).collect();
                    Err(CliError::new(Exit::Usage, anyhow!("there is no step `{name}`"))
                        .hint(format!("There are {}", names.join(", "))))
                }
            }
        };
        self.steps.iter().map(find).collect()
    }

    /// Asks whether to do it, on a thread of its own: a prompt can be left unanswered.
    async fn ask(
        &self,
        prepared: &Prepared,
        region: &str,
        steps: &BTreeSet<StepId>,
        ui: &Ui,
    ) -> Result<(), CliError> {
        let names: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
        ui.say(&format!("What {} did in {region} is taken back\n", names.join(", ")));
        let (ui, yes) = (*ui, self.yes);
        let (service, digest) = (prepared.service.clone(), prepared.assembled.digest.clone());
        let region = region.to_owned();
        let asking = spawn_blocking(move || {
            let expected = yes.then_some(digest.as_str());
            confirm(&ui, &service, &region, &digest, expected)
        });
        asking.await.context("the question broke off").or_exit(Exit::Failed)?.map(drop)
    }
}
