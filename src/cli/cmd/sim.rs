//! `drctl sim`.

use crate::{
    cli::{
        error::{CliError, OrExit},
        exit::Exit,
        home::{Home, RunFolder},
        kept_cloud,
        ui::Ui,
    },
    sim::{Cloud, Filter, Health, Object},
};
use anyhow::{Context, anyhow};
use serde_json::json;
use std::{fmt::Write as _, fs};

/// Look at, break or destroy what a rehearsal left in its simulated cloud
///
/// A rehearsal leaves its cloud with `--keep`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl sim ls
  drctl sim ls --type aws_db_instance --region ap-northeast-2
  drctl sim break aws_db_instance.main
  drctl sim destroy")]
pub(crate) struct Sim {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// List what there is
    ///
    /// Examples:
    ///   drctl sim ls --type aws_vpc
    Ls {
        #[command(flatten)]
        of: Of,
        /// Only what is in this region
        #[arg(long, value_name = "REGION")]
        region: Option<String>,
        /// Only what is of this type; `*` at the end stands for anything
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Break one thing: it is there and does not serve
    Break {
        #[command(flatten)]
        of: Of,
        /// Its id, its name or its address
        what: String,
    },
    /// Destroy everything
    Destroy {
        #[command(flatten)]
        of: Of,
    },
}

#[derive(clap::Args, Debug)]
struct Of {
    /// The rehearsal: its name, the start of it, or `latest`
    #[arg(long, value_name = "RUN", default_value = "latest")]
    run: String,
}

impl Sim {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        match self.command {
            Command::Ls { of, region, kind, json } => {
                let (_, cloud) = open(&home, &of)?;
                let filter = Filter { region, kind, ..Filter::default() };
                let objects: Vec<&Object> = cloud.objects(&filter).collect();
                ui.answer(&if json { lines(&objects) } else { table(&objects) });
            }
            Command::Break { of, what } => {
                let (folder, mut cloud) = open(&home, &of)?;
                let key = one(&cloud, &what)?.key.clone();
                let now_ms = cloud.now_ms();
                cloud.break_object(now_ms, &key).or_exit(Exit::Failed)?;
                kept_cloud::save(&folder, &cloud)?;
                ui.answer(&format!("`{what}` is broken\n"));
            }
            Command::Destroy { of } => {
                let (folder, cloud) = open(&home, &of)?;
                let count = cloud.objects(&Filter::default()).count();
                fs::remove_file(folder.cloud())
                    .context("failed to destroy the simulated cloud")
                    .or_exit(Exit::Failed)?;
                ui.answer(&format!("{count} object(s) destroyed\n"));
            }
        }
        Ok(Exit::Met)
    }
}

fn open(home: &Home, of: &Of) -> Result<(RunFolder, Cloud), CliError> {
    let folder = home.run(&home.find_run(&of.run)?);
    let cloud = kept_cloud::load(&folder)?;
    Ok((folder, cloud))
}

fn one<'a>(cloud: &'a Cloud, what: &str) -> Result<&'a Object, CliError> {
    let found = cloud.find(what);
    match found[..] {
        [one] => Ok(one),
        [] => Err(CliError::new(Exit::Usage, anyhow!("there is no `{what}`"))
            .hint("See what there is with `drctl sim ls`")),
        [..] => {
            Err(CliError::new(Exit::Usage, anyhow!("{} things are called `{what}`", found.len()))
                .hint("Give the id of one of them"))
        }
    }
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Running => "running",
        Health::Broken => "broken",
        Health::Gone => "gone",
    }
}

fn lines(objects: &[&Object]) -> String {
    let mut text = String::new();
    for object in objects {
        let line = json!({
            "type": object.key.kind,
            "id": object.key.id,
            "region": object.key.place.region(),
            "name": object.name.as_ref().map(|name| &name.value),
            "health": word(object.health),
            "stack": object.made_by.stack,
            "address": object.made_by.address,
        });
        let _ = writeln!(text, "{line}");
    }
    text
}

fn table(objects: &[&Object]) -> String {
    let mut text = String::new();
    for object in objects {
        let region = object.key.place.region().unwrap_or("global");
        let stack = object.made_by.stack.as_deref().unwrap_or("-");
        let name = object.name.as_ref().map_or("", |name| name.value.as_str());
        let _ = writeln!(
            text,
            "{:<8} {region:<16} {stack:<12} {:<36} {} {name}",
            word(object.health),
            object.key.kind,
            object.key.id
        );
    }
    let _ = writeln!(text, "{} object(s)", objects.len());
    text
}
