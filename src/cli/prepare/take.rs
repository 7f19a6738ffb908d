//! A failover that starts from a bundle.

use super::{
    bundle::{Bundle, StackMade},
    files, freshness, providers,
    shelf::{Held, Shelf},
};
use crate::{
    cli::{
        asked::Asked,
        error::{CliError, OrExit},
        exit::Exit,
        home::{Home, RunFolder},
        prepared::{self, Keeping, decide, detect, fetch_within, with_objectives},
        ui::Ui,
    },
    engine::{Beforehand, Recovery, Run, SavedPlan, Stop, Work, forget_the_primary},
    model::{event::EventKind, step::StepId, time::Pretty},
    source::{Checkout, FetchedFrom},
    terraform::Detected,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long the origin may keep silent before a run starts from a bundle without it.
const ORIGIN: Duration = Duration::from_secs(3);

/// Whether a failover starts from what was prepared.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) enum Prepared {
    /// Where it is fresh and nothing speaks against it
    #[default]
    Auto,
    /// From nothing else, also where it is old or the origin has moved on
    Only,
    /// Never
    Ignore,
}

/// How a failover starts.
pub(in crate::cli) struct Start<'a> {
    pub(in crate::cli) asked: &'a Asked,
    pub(in crate::cli) prepared: Prepared,
    /// True to go on from what an earlier run left: then no saved plan fits.
    pub(in crate::cli) again: bool,
    pub(in crate::cli) home: &'a Home,
    pub(in crate::cli) work: &'a Path,
    pub(in crate::cli) stop: &'a Stop,
    pub(in crate::cli) ui: &'a Ui,
}

/// A bundle that a run starts from. It is held until the run is over.
pub(in crate::cli) struct Taken {
    held: Held,
    plans: bool,
}

/// Checks the repository out and makes every decision, from a bundle where there is one to start from.
///
/// # Errors
///
/// As [`prepared::prepare`]; and there is no bundle where nothing else is wanted.
pub(in crate::cli) async fn start(start: Start<'_>) -> Result<prepared::Prepared, CliError> {
    let which = &start.asked.which;
    let found = match start.prepared {
        Prepared::Ignore => Ok(None),
        Prepared::Auto | Prepared::Only => Shelf::find(start.home, which),
    };
    match (found, start.prepared) {
        (Ok(Some(held)), _) => start.from(held).await,
        (Ok(None), Prepared::Only) => {
            let error = anyhow!("nothing is prepared for this repository, reference and region");
            Err(CliError::new(Exit::Usage, error).hint(
                "Prepare it with `drctl prepare` and the same flags, or leave `--prepared` out",
            ))
        }
        (Err(error), Prepared::Only) => Err(error),
        (Ok(None), _) => start.otherwise(Vec::new()).await,
        (Err(error), _) => start.otherwise(vec![error.summary()]).await,
    }
}

impl Start<'_> {
    /// Starts as if nothing were prepared, and says why.
    async fn otherwise(&self, why: Vec<String>) -> Result<prepared::Prepared, CliError> {
        let keeping = Keeping::default();
        let Self { asked, home, work, stop, ui, .. } = *self;
        let mut prepared = prepared::prepare(asked, keeping, home, work, stop, ui).await?;
        prepared.notes.extend(not_used(&why));
        Ok(prepared)
    }

    async fn from(&self, held: Held) -> Result<prepared::Prepared, CliError> {
        let detected = detect(&self.asked.which, self.home).await?;
        let unfit = freshness::unfit(&held.bundle, &detected);
        if !unfit.is_empty() {
            return match self.prepared {
                Prepared::Only => Err(unusable(&unfit)),
                _ => self.otherwise(unfit).await,
            };
        }
        let checkout = self.checkout(&held.bundle).await?;
        let moved = checkout.commit != held.bundle.commit;
        let repository = checkout.commit.clone();
        let mut prepared = self.decided(checkout, detected).await?;
        if moved {
            let why = format!(
                "the origin has moved on, from {} to {}",
                short(&held.bundle.commit),
                short(&repository)
            );
            prepared.notes.extend(not_used(&[why]));
            return Ok(prepared);
        }
        if prepared.assembled.digest != held.bundle.digest {
            let why = "what would be done is no longer what was prepared".to_owned();
            return match self.prepared {
                Prepared::Only => Err(unusable(&[why])),
                _ => {
                    prepared.notes.extend(not_used(&[why]));
                    Ok(prepared)
                }
            };
        }
        let aged = freshness::aged(&held.bundle, Timestamp::now());
        let plans = !self.again && (aged.is_empty() || self.prepared == Prepared::Only);
        if !aged.is_empty() {
            let but = if plans { "is used all the same" } else { "is used, but for its plans" };
            prepared.notes.push(format!("what is prepared {but}: {}", aged.join("; ")));
        }
        prepared.forecast.clone_from(&held.bundle.forecast);
        prepared.bundle = Some(Taken { held, plans });
        Ok(prepared)
    }

    /// Checks out what the origin says now, if it answers soon; else the commit of the bundle.
    async fn checkout(&self, bundle: &Bundle) -> Result<Checkout, CliError> {
        let Self { home, work, stop, ui, .. } = *self;
        let which = &self.asked.which;
        let mut because = None;
        if self.prepared != Prepared::Only && !which.offline {
            match fetch_within(which, ORIGIN, home, work, stop, ui).await {
                Ok(checkout) if checkout.commit == bundle.commit => return Ok(checkout),
                Ok(checkout) if !matches!(checkout.from, FetchedFrom::Mirror { .. }) => {
                    return Ok(checkout);
                }
                Ok(checkout) => because = Some(checkout.from),
                Err(error) if stop.token().is_cancelled() => return Err(error),
                Err(_) => {}
            }
            match fs::remove_dir_all(work) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error)
                        .with_context(|| format!("failed to empty `{}`", work.display()))
                        .or_exit(Exit::Failed);
                }
                _ => {}
            }
        }
        let mut kept = which.clone();
        (kept.reference, kept.offline) = (Some(bundle.commit.clone()), true);
        let mut checkout = fetch_within(&kept, ORIGIN, home, work, stop, ui).await?;
        checkout.reference.clone_from(&which.reference);
        if let Some(from) = because {
            checkout.from = from;
        }
        Ok(checkout)
    }

    async fn decided(
        &self,
        checkout: Checkout,
        detected: Detected,
    ) -> Result<prepared::Prepared, CliError> {
        let prepared = decide(&self.asked.which, checkout, detected, Keeping::default()).await?;
        with_objectives(prepared, self.asked)
    }
}

fn not_used(why: &[String]) -> Option<String> {
    (!why.is_empty()).then(|| format!("what is prepared is not used: {}", why.join("; ")))
}

fn unusable(why: &[String]) -> CliError {
    let error = anyhow!("what is prepared cannot be used: {}", why.join("; "));
    CliError::new(Exit::Failed, error)
        .hint("Prepare it anew: `drctl prepare`; or go on without it: `--prepared ignore`")
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundle = &self.held.bundle;
        let age = Pretty::ms(bundle.age_ms(Timestamp::now()));
        let (ready, planned) = (bundle.ready().count(), self.planned().count());
        write!(f, "{age} ago: {ready} stack(s) initialised, {planned} planned")
    }
}

impl Taken {
    fn planned(&self) -> impl Iterator<Item = &StepId> {
        let ready = self.held.bundle.ready();
        ready.filter(|(_, stack)| self.plans && stack.plan.is_some()).map(|(id, _)| id)
    }

    /// Returns it as JSON.
    pub(in crate::cli) fn json(&self) -> Value {
        let bundle = &self.held.bundle;
        json!({
            "bundle": self.held.name,
            "made_at": bundle.made_at,
            "ready": bundle.ready().map(|(id, _)| id).collect::<Vec<_>>(),
            "planned": self.planned().collect::<Vec<_>>(),
        })
    }

    /// Tells the run what it starts from.
    pub(in crate::cli) fn say(&self, run: &mut Run<'_>) {
        let bundle = &self.held.bundle;
        run.say(EventKind::StartedPrepared {
            bundle: self.held.name.clone(),
            made_at: bundle.made_at,
            age_ms: bundle.age_ms(Timestamp::now()),
            ready: bundle.ready().map(|(id, _)| id.clone()).collect(),
            planned: self.planned().cloned().collect(),
        });
    }

    /// Returns where `init` finds the providers, should one be needed after all.
    pub(in crate::cli) fn providers(&self) -> PathBuf {
        providers::folder(&self.held.dir)
    }

    /// Puts into the run's folder what the bundle has for its steps, so that the run can go on without
    /// it in another process, and returns what need not be done again.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub(in crate::cli) fn lay_out(
        &self,
        recovery: &Recovery,
        folder: &RunFolder,
    ) -> Result<BTreeMap<StepId, Beforehand>, CliError> {
        let all = lay_out_at(&self.held, recovery, folder, self.plans)?;
        super::again::remember(folder, &all)?;
        Ok(all)
    }
}

/// Puts into a run's folder what a bundle has for its steps, saved `plans` too, and returns what need not
/// be done again.
///
/// # Errors
///
/// A file cannot be written.
pub(super) fn lay_out_at(
    held: &Held,
    recovery: &Recovery,
    folder: &RunFolder,
    plans: bool,
) -> Result<BTreeMap<StepId, Beforehand>, CliError> {
    let mut all = BTreeMap::new();
    let mut laid_out = BTreeSet::new();
    for step in &recovery.steps {
        let cannot = || format!("failed to take what is prepared for `{}`", step.id);
        let charts = held.dir.join("charts").join(step.id.as_str());
        if charts.is_dir() {
            let to = folder.scratch().join(step.id.as_str()).join("chart");
            files::copy(&charts, &to, &[]).with_context(cannot).or_exit(Exit::Failed)?;
        }
        let Work::Stack(work) = &step.work else { continue };
        let made = held.bundle.stacks.get(&step.id).filter(|made| made.initialised);
        let Some(made) = made else { continue };
        // Two stacks may be of one folder.
        if laid_out.insert(&work.dir) {
            stack(held, &step.id, made, &work.dir).with_context(cannot).or_exit(Exit::Failed)?;
        }
        let plan = made.plan.as_ref().filter(|_| plans).map(|plan| {
            let file = folder.scratch().join(format!("{}.prepared.tfplan", step.id));
            // What is not there is told when it is to be applied, and planned anew.
            let _ = fs::copy(held.dir.join(&plan.file), &file);
            SavedPlan { file, ..plan.clone() }
        });
        all.insert(step.id.clone(), Beforehand { plan });
    }
    Ok(all)
}

/// Puts what a bundle has for a stack into its folder `dir`.
fn stack(held: &Held, step: &StepId, made: &StackMade, dir: &Path) -> io::Result<()> {
    let kept = held.dir.join("stacks").join(step.as_str());
    forget_the_primary(dir)?;
    files::copy(&kept.join("terraform"), &dir.join(".terraform"), &[])?;
    let own = made.providers.iter().filter(|p| p.platform == held.bundle.platform);
    for provider in own {
        let to = dir.join(".terraform/providers").join(provider.folder());
        files::link(&providers::folder(&held.dir).join(provider.folder()), &to)?;
    }
    match fs::copy(kept.join("lock.hcl"), dir.join(".terraform.lock.hcl")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
