//! One outage, what was done about it, and what is to be done next. It has neither a clock nor a hand.

use crate::{
    model::run::{DeclaredBy, RunId},
    outage::{Clock, Moment, Ongoing, Scope, Stamp, millis},
    runbook::{Act, Watch},
};
use serde::{Deserialize, Serialize};

/// One outage and what was done about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Case {
    /// Its name, made of the time at which it began.
    pub(super) id: RunId,
    /// `t0`.
    pub(super) began: Stamp,
    /// `t1`.
    pub(super) detected: Stamp,
    /// What would be done, once that is made out.
    pub(super) ready: Option<Ready>,
    /// Whether people were told what would be done.
    #[serde(default)]
    pub(super) ready_told: bool,
    /// When making that out failed last, and why.
    pub(super) unready: Option<(Stamp, String)>,
    /// When somebody was asked, and until when an answer counts.
    pub(super) asked: Option<Asking>,
    /// What was answered.
    pub(super) answer: Option<Answer>,
    /// Why nothing is done just now, as it was said last.
    pub(super) held: Option<String>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ready {
    /// The commit that it is recovered from.
    pub(super) commit: String,
    /// The digest of all decisions.
    pub(super) digest: String,
}

/// A question to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asking {
    /// When it was asked.
    pub(super) at: Stamp,
    /// How long an answer counts, in milliseconds.
    pub(super) within_ms: Moment,
    /// What makes its link one that nobody can guess, and good for once.
    pub(super) nonce: String,
}

/// An answer of people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Answer {
    /// Whether it is failed over.
    pub(in crate::cli) yes: bool,
    /// Who says so, as they say.
    pub(in crate::cli) by: String,
}

/// A failover that was begun.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Fired {
    /// For which outage.
    pub(super) outage: RunId,
    /// Its run. The name is given before it is begun, so that it cannot be begun twice.
    pub(super) run: RunId,
    /// When it was decided.
    pub(super) at: Stamp,
    /// Who decided.
    pub(super) by: DeclaredBy,
    /// When the outage began, was detected, and from what it is recovered.
    pub(super) began: Stamp,
    pub(super) detected: Stamp,
    pub(super) ready: Ready,
    /// How often it was tried to start it.
    pub(super) launches: u32,
    /// Its process, once there is one.
    pub(super) pid: Option<i32>,
    /// How it ended.
    pub(super) ended: Option<String>,
}

/// All that decides what is done next.
pub(super) struct Sight<'a> {
    pub(super) clock: &'a dyn Clock,
    pub(super) policy: &'a Watch,
    pub(super) outage: Ongoing,
    /// Whether what is known of the region can be relied on.
    pub(super) scope_settled: bool,
    pub(super) fallback_down: bool,
    pub(super) cut_off: bool,
    /// The newest failover that was begun, for this outage or another.
    pub(super) fired: Option<&'a Fired>,
    /// Whether it is being made out what would be done.
    pub(super) preparing: bool,
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, now.
    Nothing,
    /// Nothing, and people should know why.
    Hold(String),
    /// It is made out what would be done.
    Prepare,
    /// People are told what would be done.
    TellReady,
    /// Somebody is asked.
    Ask,
    /// It is failed over.
    Fire(DeclaredBy),
}

/// How long what is known of the region is waited for at most.
const SCOPE_PATIENCE_MS: Moment = 60_000;
/// How long after it could not be made out what would be done it is tried again.
const PREPARE_AGAIN_MS: Moment = 30_000;

impl Case {
    /// Opens the case of an outage, about which nothing was done yet.
    pub(super) fn new(id: RunId, began: Stamp, detected: Stamp) -> Self {
        Self {
            id,
            began,
            detected,
            ready: None,
            ready_told: false,
            unready: None,
            asked: None,
            answer: None,
            held: None,
        }
    }

    /// Returns what is done next.
    pub(super) fn next(&self, sight: &Sight<'_>) -> Next {
        let now = sight.clock.steady();
        let lasted = now - sight.outage.detected;
        let fired_for_this = sight.fired.is_some_and(|fired| fired.outage == self.id);
        if fired_for_this || sight.cut_off {
            return Next::Nothing;
        }
        let unsettled = !sight.scope_settled && lasted < SCOPE_PATIENCE_MS;
        let act = self.wanted(sight);
        if act == Act::Notify || unsettled {
            return Next::Nothing;
        }
        if self.ready.is_none() {
            let waits = self
                .unready
                .as_ref()
                .is_some_and(|(at, _)| now - at.moment(sight.clock) < PREPARE_AGAIN_MS);
            return if sight.preparing || waits { Next::Nothing } else { Next::Prepare };
        }
        // Made out meanwhile, so that no time is lost if it lasts; what passes sooner is only told.
        if lasted < millis(sight.policy.confirm) {
            return Next::Nothing;
        }
        if !self.ready_told {
            return Next::TellReady;
        }
        if act == Act::Prepare {
            return Next::Nothing;
        }
        if let Some(why) = self.hindrance(sight, now) {
            return if self.held.as_ref() == Some(&why) { Next::Nothing } else { Next::Hold(why) };
        }
        match (act, &self.answer, &self.asked) {
            (_, Some(answer), _) if !answer.yes => Next::Nothing,
            (_, Some(_), _) => Next::Fire(DeclaredBy::Approval),
            (Act::Failover, None, _) => Next::Fire(DeclaredBy::Policy),
            (_, None, None) => Next::Ask,
            (_, None, Some(asking)) if self.is_open(asking, sight.clock) => Next::Nothing,
            (_, None, Some(_)) => {
                let why = "nobody answered in time; `drctl approve` still can".to_owned();
                if self.held.as_ref() == Some(&why) { Next::Nothing } else { Next::Hold(why) }
            }
        }
    }

    /// What the policy wants at most.
    fn wanted(&self, sight: &Sight<'_>) -> Act {
        let act = match sight.outage.scope {
            Scope::Service => sight.policy.service_down,
            Scope::Region => sight.policy.region_down,
        };
        // What never was up may be asked wrongly; a person should look.
        if sight.outage.was_up { act } else { act.min(Act::Approve) }
    }

    /// Why it is not failed over, whoever wants it.
    fn hindrance(&self, sight: &Sight<'_>, now: Moment) -> Option<String> {
        if sight.fallback_down {
            return Some("the fallback region is down, too".to_owned());
        }
        let fired = sight.fired?;
        let again = fired.at.moment(sight.clock) + millis(sight.policy.cool_down);
        if fired.ended.is_none() {
            return Some(format!("the failover {} is not over", fired.run));
        }
        (now < again)
            .then(|| format!("the failover {} was begun less than the cool-down ago", fired.run))
    }

    /// Returns true while an answer counts.
    pub(super) fn is_open(&self, asking: &Asking, clock: &dyn Clock) -> bool {
        self.answer.is_none() && clock.steady() - asking.at.moment(clock) < asking.within_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::time::Duration;

    /// Seconds of some boot.
    struct At(Moment);

    impl Clock for At {
        fn steady(&self) -> Moment {
            self.0 * 1_000
        }
        fn wall(&self) -> Timestamp {
            Timestamp::from_second(1_773_460_000 + self.0).unwrap()
        }
        fn boot(&self) -> &str {
            "boot"
        }
    }

    fn ready() -> Ready {
        Ready { commit: "c".to_owned(), digest: "d".to_owned() }
    }

    fn case() -> Case {
        let id = RunId::new(At(100).wall(), 7);
        let (began, detected) = (Stamp::of(100_000, &At(110)), Stamp::of(110_000, &At(110)));
        Case::new(id, began, detected)
    }

    fn fired(outage: RunId, at: Moment, ended: Option<&str>) -> Fired {
        let at = Stamp::of(at * 1_000, &At(at));
        Fired {
            run: outage.clone(),
            outage,
            began: at.clone(),
            detected: at.clone(),
            at,
            by: DeclaredBy::Policy,
            ready: ready(),
            launches: 1,
            pid: None,
            ended: ended.map(str::to_owned),
        }
    }

    fn sight<'a>(clock: &'a At, policy: &'a Watch) -> Sight<'a> {
        let outage =
            Ongoing { began: 100_000, detected: 110_000, scope: Scope::Region, was_up: true };
        Sight {
            clock,
            policy,
            outage,
            scope_settled: true,
            fallback_down: false,
            cut_off: false,
            fired: None,
            preparing: false,
        }
    }

    fn policy(act: Act) -> Watch {
        Watch { region_down: act, ..Watch::default() }
    }

    #[test]
    fn each_act_comes_after_those_before_it_and_not_before_the_outage_has_lasted() {
        let policy = policy(Act::Approve);
        let mut case = case();
        let (clock, later) = (At(170), At(171));
        // Already while it is not clear that it will last.
        assert_eq!(case.next(&sight(&At(111), &policy)), Next::Prepare);
        assert_eq!(case.next(&Sight { preparing: true, ..sight(&clock, &policy) }), Next::Nothing);
        case.ready = Some(ready());
        assert_eq!(case.next(&sight(&At(169), &policy)), Next::Nothing);
        assert_eq!(case.next(&sight(&clock, &policy)), Next::TellReady);
        case.ready_told = true;
        assert_eq!(case.next(&sight(&clock, &policy)), Next::Ask);
        let nonce = "n".to_owned();
        case.asked = Some(Asking { at: Stamp::of(170_000, &clock), within_ms: 3_600_000, nonce });
        assert_eq!(case.next(&sight(&later, &policy)), Next::Nothing);
        let by = "maria".to_owned();
        case.answer = Some(Answer { yes: true, by: by.clone() });
        assert_eq!(case.next(&sight(&later, &policy)), Next::Fire(DeclaredBy::Approval));
        case.answer = Some(Answer { yes: false, by });
        assert_eq!(case.next(&sight(&later, &policy)), Next::Nothing);
    }

    #[test]
    fn it_is_never_failed_over_into_a_region_that_is_down_nor_blindly() {
        let (policy, clock) = (policy(Act::Failover), At(200));
        let case = Case { ready: Some(ready()), ready_told: true, ..case() };
        assert_eq!(case.next(&sight(&clock, &policy)), Next::Fire(DeclaredBy::Policy));
        let down = Sight { fallback_down: true, ..sight(&clock, &policy) };
        let Next::Hold(why) = case.next(&down) else { panic!("it is not held") };
        assert_eq!(why, "the fallback region is down, too");
        // Said once.
        let held = Case { held: Some(why), ..case.clone() };
        assert_eq!(held.next(&down), Next::Nothing);
        assert_eq!(held.next(&sight(&clock, &policy)), Next::Fire(DeclaredBy::Policy));
        assert_eq!(case.next(&Sight { cut_off: true, ..sight(&clock, &policy) }), Next::Nothing);
        let mut unseen = sight(&clock, &policy);
        unseen.outage.was_up = false;
        assert_eq!(case.next(&unseen), Next::Ask, "a person looks at what never was up");
    }

    #[test]
    fn what_is_not_known_of_the_region_is_waited_for_but_not_for_ever() {
        let policy = Watch { confirm: Duration::ZERO, ..policy(Act::Failover) };
        let case = Case { ready: Some(ready()), ready_told: true, ..case() };
        let (soon, late) = (At(120), At(171));
        let unsettled = |clock| Sight { scope_settled: false, ..sight(clock, &policy) };
        assert_eq!(case.next(&unsettled(&soon)), Next::Nothing);
        assert_eq!(case.next(&unsettled(&late)), Next::Fire(DeclaredBy::Policy));
    }

    #[test]
    fn one_failover_an_outage_and_one_a_cool_down() {
        let policy = policy(Act::Failover);
        let case = Case { ready: Some(ready()), ready_told: true, ..case() };
        let clock = At(200);
        let this = fired(case.id.clone(), 150, Some("met"));
        assert_eq!(
            case.next(&Sight { fired: Some(&this), ..sight(&clock, &policy) }),
            Next::Nothing
        );
        let other = |at, ended| fired(RunId::new(At(0).wall(), 1), at, ended);
        let recent = other(-21_000, Some("met"));
        let held = case.next(&Sight { fired: Some(&recent), ..sight(&clock, &policy) });
        assert!(matches!(held, Next::Hold(why) if why.contains("cool-down")));
        let old = other(-21_500, Some("met"));
        let next = case.next(&Sight { fired: Some(&old), ..sight(&clock, &policy) });
        assert_eq!(next, Next::Fire(DeclaredBy::Policy));
        let running = other(-21_500, None);
        let held = case.next(&Sight { fired: Some(&running), ..sight(&clock, &policy) });
        assert!(matches!(held, Next::Hold(why) if why.contains("not over")));
    }

    #[test]
    fn what_could_not_be_made_out_is_tried_again_after_a_while() {
        let policy = policy(Act::Failover);
        let unready = Some((Stamp::of(200_000, &At(200)), "no commit".to_owned()));
        let case = Case { unready, ..case() };
        let (soon, late) = (At(229), At(230));
        assert_eq!(case.next(&sight(&soon, &policy)), Next::Nothing);
        assert_eq!(case.next(&sight(&late, &policy)), Next::Prepare);
    }
}
