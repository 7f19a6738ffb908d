//! `drctl images`.

use crate::{
    cli::{
        asked::Which,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        prepared::{Keeping, Prepared, look},
        runtime::block_on,
        stop,
        ui::Ui,
    },
    deploy::images::{Answer, Copied, Image, ImagesError, ask, copy},
    engine::{self, ImagesUntold, Stop, Work},
    model::step::StepId,
};
use anyhow::{Context, anyhow};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::sleep;

/// How often it is looked how far a copy is.
const LOOK: Duration = Duration::from_millis(100);

/// Ask the registries of a region for every image that the service needs there, and copy those that are missing
///
/// Reads the runbook and renders what its steps deploy, as far as that is known without the stacks,
/// with the region's `replace` and `--replace` applied. Brings nothing up. Credentials are those of
/// Docker's configuration (`docker login`), with its helpers.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  drctl images --region ap-northeast-2
      Whether every image is there, with its digest
  drctl images --region ap-northeast-2 --copy
      Copy what is missing from the name in the repository to the one in the fallback
  drctl images --region ap-northeast-2 --replace eu.example.com=ap.example.com --json | jq '.images[]'
      Where the images would be with another registry there

Exit codes: 0 all are there, 1 at least one is not, 2 bad usage, 3 it could not be found out,
5 interrupted, 6 a registry does not say")]
pub(crate) struct Images {
    #[command(flatten)]
    which: Which,

    /// Copy what is missing in the fallback from its name in the repository, from registry to registry
    #[arg(long)]
    copy: bool,
}

/// An image of the service.
struct Row {
    image: Image,
    steps: BTreeSet<StepId>,
    answer: Answer,
    copied: bool,
}

impl Images {
    pub(crate) fn run(self, ui: &Ui) -> Result<Exit, CliError> {
        block_on(self.images(ui))
    }

    async fn images(self, ui: &Ui) -> Result<Exit, CliError> {
        let home = Home::find()?;
        let scratch = tempfile::tempdir()
            .context("failed to make a temporary folder")
            .or_exit(Exit::Failed)?;
        let work = scratch.path().join("work");
        let stop = stop::listen_and_say(*ui)?;
        let prepared = look(&self.which, Keeping::default(), &home, &work, &stop, ui).await?;
        let (wanted, untold) = wanted(&prepared, &scratch.path().join("steps"), &stop).await?;
        for step in &untold {
            ui.say(&format!("note: only the stacks can tell which images `{step}` needs\n"));
        }
        let names: Vec<&str> = wanted.keys().map(|image| image.name.as_str()).collect();
        let mut answers = tokio::select! {
            answers = ask(names) => answers,
            () = stop.token().cancelled() => return Err(interrupted()),
        };
        let mut rows = Vec::new();
        for (image, steps) in wanted {
            let lost = Answer::Untold { cause: "it was not asked for".to_owned() };
            let mut answer = answers.get(&image.name).cloned().unwrap_or(lost);
            let missing = matches!(answer, Answer::Missing { .. }) && image.name != image.written;
            let copies = self.copy && missing;
            if copies {
                let digest = tokio::select! {
                    copied = copy_shown(&image, ui) => copied?,
                    () = stop.token().cancelled() => return Err(interrupted()),
                };
                answer = Answer::There { digest };
                answers.insert(image.name.clone(), answer.clone());
            }
            rows.push(Row { image, steps, answer, copied: copies });
        }
        ui.answer(&match self.which.json {
            true => format!("{:#}\n", in_json(&self.which.region, &rows)),
            false => in_words(&rows),
        });
        Ok(exit(&rows))
    }
}

/// Returns every image of the steps, and the steps whose images only stacks can tell.
pub(in crate::cli) async fn wanted(
    prepared: &Prepared,
    scratch: &Path,
    stop: &Stop,
) -> Result<(BTreeMap<Image, BTreeSet<StepId>>, Vec<StepId>), CliError> {
    let mut wanted = BTreeMap::<Image, BTreeSet<StepId>>::new();
    let mut untold = Vec::new();
    let recovery = &prepared.assembled.recovery;
    for step in &recovery.steps {
        let Work::Deploy(work) = &step.work else { continue };
        match engine::images(recovery, &step.id, work, scratch, stop.token()).await {
            Ok(Some(images)) => {
                for image in images {
                    wanted.entry(image).or_default().insert(step.id.clone());
                }
            }
            Ok(None) => untold.push(step.id.clone()),
            Err(error) => {
                let exit = match error {
                    ImagesUntold::Mistake(_) => Exit::Usage,
                    _ if stop.token().is_cancelled() => Exit::Interrupted,
                    _ => Exit::Failed,
                };
                let hint = error.hint();
                let error = anyhow::Error::new(error)
                    .context(format!("the images of `{}` cannot be told", step.id));
                return Err(CliError::new(exit, error).hints(hint));
            }
        }
    }
    Ok((wanted, untold))
}

/// Copies an image, and shows how far that is.
pub(in crate::cli) async fn copy_shown(image: &Image, ui: &Ui) -> Result<String, CliError> {
    let copied = Arc::new(Copied::default());
    let mut meter = ui.meter();
    let copying = copy(&image.written, &image.name, &copied);
    tokio::pin!(copying);
    let digest = loop {
        tokio::select! {
            biased;
            digest = &mut copying => break digest,
            () = sleep(LOOK) => {
                let megabytes = |bytes: u64| bytes.div_ceil(1_000_000);
                let done = megabytes(copied.done.load(Ordering::Relaxed));
                let needed = megabytes(copied.needed.load(Ordering::Relaxed));
                meter.show(|| format!("Copying {}: {done} of {needed} MB", image.name));
            }
        }
    };
    meter.clear();
    digest.map_err(|error| CliError::hinted(Exit::Failed, error, ImagesError::hint))
}

fn interrupted() -> CliError {
    CliError::new(Exit::Interrupted, anyhow!("stopped before all images were looked at"))
        .hint("Run it again: what is copied stays")
}

fn exit(rows: &[Row]) -> Exit {
    let any = |wanted: fn(&Answer) -> bool| rows.iter().any(|row| wanted(&row.answer));
    if any(|a| matches!(a, Answer::Missing { .. } | Answer::Down { .. } | Answer::NoName { .. })) {
        Exit::No
    } else if any(|a| matches!(a, Answer::Untold { .. })) {
        Exit::Unproven
    } else {
        Exit::Met
    }
}

fn in_words(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "no step needs an image that is known now\n".to_owned();
    }
    let mut text = String::new();
    for row in rows {
        let state = match &row.answer {
            Answer::There { .. } if row.copied => "copied",
            Answer::There { .. } => "there",
            Answer::Missing { .. } => "missing",
            Answer::Down { .. } => "down",
            Answer::Untold { .. } => "untold",
            Answer::NoName { .. } => "no image",
        };
        let _ = writeln!(text, "{state:8}  {}", row.image.name);
        let steps: Vec<&str> = row.steps.iter().map(StepId::as_str).collect();
        let mut said = vec![format!("for {}", steps.join(", "))];
        if row.image.written != row.image.name {
            said.push(format!("in the repository {}", row.image.written));
        }
        said.extend(row.answer.digest().map(str::to_owned));
        said.extend(row.answer.cause());
        for line in said {
            let _ = writeln!(text, "          {line}");
        }
    }
    text
}

fn in_json(region: &str, rows: &[Row]) -> Value {
    let images: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!({
                "image": row.image.name,
                "written": row.image.written,
                "steps": row.steps.iter().map(StepId::as_str).collect::<Vec<_>>(),
                "digest": row.answer.digest(),
                "cause": row.answer.cause(),
                "copied": row.copied,
            })
        })
        .collect();
    json!({ "region": region, "images": images })
}
