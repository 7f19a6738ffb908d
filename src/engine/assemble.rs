//! From a runbook and a repository to a [`Recovery`]: every decision, made before anything is done.

use super::{
    deploying::commands,
    point::{Pointing, needs, shared_modules},
    question::program_env,
    recovery::{CommandWork, DeployWork, PlannedStep, Recovery, Work, digest},
};
use crate::{
    catalogue::throttles,
    config::{body::Attribute, repository::Repository, terragrunt::Unit},
    model::{
        redirect::Obstacle,
        step::{StepId, StepKind},
    },
    retarget::Redirection,
    runbook::{self, Known, Mistake, Runbook},
    schedule::side_by_side,
};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

/// How long the service may take to pass its probes, unless the runbook says.
const VERIFY_WITHIN: Duration = Duration::from_secs(600);

/// What a recovery is made from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The runbook, checked.
    pub runbook: &'a Runbook,
    /// The repository, read.
    pub repository: &'a Repository,
    /// The root of the work copy.
    pub root: &'a Path,
    /// The commit that is checked out there.
    pub commit: &'a str,
    /// The fallback region.
    pub region: &'a str,
    /// The region that serves in normal times, when it is known.
    pub primary: Option<&'a str>,
    /// What stands for what in the fallback, over what the runbook says.
    pub replace: &'a BTreeMap<String, String>,
    /// The workspace that serves, where a stack of the runbook does not say.
    pub workspace: Option<&'a str>,
    /// True when drctl keeps all states itself, also where the runbook declares a backend: a
    /// rehearsal touches nothing real.
    pub own_state: bool,
    /// What tells the names of one drill from those of the next, such as `4f1c`; it stands behind
    /// every suffix.
    pub salt: Option<&'a str>,
    /// The Terragrunt units that run the modules of stacks.
    pub units: &'a BTreeMap<StepId, Unit>,
    /// True when the stacks are worked on in `region` as they are, over the states that their own
    /// code keeps there: on the way home.
    pub at_home: bool,
}

/// A recovery, and how it came about.
#[derive(Clone, Debug)]
pub struct Assembled {
    /// What will be done.
    pub recovery: Recovery,
    /// How each stack is pointed at the fallback region.
    pub redirections: BTreeMap<StepId, Redirection>,
    /// All that decides what will be done, as shown and as digested.
    pub decisions: Value,
    /// SHA-256 over the decisions.
    pub digest: String,
}

/// Why no recovery can be made.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// The runbook does not fit the repository.
    #[error("the runbook does not fit the repository:\n{}", lines(.0))]
    Mistakes(Vec<Mistake>),
}

impl Assembled {
    /// Returns what stands in the way of each stack, in the order of the stacks' names.
    pub fn obstacles(&self) -> impl Iterator<Item = (&StepId, &Obstacle)> {
        self.redirections
            .iter()
            .flat_map(|(id, redirection)| redirection.obstacles.iter().map(move |o| (id, o)))
    }
}

/// Mistakes, each on lines of its own.
pub fn lines(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Makes every decision.
///
/// # Errors
///
/// [`AssembleError`], with every mistake of the runbook at once.
pub fn assemble(sources: &Sources<'_>) -> Result<Assembled, AssembleError> {
    let Sources { runbook, repository, region, .. } = *sources;
    runbook
        .check_modules(region, |path| repository.module(path))
        .map_err(AssembleError::Mistakes)?;
    let known = Known {
        region: region.to_owned(),
        primary: sources.primary.map(str::to_owned),
        service: runbook.service.name.clone(),
        outputs: Map::new(),
        fallback: None,
    };
    let wrong = |mistake| AssembleError::Mistakes(vec![mistake]);
    let pointing = Pointing::new(sources, &known).map_err(wrong)?;
    let mut redirections = BTreeMap::new();
    let mut steps = Vec::new();
    for step in &runbook.steps {
        let work = match &step.work {
            runbook::Work::Stack(stack) => {
                let (work, redirection) = pointing.stack(&step.id, stack)?;
                redirections.insert(step.id.clone(), redirection);
                Work::Stack(Arc::new(work))
            }
            runbook::Work::Command(command) => Work::Command(Arc::new(CommandWork {
                run: command.run.clone(),
                env: command.env.clone(),
                undo: command.undo.clone(),
                limit: command.limit,
            })),
            runbook::Work::Deploy(deploy) => {
                let site = deploy.kind.site().map(|kind| runbook.site(kind, deploy.on.as_deref()));
                let work = DeployWork {
                    deploy: deploy.clone(),
                    // That there is one has been checked with the runbook.
                    site: site.and_then(Result::ok).cloned(),
                    instead: None,
                    replace: pointing.replace().clone(),
                };
                can_be_made(&work, &step.id, &known, sources.root)?;
                Work::Deploy(Arc::new(work))
            }
        };
        steps.push(PlannedStep {
            id: step.id.clone(),
            needs: step.needs.clone(),
            kind: step.kind(),
            block: step.block(),
            waits_for_verification: step.waits_for_verification(),
            work,
        });
    }
    let written = steps.iter().map(|step| (step.id.clone(), step.needs.clone())).collect();
    let mut all = needs(&written, &mut redirections);
    for step in &mut steps {
        step.needs = all.remove(&step.id).unwrap_or_default();
    }
    share_providers(runbook, &mut steps);
    shared_modules(&mut redirections);
    let env = program_env(&known);
    let simulate = simulate(runbook, &known)?;
    let recovery = Recovery {
        known,
        steps,
        probes: runbook.probes.clone(),
        recovery_points: runbook.recovery_points.clone(),
        simulate,
        asks_for_real: false,
        verify_within: runbook.service.verify_within.unwrap_or(VERIFY_WITHIN),
        root: sources.root.to_owned(),
        env,
    };
    let decisions = decisions(sources, &recovery, &redirections);
    let digest = digest(&same_for_every_drill(&decisions, sources.salt));
    Ok(Assembled { recovery, redirections, decisions, digest })
}

/// Lets stacks that may be made at the same time share what their providers bear, where the runbook
/// does not say how many resources each works on at once.
fn share_providers(runbook: &Runbook, steps: &mut [PlannedStep]) {
    let place = |id: &StepId| steps.iter().position(|step| step.id == *id);
    let needs: Vec<Vec<usize>> =
        steps.iter().map(|step| step.needs.iter().filter_map(place).collect()).collect();
    let is_stack = |step: usize| matches!(steps[step].work, Work::Stack(_));
    let beside = side_by_side(&needs, is_stack);
    for (step, beside) in steps.iter_mut().zip(beside) {
        let declared = runbook.stacks().any(|(id, s)| *id == step.id && s.parallelism.is_some());
        if let Work::Stack(stack) = &mut step.work
            && !declared
        {
            let stack = Arc::make_mut(stack);
            stack.parallelism = throttles::share(stack.parallelism, beside);
        }
    }
}

/// Checks that a step can be made, and that what it names in the repository is there, as far as
/// that is known.
fn can_be_made(
    work: &DeployWork,
    step: &StepId,
    known: &Known,
    root: &Path,
) -> Result<(), AssembleError> {
    let mut mistakes = match work.deploy.missing_paths(known, root) {
        Ok(missing) => missing,
        Err(mistake) => vec![mistake],
    };
    if mistakes.is_empty() {
        mistakes.extend(commands(work, step.as_str(), known, root).err());
    }
    if mistakes.is_empty() { Ok(()) } else { Err(AssembleError::Mistakes(mistakes)) }
}

/// The values of the `simulate` blocks.
fn simulate(runbook: &Runbook, known: &Known) -> Result<Map<String, Value>, AssembleError> {
    let values = |simulated: &runbook::Simulated| {
        Ok((simulated.kind.clone(), Value::Object(known.values(&simulated.values)?)))
    };
    let all: Result<_, Mistake> = runbook.simulate.iter().map(values).collect();
    all.map_err(|mistake| AssembleError::Mistakes(vec![mistake]))
}

/// All that decides what will be done, as one JSON document.
///
/// It holds how values are written, not what they come to, so it holds no secret.
fn decisions(
    sources: &Sources<'_>,
    recovery: &Recovery,
    redirections: &BTreeMap<StepId, Redirection>,
) -> Value {
    let written = |attributes: &[Attribute]| -> Map<String, Value> {
        attributes.iter().map(|a| (a.name().to_owned(), Value::from(a.expr().source()))).collect()
    };
    let inside =
        |path: &Path| path.strip_prefix(sources.root).unwrap_or(path).display().to_string();
    let steps: Vec<Value> = recovery
        .steps
        .iter()
        .map(|step| {
            let mut shown = json!({ "id": step.id, "kind": step.kind, "needs": step.needs });
            let more = match &step.work {
                Work::Stack(stack) => json!({
                    "path": inside(&stack.dir),
                    "state": stack.state.backend(),
                    "variables": written(&stack.variables),
                    "var_files": stack.var_files.iter().map(|f| inside(f)).collect::<Vec<_>>(),
                    "parallelism": stack.parallelism,
                    "redirection": redirections[&step.id],
                }),
                Work::Command(command) => {
                    let mut more = json!({
                        "run": command.run.source(),
                        "env": written(&command.env),
                    });
                    if let Some(undo) = &command.undo {
                        more["undo"] = undo.source().into();
                    }
                    more
                }
                Work::Deploy(work) => json!({
                    "block": work.deploy.kind.word(),
                    "settings": written(&work.deploy.settings),
                    "site": work.site.as_ref().map(|site| json!({
                        "name": site.name,
                        "settings": written(&site.settings),
                    })),
                }),
                Work::TakeBack(_) => json!({ "take_back": true }),
                Work::LeftOut(why) => json!({ "left_out": why }),
            };
            merge(&mut shown, more);
            if step.kind == StepKind::Cutover && !step.waits_for_verification {
                shown["unverified"] = true.into();
            }
            shown
        })
        .collect();
    let probes: Vec<Value> = recovery
        .probes
        .iter()
        .map(|probe| json!({ "name": probe.name, "up_after": probe.up_after }))
        .collect();
    json!({
        "service": recovery.known.service,
        "commit": sources.commit,
        "region": sources.region,
        "primary": sources.primary,
        "steps": steps,
        "probes": probes,
    })
}

/// Returns the decisions without what differs from one drill to the next.
fn same_for_every_drill(decisions: &Value, salt: Option<&str>) -> String {
    let text = decisions.to_string();
    match salt {
        None => text,
        Some(salt) => text.replace(&format!("-{salt}"), "-drill"),
    }
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
