//! `drctl watch`.

use crate::cli::{
    asked::Which,
    error::CliError,
    exit::Exit,
    home::Home,
    runtime::block_on,
    stop,
    ui::Ui,
    watch::{Wanted, start},
};
use crate::model::time::Objective;
use std::{net::SocketAddr, path::PathBuf};

/// Watch the service, and act when it is out
///
/// Asks the probes of the runbook without end. As many as `watch.quorum` says must be down for an
/// outage; when the witnesses do not answer either, it is drctl that is cut off, and nothing is
/// judged. What is done about an outage the runbook's `watch` block says: `notify`, `prepare`,
/// `approve` (somebody is asked; see `drctl approve`) or `failover`. A failover is a process of its
/// own that counts the recovery time from the first failed probe. What a watch knows outlives it:
/// killed and started again it goes on where it was, and begins no failover twice.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl watch
      In a checkout whose runbook has probes and a `watch` block
  drctl watch --repo https://git.example.com/shop.git --region ap-northeast-2
      As a service of the system; `drctl watch --unit` prints a unit for systemd
  drctl watch --listen 127.0.0.1:9464 & curl http://127.0.0.1:9464/metrics
      Metrics, /healthz and /status
  drctl watch --json | jq -r .text
      What happens, a line of JSON each

Exit codes: 0 stopped by a signal, 2 bad usage, 3 it cannot be watched")]
pub(crate) struct WatchCommand {
    /// The repository: a URL or a path
    #[arg(long, value_name = "URL|PATH", default_value = ".")]
    repo: String,

    /// The branch, tag or commit whose runbook is watched by; what the origin's HEAD is, if not given
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,

    /// The fallback region; what the runbook's `watch` block names, if not given
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The region that serves in normal times, where the runbook does not say
    #[arg(long, value_name = "REGION")]
    primary: Option<String>,

    /// The runbook, from the root of the repository
    #[arg(long, value_name = "FILE", default_value = crate::runbook::FILE_NAME)]
    runbook: PathBuf,

    /// The recovery time objective that a failover is given
    #[arg(long, value_name = "DURATION")]
    rto: Option<Objective>,

    /// Ask no server for the repository: take the local mirror
    #[arg(long)]
    offline: bool,

    /// The terraform (or tofu) that a failover runs: a name or a path
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Where metrics, health and approvals are served, or `none`
    #[arg(long, value_name = "ADDRESS", env = "DRCTL_LISTEN", default_value = "127.0.0.1:9464", value_parser = address)]
    listen: Listen,

    /// Print what happens on standard output, a line of JSON each
    #[arg(long)]
    json: bool,

    /// When stopped, stop a failover that goes on, too, and wait for its end
    ///
    /// For containers, where it would be killed with the watch, whatever Terraform has in flight.
    /// Elsewhere a failover goes on without the watch.
    #[arg(long, env = "DRCTL_WAIT_FOR_FAILOVER")]
    wait_for_failover: bool,

    /// Print a unit for systemd, and watch nothing
    #[arg(long)]
    unit: bool,
}

/// Where it is listened, if anywhere.
#[derive(Clone, Copy, Debug)]
struct Listen(Option<SocketAddr>);

fn address(text: &str) -> Result<Listen, String> {
    match text {
        "none" => Ok(Listen(None)),
        text => text
            .parse()
            .map(|address| Listen(Some(address)))
            .map_err(|_| "write it as `127.0.0.1:9464`, or `none`".to_owned()),
    }
}

const UNIT: &str = include_str!("../watch/drctl-watch.service");

impl WatchCommand {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        if self.unit {
            ui.answer(UNIT);
            return Ok(Exit::Met);
        }
        block_on(self.watch(ui))
    }

    async fn watch(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let stop = stop::listen_only()?;
        let wanted = Wanted {
            which: Which {
                reference: self.reference,
                primary: self.primary,
                runbook: self.runbook,
                offline: self.offline,
                terraform: self.terraform,
                ..Which::of(self.repo, self.region.unwrap_or_default())
            },
            rto: self.rto.map(|rto| rto.to_string()),
            listen: self.listen.0,
            json: self.json,
            until_over: false,
            wait_for_failover: self.wait_for_failover,
            policy: |_| {},
        };
        let watching = start(wanted, &home, &stop, ui).await?;
        watching.say(ui);
        watching.run().await;
        Ok(Exit::Met)
    }
}
