//! `drctl prepare`.

use crate::{
    cli::{
        asked::Which,
        error::CliError,
        exit::Exit,
        home::Home,
        prepare::{
            Checked, UNIT, Wanted, check, checked_json, checked_text, every, made_json, made_text,
            make,
        },
        runtime::block_on,
        stop,
        ui::Ui,
    },
    model::time::parse_duration,
    runbook::is_platform,
};
use std::time::Duration;

/// Do before the outage all that can be done before it
///
/// Brings the mirror of the repository up to date, initialises every stack as a failover would, keeps
/// its modules and providers, held against the lock file, plans every stack whose inputs are all known
/// now and shows the plan to the gate, asks the fallback's registries for the images, and looks at the
/// programs and credentials of this machine. `drctl failover` with the same flags then starts from that:
/// without `init`, and without a plan where one is saved; with the origin, the registries and the primary
/// all out of reach, if it must be. Nothing is made in the fallback region.
///
/// What is prepared is kept in drctl's own folder, for its owner alone: saved plans hold secrets in clear.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl prepare --region ap-northeast-2
      In a checkout that has a runbook
  drctl prepare --region ap-northeast-2 --check
      How old it is, and what made it stale, a line a reason
  drctl prepare --region ap-northeast-2 --if-stale
      In cron or CI: does nothing while what is prepared is fresh
  drctl prepare --region ap-northeast-2 --every 6h
      Again and again; `drctl prepare --unit` prints a service and a timer for systemd
  drctl failover --region ap-northeast-2 --prepared only --offline
      From nothing but what was prepared

Exit codes: 0 all that can be is prepared, or it is fresh; 1 something could not be prepared, or it is
stale; 2 bad usage, 3 it could not be done and what was prepared before stays, 4 a stack cannot be moved,
5 interrupted")]
pub(crate) struct Prepare {
    #[command(flatten)]
    which: Option<Which>,

    /// Say how old what is prepared is, and what made it stale; prepare nothing
    #[arg(long, conflicts_with_all = ["if_stale", "every", "copy"])]
    check: bool,

    /// With `--check`, plan again what is planned, to see what has drifted
    #[arg(long, requires = "check")]
    refresh: bool,

    /// Prepare only if what is prepared is stale, or nothing is
    #[arg(long, conflicts_with = "every")]
    if_stale: bool,

    /// Prepare again and again, with this much time in between, until stopped
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    every: Option<Duration>,

    /// How old it may be, such as 24h; wins over the runbook's
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    max_age: Option<Duration>,

    /// Keep providers for another platform, too, such as linux_arm64 (can be repeated)
    #[arg(long, value_name = "OS_ARCH", value_parser = platform)]
    platform: Vec<String>,

    /// Copy images that are missing in the fallback from their names in the repository
    #[arg(long)]
    copy: bool,

    /// Print a service and a timer for systemd, and prepare nothing
    #[arg(long, exclusive = true)]
    unit: bool,

    /// How many stacks to work on at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    max_parallel: u16,
}

fn platform(text: &str) -> Result<String, String> {
    if is_platform(text) {
        Ok(text.to_owned())
    } else {
        Err("write it as `linux_arm64`".to_owned())
    }
}

impl Prepare {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        match self.which.clone() {
            Some(which) if !self.unit => block_on(self.prepare(which, ui)),
            _ => {
                ui.answer(UNIT);
                Ok(Exit::Met)
            }
        }
    }

    async fn prepare(self, which: Which, ui: &Ui) -> Result<Exit, CliError> {
        let json = which.json;
        let home = Home::find()?;
        let stop = stop::listen_only()?;
        if self.check {
            let (max_age, refresh) = (self.max_age, self.refresh);
            let checked = check(&which, max_age, refresh, &home, &stop, ui).await?;
            say(&checked, json, ui);
            return Ok(if checked.is_fresh() { Exit::Met } else { Exit::No });
        }
        if self.if_stale {
            let stands = check(&which, self.max_age, false, &home, &stop, ui).await;
            if let Ok(checked) = stands
                && checked.is_fresh()
            {
                say(&checked, json, ui);
                return Ok(Exit::Met);
            }
        }
        let wanted = Wanted {
            which,
            copy: self.copy,
            platforms: self.platform,
            max_age: self.max_age,
            max_parallel: usize::from(self.max_parallel),
        };
        if let Some(period) = self.every {
            return every(period, &wanted, &home, &stop, ui).await;
        }
        let (bundle, dir) = make(&wanted, &home, &stop, ui).await?;
        ui.answer(&match json {
            true => format!("{:#}\n", made_json(&bundle, &dir)),
            false => made_text(&bundle, &dir),
        });
        Ok(if bundle.is_whole() { Exit::Met } else { Exit::No })
    }
}

/// Says how what is prepared stands.
fn say(checked: &Checked, json: bool, ui: &Ui) {
    ui.answer(&match json {
        true => format!("{:#}\n", checked_json(checked)),
        false => checked_text(checked),
    });
}
