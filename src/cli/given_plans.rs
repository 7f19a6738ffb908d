//! Plans of Terraform that a person hands over, as files.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
};
use crate::{
    forecast::Planned,
    model::{nearest, step::StepId},
    terraform::Plan,
};
use anyhow::{Context, anyhow};
use std::{collections::BTreeMap, fs, path::PathBuf, str::FromStr};

/// What every saved plan begins with: it is a ZIP archive.
const ZIP: &[u8] = b"PK\x03\x04";

/// `[STACK=]FILE`.
#[derive(Clone, Debug)]
pub(super) struct GivenPlan {
    stack: Option<StepId>,
    file: PathBuf,
}

impl FromStr for GivenPlan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (stack, file) = match text.split_once('=') {
            Some((stack, file)) => (Some(stack), file),
            None => (None, text),
        };
        if file.is_empty() || stack == Some("") {
            return Err("write it as `STACK=FILE`, such as `network=plan.json`".to_owned());
        }
        Ok(Self { stack: stack.map(StepId::new), file: file.into() })
    }
}

/// Reads plans, each of one of the `stacks`. Without any stack, each is a stack of its own.
pub(super) fn read_plans(
    given: &[GivenPlan],
    stacks: &[StepId],
) -> Result<BTreeMap<StepId, Planned>, CliError> {
    let mut plans = BTreeMap::new();
    for one in given {
        let stack = of_stack(one, stacks)?;
        let plan = Planned::read(&read(one)?);
        if plans.insert(stack.clone(), plan).is_some() {
            let error = anyhow!("there are two plans of the stack `{stack}`");
            return Err(CliError::new(Exit::Usage, error).hint("Give each stack one `--plan`"));
        }
    }
    Ok(plans)
}

fn of_stack(one: &GivenPlan, stacks: &[StepId]) -> Result<StepId, CliError> {
    let file = one.file.display();
    let all = || stacks.iter().map(StepId::as_str).collect::<Vec<_>>().join(", ");
    let usage = |error| CliError::new(Exit::Usage, error);
    match (&one.stack, stacks) {
        (Some(stack), []) => Ok(stack.clone()),
        (None, []) => Ok(StepId::new(one.file.file_stem().unwrap_or_default().to_string_lossy())),
        (Some(stack), _) if stacks.contains(stack) => Ok(stack.clone()),
        (Some(stack), _) => {
            let near = nearest(stack.as_str(), stacks.iter().map(StepId::as_str));
            let error = usage(anyhow!("there is no stack `{stack}` for the plan `{file}`"));
            Err(error
                .hints(near.map(|near| format!("Did you mean `{near}`?")))
                .hint(format!("The stacks are: {}", all())))
        }
        (None, [one]) => Ok(one.clone()),
        (None, _) => Err(usage(anyhow!("the plan `{file}` could be of {} stacks", stacks.len()))
            .hint(format!("Write `--plan STACK={file}`; the stacks are: {}", all()))),
    }
}

fn read(one: &GivenPlan) -> Result<Plan, CliError> {
    let file = one.file.display();
    let cannot = || format!("the plan `{file}` cannot be used");
    let show = || format!("Write `terraform show -json PLANFILE > {file}`, and name that");
    let text = fs::read(&one.file)
        .with_context(|| format!("failed to read the plan `{file}`"))
        .or_exit(Exit::Usage)
        .map_err(|error| error.hint("Name a file that `terraform show -json` printed"))?;
    if text.starts_with(ZIP) {
        let error = anyhow!("it is a saved plan, and not what `terraform show -json` prints of it");
        return Err(CliError::new(Exit::Usage, error.context(cannot()))
            .hint(format!("Write `terraform show -json {file} > plan.json`, and name that")));
    }
    let plan = Plan::read(&text)
        .with_context(cannot)
        .or_exit(Exit::Usage)
        .map_err(|error| error.hint(show()))?;
    let why = if plan.configuration.is_null() && plan.resource_changes.is_empty() {
        "it has no plan in it: it is a state, or something else"
    } else if plan.errored {
        "it broke off with an error, so that it does not say all"
    } else {
        return Ok(plan);
    };
    Err(CliError::new(Exit::Usage, anyhow!(why).context(cannot())).hint(show()))
}
