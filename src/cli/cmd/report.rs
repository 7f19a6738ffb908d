//! `drctl report`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        evidence,
        exit::Exit,
        home::{Home, RunFolder},
        kept::earlier,
        output::{self, Output},
        ui::Ui,
    },
    observe::journal::{JournalError, JournalReader},
    report::{self, Kept, Style, Summary, Timeline, schema, show::Format},
};
use anyhow::Context;
use std::{path::PathBuf, str::FromStr};

/// Show what a run took, from its journal alone
///
/// Prints just what the run printed at its end, and exits as it did.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl report                     the newest run
  drctl report 20260314-02         the run whose name begins so
  drctl report latest --json | jq .recovery_time_ms
  drctl report --format markdown >> \"$GITHUB_STEP_SUMMARY\"
                                   on the page of a CI job
  drctl report --write html=report.html --write junit=drctl.xml
                                   several forms at once; the text is printed, too
  drctl report --format openmetrics | curl --data-binary @- http://gateway:9091/metrics/job/drctl
  drctl report --format otlp | curl -H 'content-type: application/json' --data-binary @- http://collector:4318/v1/traces
                                   to a push gateway, or a collector of traces
  drctl report latest --evidence evidence/
                                   for an auditor
  drctl report --schema            what holds of the JSON document, as a JSON Schema")]
pub(crate) struct Report {
    /// The run: its name, the start of it, or `latest`
    #[arg(default_value = "latest")]
    run: String,

    /// How to show it
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = output::format::<Format>())]
    format: Format,

    /// The same as `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Write it to a file, too, in a format (can be repeated)
    ///
    /// A file that cannot be written is said, and changes nothing of the exit code.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = Output::<Format>::from_str)]
    write: Vec<Output<Format>>,

    /// Make a folder that proves that nothing was changed afterwards; see `drctl verify-evidence`
    ///
    /// The journal with a hash chain over it, every report, commit, digests and versions, and a
    /// manifest of SHA-256 sums. The same run always makes the same bytes.
    #[arg(long, value_name = "FOLDER")]
    evidence: Option<PathBuf>,

    /// Print the JSON Schema of `--format json`, and no report
    #[arg(long, conflicts_with_all = ["run", "format", "json", "write", "evidence"])]
    schema: bool,
}

impl Report {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        if self.schema {
            ui.answer(&schema::schema_text().or_exit(Exit::Failed)?);
            return Ok(Exit::Met);
        }
        self.write.iter().try_for_each(Output::check)?;
        let home = Home::find()?;
        let folder = home.run(&home.find_run(&self.run)?);
        let report = read(&folder)?;
        if let Some(dir) = &self.evidence {
            let digest = evidence::write(&folder, dir)?;
            let dir = dir.display();
            ui.say(&format!(
                "Evidence in `{dir}`; keep the sum of its manifest elsewhere: {digest}\n"
            ));
        }
        let format = if self.json { Format::Json } else { self.format };
        ui.answer(&shown(&report, format, ui)?);
        write(&report, &self.write, ui);
        Ok(exit(&report))
    }
}

/// Tells of a run that has just ended: writes its report to files, and prints it as text unless
/// its events were printed as JSON.
pub(crate) fn tell(
    folder: &RunFolder,
    outputs: &[Output<Format>],
    json: bool,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let report = read(folder)?;
    write(&report, outputs, ui);
    if !json {
        ui.answer(&shown(&report, Format::Text, ui)?);
    }
    Ok(exit(&report))
}

/// Writes the report of a run to files. What cannot be written is said: what the run came to counts
/// for more, and is told by the exit code.
pub(crate) fn write_all(folder: &RunFolder, outputs: &[Output<Format>], ui: &Ui) {
    if outputs.is_empty() {
        return;
    }
    match read(folder) {
        Ok(report) => write(&report, outputs, ui),
        Err(error) => ui.error(&error),
    }
}

fn write(report: &report::Report, outputs: &[Output<Format>], ui: &Ui) {
    for Output { format, file } in outputs {
        let text = report
            .show(*format, Style::default())
            .with_context(|| format!("failed to write `{}`", file.display()))
            .or_exit(Exit::Failed);
        if let Err(error) = text.and_then(|text| output::write(file, &text)) {
            let run = report.run.as_ref().map(|run| format!("{} ", run.id)).unwrap_or_default();
            let again = format!("drctl report {run}--write {}={}", format.name(), file.display());
            ui.error(&error.hint(format!("Write the report once more: `{again}`")));
        }
    }
}

fn shown(report: &report::Report, format: Format, ui: &Ui) -> Result<String, CliError> {
    let style = Style { color: ui.color_on_stdout(), ..Style::default() };
    report.show(format, style).or_exit(Exit::Failed)
}

/// Folds the journal of a run.
pub(crate) fn read(folder: &RunFolder) -> Result<report::Report, CliError> {
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
    let report = report::Report::new(timeline, kept);
    let earlier = earlier(folder, &report);
    Ok(report.with_history(&earlier))
}

fn from_journal(error: JournalError) -> CliError {
    CliError::hinted(Exit::Failed, error, JournalError::hint)
}

/// What drctl exits with for a run. A rehearsal that went well is still a no when the failover
/// that it stands for would be refused.
fn exit(report: &report::Report) -> Exit {
    let came_back = matches!(report.summary, Summary::Met | Summary::Missed | Summary::Unproven);
    if came_back && !report.obstacles.is_empty() {
        return Exit::Refused;
    }
    exit_of(report.summary)
}

/// What drctl exits with for what a run came to.
pub(crate) fn exit_of(summary: Summary) -> Exit {
    match summary {
        Summary::Met => Exit::Met,
        Summary::Missed => Exit::No,
        Summary::Unproven => Exit::Unproven,
        Summary::Failed => Exit::Failed,
        Summary::Refused => Exit::Refused,
        Summary::Interrupted | Summary::Unfinished => Exit::Interrupted,
    }
}
