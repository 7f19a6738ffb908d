//! `drctl runs`.

use super::report;
use crate::{
    cli::{error::CliError, exit::Exit, home::Home, ui::Ui},
    model::time::Pretty,
    report::Report,
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// List the runs that there are, the newest first
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl runs
  drctl runs --limit 3 --json")]
pub(crate) struct Runs {
    /// How many to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Runs {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let runs = home.runs()?;
        if runs.is_empty() && !self.json {
            ui.say(&format!("There is no run in `{}` yet.\n", home.root().display()));
            return Ok(Exit::Met);
        }
        let mut text = String::new();
        for run in runs.iter().rev().take(self.limit) {
            // One journal that cannot be read must not hide the others.
            let read = report::read(&home.run(run));
            let line = match (&read, self.json) {
                (Ok(report), true) => as_json(report).to_string(),
                (Ok(report), false) => as_text(run.as_str(), report),
                (Err(error), true) => json!({ "run": run, "error": error.summary() }).to_string(),
                (Err(error), false) => format!("{run}  unreadable   {}", error.summary()),
            };
            let _ = writeln!(text, "{line}");
        }
        ui.answer(&text);
        Ok(Exit::Met)
    }
}

fn as_json(report: &Report) -> Value {
    json!({
        "run": report.run.as_ref().map(|run| &run.id),
        "began_at": report.run.as_ref().map(|run| run.began_at),
        "service": report.plan.as_ref().map(|plan| &plan.service),
        "region": report.run.as_ref().map(|run| &run.region),
        "summary": report.summary,
        "recovery_time_ms": report.recovery_time_ms,
        "out_for_ms": report.out_for_ms,
    })
}

fn as_text(run: &str, report: &Report) -> String {
    let service = report.plan.as_ref().map_or("?", |plan| plan.service.as_str());
    let region = report.run.as_ref().map_or("?", |run| run.region.as_str());
    let took = match report.recovery_time_ms {
        Some(ms) => format!("recovered in {}", Pretty::ms(ms)),
        None => format!("ran for {}", Pretty::ms(report.out_for_ms)),
    };
    format!("{run}  {:<12} {service} to {region}, {took}", report.summary.word())
}
