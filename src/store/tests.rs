//! The history on a disk, in memory, and damaged.

use super::*;
use crate::model::{
    chain,
    outage::EnteredOutage,
    run::{Outage, OutageSource, RunOutcome},
    verdict::Verdict,
};
use std::{os::unix::fs::PermissionsExt, thread};

/// A run of the given second, into `ap-northeast-2`.
fn run(second: i64, service: &str, kind: RunKind) -> RunRecord {
    let began_at = jiff::Timestamp::from_second(1_773_457_147 + second).unwrap();
    let text = serde_json::json!({
        "schema": crate::model::record::SCHEMA,
        "run": RunId::new(began_at, 1),
        "kind": kind,
        "drctl": "0.1.0",
        "began_at": began_at,
        "repo": "r",
        "service": service,
        "region": "ap-northeast-2",
        "outage": Outage { before_ms: 0, known_by: OutageSource::Declared, detected_before_ms: None },
        "summary": Summary::Met,
        "verdict": Verdict::Met { spare_ms: 1 },
        "outcome": RunOutcome::Recovered,
        "recovery_time_ms": 812_000,
        "out_for_ms": 812_100,
    });
    serde_json::from_value(text).unwrap()
}

fn unfinished(mut record: RunRecord) -> RunRecord {
    (record.summary, record.outcome, record.recovery_time_ms) = (Summary::Unfinished, None, None);
    record
}

fn folded(record: &RunRecord) -> Folded {
    Folded { record: record.clone(), journal_bytes: 9 }
}

fn said(error: &StoreError, dir: &Path) -> String {
    let whole = format!("{}\n  hint: {}", chain(error).join(": "), error.hint().unwrap());
    whole.replace(dir.to_str().unwrap(), "DIR")
}

#[test]
fn what_is_added_is_there_when_it_is_opened_again_and_is_private() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("home").join(FILE_NAME);
    let record = run(0, "shop", RunKind::Failover);
    Store::open(&path).unwrap().add(&[folded(&record)]).unwrap();

    let store = Store::open(&path).unwrap();

    assert_eq!(store.get(&record.run).unwrap(), Some(record.clone()));
    let taken = Taken { finished: true, journal_bytes: Some(9) };
    assert_eq!(store.known().unwrap(), [(record.run, taken)].into());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_query_is_answered_newest_first() {
    let mut store = Store::in_memory().unwrap();
    let mut simulated = run(3, "shop", RunKind::Failover);
    simulated.time_scale = Some(60);
    let all = [
        run(1, "shop", RunKind::Failover),
        run(0, "shop", RunKind::Rehearsal),
        run(2, "billing", RunKind::Failover),
        simulated,
    ];
    store.add(&all.each_ref().map(folded)).unwrap();
    let asked = |query: &Query| -> Vec<usize> {
        let found = store.query(query).unwrap();
        found.iter().map(|r| all.iter().position(|a| a == r).unwrap()).collect()
    };
    let any = Query::default();
    assert_eq!(asked(&any), [3, 2, 0, 1]);
    assert_eq!(asked(&Query { limit: Some(2), ..any.clone() }), [3, 2]);
    assert_eq!(asked(&Query { service: Some("shop".into()), ..any.clone() }), [3, 0, 1]);
    let failovers = Query { kind: Some(RunKind::Failover), ..any.clone() };
    assert_eq!(asked(&failovers), [3, 2, 0]);
    assert_eq!(asked(&Query { real: true, ..failovers }), [2, 0]);
    assert_eq!(asked(&Query { before: Some(all[2].run.clone()), ..any.clone() }), [0, 1]);
    assert_eq!(asked(&Query { region: Some("eu-west-1".into()), ..any }), [] as [usize; 0]);
    assert_eq!(store.services().unwrap(), ["billing", "shop"]);
}

#[test]
fn a_finished_run_is_never_replaced_by_one_that_is_not() {
    let mut store = Store::in_memory().unwrap();
    let record = run(0, "shop", RunKind::Failover);
    let half = unfinished(record.clone());
    for (added, there) in [(&half, &half), (&record, &record), (&half, &record)] {
        store.add(&[folded(added)]).unwrap();
        assert_eq!(store.get(&record.run).unwrap().as_ref(), Some(there));
    }
}

#[test]
fn two_at_once_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    thread::scope(|scope| {
        for writer in 0..4 {
            let path = &path;
            scope.spawn(move || {
                for number in 0..10 {
                    let record = run(writer * 100 + number, "shop", RunKind::Failover);
                    Store::open(path).unwrap().add(&[folded(&record)]).unwrap();
                }
            });
        }
    });
    assert_eq!(Store::open(&path).unwrap().known().unwrap().len(), 40);
}

#[test]
fn outages_are_kept_once_and_in_order() {
    let mut store = Store::in_memory().unwrap();
    let outage = |service: &str, interval: &str| EnteredOutage {
        service: service.to_owned(),
        interval: interval.parse().unwrap(),
        note: Some("power".to_owned()),
    };
    let late = outage("shop", "2026-03-14T02:55:07Z/2026-03-14T03:40:00Z");
    let early = outage("shop", "2026-01-14T02:55:07.123Z/2026-01-14T03:40:00Z");
    let other = outage("billing", "2026-02-14T02:55:07Z/2026-02-14T03:40:00Z");
    for outage in [&late, &early, &other] {
        assert!(store.add_outage(outage).unwrap());
    }
    assert!(!store.add_outage(&late).unwrap());
    assert_eq!(store.outages(Some("shop")).unwrap(), [early, late]);
    assert_eq!(store.outages(None).unwrap().len(), 3);
    assert!(store.remove_outage("billing", other.interval).unwrap());
    assert!(!store.remove_outage("billing", other.interval).unwrap());
    assert_eq!(store.outages(None).unwrap().len(), 2);
}

#[test]
fn an_empty_file_becomes_a_history_and_a_newer_one_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    fs::write(&path, "").unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.known().unwrap(), BTreeMap::new());

    store.connection.pragma_update(None, "user_version", 99).unwrap();
    drop(store);
    let before = fs::read(&path).unwrap();
    let error = Store::open(&path).unwrap_err();
    insta::assert_snapshot!(said(&error, dir.path()), @"
    the history `DIR/history.db` has form 99, and this drctl knows forms up to 1
      hint: Use the newer drctl that wrote it: an older one would lose what it does not know
    ");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_history_says_how_to_make_it_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    fs::write(&path, "this is no database, and it is long enough to be taken for one".repeat(99))
        .unwrap();
    let error = Store::open(&path).unwrap_err();
    assert!(!error.is_unwritable());
    insta::assert_snapshot!(said(&error, dir.path()), @r"
    the history `DIR/history.db` is damaged: file is not a database
      hint: Move it away with `mv DIR/history.db DIR/history.db.damaged`: the journals of the runs are the truth, and the next command makes it anew from them; runs whose folder was removed come back from an export with `drctl runs import`, and outages entered by hand must be entered again
    ");
}

#[test]
fn a_record_that_cannot_be_read_is_told_by_its_run() {
    let mut store = Store::in_memory().unwrap();
    store.add(&[folded(&run(0, "shop", RunKind::Failover))]).unwrap();
    store.connection.execute("UPDATE runs SET record = '{}'", []).unwrap();
    let error = store.query(&Query::default()).unwrap_err();
    assert!(error.to_string().ends_with("keeps of the run 20260314-025907-0001 cannot be read"));
}

#[test]
fn a_history_that_cannot_be_written_can_be_read_and_copied() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let (one, two) = (run(0, "shop", RunKind::Failover), run(1, "shop", RunKind::Failover));
    let mut store = Store::open(&path).unwrap();
    store.add(&[folded(&one)]).unwrap();
    store.connection.pragma_update(None, "query_only", true).unwrap();

    let error = store.add(&[folded(&two)]).unwrap_err();
    assert!(error.is_unwritable(), "{error:?}");
    let mut copy = store.copy_in_memory().unwrap();
    copy.add(&[folded(&two)]).unwrap();

    assert_eq!(copy.query(&Query::default()).unwrap(), [two, one]);
    assert_eq!(copy.known().unwrap().len(), 2);
    assert_eq!(store.known().unwrap().len(), 1);
}

#[test]
fn a_full_disk_is_told_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let mut store = Store::open(&path).unwrap();
    // SQLite answers as on a full disk when a database may grow no further.
    let pages: i64 = store.connection.pragma_query_value(None, "page_count", |r| r.get(0)).unwrap();
    store.connection.pragma_update(None, "max_page_count", pages).unwrap();
    let mut big = run(0, "shop", RunKind::Failover);
    big.repo = "r".repeat(100_000);
    let error = store.add(&[folded(&run(1, "shop", RunKind::Failover)), folded(&big)]).unwrap_err();
    insta::assert_snapshot!(said(&error, dir.path()), @r"
    there is no room on the disk for the history `DIR/history.db`: database or disk is full
      hint: Make room on its disk, and do it again
    ");
    assert_eq!(store.known().unwrap(), BTreeMap::new(), "all or nothing");
}

#[test]
fn lines_are_imported_all_or_none() {
    let record = run(0, "shop", RunKind::Failover);
    let mut other = record.clone();
    other.repo = "elsewhere".to_owned();
    let good = serde_json::to_string(&record).unwrap();
    let newer = good.replace("run/v1", "run/v2");
    let path = good.replace("20260314-025907-0001", "../../../../etc/none");
    let bad = [
        &good,
        "",
        "nothing",
        "{}",
        &newer,
        r#"{"schema":"drctl/report/v1"}"#,
        r#"{"schema":"drctl/run/v1","run":"20260314-025907-0001"}"#,
        &path,
        &good,
        &serde_json::to_string(&other).unwrap(),
    ];
    let error = read_lines(bad.join("\n").as_bytes()).unwrap_err();
    insta::assert_snapshot!(error, @r#"
    nothing was imported: 7 of 9 line(s) cannot be used
    line 3: it is not JSON: expected ident at column 2
    line 4: it is no run: it has no `"schema": "drctl/run/v1"`
    line 5: it has the form `drctl/run/v2` of a newer drctl, and this one knows `drctl/run/v1`: import it with the newer one
    line 6: it has the form `drctl/report/v1`, not `drctl/run/v1`
    line 7: missing field `kind`
    line 8: `../../../../etc/none` is not the name of a run, which looks like `20260314-025907-4f1c`
    line 10: the run 20260314-025907-0001 is told otherwise than on line 1
    "#);
    assert_eq!(
        read_lines(b"\xff\n").unwrap_err().to_string().lines().nth(1),
        Some("line 1: it is not UTF-8")
    );
}

#[test]
fn what_is_there_in_other_words_is_kept_unless_it_is_to_be_replaced() {
    let mut store = Store::in_memory().unwrap();
    let record = run(0, "shop", RunKind::Failover);
    let mut other = record.clone();
    other.repo = "elsewhere".to_owned();
    let lines = |record: &RunRecord| {
        let text = serde_json::to_string(record).unwrap();
        // A key of a newer drctl is no other word, and is not lost.
        read_lines(text.replacen('{', r#"{"weather":"rain","#, 1).as_bytes()).unwrap()
    };
    let run = vec![record.run.clone()];
    let nothing = Imported::default;

    let import = |store: &mut Store, record: &RunRecord, replace| {
        store.import(&lines(record), replace).unwrap()
    };
    assert_eq!(import(&mut store, &record, false), Imported { added: run.clone(), ..nothing() });
    assert_eq!(import(&mut store, &record, true), Imported { same: run.clone(), ..nothing() });
    assert_eq!(import(&mut store, &other, false), Imported { kept: run.clone(), ..nothing() });
    assert_eq!(store.query(&Query::default()).unwrap(), std::slice::from_ref(&record));
    assert_eq!(import(&mut store, &other, true), Imported { replaced: run.clone(), ..nothing() });
    let half = unfinished(record.clone());
    assert_eq!(import(&mut store, &half, true), Imported { kept: run, ..nothing() });
    let (kept, text) = store.lines(&Query::default()).unwrap().remove(0);
    assert_eq!(kept, other);
    assert!(text.starts_with(r#"{"weather":"rain""#), "{text}");
    assert_eq!(store.known().unwrap()[&record.run].journal_bytes, None);
}

#[test]
fn runs_of_the_first_form_are_readable_for_ever() {
    let text = include_bytes!("../../fixtures/history/v1.jsonl");
    let lines = read_lines(text).unwrap();
    let mut store = Store::in_memory().unwrap();
    let imported = store.import(&lines, false).unwrap();
    assert_eq!(imported.added.len(), 4);
    let shown: Vec<String> = store
        .query(&Query::default())
        .unwrap()
        .iter()
        .map(|r| {
            let (service, took) = (r.service.as_deref(), r.recovery_time_ms);
            format!("{} {} {service:?} {} {took:?}", r.run, r.kind.word(), r.summary.word())
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    20260117-110000-0003 failover None unfinished None
    20260116-110000-0002 drill Some("shop") missed Some(1801000)
    20260115-110000-0001 rehearsal None refused None
    20260114-025907-4f1c failover Some("shop") met Some(812000)
    "#);
    // What a newer drctl adds is passed over, and not lost.
    assert!(store.lines(&Query::default()).unwrap().iter().any(|(_, t)| t.contains("weather")));
}
