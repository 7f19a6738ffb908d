//! The expectation beside the measurement, and the runs before this one.

use super::{
    Mark,
    scale::{Axis, pct},
    text,
};
use crate::{
    model::{prediction::Prediction, time::Pretty},
    report::{
        json::Report,
        words::{self, percent, rounded},
    },
};

/// Points of the curve.
const POINTS: u32 = 80;
/// Steps shown; the JSON document has them all.
const STEPS: usize = 40;
/// Earlier runs shown.
const RUNS: usize = 30;

pub(super) struct Forecast {
    /// The outline of the area, in a box of 1000 by 100; empty when there is nothing to draw.
    pub(super) curve: String,
    /// Class, place in percent, and words.
    pub(super) lines: Vec<(&'static str, String, &'static str)>,
    pub(super) ends: (String, String),
    /// What the lines are, with their times.
    pub(super) facts: Vec<(&'static str, &'static str, String)>,
    pub(super) said: Vec<String>,
    pub(super) missing: Vec<String>,
    pub(super) steps: Vec<[String; 4]>,
    pub(super) steps_left: usize,
}

impl Forecast {
    pub(super) fn of(report: &Report) -> Option<Self> {
        let forecast = report.forecast.as_ref()?;
        let prediction = &forecast.prediction;
        let measured_ms = report.execution_ms;
        let left_ms = left_of_rto(report);
        let mut facts = vec![
            ("p50", "median", rounded(prediction.p50_ms)),
            ("p90", "9 of 10 take no longer", rounded(prediction.p90_ms)),
            ("p99", "99 of 100 take no longer", rounded(prediction.p99_ms)),
        ];
        if let Some(ms) = measured_ms {
            facts.insert(0, ("measured", "this run", Pretty::ms(ms).to_string()));
        }
        if let Some(ms) = left_ms {
            facts.push(("RTO", "what it leaves after the declaration", rounded(ms)));
        }
        let mut said = Vec::new();
        if let Some(chance) = prediction.chance {
            said.push(format!(
                "The chance of meeting the RTO was {} before the run.",
                percent(chance)
            ));
        }
        if let Some(held) = prediction.behind_caches() {
            said.push(format!("It was expected to take {held}."));
        }
        match forecast.position {
            Some(position) => {
                said.push(format!(
                    "{} of {} draws took no longer than this run did.",
                    percent(position),
                    prediction.draws
                ));
            }
            None => said.push(
                "The run did not get to its end, so that nothing stands beside the forecast."
                    .to_owned(),
            ),
        }
        let declared = report.declared_ms.unwrap_or(0);
        let steps = prediction.steps.iter().map(|predicted| {
            let step = report.steps.iter().find(|step| step.step.id == predicted.step);
            let end =
                step.and_then(|step| step.step.ended_ms).map(|ms| ms.saturating_sub(declared));
            [
                text(predicted.step.as_str()),
                rounded(predicted.p50_ms),
                rounded(predicted.p90_ms),
                words::time(end),
            ]
        });
        let (curve, lines, ends) = drawn(prediction, measured_ms, left_ms).unwrap_or_default();
        Some(Self {
            curve,
            lines,
            ends,
            facts,
            said,
            missing: prediction.missing.iter().map(|what| text(what)).collect(),
            steps: steps.take(STEPS).collect(),
            steps_left: prediction.steps.len().saturating_sub(STEPS),
        })
    }
}

/// Returns how much of the RTO was left when the run was declared, in milliseconds.
fn left_of_rto(report: &Report) -> Option<u64> {
    let before_ms = report.run.as_ref()?.outage.before_ms;
    report.plan.as_ref()?.rto_ms?.checked_sub(before_ms + report.declared_ms?)
}

type Drawn = (String, Vec<(&'static str, String, &'static str)>, (String, String));

/// Returns the density of the draws as an outline, and where the lines are.
fn drawn(prediction: &Prediction, measured_ms: Option<u64>, left_ms: Option<u64>) -> Option<Drawn> {
    let quantiles = &prediction.quantiles_ms;
    let (first, last) = (*quantiles.first()?, *quantiles.last()?);
    if last <= first || !quantiles.is_sorted() {
        return None;
    }
    let spread = last - first;
    // An objective that lies far off would leave no room for the curve.
    let left_ms = left_ms.filter(|ms| *ms <= last + 3 * spread && ms + 3 * spread >= first);
    let measured_ms =
        measured_ms.filter(|ms| *ms <= last + 10 * spread && ms + 10 * spread >= first);
    let all = || [Some(first), Some(last), measured_ms, left_ms].into_iter().flatten();
    let (low, high) = (all().min()?, all().max()?);
    let pad = (high - low) / 16 + spread / 16;
    let (low, high) = (low.saturating_sub(pad), high + pad);
    let axis = Axis::new(low, high);
    // How many of the draws lie within a window about each point: a density without the steps of
    // the twenty parts that are kept.
    let window = (spread / 9).max(1);
    let share = |ms: u64| prediction.position(ms).unwrap_or(0.0);
    let raw: Vec<f64> = (0..=POINTS)
        .map(|point| low + (high - low) * u64::from(point) / u64::from(POINTS))
        .map(|ms| share(ms + window) - share(ms.saturating_sub(window)))
        .collect();
    let smooth: Vec<f64> = (0..raw.len())
        .map(|at| {
            let near = &raw[at.saturating_sub(2)..(at + 3).min(raw.len())];
            near.iter().sum::<f64>() / near.len() as f64
        })
        .collect();
    let most = smooth.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let point = |(at, height): (usize, &f64)| {
        let x = at as f64 * 1_000.0 / f64::from(POINTS);
        format!("L{x:.1} {:.1}", 100.0 - height / most * 96.0)
    };
    let outline: String = smooth.iter().enumerate().map(point).collect();
    let mut lines = vec![
        ("p", pct(axis.at(prediction.p50_ms)), "p50"),
        ("p", pct(axis.at(prediction.p90_ms)), "p90"),
        ("p", pct(axis.at(prediction.p99_ms)), "p99"),
    ];
    lines.extend(measured_ms.map(|ms| ("now", pct(axis.at(ms)), "measured")));
    lines.extend(left_ms.map(|ms| ("rto", pct(axis.at(ms)), "RTO")));
    Some((format!("M0 100{outline}L1000 100Z"), lines, (rounded(low), rounded(high))))
}

pub(super) struct History {
    pub(super) bars: Vec<Past>,
    pub(super) rto: Option<(String, String)>,
    pub(super) left_out: usize,
}

pub(super) struct Past {
    pub(super) mark: Mark,
    pub(super) name: String,
    pub(super) when: String,
    pub(super) took: String,
    /// In percent of the height; `None` when the service did not come back.
    pub(super) height: Option<String>,
    pub(super) this: bool,
}

impl History {
    /// Returns nothing when no other run is known.
    pub(super) fn of(report: &Report) -> Option<Self> {
        let run = report.run.as_ref()?;
        let earlier: Vec<_> = report.history.iter().filter(|past| past.run != run.id).collect();
        if earlier.is_empty() {
            return None;
        }
        let left_out = earlier.len().saturating_sub(RUNS);
        let shown = &earlier[left_out..];
        let rto_ms = report.plan.as_ref().and_then(|plan| plan.rto_ms);
        let times = shown.iter().filter_map(|past| past.recovery_time_ms);
        let top = times.chain(rto_ms).chain(report.recovery_time_ms).max().unwrap_or(1).max(1);
        let height = |ms: u64| pct(ms as f64 * 92.0 / top as f64);
        let bar = |summary, name: &str, began_at: jiff::Timestamp, took: Option<u64>, this| Past {
            mark: Mark::of(summary),
            name: text(name),
            when: began_at.strftime("%Y-%m-%d %H:%M").to_string(),
            took: took.map_or("not back".to_owned(), |ms| Pretty::ms(ms).to_string()),
            height: took.map(height),
            this,
        };
        let past = shown.iter().map(|past| {
            bar(past.summary, past.run.as_str(), past.began_at, past.recovery_time_ms, false)
        });
        let now = bar(report.summary, run.id.as_str(), run.began_at, report.recovery_time_ms, true);
        Some(Self {
            bars: past.chain([now]).collect(),
            rto: rto_ms.map(|ms| (height(ms), format!("RTO {}", Pretty::ms(ms)))),
            left_out,
        })
    }
}
