//! Outages out of runs and of what was entered, without overlaps.

use super::{End, Known, Outage, length};
use crate::model::{outage::EnteredOutage, record::RunRecord, run::RunKind};
use jiff::{SignedDuration, Timestamp};

/// What the runs and the entered outages come to.
pub(super) struct Found {
    /// The outages, the oldest first.
    pub(super) outages: Vec<Outage>,
    /// How many real runs were called off without an outage.
    pub(super) called_off: usize,
}

/// Returns the outages that began before `until`.
pub(super) fn all(known: Known<'_>, until: Timestamp) -> Found {
    let real = |run: &&RunRecord| run.kind == RunKind::Failover && run.time_scale.is_none();
    let runs: Vec<&RunRecord> = known.records.iter().filter(real).collect();
    let (outages, called_off): (Vec<&RunRecord>, Vec<&RunRecord>) =
        runs.into_iter().partition(|run| is_outage(run));
    let of_runs = outages.into_iter().map(of_run);
    let mut outages: Vec<Outage> = of_runs.chain(known.entered.iter().map(of_entered)).collect();
    outages.retain(|outage| outage.began_at < until);
    outages.sort_by_key(|outage| (outage.began_at, outage.ended_at));
    let called_off = called_off.iter().filter(|run| run.began_at < until).count();
    Found { outages: bounded(merged(outages)), called_off }
}

/// A run that nobody said go to, and that nobody gave an outage for, is a question and no outage.
fn is_outage(run: &RunRecord) -> bool {
    let declared = run.phases.iter().any(|(name, _)| name == "decision");
    declared || run.recovery_time_ms.is_some() || run.outage.known_by.is_observed()
}

fn of_run(run: &RunRecord) -> Outage {
    let began_at = before(run.began_at, run.outage.before_ms);
    let lasted_ms = run.recovery_time_ms.unwrap_or(run.out_for_ms);
    Outage {
        began_at,
        ended_at: after(began_at, lasted_ms),
        lasted_ms,
        start_assumed: !run.outage.known_by.is_observed(),
        end: if run.recovery_time_ms.is_some() { End::Known } else { End::Open },
        runs: vec![run.run.clone()],
        notes: Vec::new(),
        entered: Vec::new(),
        bridged: false,
    }
}

fn of_entered(outage: &EnteredOutage) -> Outage {
    let (began_at, ended_at) = (outage.interval.began_at, outage.interval.ended_at);
    Outage {
        began_at,
        ended_at,
        lasted_ms: length(began_at, ended_at),
        start_assumed: false,
        end: End::Known,
        runs: Vec::new(),
        notes: outage.note.iter().cloned().collect(),
        entered: vec![outage.interval],
        bridged: false,
    }
}

/// A time so far from now that it cannot be counted is as far as can be counted.
fn after(at: Timestamp, ms: u64) -> Timestamp {
    at.saturating_add(span(ms)).unwrap_or(Timestamp::MAX)
}

fn before(at: Timestamp, ms: u64) -> Timestamp {
    at.saturating_sub(span(ms)).unwrap_or(Timestamp::MIN)
}

fn span(ms: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Makes one of those that overlap. They stand in the order of their beginnings.
///
/// A run without a given outage goes on with one that nobody saw end: nobody said that there was a
/// new one.
fn merged(outages: Vec<Outage>) -> Vec<Outage> {
    let mut all: Vec<Outage> = Vec::new();
    for outage in outages {
        match all.last_mut() {
            Some(last) if outage.began_at <= last.ended_at => join(last, outage),
            Some(last) if last.is_open() && outage.start_assumed => {
                join(last, outage);
                last.bridged = true;
            }
            _ => all.push(outage),
        }
    }
    all
}

/// Takes the later of two that overlap into the earlier.
fn join(one: &mut Outage, other: Outage) {
    // The same beginning that somebody gave is no longer assumed.
    if other.began_at == one.began_at {
        one.start_assumed &= other.start_assumed;
    }
    // Whoever saw the service come back knows more than a run that did not.
    one.ended_at = match (one.end == End::Known, other.end == End::Known) {
        (true, false) => one.ended_at,
        (false, true) => other.ended_at,
        (true, true) | (false, false) => one.ended_at.max(other.ended_at),
    };
    if other.end == End::Known {
        one.end = End::Known;
    }
    one.lasted_ms = length(one.began_at, one.ended_at);
    one.runs.extend(other.runs);
    one.notes.extend(other.notes);
    one.entered.extend(other.entered);
    one.bridged |= other.bridged;
}

/// An outage whose end nobody saw was over before the next one began.
fn bounded(mut outages: Vec<Outage>) -> Vec<Outage> {
    let begins: Vec<Timestamp> = outages.iter().skip(1).map(|outage| outage.began_at).collect();
    for (outage, at) in outages.iter_mut().zip(begins) {
        if outage.is_open() {
            outage.end = End::Before { at };
        }
    }
    outages
}
