//! What a drill does otherwise than the failover that it stands for.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        prepared::{Keeping, Prepared},
    },
    config::repository::Repository,
    engine::Work,
    model::{redirect::Decision, run::RunId, step::StepKind},
    retarget::{add_override, unprotected},
    runbook::{Probe, Role},
};
use anyhow::Context;
use std::path::Path;

/// As [`keeping`], for a drill that is only shown.
pub(crate) const KEEPING_OF_NONE: Keeping<'static> =
    Keeping { own_state: true, salt: Some("xxxx") };

/// What programs of the repository find in their environment.
const VARIABLE: &str = "DRCTL_DRILL";

/// Returns how what a drill makes is kept apart: all states by drctl itself, so that all that is in
/// them is the drill's own, and names that no other drill has.
pub(crate) fn keeping(run: &RunId) -> Keeping<'_> {
    Keeping { own_state: true, salt: Some(run.salt()) }
}

/// Takes out of a recovery what a drill must not do, and what proves nothing in one.
pub(crate) fn adapt(prepared: &mut Prepared) {
    let recovery = &mut prepared.assembled.recovery;
    recovery.env.insert(VARIABLE.to_owned(), "1".to_owned());
    for step in recovery.steps.iter_mut().filter(|step| step.kind == StepKind::Cutover) {
        step.work = Work::LeftOut("a drill moves no traffic".to_owned());
    }
    let (kept, others): (Vec<Probe>, Vec<Probe>) = recovery
        .probes
        .drain(..)
        .partition(|probe| probe.role == Role::Service && probe.asks_what_was_rebuilt());
    for probe in others.iter().filter(|probe| probe.role == Role::Service) {
        prepared.notes.push(format!(
            "the probe `{}` is left out: its address is the same in a drill as before, so that it asks the primary; one that reads `region` or `stack.NAME.outputs` asks what was rebuilt",
            probe.name
        ));
    }
    prepared.runbook.probes.clone_from(&kept);
    recovery.probes = kept;
    for (stack, redirection) in &prepared.assembled.redirections {
        for global in redirection.globals.iter().filter(|g| g.decision == Decision::Create) {
            let Some(name) = &global.name else { continue };
            prepared.notes.push(format!(
                "{stack}: `{}` is made under the name `{name}` in every drill, which may still be taken from the last one: `global \"{}\" {{ decision = \"suffix\" }}` makes it unique",
                global.address, global.address
            ));
        }
    }
}

/// Lets what the code protects from its removal be removed, in the work copy: what a drill makes, it
/// removes.
pub(crate) fn unprotect(root: &Path) -> Result<(), CliError> {
    let repository = Repository::read(root, None)
        .with_context(|| format!("failed to read `{}`", root.display()))
        .or_exit(Exit::Failed)?;
    for module in repository.modules() {
        if let Some(text) = unprotected(module) {
            add_override(&root.join(&module.dir), &text)
                .context("failed to write the override files into the work copy")
                .or_exit(Exit::Failed)?;
        }
    }
    Ok(())
}
