//! `drctl failover`.

use crate::{
    cli::{
        asked::Asked,
        error::CliError,
        exit::Exit,
        home::{Home, RunFolder},
        prepare::Prepared,
        recover::{self, Attempt},
        runtime::block_on,
        stop,
        ui::Ui,
        way::{Noticed, Way},
    },
    model::run::{DeclaredBy, RunId},
};
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
      Without a person at a terminal: goes on if what would be done is what was looked at
  drctl failover --region ap-northeast-2 --write html=report.html --write json=report.json
      With the report in files, too; the formats are those of `drctl report`
  drctl failover --region ap-northeast-2 --prepared only --offline
      From nothing but what `drctl prepare` prepared: no origin and no registry is asked")]
pub(crate) struct Failover {
    #[command(flatten)]
    asked: Asked,

    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "write")]
    dry_run: bool,

    /// Ask nothing; needs the digest of what was looked at
    #[arg(long, requires = "expect_plan")]
    yes: bool,

    /// Go on only if the plan's digest begins with this (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "yes")]
    expect_plan: Option<String>,

    /// Go on though an earlier run left resources of the service in the region: beside them,
    /// or, where the state is in a declared backend, from them
    #[arg(long)]
    again: bool,

    /// Say yes to what the gate showed that a plan would change or take away (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "again")]
    accept_changes: Vec<String>,

    /// Whether to start from what `drctl prepare` prepared with the same flags
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    prepared: Prepared,

    #[command(flatten)]
    noticed: ByWatch,
}

/// What `drctl watch` says when it fails over.
#[derive(clap::Args, Debug)]
struct ByWatch {
    /// The name that the run is given; refused when there is such a run
    #[arg(long, value_name = "RUN", hide = true, requires = "detected_at")]
    as_run: Option<RunId>,

    /// When the outage was detected
    #[arg(long, value_name = "TIME", hide = true, requires_all = ["outage_at", "expect_plan", "decided_by"])]
    detected_at: Option<Timestamp>,

    /// Who decided
    #[arg(long, value_name = "WHO", hide = true, requires = "detected_at")]
    decided_by: Option<Decider>,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Decider {
    Policy,
    Approval,
}

impl ByWatch {
    fn noticed(&self) -> Option<Noticed> {
        let by = match self.decided_by? {
            Decider::Policy => DeclaredBy::Policy,
            Decider::Approval => DeclaredBy::Approval,
        };
        Some(Noticed { detected_at: self.detected_at?, by })
    }

    fn folder(&self, home: &Home, began_at: Timestamp) -> Result<RunFolder, CliError> {
        let Some(run) = &self.as_run else { return home.new_run(began_at) };
        let folder = home.run(run);
        folder.create()?;
        Ok(folder)
    }
}

impl Failover {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        block_on(self.recover(ui))
    }

    async fn recover(self, ui: &Ui) -> Result<Exit, CliError> {
        let began_at = Timestamp::now();
        self.asked.check_outage(began_at)?;
        self.asked.check_outputs()?;
        let home = Home::find()?;
        if self.dry_run {
            return recover::show(&self.asked, Some(self.prepared), &home, ui).await;
        }
        let attempt = Attempt {
            asked: &self.asked,
            began_at,
            way: &Way::Failover {
                expected: self.expect_plan,
                again: self.again,
                accepted: self.accept_changes,
                prepared: self.prepared,
                noticed: self.noticed.noticed(),
            },
            folder: &self.noticed.folder(&home, began_at)?,
            home: &home,
            stop: &stop::listen_and_say(*ui)?,
            ui,
            quiet: false,
        };
        attempt.recover().await
    }
}
