//! A recovery of three stacks whose every figure was computed by hand.

use super::*;
use crate::{
    model::{
        event::EventKind,
        run::{DeclaredBy, OutageSource, RunOutcome},
        step::{StepKind, StepOutcome, StepSummary},
    },
    report::{
        Report, Timeline,
        samples::{
            self, accepted, begins, checkout, created, creating, ends, finished, over, stamped,
            started,
        },
    },
};

const DECLARED: EventKind = EventKind::Declared { by: DeclaredBy::Typed };

fn planned(steps: &[(&str, StepKind, &[&str], Option<u16>)]) -> EventKind {
    let summary =
        |(name, kind, needs, parallelism): &(&str, StepKind, &[&str], Option<u16>)| StepSummary {
            block: None,
            id: StepId::new(*name),
            kind: *kind,
            needs: needs.iter().map(|need| StepId::new(*need)).collect(),
            parallelism: *parallelism,
        };
    EventKind::RunPlanned {
        service: "shop".into(),
        primary: None,
        rto_ms: Some(900_000),
        rpo_ms: None,
        digest: "d".into(),
        steps: steps.iter().map(summary).collect(),
        max_parallel: Some(8),
    }
}

fn graph(step: &str, needs: &[(&str, &[&str])]) -> EventKind {
    let all = |needs: &[&str]| needs.iter().map(|need| (*need).to_owned()).collect();
    EventKind::DependenciesRead {
        step: StepId::new(step),
        needs: needs.iter().map(|(name, needs)| ((*name).to_owned(), all(needs))).collect(),
    }
}

/// The begin and the end of a phase.
fn phase(step: &str, phase: Phase, began: u64, ended: u64) -> [(u64, EventKind); 2] {
    [(began, begins(step, phase)), (ended, ends(step, phase, true))]
}

/// The begin and the end of a resource.
fn resource(step: &str, address: &str, began: u64, ended: u64) -> [(u64, EventKind); 2] {
    [(began, creating(step, address)), (ended, created(step, address, ended - began, true))]
}

/// Network, then data (one resource at a time) beside the cluster, then the cutover. The outage is
/// a minute old when the run begins.
fn three_stacks() -> Timeline {
    let stack = StepKind::Stack;
    let mut told = vec![
        (0, started(60_000, OutageSource::Declared)),
        (1_000, checkout()),
        (
            1_500,
            planned(&[
                ("network", stack, &[], Some(10)),
                ("data", stack, &["network"], Some(1)),
                ("cluster", stack, &["network"], Some(10)),
                ("cutover", StepKind::Cutover, &["data", "cluster"], None),
            ]),
        ),
        (4_000, DECLARED),
    ];
    told.extend(phase("network", Phase::Init, 4_000, 6_000));
    told.extend(phase("data", Phase::Init, 4_000, 6_500));
    told.extend(phase("cluster", Phase::Init, 4_000, 8_000));
    told.extend(phase("network", Phase::Plan, 6_000, 7_000));
    told.extend(phase("network", Phase::Gate, 7_000, 7_200));
    told.push((7_100, accepted("network")));
    told.extend(phase("network", Phase::Apply, 7_200, 30_200));
    told.extend(resource("network", "aws_vpc.main", 7_700, 9_700));
    told.extend(resource("network", "aws_subnet.a[0]", 9_800, 10_800));
    told.extend(resource("network", "aws_subnet.a[1]", 9_800, 11_000));
    told.extend(resource("network", "aws_nat_gateway.main", 11_000, 29_000));
    told.push((
        30_250,
        graph(
            "network",
            &[
                ("aws_vpc.main", &[]),
                ("aws_subnet.a", &["aws_vpc.main"]),
                ("aws_nat_gateway.main", &["aws_subnet.a"]),
            ],
        ),
    ));
    told.push((30_300, finished("network", StepOutcome::Done)));
    told.extend(phase("data", Phase::Plan, 30_400, 31_400));
    told.extend(phase("data", Phase::Gate, 31_400, 31_500));
    told.extend(phase("data", Phase::Apply, 31_500, 82_500));
    told.extend(resource("data", "aws_db_instance.main", 32_000, 72_000));
    told.extend(resource("data", "aws_elasticache_cluster.main", 72_000, 82_000));
    told.push((
        82_550,
        graph("data", &[("aws_db_instance.main", &[]), ("aws_elasticache_cluster.main", &[])]),
    ));
    told.push((82_600, finished("data", StepOutcome::Done)));
    told.extend(phase("cluster", Phase::Plan, 30_400, 31_900));
    told.extend(phase("cluster", Phase::Gate, 31_900, 32_000));
    told.extend(phase("cluster", Phase::Apply, 32_000, 113_000));
    told.extend(resource("cluster", "aws_eks_cluster.this", 32_500, 92_500));
    told.extend(resource("cluster", "aws_eks_node_group.a", 92_600, 112_600));
    told.push((
        113_050,
        graph(
            "cluster",
            &[("aws_eks_cluster.this", &[]), ("aws_eks_node_group.a", &["aws_eks_cluster.this"])],
        ),
    ));
    told.push((113_100, finished("cluster", StepOutcome::Done)));
    told.extend(phase("cutover", Phase::Run, 113_200, 115_200));
    told.push((115_250, finished("cutover", StepOutcome::Done)));
    told.push((121_250, EventKind::ServiceVerified));
    told.push((121_300, over(RunOutcome::Recovered)));
    told.sort_by_key(|(at, _)| *at);
    stamped(told).iter().collect()
}

fn path_of(timeline: &Timeline) -> Option<(CriticalPath, BTreeSet<usize>)> {
    CriticalPath::of(timeline, &timeline.worked_on())
}

fn waits_of(timeline: &Timeline) -> (Vec<Option<Waited>>, Vec<Vec<Gap>>) {
    waits(timeline, &timeline.worked_on())
}

/// One line a segment: when, how long, of which step, what.
fn shown(path: &CriticalPath) -> String {
    let line = |segment: &Segment| {
        let step = segment.step.as_ref().map_or("-", StepId::as_str);
        let what = match &segment.what {
            What::Resource { address, by_lane: true, .. } => format!("{address} (by lane)"),
            What::Resource { address, .. } => address.clone(),
            What::Phase { phase } => phase.word().to_owned(),
            other => format!("{other:?}"),
        };
        format!("{:>7} {:>6} {step:<8} {what}", segment.began_ms, segment.took_ms)
    };
    path.segments.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_path_of_three_stacks_is_the_one_of_the_hand() {
    let (path, critical) = path_of(&three_stacks()).unwrap();
    insta::assert_snapshot!(shown(&path), @"
          0  60000 -        Detection
      60000   1000 -        Checkout
      61000    500 -        Planning
      61500   2500 -        Decision
      64000   2000 network  init
      66000   1000 network  plan
      67000    200 network  gate
      67200    500 network  ApplyStart
      67700   2000 network  aws_vpc.main
      69700    100 network  BetweenResources
      69800   1200 network  aws_subnet.a[1]
      71000  18000 network  aws_nat_gateway.main
      89000   1200 network  ApplyEnd
      90200    100 network  Between
      90300    100 cluster  Between
      90400   1500 cluster  plan
      91900    100 cluster  gate
      92000    500 cluster  ApplyStart
      92500  60000 cluster  aws_eks_cluster.this
     152500    100 cluster  BetweenResources
     152600  20000 cluster  aws_eks_node_group.a
     172600    400 cluster  ApplyEnd
     173000    100 cluster  Between
     173100    100 cutover  Between
     173200   2000 cutover  run
     175200     50 cutover  Between
     175250   6000 -        Verification
    ");
    // By the order of the ends: vpc, subnet 0 (not), subnet 1, nat, db and cache (not), eks, node.
    assert_eq!(critical.into_iter().collect::<Vec<_>>(), [0, 2, 3, 6, 7]);
    assert_eq!((path.worked_ms, path.waited_ms), (112_750, 68_500));
    assert!(path.inferred.is_empty());
}

#[test]
fn what_would_have_been_saved_stops_where_something_else_takes_over() {
    let (path, _) = path_of(&three_stacks()).unwrap();
    let saved: Vec<_> = path
        .savings
        .iter()
        .map(|saving| {
            let what = saving.address.as_deref().unwrap_or(saving.step.as_str());
            format!("{what} took {} saves {}", saving.took_ms, saving.saves_ms)
        })
        .collect();
    assert_eq!(
        saved,
        [
            // Without it the cluster ends at 53,100, and data at 82,600 instead of it at 113,100.
            "aws_eks_cluster.this took 60000 saves 30500",
            "aws_eks_node_group.a took 20000 saves 20000",
            "aws_nat_gateway.main took 18000 saves 18000",
            "cutover took 2000 saves 2000",
            "aws_vpc.main took 2000 saves 2000",
            "aws_subnet.a took 1200 saves 1200",
        ]
    );
    // Only data has more to do than lanes, and nobody waits for data.
    assert_eq!((path.floor_ms, path.parallelism_cost_ms), (Some(181_250), Some(0)));
}

#[test]
fn waiting_is_told_apart_from_working() {
    let timeline = three_stacks();
    let (waited, gaps) = waits_of(&timeline);
    let at = |address: &str| {
        let index = timeline.resources.iter().position(|r| r.address == address).unwrap();
        waited[index].unwrap()
    };
    let by = |ready_ms, for_ms, behind| Waited { ready_ms, for_ms, behind };
    assert_eq!(at("aws_vpc.main"), by(7_200, 500, Behind::Terraform));
    assert_eq!(at("aws_eks_node_group.a"), by(92_500, 100, Behind::Terraform));
    assert_eq!(at("aws_elasticache_cluster.main"), by(31_500, 40_500, Behind::Parallelism));

    let data: Vec<_> = gaps[1].iter().map(|gap| (gap.began_ms, gap.took_ms, &gap.what)).collect();
    let network = GapKind::Needs { step: StepId::new("network") };
    assert_eq!(
        data,
        [
            (6_500, 23_800, &network),
            (30_300, 100, &GapKind::Between),
            (31_500, 500, &GapKind::ApplyStart),
            (82_000, 500, &GapKind::ApplyEnd),
            (82_500, 100, &GapKind::Between),
        ]
    );
}

#[test]
fn a_lane_that_comes_free_is_what_a_resource_waited_for() {
    let mut told = vec![
        (0, started(0, OutageSource::Declared)),
        (0, planned(&[("data", StepKind::Stack, &[], Some(2))])),
        (0, DECLARED),
    ];
    told.extend(phase("data", Phase::Apply, 0, 10_000));
    told.extend(resource("data", "a.slow", 0, 6_000));
    told.extend(resource("data", "a.one", 0, 4_000));
    told.extend(resource("data", "a.two", 4_000, 7_000));
    told.extend(resource("data", "a.three", 6_000, 10_000));
    let names: [(&str, &[&str]); 4] =
        [("a.slow", &[]), ("a.one", &[]), ("a.two", &[]), ("a.three", &[])];
    told.push((10_000, graph("data", &names)));
    told.push((10_000, finished("data", StepOutcome::Done)));
    told.push((10_000, EventKind::ServiceVerified));
    told.sort_by_key(|(at, _)| *at);
    let timeline: Timeline = stamped(told).iter().collect();
    let (path, _) = path_of(&timeline).unwrap();
    insta::assert_snapshot!(shown(&path), @"
          0   6000 data     a.slow
       6000   4000 data     a.three (by lane)
    ");
    // At once, all of it takes as long as the longest: 6,000 of the 10,000.
    assert_eq!((path.floor_ms, path.parallelism_cost_ms), (Some(6_000), Some(4_000)));
}

#[test]
fn more_at_once_than_terraform_does_by_itself_saves_what_would_have_waited() {
    let mut told = vec![
        (0, started(0, OutageSource::Declared)),
        (0, planned(&[("data", StepKind::Stack, &[], Some(50))])),
        (0, DECLARED),
    ];
    told.extend(phase("data", Phase::Apply, 0, 6_000));
    let names: Vec<String> = (0..25).map(|n| format!("a.n{n}")).collect();
    for name in &names {
        told.extend(resource("data", name, 0, 5_000));
    }
    let none: &[&str] = &[];
    let needs: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), none)).collect();
    told.push((6_000, graph("data", &needs)));
    told.push((6_000, finished("data", StepOutcome::Done)));
    told.push((6_000, EventKind::ServiceVerified));
    told.sort_by_key(|(at, _)| *at);
    let timeline: Timeline = stamped(told).iter().collect();
    let (path, _) = path_of(&timeline).unwrap();
    // Twenty-five of five seconds in tens: three rounds and not one.
    assert_eq!((path.parallelism_cost_ms, path.saved_by_parallelism()), (Some(0), Some(10_000)));
}

#[test]
fn a_step_that_waits_for_a_lane_or_a_lock_says_so() {
    let mut told = vec![
        (0, started(0, OutageSource::Declared)),
        (0, {
            let mut planned =
                planned(&[("a", StepKind::Stack, &[], None), ("b", StepKind::Stack, &[], None)]);
            if let EventKind::RunPlanned { max_parallel, .. } = &mut planned {
                *max_parallel = Some(1);
            }
            planned
        }),
        (0, DECLARED),
    ];
    told.extend(phase("a", Phase::Init, 0, 1_000));
    told.push((
        1_500,
        EventKind::LockWaited { step: StepId::new("b"), lock: Lock::PluginCache, took_ms: 300 },
    ));
    told.extend(phase("b", Phase::Init, 1_600, 2_000));
    told.push((2_000, finished("b", StepOutcome::Done)));
    let timeline: Timeline = stamped(told).iter().collect();
    let gaps = &waits_of(&timeline).1[1];
    let named: Vec<_> = gaps.iter().map(|gap| (gap.took_ms, &gap.what)).collect();
    assert_eq!(
        named,
        [
            (1_000, &GapKind::Turn),
            (200, &GapKind::Between),
            (300, &GapKind::Lock { lock: Lock::PluginCache }),
            (100, &GapKind::Between),
        ]
    );
}

#[test]
fn the_path_adds_up_to_the_whole_whatever_happens() {
    for seed in 1..2_000 {
        let events = samples::by_chance(seed);
        let report = Report::from(events.iter().collect::<Timeline>());
        let path = report.critical_path.as_ref().unwrap();
        let whole = report.recovery_time_ms.unwrap_or(report.out_for_ms);
        let mut at = 0;
        for segment in &path.segments {
            assert_eq!(segment.began_ms, at, "seed {seed}: a gap or an overlap");
            at += segment.took_ms;
        }
        assert_eq!(at, whole, "seed {seed}");
        assert_eq!(path.worked_ms + path.waited_ms, whole, "seed {seed}");
        for step in report.steps.iter().filter(|step| step.took_ms.is_some()) {
            let waits = step.gaps.iter().filter(|gap| !gap.what.is_inside_a_phase());
            let waited: u64 = waits.map(|gap| gap.took_ms).sum();
            let spent: u64 = step.step.phases.iter().filter_map(|phase| phase.took_ms).sum();
            let since = report.declared_ms.unwrap();
            assert_eq!(since + waited + spent, step.step.ended_ms.unwrap(), "seed {seed}");
        }
    }
}

#[test]
fn without_a_graph_the_last_end_is_taken_and_said() {
    let timeline: Timeline = samples::by_hand().iter().collect();
    let (path, critical) = path_of(&timeline).unwrap();
    assert_eq!(path.inferred, [StepId::new("network")]);
    assert_eq!(critical.len(), 1, "nothing ended before the NAT gateway began");
    assert!(waits_of(&timeline).0.iter().all(Option::is_none));
}

#[test]
fn what_a_watch_waited_for_after_it_saw_the_outage_is_decision() {
    let mut timeline = three_stacks();
    if let Some(run) = &mut timeline.run {
        run.outage.detected_before_ms = Some(45_000);
    }
    let (path, _) = path_of(&timeline).unwrap();
    let first: Vec<String> =
        shown(&path).lines().take(3).map(|line| line.trim().to_owned()).collect();
    assert_eq!(
        first,
        [
            "0  15000 -        Detection",
            "15000  45000 -        Decision",
            "60000   1000 -        Checkout"
        ]
    );
    let milestones = timeline.milestones();
    assert_eq!(milestones.get(crate::report::milestones::Milestone::Detected), Some(15_000));
}
