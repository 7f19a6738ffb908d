//! A run as spans of OpenTelemetry: the run, its steps, their phases, their resources.

use super::{
    json::{Report, StepReport},
    milestones::Milestone,
    timeline::RunFacts,
};
use crate::{
    format::otlp::{Attribute, Span, Status, to_json},
    model::{
        run::RunOutcome,
        step::{Phase, StepId, StepOutcome},
    },
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

impl Report {
    /// Returns the run as an OTLP request in JSON, without a span when its beginning is missing.
    ///
    /// The root span begins with the outage. Times of a rehearsal are those that the report shows,
    /// with the latencies multiplied back. The ids follow from the run's name alone, so that sending
    /// a run twice makes one trace.
    pub fn to_otlp(&self) -> String {
        let Some(run) = &self.run else { return "{\"resourceSpans\":[]}\n".to_owned() };
        let spans = Spans { run, all: Vec::new() }.of(self);
        let text = |text: &str| Attribute::Text(text.to_owned());
        let resource = [
            ("service.name", text("drctl")),
            ("service.version", text(&run.drctl)),
            ("cloud.region", text(&run.region)),
        ];
        let hash = hash(run, &["trace"]);
        let mut trace = [0; 16];
        trace.copy_from_slice(&hash[..16]);
        format!("{:#}\n", to_json(trace, &run.drctl, &resource, &spans))
    }
}

/// The spans of a run in the making.
struct Spans<'a> {
    run: &'a RunFacts,
    all: Vec<Span>,
}

impl Spans<'_> {
    fn of(mut self, report: &Report) -> Vec<Span> {
        self.root(report);
        for step in &report.steps {
            self.step(step);
        }
        let mut seen: BTreeMap<(&StepId, &str), u32> = BTreeMap::new();
        for resource in report.resources.iter().map(|report| &report.resource) {
            // The same address may be worked on twice, and each time is a span.
            let count = seen.entry((&resource.step, &resource.address)).or_default();
            *count += 1;
            let parent = self.id(&[resource.step.as_str(), "apply"]);
            let id = [resource.step.as_str(), &resource.address, &count.to_string()];
            let status = match resource.ok {
                true => Status::Ok,
                false => Status::Error("it did not go well".into()),
            };
            self.span(
                &id,
                parent,
                (resource.began_ms, resource.took_ms),
                status,
                &resource.address,
                vec![
                    ("drctl.step", Attribute::Text(resource.step.to_string())),
                    ("drctl.action", Attribute::Text(resource.action.to_string())),
                ],
            );
        }
        self.all
    }

    fn root(&mut self, report: &Report) {
        let text = |text: &str| Attribute::Text(text.to_owned());
        let service = report.plan.as_ref().map_or("the service", |plan| &plan.service);
        let mut attributes = vec![
            ("drctl.run", text(self.run.id.as_str())),
            ("drctl.service", text(service)),
            ("drctl.summary", text(report.summary.word())),
            ("drctl.rehearsal", Attribute::Bool(report.simulated.is_some())),
        ];
        if let Some(checkout) = &report.checkout {
            attributes.push(("vcs.ref.head.revision", text(&checkout.commit)));
        }
        if let Some(ms) = report.recovery_time_ms {
            attributes.push(("drctl.recovery_time_ms", int(ms)));
        }
        let status = match report.outcome {
            Some(RunOutcome::Recovered) => Status::Ok,
            Some(RunOutcome::Unverified | RunOutcome::Unknown) | None => Status::Unset,
            Some(_) => Status::Error(report.summary.word().to_owned()),
        };
        let reached = report.milestones.iter().filter_map(|milestone| {
            let at = self.at_outage(milestone.since_outage_ms?);
            Some((at, word(milestone.name).to_owned()))
        });
        let events = reached.collect();
        self.all.push(Span {
            id: self.id(&["run"]),
            parent: None,
            name: format!("recover {service}"),
            began_ns: self.at_outage(0),
            ended_ns: self.at_outage(report.out_for_ms),
            attributes,
            events,
            status,
        });
    }

    fn step(&mut self, report: &StepReport) {
        let step = &report.step;
        let name = step.id.as_str();
        let Some(began_ms) = step.began_ms else { return };
        let ended_ms = step.ended_ms.unwrap_or(began_ms);
        let status = match &step.outcome {
            Some(StepOutcome::Done) => Status::Ok,
            Some(StepOutcome::Failed { cause, .. }) => Status::Error(cause.join(": ")),
            Some(StepOutcome::Refused) => Status::Error("the gate refused its plan".into()),
            Some(
                StepOutcome::Skipped { .. }
                | StepOutcome::Interrupted
                | StepOutcome::Withheld { .. }
                | StepOutcome::LeftOut { .. },
            )
            | None => Status::Unset,
        };
        let took_ms = ended_ms.saturating_sub(began_ms);
        let attributes = vec![("drctl.waited_ms", int(report.waited_ms))];
        let root = self.id(&["run"]);
        self.span(&[name], root, (began_ms, took_ms), status, name, attributes);
        let mut seen: BTreeMap<Phase, u32> = BTreeMap::new();
        for phase in &step.phases {
            let count = seen.entry(phase.phase).or_default();
            *count += 1;
            let word = phase.phase.word();
            // The resources are parts of the one apply that there mostly is.
            let again = if *count == 1 { word.to_owned() } else { format!("{word} {count}") };
            let took_ms = phase.took_ms.unwrap_or(0);
            let status = match phase.ok {
                Some(true) => Status::Ok,
                Some(false) => Status::Error("it did not go well".into()),
                None => Status::Unset,
            };
            let parent = self.id(&[name]);
            self.span(&[name, &again], parent, (phase.began_ms, took_ms), status, word, vec![]);
        }
    }

    fn span(
        &mut self,
        id: &[&str],
        parent: [u8; 8],
        (began_ms, took_ms): (u64, u64),
        status: Status,
        name: &str,
        attributes: Vec<(&'static str, Attribute)>,
    ) {
        let before_ms = self.run.outage.before_ms;
        self.all.push(Span {
            id: self.id(id),
            parent: Some(parent),
            name: name.to_owned(),
            began_ns: self.at_outage(before_ms.saturating_add(began_ms)),
            ended_ns: self.at_outage(before_ms.saturating_add(began_ms).saturating_add(took_ms)),
            attributes,
            events: Vec::new(),
            status,
        });
    }

    /// Returns a moment on the wall clock, by its time since `t0`.
    fn at_outage(&self, since_ms: u64) -> u64 {
        let before_ms = i64::try_from(self.run.outage.before_ms).unwrap_or(i64::MAX);
        let outage_ms = self.run.began_at.as_millisecond().saturating_sub(before_ms);
        let at_ms = outage_ms.saturating_add_unsigned(since_ms);
        u64::try_from(at_ms).unwrap_or(0).saturating_mul(1_000_000)
    }

    fn id(&self, parts: &[&str]) -> [u8; 8] {
        let mut id = [0; 8];
        id.copy_from_slice(&hash(self.run, parts)[..8]);
        id
    }
}

fn hash(run: &RunFacts, parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(run.id.as_str());
    for part in parts {
        hash.update([0]);
        hash.update(part);
    }
    hash.finalize().into()
}

fn int(ms: u64) -> Attribute {
    Attribute::Int(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn word(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::OutageBegan => "outage began",
        Milestone::Detected => "detected",
        Milestone::Declared => "declared",
        Milestone::WorkspaceReady => "workspace ready",
        Milestone::PlanAccepted => "plan accepted",
        Milestone::Applied => "applied",
        Milestone::Deployed => "deployed",
        Milestone::CutOver => "cut over",
        Milestone::Verified => "verified",
    }
}

#[cfg(test)]
mod tests {
    use crate::report::{Report, Timeline, samples};
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn spans(events: &[crate::model::event::Event]) -> Vec<Value> {
        let report = Report::from(events.iter().collect::<Timeline>());
        let request: Value = serde_json::from_str(&report.to_otlp()).unwrap();
        request["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().clone()
    }

    #[test]
    fn every_span_has_a_name_of_its_own_and_a_parent_that_is_there() {
        for events in [samples::by_hand(), samples::gone_wrong()] {
            let all = spans(&events);
            let ids: BTreeSet<_> =
                all.iter().map(|span| span["spanId"].as_str().unwrap()).collect();
            assert_eq!(ids.len(), all.len());
            for span in &all[1..] {
                assert!(ids.contains(span["parentSpanId"].as_str().unwrap()), "{span:#}");
            }
            assert_eq!(all[0]["parentSpanId"], "");
        }
    }

    #[test]
    fn times_are_those_of_the_hand() {
        let all = spans(&samples::by_hand());
        let time = |name: &str, key: &str| {
            let span = all.iter().find(|span| span["name"] == name).unwrap();
            span[key].as_str().unwrap().parse::<u64>().unwrap() / 1_000_000
        };
        // 2026-03-14T02:59:07Z, and the outage four minutes before.
        let began = 1_773_457_147_000;
        assert_eq!(time("recover shop", "startTimeUnixNano"), began - 240_000);
        assert_eq!(time("recover shop", "endTimeUnixNano"), began + 572_100);
        assert_eq!(time("aws_nat_gateway.main", "startTimeUnixNano"), began + 24_000);
        assert_eq!(time("aws_nat_gateway.main", "endTimeUnixNano"), began + 240_000);
    }
}
