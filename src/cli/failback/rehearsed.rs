//! There and back on the simulated cloud: built at home, lost there, recovered elsewhere, gone home.

use super::{
    Ground,
    found::{Both, look},
    homeward::{Terms, homeward},
    journey::{Ending, Journey},
};
use crate::{
    cli::{
        asked::Asked,
        cmd::report,
        error::{CliError, OrExit},
        exit::Exit,
        home::{Home, RunFolder},
        kept,
        prepared::{fetch_alone, read_runbook},
        recover::Attempt,
        ui::Ui,
        way::{Meanwhile, Simulated, Up, Way},
    },
    config::module::Module,
    engine::{Recovery, Run, Stop, TakeBack, Work, digest},
    model::{
        event::EventKind,
        run::{DeclaredBy, Outage, OutageSource, RunId, RunKind, RunOutcome},
        secrets::Secrets,
        step::StepId,
        time::Objective,
    },
    observe::{Fanout, journal::JournalWriter, json::JsonLines, lines::Lines},
    runbook::{Failback, Known, Runbook},
    sim::{Cloud, Filter, ObjectKey, OutageMode},
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{cell::RefCell, collections::BTreeSet, io, rc::Rc, sync::Arc};
use tokio::time::Instant;

/// What is rehearsed.
#[derive(Clone)]
pub(in crate::cli) struct Trip {
    /// What is asked of the failover; its region is the fallback.
    pub(in crate::cli) asked: Asked,
    pub(in crate::cli) runbook: Runbook,
    /// The region that is lost and gone home to.
    pub(in crate::cli) primary: String,
    /// What the cloud is like.
    pub(in crate::cli) cloud: Simulated,
    pub(in crate::cli) home: Home,
    pub(in crate::cli) stop: Stop,
    pub(in crate::cli) ui: Ui,
}

/// Reads what a trip there and back needs to know beforehand.
///
/// # Errors
///
/// There is no runbook, or no primary.
pub(in crate::cli) async fn trip(
    asked: Asked,
    cloud: Simulated,
    home: Home,
    stop: Stop,
    ui: Ui,
) -> Result<Trip, CliError> {
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let which = &asked.which;
    let work = scratch.path().join("work");
    let checkout = fetch_alone(which, &home, &work, &stop, &ui).await?.dir;
    let name_it = "Name a file that is committed, from the root of the repository";
    let runbook = read_runbook(&checkout, &which.runbook, Some(&which.region), name_it)?;
    let runbook = runbook.ok_or_else(|| {
        let error = anyhow!("there is no runbook, so nothing says where the service is at home");
        CliError::new(Exit::Usage, error).hint("Write a `drctl.hcl` with a `failback` block")
    })?;
    let primary = which.primary.clone().or_else(|| runbook.service.primary.clone());
    let primary = primary.ok_or_else(|| {
        let error = anyhow!("no region is named that the service is at home in");
        CliError::new(Exit::Usage, error)
            .hint("Give `--primary`, or write `primary = \"…\"` into the `service` block")
    })?;
    Ok(Trip { asked, runbook, primary, cloud, home, stop, ui })
}

/// The runs that were made on the way.
#[derive(Default)]
struct Made {
    failover: Option<RunId>,
    failback: Option<RunId>,
    error: Option<CliError>,
}

/// Goes there and back, and tells of both runs.
///
/// # Errors
///
/// The service cannot be built at home, or a run cannot be begun.
pub(in crate::cli) async fn there_and_back(trip: Trip) -> Result<Exit, CliError> {
    let service = &trip.runbook.service.name;
    let (ui, primary) = (trip.ui, &trip.primary);
    ui.say(&format!("building {service} in {primary} on the simulated cloud\n"));
    // The run that builds the primary is a means, and no run of the history.
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let home = Home::at(scratch.path().to_owned());
    let began_at = Timestamp::now();
    let folder = home.new_run(began_at)?;
    let mut asked = trip.asked.clone();
    asked.write.clear();
    (asked.which.region, asked.which.in_place, asked.which.json) = (primary.clone(), true, false);
    let made = Rc::new(RefCell::new(Made::default()));
    let hand = (trip.clone(), Rc::clone(&made));
    let meanwhile: Meanwhile = Rc::new(move |up| {
        let (trip, made) = hand.clone();
        Box::pin(async move { trip.lose_and_return(up, &made).await })
    });
    let attempt = Attempt {
        asked: &asked,
        began_at,
        way: &Way::Rehearsal(Box::new(Simulated {
            primary_down: false,
            second_plan: false,
            meanwhile: Some(meanwhile),
            ..trip.cloud.clone()
        })),
        folder: &folder,
        home: &home,
        stop: &trip.stop,
        ui: &ui,
        quiet: true,
    };
    attempt.run().await?;
    let made = made.take();
    let Some(failover) = made.failover else {
        if trip.stop.token().is_cancelled() {
            let error = anyhow!("it was stopped before {primary} was lost");
            return Err(CliError::new(Exit::Interrupted, error));
        }
        let why = report::read(&folder)?.headline();
        let error = anyhow!(
            "{service} cannot be built in {primary}, so that it cannot be lost there: {why}"
        );
        return Err(CliError::new(Exit::Failed, error)
            .hint("Mend what `drctl validate --rehearse` finds in both regions"));
    };
    trip.tell(&failover, made.failback.as_ref(), made.error)
}

impl Trip {
    /// Tells of both runs, and returns the worse of their exits.
    fn tell(
        &self,
        failover: &RunId,
        failback: Option<&RunId>,
        error: Option<CliError>,
    ) -> Result<Exit, CliError> {
        let json = self.asked.which.json;
        let there = report::tell(&self.home.run(failover), &[], json, &self.ui)?;
        if let Some(error) = error {
            return Err(error);
        }
        let Some(failback) = failback else { return Ok(there) };
        self.ui.answer("\n");
        let back = report::tell(&self.home.run(failback), &self.asked.write, json, &self.ui)?;
        Ok(if there == Exit::Met { back } else { there })
    }

    /// Loses the primary, recovers elsewhere, and goes home.
    async fn lose_and_return(&self, primary: Up, made: &Rc<RefCell<Made>>) {
        let region = &self.primary;
        primary.world.with_cloud(|cloud, now_ms| {
            cloud.destroy_region(now_ms, region, OutageMode::Unavailable);
        });
        self.ui.say(&format!("{region} is dark; rebuilding in {}\n", self.asked.which.region));
        let world = Arc::clone(&primary.world);
        let hand = (self.clone(), Rc::clone(made), primary);
        let meanwhile: Meanwhile = Rc::new(move |fallback| {
            let (trip, made, primary) = hand.clone();
            Box::pin(async move {
                let failover = made.borrow().failover.clone();
                let Some(failover) = failover else { return };
                trip.light_again(&fallback);
                match trip.go_home(&primary, &fallback, &failover).await {
                    Ok(folder) => made.borrow_mut().failback = Some(folder.id().clone()),
                    Err(error) => made.borrow_mut().error = Some(error),
                }
            })
        });
        let began_at = Timestamp::now();
        let folder = match self.home.new_run(began_at) {
            Ok(folder) => folder,
            Err(error) => return made.borrow_mut().error = Some(error),
        };
        made.borrow_mut().failover = Some(folder.id().clone());
        let attempt = Attempt {
            asked: &self.asked,
            began_at,
            way: &Way::Rehearsal(Box::new(Simulated {
                world: Some(world),
                second_plan: false,
                keep: false,
                meanwhile: Some(meanwhile),
                outage: Some(Outage {
                    before_ms: 0,
                    known_by: OutageSource::Simulated,
                    detected_before_ms: None,
                }),
                ..self.cloud.clone()
            })),
            folder: &folder,
            home: &self.home,
            stop: &self.stop,
            ui: &self.ui,
            quiet: true,
        };
        let ended = attempt.run().await;
        kept::remember(&self.home, &folder, &self.ui);
        if let Err(error) = ended {
            made.borrow_mut().error.get_or_insert(error);
        }
    }

    /// The primary is there again without anything that stood there, and somebody has been at work
    /// in the fallback.
    fn light_again(&self, fallback: &Up) {
        let (primary, region) = (&self.primary, &self.asked.which.region);
        fallback.world.with_cloud(|cloud, now_ms| {
            cloud.restore_region(now_ms, primary);
            let mut lost = standing(cloud, primary);
            lost.extend(standing(cloud, region).pop());
            // A group takes its members with it, which then need not be removed.
            lost.iter().for_each(|key| drop(cloud.kill(now_ms, key)));
        });
        self.ui.say(&format!(
            "{primary} is light again, and all that stood there is lost; something was removed by hand in {region}; going home\n"
        ));
    }

    /// Goes home on the simulated cloud, as a run of its own.
    ///
    /// # Errors
    ///
    /// The run cannot be begun or remembered.
    pub(in crate::cli) async fn go_home(
        &self,
        primary: &Up,
        fallback: &Up,
        failover: &RunId,
    ) -> Result<RunFolder, CliError> {
        let began_at = Timestamp::now();
        let folder = self.home.new_run(began_at)?;
        let journal = JournalWriter::create(&folder.journal()).or_exit(Exit::Failed)?;
        let mut shows: Vec<Box<dyn crate::model::event::Sink>> =
            vec![Box::new(Lines::new(io::stderr()))];
        if self.asked.which.json {
            shows.push(Box::new(JsonLines::new(io::stdout())));
        }
        let mut sink = Fanout::new(Box::new(journal), shows);
        let mut run = Run::begin(Instant::now(), self.started(&folder, began_at), &mut sink)
            .context("failed to write the journal")
            .or_exit(Exit::Failed)?;
        run.say(EventKind::FailbackOf {
            failover: failover.clone(),
            fallback: self.asked.which.region.clone(),
        });
        run.say(EventKind::Simulated {
            time_scale: self.cloud.time_scale,
            seed: self.cloud.seed,
            dark: Vec::new(),
        });
        let outcome = match self.travel(primary, fallback, &mut run).await {
            Ok(outcome) => outcome,
            Err(error) => {
                run.note(error.summary());
                RunOutcome::Failed
            }
        };
        run.interrupted(&self.stop);
        run.finish(outcome).context("failed to write the journal").or_exit(Exit::Failed)?;
        drop(sink);
        kept::remember(&self.home, &folder, &self.ui);
        Ok(folder)
    }

    fn started(&self, folder: &RunFolder, began_at: Timestamp) -> EventKind {
        EventKind::RunStarted {
            run: folder.id().clone(),
            run_kind: RunKind::Failback,
            drctl: env!("CARGO_PKG_VERSION").to_owned(),
            began_at,
            repo: self.asked.which.repo.clone(),
            region: self.primary.clone(),
            outage: Outage {
                before_ms: 0,
                known_by: OutageSource::Planned,
                detected_before_ms: None,
            },
        }
    }

    async fn travel(
        &self,
        primary: &Up,
        fallback: &Up,
        run: &mut Run<'_>,
    ) -> Result<RunOutcome, CliError> {
        let failback = self.runbook.failback.clone().unwrap_or_default();
        let mut left = fallback.ground();
        let mut base = (*primary.recovery).clone();
        differ(&mut base, &failback);
        let mut there = Ground { recovery: Arc::new(base), ..primary.ground() };
        let mut both = look(&there, &left, &failback, &[]).await;
        both.accept();
        left.learn(&both.fallback);
        Arc::make_mut(&mut left.recovery).known = left.known.clone();
        let take_back = |step: &StepId| {
            let Ground { recovery, known, tools, .. } = left.clone();
            Work::TakeBack(Arc::new(TakeBack { recovery, known, tools, step: step.clone() }))
        };
        let terms = Terms {
            failback: &failback,
            fallback: &left.recovery,
            take_back: &take_back,
            simulated: true,
        };
        let recovery = homeward((*there.recovery).clone(), &terms)?;
        there.known = Known { outputs: both.primary.outputs.clone(), ..recovery.known.clone() };
        there.recovery = Arc::new(recovery);
        self.planned(&there.recovery, &both, run);
        if let Err(error) = both.data(&self.runbook, &failback, false) {
            run.note(format!("a way home would be refused: {}", error.summary()));
        }
        if let Some((step, looked)) = both.all().find(|(_, looked)| !looked.cause.is_empty()) {
            let error = anyhow!(
                "the stack `{step}` in the {}: {}",
                looked.side.word(),
                looked.cause.join(": ")
            );
            return Err(CliError::new(Exit::Failed, error));
        }
        run.declared(DeclaredBy::Rehearsal);
        let journey = Journey {
            home: there,
            fallback: left,
            ending: Some(if failback.keep { Ending::Keep } else { Ending::TearDown }),
            yes: true,
            max_parallel: self.asked.max_parallel,
            stop: &self.stop,
            ui: &self.ui,
        };
        Ok(journey.go(run, BTreeSet::new()).await)
    }

    fn planned(&self, recovery: &Recovery, both: &Both, run: &mut Run<'_>) {
        let ms = |o: Objective| u64::try_from(o.get().as_millis()).unwrap_or(u64::MAX);
        run.say(EventKind::RunPlanned {
            service: recovery.known.service.clone(),
            primary: Some(self.primary.clone()),
            rto_ms: self.asked.rto.or(self.runbook.service.rto).map(ms),
            rpo_ms: None,
            digest: digest(&format!("{:?}", recovery.summaries())),
            steps: recovery.summaries(),
            max_parallel: Some(self.asked.max_parallel),
        });
        both.say(run);
    }
}

/// What stands in a region.
fn standing(cloud: &Cloud, region: &str) -> Vec<ObjectKey> {
    let all = Filter::default();
    let objects = cloud.objects(&all);
    let there = objects.filter(|o| o.key.place.is_in(region) && o.gone_at_ms.is_none());
    there.map(|object| object.key.clone()).collect()
}

impl Up {
    fn ground(&self) -> Ground {
        Ground {
            recovery: Arc::clone(&self.recovery),
            known: self.known.clone(),
            tools: Arc::clone(&self.tools),
            secrets: Secrets::default(),
        }
    }
}

/// Gives the stacks at home the variables that differ on the way there.
fn differ(recovery: &mut Recovery, failback: &Failback) {
    for step in &mut recovery.steps {
        let Work::Stack(stack) = &mut step.work else { continue };
        let inside = stack.dir.strip_prefix(&recovery.root).unwrap_or(&stack.dir);
        let Ok(module) = Module::read(&recovery.root, inside, None) else { continue };
        for variable in &failback.variables {
            if module.variable(variable.name()).is_some() {
                let own = &mut Arc::make_mut(stack).variables;
                own.retain(|other| other.name() != variable.name());
                own.push(variable.clone());
            }
        }
    }
}
