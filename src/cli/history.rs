//! What earlier real runs say of how long resources take.

use super::{
    error::CliError,
    home::Home,
    kept::{History, Unreadable, from_store},
};
use crate::{
    forecast::{self, Observation},
    model::{
        record::RunRecord,
        resource::{ResourceAction, type_of, without_keys},
        run::RunKind,
        step::StepKind,
    },
    store::Query,
};
use std::{path::Path, time::Duration};

/// How many real runs are read, the newest ones: a cloud of years ago says little of today's.
const NEWEST: usize = 50;

/// What the journals of earlier runs hold.
#[derive(Debug, Default)]
pub struct Past {
    /// The create times of real runs.
    pub history: forecast::History,
    /// How many real runs were read.
    pub runs: usize,
    /// Why a journal, or all of them, could not be read; one sentence each.
    pub notes: Vec<String>,
}

/// Returns what is kept of every run of `service` under drctl's folder `home`, the newest first.
pub fn of_service(home: &Path, service: &str) -> Vec<RunRecord> {
    asked(home, &Query { service: Some(service.to_owned()), ..Query::default() }).0
}

/// Returns the runs of `query`, the newest first, and one sentence for each journal that cannot be
/// read.
fn asked(home: &Path, query: &Query) -> (Vec<RunRecord>, Vec<String>) {
    let home = Home::at(home.to_owned());
    let mut notes = Vec::new();
    let mut told = |error: CliError| notes.push(error.summary());
    let history = History::open(&home).or_else(|error| {
        told(error);
        History::of_journals(&home)
    });
    let history = match history {
        Ok(history) => history,
        Err(error) => {
            told(error);
            notes.dedup();
            return (Vec::new(), notes);
        }
    };
    let records = history.store.query(query).map_err(from_store).unwrap_or_else(|error| {
        told(error);
        Vec::new()
    });
    // A run that was stopped at once leaves an empty journal, which is nothing to speak of.
    let unread = history.unreadable.iter().filter(|unreadable| !unreadable.empty);
    notes.extend(unread.map(|Unreadable { run, why, .. }| {
        format!("the run {run} was left out of the forecast: {why}")
    }));
    notes.extend(history.notes);
    (records, notes)
}

/// Reads what the newest 50 real runs under drctl's folder `home` say, failovers and drills.
///
/// Rehearsals are left out: their times are the catalogue's, and would only confirm it. Addresses,
/// and what was not a create, are of `service` alone, since other services may use the same names
/// for stacks; types are of all. What passed before the declaration is learnt only of runs that were told when
/// the outage began. A create that failed is left out; one that went well counts also when the run
/// failed later. What cannot be read is a note and no error: a forecast is possible without.
pub fn read(home: &Path, service: &str) -> Past {
    let (records, notes) = asked(home, &Query { real: true, ..Query::default() });
    let mut past = Past { notes, ..Past::default() };
    // A drill makes what a failover makes; a rehearsal that was killed at once may not say that it was one.
    let real = records.iter().filter(|run| matches!(run.kind, RunKind::Failover | RunKind::Drill));
    for record in real.take(NEWEST) {
        past.runs += 1;
        learn(&mut past.history, record, service);
    }
    past
}

/// Takes in what one run says.
fn learn(history: &mut forecast::History, record: &RunRecord, service: &str) {
    let is_own = record.service.as_deref() == Some(service);
    for seen in &record.resources {
        let made = seen.ok && seen.action == ResourceAction::Create;
        let Some(kind) = type_of(&seen.address).filter(|_| made) else { continue };
        let at = is_own.then(|| (seen.step.clone(), without_keys(&seen.address)));
        history.add(Observation { kind, at, took: Duration::from_millis(seen.took_ms) });
    }
    if is_own {
        learn_rest(history, record);
    }
}

/// Takes in what a run of the service took besides its creates.
fn learn_rest(history: &mut forecast::History, record: &RunRecord) {
    for step in &record.steps {
        let whole = || step.ended_ms?.checked_sub(step.began_ms?).filter(|_| step.done);
        let took = match step.kind {
            StepKind::Stack => step.overhead_ms,
            // Records of an older drctl have the whole alone, in which nothing was done beforehand.
            _ => step.overhead_ms.filter(|_| step.done).or_else(whole),
        };
        if let Some(ms) = took {
            history.add_overhead(step.id.clone(), Duration::from_millis(ms));
        }
    }
    let phase = |name: &str| {
        let found = record.phases.iter().find(|(phase, _)| phase == name);
        found.map(|(_, ms)| Duration::from_millis(*ms))
    };
    if let Some(took) = phase("verify") {
        history.add_verification(took);
    }
    // Where nobody said when the outage began, its detection is not known.
    let was_told = record.outage.known_by.is_observed();
    if let (true, Some(detection), Some(decision)) =
        (was_told, phase("detection"), phase("decision"))
    {
        history.add_before(detection + decision);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{catalogue::Catalogue, forecast::Basis, model::step::StepId};
    use serde_json::{Value, json};
    use std::fs;

    fn journal(home: &Path, run: &str, events: &[Value]) {
        let folder = home.join("runs").join(run);
        fs::create_dir_all(&folder).unwrap();
        let lines: String = events
            .iter()
            .enumerate()
            .map(|(seq, event)| {
                let mut event = event.clone();
                event["seq"] = seq.into();
                format!("{event}\n")
            })
            .collect();
        fs::write(folder.join("journal.jsonl"), lines).unwrap();
    }

    fn started(run: &str, kind: &str) -> Value {
        json!({"elapsed_ms": 0, "event": "run_started", "run": run, "run_kind": kind,
            "drctl": "0.1.0", "began_at": "2026-03-14T02:59:07Z", "repo": "r", "region": "b",
            "outage": {"before_ms": 0, "known_by": "assumed"}})
    }

    fn planned(service: &str) -> Value {
        json!({"elapsed_ms": 5, "event": "run_planned", "service": service, "primary": null,
            "rto_ms": null, "rpo_ms": null, "digest": "d", "steps": [
                {"id": "network", "kind": "stack", "needs": []},
                {"id": "data", "kind": "stack", "needs": ["network"]}]})
    }

    fn made(address: &str, action: &str, took_ms: u64, ok: bool) -> Value {
        json!({"elapsed_ms": 90_000, "event": "resource_finished", "step": "data",
            "address": address, "action": action, "took_ms": took_ms, "ok": ok})
    }

    fn phase(at: u64, step: &str) -> Value {
        json!({"elapsed_ms": at, "event": "phase_started", "step": step, "phase": "apply"})
    }

    fn ends(at: u64, step: &str) -> Value {
        json!({"elapsed_ms": at, "event": "step_finished", "step": step,
            "outcome": {"is": "done"}})
    }

    const ONE: &str = "20260314-025907-0001";
    const TWO: &str = "20260315-025907-0002";

    fn real_run(home: &Path, run: &str, service: &str) {
        let declared = json!({"elapsed_ms": 1_000, "event": "declared", "by": "typed"});
        let events = [
            started(run, "failover"),
            planned(service),
            declared,
            phase(31_000, "network"),
            ends(60_000, "network"),
            phase(75_000, "data"),
            made(r#"module.db["a.b"].aws_db_instance.main[0]"#, "create", 300_000, true),
            made("aws_db_instance.failed", "create", 900_000, false),
            made("aws_db_instance.changed", "update", 800_000, true),
            made("data.aws_ami.base", "read", 700_000, true),
        ];
        journal(home, run, &events);
    }

    #[test]
    fn creates_of_real_runs_are_learnt_by_type_and_by_address() {
        let home = tempfile::tempdir().unwrap();
        real_run(home.path(), ONE, "shop");

        let past = read(home.path(), "shop");

        assert_eq!((past.runs, past.history.len(), past.notes.len()), (1, 1, 0));
        let address = "module.db.aws_db_instance.main";
        let time = past.history.time(
            &StepId::new("data"),
            address,
            "aws_db_instance",
            Catalogue::builtin(),
        );
        assert_eq!(time.basis, Basis::Address { samples: 1 });
        // 1/4 of 300 s and 3/4 of 246 s is 259.5 s; half of that and half of 300 s.
        assert_eq!(time.p50, Duration::from_millis(279_750));
        let overhead = |stack| past.history.overhead(&StepId::new(stack)).map(|o| o.as_secs());
        assert_eq!(overhead("network"), Some(30), "since it was declared");
        assert_eq!(overhead("data"), Some(15), "since its needs were up");
    }

    #[test]
    fn another_service_tells_of_types_alone() {
        let home = tempfile::tempdir().unwrap();
        real_run(home.path(), ONE, "billing");
        let past = read(home.path(), "shop");
        assert_eq!(past.history.len(), 1);
        assert_eq!(past.history.overhead(&StepId::new("data")), None);
        let (stack, address) = (StepId::new("data"), "module.db.aws_db_instance.main");
        let time = past.history.time(&stack, address, "aws_db_instance", Catalogue::builtin());
        assert_eq!(time.basis, Basis::Own { samples: 1 });
    }

    /// A run with a command, whose beginning of the outage was given, or not.
    fn whole_run(home: &Path, run: &str, service: &str, known_by: &str) {
        let mut began = started(run, "failover");
        began["outage"] = json!({"before_ms": 60_000, "known_by": known_by});
        let mut plan = planned(service);
        plan["steps"] = json!([{"id": "app", "kind": "stack", "needs": []},
            {"id": "cutover", "kind": "cutover", "needs": ["app"]}]);
        let spent = |from: u64, to: u64, step: &str, phase: &str| {
            let of = |at: u64, event: &str| json!({"elapsed_ms": at, "event": event, "step": step, "phase": phase, "ok": true});
            [of(from, "phase_started"), of(to, "phase_finished")]
        };
        let mut events = vec![began, plan];
        events.push(json!({"elapsed_ms": 20_000, "event": "declared", "by": "typed"}));
        events.extend(spent(20_000, 25_000, "app", "init"));
        let answer = json!({"refusals": [], "placed": [], "remnants": []});
        events.push(json!({"elapsed_ms": 25_000, "event": "gate_answered", "step": "app",
            "answer": answer}));
        events.extend(spent(25_000, 30_000, "app", "apply"));
        events.push(ends(30_000, "app"));
        events.extend(spent(31_000, 38_000, "cutover", "command"));
        events.push(ends(38_000, "cutover"));
        events.push(json!({"elapsed_ms": 50_000, "event": "service_verified"}));
        events.push(json!({"elapsed_ms": 51_000, "event": "run_finished", "outcome": "recovered"}));
        journal(home, run, &events);
    }

    #[test]
    fn commands_the_verification_and_what_passed_before_are_learnt_of_the_service_alone() {
        let home = tempfile::tempdir().unwrap();
        whole_run(home.path(), ONE, "shop", "declared");
        whole_run(home.path(), TWO, "billing", "declared");
        let history = read(home.path(), "shop").history;
        let secs = |all: &[Duration]| all.iter().map(Duration::as_secs).collect::<Vec<_>>();
        assert_eq!(secs(history.overheads(&StepId::new("app"))), [5]);
        assert_eq!(secs(history.overheads(&StepId::new("cutover"))), [7]);
        assert_eq!(secs(history.verifications()), [12]);
        assert_eq!(secs(history.before()), [80], "the outage was a minute old");
    }

    #[test]
    fn an_outage_that_nobody_dated_tells_nothing_of_its_detection() {
        let home = tempfile::tempdir().unwrap();
        whole_run(home.path(), ONE, "shop", "assumed");
        let history = read(home.path(), "shop").history;
        assert_eq!((history.before().len(), history.verifications().len()), (0, 1));
    }

    #[test]
    fn rehearsals_teach_nothing_and_what_cannot_be_read_is_told() {
        let home = tempfile::tempdir().unwrap();
        let rehearsal = [started(ONE, "rehearsal"), made("aws_vpc.a", "create", 1, true)];
        journal(home.path(), ONE, &rehearsal);
        let simulated =
            json!({"elapsed_ms": 1, "event": "simulated", "time_scale": 60, "seed": 1, "dark": []});
        let drill = [started(TWO, "failover"), simulated, made("aws_vpc.a", "create", 1, true)];
        journal(home.path(), TWO, &drill);
        let broken = home.path().join("runs/20260316-025907-0003");
        fs::create_dir_all(&broken).unwrap();
        fs::write(broken.join("journal.jsonl"), "no event\n").unwrap();
        let empty = home.path().join("runs/20260317-025907-0004");
        fs::create_dir_all(&empty).unwrap();
        fs::write(empty.join("journal.jsonl"), "").unwrap();

        let past = read(home.path(), "shop");

        assert!(past.history.is_empty());
        assert_eq!((past.runs, past.notes.len()), (0, 1));
        assert!(past.notes[0].starts_with("the run 20260316-025907-0003 was left out"));
        assert_eq!(read(&home.path().join("none"), "shop").notes, Vec::<String>::new());
    }
}
