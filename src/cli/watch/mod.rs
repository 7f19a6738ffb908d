//! The watch over a service: what its judge sees is remembered, told, and acted on.

mod acts;
pub(super) mod approval;
mod case;
mod memory;
mod outcome;
mod page;
mod people;
mod say;
mod start;
mod view;
mod work;

pub(super) use approval::{Open, open_questions};
pub(super) use case::Answer;
pub(super) use memory::{Place, outages};
pub(super) use outcome::{Begun, Outcome, Signs};
pub(super) use start::{Wanted, start};

use super::{asked::Which, home::Home, ui::Ui};
use crate::{
    model::{
        outage::{EnteredOutage, Interval},
        run::RunId,
    },
    outage::{Change, Clock, Control, Judge, Look, Moment, Ongoing, Stamp},
    runbook::Watch,
    store::Store,
};
use case::{Case, Ready};
use memory::Memory;
use outcome::Since;
use page::Pages;
use people::People;
use say::Said;
use std::sync::Arc;
use tokio::{sync::mpsc, task::JoinHandle};

/// How often what is known is kept, also when nothing changed: it tells how long the watch was away.
const KEEP_EVERY_MS: Moment = 30_000;
/// How often it is looked how far a failover is.
const FOLLOW_EVERY_MS: Moment = 1_000;

/// Remembers, tells and acts.
pub(super) struct Watchman {
    clock: Arc<dyn Clock>,
    policy: Watch,
    which: Which,
    rto: Option<String>,
    primary: Option<String>,
    home: Home,
    place: Place,
    key: Vec<u8>,
    memory: Memory,
    people: People,
    pages: Arc<Pages>,
    ui: Ui,
    json: bool,
    preparing: Option<JoinHandle<()>>,
    prepared: (mpsc::UnboundedSender<Prepared>, mpsc::UnboundedReceiver<Prepared>),
    kept_at: Moment,
    kept_version: u64,
    followed_at: Moment,
    outages: u64,
    detection_ms: Option<Moment>,
    /// Why the memory could not be written, when it could not.
    forgetful: Option<String>,
    /// The children that were begun here, to be waited for.
    children: Vec<std::process::Child>,
    /// Whether it ends with the failover that it begins.
    until_over: bool,
    /// What it saw and did since it began.
    since: Since,
    /// Where the programs of probes run; it is removed at the end.
    _checkout: tempfile::TempDir,
}

/// What a preparation came to, and for which outage.
struct Prepared {
    outage: RunId,
    ready: Result<Ready, String>,
}

impl Look for Watchman {
    fn look(&mut self, judge: &Judge, changes: &[Change]) -> Control {
        let now = self.clock.steady();
        self.since.look(judge);
        changes.iter().for_each(|change| self.tell(change));
        // Told first: what is told twice is known by its name, and what is not told is lost.
        if judge.version() != self.kept_version || now - self.kept_at >= KEEP_EVERY_MS {
            self.keep(judge);
        }
        self.take_prepared(judge);
        self.take_answer(judge);
        if now - self.followed_at >= FOLLOW_EVERY_MS {
            self.followed_at = now;
            self.follow(judge);
        }
        // What cannot be remembered is not begun.
        if self.forgetful.is_none() {
            self.act(judge);
        }
        self.pages.show(self.snapshot(judge));
        let begun = self.since.begun(self.memory.fired.as_ref());
        let over = begun.is_some_and(|fired| fired.ended.is_some());
        if self.until_over && over { Control::Stop } else { Control::Continue }
    }
}

impl Watchman {
    fn open(&self, outage: &Ongoing) -> Case {
        let stamp = |at| Stamp::of(at, &*self.clock);
        let began = stamp(outage.began);
        // Of its time alone, so that it has the same name when it is found a second time.
        let within_second = u16::try_from(began.wall.subsec_millisecond()).unwrap_or(0);
        Case::new(RunId::new(began.wall, within_second), began, stamp(outage.detected))
    }

    /// Remembers. A failure is said once, and again when it is over.
    fn keep(&mut self, judge: &Judge) {
        self.memory.judge = judge.keep(&*self.clock);
        self.kept_at = self.clock.steady();
        self.kept_version = judge.version();
        match (self.place.save(&self.memory), self.forgetful.take()) {
            (Ok(()), None) => {}
            (Ok(()), Some(_)) => {
                self.say(Said::new("remembers", "the watch can be remembered again"))
            }
            (Err(error), before) => {
                let why = error.to_string();
                if before.as_ref() != Some(&why) {
                    self.say(Said {
                        notify: true,
                        ..Said::new(
                            "forgets",
                            format!("the watch cannot be remembered, so it acts no more: {why}"),
                        )
                    });
                }
                self.forgetful = Some(why);
            }
        }
    }

    /// Opens and closes cases, and says what changed.
    fn tell(&mut self, change: &Change) {
        let service = self.memory.service.clone();
        let said = match change {
            Change::Began(outage) => {
                self.outages += 1;
                self.detection_ms = Some(outage.detected - outage.began);
                let case = self.open(outage);
                let said = say::began(outage, &case, &service);
                self.since.began(outage, &case);
                self.memory.case = Some(case);
                Some(said)
            }
            Change::Escalated(outage) => {
                self.since.escalated(outage);
                self.memory.case.as_ref().map(|case| say::escalated(outage, case, &service))
            }
            Change::Ended { outage, ended } => {
                let case = self.memory.case.take();
                if let Some(case) = &case {
                    self.enter(case, *ended);
                }
                case.map(|case| say::ended(&case, *ended - outage.began, &service))
            }
            other => say::change(other, &service, &*self.clock),
        };
        if let Some(said) = said {
            self.say(said);
        }
    }

    /// Enters an outage that nothing was failed over for into the history, where availability is counted.
    fn enter(&mut self, case: &Case, ended: Moment) {
        let failed_over = self.memory.fired.as_ref().is_some_and(|fired| fired.outage == case.id);
        let interval =
            Interval { began_at: case.began.wall, ended_at: Stamp::of(ended, &*self.clock).wall };
        if failed_over || interval.began_at >= interval.ended_at {
            return;
        }
        let note = Some("seen by drctl watch".to_owned());
        let outage = EnteredOutage { service: self.memory.service.clone(), interval, note };
        let entered =
            Store::open(&self.home.history()).and_then(|mut store| store.add_outage(&outage));
        if let Err(error) = entered {
            self.say(Said::new("note", format!("the outage is not in the history: {error}")));
        }
    }

    /// Says something: in the log, to programs, and to people when it is for them.
    fn say(&mut self, said: Said) {
        let at = self.clock.wall();
        self.ui.say(&format!("{} {}\n", say::seconds(at), said.text));
        if self.json {
            let mut line = said.clone();
            // The link is for those who may use it.
            line.facts.remove("link");
            self.ui.answer(&format!("{}\n", line.json(at)));
        }
        if said.notify
            && let Err(why) = self.people.tell(&self.memory.service, &said, at)
        {
            self.ui.say(&format!("{} people cannot be told: {why}\n", say::seconds(at)));
        }
    }
}
