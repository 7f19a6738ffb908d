//! `drctl trend`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        filter::Filter,
        home::Home,
        kept::{History, from_store},
        ui::Ui,
    },
    model::percentage::Percentage,
    report::{Style, trend},
};

/// Say whether the newest run took longer than those before it, for a scheduled job
///
/// Compared are the runs like the newest one: of its service, kind and region, and
/// with its seed and time scale when the cloud was simulated. It is slower when it
/// exceeds their median by more than the tolerance and by more than three robust
/// standard deviations (1.4826 times the median absolute deviation). Compared is
/// the recovery time where the start of every outage was given, else the execution.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl trend
  drctl trend --service shop --kind rehearsal --tolerance 5%
      In a scheduled job, after `drctl rehearse`
  drctl trend --last 50 --json | jq .before.median_ms

Exit codes: 0 not slower, or nothing to compare with, 1 slower, or the newest run
did not recover, 2 bad usage, 3 the history cannot be read")]
pub(crate) struct Trend {
    #[command(flatten)]
    filter: Filter,

    /// How many runs before the newest to compare it with, at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,

    /// By how much it may exceed their median
    #[arg(long, value_name = "PERCENTAGE", default_value = "10%")]
    tolerance: Percentage,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Trend {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let history = History::open(&home)?;
        history.say_notes(ui);
        history.say_unreadable(ui);
        let newest = history.store.query(&self.filter.query(Some(1))).map_err(from_store)?;
        let mut runs = match newest.first() {
            Some(newest) => history.like(newest, self.last)?,
            None => Vec::new(),
        };
        runs.extend(newest);
        let Some(trend) = trend::Trend::of(&runs, self.tolerance) else {
            ui.say(&format!("There is no such run in `{}` yet.\n", home.root().display()));
            return Ok(Exit::Met);
        };
        ui.answer(&match self.json {
            true => trend.to_json().or_exit(Exit::Failed)?,
            false => trend.to_text(Style { color: ui.color_on_stdout(), ..Style::default() }),
        });
        Ok(if trend.is_bad() { Exit::No } else { Exit::Met })
    }
}
