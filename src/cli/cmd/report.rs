//! `drctl report`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::{Home, RunFolder},
        kept::earlier,
        ui::Ui,
    },
    observe::journal::{JournalError, JournalReader},
    report::{Kept, Style, Summary, Timeline},
};

/// Show what a run took, from its journal alone
///
/// Prints just what the run printed at its end, and exits as it did.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl report                     the newest run
  drctl report 20260314-02         the run whose name begins so
  drctl report latest --json | jq .recovery_time_ms")]
pub(crate) struct Report {
    /// The run: its name, the start of it, or `latest`
    #[arg(default_value = "latest")]
    run: String,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Report {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let folder = home.run(&home.find_run(&self.run)?);
        if !self.json {
            return print(&folder, ui);
        }
        let report = read(&folder)?;
        ui.answer(&report.to_json().or_exit(Exit::Failed)?);
        Ok(exit(&report))
    }
}

/// Prints the report of a run as text.
pub(crate) fn print(folder: &RunFolder, ui: &Ui) -> Result<Exit, CliError> {
    let report = read(folder)?;
    ui.answer(&report.to_text(Style { color: ui.color_on_stdout(), ..Style::default() }));
    Ok(exit(&report))
}

/// Reads what a run's exit code is.
pub(crate) fn exit_of(folder: &RunFolder) -> Result<Exit, CliError> {
    Ok(exit(&read(folder)?))
}

/// Folds the journal of a run.
pub(crate) fn read(folder: &RunFolder) -> Result<crate::report::Report, CliError> {
    let path = folder.journal();
    let mut reader = JournalReader::open(&path).map_err(from_journal)?;
    let mut timeline = Timeline::default();
    for event in reader.by_ref() {
        timeline.add(&event.map_err(from_journal)?);
    }
    if timeline.run.is_none() {
        return Err(from_journal(JournalError::Empty { path }));
    }
    let work = folder.work();
    let kept = Kept {
        journal: Some(path),
        work_copy: work.exists().then_some(work),
        torn: reader.torn(),
        chain: Some(reader.last_link()),
    };
    let report = crate::report::Report::new(timeline, kept);
    let earlier = earlier(folder, &report);
    Ok(report.with_history(&earlier))
}

fn from_journal(error: JournalError) -> CliError {
    CliError::hinted(Exit::Failed, error, JournalError::hint)
}

/// What drctl exits with for a run. A rehearsal that went well is still a no when the failover
/// that it stands for would be refused.
fn exit(report: &crate::report::Report) -> Exit {
    let came_back = matches!(report.summary, Summary::Met | Summary::Missed | Summary::Unproven);
    if came_back && !report.obstacles.is_empty() {
        return Exit::Refused;
    }
    match report.summary {
        Summary::Met => Exit::Met,
        Summary::Missed => Exit::No,
        Summary::Unproven => Exit::Unproven,
        Summary::Failed => Exit::Failed,
        Summary::Refused => Exit::Refused,
        Summary::Interrupted | Summary::Unfinished => Exit::Interrupted,
    }
}
