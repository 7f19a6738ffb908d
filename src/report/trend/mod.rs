//! A series of runs that can be compared, and whether the newest of them is slower.

mod text;

use super::measure::Measure;
use crate::model::{
    percentage::Percentage,
    record::RunRecord,
    run::{RunId, RunKind},
    verdict::Summary,
};
use jiff::Timestamp;
use serde::Serialize;

/// The name of the form of the document. Keys are added under it, never changed.
pub const SCHEMA: &str = "drctl/trend/v1";

/// What makes the median absolute deviation of normal draws their standard deviation: 1/Φ⁻¹(3/4).
///
/// Rousseeuw and Croux, "Alternatives to the Median Absolute Deviation", Journal of the American
/// Statistical Association 88 (1993), 1273–1283, section 1.
const CONSISTENT: f64 = 1.4826;

/// How many of these deviations above the median a time stands out: three, as in the identifier of
/// Hampel, "The Influence Curve and Its Role in Robust Estimation", Journal of the American
/// Statistical Association 69 (1974), 383–393.
const STANDS_OUT: f64 = 3.0;

/// A series of runs, and what it says of the newest.
///
/// Every duration is in whole milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The service; `None` when the newest run ended before it was known.
    pub service: Option<String>,
    /// What the runs were for.
    pub kind: RunKind,
    /// The fallback region.
    pub region: String,
    /// By how much the latencies of a simulated cloud were divided; `None` on a real one.
    pub time_scale: Option<u32>,
    /// What the draws of a simulated cloud began with; `None` on a real one.
    pub seed: Option<u64>,
    /// Which of its times each run is compared by.
    pub measure: Measure,
    /// The recovery time objective of the newest run.
    pub rto_ms: Option<u64>,
    /// The runs, the oldest first; the newest is the one that is judged.
    pub runs: Vec<Point>,
    /// What the runs before the newest took; `None` when none of them came back.
    pub before: Option<Spread>,
    /// By how much the newest may exceed the median.
    pub tolerance: Percentage,
    /// What is said of the newest.
    pub verdict: Verdict,
}

/// One run of the series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Point {
    /// Its name.
    pub run: RunId,
    /// The wall clock at its start.
    pub began_at: Timestamp,
    /// The run in one word.
    pub summary: Summary,
    /// The commit.
    pub commit: Option<String>,
    /// What it took; `None` when the service was not seen to be back, so that it counts nowhere.
    pub took_ms: Option<u64>,
}

/// What the times of some runs have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many they are; at least 1.
    pub count: usize,
    /// The median; between the two in the middle where they are even.
    pub median_ms: u64,
    /// The median of the distances to the median.
    pub mad_ms: u64,
    /// The robust standard deviation: 1.4826 times that.
    pub deviation_ms: u64,
    /// The shortest.
    pub least_ms: u64,
    /// The longest.
    pub most_ms: u64,
    /// The longest that the newest may take without being called slower.
    pub limit_ms: u64,
}

/// What is said of the newest run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Verdict {
    /// It took noticeably longer than those before it.
    Slower {
        /// Than their median, in milliseconds.
        by_ms: u64,
    },
    /// It did not.
    Steady,
    /// There is nothing to compare it with.
    Alone,
    /// The service was not seen to be back.
    NotBack,
}

impl Trend {
    /// Judges the newest of `runs`, which are like each other and stand the oldest first.
    ///
    /// It is slower when it exceeds the median of those before it by more than `tolerance` and by
    /// more than three robust standard deviations of them: neither noise nor a few seconds raise an
    /// alarm. `None` without a run.
    pub fn of(runs: &[RunRecord], tolerance: Percentage) -> Option<Self> {
        let (newest, earlier) = runs.split_last()?;
        let back = |run: &&RunRecord| run.recovery_time_ms.is_some();
        // Those that did not come back are not compared, so they have no say in it.
        let measure = Measure::of(runs.iter().filter(back));
        let times: Vec<u64> = earlier.iter().filter_map(|run| measure.time(run)).collect();
        let before = Spread::of(times, tolerance);
        let verdict = match (measure.time(newest), before) {
            (None, _) => Verdict::NotBack,
            (Some(_), None) => Verdict::Alone,
            (Some(took), Some(before)) if took > before.limit_ms => {
                Verdict::Slower { by_ms: took - before.median_ms }
            }
            (Some(_), Some(_)) => Verdict::Steady,
        };
        let point = |run: &RunRecord| Point {
            run: run.run.clone(),
            began_at: run.began_at,
            summary: run.summary,
            commit: run.commit.clone(),
            took_ms: measure.time(run),
        };
        Some(Self {
            schema: SCHEMA,
            service: newest.service.clone(),
            kind: newest.kind,
            region: newest.region.clone(),
            time_scale: newest.time_scale,
            seed: newest.seed,
            measure,
            rto_ms: newest.rto_ms,
            runs: runs.iter().map(point).collect(),
            before,
            tolerance,
            verdict,
        })
    }

    /// Returns true when a check of the newest run fails.
    pub fn is_bad(&self) -> bool {
        matches!(self.verdict, Verdict::Slower { .. } | Verdict::NotBack)
    }

    /// Returns the trend as one indented JSON document that ends with a newline.
    ///
    /// # Errors
    ///
    /// None of its parts can fail.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

impl Spread {
    fn of(times: Vec<u64>, tolerance: Percentage) -> Option<Self> {
        let median_ms = median(times.clone())?;
        let mad_ms = median(times.iter().map(|ms| ms.abs_diff(median_ms)).collect())?;
        let deviation = CONSISTENT * mad_ms as f64;
        let tolerated = tolerance.of(median_ms).max((STANDS_OUT * deviation).round() as u64);
        Some(Self {
            count: times.len(),
            median_ms,
            mad_ms,
            deviation_ms: deviation.round() as u64,
            least_ms: times.iter().copied().min()?,
            most_ms: times.iter().copied().max()?,
            limit_ms: median_ms.saturating_add(tolerated),
        })
    }
}

/// Returns the median, rounded down where it lies between two; `None` of nothing.
pub(super) fn median(mut times: Vec<u64>) -> Option<u64> {
    times.sort_unstable();
    let upper = times.get(times.len() / 2)?;
    let lower = times.get((times.len() - 1) / 2)?;
    Some(lower.midpoint(*upper))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::run::OutageSource,
        report::{Style, samples},
    };

    /// Runs a day apart that took so many seconds; `None` for one that did not come back.
    fn series(seconds: &[Option<u64>]) -> Vec<RunRecord> {
        let day = |(day, took): (i64, &Option<u64>)| {
            let mut run = samples::record(day * 86_400);
            run.recovery_time_ms = took.map(|secs| secs * 1_000);
            run.execution_ms = took.map(|secs| secs * 1_000 - 100_000);
            if took.is_none() {
                run.summary = Summary::Failed;
            }
            run
        };
        (0..).zip(seconds).map(day).collect()
    }

    fn trend(seconds: &[Option<u64>]) -> Trend {
        Trend::of(&series(seconds), "10%".parse().unwrap()).unwrap()
    }

    #[test]
    fn a_run_is_slower_only_beyond_the_tolerance_and_beyond_the_noise() {
        let quiet = [Some(600), Some(610), Some(590), Some(600), Some(605)];
        let noisy = [Some(600), Some(900), Some(400), Some(700), Some(500)];
        let with = |before: &[Option<u64>], newest: u64| {
            trend(&[before, &[Some(newest)]].concat()).verdict
        };
        // Their median is 600 s, 10 % of it are 60 s, and three deviations are 22 s.
        assert_eq!(with(&quiet, 660), Verdict::Steady);
        assert_eq!(with(&quiet, 661), Verdict::Slower { by_ms: 61_000 });
        // The median of the distances is 100 s: 1.4826 x 3 x 100 s are 444.78 s.
        assert_eq!(with(&noisy, 1_044), Verdict::Steady);
        assert_eq!(with(&noisy, 1_045), Verdict::Slower { by_ms: 445_000 });
        // With one alone there is no spread, and the tolerance decides.
        assert_eq!(with(&[Some(600)], 660), Verdict::Steady);
        assert_eq!(with(&[Some(600)], 661), Verdict::Slower { by_ms: 61_000 });
    }

    #[test]
    fn what_did_not_come_back_is_shown_and_not_counted() {
        let trend = trend(&[Some(600), None, Some(620), None, Some(610)]);
        assert_eq!(trend.runs.len(), 5);
        assert_eq!(trend.before.map(|spread| (spread.count, spread.median_ms)), Some((2, 610_000)));
        assert_eq!((trend.verdict, trend.is_bad()), (Verdict::Steady, false));
    }

    #[test]
    fn a_newest_run_that_did_not_come_back_is_bad_and_one_alone_is_not() {
        let said = |seconds: &[Option<u64>]| (trend(seconds).verdict, trend(seconds).is_bad());
        assert_eq!(said(&[Some(600), None]), (Verdict::NotBack, true));
        assert_eq!(said(&[None, Some(600)]), (Verdict::Alone, false));
        assert_eq!(said(&[Some(600)]), (Verdict::Alone, false));
        assert_eq!(Trend::of(&[], "10%".parse().unwrap()), None);
    }

    #[test]
    fn one_assumed_outage_makes_all_be_compared_by_execution() {
        let mut runs = series(&[Some(600), Some(600), Some(700)]);
        let tolerance = "10%".parse().unwrap();
        assert_eq!(Trend::of(&runs, tolerance).unwrap().measure, Measure::RecoveryTime);
        runs[0].outage.known_by = OutageSource::Assumed;
        let trend = Trend::of(&runs, tolerance).unwrap();
        assert_eq!(trend.measure, Measure::Execution);
        assert_eq!(trend.verdict, Verdict::Slower { by_ms: 100_000 });
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3]), Some(3));
        assert_eq!(median(vec![9, 1, 4]), Some(4));
        assert_eq!(median(vec![9, 1, 4, 6]), Some(5));
        assert_eq!(median(vec![u64::MAX, u64::MAX]), Some(u64::MAX));
    }

    #[test]
    fn a_trend_is_shown_as_bars() {
        let slower = trend(&[Some(600), None, Some(620), Some(590), Some(1_000)]);
        insta::assert_snapshot!(slower.to_text(Style::default()), @r"
        SLOWER  recovery time of the newest run is 16m40.0s, 6m40.0s above the median

        Failovers of shop to ap-northeast-2, by recovery time
          20260314-025907-4f1c   10m00.0s  ######################################|   !
          20260315-025907-4f1c          -  not counted: failed
          20260316-025907-4f1c   10m20.0s  ######################################|#  !
          20260317-025907-4f1c    9m50.0s  ######################################|   !
          20260318-025907-4f1c   16m40.0s  ######################################|###!#####################

          RTO             30m00.0s
          median |        10m00.0s of 3 run(s) before the newest
          spread          9m50.0s to 10m20.0s, robust standard deviation 14.8s (1.4826 x median absolute
                          deviation)
          limit !         11m00.0s: the median and 10%, or three deviations where they are more
        ");
        let alone = trend(&[Some(600)]);
        insta::assert_snapshot!(alone.to_text(Style { columns: 60, ..Style::default() }), @r"
        ALONE  recovery time of the newest run is 10m00.0s, and
               there is nothing to compare it with

        Failovers of shop to ap-northeast-2, by recovery time
          20260314-025907-4f1c   10m00.0s  ########################

          RTO             30m00.0s
          before it       no run that came back
        ");
        let down = trend(&[Some(600), Some(3_600), None]);
        insta::assert_snapshot!(down.to_text(Style::default()), @r"
        NOT BACK  the service was not seen to be back in the newest run

        Failovers of shop to ap-northeast-2, by recovery time
          20260314-025907-4f1c   10m00.0s  ####           |                                                !
          20260315-025907-4f1c   1h00m00s  ###############|##########                                      !
          20260316-025907-4f1c          -  not counted: failed

          RTO             30m00.0s
          median |        35m00.0s of 2 run(s) before the newest
          spread          10m00.0s to 1h00m00s, robust standard deviation 37m03.9s (1.4826 x median absolute
                          deviation)
          limit !         2h26m11s: the median and 10%, or three deviations where they are more
        ");
    }
}
