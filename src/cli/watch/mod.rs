//! The watch over a service: what its judge sees is remembered, told, and acted on.

pub(super) mod approval;
mod case;
mod memory;
mod outcome;
mod page;
mod people;
mod say;
mod start;
mod work;

pub(super) use approval::{Open, open_questions};
pub(super) use case::Answer;
pub(super) use memory::{Place, outages};
pub(super) use outcome::{Begun, Outcome, Signs};
pub(super) use start::{Wanted, start};

use memory::Memory;
use outcome::Since;

use super::{asked::Which, home::Home, ui::Ui};
use crate::{
    model::{
        outage::{EnteredOutage, Interval},
        run::{DeclaredBy, RunId},
    },
    outage::{Change, Clock, Control, Judge, Look, Moment, Ongoing, Settled, Stamp},
    runbook::{Role, Watch},
    store::Store,
};
use case::{Asking, Case, Fired, Next, Ready, Sight, ms};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use page::{Pages, ProbeState, Question, Snapshot};
use people::People;
use say::Said;
use std::{sync::Arc, time::Duration};
use tokio::{sync::mpsc, task::JoinHandle};
use work::Progress;

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
        Case {
            id: RunId::new(began.wall, within_second),
            began,
            detected: stamp(outage.detected),
            ready: None,
            unready: None,
            asked: None,
            answer: None,
            held: None,
        }
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

    fn take_prepared(&mut self, judge: &Judge) {
        while let Ok(Prepared { outage, ready }) = self.prepared.1.try_recv() {
            self.preparing = None;
            let region = self.memory.region.clone();
            let Some(case) = self.memory.case.as_mut().filter(|case| case.id == outage) else {
                continue;
            };
            let said = match ready {
                Ok(ready) => {
                    let said = say::ready(case, &ready.commit, &ready.digest, &region);
                    (case.ready, case.unready) = (Some(ready), None);
                    said
                }
                Err(why) => {
                    let again = case.unready.as_ref().is_some_and(|(_, before)| *before == why);
                    let said = Said {
                        notify: !again,
                        ..Said::new("unready", format!("cannot make out what would be done: {why}"))
                    };
                    case.unready = Some((Stamp::of(self.clock.steady(), &*self.clock), why));
                    said
                }
            };
            self.say(said);
            self.keep(judge);
        }
    }

    fn take_answer(&mut self, judge: &Judge) {
        let Some(case) = self.memory.case.as_mut().filter(|case| case.answer.is_none()) else {
            return;
        };
        let Some(answer) = approval::take(&self.place, case) else { return };
        let said = say::answered(case, answer.yes, &answer.by);
        case.answer = Some(answer);
        self.say(said);
        self.keep(judge);
    }

    /// Looks how the failover is that was begun.
    fn follow(&mut self, judge: &Judge) {
        // Whoever has ended is waited for, so that it is gone.
        self.children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        let place = &self.place;
        let Some(fired) = self.memory.fired.as_mut().filter(|fired| fired.ended.is_none()) else {
            return;
        };
        match work::progress(fired, &self.home, place) {
            Progress::Running => {}
            Progress::NotBegun => self.launch(judge),
            Progress::Over(how) => {
                fired.ended = Some(how.clone());
                let said = say::over(fired, &how);
                self.say(said);
                self.keep(judge);
            }
        }
    }

    /// Asks a failover that goes on to stop, and waits for its end: in a container it would be killed
    /// with the watch, whatever Terraform has in flight.
    async fn let_failover_end(&mut self, judge: &Judge) {
        let Some(fired) = self.memory.fired.clone().filter(|fired| fired.ended.is_none()) else {
            return;
        };
        let Some(pid) = fired.pid else { return };
        self.say(Said::new(
            "waiting",
            format!("stopping the failover {} and waiting for it", fired.run),
        ));
        // It may be over by now.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        while work::progress(&fired, &self.home, &self.place) == Progress::Running {
            tokio::time::sleep(Duration::from_millis(200)).await;
            self.children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        }
        self.follow(judge);
    }

    /// Does what is next.
    fn act(&mut self, judge: &Judge) {
        let (Some(case), Some(outage)) = (&self.memory.case, judge.outage()) else { return };
        let picture = judge.picture();
        let sight = Sight {
            clock: &*self.clock,
            policy: &self.policy,
            outage,
            scope_settled: judge.is_scope_settled(&outage),
            fallback_down: picture.fallback_down,
            cut_off: picture.cut_off || picture.witnesses_failing,
            fired: self.memory.fired.as_ref(),
            preparing: self.preparing.is_some(),
        };
        match case.next(&sight) {
            Next::Nothing => {}
            Next::Hold(why) => {
                let said = say::held(case, &why);
                if let Some(case) = &mut self.memory.case {
                    case.held = Some(why);
                }
                self.say(said);
                self.keep(judge);
            }
            Next::Prepare => self.prepare(case.id.clone()),
            Next::Ask => self.ask(judge),
            Next::Fire(by) => self.fire(by, judge),
        }
    }

    fn prepare(&mut self, outage: RunId) {
        let (which, home, ui, tell) =
            (self.which.clone(), self.home.clone(), self.ui, self.prepared.0.clone());
        self.preparing = Some(tokio::spawn(async move {
            let ready = work::prepare(&which, &home, &ui).await;
            let _ = tell.send(Prepared { outage, ready });
        }));
    }

    fn ask(&mut self, judge: &Judge) {
        let Ok(nonce) = approval::nonce() else { return };
        let at = Stamp::of(self.clock.steady(), &*self.clock);
        let within_ms = ms(self.policy.approve_within);
        let Some(case) = &mut self.memory.case else { return };
        case.asked = Some(Asking { at, within_ms, nonce });
        case.held = None;
        let Some((case, asking)) =
            self.memory.case.as_ref().and_then(|case| Some((case, case.asked.as_ref()?)))
        else {
            return;
        };
        let until = Stamp::of(asking.at.moment(&*self.clock) + asking.within_ms, &*self.clock).wall;
        let (service, region) = (&self.memory.service, &self.memory.region);
        let mut said = say::asked(case, service, region, until);
        if let Some(url) = &self.policy.approve_url {
            let token = approval::token(&self.key, case, asking);
            said =
                said.with("link", format!("{}/approve?token={token}", url.trim_end_matches('/')));
        }
        self.say(said);
        self.keep(judge);
    }

    /// Decides for a failover: that is on the disk, with the name of its run, before it is begun.
    fn fire(&mut self, by: DeclaredBy, judge: &Judge) {
        let Some(case) = &self.memory.case else { return };
        let Some(ready) = case.ready.clone() else { return };
        let at = Stamp::of(self.clock.steady(), &*self.clock);
        let mut salt = [0; 2];
        if getrandom::fill(&mut salt).is_err() {
            return;
        }
        self.memory.fired = Some(Fired {
            outage: case.id.clone(),
            run: RunId::new(at.wall, u16::from_be_bytes(salt)),
            at,
            by,
            began: Stamp::of(case.began.moment(&*self.clock), &*self.clock),
            detected: Stamp::of(case.detected.moment(&*self.clock), &*self.clock),
            ready,
            launches: 0,
            pid: None,
            ended: None,
        });
        self.keep(judge);
        if self.forgetful.is_some() {
            self.memory.fired = None;
            return;
        }
        self.since.signs.fired.cancel();
        self.launch(judge);
    }

    /// Begins the failover that was decided.
    fn launch(&mut self, judge: &Judge) {
        let (service, region) = (self.memory.service.clone(), self.memory.region.clone());
        let Some(said) =
            self.memory.fired.as_ref().map(|fired| say::fired(fired, &service, &region))
        else {
            return;
        };
        self.say(said);
        let Some(fired) = &mut self.memory.fired else { return };
        fired.launches += 1;
        match work::fire(fired, &self.which, self.rto.as_deref(), &self.place) {
            Ok(child) => {
                fired.pid = i32::try_from(child.id()).ok();
                self.children.push(child);
            }
            Err(error) => {
                let how = format!("it could not be started: {error:#}");
                fired.ended = Some(how.clone());
                let said = say::over(fired, &how);
                self.say(said);
            }
        }
        self.keep(judge);
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

    fn snapshot(&self, judge: &Judge) -> Snapshot {
        let picture = judge.picture();
        let both = judge.questions().iter().zip(judge.standings()).enumerate();
        let probes = both.map(|(place, (question, asked))| ProbeState {
            name: question.name.clone(),
            role: role(question.role),
            up: match asked.settled {
                Settled::Unknown => None,
                Settled::Up => Some(true),
                Settled::Down => Some(false),
            },
            flapping: judge.is_flapping(place),
            why: asked.last.as_ref().map(|(why, _)| why.clone()).unwrap_or_default(),
            answers: asked.answers,
        });
        let wall = |at: Moment| Stamp::of(at, &*self.clock).wall.as_millisecond() as f64 / 1e3;
        let outage = judge.outage().zip(self.memory.case.as_ref()).map(|(outage, case)| {
            (case.id.clone(), wall(outage.began), wall(outage.detected), outage.scope.word())
        });
        Snapshot {
            service: self.memory.service.clone(),
            region: self.memory.region.clone(),
            primary: self.primary.clone(),
            probes: probes.collect(),
            outage,
            cut_off: picture.cut_off,
            primary_down: picture.primary_down,
            fallback_down: picture.fallback_down,
            detection: self.detection_ms.map(|ms| ms as f64 / 1e3),
            outages: self.outages,
            notices_waiting: self.people.waiting(),
            question: self.question(),
            failover: self
                .memory
                .fired
                .as_ref()
                .map(|fired| (fired.run.clone(), fired.ended.clone())),
        }
    }

    fn question(&self) -> Option<Question> {
        let case = self.memory.case.as_ref()?;
        let (asking, ready) = (case.asked.as_ref()?, case.ready.as_ref()?);
        if !case.is_open(asking, &*self.clock) {
            return None;
        }
        let until = asking.at.moment(&*self.clock) + asking.within_ms;
        Some(Question {
            outage: case.id.clone(),
            digest: ready.digest.clone(),
            commit: ready.commit.clone(),
            token: approval::token(&self.key, case, asking),
            began: say::seconds(case.began.wall),
            until: say::seconds(Stamp::of(until, &*self.clock).wall),
        })
    }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Service => "service",
        Role::Primary => "primary",
        Role::Fallback => "fallback",
        Role::Witness => "witness",
    }
}
