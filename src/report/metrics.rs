//! What a run came to, as metrics.

use super::{json::Report, verdict::Verdict};
use crate::{
    format::openmetrics::{Family, Sample, to_text},
    model::run::RunKind,
};

/// The word for what a metric is of.
type Labels = Vec<(&'static str, String)>;

impl Report {
    /// Returns the run as OpenMetrics text, for a push gateway or a node exporter's folder.
    ///
    /// What is not known has no sample: a recovery time that was not reached is not zero. Single
    /// resources are left out, since every name would make a series of its own for ever.
    pub fn to_openmetrics(&self) -> String {
        let seconds = |ms: u64| ms as f64 / 1_000.0;
        let one = |value: Option<f64>| self.samples(value.map(|value| (vec![], value)));
        let plan = self.plan.as_ref();
        let path = self.critical_path.as_ref();
        let ends = self.run.as_ref().map(|run| {
            let began_ms = run.began_at.as_millisecond();
            let ran_ms = self.out_for_ms.saturating_sub(run.outage.before_ms);
            began_ms.saturating_add_unsigned(ran_ms) as f64 / 1_000.0
        });
        let phases = self.phases.iter().filter_map(|phase| {
            Some((vec![("phase", phase.name.to_owned())], seconds(phase.took_ms?)))
        });
        let steps = self.steps.iter().filter_map(|report| {
            Some((vec![("step", report.step.id.to_string())], seconds(report.took_ms?)))
        });
        let points = self.recovery_points.iter().filter_map(|(store, point)| {
            Some((vec![("store", store.clone())], point.before_outage_ms? as f64 / 1_000.0))
        });
        to_text(&[
            time(
                "drctl_recovery_time_seconds",
                "From the outage to the verified service",
                one(self.recovery_time_ms.map(seconds)),
            ),
            time(
                "drctl_recovery_time_objective_seconds",
                "The recovery time objective",
                one(plan.and_then(|plan| plan.rto_ms).map(seconds)),
            ),
            time(
                "drctl_execution_seconds",
                "From the declaration to the verified service",
                one(self.execution_ms.map(seconds)),
            ),
            time(
                "drctl_recovery_point_seconds",
                "How old the newest data of a store was when the outage began",
                self.samples(points),
            ),
            time(
                "drctl_recovery_point_objective_seconds",
                "The recovery point objective",
                one(plan.and_then(|plan| plan.rpo_ms).map(seconds)),
            ),
            Family {
                name: "drctl_verdict",
                help: "1 for what is so: whether an objective was met, missed or cannot be proven",
                unit: None,
                samples: self.samples(self.verdict_samples()),
            },
            time(
                "drctl_phase_seconds",
                "How long each phase of the recovery took",
                self.samples(phases),
            ),
            time("drctl_step_seconds", "How long each step took", self.samples(steps)),
            time(
                "drctl_parallelism_cost_seconds",
                "By how much -parallelism made the recovery longer",
                one(path.and_then(|path| path.parallelism_cost_ms).map(seconds)),
            ),
            time(
                "drctl_forecast_seconds",
                "How long the execution was expected to take",
                self.samples(self.forecast_samples()),
            ),
            time("drctl_run_end_timestamp_seconds", "When the run ended, since 1970", one(ends)),
        ])
    }

    fn verdict_samples(&self) -> Vec<(Labels, f64)> {
        let all = [("rto", Some(self.verdicts.rto)), ("rpo", self.verdicts.rpo)];
        let states = |(objective, verdict): (&'static str, Verdict)| {
            let is = match verdict {
                Verdict::Met { .. } => "met",
                Verdict::Missed { .. } => "missed",
                Verdict::Unproven { .. } => "unproven",
            };
            ["met", "missed", "unproven"].map(|word| {
                let labels = vec![("objective", objective.to_owned()), ("is", word.to_owned())];
                (labels, f64::from(u8::from(word == is)))
            })
        };
        all.into_iter()
            .filter_map(|(name, verdict)| Some((name, verdict?)))
            .flat_map(states)
            .collect()
    }

    fn forecast_samples(&self) -> Vec<(Labels, f64)> {
        let Some(expected) = &self.forecast else { return Vec::new() };
        let prediction = &expected.prediction;
        [("0.5", prediction.p50_ms), ("0.9", prediction.p90_ms), ("0.99", prediction.p99_ms)]
            .map(|(quantile, ms)| (vec![("quantile", quantile.to_owned())], ms as f64 / 1_000.0))
            .into()
    }

    /// Adds to each value what run it is of.
    fn samples(&self, values: impl IntoIterator<Item = (Labels, f64)>) -> Vec<Sample> {
        let kind = self.run.as_ref().map_or("unknown", |run| match run.kind {
            RunKind::Failover => "failover",
            RunKind::Rehearsal => "rehearsal",
            RunKind::Drill => "drill",
            RunKind::Failback => "failback",
            RunKind::Unknown => "unknown",
        });
        let of = [
            ("service", self.plan.as_ref().map_or("", |plan| &plan.service).to_owned()),
            ("region", self.run.as_ref().map_or("", |run| &run.region).to_owned()),
            ("kind", kind.to_owned()),
        ];
        let sample = |(labels, value): (Labels, f64)| Sample {
            labels: of.iter().cloned().chain(labels).collect(),
            value,
        };
        values.into_iter().map(sample).collect()
    }
}

fn time(name: &'static str, help: &'static str, samples: Vec<Sample>) -> Family {
    Family { name, help, unit: Some("seconds"), samples }
}

#[cfg(test)]
mod tests {
    use crate::report::{Report, Timeline, samples};

    #[test]
    fn a_run_is_told_in_seconds() {
        let report = Report::from(samples::by_hand().iter().collect::<Timeline>());
        insta::assert_snapshot!(report.to_openmetrics(), @r#"
        # TYPE drctl_recovery_time_seconds gauge
        # UNIT drctl_recovery_time_seconds seconds
        # HELP drctl_recovery_time_seconds From the outage to the verified service
        drctl_recovery_time_seconds{service="shop",region="ap-northeast-2",kind="failover"} 812
        # TYPE drctl_recovery_time_objective_seconds gauge
        # UNIT drctl_recovery_time_objective_seconds seconds
        # HELP drctl_recovery_time_objective_seconds The recovery time objective
        drctl_recovery_time_objective_seconds{service="shop",region="ap-northeast-2",kind="failover"} 1800
        # TYPE drctl_execution_seconds gauge
        # UNIT drctl_execution_seconds seconds
        # HELP drctl_execution_seconds From the declaration to the verified service
        drctl_execution_seconds{service="shop",region="ap-northeast-2",kind="failover"} 560
        # TYPE drctl_recovery_point_seconds gauge
        # UNIT drctl_recovery_point_seconds seconds
        # HELP drctl_recovery_point_seconds How old the newest data of a store was when the outage began
        drctl_recovery_point_seconds{service="shop",region="ap-northeast-2",kind="failover",store="orders"} 130
        # TYPE drctl_recovery_point_objective_seconds gauge
        # UNIT drctl_recovery_point_objective_seconds seconds
        # HELP drctl_recovery_point_objective_seconds The recovery point objective
        drctl_recovery_point_objective_seconds{service="shop",region="ap-northeast-2",kind="failover"} 300
        # TYPE drctl_verdict gauge
        # HELP drctl_verdict 1 for what is so: whether an objective was met, missed or cannot be proven
        drctl_verdict{service="shop",region="ap-northeast-2",kind="failover",objective="rto",is="met"} 1
        drctl_verdict{service="shop",region="ap-northeast-2",kind="failover",objective="rto",is="missed"} 0
        drctl_verdict{service="shop",region="ap-northeast-2",kind="failover",objective="rto",is="unproven"} 0
        drctl_verdict{service="shop",region="ap-northeast-2",kind="failover",objective="rpo",is="met"} 1
        drctl_verdict{service="shop",region="ap-northeast-2",kind="failover",objective="rpo",is="missed"} 0
        drctl_verdict{service="shop",region="ap-northeast-2",kind="failover",objective="rpo",is="unproven"} 0
        # TYPE drctl_phase_seconds gauge
        # UNIT drctl_phase_seconds seconds
        # HELP drctl_phase_seconds How long each phase of the recovery took
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="detection"} 240
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="decision"} 12
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="workspace"} 8.1
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="plan"} 3.3
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="apply"} 217.2
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="deploy"} 301.5
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="cutover"} 8.2
        drctl_phase_seconds{service="shop",region="ap-northeast-2",kind="failover",phase="verify"} 21.7
        # TYPE drctl_step_seconds gauge
        # UNIT drctl_step_seconds seconds
        # HELP drctl_step_seconds How long each step took
        drctl_step_seconds{service="shop",region="ap-northeast-2",kind="failover",step="network"} 228.5
        drctl_step_seconds{service="shop",region="ap-northeast-2",kind="failover",step="app"} 300.1
        drctl_step_seconds{service="shop",region="ap-northeast-2",kind="failover",step="cutover"} 8.1
        # TYPE drctl_parallelism_cost_seconds gauge
        # UNIT drctl_parallelism_cost_seconds seconds
        # HELP drctl_parallelism_cost_seconds By how much -parallelism made the recovery longer
        drctl_parallelism_cost_seconds{service="shop",region="ap-northeast-2",kind="failover"} 0
        # TYPE drctl_run_end_timestamp_seconds gauge
        # UNIT drctl_run_end_timestamp_seconds seconds
        # HELP drctl_run_end_timestamp_seconds When the run ended, since 1970
        drctl_run_end_timestamp_seconds{service="shop",region="ap-northeast-2",kind="failover"} 1773457719.1
        # EOF
        "#);
    }

    #[test]
    fn what_was_not_reached_has_no_sample() {
        let report = Report::from(samples::gone_wrong().iter().collect::<Timeline>());
        let text = report.to_openmetrics();
        assert!(!text.contains("drctl_recovery_time_seconds"), "{text}");
        assert!(text.contains("objective=\"rto\",is=\"missed\"} 1\n"), "{text}");
    }
}
