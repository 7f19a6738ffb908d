//! The times of a run held against its objectives.

use super::{milestones::Milestone, timeline::Timeline};
use crate::model::run::RunOutcome;
pub use crate::model::verdict::{Doubt, Summary, Verdict, Verdicts};

impl From<&Timeline> for Verdicts {
    fn from(timeline: &Timeline) -> Self {
        let (rto, rpo) = (rto(timeline), rpo(timeline));
        Self { overall: rpo.map_or(rto, |rpo| rto.worse(rpo)), rto, rpo }
    }
}

impl From<&Timeline> for Summary {
    fn from(timeline: &Timeline) -> Self {
        match timeline.outcome {
            None => Self::Unfinished,
            Some(RunOutcome::Failed | RunOutcome::NotRemoved) => Self::Failed,
            Some(RunOutcome::Refused) => Self::Refused,
            Some(RunOutcome::Interrupted) => Self::Interrupted,
            // What a newer drctl calls its end is no proof of anything here.
            Some(RunOutcome::Unknown) => Self::Unproven,
            // Home and verified: without an objective there is nothing to miss.
            Some(RunOutcome::Recovered)
                if timeline.planned_downtime_ms().is_some() && rto(timeline) == NO_OBJECTIVE =>
            {
                Self::Met
            }
            Some(RunOutcome::Recovered | RunOutcome::Unverified) => {
                match Verdicts::from(timeline).overall {
                    Verdict::Met { .. } => Self::Met,
                    Verdict::Missed { .. } => Self::Missed,
                    Verdict::Unproven { .. } => Self::Unproven,
                }
            }
        }
    }
}

const NO_OBJECTIVE: Verdict = Verdict::Unproven { why: Doubt::NoObjective };

fn rto(timeline: &Timeline) -> Verdict {
    let Some(rto_ms) = timeline.plan.as_ref().and_then(|plan| plan.rto_ms) else {
        return Verdict::Unproven { why: Doubt::NoObjective };
    };
    // On the way home nothing is out but while traffic is moved.
    let took_ms = match &timeline.failback {
        Some(_) => timeline.planned_downtime_ms(),
        None => timeline.milestones().recovery_ms(),
    };
    if let Some(took_ms) = took_ms {
        return Verdict::of(took_ms, rto_ms);
    }
    let (why, not_before_ms) = match timeline.outcome {
        // All is up, perhaps since the last step was done, but surely not before.
        Some(RunOutcome::Unverified) => {
            (Doubt::NotVerified, timeline.milestones().get(Milestone::CutOver).unwrap_or(0))
        }
        Some(_) => (Doubt::NotBack, timeline.out_for_ms()),
        None => (Doubt::NotEnded, timeline.out_for_ms()),
    };
    if timeline.failback.is_some() {
        return Verdict::Unproven { why };
    }
    // Not back by then is too late already, whatever comes next.
    match Verdict::of(not_before_ms, rto_ms) {
        missed @ Verdict::Missed { .. } => missed,
        Verdict::Met { .. } | Verdict::Unproven { .. } => Verdict::Unproven { why },
    }
}

fn rpo(timeline: &Timeline) -> Option<Verdict> {
    let rpo_ms = timeline.plan.as_ref()?.rpo_ms?;
    let stores = timeline.recovery_points.values().map(|point| match point.before_outage_ms {
        // Newer than the outage is no loss, and no more to spare than all of it.
        Some(before_ms) => Verdict::of(u64::try_from(before_ms).unwrap_or(0), rpo_ms),
        None => Verdict::Unproven { why: Doubt::UnknownRecoveryPoint },
    });
    let worst = stores.reduce(|worst, store| match (worst, store) {
        (Verdict::Met { spare_ms: a }, Verdict::Met { spare_ms: b }) => {
            Verdict::Met { spare_ms: a.min(b) }
        }
        (Verdict::Missed { over_ms: a }, Verdict::Missed { over_ms: b }) => {
            Verdict::Missed { over_ms: a.max(b) }
        }
        (worst, store) => worst.worse(store),
    });
    Some(worst.unwrap_or(Verdict::Unproven { why: Doubt::NoRecoveryPoint }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    const RTO: Option<u64> = Some(10_000);

    fn judged(timeline: &Timeline) -> (Verdict, Option<Verdict>, Verdict, Summary) {
        let verdicts = Verdicts::from(timeline);
        (verdicts.rto, verdicts.rpo, verdicts.overall, Summary::from(timeline))
    }

    fn unproven(why: Doubt) -> Verdict {
        Verdict::Unproven { why }
    }

    /// The outage is one second old when these runs begin.
    #[test]
    fn the_recovery_time_is_held_against_its_objective() {
        use Doubt::{NoObjective, NotBack, NotEnded, NotVerified};
        use RunOutcome::{Failed, Interrupted, Recovered, Refused, Unknown, Unverified};
        use Verdict::{Met, Missed};
        let cases = [
            // Verified, exactly on time and a millisecond late.
            (Some(Recovered), Some(9_000), 9_100, RTO, Met { spare_ms: 0 }, Summary::Met),
            (Some(Recovered), Some(9_001), 9_100, RTO, Missed { over_ms: 1 }, Summary::Missed),
            // The run may go on after the service is back.
            (Some(Recovered), Some(5_000), 90_000, RTO, Met { spare_ms: 4_000 }, Summary::Met),
            (Some(Recovered), Some(5_000), 5_000, None, unproven(NoObjective), Summary::Unproven),
            // Not back: late already, or not yet.
            (Some(Failed), None, 9_500, RTO, Missed { over_ms: 500 }, Summary::Failed),
            (Some(Failed), None, 3_000, RTO, unproven(NotBack), Summary::Failed),
            (Some(Refused), None, 3_000, RTO, unproven(NotBack), Summary::Refused),
            (Some(Interrupted), None, 3_000, RTO, unproven(NotBack), Summary::Interrupted),
            (Some(Interrupted), None, 9_500, RTO, Missed { over_ms: 500 }, Summary::Interrupted),
            (Some(Unknown), None, 3_000, RTO, unproven(NotBack), Summary::Unproven),
            (Some(Unknown), Some(2_000), 3_000, RTO, Met { spare_ms: 7_000 }, Summary::Unproven),
            // Said to be back, but never seen so.
            (Some(Recovered), None, 3_000, RTO, unproven(NotBack), Summary::Unproven),
            // All up at once here, so what came after says nothing.
            (Some(Unverified), None, 90_000, RTO, unproven(NotVerified), Summary::Unproven),
            (None, None, 3_000, RTO, unproven(NotEnded), Summary::Unfinished),
            (None, None, 9_500, RTO, Missed { over_ms: 500 }, Summary::Unfinished),
        ];
        for (outcome, verified_ms, at_ms, rto_ms, verdict, summary) in cases {
            let run = samples::ending(outcome, verified_ms, at_ms, rto_ms, None, &[]);
            let wanted = (verdict, None, verdict, summary);
            assert_eq!(judged(&run), wanted, "{outcome:?} {verified_ms:?} {at_ms}");
        }
    }

    #[test]
    fn a_service_that_came_up_too_late_missed_even_when_nobody_asked_it() {
        let mut events = samples::by_hand();
        events.retain(|event| event.kind != crate::model::event::EventKind::ServiceVerified);
        events.last_mut().unwrap().kind = samples::over(RunOutcome::Unverified);
        let mut run: Timeline = events.iter().collect();
        assert_eq!(Verdicts::from(&run).rto, unproven(Doubt::NotVerified));
        // The cutover was done at 790,300 ms.
        run.plan.as_mut().unwrap().rto_ms = Some(790_000);
        assert_eq!(Verdicts::from(&run).rto, Verdict::Missed { over_ms: 300 });
    }

    #[test]
    fn the_worst_store_decides_over_the_recovery_point() {
        use Doubt::{NoRecoveryPoint, UnknownRecoveryPoint};
        use Verdict::{Met, Missed};
        let met = Met { spare_ms: 8_000 };
        type Points = &'static [(&'static str, Option<i64>)];
        let cases: [(Points, Verdict, Verdict, Summary); 6] = [
            (&[("a", Some(400)), ("b", Some(100))], Met { spare_ms: 100 }, met, Summary::Met),
            (&[("a", Some(-400))], Met { spare_ms: 500 }, met, Summary::Met),
            (
                &[("a", Some(700)), ("b", Some(900)), ("c", None)],
                Missed { over_ms: 400 },
                Missed { over_ms: 400 },
                Summary::Missed,
            ),
            (
                &[("a", Some(0)), ("b", None)],
                unproven(UnknownRecoveryPoint),
                unproven(UnknownRecoveryPoint),
                Summary::Unproven,
            ),
            (&[], unproven(NoRecoveryPoint), unproven(NoRecoveryPoint), Summary::Unproven),
            // Told twice: what was said last is so.
            (&[("a", None), ("a", Some(500))], Met { spare_ms: 0 }, met, Summary::Met),
        ];
        for (points, rpo, overall, summary) in cases {
            let recovered = Some(RunOutcome::Recovered);
            let run = samples::ending(recovered, Some(1_000), 2_000, RTO, Some(500), points);
            assert_eq!(judged(&run), (met, Some(rpo), overall, summary), "{points:?}");
        }
    }

    #[test]
    fn nothing_is_met_unless_the_service_was_seen_to_be_back() {
        for seed in 1..2_000 {
            let run: Timeline = samples::by_chance(seed).iter().collect();
            let met = matches!(Verdicts::from(&run).overall, Verdict::Met { .. });
            assert!(!met || run.verified_ms.is_some(), "seed {seed}");
            assert_eq!(
                Summary::from(&run) == Summary::Met,
                met && run.outcome.is_some(),
                "seed {seed}"
            );
        }
    }
}
