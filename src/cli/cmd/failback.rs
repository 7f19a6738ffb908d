//! `drctl failback`.

use crate::{
    cli::{
        error::CliError,
        exit::Exit,
        failback::{self, Asked, Ending},
        home::Home,
        output::Output,
        runtime::block_on,
        stop,
        ui::Ui,
    },
    model::time::parse_duration,
    report::show::Format,
};
use std::{str::FromStr, time::Duration};

/// Go home after a failover, once the primary is back
///
/// Asks the primary's probes, refreshes every stack in both regions, and shows what
/// was lost, what drifted and what would be done. Then, after you typed the service's
/// name: what was lost in the primary is created again, data gets home by the
/// commands of the runbook's `failback` block, what runs on the stacks is brought up,
/// the primary is verified, traffic is moved home, and the service is verified once
/// more. The fallback serves until then, and is torn down only after you typed its
/// region's name.
///
/// This is the one command that writes the primary's own state: `terraform apply`
/// does, in the stack's own backend, only for stacks whose plan has something to do,
/// and only after the typed yes that names them. Whatever is no resource that was
/// lost and is created again needs a digest of its own, `--accept-changes`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl failback --dry-run
      Looks at both regions, writes nothing, and shows the way home of the newest failover
  drctl failback
      Asks for the service's name, goes home, and asks what becomes of the fallback
  drctl failback 20260314-025907-4f1c --yes --expect-plan 4f1c2b3a5d6e --tear-down
      Of that failover, without a person at a terminal; a service that does not pass its
      probes at home is moved back to the fallback
  drctl failback --accept-changes 8091a2b3c4d5
      Though something changed by hand in the fallback, which was looked at
  drctl resume
      Goes on with one that failed or was interrupted
  drctl rehearse --region ap-northeast-2 --and-back
      Rehearses it on the simulated cloud")]
pub(crate) struct Failback {
    /// The failover to go home from: its name or the start of it; the newest that recovered, if not given
    run: Option<String>,

    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "write")]
    dry_run: bool,

    /// Ask nothing; needs the digest of what was looked at
    #[arg(long, requires = "expect_plan")]
    yes: bool,

    /// Go on only if the plan's digest begins with this (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "yes")]
    expect_plan: Option<String>,

    /// Say yes to what was found changed, or would be, in a stack (12 digits at least; can be repeated)
    #[arg(long, value_name = "DIGEST")]
    accept_changes: Vec<String>,

    /// What was written in the fallback is home already, or may be lost
    #[arg(long)]
    data_is_home: bool,

    /// Do not ask the primary's probes whether it is back
    #[arg(long)]
    primary_is_back: bool,

    /// Leave the fallback as it is
    #[arg(long, conflicts_with = "tear_down")]
    keep_fallback: bool,

    /// Tear the fallback down once the service is verified at home, and do not ask
    #[arg(long)]
    tear_down: bool,

    /// The branch, tag or commit that is at home in the primary; that of the failover, if not given
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,

    /// The terraform (or tofu) to run, over that of the failover
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Ask no server for the repository: take the local mirror
    #[arg(long)]
    offline: bool,

    /// Print JSON on standard output: every event as a line, or the plan as one document
    #[arg(long)]
    json: bool,

    /// How many steps to work on at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    max_parallel: u16,

    /// How long an interrupted Terraform may take to end before it is killed
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    grace: Option<Duration>,

    /// Write the report of the run to a file, too, in a format (can be repeated)
    #[arg(long, value_name = "FORMAT=FILE", value_parser = Output::<Format>::from_str)]
    write: Vec<Output<Format>>,
}

impl Failback {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        self.write.iter().try_for_each(Output::check)?;
        let home = Home::find()?;
        let name = self.run.clone();
        let asked = self.asked();
        block_on(async {
            let stop = stop::listen_and_say(*ui)?;
            failback::fail_back(name.as_deref(), &asked, &home, &stop, ui).await
        })
    }

    fn asked(self) -> Asked {
        let ending = match (self.keep_fallback, self.tear_down) {
            (true, _) => Some(Ending::Keep),
            (_, true) => Some(Ending::TearDown),
            _ => None,
        };
        Asked {
            dry_run: self.dry_run,
            yes: self.yes,
            expected: self.expect_plan,
            accepted: self.accept_changes,
            data_is_home: self.data_is_home,
            primary_is_back: self.primary_is_back,
            ending,
            reference: self.reference,
            terraform: self.terraform,
            offline: self.offline,
            json: self.json,
            max_parallel: self.max_parallel,
            grace: self.grace,
            write: self.write,
        }
    }
}
