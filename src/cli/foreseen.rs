//! What a run expects of itself, before it is declared.

use super::{history, home::Home, prepared::Prepared, way::Simulated};
use crate::{
    catalogue::Catalogue,
    config::repository::Survey,
    forecast::draws::{Asked, Verified},
    lint::{self, Assumed, Options},
    model::{prediction::Prediction, redirect::Decision, step::StepId, time::Objective},
    runbook::{DeployKind, Runbook, Work},
};
use anyhow::Context;
use std::{collections::BTreeSet, path::PathBuf, time::Duration};
use tokio::{task::spawn_blocking, time::timeout};

/// How many recoveries are drawn: fewer than where nobody waits for a recovery to begin.
const DRAWS: u32 = 2_000;
/// What the draws begin with.
const SEED: u64 = 1;
/// How long a recovery waits for its forecast at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// All that a forecast needs, to be taken to another thread.
struct Basis {
    root: PathBuf,
    runbook: Runbook,
    region: String,
    primary: Option<String>,
    rto: Option<Objective>,
    /// Resources that are not made, by their stack and their address in their module.
    left: BTreeSet<(StepId, String)>,
    /// Where the team's own runs are.
    home: Option<PathBuf>,
    catalogue: Option<Catalogue>,
    verified: Verified,
}

/// Puts into `prepared` how long it is expected to take, or returns a note why nobody knows: a
/// forecast stops no recovery.
///
/// A real run learns from the team's own runs below `home`. In a rehearsal the catalogue alone makes
/// the times, so that it alone is asked, and so that what a rehearsal takes tries the forecast out.
pub(super) async fn foresee(
    prepared: &mut Prepared,
    home: Option<&Home>,
    simulated: Option<&Simulated>,
) -> Option<String> {
    let basis = Basis::of(prepared, home, simulated);
    let asked = spawn_blocking(move || basis.predict());
    let why = match timeout(PATIENCE, asked).await {
        Ok(Ok(Ok(forecast))) => {
            prepared.forecast = forecast;
            return None;
        }
        Ok(Ok(Err(error))) => format!("{error:#}"),
        Ok(Err(_)) => "making it broke off".to_owned(),
        Err(_) => format!("it was not ready within {}s", PATIENCE.as_secs()),
    };
    Some(format!("there is no forecast: {why}"))
}

impl Basis {
    fn of(prepared: &Prepared, home: Option<&Home>, simulated: Option<&Simulated>) -> Self {
        let known = &prepared.assembled.recovery.known;
        let left = |(stack, redirection): (&StepId, &crate::retarget::Redirection)| {
            let stack = stack.clone();
            let left = redirection.globals.iter().filter(|g| g.decision != Decision::Create);
            left.map(move |global| (stack.clone(), global.address.clone())).collect::<Vec<_>>()
        };
        Self {
            root: prepared.checkout.dir.clone(),
            runbook: prepared.runbook.clone(),
            region: known.region.clone(),
            primary: known.primary.clone(),
            rto: prepared.rto,
            left: prepared.assembled.redirections.iter().flat_map(left).collect(),
            home: home.map(|home| home.root().to_owned()),
            catalogue: simulated.and_then(|simulated| simulated.catalogue.clone()),
            verified: match simulated {
                Some(_) => Verified::Simulated,
                None => verified(Some(&prepared.runbook)),
            },
        }
    }

    /// Returns the forecast; `None` when there is nothing to apply.
    fn predict(&self) -> anyhow::Result<Option<Prediction>> {
        let survey = Survey::read(&self.root, None).context("failed to read the work copy")?;
        let service = &self.runbook.service.name;
        let past = self.home.as_ref().map(|home| history::read(home, service));
        let options = Options {
            primary: self.primary.as_deref(),
            fallback: Some(&self.region),
            runbook: Some(&self.runbook),
            rto: self.rto,
            history: past.as_ref().map(|past| &past.history),
            ..Options::default()
        };
        let catalogue = self.catalogue.as_ref().unwrap_or(Catalogue::builtin());
        let assumed = Assumed { catalogue, ..Assumed::default() };
        let forecast = lint::forecast(&survey, &options, &assumed)?;
        let asked = Asked {
            draws: DRAWS,
            seed: SEED,
            rto: self.rto.map(Objective::get),
            verified: self.verified,
        };
        let left = |stack: &StepId, address: &str| {
            let of_stack = self.left.iter().filter(|(left, _)| left == stack);
            of_stack.map(|(_, left)| left).any(|left| in_module(address) == left)
        };
        let prediction = forecast.map(|forecast| forecast.provide(left).predict(&asked));
        // A rehearsal moves no traffic.
        let moves = self.verified != Verified::Simulated;
        let runbook = Some(&self.runbook).filter(|_| moves);
        Ok(prediction.map(|prediction| with_caches(prediction, runbook)))
    }
}

/// Adds to a forecast how long caches of the DNS may hold the old answer once traffic is moved, or
/// that nobody says so.
pub(super) fn with_caches(mut prediction: Prediction, runbook: Option<&Runbook>) -> Prediction {
    let steps = runbook.into_iter().flat_map(|runbook| &runbook.steps);
    let mut unsaid = Vec::new();
    for step in steps {
        let Work::Deploy(deploy) = &step.work else { continue };
        match deploy.ttl().map(|ttl| u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)) {
            Some(ttl) => prediction.caches_ms = prediction.caches_ms.max(Some(ttl)),
            None if deploy.kind == DeployKind::Dns => unsaid.push(step.id.as_str()),
            None => {}
        }
    }
    if !unsaid.is_empty() {
        let steps = unsaid.join(", ");
        prediction.missing.push(format!(
            "caches that hold the old answer of the DNS after {steps}, whose TTL the runbook does not say"
        ));
    }
    prediction
}

/// Returns how the probes of a runbook say that the service is back.
pub(super) fn verified(runbook: Option<&Runbook>) -> Verified {
    let probes = runbook.into_iter().flat_map(|runbook| &runbook.probes);
    // The first good answer can come at once; each that follows waits for the interval.
    let slowest = probes.map(|probe| probe.interval * probe.up_after.saturating_sub(1)).max();
    slowest.map_or(Verified::Never, |at_least| Verified::ByProbes { at_least })
}

/// Returns the address of a managed resource in its module: its type and its name.
fn in_module(address: &str) -> &str {
    match address.rmatch_indices('.').nth(1) {
        Some((at, _)) => &address[at + 1..],
        None => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_slowest_probe_says_how_long_verification_takes_at_least() {
        let runbook = |probes: &str| {
            let text = format!(
                "service \"s\" {{\n  rto = \"1h\"\n}}\nstack \"a\" {{\n  path = \".\"\n}}\n{probes}"
            );
            Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "x").unwrap()
        };
        let probe = |name: &str, interval: &str, up_after: u32| {
            format!(
                "probe \"tcp\" \"{name}\" {{\n  address = \"a:1\"\n  interval = \"{interval}\"\n  up_after = {up_after}\n}}\n"
            )
        };
        assert_eq!(verified(None), Verified::Never);
        assert_eq!(verified(Some(&runbook(""))), Verified::Never);
        let two = probe("slow", "10s", 2) + &probe("often", "2s", 4);
        let at_least = Duration::from_secs(10);
        assert_eq!(verified(Some(&runbook(&two))), Verified::ByProbes { at_least });
        let at_once = Verified::ByProbes { at_least: Duration::ZERO };
        assert_eq!(verified(Some(&runbook(&probe("once", "5s", 1)))), at_once);
    }

    #[test]
    fn caches_are_in_a_forecast_as_far_as_the_runbook_says_their_ttl() {
        let foreseen = |step: &str| {
            let text = format!(
                "service \"s\" {{\n  rto = \"1h\"\n}}\ndns \"name\" {{\n  zone = \"Z\"\n  record = \"a.b\"\n{step}\n}}\n"
            );
            let runbook = Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "x").unwrap();
            let prediction = with_caches(Prediction::default(), Some(&runbook));
            (prediction.caches_ms, prediction.missing.len())
        };
        assert_eq!(foreseen("  values = [\"192.0.2.1\"]\n  ttl = \"20s\""), (Some(20_000), 0));
        assert_eq!(foreseen("  values = [\"192.0.2.1\"]"), (None, 1));
        assert_eq!(foreseen("  failover = \"seoul\""), (None, 1));
        assert_eq!(with_caches(Prediction::default(), None), Prediction::default());
    }

    #[test]
    fn an_address_in_a_module_is_its_last_two_parts() {
        assert_eq!(in_module("module.a.module.b.aws_iam_role.c"), "aws_iam_role.c");
        assert_eq!(in_module("aws_iam_role.c"), "aws_iam_role.c");
    }
}
