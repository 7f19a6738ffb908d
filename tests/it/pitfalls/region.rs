//! A stack that lands in the wrong region.

use super::{only, placed, placed_only, refused, regions, rehearse, runbook, state};
use crate::support::Env;
use serde_json::Value;
use std::fs;

const VPC: &str = "resource \"aws_vpc\" \"x\" {\n  cidr_block = \"10.0.0.0/16\"\n}\n";
const HERE: &str = "ap-northeast-2";

#[test]
fn a_literal_region_wins_over_the_environment() {
    let code = format!("provider \"aws\" {{\n  region = \"ap-northeast-1\"\n}}\n{VPC}");
    assert_eq!(placed_only(&code), regions(&[("aws_vpc.x", HERE)]));
}

#[test]
fn a_default_override_is_merged_and_reaches_children_that_inherit() {
    let root = format!(
        "provider \"aws\" {{\n  region  = \"ap-northeast-1\"\n  profile = \"prod\"\n}}\n{VPC}module \"m\" {{\n  source = \"../m\"\n}}\n"
    );
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["only"], "")),
        ("only/main.tf", &root),
        ("m/main.tf", VPC),
    ]);
    assert_eq!(
        placed(&env, &["--keep-work"], 0),
        regions(&[("aws_vpc.x", HERE), ("module.m.aws_vpc.x", HERE)])
    );
    let newest = fs::read_dir(env.home().join("runs")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(newest.join("work/only/zz_drctl_override.tf.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        file["provider"]["aws"],
        serde_json::json!([{ "region": HERE }]),
        "and the profile stays"
    );
}

#[test]
fn each_alias_is_moved_by_itself_and_one_elsewhere_stays() {
    let code = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\nprovider \"aws\" {\n  alias  = \"copy\"\n  region = \"ap-northeast-1\"\n}\nprovider \"aws\" {\n  alias  = \"edge\"\n  region = \"us-east-1\"\n}\nresource \"aws_vpc\" \"a\" {\n  provider = aws.copy\n}\nresource \"aws_acm_certificate\" \"b\" {\n  provider    = aws.edge\n  domain_name = \"x.example.com\"\n}\n";
    assert_eq!(
        placed_only(code),
        regions(&[("aws_vpc.a", HERE), ("aws_acm_certificate.b", "us-east-1")])
    );
}

#[test]
fn a_provider_block_inside_a_child_module_is_overridden_there() {
    let env = Env::with(&[
        ("drctl.hcl", &runbook(&["only"], "")),
        ("only/main.tf", "module \"m\" {\n  source = \"../m\"\n}\n"),
        ("m/main.tf", &format!("provider \"aws\" {{\n  region = \"ap-northeast-1\"\n}}\n{VPC}")),
    ]);
    assert_eq!(placed(&env, &[], 0), regions(&[("module.m.aws_vpc.x", HERE)]));
}

#[test]
fn a_provider_without_a_region_is_told_one() {
    assert_eq!(placed_only(VPC), regions(&[("aws_vpc.x", HERE)]));
}

#[test]
fn zones_locals_and_regions_of_resources_are_moved() {
    let code = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\nlocals {\n  zone = \"ap-northeast-1c\"\n}\nresource \"aws_subnet\" \"a\" {\n  vpc_id            = \"vpc-1\"\n  availability_zone = \"ap-northeast-1a\"\n}\nresource \"aws_subnet\" \"b\" {\n  vpc_id            = \"vpc-1\"\n  availability_zone = local.zone\n}\nresource \"aws_sqs_queue\" \"c\" {\n  region = \"ap-northeast-1\"\n}\n";
    assert_eq!(
        placed_only(code),
        regions(&[("aws_subnet.a", HERE), ("aws_subnet.b", HERE), ("aws_sqs_queue.c", HERE)])
    );
}

#[test]
fn a_zone_that_the_fallback_has_not_is_refused_with_its_place() {
    let env =
        only("resource \"aws_subnet\" \"a\" {\n  availability_zone = \"ap-northeast-1x\"\n}\n");
    insta::assert_snapshot!(refused(&env), @"only: only/main.tf:2:24: `aws_subnet.a`: `availability_zone` names the zone `ap-northeast-1x`, which is not in `ap-northeast-2`");
}

#[test]
fn a_zone_that_only_the_plan_shows_is_refused_by_the_gate() {
    let code = format!(
        "{VPC}resource \"aws_subnet\" \"a\" {{\n  vpc_id            = aws_vpc.x.id\n  availability_zone = join(\"\", [\"ap-north\", \"east-1a\"])\n}}\n"
    );
    let output = rehearse(&only(&code), &[]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(
        output.stdout.contains("`availability_zone` is `ap-northeast-1a`, which lies in"),
        "{output}"
    );
}

#[test]
fn an_override_that_is_merged_later_is_refused() {
    let env = only(VPC);
    env.commit(&[(
        "only/zzz_override.tf",
        "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\n",
    )]);
    insta::assert_snapshot!(refused(&env), @"only: only/zzz_override.tf:1:1: `only/zzz_override.tf` sorts behind `zz_drctl_override.tf.json`, so that it could undo what drctl overrides");
}

#[test]
fn an_earlier_override_of_the_region_loses() {
    let env = only(&format!("provider \"aws\" {{}}\n{VPC}"));
    env.commit(&[("only/override.tf", "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\n")]);
    assert_eq!(placed(&env, &[], 0), regions(&[("aws_vpc.x", HERE)]));
}

#[test]
fn what_an_override_cannot_declare_stands_in_a_file_of_its_own() {
    let env = Env::with(&[
        (
            "drctl.hcl",
            &runbook(&["only"], "global \"aws_iam_role\" {\n  decision = \"adopt\"\n}\n"),
        ),
        (
            "only/main.tf",
            "provider \"aws\" {}\nresource \"aws_iam_role\" \"app\" {\n  name               = \"app\"\n  assume_role_policy = \"{}\"\n}\nresource \"aws_iam_instance_profile\" \"app\" {\n  name_prefix = \"app\"\n  role        = aws_iam_role.app.name\n}\nresource \"aws_lambda_function\" \"x\" {\n  function_name = \"x\"\n  role          = aws_iam_role.app.arn\n}\n",
        ),
    ]);
    let output = rehearse(&env, &[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stderr.contains("data.aws_iam_role.app"), "it is read\n{output}");
    assert!(
        !output.stderr.contains("Creating  only    aws_iam_role.app"),
        "and not made\n{output}"
    );
}

#[test]
fn files_of_variables_do_not_win_over_the_region() {
    let env = only(
        "variable \"region\" {}\nvariable \"zone\" {}\nresource \"terraform_data\" \"x\" {\n  input = [var.region, var.zone]\n}\n",
    );
    env.commit(&[
        ("only/terraform.tfvars", "region = \"ap-northeast-1\"\nzone = \"ap-northeast-1a\"\n"),
        ("only/z.auto.tfvars", "region = \"ap-northeast-1\"\n"),
    ]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    let input =
        state(&env, "only")["resources"][0]["instances"][0]["attributes"]["input"]["value"].clone();
    assert_eq!(input, serde_json::json!([HERE, "ap-northeast-2a"]));
}

#[test]
fn a_saved_plan_is_applied_under_the_region_that_it_was_made_for() {
    let code = "resource \"terraform_data\" \"x\" {\n  provisioner \"local-exec\" {\n    command = \"echo $AWS_REGION $AWS_DEFAULT_REGION > ../applied\"\n  }\n}\n";
    let env = only(code);
    let args = env.failover_args(&["--keep-work"]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    // The operator's own shell still points at the primary.
    let mut command = env.command(&args);
    command.env("AWS_REGION", "ap-northeast-1").env("AWS_DEFAULT_REGION", "ap-northeast-1");
    let output = env.output(command.output().unwrap());
    assert_eq!(output.code, Some(6), "{output}");
    let newest = fs::read_dir(env.home().join("runs")).unwrap().next().unwrap().unwrap().path();
    let applied = fs::read_to_string(newest.join("work/applied")).unwrap();
    assert_eq!(applied, "ap-northeast-2 ap-northeast-2\n");
}

#[test]
fn google_has_a_zone_beside_the_region_and_azure_a_location_of_each_resource() {
    let runbook = |primary: &str| {
        format!(
            "service \"shop\" {{\n  rto     = \"2h\"\n  primary = \"{primary}\"\n}}\nstack \"only\" {{\n  path = \"only\"\n}}\n"
        )
    };
    for (primary, fallback, code, address) in [
        (
            "asia-northeast1",
            "asia-northeast3",
            "provider \"google\" {\n  region = \"asia-northeast1\"\n  zone   = \"asia-northeast1-a\"\n}\nresource \"google_compute_disk\" \"x\" {\n  name = \"x\"\n  zone = \"asia-northeast1-b\"\n}\n",
            "google_compute_disk.x",
        ),
        (
            "japaneast",
            "koreacentral",
            "resource \"azurerm_resource_group\" \"x\" {\n  name     = \"x-${var.location}\"\n  location = var.location\n}\nvariable \"location\" {\n  default = \"Japan East\"\n}\n",
            "azurerm_resource_group.x",
        ),
    ] {
        let env = Env::with(&[("drctl.hcl", &runbook(primary)), ("only/main.tf", code)]);
        let output = env.run(&["rehearse", "--region", fallback, "--time-scale", "1000"]);
        assert_eq!(output.code, Some(0), "{output}");
        let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
        let placed = &report["steps"][0]["placed"][0];
        assert_eq!(
            (placed["address"].as_str(), placed["region"].as_str()),
            (Some(address), Some(fallback))
        );
    }
}

#[test]
fn a_provider_block_in_a_module_from_a_registry_is_refused_by_the_gate() {
    let env = only("module \"m\" {\n  source  = \"acme/net/aws\"\n  version = \"1.0.0\"\n}\n");
    let modules = env.root().join("modules/acme+terraform-aws-net");
    fs::create_dir_all(&modules).unwrap();
    let module = format!("provider \"aws\" {{\n  region = \"ap-northeast-1\"\n}}\n{VPC}");
    fs::write(modules.join("main.tf"), module).unwrap();
    let folder = env.root().join("modules").display().to_string();
    let output = rehearse(&env, &["--modules", &folder]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(
        output.stdout.contains("`provider module.m:aws`: is configured for the primary region"),
        "{output}"
    );
}

#[test]
fn a_region_in_the_path_of_a_module_is_remapped_or_refused() {
    let files = [
        ("drctl.hcl", runbook(&["only"], "")),
        ("only/main.tf", "module \"m\" {\n  source = \"../net/ap-northeast-1\"\n}\n".to_owned()),
        ("net/ap-northeast-1/main.tf", VPC.to_owned()),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (*a, b.as_str())).collect();
    let env = Env::with(&files);
    insta::assert_snapshot!(refused(&env), @"only: only/main.tf:2:12: the module `m` comes from `../net/ap-northeast-1`, which names the primary region, and there is none for `ap-northeast-2`");
    env.commit(&[("net/ap-northeast-2/main.tf", &VPC.replace("\"x\"", "\"y\""))]);
    assert_eq!(placed(&env, &[], 0), regions(&[("module.m.aws_vpc.y", HERE)]));
}

#[test]
fn a_region_in_the_name_of_a_workspace_is_remapped() {
    let code = "provider \"aws\" {\n  region = terraform.workspace == \"prod-tokyo\" ? \"ap-northeast-1\" : \"eu-west-1\"\n}\nresource \"aws_sqs_queue\" \"x\" {\n  name = terraform.workspace\n}\n";
    insta::assert_snapshot!(refused(&only(code)), @"only: only/main.tf:2:12: the workspace decides the region here, and none leads to `ap-northeast-2`");
    let env = only(code);
    assert_eq!(
        placed(&env, &["--workspace", "prod-tokyo"], 0),
        regions(&[("aws_sqs_queue.x", HERE)])
    );
}

#[test]
fn what_still_names_the_primary_after_all_is_listed() {
    let code = format!(
        "provider \"aws\" {{}}\n{VPC}resource \"aws_sqs_queue\" \"x\" {{\n  name = \"orders\"\n  tags = {{ Docs = \"https://wiki.example.com/ap-northeast-1/orders\" }}\n}}\n"
    );
    let output = rehearse(&only(&code), &[]);
    assert_eq!(output.code, Some(0), "{output}");
    let said = "`aws_sqs_queue.x`: `tags.Docs` still names the primary";
    assert!(output.stdout.contains(said), "{output}");
}
