//! How long a recovery would take, as a distribution: many recoveries are drawn, each with a time
//! of its own for every instance of every resource, and each is scheduled as Terraform would do it.
//!
//! Where several paths are about as long, any of them can be the late one, so that the median of
//! the whole lies above the whole at the medians (D. G. Malcolm, J. H. Roseboom, C. E. Clark and
//! W. Fazar, "Application of a technique for research and development program evaluation", 1959,
//! leave that out; R. M. Van Slyke, "Monte Carlo methods and the PERT problem", 1963, draws it,
//! and counts how often each activity is on the critical path).
//!
//! The draws are independent: a cloud that is slow as a whole, as one may be in an outage, is not
//! in them, and makes the true distribution wider than this one. What the team's own runs took
//! before the first resource of a stack, for a command, for the verification and before the
//! declaration is drawn from what was seen (the bootstrap of B. Efron, 1979).

mod draw;
mod missing;
mod model;

#[cfg(test)]
mod tests;

use super::{Basis, Forecast, graph::Role};
use crate::model::prediction::{PredictedResource, PredictedStep, Prediction, QUANTILES};
use draw::{Drawing, one_of};
use fastrand::Rng;
use model::{Model, ms};
use rayon::prelude::*;
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// How many recoveries are drawn where nothing else is asked for.
pub const DRAWS: u32 = 10_000;

/// How many draws begin with a seed of their own, so that threads do not change what is drawn.
const CHUNK: u32 = 250;

/// What is asked of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How many recoveries are drawn; none counts as one.
    pub draws: u32,
    /// What the draws begin with.
    pub seed: u64,
    /// The recovery time objective.
    pub rto: Option<Duration>,
    /// How the service is verified at the end.
    pub verified: Verified,
}

/// How a service is verified once everything is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verified {
    /// By probes, of which the slowest takes at least so long. The team's own runs know better.
    ByProbes {
        /// The time between its first good answer and the one that is enough.
        at_least: Duration,
    },
    /// Nobody asks it.
    Never,
    /// By the simulated cloud of a rehearsal, in no time; there no program is run, either.
    Simulated,
}

/// What some of the draws came to.
struct Drawn {
    /// The execution of each.
    totals: Vec<u64>,
    /// When each step ended, draw by draw.
    ends: Vec<u64>,
    /// How often each task was critical, step by step.
    critical: Vec<Vec<u32>>,
    /// How many met the objective.
    met: u32,
}

impl Forecast {
    /// Draws recoveries, and returns how long they took.
    ///
    /// The same forecast, draws and seed return the same, whatever the number of threads.
    pub fn predict(&self, asked: &Asked) -> Prediction {
        self.predict_telling(asked, &|_| ())
    }

    /// As [`Forecast::predict`], and tells how many recoveries are drawn; on several threads.
    pub fn predict_telling(&self, asked: &Asked, tell: &(dyn Fn(u32) + Sync)) -> Prediction {
        let model = Model::new(&self.whole);
        let draws = asked.draws.max(1);
        let verification = self.verification(asked.verified);
        let before: Vec<u64> = self.before.iter().copied().map(ms).collect();
        let rto = asked.rto.map(ms);
        let done = AtomicU32::new(0);
        let draw = |chunk: u32| {
            let number = CHUNK.min(draws - chunk * CHUNK);
            let mut rng = Rng::with_seed(mixed(asked.seed, chunk));
            let drawn = some(&model, number, &verification, &before, rto, &mut rng);
            tell(done.fetch_add(number, Ordering::Relaxed) + number);
            drawn
        };
        let chunks: Vec<Drawn> = (0..draws.div_ceil(CHUNK)).into_par_iter().map(draw).collect();
        let mut totals: Vec<u64> =
            chunks.iter().flat_map(|chunk| chunk.totals.iter().copied()).collect();
        totals.sort_unstable();
        let met: u32 = chunks.iter().map(|chunk| chunk.met).sum();
        let last = middle(&verification);
        let share = |of: u32| f64::from(of) / f64::from(draws);
        Prediction {
            draws,
            seed: asked.seed,
            p50_ms: quantile(&totals, 0.5),
            p90_ms: quantile(&totals, 0.9),
            p99_ms: quantile(&totals, 0.99),
            quantiles_ms: (0..QUANTILES)
                .map(|at| quantile(&totals, at as f64 / (QUANTILES - 1) as f64))
                .collect(),
            at_medians_ms: ms(self.p50).saturating_add(last),
            floor_ms: ms(self.floor).saturating_add(last),
            before_ms: (!before.is_empty()).then(|| quantile(&before, 0.5)),
            chance: rto.map(|_| share(met)),
            missing: self.missing(asked.verified),
            caches_ms: None,
            steps: self.predicted_steps(&chunks),
            resources: self.predicted_resources(&model, &chunks, share),
        }
    }

    /// Returns what the verification can take: what it took, or else what is certain.
    fn verification(&self, verified: Verified) -> Vec<u64> {
        match verified {
            Verified::ByProbes { .. } if !self.verifications.is_empty() => {
                self.verifications.iter().copied().map(ms).collect()
            }
            Verified::ByProbes { at_least } => vec![ms(at_least)],
            Verified::Never | Verified::Simulated => Vec::new(),
        }
    }

    fn predicted_steps(&self, chunks: &[Drawn]) -> Vec<PredictedStep> {
        let works = &self.whole.works;
        let predicted = |(step, work): (usize, &super::whole::Work)| {
            let of_chunks = chunks.iter().map(|chunk| chunk.ends.iter().skip(step));
            let mut ends: Vec<u64> =
                of_chunks.flat_map(|ends| ends.step_by(works.len()).copied()).collect();
            ends.sort_unstable();
            let (p50_ms, p90_ms) = (quantile(&ends, 0.5), quantile(&ends, 0.9));
            PredictedStep { step: work.id.clone(), p50_ms, p90_ms }
        };
        works.iter().enumerate().map(predicted).collect()
    }

    fn predicted_resources(
        &self,
        model: &Model,
        chunks: &[Drawn],
        share: impl Fn(u32) -> f64,
    ) -> Vec<PredictedResource> {
        let mut all = Vec::new();
        for (at, work) in self.whole.works.iter().enumerate() {
            let mut critical = vec![0; work.times.len()];
            for (task, of) in model.steps[at].tasks.iter().enumerate() {
                critical[of.node] = chunks.iter().map(|chunk| chunk.critical[at][task]).sum();
            }
            for (index, node) in work.graph.nodes().iter().enumerate() {
                let Role::Resource { copies, .. } = &node.role else { continue };
                let time = &work.times[index];
                if copies.number == 0 || time.basis == Basis::There {
                    continue;
                }
                all.push(PredictedResource {
                    step: work.id.clone(),
                    address: node.address.clone(),
                    instances: copies.number as u64,
                    p50_ms: ms(time.p50),
                    p90_ms: ms(time.p90),
                    basis: time.basis.to_string(),
                    critical: share(critical[index]),
                });
            }
        }
        all
    }
}

/// Draws some recoveries one after the other.
fn some(
    model: &Model,
    number: u32,
    verification: &[u64],
    before: &[u64],
    rto: Option<u64>,
    rng: &mut Rng,
) -> Drawn {
    let mut drawing = Drawing::new(model);
    let mut drawn = Drawn {
        totals: Vec::with_capacity(number as usize),
        ends: Vec::with_capacity(number as usize * model.steps.len()),
        critical: model.steps.iter().map(|step| vec![0; step.tasks.len()]).collect(),
        met: 0,
    };
    for draw in 1..=number {
        let up = drawing.draw(model, rng);
        let total = up.saturating_add(one_of(verification, rng));
        let outage = total.saturating_add(one_of(before, rng));
        drawn.met += u32::from(rto.is_some_and(|rto| outage <= rto));
        drawn.totals.push(total);
        drawn.ends.extend(drawing.ends());
        drawing.critical(draw, |step, task| drawn.critical[step][task] += 1);
    }
    drawn
}

/// Returns the seed of a chunk: the finaliser of SplitMix64 (G. L. Steele, D. Lea and C. H. Flood,
/// 2014), so that neighbours have nothing in common.
fn mixed(seed: u64, chunk: u32) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(chunk) + 1));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn middle(sorted: &[u64]) -> u64 {
    quantile(sorted, 0.5)
}

/// Returns a quantile of values in order, interpolated between the nearest; zero when there is none.
fn quantile(sorted: &[u64], u: f64) -> u64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0 };
    let exact = u.clamp(0.0, 1.0) * last as f64;
    let at = (exact as usize).min(last);
    let (here, next) = (sorted[at], sorted[(at + 1).min(last)]);
    here + ((next - here) as f64 * exact.fract()).round() as u64
}
