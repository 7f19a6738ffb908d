//! What is known before anything is done: the commit, the runbook, and every decision.

use super::{
    asked::{Asked, Which},
    drill::Limit,
    error::{CliError, OrExit},
    exit::Exit,
    home::Home,
    judge::FmtJudge,
    prepare::Taken,
    ui::Ui,
};
use crate::{
    catalogue::Regions,
    config::{
        inside,
        repository::{Repository, RootKind},
        terragrunt::Unit,
    },
    engine::{AssembleError, Assembled, Run, Sources, Stop, assemble, lines},
    model::{event::EventKind, nearest, prediction::Prediction, step::StepId, time::Objective},
    runbook::{Runbook, Work},
    source::{self, Checkout, FetchedFrom, Origin, PATIENCE, Progress, Request, SourceError},
    terraform::{self, Detected, TerraformError},
};
use anyhow::{Context, anyhow};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    path::{Component, Path},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::task::spawn_blocking;

/// What is known before anything is done.
pub(super) struct Prepared {
    pub(super) assembled: Assembled,
    pub(super) detected: Detected,
    pub(super) checkout: Checkout,
    pub(super) repo: String,
    pub(super) service: String,
    pub(super) rto: Option<Objective>,
    pub(super) rpo: Option<Objective>,
    pub(super) grace: Option<Duration>,
    pub(super) notes: Vec<String>,
    /// What the decisions were made of.
    pub(super) runbook: Runbook,
    /// How long it is expected to take, once that is known.
    pub(super) forecast: Option<Prediction>,
    /// When it is ended, whatever it has come to.
    pub(super) limit: Option<Limit>,
    /// What was prepared before the outage, where the run starts from that.
    pub(super) bundle: Option<Taken>,
}

/// How what is made is kept apart from what others make.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keeping<'a> {
    /// True when drctl keeps every state itself, also where a backend is declared.
    pub(super) own_state: bool,
    /// What tells the names of one drill from those of the next.
    pub(super) salt: Option<&'a str>,
}

/// Reads where the repository comes from.
pub(super) fn origin(repo: &str) -> Result<Origin, CliError> {
    Origin::parse(repo).map_err(from_source)
}

fn from_source(error: SourceError) -> CliError {
    let exit = match &error {
        // What was asked for is not there; asking for something else mends it.
        SourceError::NotAnOrigin { .. }
        | SourceError::PathMissing { .. }
        | SourceError::NotARepository { .. }
        | SourceError::NoSuchReference { .. }
        | SourceError::AmbiguousReference { .. } => Exit::Usage,
        SourceError::Cancelled => Exit::Interrupted,
        _ => Exit::Failed,
    };
    CliError::hinted(exit, error, SourceError::hint)
}

fn from_terraform(error: TerraformError) -> CliError {
    CliError::hinted(Exit::Failed, error, TerraformError::hint)
}

/// Checks the repository out into `work` and makes every decision of a recovery, which has an
/// objective.
pub(super) async fn prepare(
    asked: &Asked,
    keeping: Keeping<'_>,
    home: &Home,
    work: &Path,
    stop: &Stop,
    ui: &Ui,
) -> Result<Prepared, CliError> {
    with_objectives(look(&asked.which, keeping, home, work, stop, ui).await?, asked)
}

/// Sets the objectives that were asked for over those of the runbook; there must be one.
pub(super) fn with_objectives(mut prepared: Prepared, asked: &Asked) -> Result<Prepared, CliError> {
    prepared.rto = asked.rto.or(prepared.rto);
    prepared.rpo = asked.rpo.or(prepared.rpo);
    if prepared.rto.is_some() {
        return Ok(prepared);
    }
    let error =
        anyhow!("no recovery time objective is declared, so there is nothing to measure against");
    Err(CliError::new(Exit::Usage, error)
        .hint("Give `--rto 30m`, or write `rto = \"30m\"` into the runbook's `service` block"))
}

/// Checks the repository out into `work` and makes every decision.
pub(super) async fn look(
    which: &Which,
    keeping: Keeping<'_>,
    home: &Home,
    work: &Path,
    stop: &Stop,
    ui: &Ui,
) -> Result<Prepared, CliError> {
    let (checkout, detected) = fetch(which, home, work, stop, ui).await?;
    decide(which, checkout, detected, keeping).await
}

/// Checks the repository out into `work`, and finds Terraform.
pub(super) async fn fetch(
    which: &Which,
    home: &Home,
    work: &Path,
    stop: &Stop,
    ui: &Ui,
) -> Result<(Checkout, Detected), CliError> {
    // Neither needs the other, and each costs a tenth of a second.
    let (checkout, detected) =
        tokio::join!(fetch_alone(which, home, work, stop, ui), detect(which, home));
    Ok((checkout?, detected?))
}

/// Finds Terraform.
pub(super) async fn detect(which: &Which, home: &Home) -> Result<Detected, CliError> {
    let path = terraform::find(which.terraform.as_deref()).map_err(from_terraform)?;
    terraform::detect(&path, &home.cache()).await.map_err(from_terraform)
}

/// Checks the repository out into `work`, where Terraform is not needed.
pub(super) async fn fetch_alone(
    which: &Which,
    home: &Home,
    work: &Path,
    stop: &Stop,
    ui: &Ui,
) -> Result<Checkout, CliError> {
    fetch_within(which, PATIENCE, home, work, stop, ui).await
}

/// The same, with an origin that may be silent for as long as `patience`.
pub(super) async fn fetch_within(
    which: &Which,
    patience: Duration,
    home: &Home,
    work: &Path,
    stop: &Stop,
    ui: &Ui,
) -> Result<Checkout, CliError> {
    let request = Request {
        origin: origin(&which.repo)?,
        reference: which.reference.clone(),
        dest: work.to_owned(),
        mirrors: home.mirrors(),
        offline: which.offline,
        patience,
    };
    check_out(request, stop, ui).await
}

async fn check_out(request: Request, stop: &Stop, ui: &Ui) -> Result<Checkout, CliError> {
    let cancel = Arc::new(AtomicBool::new(false));
    let (cancelled, token) = (Arc::clone(&cancel), stop.token().clone());
    let watch = tokio::spawn(async move {
        token.cancelled().await;
        cancelled.store(true, Ordering::Relaxed);
    });
    let mut meter = ui.meter();
    let checkout = spawn_blocking(move || {
        let mut progress = |progress: Progress| meter.show(|| words(&progress));
        let checkout = source::checkout(&request, &cancel, &mut progress);
        meter.clear();
        checkout
    })
    .await;
    watch.abort();
    checkout.context("the checkout broke off").or_exit(Exit::Failed)?.map_err(from_source)
}

fn words(progress: &Progress) -> String {
    match progress {
        Progress::Asking { origin } => format!("Asking {origin}"),
        Progress::Receiving { received, total, bytes } => {
            format!("Receiving {received} of {total} objects, {} kB", bytes / 1_000)
        }
        Progress::Writing { done, total } => format!("Writing {done} of {total} files"),
        Progress::Submodule { path } => format!("Submodule {path}"),
    }
}

/// Reads what is checked out, and decides.
pub(super) async fn decide(
    which: &Which,
    checkout: Checkout,
    detected: Detected,
    keeping: Keeping<'_>,
) -> Result<Prepared, CliError> {
    let judge = FmtJudge::new(&detected);
    let dir = checkout.dir.clone();
    let repository = spawn_blocking(move || Repository::read(&dir, Some(&judge)))
        .await
        .context("reading the repository broke off")
        .or_exit(Exit::Failed)?
        .with_context(|| format!("failed to read `{}`", checkout.dir.display()))
        .or_exit(Exit::Failed)?;
    let mut runbook = runbook(which, &checkout, &repository)?;
    let units = units(&mut runbook, &repository, &checkout.dir)?;
    let named = || which.primary.clone().or_else(|| runbook.service.primary.clone());
    let primary = if which.in_place || which.at_home { None } else { named() };
    let home = which.at_home.then_some(which.region.as_str());
    known_region(&which.region, Some(&runbook), primary.as_deref())?;
    parsed_stacks(&runbook, &repository)?;
    let replace = which.replace.iter().cloned().collect();
    let sources = Sources {
        runbook: &runbook,
        repository: &repository,
        root: &checkout.dir,
        commit: &checkout.commit,
        region: &which.region,
        primary: primary.as_deref(),
        replace: &replace,
        workspace: which.workspace.as_deref(),
        own_state: keeping.own_state,
        salt: keeping.salt,
        units: &units,
        at_home: which.at_home,
    };
    let assembled = assemble(&sources).map_err(from_assemble)?;
    Ok(Prepared {
        notes: notes(&checkout, &assembled, primary.as_deref().or(home)),
        assembled,
        detected,
        repo: origin(&which.repo)?.to_string(),
        service: runbook.service.name.clone(),
        rto: runbook.service.rto,
        rpo: runbook.service.rpo,
        grace: runbook.service.grace,
        checkout,
        runbook,
        forecast: None,
        limit: None,
        bundle: None,
    })
}

/// Points every stack that is a Terragrunt unit at the module that the unit runs.
fn units(
    runbook: &mut Runbook,
    repository: &Repository,
    root: &Path,
) -> Result<BTreeMap<StepId, Unit>, CliError> {
    let mut units = BTreeMap::new();
    for step in &mut runbook.steps {
        let Work::Stack(stack) = &mut step.work else { continue };
        let Some(unit) = Unit::read(root, &stack.path) else { continue };
        if repository.module(&stack.path).is_none() {
            let module = unit.module.clone().filter(|dir| repository.module(dir).is_some());
            let Some(module) = module else {
                let source =
                    unit.source.as_ref().map_or("nothing", |source| source.expr().source());
                let error = anyhow!(
                    "`{}` runs {source}, which is no module of this repository",
                    unit.file.display()
                );
                return Err(CliError::new(Exit::Usage, error).hint(
                    "Copy the module into the repository and name it as the stack's `path`, with its inputs as `variables`",
                ));
            };
            stack.path = module;
        }
        units.insert(step.id.clone(), unit);
    }
    Ok(units)
}

/// Reads the runbook, or makes one for the only stack there is.
fn runbook(
    which: &Which,
    checkout: &Checkout,
    repository: &Repository,
) -> Result<Runbook, CliError> {
    let name = service_name(&which.repo);
    if let Some(stack) = &which.stack {
        // `.` is the root of the repository, which modules know as the empty path.
        let stack = stack.components().filter(|part| *part != Component::CurDir).collect();
        return Ok(Runbook::of_one_stack(&name, stack));
    }
    let which_file = "Name a file that is committed, from the root of the repository";
    match read_runbook(&checkout.dir, &which.runbook, Some(&which.region), which_file)? {
        Some(runbook) => Ok(runbook),
        None => only_stack(repository, &name),
    }
}

/// Reads the runbook of a checkout for a fallback region, or for its own first one.
///
/// `None` when there is none, and none was asked for by name; `which_file` says what to name.
pub(super) fn read_runbook(
    root: &Path,
    path: &Path,
    region: Option<&str>,
    which_file: &str,
) -> Result<Option<Runbook>, CliError> {
    let text = match inside::read(root, path) {
        Ok(text) => text,
        Err(error)
            if path == Path::new(crate::runbook::FILE_NAME)
                && error.kind() == io::ErrorKind::NotFound =>
        {
            return Ok(None);
        }
        Err(error) => {
            let error = anyhow::Error::new(error)
                .context(format!("failed to read the runbook `{}`", path.display()));
            return Err(CliError::new(Exit::Usage, error).hint(which_file));
        }
    };
    let read = |region: &str| {
        Runbook::read(path, &text, region).map_err(|mistakes| {
            let error =
                anyhow!("the runbook has {} mistake(s):\n{}", mistakes.len(), lines(&mistakes));
            CliError::new(Exit::Usage, error)
        })
    };
    let region = match region {
        Some(region) => region.to_owned(),
        None => read("")?.regions.first().map_or_else(String::new, |region| region.name.clone()),
    };
    read(&region).map(Some)
}

fn only_stack(repository: &Repository, name: &str) -> Result<Runbook, CliError> {
    let live: Vec<&Path> = repository
        .roots()
        .iter()
        .filter(|root| root.kind == RootKind::Live)
        .map(|root| root.dir.as_path())
        .collect();
    let all: Vec<&Path> = repository.roots().iter().map(|root| root.dir.as_path()).collect();
    let candidates = if live.is_empty() { all } else { live };
    match candidates[..] {
        [] => Err(CliError::new(
            Exit::Usage,
            anyhow!("there is no runbook and no root module in the repository"),
        )
        .hint("Commit `.tf` files, or a `drctl.hcl` that says what to do")),
        [one] => Ok(Runbook::of_one_stack(name, one.to_owned())),
        ref several => {
            let error =
                anyhow!("there is no runbook, and {} root modules to choose from", several.len());
            Err(CliError::new(Exit::Usage, error)
                .hint(format!(
                    "Commit a `drctl.hcl` such as this one:\n\n{}",
                    skeleton(name, several)
                ))
                .hint(format!("Or take one alone: `--stack {}`", several[0].display())))
        }
    }
}

/// A runbook to begin with.
fn skeleton(name: &str, stacks: &[&Path]) -> String {
    let mut text = format!("service \"{name}\" {{\n  rto = \"30m\"\n}}\n");
    for stack in stacks {
        let last = stack.file_name();
        let alone = stacks.iter().filter(|other| other.file_name() == last).count() == 1;
        let label = match last {
            None => name.to_owned(),
            Some(last) if alone => last.to_string_lossy().into_owned(),
            Some(_) => stack.display().to_string().replace('/', "-"),
        };
        let _ = write!(text, "\nstack \"{label}\" {{\n  path = \"{}\"\n}}\n", stack.display());
    }
    text
}

/// The last part of a URL or a path, without `.git`, as a name that a step can have.
fn service_name(repo: &str) -> String {
    let absolute = || std::path::absolute(repo).ok()?.file_name()?.to_str().map(str::to_owned);
    let last = repo.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or(repo);
    let name = match last.trim_end_matches(".git") {
        "" | "." | ".." => absolute().unwrap_or_default(),
        name => name.to_owned(),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name: String = name.chars().map(|c| if fits(c) { c } else { '-' }).take(64).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    if name.is_empty() { "service".to_owned() } else { name.to_owned() }
}

/// Refuses a region that nobody knows, or that is the one to leave.
pub(super) fn known_region(
    region: &str,
    runbook: Option<&Runbook>,
    primary: Option<&str>,
) -> Result<(), CliError> {
    if primary == Some(region) {
        let error = anyhow!("`{region}` is the primary region, which is the one to leave");
        return Err(
            CliError::new(Exit::Usage, error).hint("Name the fallback region with `--region`")
        );
    }
    let declared = || runbook.into_iter().flat_map(|r| &r.regions).map(|r| r.name.as_str());
    if Regions::known().find(region).is_some() || declared().any(|name| name == region) {
        return Ok(());
    }
    let error = anyhow!("there is no region `{region}` that drctl knows");
    let hint = match nearest(region, declared().chain(Regions::known().names())) {
        Some(meant) => format!(
            "Did you mean `{meant}`? If `{region}` is right, declare it: `region \"{region}\" {{}}` in the runbook"
        ),
        None => format!("If it is right, declare it: `region \"{region}\" {{}}` in the runbook"),
    };
    Err(CliError::new(Exit::Usage, error).hint(hint))
}

/// A stack with a file that was not understood cannot be redirected for certain.
fn parsed_stacks(runbook: &Runbook, repository: &Repository) -> Result<(), CliError> {
    let unparsed: Vec<_> = runbook
        .steps
        .iter()
        .filter_map(|step| match &step.work {
            Work::Stack(stack) => repository.module(&stack.path),
            Work::Command(_) | Work::Deploy(_) => None,
        })
        .flat_map(|module| &module.unparsed)
        .collect();
    if unparsed.is_empty() {
        return Ok(());
    }
    let said: Vec<_> = unparsed.iter().map(ToString::to_string).collect();
    let hints: Vec<_> = unparsed.iter().filter_map(|u| u.hint()).collect();
    let error =
        anyhow!("{} file(s) of the stacks cannot be read:\n{}", said.len(), said.join("\n"));
    Err(CliError::new(Exit::Usage, error).hints(hints))
}

fn from_assemble(error: AssembleError) -> CliError {
    CliError::new(Exit::Usage, error)
}

/// What stopped nothing and is worth knowing.
fn notes(checkout: &Checkout, assembled: &Assembled, primary: Option<&str>) -> Vec<String> {
    let mut notes = Vec::new();
    if checkout.uncommitted {
        notes.push(format!(
            "changes that are not committed are not part of this run, which takes commit {}",
            &checkout.commit[..12.min(checkout.commit.len())]
        ));
    }
    if let FetchedFrom::Mirror { because, .. } = &checkout.from {
        notes.push(format!(
            "the origin could not be used ({}), so a local mirror stood in",
            because.join(": ")
        ));
    }
    notes.extend(checkout.warnings.iter().map(ToString::to_string));
    if primary.is_none() {
        notes.push("the primary region is not declared, so what still lies in it cannot be told: give `primary` in the runbook".to_owned());
    }
    for (step, redirection) in &assembled.redirections {
        notes.extend(redirection.notes.iter().map(|note| format!("{step}: {note}")));
    }
    notes
}

impl Prepared {
    /// Tells the run what was found.
    pub(super) fn say(&self, run: &mut Run<'_>, max_parallel: u16) {
        let mirror_age_ms = match &self.checkout.from {
            FetchedFrom::Mirror { age, .. } => {
                Some(age.map_or(0, |age| u64::try_from(age.as_millis()).unwrap_or(u64::MAX)))
            }
            FetchedFrom::Origin | FetchedFrom::Kept => None,
        };
        run.say(EventKind::CheckoutReady {
            commit: self.checkout.commit.clone(),
            reference: self.checkout.reference.clone(),
            mirror_age_ms,
        });
        let ms = |objective: Option<Objective>| {
            objective.map(|o| u64::try_from(o.get().as_millis()).unwrap_or(u64::MAX))
        };
        run.say(EventKind::RunPlanned {
            service: self.service.clone(),
            primary: self.assembled.recovery.known.primary.clone(),
            rto_ms: ms(self.rto),
            rpo_ms: ms(self.rpo),
            max_parallel: Some(max_parallel),
            digest: self.assembled.digest.clone(),
            steps: self.assembled.recovery.summaries(),
        });
        run.say(EventKind::TerraformFound {
            product: self.detected.release.product.to_string(),
            version: self.detected.release.version.to_string(),
        });
        if let Some(taken) = &self.bundle {
            taken.say(run);
        }
        for (step, redirection) in &self.assembled.redirections {
            let needs = redirection.dependencies.clone();
            run.say(EventKind::Inventoried { step: step.clone(), needs });
        }
        for note in &self.notes {
            run.note(note.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_after_its_repository() {
        for (repo, name) in [
            ("https://git.example.com/org/shop.git", "shop"),
            ("git@example.com:org/shop", "shop"),
            ("/srv/org+shop/", "org-shop"),
            ("/srv/2nd shop", "nd-shop"),
            ("/srv/\u{c11c}", "service"),
        ] {
            assert_eq!(service_name(repo), name, "{repo}");
        }
    }
}
