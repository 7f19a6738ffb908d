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
            let (work, moves) = cutover(&step, &primary, terms)?;
            step.work = work;
            step.waits_for_verification = moves;
            cutovers.extend(moves.then(|| id.clone()));
        } else {
            step.work = work(step.work, id, failback, terms.simulated);
        }
        steps.push(step);
    }
    let stacks: Vec<StepId> =
        steps.iter().filter(|step| step.kind == StepKind::Stack).map(|s| s.id.clone()).collect();
    let mut own: Vec<PlannedStep> =
        failback.commands.iter().filter_map(|command| own(command, &stacks)).collect();
    order(&mut steps, &mut own, &cutovers);
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

/// What moves the traffic of a step home, and whether the step itself does.
fn cutover(step: &PlannedStep, primary: &str, terms: &Terms<'_>) -> Result<(Work, bool), CliError> {
    let id = &step.id;
    let was = terms.fallback.steps.iter().find(|other| other.id == *id);
    let undone = match was.map(|was| &was.work) {
        Some(Work::Deploy(_)) => true,
        Some(Work::Command(command)) => command.undo.is_some(),
        _ => return Ok((left_out("the failover did nothing there"), false)),
    };
    if terms.failback.repeat.contains(id) {
        return Ok((step.work.clone(), true));
    }
    if undone {
        return Ok(((terms.take_back)(id), true));
    }
    let own = |command: &&runbook::Step| command.kind() == StepKind::Cutover;
    if let Some(own) = terms.failback.commands.iter().find(own) {
        return Ok((left_out(format!("`{}` moves the traffic home", own.id)), false));
    }
    let error = anyhow!("nothing says how the traffic gets home that `{id}` moved away");
    Err(CliError::new(Exit::Usage, error)
        .hint(format!(
            "Let it run once more for {primary}, `failback {{ repeat = [\"{id}\"] }}`, or say what does: `failback {{ command \"home\" {{ phase = \"cutover\", … }} }}`"
        ))
        .hint("Commit it, and name the commit with `--ref`")
        .hint(format!("Before the next failover, give `{id}` what takes it back: `undo = [\"…\", primary]`")))
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

/// Puts the steps in their order: what is deployed waits for the data, traffic is moved once all else
/// is done, and the last that moved it is the first that is taken back.
fn order(steps: &mut [PlannedStep], own: &mut [PlannedStep], cutovers: &[StepId]) {
    let data: Vec<PlannedStep> =
        own.iter().filter(|step| step.kind == StepKind::Deploy).cloned().collect();
    for step in steps.iter_mut().filter(|step| step.kind == StepKind::Deploy) {
        let before = data.iter().filter(|own| !own.needs.contains(&step.id));
        step.needs.extend(before.map(|own| own.id.clone()));
    }
    let mut after: BTreeSet<StepId> = cutovers.iter().cloned().collect();
    while let Some(next) = steps.iter().find(|step| {
        !after.contains(&step.id) && step.needs.iter().any(|need| after.contains(need))
    }) {
        after.insert(next.id.clone());
    }
    let all = steps.iter().chain(data.iter()).map(|step| &step.id);
    let mut before: Vec<StepId> = all.filter(|id| !after.contains(*id)).cloned().collect();
    for step in own.iter_mut().filter(|step| step.kind == StepKind::Cutover) {
        let more = before.iter().filter(|id| !step.needs.contains(id)).cloned();
        step.needs.extend(more.collect::<Vec<_>>());
    }
    before.extend(own.iter().filter(|s| s.kind == StepKind::Cutover).map(|s| s.id.clone()));
    for id in cutovers.iter().rev() {
        let Some(step) = steps.iter_mut().find(|step| step.id == *id) else { continue };
        step.needs.clone_from(&before);
        before = vec![id.clone()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{Known, Runbook};
    use std::{path::Path, time::Duration};

    const RUNBOOK: &str = r#"service "shop" {
  rto     = "30m"
  primary = "tokyo"
}
docker "there" {
  host = "ssh://docker.${region}.example.com"
}
docker "shared" {
  host = "ssh://docker.example.com"
}
stack "data" {
  path = "data"
}
command "restore" {
  needs = ["data"]
  run   = ["restore"]
}
container "web" {
  needs = ["restore"]
  on    = "there"
  image = "web:1"
}
container "mail" {
  on    = "shared"
  image = "mail:1"
}
command "cutover" {
  needs = ["web"]
  run   = ["point", region]
  undo  = ["point", primary]
}
command "caches" {
  needs = ["cutover"]
  phase = "cutover"
  run   = ["flush", region]
}
command "announce" {
  needs = ["caches"]
  run   = ["announce"]
}
"#;

    fn base(runbook: &Runbook, region: &str) -> Recovery {
        let step = |step: &runbook::Step| PlannedStep {
            id: step.id.clone(),
            needs: step.needs.clone(),
            kind: step.kind(),
            block: step.block(),
            waits_for_verification: step.waits_for_verification(),
            work: match &step.work {
                runbook::Work::Stack(_) => left_out("a stack"),
                runbook::Work::Command(command) => Work::Command(Arc::new(CommandWork {
                    run: command.run.clone(),
                    env: Vec::new(),
                    undo: command.undo.clone(),
                    limit: None,
                })),
                runbook::Work::Deploy(deploy) => Work::Deploy(Arc::new(DeployWork {
                    site: deploy
                        .kind
                        .site()
                        .and_then(|kind| runbook.site(kind, deploy.on.as_deref()).ok().cloned()),
                    deploy: deploy.clone(),
                    instead: None,
                    replace: Default::default(),
                })),
            },
        };
        Recovery {
            known: Known { region: region.to_owned(), ..Known::default() },
            steps: runbook.steps.iter().map(step).collect(),
            probes: Vec::new(),
            recovery_points: Vec::new(),
            simulate: Default::default(),
            asks_for_real: false,
            verify_within: Duration::ZERO,
            root: "/work".into(),
            env: Default::default(),
        }
    }

    fn planned(failback: &str) -> Result<String, CliError> {
        let text = format!("{RUNBOOK}{failback}");
        let runbook = Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "tokyo").unwrap();
        let failback = runbook.failback.clone().unwrap_or_default();
        let terms = Terms {
            failback: &failback,
            fallback: &base(&runbook, "seoul"),
            take_back: &|_| left_out("TAKEN BACK"),
            simulated: false,
        };
        let recovery = homeward(base(&runbook, "tokyo"), &terms)?;
        assert_eq!(recovery.env["DRCTL_REGION"], "tokyo");
        assert_eq!(recovery.env["DRCTL_FALLBACK"], "seoul");
        let line = |step: &PlannedStep| {
            let does = match &step.work {
                Work::LeftOut(why) => why.clone(),
                Work::Command(command) => command.run.source().to_owned(),
                _ => step.block.to_owned(),
            };
            let needs: Vec<_> = step.needs.iter().map(StepId::as_str).collect();
            format!("{} ({}): {does}", step.id, needs.join(" "))
        };
        Ok(recovery.steps.iter().map(line).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn data_gets_home_before_what_uses_it_and_traffic_comes_last() {
        let failback = r#"failback {
  leave  = ["mail"]
  repeat = ["announce", "caches"]
  command "replicate" {
    run = ["replicate", fallback.region, region]
  }
  command "fence" {
    phase = "cutover"
    run   = ["fence", fallback.region]
  }
}
"#;
        insta::assert_snapshot!(planned(failback).unwrap(), @r#"
        data (): a stack
        replicate (data): ["replicate", fallback.region, region]
        fence (data restore web mail replicate): ["fence", fallback.region]
        restore (data replicate): a program of the failover; `repeat = ["restore"]` in `failback` runs it at home, too
        web (restore replicate): container
        mail (replicate): the runbook leaves it as it is
        cutover (caches): TAKEN BACK
        caches (data restore web mail replicate fence): ["flush", region]
        announce (caches replicate): ["announce"]
        "#);
    }

    #[test]
    fn what_is_in_one_place_for_both_regions_is_left_out() {
        let failback = "failback {\n  repeat = [\"caches\"]\n}\n";
        let planned = planned(failback).unwrap();
        let mail = planned.lines().find(|line| line.starts_with("mail")).unwrap().to_owned();
        assert!(mail.contains("one place for both"), "{mail}");
    }

    #[test]
    fn traffic_that_nothing_brings_home_is_refused() {
        let error = planned("").unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert!(error.to_string().contains("`caches` moved away"), "{error}");
    }
}
