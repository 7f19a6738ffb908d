//! Reports with everything in them, and with nothing, for what shows them.

use super::{
    DECLARED, accepted, begins, checkout, created, creating, ends, finished, over, planned, point,
    stamped, started,
};
use crate::{
    model::{
        event::EventKind,
        finding::Place,
        gate::{KnownBy, Placed, Refusal, RefusalReason, Remnant},
        prediction::{PredictedResource, PredictedStep, Prediction},
        redirect::{Dependency, DependencyKind, DependencyStatus, Obstacle},
        resource::{ResourceAction, type_of, without_keys},
        run::{Lock, OutageSource, RunId, RunKind, RunOutcome},
        step::{Phase, StepId, StepKind, StepOutcome},
        verdict::Summary,
    },
    report::{
        Kept, Report,
        critical::{Behind, CriticalPath, Gap, GapKind, Saving, Segment, Waited, What},
        json::{Earlier, Expected},
        timeline::{Needed, Obstructed, SecondPlan, SimulatedFacts, TerraformFacts},
    },
};

/// What an outage was old when the run began, in milliseconds.
const BEFORE: u64 = 180_000;

/// An address that wants to be more than text.
pub(in crate::report) const NASTY: &str =
    "module.web.aws_s3_bucket.\"><script>alert('x')</script>\u{202e}&amp;|`*";

/// Stack, address, begin and length in seconds.
const RESOURCES: &[(&str, &str, u64, u64)] = &[
    ("network", "aws_vpc.main", 43, 4),
    ("network", "aws_internet_gateway.main", 47, 2),
    ("network", "aws_subnet.private[\"a\"]", 47, 12),
    ("network", "aws_subnet.private[\"b\"]", 47, 12),
    ("network", "aws_subnet.private[\"c\"]", 47, 12),
    ("network", "aws_subnet.public[\"a\"]", 47, 11),
    ("network", "aws_subnet.public[\"b\"]", 47, 11),
    ("network", "aws_eip.nat", 49, 2),
    ("network", "aws_nat_gateway.main", 58, 118),
    ("network", "aws_route_table.private", 176, 3),
    ("network", "aws_route.nat", 179, 2),
    ("network", "aws_vpc_endpoint.s3", 59, 8),
    ("network", "aws_vpc_endpoint.ecr", 59, 96),
    ("network", "aws_security_group.nodes", 47, 3),
    ("edge", "aws_acm_certificate.front", 43, 9),
    ("edge", "aws_acm_certificate_validation.front", 52, 74),
    ("edge", "aws_cloudfront_distribution.front", 126, 203),
    ("edge", "aws_wafv2_web_acl.front", 43, 6),
    ("data", "aws_db_subnet_group.main", 198, 2),
    ("data", "aws_kms_key.data", 197, 14),
    ("data", "aws_rds_cluster.orders", 211, 96),
    ("data", "aws_rds_cluster_instance.orders[0]", 307, 412),
    ("data", "aws_rds_cluster_instance.orders[1]", 307, 398),
    ("data", "aws_elasticache_replication_group.sessions", 201, 371),
    ("data", "aws_s3_bucket.media", 197, 4),
    ("data", "aws_secretsmanager_secret.db", 211, 2),
    ("data", "aws_secretsmanager_secret_version.db", 719, 1),
    ("cluster", "aws_iam_role.cluster", 198, 3),
    ("cluster", "aws_iam_role.node", 198, 3),
    ("cluster", "aws_iam_role_policy_attachment.cluster", 201, 1),
    ("cluster", "aws_eks_cluster.main", 202, 428),
    ("cluster", "aws_eks_node_group.main", 632, 171),
    ("cluster", "aws_eks_addon.vpc_cni", 632, 24),
    ("cluster", "aws_eks_addon.coredns", 803, 41),
    ("cluster", "aws_eks_addon.ebs_csi", 803, 58),
    ("cluster", "aws_iam_openid_connect_provider.main", 631, 1),
    ("cluster", "module.lb.aws_iam_role.controller", 632, 2),
    (
        "cluster",
        "module.lb.helm_release.aws_load_balancer_controller_with_a_name_that_is_long",
        803,
        37,
    ),
    ("cluster", "aws_autoscaling_group.spare[\"서울-1\"]", 632, 66),
    ("cluster", NASTY, 198, 5),
];

/// The resources that decided when it was over.
const CRITICAL: &[&str] = &[
    "aws_vpc.main",
    "aws_subnet.public[\"a\"]",
    "aws_nat_gateway.main",
    "aws_route_table.private",
    "aws_route.nat",
    "aws_iam_role.cluster",
    "aws_iam_role_policy_attachment.cluster",
    "aws_eks_cluster.main",
    "aws_eks_node_group.main",
    "aws_eks_addon.ebs_csi",
];

const STEPS: &[(&str, StepKind, &[&str])] = &[
    ("network", StepKind::Stack, &[]),
    ("edge", StepKind::Stack, &[]),
    ("data", StepKind::Stack, &["network"]),
    ("cluster", StepKind::Stack, &["network"]),
    ("storefront", StepKind::Deploy, &["cluster", "data"]),
    ("cutover", StepKind::Cutover, &["storefront", "edge"]),
];

/// Every report that what shows reports is tried on, with a name.
pub(in crate::report) fn all() -> Vec<(&'static str, Report)> {
    vec![("met", met()), ("missed", missed()), ("failed", failed()), ("minimal", minimal())]
}

/// A rehearsal of six steps and forty resources that met its objectives.
pub(in crate::report) fn met() -> Report {
    whole(Some(1_800_000))
}

/// The same as a failover with less time.
pub(in crate::report) fn missed() -> Report {
    let mut report = whole(Some(1_200_000));
    report.run.iter_mut().for_each(|run| run.kind = RunKind::Failover);
    report.simulated = None;
    report.caveats.clear();
    report.obstacles.clear();
    report
}

/// A run that could hardly have told less.
pub(in crate::report) fn minimal() -> Report {
    let events =
        stamped(vec![(0, started(0, OutageSource::Assumed)), (40, over(RunOutcome::Interrupted))]);
    Report::new(events.iter().collect(), Kept::default())
}

/// A run in which a stack failed, one was refused, and a resource never ended.
pub(in crate::report) fn failed() -> Report {
    let events: Vec<_> = super::gone_wrong();
    let mut report = Report::new(events.iter().collect(), kept());
    report.critical_path = Some(path(
        &[
            (12_000, None, What::Planning),
            (13_000, Some("network"), What::Phase { phase: Phase::Init }),
            (60_100, Some("network"), What::Phase { phase: Phase::Apply }),
            (62_000, None, What::Between),
            (901_000, Some("data"), What::Phase { phase: Phase::Apply }),
            (903_100, None, What::NotBack),
        ],
        vec![],
        None,
    ));
    report.inventory = inventory();
    report.terraform = Some(terraform());
    report.history = history();
    report
}

/// [`met`] with that many resources more.
pub(in crate::report) fn huge(resources: u64) -> Report {
    let mut report = met();
    let one = report.resources[0].clone();
    report.resources.extend((0..resources).map(|number| {
        let mut more = one.clone();
        more.resource.address =
            format!("module.fleet[\"{number}\"].aws_instance.a_name_that_is_rather_long[{number}]");
        more.resource.took_ms = 1 + number % 9_973;
        more.critical = number % 5 == 0;
        more
    }));
    report
}

fn whole(rto_ms: Option<u64>) -> Report {
    let mut happened = vec![
        (0, started(BEFORE, OutageSource::Declared)),
        (6_100, checkout()),
        (9_400, planned(rto_ms, Some(300_000), STEPS)),
        (21_000, DECLARED),
    ];
    for (step, init, plan, apply, end) in [
        ("network", (21_000, 32_600), (32_700, 40_900), 42_000, 181_900),
        ("edge", (32_700, 38_000), (38_100, 41_800), 42_600, 331_000),
        ("data", (38_100, 45_600), (182_400, 194_000), 196_200, 721_300),
        ("cluster", (45_700, 55_100), (182_500, 195_400), 197_000, 862_200),
    ] {
        happened.extend([
            (init.0, begins(step, Phase::Init)),
            (init.1, ends(step, Phase::Init, true)),
            (plan.0, begins(step, Phase::Plan)),
            (plan.1, ends(step, Phase::Plan, true)),
            (plan.1, begins(step, Phase::Gate)),
            (plan.1 + 600, accepted(step)),
            (plan.1 + 700, ends(step, Phase::Gate, true)),
            (apply, begins(step, Phase::Apply)),
            (end, ends(step, Phase::Apply, true)),
            (end + 100, finished(step, StepOutcome::Done)),
        ]);
        for (_, address, began, took) in RESOURCES.iter().filter(|resource| resource.0 == step) {
            happened.push((began * 1_000 + 100, creating(step, address)));
            let took_ms = took * 1_000 - 150;
            happened.push(((began + took) * 1_000 - 50, created(step, address, took_ms, true)));
        }
    }
    for (step, began, end) in
        [("storefront", 862_800, 1_118_000), ("cutover", 1_118_400, 1_127_600)]
    {
        happened.extend([
            (began, begins(step, Phase::Run)),
            (end, ends(step, Phase::Run, true)),
            (end + 100, finished(step, StepOutcome::Done)),
        ]);
    }
    happened.extend([
        (
            300_000,
            note(
                Some("data"),
                "`terraform apply` was tried again, since the provider could not be reached",
            ),
        ),
        (340_000, note(None, "the origin answered slowly: 8s for the first byte")),
        (1_140_000, point("media", Some(-4_000), None)),
        (1_140_000, point("orders", Some(130_000), None)),
        (1_149_000, EventKind::ServiceVerified),
        (1_149_100, over(RunOutcome::Recovered)),
    ]);
    happened.sort_by_key(|(at_ms, _)| *at_ms);
    let events = stamped(happened);
    let mut report = Report::new(events.iter().collect(), kept());
    report.run.iter_mut().for_each(|run| run.kind = RunKind::Rehearsal);
    report.simulated =
        Some(SimulatedFacts { time_scale: 100, seed: 1, dark: vec!["ap-northeast-1".into()] });
    report.caveats = vec![
        "a rehearsal: the cloud was simulated and nothing real was made".into(),
        "its latencies were divided by 100 and are multiplied back in every time below".into(),
    ];
    lit(&mut report);
    gate(&mut report);
    let prediction = prediction(&report);
    report.forecast = Some(Expected {
        position: report.execution_ms.and_then(|ms| prediction.position(ms)),
        prediction,
    });
    report.inventory = inventory();
    report.terraform = Some(terraform());
    report.history = history();
    report
}

fn note(step: Option<&str>, message: &str) -> EventKind {
    EventKind::Noted { step: step.map(StepId::new), message: message.into() }
}

fn kept() -> Kept {
    Kept {
        journal: Some("/var/lib/drctl/runs/20260314-025907-4f1c/journal.jsonl".into()),
        chain: Some("5f0c9be1a4a8d0b1e0b7f5f0a65c0b7f5b0a2b9d6c1e4f7a8091a2b3c4d5e6f7".into()),
        ..Kept::default()
    }
}

fn terraform() -> TerraformFacts {
    TerraformFacts { product: "terraform".into(), version: "1.11.4".into() }
}

/// Fills in what follows from the times of all: the critical path and the waits.
fn lit(report: &mut Report) {
    let of = |address: &str| {
        let found = RESOURCES.iter().find(|resource| resource.1 == address);
        *found.expect("one of the resources")
    };
    let mut ends = vec![
        (BEFORE, None, What::Detection),
        (BEFORE + 6_100, None, What::Checkout),
        (BEFORE + 9_400, None, What::Planning),
        (BEFORE + 21_000, None, What::Decision),
        (BEFORE + 32_600, Some("network"), What::Phase { phase: Phase::Init }),
        (BEFORE + 40_900, Some("network"), What::Phase { phase: Phase::Plan }),
        (BEFORE + 42_000, Some("network"), What::Phase { phase: Phase::Gate }),
        (BEFORE + 43_000, Some("network"), What::ApplyStart),
    ];
    for (number, address) in CRITICAL.iter().enumerate() {
        let (step, _, began, took) = of(address);
        if step == "cluster" && number == 5 {
            ends.extend([
                (BEFORE + 181_900, Some("network"), What::ApplyEnd),
                (BEFORE + 182_500, None, What::Between),
                (BEFORE + 195_400, Some(step), What::Phase { phase: Phase::Plan }),
                (BEFORE + 197_000, Some(step), What::Phase { phase: Phase::Gate }),
                (BEFORE + 198_000, Some(step), What::ApplyStart),
            ]);
        }
        if number == 8 {
            ends.push((BEFORE + 632_000, Some(step), What::BetweenResources));
        }
        ends.push((
            BEFORE + (began + took) * 1_000,
            Some(step),
            What::Resource {
                address: (*address).into(),
                action: ResourceAction::Create,
                ok: true,
                by_lane: number == 5,
            },
        ));
    }
    ends.extend([
        (BEFORE + 862_200, Some("cluster"), What::ApplyEnd),
        (BEFORE + 862_800, None, What::Between),
        (BEFORE + 1_118_000, Some("storefront"), What::Phase { phase: Phase::Run }),
        (BEFORE + 1_118_400, None, What::Turn),
        (BEFORE + 1_127_600, Some("cutover"), What::Phase { phase: Phase::Run }),
        (BEFORE + 1_149_000, None, What::Verification),
    ]);
    let saving = |step: &str, address: Option<&str>, took_ms, saves_ms| Saving {
        step: StepId::new(step),
        address: address.map(Into::into),
        took_ms,
        saves_ms,
    };
    let savings = vec![
        saving("storefront", None, 255_200, 255_200),
        saving("cluster", Some("aws_eks_cluster.main"), 428_000, 141_000),
        saving("cluster", Some("aws_eks_node_group.main"), 171_000, 141_000),
        saving("network", Some("aws_nat_gateway.main"), 118_000, 39_000),
    ];
    report.critical_path = Some(path(&ends, savings, Some(1_285_000)));
    for resource in &mut report.resources {
        resource.critical = CRITICAL.contains(&resource.resource.address.as_str());
        if resource.resource.step.as_str() == "cluster" && resource.resource.took_ms < 60_000 {
            resource.waited = Some(Waited {
                ready_ms: resource.resource.began_ms - 7_000,
                for_ms: 7_000,
                behind: Behind::Parallelism,
            });
        }
    }
    for step in &mut report.steps {
        let gap = |began_ms, took_ms, what| Gap { began_ms, took_ms, what };
        let needs = |step: &str| GapKind::Needs { step: StepId::new(step) };
        step.gaps = match step.step.id.as_str() {
            "data" => vec![
                gap(21_000, 17_100, GapKind::Lock { lock: Lock::PluginCache }),
                gap(45_600, 136_800, needs("network")),
                gap(194_700, 1_500, GapKind::Between),
            ],
            "cluster" => vec![
                gap(21_000, 24_700, GapKind::Lock { lock: Lock::PluginCache }),
                gap(55_100, 127_400, needs("network")),
            ],
            "edge" => vec![gap(21_000, 11_700, GapKind::Lock { lock: Lock::PluginCache })],
            "storefront" => vec![gap(21_000, 841_800, needs("cluster"))],
            "cutover" => vec![gap(21_000, 1_097_400, needs("storefront"))],
            _ => vec![],
        };
    }
}

fn path(
    ends: &[(u64, Option<&str>, What)],
    savings: Vec<Saving>,
    floor_ms: Option<u64>,
) -> CriticalPath {
    let mut segments = Vec::new();
    let mut before = 0;
    for (end_ms, step, what) in ends {
        segments.push(Segment {
            began_ms: before,
            took_ms: end_ms.checked_sub(before).expect("in the order of time"),
            step: step.map(StepId::new),
            what: what.clone(),
        });
        before = *end_ms;
    }
    let waits = |segment: &&Segment| !segment.what.is_work();
    let waited_ms = segments.iter().filter(waits).map(|segment| segment.took_ms).sum();
    CriticalPath {
        segments,
        savings,
        floor_ms,
        parallelism_cost_ms: floor_ms.map(|floor| before.saturating_sub(floor)),
        parallelism_saved_ms: floor_ms.map(|_| 0),
        worked_ms: before - waited_ms,
        waited_ms,
        inferred: Vec::new(),
    }
}

fn gate(report: &mut Report) {
    let (region, globally) = ("ap-northeast-2", KnownBy::Global);
    let placed: Vec<_> = report
        .resources
        .iter()
        .map(|resource| {
            let global = type_of(&resource.resource.address).is_some_and(|t| t.contains("_iam_"));
            let place = Placed {
                address: resource.resource.address.clone(),
                region: (!global).then(|| region.to_owned()),
                known_by: if global { globally } else { KnownBy::Provider },
            };
            (resource.resource.step.clone(), place)
        })
        .collect();
    for step in &mut report.steps {
        let here = placed.iter().filter(|(id, _)| *id == step.step.id);
        step.step.placed = here.map(|(_, placed)| placed.clone()).collect();
    }
    let data = &mut report.steps[2].step;
    data.remnants = vec![
        Remnant {
            address: "aws_s3_bucket.media".into(),
            attribute: "replication_configuration[0].role".into(),
            value: Some("arn:aws:iam::111122223333:role/media-ap-northeast-1".into()),
        },
        Remnant { address: "var.db_snapshot".into(), attribute: "value".into(), value: None },
    ];
    report.second_plans = vec![SecondPlan {
        step: StepId::new("data"),
        changes: [("aws_s3_bucket.media".to_owned(), ResourceAction::Update)].into(),
        cause: vec![],
    }];
    report.obstacles = vec![Obstructed {
        step: StepId::new("edge"),
        obstacle: Obstacle {
            place: place("stacks/edge/main.tf", 14),
            message: "the provider `aws.us` is pinned to us-east-1, where CloudFront lives".into(),
            hint: "Say so in the runbook: `globals { keep = [\"aws.us\"] }`".into(),
            fatal: false,
        },
    }];
}

fn place(file: &str, line: usize) -> Place {
    Place { file: file.into(), line, column: 3 }
}

fn prediction(report: &Report) -> Prediction {
    // Skewed to the right, as recoveries are.
    let quantiles_ms: Vec<u64> = (0..=20_u64)
        .map(|n| 960_000 + n * 14_000 + n.pow(3) * 24 + if n == 20 { 90_000 } else { 0 })
        .collect();
    let resources = RESOURCES.iter().map(|(step, address, _, took)| PredictedResource {
        step: StepId::new(*step),
        address: without_keys(address),
        instances: 1,
        p50_ms: took * 1_000 * 9 / 10,
        p90_ms: took * 1_600,
        basis: "own runs (4)".into(),
        critical: if CRITICAL.contains(address) { 0.8 } else { 0.05 },
    });
    let resources: Vec<_> = resources.collect();
    Prediction {
        caches_ms: None,
        draws: 2_000,
        seed: 1,
        p50_ms: quantiles_ms[10],
        p90_ms: quantiles_ms[18],
        p99_ms: quantiles_ms[19] + 60_000,
        at_medians_ms: quantiles_ms[10],
        floor_ms: 900_000,
        before_ms: Some(200_000),
        chance: Some(0.93),
        missing: vec!["helm storefront: never seen".into()],
        steps: report
            .steps
            .iter()
            .filter_map(|step| {
                let end = step.step.ended_ms? - report.declared_ms?;
                Some(PredictedStep {
                    step: step.step.id.clone(),
                    p50_ms: end * 95 / 100,
                    p90_ms: end * 125 / 100,
                })
            })
            .collect(),
        resources,
        quantiles_ms,
    }
}

fn inventory() -> Vec<Needed> {
    let need = |step: &str, kind, name: &str, region: Option<&str>, status| Needed {
        step: StepId::new(step),
        dependency: Dependency {
            kind,
            name: name.into(),
            place: Some(place("stacks/data/main.tf", 31)),
            region: region.map(Into::into),
            status,
        },
    };
    use DependencyKind::{ImageHost, Key, ProviderRegistry, StateBackend};
    vec![
        need("network", StateBackend, "drctl on this machine", None, DependencyStatus::Alive),
        need("network", ProviderRegistry, "registry.example.com", None, DependencyStatus::Unknown),
        need("data", ProviderRegistry, "registry.example.com", None, DependencyStatus::Unknown),
        need("data", Key, "alias/orders", Some("ap-northeast-1"), DependencyStatus::Dead),
        need(
            "cluster",
            ImageHost,
            "111122223333.dkr.ecr.ap-northeast-1.amazonaws.example",
            Some("ap-northeast-1"),
            DependencyStatus::Dead,
        ),
    ]
}

fn history() -> Vec<Earlier> {
    let runs = [
        (Summary::Met, Some(1_690_000)),
        (Summary::Missed, Some(1_920_000)),
        (Summary::Failed, None),
        (Summary::Met, Some(1_620_000)),
        (Summary::Met, Some(1_480_000)),
        (Summary::Unproven, Some(1_510_000)),
        (Summary::Interrupted, None),
        (Summary::Met, Some(1_402_000)),
    ];
    (0_u8..)
        .zip(runs)
        .map(|(week, (summary, recovery_time_ms))| {
            let began_at: jiff::Timestamp =
                format!("2026-01-{:02}T03:00:00Z", 2 + 3 * week).parse().expect("a time");
            Earlier { run: RunId::new(began_at, 7), began_at, summary, recovery_time_ms }
        })
        .collect()
}

/// The refusal of a plan, for a report that has none.
pub(in crate::report) fn refusal() -> Refusal {
    Refusal {
        reason: RefusalReason::Region,
        address: Some(NASTY.into()),
        detail: "would lie in ap-northeast-1".into(),
    }
}
