//! The programs that make a region dark and light again.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        ui::Ui,
    },
    config::expression::Expr,
    deploy::{CommandStep, Logs, run},
    engine::program_env,
    runbook::{Known, Kong, strings},
};
use anyhow::{Context, anyhow};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long a program may take.
const LIMIT: Duration = Duration::from_secs(300);
/// How often it is tried to make a region light again, and after which pause.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// Makes a region dark and light again.
pub(in crate::cli) struct Switch<'a> {
    /// The region.
    pub(in crate::cli) region: &'a str,
    pub(in crate::cli) kong: &'a Kong,
    /// What the expressions of the programs speak of.
    pub(in crate::cli) known: &'a Known,
    /// The folder that they run in.
    pub(in crate::cli) dir: &'a Path,
    pub(in crate::cli) ui: &'a Ui,
}

impl Switch<'_> {
    /// Finds out whether both programs can be named, before one of them is needed.
    ///
    /// # Errors
    ///
    /// One cannot be made from what is known.
    pub(super) fn check(&self) -> Result<(), CliError> {
        self.step(&self.kong.dark).and(self.step(&self.kong.light)).map(drop)
    }

    /// Makes the region dark, also when drctl is asked to stop meanwhile.
    ///
    /// # Errors
    ///
    /// The program failed; whether the region is dark is not known then.
    pub(super) async fn dark(&self) -> Result<(), CliError> {
        self.program(&self.kong.dark, "dark").await
    }

    /// Makes the region light again, whatever happened. Returns false when it could not be.
    pub(in crate::cli) async fn light(&self) -> bool {
        for attempt in 1..=TRIES {
            match self.program(&self.kong.light, "light").await {
                Ok(()) => {
                    self.ui.say(&format!("{} is light again\n", self.region));
                    return true;
                }
                Err(error) => self.ui.error(&error),
            }
            if attempt < TRIES {
                sleep(PAUSE).await;
            }
        }
        self.ui.say(&format!(
            "{} IS STILL DARK: try `drctl chaos kong --light`, or do by hand what `light` in the runbook's `kong` block says\n",
            self.region
        ));
        false
    }

    async fn program(&self, program: &Expr, name: &str) -> Result<(), CliError> {
        let step = self.step(program)?;
        let scratch = tempfile::tempdir()
            .context("failed to make a temporary folder")
            .or_exit(Exit::Failed)?;
        let log = |stream: &str| -> PathBuf { scratch.path().join(format!("{name}.{stream}.log")) };
        let logs = Logs { stdout: log("stdout"), stderr: log("stderr") };
        run(&step, &logs, &CancellationToken::new())
            .await
            .with_context(|| format!("{} could not be made {name}", self.region))
            .or_exit(Exit::Failed)
    }

    fn step(&self, program: &Expr) -> Result<CommandStep, CliError> {
        let argv = strings(self.known, program)
            .map_err(|mistake| CliError::new(Exit::Usage, anyhow!("{mistake}")))?;
        Ok(CommandStep {
            argv,
            dir: self.dir.to_owned(),
            env: program_env(self.known),
            limit: LIMIT,
            grace: Duration::from_secs(10),
        })
    }
}
