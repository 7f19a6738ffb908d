//! `drctl chaos`.

use crate::{
    cli::{
        chaos::{kills, monkey},
        cmd::kong::Kong,
        error::CliError,
        exit::Exit,
        runtime::block_on,
        ui::Ui,
    },
    runbook,
};
use std::path::PathBuf;

/// Break something on purpose, and measure whether it comes back by itself
///
/// Only what the runbook declares is ever touched.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl chaos monkey
      What would be killed today, and why the rest is spared
  drctl chaos monkey --unleash
      Do it
  drctl chaos kong
      A whole region goes dark, on the simulated cloud
  drctl chaos kills
      What was killed so far, and how long it took to come back")]
pub(crate) struct Chaos {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    Monkey(Box<Monkey>),
    Kong(Box<Kong>),
    Kills(Kills),
}

/// Kill one of a group at random now and then, and measure how long it takes to be whole again
///
/// Every `chaos` block of the runbook is a group. Each working day a group is drawn with the
/// probability 1/`mean_days`; one of it is then killed at a random minute of its `hours`, and never
/// before `min_days` working days have passed since the last. A group that is not whole is left
/// alone, and so is all that is real during an outage: while a failover or a drill of the service
/// runs, and while a probe of it fails.
///
/// Without `--unleash` nothing is killed: the plan is shown.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl chaos monkey
      The plan of today
  drctl chaos monkey --days 30
      The plan of the next 30 days
  drctl chaos monkey --unleash
      Wait for what is planned for today, kill, measure, report: for a daily timer
  drctl chaos monkey --unleash --now web --any-hour
      Kill one of the group `web` now, whatever the plan and the hour

In the runbook:
  chaos \"docker\" \"web\" {
    label       = \"app=web\"
    back_within = \"30s\"
    except      = [\"web-canary*\"]
    hours {
      days  = [\"mon\", \"tue\", \"wed\", \"thu\"]
      from  = \"09:00\"
      until = \"15:00\"
      zone  = \"Asia/Tokyo\"
    }
  }

Exit codes: 0 all came back within their objectives, or nothing was killed, 1 one did not,
2 bad usage, 3 a kill failed or a group could not be asked, 5 interrupted, 6 nobody can say
whether one came back")]
pub(crate) struct Monkey {
    /// Kill, instead of showing what would be killed
    #[arg(long)]
    pub(crate) unleash: bool,

    /// Kill one of each of these groups now, or of every group when none is named; neither the draw nor
    /// `min_days` is asked
    #[arg(long, value_name = "GROUP", num_args = 0..)]
    pub(crate) now: Option<Vec<String>>,

    /// Kill outside of the hours of a group, too
    #[arg(long, requires = "now")]
    pub(crate) any_hour: bool,

    /// Show the plan of so many days, from today on
    #[arg(long, value_name = "N", conflicts_with_all = ["unleash", "now"], value_parser = clap::value_parser!(u16).range(1..=3_660))]
    pub(crate) days: Option<u16>,

    /// What every draw begins with: the same seed makes the same plan; one that was drawn once
    /// and is kept in drctl's folder, if not given
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// What `region` stands for in the runbook; the primary, if not given
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// The checkout of the service
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) repo: PathBuf,

    /// The runbook, from the root of the repository
    #[arg(long, value_name = "FILE", default_value = runbook::FILE_NAME)]
    pub(crate) runbook: PathBuf,

    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// List what Chaos Monkey has killed, the newest first
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl chaos kills
  drctl chaos kills --service shop --limit 5
  drctl chaos kills --json | jq 'select(.verdict.is == \"missed\")'
      One JSON object a line")]
pub(crate) struct Kills {
    /// Only those of this service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,

    /// How many to show
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,

    /// Print JSON, one object a line
    #[arg(long)]
    pub(crate) json: bool,
}

impl Chaos {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        match self.command {
            Command::Monkey(asked) => block_on(monkey::run(&asked, ui)),
            Command::Kong(asked) => block_on(asked.unleash(ui)),
            Command::Kills(asked) => kills::list(&asked, ui),
        }
    }
}
