//! Two runs beside each other: what took longer in the later one, and what it made besides.

mod text;

use super::measure::Measure;
use crate::model::{
    record::RunRecord,
    run::{RunId, RunKind},
    step::StepId,
    verdict::Summary,
};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The name of the form of the document. Keys are added under it, never changed.
pub const SCHEMA: &str = "drctl/comparison/v1";

/// Two runs beside each other, the earlier one first.
///
/// Every duration is in whole milliseconds; a difference is above zero when the later run took
/// longer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The run that began first.
    pub earlier: Side,
    /// The run that began last.
    pub later: Side,
    /// Why the two cannot be compared fairly, as sentences; empty when they can.
    pub caveats: Vec<String>,
    /// Which of its times each run is compared by.
    pub measure: Measure,
    /// `t8 − t0`.
    pub recovery_time: Change,
    /// `t8 − t2`.
    pub execution: Change,
    /// Every phase that one of them completed, in order.
    pub phases: Vec<Named>,
    /// Every step of one of them, in the order of the runbook.
    pub steps: Vec<Named>,
    /// Resources that both worked on, the largest difference first.
    pub resources: Vec<ResourceChange>,
    /// Resources that only the later run worked on, the longest first.
    pub added: Vec<ResourceChange>,
    /// Resources that only the earlier run worked on, the longest first.
    pub removed: Vec<ResourceChange>,
}

/// One of the two runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Its name.
    pub run: RunId,
    /// What it was for.
    pub kind: RunKind,
    /// The wall clock at its start.
    pub began_at: Timestamp,
    /// The service; `None` when the run ended before it was known.
    pub service: Option<String>,
    /// The fallback region.
    pub region: String,
    /// The run in one word.
    pub summary: Summary,
    /// The recovery time objective.
    pub rto_ms: Option<u64>,
    /// The commit.
    pub commit: Option<String>,
    /// The digest over all that decided what would be done.
    pub plan_digest: Option<String>,
    /// The version of drctl that did it.
    pub drctl: String,
}

/// A time in both runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Change {
    /// In the earlier run; `None` when it is not there or did not end.
    pub earlier_ms: Option<u64>,
    /// In the later run.
    pub later_ms: Option<u64>,
    /// By how much the later one is longer; `None` unless both are known.
    pub difference_ms: Option<i64>,
}

/// A time that has a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The name of a phase or a step.
    pub name: String,
    /// Its times.
    #[serde(flatten)]
    pub time: Change,
}

/// What was worked on at one address, all that was done to it together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// In which stack.
    pub step: StepId,
    /// Its address, as Terraform writes it.
    pub address: String,
    /// Its times.
    #[serde(flatten)]
    pub time: Change,
}

impl Change {
    fn new(earlier_ms: Option<u64>, later_ms: Option<u64>) -> Self {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        let both = earlier_ms.zip(later_ms);
        let difference_ms = both.map(|(earlier, later)| signed(later) - signed(earlier));
        Self { earlier_ms, later_ms, difference_ms }
    }

    /// Returns the size of the difference; that of a time that only one has is the time.
    fn size(&self) -> u64 {
        let alone = self.earlier_ms.or(self.later_ms).unwrap_or(0);
        self.difference_ms.map_or(alone, i64::unsigned_abs)
    }
}

impl Comparison {
    /// Compares two runs, in whichever order they are given.
    pub fn of(one: &RunRecord, other: &RunRecord) -> Self {
        let (earlier, later) = if one.run <= other.run { (one, other) } else { (other, one) };
        let (resources, added, removed) = resources(earlier, later);
        let change = |of: fn(&RunRecord) -> Option<u64>| Change::new(of(earlier), of(later));
        Self {
            schema: SCHEMA,
            earlier: side(earlier),
            later: side(later),
            caveats: caveats(earlier, later),
            measure: Measure::of([earlier, later]),
            recovery_time: change(|run| run.recovery_time_ms),
            execution: change(|run| run.execution_ms),
            phases: named(earlier, later, |run| {
                run.phases.iter().map(|(name, ms)| (name.clone(), Some(*ms))).collect()
            }),
            steps: named(earlier, later, |run| {
                let took = |began: Option<u64>, ended: Option<u64>| ended?.checked_sub(began?);
                let steps = run.steps.iter();
                steps.map(|s| (s.id.to_string(), took(s.began_ms, s.ended_ms))).collect()
            }),
            resources,
            added,
            removed,
        }
    }

    /// Returns the comparison as one indented JSON document that ends with a newline.
    ///
    /// # Errors
    ///
    /// None of its parts can fail.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

fn side(run: &RunRecord) -> Side {
    Side {
        run: run.run.clone(),
        kind: run.kind,
        began_at: run.began_at,
        service: run.service.clone(),
        region: run.region.clone(),
        summary: run.summary,
        rto_ms: run.rto_ms,
        commit: run.commit.clone(),
        plan_digest: run.plan_digest.clone(),
        drctl: run.drctl.clone(),
    }
}

/// Puts the times of both side by side, in the order of the later run; what is only in the earlier
/// one comes after.
fn named(
    earlier: &RunRecord,
    later: &RunRecord,
    times: impl Fn(&RunRecord) -> Vec<(String, Option<u64>)>,
) -> Vec<Named> {
    let (before, after) = (times(earlier), times(later));
    let find = |all: &[(String, Option<u64>)], name: &str| {
        all.iter().find(|(other, _)| other == name).and_then(|(_, ms)| *ms)
    };
    let mut seen = BTreeSet::new();
    let names = after.iter().chain(&before).map(|(name, _)| name);
    names
        .filter(|name| seen.insert(name.as_str()))
        .map(|name| {
            let time = Change::new(find(&before, name), find(&after, name));
            Named { name: name.clone(), time }
        })
        .collect()
}

type Resources = Vec<ResourceChange>;

/// Returns what both worked on, what only the later run did, and what only the earlier one did.
fn resources(earlier: &RunRecord, later: &RunRecord) -> (Resources, Resources, Resources) {
    let (before, after) = (by_address(earlier), by_address(later));
    let all: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let (mut both, mut added, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for key in all {
        let time = Change::new(before.get(key).copied(), after.get(key).copied());
        let list = match (time.earlier_ms, time.later_ms) {
            (Some(_), Some(_)) => &mut both,
            (None, _) => &mut added,
            (_, None) => &mut removed,
        };
        list.push(ResourceChange { step: key.0.clone(), address: key.1.to_owned(), time });
    }
    for list in [&mut both, &mut added, &mut removed] {
        // Stable, so that equals stay in the order of their addresses.
        list.sort_by_key(|resource| std::cmp::Reverse(resource.time.size()));
    }
    (both, added, removed)
}

/// Adds up what was done at each address.
fn by_address(run: &RunRecord) -> BTreeMap<(&StepId, &str), u64> {
    let mut all = BTreeMap::new();
    for resource in &run.resources {
        *all.entry((&resource.step, resource.address.as_str())).or_default() += resource.took_ms;
    }
    all
}

/// Says why the times of two runs do not speak of the same.
fn caveats(earlier: &RunRecord, later: &RunRecord) -> Vec<String> {
    let mut all = Vec::new();
    let mut differ = |what: &str, before: String, after: String| {
        if before != after {
            all.push(format!("{what} differs: {before} and {after}"));
        }
    };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let both = [earlier, later];
    let [before, after] = both.map(|run| or_none(run.service.clone()));
    differ("the service", before, after);
    differ("the region", earlier.region.clone(), later.region.clone());
    let [before, after] = both.map(|run| run.kind.word().to_owned());
    differ("the kind of run", before, after);
    let [before, after] = both.map(|run| or_none(run.time_scale.map(|scale| scale.to_string())));
    differ("the time scale of the simulated cloud", before, after);
    let [before, after] = both.map(|run| or_none(run.seed.map(|seed| seed.to_string())));
    differ("the seed of the simulated cloud", before, after);
    for run in both.iter().filter(|run| run.recovery_time_ms.is_none()) {
        let why = run.summary.word();
        all.push(format!("the service was not seen to be back in the run {} ({why})", run.run));
    }
    if earlier.outage.known_by != later.outage.known_by {
        let assumed = both.iter().find(|run| !run.outage.known_by.is_observed());
        all.extend(assumed.map(|run| {
            format!(
                "the start of the outage is only assumed or simulated in the run {}, so its recovery time says little",
                run.run
            )
        }));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::record::{ResourceRecord, StepRecord},
        model::run::OutageSource,
        report::{Style, samples},
    };

    fn made(step: &str, address: &str, took_ms: u64) -> ResourceRecord {
        ResourceRecord {
            step: StepId::new(step),
            address: address.to_owned(),
            action: crate::model::resource::ResourceAction::Create,
            began_ms: 0,
            took_ms,
            ok: true,
        }
    }

    fn two() -> (RunRecord, RunRecord) {
        let earlier = samples::record(0);
        let mut later = samples::record(86_400);
        later.recovery_time_ms = Some(912_000);
        later.execution_ms = Some(500_000);
        later.phases[4].1 += 100_000;
        later.commit = Some("99".repeat(20));
        later.rto_ms = Some(900_000);
        later.summary = Summary::Missed;
        later.steps.remove(0);
        later.steps.push(StepRecord { id: StepId::new("dns"), ..later.steps[0].clone() });
        later.resources[1].took_ms = 316_000;
        later.resources[1].address += "[0]";
        later.resources.push(made("network", "aws_vpc.main", 100));
        later.resources.push(made("dns", "aws_vpc.main", 7_000));
        (earlier, later)
    }

    #[test]
    fn everything_that_differs_is_shown_and_the_earlier_run_stands_first() {
        let (earlier, later) = two();
        let comparison = Comparison::of(&later, &earlier);
        assert_eq!(comparison, Comparison::of(&earlier, &later));
        insta::assert_snapshot!(comparison.to_text(Style::default()), @r"
        SLOWER  recovery time, by 1m40.0s

          earlier         20260314-025907-4f1c met, failover of shop to ap-northeast-2
          later           20260315-025907-4f1c missed, failover of shop to ap-northeast-2
          commit          4f1c2d3e4f5a, then 999999999999
          plan            9f86d081884c in both
          RTO             30m00.0s, then 15m00.0s
          drctl           0.1.0 in both

        Times
                                                                      earlier      later  difference
          recovery time                                              13m32.0s   15m12.0s    +1m40.0s    +12%
          execution                                                   9m20.0s    8m20.0s    -1m00.0s    -11%

        Phases
          detection                                                   4m00.0s    4m00.0s        0.0s
          decision                                                      12.0s      12.0s        0.0s
          workspace                                                      8.1s       8.1s        0.0s
          plan                                                           3.3s       3.3s        0.0s
          apply                                                       3m37.2s    5m17.2s    +1m40.0s    +46%
          deploy                                                      5m01.5s    5m01.5s        0.0s
          cutover                                                        8.2s       8.2s        0.0s
          verify                                                        21.7s      21.7s        0.0s

        Steps
          app                                                         5m00.1s    5m00.1s        0.0s
          cutover                                                        8.1s       8.1s        0.0s
          dns                                                               -    5m00.1s
          network                                                     3m48.5s          -

        Resources that differ the most
          network: aws_vpc.main                                          2.9s       3.0s       +0.1s     +3%

        Only in the later run
          network: aws_nat_gateway.main[0]                                  -    5m16.0s
          dns: aws_vpc.main                                                 -       7.0s

        Only in the earlier run
          network: aws_nat_gateway.main                               3m36.0s          -
        ");
    }

    #[test]
    fn what_is_done_to_one_address_is_added_up() {
        let (earlier, later) = two();
        let comparison = Comparison::of(&earlier, &later);
        assert_eq!(comparison.resources.len(), 1);
        assert_eq!(comparison.resources[0].time, Change::new(Some(2_900), Some(3_000)));
        assert_eq!((comparison.added.len(), comparison.removed.len()), (2, 1));
    }

    #[test]
    fn what_makes_it_unfair_is_said() {
        let earlier = samples::record(0);
        let mut later = samples::record(1);
        assert_eq!(Comparison::of(&earlier, &later).caveats, Vec::<String>::new());
        later.service = None;
        later.region = "eu-west-1".to_owned();
        later.kind = RunKind::Rehearsal;
        (later.time_scale, later.seed) = (Some(100), Some(1));
        later.recovery_time_ms = None;
        later.summary = Summary::Failed;
        later.outage.known_by = OutageSource::Assumed;
        insta::assert_snapshot!(Comparison::of(&earlier, &later).caveats.join("\n"), @r"
        the service differs: shop and none
        the region differs: ap-northeast-2 and eu-west-1
        the kind of run differs: failover and rehearsal
        the time scale of the simulated cloud differs: none and 100
        the seed of the simulated cloud differs: none and 1
        the service was not seen to be back in the run 20260314-025908-4f1c (failed)
        the start of the outage is only assumed or simulated in the run 20260314-025908-4f1c, so its recovery time says little
        ");
    }

    #[test]
    fn a_difference_too_small_to_be_shown_is_none() {
        let earlier = samples::record(0);
        let mut later = samples::record(1);
        (later.resources[0].took_ms, later.phases[3].1) = (2_999, 3_250);
        let comparison = Comparison::of(&earlier, &later);
        assert_eq!(comparison.resources[0].time.difference_ms, Some(99));
        let text = comparison.to_text(Style::default());
        assert!(!text.contains("aws_vpc.main") && !text.contains("-0.0s"), "{text}");
    }

    #[test]
    fn two_runs_that_hold_nothing_compare_to_nothing() {
        let mut bare = samples::record(0);
        (bare.phases, bare.steps, bare.resources) = (vec![], vec![], vec![]);
        (bare.recovery_time_ms, bare.execution_ms) = (None, None);
        let comparison = Comparison::of(&bare, &bare);
        assert_eq!(comparison.recovery_time, Change::default());
        assert!(comparison.to_text(Style::default()).lines().all(|l| l.chars().count() <= 100));
    }
}
