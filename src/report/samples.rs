//! Runs for the tests of this module: by hand, and by chance.

use super::timeline::Timeline;
use crate::model::{
    deploy::{ImageAnswer, ObjectProgress, ObjectState, Traffic},
    event::{Event, EventKind},
    gate::{GateAnswer, Refusal, RefusalReason},
    resource::ResourceAction,
    run::{DeclaredBy, Outage, OutageSource, RunId, RunKind, RunOutcome},
    step::{Phase, StepId, StepKind, StepOutcome, StepSummary},
};

/// Stamps what happened at which time.
pub(super) fn stamped(happened: Vec<(u64, EventKind)>) -> Vec<Event> {
    let stamp = |(seq, (elapsed_ms, kind))| Event { seq, elapsed_ms, kind };
    (0..).zip(happened).map(stamp).collect()
}

pub(super) fn started(before_ms: u64, known_by: OutageSource) -> EventKind {
    let began_at = "2026-03-14T02:59:07Z".parse().unwrap();
    EventKind::RunStarted {
        run: RunId::new(began_at, 0x4f1c),
        run_kind: RunKind::Failover,
        drctl: "0.1.0".into(),
        began_at,
        repo: "https://git.example.com/shop.git".into(),
        region: "ap-northeast-2".into(),
        outage: Outage { before_ms, known_by, detected_before_ms: None },
    }
}

pub(super) fn planned(
    rto_ms: Option<u64>,
    rpo_ms: Option<u64>,
    steps: &[(&str, StepKind, &[&str])],
) -> EventKind {
    EventKind::RunPlanned {
        service: "shop".into(),
        primary: Some("ap-northeast-1".into()),
        rto_ms,
        rpo_ms,
        max_parallel: Some(8),
        digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        steps: steps
            .iter()
            .map(|(name, kind, needs)| StepSummary {
                block: None,
                id: StepId::new(*name),
                kind: *kind,
                needs: needs.iter().map(|need| StepId::new(*need)).collect(),
                parallelism: (*kind == StepKind::Stack).then_some(10),
            })
            .collect(),
    }
}

pub(super) fn checkout() -> EventKind {
    EventKind::CheckoutReady {
        commit: "4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c".into(),
        reference: Some("main".into()),
        mirror_age_ms: None,
    }
}

pub(super) fn begins(step: &str, phase: Phase) -> EventKind {
    EventKind::PhaseStarted { step: StepId::new(step), phase }
}

pub(super) fn ends(step: &str, phase: Phase, ok: bool) -> EventKind {
    EventKind::PhaseFinished { step: StepId::new(step), phase, ok }
}

pub(super) fn finished(step: &str, outcome: StepOutcome) -> EventKind {
    EventKind::StepFinished { step: StepId::new(step), outcome }
}

pub(super) fn creating(step: &str, address: &str) -> EventKind {
    EventKind::ResourceStarted {
        step: StepId::new(step),
        address: address.into(),
        action: ResourceAction::Create,
    }
}

pub(super) fn created(step: &str, address: &str, took_ms: u64, ok: bool) -> EventKind {
    EventKind::ResourceFinished {
        step: StepId::new(step),
        address: address.into(),
        action: ResourceAction::Create,
        took_ms,
        ok,
    }
}

pub(super) fn accepted(step: &str) -> EventKind {
    EventKind::GateAnswered { step: StepId::new(step), answer: GateAnswer::default() }
}

pub(super) fn point(store: &str, before_outage_ms: Option<i64>, cause: Option<&str>) -> EventKind {
    EventKind::RecoveryPointFound {
        store: store.into(),
        before_outage_ms,
        cause: cause.map(Into::into),
    }
}

pub(super) fn over(outcome: RunOutcome) -> EventKind {
    EventKind::RunFinished { outcome }
}

pub(super) mod rich;

/// A recovery whose steps say what they waited for, what they lacked and where they made a name lead.
pub(super) fn deployed() -> Vec<Event> {
    use ObjectProgress::{Ready, Troubled, Waiting};
    let step = StepId::new;
    let mut plan = planned(
        Some(1_800_000),
        None,
        &[
            ("shop", StepKind::Deploy, &[]),
            ("jobs", StepKind::Deploy, &["shop"]),
            ("cutover", StepKind::Cutover, &["shop"]),
        ],
    );
    if let EventKind::RunPlanned { steps, .. } = &mut plan {
        for (summary, block) in steps.iter_mut().zip(["helm", "container", "dns"]) {
            summary.block = Some(block.to_owned());
        }
    }
    let sees = |step: &str, object: &str, state, detail: &str| EventKind::ObjectSeen {
        step: StepId::new(step),
        object: ObjectState { object: object.into(), state, detail: detail.into() },
    };
    let image = |image: &str, cause: Option<&str>| ImageAnswer {
        image: image.into(),
        digest: cause.is_none().then(|| "sha256:1f".into()),
        cause: cause.map(Into::into),
    };
    let images = vec![
        image("registry.example.com/jobs:1", Some("the registry has no such tag")),
        image("registry.example.com/shop:1", None),
    ];
    let failed = StepOutcome::Failed {
        cause: vec!["an image is missing".into()],
        hints: vec!["Push it: `docker push registry.example.com/jobs:1`".into()],
    };
    let traffic = Traffic {
        name: "shop.example.com".into(),
        before: vec!["192.0.2.1".into()],
        after: vec!["192.0.2.2".into()],
        ttl_ms: 60_000,
    };
    stamped(vec![
        (0, started(240_000, OutageSource::Declared)),
        (2_000, checkout()),
        (2_500, plan),
        (12_000, DECLARED),
        (12_100, begins("shop", Phase::Check)),
        (13_000, ends("shop", Phase::Check, true)),
        (13_000, EventKind::ImagesAsked { step: step("jobs"), images }),
        (13_100, begins("shop", Phase::Run)),
        (20_000, ends("shop", Phase::Run, true)),
        (20_000, begins("shop", Phase::Wait)),
        (20_500, sees("shop", "shop/deployment/web", Waiting, "0 of 3 ready")),
        (20_500, sees("shop", "shop/deployment/api", Waiting, "0 of 2 ready")),
        (20_600, sees("shop", "shop/job/migrate", Waiting, "not started")),
        (20_600, sees("shop", "shop/statefulset/cache", Waiting, "0 of 1 ready")),
        (24_000, sees("shop", "shop/job/migrate", Ready, "complete")),
        (30_000, sees("shop", "shop/statefulset/cache", Ready, "1 of 1 ready")),
        (31_000, sees("shop", "shop/deployment/api", Troubled, "the probe fails: 503")),
        (41_000, sees("shop", "shop/deployment/web", Ready, "3 of 3 ready")),
        (92_000, sees("shop", "shop/deployment/api", Ready, "2 of 2 ready")),
        (92_100, ends("shop", Phase::Wait, true)),
        (92_100, finished("shop", StepOutcome::Done)),
        (92_200, begins("jobs", Phase::Run)),
        (93_000, ends("jobs", Phase::Run, false)),
        (93_000, finished("jobs", failed)),
        (95_000, EventKind::FallbackVerified),
        (95_100, begins("cutover", Phase::Run)),
        (125_000, EventKind::TrafficMoved { step: step("cutover"), traffic }),
        (125_000, ends("cutover", Phase::Run, true)),
        (125_000, begins("cutover", Phase::Wait)),
        (125_100, sees("cutover", "dns/shop.example.com", Waiting, "2 of 4 servers")),
        (127_000, sees("cutover", "dns/shop.example.com", Ready, "4 servers answer 192.0.2.2")),
        (127_100, ends("cutover", Phase::Wait, true)),
        (127_100, finished("cutover", StepOutcome::Done)),
        (127_200, over(RunOutcome::Failed)),
    ])
}

const DECLARED: EventKind = EventKind::Declared { by: DeclaredBy::Typed };

/// A recovery whose every figure was computed by hand; see the tests that use it.
pub(super) fn by_hand() -> Vec<Event> {
    let steps: &[(_, _, &[_])] = &[
        ("network", StepKind::Stack, &[]),
        ("app", StepKind::Deploy, &["network"]),
        ("cutover", StepKind::Cutover, &["app"]),
    ];
    stamped(vec![
        (0, started(240_000, OutageSource::Declared)),
        (2_000, checkout()),
        (2_500, planned(Some(1_800_000), Some(300_000), steps)),
        (12_000, DECLARED),
        (12_100, begins("network", Phase::Init)),
        (20_100, ends("network", Phase::Init, true)),
        (20_100, begins("network", Phase::Plan)),
        (23_300, ends("network", Phase::Plan, true)),
        (
            23_300,
            EventKind::PlanMade {
                step: StepId::new("network"),
                actions: [(ResourceAction::Create, 2)].into(),
                digest: None,
            },
        ),
        (23_300, begins("network", Phase::Gate)),
        (23_400, accepted("network")),
        (23_500, ends("network", Phase::Gate, true)),
        (23_600, begins("network", Phase::Apply)),
        (24_000, creating("network", "aws_vpc.main")),
        (24_000, creating("network", "aws_nat_gateway.main")),
        (27_000, created("network", "aws_vpc.main", 2_900, true)),
        (240_000, created("network", "aws_nat_gateway.main", 216_000, true)),
        (240_500, ends("network", Phase::Apply, true)),
        (
            240_550,
            EventKind::OutputsReady { step: StepId::new("network"), names: vec!["vpc_id".into()] },
        ),
        (240_600, finished("network", StepOutcome::Done)),
        (242_000, begins("app", Phase::Run)),
        (542_000, ends("app", Phase::Run, true)),
        (542_100, finished("app", StepOutcome::Done)),
        (542_200, begins("cutover", Phase::Run)),
        (550_200, ends("cutover", Phase::Run, true)),
        (550_300, finished("cutover", StepOutcome::Done)),
        (
            560_000,
            EventKind::ProbeAnswered {
                probe: "front".into(),
                up: true,
                detail: "200 in 45ms".into(),
                passes: 1,
                needed: 3,
            },
        ),
        (570_000, point("orders", Some(130_000), None)),
        (572_000, EventKind::ServiceVerified),
        (572_100, over(RunOutcome::Recovered)),
    ])
}

/// A run in which everything goes wrong that can go wrong in one.
pub(super) fn gone_wrong() -> Vec<Event> {
    let steps: &[(_, _, &[_])] = &[
        ("network", StepKind::Stack, &[]),
        ("data", StepKind::Stack, &["network"]),
        ("dns", StepKind::Stack, &[]),
        ("app", StepKind::Deploy, &["data"]),
        ("cutover", StepKind::Cutover, &["app"]),
    ];
    let long = "module.storage[\"eu\"].module.replicas.aws_rds_cluster_instance.replica[\"orders-reader-very-long-name-17\"]";
    stamped(vec![
        (0, started(0, OutageSource::Assumed)),
        (
            2_000,
            EventKind::CheckoutReady {
                commit: "4f1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c".into(),
                reference: None,
                mirror_age_ms: Some(7_200_000),
            },
        ),
        (2_500, planned(Some(900_000), Some(300_000), steps)),
        (12_000, DECLARED),
        (12_100, begins("network", Phase::Init)),
        (12_100, begins("data", Phase::Init)),
        (12_100, begins("dns", Phase::Init)),
        (13_000, ends("network", Phase::Init, true)),
        (13_000, begins("network", Phase::Apply)),
        (14_000, ends("data", Phase::Init, true)),
        (14_000, ends("dns", Phase::Init, true)),
        (14_000, accepted("network")),
        (60_000, ends("network", Phase::Apply, true)),
        (60_100, finished("network", StepOutcome::Done)),
        (
            61_000,
            EventKind::GateAnswered {
                step: StepId::new("dns"),
                answer: GateAnswer {
                    refusals: vec![Refusal {
                        reason: RefusalReason::Deletes,
                        address: Some("aws_route53_record.\u{1b}[31mwww".into()),
                        detail: "would be deleted, and this run did not create it".into(),
                    }],
                    ..GateAnswer::default()
                },
            },
        ),
        (61_100, finished("dns", StepOutcome::Refused)),
        (62_000, begins("data", Phase::Apply)),
        (63_000, creating("data", long)),
        (63_000, creating("data", "aws_db_instance.main")),
        (
            70_000,
            EventKind::Noted {
                step: Some(StepId::new("data")),
                message: "`terraform apply` was tried again, since the provider could not be reached".into(),
            },
        ),
        (90_000, created("data", "aws_db_instance.main", 27_000, false)),
        (901_000, ends("data", Phase::Apply, false)),
        (
            901_100,
            finished(
                "data",
                StepOutcome::Failed {
                    cause: vec![
                        "`terraform apply` in `stacks/data` failed with exit code 1".into(),
                        "aws_db_instance.main: creating RDS DB Instance (shop): operation error RDS: CreateDBInstance, https response error StatusCode: 400,\nInstanceQuotaExceeded".into(),
                    ],
                    hints: vec!["Raise the quota of DB instances in ap-northeast-2, then run `drctl failover` again".into()],
                },
            ),
        ),
        (901_200, finished("app", StepOutcome::Skipped { blocked_by: StepId::new("data") })),
        (901_200, finished("cutover", StepOutcome::Skipped { blocked_by: StepId::new("app") })),
        (902_000, point("carts", Some(-10_000), None)),
        (902_000, point("orders", None, Some("`./bin/latest-snapshot` exited with 1"))),
        (
            903_000,
            EventKind::VerificationFailed { probe: "front".into(), detail: "connection refused".into() },
        ),
        (903_100, over(RunOutcome::Failed)),
    ])
}

/// A run of a service without steps, which ends as it is told.
pub(super) fn ending(
    outcome: Option<RunOutcome>,
    verified_ms: Option<u64>,
    at_ms: u64,
    rto_ms: Option<u64>,
    rpo_ms: Option<u64>,
    points: &[(&str, Option<i64>)],
) -> Timeline {
    let mut happened = vec![
        (0, started(1_000, OutageSource::Declared)),
        (0, checkout()),
        (0, planned(rto_ms, rpo_ms, &[])),
        (0, DECLARED),
    ];
    happened.extend(points.iter().map(|(store, before_ms)| (0, point(store, *before_ms, None))));
    happened.extend(verified_ms.map(|at_ms| (at_ms, EventKind::ServiceVerified)));
    happened.push((at_ms, EventKind::Noted { step: None, message: "the last moment".into() }));
    happened.extend(outcome.map(|outcome| (at_ms, over(outcome))));
    stamped(happened).iter().collect()
}

/// Numbers by chance, the same for the same seed (xorshift64, Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }
}

/// A run by chance, as the engine could tell it: well ended, failed, or cut short by a crash.
pub(super) fn by_chance(seed: u64) -> Vec<Event> {
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let kinds = [StepKind::Stack, StepKind::Deploy, StepKind::Cutover];
    let names: Vec<_> = (0..chance.below(7)).map(|number| format!("step-{number}")).collect();
    let steps: Vec<(&str, StepKind, &[&str])> = names
        .iter()
        .map(|name| {
            (name.as_str(), kinds[usize::try_from(chance.below(3)).unwrap()], &[] as &[&str])
        })
        .collect();

    let known_by = if chance.one_in(2) { OutageSource::Declared } else { OutageSource::Assumed };
    let mut told = vec![started(chance.below(600_000), known_by), checkout()];
    told.push(planned(Some(1 + chance.below(3_600_000)), None, &steps));
    told.push(DECLARED);
    // Each step's own story, then told in turns as chance has it.
    let mut stories: Vec<_> = steps.iter().map(|step| story(&mut chance, step.0, step.1)).collect();
    let all_done = stories.iter().all(|(_, done)| *done);
    while stories.iter().any(|(story, _)| !story.is_empty()) {
        let pick = usize::try_from(chance.below(stories.len() as u64)).unwrap();
        if let Some(next) = stories[pick].0.pop() {
            told.push(next);
        }
    }
    let outcome = match (all_done, chance.one_in(4)) {
        (true, false) => {
            told.push(EventKind::ServiceVerified);
            RunOutcome::Recovered
        }
        (true, true) => RunOutcome::Unverified,
        (false, _) => RunOutcome::Failed,
    };
    told.push(over(outcome));
    if chance.one_in(5) {
        let kept = 1 + chance.below(told.len() as u64);
        told.truncate(usize::try_from(kept).unwrap());
    }

    let mut now = 0;
    let mut stamp = |kind: EventKind| {
        now += if matches!(kind, EventKind::RunStarted { .. }) { 0 } else { chance.below(20_000) };
        (now, kind)
    };
    stamped(told.into_iter().map(&mut stamp).collect())
}

/// Returns what is said of one step, the last first, and whether it gets done.
fn story(chance: &mut Chance, step: &str, kind: StepKind) -> (Vec<EventKind>, bool) {
    let mut told = Vec::new();
    let done = !chance.one_in(8);
    let phases: &[Phase] = match kind {
        StepKind::Stack => &[Phase::Init, Phase::Plan, Phase::Gate, Phase::Apply],
        _ => &[Phase::Run],
    };
    let (last, before) = phases.split_last().unwrap();
    for phase in before {
        told.extend([begins(step, *phase), ends(step, *phase, true)]);
        if *phase == Phase::Gate {
            told.push(accepted(step));
        }
    }
    told.push(begins(step, *last));
    for number in 0..chance.below(4) {
        let address = format!("terraform_data.r[{number}]");
        told.push(creating(step, &address));
        if done {
            told.push(created(step, &address, chance.below(5_000), true));
        }
    }
    told.push(ends(step, *last, done));
    let outcome = if done {
        StepOutcome::Done
    } else {
        StepOutcome::Failed { cause: vec!["it broke".into()], hints: vec![] }
    };
    told.push(finished(step, outcome));
    told.reverse();
    (told, done)
}

/// What the history keeps of the run by hand, had it begun so many seconds later.
pub(super) fn record(seconds: i64) -> crate::model::record::RunRecord {
    let timeline: Timeline = by_hand().iter().collect();
    let mut record = super::Report::from(timeline).record().unwrap();
    record.began_at += jiff::SignedDuration::from_secs(seconds);
    record.run = RunId::new(record.began_at, 0x4f1c);
    record
}
