//! What the runbook says may be killed, and what draws begin with.

use crate::{
    chaos::{Docker, Fleet, FleetError, Kubernetes, kills::path_in},
    cli::{
        chaos::real::{CloudFile, Program},
        cmd::chaos::Monkey,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        prepared::read_runbook,
        whereabouts::Whereabouts,
    },
    engine::program_env,
    model::nearest,
    runbook::{ChaosGroup, Known, Runbook, Target, strings},
};
use anyhow::{Context, anyhow};
use serde_json::Map;
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::PathBuf,
};

/// What is declared, read once.
pub(super) struct Declared {
    pub(super) runbook: Runbook,
    pub(super) known: Known,
    /// The root of the checkout.
    pub(super) top: PathBuf,
    pub(super) home: Home,
    pub(super) seed: u64,
}

impl Declared {
    pub(super) fn read(asked: &Monkey) -> Result<Self, CliError> {
        let home = Home::find()?;
        let top = Whereabouts::of(&asked.repo)?.top;
        let read = |region: &str| {
            let which = "Name the runbook with `--runbook`, from the root of the repository";
            read_runbook(&top, &asked.runbook, Some(region), which)?.ok_or_else(|| {
                let error = anyhow!("there is no runbook in `{}`", top.display());
                CliError::new(Exit::Usage, error)
                    .hint("Name the checkout of the service with `--repo`")
            })
        };
        let primary = read("")?.service.primary;
        let region = asked.region.clone().or_else(|| primary.clone()).unwrap_or_default();
        let runbook = read(&region)?;
        if runbook.chaos.is_empty() {
            let error = anyhow!("the runbook declares nothing that may be killed");
            return Err(CliError::new(Exit::Usage, error).hint(
                "Declare a group, such as `chaos \"docker\" \"web\" { label = \"app=web\" }`",
            ));
        }
        let service = runbook.service.name.clone();
        let known = Known { region, primary, service, outputs: Map::new(), fallback: None };
        let seed = match asked.seed {
            Some(seed) => seed,
            None => kept_seed(&home)
                .context("failed to keep the seed of the draws")
                .or_exit(Exit::Failed)?,
        };
        Ok(Self { runbook, known, top, home, seed })
    }

    /// Returns the groups of these names, or all.
    pub(super) fn groups(&self, names: &[String]) -> Result<Vec<&ChaosGroup>, CliError> {
        let all = || self.runbook.chaos.iter();
        if names.is_empty() {
            return Ok(all().collect());
        }
        let find = |name: &String| {
            all().find(|group| group.name == *name).ok_or_else(|| {
                let known = || all().map(|group| group.name.as_str());
                let hint = match nearest(name, known()) {
                    Some(meant) => format!("Did you mean `{meant}`?"),
                    None => format!("There are `{}`", known().collect::<Vec<_>>().join("`, `")),
                };
                CliError::new(Exit::Usage, anyhow!("the runbook declares no group `{name}`"))
                    .hint(hint)
            })
        };
        let mut found = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|group| seen.insert(&group.name));
        Ok(found)
    }

    /// Returns the group as it really is.
    pub(super) fn fleet(&self, group: &ChaosGroup) -> Result<Box<dyn Fleet>, FleetError> {
        Ok(match &group.target {
            Target::Docker { label, context } => Box::new(Docker::new(label, context.as_deref())?),
            Target::Kubernetes { label, namespace, context } => {
                Box::new(Kubernetes::new(label, namespace.as_deref(), context.as_deref())?)
            }
            Target::Aws { tag, region } => Box::new(crate::chaos::Aws::new(tag, region)?),
            Target::Simulated { address } => {
                let kept = CloudFile::newest(&self.home)?;
                Box::new(crate::chaos::Simulated::new(Box::new(kept), address)?)
            }
        })
    }

    /// Returns the program that makes a group whole, where there is one.
    pub(super) fn reapply(&self, group: &ChaosGroup) -> Result<Option<Program>, CliError> {
        let Some(expr) = &group.reapply else { return Ok(None) };
        let argv = strings(&self.known, expr)
            .map_err(|mistake| anyhow!("`reapply` of `{}` cannot be used: {mistake}", group.name))
            .or_exit(Exit::Usage)?;
        let logs = self.home.root().join("chaos").join("logs");
        let mut env = program_env(&self.known);
        env.insert("DRCTL_GROUP".to_owned(), group.name.clone());
        Ok(Some(Program { argv, dir: self.top.clone(), env, logs, group: group.name.clone() }))
    }
}

/// Reads the seed that was drawn for this machine, or draws it now: the plan is to be the same all
/// day long, and another machine's is another.
fn kept_seed(home: &Home) -> io::Result<u64> {
    let path = path_in(home.root()).with_file_name("seed");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
            // 53 bits are what every reader of JSON holds exactly.
            let seed = u64::from_be_bytes(bytes) >> 11;
            if let Some(folder) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            match file.and_then(|mut file| writeln!(file, "{seed}")) {
                Ok(()) => Ok(seed),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    fs::read_to_string(&path)?.trim().parse().map_err(io::Error::other)
                }
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}
