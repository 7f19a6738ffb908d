//! What earlier runs left standing: a second failover must not build everything twice.

use super::{
    error::CliError,
    exit::Exit,
    failback::torn_down,
    home::{Home, RunFolder},
};
use crate::{
    model::{
        event::EventKind,
        resource::ResourceAction,
        run::{RunId, RunKind},
    },
    observe::journal::JournalReader,
    terraform::managed,
};
use anyhow::anyhow;
use std::{fs, path::Path};

/// How many events may come before the plan of a run is said.
const HEAD: usize = 16;

/// Refuses a run where an earlier one left resources of the same service in the same region.
///
/// Only state that drctl keeps is looked at; in a declared backend the gate finds them.
pub(super) fn refuse_twice(
    home: &Home,
    this: &RunId,
    service: &str,
    region: &str,
) -> Result<(), CliError> {
    refuse_beside(home, Some(this), service, region).map_err(|error| {
        error.hint("Add `--again` to build everything anew beside it, once its resources are gone or cannot collide")
    })
}

/// The same for what cannot be asked for again; before there is a run, `this` is none.
pub(super) fn refuse_beside(
    home: &Home,
    this: Option<&RunId>,
    service: &str,
    region: &str,
) -> Result<(), CliError> {
    for earlier in home.runs()?.into_iter().rev().filter(|run| Some(run) != this) {
        let folder = home.run(&earlier);
        let resources = resources(&folder.state());
        if resources == 0 {
            continue;
        }
        if let Some(kind) = kind_of(&folder, service, region) {
            let error = anyhow!(
                "the run {earlier} left {resources} resource(s) of `{service}` in {region}; a second one would build them twice"
            );
            let error = CliError::new(Exit::Refused, error);
            return Err(match kind {
                RunKind::Drill => error
                    .hint(format!("Remove what that drill left: `drctl drill --sweep {earlier}`")),
                _ => error.hint(format!(
                    "See with `drctl report {earlier}` what there is; its state is in `{}`",
                    folder.state().display()
                )),
            });
        }
    }
    Ok(())
}

/// Refuses a drill where an earlier failover may still stand whose states are in a declared backend:
/// whether it was failed back since is only known where `drctl failback` tore it down.
pub(super) fn refuse_beside_a_failover(
    home: &Home,
    this: &RunId,
    service: &str,
    region: &str,
) -> Result<(), CliError> {
    for earlier in home.runs()?.into_iter().rev().filter(|run| run != this) {
        let folder = home.run(&earlier);
        let is_failover = kind_of(&folder, service, region) == Some(RunKind::Failover);
        if is_failover && made_elsewhere(&folder) && torn_down(home, &earlier).is_none() {
            let error = anyhow!(
                "the failover {earlier} of `{service}` into {region} may still stand: its states are in a declared backend"
            );
            return Err(CliError::new(Exit::Refused, error)
                .hint(format!("See with `drctl report {earlier}` what it made"))
                .hint("Add `--again` once that is gone, or cannot collide with a drill"));
        }
    }
    Ok(())
}

/// Whether a run made something that no state of drctl's own knows of.
fn made_elsewhere(folder: &RunFolder) -> bool {
    let Ok(journal) = JournalReader::open(&folder.journal()) else { return false };
    journal.flatten().any(|event| match event.kind {
        EventKind::ResourceFinished { step, action: ResourceAction::Create, ok: true, .. } => {
            !folder.state().join(step.as_str()).is_dir()
        }
        _ => false,
    })
}

/// What a run was for, if it was of this service and region, by the head of its journal.
fn kind_of(folder: &RunFolder, service: &str, region: &str) -> Option<RunKind> {
    let journal = JournalReader::open(&folder.journal()).ok()?;
    let (mut kind, mut of_service) = (None, false);
    for event in journal.take(HEAD).flatten() {
        match event.kind {
            EventKind::RunStarted { region: its, run_kind, .. } if its == region => {
                kind = Some(run_kind);
            }
            EventKind::RunPlanned { service: its, .. } => of_service = its == service,
            // Nothing of it is real.
            EventKind::Simulated { .. } => return None,
            _ => {}
        }
    }
    kind.filter(|_| of_service)
}

/// How many resources the newest states of a run hold.
pub(super) fn resources(state: &Path) -> usize {
    let stacks = fs::read_dir(state).into_iter().flatten().flatten();
    stacks
        .filter_map(|stack| {
            let files = fs::read_dir(stack.path()).ok()?.flatten().map(|file| file.path());
            // A deleted state leaves a mark that sorts behind what it deletes.
            files.filter(|f| f.extension().is_some_and(|e| e == "tfstate" || e == "deleted")).max()
        })
        .filter_map(|newest| managed(&fs::read(newest).ok()?).ok())
        .map(|addresses| addresses.len())
        .sum()
}
