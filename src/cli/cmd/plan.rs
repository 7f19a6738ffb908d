//! `drctl plan`.

use crate::cli::{
    asked::Which,
    error::{CliError, OrExit},
    exit::Exit,
    home::Home,
    prepared::{Keeping, look},
    runtime::block_on,
    stop,
    ui::Ui,
};
use anyhow::Context;

/// Show how each stack would be pointed at another region, and what stands in the way
///
/// Reads the code alone and runs nothing: how each stack says its region, what
/// moves and by which means, what stays, which resources are global, what must
/// still be alive, and every place that cannot be moved, with what to change.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl plan --region ap-northeast-2
      In a checkout, with its runbook or with its only root module
  drctl plan --region ap-northeast-2 --json | jq '.steps[].redirection.layout'
      How each stack says its region
  drctl plan --region ap-northeast-2 --replace ami-0abc1234=ami-0def5678
      What it would be with another image there

Exit codes: 0 nothing stands in the way, 2 bad usage, 4 something does")]
pub(crate) struct Plan {
    #[command(flatten)]
    which: Which,
}

impl Plan {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        block_on(self.plan(ui))
    }

    async fn plan(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let scratch = tempfile::tempdir()
            .context("failed to make a temporary folder")
            .or_exit(Exit::Failed)?;
        let work = scratch.path().join("work");
        let stop = stop::listen_and_say(*ui)?;
        let prepared = look(&self.which, Keeping::default(), &home, &work, &stop, ui).await?;
        ui.answer(&match self.which.json {
            true => format!("{:#}\n", prepared.json()),
            false => prepared.plan(),
        });
        let refused = prepared.assembled.obstacles().next().is_some();
        Ok(if refused { Exit::Refused } else { Exit::Met })
    }
}
