//! `drctl chaos kong`.

use crate::{
    cli::{
        asked::{Asked, Which},
        confirm::confirm,
        earlier::refuse_beside,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        kong::{
            Played, Real, Regions, Survival, Switch, in_earnest, on_the_simulated_cloud, regions,
        },
        prepared::{fetch_alone, prepare, read_runbook},
        simulating::Simulating,
        stop,
        ui::Ui,
    },
    engine::Stop,
    model::time::{Objective, parse_duration},
    runbook::{self, Known, Runbook},
    sim::OutageMode,
};
use anyhow::{Context, anyhow};
use std::{path::PathBuf, time::Duration};
use tokio::task::spawn_blocking;

/// Make a whole region dark, and measure whether and how fast the service survives it
///
/// The region goes dark, the watch notices, the service is failed over and verified, the region
/// comes back, and the way back is planned: one report of all. On the simulated cloud, unless
/// `--real` is given: the service is built in the region first, and lost there. With `--real` the
/// programs of the runbook's `kong` block make the region dark and light again; light in any case,
/// whatever goes wrong. It begins only when every probe passes, and while nothing else watches the
/// service. What was rebuilt then stands, since the traffic may be there.
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
  drctl chaos kong --real --give-up 10m
      Light again after 10 minutes in which nobody noticed, or nothing was failed over
  drctl chaos kong --light
      Only make the region light again, should drctl have been killed

In the runbook, for --real:
  kong {
    dark  = [\"./bin/region\", \"cut\", primary]
    light = [\"./bin/region\", \"mend\", primary]
  }

The programs run in the root of the checkout, with DRCTL_REGION, DRCTL_PRIMARY and DRCTL_SERVICE in
their environment; each may take 5 minutes. `light` runs up to three times, also after `dark` failed.

Exit codes: those of `failover`; 3 also when nobody noticed, nothing was failed over, or the region
is still dark; 5 when it was stopped")]
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

    /// How long the region stays dark at most while nothing is failed over
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = parse_duration)]
    give_up: Duration,

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

/// What the runbook declares, at the commit that is meant.
struct Declared {
    runbook: Runbook,
    regions: Regions,
    /// Where it is checked out; it is removed at the end.
    checkout: PathBuf,
    _scratch: tempfile::TempDir,
}

impl Kong {
    pub(crate) async fn unleash(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let for_real = self.real || self.light;
        let stop = match for_real {
            true => stop::listen_in_the_dark(*ui)?,
            false => stop::listen_and_say(*ui)?,
        };
        if for_real {
            self.simulating.unused("outage", "Leave it out, or `--real` and `--light`")?;
        }
        if self.light {
            return self.light_again(&home, &stop, ui).await;
        }
        let survival = match for_real {
            true => self.for_real(&home, &stop, ui).await?,
            false => self.simulated(&home, &stop, ui).await?,
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

    fn asked(&self, regions: &Regions) -> Asked {
        Asked {
            which: self.which(regions.into.clone(), regions.dark.clone()),
            rto: self.rto,
            rpo: None,
            outage_at: None,
            max_parallel: 8,
            grace: None,
            keep_work: false,
            write: Vec::new(),
        }
    }

    async fn simulated(&self, home: &Home, stop: &Stop, ui: &Ui) -> Result<Survival, CliError> {
        let mut cloud = self.simulating.read()?;
        cloud.primary_down = true;
        let Declared { runbook, regions, .. } = self.declared(home, stop, ui).await?;
        let asked = self.asked(&regions);
        let (mode, give_up) = (self.mode.into(), self.give_up);
        let (home, stop, ui) = (home.clone(), stop.clone(), *ui);
        let played = Played { asked, runbook, regions, mode, give_up, cloud, home, stop, ui };
        on_the_simulated_cloud(played).await
    }

    /// Reads the runbook at the commit that is meant.
    async fn declared(&self, home: &Home, stop: &Stop, ui: &Ui) -> Result<Declared, CliError> {
        let scratch = scratch()?;
        let work = scratch.path().join("work");
        let which = self.which(String::new(), String::new());
        let checkout = fetch_alone(&which, home, &work, stop, ui).await?.dir;
        let name_it = "Name a file that is committed, from the root of the repository";
        let read = |region: Option<&str>| read_runbook(&checkout, &self.runbook, region, name_it);
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
        Ok(Declared { runbook, regions, checkout, _scratch: scratch })
    }

    /// Needs as little as it can: neither Terraform nor a failover that could be done.
    async fn light_again(&self, home: &Home, stop: &Stop, ui: &Ui) -> Result<Exit, CliError> {
        let declared = self.declared(home, stop, ui).await?;
        let Declared { runbook, regions, checkout, .. } = &declared;
        let known = Known {
            region: regions.into.clone(),
            primary: Some(regions.dark.clone()),
            service: runbook.service.name.clone(),
            ..Known::default()
        };
        let kong = kong_of(runbook, &regions.dark)?;
        let switch = Switch { region: &regions.dark, kong, known: &known, dir: checkout, ui };
        match switch.light().await {
            true => Ok(Exit::Met),
            false => Err(CliError::new(Exit::Failed, anyhow!("{} is still dark", regions.dark))),
        }
    }

    async fn for_real(&self, home: &Home, stop: &Stop, ui: &Ui) -> Result<Survival, CliError> {
        let Declared { regions, .. } = self.declared(home, stop, ui).await?;
        let asked = self.asked(&regions);
        let scratch = scratch()?;
        let work = scratch.path().join("work");
        let prepared = prepare(&asked, Default::default(), home, &work, stop, ui).await?;
        let kong = kong_of(&prepared.runbook, &regions.dark)?;
        prepared.refused()?;
        refuse_beside(home, None, &prepared.service, &regions.into)?;
        if self.expect_plan.is_none() {
            ui.say(&prepared.text());
            ui.say(&format!("{} will be made dark for it.\n", regions.dark));
        }
        let (ui_, service, digest) =
            (*ui, prepared.service.clone(), prepared.assembled.digest.clone());
        let (into, expected) = (regions.into.clone(), self.expect_plan.clone());
        let asking =
            spawn_blocking(move || confirm(&ui_, &service, &into, &digest, expected.as_deref()));
        asking.await.context("the question broke off").or_exit(Exit::Failed)??;
        let recovery = &prepared.assembled.recovery;
        // What was said yes to is what is done, whatever is committed meanwhile.
        let reference = Some(prepared.checkout.commit.clone());
        in_earnest(Real {
            which: Which { reference, ..asked.which },
            rto: self.rto.map(|rto| rto.to_string()),
            service: prepared.service.clone(),
            switch: Switch {
                region: &regions.dark,
                kong,
                known: &recovery.known,
                dir: &recovery.root,
                ui,
            },
            regions: regions.clone(),
            give_up: self.give_up,
            home,
            stop,
            ui,
        })
        .await
    }
}

fn scratch() -> Result<tempfile::TempDir, CliError> {
    tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)
}

fn kong_of<'a>(runbook: &'a Runbook, dark: &str) -> Result<&'a runbook::Kong, CliError> {
    runbook.kong.as_ref().ok_or_else(|| {
        CliError::new(Exit::Usage, anyhow!("the runbook does not say how {dark} is made dark"))
            .hint("Write a `kong` block; see `drctl chaos kong --help`")
    })
}
