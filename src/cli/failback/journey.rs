//! The way home itself, on the real clouds and on the simulated one alike.

use super::{Ground, confirm};
use crate::{
    cli::ui::Ui,
    engine::{
        self, Asked, Ended, PlannedStep, Removal, Run, Standing, Stop, TakeBack, Work,
        find_recovery_points, has_done_something,
    },
    model::{
        event::EventKind,
        run::RunOutcome,
        step::{StepId, StepKind},
    },
    probe::{Prober, RealProber, Verification},
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What becomes of the fallback once the service is verified at home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Ending {
    /// It stays.
    Keep,
    /// It is torn down.
    TearDown,
}

/// A way home that was confirmed.
pub(in crate::cli) struct Journey<'a> {
    /// The primary, with the steps of the way home.
    pub(in crate::cli) home: Ground,
    /// What is left behind.
    pub(in crate::cli) fallback: Ground,
    /// What becomes of that; `None` to ask.
    pub(in crate::cli) ending: Option<Ending>,
    /// True to ask nobody.
    pub(in crate::cli) yes: bool,
    /// How many steps are worked on at once.
    pub(in crate::cli) max_parallel: u16,
    /// What asks it to stop.
    pub(in crate::cli) stop: &'a Stop,
    /// Where a person is asked.
    pub(in crate::cli) ui: &'a Ui,
}

impl Journey<'_> {
    /// Goes home, but for what an earlier process has `done`, and says how that ended.
    pub(in crate::cli) async fn go(&self, run: &mut Run<'_>, done: BTreeSet<StepId>) -> RunOutcome {
        let Ground { recovery, known, tools, .. } = &self.home;
        let there: BTreeSet<StepId> =
            self.cutovers().filter(|id| self.is_away(id)).cloned().collect();
        let moved_before: BTreeSet<StepId> =
            self.cutovers().filter(|id| done.contains(*id)).cloned().collect();
        let prober: Arc<dyn Prober> = Arc::new(RealProber::default());
        let mut secrets = self.home.secrets.clone();
        secrets.extend(self.fallback.secrets.clone());
        let standing = Standing { done, known: known.clone(), adopted: BTreeMap::new(), secrets };
        let (most, asks) = (usize::from(self.max_parallel), Arc::clone(&prober));
        let (ended, known) =
            engine::execute(recovery, Arc::clone(tools), most, asks, standing, run).await;
        let mut outcome = match ended {
            Ended::Failed => RunOutcome::Failed,
            Ended::Refused => RunOutcome::Refused,
            Ended::Interrupted => RunOutcome::Interrupted,
            Ended::Done => {
                if self.cutovers().next().is_none() {
                    find_recovery_points(recovery, &known, Timestamp::now(), run).await;
                }
                match engine::verify(recovery, &known, prober, tools, Asked::AtEnd, run).await {
                    Verification::Verified => RunOutcome::Recovered,
                    Verification::Unasked => RunOutcome::Unverified,
                    Verification::GaveUp { .. } => RunOutcome::Failed,
                    Verification::Stopped => RunOutcome::Interrupted,
                }
            }
        };
        let came_home = |id: &&StepId| there.contains(*id) && !self.is_away(id);
        let mut moved: BTreeSet<StepId> = self.cutovers().filter(came_home).cloned().collect();
        moved.extend(moved_before);
        self.told(outcome, &moved, run);
        match outcome {
            RunOutcome::Failed | RunOutcome::Refused if !moved.is_empty() => {
                self.turn_back(&moved, &known, run).await;
            }
            RunOutcome::Recovered => outcome = self.clear_up(run).await,
            RunOutcome::Unverified => {
                let region = &self.fallback.known.region;
                run.note(format!(
                    "{region} is kept: nobody asked whether the service is back, so that it may still be needed"
                ));
            }
            _ => {}
        }
        outcome
    }

    /// The steps that move traffic home by taking back what moved it away, or by running once more.
    fn cutovers(&self) -> impl Iterator<Item = &StepId> {
        let steps = self.home.recovery.steps.iter();
        let of_failover = |id: &StepId| self.fallback.recovery.steps.iter().any(|s| s.id == *id);
        let moves = move |step: &&PlannedStep| {
            step.kind == StepKind::Cutover
                && !matches!(step.work, Work::LeftOut(_))
                && of_failover(&step.id)
        };
        steps.filter(moves).map(|step| &step.id)
    }

    /// Whether the traffic of a step still leads to the fallback.
    fn is_away(&self, id: &StepId) -> bool {
        let step = self.home.recovery.steps.iter().find(|step| step.id == *id);
        match step.map(|step| &step.work) {
            Some(Work::TakeBack(_)) => has_done_something(id, &self.fallback.tools),
            Some(Work::LeftOut(_)) | None => false,
            Some(_) => !has_done_something(id, &self.home.tools),
        }
    }

    /// Says where the traffic is, when the way home broke off.
    fn told(&self, outcome: RunOutcome, moved: &BTreeSet<StepId>, run: &mut Run<'_>) {
        let (home, fallback) = (&self.home.known.region, &self.fallback.known.region);
        match outcome {
            RunOutcome::Recovered | RunOutcome::Unverified => {}
            _ if moved.is_empty() => run.note(format!(
                "no traffic was moved and nothing of the fallback was touched: {fallback} serves on"
            )),
            RunOutcome::Interrupted => run.note(format!(
                "traffic is moved to {home}, in whole or in part, and the service was not verified there; {fallback} stands"
            )),
            _ => {}
        }
    }

    /// Moves traffic to the fallback again, where the service is known to be well.
    async fn turn_back(
        &self,
        moved: &BTreeSet<StepId>,
        known: &crate::runbook::Known,
        run: &mut Run<'_>,
    ) {
        let region = &self.fallback.known.region;
        if !self.yes && !confirm::back(self.ui, region).await {
            run.note(format!(
                "traffic stays in {}, though the service does not pass there; {region} stands",
                self.home.known.region
            ));
            return;
        }
        run.note(format!("traffic is moved back to {region}"));
        let Ground { recovery, tools, .. } = &self.home;
        let own: BTreeSet<StepId> = recovery
            .steps
            .iter()
            .filter(|step| step.kind == StepKind::Cutover && !moved.contains(&step.id))
            .map(|step| step.id.clone())
            .collect();
        let stop = self.stop.token();
        let removal = Removal { recovery, known, tools, stop, afresh: true };
        let mut whole = removal.take_back_steps(&own, run).await;
        for step in self.fallback.recovery.steps.iter().filter(|step| moved.contains(&step.id)) {
            let Ground { recovery, known, tools, .. } = self.fallback.clone();
            let again = TakeBack { recovery, known, tools, step: step.id.clone() };
            whole &= again.do_again(run).await;
        }
        run.note(match whole {
            true => format!("traffic leads to {region} again, which serves on"),
            false => format!("NOT all traffic leads to {region} again: look at what failed above"),
        });
    }

    /// Tears the fallback down, if that is wanted.
    async fn clear_up(&self, run: &mut Run<'_>) -> RunOutcome {
        let Ground { recovery, known, tools, .. } = &self.fallback;
        let region = &known.region;
        let ending = match self.ending {
            Some(ending) => ending,
            None if self.yes || self.stop.token().is_cancelled() => Ending::Keep,
            None => confirm::tear_down(self.ui, region).await,
        };
        if ending == Ending::Keep {
            run.note(format!(
                "{region} is kept, and costs on; what is there is removed by `drctl failback --tear-down`"
            ));
            return RunOutcome::Recovered;
        }
        run.say(EventKind::TearDownStarted { region: region.clone() });
        let stop = self.stop.token();
        let removed = Removal { recovery, known, tools, stop, afresh: true }.run(run).await;
        run.say(EventKind::TearDownFinished { removed });
        if removed { RunOutcome::Recovered } else { RunOutcome::NotRemoved }
    }
}
