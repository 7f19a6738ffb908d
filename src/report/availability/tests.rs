//! Outages counted by hand.

use super::*;
use crate::{
    model::{run::OutageSource, verdict::Summary},
    report::{Style, samples},
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A failover that began then, `before` seconds after its outage, and took so many in all.
fn failover(began: &str, before: u64, secs: u64) -> RunRecord {
    let mut run = samples::record(0);
    run.began_at = at(began);
    run.run = RunId::new(run.began_at, 1);
    run.outage.before_ms = before * 1_000;
    run.recovery_time_ms = Some(secs * 1_000);
    run.out_for_ms = secs * 1_000;
    run
}

fn failed(mut run: RunRecord) -> RunRecord {
    (run.recovery_time_ms, run.execution_ms, run.summary) = (None, None, Summary::Failed);
    run
}

fn assumed(mut run: RunRecord) -> RunRecord {
    run.outage.known_by = OutageSource::Assumed;
    run
}

fn rehearsal(began: &str, secs: u64) -> RunRecord {
    RunRecord { kind: RunKind::Rehearsal, time_scale: Some(100), ..failover(began, 0, secs) }
}

fn entered(interval: &str) -> EnteredOutage {
    EnteredOutage {
        service: "shop".to_owned(),
        interval: interval.parse().unwrap(),
        note: Some("a broken deploy".to_owned()),
    }
}

/// Thirty days, of which 99.9 % leaves 43 minutes and 12 seconds.
fn counted(records: &[RunRecord], entered: &[EnteredOutage]) -> Availability {
    let window = "2026-03-01T00:00:00Z/2026-03-31T00:00:00Z".parse().unwrap();
    let known = Known { service: "shop", records, entered };
    Availability::of(known, window, Some("99.9%".parse().unwrap()))
}

#[test]
fn downtime_is_from_the_outage_to_the_recovery() {
    let all = counted(
        &[
            failover("2026-02-01T00:00:00Z", 0, 600),
            failover("2026-03-14T03:00:00Z", 240, 1_200),
            rehearsal("2026-03-15T03:00:00Z", 700),
            rehearsal("2026-03-16T03:00:00Z", 900),
        ],
        &[entered("2026-03-20T10:00:00Z/2026-03-20T10:10:00Z")],
    );
    assert_eq!(all.down_ms, 1_800_000);
    assert_eq!(all.outages.len(), 2, "that of February is not in the window");
    assert_eq!(all.outages[0].began_at, at("2026-03-14T02:56:00Z"));
    assert_eq!(all.outages[0].ended_at, at("2026-03-14T03:16:00Z"));
    assert_eq!(all.mean_time_to_recover_ms, Some(900_000));
    assert_eq!(all.rehearsed, Some(Rehearsed { count: 2, median_ms: 800_000 }));
    let budget = all.budget.unwrap();
    assert_eq!((budget.allowed_ms, budget.left_ms), (2_592_000, 792_000));
    assert_eq!((all.verdict, all.at_least), (Verdict::Kept, false));
    // 30 minutes of 30 days: 1/1440.
    assert!((all.nines.unwrap() - 1_440_f64.log10()).abs() < 1e-12);
    insta::assert_snapshot!(all.to_text(Style::default()), @r"
    KEPT  shop was up 99.9305% of the time; the objective is 99.9%

    Availability
      window          2026-03-01T00:00:00Z to 2026-03-31T00:00:00Z, 30 day(s)
      history         begins 2026-02-01T00:00:00Z
      downtime        30m00.0s
      nines           3.15
      outages         2
      mean recovery   15m00.0s over 2 outage(s)
      rehearsed       13m20.0s is the median of 2 rehearsal(s), which are no outages

    Error budget
      allowed         43m12.0s of downtime, by 99.9%
      used            30m00.0s
      left            13m12.0s
      burn            0.69, where 1 just spends it

    Outages
      2026-03-20T10:00:00Z    10m00.0s  entered, a broken deploy
      2026-03-14T02:56:00Z    20m00.0s  20260314-030000-0001

    What this rests on
      - only real failovers and outages that were entered with `--add` count as outages
    ");
}

#[test]
fn what_overlaps_is_counted_once_and_only_inside_of_the_window() {
    let all = counted(
        &[failover("2026-03-14T03:00:00Z", 0, 600), failover("2026-03-14T03:05:00Z", 0, 600)],
        &[
            entered("2026-03-14T02:50:00Z/2026-03-14T03:02:00Z"),
            entered("2026-02-28T23:00:00Z/2026-03-01T00:05:00Z"),
            entered("2026-03-30T23:50:00Z/2026-03-31T09:00:00Z"),
        ],
    );
    assert_eq!(all.outages.len(), 3);
    assert_eq!(all.down_ms, (5 + 25 + 10) * 60_000);
    assert_eq!(all.outages[0].lasted_ms, 65 * 60_000, "in full");
    let merged = &all.outages[1];
    assert_eq!((merged.runs.len(), merged.entered.len(), merged.notes.len()), (2, 1, 1));
}

#[test]
fn the_budget_can_be_spent_to_the_last_millisecond() {
    let exactly = |ms: u64| {
        let mut run = failover("2026-03-14T03:00:00Z", 0, 0);
        run.recovery_time_ms = Some(ms);
        counted(&[run], &[]).verdict
    };
    assert_eq!(exactly(2_592_000), Verdict::Kept);
    assert_eq!(exactly(2_592_001), Verdict::Spent);
}

#[test]
fn an_outage_whose_end_nobody_saw_is_open_until_something_ends_it() {
    let lost = || failed(failover("2026-03-14T03:00:00Z", 0, 600));
    let alone = counted(&[lost()], &[]);
    assert_eq!((alone.outages[0].end, alone.verdict), (End::Open, Verdict::Unknown));
    assert_eq!((alone.down_ms, alone.mean_time_to_recover_ms), (600_000, None));

    // A second try: nobody said that there was a new outage.
    let again = counted(&[lost(), assumed(failover("2026-03-14T03:20:00Z", 0, 300))], &[]);
    assert_eq!((again.outages.len(), again.outages[0].end), (1, End::Known));
    assert_eq!((again.down_ms, again.outages[0].bridged), (25 * 60_000, true));

    // Somebody said when the next one began, so the first was over by then.
    let next = counted(&[lost(), failover("2026-03-18T03:20:00Z", 0, 300)], &[]);
    assert_eq!(next.outages[0].end, End::Before { at: at("2026-03-18T03:20:00Z") });
    assert_eq!((next.down_ms, next.at_least, next.verdict), (900_000, true, Verdict::Kept));

    let told = counted(&[lost()], &[entered("2026-03-14T02:55:00Z/2026-03-14T03:40:00Z")]);
    assert_eq!((told.outages[0].end, told.down_ms), (End::Known, 45 * 60_000));
    assert_eq!(told.verdict, Verdict::Spent);
}

#[test]
fn an_open_outage_from_before_the_window_leaves_nothing_certain() {
    let all = counted(&[failed(failover("2026-02-14T03:00:00Z", 0, 600))], &[]);
    assert_eq!((all.down_ms, all.outages.len(), all.verdict), (0, 1, Verdict::Unknown));
}

#[test]
fn a_run_that_was_called_off_is_no_outage_unless_one_was_given() {
    let mut question = assumed(failed(failover("2026-03-14T03:00:00Z", 0, 20)));
    question.phases.truncate(1);
    let all = counted(&[question.clone()], &[]);
    assert_eq!((all.down_ms, all.verdict), (0, Verdict::Kept));
    assert!(all.assumed.iter().any(|what| what.contains("called off")));
    question.outage.known_by = OutageSource::Declared;
    assert_eq!(counted(&[question], &[]).down_ms, 20_000);
}

#[test]
fn what_is_not_known_is_said() {
    let nothing = counted(&[], &[]);
    assert_eq!((nothing.verdict, nothing.history_begins), (Verdict::Unknown, None));
    let known = Known {
        service: "shop",
        records: &[failover("2026-03-14T03:00:00Z", 0, 60)],
        entered: &[],
    };
    let window = "2026-03-01T00:00:00Z/2026-03-31T00:00:00Z".parse().unwrap();
    assert_eq!(Availability::of(known, window, None).verdict, Verdict::Unknown);
    let records = [
        assumed(failover("2026-03-14T03:00:00Z", 0, 1_260)),
        failed(failover("2026-03-18T03:00:00Z", 0, 600)),
    ];
    insta::assert_snapshot!(counted(&records, &[]).to_text(Style::default()), @r"
    UNKNOWN  shop was up at most 99.9282% of the time; the objective is 99.9%

    Availability
      window          2026-03-01T00:00:00Z to 2026-03-31T00:00:00Z, 30 day(s)
      history         begins 2026-03-14T03:00:00Z
      downtime        at least 31m00.0s
      nines           at most 3.14
      outages         2
      mean recovery   at least 21m00.0s over 1 outage(s)

    Error budget
      allowed         43m12.0s of downtime, by 99.9%
      used            at least 31m00.0s
      left            at most 12m12.0s
      burn            at least 0.72, where 1 just spends it

    Outages
      2026-03-18T03:00:00Z   >10m00.0s  20260318-030000-0001, may still last
      2026-03-14T03:00:00Z   >21m00.0s  20260314-030000-0001, start assumed

    What this rests on
      - the history begins 2026-03-14T03:00:00Z; before that the service is taken for up, since nobody
        said otherwise
      - only real failovers and outages that were entered with `--add` count as outages
      - 1 outage(s) without a given start are counted from the start of their run: they lasted at least
        that long
      - 1 outage(s) may still last: nothing tells that the service came back; enter the outage with
        `--add` when it is over
    ");
}

#[test]
fn no_figure_is_rounded_up() {
    // 10 ms of 30 days are 99.9999996 %.
    let mut run = failover("2026-03-14T03:00:00Z", 0, 0);
    run.recovery_time_ms = Some(10);
    let text = counted(&[run], &[]).to_text(Style::default());
    assert!(text.contains("up 99.9999% of the time"), "{text}");
}
