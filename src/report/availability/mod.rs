//! How much of the time a service was up, by the outages that drctl knows.

mod outages;
mod text;

use super::trend::median;
use crate::model::{
    outage::{EnteredOutage, Interval},
    percentage::Percentage,
    record::RunRecord,
    run::{RunId, RunKind},
};
use jiff::Timestamp;
use serde::Serialize;

/// The name of the form of the document. Keys are added under it, never changed.
pub const SCHEMA: &str = "drctl/availability/v1";

/// What was known of a service.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The service.
    pub service: &'a str,
    /// Its runs, of every kind, in any order.
    pub records: &'a [RunRecord],
    /// The outages that were entered by hand.
    pub entered: &'a [EnteredOutage],
}

/// How much of a window a service was up.
///
/// Every duration is in whole milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Availability {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The service.
    pub service: String,
    /// From when to when is counted.
    pub window: Interval,
    /// How long that is.
    pub window_ms: u64,
    /// The first that is known of the service; `None` when nothing is.
    pub history_begins: Option<Timestamp>,
    /// How much of the window the service was down, at least.
    pub down_ms: u64,
    /// The share of the window in which it was up, from 0 to 1; at most that where
    /// [`Availability::at_least`].
    pub availability: f64,
    /// −log10 of the share in which it was down; `None` when it never was.
    pub nines: Option<f64>,
    /// True when it was down for longer than is known, so that every figure is at best that.
    pub at_least: bool,
    /// The outages that touch the window, the oldest first; none of them overlap.
    pub outages: Vec<Outage>,
    /// The mean length of those whose end is known, in full; `None` without one.
    pub mean_time_to_recover_ms: Option<u64>,
    /// What the objective leaves to be spent; `None` without one.
    pub budget: Option<Budget>,
    /// What rehearsals took; no outages.
    pub rehearsed: Option<Rehearsed>,
    /// What the figures rest on, as sentences.
    pub assumed: Vec<String>,
    /// Whether the objective is kept.
    pub verdict: Verdict,
}

/// An outage, or several that overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outage {
    /// When it began.
    pub began_at: Timestamp,
    /// When it was over; when it was last seen to last, unless [`End::Known`].
    pub ended_at: Timestamp,
    /// How long that is, also outside of the window.
    pub lasted_ms: u64,
    /// True when nobody said when it began: it began then or earlier.
    pub start_assumed: bool,
    /// What is known of its end.
    pub end: End,
    /// The runs that were done in it.
    pub runs: Vec<RunId>,
    /// What was noted of it by hand.
    pub notes: Vec<String>,
    /// What was entered by hand of it, as it was entered.
    pub entered: Vec<Interval>,
    /// True when nothing tells whether the service was up between two of its runs.
    pub bridged: bool,
}

/// What is known of the end of an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum End {
    /// It was seen, or entered.
    Known,
    /// The service was up again at some time before this, when the next outage began.
    Before {
        /// When that was.
        at: Timestamp,
    },
    /// Nobody knows whether it is over.
    Open,
}

/// What an objective leaves to be spent in a window.
///
/// As in Google's "The Site Reliability Workbook" (2018), chapters 2 and 5.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Budget {
    /// The objective.
    pub objective: Percentage,
    /// For how long the service may be down.
    pub allowed_ms: u64,
    /// For how long it was down.
    pub used_ms: u64,
    /// What is left; below zero when more was used.
    pub left_ms: i64,
    /// What was used for each unit that is allowed: 1 spends just all of it in the window.
    pub burn: f64,
}

/// What rehearsals in the window took, which speaks of outages to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rehearsed {
    /// How many came to their end.
    pub count: usize,
    /// Their median recovery time.
    pub median_ms: u64,
}

/// Whether the objective is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The budget is not spent.
    Kept,
    /// It is.
    Spent,
    /// Nobody can say: there is no objective, no history, or an outage that may still last.
    Unknown,
}

impl Availability {
    /// Counts what is known of a service in `window`.
    ///
    /// Outside of known outages it is taken for up, also before its history begins.
    pub fn of(known: Known<'_>, window: Interval, objective: Option<Percentage>) -> Self {
        let found = outages::all(known, window.ended_at);
        let mut outages = found.outages;
        outages.retain(|o| {
            o.began_at < window.ended_at && o.ended_at > window.began_at || o.is_open()
        });
        let window_ms = length(window.began_at, window.ended_at);
        let in_window =
            |o: &Outage| length(o.began_at.max(window.began_at), o.ended_at.min(window.ended_at));
        let down_ms: u64 = outages.iter().map(in_window).sum();
        let history_begins = begins(known);
        let budget = objective.map(|objective| Budget::of(objective, window_ms, down_ms));
        let open = outages.iter().any(Outage::is_open);
        let verdict = match budget {
            Some(budget) if budget.left_ms < 0 => Verdict::Spent,
            Some(_) if !open && history_begins.is_some_and(|at| at < window.ended_at) => {
                Verdict::Kept
            }
            Some(_) | None => Verdict::Unknown,
        };
        let down = down_ms as f64 / window_ms.max(1) as f64;
        Self {
            schema: SCHEMA,
            service: known.service.to_owned(),
            window,
            window_ms,
            history_begins,
            down_ms,
            availability: 1.0 - down,
            nines: (down_ms > 0).then(|| -down.log10()),
            at_least: outages.iter().any(|o| o.start_assumed || o.end != End::Known),
            mean_time_to_recover_ms: mean(&outages),
            assumed: assumed(history_begins, window, &outages, found.called_off),
            outages,
            budget,
            rehearsed: rehearsed(known, window),
            verdict,
        }
    }

    /// Returns the document as indented JSON that ends with a newline.
    ///
    /// # Errors
    ///
    /// None of its parts can fail.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl Outage {
    fn is_open(&self) -> bool {
        self.end == End::Open
    }
}

impl Budget {
    fn of(objective: Percentage, window_ms: u64, used_ms: u64) -> Self {
        let allowed_ms = objective.without(window_ms);
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        Self {
            objective,
            allowed_ms,
            used_ms,
            left_ms: signed(allowed_ms) - signed(used_ms),
            burn: used_ms as f64 / allowed_ms.max(1) as f64,
        }
    }
}

/// Returns how long it is from one time to the next, in milliseconds; 0 when they are the other way
/// round.
fn length(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

/// Returns the first that is known of the service.
fn begins(known: Known<'_>) -> Option<Timestamp> {
    let runs = known.records.iter().map(|run| run.began_at);
    runs.chain(known.entered.iter().map(|outage| outage.interval.began_at)).min()
}

fn mean(outages: &[Outage]) -> Option<u64> {
    let ended = outages.iter().filter(|outage| outage.end == End::Known);
    let lengths: Vec<u64> = ended.map(|outage| outage.lasted_ms).collect();
    lengths.iter().sum::<u64>().checked_div(lengths.len() as u64)
}

fn rehearsed(known: Known<'_>, window: Interval) -> Option<Rehearsed> {
    let inside = |run: &&RunRecord| {
        run.kind == RunKind::Rehearsal && (window.began_at..window.ended_at).contains(&run.began_at)
    };
    let runs = known.records.iter().filter(inside);
    let times: Vec<u64> = runs.filter_map(|run| run.recovery_time_ms).collect();
    Some(Rehearsed { count: times.len(), median_ms: median(times)? })
}

/// Says what the figures rest on.
fn assumed(
    history_begins: Option<Timestamp>,
    window: Interval,
    outages: &[Outage],
    called_off: usize,
) -> Vec<String> {
    let mut all = Vec::new();
    match history_begins {
        None => all.push(
            "nothing is known of the service: no run, and no outage that was entered".to_owned(),
        ),
        Some(at) if at > window.began_at => all.push(format!(
            "the history begins {at:.0}; before that the service is taken for up, since nobody said otherwise"
        )),
        Some(_) => {}
    }
    all.push(
        "only real failovers and outages that were entered with `--add` count as outages"
            .to_owned(),
    );
    let count = |what: fn(&Outage) -> bool| outages.iter().filter(|outage| what(outage)).count();
    let mut tell = |number: usize, what: &str| {
        if number > 0 {
            all.push(format!("{number} {what}"));
        }
    };
    tell(
        count(|o| o.start_assumed),
        "outage(s) without a given start are counted from the start of their run: they lasted at least that long",
    );
    tell(
        count(|o| matches!(o.end, End::Before { .. })),
        "outage(s) without a known end are counted to the last event of their run: they lasted at least that long",
    );
    tell(
        count(|o| o.bridged),
        "outage(s) are counted until a later run: nothing tells that the service was back before",
    );
    tell(
        count(Outage::is_open),
        "outage(s) may still last: nothing tells that the service came back; enter the outage with `--add` when it is over",
    );
    tell(
        called_off,
        "run(s) were called off before anybody said go, without a given outage: they are not counted",
    );
    all
}

#[cfg(test)]
mod tests;
