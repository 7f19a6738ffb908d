//! `drctl failover`.

use crate::{
    cli::{
        asked::Asked,
        error::{CliError, OrExit},
        exit::Exit,
        home::{Home, RunFolder},
        recover::{self, Attempt},
        stop,
        ui::Ui,
    },
    engine::Stop,
    model::run::RunId,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;

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
    #[command(flatten)]
    asked: Asked,

    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Ask nothing; needs the digest of what was looked at
    #[arg(long, requires = "expect_plan")]
    yes: bool,

    /// Go on only if the plan's digest begins with this (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "yes")]
    expect_plan: Option<String>,

    /// Go on though an earlier run left resources of the service in the region
    #[arg(long)]
    again: bool,
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
        if let Some(outage_at) = self.asked.outage_at.filter(|at| *at > began_at) {
            let error = anyhow!("the outage cannot begin at {outage_at}, which is still to come");
            return Err(
                CliError::new(Exit::Usage, error).hint("Give the time in UTC, or with its offset")
            );
        }
        let home = Home::find()?;
        if self.dry_run {
            return recover::show(&self.asked, &home, ui).await;
        }
        let attempt = Attempt {
            asked: &self.asked,
            began_at,
            expected: self.expect_plan.as_deref(),
            again: self.again,
            folder: &new_run(&home, began_at)?,
            home: &home,
            stop: &listen(*ui)?,
            ui,
        };
        attempt.recover().await
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
