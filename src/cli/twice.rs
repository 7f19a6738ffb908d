//! The same code rehearsed where it is and where it would be rebuilt.

use super::{
    asked::{Asked, Which},
    error::{CliError, OrExit},
    exit::Exit,
    home::Home,
    recover::Attempt,
    ui::Ui,
    way::{Simulated, Way},
};
use crate::{
    engine::Stop,
    lint::rehearsed::{Made, made},
    model::{run::RunOutcome, step::StepId},
    state::{StateError, StateStore},
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// How much faster than the real cloud it goes: only what is made is looked at, and not when.
const TIME_SCALE: u32 = 100_000;

/// What is rehearsed.
pub(super) struct Rehearsed<'a> {
    /// The root of the working tree.
    pub(super) top: &'a Path,
    /// The runbook, from there.
    pub(super) runbook: &'a Path,
    /// The only root module, where there is no runbook.
    pub(super) stack: Option<&'a Path>,
    /// The Terraform to run.
    pub(super) terraform: Option<&'a str>,
}

/// What a stack made in a rehearsal, by address.
pub(super) type MadeByStack = BTreeMap<StepId, BTreeMap<String, Made>>;

/// Rehearses the newest commit in a region, which is the primary itself when `in_place`, and
/// returns what each stack made.
pub(super) async fn rehearse(
    rehearsed: &Rehearsed<'_>,
    region: &str,
    in_place: bool,
    stop: &Stop,
    ui: &Ui,
) -> Result<MadeByStack, CliError> {
    ui.say(&format!("rehearsing in {region}\n"));
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let home = Home::at(scratch.path().to_owned());
    let began_at = Timestamp::now();
    let folder = home.new_run(began_at)?;
    let asked = asked(rehearsed, region, in_place)?;
    let simulated =
        Simulated { primary_down: !in_place, keep: true, ..Simulated::plain(TIME_SCALE, 1) };
    let attempt = Attempt {
        asked: &asked,
        began_at,
        way: &Way::Rehearsal(Box::new(simulated)),
        folder: &folder,
        home: &home,
        stop,
        ui,
        quiet: true,
    };
    let outcome = attempt.run().await?;
    if matches!(outcome, RunOutcome::Interrupted) {
        return Err(CliError::new(Exit::Interrupted, anyhow!("the rehearsal was interrupted")));
    }
    let store = StateStore::open(folder.state()).map_err(from_state)?;
    let mut all = MadeByStack::new();
    for stack in store.stacks().map_err(from_state)? {
        let Some(state) = store.latest(&stack).map_err(from_state)? else { continue };
        let state = serde_json::from_slice(&state)
            .context("failed to read the state of a rehearsal")
            .or_exit(Exit::Failed)?;
        all.insert(stack, made(&state));
    }
    if matches!(outcome, RunOutcome::Failed) {
        let error = anyhow!("the rehearsal in `{region}` failed");
        return Err(CliError::new(Exit::Failed, error).hint(format!(
            "Run `drctl rehearse --region {region}` to see why, and mend that first"
        )));
    }
    Ok(all)
}

fn asked(rehearsed: &Rehearsed<'_>, region: &str, in_place: bool) -> Result<Asked, CliError> {
    let rto = "1d".parse().context("a day is an objective").or_exit(Exit::Failed)?;
    Ok(Asked {
        which: Which {
            runbook: rehearsed.runbook.to_owned(),
            stack: rehearsed.stack.map(|stack| {
                if stack.as_os_str().is_empty() { PathBuf::from(".") } else { stack.to_owned() }
            }),
            terraform: rehearsed.terraform.map(str::to_owned),
            in_place,
            ..Which::of(rehearsed.top.display().to_string(), region)
        },
        // Nothing is measured, and without an objective nothing begins.
        rto: Some(rto),
        rpo: None,
        outage_at: None,
        max_parallel: 8,
        grace: None,
        keep_work: false,
        write: Vec::new(),
    })
}

fn from_state(error: StateError) -> CliError {
    CliError::hinted(Exit::Failed, error, StateError::hint)
}
