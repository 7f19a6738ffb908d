//! The words for every event: said the same on a terminal, in a pipe and in CI.

use crate::model::text::plain;
use crate::model::{
    deploy::ObjectProgress,
    event::{Event, EventKind},
    gate::GateAnswer,
    orphan::Orphan,
    redirect::{Dependency, DependencyStatus},
    resource::ResourceAction,
    run::{DeclaredBy, Lock, OutageSource, RunKind, RunOutcome},
    step::{Phase, StepId, StepOutcome},
    time::Pretty,
};
use std::{collections::BTreeMap, fmt::Write};

/// The widest that the column of step names gets.
pub(super) const WIDEST_NAME: usize = 24;
/// How many reasons of a refused plan stand in one line; the report has them all.
const REASONS_SHOWN: usize = 3;

/// One event in words.
#[derive(Debug)]
pub(super) struct Said {
    at_ms: u64,
    /// One word for what happened.
    pub(super) head: &'static str,
    /// The step, probe or store it happened to.
    pub(super) subject: Option<String>,
    /// The rest of the line.
    pub(super) text: String,
}

/// Puts events into words.
///
/// Remembers when phases and steps began, so that their ends can say how long
/// they took, and how wide the names are, so that columns hold.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    column: usize,
    phases: BTreeMap<(StepId, Phase), u64>,
    steps: BTreeMap<StepId, u64>,
    /// True on the way home.
    homeward: bool,
}

impl Narrator {
    /// Returns the width of the column of names, in characters.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Returns the event as one line, without a newline and safe to show.
    pub(super) fn line(&mut self, event: &Event) -> String {
        let said = self.tell(event);
        let mut line = format!("[{:>9}] {:>9}  ", Pretty::ms(said.at_ms).to_string(), said.head);
        if let Some(subject) = said.subject {
            let _ = write!(line, "{:<width$}  ", plain(&subject), width = self.column);
        }
        line.push_str(&plain(&said.text));
        line.truncate(line.trim_end().len());
        line
    }

    /// Puts one event into words. They may hold anything that came from outside.
    pub(super) fn tell(&mut self, event: &Event) -> Said {
        let (head, subject, text) = self.words(event);
        Said { at_ms: event.elapsed_ms, head, subject, text }
    }

    fn words(&mut self, event: &Event) -> (&'static str, Option<String>, String) {
        let on = |subject: &dyn ToString| Some(subject.to_string());
        match &event.kind {
            EventKind::RunStarted {
                run,
                run_kind,
                drctl: _,
                began_at: _,
                repo,
                region,
                outage,
            } => {
                let began = match outage.known_by {
                    OutageSource::Declared => {
                        format!("the outage began {} before", Pretty::ms(outage.before_ms))
                    }
                    OutageSource::Assumed => {
                        "outage start not given: counted from the start of the run".to_owned()
                    }
                    OutageSource::Probed => format!(
                        "the first failed probe was {} before",
                        Pretty::ms(outage.before_ms)
                    ),
                    OutageSource::Simulated => format!(
                        "the outage is simulated, and began {} before",
                        Pretty::ms(outage.before_ms)
                    ),
                    OutageSource::Planned => "the way home".to_owned(),
                    OutageSource::Unknown => format!(
                        "the outage began {} before, as a newer drctl found out",
                        Pretty::ms(outage.before_ms)
                    ),
                };
                let what = run_word(*run_kind);
                ("Started", None, format!("{what} {run} of {repo} into {region}; {began}"))
            }
            EventKind::CheckoutReady { commit, reference, mirror_age_ms } => {
                let mut text = format!("commit {}", commit.get(..12).unwrap_or(commit));
                if let Some(reference) = reference {
                    let _ = write!(text, " ({reference})");
                }
                if let Some(age) = mirror_age_ms {
                    let _ = write!(
                        text,
                        " from a mirror of {} ago: the origin could not be reached",
                        Pretty::ms(*age)
                    );
                }
                ("Fetched", None, text)
            }
            EventKind::StartedPrepared { bundle: _, made_at, age_ms, ready, planned } => {
                let text = format!(
                    "{} ago ({}): {} initialised, {} planned",
                    Pretty::ms(*age_ms),
                    made_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
                    count(ready.len(), "stack"),
                    planned.len()
                );
                ("Prepared", None, text)
            }
            EventKind::RunPlanned { service, primary, rto_ms, rpo_ms, digest, steps, .. } => {
                self.column = steps
                    .iter()
                    .map(|step| step.id.as_str().chars().count().min(WIDEST_NAME))
                    .max()
                    .unwrap_or(0);
                let mut text = format!("{service}: {}", count(steps.len(), "step"));
                if let Some(primary) = primary.as_ref().filter(|_| !self.homeward) {
                    let _ = write!(text, ", away from {primary}");
                }
                for (name, objective) in [("RTO", rto_ms), ("RPO", rpo_ms)] {
                    if let Some(ms) = objective {
                        let _ = write!(text, ", {name} {}", Pretty::ms(*ms));
                    }
                }
                let _ = write!(text, ", digest {}", digest.get(..12).unwrap_or(digest));
                ("Planned", None, text)
            }
            EventKind::Simulated { time_scale, seed, dark } => {
                let mut text = format!("cloud, {time_scale} times faster, seed {seed}");
                if !dark.is_empty() {
                    let _ = write!(text, "; down: {}", dark.join(", "));
                }
                ("Simulated", None, text)
            }
            EventKind::TerraformFound { product, version } => {
                ("Runs", None, format!("{product} {version}"))
            }
            EventKind::Inventoried { step, needs } => {
                let dead = |need: &&Dependency| need.status == DependencyStatus::Dead;
                let text = match needs.iter().filter(dead).count() {
                    0 => {
                        format!("{} outside, none in the dead region", count(needs.len(), "thing"))
                    }
                    dead => format!(
                        "{} outside, {dead} in the dead region",
                        count(needs.len(), "thing")
                    ),
                };
                ("Needs", on(step), text)
            }
            EventKind::Predicted { prediction } => ("Forecast", None, prediction.to_string()),
            EventKind::LockWaited { step, lock, took_ms } => {
                let what = match lock {
                    Lock::PluginCache => "the plugin cache",
                    Lock::Unknown => "a lock that only a newer drctl knows",
                };
                ("Waited", on(step), format!("for {what} ({})", Pretty::ms(*took_ms)))
            }
            EventKind::ProvidersChosen { step, versions } => {
                let all: Vec<_> = versions.iter().map(|(name, v)| format!("{name} {v}")).collect();
                ("Providers", on(step), all.join(", "))
            }
            EventKind::DependenciesRead { step, needs } => {
                let edges: usize = needs.values().map(Vec::len).sum();
                let text =
                    format!("{} among {}", count(edges, "need"), count(needs.len(), "resource"));
                ("Graph", on(step), text)
            }
            EventKind::Obstructed { step, obstacle } => {
                ("Obstructed", on(step), format!("{obstacle}. {}", obstacle.hint))
            }
            EventKind::Invented { step, resource_type, attribute, read_at } => {
                let places: Vec<_> = read_at.iter().map(ToString::to_string).collect();
                let text = format!("{resource_type}.{attribute}, read at {}", places.join(", "));
                ("Made up", on(step), text)
            }
            EventKind::Replanned { step, changes, cause } => {
                let changed: Vec<_> =
                    changes.iter().map(|(a, action)| format!("{action} {a}")).collect();
                let text = match (cause.as_slice(), changed.as_slice()) {
                    ([], []) => "a second plan finds nothing to do".to_owned(),
                    ([], changed) => format!("a second plan would {}", first_few(changed)),
                    (cause, _) => format!("the second plan failed: {}", cause.join(": ")),
                };
                ("Replanned", on(step), text)
            }
            EventKind::ObjectSeen { step, object } => {
                let head = match object.state {
                    ObjectProgress::Ready => "Ready",
                    ObjectProgress::Failed => "Failed",
                    ObjectProgress::Troubled => "Trouble",
                    ObjectProgress::Waiting | ObjectProgress::Unknown => "Waits",
                };
                (head, on(step), format!("{}: {}", object.object, object.detail))
            }
            EventKind::ImagesAsked { step, images } => {
                let lacking: Vec<_> = images
                    .iter()
                    .filter_map(|i| Some(format!("{}: {}", i.image, i.cause.as_ref()?)))
                    .collect();
                let all = count(images.len(), "image");
                match lacking.as_slice() {
                    [] => ("Images", on(step), format!("{all}, all there")),
                    lacking => ("Images", on(step), first_few(lacking)),
                }
            }
            EventKind::TrafficMoved { step, traffic } => {
                let after = traffic.after.join(", ");
                let mut text = format!("{} leads to {after}", traffic.name);
                if traffic.ttl_ms > 0 {
                    let _ = write!(
                        text,
                        "; whoever asked before may go on for {}",
                        Pretty::ms(traffic.ttl_ms)
                    );
                }
                ("Moved", on(step), text)
            }
            EventKind::FallbackVerified => {
                let side = if self.homeward { "primary" } else { "fallback" };
                ("Verified", None, format!("the service passes its probes in the {side}"))
            }
            EventKind::FailbackOf { failover, fallback } => {
                self.homeward = true;
                ("Home", None, format!("from {fallback}, into which {failover} failed over"))
            }
            EventKind::StackLooked { step, looked } => {
                let mut text = format!("in the {}: {}", looked.side.word(), looked.words());
                if let (Some(digest), false) = (&looked.digest, looked.accepted) {
                    let _ =
                        write!(text, "; nobody said yes to {}", digest.get(..12).unwrap_or(digest));
                }
                ("Looked", on(step), text)
            }
            EventKind::TearDownStarted { region } => {
                ("Removing", None, format!("what the service has in {region}"))
            }
            EventKind::TearDownFinished { removed } => {
                let text =
                    if *removed { "nothing of what is known is left" } else { "something is left" };
                ("Torn down", None, text.to_owned())
            }
            EventKind::UndoStarted { drctl, at, steps } => {
                let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
                let text = format!("by drctl {drctl} at {at}: {}", steps.join(", "));
                ("Undoing", None, text)
            }
            EventKind::UndoFinished { undone } => {
                let text = if *undone { "all of it" } else { "something is left" };
                ("Undone", None, text.to_owned())
            }
            EventKind::RunResumed { drctl, at, done } => {
                let text = format!("by drctl {drctl} at {at}: {} of its steps done", done.len());
                ("Resumed", None, text)
            }
            EventKind::OrphansFound { step, orphans } => {
                let all: Vec<_> = orphans.iter().map(Orphan::sentence).collect();
                ("Orphaned", on(step), format!("in no state: {}", all.join("; ")))
            }
            EventKind::ApplyTakenUp { step, runs, waits_for } => {
                let waits_for: Vec<_> =
                    waits_for.keys().map(|address| format!("`{address}`")).collect();
                let text = match (runs, waits_for.is_empty()) {
                    (true, true) => {
                        "its apply outlived drctl and still runs: followed to its end".to_owned()
                    }
                    (true, false) => format!(
                        "its apply outlived drctl and still runs: followed to its end; it works on {}",
                        first_few(&waits_for)
                    ),
                    (false, _) => "its apply had begun, and its end was not told".to_owned(),
                };
                ("Adopted", on(step), text)
            }
            EventKind::RemovalStarted { step } => {
                self.steps.insert(step.clone(), event.elapsed_ms);
                ("Removing", on(step), "what it made".to_owned())
            }
            EventKind::RemovalFinished { step, cause } => {
                let took = took(self.steps.remove(step), event.elapsed_ms);
                match cause.as_slice() {
                    [] => ("Removed", on(step), format!("all of it{took}")),
                    cause => {
                        ("Failed", on(step), format!("to remove it{took}: {}", cause.join(": ")))
                    }
                }
            }
            EventKind::Declared { by } => {
                let by = match by {
                    DeclaredBy::Typed => "by the operator, who typed the service's name",
                    DeclaredBy::Digest => "by the digest of this very plan",
                    DeclaredBy::Rehearsal => "by nobody: nothing real is made",
                    DeclaredBy::Approval => "by somebody who approved what `drctl watch` asked",
                    DeclaredBy::Policy => "by the policy of the runbook",
                    DeclaredBy::Drill => "by nobody: it is a drill, and torn down again",
                    DeclaredBy::Unknown => "in a way that only a newer drctl knows",
                };
                ("Declared", None, by.to_owned())
            }
            EventKind::PhaseStarted { step, phase } => {
                self.steps.entry(step.clone()).or_insert(event.elapsed_ms);
                self.phases.insert((step.clone(), *phase), event.elapsed_ms);
                ("Began", on(step), phase.word().to_owned())
            }
            EventKind::PhaseFinished { step, phase, ok } => {
                let began = self.phases.remove(&(step.clone(), *phase));
                let head = if *ok { "Ended" } else { "Failed" };
                (head, on(step), format!("{}{}", phase.word(), took(began, event.elapsed_ms)))
            }
            EventKind::PlanMade { step, actions, digest: _ } => {
                ("Plan", on(step), plan_words(actions))
            }
            EventKind::GateAnswered { step, answer } if answer.accepted() => {
                let where_to = answer.whereabouts().map(|words| format!(": {words}"));
                let mut text = format!("the plan may be applied{}", where_to.unwrap_or_default());
                if !answer.remnants.is_empty() {
                    let _ = write!(
                        text,
                        "; {} still naming the primary",
                        count(answer.remnants.len(), "value")
                    );
                }
                ("Accepted", on(step), text)
            }
            EventKind::GateAnswered { step, answer } => ("Refused", on(step), refusals(answer)),
            EventKind::ResourceStarted { step, address, action } => {
                (doing(*action), on(step), address.clone())
            }
            EventKind::ResourceFinished { step, address, action, took_ms, ok: true } => {
                (did(*action), on(step), format!("{address} ({})", Pretty::ms(*took_ms)))
            }
            EventKind::ResourceFinished { step, address, action, took_ms, ok: false } => {
                ("Failed", on(step), format!("{action} {address} ({})", Pretty::ms(*took_ms)))
            }
            EventKind::OutputsReady { step, names } => {
                let text = match names.as_slice() {
                    [] => "none".to_owned(),
                    names => names.join(", "),
                };
                ("Outputs", on(step), text)
            }
            EventKind::Noted { step, message } => {
                ("Note", step.as_ref().map(ToString::to_string), message.clone())
            }
            EventKind::StepFinished { step, outcome } => {
                let took = took(self.steps.remove(step), event.elapsed_ms);
                let (head, text) = ending(outcome, &took);
                (head, on(step), text)
            }
            EventKind::ProbeAnswered { probe, up: true, detail, passes, needed } => {
                ("Up", on(probe), format!("{passes} of {needed} in a row: {detail}"))
            }
            EventKind::ProbeAnswered { probe, up: false, detail, passes: _, needed: _ } => {
                ("Down", on(probe), detail.clone())
            }
            EventKind::ServiceVerified => {
                ("Verified", None, "every probe passed as often in a row as it must".to_owned())
            }
            EventKind::VerificationFailed { probe, detail } => (
                "Down",
                on(probe),
                format!("did not pass in the time it was given; the last answer: {detail}"),
            ),
            EventKind::RecoveryPointFound { store, before_outage_ms, cause } => {
                ("Data", on(store), recovery_point(*before_outage_ms, cause.as_deref()))
            }
            EventKind::InterruptReceived { signal } => {
                let text = format!("{signal} received: nothing new is begun, what runs may end");
                ("Stopping", None, text)
            }
            EventKind::RunFinished { outcome } => {
                let text = match (self.homeward, outcome) {
                    (true, RunOutcome::Recovered) => "the service is home",
                    (true, RunOutcome::Failed | RunOutcome::Refused | RunOutcome::Interrupted) => {
                        "the way home was not gone to its end"
                    }
                    (_, outcome) => run_ending(*outcome),
                };
                ("Finished", None, text.to_owned())
            }
            EventKind::SweepStarted { drctl, at } => {
                let at = at.strftime("%Y-%m-%d %H:%M:%S");
                ("Sweeping", None, format!("what the drill left, by drctl {drctl}, at {at} UTC"))
            }
            EventKind::SweepFinished { removed, unknown } => {
                let mut text = match removed {
                    true => "nothing of what is known is left",
                    false => "something could not be removed",
                }
                .to_owned();
                if !unknown.is_empty() {
                    let _ = write!(text, "; may be left: {}", unknown.join(", "));
                }
                ("Swept", None, text)
            }
            EventKind::Unknown => {
                ("Unknown", None, "something that only a newer drctl can show".to_owned())
            }
        }
    }
}

fn run_word(kind: RunKind) -> &'static str {
    match kind {
        RunKind::Failover => "failover",
        RunKind::Rehearsal => "rehearsal",
        RunKind::Drill => "drill",
        RunKind::Failback => "failback",
        RunKind::Unknown => "run",
    }
}

/// Returns `1 step`, `2 steps`.
/// Says how long a recovery is expected to take.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Returns ` (4m05.2s)`, or nothing when the beginning was not seen.
fn took(began_ms: Option<u64>, ended_ms: u64) -> String {
    began_ms
        .map(|began| format!(" ({})", Pretty::ms(ended_ms.saturating_sub(began))))
        .unwrap_or_default()
}

fn plan_words(actions: &BTreeMap<ResourceAction, u64>) -> String {
    let words: Vec<_> = actions
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(action, number)| match action {
            ResourceAction::NoOp => format!("{number} unchanged"),
            ResourceAction::Unknown => format!("{number} with an unknown action"),
            action => format!("{number} to {action}"),
        })
        .collect();
    if words.is_empty() { "nothing to do".to_owned() } else { words.join(", ") }
}

/// How many reasons the gate has against a plan, and the first of them.
pub fn refusals(answer: &GateAnswer) -> String {
    let reasons: Vec<_> = answer.refusals.iter().map(ToString::to_string).collect();
    format!("{}: {}", count(reasons.len(), "reason"), first_few(&reasons))
}

/// The first of many, and how many more there are.
fn first_few(all: &[String]) -> String {
    let shown = all.len().min(REASONS_SHOWN);
    let mut text = all[..shown].join("; ");
    if all.len() > shown {
        let _ = write!(text, "; and {} more", all.len() - shown);
    }
    text
}

fn ending(outcome: &StepOutcome, took: &str) -> (&'static str, String) {
    match outcome {
        StepOutcome::Done => ("Done", format!("up{took}")),
        StepOutcome::Failed { cause, hints: _ } => {
            ("Failed", format!("{}{took}", cause.join(": ")))
        }
        StepOutcome::Refused => ("Refused", "its plan was refused; nothing was changed".to_owned()),
        StepOutcome::Skipped { blocked_by } => {
            ("Skipped", format!("needs {blocked_by}, which did not end well"))
        }
        StepOutcome::Interrupted => ("Stopped", format!("the run was stopped{took}")),
        StepOutcome::Withheld { why } => ("Withheld", why.clone()),
        StepOutcome::LeftOut { why } => ("Left out", why.clone()),
    }
}

fn recovery_point(before_outage_ms: Option<i64>, cause: Option<&str>) -> String {
    match before_outage_ms {
        Some(before @ 0..) => {
            format!("can be restored to {} before the outage", Pretty::ms(before.unsigned_abs()))
        }
        Some(after) => format!(
            "can be restored to {} after the outage began: nothing is lost",
            Pretty::ms(after.unsigned_abs())
        ),
        None => format!("recovery point unknown: {}", cause.unwrap_or("no reason was given")),
    }
}

fn run_ending(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Recovered => "the service is back",
        RunOutcome::Unverified => {
            "every step is done; without a probe, nobody knows whether the service is back"
        }
        RunOutcome::Failed => "the service is not back",
        RunOutcome::Refused => "a plan was refused; the service is not back",
        RunOutcome::Interrupted => "stopped before the service was back",
        RunOutcome::NotRemoved => "not all that the drill made could be removed again",
        RunOutcome::Unknown => "in a way that only a newer drctl knows",
    }
}

fn doing(action: ResourceAction) -> &'static str {
    match action {
        ResourceAction::Create => "Creating",
        ResourceAction::Read => "Reading",
        ResourceAction::Update => "Updating",
        ResourceAction::Delete => "Deleting",
        ResourceAction::Replace => "Replacing",
        ResourceAction::Import => "Importing",
        ResourceAction::Move => "Moving",
        ResourceAction::Forget => "Dropping",
        ResourceAction::NoOp => "Leaving",
        ResourceAction::Unknown => "Working",
    }
}

fn did(action: ResourceAction) -> &'static str {
    match action {
        ResourceAction::Create => "Created",
        ResourceAction::Read => "Read",
        ResourceAction::Update => "Updated",
        ResourceAction::Delete => "Deleted",
        ResourceAction::Replace => "Replaced",
        ResourceAction::Import => "Imported",
        ResourceAction::Move => "Moved",
        ResourceAction::Forget => "Dropped",
        ResourceAction::NoOp => "Left",
        ResourceAction::Unknown => "Worked",
    }
}
