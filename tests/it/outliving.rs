//! The simulated cloud that outlives drctl, with a real failover on it.

use crate::{
    cloud::{SimCloud, Weather},
    support::Env,
};
use serde_json::json;

const RUNBOOK: &str = "service \"shop\" {\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}\nstack \"network\" {\n  path = \"stacks/network\"\n}\nstack \"data\" {\n  path      = \"stacks/data\"\n  variables = { vpc = stack.network.outputs.vpc }\n}\n";
const NETWORK: &str = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\nresource \"aws_vpc\" \"main\" {\n  cidr_block = \"10.0.0.0/16\"\n  tags       = { Name = \"main\" }\n}\noutput \"vpc\" { value = aws_vpc.main.id }\n";
const DATA: &str = "variable \"vpc\" {}\nprovider \"aws\" {\n  region = \"ap-northeast-1\"\n}\nresource \"aws_security_group\" \"db\" {\n  name   = \"db\"\n  vpc_id = var.vpc\n}\nresource \"aws_sqs_queue\" \"orders\" {\n  name = \"orders\"\n}\n";

fn shop() -> Env {
    Env::with(&[
        ("drctl.hcl", RUNBOOK),
        ("stacks/network/main.tf", NETWORK),
        ("stacks/data/main.tf", DATA),
    ])
}

fn start(env: &Env) -> SimCloud {
    let stacks = ["stacks/network", "stacks/data"];
    SimCloud::start(&env.repo(), &stacks, &env.root().join("cloud"), Weather::default())
}

fn listed(cloud: &SimCloud) -> Vec<String> {
    let listed = cloud.things().into_iter();
    listed.map(|thing| format!("{} {} {}", thing.region, thing.stack, thing.address)).collect()
}

#[test]
fn a_real_failover_makes_objects_that_stand_after_it() {
    let env = shop();
    let cloud = start(&env);
    let terraform = cloud.terraform().display().to_string();
    let output = env.failover(&["--terraform", &terraform]);
    assert_eq!(output.code, Some(6), "{output}");
    assert!(!env.journal().iter().any(|event| event["event"] == "simulated"));
    assert_eq!(
        listed(&cloud),
        [
            "ap-northeast-2 data aws_security_group.db",
            "ap-northeast-2 data aws_sqs_queue.orders",
            "ap-northeast-2 network aws_vpc.main",
        ]
    );
    assert_eq!((cloud.created(), cloud.removed()), (3, 0));
}

#[test]
fn what_goes_wrong_in_the_cloud_fails_a_failover_and_is_over_when_it_is_over() {
    let env = shop();
    let cloud = start(&env);
    let failure =
        json!({"failures": [{"on": {"types": ["aws_sqs_queue"]}, "nth": 1, "message": "busy"}]});
    cloud.play(failure);
    let terraform = cloud.terraform().display().to_string();
    let output = env.failover(&["--terraform", &terraform]);
    assert_eq!(output.code, Some(3), "{output}");
    cloud.crash();
    let dead = env.run(&["resume", "--yes"]);
    assert_eq!(dead.code, Some(3), "{dead}");
    cloud.answer();
    let output = env.run(&["resume", "--yes"]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(listed(&cloud).len(), 3);
}
