//! Delivers what waits in the outbox.

use super::{
    Channel, Deliver, NotifyError,
    courier::LIMIT,
    outbox::{Entry, Note, Outbox},
};
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

/// How long it is tried to deliver a message.
pub const GIVE_UP_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// How long is waited after the first failed attempt, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Tells the time of day.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Delivers what waits and what is put in, until `stop`.
///
/// Messages of one channel are delivered in the order in which they were put in; a channel waits for
/// no other. Attempts are repeated with a growing wait, and given up after [`GIVE_UP_AFTER`]; each
/// message has one attempt at least, also when the clock jumped. A message may be delivered twice: one
/// whose delivery was broken off is delivered again by the next process. `tell` hears what became of
/// each.
pub async fn run(
    outbox: Arc<Outbox>,
    channels: BTreeMap<String, Channel>,
    courier: Arc<dyn Deliver>,
    clock: Clock,
    tell: Arc<dyn Fn(Note) + Send + Sync>,
    stop: CancellationToken,
) {
    homeless(&outbox, &channels, &clock, &*tell);
    let mut working = JoinSet::new();
    for (name, channel) in channels {
        let worker = Worker {
            outbox: Arc::clone(&outbox),
            name,
            channel,
            courier: Arc::clone(&courier),
            clock: Arc::clone(&clock),
            tell: Arc::clone(&tell),
        };
        let stop = stop.clone();
        working.spawn(async move { stop.run_until_cancelled(worker.work()).await });
    }
    stop.cancelled().await;
    while working.join_next().await.is_some() {}
}

/// What waits for a channel that is not there is kept as long as any other, in case it comes back.
fn homeless(
    outbox: &Outbox,
    channels: &BTreeMap<String, Channel>,
    clock: &Clock,
    tell: &(dyn Fn(Note) + Send + Sync),
) {
    for (channel, count) in outbox.waiting() {
        if channels.contains_key(&channel) {
            continue;
        }
        let mut dropped = 0;
        while let Some((number, entry)) = outbox.first(&channel) {
            if clock().duration_since(entry.put_at) < GIVE_UP_AFTER {
                break;
            }
            outbox.done(&channel, number);
            dropped += 1;
            let why = "there is no such channel any more".to_owned();
            tell(Note::Dropped { channel: channel.clone(), id: Some(entry.message.id), why });
        }
        if count > dropped {
            tell(Note::Homeless { channel, count: count - dropped });
        }
    }
}

/// Who delivers to one channel.
struct Worker {
    outbox: Arc<Outbox>,
    name: String,
    channel: Channel,
    courier: Arc<dyn Deliver>,
    clock: Clock,
    tell: Arc<dyn Fn(Note) + Send + Sync>,
}

impl Worker {
    async fn work(self) {
        let mut news = self.outbox.news();
        loop {
            news.mark_unchanged();
            while let Some((number, entry)) = self.outbox.first(&self.name) {
                self.deliver(number, &entry).await;
                self.outbox.done(&self.name, number);
            }
            if news.changed().await.is_err() {
                return;
            }
        }
    }

    /// Delivers a message, however long that takes, or gives it up.
    async fn deliver(&self, number: u64, entry: &Entry) {
        let (channel, id) = (self.name.clone(), entry.message.id.clone());
        for attempts in 1.. {
            let error = match self.courier.deliver(&self.channel, &entry.message, LIMIT).await {
                Ok(()) => return (self.tell)(Note::Delivered { channel, id, attempts }),
                Err(error) => error,
            };
            let left = GIVE_UP_AFTER - (self.clock)().duration_since(entry.put_at);
            let why = match error.is_retryable() {
                true if left.is_positive() => None,
                true => Some(format!("given up after {:#}: {error}", GIVE_UP_AFTER)),
                false => Some(error.to_string()),
            };
            if let Some(why) = why {
                return (self.tell)(Note::Dropped { channel, id: Some(id), why });
            }
            let wait = wait(attempts, &error).min(left.unsigned_abs());
            if attempts == 1 {
                let (channel, id, why) = (channel.clone(), id.clone(), error.to_string());
                (self.tell)(Note::Failing { channel, id, why, next_in: wait });
            }
            sleep(wait).await;
            if !self.outbox.holds(&self.name, number) {
                // It made room for others meanwhile, and that was told.
                return;
            }
        }
    }
}

/// How long is waited after so many failed attempts: twice as long each time, less up to a half at
/// random, so that many senders do not come back at once; and as long as the receiver asks for.
fn wait(attempts: u32, error: &NotifyError) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << (attempts - 1).min(16)).min(LONGEST_WAIT);
    let jittered = doubled.mul_f64(1.0 - fastrand::f64() / 2.0);
    jittered.max(error.retry_after().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::{MOST_PENDING, Message};
    use crate::program::Program;
    use async_trait::async_trait;
    use std::{
        path::Path,
        sync::{Mutex, PoisonError},
    };
    use tokio::time::Instant;

    /// Answers by the message's title, and writes down when it was asked what.
    struct Scripted {
        began: Instant,
        seen: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Deliver for Scripted {
        async fn deliver(
            &self,
            channel: &Channel,
            message: &Message,
            limit: Duration,
        ) -> Result<(), NotifyError> {
            let Channel::Command(program) = channel else { panic!("it has a name") };
            let (name, at) = (&program.argv[0], self.began.elapsed());
            let line = format!("{}s {name} {}", at.as_secs(), message.id);
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            let status = |status| NotifyError::Status { status, retry_after: None };
            match name.as_str() {
                "dead" => Err(status(503)),
                "slow" => {
                    sleep(limit).await;
                    Err(NotifyError::Late(limit))
                }
                "strict" => Err(status(404)),
                "busy" if at < Duration::from_secs(600) => Err(NotifyError::Status {
                    status: 429,
                    retry_after: Some(Duration::from_secs(700)),
                }),
                _ => Ok(()),
            }
        }
    }

    fn message(id: &str) -> Message {
        Message {
            id: id.to_owned(),
            at: start(),
            service: "shop".to_owned(),
            kind: "outage".to_owned(),
            title: "down".to_owned(),
            text: String::new(),
            facts: BTreeMap::new(),
            link: None,
        }
    }

    fn start() -> Timestamp {
        "2026-03-14T00:00:00Z".parse().unwrap()
    }

    fn channels(names: &[&str]) -> BTreeMap<String, Channel> {
        let command = |name: &str| {
            let argv = vec![name.to_owned()];
            Channel::Command(Program { argv, dir: ".".into(), env: BTreeMap::new() })
        };
        names.iter().map(|name| ((*name).to_owned(), command(name))).collect()
    }

    /// Runs on virtual time for `lasts`; `later` is put in after a second. Returns every attempt, and
    /// every note with its second.
    async fn deliver(
        dir: &Path,
        names: &[&str],
        later: &[&str],
        lasts: Duration,
    ) -> (Vec<String>, Vec<String>) {
        let began = Instant::now();
        let outbox = Arc::new(Outbox::open(dir).unwrap());
        let courier = Arc::new(Scripted { began, seen: Mutex::new(Vec::new()) });
        let clock: Clock =
            Arc::new(move || start() + SignedDuration::try_from(began.elapsed()).unwrap());
        let notes = Arc::new(Mutex::new(Vec::new()));
        let (told, stop) = (Arc::clone(&notes), CancellationToken::new());
        let tell = move |note: Note| {
            let line = format!("{}s {note}", began.elapsed().as_secs());
            told.lock().unwrap().push(line);
        };
        let (courier_, outbox_) = (Arc::clone(&courier) as Arc<dyn Deliver>, Arc::clone(&outbox));
        let running = tokio::spawn(run(
            outbox_,
            channels(names),
            courier_,
            Arc::clone(&clock),
            Arc::new(tell),
            stop.clone(),
        ));
        sleep(Duration::from_secs(1)).await;
        for id in later {
            outbox.put(&message(id), names.iter().copied(), clock()).unwrap();
        }
        sleep(lasts).await;
        stop.cancel();
        running.await.unwrap();
        let seen = courier.seen.lock().unwrap().clone();
        let notes = notes.lock().unwrap().clone();
        (seen, notes)
    }

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn a_dead_or_slow_channel_holds_up_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["dead", "fine", "slow", "strict"];
        let (seen, notes) = deliver(dir.path(), &names, &["a", "b"], HOUR / 60).await;
        assert!(seen.contains(&"1s fine a".to_owned()) && seen.contains(&"1s fine b".to_owned()));
        assert!(!seen.iter().any(|line| line.ends_with("dead b")), "the order is kept");
        let ended = notes.iter().filter(|note| !note.contains("next attempt"));
        let mut ended: Vec<_> = ended.map(String::as_str).collect();
        ended.sort_unstable();
        insta::assert_snapshot!(ended.join("\n"), @r"
        1s message a was delivered to `fine`
        1s message a will not be delivered to `strict`: it answered with status 404
        1s message b was delivered to `fine`
        1s message b will not be delivered to `strict`: it answered with status 404
        ");
        // What was not delivered is delivered by the next process, and nothing else.
        let left = Outbox::open(dir.path()).unwrap().waiting();
        assert_eq!(left, [("dead".to_owned(), 2), ("slow".to_owned(), 2)].into());
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_grow_rarer_and_end_after_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let (seen, notes) = deliver(dir.path(), &["dead"], &["a", "b"], 25 * HOUR).await;
        let at: Vec<u64> = seen
            .iter()
            .filter(|line| line.ends_with(" a"))
            .map(|line| line.split('s').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(*at.last().unwrap(), 86_401, "{at:?}");
        assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 300), "{at:?}");
        assert!((288..=600).contains(&at.len()), "{} attempts", at.len());
        let ended: Vec<_> = notes.iter().filter(|note| note.contains("given up")).collect();
        assert_eq!(ended.len(), 2, "{notes:?}");
        assert!(ended[0].contains("message a will not be delivered to `dead`: given up after"));
        assert!(Outbox::open(dir.path()).unwrap().waiting().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_asks_for_time_gets_it() {
        let dir = tempfile::tempdir().unwrap();
        let (seen, _) = deliver(dir.path(), &["busy"], &["a"], HOUR).await;
        assert_eq!(seen, ["1s busy a", "701s busy a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waited_is_delivered_after_a_restart_and_the_homeless_are_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(dir.path()).unwrap();
        outbox.put(&message("old"), ["fine", "gone"], start() - GIVE_UP_AFTER * 2).unwrap();
        outbox.put(&message("new"), ["fine", "gone"], start()).unwrap();
        drop(outbox);
        let (seen, notes) = deliver(dir.path(), &["fine"], &[], Duration::ZERO).await;
        assert_eq!(seen, ["0s fine old", "0s fine new"]);
        insta::assert_snapshot!(notes.join("\n"), @r"
        0s message old will not be delivered to `gone`: there is no such channel any more
        0s 1 message(s) wait for `gone`, which the runbook does not name any more
        0s message old was delivered to `fine`
        0s message new was delivered to `fine`
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_made_room_is_not_tried_on() {
        let dir = tempfile::tempdir().unwrap();
        let ids: Vec<String> = (0..=MOST_PENDING).map(|n| n.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let (seen, _) = deliver(dir.path(), &["dead"], &ids, HOUR / 60).await;
        let last = seen.last().unwrap();
        assert!(last.ends_with(" 1"), "{last}");
    }
}
