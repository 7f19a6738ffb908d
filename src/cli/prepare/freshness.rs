//! What speaks against starting from a bundle.

use super::{
    bundle::{Bundle, Head, catalogue, platform},
    make::digests,
    shelf::{Held, Shelf},
};
use crate::{
    cli::{
        asked::Which,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        prepared::{Keeping, decide, detect, fetch_within},
        ui::Ui,
    },
    engine::Stop,
    model::{
        step::StepId,
        time::{Pretty, Rounded},
    },
    source::{FetchedFrom, PATIENCE},
    terraform::Detected,
};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use serde::Serialize;
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

/// How a bundle stands.
pub(in crate::cli) struct Checked {
    pub(super) held: Held,
    pub(super) age_ms: u64,
    /// What made it stale; nothing when it is fresh.
    pub(super) reasons: Vec<Reason>,
    /// What could not be looked at.
    pub(super) notes: Vec<String>,
}

/// One thing that made a bundle stale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Reason {
    /// What kind: a word of one of a few.
    pub(super) kind: &'static str,
    /// What, as a sentence without a full stop.
    pub(super) what: String,
}

impl Checked {
    /// Returns true when nothing made it stale.
    pub(in crate::cli) fn is_fresh(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Says why a bundle cannot be used at all with this drctl and this Terraform.
pub(super) fn unfit(bundle: &Bundle, detected: &Detected) -> Vec<String> {
    versions(bundle, detected).into_iter().map(|reason| reason.what).collect()
}

/// Says why a bundle's plans may be of the past.
pub(super) fn aged(bundle: &Bundle, now: Timestamp) -> Vec<String> {
    times(bundle, now).into_iter().map(|reason| reason.what).collect()
}

fn versions(bundle: &Bundle, detected: &Detected) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut changed = |kind, what: &str, before: &str, now: &str| {
        if before != now {
            reasons.push(Reason { kind, what: format!("{what} is {now}, and was {before}") });
        }
    };
    changed("drctl", "drctl", &bundle.drctl, env!("CARGO_PKG_VERSION"));
    let release = &detected.release;
    changed("terraform", "the binary", &bundle.terraform.to_string(), &release.to_string());
    changed("platform", "this machine", &bundle.platform, &platform());
    if bundle.catalogue != catalogue() {
        let what = "what drctl knows of resource types has changed".to_owned();
        reasons.push(Reason { kind: "catalogue", what });
    }
    reasons
}

fn times(bundle: &Bundle, now: Timestamp) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let (age, max) = (bundle.age_ms(now), bundle.max_age_ms);
    if age > max {
        let max = Rounded(Duration::from_millis(max));
        let what = format!("it is {} old, and may be {max}", Pretty::ms(age));
        reasons.push(Reason { kind: "age", what });
    }
    let changed = bundle.environment.changed();
    if !changed.is_empty() {
        let what = format!("the environment has changed: {}", changed.join(", "));
        reasons.push(Reason { kind: "environment", what });
    }
    reasons
}

/// Looks how the bundle for a question stands.
///
/// # Errors
///
/// There is none, or nothing can be found out.
pub(in crate::cli) async fn check(
    which: &Which,
    max_age: Option<Duration>,
    refresh: bool,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Checked, CliError> {
    let Some(mut held) = Shelf::of(home, which)?.held()? else {
        let error = anyhow!("nothing is prepared for this repository, reference and region");
        return Err(
            CliError::new(Exit::No, error).hint("Prepare it: `drctl prepare` with the same flags")
        );
    };
    if let Some(max) = max_age {
        held.bundle.max_age_ms = u64::try_from(max.as_millis()).unwrap_or(u64::MAX);
    }
    let now = Timestamp::now();
    let detected = detect(which, home).await?;
    let bundle = &held.bundle;
    let mut reasons = versions(bundle, &detected);
    reasons.extend(times(bundle, now));
    reasons.extend(broken(&held));
    let mut notes = Vec::new();
    let scratch =
        tempfile::tempdir().context("failed to make a temporary folder").or_exit(Exit::Failed)?;
    let work = scratch.path().join("work");
    let checkout = fetch_within(which, PATIENCE, home, &work, stop, ui).await?;
    if let FetchedFrom::Mirror { because, .. } = &checkout.from {
        notes.push(format!("the origin cannot be asked ({})", because.join(": ")));
    }
    let moved = checkout.commit != bundle.commit;
    if moved {
        let (from, to) = (&bundle.commit[..12.min(bundle.commit.len())], &checkout.commit[..12]);
        let what = format!("the origin has moved on, from {from} to {to}");
        reasons.push(Reason { kind: "commit", what });
    }
    let mut asked = which.clone();
    asked.reference = Some(checkout.commit.clone());
    match decide(which, checkout, detected, Keeping::default()).await {
        Ok(prepared) => {
            reasons.extend(files(&bundle.files, &digests(&prepared)));
            if !moved && prepared.assembled.digest != bundle.digest {
                let what = "what would be done is no longer what was prepared".to_owned();
                reasons.push(Reason { kind: "decisions", what });
            }
        }
        Err(error) => {
            let what = format!("the repository cannot be read any more: {}", error.summary());
            reasons.push(Reason { kind: "decisions", what });
        }
    }
    if !moved && (refresh || bundle.stacks.values().any(|stack| stack.backend != "http")) {
        match super::drift::look_again(&held, &asked, refresh, home, stop, ui).await {
            Ok(found) => reasons.extend(found),
            Err(error) => notes.push(format!("drift cannot be looked for: {}", error.summary())),
        }
    }
    Ok(Checked { age_ms: held.bundle.age_ms(now), reasons, notes, held })
}

/// Finds what of a bundle is not as it was written.
fn broken(held: &Held) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (step, stack) in &held.bundle.stacks {
        if let Some(plan) = &stack.plan {
            let now = fs::read(held.dir.join(&plan.file));
            if !now.is_ok_and(|bytes| sha256(&bytes) == plan.sha256) {
                let what = format!("the plan of `{step}` is not what was saved");
                reasons.push(Reason { kind: "bundle", what });
            }
        }
        let own = stack.providers.iter().filter(|p| p.platform == held.bundle.platform);
        for provider in own {
            let dir = super::providers::folder(&held.dir).join(provider.folder());
            if !super::providers::h1(&dir).is_ok_and(|hash| hash == provider.hash) {
                let what =
                    format!("the provider `{}` of `{step}` is not what was kept", provider.source);
                reasons.push(Reason { kind: "bundle", what });
            }
        }
    }
    reasons
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    crate::model::text::hex(&sha2::Sha256::digest(bytes))
}

/// Finds which files that feed the stacks have changed.
fn files(before: &BTreeMap<PathBuf, String>, now: &BTreeMap<PathBuf, String>) -> Vec<Reason> {
    let all = before.keys().chain(now.keys().filter(|path| !before.contains_key(*path)));
    let changed = all.filter(|path| before.get(*path) != now.get(*path));
    let reason = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (kind, noun) = if name == ".terraform.lock.hcl" {
            ("lock_file", "lock file")
        } else if name.contains("tfvars") {
            ("variables", "file of variables")
        } else {
            ("runbook", "runbook")
        };
        Reason { kind, what: format!("the {noun} `{}` has changed", path.display()) }
    };
    changed.map(reason).collect()
}

/// Says that a state is not as it was when the plan was made, if it is not.
pub(super) fn written(step: &StepId, before: Option<&Head>, now: Option<&Head>) -> Option<Reason> {
    let shown = |head: Option<&Head>| match head {
        Some(head) => format!("serial {} of {}", head.serial, head.lineage),
        None => "empty".to_owned(),
    };
    (before != now).then(|| {
        let (before, now) = (shown(before), shown(now));
        let what = format!("the state of `{step}` was written: it is {now}, and was {before}");
        Reason { kind: "state", what }
    })
}
