//! A forecast as it is shown: one value, which is also one JSON document.

mod text;

use super::exit::Exit;
use crate::{
    forecast::{Counts, Forecast, StepTime, calibration::Calibration},
    model::{
        prediction::{PredictedResource, Prediction},
        step::{PARALLELISM, StepId},
    },
};
use serde::Serialize;
use std::time::Duration;

/// The name of the form of the document. Keys are added under it, never changed.
const SCHEMA: &str = "drctl/forecast/v1";

/// The share of draws that must meet an objective for it to be called met.
const ENOUGH: f64 = 0.9;

/// Resources that are said to dominate.
const DOMINANT: usize = 8;

/// How long a recovery would take, and why. Every duration is in whole milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Outlook {
    /// Always [`SCHEMA`].
    schema: &'static str,
    /// The service; `None` without a runbook.
    service: Option<String>,
    /// The fallback region.
    region: Option<String>,
    /// The recovery time objective.
    rto_ms: Option<u64>,
    /// Whether the 90th percentile meets it.
    verdict: Foretold,
    /// The distribution.
    forecast: Prediction,
    /// What decides it, first what does so most.
    dominant: Vec<Dominant>,
    /// What decides the whole at the medians, first one first.
    critical_path: Vec<PathEntry>,
    /// Every step.
    steps: Vec<StepOutlook>,
    /// The whole at the medians, with another limit on how many resources are worked on at once.
    parallelism: Vec<WithLanes>,
    /// The limit that was asked for, over those of the runbook.
    lanes: Option<usize>,
    /// How many resources rest on what.
    rests_on: RestsOn,
    /// What was taken as there already.
    without: Vec<String>,
    /// How good earlier forecasts were.
    calibration: Calibration,
    /// What is worth knowing.
    notes: Vec<String>,
}

/// How an objective stands before anything was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Foretold {
    Met,
    Missed,
    NoObjective,
}

/// A resource that decides how long it takes.
#[derive(Debug, Serialize)]
struct Dominant {
    #[serde(flatten)]
    resource: PredictedResource,
    /// By how much the whole at the medians would drop if it were there already.
    saves_ms: u64,
}

#[derive(Debug, Serialize)]
struct PathEntry {
    step: StepId,
    address: String,
    p50_ms: u64,
    basis: String,
    /// How many of its instances follow each other.
    turns: usize,
    /// True when it waited for nothing but a lane.
    by_lane: bool,
}

#[derive(Debug, Serialize)]
struct StepOutlook {
    step: StepId,
    is_stack: bool,
    /// At the medians.
    begins_ms: u64,
    /// At the medians.
    ends_ms: u64,
    p50_ms: u64,
    p90_ms: u64,
    /// The median of what passes before its first resource; all of a step that is no stack.
    overhead_ms: Option<u64>,
    /// What was taken from a plan of Terraform; `None` when all is from the code.
    plan: Option<TakenFromPlan>,
}

#[derive(Debug, Serialize)]
struct TakenFromPlan {
    resources: usize,
    instances: usize,
    locals_from_code: usize,
    locals_not_known: usize,
}

#[derive(Debug, Serialize)]
struct WithLanes {
    lanes: usize,
    at_medians_ms: u64,
}

#[derive(Debug, Serialize)]
struct RestsOn {
    resources: usize,
    instances: usize,
    own_runs: usize,
    type_known: usize,
    like_its_kind: usize,
    guesses: usize,
    said_by_code: usize,
    there_already: usize,
    /// Real runs that were read.
    runs: usize,
    /// Creates in them.
    creates: usize,
}

/// What goes into an outlook besides the forecast.
pub(super) struct Rest {
    pub(super) service: Option<String>,
    pub(super) region: Option<String>,
    pub(super) rto: Option<Duration>,
    pub(super) runs: usize,
    pub(super) creates: usize,
    pub(super) without: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) calibration: Calibration,
    pub(super) lanes: Option<usize>,
}

impl Outlook {
    pub(super) fn new(forecast: &Forecast, prediction: Prediction, rest: Rest) -> Self {
        let spent = |resource: &PredictedResource| resource.critical * resource.p50_ms as f64;
        let mut ranked: Vec<&PredictedResource> =
            prediction.resources.iter().filter(|resource| resource.critical > 0.0).collect();
        ranked.sort_by(|a, b| spent(b).total_cmp(&spent(a)));
        let dominant = ranked.into_iter().take(DOMINANT).map(|resource| Dominant {
            saves_ms: ms(forecast.saves_at(&resource.step, &resource.address)),
            resource: resource.clone(),
        });
        let ends = prediction.steps.iter();
        // The whole at the medians ends with it, and the last step does not.
        let verification = prediction.at_medians_ms.saturating_sub(ms(forecast.p50));
        let steps = forecast.steps.iter().zip(ends).map(|(step, ends)| StepOutlook {
            step: step.id.clone(),
            is_stack: step.is_stack,
            begins_ms: ms(step.begins),
            ends_ms: ms(step.ends),
            p50_ms: ends.p50_ms,
            p90_ms: ends.p90_ms,
            overhead_ms: step.overhead.map(ms),
            plan: taken(step),
        });
        Self {
            schema: SCHEMA,
            verdict: match prediction.chance {
                None => Foretold::NoObjective,
                Some(chance) if chance >= ENOUGH => Foretold::Met,
                Some(_) => Foretold::Missed,
            },
            service: rest.service,
            region: rest.region,
            rto_ms: rest.rto.map(ms),
            dominant: dominant.collect(),
            critical_path: forecast.path.iter().map(PathEntry::from).collect(),
            steps: steps.collect(),
            parallelism: [1, 2, 4]
                .map(|times| usize::from(times * PARALLELISM))
                .map(|lanes| WithLanes {
                    lanes,
                    at_medians_ms: ms(forecast.with_lanes(lanes)) + verification,
                })
                .into(),
            lanes: rest.lanes,
            rests_on: RestsOn::new(&forecast.counts, rest.runs, rest.creates),
            without: rest.without,
            calibration: rest.calibration,
            notes: rest.notes,
            forecast: prediction,
        }
    }

    /// Returns what to exit with.
    pub(super) fn exit(&self) -> Exit {
        match self.verdict {
            Foretold::Met => Exit::Met,
            Foretold::Missed => Exit::No,
            Foretold::NoObjective => Exit::Unproven,
        }
    }

    /// Returns it as one indented JSON document that ends with a newline.
    pub(super) fn to_json(&self) -> String {
        // Names and numbers are always JSON.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

impl From<&crate::forecast::Entry> for PathEntry {
    fn from(entry: &crate::forecast::Entry) -> Self {
        Self {
            step: entry.stack.clone(),
            address: entry.address.clone(),
            p50_ms: ms(entry.p50),
            basis: entry.basis.to_string(),
            turns: entry.turns,
            by_lane: entry.by_lane,
        }
    }
}

impl RestsOn {
    fn new(counts: &Counts, runs: usize, creates: usize) -> Self {
        Self {
            resources: counts.resources,
            instances: counts.instances,
            own_runs: counts.own,
            type_known: counts.types,
            like_its_kind: counts.classes,
            guesses: counts.guesses,
            said_by_code: counts.code,
            there_already: counts.there,
            runs,
            creates,
        }
    }
}

fn taken(step: &StepTime) -> Option<TakenFromPlan> {
    let taken = step.taken?;
    Some(TakenFromPlan {
        resources: taken.resources,
        instances: taken.instances,
        locals_from_code: taken.locals,
        locals_not_known: taken.lost,
    })
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
