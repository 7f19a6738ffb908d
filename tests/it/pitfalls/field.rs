//! What hurt others. The public thread that tells of each stands beside it.

use super::{Silent, only, placed, placed_only, refused, regions, rehearse, runbook, state};
use crate::support::Env;
use serde_json::Value;

const HERE: &str = "ap-northeast-2";
const MADE: &str = "resource \"terraform_data\" \"x\" {}\n";

/// hashicorp/terraform#32960, #32190: the state and its lock lie in the region that is down.
#[test]
fn p01_the_state_backend_lives_in_the_failed_region() {
    let silent = Silent::start();
    let address = format!("http://127.0.0.1:{}/", silent.port);
    let env = only(&format!(
        "terraform {{\n  backend \"s3\" {{\n    bucket         = \"shop\"\n    key            = \"k\"\n    region         = \"ap-northeast-1\"\n    dynamodb_table = \"locks\"\n    endpoints = {{ s3 = \"{address}\", dynamodb = \"{address}\" }}\n  }}\n}}\n{MADE}"
    ));
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert_eq!(silent.connections(), 0, "neither the bucket nor the lock table was asked");
}

/// gruntwork-io/terragrunt#247: "7 to add, 0 to destroy", and the old VPC left behind.
#[test]
fn p02_a_region_flipped_over_an_existing_state_orphans_or_replaces() {
    let env = Env::new();
    let path = env.root().join("dr.tfstate").display().to_string();
    let declared =
        format!("region \"{HERE}\" {{\n  state \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n");
    let of = |trigger: &str| {
        format!("resource \"terraform_data\" \"x\" {{\n  triggers_replace = \"{trigger}\"\n}}\n")
    };
    env.commit(&[("drctl.hcl", &runbook(&["only"], &declared)), ("only/main.tf", &of("a"))]);
    assert_eq!(env.failover(&[]).code, Some(6));
    env.commit(&[("only/main.tf", &of("b"))]);
    let without = env.failover(&[]);
    assert_eq!(without.code, Some(4), "{without}");
    assert!(without.stdout.contains("the state already holds"), "{without}");
    let again = env.failover(&["--again"]);
    assert_eq!(again.code, Some(4), "{again}");
    assert!(again.stdout.contains("`terraform_data.x`: would be replaced"), "{again}");
}

/// terraform-aws-modules/terraform-aws-lambda#760: a nested resource without `region` silently
/// falls back to the provider's.
#[test]
fn p03_a_resource_that_is_not_given_the_region_falls_back_to_the_providers() {
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["only"], "")),
        (
            "only/main.tf",
            "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\nmodule \"m\" {\n  source = \"../m\"\n  region = \"ap-northeast-1\"\n}\n",
        ),
        (
            "m/main.tf",
            "variable \"region\" {}\nresource \"aws_sqs_queue\" \"given\" {\n  region = var.region\n}\nresource \"aws_sqs_queue\" \"forgotten\" {}\n",
        ),
    ]);
    assert_eq!(
        placed(&env, &[], 0),
        regions(&[
            ("module.m.aws_sqs_queue.forgotten", HERE),
            ("module.m.aws_sqs_queue.given", HERE)
        ])
    );
}

/// hashicorp/terraform#25244, #24476: no dynamic providers, so each region has a block of its own.
#[test]
fn p04_a_module_with_a_provider_block_of_its_own_is_pointed_call_by_call() {
    let files = |regions: &[&str]| {
        let calls: String = regions
            .iter()
            .enumerate()
            .map(|(at, region)| {
                format!("module \"m{at}\" {{\n  source = \"../m\"\n  region = \"{region}\"\n}}\n")
            })
            .collect();
        Env::with(&[
            ("drctl.hcl", &runbook(&["only"], "")),
            ("only/main.tf", &calls),
            (
                "m/main.tf",
                "variable \"region\" {}\nprovider \"aws\" {\n  region = var.region\n}\nresource \"aws_sqs_queue\" \"x\" {}\n",
            ),
        ])
    };
    assert_eq!(
        placed(&files(&["ap-northeast-1"]), &[], 0),
        regions(&[("module.m0.aws_sqs_queue.x", HERE)])
    );
    // One folder has one override file, so two calls in two regions cannot both be pointed.
    insta::assert_snapshot!(refused(&files(&["ap-northeast-1", HERE])), @r"
    only: m/main.tf:3:12: `module.m0` and `module.m1` are one module for two regions, with one provider block that cannot be pointed for each
    only: m/main.tf:3:12: `module.m1` and `module.m0` are one module for two regions, with one provider block that cannot be pointed for each
    ");
    insta::assert_snapshot!(refused(&files(&["ap-northeast-1", "us-west-2"])), @r"
    only: m/main.tf:3:12: `module.m0` and `module.m1` are one module for two regions, with one provider block that cannot be pointed for each
    only: m/main.tf:3:12: `module.m1` and `module.m0` are one module for two regions, with one provider block that cannot be pointed for each
    ");
}

/// hashicorp/terraform#14487: "no state and 45 orphaned resources".
#[test]
fn p05_an_apply_that_fails_halfway_keeps_what_it_made_in_the_state() {
    let env = only(
        "resource \"terraform_data\" \"first\" {}\nresource \"terraform_data\" \"second\" {\n  input = terraform_data.first.id\n  provisioner \"local-exec\" {\n    command = \"exit 1\"\n  }\n}\n",
    );
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    let text = state(&env, "only").to_string();
    assert!(text.contains("first") && text.contains("tainted"), "{text}");
}

/// hashicorp/terraform#28693, #15429: locks that outlive their holder.
#[test]
fn p06_a_lock_that_was_left_names_its_holder_and_blocks_no_new_run() {
    let env = only(
        "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"kill -9 $PPID\"\n  }\n}\n",
    );
    assert_eq!(env.failover(&[]).code, Some(3));
    let list = env.run(&["state", "list", "--json"]);
    let line: Value = serde_json::from_str(list.stdout.trim()).unwrap();
    assert!(line["locked_by"].is_string(), "{list}");
    env.commit(&[("only/main.tf", MADE)]);
    assert_eq!(env.failover(&["--again"]).code, Some(6), "a run has a state of its own");
}

/// runatlantis/atlantis#3997, hashicorp/terraform#8402: data sources that ask the dead region.
#[test]
fn p07_data_sources_ask_the_fallback_and_those_that_cannot_are_listed() {
    let code = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\ndata \"aws_vpc\" \"main\" {\n  default = true\n}\nresource \"aws_subnet\" \"x\" {\n  vpc_id = data.aws_vpc.main.id\n}\n";
    assert_eq!(placed_only(code), regions(&[("aws_subnet.x", HERE)]));
    let env = only(code);
    let plan = env.run(&["plan", "--region", HERE]);
    let line = "unknown: data source data.aws_vpc.main in ap-northeast-2";
    assert!(plan.stdout.contains(line), "{plan}");
    let pinned = format!("{SERVICE_STACK}  providers = {{ \"aws\" = \"ap-northeast-1\" }}\n}}\n");
    env.commit(&[("drctl.hcl", &pinned)]);
    let plan = env.run(&["plan", "--region", HERE]);
    let line = "in the dead region: data source data.aws_vpc.main in ap-northeast-1";
    assert!(plan.stdout.contains(line), "{plan}");
}

const SERVICE_STACK: &str = "service \"shop\" {\n  rto     = \"2h\"\n  primary = \"ap-northeast-1\"\n}\nstack \"only\" {\n  path      = \"only\"\n";

/// DataDog/terraform-aws-datadog-forwarders#43: "this didn't fail during `plan`".
#[test]
fn p08_a_name_that_the_primary_holds_is_foreseen() {
    let role = "provider \"aws\" {}\nresource \"aws_iam_role\" \"app\" {\n  name               = \"shop-app\"\n  assume_role_policy = \"{}\"\n}\n";
    insta::assert_snapshot!(refused(&only(role)), @"only: only/main.tf:3:24: `aws_iam_role.app` would be named `shop-app`, which the primary's is named already, and there can be only one");
    let env = Env::with(&[
        (
            "drctl.hcl",
            &runbook(&["only"], "global \"aws_iam_role\" {\n  decision = \"suffix\"\n}\n"),
        ),
        ("only/main.tf", role),
    ]);
    let plan = env.run(&["plan", "--region", HERE]);
    assert!(plan.stdout.contains("named `shop-app-ap-northeast-2`"), "{plan}");
    assert_eq!(placed(&env, &[], 0), regions(&[("aws_iam_role.app", "global")]));
    let bucket =
        "provider \"aws\" {}\nresource \"aws_s3_bucket\" \"b\" {\n  bucket = \"shop-orders\"\n}\n";
    insta::assert_snapshot!(refused(&only(bucket)), @"only: only/main.tf:3:12: `aws_s3_bucket.b` would be named `shop-orders`, which the primary's is named already, and there can be only one");
}

/// gravitational/teleport#4350: an image that is not published in the other region.
#[test]
fn p09_what_the_fallback_lacks_is_refused_with_its_place() {
    let env = only("resource \"aws_instance\" \"x\" {\n  ami = \"ami-0123456789abcdef0\"\n}\n");
    insta::assert_snapshot!(refused(&env), @"only: only/main.tf:2:10: `aws_instance.x`: `ami` names the machine image `ami-0123456789abcdef0`, which is not in `ap-northeast-2`");
    // An image for each region is no obstacle.
    let map = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\ndata \"aws_region\" \"here\" {}\nlocals {\n  images = { ap-northeast-1 = \"ami-01234567\", ap-northeast-2 = \"ami-89abcdef\" }\n}\nresource \"aws_instance\" \"x\" {\n  ami = local.images[data.aws_region.here.name]\n}\n";
    assert_eq!(placed_only(map), regions(&[("aws_instance.x", HERE)]));
}

/// hashicorp/terraform#31964, #32915: the plugin cache is not made for several writers.
#[test]
fn p10_inits_that_share_a_plugin_cache_go_one_by_one() {
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["a", "b", "c"], "")),
        ("a/main.tf", MADE),
        ("b/main.tf", MADE),
        ("c/main.tf", MADE),
    ]);
    let cache = env.root().join("cache");
    std::fs::create_dir(&cache).unwrap();
    let args = env.failover_args(&[]);
    let mut command = env.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("TF_PLUGIN_CACHE_DIR", &cache);
    let output = env.output(command.output().unwrap());
    assert_eq!(output.code, Some(6), "{output}");
    let mut open = 0;
    for event in env.journal().iter().filter(|event| event["phase"] == "init") {
        open += if event["event"] == "phase_started" { 1 } else { -1 };
        assert!((0..=1).contains(&open), "two at once: {event}");
    }
}

/// hashicorp/terraform#25236: the registry is down when it is needed most.
#[test]
fn p11_registries_that_are_needed_are_listed_and_versions_stay_locked() {
    let env = only(
        "terraform {\n  required_providers {\n    aws = { source = \"hashicorp/aws\" }\n    own = { source = \"registry.example.com/us/own\" }\n  }\n}\nmodule \"vpc\" {\n  source = \"terraform-aws-modules/vpc/aws\"\n}\n",
    );
    let plan = env.run(&["plan", "--region", HERE]);
    for line in [
        "unknown: provider registry registry.example.com  only/main.tf:4:5",
        "unknown: provider registry registry.terraform.io  only/main.tf:3:5",
        "unknown: module source registry.terraform.io  only/main.tf:7:1",
    ] {
        assert!(plan.stdout.contains(line), "{line}\n{plan}");
    }
}

/// `init -json` prints text that is no JSON when it sets a backend up.
#[test]
fn p12_lines_that_are_no_json_are_read_over() {
    let env = Env::new();
    let path = env.root().join("dr.tfstate").display().to_string();
    let declared =
        format!("region \"{HERE}\" {{\n  state \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n");
    env.commit(&[("drctl.hcl", &runbook(&["only"], &declared)), ("only/main.tf", MADE)]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    let logs = env.home().join("runs");
    let plain = format!("cat {}/*/logs/*-only-init.out | grep -qv '^{{'", logs.display());
    assert!(super::shell(&plain), "init printed a line that is no JSON, and it did no harm");
}

/// AWS, message/101925: control planes of the whole cloud at home in us-east-1.
#[test]
fn p13_control_planes_in_the_dead_region_are_listed() {
    let runbook = "service \"shop\" {\n  rto     = \"2h\"\n  primary = \"us-east-1\"\n}\nstack \"only\" {\n  path = \"only\"\n}\n";
    let code = "provider \"aws\" {}\nresource \"aws_iam_role\" \"x\" {\n  name_prefix        = \"x\"\n  assume_role_policy = \"{}\"\n}\nresource \"aws_route53_record\" \"x\" {\n  zone_id = \"Z1\"\n  name    = \"x\"\n  type    = \"A\"\n}\n";
    let env = Env::with(&[("drctl.hcl", runbook), ("only/main.tf", code)]);
    let plan = env.run(&["plan", "--region", HERE]);
    for line in [
        "in the dead region: control plane IAM in us-east-1",
        "in the dead region: control plane Route 53 in us-east-1",
    ] {
        assert!(plan.stdout.contains(line), "{plan}");
    }
    let asked = env.run(&["failover", "--region", HERE, "--dry-run"]);
    assert!(
        asked.stdout.contains("in the dead region: control plane IAM"),
        "also before the go\n{asked}"
    );
}

/// gruntwork-io/terragrunt#1339, #3151: one state key for two stacks, and each removes the other's.
#[test]
fn p14_stacks_that_would_share_a_state_are_refused() {
    let declared = format!(
        "region \"{HERE}\" {{\n  state \"s3\" {{\n    bucket = \"dr\"\n    key    = \"all.tfstate\"\n    region = region\n  }}\n}}\n"
    );
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["a", "b"], &declared)),
        ("a/main.tf", MADE),
        ("b/main.tf", MADE),
    ]);
    assert!(refused(&env).contains("`a` and `b` would share one state"));
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(4), "a rehearsal says so, too\n{output}");
}
