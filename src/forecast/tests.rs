use super::*;
use crate::config::{
    eval::{Facts, Inputs, Value},
    module::Resource,
    repository::Repository,
};
use std::{fs, path::Path};

/// A repository of a test.
pub(super) struct Code {
    _folder: tempfile::TempDir,
    repository: Repository,
}

struct NoFacts;

impl Facts for NoFacts {
    fn attribute(&self, _: &str, _: &Resource, _: &[String]) -> Option<Value> {
        None
    }
}

impl Code {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let repository = Repository::read(folder.path(), None).unwrap();
        let unparsed: Vec<_> = repository.unparsed().map(|file| file.place.to_string()).collect();
        assert!(unparsed.is_empty(), "{unparsed:?}");
        Self { _folder: folder, repository }
    }

    fn root(&self, dir: &str) -> Scope<'_> {
        let module = self.repository.module(Path::new(dir)).unwrap();
        let inputs = Inputs {
            variables: std::collections::BTreeMap::new(),
            workspace: None,
            facts: &NoFacts,
        };
        Scope::root(module, &self.repository, inputs)
    }

    pub(super) fn graph(&self, dir: &str) -> Graph {
        Graph::of(&self.root(dir), &self.repository)
    }

    pub(super) fn step(&self, id: &str, needs: &[&str], lanes: usize) -> Step<'_> {
        let needs = needs.iter().map(|need| StepId::new(*need)).collect();
        let dir = if self.repository.module(Path::new(id)).is_some() { id } else { "" };
        Step {
            id: StepId::new(id),
            needs,
            root: Some(self.root(dir)),
            plan: None,
            lanes: Some(lanes),
        }
    }

    pub(super) fn forecast<'m>(&'m self, steps: &[Step<'m>], history: &History) -> Forecast {
        self.forecast_with(steps, &Catalogue::with(TIMES).unwrap(), history)
    }

    pub(super) fn forecast_with<'m>(
        &'m self,
        steps: &[Step<'m>],
        catalogue: &Catalogue,
        history: &History,
    ) -> Forecast {
        // The lifetime of what is borrowed is that of the repository.
        Forecast::of(steps, &self.repository, catalogue, history)
    }
}

/// Types whose names say how many seconds they take; half as long again at the 90th percentile.
/// Terraform's own default.
const LANES: usize = 10;

const TIMES: &str = r#"{"resources": {
    "x_10": {"create": {"p50": "10s", "p90": "15s", "n": 0, "source": "docs"}},
    "x_20": {"create": {"p50": "20s", "p90": "30s", "n": 0, "source": "docs"}},
    "x_30": {"create": {"p50": "30s", "p90": "45s", "n": 0, "source": "docs"}},
    "x_100": {"create": {"p50": "100s", "p90": "400s", "n": 4, "source": "log", "max": "400s"}}
}}"#;

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn addresses(forecast: &Forecast) -> Vec<String> {
    forecast.path.iter().map(|entry| format!("{}:{}", entry.stack, entry.address)).collect()
}

fn one(main: &str, lanes: usize) -> Forecast {
    let code = Code::new(&[("main.tf", main)]);
    code.forecast(&[code.step("app", &[], lanes)], &History::default())
}

const DIAMOND: &str = r#"
    resource "x_10" "top" {}
    resource "x_20" "left" { a = x_10.top.id }
    resource "x_30" "right" { a = x_10.top.id }
    resource "x_10" "bottom" { a = [x_20.left.id, x_30.right.id] }
"#;

#[test]
fn a_diamond_takes_its_longer_side() {
    let forecast = one(DIAMOND, LANES);
    assert_eq!((forecast.p50, forecast.floor), (secs(50), secs(50)));
    assert_eq!(forecast.p90, secs(75), "15 + 45 + 15");
    assert_eq!(addresses(&forecast), ["app:x_10.top", "app:x_30.right", "app:x_10.bottom"]);
    let dominant = forecast.dominant().unwrap();
    assert_eq!(
        (dominant.address.as_str(), dominant.p50, dominant.p90),
        ("x_30.right", secs(30), secs(45))
    );
    // Without the longer side, the shorter one decides: 10 + 20 + 10.
    assert_eq!(forecast.saves(dominant), secs(10));
    assert_eq!(
        forecast.counts,
        Counts { resources: 4, instances: 4, types: 4, ..Counts::default() }
    );
}

#[test]
fn one_lane_does_everything_in_turn() {
    let forecast = one(DIAMOND, 1);
    assert_eq!((forecast.p50, forecast.floor), (secs(70), secs(50)));
    let by_lane: Vec<_> = forecast.path.iter().map(|entry| entry.by_lane).collect();
    assert_eq!(addresses(&forecast).len(), 4, "the path goes through all");
    assert_eq!(by_lane, [false, false, true, false]);
}

#[test]
fn lanes_limit_what_is_made_at_once() {
    // Twelve of ten seconds over five lanes: 5 + 5 + 2, and then what needs them.
    let main = "resource \"x_10\" \"a\" {\n  count = 12\n}\nresource \"x_20\" \"b\" {\n  a = x_10.a[*].id\n}\n";
    let forecast = one(main, 5);
    assert_eq!((forecast.p50, forecast.floor), (secs(50), secs(30)));
    let path: Vec<_> = forecast.path.iter().map(|e| (e.address.as_str(), e.turns, e.p50)).collect();
    assert_eq!(path, [("x_10.a", 3, secs(30)), ("x_20.b", 1, secs(20))]);
    assert_eq!(forecast.saves(&forecast.path[0]), secs(30), "all its instances");
    assert_eq!((forecast.counts.resources, forecast.counts.instances), (2, 13));
}

#[test]
fn what_is_not_made_takes_no_time_and_passes_the_waiting_on() {
    let main = r#"
        resource "x_10" "a" {}
        resource "x_100" "none" {
          count = 0
          a     = x_10.a.id
        }
        resource "x_20" "b" { a = x_100.none[*].id }
    "#;
    let forecast = one(main, LANES);
    assert_eq!((forecast.p50, forecast.floor), (secs(30), secs(30)));
}

#[test]
fn stacks_wait_for_their_needs_and_go_on_side_by_side() {
    let code = Code::new(&[
        ("network/main.tf", "resource \"x_10\" \"a\" {}"),
        ("data/main.tf", "resource \"x_100\" \"a\" {}"),
        ("cluster/main.tf", "resource \"x_20\" \"a\" {}"),
        ("app/main.tf", "resource \"x_30\" \"a\" {}"),
    ]);
    let steps = [
        code.step("app", &["release"], 10),
        Step {
            id: StepId::new("release"),
            needs: vec![StepId::new("cluster"), StepId::new("data")],
            root: None,
            plan: None,
            lanes: Some(10),
        },
        code.step("cluster", &["network"], 10),
        code.step("data", &["network", "no such step"], 10),
        code.step("network", &[], 10),
    ];
    let forecast = code.forecast(&steps, &History::default());
    assert_eq!((forecast.p50, forecast.floor), (secs(140), secs(140)));
    assert_eq!(addresses(&forecast), ["network:x_10.a", "data:x_100.a", "app:x_30.a"]);
    let spans: Vec<_> = forecast
        .steps
        .iter()
        .map(|step| (step.id.as_str(), step.begins.as_secs(), step.ends.as_secs(), step.is_stack))
        .collect();
    assert_eq!(
        spans,
        [
            ("app", 110, 140, true),
            ("release", 110, 110, false),
            ("cluster", 10, 30, true),
            ("data", 10, 110, true),
            ("network", 0, 10, true)
        ]
    );
    assert_eq!(forecast.saves(forecast.dominant().unwrap()), secs(80), "then the cluster decides");
}

#[test]
fn stacks_that_need_each_other_end_all_the_same() {
    let code = Code::new(&[("main.tf", "resource \"x_10\" \"a\" {}")]);
    let steps = [code.step("a", &["b"], 10), code.step("b", &["a"], 10)];
    assert_eq!(code.forecast(&steps, &History::default()).p50, secs(20));
}

#[test]
fn what_a_stack_does_before_its_first_resource_is_only_counted_when_it_was_seen() {
    let code = Code::new(&[("main.tf", "resource \"x_10\" \"a\" {}")]);
    let steps = [code.step("a", &[], 10)];
    assert_eq!(code.forecast(&steps, &History::default()).steps[0].overhead, None);
    let mut history = History::default();
    history.add_overhead(StepId::new("a"), secs(40));
    let forecast = code.forecast(&steps, &history);
    assert_eq!((forecast.p50, forecast.floor, forecast.p90), (secs(50), secs(50), secs(55)));
    assert_eq!(forecast.steps[0].overhead, Some(secs(40)));
}

#[test]
fn own_runs_move_the_path() {
    let code = Code::new(&[("main.tf", DIAMOND)]);
    let at = Some((StepId::new("app"), "x_20.left".to_owned()));
    let seen = Observation { kind: "x_20".into(), at, took: secs(100) };
    let history: History = vec![seen; 3].into_iter().collect();
    let forecast = code.forecast(&[code.step("app", &[], 10)], &history);
    // The type: 3/6 of 100 and 3/6 of 20 is 60. The resource: 3/4 of 100 and 1/4 of 60 is 90.
    let dominant = forecast.dominant().unwrap();
    assert_eq!((dominant.address.as_str(), dominant.p50), ("x_20.left", secs(90)));
    assert_eq!(dominant.basis, Basis::Address { samples: 3 });
    assert_eq!(forecast.counts.own, 1);
}

#[test]
fn what_is_guessed_or_not_seen_or_not_counted_is_told() {
    let main = r#"
        variable "n" {}
        module "eks" { source = "terraform-aws-modules/eks/aws" }
        resource "nobody_knows" "a" { count = var.n }
        resource "aws_subnet" "b" {}
        resource "time_sleep" "c" {
          create_duration = "1m30s"
          depends_on      = [module.eks]
        }
    "#;
    let forecast = one(main, LANES);
    assert_eq!(forecast.p50, secs(90), "the code says so itself");
    assert_eq!(forecast.path[0].basis, Basis::Code);
    let counts = &forecast.counts;
    assert_eq!((counts.guesses, counts.classes, counts.code, counts.resources), (1, 1, 1, 3));
    let stack = StepId::new("app");
    assert_eq!(
        forecast.unseen,
        [Unseen {
            stack: stack.clone(),
            address: "module.eks".into(),
            source: "terraform-aws-modules/eks/aws".into()
        }]
    );
    assert_eq!(forecast.uncounted, [Uncounted { stack, address: "nobody_knows.a".into() }]);
}

#[test]
fn nothing_takes_no_time() {
    let forecast = one("", LANES);
    assert_eq!((forecast.p50, forecast.p90, forecast.floor), Default::default());
    assert_eq!((forecast.path.len(), forecast.dominant()), (0, None));
}

#[test]
fn samples_are_taken_with_times_of_their_own() {
    let code = Code::new(&[("main.tf", DIAMOND)]);
    let forecast = code.forecast(&[code.step("app", &[], 10)], &History::default());
    let mut asked = 0;
    let total = forecast.with_times(|time| {
        asked += 1;
        time.p50 * 2
    });
    assert_eq!((total, asked), (secs(100), 4));
    let (id, graph, times) = forecast.graphs().next().unwrap();
    assert_eq!((id.as_str(), graph.nodes().len()), ("app", times.len()));
}

/// A network, a cluster, a database and a load balancer, with the public times of the catalogue.
const SHOP: &[(&str, &str)] = &[
    (
        "main.tf",
        r#"
        module "network" { source = "./network" }
        resource "aws_eks_cluster" "main" {
          vpc_config { subnet_ids = [module.network.WAITS] }
        }
        resource "aws_eks_node_group" "main" {
          cluster_name = aws_eks_cluster.main.name
        }
        resource "aws_db_instance" "main" { vpc = module.network.vpc_id }
        resource "aws_lb" "main" { vpc = module.network.vpc_id }
        "#,
    ),
    (
        "network/main.tf",
        r#"
        resource "aws_vpc" "main" {}
        resource "aws_nat_gateway" "main" { vpc = aws_vpc.main.id }
        output "vpc_id" { value = aws_vpc.main.id }
        output "nat_id" { value = aws_nat_gateway.main.id }
        "#,
    ),
];

fn shop(waits_for: &str) -> Forecast {
    let main = SHOP[0].1.replace("WAITS", waits_for);
    let code = Code::new(&[("main.tf", &main), SHOP[1]]);
    let step = code.step("shop", &[], LANES);
    Forecast::of(&[step], &code.repository, Catalogue::builtin(), &History::default())
}

#[test]
fn the_public_times_of_a_small_shop_add_up_as_by_hand() {
    use crate::model::time::Rounded;
    let forecast = shop("nat_id");
    let path: Vec<_> =
        forecast.path.iter().map(|e| format!("{} {}", e.address, Rounded(e.p50))).collect();
    assert_eq!(
        path,
        [
            "module.network.aws_vpc.main 5s",
            "module.network.aws_nat_gateway.main 1m45s",
            "aws_eks_cluster.main 9m48s",
            "aws_eks_node_group.main 2m18s"
        ]
    );
    // 1m45s, 9m48s and 2m18s are 13m51s; the network itself is estimated at 5s.
    assert_eq!(Rounded(forecast.p50).to_string(), "13m56s");
    assert!(forecast.p90 > secs(17 * 60), "the node group alone can take 6m45s");
    let dominant = forecast.dominant().unwrap();
    assert_eq!(dominant.address, "aws_eks_cluster.main");
    assert_eq!(dominant.basis, Basis::Type { samples: 14 });
    // With the cluster there, its nodes still wait for the gateway: 5s + 1m45s + 2m18s.
    // The database takes 5s + 4m06s, and decides.
    assert_eq!(Rounded(forecast.p50 - forecast.saves(dominant)).to_string(), "4m11s");
}

#[test]
fn a_cluster_that_needs_no_gateway_is_there_earlier() {
    // 9m48s and 2m18s are 12m06s, and 5s for the network.
    assert_eq!(crate::model::time::Rounded(shop("vpc_id").p50).to_string(), "12m11s");
}
