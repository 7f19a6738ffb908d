//! What every command that recovers is asked.

use super::{error::CliError, exit::Exit, output::Output};
use crate::{
    model::time::{Objective, parse_duration},
    report::show::Format,
    runbook,
};
use anyhow::anyhow;
use jiff::Timestamp;
use std::{path::PathBuf, str::FromStr, time::Duration};

/// Says where the repository is, where `--repo` does not.
pub(super) const REPO_ENV: &str = "DRCTL_REPO";

/// Which service, from where, and into which region.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Which {
    /// The repository: a URL or a path
    ///
    /// A password in it is seen by whoever sees the arguments of programs, unless it is in DRCTL_REPO.
    #[arg(long, env = REPO_ENV, hide_env_values = true, value_name = "URL|PATH", default_value = ".")]
    pub(super) repo: String,

    /// The branch, tag or commit to recover from; what the origin's HEAD is, if not given
    #[arg(long = "ref", value_name = "REF")]
    pub(super) reference: Option<String>,

    /// The fallback region
    #[arg(long, value_name = "REGION")]
    pub(super) region: String,

    /// The region that serves in normal times, where the runbook does not say
    #[arg(long, value_name = "REGION")]
    pub(super) primary: Option<String>,

    /// The runbook, from the root of the repository
    #[arg(long, value_name = "FILE", default_value = runbook::FILE_NAME)]
    pub(super) runbook: PathBuf,

    /// The root module to apply, where there is no runbook and more than one
    #[arg(long, value_name = "FOLDER", conflicts_with = "runbook")]
    pub(super) stack: Option<PathBuf>,

    /// What stands for what in the fallback: an image, an ARN, a host; the same twice keeps it
    #[arg(long, value_name = "OLD=NEW", value_parser = |text: &str| pair(text, "OLD=NEW"))]
    pub(super) replace: Vec<(String, String)>,

    /// The workspace that serves, where a stack of the runbook does not say
    #[arg(long, value_name = "NAME")]
    pub(super) workspace: Option<String>,

    /// Ask no server for the repository: take the local mirror
    #[arg(long)]
    pub(super) offline: bool,

    /// The terraform (or tofu) to run: a name or a path
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    pub(super) terraform: Option<String>,

    /// Print JSON on standard output: every event as a line, or the plan as one document
    #[arg(long)]
    pub(super) json: bool,

    /// True to rehearse where the service is now: the region is the primary itself.
    #[arg(skip)]
    pub(super) in_place: bool,

    /// True to work on the service where it is at home, over its own states: the region is the
    /// primary itself.
    #[arg(skip)]
    pub(super) at_home: bool,
}

impl Which {
    /// A service that falls back to `region`, with nothing else said.
    pub(super) fn of(repo: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            repo: repo.into(),
            reference: None,
            region: region.into(),
            primary: None,
            runbook: runbook::FILE_NAME.into(),
            stack: None,
            replace: Vec::new(),
            workspace: None,
            offline: false,
            terraform: None,
            json: false,
            in_place: false,
            at_home: false,
        }
    }
}

/// What every command that recovers is asked: which service, and how.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Asked {
    #[command(flatten)]
    pub(super) which: Which,

    /// The recovery time objective, such as 30m; wins over the runbook's
    #[arg(long, value_name = "DURATION")]
    pub(super) rto: Option<Objective>,

    /// The recovery point objective, such as 5m; wins over the runbook's
    #[arg(long, value_name = "DURATION")]
    pub(super) rpo: Option<Objective>,

    /// When the outage began, such as 2026-03-14T02:59:07Z; the recovery time counts from there
    #[arg(long, value_name = "TIME")]
    pub(super) outage_at: Option<Timestamp>,

    /// How many steps to work on at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) max_parallel: u16,

    /// How long an interrupted Terraform may take to end before it is killed
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) grace: Option<Duration>,

    /// Keep the work copy also when all went well
    #[arg(long)]
    pub(super) keep_work: bool,

    /// Write the report of the run to a file, too, in a format (can be repeated)
    ///
    /// The formats are those of `drctl report`. A file that cannot be written at the end is said,
    /// and changes nothing of the exit code: `drctl report --write` writes it once more.
    #[arg(long, value_name = "FORMAT=FILE", value_parser = Output::<Format>::from_str)]
    pub(super) write: Vec<Output<Format>>,
}

impl Asked {
    /// Refuses an outage that is still to come.
    ///
    /// # Errors
    ///
    /// It begins after `now`.
    pub(super) fn check_outage(&self, now: Timestamp) -> Result<(), CliError> {
        let Some(outage_at) = self.outage_at.filter(|at| *at > now) else { return Ok(()) };
        let error = anyhow!("the outage cannot begin at {outage_at}, which is still to come");
        Err(CliError::new(Exit::Usage, error).hint("Give the time in UTC, or with its offset"))
    }

    /// Looks whether everything that is to be written at the end could be.
    ///
    /// # Errors
    ///
    /// For the first file that could not.
    pub(super) fn check_outputs(&self) -> Result<(), CliError> {
        self.write.iter().try_for_each(Output::check)
    }
}

/// Reads two texts with a `=` between them, neither of them empty; `form` is how that is written.
pub(super) fn pair(text: &str, form: &str) -> Result<(String, String), String> {
    // An ARN has no `=`, and a base64 text ends with it.
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.into(), new.into())),
        _ => Err(format!("write it as `{form}`")),
    }
}
