//! A region goes dark for real: the runbook's `kong` block makes it so, and light again in any case.

use super::{
    Regions,
    switch::Switch,
    told::{ExitOf, Survival, way_back},
};
use crate::{
    cli::{
        asked::Which,
        cmd::report,
        error::CliError,
        exit::Exit,
        home::Home,
        ui::Ui,
        watch::{Begun, Outcome, Signs, Wanted, start},
    },
    engine::Stop,
    model::{time::Pretty, verdict::Summary},
    runbook::{Act, Watch},
};
use anyhow::anyhow;
use jiff::Timestamp;
use std::{
    future::pending,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long the service and what it is judged by may take to be seen up before anything is broken.
const UP_WITHIN: Duration = Duration::from_secs(120);

/// What is done in earnest.
pub(in crate::cli) struct Real<'a> {
    pub(in crate::cli) which: Which,
    pub(in crate::cli) rto: Option<String>,
    pub(in crate::cli) regions: Regions,
    pub(in crate::cli) service: String,
    pub(in crate::cli) switch: Switch<'a>,
    /// How long the region stays dark at most when nothing is failed over.
    pub(in crate::cli) give_up: Duration,
    pub(in crate::cli) home: &'a Home,
    pub(in crate::cli) stop: &'a Stop,
    pub(in crate::cli) ui: &'a Ui,
}

/// A region that was made dark.
struct Struck {
    /// When that was begun.
    at: Timestamp,
    /// How long it took.
    took: Duration,
    /// Whether nothing was failed over for as long as is waited.
    gave_up: bool,
}

/// Makes the region dark, lets the watch notice and fail over, and makes it light again.
///
/// # Errors
///
/// Not all is up to begin with, or the region cannot be made dark. It is made light again also then.
pub(in crate::cli) async fn in_earnest(real: Real<'_>) -> Result<Survival, CliError> {
    let Regions { dark, into } = &real.regions;
    real.switch.check()?;
    let wanted = Wanted {
        which: real.which.clone(),
        rto: real.rto.clone(),
        listen: None,
        json: false,
        until_over: true,
        wait_for_failover: false,
        policy,
    };
    let inner = Stop::default();
    let watching = start(wanted, real.home, &inner, real.ui).await?;
    if let Some(run) = watching.goes_on() {
        let error = anyhow!("the failover {run} is not over, so nothing is broken");
        return Err(CliError::new(Exit::Refused, error)
            .hint(format!("Wait for it; `drctl report {run}` says how far it is")));
    }
    let (signs, over) = (watching.signs(), CancellationToken::new());
    let watched = async {
        let outcome = watching.run().await;
        over.cancel();
        outcome
    };
    let (outcome, struck) = tokio::join!(watched, real.strike(&signs, &over, &inner));
    let Some(struck) = struck else { return Err(real.never_up(&outcome)) };
    let light = real.switch.light().await;
    let struck = struck?;

    let mut survival = Survival::new(&real.service, dark, into, false);
    survival.light = light;
    survival.dark_ms = Some(u64::try_from(struck.took.as_millis()).unwrap_or(u64::MAX));
    if let Some(noticed) = &outcome.noticed {
        survival.first_failure_ms = Some(ms_between(struck.at, noticed.began));
        survival.detected_ms = Some(ms_between(struck.at, noticed.detected));
        survival.scope = Some(noticed.scope);
    }
    match &outcome.begun {
        Some(begun) => {
            survival.decided_ms = Some(ms_between(struck.at, begun.at));
            real.take(&mut survival, begun);
        }
        None if real.stop.token().is_cancelled() => {
            (survival.exit, survival.summary) = (ExitOf::Stopped, "interrupted");
            survival.headline = "it was stopped before anything was failed over".to_owned();
        }
        None => real.not_failed_over(&mut survival, &outcome, &struck),
    }
    Ok(survival)
}

/// Somebody said yes to a failover already, and to nothing else; and what is broken on purpose is no
/// maintenance.
fn policy(watch: &mut Watch) {
    watch.service_down = Act::Failover;
    watch.region_down = Act::Failover;
    watch.cool_down = Duration::ZERO;
    watch.maintenance.clear();
}

fn ms_between(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.duration_since(from).as_millis()).unwrap_or(0)
}

impl Real<'_> {
    /// Makes the region dark once all was seen up, and stops the watch when drctl is stopped or nothing
    /// comes of it. `None` when all was never up.
    async fn strike(
        &self,
        signs: &Signs,
        over: &CancellationToken,
        watch: &Stop,
    ) -> Option<Result<Struck, CliError>> {
        let stop = self.stop.token();
        let is_up = tokio::select! {
            () = stop.cancelled() => false,
            () = over.cancelled() => false,
            () = signs.up.cancelled() => true,
            () = sleep(UP_WITHIN) => false,
        };
        if !is_up {
            watch.request("SIGTERM");
            return None;
        }
        self.ui.say(&format!("making {} dark\n", self.regions.dark));
        let (at, began) = (Timestamp::now(), Instant::now());
        if let Err(error) = self.switch.dark().await {
            watch.request("SIGTERM");
            return Some(Err(error));
        }
        let took = began.elapsed();
        let nothing_comes_of_it = async {
            tokio::select! {
                () = signs.fired.cancelled() => pending().await,
                () = sleep(self.give_up) => {}
            }
        };
        let gave_up = tokio::select! {
            () = over.cancelled() => false,
            () = stop.cancelled() => false,
            () = nothing_comes_of_it => true,
        };
        watch.request("SIGTERM");
        Some(Ok(Struck { at, took, gave_up }))
    }

    fn never_up(&self, outcome: &Outcome) -> CliError {
        if self.stop.token().is_cancelled() {
            return CliError::new(
                Exit::Interrupted,
                anyhow!("it was stopped before anything was broken"),
            );
        }
        let within = UP_WITHIN.as_secs();
        let error = anyhow!(
            "not all is seen to be up within {within}s, so nothing is broken:\n{}",
            outcome.not_up.join("\n")
        );
        CliError::new(Exit::Failed, error)
            .hint("See with `drctl probe` what the probes say, and begin when all of them pass")
    }

    /// Takes in what the failover came to.
    fn take(&self, survival: &mut Survival, begun: &Begun) {
        let Regions { dark, into } = &self.regions;
        survival.run = Some(begun.run.clone());
        let Some(ended) = &begun.ended else {
            (survival.exit, survival.summary) = (ExitOf::Stopped, "interrupted");
            survival.headline =
                format!("it was stopped; the failover {} goes on by itself", begun.run);
            survival.notes.push(format!(
                "`drctl report {}` says how far it is, and a `drctl watch` how it ends",
                begun.run
            ));
            return;
        };
        let failover = match report::read(&self.home.run(&begun.run)) {
            Ok(failover) => failover,
            Err(_) => {
                (survival.exit, survival.summary) = (ExitOf::Run(Summary::Failed), "failed");
                survival.headline = format!("the failover {}: {ended}", begun.run);
                return;
            }
        };
        survival.take(&failover, survival.first_failure_ms.unwrap_or(0));
        if failover.summary == Summary::Refused {
            // What is said last of the run as a whole is why.
            let why = failover.notes.iter().rev().find(|note| note.step.is_none());
            survival.notes.extend(why.map(|note| note.message.clone()));
            return;
        }
        survival.failback = way_back(&failover, dark, None);
        survival.notes.push(format!(
            "what was made in {into} stands; take it down when the way back is gone"
        ));
    }

    /// Says why nothing was failed over.
    fn not_failed_over(&self, survival: &mut Survival, outcome: &Outcome, struck: &Struck) {
        let Regions { dark, .. } = &self.regions;
        if outcome.noticed.is_some() {
            let why = outcome.held.as_deref().unwrap_or("the outage passed by itself");
            (survival.exit, survival.summary) = (ExitOf::Held, "held");
            survival.headline =
                format!("{} was not failed over while {dark} was dark: {why}", self.service);
        }
        if struck.gave_up {
            let given_up = format!("given up after {}", Pretty(self.give_up));
            survival.notes.push(match outcome.not_up.as_slice() {
                [] => format!("{given_up}, while every probe passed: {dark} was not dark for what they ask, or is not needed"),
                some => format!("{given_up}; not up were then: {}", some.join("; ")),
            });
        }
    }
}
