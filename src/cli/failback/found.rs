//! What was found in both regions before the way home, and whether it may be gone.

use super::{Ground, stores};
use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
    },
    engine::{self, Found, Recovery, Run, Stop, Work},
    model::{
        event::EventKind,
        failback::{Looked, Side},
        step::StepId,
    },
    probe::{RealProber, Verification},
    runbook::{Failback, Known, Role, Runbook},
};
use anyhow::anyhow;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

/// What was found in both regions.
#[derive(Clone, Debug, Default)]
pub(in crate::cli) struct Both {
    /// In the primary.
    pub(super) primary: Found,
    /// In the fallback.
    pub(super) fallback: Found,
}

/// Asks the primary's own probes whether it is back. Returns false when there is none.
///
/// # Errors
///
/// It is not.
pub(super) async fn primary_is_back(
    runbook: &Runbook,
    recovery: &Recovery,
    known: &Known,
    stop: &Stop,
    run: &mut Run<'_>,
) -> Result<bool, CliError> {
    let probes: Vec<_> = runbook.probes.iter().filter(|p| p.role == Role::Primary).collect();
    // Twice the time that a primary needs that answers well from the first question on.
    let within = probes.iter().map(|p| (p.interval + p.timeout) * p.up_after * 2).max();
    let within = within.unwrap_or_default().max(Duration::from_secs(1));
    let programs = engine::Programs { dir: &recovery.root, env: &recovery.env };
    let prober = Arc::new(RealProber::default());
    let verification =
        engine::ask(&probes, (known, programs), prober, within, stop.token(), run).await;
    match verification {
        Verification::Verified => Ok(true),
        Verification::Unasked => Ok(false),
        Verification::Stopped => Err(interrupted()),
        Verification::GaveUp { probe, detail } => {
            let primary = known.primary.as_deref().unwrap_or("the primary");
            let error = anyhow!("{primary} is not back: the probe `{probe}` says: {detail}");
            Err(CliError::new(Exit::Refused, error)
                .hint("Wait until `drctl probe` sees it up; the fallback serves on until then")
                .hint("Add `--primary-is-back` if the probe is wrong and you know that it is"))
        }
    }
}

/// The run was stopped before anything was done.
pub(super) fn interrupted() -> CliError {
    CliError::new(Exit::Interrupted, anyhow!("interrupted before anything was done"))
}

/// Looks at every stack of both regions at once.
pub(in crate::cli) async fn look(
    home: &Ground,
    fallback: &Ground,
    failback: &Failback,
    accepted: &[String],
) -> Both {
    let leave = &failback.leave;
    let (primary, fallback) = tokio::join!(
        engine::look(&home.recovery, &home.tools, Side::Primary, leave, accepted),
        engine::look(&fallback.recovery, &fallback.tools, Side::Fallback, &[], accepted),
    );
    Both { primary, fallback }
}

/// Reads what the stacks of one region put out, and looks at nothing else.
pub(super) async fn outputs(ground: &mut Ground, side: Side) -> Result<(), CliError> {
    let all: Vec<StepId> = ground.recovery.steps.iter().map(|step| step.id.clone()).collect();
    let found = engine::look(&ground.recovery, &ground.tools, side, &all, &[]).await;
    if let Some((step, looked)) = found.looked.first() {
        let error = anyhow!(
            "the outputs of the stack `{step}` in the {} cannot be read: {}",
            side.word(),
            looked.cause.join(": ")
        );
        return Err(CliError::new(Exit::Failed, error));
    }
    ground.learn(&found);
    Ok(())
}

impl Both {
    /// Says yes to all of it, where nothing real is at stake.
    pub(super) fn accept(&mut self) {
        let all = self.primary.looked.iter_mut().chain(&mut self.fallback.looked);
        all.for_each(|(_, looked)| looked.accepted = looked.digest.is_some());
    }

    /// All that was found, the primary first.
    pub(super) fn all(&self) -> impl Iterator<Item = &(StepId, Looked)> {
        self.primary.looked.iter().chain(&self.fallback.looked)
    }

    /// Says it.
    pub(in crate::cli) fn say(&self, run: &mut Run<'_>) {
        for (step, looked) in self.all() {
            run.say(EventKind::StackLooked { step: step.clone(), looked: looked.clone() });
        }
    }

    /// The stacks of the primary whose plans have something to do.
    pub(super) fn to_do(&self) -> Vec<&StepId> {
        let acts = |looked: &Looked| !looked.lost.is_empty() || !looked.changes.is_empty();
        self.primary.looked.iter().filter(|(_, l)| acts(l)).map(|(id, _)| id).collect()
    }

    /// Lets what is lost in the primary be created again.
    pub(super) fn agree(&self, recovery: &mut Recovery) {
        for step in &mut recovery.steps {
            let looked = self.primary.looked.iter().find(|(id, _)| *id == step.id);
            if let (Work::Stack(stack), Some((_, looked))) = (&mut step.work, looked)
                && let Some(at_home) = &mut Arc::make_mut(stack).at_home
            {
                at_home.lost = looked.lost.iter().cloned().collect();
            }
        }
    }

    /// Refuses to go on while something could not be looked at, or somebody has to say yes to it.
    ///
    /// # Errors
    ///
    /// All of that.
    pub(super) fn refused(&self) -> Result<(), CliError> {
        let mut lines = Vec::new();
        let mut digests: BTreeSet<&str> = BTreeSet::new();
        for (step, looked) in self.all().filter(|(_, looked)| !looked.may_go_on()) {
            let side = looked.side.word();
            if !looked.cause.is_empty() {
                lines.push(format!("  {step} in the {side}: {}", looked.cause.join(": ")));
                continue;
            }
            lines.push(format!("  {step} in the {side}: {}", looked.words()));
            lines.extend(details(looked).into_iter().map(|line| format!("    {line}")));
            digests.extend(looked.digest.as_deref().map(|digest| &digest[..12]));
        }
        if lines.is_empty() {
            return Ok(());
        }
        let error = anyhow!("the way home is not clear:\n{}", lines.join("\n"));
        let mut error = CliError::new(Exit::Refused, error);
        if !digests.is_empty() {
            let flags: Vec<_> =
                digests.into_iter().map(|digest| format!("--accept-changes {digest}")).collect();
            error = error.hint(format!(
                "Look at each, carry home what must not be lost, then say yes: `{}`",
                flags.join(" ")
            ));
        }
        Err(error)
    }

    /// Refuses to lose what was written in the fallback.
    ///
    /// # Errors
    ///
    /// There are data stores, and nothing says how their data gets home.
    pub(super) fn data(
        &self,
        runbook: &Runbook,
        failback: &Failback,
        accepted: bool,
    ) -> Result<Data, CliError> {
        let stores = stores::of(&self.fallback, runbook);
        let by = match () {
            () if stores.is_empty() => "nothing keeps data",
            () if !failback.commands.is_empty() => "by the commands of `failback`",
            () if failback.data_is_home => "by itself, as the runbook says",
            () if accepted => "as `--data-is-home` says",
            () => {
                let error = anyhow!(
                    "what was written in the fallback would be lost: nothing says how the data of {} gets home",
                    stores.join(", ")
                );
                return Err(CliError::new(Exit::Refused, error)
                    .hint("Say how: `failback { command \"replicate-home\" { run = [\"…\", fallback.region, region] } }`")
                    .hint("Or `failback { data_is_home = true }` where both regions share it; commit it, and name the commit with `--ref`")
                    .hint("Add `--data-is-home` if it is home, or may be lost"));
            }
        };
        Ok(Data { stores, by })
    }
}

/// How the data gets home.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    /// What keeps it.
    pub(super) stores: Vec<String>,
    /// By what.
    pub(super) by: &'static str,
}

/// What a look found, a line each.
pub(super) fn details(looked: &Looked) -> Vec<String> {
    let lost = looked.lost.iter().map(|address| format!("lost: {address}"));
    let drifted = looked.drifted.iter().map(|a| format!("changed outside of Terraform: {a}"));
    lost.chain(drifted).chain(looked.changes.iter().cloned()).collect()
}

/// Refuses stacks whose state cannot be reached, but those that are left alone.
///
/// # Errors
///
/// Each of them.
pub(super) fn reachable(
    assembled: &engine::Assembled,
    failback: &Failback,
) -> Result<(), CliError> {
    let all: Vec<_> =
        assembled.obstacles().filter(|(stack, _)| !failback.leave.contains(stack)).collect();
    if all.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> =
        all.iter().map(|(stack, obstacle)| format!("  {stack}: {obstacle}")).collect();
    let hints: BTreeSet<String> = all.iter().map(|(_, obstacle)| obstacle.hint.clone()).collect();
    let error = anyhow!("the primary's own states cannot be reached:\n{}", lines.join("\n"));
    Err::<(), _>(error).or_exit(Exit::Refused).map_err(|error| error.hints(hints))
}
