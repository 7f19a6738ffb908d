//! A region goes dark on the simulated cloud: built there, lost there, noticed, recovered elsewhere.

use super::{
    Regions, of_policy, pretty,
    told::{Survival, way_back},
};
use crate::{
    cli::{
        asked::Asked,
        cmd::report,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        recover::Attempt,
        ui::Ui,
        way::{Meanwhile, Simulated, Way},
    },
    engine::Stop,
    model::run::{Outage, OutageSource},
    outage::{Change, Control, Judge, Met, Moment, Ongoing, Question, Rules, Stage, play},
    probe::Why,
    provider::simulate::World,
    runbook::{Act, Role, Runbook},
    sim::{Filter, ObjectKey, OutageMode, Place},
};
use anyhow::{Context, anyhow};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How long a region stays dark without anybody noticing before it is given up.
const UNSEEN_MS: Moment = 30 * 60_000;

/// What is played.
pub(in crate::cli) struct Played<'a> {
    /// What is asked of a failover; its region is the fallback.
    pub(in crate::cli) asked: &'a Asked,
    pub(in crate::cli) runbook: &'a Runbook,
    pub(in crate::cli) regions: Regions,
    pub(in crate::cli) mode: OutageMode,
    pub(in crate::cli) time_scale: u32,
    pub(in crate::cli) seed: u64,
    pub(in crate::cli) home: &'a Home,
    pub(in crate::cli) stop: &'a Stop,
    pub(in crate::cli) ui: &'a Ui,
}

/// Plays it from the first resource in the primary to the plan of the way back.
///
/// # Errors
///
/// The service cannot be built in the primary, or a run cannot be begun.
pub(in crate::cli) async fn on_the_simulated_cloud(played: Played<'_>) -> Result<Survival, CliError> {
    let Regions { dark, into } = &played.regions;
    let service = &played.runbook.service.name;
    played.ui.say(&format!("building {service} in {dark} on the simulated cloud\n"));
    // The run that builds the primary is a means, and no run of the history.
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let home = Home::at(scratch.path().to_owned());
    let began_at = Timestamp::now();
    let folder = home.new_run(began_at)?;
    let asked = Asked { which: played.asked.which.clone(), ..played.asked.plain() };
    let mut asked = asked;
    (asked.which.region, asked.which.in_place, asked.which.json) = (dark.clone(), true, false);
    let kong = Arc::new(Kong {
        survival: Mutex::new(Survival::new(service, dark, into, true)),
        failed: Mutex::new(None),
    });
    let act: Arc<dyn Meanwhile + '_> = Arc::new(Hand { played: &played, kong: Arc::clone(&kong) });
    let attempt = Attempt {
        asked: &asked,
        began_at,
        way: &Way::Rehearsal(Box::new(Simulated {
            primary_down: false,
            second_plan: true,
            meanwhile: Some(act),
            ..Simulated::plain(played.time_scale, played.seed)
        })),
        folder: &folder,
        home: &home,
        stop: played.stop,
        ui: played.ui,
        quiet: true,
    };
    let built = attempt.run().await;
    if let Some(error) = kong.failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    built?;
    let primary = report::read(&folder)?;
    let mut survival = std::mem::replace(
        &mut *kong.survival.lock().unwrap_or_else(PoisonError::into_inner),
        Survival::new(service, dark, into, true),
    );
    if !survival.was_tried() {
        if played.stop.token().is_cancelled() {
            return Err(CliError::new(Exit::Interrupted, anyhow!("it was stopped before {dark} went dark")));
        }
        let error = anyhow!("{service} cannot be built in {dark}, so that it cannot be lost there: {}", primary.headline());
        return Err(CliError::new(Exit::Failed, error)
            .hint(format!("See why: `drctl rehearse --region {dark} --primary-up`")));
    }
    if let Some(run) = &survival.run {
        let failover = report::read(&played.home.run(run))?;
        survival.failback = way_back(&failover, dark, Some(&primary.second_plans));
    }
    Ok(survival)
}

struct Kong {
    survival: Mutex<Survival>,
    failed: Mutex<Option<CliError>>,
}

/// What is done while the service stands in the primary.
struct Hand<'a> {
    played: &'a Played<'a>,
    kong: Arc<Kong>,
}

#[async_trait(?Send)]
impl Meanwhile for Hand<'_> {
    async fn act(&self, world: &Arc<World>) {
        let mut survival = {
            let mut held = self.kong.survival.lock().unwrap_or_else(PoisonError::into_inner);
            let Regions { dark, into } = &self.played.regions;
            let service = &self.played.runbook.service.name;
            std::mem::replace(&mut *held, Survival::new(service, dark, into, true))
        };
        let done = self.strike(world, &mut survival).await;
        *self.kong.survival.lock().unwrap_or_else(PoisonError::into_inner) = survival;
        if let Err(error) = done {
            *self.kong.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

impl Hand<'_> {
    /// Makes the region dark, and follows what comes of it.
    async fn strike(&self, world: &Arc<World>, survival: &mut Survival) -> Result<(), CliError> {
        let Played { regions, runbook, ui, .. } = self.played;
        survival.begin();
        let standing = standing(world, &regions.dark);
        let dark_ms = world.with_cloud(|cloud, now_ms| {
            cloud.destroy_region(now_ms, &regions.dark, self.played.mode);
            now_ms
        });
        ui.say(&format!("{} is dark\n", regions.dark));
        let seen = self.notice(world, &standing, dark_ms, survival);
        if let Some(outage) = seen {
            self.fail_over(world, &outage, dark_ms, survival).await?;
        }
        world.with_cloud(|cloud, now_ms| cloud.restore_region(now_ms, &regions.dark));
        survival.light = true;
        ui.say(&format!("{} is light again\n", regions.dark));
        Ok(())
    }

    /// Lets a watch see it, on the clock of the cloud.
    fn notice(
        &self,
        world: &World,
        standing: &[ObjectKey],
        dark_ms: u64,
        survival: &mut Survival,
    ) -> Option<Ongoing> {
        let runbook = self.played.runbook;
        let (questions, note) = questions(runbook);
        survival.notes.extend(note);
        let dark = i64::try_from(dark_ms).unwrap_or(i64::MAX);
        let mut rng = fastrand::Rng::with_seed(self.played.seed);
        // Wherever in their intervals they are when it happens.
        let due = questions.iter().map(|q| dark - 60_000 - rng.i64(0..q.interval_ms)).collect();
        let mut judge = Judge::new(Rules { maintenance: Vec::new(), ..Rules::from(&runbook.watch) }, questions);
        let mut sight = Sight { world, standing, dark: &self.played.regions.dark, seen: None, settled_by: None };
        play(&mut judge, due, dark + UNSEEN_MS, &mut sight);
        let outage = judge.outage().or(sight.seen)?;
        let since = |at: Moment| u64::try_from(at - dark).unwrap_or(0);
        let confirm_ms = u64::try_from(runbook.watch.confirm.as_millis()).unwrap_or(u64::MAX);
        survival.first_failure_ms = Some(since(outage.began));
        survival.detected_ms = Some(since(outage.detected));
        survival.scope = Some(outage.scope.word());
        let settled = sight.settled_by.map_or(0, since);
        survival.decided_ms = Some((since(outage.detected) + confirm_ms).max(settled));
        let act = match outage.scope {
            crate::outage::Scope::Service => runbook.watch.service_down,
            crate::outage::Scope::Region => runbook.watch.region_down,
        };
        survival.notes.extend(of_policy(act).map(str::to_owned));
        self.played.ui.say(&format!(
            "detected after {}, {} down\n",
            pretty(since(outage.detected)),
            outage.scope.word()
        ));
        Some(outage)
    }

    async fn fail_over(
        &self,
        world: &Arc<World>,
        outage: &Ongoing,
        dark_ms: u64,
        survival: &mut Survival,
    ) -> Result<(), CliError> {
        let Played { asked, time_scale, seed, home, stop, ui, .. } = self.played;
        let since = |at: Moment| u64::try_from(at).unwrap_or(0).saturating_sub(dark_ms);
        let decided_ms = survival.decided_ms.unwrap_or(0);
        let known = Outage {
            before_ms: decided_ms.saturating_sub(since(outage.began)),
            known_by: OutageSource::Simulated,
            detected_before_ms: Some(decided_ms.saturating_sub(since(outage.detected))),
        };
        let began_at = Timestamp::now();
        let folder = home.new_run(began_at)?;
        let attempt = Attempt {
            asked,
            began_at,
            way: &Way::Rehearsal(Box::new(Simulated {
                world: Some(Arc::clone(world)),
                outage: Some(known),
                ..Simulated::plain(*time_scale, *seed)
            })),
            folder: &folder,
            home,
            stop,
            ui,
            quiet: false,
        };
        // Refused or failed, it has a report.
        if let Err(error) = attempt.run().await {
            survival.notes.push(error.summary());
        }
        survival.take(&report::read(&folder)?, since(outage.began));
        Ok(())
    }
}

/// The objects that serve in a region.
fn standing(world: &World, region: &str) -> Vec<ObjectKey> {
    world.with_cloud(|cloud, now_ms| {
        cloud.advance(now_ms);
        let there = cloud.objects(&Filter::default());
        there
            .filter(|object| object.key.place.is_in(region) && cloud.serves(&object.key, now_ms))
            .map(|object| object.key.clone())
            .collect()
    })
}

/// The probes of the runbook as questions, and what is to be said of them.
fn questions(runbook: &Runbook) -> (Vec<Question>, Option<String>) {
    let ms = |duration: std::time::Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4);
    let mut questions: Vec<Question> = runbook
        .probes
        .iter()
        .map(|probe| Question {
            name: probe.name.clone(),
            role: probe.role,
            down_after: probe.down_after,
            up_after: probe.up_after,
            interval_ms: ms(probe.interval).max(1),
            timeout_ms: ms(probe.timeout).max(1),
        })
        .collect();
    let mut note = None;
    if !questions.iter().any(|question| question.role == Role::Service) {
        let usual = |name: &str, role| Question {
            name: name.to_owned(),
            role,
            down_after: 3,
            up_after: 3,
            interval_ms: 5_000,
            timeout_ms: 2_000,
        };
        questions.push(usual("service", Role::Service));
        note = Some("the runbook has no probe of the service: one every 5 s is assumed, that must fail three times".to_owned());
    }
    (questions, note)
}

/// What probes meet on the simulated cloud.
struct Sight<'a> {
    world: &'a World,
    standing: &'a [ObjectKey],
    dark: &'a str,
    seen: Option<Ongoing>,
    settled_by: Option<Moment>,
}

impl Sight<'_> {
    fn serves(&self, at: Moment) -> bool {
        let at_ms = u64::try_from(at).unwrap_or(0);
        self.world.with_cloud(|cloud, _| self.standing.iter().all(|key| cloud.serves(key, at_ms)))
    }

    /// How the region looks from outside.
    fn region(&self, at: Moment) -> Met {
        let at_ms = u64::try_from(at).unwrap_or(0);
        let down = self.world.with_cloud(|cloud, _| cloud.is_dark(self.dark, at_ms));
        let up = Met { why: Why::Ok, took_ms: 50 };
        match down {
            None | Some(OutageMode::LostData) => up,
            Some(OutageMode::Refused) => Met { why: Why::Refused, took_ms: 1 },
            Some(OutageMode::Hanging) => Met { why: Why::Timeout, took_ms: Moment::MAX / 4 },
            Some(OutageMode::Unavailable) => Met { why: Why::Status, took_ms: 50 },
        }
    }
}

impl Stage for Sight<'_> {
    fn ask(&mut self, judge: &Judge, probe: usize, asked: Moment) -> Met {
        let up = Met { why: Why::Ok, took_ms: 50 };
        match judge.questions()[probe].role {
            Role::Fallback | Role::Witness => up,
            Role::Primary => self.region(asked),
            Role::Service if self.serves(asked) => up,
            Role::Service => match self.region(asked) {
                // It answers, and what served is gone.
                Met { why: Why::Ok, .. } => Met { why: Why::Status, took_ms: 50 },
                down => down,
            },
        }
    }

    fn hear(&mut self, judge: &Judge, answered: Moment, changes: Vec<Change>) -> Control {
        for change in changes {
            if let Change::Began(outage) | Change::Escalated(outage) = change {
                self.seen = Some(outage);
            }
        }
        // What is known of the region is waited for, since it decides what is done.
        match judge.outage() {
            Some(outage) if judge.is_scope_settled(&outage) => {
                self.settled_by = Some(answered);
                Control::Stop
            }
            Some(outage) if answered - outage.detected > 60_000 => Control::Stop,
            _ => Control::Continue,
        }
    }

    fn wall(&self, at: Moment) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis(at)
    }
}
