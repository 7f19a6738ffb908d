//! A rehearsal in which something is real: what runs on the simulated stacks, and who is asked.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    way::Simulated,
};
use crate::{
    config::{expression::Expr, file::SourceFile},
    engine::{Recovery, Work},
    runbook::{Asks, Role},
};
use anyhow::{Context, anyhow};
use serde_json::Value;
use std::{collections::BTreeMap, env, path::Path, sync::Arc};

/// Says to a recovery on the simulated cloud where its sites really are, and where its probes are
/// asked for real.
///
/// # Errors
///
/// A site or a probe is named that there is not, or that cannot be had so.
pub(super) fn adapt(recovery: &mut Recovery, simulated: &Simulated) -> Result<(), CliError> {
    sites(recovery, &simulated.at)?;
    probes(recovery, &simulated.ask)
}

fn sites(recovery: &mut Recovery, at: &BTreeMap<String, String>) -> Result<(), CliError> {
    for (name, place) in at {
        let mut used = false;
        for step in &mut recovery.steps {
            let Work::Deploy(work) = &mut step.work else { continue };
            let Some(kind) = work.site.as_ref().filter(|s| s.name == *name).map(|s| s.kind) else {
                continue;
            };
            // Programs run in the work copy, not here.
            let here = env::current_dir().unwrap_or_default();
            let place = match place.contains("://") {
                true => place.clone(),
                false => here.join(place).display().to_string(),
            };
            Arc::make_mut(work).instead = Some(kind.at(&place));
            used = true;
        }
        if !used {
            let error = anyhow!("`--at {name}=…`: no step of the runbook is done at `{name}`");
            return Err(CliError::new(Exit::Usage, error)
                .hint("Name a `cluster` or a `docker` of the runbook that a step is done at"));
        }
    }
    Ok(())
}

fn probes(recovery: &mut Recovery, ask: &BTreeMap<String, String>) -> Result<(), CliError> {
    if ask.is_empty() {
        return Ok(());
    }
    for (name, address) in ask {
        let mut asked = recovery.probes.iter_mut().find(|probe| probe.name == *name);
        // The address that it gets says nothing of the fallback any more.
        if let Some(probe) = &mut asked {
            probe.before_cutover = Some(probe.is_asked_before_cutover());
        }
        let Some(Asks::Http { url, .. }) = asked.map(|probe| &mut probe.asks) else {
            let error = anyhow!("`--ask {name}=…`: the runbook has no HTTP probe `{name}`");
            return Err(
                CliError::new(Exit::Usage, error).hint("Name a `probe \"http\"` of the runbook")
            );
        };
        *url = literal(address)?;
    }
    recovery.probes.retain(|probe| probe.role == Role::Service && ask.contains_key(&probe.name));
    recovery.asks_for_real = true;
    Ok(())
}

/// An expression that is a text.
fn literal(text: &str) -> Result<Expr, CliError> {
    let written = Value::from(text).to_string().replace("${", "$${").replace("%{", "%%{");
    let written = format!("url = {written}\n");
    let cannot = || format!("`{text}` cannot be asked");
    let parsed = SourceFile::parse(Path::new("--ask"), written.as_bytes(), None);
    let file = parsed.map_err(|unparsed| anyhow!(unparsed.message)).with_context(cannot);
    let expr = file.or_exit(Exit::Usage)?.body().expr("url").cloned();
    expr.with_context(cannot).or_exit(Exit::Usage)
}
