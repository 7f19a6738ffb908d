//! `drctl drill`.

use crate::{
    cli::{
        asked::Asked,
        drill::{self, Terms},
        error::CliError,
        exit::Exit,
        home::Home,
        recover::{self, Attempt},
        runtime::block_on,
        simulating::Simulating,
        stop,
        ui::Ui,
        way::Way,
    },
    model::time::parse_duration,
};
use clap::{ArgMatches, Args, Command, FromArgMatches};
use jiff::Timestamp;
use std::time::Duration;

/// Hold a drill, or sweep up after one.
#[derive(Debug)]
pub(crate) enum Drill {
    Hold(Box<Hold>),
    Sweep { run: Option<String>, terraform: Option<String>, offline: bool },
}

/// Rebuild the service in another region, for real, and tear it down again
///
/// The whole of `failover`, on the real cloud or with `--simulated` on the simulated
/// one, and then everything that it made is removed: after success, a failed step,
/// a refused plan, a signal, or a limit. No traffic is moved: cutover steps are left
/// out, and only probes whose address depends on what was rebuilt (`region`,
/// `stack.NAME.outputs`) are asked. Names that would get a suffix get one of their
/// own in every drill. What a killed drctl left is removed by `--sweep`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl drill --region ap-northeast-2
      Asks for the service's name, rebuilds, verifies, tears down, and says what it took
  drctl drill --region ap-northeast-2 --yes --max-time 1h --max-cost 5 --write junit=drill.xml
      From cron or CI: asks nobody, and ends after an hour or when it has cost 5 dollars
  drctl drill --region ap-northeast-2 --simulated
      On the simulated cloud: no account, no cost
  drctl drill --sweep
      Removes what drills left that were killed, or could not remove all; from cron, too
  drctl drill --sweep 20260314-02
      After one drill alone
  drctl runs --kind drill && drctl trend --kind drill
      How they went

In the runbook:
  drill {
    max_time = \"1h\"
    max_cost = 5
    hourly   = { aws_instance = 0.05 }
    blocked \"sale\" {
      from  = \"2026-11-26T00:00:00Z\"
      until = \"2026-12-01T00:00:00Z\"
    }
  }

The cost limit is a time limit: the cost over the list prices of an hour of all that
the forecast knows of. Both count from the declaration to the begin of the teardown.

Exit codes: those of `failover`; 3 also when something could not be removed, 4 also
when a drill may not begin now. With --sweep: 0 nothing is left, 3 something could not
be removed, 4 another drill is on, 5 interrupted, 6 something may be left of which no
state knows")]
pub(crate) struct Hold {
    #[command(flatten)]
    asked: Asked,

    /// Show what would be done, and do nothing
    #[arg(long, conflicts_with = "write")]
    dry_run: bool,

    /// Ask nothing
    #[arg(long)]
    yes: bool,

    /// Go on only if the plan's digest begins with this (12 digits at least)
    #[arg(long, value_name = "DIGEST", requires = "yes")]
    expect_plan: Option<String>,

    /// Go on though an earlier run left, or may have left, resources of the service in the region
    #[arg(long)]
    again: bool,

    /// Begin also in a window in which the runbook blocks drills
    #[arg(long)]
    ignore_blocked: bool,

    /// End it so long after its declaration, and tear it down; wins over the runbook's
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_time: Option<Duration>,

    /// End it when it has cost so much, by list prices in US dollars; wins over the runbook's
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    max_cost: Option<f64>,

    /// On the simulated cloud: nothing real is made, and nobody is asked
    #[arg(long)]
    simulated: bool,

    #[command(flatten, next_help_heading = "With --simulated")]
    simulating: Simulating,
}

/// What is there only without the others.
#[derive(clap::Args, Debug)]
struct Sweeping {
    /// Remove what drills left, of all or of RUN: its name, the start of it, or `latest`
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "", help_heading = "Sweeping up")]
    sweep: Option<String>,
}

impl FromArgMatches for Drill {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match Sweeping::from_arg_matches(matches)?.sweep {
            None => Ok(Self::Hold(Box::new(Hold::from_arg_matches(matches)?))),
            Some(run) => Ok(Self::Sweep {
                run: Some(run).filter(|run| !run.is_empty()),
                terraform: matches.get_one::<String>("terraform").cloned(),
                offline: matches.get_flag("offline"),
            }),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Drill {
    fn augment_args(command: Command) -> Command {
        // What says how a drill is held says nothing of a sweep.
        const HOLDING: [&str; 9] = [
            "region",
            "dry_run",
            "yes",
            "again",
            "simulated",
            "max_time",
            "max_cost",
            "write",
            "ignore_blocked",
        ];
        Hold::augment_args(Sweeping::augment_args(command))
            .mut_arg("region", |region| region.required(false).required_unless_present("sweep"))
            .mut_arg("sweep", |sweep| sweep.conflicts_with_all(HOLDING))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl Drill {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        match self {
            Self::Hold(hold) => block_on(hold.hold(ui)),
            Self::Sweep { run, terraform, offline } => block_on(async {
                let asked = drill::Sweeping {
                    run: run.as_deref(),
                    terraform: terraform.as_deref(),
                    offline,
                };
                drill::sweep(&asked, &Home::find()?, &stop::listen_and_say(*ui)?, ui).await
            }),
        }
    }
}

impl Hold {
    async fn hold(self, ui: &Ui) -> Result<Exit, CliError> {
        let began_at = Timestamp::now();
        self.asked.check_outage(began_at)?;
        self.asked.check_outputs()?;
        let home = Home::find()?;
        if self.dry_run {
            return recover::show(&self.asked, None, &home, ui).await;
        }
        let simulated = match self.simulated {
            true => Some(self.simulating.read()?),
            false => {
                self.simulating.unused("drill", "Add `--simulated`, or leave it out")?;
                None
            }
        };
        let terms = Terms {
            simulated,
            yes: self.yes,
            expected: self.expect_plan,
            again: self.again,
            ignore_blocked: self.ignore_blocked,
            max_time: self.max_time,
            max_cost: self.max_cost,
        };
        let attempt = Attempt {
            asked: &self.asked,
            began_at,
            way: &Way::Drill(Box::new(terms)),
            folder: &home.new_run(began_at)?,
            home: &home,
            stop: &stop::listen_in_a_drill(*ui)?,
            ui,
            quiet: false,
        };
        attempt.recover().await
    }
}

fn amount(text: &str) -> Result<f64, String> {
    let amount = text.trim().parse::<f64>().ok().filter(|amount| amount.is_finite());
    amount
        .filter(|amount| *amount > 0.0)
        .ok_or_else(|| "it is no amount such as `5` or `2.50`".to_owned())
}
