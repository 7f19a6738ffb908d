//! `drctl forecast`.

use crate::{
    catalogue::Catalogue,
    cli::{
        error::CliError,
        exit::Exit,
        foreseen::{verified, with_caches},
        given_plans::{GivenPlan, read_plans},
        history::{self, Past},
        home::Home,
        judge::LazyJudge,
        outlook::{Outlook, Rest},
        prepared::{known_region, read_runbook},
        runtime::block_on,
        simulating::catalogue,
        ui::Ui,
        whereabouts::Whereabouts,
    },
    config::{
        module::ModuleError,
        repository::{RootKind, Survey},
    },
    forecast::{
        Forecast, Planned,
        calibration::Calibration,
        draws::{Asked, DRAWS},
        graph::Role,
    },
    lint::{self, Assumed, Options},
    model::{nearest, resource::without_keys, step::StepId, time::Objective},
    report::Style,
    runbook::{self, Runbook},
};
use anyhow::anyhow;
use std::{
    collections::BTreeMap,
    path::PathBuf,
    str::FromStr,
    sync::{Mutex, PoisonError},
};
use tokio::task::block_in_place;

/// Say how long a recovery would take, before anything is done
///
/// Draws many recoveries from the code alone: each resource takes a time of its
/// own, by public logs, documentation and the team's own runs, and waits for what
/// it needs and for a lane of Terraform. Nothing is asked of a cloud or a network.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl forecast
      In a checkout that has a runbook: how likely its RTO is met, and what decides that
  drctl forecast --rto 20m --without data:aws_db_instance.main
      What if the database were there already
  drctl forecast --plan network=network.json --plan cluster=cluster.json
      By what `terraform show -json` prints of plans, which see into every module
  drctl forecast --parallelism 30 --json
      With another `-parallelism`, as one document

Exit codes: 0 nine of ten draws meet the RTO, 1 fewer do, 2 bad usage, 6 no RTO
is known, or nothing can be forecast")]
pub(crate) struct ForecastCommand {
    /// The checkout to look at, or a folder of it
    #[arg(value_name = "PATH", default_value = ".")]
    path: PathBuf,

    /// The same as PATH
    #[arg(long, value_name = "PATH", conflicts_with = "path")]
    repo: Option<PathBuf>,

    /// The fallback region; what the runbook says, if not given
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The region that serves; what the runbook or each root module says, if not given
    #[arg(long, value_name = "REGION")]
    primary: Option<String>,

    /// The runbook, from the root of the repository
    #[arg(long, value_name = "FILE", default_value = runbook::FILE_NAME)]
    runbook: PathBuf,

    /// The recovery time objective, such as 30m; wins over the runbook's
    #[arg(long, value_name = "DURATION")]
    rto: Option<Objective>,

    /// How many recoveries to draw
    #[arg(long, value_name = "N", default_value_t = DRAWS, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    draws: u32,

    /// What the draws begin with; the same seed draws the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// A plan, as `terraform show -json` prints it: says exactly what is made (can be repeated)
    ///
    /// The name of the stack can be left out where there is only one.
    #[arg(long = "plan", value_name = "[STACK=]FILE")]
    plans: Vec<GivenPlan>,

    /// Take a resource, or all of a module, as there already (can be repeated)
    #[arg(long, value_name = "STACK:ADDRESS")]
    without: Vec<There>,

    /// How many resources Terraform works on at once in every stack; wins over the runbook's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    parallelism: Option<u16>,

    /// A catalogue of your own, over the built-in one
    #[arg(long, value_name = "FILE")]
    catalogue: Option<PathBuf>,

    /// The terraform (or tofu) that judges files that drctl does not understand
    #[arg(long, value_name = "PROGRAM", env = "DRCTL_TERRAFORM")]
    terraform: Option<String>,

    /// Print one JSON document on standard output
    #[arg(long)]
    json: bool,
}

/// What is there already: `STACK:ADDRESS`.
#[derive(Clone, Debug)]
struct There {
    stack: StepId,
    /// Without keys of instances: all of them are there.
    address: String,
}

impl FromStr for There {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((stack, address)) if !stack.is_empty() && !address.is_empty() => {
                Ok(Self { stack: StepId::new(stack), address: without_keys(address) })
            }
            _ => Err("write it as `STACK:ADDRESS`, such as `data:aws_db_instance.main`".to_owned()),
        }
    }
}

impl There {
    /// Whether a resource is meant, by itself or with its module.
    fn holds(&self, stack: &StepId, address: &str) -> bool {
        let rest = || address.strip_prefix(&self.address);
        self.stack == *stack && rest().is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl ForecastCommand {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        // Parsing asks Terraform about what it does not understand, and waits for it.
        block_on(async { block_in_place(|| self.forecast(ui)) })
    }

    fn forecast(&self, ui: &Ui) -> Result<Exit, CliError> {
        let place = Whereabouts::of(self.repo.as_ref().unwrap_or(&self.path))?;
        let which_file = "Name a file from the root of the repository";
        let runbook = read_runbook(&place.top, &self.runbook, self.region.as_deref(), which_file)?;
        self.known_regions(runbook.as_ref())?;
        let judge = LazyJudge::new(self.terraform.as_deref());
        let survey = Survey::read(&place.top, Some(&judge)).map_err(from_module)?;
        let service = runbook.as_ref().map(|runbook| runbook.service.name.clone());
        let past = self.past(service.as_deref().unwrap_or_default());
        let within = (!place.within.as_os_str().is_empty()).then_some(place.within.as_path());
        let options = Options {
            primary: self.primary.as_deref(),
            fallback: self.region.as_deref(),
            runbook: runbook.as_ref(),
            // Without one, what is not known to be applied is better than nothing.
            all: survey.roots().iter().all(|root| root.kind != RootKind::Live),
            within: within.filter(|_| runbook.is_none()),
            rto: self.rto,
            history: Some(&past.history),
            ..Options::default()
        };
        let stacks = lint::stacks(&survey, &options);
        let plans = read_plans(&self.plans, &stacks)?;
        let catalogue = catalogue(self.catalogue.as_ref())?;
        let assumed = Assumed {
            catalogue: catalogue.as_ref().unwrap_or(Catalogue::builtin()),
            lanes: self.parallelism.map(usize::from),
            plans: &plans,
        };
        let forecast = lint::forecast(&survey, &options, &assumed).map_err(from_module)?;
        let forecast = self.provided(forecast.ok_or_else(nothing)?)?;
        let rto = self.rto.or_else(|| runbook.as_ref()?.service.rto).map(Objective::get);
        let asked =
            Asked { draws: self.draws, seed: self.seed, rto, verified: verified(runbook.as_ref()) };
        let meter = Mutex::new(ui.meter());
        let prediction = forecast.predict_telling(&asked, &|done| {
            if let Ok(mut meter) = meter.lock() {
                meter.show(|| format!("Drawn {done} of {} recoveries", self.draws));
            }
        });
        meter.into_inner().unwrap_or_else(PoisonError::into_inner).clear();
        let region =
            self.region.clone().or_else(|| Some(runbook.as_ref()?.regions.first()?.name.clone()));
        let rest = Rest {
            calibration: self.calibration(service.as_deref().unwrap_or_default()),
            service,
            region,
            rto,
            runs: past.runs,
            creates: past.history.len(),
            without: self.without.iter().map(|t| format!("{}:{}", t.stack, t.address)).collect(),
            notes: notes(&survey, &plans, past.notes),
            lanes: self.parallelism.map(usize::from),
        };
        let prediction = with_caches(prediction, runbook.as_ref());
        let outlook = Outlook::new(&forecast, prediction, rest);
        ui.answer(&match self.json {
            true => outlook.to_json(),
            false => outlook.to_text(Style { color: ui.color_on_stdout(), ..Style::default() }),
        });
        Ok(outlook.exit())
    }

    fn known_regions(&self, runbook: Option<&Runbook>) -> Result<(), CliError> {
        if let Some(region) = &self.region {
            let declared = || runbook?.service.primary.as_deref();
            known_region(region, runbook, self.primary.as_deref().or_else(declared))?;
        }
        match &self.primary {
            Some(primary) => known_region(primary, runbook, None),
            None => Ok(()),
        }
    }

    /// Returns what earlier runs say; nothing where drctl has no folder.
    /// Returns how good earlier forecasts of the service were.
    fn calibration(&self, service: &str) -> Calibration {
        let records = Home::find().map(|home| history::of_service(home.root(), service));
        Calibration::of(&records.unwrap_or_default(), service)
    }

    fn past(&self, service: &str) -> Past {
        Home::find().map(|home| history::read(home.root(), service)).unwrap_or_default()
    }

    /// Takes what is there already out of the forecast.
    fn provided(&self, forecast: Forecast) -> Result<Forecast, CliError> {
        if self.without.is_empty() {
            return Ok(forecast);
        }
        let known: Vec<(StepId, String)> = forecast
            .graphs()
            .flat_map(|(stack, graph, _)| {
                let made = graph.nodes().iter();
                let made = made.filter(|node| matches!(node.role, Role::Resource { .. }));
                made.map(|node| (stack.clone(), node.address.clone())).collect::<Vec<_>>()
            })
            .collect();
        for there in &self.without {
            if known.iter().any(|(stack, address)| there.holds(stack, address)) {
                continue;
            }
            let named = format!("{}:{}", there.stack, there.address);
            let all: Vec<_> = known.iter().map(|(stack, at)| format!("{stack}:{at}")).collect();
            let error =
                anyhow!("there is no resource `{}` in the stack `{}`", there.address, there.stack);
            let hint = match nearest(&named, all.iter().map(String::as_str)) {
                Some(near) => format!("Did you mean `{near}`?"),
                None => "`drctl forecast --json` lists all under `forecast.resources`".to_owned(),
            };
            return Err(CliError::new(Exit::Usage, error).hint(hint));
        }
        Ok(forecast.provide(|stack, at| self.without.iter().any(|there| there.holds(stack, at))))
    }
}

fn from_module(error: ModuleError) -> CliError {
    CliError::hinted(Exit::Usage, error, ModuleError::hint)
}

fn nothing() -> CliError {
    CliError::new(
        Exit::Unproven,
        anyhow!("there is nothing to forecast: no stack makes a resource"),
    )
    .hint("Name a checkout whose live root modules, or whose runbook's stacks, make resources")
}

/// Says what the forecast does not see, and what could not be read.
fn notes(survey: &Survey<'_>, plans: &BTreeMap<StepId, Planned>, past: Vec<String>) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(first) = survey.unparsed().first() {
        notes.push(match survey.unparsed().len() {
            1 => format!("a file was not understood, and what it declares is missing: {}", first.place),
            n => format!("{n} files were not understood, and what they declare is missing; the first is at {}", first.place),
        });
    }
    for (stack, plan) in plans {
        let others: Vec<String> =
            plan.others.iter().map(|(action, number)| format!("{action} {number}")).collect();
        if !others.is_empty() {
            notes.push(format!(
                "the plan of {stack} would also {}: only what it makes is counted",
                others.join(" and ")
            ));
        }
    }
    notes.extend(past);
    notes
}
