//! What `redirect` decides, layout by layout.

use super::{GlobalRule, OVERRIDE_FILE, Redirection, StateKey, Target, own_state, redirect};
use crate::{
    config::{known::automatic_variables, repository::Repository, terragrunt::Unit},
    model::{
        redirect::{Decision, DependencyStatus, Layout, Means},
        step::StepId,
    },
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// What is asked besides the files.
#[derive(Default)]
struct Asked {
    primary: Option<&'static str>,
    region: Option<&'static str>,
    given: Vec<(&'static str, Value)>,
    replace: Vec<(&'static str, &'static str)>,
    providers: Vec<(&'static str, &'static str)>,
    globals: Vec<(&'static str, Decision)>,
    workspace: Option<&'static str>,
}

fn asked() -> Asked {
    Asked { primary: Some("ap-northeast-1"), ..Asked::default() }
}

/// Redirects the module in `root`, or in the folder that is named `at`, to `ap-northeast-2`.
fn redirected_at(at: &str, files: &[(&str, &str)], asked: &Asked) -> Redirection {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    let repository = Repository::read(dir.path(), None).unwrap();
    let unit = Unit::read(dir.path(), Path::new(at));
    let folder = unit.as_ref().and_then(|unit| unit.module.clone()).unwrap_or_else(|| at.into());
    let root = repository.module(&folder).unwrap();
    let producers: Vec<(StepId, StateKey)> = repository
        .modules()
        .filter(|module| module.dir != root.dir)
        .filter_map(|m| Some((StepId::new(m.dir.to_str()?), StateKey::of_backend(m)?)))
        .collect();
    let target = Target {
        region: asked.region.unwrap_or("ap-northeast-2"),
        primary: asked.primary,
        replace: &text(&asked.replace),
        globals: &asked
            .globals
            .iter()
            .map(|(target, decision)| GlobalRule {
                target: (*target).to_owned(),
                decision: *decision,
                suffix: "-dr".to_owned(),
            })
            .collect::<Vec<_>>(),
        given: &asked.given.iter().map(|(n, v)| ((*n).to_owned(), Some(v.clone()))).collect(),
        automatic: &automatic_variables(dir.path(), &folder),
        unit: unit.as_ref(),
        providers: &text(&asked.providers),
        workspace: asked.workspace,
        backend: &json!({ "http": {} }),
        producers: &producers,
        state_of: &own_state,
    };
    redirect(root, &repository, &target)
}

fn redirected(files: &[(&str, &str)], asked: &Asked) -> Redirection {
    redirected_at("root", files, asked)
}

fn root(text: &str) -> Redirection {
    redirected(&[("root/main.tf", text)], &asked())
}

/// What is overridden in a folder, besides the backend.
fn overridden(made: &Redirection, dir: &str) -> Value {
    let mut file = made.overrides.of(Path::new(dir)).clone();
    if let Some(file) = file.as_object_mut() {
        file.remove("terraform");
    }
    file
}

fn obstacles(made: &Redirection) -> String {
    made.obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_variable_that_reaches_the_provider_is_set_and_the_provider_pinned() {
    let made = root("variable \"where\" {}\nprovider \"aws\" {\n  region = var.where\n}\n");
    assert_eq!(made.layout, Layout::Variable);
    assert_eq!(made.variables["where"], "ap-northeast-2");
    assert_eq!(
        overridden(&made, "root"),
        json!({"provider": {"aws": [{"region": "ap-northeast-2"}]}})
    );
    assert_eq!(made.env["AWS_REGION"], "ap-northeast-2");
    assert!(made.obstacles.is_empty());
}

#[test]
fn a_variable_whose_default_or_file_names_the_primary_is_set_whatever_its_name() {
    let text = "variable \"home\" {\n  default = \"ap-northeast-1\"\n}\nvariable \"zones\" {\n  type = list(string)\n}\nvariable \"size\" {\n  default = 3\n}\n";
    let files = [
        ("root/main.tf", text),
        ("root/terraform.tfvars", "zones = [\"ap-northeast-1a\", \"ap-northeast-1c\"]\n"),
    ];
    let made = redirected(&files, &asked());
    assert_eq!(
        Value::Object(made.variables),
        json!({"home": "ap-northeast-2", "zones": ["ap-northeast-2a", "ap-northeast-2b"]})
    );
}

#[test]
fn what_the_runbook_sets_itself_is_left_alone() {
    let text = "variable \"region\" {\n  default = \"ap-northeast-1\"\n}\nprovider \"aws\" {\n  region = var.region\n}\n";
    let given = Asked { given: vec![("region", json!("us-west-2"))], ..asked() };
    let made = redirected(&[("root/main.tf", text)], &given);
    assert!(made.variables.is_empty());
    assert_eq!(overridden(&made, "root"), json!({}));
    assert_eq!(made.pinned["aws"], "us-west-2");
    assert_eq!(made.moved[0].by, Means::Runbook);
}

#[test]
fn a_literal_in_the_primary_is_overridden_and_another_stays() {
    let made = root(
        "provider \"aws\" {\n  region = \"ap-northeast-1\"\n  profile = \"prod\"\n}\n\
         provider \"aws\" {\n  alias = \"twin\"\n  region = \"ap-northeast-1\"\n}\n\
         provider \"aws\" {\n  alias = \"edge\"\n  region = \"us-east-1\"\n}\n",
    );
    assert_eq!(made.layout, Layout::Literal);
    assert_eq!(
        overridden(&made, "root"),
        json!({"provider": {"aws": [{"region": "ap-northeast-2"}, {"alias": "twin", "region": "ap-northeast-2"}]}})
    );
    assert_eq!(made.pinned, BTreeMap::from([("aws.edge".into(), "us-east-1".into())]));
}

#[test]
fn a_provider_without_a_region_or_without_a_block_is_told_one() {
    let told = json!({"provider": {"aws": [{"region": "ap-northeast-2"}]}});
    for text in [
        "provider \"aws\" {\n  profile = \"prod\"\n}\n",
        "resource \"aws_vpc\" \"main\" {}\nresource \"null_resource\" \"x\" {}\n",
    ] {
        let made = root(text);
        assert_eq!((overridden(&made, "root"), made.layout), (told.clone(), Layout::Environment));
    }
}

#[test]
fn a_provider_inside_a_local_module_is_overridden_beside_it() {
    let made = redirected(
        &[
            ("root/main.tf", "module \"old\" {\n  source = \"../modules/old\"\n}\n"),
            ("modules/old/main.tf", "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\n"),
        ],
        &asked(),
    );
    assert_eq!(
        *made.overrides.of(Path::new("modules/old")),
        json!({"provider": {"aws": [{"region": "ap-northeast-2"}]}})
    );
}

#[test]
fn an_alias_that_cannot_be_told_is_refused_until_the_runbook_says() {
    let text = "provider \"aws\" {\n  alias  = \"twin\"\n  region = data.x.y.z\n}\n";
    let files = [("root/main.tf", text)];
    insta::assert_snapshot!(obstacles(&redirected(&files, &asked())), @"root/main.tf:3:12: whether the provider `aws.twin` lies in the primary region cannot be told from `data.x.y.z`");
    let said = Asked { providers: vec![("aws.twin", "us-west-2")], ..asked() };
    let made = redirected(&files, &said);
    assert_eq!((obstacles(&made).as_str(), made.pinned["aws.twin"].as_str()), ("", "us-west-2"));
}

#[test]
fn both_regions_in_one_root_are_refused_until_the_runbook_says() {
    let text = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\n\
                provider \"aws\" {\n  alias  = \"dr\"\n  region = \"ap-northeast-2\"\n}\n";
    let files = [("root/main.tf", text)];
    let made = redirected(&files, &asked());
    assert_eq!(made.layout, Layout::AliasPair);
    insta::assert_snapshot!(obstacles(&made), @"root/main.tf:6:12: the provider `aws.dr` lies in `ap-northeast-2` already, and another of this root in the primary: moving that one would put both into one region");
    let said = Asked { providers: vec![("aws.dr", "us-west-2")], ..asked() };
    assert_eq!(obstacles(&redirected(&files, &said)), "");
}

#[test]
fn an_override_that_would_win_over_ours_is_refused() {
    let later = [("root/main.tf", ""), ("root/zzz_override.tf", "")];
    insta::assert_snapshot!(obstacles(&redirected(&later, &asked())), @"root/zzz_override.tf:1:1: `root/zzz_override.tf` sorts behind `zz_drctl_override.tf.json`, so that it could undo what drctl overrides");
    let earlier = [("root/main.tf", ""), ("root/a_override.tf", ""), ("root/override.tf", "")];
    assert_eq!(obstacles(&redirected(&earlier, &asked())), "");
}

#[test]
fn where_nobody_names_the_primary_the_default_provider_does() {
    let text = "locals {\n  here = \"eu-west-1\"\n}\nprovider \"aws\" {\n  region = local.here\n}\n\
                provider \"aws\" {\n  alias = \"edge\"\n  region = \"us-east-1\"\n}\n";
    let made = redirected(&[("root/main.tf", text)], &Asked::default());
    assert_eq!(made.primary.as_deref(), Some("eu-west-1"));
    assert_eq!(
        overridden(&made, "root")["provider"],
        json!({"aws": [{"region": "ap-northeast-2"}]})
    );
    assert_eq!(overridden(&made, "root")["locals"], json!({"here": "ap-northeast-2"}));
    assert_eq!(made.pinned["aws.edge"], "us-east-1");
}

#[test]
fn where_no_provider_names_a_region_the_only_one_of_the_resources_is_left() {
    let one = "resource \"azurerm_resource_group\" \"x\" {\n  location = \"Japan East\"\n}\n";
    let korea = Asked { region: Some("koreacentral"), ..Asked::default() };
    let made = redirected(&[("root/main.tf", one)], &korea);
    assert_eq!(made.primary.as_deref(), Some("japaneast"));
    assert_eq!(
        overridden(&made, "root")["resource"]["azurerm_resource_group"]["x"]["location"],
        "koreacentral"
    );
    let two = format!(
        "{one}resource \"azurerm_resource_group\" \"y\" {{\n  location = \"japanwest\"\n}}\n"
    );
    assert_eq!(redirected(&[("root/main.tf", &two)], &korea).primary, None);
}

#[test]
fn the_workspace_is_the_one_that_leads_to_the_fallback() {
    let text = r#"
locals {
  regions = { tokyo = "ap-northeast-1", seoul = "ap-northeast-2" }
  name    = "shop-${terraform.workspace}"
}
provider "aws" {
  region = local.regions[terraform.workspace]
}
resource "aws_vpc" "main" {
  count = terraform.workspace == "tokyo" ? 1 : 2
  tags  = { Name = local.name }
}
"#;
    let made = redirected(&[("root/main.tf", text)], &asked());
    assert_eq!((made.layout, obstacles(&made).as_str()), (Layout::WorkspaceMap, ""));
    assert_eq!(made.workspace.as_deref(), Some("seoul"));
    assert_eq!(
        overridden(&made, "root"),
        json!({
            "provider": {"aws": [{"region": "ap-northeast-2"}]},
            "locals": {"name": "${\"shop-${\"seoul\"}\"}"},
            "resource": {"aws_vpc": {"main": {"count": "${\"seoul\" == \"tokyo\" ? 1 : 2}"}}},
        })
    );
}

#[test]
fn a_workspace_that_nobody_names_is_refused() {
    let text =
        "resource \"aws_vpc\" \"x\" {\n  count = terraform.workspace == \"prod\" ? 3 : 1\n}\n";
    insta::assert_snapshot!(obstacles(&root(text)), @"root/main.tf:2:11: what is built depends on the workspace, and nobody says which one serves");
    let said = Asked { workspace: Some("prod"), ..asked() };
    let made = redirected(&[("root/main.tf", text)], &said);
    assert_eq!(obstacles(&made), "");
    assert_eq!(
        overridden(&made, "root")["resource"],
        json!({"aws_vpc": {"x": {"count": "${\"prod\" == \"prod\" ? 3 : 1}"}}})
    );
    let map = "locals {\n  r = { prod = \"ap-northeast-1\" }\n}\nprovider \"aws\" {\n  region = local.r[terraform.workspace]\n}\n";
    insta::assert_snapshot!(obstacles(&root(map)), @"root/main.tf:5:12: the workspace decides the region here, and none leads to `ap-northeast-2`");
}

#[test]
fn a_folder_for_each_region_is_known_as_such() {
    let text = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\n";
    let files = [("live/ap-northeast-1/net/main.tf", text)];
    let made = redirected_at("live/ap-northeast-1/net", &files, &asked());
    assert_eq!(made.layout, Layout::Directory);
    let twin = [files[0], ("live/ap-northeast-2/net/main.tf", "")];
    let made = redirected_at("live/ap-northeast-1/net", &twin, &asked());
    insta::assert_snapshot!(made.notes.join("\n"), @r#"`live/ap-northeast-2/net` is there for `ap-northeast-2`: write `path = "live/${region}/net"` in the runbook if that is what should be applied"#);
}

#[test]
fn a_terragrunt_unit_gives_its_inputs_and_refuses_what_it_computes() {
    let unit = "terraform {\n  source = \"../../modules/net\"\n}\ninputs = {\n  zones = [\"ap-northeast-1a\"]\n  size  = 3\n  vpc   = dependency.vpc.outputs.id\n}\n";
    let module = "variable \"zones\" {}\nvariable \"size\" {}\nvariable \"vpc\" {}\nvariable \"other\" {}\nresource \"aws_vpc\" \"x\" {}\n";
    let files = [("live/net/terragrunt.hcl", unit), ("modules/net/main.tf", module)];
    let made = redirected_at("live/net", &files, &asked());
    assert_eq!(made.layout, Layout::Terragrunt);
    assert_eq!(
        Value::Object(made.variables.clone()),
        json!({"zones": ["ap-northeast-2a"], "size": 3})
    );
    insta::assert_snapshot!(obstacles(&made), @r"
    live/net/terragrunt.hcl:7:11: Terragrunt computes the input `vpc`, and drctl does not run Terragrunt
    modules/net/main.tf:4:1: Terragrunt computes the input `other`, and drctl does not run Terragrunt
    ");
}

#[test]
fn literals_are_moved_where_an_override_reaches() {
    let made = redirected(
        &[
            (
                "root/main.tf",
                r#"
locals {
  zones = ["ap-northeast-1a", "ap-northeast-1c"]
}
module "net" {
  source = "../net"
  zone   = "ap-northeast-1d"
}
resource "aws_subnet" "a" {
  availability_zone = "ap-northeast-1a"
  region            = "ap-northeast-1"
}
resource "aws_instance" "b" {
  ebs_block_device {
    device_name = "a"
  }
  network_interface {
    zone = "ap-northeast-1a"
    size = var.x
  }
  network_interface {
    zone = "eu-west-1a"
  }
}
"#,
            ),
            ("net/main.tf", "variable \"zone\" {\n  default = \"ap-northeast-1a\"\n}\n"),
        ],
        &asked(),
    );
    assert_eq!(
        overridden(&made, "root"),
        json!({
            "provider": {"aws": [{"region": "ap-northeast-2"}]},
            "locals": {"zones": ["ap-northeast-2a", "ap-northeast-2b"]},
            "module": {"net": {"zone": "ap-northeast-2c"}},
            "resource": {
                "aws_subnet": {"a": {"availability_zone": "ap-northeast-2a", "region": "ap-northeast-2"}},
                "aws_instance": {"b": {"network_interface": [
                    {"zone": "ap-northeast-2a", "size": "${var.x}"},
                    {"zone": "eu-west-1a"},
                ]}},
            },
        })
    );
    assert_eq!(
        *made.overrides.of(Path::new("net")),
        json!({"variable": {"zone": {"default": "ap-northeast-2a"}}})
    );
    assert!(made.obstacles.is_empty());
}

#[test]
fn images_and_arns_are_refused_until_somebody_says_what_stands_for_them() {
    let text = r#"
variable "image" {
  default = "ami-0123456789abcdef0"
}
resource "aws_instance" "a" {
  ami        = "ami-0123456789abcdef0"
  kms_key_id = "arn:aws:kms:ap-northeast-1:1:key/a"
}
"#;
    let files = [("root/main.tf", text)];
    let made = redirected(&files, &asked());
    insta::assert_snapshot!(obstacles(&made), @r"
    root/main.tf:3:14: variable `image` names the machine image `ami-0123456789abcdef0`, which is not in `ap-northeast-2`
    root/main.tf:6:17: `aws_instance.a`: `ami` names the machine image `ami-0123456789abcdef0`, which is not in `ap-northeast-2`
    root/main.tf:7:17: `aws_instance.a`: `kms_key_id` names the ARN `arn:aws:kms:ap-northeast-1:1:key/a`, which is not in `ap-northeast-2`
    ");
    let said = Asked {
        replace: vec![
            ("ami-0123456789abcdef0", "ami-11111111"),
            ("arn:aws:kms:ap-northeast-1:1:key/a", "arn:aws:kms:ap-northeast-1:1:key/a"),
        ],
        ..asked()
    };
    let made = redirected(&files, &said);
    assert_eq!(obstacles(&made), "");
    assert_eq!(made.variables["image"], "ami-11111111");
    assert_eq!(
        overridden(&made, "root")["resource"],
        json!({"aws_instance": {"a": {"ami": "ami-11111111"}}})
    );
}

#[test]
fn maps_by_region_and_questions_are_left_alone() {
    let text = r#"
locals {
  images = { "ap-northeast-1" = "ami-01234567", "ap-northeast-2" = "ami-89abcdef" }
  first  = var.region == "ap-northeast-1" ? "a" : "b"
  both   = ["ap-northeast-1", "ap-northeast-2"]
}
"#;
    let made = root(text);
    assert_eq!((overridden(&made, "root"), obstacles(&made).as_str()), (json!({}), ""));
    insta::assert_snapshot!(made.notes.join("\n"), @"root/main.tf:5:14: local `both` names the primary and the fallback, so `ap-northeast-1` is left as it is");
}

#[test]
fn google_has_zones_and_azure_a_location_of_each_resource() {
    let google = Asked {
        primary: Some("asia-northeast1"),
        region: Some("asia-northeast3"),
        ..Asked::default()
    };
    let text = "provider \"google\" {\n  region = \"asia-northeast1\"\n  zone   = \"asia-northeast1-a\"\n}\n";
    let made = redirected(&[("root/main.tf", text)], &google);
    assert_eq!(
        overridden(&made, "root"),
        json!({"provider": {"google": [{"region": "asia-northeast3", "zone": "asia-northeast3-a"}]}})
    );
    let azure =
        Asked { primary: Some("japaneast"), region: Some("koreacentral"), ..Asked::default() };
    let text = "resource \"azurerm_resource_group\" \"x\" {\n  location = \"Japan East\"\n}\n";
    let made = redirected(&[("root/main.tf", text)], &azure);
    assert_eq!(made.layout, Layout::Resource);
    assert_eq!(
        overridden(&made, "root"),
        json!({"resource": {"azurerm_resource_group": {"x": {"location": "koreacentral"}}}})
    );
}

#[test]
fn a_module_path_with_the_region_leads_to_that_of_the_fallback_or_is_refused() {
    let text = "module \"m\" {\n  source = \"../modules/ap-northeast-1\"\n}\n";
    let files = [("root/main.tf", text), ("modules/ap-northeast-1/main.tf", "")];
    insta::assert_snapshot!(obstacles(&redirected(&files, &asked())), @"root/main.tf:2:12: the module `m` comes from `../modules/ap-northeast-1`, which names the primary region, and there is none for `ap-northeast-2`");
    let both = [files[0], files[1], ("modules/ap-northeast-2/main.tf", "")];
    let made = redirected(&both, &asked());
    assert_eq!(obstacles(&made), "");
    assert_eq!(
        overridden(&made, "root"),
        json!({"module": {"m": {"source": "../modules/ap-northeast-2"}}})
    );
}

#[test]
fn a_remote_state_reads_what_its_stack_has_made_now() {
    let network = "terraform {\n  backend \"s3\" {\n    bucket = \"b\"\n    key    = \"network\"\n    region = \"ap-northeast-1\"\n  }\n}\n";
    let reads = |key: &str| {
        format!(
            "data \"terraform_remote_state\" \"net\" {{\n  backend = \"s3\"\n  config = {{\n    bucket = \"b\"\n    key    = \"{key}\"\n    region = \"ap-northeast-1\"\n  }}\n}}\n"
        )
    };
    let made =
        redirected(&[("root/main.tf", &reads("network")), ("network/main.tf", network)], &asked());
    assert_eq!(obstacles(&made), "");
    assert_eq!(
        overridden(&made, "root")["data"],
        json!({"terraform_remote_state": {"net": {
            "backend": "http", "config": {"address": "drctl://state/network"}}}})
    );
    assert_eq!(made.remote_states[0].producer, Some(StepId::new("network")));
    let files = [("root/main.tf", reads("other")), ("network/main.tf", network.to_owned())];
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (*a, b.as_str())).collect();
    insta::assert_snapshot!(obstacles(&redirected(&files, &asked())), @"root/main.tf:1:1: `data.terraform_remote_state.net` reads a state in the primary region, which no stack of the runbook produces");
    let said =
        Asked { replace: vec![("\"b\"", "x"), ("ap-northeast-1", "ap-northeast-2")], ..asked() };
    assert_eq!(obstacles(&redirected(&files, &said)), "");
}

const ROLE: &str = r#"
resource "aws_iam_role" "app" {
  name = "app"
}
resource "aws_iam_role_policy_attachment" "app" {
  role = aws_iam_role.app.name
}
resource "aws_instance" "x" {
  role = aws_iam_role.app.arn
}
"#;

#[test]
fn a_global_resource_is_created_suffixed_adopted_or_left_out() {
    let with = |globals: Vec<(&'static str, Decision)>| {
        redirected(&[("root/main.tf", ROLE)], &Asked { globals, ..asked() })
    };
    let shown = |made: &Redirection| {
        let line = |g: &crate::model::redirect::GlobalResource| {
            format!("{} {} {:?} {:?}", g.decision, g.address, g.name, g.collides)
        };
        made.globals.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(shown(&with(vec![])), @r#"
    create aws_iam_role.app Some("app") Some(true)
    create aws_iam_role_policy_attachment.app None Some(false)
    "#);

    let made = with(vec![("aws_iam_role", Decision::Suffix)]);
    assert_eq!(
        overridden(&made, "root")["resource"],
        json!({"aws_iam_role": {"app": {"name": "app-dr"}}})
    );

    let made = with(vec![("aws_iam_role.app", Decision::Adopt)]);
    insta::assert_snapshot!(shown(&made), @r#"
    adopt aws_iam_role.app Some("app") Some(false)
    leave aws_iam_role_policy_attachment.app None Some(false)
    "#);
    assert_eq!(
        *made.extras.of(Path::new("root")),
        json!({"data": {"aws_iam_role": {"app": {"name": "app"}}}})
    );
    assert_eq!(
        overridden(&made, "root")["resource"],
        json!({
            "aws_iam_role": {"app": {"count": 0}},
            "aws_iam_role_policy_attachment": {"app": {"count": 0, "role": "${data.aws_iam_role.app.name}"}},
            "aws_instance": {"x": {"role": "${data.aws_iam_role.app.arn}"}},
        })
    );

    let made = with(vec![("aws_iam_role_policy_attachment", Decision::Leave)]);
    insta::assert_snapshot!(obstacles(&made), @"root/main.tf:3:10: `aws_iam_role.app` would be named `app`, which the primary's is named already, and there can be only one");
    assert_eq!(obstacles(&with(vec![("aws_iam_role", Decision::Create)])), "");
    let made = with(vec![("aws_iam_role", Decision::Leave)]);
    insta::assert_snapshot!(obstacles(&made), @"root/main.tf:6:10: `aws_iam_role.app` is left out, and it is read here");
}

#[test]
fn a_name_with_a_suffix_fits_where_it_must() {
    let named = |name: &str| {
        let text = format!(
            "variable \"x\" {{}}\nresource \"aws_iam_role\" \"app\" {{\n  name = {name}\n}}\n"
        );
        let globals = vec![("aws_iam_role", Decision::Suffix)];
        let made = redirected(&[("root/main.tf", text.as_str())], &Asked { globals, ..asked() });
        let name = &overridden(&made, "root")["resource"]["aws_iam_role"]["app"]["name"];
        (name.as_str().unwrap().to_owned(), made.globals[0].name.clone())
    };
    // A role's name has 64 characters at most, of which 3 are the suffix.
    let long = format!("\"{}\"", "a".repeat(62));
    let cut = format!("{}-dr", "a".repeat(61));
    assert_eq!(named(&long), (format!("${{substr({long}, 0, 61)}}-dr"), Some(cut)));
    let fits = "a".repeat(61);
    assert_eq!(named(&format!("\"{fits}\"")), (format!("{fits}-dr"), Some(format!("{fits}-dr"))));
    let unknown = r#""role-of-${var.x}""#;
    assert_eq!(named(unknown), (format!("${{substr({unknown}, 0, 61)}}-dr"), None));
}

#[test]
fn what_is_left_out_stays_out_whatever_its_count_says() {
    let text =
        "resource \"aws_iam_role\" \"x\" {\n  count = terraform.workspace == \"prod\" ? 1 : 0\n}\n";
    let asked = Asked {
        workspace: Some("prod"),
        globals: vec![("aws_iam_role", Decision::Leave)],
        ..asked()
    };
    let made = redirected(&[("root/main.tf", text)], &asked);
    assert_eq!(overridden(&made, "root")["resource"], json!({"aws_iam_role": {"x": {"count": 0}}}));
}

#[test]
fn blocks_that_are_made_dynamically_are_replaced_with_the_others_of_their_kind() {
    let text = r#"
resource "aws_instance" "x" {
  disk {
    zone = "ap-northeast-1a"
  }
  dynamic "disk" {
    for_each = var.disks
    iterator = each_disk
    content {
      size = each_disk.value
    }
  }
}
"#;
    assert_eq!(
        overridden(&root(text), "root")["resource"],
        json!({"aws_instance": {"x": {
            "disk": [{"zone": "ap-northeast-2a"}],
            "dynamic": [{"disk": {
                "for_each": "${var.disks}",
                "iterator": "each_disk",
                "content": [{"size": "${each_disk.value}"}],
            }}],
        }}})
    );
}

#[test]
fn what_must_be_alive_is_listed_with_where_it_lives() {
    let text = r#"
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
    own = { source = "registry.example.com/us/own" }
  }
}
provider "aws" {
  region = "ap-northeast-1"
}
provider "aws" {
  alias  = "edge"
  region = "us-east-1"
}
module "vpc" {
  source = "terraform-aws-modules/vpc/aws"
}
module "git" {
  source = "git::ssh://git@git.example.com/net.git"
}
data "aws_ami" "base" {}
data "aws_acm_certificate" "front" {
  provider = aws.edge
}
resource "aws_iam_role" "x" {}
resource "aws_ecs_task_definition" "x" {
  image = "1.dkr.ecr.ap-northeast-1.amazonaws.com/shop:1"
  key   = "arn:aws:kms:eu-west-1:1:key/a"
}
"#;
    let made = root(text);
    let shown: Vec<_> = made
        .dependencies
        .iter()
        .map(|d| format!("{}: {} {} {:?}", d.status, d.kind, d.name, d.region))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    unknown: data source data.aws_acm_certificate.front Some("us-east-1")
    unknown: data source data.aws_ami.base Some("ap-northeast-2")
    unknown: provider registry registry.example.com None
    unknown: provider registry registry.terraform.io None
    unknown: module source git.example.com None
    unknown: module source registry.terraform.io None
    in the dead region: image host 1.dkr.ecr.ap-northeast-1.amazonaws.com Some("ap-northeast-1")
    alive: key arn:aws:kms:eu-west-1:1:key/a Some("eu-west-1")
    alive: control plane IAM Some("us-east-1")
    alive: pinned region us-east-1 (provider aws.edge) Some("us-east-1")
    "#);
    assert!(made.dependencies.iter().any(|d| d.status == DependencyStatus::Dead));
}

#[test]
fn the_backend_of_the_root_is_replaced() {
    let made = root("terraform {\n  backend \"s3\" {\n    bucket = \"primary\"\n  }\n}\n");
    assert_eq!(made.overrides.of(Path::new("root"))["terraform"], json!({"backend": {"http": {}}}));
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("root")).unwrap();
    made.write(dir.path(), &|_| unreachable!("nothing reads a state")).unwrap();
    assert!(dir.path().join("root").join(OVERRIDE_FILE).exists());
}
