//! Chaos Kong: a region goes dark, and everything that follows is measured.

mod real;
mod simulated;
mod switch;
mod told;

pub(super) use real::{Real, in_earnest};
pub(super) use simulated::{Played, on_the_simulated_cloud};
pub(super) use switch::Switch;
pub(super) use told::Survival;

use super::{error::CliError, exit::Exit};
use crate::{
    model::time::Pretty,
    runbook::{Act, Runbook},
};
use anyhow::anyhow;

/// The regions of a survival: the one that goes dark, and the one that it is survived in.
#[derive(Clone, Debug)]
pub(super) struct Regions {
    pub(super) dark: String,
    pub(super) into: String,
}

/// Finds out which regions are meant: the primary goes dark unless `dark` says, and the runbook names
/// the fallback unless `into` does.
///
/// # Errors
///
/// One of them is not known, or they are the same.
pub(super) fn regions(
    runbook: Option<&Runbook>,
    dark: Option<&str>,
    into: Option<&str>,
) -> Result<Regions, CliError> {
    let named = runbook.and_then(|runbook| runbook.service.primary.clone());
    let dark = dark.map(str::to_owned).or(named).ok_or_else(|| {
        CliError::new(Exit::Usage, anyhow!("no region is named that is to go dark"))
            .hint("Give `--region`, or write `primary = \"…\"` into the runbook's `service` block")
    })?;
    let fallback = || runbook?.fallback(Some(&dark));
    let into = into.or_else(fallback).map(str::to_owned).ok_or_else(|| {
        CliError::new(Exit::Usage, anyhow!("no region is named to fail over to"))
            .hint("Give `--into`, or write `watch { region = \"…\" }` into the runbook")
    })?;
    if dark == into {
        let error = anyhow!("`{dark}` cannot be failed over into while it is dark");
        return Err(CliError::new(Exit::Usage, error).hint("Name another region with `--into`"));
    }
    Ok(Regions { dark, into })
}

/// Says what a policy would have done, where Kong goes on for the sake of the measurement.
fn of_policy(act: Act) -> Option<&'static str> {
    match act {
        Act::Failover => None,
        Act::Approve => Some(
            "the policy asks a person, and the answer is taken as given at once: add the time that people take",
        ),
        Act::Notify | Act::Prepare => Some(
            "the policy fails nothing over: a person would have to, and is taken to do so at once",
        ),
    }
}

fn pretty(ms: u64) -> String {
    Pretty::ms(ms).to_string()
}
