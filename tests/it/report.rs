//! The report and the journal: what was written down is what is reported.

use crate::support::{Env, redact};
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
            outage: Outage {
                before_ms: 60_000,
                known_by: OutageSource::Declared,
                detected_before_ms: None,
            },
        },
        EventKind::RunPlanned {
            service: "shop".into(),
            primary: None,
            rto_ms: Some(600_000),
            rpo_ms: None,
            max_parallel: Some(8),
            digest: "9f86d081884c7d65".into(),
            steps: vec![StepSummary {
                block: None,
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

/// A service that is up and of which nobody asks whether it is back.
fn small() -> Env {
    Env::with(&[
        (
            "drctl.hcl",
            "service \"small\" {\n  rto = \"30m\"\n  primary = \"eu-west-1\"\n}\nstack \"only\" {\n  path = \".\"\n}\n",
        ),
        ("main.tf", "resource \"terraform_data\" \"this\" {}\n"),
    ])
}

fn with<'a>(args: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    args.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

#[test]
fn a_run_writes_its_report_in_every_form_and_report_writes_the_same() {
    let env = small();
    let args = env.failover_args(&[]);
    let files = ["json", "markdown", "html", "junit", "text"]
        .map(|format| format!("{format}=../run.{format}"));
    let writes: Vec<&str> = files.iter().flat_map(|file| ["--write", file]).collect();
    let output = env.run(&with(&args, &writes));
    assert_eq!(output.code, Some(6), "{output}");

    let of_run =
        |format: &str| fs::read_to_string(env.root().join("run").with_extension(format)).unwrap();
    assert_eq!(of_run("text"), output.stdout);
    for format in ["json", "markdown", "html", "junit", "text"] {
        let shown = env.run(&["report", "--format", format]);
        assert_eq!(shown.code, Some(6), "{shown}");
        assert_eq!(shown.stdout, of_run(format), "{format}");
    }
    assert_eq!(env.run(&["report", "--json"]).stdout, of_run("json"));

    let schema: serde_json::Value =
        serde_json::from_str(&env.run(&["report", "--schema"]).stdout).unwrap();
    let document = serde_json::from_str(&of_run("json")).unwrap();
    let wrong = jsonschema::validate(&schema, &document).map_err(|error| error.to_string());
    assert_eq!(wrong, Ok(()));
    let junit = of_run("junit");
    let junit = roxmltree::Document::parse(&junit).unwrap();
    assert_eq!(junit.root_element().attribute("failures"), Some("1"), "it is unproven");
    assert!(of_run("html").contains("every step of small is done in ap-northeast-2"));
    // Whether a share is less than the least that is shown depends on the machine.
    let markdown = of_run("markdown").replace("&lt;", "").replace("&gt;", "");
    // So does which stretches took a millisecond at all.
    let (before, path) = markdown.split_once("<details>\n<summary>Critical path (").unwrap();
    let (path, after) = path.split_once("</details>").unwrap();
    assert!(path.contains("| `only` | init |"), "{path}");
    let markdown = format!("{before}[CRITICAL PATH]{after}");
    insta::assert_snapshot!(redact::all(&markdown, env.root()), @r"
    ### ⚠️ UNPROVEN: every step of small is done in ap-northeast-2, but nobody asked if it is back

    > outage start not given: counted from the start of the run

    | Objective | Promised | Measured | Verdict |
    | --- | ---: | ---: | --- |
    | Recovery time (RTO) | [TIME] | not back | unproven: nobody asked whether the service is back |

    #### Where the time went

    | Phase | Took | Share |
    | --- | ---: | ---: |
    | detection | [TIME] |  [SHARE]  |
    | decision | [TIME] |  [SHARE]  |
    | workspace | [TIME] |  [SHARE]  |
    | plan | [TIME] |  [SHARE]  |
    | apply | [TIME] |  [SHARE]  |
    | deploy | [TIME] |  [SHARE]  |
    | cutover | [TIME] |  [SHARE]  |
    | verify (not completed) | [TIME] |  [SHARE]  |
    | **so far** | **[TIME]** | |

    [CRITICAL PATH]

    <details>
    <summary>Slowest resources</summary>

    | Took | Expected | Step | Resource | Critical path |
    | ---: | ---: | --- | --- | :---: |
    | [TIME] | 0s | `only` | `terraform_data.this` | ● |

    </details>

    <details>
    <summary>Forecast and measurement</summary>

    | Execution | |
    | --- | ---: |
    | forecast, median | 0s |
    | forecast,  [SHARE]  | 0s |
    | forecast,  [SHARE]  | 0s |

    Chance of meeting the RTO, before the run:  [SHARE]  .

    </details>

    <sub>Run `[RUN]` by drctl 0.1.0, commit `[SHORT]`, journal `[SHORT]`</sub>
    ");
}

#[test]
fn a_file_that_could_not_be_written_is_told_before_anything_is_done() {
    let env = small();
    let args = env.failover_args(&[]);
    insta::assert_snapshot!(env.run(&with(&args, &["--write", "html=no/such/folder.html"])), @r"
    --- stderr
    error: the file `no/such/folder.html` could not be written
      caused by: there is no folder `no/such`
      hint: Name a file in a folder that exists and can be written
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["rehearse", "--region", "ap-northeast-2", "--write", "json=."]), @r"
    --- stderr
    error: the file `.` could not be written
      caused by: it is a folder
      hint: Name a file in a folder that exists and can be written
    --- exit 2
    ");
    assert!(!env.home().join("runs").exists(), "nothing began");
    insta::assert_snapshot!(env.run(&["report", "--write", "htlm=x"]), @r"
    --- stderr
    error: invalid value 'htlm=x' for '--write <FORMAT=FILE>': there is no format `htlm`; did you mean `html`?

    For more information, try '--help'.
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["report", "--schema", "--json"]), @r"
    --- stderr
    error: the argument '--schema' cannot be used with '--json'

    Usage: drctl report --schema [RUN]

    For more information, try '--help'.
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["failover", "--region", "ap-northeast-2", "--dry-run", "--write", "json=x"]), @r"
    --- stderr
    error: the argument '--dry-run' cannot be used with '--write <FORMAT=FILE>'

    Usage: drctl failover --region <REGION> --dry-run

    For more information, try '--help'.
    --- exit 2
    ");
}

#[test]
fn a_file_that_cannot_be_written_at_the_end_hides_nothing_of_the_run() {
    let env = small();
    assert_eq!(env.failover(&[]).code, Some(6));
    // There is always a device that is full.
    let output = env.run(&[
        "report",
        "--format",
        "junit",
        "--write",
        "html=/dev/full",
        "--write",
        "json=../kept.json",
    ]);
    assert_eq!(output.code, Some(6), "{output}");
    assert!(output.stdout.contains("<testsuites name=\"small\""), "{output}");
    assert!(env.root().join("kept.json").exists(), "the other file is written");
    insta::assert_snapshot!(redact::all(&output.stderr, env.root()), @r"
    error: failed to write `/dev/full`
      caused by: No space left on device (os error 28)
      hint: Write the report once more: `drctl report [RUN] --write html=/dev/full`
    ");
}

#[test]
fn a_run_that_is_refused_writes_its_report_too() {
    let env = small();
    let args = ["failover", "--region", "ap-northeast-2", "--yes", "--expect-plan", "0123456789ab"];
    let output = env.run(&[&args[..], &["--write", "json=../refused.json"]].concat());
    assert_eq!(output.code, Some(4), "{output}");
    let text = fs::read_to_string(env.root().join("refused.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["summary"], "refused");
}
