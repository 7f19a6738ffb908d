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
    runbook::{Role, Runbook},
    sim::{Filter, ObjectKey, OutageMode},
};
use anyhow::{Context, anyhow};
use jiff::{SignedDuration, Timestamp};
use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

/// What is played.
#[derive(Clone)]
pub(in crate::cli) struct Played {
    /// What is asked of a failover; its region is the fallback.
    pub(in crate::cli) asked: Asked,
    pub(in crate::cli) runbook: Runbook,
    pub(in crate::cli) regions: Regions,
    /// How the region that is dark looks from outside.
    pub(in crate::cli) mode: OutageMode,
    /// How long the region stays dark without anybody noticing before it is given up.
    pub(in crate::cli) give_up: Duration,
    /// What the cloud is like.
    pub(in crate::cli) cloud: Simulated,
    pub(in crate::cli) home: Home,
    pub(in crate::cli) stop: Stop,
    pub(in crate::cli) ui: Ui,
}

/// Plays it from the first resource in the primary to the plan of the way back.
///
/// # Errors
///
/// The service cannot be built in the primary, or a run cannot be begun.
pub(in crate::cli) async fn on_the_simulated_cloud(played: Played) -> Result<Survival, CliError> {
    let Played { regions: Regions { dark, .. }, runbook, stop, ui, .. } = &played;
    let service = &runbook.service.name;
    ui.say(&format!("building {service} in {dark} on the simulated cloud\n"));
    // The run that builds the primary is a means, and no run of the history.
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let home = Home::at(scratch.path().to_owned());
    let began_at = Timestamp::now();
    let folder = home.new_run(began_at)?;
    let mut asked = played.asked.clone();
    asked.write.clear();
    (asked.which.region, asked.which.in_place, asked.which.json) = (dark.clone(), true, false);
    let begun = Rc::new(RefCell::new(None));
    let hand = Rc::new(Hand { played: played.clone(), done: Rc::clone(&begun) });
    let meanwhile: Meanwhile = Rc::new(move |up| {
        let hand = Rc::clone(&hand);
        Box::pin(async move { hand.act(&up.world).await })
    });
    let attempt = Attempt {
        asked: &asked,
        began_at,
        way: &Way::Rehearsal(Box::new(Simulated {
            primary_down: false,
            second_plan: true,
            meanwhile: Some(meanwhile),
            ..played.cloud.clone()
        })),
        folder: &folder,
        home: &home,
        stop,
        ui,
        quiet: true,
    };
    attempt.run().await?;
    let primary = report::read(&folder)?;
    let done = begun.take();
    let Some(survival) = done else {
        if stop.token().is_cancelled() {
            let error = anyhow!("it was stopped before {dark} went dark");
            return Err(CliError::new(Exit::Interrupted, error));
        }
        let error = anyhow!(
            "{service} cannot be built in {dark}, so that it cannot be lost there: {}",
            primary.headline()
        );
        return Err(CliError::new(Exit::Failed, error)
            .hint("Mend what `drctl validate --rehearse` finds in both regions"));
    };
    let mut survival: Survival = survival?;
    if let Some(run) = &survival.run {
        let failover = report::read(&played.home.run(run))?;
        survival.failback = way_back(&failover, dark, Some(&primary.second_plans));
    }
    Ok(survival)
}

/// What came of it, once something did.
type Done = Rc<RefCell<Option<Result<Survival, CliError>>>>;

/// What is done while the service stands in the primary.
struct Hand {
    played: Played,
    done: Done,
}

impl Hand {
    async fn act(&self, world: &Arc<World>) {
        let Regions { dark, into } = &self.played.regions;
        let mut survival = Survival::new(&self.played.runbook.service.name, dark, into, true);
        let done = self.strike(world, &mut survival).await.map(|()| survival);
        self.done.replace(Some(done));
    }

    /// Makes the region dark, and follows what comes of it.
    async fn strike(&self, world: &Arc<World>, survival: &mut Survival) -> Result<(), CliError> {
        let Played { regions, ui, .. } = &self.played;
        let standing = standing(world, &regions.dark);
        if standing.is_empty() {
            let note = format!(
                "nothing of the service lies in {} by its code: it is taken to be up while the region is",
                regions.dark
            );
            survival.notes.push(note);
        }
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
        let runbook = &self.played.runbook;
        let (questions, note) = questions(runbook);
        survival.notes.extend(note);
        let dark = i64::try_from(dark_ms).unwrap_or(i64::MAX);
        let mut rng = fastrand::Rng::with_seed(self.played.cloud.seed);
        // Wherever in their intervals they are when it happens.
        let due = questions.iter().map(|q| dark - 60_000 - rng.i64(0..q.interval_ms)).collect();
        let mut judge =
            Judge::new(Rules { maintenance: Vec::new(), ..Rules::from(&runbook.watch) }, questions);
        let mut sight = Sight {
            world,
            standing,
            dark: &self.played.regions.dark,
            dark_at: dark,
            seen: None,
            settled_by: None,
        };
        let give_up_ms = i64::try_from(self.played.give_up.as_millis()).unwrap_or(Moment::MAX / 4);
        play(&mut judge, due, dark.saturating_add(give_up_ms), &mut sight);
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
        let Played { asked, cloud, home, stop, ui, .. } = &self.played;
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
                ..cloud.clone()
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
        let all = Filter::default();
        cloud
            .objects(&all)
            .filter(|object| object.key.place.is_in(region) && cloud.serves(&object.key, now_ms))
            .map(|object| object.key.clone())
            .collect()
    })
}

/// The probes of the runbook as questions, and what is to be said of them.
fn questions(runbook: &Runbook) -> (Vec<Question>, Option<String>) {
    let mut questions: Vec<Question> = runbook.probes.iter().map(Question::declared).collect();
    let mut note = None;
    if !questions.iter().any(|question| question.role == Role::Service) {
        questions.push(Question {
            name: "service".to_owned(),
            role: Role::Service,
            down_after: 3,
            up_after: 3,
            interval_ms: 5_000,
            timeout_ms: 2_000,
        });
        note = Some("the runbook has no probe of the service: one every 5 s is assumed, that must fail three times".to_owned());
    }
    (questions, note)
}

/// What probes meet on the simulated cloud.
struct Sight<'a> {
    world: &'a World,
    standing: &'a [ObjectKey],
    dark: &'a str,
    dark_at: Moment,
    seen: Option<Ongoing>,
    settled_by: Option<Moment>,
}

impl Sight<'_> {
    fn serves(&self, at: Moment) -> bool {
        // It was built a moment ago, and watched for longer.
        if at < self.dark_at {
            return true;
        }
        // Where nothing is known to stand, the service is taken to be up while its region is.
        if self.standing.is_empty() {
            return self.region(at).why == Why::Ok;
        }
        let at_ms = u64::try_from(at).unwrap_or(0);
        self.world.with_cloud(|cloud, _| self.standing.iter().all(|key| cloud.serves(key, at_ms)))
    }

    /// How the region looks from outside.
    fn region(&self, at: Moment) -> Met {
        let at_ms = u64::try_from(at).unwrap_or(0);
        let down = self.world.with_cloud(|cloud, _| cloud.dark_mode(self.dark, at_ms));
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
