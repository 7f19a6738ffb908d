//! From what the runbook brings up to the steps of the way home.

use crate::{
    cli::{error::CliError, exit::Exit},
    config::expression::Expr,
    engine::{AtHome, CommandWork, DeployWork, PlannedStep, Recovery, Work, program_env},
    model::step::{StepId, StepKind},
    runbook::{self, Failback, Left},
};
use anyhow::anyhow;
use std::{collections::BTreeSet, sync::Arc};

/// On which terms the way home is gone.
pub(in crate::cli) struct Terms<'a> {
    /// What the runbook says of it.
    pub(in crate::cli) failback: &'a Failback,
    /// What the failover did.
    pub(in crate::cli) fallback: &'a Recovery,
    /// Makes the work that takes back a step of the failover that moved its traffic.
    pub(in crate::cli) take_back: &'a dyn Fn(&StepId) -> Work,
    /// True where nothing real is at stake.
    pub(in crate::cli) simulated: bool,
}

/// Makes the way home of `base`, which is the service where it is at home.
///
/// # Errors
///
/// Nothing says how the traffic of a step gets home.
pub(in crate::cli) fn homeward(base: Recovery, terms: &Terms<'_>) -> Result<Recovery, CliError> {
    let Terms { failback, fallback, .. } = terms;
    let primary = base.known.region.clone();
    let mut steps = Vec::new();
    let mut cutovers = Vec::new();
    for mut step in base.steps {
        let id = &step.id;
        step.waits_for_verification = false;
        if failback.leave.contains(id) {
            step.work = left_out("the runbook leaves it as it is");
        } else if step.kind == StepKind::Cutover {
            step.work = cutover(&step, &primary, terms)?;
            if matches!(step.work, Work::TakeBack(_)) || failback.repeat.contains(id) {
                step.waits_for_verification = true;
                cutovers.push(id.clone());
            }
        } else {
            step.work = work(step.work, id, failback, terms.simulated);
        }
        steps.push(step);
    }
    let stacks: Vec<StepId> =
        steps.iter().filter(|step| step.kind == StepKind::Stack).map(|s| s.id.clone()).collect();
    let own: Vec<PlannedStep> =
        failback.commands.iter().filter_map(|command| own(command, &stacks)).collect();
    order(&mut steps, &own, &cutovers);
    let at = steps.iter().position(|step| step.kind != StepKind::Stack).unwrap_or(steps.len());
    steps.splice(at..at, own);
    let mut known = base.known;
    known.primary = Some(primary);
    known.fallback = Some(Box::new(Left {
        region: fallback.known.region.clone(),
        outputs: fallback.known.outputs.clone(),
    }));
    let mut env = program_env(&known);
    env.insert("DRCTL_FALLBACK".to_owned(), fallback.known.region.clone());
    let recovery_points = failback.recovery_points.clone();
    Ok(Recovery { known, steps, recovery_points, env, ..base })
}

fn left_out(why: impl Into<String>) -> Work {
    Work::LeftOut(why.into())
}

/// What is done at home in the place of what a failover does.
fn work(work: Work, id: &StepId, failback: &Failback, simulated: bool) -> Work {
    match work {
        Work::Stack(mut stack) => {
            let lost = BTreeSet::new();
            Arc::make_mut(&mut stack).at_home = Some(AtHome { lost, anything: simulated });
            Work::Stack(stack)
        }
        Work::Command(_) if !failback.repeat.contains(id) => left_out(format!(
            "a program of the failover; `repeat = [\"{id}\"]` in `failback` runs it at home, too"
        )),
        Work::Deploy(work) if is_in_one_place(&work) => left_out(
            "where it is done says nothing of a region or a stack, so that it is one place for both",
        ),
        other => other,
    }
}

/// Whether a step is done at a site that is the same whatever the region.
fn is_in_one_place(work: &DeployWork) -> bool {
    let moves = |expr: &Expr| {
        let roots = expr.references();
        roots.iter().any(|r| matches!(r.path.first().map(String::as_str), Some("region" | "stack")))
    };
    work.site.as_ref().is_some_and(|site| !site.exprs().any(moves))
}

/// What moves the traffic of a step home.
fn cutover(step: &PlannedStep, primary: &str, terms: &Terms<'_>) -> Result<Work, CliError> {
    let id = &step.id;
    let was = terms.fallback.steps.iter().find(|other| other.id == *id);
    let undone = match was.map(|was| &was.work) {
        Some(Work::Deploy(_)) => true,
        Some(Work::Command(command)) => command.undo.is_some(),
        _ => return Ok(left_out("the failover did nothing there")),
    };
    if terms.failback.repeat.contains(id) {
        return Ok(step.work.clone());
    }
    if undone {
        return Ok((terms.take_back)(id));
    }
    let own = |command: &&runbook::Step| command.kind() == StepKind::Cutover;
    if let Some(own) = terms.failback.commands.iter().find(own) {
        return Ok(left_out(format!("`{}` moves the traffic home", own.id)));
    }
    let error = anyhow!("nothing says how the traffic gets home that `{id}` moved away");
    Err(CliError::new(Exit::Usage, error)
        .hint(format!("Give the command `{id}` what takes it back: `undo = [\"…\", primary]`"))
        .hint(format!(
            "Or let it run once more for {primary}: `failback {{ repeat = [\"{id}\"] }}`"
        )))
}

/// A program of the way home, behind all stacks unless it says.
fn own(command: &runbook::Step, stacks: &[StepId]) -> Option<PlannedStep> {
    let runbook::Work::Command(work) = &command.work else { return None };
    let mut needs = command.needs.clone();
    if needs.is_empty() {
        needs.extend_from_slice(stacks);
    }
    Some(PlannedStep {
        id: command.id.clone(),
        needs,
        kind: command.kind(),
        block: command.block(),
        waits_for_verification: command.waits_for_verification(),
        work: Work::Command(Arc::new(CommandWork {
            run: work.run.clone(),
            env: work.env.clone(),
            undo: work.undo.clone(),
            limit: work.limit,
        })),
    })
}

/// Puts the steps in their order: what is deployed waits for the data, traffic is moved last, and the
/// last that moved it is the first that is taken back.
fn order(steps: &mut [PlannedStep], own: &[PlannedStep], cutovers: &[StepId]) {
    let ids = |kind: StepKind| own.iter().filter(move |step| step.kind == kind);
    for step in steps.iter_mut().filter(|step| step.kind == StepKind::Deploy) {
        let data = ids(StepKind::Deploy).filter(|own| !own.needs.contains(&step.id));
        step.needs.extend(data.map(|own| own.id.clone()));
    }
    let mut before: Vec<StepId> = ids(StepKind::Cutover).map(|own| own.id.clone()).collect();
    for id in cutovers.iter().rev() {
        let Some(step) = steps.iter_mut().find(|step| step.id == *id) else { continue };
        step.needs.retain(|need| !cutovers.contains(need));
        step.needs.extend(before.iter().cloned());
        before = vec![id.clone()];
    }
}
