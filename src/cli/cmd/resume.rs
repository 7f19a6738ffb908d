//! `drctl resume`.

use crate::{
    cli::{
        error::CliError, exit::Exit, home::Home, output::Output, resume::Resumption,
        runtime::block_on, stop, ui::Ui,
    },
    model::time::parse_duration,
    report::show::Format,
};
use std::{str::FromStr, time::Duration};

/// Go on with a failover that failed, was stopped, or was killed
///
/// The same commit, into the same region, with the states that the run has so far.
/// Steps that are done are not run again; all others are, from their beginning: a
/// stack is planned over what of it is there already, and a change or a removal of
/// that is refused until somebody says yes to it. The recovery time goes on.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl resume
      The newest run: asks for the service's name, then goes on
  drctl resume 20260314-025907-4f1c --yes
      That one, without a person at a terminal: what is done is what was confirmed then
  drctl resume --accept-changes 4f1c2b3a5d6e
      Goes on though a plan replaces what a broken apply left, which was looked at")]
pub(crate) struct Resume {
    /// The run: its name, the start of it, or `latest`
    #[arg(default_value = "latest")]
    run: String,

    /// Ask nothing
    #[arg(long)]
    yes: bool,

    /// Say yes to what the gate showed that a plan would change or take away (12 digits at least)
    #[arg(long, value_name = "DIGEST")]
    accept_changes: Vec<String>,

    /// Interrupt an apply that outlived drctl, and plan it again, instead of following it to its end
    #[arg(long)]
    end: bool,

    /// The terraform (or tofu) to run, over that of the run
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Ask no server for the repository: take the local mirror
    #[arg(long)]
    offline: bool,

    /// Print every event as a line of JSON on standard output
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

impl Resume {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let folder = home.run(&home.find_run(&self.run)?);
        let resumption = Resumption {
            yes: self.yes,
            accepted: self.accept_changes,
            end: self.end,
            terraform: self.terraform,
            offline: self.offline,
            json: self.json,
            max_parallel: self.max_parallel,
            grace: self.grace,
            write: self.write,
        };
        block_on(async {
            let stop = stop::listen_and_say(*ui)?;
            resumption.resume(&folder, &home, &stop, ui).await
        })
    }
}
