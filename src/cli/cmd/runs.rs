//! `drctl runs`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        filter::Filter,
        home::Home,
        kept::{History, Unreadable, from_store},
        ui::Ui,
    },
    model::{
        record::RunRecord,
        run::{RunId, RunKind},
        text::plain,
        time::Pretty,
        verdict::Verdict,
    },
    store::{Imported, Store, read_lines},
};
use anyhow::Context;
use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    fmt::Write as _,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// List the runs that there are, the newest first, or hand them over
///
/// What every run came to is kept in `history.db` in drctl's folder, also when the
/// folder of the run is gone.
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  drctl runs
  drctl runs --limit 3 --json
  drctl runs --service shop --kind rehearsal --region ap-northeast-2
  drctl runs export --service shop > shop.jsonl
      What is kept of each run of a service, one JSON object a line
  drctl runs import shop.jsonl
      On another machine: all of it, or nothing when a line cannot be used"
)]
pub(crate) struct Runs {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    filter: Filter,

    /// How many to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,

    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Print what is kept of each run, the oldest first, one JSON object a line
    #[command(after_help = "\
Examples:
  drctl runs export > runs.jsonl
  drctl runs export --service shop | ssh other drctl runs import -")]
    Export {
        #[command(flatten)]
        filter: Filter,
    },
    /// Take runs in that `drctl runs export` printed elsewhere
    ///
    /// All are taken, or none: every line that cannot be used is told with its number.
    /// A run that is there already in other words is told, and kept as it is.
    #[command(after_help = "\
Examples:
  drctl runs import runs.jsonl
  drctl runs import --replace - < runs.jsonl

Exit codes: 0 all is there now, 1 runs were kept that the lines tell otherwise,
2 a line cannot be used, 3 the history cannot be written")]
    Import {
        /// The file, or `-` for standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Take the lines' word for runs that are there in other words
        #[arg(long)]
        replace: bool,
    },
}

impl Runs {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        match &self.command {
            None => self.list(&home, ui),
            Some(Command::Export { filter }) => export(&home, filter, ui),
            Some(Command::Import { file, replace }) => import(&home, file, *replace, ui),
        }
    }

    fn list(&self, home: &Home, ui: &Ui) -> Result<Exit, CliError> {
        // Whoever asks at night gets what there is, whatever became of the database.
        let history = History::open(home).or_else(|error| {
            ui.say(&format!("note: shown from the journals alone\n{error}"));
            History::of_journals(home)
        })?;
        history.say_notes(ui);
        let records =
            history.store.query(&self.filter.query(Some(self.limit))).map_err(from_store)?;
        // Nobody knows of what service or kind they are.
        let unreadable = if self.filter.is_all() { &history.unreadable[..] } else { &[] };
        if records.is_empty() && unreadable.is_empty() && !self.json && self.limit > 0 {
            let what = if self.filter.is_all() { "no run" } else { "no such run" };
            ui.say(&format!("There is {what} in `{}` yet.\n", home.root().display()));
            return Ok(Exit::Met);
        }
        let read = records.iter().map(|record| {
            let there = home.run(&record.run).journal().exists();
            let line = if self.json { as_json(record, there) } else { as_text(record, there) };
            (&record.run, line)
        });
        // One journal that cannot be read must not hide the others.
        let broken = unreadable.iter().map(|unreadable| (&unreadable.run, self.broken(unreadable)));
        let mut lines: Vec<(&RunId, String)> = read.chain(broken).collect();
        lines.sort_by_key(|(run, _)| Reverse(*run));
        let text = lines.iter().take(self.limit).fold(String::new(), |mut text, (_, line)| {
            let _ = writeln!(text, "{line}");
            text
        });
        ui.answer(&text);
        Ok(Exit::Met)
    }

    fn broken(&self, Unreadable { run, why, .. }: &Unreadable) -> String {
        if self.json {
            json!({ "run": run, "error": why }).to_string()
        } else {
            format!("{run}  unreadable   {}", plain(why))
        }
    }
}

fn as_json(record: &RunRecord, there: bool) -> String {
    let Value::Object(mut all) = json!(record) else { return String::new() };
    // Lists of what was made belong into an export.
    let long = ["steps", "resources", "phases", "prediction", "recovery_points"];
    long.iter().for_each(|key| drop(all.remove(*key)));
    all.insert("rto_verdict".to_owned(), json!(rto(record)));
    all.insert("folder".to_owned(), json!(there));
    Value::Object(all).to_string()
}

fn as_text(record: &RunRecord, there: bool) -> String {
    let service = record.service.as_deref().unwrap_or("?");
    let kind = match (record.kind, record.time_scale) {
        (RunKind::Rehearsal, _) => "rehearsal: ",
        (RunKind::Drill, None) => "drill: ",
        (RunKind::Drill, Some(_)) => "simulated drill: ",
        (RunKind::Failback, None) => "failback: ",
        (RunKind::Failback, Some(_)) => "rehearsed failback: ",
        (RunKind::Failover | RunKind::Unknown, _) => "",
    };
    let took = match record.recovery_time_ms {
        Some(ms) if record.kind == RunKind::Failback => format!("home in {}", Pretty::ms(ms)),
        Some(ms) => format!("recovered in {}", Pretty::ms(ms)),
        None => format!("ran for {}", Pretty::ms(record.out_for_ms)),
    };
    let rto = match rto(record) {
        Some(Verdict::Met { spare_ms }) => format!(", {} to spare", Pretty::ms(spare_ms)),
        Some(Verdict::Missed { over_ms }) => format!(", {} over its RTO", Pretty::ms(over_ms)),
        Some(Verdict::Unproven { .. }) | None => String::new(),
    };
    let removed = match record.removed.filter(|_| record.kind == RunKind::Drill) {
        Some(true) => ", removed",
        Some(false) => ", NOT ALL REMOVED",
        None => "",
    };
    let gone = if there { "" } else { " (folder gone)" };
    let line = format!(
        "{}  {:<12} {service} to {}, {kind}{took}{rto}{removed}{gone}",
        record.run,
        record.summary.word(),
        record.region
    );
    plain(&line).into_owned()
}

/// Holds the recovery time against its objective; at least that when the service did not come back.
fn rto(record: &RunRecord) -> Option<Verdict> {
    // What is held against it on the way home is the downtime alone, which its report tells.
    if record.kind == RunKind::Failback {
        return None;
    }
    let rto_ms = record.rto_ms?;
    match record.recovery_time_ms {
        Some(ms) => Some(Verdict::of(ms, rto_ms)),
        None => Some(Verdict::of(record.out_for_ms, rto_ms))
            .filter(|verdict| matches!(verdict, Verdict::Missed { .. })),
    }
}

fn export(home: &Home, filter: &Filter, ui: &Ui) -> Result<Exit, CliError> {
    let history = History::open(home)?;
    history.say_notes(ui);
    history.say_unreadable(ui);
    let lines = history.store.lines(&filter.query(None)).map_err(from_store)?;
    let text: String = lines.iter().rev().flat_map(|(_, text)| [text, "\n"]).collect();
    ui.answer(&text);
    Ok(Exit::Met)
}

fn import(home: &Home, file: &Path, replace: bool, ui: &Ui) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    if file == Path::new("-") {
        io::stdin()
            .read_to_end(&mut text)
            .context("failed to read standard input")
            .or_exit(Exit::Usage)?;
    } else {
        text = fs::read(file)
            .with_context(|| format!("failed to read `{}`", file.display()))
            .or_exit(Exit::Usage)?;
    }
    let lines = read_lines(&text).map_err(from_store)?;
    // Runs that are here are taken in first, so that an import cannot stand in for a journal.
    History::open(home)?.say_notes(ui);
    let mut store = Store::open(&home.history()).map_err(from_store)?;
    let imported = store.import(&lines, replace).map_err(from_store)?;
    ui.answer(&told(&imported));
    if imported.kept.is_empty() {
        return Ok(Exit::Met);
    }
    if !replace {
        ui.say("Add `--replace` to take the lines' word for runs that are told otherwise\n");
    }
    Ok(Exit::No)
}

fn told(imported: &Imported) -> String {
    let counts = [
        ("added", &imported.added),
        ("there already", &imported.same),
        ("replaced", &imported.replaced),
        ("kept as they were", &imported.kept),
    ];
    let counts = counts.iter().filter(|(_, runs)| !runs.is_empty());
    let mut text: Vec<_> = counts.map(|(word, runs)| format!("{} {word}", runs.len())).collect();
    if text.is_empty() {
        text.push("no run in it".to_owned());
    }
    let mut text = text.join(", ") + "\n";
    for run in &imported.kept {
        let _ = writeln!(text, "{run} is told otherwise, and was kept as it is");
    }
    text
}
