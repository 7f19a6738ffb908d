//! Asks all probes without end.

use super::{
    Change, Clock, Judge, Moment,
    standing::{Question, Seen},
};
use crate::{
    probe::{Answer, Probe, Prober},
    runbook::Role,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// A probe that is watched.
#[derive(Clone, Debug)]
pub struct Watched {
    /// What is asked.
    pub probe: Probe,
    /// What the answers say something of.
    pub role: Role,
}

impl Watched {
    /// Returns what the judgement needs of it.
    pub fn question(&self) -> Question {
        Question::of(&self.probe, self.role)
    }
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Ask on.
    Continue,
    /// Ask no more.
    Stop,
}

/// Looks on while it is asked.
pub trait Look {
    /// Is called after answers came in that changed something, and at least once a second, with all
    /// that changed.
    fn look(&mut self, judge: &Judge, changes: &[Change]) -> Control;
}

/// How often time is let pass when nobody answers.
const TICK: Duration = Duration::from_secs(1);

/// From so many probes on, their first questions are spread over their intervals.
const MANY: usize = 16;

/// Asks every probe again and again, none waiting for another, until `stop` is cancelled or `look`
/// says so. Questions in flight are dropped then.
///
/// A wall clock that jumps changes nothing of when is asked.
pub async fn watch(
    prober: Arc<dyn Prober>,
    clock: &dyn Clock,
    watched: &[Watched],
    judge: &mut Judge,
    look: &mut (dyn Look + Send),
    stop: &CancellationToken,
) {
    let mut round = Round::new(prober, watched);
    let mut tick = Instant::now() + TICK;
    let mut version = judge.version();
    loop {
        let due = round.next_due().map_or(tick, |due| due.min(tick));
        let mut changes = Vec::new();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some((probe, asked, answer)) = round.answered() => {
                let mut next = Some((probe, asked, answer));
                // All that is there already is judged before anybody looks.
                while let Some((probe, asked, answer)) = next.take() {
                    let seen = seen(asked, clock.steady(), answer);
                    changes.extend(judge.take(probe, &seen, clock.wall()));
                    round.plan(probe, asked, judge, clock.steady());
                    next = round.answered_already();
                }
                round.hurry(judge);
            }
            () = sleep_until(due) => {}
        }
        round.ask_due(watched, clock);
        if Instant::now() >= tick {
            tick = Instant::now() + TICK;
            changes.extend(judge.look(clock.steady(), clock.wall()));
        } else if judge.version() == version {
            continue;
        }
        version = judge.version();
        if look.look(judge, &changes) == Control::Stop {
            return;
        }
    }
}

fn seen(asked: Moment, answered: Moment, answer: Answer) -> Seen {
    let Answer { why, detail, warning, .. } = answer;
    Seen { asked, answered, why, detail, warning }
}

type Asking = (usize, Moment, Answer);

/// Who is asked when.
struct Round {
    prober: Arc<dyn Prober>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    /// When each probe is due; an entry of the heap that says otherwise is out of date.
    at: Vec<Option<Instant>>,
    /// Dropped at the end, and the questions with it.
    asking: JoinSet<Asking>,
    /// Which probe each question that is being asked is of.
    asked: HashMap<Id, usize>,
}

impl Round {
    fn new(prober: Arc<dyn Prober>, watched: &[Watched]) -> Self {
        let now = Instant::now();
        let mut round = Self {
            prober,
            due: BinaryHeap::new(),
            at: vec![None; watched.len()],
            asking: JoinSet::new(),
            asked: HashMap::new(),
        };
        for (place, each) in watched.iter().enumerate() {
            let share = place as f64 / watched.len() as f64;
            let later = if watched.len() < MANY { 0.0 } else { share };
            round.put(place, now + each.probe.interval.mul_f64(later));
        }
        round
    }

    fn put(&mut self, probe: usize, at: Instant) {
        self.at[probe] = Some(at);
        self.due.push(Reverse((at, probe)));
    }

    fn next_due(&mut self) -> Option<Instant> {
        while let Some(Reverse((at, probe))) = self.due.peek() {
            if self.at[*probe] == Some(*at) {
                return Some(*at);
            }
            self.due.pop();
        }
        None
    }

    async fn answered(&mut self) -> Option<Asking> {
        let ended = self.asking.join_next_with_id().await?;
        self.taken(ended)
    }

    fn answered_already(&mut self) -> Option<Asking> {
        let ended = self.asking.try_join_next_with_id()?;
        self.taken(ended)
    }

    /// A question that broke off has no answer; its probe is asked again.
    fn taken(&mut self, ended: Result<(Id, Asking), JoinError>) -> Option<Asking> {
        match ended {
            Ok((id, answered)) => {
                self.asked.remove(&id);
                Some(answered)
            }
            Err(broken) => {
                let probe = self.asked.remove(&broken.id())?;
                self.put(probe, Instant::now() + TICK);
                None
            }
        }
    }

    /// Plans the next question of a probe.
    fn plan(&mut self, probe: usize, asked: Moment, judge: &Judge, now: Moment) {
        let left = (asked + judge.pace_ms(probe) - now).max(0);
        self.put(probe, Instant::now() + Duration::from_millis(left.unsigned_abs()));
    }

    /// Asks those at once who tell what is down, as soon as a probe of the service fails.
    fn hurry(&mut self, judge: &Judge) {
        let of = |service: bool| {
            let both = judge.questions().iter().zip(judge.standings()).enumerate();
            both.filter(move |(_, (question, _))| (question.role == Role::Service) == service)
        };
        let failing = of(true).filter_map(|(_, (_, standing))| standing.failing_since).max();
        let Some(failing) = failing else { return };
        let now = Instant::now();
        let late: Vec<usize> = of(false)
            .filter(|(probe, (_, standing))| {
                // One that is being asked just now has no time.
                standing.last_asked.is_none_or(|asked| asked < failing)
                    && self.at[*probe].is_some_and(|at| at > now)
            })
            .map(|(probe, _)| probe)
            .collect();
        late.into_iter().for_each(|probe| self.put(probe, now));
    }

    fn ask_due(&mut self, watched: &[Watched], clock: &dyn Clock) {
        let now = Instant::now();
        while let Some(at) = self.next_due().filter(|at| *at <= now) {
            let Some(Reverse((_, probe))) = self.due.pop() else { return };
            debug_assert_eq!(self.at[probe], Some(at));
            self.at[probe] = None;
            let prober = Arc::clone(&self.prober);
            let (target, limit) =
                (watched[probe].probe.target.clone(), watched[probe].probe.timeout);
            let asked = clock.steady();
            let question = async move { (probe, asked, prober.ask(&target, limit).await) };
            self.asked.insert(self.asking.spawn(question).id(), probe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        outage::{Rules, Scope},
        probe::{ScriptedProber, Target, TcpTarget, Why},
    };
    use jiff::{SignedDuration, Timestamp};
    use std::{num::NonZeroU32, sync::Mutex};
    use tokio::time::Instant;

    const SECOND: Duration = Duration::from_secs(1);

    fn watched(port: u16, role: Role, interval: Duration, timeout: Duration) -> Watched {
        let three = NonZeroU32::new(3).unwrap();
        let probe = Probe {
            name: port.to_string(),
            target: Target::Tcp(TcpTarget { host: "shop".to_owned(), port }),
            interval,
            timeout,
            up_after: three,
            down_after: three,
        };
        Watched { probe, role }
    }

    /// A clock of virtual time, whose wall clock can be put.
    struct Virtual {
        began: Instant,
        put: Mutex<SignedDuration>,
    }

    impl Virtual {
        fn new() -> Self {
            Self { began: Instant::now(), put: Mutex::new(SignedDuration::ZERO) }
        }
    }

    impl Clock for Virtual {
        fn steady(&self) -> Moment {
            i64::try_from(self.began.elapsed().as_millis()).unwrap()
        }
        fn wall(&self) -> Timestamp {
            let since = SignedDuration::from_millis(self.steady()) + *self.put.lock().unwrap();
            Timestamp::from_second(1_773_460_000).unwrap() + since
        }
        fn boot(&self) -> &str {
            "boot"
        }
    }

    /// Watches for a while; returns every change with its second.
    async fn changes(
        prober: ScriptedProber,
        watched_: &[Watched],
        seconds: u64,
        clock: &Virtual,
        put_at: Option<(Moment, SignedDuration)>,
    ) -> (Judge, Vec<(Moment, Change)>) {
        struct Noted<'a>(Vec<(Moment, Change)>, &'a Virtual, Option<(Moment, SignedDuration)>);
        impl Look for Noted<'_> {
            fn look(&mut self, _: &Judge, changes: &[Change]) -> Control {
                let now = self.1.steady();
                self.0.extend(changes.iter().map(|change| (now, change.clone())));
                if let Some((_, by)) = self.2.take_if(|(at, _)| *at <= now) {
                    *self.1.put.lock().unwrap() = by;
                }
                Control::Continue
            }
        }
        let questions = watched_.iter().map(Watched::question).collect();
        let mut judge = Judge::new(Rules::default(), questions);
        let mut noted = Noted(Vec::new(), clock, put_at);
        let stop = CancellationToken::new();
        let later = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            later.cancel();
        });
        watch(Arc::new(prober), clock, watched_, &mut judge, &mut noted, &stop).await;
        (judge, noted.0)
    }

    fn began(changes: &[(Moment, Change)]) -> Option<(Moment, crate::outage::Ongoing)> {
        changes.iter().find_map(|(at, change)| match change {
            Change::Began(outage) => Some((*at, *outage)),
            _ => None,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_detected_within_an_interval_and_a_timeout_for_each_bad_answer() {
        let mut worst = 0;
        // Every way to be down, and every moment of the interval in which it can begin.
        for (why, takes) in [(Why::Refused, Duration::ZERO), (Why::Ok, 3600 * SECOND)] {
            for begins_ms in (20_000..25_000).step_by(250) {
                let clock = Virtual::new();
                let from = Duration::from_millis(begins_ms);
                let prober = ["80", "81"].iter().fold(ScriptedProber::default(), |prober, port| {
                    prober.then_slowly(port, from, why, takes)
                });
                let watched =
                    [80, 81].map(|port| watched(port, Role::Service, 5 * SECOND, 2 * SECOND));
                let (_, changes) = changes(prober, &watched, 60, &clock, None).await;
                let (at, outage) = began(&changes).expect("it is an outage");
                let took = at - i64::try_from(begins_ms).unwrap();
                let (began, begins) = (outage.began, i64::try_from(begins_ms).unwrap());
                assert!(began >= begins && began < begins + 5_000, "{began} {begins}");
                assert!(took <= 5_000 + 3 * 2_000, "{why} at {begins_ms}: {took}");
                worst = worst.max(took);
            }
        }
        assert!(worst > 10_000, "the worst case was tried: {worst}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_asked_seldom_is_asked_at_once_when_the_service_fails() {
        let clock = Virtual::new();
        let prober = ScriptedProber::default().then("80", 100 * SECOND, Why::Refused).then(
            "443",
            100 * SECOND,
            Why::Timeout,
        );
        let watched = [
            watched(80, Role::Service, 5 * SECOND, 2 * SECOND),
            watched(443, Role::Primary, 300 * SECOND, 2 * SECOND),
            watched(53, Role::Witness, 300 * SECOND, 2 * SECOND),
        ];
        let (judge, changes) = changes(prober, &watched, 140, &clock, None).await;
        let (at, outage) = began(&changes).expect("it is an outage");
        assert!(at <= 111_000, "{at}");
        let outage = judge.outage().unwrap_or(outage);
        assert_eq!((outage.scope, outage.was_up), (Scope::Region, true));
        assert!(judge.is_scope_settled(&outage));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_cut_off_calls_nothing_an_outage() {
        let clock = Virtual::new();
        let prober = ["80", "443", "53"].iter().fold(ScriptedProber::default(), |prober, port| {
            prober.then(port, 30 * SECOND, Why::Unreachable).then(port, 90 * SECOND, Why::Ok)
        });
        let watched = [
            watched(80, Role::Service, 5 * SECOND, 2 * SECOND),
            watched(443, Role::Primary, 5 * SECOND, 2 * SECOND),
            watched(53, Role::Witness, 5 * SECOND, 2 * SECOND),
        ];
        let (_, changes) = changes(prober, &watched, 140, &clock, None).await;
        assert_eq!(began(&changes), None);
        let cut: Vec<_> = changes.iter().filter(|(_, c)| matches!(c, Change::CutOff(_))).collect();
        assert_eq!(cut.len(), 2, "{changes:?}");
        assert!(!changes.iter().any(|(_, c)| matches!(c, Change::PrimaryDown(true))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_jumps_changes_neither_when_is_asked_nor_when_it_began() {
        for by in [SignedDuration::from_hours(30), SignedDuration::from_hours(-30)] {
            let clock = Virtual::new();
            let prober = ScriptedProber::default().then("80", 30 * SECOND, Why::Refused);
            let watched = [watched(80, Role::Service, 5 * SECOND, 2 * SECOND)];
            let put = Some((31_500, by));
            let (_, changes) = changes(prober, &watched, 60, &clock, put).await;
            let (at, outage) = began(&changes).expect("it is an outage");
            assert_eq!((outage.began, at), (30_000, 34_000));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_that_breaks_off_is_asked_again() {
        struct Fragile(std::sync::atomic::AtomicU32);
        #[async_trait::async_trait]
        impl Prober for Fragile {
            async fn ask(&self, _: &Target, _: Duration) -> Answer {
                let before = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                assert!(before > 0, "the first question breaks off");
                Answer::new(Why::Ok, "", Duration::ZERO)
            }
        }
        let (clock, watched) = (Virtual::new(), [watched(80, Role::Service, SECOND, SECOND)]);
        let mut judge = Judge::new(Rules::default(), vec![watched[0].question()]);
        struct UntilUp;
        impl Look for UntilUp {
            fn look(&mut self, judge: &Judge, _: &[Change]) -> Control {
                let up = judge.standings()[0].settled == crate::outage::Settled::Up;
                if up { Control::Stop } else { Control::Continue }
            }
        }
        let (prober, stop) = (Arc::new(Fragile(0.into())), CancellationToken::new());
        let mut look = UntilUp;
        let asking = watch(prober, &clock, &watched, &mut judge, &mut look, &stop);
        tokio::time::timeout(10 * SECOND, asking).await.expect("it is asked again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_never_was_up_may_be_asked_wrongly() {
        let clock = Virtual::new();
        let prober = ScriptedProber::default().then("80", Duration::ZERO, Why::Resolve);
        let watched = [watched(80, Role::Service, 5 * SECOND, 2 * SECOND)];
        let (_, changes) = changes(prober, &watched, 60, &clock, None).await;
        assert!(!began(&changes).expect("it is down").1.was_up);
    }
}
