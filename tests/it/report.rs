//! The report and the journal: what was written down is what is reported.

use drctl::{
    model::{
        event::{Event, EventKind, Sink},
        resource::ResourceAction,
        run::{DeclaredBy, Outage, OutageSource, RunId, RunKind, RunOutcome},
        step::{Phase, StepId, StepKind, StepOutcome, StepSummary},
    },
    observe::{
        Apart, Fanout,
        journal::{self, JournalReader, JournalWriter},
        lines::Lines,
    },
    report::{Kept, Report, Style, Summary, Timeline, Verdict},
};
use std::{fs, path::Path};

/// A recovery of one stack with that many resources, a millisecond apart.
fn recovery(resources: u64) -> impl Iterator<Item = Event> {
    let data = || StepId::new("data");
    let began_at = "2026-03-14T02:59:07Z".parse().expect("a time");
    let before = [
        EventKind::RunStarted {
            run: RunId::new(began_at, 7),
            run_kind: RunKind::Failover,
            drctl: "0.1.0".into(),
            began_at,
            repo: "https://git.example.com/shop.git".into(),
            region: "ap-northeast-2".into(),
            outage: Outage { before_ms: 60_000, known_by: OutageSource::Declared },
        },
        EventKind::RunPlanned {
            service: "shop".into(),
            primary: None,
            rto_ms: Some(600_000),
            rpo_ms: None,
            max_parallel: Some(8),
            digest: "9f86d081884c7d65".into(),
            steps: vec![StepSummary {
                id: data(),
                kind: StepKind::Stack,
                needs: vec![],
                parallelism: Some(10),
            }],
        },
        EventKind::Declared { by: DeclaredBy::Digest },
        EventKind::PhaseStarted { step: data(), phase: Phase::Init },
        EventKind::PhaseFinished { step: data(), phase: Phase::Init, ok: true },
        EventKind::GateAnswered { step: data(), answer: Default::default() },
        EventKind::PhaseStarted { step: data(), phase: Phase::Apply },
    ];
    let work = (0..resources).flat_map(move |number| {
        let (address, action) = (format!("terraform_data.r[{number}]"), ResourceAction::Create);
        [
            EventKind::ResourceStarted { step: data(), address: address.clone(), action },
            EventKind::ResourceFinished { step: data(), address, action, took_ms: 1, ok: true },
        ]
    });
    let after = [
        EventKind::PhaseFinished { step: data(), phase: Phase::Apply, ok: true },
        EventKind::StepFinished { step: data(), outcome: StepOutcome::Done },
        EventKind::ServiceVerified,
        EventKind::RunFinished { outcome: RunOutcome::Recovered },
    ];
    let kinds = before.into_iter().chain(work).chain(after);
    (0..).zip(kinds).map(|(seq, kind)| Event { seq, elapsed_ms: seq, kind })
}

fn written(path: &Path, events: impl Iterator<Item = Event>) {
    let mut writer = JournalWriter::create(path).expect("a new file");
    for event in events {
        writer.take(&event).expect("room for a line");
    }
}

#[test]
fn a_live_run_and_its_journal_are_reported_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    let shown = dir.path().join("shown");
    let show = Apart::new(Box::new(Lines::new(fs::File::create(&shown).unwrap()))).unwrap();
    let mut sinks =
        Fanout::new(Box::new(JournalWriter::create(&path).unwrap()), vec![Box::new(show)]);
    let mut live = Timeline::default();
    for event in recovery(3) {
        sinks.take(&event).unwrap();
        live.add(&event);
    }
    drop(sinks);

    let journal = journal::read(&path).unwrap();
    let report = |timeline| Report::new(timeline, Kept::default());
    let (live, read) = (report(live), report(journal.events.iter().collect()));

    assert_eq!(read, live);
    assert_eq!(read.to_text(Style::default()), live.to_text(Style::default()));
    assert_eq!(read.summary, Summary::Met);
    assert_eq!(fs::read_to_string(shown).unwrap().lines().count(), journal.events.len());
}

#[test]
fn a_torn_journal_is_reported_up_to_where_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    written(&path, recovery(3));
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();

    let journal = journal::read(&path).unwrap();
    let kept = Kept { torn: journal.torn, ..Kept::default() };
    let report = Report::new(journal.events.iter().collect(), kept);

    assert_eq!(report.summary, Summary::Unfinished);
    // The service was verified before the line that was lost.
    assert_eq!(report.recovery_time_ms, Some(60_000 + 15));
    assert!(report.to_text(Style::default()).contains("last line was written only in part"));
}

#[test]
fn a_hundred_thousand_events_fold_one_by_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal.jsonl");
    written(&path, recovery(50_000));

    // Nothing is collected: one line, and what the report itself keeps.
    let mut reader = JournalReader::open(&path).unwrap();
    let timeline: Timeline = reader.by_ref().map(Result::unwrap).collect();
    let report = Report::new(timeline, Kept::default());

    assert!(!reader.torn());
    assert_eq!(report.resources.len(), 50_000);
    assert_eq!(report.in_flight, []);
    let took_ms = 60_000 + 7 + 100_000 + 2;
    assert_eq!(report.recovery_time_ms, Some(took_ms));
    assert_eq!(report.verdicts.rto, Verdict::Met { spare_ms: 600_000 - took_ms });
}
