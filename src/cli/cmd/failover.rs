//! `drctl failover`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::{Home, RunFolder},
        recover::{self, Asked},
        stop,
        ui::Ui,
    },
    engine::Stop,
    model::{
        run::RunId,
        time::{Objective, parse_duration},
    },
    runbook,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{path::PathBuf, time::Duration};

/// Rebuild the service in another region, for real
///
/// Clones the repository at a commit, points every stack at the fallback region
/// with a state of its own, applies what the gate accepts, runs the steps of the
/// runbook, asks the probes, and says what it took. The primary's state is never
/// read or written.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl failover --region ap-northeast-2
      In a checkout that has a runbook: asks for the service's name, then goes on
  drctl failover --region ap-northeast-2 --dry-run
      Shows what would be done, and its digest
  drctl failover --repo https://git.example.com/shop.git --ref v1.42 \\
      --region ap-northeast-2 --rto 30m --yes --expect-plan 4f1c2b3a5d6e
      Without a person at a terminal: goes on if what would be done is what was looked at")]
pub(crate) struct Failover {
    /// The repository: a URL or a path
    #[arg(long, value_name = "URL|PATH", default_value = ".")]
    repo: String,

    /// The branch, tag or commit to recover from; what the origin's HEAD is, if not given
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,

    /// The fallback region
    #[arg(long, value_name = "REGION")]
    region: String,

    /// The region that serves in normal times, where the runbook does not say
    #[arg(long, value_name = "REGION")]
    primary: Option<String>,

    /// The runbook, from the root of the repository
    #[arg(long, value_name = "FILE", default_value = runbook::FILE_NAME)]
    runbook: PathBuf,

    /// The root module to apply, where there is no runbook and more than one
    #[arg(long, value_name = "FOLDER", conflicts_with = "runbook")]
    stack: Option<PathBuf>,

    /// The recovery time objective, such as 30m; wins over the runbook's
    #[arg(long, value_name = "DURATION")]
    rto: Option<Objective>,

    /// The recovery point objective, such as 5m; wins over the runbook's
    #[arg(long, value_name = "DURATION")]
    rpo: Option<Objective>,

    /// When the outage began, such as 2026-03-14T02:59:07Z; the recovery time counts from there
    #[arg(long, value_name = "TIME")]
    outage_at: Option<Timestamp>,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Ask nothing; needs the digest of what was looked at
    #[arg(long, requires = "expect_plan")]
    yes: bool,

    /// Go on only if the plan's digest begins with this (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "yes")]
    expect_plan: Option<String>,

    /// How many steps to work on at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    max_parallel: u16,

    /// How long an interrupted Terraform may take to end before it is killed
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    grace: Option<Duration>,

    /// Ask no server for the repository: take the local mirror
    #[arg(long)]
    offline: bool,

    /// The terraform (or tofu) to run: a name or a path
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Keep the work copy also when all went well
    #[arg(long)]
    keep: bool,

    /// Go on though an earlier run left resources of the service in the region
    #[arg(long)]
    again: bool,

    /// Print every event as a line of JSON on standard output (with --dry-run: the plan)
    #[arg(long)]
    json: bool,
}

impl Failover {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .context("failed to start")
            .or_exit(Exit::Failed)?;
        let done = runtime.block_on(self.recover(ui));
        // A prompt that nobody answered must not hold up the end.
        runtime.shutdown_background();
        done
    }

    async fn recover(self, ui: &Ui) -> Result<Exit, CliError> {
        let began_at = Timestamp::now();
        if let Some(outage_at) = self.outage_at.filter(|at| *at > began_at) {
            let error = anyhow!("the outage cannot begin at {outage_at}, which is still to come");
            return Err(
                CliError::new(Exit::Usage, error).hint("Give the time in UTC, or with its offset")
            );
        }
        let home = Home::find()?;
        let asked = Asked {
            repo: self.repo,
            reference: self.reference,
            region: self.region,
            primary: self.primary,
            runbook: self.runbook,
            stack: self.stack,
            rto: self.rto,
            rpo: self.rpo,
            outage_at: self.outage_at,
            began_at,
            max_parallel: usize::from(self.max_parallel),
            grace: self.grace,
            offline: self.offline,
            terraform: self.terraform,
            keep: self.keep,
            again: self.again,
            json: self.json,
            expected: self.expect_plan,
        };
        if self.dry_run {
            return recover::show(&asked, &home, ui).await;
        }
        let folder = new_run(&home, began_at)?;
        let stop = listen(*ui)?;
        recover::recover(&asked, &home, folder, &stop, ui).await
    }
}

/// Makes the folder of a new run.
fn new_run(home: &Home, began_at: Timestamp) -> Result<RunFolder, CliError> {
    let mut salt = [0; 2];
    getrandom::fill(&mut salt)
        .map_err(|e| anyhow!("the system gives no random numbers: {e}"))
        .or_exit(Exit::Failed)?;
    let id = RunId::new(began_at, u16::from_be_bytes(salt));
    let folder = home.run(&id);
    folder.create()?;
    Ok(folder)
}

/// Listens for signals, and says what they do.
fn listen(ui: Ui) -> Result<Stop, CliError> {
    stop::listen(move |name, before| {
        ui.say(&match before {
            0 => format!(
                "\n{name}: nothing new is begun; what Terraform has in flight is waited for, so that no resource is lost\n"
            ),
            _ => format!("\n{name}: still waiting; a second signal never reaches Terraform, which would drop its state\n"),
        });
    })
    .context("failed to listen for signals")
    .or_exit(Exit::Failed)
}
