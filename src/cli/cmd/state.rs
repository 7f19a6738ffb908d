//! `drctl state`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        ui::Ui,
    },
    model::step::StepId,
    state::{StateError, StateStore, Version},
};
use anyhow::{Context, anyhow};
use serde_json::json;
use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// List or hand over the states that drctl keeps of a run
///
/// Where the runbook declares no `state` block for the region, the states of a run
/// are kept in its folder: every version of each, and none ever overwritten. When
/// the fallback is there to stay, they belong into a backend of its own.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl state list
      The stacks of the newest run, with their versions
  drctl state export --stack network > network.tfstate
      The newest state of one stack; a state holds secrets in clear
  drctl state export 20260314-02 --to states/
      All of a run, a file a stack, readable by you alone

To take a stack over, configure its new backend, then in its folder:
  terraform init && terraform state push states/network.tfstate")]
pub(crate) struct State {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List the stacks of a run, with the newest version of their states
    List {
        /// The run: its name, the start of it, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Print the state of a stack, or write those of all stacks to a folder
    Export {
        /// The run: its name, the start of it, or `latest`
        #[arg(default_value = "latest")]
        run: String,
        /// Only this stack
        #[arg(long, value_name = "NAME")]
        stack: Option<String>,
        /// An older version, by its number
        #[arg(long, value_name = "VERSION", requires = "stack")]
        at: Option<u64>,
        /// Write to this folder, a file `STACK.tfstate` a stack
        #[arg(long, value_name = "FOLDER")]
        to: Option<PathBuf>,
    },
}

impl State {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        match self.command {
            Command::List { run, json } => list(&open(&run)?, json, ui),
            Command::Export { run, stack, at, to } => {
                let store = open(&run)?;
                let stacks = match stack {
                    Some(stack) => vec![known(&store, &stack)?],
                    None => store.stacks().map_err(from_state)?,
                };
                match to {
                    Some(folder) => write(&store, &stacks, at, &folder, ui),
                    None => print(&store, &stacks, at, ui),
                }
            }
        }
    }
}

fn from_state(error: StateError) -> CliError {
    CliError::hinted(Exit::Failed, error, StateError::hint)
}

/// Opens the states of a run.
fn open(run: &str) -> Result<StateStore, CliError> {
    let home = Home::find()?;
    let run = home.find_run(run)?;
    let folder = home.run(&run).state();
    if !folder.is_dir() {
        let error = anyhow!("the run {run} keeps no state");
        return Err(CliError::new(Exit::Usage, error)
            .hint("It never got as far as `init`, or a rehearsal removed what it made"));
    }
    StateStore::open(folder).map_err(from_state)
}

fn known(store: &StateStore, name: &str) -> Result<StepId, CliError> {
    let stacks = store.stacks().map_err(from_state)?;
    let found = stacks.iter().find(|stack| stack.as_str() == name).cloned();
    found.ok_or_else(|| {
        let names: Vec<_> = stacks.iter().map(|stack| format!("`{stack}`")).collect();
        CliError::new(Exit::Usage, anyhow!("there is no state of a stack `{name}`"))
            .hint(format!("There is: {}", names.join(", ")))
    })
}

fn list(store: &StateStore, json: bool, ui: &Ui) -> Result<Exit, CliError> {
    let mut text = String::new();
    for stack in store.stacks().map_err(from_state)? {
        let versions = store.versions(&stack).map_err(from_state)?;
        let head = store.head(&stack).map_err(from_state)?;
        let holder = store.lock(&stack).map_err(from_state)?;
        let locked = holder.as_ref().map(|holder| holder.info.who.clone());
        let _ = if json {
            let shown = json!({
                "stack": stack,
                "versions": versions.iter().filter(|version| !version.deleted).count(),
                "serial": head.as_ref().map(|head| head.serial),
                "lineage": head.as_ref().map(|head| &head.lineage),
                "locked_by": locked,
            });
            writeln!(text, "{shown}")
        } else {
            let state = head.map_or("deleted".to_owned(), |head| format!("serial {}", head.serial));
            let locked = locked.map(|who| format!(", locked by {who}")).unwrap_or_default();
            writeln!(text, "{:<20} {} version(s), {state}{locked}", stack.as_str(), versions.len())
        };
    }
    ui.answer(&text);
    Ok(Exit::Met)
}

fn print(
    store: &StateStore,
    stacks: &[StepId],
    version: Option<u64>,
    ui: &Ui,
) -> Result<Exit, CliError> {
    let [stack] = stacks else {
        let error = anyhow!("{} stacks have a state, and only one can be printed", stacks.len());
        return Err(CliError::new(Exit::Usage, error)
            .hint("Name one with `--stack NAME`, or a folder for all with `--to FOLDER`"));
    };
    let state = read(store, stack, version)?;
    ui.answer(&String::from_utf8_lossy(&state));
    Ok(Exit::Met)
}

fn write(
    store: &StateStore,
    stacks: &[StepId],
    version: Option<u64>,
    folder: &Path,
    ui: &Ui,
) -> Result<Exit, CliError> {
    fs::create_dir_all(folder)
        .with_context(|| format!("failed to make the folder `{}`", folder.display()))
        .or_exit(Exit::Failed)?;
    for stack in stacks {
        if version.is_none() && store.latest(stack).map_err(from_state)?.is_none() {
            ui.say(&format!(
                "note: the state of `{stack}` was deleted, so there is nothing to export\n"
            ));
            continue;
        }
        let path = folder.join(format!("{stack}.tfstate"));
        // What is there is somebody's state, too.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| {
            let state = read(store, stack, version)
                .map_err(|error| std::io::Error::other(error.summary()))?;
            file.write_all(&state).and_then(|()| file.sync_all())
        })
        .with_context(|| format!("failed to write `{}`", path.display()))
        .or_exit(Exit::Failed)
        .map_err(|error| {
            error.hint("Name a folder that holds no such file yet, with room on its disk")
        })?;
        ui.answer(&format!("{}\n", path.display()));
    }
    Ok(Exit::Met)
}

fn read(store: &StateStore, stack: &StepId, version: Option<u64>) -> Result<Vec<u8>, CliError> {
    let Some(number) = version else {
        return store.latest(stack).map_err(from_state)?.ok_or_else(|| {
            CliError::new(Exit::Usage, anyhow!("the state of `{stack}` was deleted"))
                .hint("Its versions are still there: `--at VERSION`, see `drctl state list`")
        });
    };
    let versions = store.versions(stack).map_err(from_state)?;
    let found = |v: &&Version| v.number == number && !v.deleted;
    let Some(found) = versions.iter().find(found) else {
        let error = anyhow!("there is no version {number} of the state of `{stack}`");
        return Err(CliError::new(Exit::Usage, error)
            .hint(format!("There are versions 1 to {}", versions.len())));
    };
    fs::read(&found.path)
        .with_context(|| format!("failed to read `{}`", found.path.display()))
        .or_exit(Exit::Failed)
}
