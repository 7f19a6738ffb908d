//! A run that another process began, with all that is needed to do something about it.

use super::{
    asked::Which,
    carried::{carry, next_log},
    error::{CliError, OrExit},
    execute::{
        from_state, private_dir, release_locks, shares_plugin_cache, with_state, write_overrides,
    },
    exit::Exit,
    home::{Home, RunFolder},
    prepared::{Keeping, Prepared, look},
    ui::Ui,
};
use crate::{
    engine::{Assembled, Recovery, Standing, Stop, Tools, recall},
    model::{event::Event, step::StepId},
    observe::journal::JournalWriter,
    state::{StateServer, StateStore},
    terraform::{Detected, TerraformBinary},
};
use anyhow::{Context, anyhow};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A run that another process began.
pub(super) struct TakenUp {
    /// What it does.
    pub(super) recovery: Recovery,
    /// What it is done with.
    pub(super) tools: Arc<Tools>,
}

impl TakenUp {
    /// Opens its states and its tools, over the work copy that `prepared` made.
    ///
    /// # Errors
    ///
    /// Something of it cannot be read, or made.
    pub(super) async fn open(
        folder: &RunFolder,
        prepared: Prepared,
        grace: Duration,
        stop: &Stop,
    ) -> Result<Self, CliError> {
        let Prepared { assembled, detected, .. } = prepared;
        let (recovery, tools) = open(folder, assembled, detected, grace, stop).await?;
        Ok(Self { recovery, tools: Arc::new(tools) })
    }
}

/// Opens the states and the tools of a run over the work copy that was decided on.
///
/// # Errors
///
/// Something of it cannot be read, or made.
pub(super) async fn open(
    folder: &RunFolder,
    assembled: Assembled,
    detected: Detected,
    grace: Duration,
    stop: &Stop,
) -> Result<(Recovery, Tools), CliError> {
    for dir in [folder.scratch(), folder.logs()] {
        if !dir.is_dir() {
            private_dir(&dir)?;
        }
    }
    let store = Arc::new(StateStore::open(folder.state()).map_err(from_state)?);
    let server = StateServer::start(Arc::clone(&store), folder.id().clone());
    let server = server.await.map_err(from_state)?;
    release_locks(&store, folder.id(), &BTreeSet::new())?;
    write_overrides(&assembled, &server)?;
    let recovery = with_state(assembled, &server)?;
    let terraform = TerraformBinary::found(detected, grace, stop.now());
    let tools = tools(folder, terraform, (server, store), &recovery.known.region, stop);
    Ok((recovery, tools))
}

/// Opens the journal of a run to go on with it, and returns what it says so far.
///
/// # Errors
///
/// It cannot be read or written, or another process writes it.
pub(super) fn journal(folder: &RunFolder) -> Result<(JournalWriter, Vec<Event>), CliError> {
    JournalWriter::append(&folder.journal()).map_err(|error| {
        CliError::new(Exit::Failed, error)
            .hint("Look whether a drctl still works on the run: `drctl runs`, `ps`")
    })
}

/// Returns what a run on the real cloud is done with that goes on from nothing.
pub(super) fn tools(
    folder: &RunFolder,
    terraform: TerraformBinary,
    (server, store): (StateServer, Arc<StateStore>),
    region: &str,
    stop: &Stop,
) -> Tools {
    Tools {
        server,
        troubles: Default::default(),
        terraform: Arc::new(terraform),
        store,
        stop: stop.clone(),
        region: region.to_owned(),
        again: false,
        accepted: Vec::new(),
        decisions: Default::default(),
        scratch: folder.scratch(),
        beforehand: Default::default(),
        plugin_dir: None,
        run: folder.id().clone(),
        deploy: folder.deploy(),
        logs: folder.logs(),
        one_init: shares_plugin_cache().then(Default::default),
        next_log: next_log(&folder.logs()).into(),
        simulator: None,
        simulated_env: Default::default(),
    }
}

/// Reads what the stacks that are done put out.
///
/// # Errors
///
/// It cannot be read.
pub(super) async fn recalled(
    recovery: &Recovery,
    tools: &Arc<Tools>,
    done: BTreeSet<StepId>,
) -> Result<Standing, CliError> {
    recall(recovery, tools, done).await.map_err(|(step, cause)| {
        let error =
            anyhow!("the outputs of the stack `{step}` cannot be read: {}", cause.join(": "));
        CliError::new(Exit::Failed, error)
            .hint(format!("Read all that terraform printed in `{}`", tools.logs.display()))
    })
}

/// Checks the same commit out again, with what Terraform had to leave in the work copies before.
///
/// # Errors
///
/// As [`look`]; or something of those work copies cannot be moved.
pub(super) async fn check_out_again(
    folder: &RunFolder,
    which: &Which,
    keeping: Keeping<'_>,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Prepared, CliError> {
    move_aside(folder)?;
    let prepared = look(which, keeping, home, &folder.work(), stop, ui).await?;
    carry_over(folder)?;
    Ok(prepared)
}

/// Checks the same commit out beside the work copies that there are, in which something still runs.
///
/// # Errors
///
/// As [`check_out_again`].
pub(super) async fn check_out_beside(
    folder: &RunFolder,
    which: &Which,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Prepared, CliError> {
    let before: Vec<_> = [folder.work()].into_iter().chain(old_work(folder)).collect();
    let beside = aside(&folder.work());
    let prepared = look(which, Keeping::default(), home, &beside, stop, ui).await?;
    for old in before {
        carry_from(&old, &beside)?;
    }
    Ok(prepared)
}

/// Returns a place beside a work copy that is free.
fn aside(work: &Path) -> PathBuf {
    let free = (1..).map(|n| work.with_extension(n.to_string())).find(|path| !path.exists());
    free.unwrap_or_default()
}

/// Moves the work copy of a run aside, if there is one, so that another can be made.
///
/// # Errors
///
/// It cannot be moved.
fn move_aside(folder: &RunFolder) -> Result<(), CliError> {
    let work = folder.work();
    if !work.exists() {
        return Ok(());
    }
    fs::rename(&work, aside(&work))
        .with_context(|| format!("failed to move `{}` aside", work.display()))
        .or_exit(Exit::Failed)
}

/// Returns the work copies beside the first one, in the order in which they were put there.
pub(super) fn old_work(folder: &RunFolder) -> Vec<PathBuf> {
    let work = folder.work();
    let aside = |n: u32| work.with_extension(n.to_string());
    (1..).map(aside).take_while(|path| path.exists()).collect()
}

/// Takes into the work copy of a run what Terraform had to leave in those before it.
///
/// # Errors
///
/// Something of it cannot be moved.
fn carry_over(folder: &RunFolder) -> Result<(), CliError> {
    for old in old_work(folder) {
        carry_from(&old, &folder.work())?;
    }
    Ok(())
}

fn carry_from(old: &Path, to: &Path) -> Result<(), CliError> {
    carry(old, to)
        .with_context(|| format!("failed to take over what is in `{}`", old.display()))
        .or_exit(Exit::Failed)
}
