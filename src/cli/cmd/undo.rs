//! `drctl undo`.

use crate::cli::{
    error::CliError, exit::Exit, home::Home, runtime::block_on, stop, ui::Ui, undo::Undoing,
};

/// Take back what steps of a failover did: above all, move its traffic back
///
/// Records of a zone, releases, objects and containers are put back as they stood
/// before the step, or removed where there was nothing; a command has an `undo` in
/// the runbook, or stays. Stacks are not touched.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl undo
      The cutover of the newest run, after you typed the service's name
  drctl undo 20260314-025907-4f1c --step storefront --yes
      That step of that run, without a person at a terminal")]
pub(crate) struct Undo {
    /// The run: its name, the start of it, or `latest`
    #[arg(default_value = "latest")]
    run: String,

    /// A step (can be repeated); those that move the traffic when none is given
    #[arg(long = "step", value_name = "NAME")]
    steps: Vec<String>,

    /// Ask nothing
    #[arg(long)]
    yes: bool,

    /// The terraform (or tofu) to run, over that of the run
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Ask no server for the repository: take the local mirror
    #[arg(long)]
    offline: bool,
}

impl Undo {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let folder = home.run(&home.find_run(&self.run)?);
        let Self { run: _, steps, yes, terraform, offline } = self;
        let undoing = Undoing { steps, yes, terraform, offline };
        block_on(async {
            let stop = stop::listen_and_say(*ui)?;
            undoing.undo(&folder, &home, &stop, ui).await
        })
    }
}
