//! `drctl chaos monkey`.

use super::{
    declared::Declared,
    guard::Guards,
    report::{CameTo, Line, Report},
};
use crate::{
    chaos::{
        Choice, Fleet, FleetError, Reapply, Strike, Struck, choose,
        kills::{Kills, KillsWriter, path_in},
        schedule::{Dice, Plan, Planned},
    },
    cli::{
        cmd::chaos::Monkey,
        error::{CliError, OrExit},
        exit::Exit,
        stop,
        ui::Ui,
    },
    engine::Stop,
    model::{chain, time::Pretty},
    runbook::{ChaosGroup, Target},
};
use anyhow::{Context, anyhow};
use jiff::{SignedDuration, Span, Timestamp};
use std::{path::PathBuf, time::Duration};
use tokio::time::sleep;

/// How late a planned kill may begin: a plan is of minutes, and a timer that starts drctl at nine sharp
/// is a moment late for one at nine.
const LATE: SignedDuration = SignedDuration::from_mins(1);
/// For how long drctl sleeps at once: the wall clock may be set meanwhile, or the machine sleep.
const NAP: Duration = Duration::from_secs(20);
/// How often the lock is tried that another drctl holds.
const TRY: Duration = Duration::from_millis(500);

/// Runs the command.
pub(in crate::cli) async fn run(asked: &Monkey, ui: &Ui) -> Result<Exit, CliError> {
    let declared = Declared::read(asked)?;
    let monkey = Hunt {
        dice: Dice { seed: declared.seed, service: &declared.known.service },
        path: path_in(declared.home.root()),
        began_at: Timestamp::now(),
        declared: &declared,
        asked,
        ui,
    };
    if let Some(days) = asked.days {
        return monkey.foretell(days);
    }
    let report = match (&asked.now, asked.unleash) {
        (None, false) => monkey.show().await?,
        (Some(names), false) => monkey.show_now(&declared.groups(names)?).await?,
        (None, true) => monkey.by_plan().await?,
        (Some(names), true) => monkey.at_once(&declared.groups(names)?).await?,
    };
    ui.answer(&if asked.json { format!("{:#}\n", report.json()) } else { report.text() });
    Ok(report.exit())
}

/// A group that is due.
struct Due<'a> {
    group: &'a ChaosGroup,
    planned: Option<Planned>,
}

struct Hunt<'a> {
    declared: &'a Declared,
    asked: &'a Monkey,
    ui: &'a Ui,
    dice: Dice<'a>,
    /// Where kills are written down.
    path: PathBuf,
    began_at: Timestamp,
}

impl<'a> Hunt<'a> {
    fn kills(&self) -> Result<Kills, CliError> {
        let kills = Kills::read(&self.path)
            .with_context(|| format!("failed to read `{}`", self.path.display()))
            .or_exit(Exit::Failed)?;
        if kills.unreadable > 0 {
            let file = self.path.display();
            self.ui
                .say(&format!("note: {} line(s) of `{file}` cannot be read\n", kills.unreadable));
        }
        Ok(kills)
    }

    fn report(&self, lines: Vec<Line<'a>>) -> Report<'a> {
        Report {
            service: &self.declared.known.service,
            seed: self.declared.seed,
            at: self.began_at,
            unleashed: self.asked.unleash,
            interrupted: false,
            lines,
        }
    }

    fn plan(&self, group: &ChaosGroup, kills: &Kills) -> Plan {
        let past = kills.past(self.dice.service, &group.name);
        self.dice.plan(group, past, group.hours.day_of(self.began_at))
    }

    /// Shows what the next days have in store, as if every plan were carried out.
    fn foretell(&self, days: u16) -> Result<Exit, CliError> {
        let kills = self.kills()?;
        let mut lines = Vec::new();
        for group in &self.declared.runbook.chaos {
            let mut past = kills.past(self.dice.service, &group.name);
            let today = group.hours.day_of(self.began_at);
            for day in today.series(Span::new().days(1)).take(days.into()) {
                let Plan::Kill(planned) = self.dice.plan(group, past, day) else { continue };
                past.last = Some(planned.at);
                past.kills += 1;
                lines.push(Line { group, at: Some(planned.at), came_to: CameTo::Planned });
            }
        }
        lines.sort_by_key(|line| line.at);
        let report = self.report(lines);
        self.ui.answer(&match self.asked.json {
            true => format!("{:#}\n", report.json()),
            false => report.calendar(days),
        });
        Ok(Exit::Met)
    }

    /// Shows what today has in store.
    async fn show(&self) -> Result<Report<'a>, CliError> {
        let kills = self.kills()?;
        let mut lines = Vec::new();
        for group in &self.declared.runbook.chaos {
            // Also of a group that is spared, so that one that cannot be asked is known before its day.
            let seen = self.look(group, &kills).await?;
            let (at, came_to) = match (self.plan(group, &kills), seen) {
                (_, failed @ CameTo::Failed { .. }) => (None, failed),
                (Plan::Spared(why), _) => (None, CameTo::Spared { why: why.to_string() }),
                (Plan::Kill(planned), seen) => (Some(planned.at), seen),
            };
            lines.push(Line { group, at, came_to });
        }
        self.guards().await;
        Ok(self.report(lines))
    }

    /// Shows what would be killed now.
    async fn show_now(&self, groups: &[&'a ChaosGroup]) -> Result<Report<'a>, CliError> {
        let kills = self.kills()?;
        let mut lines = Vec::new();
        for group in groups {
            let came_to = match self.out_of_hours(group) {
                Some(why) => CameTo::Spared { why },
                None => self.look(group, &kills).await?,
            };
            lines.push(Line { group, at: Some(self.began_at), came_to });
        }
        self.guards().await;
        Ok(self.report(lines))
    }

    /// Says what would speak against a kill now.
    async fn guards(&self) {
        let is_real = |group: &ChaosGroup| !matches!(group.target, Target::Simulated { .. });
        if !self.declared.runbook.chaos.iter().any(is_real) {
            return;
        }
        let guards = Guards::of(self.declared);
        for note in guards.notes {
            self.ui.say(&format!("note: {note}\n"));
        }
        for guard in &guards.all {
            if let Some(why) = guard.objection().await {
                self.ui.say(&format!("note: now nothing real would be killed: {why}\n"));
            }
        }
    }

    /// Returns who would be killed of a group as it is now.
    async fn look(&self, group: &ChaosGroup, kills: &Kills) -> Result<CameTo, CliError> {
        self.declared.reapply(group)?;
        let asked = async { self.declared.fleet(group)?.members().await };
        let members = match asked.await {
            Ok(members) => members,
            Err(error) => return Ok(self.failed(group, None, error)),
        };
        let past = kills.past(self.dice.service, &group.name);
        Ok(match choose(self.dice, group, past, &members) {
            Choice::One(member) => CameTo::Would { member: member.name, members: members.len() },
            Choice::Nobody { why } => CameTo::Spared { why },
        })
    }

    /// Says what failed, with what to do about it.
    fn failed(&self, group: &ChaosGroup, member: Option<String>, error: FleetError) -> CameTo {
        let cause = chain(&error).join(": ").replace('\n', " / ");
        let hint = error.hint();
        let what = match &member {
            Some(member) => format!("failed to kill {member} of `{}`", group.name),
            None => format!("the group `{}` cannot be asked", group.name),
        };
        let error = anyhow::Error::new(error).context(what);
        self.ui.error(&CliError::new(Exit::Failed, error).hints(hint));
        CameTo::Failed { member, cause }
    }

    fn out_of_hours(&self, group: &ChaosGroup) -> Option<String> {
        let is_fine = self.asked.any_hour || group.hours.holds(Timestamp::now());
        (!is_fine).then(|| format!("outside of its hours, {}", group.hours))
    }

    /// Kills by the plan of today, one at a time.
    async fn by_plan(&self) -> Result<Report<'a>, CliError> {
        let kills = self.kills()?;
        let (mut due, mut lines) = (Vec::new(), Vec::new());
        for group in &self.declared.runbook.chaos {
            self.declared.reapply(group)?;
            match self.plan(group, &kills) {
                Plan::Spared(why) => {
                    let came_to = CameTo::Spared { why: why.to_string() };
                    lines.push(Line { group, at: None, came_to });
                }
                Plan::Kill(planned) if planned.at + LATE < self.began_at => {
                    let why = "its minute had passed when drctl was started".to_owned();
                    lines.push(Line {
                        group,
                        at: Some(planned.at),
                        came_to: CameTo::Spared { why },
                    });
                }
                Plan::Kill(planned) => due.push(Due { group, planned: Some(planned) }),
            }
        }
        due.sort_by_key(|due| due.planned.map(|planned| planned.at));
        self.carry_out(due, lines).await
    }

    /// Kills one of each of these groups now.
    async fn at_once(&self, groups: &[&'a ChaosGroup]) -> Result<Report<'a>, CliError> {
        for group in groups {
            self.declared.reapply(group)?;
        }
        let due = groups.iter().map(|group| Due { group, planned: None }).collect();
        self.carry_out(due, Vec::new()).await
    }

    async fn carry_out(
        &self,
        due: Vec<Due<'a>>,
        mut lines: Vec<Line<'a>>,
    ) -> Result<Report<'a>, CliError> {
        let stop = self.listen()?;
        let guards = Guards::of(self.declared);
        for note in &guards.notes {
            self.ui.say(&format!("note: {note}\n"));
        }
        for due in due {
            let at = due.planned.map(|planned| planned.at);
            if let Some(at) = at {
                self.wait_until(at, due.group, &stop).await;
            }
            let came_to = match self.turn(&due, &guards, &stop).await {
                Some(came_to) => came_to?,
                None => CameTo::Spared { why: "interrupted before it was its turn".to_owned() },
            };
            lines.push(Line { group: due.group, at: at.or(Some(self.began_at)), came_to });
        }
        let interrupted = stop.signal().is_some();
        Ok(Report { interrupted, ..self.report(lines) })
    }

    /// Does what is due; `None` when it was stopped before.
    async fn turn(
        &self,
        due: &Due<'_>,
        guards: &Guards,
        stop: &Stop,
    ) -> Option<Result<CameTo, CliError>> {
        let group = due.group;
        let mut writer = match self.writer(stop).await? {
            Ok(writer) => writer,
            Err(error) => return Some(Err(error)),
        };
        // Another drctl may have killed one while this one waited.
        let kills = match self.kills() {
            Ok(kills) => kills,
            Err(error) => return Some(Err(error)),
        };
        let too_late = match due.planned {
            Some(planned) if Timestamp::now() >= planned.until => {
                Some("its hours were over when it was its turn".to_owned())
            }
            Some(_) => match self.plan(group, &kills) {
                Plan::Spared(why) => Some(why.to_string()),
                Plan::Kill(_) => None,
            },
            None => self.out_of_hours(group),
        };
        if let Some(why) = too_late {
            return Some(Ok(CameTo::Spared { why }));
        }
        Some(self.strike(due, guards, &kills, &mut writer, stop).await)
    }

    async fn strike(
        &self,
        due: &Due<'_>,
        guards: &Guards,
        kills: &Kills,
        writer: &mut KillsWriter,
        stop: &Stop,
    ) -> Result<CameTo, CliError> {
        let group = due.group;
        let fleet = match self.declared.fleet(group) {
            Ok(fleet) => fleet,
            Err(error) => return Ok(self.failed(group, None, error)),
        };
        let fleet: &dyn Fleet = &*fleet;
        let reapply = self.declared.reapply(group)?;
        let strike = Strike {
            group,
            fleet,
            dice: self.dice,
            past: kills.past(self.dice.service, &group.name),
            guards: &guards.all,
            reapply: reapply.as_ref().map(|program| program as &dyn Reapply),
            at_once: due.planned.is_none(),
            stop: stop.token(),
        };
        let ui = *self.ui;
        let struck = strike.carry_out(writer, &move |line| ui.say(&format!("{line}\n"))).await;
        let struck = struck
            .with_context(|| format!("failed to write `{}`", self.path.display()))
            .or_exit(Exit::Failed)
            .map_err(|error| {
                error.hint("Make room on the disk: what cannot be remembered is not killed")
            })?;
        Ok(match struck {
            Struck::Spared { why } => CameTo::Spared { why },
            Struck::Unasked(error) => self.failed(group, None, error),
            Struck::Failed { member, error } => self.failed(group, Some(member), error),
            Struck::Ended { kill, member, outcome } => CameTo::Killed { kill, member, outcome },
        })
    }

    /// Opens the file of kills, when no other drctl has it open; `None` when it was stopped before.
    async fn writer(&self, stop: &Stop) -> Option<Result<KillsWriter, CliError>> {
        let mut is_told = false;
        while !stop.token().is_cancelled() {
            match KillsWriter::open(&self.path) {
                Ok(Some(writer)) => return Some(Ok(writer)),
                Ok(None) => {
                    if !std::mem::replace(&mut is_told, true) {
                        self.ui.say("waiting for another drctl that kills something now\n");
                    }
                    tokio::select! {
                        () = sleep(TRY) => {}
                        () = stop.token().cancelled() => {}
                    }
                }
                Err(error) => {
                    let error = anyhow!(error)
                        .context(format!("failed to write `{}`", self.path.display()));
                    let hint =
                        "Set `DRCTL_HOME` to a folder that can be written, with room on its disk";
                    return Some(Err(CliError::new(Exit::Failed, error).hint(hint)));
                }
            }
        }
        None
    }

    /// Waits until a moment of the wall clock, or until it is stopped.
    async fn wait_until(&self, at: Timestamp, group: &ChaosGroup, stop: &Stop) {
        let left = || Duration::try_from(at.duration_since(Timestamp::now())).unwrap_or_default();
        if left() > Duration::from_secs(1) {
            let there = at.to_zoned(group.hours.zone()).strftime("%H:%M %Q").to_string();
            self.ui.say(&format!(
                "{}: waiting for {there}, {} from now\n",
                group.name,
                Pretty(left())
            ));
        }
        while !left().is_zero() && !stop.token().is_cancelled() {
            tokio::select! {
                () = sleep(left().min(NAP)) => {}
                () = stop.token().cancelled() => {}
            }
        }
    }

    fn listen(&self) -> Result<Stop, CliError> {
        let ui = *self.ui;
        let words =
            "nothing more is killed, and what is being measured ends with what is known by now";
        stop::listen(move |name, before| match before {
            0 => ui.say(&format!("\n{name}: {words}\n")),
            _ => ui.say(&format!("\n{name}: about to end\n")),
        })
        .context("failed to listen for signals")
        .or_exit(Exit::Failed)
    }
}
