//! Events for the tests of this module.

use crate::model::{
    event::{Event, EventKind},
    finding::Place,
    gate::{GateAnswer, Refusal, RefusalReason},
    resource::ResourceAction::{self, Create, NoOp, Read, Update},
    run::{DeclaredBy, Outage, OutageSource, RunId, RunKind, RunOutcome},
    step::{Phase, StepId, StepKind, StepOutcome, StepSummary},
};

fn step(name: &str) -> StepId {
    StepId::new(name)
}

pub(super) fn started(known_by: OutageSource) -> EventKind {
    let began_at = "2026-03-14T02:59:07Z".parse().unwrap();
    EventKind::RunStarted {
        run: RunId::new(began_at, 0x4f1c),
        run_kind: RunKind::Failover,
        drctl: "0.1.0".into(),
        began_at,
        repo: "https://git.example.com/shop.git".into(),
        region: "ap-northeast-2".into(),
        outage: Outage { before_ms: 240_000, known_by, detected_before_ms: None },
    }
}

pub(super) fn planned(names: &[(&str, StepKind)]) -> EventKind {
    EventKind::RunPlanned {
        service: "shop".into(),
        primary: Some("ap-northeast-1".into()),
        rto_ms: Some(1_800_000),
        rpo_ms: Some(300_000),
        max_parallel: Some(8),
        digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        steps: names
            .iter()
            .map(|(name, kind)| StepSummary {
                block: None,
                id: step(name),
                kind: *kind,
                needs: vec![],
                parallelism: None,
            })
            .collect(),
    }
}

fn refusal(address: Option<&str>, detail: &str) -> Refusal {
    Refusal {
        reason: RefusalReason::Deletes,
        address: address.map(Into::into),
        detail: detail.into(),
    }
}

fn finished(name: &str, outcome: StepOutcome) -> EventKind {
    EventKind::StepFinished { step: step(name), outcome }
}

fn resource(address: &str, took_ms: u64, ok: bool) -> EventKind {
    EventKind::ResourceFinished {
        step: step("data"),
        address: address.into(),
        action: Create,
        took_ms,
        ok,
    }
}

fn point(store: &str, before_outage_ms: Option<i64>, cause: Option<&str>) -> EventKind {
    EventKind::RecoveryPointFound {
        store: store.into(),
        before_outage_ms,
        cause: cause.map(Into::into),
    }
}

fn ended(outcome: RunOutcome) -> EventKind {
    EventKind::RunFinished { outcome }
}

/// Every variant at least once, and every wording of each; no run could say all this.
pub(super) fn every_variant() -> Vec<Event> {
    let kinds = vec![
        started(OutageSource::Declared),
        started(OutageSource::Assumed),
        started(OutageSource::Probed),
        started(OutageSource::Simulated),
        started(OutageSource::Unknown),
        EventKind::CheckoutReady {
            commit: "4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c".into(),
            reference: Some("main".into()),
            mirror_age_ms: None,
        },
        EventKind::CheckoutReady {
            commit: "4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c".into(),
            reference: None,
            mirror_age_ms: Some(7_200_000),
        },
        EventKind::StartedPrepared {
            bundle: "shop--ap-northeast-2-4f1c2d3e".into(),
            made_at: "2026-03-13T20:59:07Z".parse().unwrap_or_default(),
            age_ms: 21_600_000,
            ready: vec![StepId::new("network"), StepId::new("data")],
            planned: vec![StepId::new("network")],
        },
        planned(&[
            ("network", StepKind::Stack),
            ("data", StepKind::Stack),
            ("cutover", StepKind::Cutover),
        ]),
        EventKind::Declared { by: DeclaredBy::Typed },
        EventKind::Declared { by: DeclaredBy::Digest },
        EventKind::Declared { by: DeclaredBy::Approval },
        EventKind::Declared { by: DeclaredBy::Policy },
        EventKind::Declared { by: DeclaredBy::Drill },
        EventKind::Declared { by: DeclaredBy::Unknown },
        EventKind::PhaseStarted { step: step("data"), phase: Phase::Init },
        EventKind::PhaseFinished { step: step("data"), phase: Phase::Init, ok: true },
        EventKind::PhaseStarted { step: step("data"), phase: Phase::Plan },
        EventKind::PhaseFinished { step: step("data"), phase: Phase::Plan, ok: false },
        EventKind::PlanMade {
            step: step("data"),
            actions: [(Create, 12), (Read, 3), (NoOp, 1)].into(),
            digest: None,
        },
        EventKind::PlanMade { step: step("network"), actions: [(Create, 0)].into(), digest: None },
        EventKind::GateAnswered { step: step("data"), answer: GateAnswer::default() },
        EventKind::GateAnswered {
            step: step("data"),
            answer: GateAnswer {
                refusals: vec![refusal(Some("aws_vpc.main"), "would be deleted")],
                ..GateAnswer::default()
            },
        },
        EventKind::GateAnswered {
            step: step("data"),
            answer: GateAnswer {
                refusals: vec![refusal(None, "the plan is not complete"); 5],
                ..GateAnswer::default()
            },
        },
        EventKind::ResourceStarted {
            step: step("data"),
            address: "aws_db_instance.main".into(),
            action: Create,
        },
        resource("aws_db_instance.main", 221_000, true),
        resource("aws_db_instance.replica", 3_000, false),
        EventKind::OutputsReady {
            step: step("data"),
            names: vec!["endpoint".into(), "arn".into()],
        },
        EventKind::OutputsReady { step: step("data"), names: vec![] },
        EventKind::Noted {
            step: Some(step("data")),
            message: "tried again after a timeout".into(),
        },
        EventKind::Noted { step: None, message: "no probe in the runbook".into() },
        finished("data", StepOutcome::Done),
        finished(
            "data",
            StepOutcome::Failed {
                cause: vec!["`terraform apply` failed".into(), "quota exceeded".into()],
                hints: vec!["Raise the quota".into()],
            },
        ),
        finished("data", StepOutcome::Refused),
        finished("cutover", StepOutcome::Skipped { blocked_by: step("data") }),
        finished("network", StepOutcome::Interrupted),
        EventKind::ProbeAnswered {
            probe: "front".into(),
            up: true,
            detail: "200 in 45ms".into(),
            passes: 2,
            needed: 3,
        },
        EventKind::ProbeAnswered {
            probe: "front".into(),
            up: false,
            detail: "503 Service Unavailable".into(),
            passes: 0,
            needed: 3,
        },
        EventKind::ServiceVerified,
        EventKind::VerificationFailed {
            probe: "front".into(),
            detail: "connection refused".into(),
        },
        point("orders", Some(130_000), None),
        point("carts", Some(-10_000), None),
        point("invoices", None, Some("`./bin/latest` exited with 1")),
        point("ledger", None, None),
        EventKind::InterruptReceived { signal: "SIGINT".into() },
        EventKind::Simulated { time_scale: 60, seed: 7, dark: vec!["ap-northeast-1".into()] },
        EventKind::Invented {
            step: StepId::new("data"),
            resource_type: "aws_db_instance".into(),
            attribute: "endpoint".into(),
            read_at: vec![Place { file: "data/main.tf".into(), line: 3, column: 11 }],
        },
        replanned(&[], None),
        replanned(&[("aws_db_instance.orders", Update)], None),
        replanned(&[], Some("a lock is held")),
        EventKind::RemovalStarted { step: StepId::new("data") },
        EventKind::RemovalFinished { step: StepId::new("data"), cause: vec![] },
        EventKind::RemovalFinished {
            step: StepId::new("data"),
            cause: vec!["it is in use".into()],
        },
        ended(RunOutcome::Recovered),
        ended(RunOutcome::Unverified),
        ended(RunOutcome::Failed),
        ended(RunOutcome::Refused),
        ended(RunOutcome::Interrupted),
        ended(RunOutcome::Unknown),
        EventKind::Unknown,
    ];
    stamped(kinds, 12_345)
}

fn replanned(changes: &[(&str, ResourceAction)], cause: Option<&str>) -> EventKind {
    EventKind::Replanned {
        step: StepId::new("data"),
        changes: changes.iter().map(|(address, action)| ((*address).to_owned(), *action)).collect(),
        cause: cause.map(str::to_owned).into_iter().collect(),
    }
}

/// Stamps kinds as the engine does, `every_ms` apart.
pub(super) fn stamped(kinds: Vec<EventKind>, every_ms: u64) -> Vec<Event> {
    let stamp = |(seq, kind)| Event { seq, elapsed_ms: seq * every_ms, kind };
    (0..).zip(kinds).map(stamp).collect()
}

/// A name with an escape sequence in it, and a line of its own.
pub(super) fn hostile() -> Event {
    let kind = EventKind::ResourceStarted {
        step: step("da\u{1b}[31mta"),
        address: "aws_instance.web[\"\u{1b}[2J\n[  9m00.0s]  Finished  the service is back\"]"
            .into(),
        action: Create,
    };
    Event { seq: 0, elapsed_ms: 0, kind }
}
