//! `drctl doctor`.

use crate::{
    cli::{error::CliError, exit::Exit, home::Home, runtime::block_on, ui::Ui},
    model::{chain, step::StepId},
    runbook::{self, DeployKind, Runbook, Work},
    terraform,
};
use serde::Serialize;
use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

/// See what is missing on this machine, and what to do about it
///
/// Nothing is changed and nothing is asked of a network. Exits with 1 when
/// something is missing that a failover needs.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl doctor
  drctl doctor --json | jq '.checks[] | select(.state != \"ok\")'")]
pub(crate) struct Doctor {
    /// The terraform (or tofu) to look for: a name or a path
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Room for a work copy, plans and states, in bytes; below it a run may fill the disk.
const ROOM: u64 = 1 << 30;

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::cli) enum State {
    Ok,
    Note,
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Check {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) state: State,
    pub(in crate::cli) found: String,
    todo: Option<String>,
}

impl Check {
    fn new(name: &'static str, state: State, found: impl Into<String>) -> Self {
        Self { name, state, found: found.into(), todo: None }
    }

    fn todo(mut self, todo: impl Into<Option<String>>) -> Self {
        self.todo = todo.into();
        self
    }
}

impl Doctor {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let mut checks =
            vec![self.terraform(&home)?, plugins(), home_folder(&home), room(&home), credentials()];
        checks.extend(runbook_here());
        let missing = checks.iter().any(|check| check.state == State::Missing);
        ui.answer(&if self.json { json(&checks)? } else { text(&checks, ui.color_on_stdout()) });
        Ok(if missing { Exit::No } else { Exit::Met })
    }

    fn terraform(&self, home: &Home) -> Result<Check, CliError> {
        let found = block_on(async {
            Ok(match terraform::find(self.terraform.as_deref()) {
                Ok(path) => terraform::detect(&path, &home.cache()).await,
                Err(error) => Err(error),
            })
        })?;
        Ok(match found {
            Ok(found) => {
                let text = format!("{} at {}", found.release, found.path.display());
                Check::new("terraform", State::Ok, text)
            }
            Err(error) => {
                let hint = error.hint();
                Check::new("terraform", State::Missing, chain(&error).join(": ")).todo(hint)
            }
        })
    }
}

fn plugins() -> Check {
    match env::var("TF_PLUGIN_CACHE_DIR") {
        Err(_) => Check::new("plugin cache", State::Ok, "none, so stacks are initialised at once"),
        Ok(dir) if Path::new(&dir).is_dir() => Check::new(
            "plugin cache",
            State::Note,
            format!("{dir}, so stacks are initialised one after the other"),
        ),
        Ok(dir) => Check::new("plugin cache", State::Missing, format!("{dir} is not a folder"))
            .todo(Some("Make the folder, or unset `TF_PLUGIN_CACHE_DIR`".to_owned())),
    }
}

pub(in crate::cli) fn home_folder(home: &Home) -> Check {
    let root = home.root();
    let probe = root.join(".writable");
    let written = fs::create_dir_all(root)
        .and_then(|()| fs::write(&probe, b""))
        .and_then(|()| fs::remove_file(&probe));
    match written {
        Ok(()) => Check::new("drctl's folder", State::Ok, root.display().to_string()),
        Err(error) => {
            let found = format!("{} cannot be written: {error}", root.display());
            Check::new("drctl's folder", State::Missing, found)
                .todo(Some("Set `DRCTL_HOME` to a folder that can be written".to_owned()))
        }
    }
}

pub(in crate::cli) fn room(home: &Home) -> Check {
    let existing = home.root().ancestors().find(|dir| dir.is_dir()).unwrap_or(Path::new("/"));
    match nix::sys::statvfs::statvfs(existing) {
        Ok(disk) => {
            let free = disk.blocks_available() * disk.fragment_size();
            let found = format!("{:.1} GiB free", free as f64 / (1u64 << 30) as f64);
            if free >= ROOM {
                Check::new("disk", State::Ok, found)
            } else {
                Check::new("disk", State::Missing, found).todo(Some(
                    "Make room, or set `DRCTL_HOME` to a folder on another disk".to_owned(),
                ))
            }
        }
        Err(error) => {
            Check::new("disk", State::Note, format!("how much is free cannot be told: {error}"))
        }
    }
}

pub(in crate::cli) fn credentials() -> Check {
    let ways: Vec<&str> = [
        ("SSH_AUTH_SOCK", "ssh agent"),
        ("DRCTL_GIT_TOKEN", "DRCTL_GIT_TOKEN"),
        ("GITHUB_TOKEN", "GITHUB_TOKEN"),
        ("GITLAB_TOKEN", "GITLAB_TOKEN"),
    ]
    .into_iter()
    .filter(|(name, _)| env::var_os(name).is_some_and(|v| !v.is_empty()))
    .map(|(_, way)| way)
    .collect();
    if ways.is_empty() {
        return Check::new(
            "git credentials",
            State::Note,
            "only what git's credential helper knows",
        )
        .todo(Some(
            "For a private repository start an ssh agent, or set `DRCTL_GIT_TOKEN`".to_owned(),
        ));
    }
    Check::new("git credentials", State::Ok, ways.join(", "))
}

/// The runbook of this folder, and the programs that its steps take.
fn runbook_here() -> Vec<Check> {
    let path = Path::new(runbook::FILE_NAME);
    let Ok(text) = fs::read(path) else {
        return vec![Check::new("runbook", State::Note, "none in this folder")];
    };
    // A path of a stack may speak of the region, of which there is none here.
    match Runbook::read(path, &text, "REGION") {
        Ok(runbook) => {
            let found = format!("`{}`, {} step(s)", runbook.service.name, runbook.steps.len());
            [Check::new("runbook", State::Ok, found)]
                .into_iter()
                .chain(programs(&runbook))
                .collect()
        }
        Err(mistakes) => {
            let found = format!("{} mistake(s), the first: {}", mistakes.len(), mistakes[0]);
            vec![
                Check::new("runbook", State::Missing, found)
                    .todo(Some("See all with `drctl failover --dry-run`".to_owned())),
            ]
        }
    }
}

/// Whether the programs that steps take are there.
pub(in crate::cli) fn programs(runbook: &Runbook) -> impl Iterator<Item = Check> {
    steps_of_programs(runbook).into_iter().map(|(program, steps)| {
        let steps: Vec<_> = steps.iter().map(|step| format!("`{step}`")).collect();
        taken(program, &steps.join(", "))
    })
}

/// The programs that steps take, each with its steps.
fn steps_of_programs(runbook: &Runbook) -> BTreeMap<&'static str, Vec<&StepId>> {
    let mut all: BTreeMap<&str, Vec<&StepId>> = BTreeMap::new();
    for step in &runbook.steps {
        let Work::Deploy(deploy) = &step.work else { continue };
        let programs: &[&str] = match deploy.kind {
            DeployKind::Container | DeployKind::Compose => &["docker"],
            DeployKind::Kubernetes => &["kubectl"],
            DeployKind::Helm => &["helm", "kubectl"],
            DeployKind::Dns => &["aws"],
        };
        for program in programs {
            all.entry(program).or_default().push(&step.id);
        }
    }
    all
}

/// Whether a program is there that some steps take.
fn taken(program: &'static str, steps: &str) -> Check {
    match which::which(program) {
        Ok(path) => Check::new(program, State::Ok, format!("{}, for {steps}", path.display())),
        Err(_) => Check::new(program, State::Missing, format!("not found, for {steps}"))
            .todo(Some(format!("Install `{program}`, or put it on the PATH"))),
    }
}

fn json(checks: &[Check]) -> Result<String, CliError> {
    let shown = serde_json::json!({ "schema": "drctl/doctor/v1", "checks": checks });
    Ok(format!("{shown:#}\n"))
}

fn text(checks: &[Check], color: bool) -> String {
    let mut text = String::new();
    for check in checks {
        let (word, code) = match check.state {
            State::Ok => ("ok", "32"),
            State::Note => ("note", "33"),
            State::Missing => ("MISSING", "1;31"),
        };
        let word = format!("{word:>8}");
        let word = if color { format!("\x1b[{code}m{word}\x1b[0m") } else { word };
        let _ = writeln!(
            text,
            "{word}  {:<16} {}",
            check.name,
            check.found.replace('\n', "\n            ")
        );
        if let Some(todo) = &check.todo {
            let _ = writeln!(text, "{:>8}  {:<16} {todo}", "", "");
        }
    }
    text
}
