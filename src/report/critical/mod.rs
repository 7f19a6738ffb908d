//! What the recovery time was made of: a chain without a gap from the beginning of the outage to
//! the verified service, in which everything waited for what stands before it.

mod gaps;
mod lanes;
mod replay;
mod walk;

#[cfg(test)]
mod tests;

use super::timeline::{ResourceTime, Timeline};
use crate::model::{
    resource::{ResourceAction, without_keys},
    run::Lock,
    step::{PARALLELISM, Phase, StepId},
};
use lanes::{Lanes, by_step};
use replay::{Replay, With, Without};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use walk::Walk;

/// The critical path of a run: what decided when it was over.
///
/// Its segments leave no gap and overlap nowhere, so that they add up to the
/// recovery time to the millisecond; to [`out_for_ms`](super::Report::out_for_ms)
/// when the service did not come back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, schemars::JsonSchema)]
pub struct CriticalPath {
    /// What it consists of, the first one first.
    pub segments: Vec<Segment>,
    /// What would have made the run shorter, the most first.
    pub savings: Vec<Saving>,
    /// How long it would have taken had Terraform worked on everything at once, everything else
    /// being as it was; `None` when no stack was applied.
    pub floor_ms: Option<u64>,
    /// What `-parallelism` cost: by how much the run was longer than that.
    pub parallelism_cost_ms: Option<u64>,
    /// How much longer it would have taken with Terraform's own `-parallelism` of 10 in every stack;
    /// `None` when no stack was applied.
    pub parallelism_saved_ms: Option<u64>,
    /// How much of it somebody worked, in milliseconds.
    pub worked_ms: u64,
    /// How much of it nobody did: for the outage to be seen or declared, for a lock or a turn, for the
    /// probes to pass. Both together are the whole.
    pub waited_ms: u64,
    /// Stacks of which nobody knows which resource needed which, so that whatever ended last before
    /// one began is taken for what it waited for.
    pub inferred: Vec<StepId>,
}

/// What saves less than this, in milliseconds, is not worth a change.
const WORTH_DOING: u64 = 1_000;

/// How many things on the path are tried without, the longest ones.
const TRIED: usize = 20;

impl CriticalPath {
    /// Finds what decided when a run was over, from its [`Timeline::worked_on`]; `None` when its beginning is missing. With it come
    /// the resources that lie on the path, by their index in the report.
    pub(super) fn of(
        timeline: &Timeline,
        worked_on: &[ResourceTime],
    ) -> Option<(Self, BTreeSet<usize>)> {
        let mut walk = Walk::new(timeline, worked_on)?;
        let critical = std::mem::take(&mut walk.critical);
        let inferred = std::mem::take(&mut walk.inferred).into_iter().collect();
        let segments = walk.segments();
        let (mut worked_ms, mut waited_ms) = (0, 0);
        for segment in &segments {
            *if segment.what.is_work() { &mut worked_ms } else { &mut waited_ms } +=
                segment.took_ms;
        }
        let replay = Replay::new(timeline, worked_on);
        let total = replay.total_ms(Without::Nothing, With::AsItWas);
        let modelled =
            |with| replay.has_resources().then(|| replay.total_ms(Without::Nothing, with));
        let (at_once, default) =
            (modelled(With::AllAtOnce), modelled(With::Lanes(usize::from(PARALLELISM))));
        let cost = at_once.map(|at_once| total.saturating_sub(at_once));
        let whole: u64 = segments.iter().map(|segment| segment.took_ms).sum();
        let path = Self {
            savings: savings(&segments, &replay, total),
            floor_ms: cost.map(|cost| whole - cost.min(whole)),
            parallelism_cost_ms: cost,
            parallelism_saved_ms: default.map(|default| default.saturating_sub(total)),
            worked_ms,
            waited_ms,
            inferred,
            segments,
        };
        Some((path, critical))
    }

    /// Returns what would have saved enough to be worth a change, the most first.
    pub(super) fn worth_doing(&self) -> impl Iterator<Item = &Saving> {
        self.savings.iter().filter(|saving| saving.saves_ms >= WORTH_DOING)
    }

    /// Returns what was saved over Terraform's own `-parallelism`, when that is worth a word.
    pub(super) fn saved_by_parallelism(&self) -> Option<u64> {
        self.parallelism_saved_ms.filter(|saved_ms| *saved_ms >= WORTH_DOING)
    }

    /// Returns what `-parallelism` cost and how long it would have taken with everything at once,
    /// when that is worth a change.
    pub(super) fn parallelism(&self) -> Option<(u64, u64)> {
        let both = self.parallelism_cost_ms.zip(self.floor_ms);
        both.filter(|(cost_ms, _)| *cost_ms >= WORTH_DOING)
    }
}

/// Returns what each thing on the path would save, the most first.
fn savings(segments: &[Segment], replay: &Replay, total: u64) -> Vec<Saving> {
    let mut took: BTreeMap<(&StepId, Option<String>), u64> = BTreeMap::new();
    for segment in segments {
        let Some(step) = &segment.step else { continue };
        let address = match &segment.what {
            What::Resource { address, .. } => Some(without_keys(address)),
            // What its programs brought is waited for because of them.
            What::Phase { phase: Phase::Run | Phase::Wait } => None,
            _ => continue,
        };
        *took.entry((step, address)).or_default() += segment.took_ms;
    }
    let mut longest: Vec<_> = took.into_iter().collect();
    longest.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
    longest.truncate(TRIED);
    let saving = |((step, address), took_ms): ((&StepId, Option<String>), u64)| {
        let without = match &address {
            Some(address) => Without::Resource(step, address),
            None => Without::Program(step),
        };
        // What drctl does around a step goes with it, and is not what was taken away.
        let saves_ms = total.saturating_sub(replay.total_ms(without, With::AsItWas)).min(took_ms);
        Saving { step: step.clone(), address, took_ms, saves_ms }
    };
    let mut savings: Vec<_> = longest.into_iter().map(saving).filter(|s| s.saves_ms > 0).collect();
    savings.sort_by_key(|saving| std::cmp::Reverse(saving.saves_ms));
    savings
}

/// Returns what each resource waited for, in the order of the report, and the gaps of each step.
pub(super) fn waits(
    timeline: &Timeline,
    worked_on: &[ResourceTime],
) -> (Vec<Option<Waited>>, Vec<Vec<Gap>>) {
    let steps = by_step(worked_on);
    let mut waited = vec![None; worked_on.len()];
    let none = Vec::new();
    let mut gaps = Vec::with_capacity(timeline.steps.len());
    for step in &timeline.steps {
        let resources = steps.get(&step.id).unwrap_or(&none);
        for phase in step.phases.iter().filter(|phase| phase.phase == Phase::Apply) {
            let ended = phase.took_ms.map_or(timeline.last_ms, |took| phase.began_ms + took);
            let lanes = Lanes::of(step, resources, phase.began_ms, ended);
            for (place, (index, _)) in lanes.resources.iter().enumerate() {
                waited[*index] = lanes.waited(place);
            }
        }
        gaps.push(timeline.gaps(step, resources));
    }
    (waited, gaps)
}

/// A stretch of the critical path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Segment {
    /// When it began, in milliseconds since `t0`.
    pub began_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The step, when it was of one.
    pub step: Option<StepId>,
    /// What passed.
    #[serde(flatten)]
    pub what: What,
}

/// What a stretch of the critical path was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum What {
    /// The outage was not seen yet.
    Detection,
    /// The repository was fetched.
    Checkout,
    /// What would be done was decided.
    Planning,
    /// Somebody was asked whether to go.
    Decision,
    /// A phase of a step, as a whole.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// Terraform had begun to apply, and had not begun with a resource.
    ApplyStart,
    /// Terraform had a resource ready to begin, and nothing else to do: it reads data, evaluates,
    /// starts a provider.
    BetweenResources,
    /// All resources were there, and Terraform had not ended.
    ApplyEnd,
    /// A resource was worked on.
    Resource {
        /// Its address.
        address: String,
        /// What was done to it.
        action: ResourceAction,
        /// True when it went well.
        ok: bool,
        /// True when it was ready before, and began when the resource before it left its lane: it
        /// waited for `-parallelism`.
        by_lane: bool,
    },
    /// A lock was held by somebody else.
    Lock {
        /// Which.
        lock: Lock,
    },
    /// A step could have begun, and none of the lanes of `--max-parallel` was free.
    Turn,
    /// drctl had something to do between two steps or phases.
    Between,
    /// The probes had not passed yet.
    Verification,
    /// The run had broken off, and nobody had gone on with it yet.
    BrokenOff,
    /// The run went on, or had stopped, without the service.
    NotBack,
}

impl What {
    /// Whether somebody worked on the recovery; if not, it waited.
    pub fn is_work(&self) -> bool {
        !matches!(
            self,
            Self::Detection
                | Self::Decision
                | Self::Lock { .. }
                | Self::Turn
                | Self::Verification
                | Self::BrokenOff
                | Self::NotBack
        )
    }
}

/// What would have made the run shorter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Saving {
    /// The step.
    pub step: StepId,
    /// The resource, without keys of instances; `None` for a step as a whole.
    pub address: Option<String>,
    /// How long it took on the critical path, in milliseconds.
    pub took_ms: u64,
    /// By how much the run would have been shorter had it been there already, in milliseconds. Less
    /// than it took, where something else takes over.
    pub saves_ms: u64,
}

/// Why a resource did not begin when all that it needs was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Behind {
    /// As many resources as `-parallelism` allows were being worked on.
    Parallelism,
    /// Terraform itself: it reads data, evaluates, or walks its graph.
    Terraform,
}

/// How long a resource waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Waited {
    /// When all that it needs was there, in milliseconds since the run began.
    pub ready_ms: u64,
    /// From then to its begin.
    pub for_ms: u64,
    /// What it waited behind.
    pub behind: Behind,
}

/// A stretch of a step in which nothing was worked on, with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Gap {
    /// When it began, in milliseconds since the run began.
    pub began_ms: u64,
    /// How long it lasted.
    pub took_ms: u64,
    /// What it was.
    #[serde(flatten)]
    pub what: GapKind,
}

/// What a gap was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "gap", rename_all = "snake_case")]
pub enum GapKind {
    /// A step that it needs was not done.
    Needs {
        /// The one that ended last.
        step: StepId,
    },
    /// A lock was held by somebody else.
    Lock {
        /// Which.
        lock: Lock,
    },
    /// None of the lanes of `--max-parallel` was free.
    Turn,
    /// Traffic was not moved before the service was verified in the fallback.
    Verification,
    /// The run had broken off, and nobody had gone on with it yet.
    BrokenOff,
    /// drctl had something to do.
    Between,
    /// Terraform had begun to apply, and had not begun with a resource.
    ApplyStart,
    /// Terraform worked on no resource.
    BetweenResources,
    /// All resources were there, and Terraform had not ended.
    ApplyEnd,
}

impl GapKind {
    /// Whether it is a part of a phase, and not between two.
    pub fn is_inside_a_phase(&self) -> bool {
        matches!(self, Self::ApplyStart | Self::BetweenResources | Self::ApplyEnd)
    }
}
