//! What would be done, for people and for programs.

use super::prepared::Prepared;
use crate::{
    engine::Work,
    model::{step::StepKind, time::Objective},
    retarget::Redirection,
};
use serde_json::{Value, json};
use std::{fmt::Write as _, path::Path};

impl Prepared {
    /// Returns it as one JSON document.
    pub(super) fn json(&self) -> Value {
        let mut shown = self.assembled.decisions.clone();
        shown["schema"] = json!("drctl/plan/v1");
        shown["digest"] = json!(self.assembled.digest);
        shown["terraform"] = json!(self.detected.release.to_string());
        shown["notes"] = json!(self.notes);
        shown
    }

    /// Returns it for people.
    pub(super) fn text(&self) -> String {
        let known = &self.assembled.recovery.known;
        let mut text = String::new();
        let objective = |o: Option<Objective>| o.map_or("none".to_owned(), |o| o.to_string());
        let from = known.primary.as_deref().map(|p| format!(" (from {p})")).unwrap_or_default();
        let _ = writeln!(text, "Failover of `{}` to {}{from}", self.service, known.region);
        let _ = writeln!(text, "  repository  {}", self.repo);
        let _ = writeln!(text, "  commit      {}", self.checkout.commit);
        let _ = writeln!(
            text,
            "  objectives  RTO {}, RPO {}",
            objective(self.rto),
            objective(self.rpo)
        );
        let _ = writeln!(text, "  runs        {}", self.detected.release);
        let _ = writeln!(text, "\nSteps");
        for step in &self.assembled.recovery.steps {
            let needs: Vec<_> = step.needs.iter().map(ToString::to_string).collect();
            let after = if needs.is_empty() {
                String::new()
            } else {
                format!(", after {}", needs.join(", "))
            };
            match &step.work {
                Work::Stack(stack) => {
                    let dir = stack.dir.strip_prefix(&self.checkout.dir).unwrap_or(&stack.dir);
                    let _ = writeln!(text, "  {}: stack in {}{after}", step.id, shown(dir));
                    let redirection = &self.assembled.redirections[&step.id];
                    redirected(&mut text, redirection, stack.state.backend());
                }
                Work::Command(command) => {
                    let kind = if step.kind == StepKind::Cutover { "cutover" } else { "command" };
                    let _ = writeln!(text, "  {}: {kind} {}{after}", step.id, command.run.source());
                }
            }
        }
        if !self.notes.is_empty() {
            let _ = writeln!(text, "\nNotes");
            for note in &self.notes {
                let _ = writeln!(text, "  {note}");
            }
        }
        let _ = writeln!(text, "\nDigest {}", self.assembled.digest);
        text
    }
}

/// The root of the repository has a name, too.
fn shown(dir: &Path) -> String {
    if dir.as_os_str().is_empty() {
        "the root of the repository".to_owned()
    } else {
        dir.display().to_string()
    }
}

fn redirected(text: &mut String, redirection: &Redirection, backend: &str) {
    for (name, value) in &redirection.variables {
        let _ = writeln!(text, "      variable {name} = {value}");
    }
    for (dir, file) in &redirection.overrides {
        for (provider, blocks) in file["provider"].as_object().into_iter().flatten() {
            for block in blocks.as_array().into_iter().flatten() {
                let alias = block["alias"].as_str().map(|a| format!(".{a}")).unwrap_or_default();
                let region = block["region"].as_str().unwrap_or_default();
                let _ = writeln!(
                    text,
                    "      provider {provider}{alias} in {}: region = {region}",
                    shown(dir)
                );
            }
        }
    }
    let whose = if backend == "http" { "drctl's own" } else { backend };
    let _ = writeln!(text, "      state: {whose}");
}
