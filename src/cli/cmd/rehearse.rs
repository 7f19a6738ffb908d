//! `drctl rehearse`.

use crate::{
    catalogue::Catalogue,
    cli::{
        asked::Asked,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        recover::Attempt,
        repository_tests,
        runtime::block_on,
        stop,
        ui::Ui,
        way::{Simulated, Way},
    },
    sim::Scenario,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// Rebuild the service on a simulated cloud: no account, no provider, no cost
///
/// The whole of `failover` with the real terraform, against providers that drctl
/// plays itself. Their schemas are inferred from the repository's own code, their
/// latencies come from the catalogue, and so does the forecast that is said first.
/// The primary region is down. Nothing is asked, nothing real is made, and no
/// program of the repository is run.
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
  drctl rehearse --region ap-northeast-2 --tests
      The tests that the repository brings along, offline")]
pub(crate) struct Rehearse {
    #[command(flatten)]
    asked: Asked,

    /// How many times faster than the real cloud; every time of the report is multiplied back
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    time_scale: u32,

    /// What the draws of latencies and faults begin with; the same seed draws the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// What goes wrong besides: a named scenario, or a file of JSON
    #[arg(long, value_name = "NAME|FILE")]
    scenario: Option<String>,

    /// Leave the primary region up
    #[arg(long)]
    primary_up: bool,

    /// Values that the catalogue cannot know: a file of JSON, {"aws_vpc": {"cidr_block": "10.0.0.0/16"}}
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,

    /// A copy of the primary's state of a stack, as `terraform state pull` prints it (can be repeated)
    ///
    /// Values come from there before they are made up. It is only read.
    #[arg(long = "state", value_name = "STACK=FILE")]
    states: Vec<String>,

    /// A catalogue of your own, over the built-in one
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,

    /// Take registry modules from this folder, and from nowhere else
    #[arg(long, value_name = "FOLDER")]
    modules: Option<PathBuf>,

    /// Run the repository's own tests (`terraform test`) instead, in every module that has some
    ///
    /// Exits with 1 when one fails. No runbook is read, and no region is down unless a scenario
    /// says so.
    #[arg(long, conflicts_with_all = ["keep", "states", "stack", "runbook", "rto", "rpo", "outage_at", "write"])]
    tests: bool,

    /// Do not plan what is up once more
    #[arg(long)]
    no_second_plan: bool,

    /// Leave what was made in the simulated cloud, for `drctl sim`
    #[arg(long)]
    keep: bool,
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
            scenario: scenario(self.scenario.as_deref())?,
            primary_down: !self.primary_up,
            time_scale: self.time_scale,
            seed: self.seed,
            values: values(self.values.as_ref())?,
            catalogue: catalogue(self.catalogue.as_ref())?,
            states: states(&self.states)?,
            modules: self.modules,
            second_plan: !self.no_second_plan,
            keep: self.keep,
        };
        let stop = stop::listen_and_say(*ui)?;
        if self.tests {
            return repository_tests::run(&self.asked, &simulated, &home, &stop, ui).await;
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

/// Reads a scenario by its name, or from a file.
fn scenario(word: Option<&str>) -> Result<Scenario, CliError> {
    let Some(word) = word else { return Ok(Scenario::default()) };
    if let Ok(named) = Scenario::named(word) {
        return Ok(named);
    }
    match fs::read_to_string(word) {
        Ok(text) => Scenario::from_json(&text)
            .with_context(|| format!("the scenario `{word}` cannot be used"))
            .or_exit(Exit::Usage),
        Err(_) => Scenario::named(word).or_exit(Exit::Usage).map_err(|error| {
            error.hint("Name one of these, or a file that holds a scenario as JSON")
        }),
    }
}

fn values(file: Option<&PathBuf>) -> Result<Map<String, Value>, CliError> {
    let Some(file) = file else { return Ok(Map::new()) };
    let cannot = || format!("the values in `{}` cannot be used", file.display());
    let text = fs::read_to_string(file).with_context(cannot).or_exit(Exit::Usage)?;
    serde_json::from_str(&text).with_context(cannot).or_exit(Exit::Usage)
}

fn states(given: &[String]) -> Result<BTreeMap<String, Vec<u8>>, CliError> {
    let read = |given: &String| {
        let (stack, file) = given.split_once('=').ok_or_else(|| {
            CliError::new(Exit::Usage, anyhow!("`{given}` does not say which stack's state it is"))
                .hint("Write `--state STACK=FILE`")
        })?;
        let text = fs::read(file)
            .with_context(|| format!("failed to read the state `{file}`"))
            .or_exit(Exit::Usage)?;
        Ok((stack.to_owned(), text))
    };
    given.iter().map(read).collect()
}

/// Reads the built-in catalogue with a file of the user's over it; `None` without a file.
pub(crate) fn catalogue(file: Option<&PathBuf>) -> Result<Option<Catalogue>, CliError> {
    let Some(file) = file else { return Ok(None) };
    let cannot = || format!("the catalogue `{}` cannot be used", file.display());
    let text = fs::read_to_string(file).with_context(cannot).or_exit(Exit::Usage)?;
    Catalogue::with(&text).map(Some).map_err(|error| {
        let hint = error.hint();
        CliError::new(Exit::Usage, anyhow::Error::new(error).context(cannot())).hints(hint)
    })
}
