//! What would be done, for people and for programs.

use super::{error::CliError, exit::Exit, prepared::Prepared};
use crate::{
    engine::{self, Work},
    model::{
        redirect::{Decision, Dependency, DependencyStatus, Means},
        secrets::{HIDDEN, hide_named, is_secret},
        step::StepKind,
        time::Objective,
    },
    retarget::Redirection,
};
use anyhow::anyhow;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _, path::Path};

impl Prepared {
    /// Returns it as one JSON document.
    pub(super) fn json(&self) -> Value {
        let mut shown = self.assembled.decisions.clone();
        hide_named(&mut shown);
        shown["schema"] = json!("drctl/plan/v1");
        shown["digest"] = json!(self.assembled.digest);
        shown["terraform"] = json!(self.detected.release.to_string());
        shown["notes"] = json!(self.notes);
        if let Some(taken) = &self.bundle {
            shown["prepared"] = taken.json();
        }
        if let Some(forecast) = &self.forecast {
            shown["forecast"] = json!(forecast);
        }
        shown
    }

    /// Returns it for whoever is asked to confirm it.
    pub(super) fn text(&self) -> String {
        let mut text = self.head("Failover");
        self.steps(&mut text);
        self.needed(&mut text, |status| status == DependencyStatus::Dead);
        self.tail(&mut text);
        text
    }

    /// Returns it whole: also what is global, what must be alive, and what stands in the way.
    pub(super) fn plan(&self) -> String {
        let mut text = self.head("Plan");
        self.steps(&mut text);
        self.globals(&mut text);
        self.needed(&mut text, |_| true);
        self.tail(&mut text);
        let refused = self.obstacles();
        if !refused.is_empty() {
            let _ = writeln!(text, "\nRefused, for {} reason(s)", refused.len());
            for (message, hint) in refused {
                let _ = writeln!(text, "  {message}\n    {hint}");
            }
        }
        text
    }

    /// Returns an error that says why the stacks cannot be pointed at the fallback, if they cannot.
    pub(super) fn refused(&self) -> Result<(), CliError> {
        let obstacles = self.obstacles();
        if obstacles.is_empty() {
            return Ok(());
        }
        let known = &self.assembled.recovery.known;
        let lines: Vec<_> = obstacles.iter().map(|(message, _)| format!("  {message}")).collect();
        let error = anyhow!(
            "`{}` cannot be pointed at `{}` as it is:\n{}",
            self.service,
            known.region,
            lines.join("\n")
        );
        let mut hints: Vec<String> = Vec::new();
        for (_, hint) in obstacles {
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        Err(CliError::new(Exit::Refused, error).hints(hints))
    }

    /// Returns each obstacle with its stack, and what to do about it.
    fn obstacles(&self) -> Vec<(String, String)> {
        let all = self.assembled.obstacles();
        all.map(|(stack, obstacle)| (format!("{stack}: {obstacle}"), obstacle.hint.clone()))
            .collect()
    }

    fn head(&self, what: &str) -> String {
        let known = &self.assembled.recovery.known;
        let mut text = String::new();
        let objective = |o: Option<Objective>| o.map_or("none".to_owned(), |o| o.to_string());
        let from = known.primary.as_deref().map(|p| format!(" (from {p})")).unwrap_or_default();
        let _ = writeln!(text, "{what} of `{}` to {}{from}", self.service, known.region);
        let _ = writeln!(text, "  repository  {}", self.repo);
        let _ = writeln!(text, "  commit      {}", self.checkout.commit);
        let _ = writeln!(
            text,
            "  objectives  RTO {}, RPO {}",
            objective(self.rto),
            objective(self.rpo)
        );
        let _ = writeln!(text, "  runs        {}", self.detected.release);
        if let Some(taken) = &self.bundle {
            let _ = writeln!(text, "  prepared    {taken}");
        }
        if let Some(forecast) = &self.forecast {
            let _ = writeln!(text, "  forecast    {forecast}");
            if let Some(held) = forecast.behind_caches() {
                let _ = writeln!(text, "              {held}");
            }
        }
        text
    }

    fn steps(&self, text: &mut String) {
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
                    redirected(text, redirection, stack.state.backend());
                }
                Work::Command(command) => {
                    let kind = if step.kind == StepKind::Cutover { "cutover" } else { "command" };
                    let _ = writeln!(text, "  {}: {kind} {}{after}", step.id, command.run.source());
                }
                Work::Deploy(work) => {
                    let id = step.id.as_str();
                    let site = work.site.as_ref().map(|s| format!(" at {}", s.name));
                    let site = site.unwrap_or_default();
                    let _ = writeln!(text, "  {id}: {}{site}{after}", step.block);
                    let recovery = &self.assembled.recovery;
                    match engine::commands(work, id, &recovery.known, &recovery.root) {
                        Ok(commands) => {
                            for command in commands {
                                let _ = writeln!(text, "      {command}");
                            }
                        }
                        Err(mistake) => {
                            let _ = writeln!(text, "      {mistake}");
                        }
                    }
                }
                Work::TakeBack(_) => {
                    let _ = writeln!(text, "  {}: taken back{after}", step.id);
                }
                Work::LeftOut(why) => {
                    let _ = writeln!(text, "  {}: left out{after}: {why}", step.id);
                }
            }
        }
    }

    fn globals(&self, text: &mut String) {
        let mut lines = Vec::new();
        for (stack, redirection) in &self.assembled.redirections {
            for global in &redirection.globals {
                let name =
                    global.name.as_ref().map(|n| format!(", named `{n}`")).unwrap_or_default();
                let collides = match (global.decision, global.collides) {
                    (Decision::Create, Some(true)) => ": COLLIDES with the primary's",
                    (Decision::Create, None) => ": may collide with the primary's",
                    _ => "",
                };
                lines.push(format!(
                    "{stack}: {}  {}{name}{collides}",
                    global.decision, global.address
                ));
            }
        }
        section(text, "Resources that live in no region, or whose name is taken in all", &lines);
    }

    /// Lists what must be alive, each once, of those whose status `shows`.
    fn needed(&self, text: &mut String, shows: impl Fn(DependencyStatus) -> bool) {
        let mut all: BTreeMap<_, &Dependency> = BTreeMap::new();
        for redirection in self.assembled.redirections.values() {
            for needed in redirection.dependencies.iter().filter(|n| shows(n.status)) {
                let key = (needed.status, needed.kind, &needed.name, &needed.region);
                all.entry(key).or_insert(needed);
            }
        }
        let line = |needed: &Dependency| {
            let Dependency { kind, name, status, region, place } = needed;
            let region = region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
            let place = place.as_ref().map(|place| format!("  {place}")).unwrap_or_default();
            format!("{status}: {kind} {name}{region}{place}")
        };
        let lines: Vec<_> = all.into_values().map(line).collect();
        section(text, "What must still be alive", &lines);
    }

    fn tail(&self, text: &mut String) {
        section(text, "Notes", &self.notes);
        let _ = writeln!(text, "\nDigest {}", self.assembled.digest);
    }
}

fn section(text: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
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
    let _ = writeln!(text, "      layout: {}", redirection.layout);
    if let Some(workspace) = &redirection.workspace {
        let _ = writeln!(text, "      workspace: {workspace}");
    }
    for (name, value) in &redirection.variables {
        let _ = match is_secret(name) {
            true => writeln!(text, "      variable {name} = {HIDDEN}"),
            false => writeln!(text, "      variable {name} = {value}"),
        };
    }
    for moved in redirection.moved.iter().filter(|moved| moved.by != Means::Variable) {
        let from = moved.from.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
        let place = moved.place.as_ref().map(|place| format!("  {place}")).unwrap_or_default();
        let _ = match moved.by {
            Means::Stays => writeln!(text, "      {} stays in {}{place}", moved.what, moved.to),
            by => writeln!(text, "      {}{from} to {} ({by}){place}", moved.what, moved.to),
        };
    }
    for state in &redirection.remote_states {
        let whose = match &state.producer {
            Some(producer) => format!("reads the new state of {producer}"),
            None => "reads a state that no stack of the runbook makes".to_owned(),
        };
        let _ = writeln!(
            text,
            "      data.terraform_remote_state.{}: {whose}  {}",
            state.name, state.place
        );
    }
    let whose = if backend == "http" { "drctl's own" } else { backend };
    let _ = writeln!(text, "      state: {whose}");
}
