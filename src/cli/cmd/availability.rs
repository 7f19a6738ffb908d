//! `drctl availability`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        kept::{History, from_store},
        prepared::read_runbook,
        ui::Ui,
    },
    model::{
        outage::{EnteredOutage, Interval},
        percentage::Percentage,
        time::parse_duration,
    },
    report::{
        Style,
        availability::{self, Known, Verdict},
    },
    runbook::{self, Runbook},
    source,
    store::{Query, Store},
};
use anyhow::anyhow;
use jiff::{SignedDuration, Timestamp};
use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
    time::Duration,
};

/// Say how much of the time a service was up, against its objective
///
/// Counted are real failovers, from the start of the outage until the service was
/// back, and outages that were entered with `--add`. Rehearsals are shown beside
/// them, and are no outages. What is not known is said, and never counted as up
/// without a word.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl availability
      In a checkout with a runbook, which names the service and its objective
  drctl availability --service shop --objective 99.95% --window 30d
  drctl availability --service shop --add 2026-03-14T02:55:07Z/2026-03-14T03:40:00Z --note 'a broken deploy'
      Enter an outage that no run of drctl has seen; times carry an offset, `Z` is UTC
  drctl availability --window 31d --until 2026-04-01T00:00:00Z --json | jq .budget
      The month of March

In the runbook: service \"shop\" { availability = \"99.95%\" }

Exit codes: 0 the error budget is not spent, 1 it is, 2 bad usage,
3 the history cannot be read or written, 6 nobody can say: there is no objective,
no history, or an outage that may still last")]
pub(crate) struct Availability {
    /// The service; the one of the runbook, or the only one that there is, if not given
    #[arg(long, value_name = "NAME")]
    service: Option<String>,

    /// How much time to look at
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = parse_duration)]
    window: Duration,

    /// Until when; now, if not given
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,

    /// The share of time in which it is promised to be up; wins over the runbook's
    #[arg(long, value_name = "PERCENTAGE")]
    objective: Option<Percentage>,

    /// Enter an outage: when it began, and when it was over
    #[arg(long, value_name = "BEGAN/ENDED")]
    add: Option<Interval>,

    /// What to remember of that outage
    #[arg(long, value_name = "TEXT", requires = "add")]
    note: Option<String>,

    /// Take back an outage that was entered by mistake
    #[arg(long, value_name = "BEGAN/ENDED", conflicts_with = "add")]
    remove: Option<Interval>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Availability {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let checkout = Checkout::default();
        let service = self.service(&home, &checkout)?;
        self.enter(&home, &service, ui)?;
        self.take_back(&home, &service, ui)?;
        let objective = self.objective(&service, &checkout)?;
        let window = self.window()?;

        let history = History::open(&home)?;
        history.say_notes(ui);
        history.say_unreadable(ui);
        let query = Query { service: Some(service.clone()), ..Query::default() };
        let records = history.store.query(&query).map_err(from_store)?;
        let entered = history.store.outages(Some(&service)).map_err(from_store)?;
        let known = Known { service: &service, records: &records, entered: &entered };
        let availability = availability::Availability::of(known, window, objective);
        ui.answer(&match self.json {
            true => availability.to_json().or_exit(Exit::Failed)?,
            false => {
                availability.to_text(Style { color: ui.color_on_stdout(), ..Style::default() })
            }
        });
        if objective.is_none() {
            ui.say("Give `--objective 99.95%`, or write `availability = \"99.95%\"` into the runbook's `service` block\n");
        }
        Ok(match availability.verdict {
            Verdict::Kept => Exit::Met,
            Verdict::Spent => Exit::No,
            Verdict::Unknown => Exit::Unproven,
        })
    }

    /// Returns the service that is asked about.
    fn service(&self, home: &Home, checkout: &Checkout) -> Result<String, CliError> {
        if let Some(service) = &self.service {
            return Ok(service.clone());
        }
        if let Some(runbook) = checkout.runbook()? {
            return Ok(runbook.service.name.clone());
        }
        let services = History::open(home)?.store.services().map_err(from_store)?;
        let error = match services.as_slice() {
            [service] => return Ok(service.clone()),
            [] => anyhow!("there is no service in the history yet, and no runbook here"),
            several => anyhow!("there is more than one service: `{}`", several.join("`, `")),
        };
        Err(CliError::new(Exit::Usage, error).hint("Name one with `--service`"))
    }

    fn objective(
        &self,
        service: &str,
        checkout: &Checkout,
    ) -> Result<Option<Percentage>, CliError> {
        if self.objective.is_some() {
            return Ok(self.objective);
        }
        let runbook = checkout.runbook()?.as_ref().map(|runbook| &runbook.service);
        Ok(runbook.filter(|s| s.name == service).and_then(|s| s.availability))
    }

    /// Keeps the outage that is to be entered.
    fn enter(&self, home: &Home, service: &str, ui: &Ui) -> Result<(), CliError> {
        let Some(interval) = self.add else { return Ok(()) };
        if interval.ended_at > Timestamp::now() {
            let error = anyhow!("the outage ends in the future, at {}", interval.ended_at);
            return Err(CliError::new(Exit::Usage, error).hint("Enter it once it is over"));
        }
        let outage =
            EnteredOutage { service: service.to_owned(), interval, note: self.note.clone() };
        let mut store = Store::open(&home.history()).map_err(from_store)?;
        let added = store.add_outage(&outage).map_err(from_store)?;
        let word = if added { "is entered" } else { "was entered before" };
        ui.say(&format!("the outage of {service} {word}\n"));
        Ok(())
    }

    /// Forgets the outage that was entered by mistake.
    fn take_back(&self, home: &Home, service: &str, ui: &Ui) -> Result<(), CliError> {
        let Some(interval) = self.remove else { return Ok(()) };
        let mut store = Store::open(&home.history()).map_err(from_store)?;
        if store.remove_outage(service, interval).map_err(from_store)? {
            ui.say(&format!("the outage of {service} is removed\n"));
            return Ok(());
        }
        let error = anyhow!("no such outage of {service} was entered");
        Err(CliError::new(Exit::Usage, error)
            .hint("Give both times as `drctl availability --json` shows them, under `entered`"))
    }

    fn window(&self) -> Result<Interval, CliError> {
        let ended_at = self.until.unwrap_or_else(Timestamp::now);
        let began_at =
            SignedDuration::try_from(self.window).ok().and_then(|w| ended_at.checked_sub(w).ok());
        let Some(began_at) = began_at else {
            let error = anyhow!("the window begins before time does");
            return Err(CliError::new(Exit::Usage, error).hint("Give a shorter `--window`"));
        };
        Ok(Interval { began_at, ended_at })
    }
}

/// The runbook of the checkout that the command runs in, read when it is needed.
#[derive(Default)]
struct Checkout {
    runbook: OnceCell<Option<Runbook>>,
}

impl Checkout {
    fn runbook(&self) -> Result<&Option<Runbook>, CliError> {
        if let Some(runbook) = self.runbook.get() {
            return Ok(runbook);
        }
        let top = source::toplevel(Path::new(".")).unwrap_or_else(|| PathBuf::from("."));
        let which_file = "Run it in the checkout of the service";
        let runbook = read_runbook(&top, Path::new(runbook::FILE_NAME), None, which_file)?;
        Ok(self.runbook.get_or_init(|| runbook))
    }
}
