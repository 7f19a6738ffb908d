//! What every command that runs on the simulated cloud is asked about it.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    way::Simulated,
};
use crate::{catalogue::Catalogue, sim::Scenario};
use anyhow::{Context, anyhow};
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fs, path::PathBuf};

/// How many times faster than the real cloud, if nothing else is asked for.
const TIME_SCALE: u32 = 100;
/// What the draws begin with, if nothing else is asked for.
const SEED: u64 = 1;

/// What the simulated cloud is like.
#[derive(clap::Args, Debug)]
pub(super) struct Simulating {
    /// How many times faster than the real cloud; every time of the report is multiplied back [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    time_scale: Option<u32>,

    /// What the draws of latencies and faults begin with; the same seed draws the same [default: 1]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

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
}

impl Simulating {
    /// Reads what the flags name; nothing that was made is kept, and nothing planned twice.
    ///
    /// # Errors
    ///
    /// For the first file that cannot be used.
    pub(super) fn read(&self) -> Result<Simulated, CliError> {
        Ok(Simulated {
            scenario: scenario(self.scenario.as_deref())?,
            primary_down: !self.primary_up,
            time_scale: self.time_scale.unwrap_or(TIME_SCALE),
            seed: self.seed.unwrap_or(SEED),
            values: values(self.values.as_ref())?,
            catalogue: catalogue(self.catalogue.as_ref())?,
            states: states(&self.states)?,
            modules: self.modules.clone(),
            ..Simulated::plain(TIME_SCALE, SEED)
        })
    }

    /// Refuses what says something of a simulated cloud where there is none.
    ///
    /// # Errors
    ///
    /// For the first such flag.
    pub(super) fn unused(&self, what: &str, instead: &str) -> Result<(), CliError> {
        let given = [
            ("--time-scale", self.time_scale.is_some()),
            ("--seed", self.seed.is_some()),
            ("--scenario", self.scenario.is_some()),
            ("--primary-up", self.primary_up),
            ("--values", self.values.is_some()),
            ("--state", !self.states.is_empty()),
            ("--catalogue", self.catalogue.is_some()),
            ("--modules", self.modules.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((flag, _)) => {
                let error = anyhow!(
                    "`{flag}` is for the simulated cloud, and this {what} is on the real one"
                );
                Err(CliError::new(Exit::Usage, error).hint(instead))
            }
        }
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
pub(super) fn catalogue(file: Option<&PathBuf>) -> Result<Option<Catalogue>, CliError> {
    let Some(file) = file else { return Ok(None) };
    let cannot = || format!("the catalogue `{}` cannot be used", file.display());
    let text = fs::read_to_string(file).with_context(cannot).or_exit(Exit::Usage)?;
    Catalogue::with(&text).map(Some).map_err(|error| {
        let hint = error.hint();
        CliError::new(Exit::Usage, anyhow::Error::new(error).context(cannot())).hints(hint)
    })
}
