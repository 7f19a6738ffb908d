//! A region goes dark for real: the runbook's `kong` block makes it so, and light again in any case.

use super::{
    Regions,
    told::{ExitOf, Survival, way_back},
};
use crate::{
    cli::{
        asked::Which,
        cmd::report,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        ui::Ui,
        watch::{Wanted, start},
    },
    deploy::{CommandStep, Logs, run},
    engine::{Programs, Stop},
    runbook::{Known, Kong, strings},
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{path::PathBuf, time::Duration};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long the programs that make a region dark and light may take.
const LIMIT: Duration = Duration::from_secs(300);
/// How often it is tried to make it light again.
const TRIES: u32 = 3;
/// How long the service may take to be seen up before anything is broken.
const UP_WITHIN: Duration = Duration::from_secs(120);

/// What is done in earnest.
pub(in crate::cli) struct Real<'a> {
    pub(in crate::cli) which: Which,
    pub(in crate::cli) rto: Option<String>,
    pub(in crate::cli) regions: Regions,
    pub(in crate::cli) service: String,
    pub(in crate::cli) kong: &'a Kong,
    /// What the expressions of the programs speak of.
    pub(in crate::cli) known: Known,
    pub(in crate::cli) programs: Programs<'a>,
    pub(in crate::cli) home: &'a Home,
    pub(in crate::cli) stop: &'a Stop,
    pub(in crate::cli) ui: &'a Ui,
}

/// Makes the region dark, lets the watch notice and fail over, and makes it light again.
///
/// # Errors
///
/// The service is not up to begin with, or the region cannot be made dark. It is made light again also then.
pub(in crate::cli) async fn in_earnest(real: Real<'_>) -> Result<Survival, CliError> {
    let Regions { dark, into } = &real.regions;
    let mut survival = Survival::new(&real.service, dark, into, false);
    let wanted = Wanted {
        which: real.which.clone(),
        rto: real.rto.clone(),
        listen: None,
        json: false,
        until_over: true,
        wait_for_failover: false,
        policy: |watch| {
            // Somebody said yes to this already, and to nothing else.
            watch.service_down = crate::runbook::Act::Failover;
            watch.region_down = crate::runbook::Act::Failover;
            watch.cool_down = Duration::ZERO;
        },
    };
    let inner = Stop::default();
    let watching = start(wanted, real.home, &inner, real.ui).await?;
    let up = watching.sees_up();
    let (outcome, dark_at) = tokio::join!(watching.run(), real.darken(up, &inner));
    let Some(dark_at) = dark_at else { return Err(real.never_up()) };
    survival.light = real.make_light().await;
    let dark_at = dark_at?;
    if let Some(run) = &outcome.fired {
        let failover = report::read(&real.home.run(run))?;
        let began = failover.run.as_ref().map(|run| (run.began_at, run.outage));
        if let Some((began_at, outage)) = began {
            let run_ms = ms_between(dark_at, began_at);
            survival.first_failure_ms = Some(run_ms.saturating_sub(outage.before_ms));
            survival.detected_ms =
                Some(run_ms.saturating_sub(outage.detected_before_ms.unwrap_or(0)));
            survival.decided_ms = Some(run_ms);
            survival.scope = outcome.scope;
            survival.take(&failover, run_ms.saturating_sub(outage.before_ms));
        }
        survival.failback = way_back(&failover, dark, None);
        survival.notes.push(format!(
            "what was made in {into} stands; take it down when the way back is gone"
        ));
    } else if real.stop.token().is_cancelled() {
        survival.exit = ExitOf::Stopped;
        survival.summary = "interrupted";
    }
    Ok(survival)
}

fn ms_between(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.duration_since(from).as_millis()).unwrap_or(0)
}

impl Real<'_> {
    /// Makes the region dark once the service was seen up, and passes on what asks it to stop; returns when
    /// it was made dark, or why it could not be. `None` when the service was never up.
    async fn darken(
        &self,
        up: CancellationToken,
        watch: &Stop,
    ) -> Option<Result<Timestamp, CliError>> {
        let asked_to_stop = self.stop.token().clone();
        let is_up = tokio::select! {
            () = up.cancelled() => true,
            () = sleep(UP_WITHIN) => false,
            () = asked_to_stop.cancelled() => false,
        };
        if !is_up {
            watch.request("SIGTERM");
            return None;
        }
        let dark_at = Timestamp::now();
        self.ui.say(&format!("making {} dark\n", self.regions.dark));
        if let Err(error) = self.program(&self.kong.dark, "dark").await {
            watch.request("SIGTERM");
            return Some(Err(error));
        }
        let stop = watch.clone();
        tokio::spawn(async move {
            asked_to_stop.cancelled().await;
            stop.request("SIGTERM");
        });
        Some(Ok(dark_at))
    }

    fn never_up(&self) -> CliError {
        if self.stop.token().is_cancelled() {
            return CliError::new(
                Exit::Interrupted,
                anyhow!("it was stopped before anything was broken"),
            );
        }
        let within = UP_WITHIN.as_secs();
        let error =
            anyhow!("{} is not seen to be up within {within}s, so nothing is broken", self.service);
        CliError::new(Exit::Failed, error).hint("See `drctl probe` for what its probes say")
    }

    /// Runs the program that makes the region dark or light, also when drctl is asked to stop.
    async fn program(
        &self,
        run_: &crate::config::expression::Expr,
        name: &str,
    ) -> Result<(), CliError> {
        let argv = strings(&self.known, run_)
            .map_err(|mistake| CliError::new(Exit::Usage, anyhow!("{mistake}")))?;
        let scratch = tempfile::tempdir()
            .context("failed to make a temporary folder")
            .or_exit(Exit::Failed)?;
        let log = |stream: &str| -> PathBuf { scratch.path().join(format!("{name}.{stream}.log")) };
        let step = CommandStep {
            argv,
            dir: self.programs.dir.to_owned(),
            env: self.programs.env.clone(),
            limit: LIMIT,
            grace: Duration::from_secs(10),
        };
        let logs = Logs { stdout: log("stdout"), stderr: log("stderr") };
        run(&step, &logs, &CancellationToken::new())
            .await
            .with_context(|| format!("{} could not be made {name}", self.regions.dark))
            .or_exit(Exit::Failed)
    }

    /// Makes the region light again, whatever happened.
    pub(in crate::cli) async fn make_light(&self) -> bool {
        let dark = &self.regions.dark;
        for attempt in 1..=TRIES {
            match self.program(&self.kong.light, "light").await {
                Ok(()) => {
                    self.ui.say(&format!("{dark} is light again\n"));
                    return true;
                }
                Err(error) => self.ui.error(&error),
            }
            if attempt < TRIES {
                sleep(Duration::from_secs(2)).await;
            }
        }
        self.ui.say(&format!(
            "{dark} IS STILL DARK: run what `light` in the runbook's `kong` block says by hand\n"
        ));
        false
    }
}
