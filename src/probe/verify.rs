//! Asking until the service is back, or until there is no time left.

use super::{Answer, Prober, Target};
use std::{num::NonZeroU32, sync::Arc, time::Duration};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// A question that is asked again and again.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name in the runbook.
    pub name: String,
    /// Whom to ask.
    pub target: Target,
    /// From the beginning of one question to that of the next; at least until the
    /// answer is there. Not zero.
    pub interval: Duration,
    /// How long one answer may take.
    pub timeout: Duration,
    /// How many good answers in a row mean that it is back.
    pub up_after: NonZeroU32,
    /// How many bad answers in a row mean that it is down.
    pub down_after: NonZeroU32,
}

/// One answer, and what it makes of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The probe's name.
    pub probe: String,
    /// What it saw.
    pub answer: Answer,
    /// How many good answers in a row this makes.
    pub passes: u32,
    /// How many are needed.
    pub needed: u32,
}

/// How the asking ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Every probe had passed often enough in a row, all at the same moment.
    Verified,
    /// There was no time left.
    GaveUp {
        /// The first probe, in the order given, that had not passed often enough.
        probe: String,
        /// What it saw last.
        detail: String,
    },
    /// Somebody said stop.
    Stopped,
    /// There was no probe, so nothing is known.
    Unasked,
}

/// How one probe stands.
struct Standing {
    passes: u32,
    detail: String,
}

/// Asks all probes, each at its own interval and none waiting for another, until
/// each has passed as often in a row as it must.
///
/// A probe that has passed often enough is asked on while others have not: when it
/// fails after all, it begins anew. `on` is told every answer, in the order in
/// which they came. At the end, questions in flight are dropped.
pub async fn until_up(
    prober: Arc<dyn Prober>,
    probes: &[Probe],
    limit: Duration,
    on: &mut (dyn FnMut(ProbeReport) + Send),
    stop: &CancellationToken,
) -> Verification {
    if probes.is_empty() {
        return Verification::Unasked;
    }
    let deadline = Instant::now() + limit;
    let mut standings: Vec<_> = probes.iter().map(|_| Standing::unasked()).collect();
    let (tell, mut told) = mpsc::channel(probes.len());
    // Dropped when this returns, and the questions with it.
    let mut asking = JoinSet::new();
    for (index, probe) in probes.iter().enumerate() {
        asking.spawn(keep_asking(Arc::clone(&prober), index, probe.clone(), tell.clone()));
    }
    loop {
        tokio::select! {
            // An answer that came in time counts, also when time is up now.
            biased;
            () = stop.cancelled() => return Verification::Stopped,
            Some((index, answer)) = told.recv() => {
                let (probe, standing) = (&probes[index], &mut standings[index]);
                standing.take(&answer);
                on(ProbeReport {
                    probe: probe.name.clone(),
                    answer,
                    passes: standing.passes,
                    needed: probe.up_after.get(),
                });
                if first_down(probes, &standings).is_none() {
                    return Verification::Verified;
                }
            }
            () = sleep_until(deadline) => break,
        }
    }
    match first_down(probes, &standings) {
        Some((probe, standing)) => {
            Verification::GaveUp { probe: probe.name.clone(), detail: standing.detail.clone() }
        }
        None => Verification::Verified,
    }
}

impl Standing {
    fn unasked() -> Self {
        Self { passes: 0, detail: "it has not answered yet".to_owned() }
    }

    fn take(&mut self, answer: &Answer) {
        self.passes = if answer.is_up() { self.passes.saturating_add(1) } else { 0 };
        self.detail.clone_from(&answer.detail);
    }
}

fn first_down<'a>(
    probes: &'a [Probe],
    standings: &'a [Standing],
) -> Option<(&'a Probe, &'a Standing)> {
    probes.iter().zip(standings).find(|(probe, standing)| standing.passes < probe.up_after.get())
}

/// Asks at each interval for as long as somebody listens.
async fn keep_asking(
    prober: Arc<dyn Prober>,
    index: usize,
    probe: Probe,
    tell: mpsc::Sender<(usize, Answer)>,
) {
    let mut ticks = interval(probe.interval.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let answer = prober.ask(&probe.target, probe.timeout).await;
        if tell.send((index, answer)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::{ScriptedProber, TcpTarget, Why};

    const SECOND: Duration = Duration::from_secs(1);

    fn probe(port: u16, up_after: u32) -> Probe {
        Probe {
            name: format!("p{port}"),
            target: Target::Tcp(TcpTarget { host: "shop".to_owned(), port }),
            interval: 5 * SECOND,
            timeout: 2 * SECOND,
            up_after: NonZeroU32::new(up_after).unwrap(),
            down_after: NonZeroU32::new(3).unwrap(),
        }
    }

    /// Returns how it ended, and every answer as `seconds probe word passes/needed`.
    async fn watch(
        prober: ScriptedProber,
        probes: &[Probe],
        limit: Duration,
        stop: CancellationToken,
    ) -> (Verification, String) {
        let began = Instant::now();
        let mut lines = Vec::new();
        let mut on = |r: ProbeReport| {
            let at = began.elapsed().as_secs();
            lines.push(format!("{at}s {} {} {}/{}", r.probe, r.answer.why, r.passes, r.needed));
        };
        let ended = until_up(Arc::new(prober), probes, limit, &mut on, &stop).await;
        (ended, lines.join("\n"))
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_back_after_enough_passes_in_a_row() {
        let prober = ScriptedProber::default()
            .then("80", Duration::ZERO, Why::Refused)
            .then("80", 8 * SECOND, Why::Ok)
            .then("80", 18 * SECOND, Why::Status)
            .then("80", 23 * SECOND, Why::Ok);
        let stop = CancellationToken::new();
        let (ended, seen) = watch(prober, &[probe(80, 3)], 60 * SECOND, stop).await;
        assert_eq!(ended, Verification::Verified);
        insta::assert_snapshot!(seen, @r"
        0s p80 refused 0/3
        5s p80 refused 0/3
        10s p80 ok 1/3
        15s p80 ok 2/3
        20s p80 status 0/3
        25s p80 ok 1/3
        30s p80 ok 2/3
        35s p80 ok 3/3
        ");
    }

    #[tokio::test(start_paused = true)]
    async fn all_must_be_up_at_the_same_moment() {
        let prober = ScriptedProber::default()
            .then("80", 7 * SECOND, Why::Timeout)
            .then("80", 12 * SECOND, Why::Ok)
            .then("90", Duration::ZERO, Why::Refused)
            .then("90", 9 * SECOND, Why::Ok);
        let stop = CancellationToken::new();
        let probes = [probe(80, 2), probe(90, 1)];
        let (ended, seen) = watch(prober, &probes, 60 * SECOND, stop).await;
        assert_eq!(ended, Verification::Verified);
        assert!(seen.contains("5s p80 ok 2/2"), "{seen}");
        assert!(seen.ends_with("20s p80 ok 2/2"), "{seen}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_in_time_and_says_on_whom() {
        let prober = ScriptedProber::default().then("90", Duration::ZERO, Why::Tls);
        let stop = CancellationToken::new();
        let probes = [probe(80, 1), probe(90, 1)];
        let (ended, _) = watch(prober, &probes, 12 * SECOND, stop).await;
        let detail = "scripted: tls".to_owned();
        assert_eq!(ended, Verification::GaveUp { probe: "p90".to_owned(), detail });
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_answers_holds_up_nobody_and_not_the_end() {
        let hour = 3600 * SECOND;
        let prober = ScriptedProber::default().then_slowly("80", Duration::ZERO, Why::Ok, hour);
        let mut slow = probe(80, 1);
        slow.timeout = hour;
        let began = Instant::now();
        let stop = CancellationToken::new();
        let (ended, seen) = watch(prober, &[slow, probe(90, 9)], 12 * SECOND, stop).await;
        let detail = "it has not answered yet".to_owned();
        assert_eq!(ended, Verification::GaveUp { probe: "p80".to_owned(), detail });
        assert_eq!(began.elapsed(), 12 * SECOND);
        assert!(seen.ends_with("10s p90 ok 3/9"), "{seen}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_stops_when_told() {
        let prober = ScriptedProber::default().then("80", Duration::ZERO, Why::Refused);
        let stop = CancellationToken::new();
        let later = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(7 * SECOND).await;
            later.cancel();
        });
        let began = Instant::now();
        let (ended, _) = watch(prober, &[probe(80, 1)], 60 * SECOND, stop).await;
        assert_eq!(ended, Verification::Stopped);
        assert_eq!(began.elapsed(), 7 * SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_asked_is_nothing_known() {
        let stop = CancellationToken::new();
        let (ended, _) = watch(ScriptedProber::default(), &[], SECOND, stop).await;
        assert_eq!(ended, Verification::Unasked);
    }
}
