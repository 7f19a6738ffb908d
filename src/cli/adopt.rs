//! Which applies an earlier process of a run began, and of which it told no end.

use super::{carried::log_number, home::RunFolder, outlived};
use crate::{
    engine::{Adopted, Told},
    model::{
        event::{Event, EventKind},
        step::{Phase, StepId},
    },
    terraform::{LogFiles, Outlived},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Returns those applies, each with what was told of it.
pub(super) fn broken_off(
    events: &[Event],
    folder: &RunFolder,
    grace: Duration,
) -> BTreeMap<StepId, Adopted> {
    let logs = logs(&folder.logs());
    let adopted = |(step, told): (StepId, Vec<Told>)| {
        let stdout = log_of(&logs, &step)?;
        let process = outlived::writer_of(&stdout);
        let log = LogFiles { stderr: stdout.with_extension("err"), stdout };
        let (group, dir) = process.map(|process| (process.group, process.dir)).unzip();
        let apply = Outlived { log, group, grace: Some(grace) };
        Some((step, Adopted { apply, dir, told }))
    };
    told(events).into_iter().filter_map(adopted).collect()
}

/// Returns the stacks whose applies they are, whether or not there is a log of them.
pub(super) fn open(events: &[Event]) -> impl Iterator<Item = StepId> {
    told(events).into_keys()
}

/// Returns the process groups of those that run.
pub(super) fn groups(adopted: &BTreeMap<StepId, Adopted>) -> BTreeSet<i32> {
    adopted.values().filter_map(|adopted| adopted.apply.group).collect()
}

/// Returns what was told of each apply that began and did not end.
fn told(events: &[Event]) -> BTreeMap<StepId, Vec<Told>> {
    let mut open: BTreeMap<StepId, Vec<Told>> = BTreeMap::new();
    let mut taken_up = BTreeSet::new();
    for event in events {
        match &event.kind {
            EventKind::ApplyTakenUp { step, .. } => {
                taken_up.insert(step.clone());
            }
            // One that is taken up goes on.
            EventKind::PhaseStarted { step, phase: Phase::Apply } if taken_up.remove(step) => {}
            EventKind::PhaseStarted { step, phase: Phase::Apply } => {
                open.insert(step.clone(), Vec::new());
            }
            EventKind::PhaseStarted { step, .. }
            | EventKind::PhaseFinished { step, phase: Phase::Apply, .. }
            | EventKind::StepFinished { step, .. } => {
                taken_up.remove(step);
                open.remove(step);
            }
            EventKind::ResourceStarted { step, address, action } => {
                let told = Told { address: address.clone(), action: *action, ended: false };
                open.entry(step.clone()).and_modify(|all| all.push(told));
            }
            EventKind::ResourceFinished { step, address, action, .. } => {
                let told = Told { address: address.clone(), action: *action, ended: true };
                open.entry(step.clone()).and_modify(|all| all.push(told));
            }
            _ => {}
        }
    }
    open
}

/// Returns the logs of a run by their numbers.
fn logs(dir: &Path) -> BTreeMap<u32, PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let path = entry.path();
        let out = path.extension().is_some_and(|e| e == "out");
        out.then_some(()).and_then(|()| Some((log_number(entry.file_name().to_str()?)?, path)))
    });
    numbered.collect()
}

/// Returns the log of the apply that the newest plan of `step` was for: an apply may also have begun
/// and not come as far as to a log.
fn log_of(logs: &BTreeMap<u32, PathBuf>, step: &StepId) -> Option<PathBuf> {
    let newest = |command: &str| {
        let ending = format!("-{step}-{command}.out");
        logs.iter().rev().find(|(number, path)| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.strip_prefix(format!("{number:03}").as_str()) == Some(&ending)
        })
    };
    let (number, path) = newest("apply")?;
    let plan = newest("plan").map(|(number, _)| number);
    plan.is_none_or(|plan| plan < number).then(|| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{resource::ResourceAction, step::StepOutcome};

    fn events(kinds: Vec<EventKind>) -> Vec<Event> {
        let stamped = |(seq, kind)| Event { seq, elapsed_ms: 0, kind };
        (0..).zip(kinds).map(stamped).collect()
    }

    fn id() -> StepId {
        StepId::new("data")
    }

    fn begins(phase: Phase) -> EventKind {
        EventKind::PhaseStarted { step: id(), phase }
    }

    fn works() -> EventKind {
        let address = "a.b".to_owned();
        EventKind::ResourceStarted { step: id(), address, action: ResourceAction::Create }
    }

    fn taken_up() -> EventKind {
        EventKind::ApplyTakenUp { step: id(), runs: true, waits_for: BTreeMap::new() }
    }

    fn open(kinds: Vec<EventKind>) -> Option<usize> {
        told(&events(kinds)).get(&id()).map(Vec::len)
    }

    #[test]
    fn an_apply_without_an_end_is_open_with_all_that_was_told_of_it() {
        let apply = || begins(Phase::Apply);
        assert_eq!(open(vec![begins(Phase::Plan)]), None);
        assert_eq!(open(vec![apply(), works()]), Some(1));
        let ended = EventKind::PhaseFinished { step: id(), phase: Phase::Apply, ok: true };
        assert_eq!(open(vec![apply(), works(), ended]), None);
        let ended = EventKind::StepFinished { step: id(), outcome: StepOutcome::Interrupted };
        assert_eq!(open(vec![apply(), works(), ended]), None);
        // One resume took it up and was killed, too; then another gave it up, and planned again.
        let twice = || vec![apply(), works(), taken_up(), apply(), works()];
        assert_eq!(open(twice()), Some(2));
        assert_eq!(open([twice(), vec![begins(Phase::Init)]].concat()), None);
        assert_eq!(open([twice(), vec![begins(Phase::Init), apply()]].concat()), Some(0));
    }

    #[test]
    fn the_log_of_an_apply_is_newer_than_that_of_its_plan() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(dir.path().join(name), "").unwrap();
        let found = || {
            let found = log_of(&logs(dir.path()), &id());
            found.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        };
        for name in ["001-data-plan.out", "002-big-data-apply.out", "003-data-apply.err"] {
            write(name);
        }
        assert_eq!(found(), None);
        write("003-data-apply.out");
        assert_eq!(found().as_deref(), Some("003-data-apply.out"));
        write("004-data-plan.out");
        assert_eq!(found(), None, "that plan's apply was never begun");
        write("1005-data-apply.out");
        assert_eq!(found().as_deref(), Some("1005-data-apply.out"));
    }
}
