//! `drctl chaos kong`.

use crate::{
    cli::{
        asked::{Asked, Which},
        confirm::confirm,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        kong::{Played, Real, Survival, in_earnest, on_the_simulated_cloud, regions},
        prepared::look,
        simulating::Simulating,
        stop,
        ui::Ui,
    },
    engine::{Programs, Stop},
    model::time::Objective,
    runbook,
    sim::OutageMode,
};
use anyhow::{Context, anyhow};
use std::path::PathBuf;
use tokio::task::spawn_blocking;

/// Make a whole region dark, and measure whether and how fast the service survives it
///
/// The region goes dark, the watch notices, the service is failed over and verified, the region
/// comes back, and the way back is planned: one report of all. On the simulated cloud, unless
/// `--real` is given: the service is built in the region first, and lost there. With `--real` the
/// programs of the runbook's `kong` block make the region dark and light again; light in any case,
/// whatever goes wrong. What was rebuilt then stands, since the traffic may be there.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl chaos kong
      The primary goes dark on the simulated cloud
  drctl chaos kong --region ap-northeast-1 --into ap-northeast-2 --mode lost-data
      All that stood there is lost for good
  drctl chaos kong --real
      For real: asks for the service's name
  drctl chaos kong --real --yes --expect-plan 4f1c2b3a5d6e --json
      From a timer; the digest is that of `drctl failover --dry-run`
  drctl chaos kong --light
      Only make the region light again, should drctl have been killed

In the runbook, for --real:
  kong {
    dark  = [\"./bin/region\", \"cut\", primary]
    light = [\"./bin/region\", \"mend\", primary]
  }

Exit codes: those of `failover`; 3 also when nobody noticed, or the region is still dark")]
pub(crate) struct Kong {
    /// The region that goes dark; the primary, if not given
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The region to fail over to; the one that the runbook names, if not given
    #[arg(long, value_name = "REGION")]
    into: Option<String>,

    /// The repository: a URL or a path
    #[arg(long, value_name = "URL|PATH", default_value = ".")]
    repo: String,

    /// The branch, tag or commit to recover from; what the origin's HEAD is, if not given
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,

    /// The runbook, from the root of the repository
    #[arg(long, value_name = "FILE", default_value = runbook::FILE_NAME)]
    runbook: PathBuf,

    /// The recovery time objective, such as 30m; wins over the runbook's
    #[arg(long, value_name = "DURATION")]
    rto: Option<Objective>,

    /// The terraform (or tofu) to run: a name or a path
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Ask no server for the repository: take the local mirror
    #[arg(long)]
    offline: bool,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    /// For real, by the runbook's `kong` block
    #[arg(long)]
    real: bool,

    /// Ask nothing; needs the digest of what was looked at
    #[arg(long, requires_all = ["real", "expect_plan"])]
    yes: bool,

    /// Go on only if the digest of the failover begins with this (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "yes")]
    expect_plan: Option<String>,

    /// Only run the program that makes the region light again
    #[arg(long, conflicts_with = "real")]
    light: bool,

    /// How the region looks from outside while it is dark
    #[arg(long, value_name = "MODE", default_value = "refused", conflicts_with = "real")]
    mode: Mode,

    #[command(flatten, next_help_heading = "The simulated cloud")]
    simulating: Simulating,
}

/// How a dark region looks from outside.
#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Mode {
    /// No address, or no connection
    Refused,
    /// Connections hang
    Hanging,
    /// Error 503
    #[value(name = "503")]
    Unavailable,
    /// It answers, but all that stood there is lost
    LostData,
}

impl From<Mode> for OutageMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Refused => Self::Refused,
            Mode::Hanging => Self::Hanging,
            Mode::Unavailable => Self::Unavailable,
            Mode::LostData => Self::LostData,
        }
    }
}

impl Kong {
    pub(crate) async fn unleash(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let stop = stop::listen_and_say(*ui)?;
        let survival = if self.real || self.light {
            self.simulating.unused()?;
            let Some(survival) = self.for_real(&home, &stop, ui).await? else {
                return Ok(Exit::Met);
            };
            survival
        } else {
            self.simulated(&home, &stop, ui).await?
        };
        ui.answer(&match self.json {
            true => survival.to_json().or_exit(Exit::Failed)?,
            false => survival.to_text(),
        });
        Ok(survival.exit())
    }

    /// What a failover is asked.
    fn which(&self, into: String, dark: String) -> Which {
        Which {
            reference: self.reference.clone(),
            primary: Some(dark),
            runbook: self.runbook.clone(),
            offline: self.offline,
            terraform: self.terraform.clone(),
            ..Which::of(self.repo.clone(), into)
        }
    }

    async fn simulated(&self, home: &Home, stop: &Stop, ui: &Ui) -> Result<Survival, CliError> {
        let mut cloud = self.simulating.read()?;
        cloud.primary_down = true;
        let (runbook, regions) = self.declared(home, stop, ui).await?;
        let asked = Asked {
            which: self.which(regions.into.clone(), regions.dark.clone()),
            rto: self.rto,
            rpo: None,
            outage_at: None,
            max_parallel: 8,
            grace: None,
            keep_work: false,
            write: Vec::new(),
        };
        let mode = self.mode.into();
        let (home, stop, ui) = (home.clone(), stop.clone(), *ui);
        on_the_simulated_cloud(Played { asked, runbook, regions, mode, cloud, home, stop, ui })
            .await
    }

    /// Reads the runbook at the commit that is meant.
    async fn declared(
        &self,
        home: &Home,
        stop: &Stop,
        ui: &Ui,
    ) -> Result<(runbook::Runbook, crate::cli::kong::Regions), CliError> {
        let scratch = tempfile::tempdir()
            .context("failed to make a temporary folder")
            .or_exit(Exit::Failed)?;
        let work = scratch.path().join("work");
        let which = self.which(String::new(), String::new());
        let (checkout, _) = crate::cli::prepared::fetch(&which, home, &work, stop, ui).await?;
        let name_it = "Name a file that is committed, from the root of the repository";
        let read = |region: Option<&str>| {
            crate::cli::prepared::read_runbook(&checkout.dir, &self.runbook, region, name_it)
        };
        let missing = || {
            CliError::new(
                Exit::Usage,
                anyhow!("there is no runbook, so nothing says what serves where"),
            )
            .hint("Write a `drctl.hcl`; `drctl rehearse` needs none")
        };
        let first = read(None)?.ok_or_else(missing)?;
        let regions = regions(Some(&first), self.region.as_deref(), self.into.as_deref())?;
        let runbook = read(Some(&regions.into))?.ok_or_else(missing)?;
        Ok((runbook, regions))
    }

    /// `None` when only the light was asked for.
    async fn for_real(
        &self,
        home: &Home,
        stop: &Stop,
        ui: &Ui,
    ) -> Result<Option<Survival>, CliError> {
        let (_, regions) = self.declared(home, stop, ui).await?;
        let which = self.which(regions.into.clone(), regions.dark.clone());
        let scratch = tempfile::tempdir()
            .context("failed to make a temporary folder")
            .or_exit(Exit::Failed)?;
        let work = scratch.path().join("work");
        let prepared = look(&which, Default::default(), home, &work, stop, ui).await?;
        let Some(kong) = &prepared.runbook.kong else {
            let error = anyhow!("the runbook does not say how {} is made dark", regions.dark);
            return Err(CliError::new(Exit::Usage, error)
                .hint("Write a `kong` block; see `drctl chaos kong --help`"));
        };
        let recovery = &prepared.assembled.recovery;
        let real = Real {
            which,
            rto: self.rto.map(|rto| rto.to_string()),
            regions,
            service: prepared.service.clone(),
            kong,
            known: recovery.known.clone(),
            programs: Programs { dir: &recovery.root, env: &recovery.env },
            home,
            stop,
            ui,
        };
        if self.light {
            return match real.make_light().await {
                true => Ok(None),
                false => {
                    Err(CliError::new(Exit::Failed, anyhow!("{} is still dark", real.regions.dark)))
                }
            };
        }
        prepared.refused()?;
        if self.expect_plan.is_none() {
            ui.say(&prepared.text());
            ui.say(&format!("{} will be made dark for it.\n", real.regions.dark));
        }
        let (ui_, service, digest) =
            (*ui, prepared.service.clone(), prepared.assembled.digest.clone());
        let (into, expected) = (real.regions.into.clone(), self.expect_plan.clone());
        let asking =
            spawn_blocking(move || confirm(&ui_, &service, &into, &digest, expected.as_deref()));
        asking.await.context("the question broke off").or_exit(Exit::Failed)??;
        in_earnest(real).await.map(Some)
    }
}
