//! The history of runs, with every run taken in that has a folder.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    home::{Home, RunFolder},
    ui::Ui,
};
use crate::{
    model::{chain, record::RunRecord, run::RunId},
    observe::journal::{JournalError, JournalReader},
    report::{Kept, Report, Timeline},
    store::{Folded, Query, Store, StoreError, Taken},
};
use anyhow::anyhow;
use std::{fs, io};

/// How many earlier runs a report shows.
const EARLIER: usize = 20;

/// The history, and what could not be taken into it.
#[derive(Debug)]
pub(super) struct History {
    /// Every run that could be read.
    pub(super) store: Store,
    /// Runs whose journal could not be read, the oldest first.
    pub(super) unreadable: Vec<Unreadable>,
    /// What is worth knowing, as sentences.
    pub(super) notes: Vec<String>,
}

/// A run whose journal cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The run.
    pub(super) run: RunId,
    /// True when it holds nothing, since the run was stopped at once.
    pub(super) empty: bool,
    /// Why, in one line.
    pub(super) why: String,
}

impl History {
    /// Opens the history, and takes in each run that is new or had not ended.
    ///
    /// One that cannot be written is copied into memory, and a note says so. Nothing is made where
    /// there is nothing to remember.
    ///
    /// # Errors
    ///
    /// The history or the folder of runs cannot be read.
    pub(super) fn open(home: &Home) -> Result<Self, CliError> {
        let runs = home.runs()?;
        let path = home.history();
        let mut notes = Vec::new();
        let store = if runs.is_empty() && !path.exists() {
            Store::in_memory()
        } else {
            Store::open(&path).or_else(|error| match error {
                StoreError::ReadOnly { .. } | StoreError::Full { .. } if !path.exists() => {
                    notes.push(not_kept(&error));
                    Store::in_memory()
                }
                error => Err(error),
            })
        };
        let mut history = Self { store: store.map_err(from_store)?, unreadable: Vec::new(), notes };
        history.take_in(home, runs).map_err(from_store)?;
        Ok(history)
    }

    /// Reads the journals alone, for when the history itself cannot be used.
    ///
    /// # Errors
    ///
    /// The folder of runs cannot be read.
    pub(super) fn of_journals(home: &Home) -> Result<Self, CliError> {
        let store = Store::in_memory().map_err(from_store)?;
        let mut history = Self { store, unreadable: Vec::new(), notes: Vec::new() };
        history.take_in(home, home.runs()?).map_err(from_store)?;
        Ok(history)
    }

    /// Takes in what is new.
    fn take_in(&mut self, home: &Home, runs: Vec<RunId>) -> Result<(), StoreError> {
        let known = self.store.known()?;
        let mut new = Vec::new();
        for run in runs {
            let folder = home.run(&run);
            if !is_new(known.get(&run), &folder) {
                continue;
            }
            match fold(&folder) {
                Ok(folded) => new.push(folded),
                Err(error) => self.unreadable.push(Unreadable {
                    run,
                    empty: matches!(error, JournalError::Empty { .. }),
                    why: chain(&error).join(": "),
                }),
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        match self.store.add(&new) {
            Err(error) if error.is_unwritable() => {
                self.notes.push(not_kept(&error));
                self.store = self.store.copy_in_memory()?;
                self.store.add(&new)
            }
            added => added,
        }
    }

    /// Says what is worth knowing.
    pub(super) fn say_notes(&self, ui: &Ui) {
        self.notes.iter().for_each(|note| ui.say(&format!("note: {note}\n")));
    }

    /// Says which runs are left out, since nobody can read them.
    pub(super) fn say_unreadable(&self, ui: &Ui) {
        for Unreadable { run, why, .. } in self.unreadable.iter().filter(|u| !u.empty) {
            ui.say(&format!("note: the run {run} is left out: {why}\n"));
        }
    }

    /// Returns the one run that `name` means: `latest`, a whole name, or the start of one.
    ///
    /// # Errors
    ///
    /// There is no such run, or more than one.
    pub(super) fn find(&self, home: &Home, name: &str) -> Result<RunRecord, CliError> {
        let runs = self.store.known().map_err(from_store)?.into_keys().collect();
        let run = home.find_among(runs, name)?;
        let gone =
            || CliError::new(Exit::Failed, anyhow!("the run {run} is gone from the history"));
        self.store.get(&run).map_err(from_store)?.ok_or_else(gone)
    }

    /// Returns the runs before `this` that it can be compared with, the newest `limit` of them, the
    /// oldest first.
    ///
    /// # Errors
    ///
    /// The history cannot be read.
    pub(super) fn like(&self, this: &RunRecord, limit: usize) -> Result<Vec<RunRecord>, CliError> {
        let mut query = Query {
            service: this.service.clone(),
            kind: Some(this.kind),
            region: Some(this.region.clone()),
            before: Some(this.run.clone()),
            limit: Some(limit),
            ..Query::default()
        };
        let mut like = Vec::new();
        // Page by page: those of another seed or time scale may stand between.
        while like.len() < limit {
            let page = self.store.query(&query).map_err(from_store)?;
            let Some(oldest) = page.last() else { break };
            query.before = Some(oldest.run.clone());
            like.extend(page.into_iter().filter(|run| run.is_like(this)));
        }
        like.truncate(limit);
        like.reverse();
        Ok(like)
    }
}

/// Whether the journal of a run has something to tell that is not known yet.
fn is_new(known: Option<&Taken>, folder: &RunFolder) -> bool {
    match known {
        None => true,
        Some(taken) if taken.finished => false,
        // Whoever killed that run was thorough: its journal grows no more.
        Some(taken) => {
            let bytes = fs::metadata(folder.journal()).map(|data| data.len()).ok();
            bytes.is_some() && bytes != taken.journal_bytes
        }
    }
}

/// Folds the journal of a run into what is kept of it.
fn fold(folder: &RunFolder) -> Result<Folded, JournalError> {
    let path = folder.journal();
    // Before it is read: what a run adds meanwhile is read the next time.
    let journal_bytes = fs::metadata(&path).map(|data| data.len()).unwrap_or(0);
    let mut reader = JournalReader::open(&path)?;
    let timeline = reader.by_ref().collect::<Result<Timeline, _>>()?;
    let kept = Kept { chain: Some(reader.last_link()), ..Kept::default() };
    let record = Report::new(timeline, kept).record().ok_or_else(|| JournalError::Read {
        path,
        source: io::Error::new(io::ErrorKind::InvalidData, "the beginning of the run is missing"),
    })?;
    Ok(Folded { record, journal_bytes })
}

/// Takes a run in that has just ended. That it is not remembered fails no run.
pub(super) fn remember(home: &Home, folder: &RunFolder, ui: &Ui) {
    let keep = || -> Result<(), CliError> {
        let folded = fold(folder).or_exit(Exit::Failed)?;
        Store::open(&home.history()).and_then(|mut s| s.add(&[folded])).map_err(from_store)
    };
    if let Err(error) = keep() {
        let why = error.summary();
        ui.say(&format!("note: this run is in its journal, and not in the history yet: {why}\n"));
    }
}

/// Returns up to 20 runs before this one that are like it, the oldest first; none when the history
/// cannot be read, which is told by the commands that are about it.
pub(super) fn earlier(folder: &RunFolder, report: &Report) -> Vec<RunRecord> {
    let like = |record: RunRecord| History::open(&folder.home()).ok()?.like(&record, EARLIER).ok();
    report.record().and_then(like).unwrap_or_default()
}

fn not_kept(error: &StoreError) -> String {
    let why = chain(error).join(": ");
    format!("what the journals say is read from them each time: {why}")
}

/// Wraps an error of the history with what to do about it.
pub(super) fn from_store(error: StoreError) -> CliError {
    let exit = match &error {
        StoreError::Lines { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    CliError::hinted(exit, error, StoreError::hint)
}
