//! How good the forecasts of earlier runs were: where what was measured lay in what was expected.

use crate::model::{
    record::{ResourceRecord, RunRecord},
    resource::{ResourceAction, type_of},
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Types that are told of, those with most time first.
const TYPES: usize = 8;
/// With fewer runs, not even one that is always wrong on the same side can be told from chance:
/// 2 × 0.5⁵ is more than 5 %.
const FEWEST: usize = 6;
/// What each side of a 95 % interval leaves out.
const TAIL: f64 = 0.025;

/// How good the forecasts were, of real runs and of rehearsals apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// Of real runs.
    pub real: Calibrated,
    /// Of rehearsals, whose times the catalogue makes: they try out the forecast and not the cloud.
    pub rehearsals: Calibrated,
}

/// How good the forecasts of some runs were.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibrated {
    /// Runs that had a forecast and got to their end.
    pub runs: usize,
    /// How many took no longer than the forecast's median.
    pub by_p50: usize,
    /// How many took no longer than its 90th percentile.
    pub by_p90: usize,
    /// In which share of runs the median is kept in the long run, at 95 %, from 0 to 1.
    pub by_p50_range: Option<(f64, f64)>,
    /// The same of the 90th percentile.
    pub by_p90_range: Option<(f64, f64)>,
    /// What was measured, over the forecast's median: the median of all runs.
    pub ratio: Option<f64>,
    /// The smallest and the largest of these.
    pub ratio_range: Option<(f64, f64)>,
    /// What that means.
    pub verdict: Judgement,
    /// Types of resources, those with most time first.
    pub types: Vec<TypeRatio>,
}

/// What the runs say of the forecasts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// There are too few of them.
    #[default]
    TooFew,
    /// What was measured lies in the forecasts as chance would put it.
    Well,
    /// Runs take longer than their forecasts.
    TooOptimistic,
    /// Runs take less than their forecasts.
    TooPessimistic,
}

/// How long resources of a type took, over what was expected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TypeRatio {
    /// The type, such as `aws_db_instance`.
    pub kind: String,
    /// How many creates there are.
    pub creates: usize,
    /// What was measured, over the median that was expected: the median of all creates.
    pub ratio: f64,
    /// What all of them took together, in milliseconds.
    pub took_ms: u64,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::TooFew => "too few runs to say",
            Self::Well => "well calibrated, as far as these runs can tell",
            Self::TooOptimistic => "too optimistic: runs take longer than their forecasts",
            Self::TooPessimistic => "too pessimistic: runs take less than their forecasts",
        })
    }
}

impl Calibration {
    /// Looks at the runs of `service` that kept a forecast and got to their end, the newest first. Of
    /// rehearsals with the same seed and the same plan, only the first counts.
    pub fn of(records: &[RunRecord], service: &str) -> Self {
        let own = |record: &&RunRecord| record.service.as_deref() == Some(service);
        let (mut rehearsed, real): (Vec<&RunRecord>, Vec<_>) =
            records.iter().filter(own).partition(|record| record.time_scale.is_some());
        // The same draws of the same plan are one witness, however often they were made.
        let mut seen = BTreeSet::new();
        rehearsed.retain(|record| {
            record.execution_ms.is_some() && seen.insert((record.seed, &record.plan_digest))
        });
        Self { real: Calibrated::of(&real), rehearsals: Calibrated::of(&rehearsed) }
    }
}

impl Calibrated {
    fn of(records: &[&RunRecord]) -> Self {
        let mut ratios = Vec::new();
        let mut types: BTreeMap<String, (Vec<f64>, u64)> = BTreeMap::new();
        let (mut by_p50, mut by_p90) = (0, 0);
        for record in records {
            let (Some(prediction), Some(took_ms)) = (&record.prediction, record.execution_ms)
            else {
                continue;
            };
            if prediction.p50_ms == 0 {
                continue;
            }
            by_p50 += usize::from(took_ms <= prediction.p50_ms);
            by_p90 += usize::from(took_ms <= prediction.p90_ms);
            ratios.push(took_ms as f64 / prediction.p50_ms as f64);
            for made in record.resources.iter().filter(|made| is_made(made)) {
                let expected = prediction.resource(&made.step, &made.address);
                let Some(expected) = expected.filter(|expected| expected.p50_ms > 0) else {
                    continue;
                };
                let Some(kind) = type_of(&made.address) else { continue };
                let (of_type, took_ms) = types.entry(kind).or_default();
                of_type.push(made.took_ms as f64 / expected.p50_ms as f64);
                *took_ms = took_ms.saturating_add(made.took_ms);
            }
        }
        let runs = ratios.len();
        ratios.sort_by(f64::total_cmp);
        let mut types: Vec<TypeRatio> = types
            .into_iter()
            .map(|(kind, (mut ratios, took_ms))| {
                ratios.sort_by(f64::total_cmp);
                let ratio = median(&ratios).unwrap_or_default();
                TypeRatio { kind, creates: ratios.len(), ratio, took_ms }
            })
            .collect();
        types.sort_by(|a, b| b.took_ms.cmp(&a.took_ms).then_with(|| a.kind.cmp(&b.kind)));
        types.truncate(TYPES);
        Self {
            runs,
            by_p50,
            by_p90,
            by_p50_range: interval(by_p50, runs),
            by_p90_range: interval(by_p90, runs),
            ratio: median(&ratios),
            ratio_range: ratios.first().copied().zip(ratios.last().copied()),
            verdict: judge(runs, by_p50, by_p90),
            types,
        }
    }
}

fn is_made(resource: &ResourceRecord) -> bool {
    resource.ok && resource.action == ResourceAction::Create
}

/// The forecasts are called wrong when a 95 % interval does not hold what they promise.
fn judge(runs: usize, by_p50: usize, by_p90: usize) -> Judgement {
    let (Some(p50), Some(p90)) = (interval(by_p50, runs), interval(by_p90, runs)) else {
        return Judgement::TooFew;
    };
    if runs < FEWEST {
        Judgement::TooFew
    } else if p50.1 < 0.5 || p90.1 < 0.9 {
        Judgement::TooOptimistic
    } else if p50.0 > 0.5 || p90.0 > 0.9 {
        Judgement::TooPessimistic
    } else {
        Judgement::Well
    }
}

/// Returns the exact 95 % interval of a share of which `hits` of `runs` were seen; `None` without
/// runs.
///
/// C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the
/// case of the binomial", Biometrika 26 (1934).
fn interval(hits: usize, runs: usize) -> Option<(f64, f64)> {
    if runs == 0 {
        return None;
    }
    let low = match hits {
        0 => 0.0,
        // The share with which so many, or more, have a chance of 2.5 %.
        _ => root(|share| at_most(runs - hits, runs, 1.0 - share) - TAIL),
    };
    let high = match runs - hits {
        0 => 1.0,
        _ => root(|share| TAIL - at_most(hits, runs, share)),
    };
    Some((low, high))
}

/// Returns where a function that rises from below zero to above it is zero, between 0 and 1.
fn root(rising: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if rising(middle) < 0.0 { low = middle } else { high = middle }
    }
    low
}

/// Returns the chance of at most `hits` in `runs` when each has the chance `share`.
fn at_most(hits: usize, runs: usize, share: f64) -> f64 {
    if share <= 0.0 {
        return 1.0;
    }
    if share >= 1.0 {
        return if hits >= runs { 1.0 } else { 0.0 };
    }
    let (yes, no) = (share.ln(), (1.0 - share).ln());
    let mut ways = 0.0;
    let mut sum = 0.0;
    for n in 0..=hits.min(runs) {
        if n > 0 {
            ways += ((runs - n + 1) as f64).ln() - (n as f64).ln();
        }
        sum += (ways + n as f64 * yes + (runs - n) as f64 * no).exp();
    }
    sum.min(1.0)
}

/// Returns the median of values in order.
fn median(sorted: &[f64]) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    Some((sorted[last / 2] + sorted[last.div_ceil(2)]) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A run that was expected to take 1,000 ms at the median and 1,500 ms at the 90th percentile.
    fn run(took_ms: u64, rehearsed: bool) -> RunRecord {
        serde_json::from_value(json!({
            "schema": "drctl/run/v1", "run": "20260314-025907-0001", "kind": "failover",
            "drctl": "0.1.0", "began_at": "2026-03-14T02:59:07Z", "repo": "r", "region": "b",
            "service": "shop", "outage": {"before_ms": 0, "known_by": "assumed"}, "summary": "met",
            "verdict": {"is": "met", "spare_ms": 1}, "out_for_ms": 0, "execution_ms": took_ms,
            "time_scale": rehearsed.then_some(100),
            "resources": [
                {"step": "app", "address": "aws_vpc.a[0]", "action": "create", "began_ms": 0,
                    "took_ms": took_ms, "ok": true},
                {"step": "app", "address": "aws_vpc.a[1]", "action": "create", "began_ms": 0,
                    "took_ms": 9, "ok": false},
                {"step": "app", "address": "aws_vpc.unexpected", "action": "create", "began_ms": 0,
                    "took_ms": 9, "ok": true}],
            "prediction": {"p50_ms": 1_000, "p90_ms": 1_500, "resources": [
                {"step": "app", "address": "aws_vpc.a", "instances": 2, "p50_ms": 500,
                    "p90_ms": 600, "basis": "", "critical": 1.0}]},
        }))
        .unwrap()
    }

    fn of(took_ms: &[u64]) -> Calibrated {
        let runs: Vec<_> = took_ms.iter().map(|ms| run(*ms, false)).collect();
        Calibration::of(&runs, "shop").real
    }

    #[test]
    fn the_interval_is_that_of_the_tables() {
        // Clopper and Pearson's own example of 10 trials, to three places.
        for (hits, low, high) in [(0, 0.0, 0.308), (3, 0.067, 0.652), (10, 0.692, 1.0)] {
            let (l, h) = interval(hits, 10).unwrap();
            assert!((l - low).abs() < 5e-4 && (h - high).abs() < 5e-4, "{hits}: {l} {h}");
        }
        assert_eq!(interval(0, 0), None);
        let (low, high) = interval(500, 1_000).unwrap();
        assert!((low - 0.4685).abs() < 1e-3 && (high - 0.5315).abs() < 1e-3);
    }

    #[test]
    fn runs_are_counted_against_what_they_were_expected_to_take() {
        let seen = of(&[900, 1_000, 1_400, 1_600]);
        assert_eq!((seen.runs, seen.by_p50, seen.by_p90), (4, 2, 3));
        assert_eq!((seen.ratio, seen.ratio_range), (Some(1.2), Some((0.9, 1.6))));
        assert_eq!(seen.verdict, Judgement::TooFew);
        let kind = &seen.types[0];
        assert_eq!((kind.kind.as_str(), kind.creates, kind.ratio), ("aws_vpc", 4, 2.4));
        assert_eq!(kind.took_ms, 4_900);
    }

    #[test]
    fn six_runs_on_one_side_are_no_chance_and_five_may_be() {
        assert_eq!(of(&[1_100; 5]).verdict, Judgement::TooFew);
        assert_eq!(of(&[1_100; 6]).verdict, Judgement::TooOptimistic);
        assert_eq!(of(&[900; 6]).verdict, Judgement::TooPessimistic);
        assert_eq!(of(&[900, 900, 900, 1_100, 1_100, 1_100]).verdict, Judgement::Well);
    }

    #[test]
    fn the_same_draws_of_the_same_plan_are_one_witness() {
        let seeded = |seed| RunRecord { seed: Some(seed), ..run(900, true) };
        let changed = RunRecord { plan_digest: Some("other".into()), ..seeded(1) };
        let all = [seeded(1), seeded(1), seeded(2), changed];
        assert_eq!(Calibration::of(&all, "shop").rehearsals.runs, 3);
        let real = [run(900, false), run(900, false)];
        assert_eq!(Calibration::of(&real, "shop").real.runs, 2, "the cloud draws anew each time");
    }

    #[test]
    fn the_tail_alone_can_be_wrong() {
        // Half are below the median, and half above the 90th percentile.
        let took: Vec<u64> = [900, 1_600].into_iter().cycle().take(10).collect();
        assert_eq!(of(&took).verdict, Judgement::TooOptimistic);
    }

    #[test]
    fn rehearsals_and_other_services_are_apart_and_unfinished_runs_are_not_counted() {
        let mut unfinished = run(1, false);
        unfinished.execution_ms = None;
        let mut without = run(1, false);
        without.prediction = None;
        let mut other = run(1, false);
        other.service = Some("billing".to_owned());
        let all = [run(900, true), unfinished, without, other, run(1_100, false)];
        let seen = Calibration::of(&all, "shop");
        assert_eq!((seen.real.runs, seen.rehearsals.runs), (1, 1));
        assert_eq!((seen.real.by_p50, seen.rehearsals.by_p50), (0, 1));
        assert_eq!(Calibration::of(&[], "shop"), Calibration::default());
    }
}
