//! What a run that goes on in another process still has of what it started from.

use super::files;
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
/// Something of it cannot be read or written.
pub(in crate::cli) fn again(
    folder: &RunFolder,
    recovery: &Recovery,
) -> Result<BTreeMap<StepId, Beforehand>, CliError> {
    let text = fs::read(folder.prepared()).unwrap_or_default();
    let steps: Vec<StepId> = serde_json::from_slice(&text).unwrap_or_default();
    let mut others = vec![folder.work()];
    others.extend(old_work(folder));
    others.retain(|other| fs::canonicalize(other).ok().as_ref() != Some(&recovery.root));
    let mut all = BTreeMap::new();
    let mut taken = BTreeSet::new();
    for step in recovery.steps.iter().filter(|step| steps.contains(&step.id)) {
        let Work::Stack(work) = &step.work else { continue };
        // Two stacks may be of one folder.
        let there = taken.contains(&work.dir)
            || take(&others, &recovery.root, &work.dir)
                .with_context(|| format!("failed to take over what was prepared for `{}`", step.id))
                .or_exit(Exit::Failed)?;
        if there {
            taken.insert(work.dir.clone());
            all.insert(step.id.clone(), Beforehand::default());
        }
    }
    Ok(all)
}

/// Takes `.terraform` of a stack from the newest other work copy that has one. What may still be used
/// there stays there.
fn take(others: &[PathBuf], root: &Path, dir: &Path) -> io::Result<bool> {
    let inside = dir.strip_prefix(root).unwrap_or(dir);
    let there = others.iter().rev().map(|other| other.join(inside).join(".terraform"));
    let Some(from) = there.into_iter().find(|dir| dir.is_dir()) else {
        return Ok(false);
    };
    crate::engine::forget_the_primary(dir)?;
    let to = dir.join(".terraform");
    files::copy(&from, &to, &["providers"])?;
    let providers = from.join("providers");
    if providers.is_dir() {
        files::link(&providers, &to.join("providers"))?;
    }
    Ok(true)
}
