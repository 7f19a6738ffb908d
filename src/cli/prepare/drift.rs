//! Whether what plans stand on is still so: states are read, and plans made once more.

use super::{
    freshness::{Reason, written},
    make::head,
    shelf::Held,
    take::lay_out_at,
};
use crate::{
    cli::{
        asked::Which,
        error::{CliError, OrExit},
        execute::{GRACE, STATE_GRACE},
        exit::Exit,
        home::Home,
        prepared::{Keeping, look},
        taken_up,
        ui::Ui,
    },
    engine::{self, Planned, Stop, Tools},
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc};

/// How many stacks are planned at once.
const AT_ONCE: usize = 4;

/// Looks at the states in declared backends, and, to `refresh`, plans again what is planned.
pub(super) async fn look_again(
    held: &Held,
    which: &Which,
    refresh: bool,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Vec<Reason>, CliError> {
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let folder = Home::at(scratch.path().to_owned()).new_run(Timestamp::now())?;
    let prepared = look(which, Keeping::default(), home, &folder.work(), stop, ui).await?;
    let (recovery, tools) =
        taken_up::open(&folder, prepared.assembled, prepared.detected, GRACE, stop).await?;
    let beforehand = lay_out_at(held, &recovery, &folder, false)?;
    let tools = Arc::new(Tools { beforehand, ..tools });
    let mut reasons = Vec::new();
    let states = engine::declared_states(&recovery, &tools).await.map_err(|(step, cause)| {
        let error = anyhow!("the state of `{step}` cannot be read: {}", cause.join(": "));
        CliError::new(Exit::Failed, error)
    })?;
    for (step, stack) in &held.bundle.stacks {
        let now = states.get(step).and_then(|state| head(state));
        reasons.extend(written(step, stack.state.as_ref(), now.as_ref()));
    }
    if refresh {
        let stacks = held.bundle.stacks.iter();
        let unplanned: BTreeSet<_> =
            stacks.filter(|(_, stack)| stack.plan.is_none()).map(|(id, _)| id.clone()).collect();
        let again = engine::do_beforehand(&recovery, &unplanned, &tools, AT_ONCE).await;
        for (step, done) in again {
            let plan = held.bundle.stacks.get(&step).and_then(|stack| stack.plan.as_ref());
            let Some(plan) = plan else { continue };
            let what = match done.plan {
                Planned::Saved(now) if now.meaning == plan.meaning => continue,
                Planned::Saved(_) => format!("`{step}` would be planned otherwise now"),
                Planned::Refused(_) => format!("the gate would refuse the plan of `{step}` now"),
                Planned::Failed(cause) => {
                    format!("`{step}` cannot be planned any more: {}", cause.join(": "))
                }
                Planned::Left(why) => format!("`{step}` cannot be planned any more: {why}"),
            };
            reasons.push(Reason { kind: "drift", what });
        }
    }
    if let Some(tools) = Arc::into_inner(tools) {
        tools.server.stop(STATE_GRACE).await;
    }
    Ok(reasons)
}
