//! What came of it: one report of everything, for people and for programs.

use super::pretty;
use crate::{
    cli::{cmd::report::exit_of, exit::Exit},
    model::{
        resource::ResourceAction,
        run::RunId,
        step::{StepId, StepKind},
        text::plain,
        verdict::Summary,
    },
    report::Report,
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _};

/// The form of the document.
const SCHEMA: &str = "drctl/kong/v1";

/// What came of a region that went dark. Times are milliseconds since it did.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Survival {
    pub(super) schema: &'static str,
    /// The service.
    pub(super) service: String,
    /// The region that went dark.
    pub(super) region: String,
    /// The region that it was to be survived in.
    pub(super) into: String,
    /// Whether all of it was simulated.
    pub(super) simulated: bool,
    /// When the program that makes it dark had ended, where there is one.
    pub(super) dark_ms: Option<u64>,
    /// When the first probe failed.
    pub(super) first_failure_ms: Option<u64>,
    /// When it was detected.
    pub(super) detected_ms: Option<u64>,
    /// What was seen to be down: `service` or `region`.
    pub(super) scope: Option<&'static str>,
    /// When the failover was decided.
    pub(super) decided_ms: Option<u64>,
    /// When the service was verified.
    pub(super) verified_ms: Option<u64>,
    /// Whether the region is light again.
    pub(super) light: bool,
    /// The run of the failover.
    pub(super) run: Option<RunId>,
    /// How that ended, in a word.
    pub(super) summary: &'static str,
    /// The same in a sentence.
    pub(super) headline: String,
    /// What is to be done to go back.
    pub(super) failback: Vec<Failback>,
    /// What is worth knowing.
    pub(super) notes: Vec<String>,
    #[serde(skip)]
    pub(super) exit: ExitOf,
}

/// What to exit with.
#[derive(Debug)]
pub(super) enum ExitOf {
    /// As the failover did.
    Run(Summary),
    /// It was never seen, so nothing was failed over.
    Unseen,
    /// It was seen, and nothing was failed over.
    Held,
    /// It was stopped.
    Stopped,
}

/// One step of the way back.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Failback {
    /// What it is about, when it is about one stack.
    pub(super) stack: Option<StepId>,
    /// What is to be done.
    pub(super) what: String,
    /// What Terraform plans there, by address.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) changes: BTreeMap<String, ResourceAction>,
}

impl Survival {
    /// Begins with nothing but the names.
    pub(super) fn new(service: &str, region: &str, into: &str, simulated: bool) -> Self {
        Self {
            schema: SCHEMA,
            service: service.to_owned(),
            region: region.to_owned(),
            into: into.to_owned(),
            simulated,
            dark_ms: None,
            first_failure_ms: None,
            detected_ms: None,
            scope: None,
            decided_ms: None,
            verified_ms: None,
            light: false,
            run: None,
            summary: "unseen",
            headline: format!("{service}: nobody noticed that {region} was dark"),
            failback: Vec::new(),
            notes: Vec::new(),
            exit: ExitOf::Unseen,
        }
    }

    /// Takes in what the failover came to; `began_ms` is when its outage began.
    pub(super) fn take(&mut self, report: &Report, began_ms: u64) {
        self.run = report.run.as_ref().map(|run| run.id.clone());
        self.summary = report.summary.word();
        self.headline = report.headline();
        self.verified_ms = report.recovery_time_ms.map(|took| began_ms + took);
        self.exit = ExitOf::Run(report.summary);
    }

    /// Returns what to exit with.
    pub(in crate::cli) fn exit(&self) -> Exit {
        match &self.exit {
            _ if !self.light => Exit::Failed,
            ExitOf::Unseen | ExitOf::Held => Exit::Failed,
            ExitOf::Stopped => Exit::Interrupted,
            ExitOf::Run(summary) => exit_of(*summary),
        }
    }

    /// Returns it as one document.
    pub(in crate::cli) fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Returns it for people.
    pub(in crate::cli) fn to_text(&self) -> String {
        let Self { region, into, .. } = self;
        let word = self.summary.to_uppercase();
        let mut text = format!("{word}  {}\n", plain(&self.headline));
        if self.simulated {
            text.push_str("  Note: the cloud was simulated, and nothing real was made or broken\n");
        }
        for note in &self.notes {
            let _ = writeln!(text, "  Note: {}", plain(note));
        }
        text.push('\n');
        let mut row = |at: Option<u64>, what: &str, more: &str| {
            let at = at.map_or_else(|| "never".to_owned(), pretty);
            let line = format!("  {at:>10}  {what:<22}{more}");
            let _ = writeln!(text, "{}", line.trim_end());
        };
        let took = |ms: u64| format!(", which took {}", pretty(ms));
        let took = self.dark_ms.map_or_else(String::new, took);
        row(Some(0), "region dark", &format!("{}{took}", plain(region)));
        row(self.first_failure_ms, "first failed probe", "");
        row(
            self.detected_ms,
            "outage detected",
            &self.scope.map_or_else(String::new, |scope| format!("{scope} down")),
        );
        row(
            self.decided_ms,
            "failover decided",
            &self.run.as_ref().map_or_else(String::new, |run| format!("run {run} into {into}")),
        );
        row(self.verified_ms, "service verified", "");
        let light = if self.light { "is light again" } else { "IS STILL DARK" };
        let _ = writeln!(text, "\n{region} {light}.");
        if !self.failback.is_empty() {
            let _ = writeln!(text, "\nThe way back");
            for (number, step) in self.failback.iter().enumerate() {
                let stack =
                    step.stack.as_ref().map_or_else(String::new, |stack| format!("{stack}: "));
                let _ = writeln!(text, "  {}. {}{}", number + 1, plain(&stack), plain(&step.what));
                for (address, action) in step.changes.iter().take(CHANGES) {
                    let _ = writeln!(text, "       {action} {}", plain(address));
                }
                if step.changes.len() > CHANGES {
                    let _ = writeln!(text, "       and {} more", step.changes.len() - CHANGES);
                }
            }
        }
        if let Some(run) = &self.run {
            let _ = writeln!(text, "\nReport of the failover: drctl report {run}");
        }
        text
    }
}

/// How many changes of a stack are shown.
const CHANGES: usize = 8;

/// Makes the way back from what the failover made; what Terraform plans in the primary is `changes`,
/// where it could be asked.
pub(super) fn way_back(
    report: &Report,
    region: &str,
    changes: Option<&[crate::report::timeline::SecondPlan]>,
) -> Vec<Failback> {
    let plain_step = |what: String| Failback { stack: None, what, changes: BTreeMap::new() };
    let mut steps = Vec::new();
    match changes {
        None => steps.push(plain_step(format!(
            "look what of {region} is left, with the primary's own state: `terraform plan` in each of its stacks"
        ))),
        Some(plans) => steps.extend(plans.iter().map(|plan| {
            let what = match (plan.cause.first(), plan.changes.len()) {
                (Some(cause), _) => format!("cannot be planned in {region}: {cause}"),
                (None, 0) => format!("nothing is lost in {region}; Terraform has nothing to do"),
                (None, count) => format!("{count} change(s) in {region}"),
            };
            Failback { stack: Some(plan.step.clone()), what, changes: plan.changes.clone() }
        })),
    }
    if !report.recovery_points.is_empty() {
        let stores: Vec<&str> = report.recovery_points.keys().map(String::as_str).collect();
        steps.push(plain_step(format!(
            "bring the data back that was written since: {}",
            stores.join(", ")
        )));
    }
    let cutovers = report.steps.iter().filter(|step| step.step.kind == StepKind::Cutover);
    let cutovers: Vec<String> = cutovers.map(|step| step.step.id.to_string()).collect();
    if !cutovers.is_empty() {
        steps.push(plain_step(format!(
            "move the traffic to {region}, as `{}` moved it away",
            cutovers.join("`, `")
        )));
    }
    steps
}
