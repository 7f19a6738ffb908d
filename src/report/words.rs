//! The words that the reports for people share.

use super::{
    critical::{Behind, GapKind, Saving, What},
    json::{Report, ResourceReport},
    milestones::RunPhase,
    timeline::{ObjectTime, RecoveryPoint, StepTime},
};
use crate::model::{
    deploy::{ObjectProgress, Traffic},
    redirect::{Dependency, DependencyStatus},
    run::Lock,
    step::{StepId, StepOutcome},
    time::{Pretty, Rounded},
    verdict::Verdict,
};
use std::{cmp::Reverse, collections::BTreeMap, time::Duration};

/// Returns a verdict and what it was met or missed by.
pub(super) fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Met { spare_ms } => format!("met, {} to spare", Pretty::ms(spare_ms)),
        Verdict::Missed { over_ms } => format!("missed, {} over", Pretty::ms(over_ms)),
        Verdict::Unproven { why } => format!("unproven: {why}"),
    }
}

/// Returns a time in milliseconds as text; `-` when it is not known.
pub(super) fn time(ms: Option<u64>) -> String {
    ms.map_or("-".to_owned(), |ms| Pretty::ms(ms).to_string())
}

/// Returns a time that nobody measured.
pub(super) fn rounded(ms: u64) -> String {
    Rounded(Duration::from_millis(ms)).to_string()
}

/// Returns a share from 0 to 1 in whole percent. What is not all is not called all, and what is not
/// nothing is not called nothing.
pub(super) fn percent(share: f64) -> String {
    match share {
        share if share > 0.0 && share < 0.01 => "<1%".to_owned(),
        share if share < 1.0 && share > 0.99 => ">99%".to_owned(),
        share => format!("{:.0}%", share * 100.0),
    }
}

/// Returns a part of a whole from 0 to 1; 0 of nothing.
pub(super) fn share(ms: u64, of_ms: u64) -> f64 {
    if of_ms == 0 { 0.0 } else { ms as f64 / of_ms as f64 }
}

/// Returns how a step ended, in one word or two.
pub(super) fn outcome(outcome: Option<&StepOutcome>) -> &'static str {
    match outcome {
        Some(StepOutcome::Done) => "done",
        Some(StepOutcome::Failed { .. }) => "failed",
        Some(StepOutcome::Refused) => "refused",
        Some(StepOutcome::Skipped { .. }) => "skipped",
        Some(StepOutcome::Interrupted) => "stopped",
        Some(StepOutcome::Withheld { .. }) => "withheld",
        Some(StepOutcome::LeftOut { .. }) => "left out",
        None => "no end",
    }
}

/// Returns how old the data of a store is that could be restored.
pub(super) fn recovery_point(point: &RecoveryPoint) -> String {
    match (point.before_outage_ms, &point.cause) {
        (Some(ms @ 0..), _) => format!("{} before the outage", Pretty::ms(ms.unsigned_abs())),
        (Some(ms), _) => {
            format!("{} after the outage began: nothing is lost", Pretty::ms(ms.unsigned_abs()))
        }
        (None, Some(cause)) => format!("unknown: {cause}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// Returns what passed on a stretch of the critical path, without the step.
pub(super) fn what(what: &What) -> String {
    match what {
        What::Detection => "the outage was not seen yet".to_owned(),
        What::Checkout => "fetching the repository".to_owned(),
        What::Planning => "deciding what would be done".to_owned(),
        What::Decision => "waiting for somebody to say go".to_owned(),
        What::Phase { phase } => phase.word().to_owned(),
        What::ApplyStart => "apply begins, before its first resource".to_owned(),
        What::BetweenResources => "Terraform between two resources".to_owned(),
        What::ApplyEnd => "apply ends, after its last resource".to_owned(),
        What::Resource { address, ok: true, .. } => address.clone(),
        What::Resource { address, ok: false, .. } => format!("{address} (not completed)"),
        What::Lock { lock } => lock_words(*lock),
        What::Turn => "waiting for a lane of --max-parallel".to_owned(),
        What::Between => "drctl between two steps or phases".to_owned(),
        What::Verification => "waiting for the probes to pass".to_owned(),
        What::BrokenOff => "broken off, until somebody went on".to_owned(),
        What::NotBack => "without the service".to_owned(),
    }
}

/// Returns what a step waited for.
pub(super) fn gap(gap: &GapKind) -> String {
    match gap {
        GapKind::Needs { step } => format!("waiting for {step}"),
        GapKind::Lock { lock } => lock_words(*lock),
        GapKind::Turn => "waiting for a lane of --max-parallel".to_owned(),
        GapKind::BrokenOff => "broken off, until somebody went on".to_owned(),
        GapKind::Verification => "waiting for the fallback to be verified".to_owned(),
        GapKind::Between => "drctl between two phases".to_owned(),
        GapKind::ApplyStart => "apply before its first resource".to_owned(),
        GapKind::BetweenResources => "Terraform between two resources".to_owned(),
        GapKind::ApplyEnd => "apply after its last resource".to_owned(),
    }
}

fn lock_words(lock: Lock) -> String {
    match lock {
        Lock::PluginCache => "waiting for the plugin cache",
        Lock::Unknown => "waiting for a lock",
    }
    .to_owned()
}

/// Returns what a resource waited behind.
pub(super) const fn behind(behind: Behind) -> &'static str {
    match behind {
        Behind::Parallelism => "-parallelism",
        Behind::Terraform => "Terraform",
    }
}

/// Returns what would have made the run shorter, such as `pre-provision aws_vpc.main: −9m48s`.
pub(super) fn saving(saving: &Saving) -> (String, String) {
    let what = saving.address.as_ref().map_or_else(|| saving.step.to_string(), Clone::clone);
    (what, format!("−{}", rounded(saving.saves_ms)))
}

/// Returns the runbook's word for what a step is, when its name does not tell: not for the stacks
/// and the commands that all steps were once.
pub(super) fn block(step: &StepTime) -> Option<&str> {
    step.block.as_deref().filter(|block| !matches!(*block, "stack" | "command"))
}

/// Returns how long after the begin of its step something was ready, in milliseconds.
pub(super) fn ready_after(step: &StepTime, object: &ObjectTime) -> Option<u64> {
    Some(object.ready_ms?.saturating_sub(step.began_ms.unwrap_or(object.seen_ms)))
}

/// Returns how something was at last that a step waited for, and its trouble.
pub(super) fn object(object: &ObjectTime) -> String {
    let ObjectTime { state, detail, .. } = object;
    let mut text = match state {
        ObjectProgress::Ready => detail.clone(),
        state => format!("{state}: {detail}"),
    };
    if let Some(trouble) = object.trouble.as_ref().filter(|trouble| *trouble != detail) {
        text += &format!("; its last trouble: {trouble}");
    }
    text
}

/// Returns the images of a step that are not known to be there, and why, each in a line.
pub(super) fn lacking(step: &StepTime) -> Vec<String> {
    let lacks = |image: &crate::model::deploy::ImageAnswer| {
        Some(format!("the image {}: {}", image.image, image.cause.as_ref()?))
    };
    step.images.iter().filter_map(lacks).collect()
}

/// Returns where a name led and leads.
pub(super) fn traffic(traffic: &Traffic) -> String {
    let to = |all: &[String]| if all.is_empty() { "nowhere".to_owned() } else { all.join(", ") };
    format!("{} led to {}, and leads to {}", traffic.name, to(&traffic.before), to(&traffic.after))
}

/// A phase of the run as it is shown.
pub(super) struct Passed {
    pub(super) name: &'static str,
    pub(super) took_ms: Option<u64>,
    /// False when the run ended in it.
    pub(super) completed: bool,
}

impl Report {
    /// Returns every phase. The one in which the run ended has all that is left, and those after it
    /// have nothing.
    pub(super) fn passed(&self) -> Vec<Passed> {
        let passed_ms: u64 = self.phases.iter().filter_map(|phase| phase.took_ms).sum();
        let mut left = Some(self.out_for_ms.saturating_sub(passed_ms));
        let passed = |phase: &RunPhase| {
            let rest = if phase.took_ms.is_none() { left.take() } else { None };
            let took_ms = phase.took_ms.or(rest);
            Passed { name: phase.name, took_ms, completed: rest.is_none() }
        };
        self.phases.iter().map(passed).collect()
    }

    /// Returns what happened beside the phases that a reader must know to read them right.
    pub(super) fn beside_the_phases(&self) -> Vec<String> {
        let verified = self.fallback_verified_ms.map(|ms| {
            let (side, what) = match self.failback {
                Some(_) => ("primary", "the way home"),
                None => ("fallback", "the outage"),
            };
            format!(
                "the {side} was verified {} after {what} began, before traffic was moved",
                Pretty::ms(ms)
            )
        });
        let before_ms = self.run.as_ref().map_or(0, |run| run.outage.before_ms);
        let held = self.steps.iter().filter_map(|report| {
            let traffic = report.step.traffic.as_ref().filter(|traffic| traffic.ttl_ms > 0)?;
            let moved = report.step.ended_ms.map(|ms| ms.saturating_add(before_ms));
            let until = moved.unwrap_or(self.out_for_ms).saturating_add(traffic.ttl_ms);
            let (until, ttl) = (Pretty::ms(until), Pretty::ms(traffic.ttl_ms));
            let name = &traffic.name;
            Some(format!(
                "caches may hold the old answer for {name} until {until}, {ttl} after the traffic was moved"
            ))
        });
        verified.into_iter().chain(held).collect()
    }

    /// Returns the resources that are worth a line, at most `limit`: the slowest of the critical path
    /// in up to the half of them, then the slowest of all. In the order of their times, longest first.
    pub(super) fn worth_a_line(&self, limit: usize) -> Vec<&ResourceReport> {
        let mut all: Vec<&ResourceReport> = self.resources.iter().collect();
        // Stable, so that equals stay in the order of their ends.
        all.sort_by_key(|report| Reverse(report.resource.took_ms));
        let (critical, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|r| r.critical);
        let some = critical.len().min(limit.saturating_sub(others.len().min(limit / 2)));
        let mut shown: Vec<_> = critical.into_iter().take(some).chain(others).take(limit).collect();
        shown.sort_by_key(|report| Reverse(report.resource.took_ms));
        shown
    }

    /// Returns what was expected of a resource, at the median, in milliseconds.
    pub(super) fn expected_of(&self, resource: &ResourceReport) -> Option<u64> {
        let (step, address) = (&resource.resource.step, &resource.resource.address);
        let predicted = || self.forecast.as_ref()?.prediction.resource(step, address);
        resource.expected_ms.or_else(|| Some(predicted()?.p50_ms))
    }

    /// Returns everything that had to be alive with the steps that needed it: what is dead first,
    /// then what nobody can tell.
    pub(super) fn needs(&self) -> Vec<(&Dependency, Vec<&StepId>)> {
        let mut all: BTreeMap<_, (&Dependency, Vec<&StepId>)> = BTreeMap::new();
        for needed in &self.inventory {
            let dependency = &needed.dependency;
            let rank = match dependency.status {
                DependencyStatus::Dead => 0,
                DependencyStatus::Unknown => 1,
                DependencyStatus::Alive => 2,
            };
            let key = (rank, dependency.kind, &dependency.name, &dependency.region);
            all.entry(key).or_insert_with(|| (dependency, Vec::new())).1.push(&needed.step);
        }
        all.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples::rich;

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        let shown = [0.0, 0.001, 0.25, 0.999, 1.0].map(percent);
        assert_eq!(shown, ["0%", "<1%", "25%", ">99%", "100%"]);
        assert!(share(1, 0).abs() < f64::EPSILON);
    }

    #[test]
    fn of_many_resources_those_that_decided_and_the_slowest_are_worth_a_line() {
        let report = rich::huge(10_000);
        let shown = report.worth_a_line(100);
        assert_eq!(shown.len(), 100);
        assert!(shown.is_sorted_by_key(|r| Reverse(r.resource.took_ms)));
        assert_eq!(shown.iter().filter(|r| r.critical).count(), 50);
        // A resource off the path that is shown is among the slowest of those.
        let off = |r: &&&ResourceReport| !r.critical;
        let least = shown.iter().filter(off).map(|r| r.resource.took_ms).min().unwrap();
        let slower = report.resources.iter().filter(|r| !r.critical && r.resource.took_ms > least);
        assert!(slower.count() < 50);
        assert_eq!(rich::met().worth_a_line(100).len(), 40);
    }

    #[test]
    fn what_is_dead_comes_first_and_once() {
        let report = rich::met();
        let needs = report.needs();
        let status: Vec<_> = needs.iter().map(|(need, _)| need.status.to_string()).collect();
        assert_eq!(status, ["in the dead region", "in the dead region", "unknown", "alive"]);
        assert_eq!(needs[2].1.len(), 2, "two stacks need the same registry");
    }
}
