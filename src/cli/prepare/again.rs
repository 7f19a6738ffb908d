//! What a run that goes on in another process still has of what it started from.

use crate::{
    cli::{
        durable,
        error::{CliError, OrExit},
        exit::Exit,
        home::RunFolder,
        taken_up::old_work,
    },
    engine::{Beforehand, Recovery, Work},
    model::step::StepId,
};
use anyhow::Context;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// Writes down for which stacks a run needs no `init`.
pub(super) fn remember(
    folder: &RunFolder,
    ready: &BTreeMap<StepId, Beforehand>,
) -> Result<(), CliError> {
    let steps: Vec<&StepId> = ready.keys().collect();
    let text = serde_json::to_string(&steps).or_exit(Exit::Failed)?;
    let path = folder.prepared();
    durable::replace(&path, text.as_bytes())
        .with_context(|| format!("failed to write `{}`", path.display()))
        .or_exit(Exit::Failed)
}

/// Takes over from the old work copies of a run what was prepared for its stacks, and returns what need
/// not be done again. Their saved plans are of the past: a state was written since.
///
/// # Errors
///
/// Something of it cannot be moved.
pub(in crate::cli) fn again(
    folder: &RunFolder,
    recovery: &Recovery,
) -> Result<BTreeMap<StepId, Beforehand>, CliError> {
    let text = fs::read(folder.prepared()).unwrap_or_default();
    let steps: Vec<StepId> = serde_json::from_slice(&text).unwrap_or_default();
    let old = old_work(folder);
    let mut all = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for step in recovery.steps.iter().filter(|step| steps.contains(&step.id)) {
        let Work::Stack(work) = &step.work else { continue };
        // Two stacks may be of one folder.
        let there = taken.contains(&work.dir)
            || take(&old, &recovery.root, &work.dir)
                .with_context(|| format!("failed to take over what was prepared for `{}`", step.id))
                .or_exit(Exit::Failed)?;
        if there {
            taken.insert(work.dir.clone());
            all.insert(step.id.clone(), Beforehand::default());
        }
    }
    Ok(all)
}

/// Moves `.terraform` of a stack from the newest old work copy that has one.
fn take(old: &[PathBuf], root: &Path, dir: &Path) -> io::Result<bool> {
    let to = dir.join(".terraform");
    let inside = dir.strip_prefix(root).unwrap_or(dir);
    let there = old.iter().rev().map(|old| old.join(inside).join(".terraform"));
    let Some(from) = there.into_iter().find(|dir| dir.is_dir()) else {
        return Ok(false);
    };
    crate::engine::forget_the_primary(dir)?;
    fs::rename(from, to)?;
    Ok(true)
}
