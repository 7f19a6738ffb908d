//! From a runbook and a repository to a [`Recovery`]: every decision, made before anything is done.

use super::recovery::{CommandWork, PlannedStep, Recovery, StackWork, StateHome, Work, digest};
use crate::{
    config::{body::Attribute, module::Module, repository::Repository},
    model::step::StepId,
    retarget::{Redirection, RetargetError, redirect},
    runbook::{self, Known, Mistake, Runbook},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

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
    /// A stack cannot be pointed at the fallback region.
    #[error("the stack `{stack}` cannot be pointed at `{region}`")]
    Retarget {
        /// Which.
        stack: StepId,
        /// Where it should go.
        region: String,
        /// Why not.
        #[source]
        source: Box<RetargetError>,
    },
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
    };
    let mut redirections = BTreeMap::new();
    let mut steps = Vec::new();
    for step in &runbook.steps {
        let work = match &step.work {
            runbook::Work::Stack(stack) => {
                let (work, redirection) = stack_work(sources, &known, &step.id, stack)?;
                redirections.insert(step.id.clone(), redirection);
                Work::Stack(Arc::new(work))
            }
            runbook::Work::Command(command) => Work::Command(Arc::new(CommandWork {
                run: command.run.clone(),
                env: command.env.clone(),
                limit: command.limit,
            })),
        };
        let (id, needs, kind) = (step.id.clone(), step.needs.clone(), step.kind());
        steps.push(PlannedStep { id, needs, kind, work });
    }
    let env = program_env(&known);
    let simulate = simulate(runbook, &known)?;
    let recovery = Recovery {
        known,
        steps,
        probes: runbook.probes.clone(),
        recovery_points: runbook.recovery_points.clone(),
        simulate,
        verify_within: runbook.service.verify_within.unwrap_or(VERIFY_WITHIN),
        root: sources.root.to_owned(),
        env,
    };
    let decisions = decisions(sources, &recovery, &redirections);
    let digest = digest(&decisions);
    Ok(Assembled { recovery, redirections, decisions, digest })
}

/// The values of the `simulate` blocks.
fn simulate(runbook: &Runbook, known: &Known) -> Result<Map<String, Value>, AssembleError> {
    let values = |simulated: &runbook::Simulated| {
        Ok((simulated.kind.clone(), Value::Object(known.values(&simulated.values)?)))
    };
    let all: Result<_, Mistake> = runbook.simulate.iter().map(values).collect();
    all.map_err(|mistake| AssembleError::Mistakes(vec![mistake]))
}

fn program_env(known: &Known) -> BTreeMap<String, String> {
    [
        ("DRCTL_REGION", Some(known.region.clone())),
        ("DRCTL_PRIMARY", known.primary.clone()),
        ("DRCTL_SERVICE", Some(known.service.clone())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

fn stack_work(
    sources: &Sources<'_>,
    known: &Known,
    id: &StepId,
    stack: &runbook::Stack,
) -> Result<(StackWork, Redirection), AssembleError> {
    let Sources { runbook, repository, root, region, primary, .. } = *sources;
    let of_region = runbook.region(region);
    let module = repository.module(&stack.path).ok_or_else(|| AssembleError::Mistakes(vec![]))?;
    let variables = variables(module, of_region, stack);
    let given: Vec<&str> = variables.iter().map(Attribute::name).collect();
    let (state, backend) = match of_region.and_then(|r| r.state.as_ref()) {
        None => (StateHome::Own, json!({ "http": {} })),
        Some(block) => {
            let backend = block.label(0).unwrap_or_default().to_owned();
            let settings = known
                .values_for(id.as_str(), block.body().attributes())
                .map_err(|mistake| AssembleError::Mistakes(vec![mistake]))?;
            let settings = json!({ &backend: settings });
            (StateHome::Declared { backend }, settings)
        }
    };
    let redirection =
        redirect(module, repository, region, primary, &given, &backend).map_err(|source| {
            AssembleError::Retarget {
                stack: id.clone(),
                region: region.to_owned(),
                source: Box::new(source),
            }
        })?;
    let files = of_region.map(|r| r.var_files.as_slice()).unwrap_or_default();
    let var_files: Vec<PathBuf> =
        files.iter().chain(&stack.var_files).map(|file| root.join(file)).collect();
    let work = StackWork {
        dir: root.join(&stack.path),
        regional: redirection.variables.clone(),
        variables,
        var_files,
        env: redirection.env.clone(),
        state,
        parallelism: stack.parallelism,
    };
    Ok((work, redirection))
}

/// The variables of a stack: its own, and those of the region that it declares.
fn variables(
    module: &Module,
    region: Option<&runbook::Region>,
    stack: &runbook::Stack,
) -> Vec<Attribute> {
    let own = |name: &str| stack.variables.iter().any(|v| v.name() == name);
    let declared = |name: &str| module.variable(name).is_some();
    region
        .into_iter()
        .flat_map(|region| &region.variables)
        .filter(|variable| declared(variable.name()) && !own(variable.name()))
        .chain(&stack.variables)
        .cloned()
        .collect()
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
                Work::Command(command) => json!({
                    "run": command.run.source(),
                    "env": written(&command.env),
                }),
            };
            merge(&mut shown, more);
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

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
