//! What was prepared, for people and for programs.

use super::{bundle::Bundle, freshness::Checked};
use crate::model::{
    step::StepId,
    time::{Pretty, Rounded},
};
use serde_json::{Value, json};
use std::{fmt::Write as _, path::Path, time::Duration};

/// Says what was prepared, and what could not be.
pub(in crate::cli) fn made_text(bundle: &Bundle, dir: &Path) -> String {
    let mut text = String::new();
    let region = &bundle.asked.region;
    let took = Pretty::ms(bundle.took_ms);
    let _ = writeln!(text, "Prepared `{}` for {region} in {took}", bundle.service);
    let _ = writeln!(text, "  repository  {}", bundle.asked.repo);
    let _ = writeln!(text, "  commit      {}", bundle.commit);
    let _ = writeln!(text, "  runs        {}", bundle.terraform);
    let max = Rounded(Duration::from_millis(bundle.max_age_ms));
    let _ = writeln!(text, "  good for    {max}");
    let shelf = dir.parent().unwrap_or(dir);
    let _ = writeln!(text, "  kept in     {}", shelf.display());
    if let Some(forecast) = &bundle.forecast {
        let _ = writeln!(text, "  forecast    {forecast}");
    }
    let _ = writeln!(text, "\nStacks");
    for (step, stack) in &bundle.stacks {
        let plan = match &stack.plan {
            Some(plan) => {
                let resources: u64 = plan.actions.values().sum();
                format!("planned, {resources} resource(s), accepted by the gate")
            }
            None => "not planned".to_owned(),
        };
        let mut line = format!("  {step}: initialised, {plan}");
        for (number, what) in [(stack.providers.len(), "provider"), (stack.modules, "module")] {
            if number > 0 {
                let _ = write!(line, ", {number} {what}(s) kept");
            }
        }
        let _ = writeln!(text, "{line}");
        if !stack.frozen.is_empty() {
            let _ = writeln!(text, "      its plan holds what {} said", stack.frozen.join(", "));
        }
    }
    if !bundle.images.is_empty() {
        let _ = writeln!(text, "\nImages");
        for image in &bundle.images {
            let state = match (&image.digest, image.copied) {
                (Some(_), true) => "copied",
                (Some(_), false) => "there",
                (None, _) => "not seen",
            };
            let _ = writeln!(text, "  {state:<8}  {}", image.image);
        }
    }
    if !bundle.unprepared.is_empty() {
        let _ = writeln!(text, "\nNot prepared");
        for unprepared in &bundle.unprepared {
            let step = unprepared.step.as_ref().map(StepId::as_str);
            let step = step.map(|step| format!("{step}: ")).unwrap_or_default();
            let _ = writeln!(text, "  {step}{}: {}", unprepared.what, unprepared.why);
        }
    }
    if !bundle.notes.is_empty() {
        let _ = writeln!(text, "\nNotes");
        for note in &bundle.notes {
            let _ = writeln!(text, "  {note}");
        }
    }
    let _ = writeln!(text, "\nDigest {}", bundle.digest);
    text
}

/// The same as one JSON document.
pub(in crate::cli) fn made_json(bundle: &Bundle, dir: &Path) -> Value {
    let mut shown = json!(bundle);
    shown["dir"] = json!(dir);
    shown
}

/// Says how a bundle stands.
pub(in crate::cli) fn checked_text(checked: &Checked) -> String {
    let mut text = String::new();
    let (bundle, age) = (&checked.held.bundle, Pretty::ms(checked.age_ms));
    let state = if checked.is_fresh() { "fresh" } else { "stale" };
    let region = &bundle.asked.region;
    let _ = writeln!(
        text,
        "{state}: what is prepared of `{}` for {region} is {age} old",
        bundle.service
    );
    for reason in &checked.reasons {
        let _ = writeln!(text, "  {}", reason.what);
    }
    for note in &checked.notes {
        let _ = writeln!(text, "  note: {note}");
    }
    text
}

/// The same as one JSON document.
pub(in crate::cli) fn checked_json(checked: &Checked) -> Value {
    let bundle = &checked.held.bundle;
    json!({
        "schema": "drctl/prepared-check/v1",
        "bundle": checked.held.name,
        "service": bundle.service,
        "region": bundle.asked.region,
        "commit": bundle.commit,
        "made_at": bundle.made_at,
        "age_ms": checked.age_ms,
        "max_age_ms": bundle.max_age_ms,
        "fresh": checked.is_fresh(),
        "reasons": checked.reasons,
        "notes": checked.notes,
    })
}
