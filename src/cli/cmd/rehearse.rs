//! `drctl rehearse`.

use crate::cli::{
    asked::{Asked, pair},
    error::CliError,
    exit::Exit,
    failback,
    home::Home,
    recover::Attempt,
    repository_tests,
    runtime::block_on,
    simulating::Simulating,
    stop,
    ui::Ui,
    way::{Simulated, Way},
};
use jiff::Timestamp;

/// Rebuild the service on a simulated cloud: no account, no provider, no cost
///
/// The whole of `failover` with the real terraform, against providers that drctl
/// plays itself. Their schemas are inferred from the repository's own code, their
/// latencies come from the catalogue, and so does the forecast that is said first.
/// The primary region is down. Nothing is asked, nothing real is made but what
/// `--at` says, and no program of the repository is run.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl rehearse --region ap-northeast-2
      In a checkout that has a runbook
  drctl rehearse --repo https://git.example.com/shop.git --region ap-northeast-2 --rto 30m --time-scale 1
      At the pace of the real cloud
  drctl rehearse --region ap-northeast-2 --scenario us-east-1-2025-10-19 --keep && drctl sim ls
      With faults as they happened once, and a look at what was made
  drctl rehearse --region ap-northeast-2 --write junit=drctl.xml --write html=drctl.html
      In CI: the report in files, too; the formats are those of `drctl report`
  drctl rehearse --region ap-northeast-2 --at seoul=./kubeconfig --ask front=http://127.0.0.1:8080/health
      With what runs on the stacks brought up for real, in a cluster at hand
  drctl rehearse --region ap-northeast-2 --and-back
      There and home again, with the primary lost as a whole in between
  drctl rehearse --region ap-northeast-2 --tests
      The tests that the repository brings along, offline")]
pub(crate) struct Rehearse {
    #[command(flatten)]
    asked: Asked,

    #[command(flatten)]
    simulating: Simulating,

    /// Run the repository's own tests (`terraform test`) instead, in every module that has some
    ///
    /// Exits with 1 when one fails. No runbook is read, and no region is down unless a scenario
    /// says so.
    #[arg(long, conflicts_with_all = ["keep", "at", "ask", "states", "stack", "runbook", "rto", "rpo", "outage_at", "write"])]
    tests: bool,

    /// Do not plan what is up once more
    #[arg(long)]
    no_second_plan: bool,

    /// Leave what was made in the simulated cloud, for `drctl sim`
    #[arg(long)]
    keep: bool,

    /// Go home again, too: the service is built in the primary, lost there, rebuilt in the fallback,
    /// and moved home as `drctl failback` does it, which tears the fallback down
    ///
    /// Tells of both runs; files are written of the way home.
    #[arg(long, conflicts_with_all = ["keep", "tests", "at", "ask", "states"])]
    and_back: bool,

    /// Bring up what runs at a site for real, there: the address of a Docker engine, or a kubeconfig
    /// file whose current context is the cluster (can be repeated)
    ///
    /// It is taken back at the end, unless `--keep` leaves it.
    #[arg(long, value_name = "SITE=WHERE", value_parser = |text: &str| pair(text, "SITE=WHERE"))]
    at: Vec<(String, String)>,

    /// Ask an HTTP probe for real, at this address (can be repeated)
    #[arg(long, value_name = "PROBE=URL", value_parser = |text: &str| pair(text, "PROBE=URL"))]
    ask: Vec<(String, String)>,
}

impl Rehearse {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        block_on(self.rehearse(ui))
    }

    async fn rehearse(self, ui: &Ui) -> Result<Exit, CliError> {
        let began_at = Timestamp::now();
        self.asked.check_outputs()?;
        let home = Home::find()?;
        let simulated = Simulated {
            second_plan: !self.no_second_plan,
            keep: self.keep,
            at: self.at.into_iter().collect(),
            ask: self.ask.into_iter().collect(),
            ..self.simulating.read()?
        };
        let stop = stop::listen_and_say(*ui)?;
        if self.tests {
            return repository_tests::run(&self.asked, &simulated, &home, &stop, ui).await;
        }
        if self.and_back {
            let trip = failback::trip(self.asked, simulated, home, stop, *ui).await?;
            return failback::there_and_back(trip).await;
        }
        let attempt = Attempt {
            asked: &self.asked,
            began_at,
            way: &Way::Rehearsal(Box::new(simulated)),
            folder: &home.new_run(began_at)?,
            home: &home,
            stop: &stop,
            ui,
            quiet: false,
        };
        attempt.recover().await
    }
}
