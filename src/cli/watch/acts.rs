//! What a watchman does: makes out what would be done, asks, fails over, and follows that to its end.

use super::{
    Prepared, Watchman, approval,
    case::{Asking, Fired, Next, Sight},
    say::{self, Said},
    work::{self, Progress},
};
use crate::{
    model::run::{DeclaredBy, RunId},
    outage::{Judge, Stamp, millis},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::time::Duration;

impl Watchman {
    pub(super) fn take_prepared(&mut self, judge: &Judge) {
        // Looked at first: what has ended has sent what it came to, or broke off.
        self.preparing.take_if(|preparing| preparing.is_finished());
        while let Ok(Prepared { outage, ready }) = self.prepared.1.try_recv() {
            let Some(case) = self.memory.case.as_mut().filter(|case| case.id == outage) else {
                continue;
            };
            match ready {
                Ok(ready) => (case.ready, case.unready) = (Some(ready), None),
                Err(why) => {
                    let again = case.unready.as_ref().is_some_and(|(_, before)| *before == why);
                    let said = Said {
                        notify: !again,
                        ..Said::new("unready", format!("cannot make out what would be done: {why}"))
                    };
                    case.unready = Some((Stamp::of(self.clock.steady(), &*self.clock), why));
                    self.say(said);
                }
            }
            self.keep(judge);
        }
    }

    pub(super) fn take_answer(&mut self, judge: &Judge) {
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
    pub(super) fn follow(&mut self, judge: &Judge) {
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
    pub(super) async fn let_failover_end(&mut self, judge: &Judge) {
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

    /// Does what is next, and what comes right after it.
    pub(super) fn act(&mut self, judge: &Judge) {
        while self.step(judge) {}
    }

    /// Does what is next; returns true when something may come right after it.
    fn step(&mut self, judge: &Judge) -> bool {
        let Some((case, outage)) = self.memory.case.as_mut().zip(judge.outage()) else {
            return false;
        };
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
            Next::Nothing => return false,
            Next::Hold(why) => {
                let said = say::held(case, &why);
                case.held = Some(why);
                self.say(said);
                self.keep(judge);
                return false;
            }
            Next::Prepare => {
                let outage = case.id.clone();
                self.prepare(outage);
                return false;
            }
            Next::TellReady => {
                case.ready_told = true;
                let said = say::ready(case, &self.memory.region);
                if let Some(said) = said {
                    self.say(said);
                }
                self.keep(judge);
            }
            Next::Ask => self.ask(judge),
            Next::Fire(by) => {
                self.fire(by, judge);
                return false;
            }
        }
        true
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
        let within_ms = millis(self.policy.approve_within);
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
        let Ok(run) = self.home.name_run(at.wall) else { return };
        self.memory.fired = Some(Fired {
            outage: case.id.clone(),
            run,
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
}
