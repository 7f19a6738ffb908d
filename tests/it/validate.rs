//! `drctl validate`: what is found, how it is shown, and what can be mended.

use crate::support::{Env, Output};
use serde_json::Value;
use std::fs;

const PROVIDER: &str = "\
terraform {
  required_version = \"~> 1.9\"
  required_providers {
    aws = { source = \"hashicorp/aws\", version = \"~> 5.0\" }
  }
}

provider \"aws\" {
  region = var.region
}

variable \"region\" {
  default = \"ap-northeast-1\"
}
";

const TOPIC: &str = "\
resource \"aws_sns_topic_subscription\" \"orders\" {
  topic_arn = \"arn:aws:sns:ap-northeast-1:111122223333:orders\"
  protocol  = \"sqs\"
  endpoint  = aws_sqs_queue.orders.arn
}
";

const RUNBOOK: &str = "\
service \"shop\" {
  rto     = \"10m\"
  primary = \"ap-northeast-1\"
}

region \"ap-northeast-2\" {}

stack \"app\" {
  path = \"app\"
}
";

fn env(files: &[(&str, &str)]) -> Env {
    Env::with(&[&[("app/provider.tf", PROVIDER)], files].concat())
}

/// Asks one rule, so that the others can change without these tests.
fn validate(env: &Env, more: &[&str]) -> Output {
    env.run(&[&["validate", "--region", "ap-northeast-2", "--only", "DR004"], more].concat())
}

#[test]
fn a_finding_is_shown_with_its_code_and_both_what_is_wrong_and_what_to_do() {
    let env = env(&[("app/main.tf", TOPIC)]);
    insta::assert_snapshot!(validate(&env, &[]), @r#"
    --- stdout
    error[DR004]: the ARN names `ap-northeast-1`, so it leads into the region that is down
     --> app/main.tf:2:28
      |
    2 |   topic_arn = "arn:aws:sns:ap-northeast-1:[SHORT]:orders"
      |                            ^^^^^^^^^^^^^^
      |
      = help: Take the region from the provider: `data "aws_region" "current" {}` and `${data.aws_region.current.region}` (`name` before version 6 of the provider)
      = fix: Write `var.region` instead

    1 error in 1 root module (2 files, 1 rule)
    --- exit 1
    "#);
}

#[test]
fn nothing_found_is_said_and_is_no_failure() {
    let env = env(&[("modules/unused/main.tf", TOPIC)]);
    insta::assert_snapshot!(validate(&env, &[]), @r"
    --- stdout
    nothing found in 1 root module (2 files, 1 rule)
    --- exit 0
    ");
    insta::assert_snapshot!(validate(&env, &["modules"]), @r"
    --- stdout
    nothing found in 0 root modules (2 files, 1 rule)
    note: there is no live root module; an example or a library that nobody calls was left out: `--all` looks at it
    --- exit 0
    ");
    assert_eq!(validate(&env, &["modules", "--all", "--primary", "ap-northeast-1"]).code, Some(1));
}

#[test]
fn what_is_light_enough_is_no_failure() {
    let env = env(&[("app/main.tf", TOPIC)]);
    assert_eq!(validate(&env, &["--fail-on", "error"]).code, Some(1));
    assert_eq!(validate(&env, &["--fail-on", "never"]).code, Some(0));
}

#[test]
fn one_run_writes_every_format() {
    let env = env(&[("app/main.tf", TOPIC)]);
    let output = validate(
        &env,
        &[
            "--json",
            "--write",
            "sarif=out.sarif",
            "--write",
            "junit=out.xml",
            "--write",
            "markdown=out.md",
            "--write",
            "github=out.txt",
        ],
    );
    assert_eq!(output.code, Some(1));
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["findings"][0]["code"], "DR004");
    assert_eq!(json["findings"][0]["at"]["line"], 2);
    assert_eq!(json["summary"]["errors"], 1);
    let read = |name: &str| fs::read_to_string(env.repo().join(name)).unwrap();
    let sarif: Value = serde_json::from_str(&read("out.sarif")).unwrap();
    let result = &sarif["runs"][0]["results"][0];
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "app/main.tf");
    assert_eq!(place["region"]["startColumn"], 28);
    assert_eq!(result["fixes"].as_array().unwrap().len(), 1);
    assert!(read("out.xml").contains("failures=\"1\""));
    assert!(read("out.md").contains("DR004"));
    assert!(read("out.txt").starts_with("::error file=app/main.tf,line=2,"));
}

#[test]
fn only_what_a_change_brings_is_shown() {
    let env = env(&[("app/main.tf", TOPIC)]);
    let second = TOPIC.replace("orders", "returns");
    env.commit(&[("app/more.tf", &second)]);
    // What was there only moved.
    env.commit(&[("app/main.tf", &format!("# moved\n\n{TOPIC}"))]);
    insta::assert_snapshot!(validate(&env, &["--diff-base", "HEAD~2"]), @r#"
    --- stdout
    error[DR004]: the ARN names `ap-northeast-1`, so it leads into the region that is down
     --> app/more.tf:2:28
      |
    2 |   topic_arn = "arn:aws:sns:ap-northeast-1:[SHORT]:returns"
      |                            ^^^^^^^^^^^^^^
      |
      = help: Take the region from the provider: `data "aws_region" "current" {}` and `${data.aws_region.current.region}` (`name` before version 6 of the provider)
      = fix: Write `var.region` instead

    1 error in 1 root module (3 files, 1 rule); 1 known before
    --- exit 1
    "#);
    assert_eq!(validate(&env, &["--diff-base", "HEAD"]).code, Some(0));
    insta::assert_snapshot!(validate(&env, &["--diff-base", "nowhere"]), @r"
    --- stderr
    error: `$ENV/repo` has no branch, tag or commit `nowhere`
      hint: Choose one of `main`
    --- exit 2
    ");
}

#[test]
fn old_debts_are_written_down_and_new_ones_are_shown() {
    let env = env(&[("app/main.tf", TOPIC)]);
    insta::assert_snapshot!(validate(&env, &["--write-baseline", "debts.json"]), @r"
    --- stderr
    1 finding is in debts.json
    --- exit 0
    ");
    insta::assert_snapshot!(validate(&env, &["--baseline-file", "debts.json"]), @r"
    --- stdout
    nothing found in 1 root module (2 files, 1 rule); 1 known before
    --- exit 0
    ");
    env.commit(&[("app/main.tf", &TOPIC.replace("orders", "returns"))]);
    let output = validate(&env, &["--baseline-file", "debts.json"]);
    assert_eq!(output.code, Some(1));
    assert!(output.stdout.contains("1 of the findings in the baseline file"), "{output}");
    fs::write(env.repo().join("debts.json"), "[]").unwrap();
    insta::assert_snapshot!(validate(&env, &["--baseline-file", "debts.json"]), @r"
    --- stderr
    error: the baseline file cannot be read
      caused by: invalid length 0, expected a baseline file of drctl at line 1 column 2
      hint: Write it anew with `drctl validate --write-baseline FILE`
    --- exit 2
    ");
}

#[test]
fn what_can_be_mended_is_shown_and_then_done() {
    let env = env(&[("app/main.tf", TOPIC)]);
    insta::assert_snapshot!(validate(&env, &["--fix", "--diff"]), @r#"
    --- stdout
    --- a/app/main.tf
    +++ b/app/main.tf
    @@ -1,5 +1,5 @@
     resource "aws_sns_topic_subscription" "orders" {
    -  topic_arn = "arn:aws:sns:ap-northeast-1:[SHORT]:orders"
    +  topic_arn = "arn:aws:sns:${var.region}:[SHORT]:orders"
       protocol  = "sqs"
       endpoint  = aws_sqs_queue.orders.arn
     }
    --- stderr
    1 finding can be mended in 1 file; 0 need a hand
    --- exit 0
    "#);
    assert_eq!(validate(&env, &[]).code, Some(1), "nothing was changed");
    insta::assert_snapshot!(validate(&env, &["--fix"]), @r"
    --- stderr
    1 finding mended in 1 file; 0 need a hand
    --- exit 0
    ");
    assert_eq!(validate(&env, &[]).code, Some(0));
}

#[test]
fn a_comment_answers_a_finding_and_one_that_answers_nothing_is_one() {
    let answered = TOPIC.replace(
        "  topic_arn",
        "  # drctl:ignore DR004 the topic of the archive, which stays\n  topic_arn",
    );
    let env = env(&[("app/main.tf", &answered)]);
    let asked = ["validate", "--region", "ap-northeast-2", "--only", "DR004,DR041"];
    insta::assert_snapshot!(env.run(&asked), @r"
    --- stdout
    nothing found in 1 root module (2 files, 2 rules); 1 suppressed
    --- exit 0
    ");
    env.commit(&[("app/main.tf", &answered.replace(":ap-northeast-1:", ":eu-west-1:"))]);
    insta::assert_snapshot!(env.run(&asked), @r"
    --- stdout
    warning[DR041]: there is nothing here that DR004 finds
     --> app/main.tf:2:3
      |
    2 |   # drctl:ignore DR004 the topic of the archive, which stays
      |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: Take the comment away

    1 warning in 1 root module (2 files, 2 rules)
    --- exit 1
    ");
}

#[test]
fn an_objective_that_cannot_be_met_is_found_where_it_is_promised() {
    let cluster = "resource \"aws_eks_cluster\" \"this\" {\n  name_prefix = \"shop\"\n}\n\nresource \"aws_eks_node_group\" \"this\" {\n  cluster_name = aws_eks_cluster.this.name\n}\n";
    let env = env(&[("drctl.hcl", RUNBOOK), ("app/main.tf", cluster)]);
    let asked = ["validate", "--only", "DR042,DR043"];
    insta::assert_snapshot!(env.run(&asked), @r#"
    --- stdout
    error[DR042]: RTO 10m cannot be met: applying the stacks takes [TIME] at the median, and `aws_eks_cluster.this` alone takes [TIME] at the median
     --> drctl.hcl:2:13
      |
    2 |   rto     = "10m"
      |             ^^^^^
      |
      = help: Provision `aws_eks_cluster.this` before the outage, which saves [TIME], or promise more
    note: this is what takes longest
     --> app/main.tf:1:1
      |
    1 | resource "aws_eks_cluster" "this" {
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

    1 error in 1 root module (2 files, 2 rules)
    note: of the objective of [TIME], applying 2 resources is forecast to take [TIME] at the median and [TIME] at the 90th percentile; `aws_eks_cluster.this` dominates with [TIME]
    --- exit 1
    "#);
    assert_eq!(env.run(&[&asked[..], &["--rto", "1h"]].concat()).code, Some(0));
    let slower = format!(
        "{cluster}\nresource \"aws_db_instance\" \"this\" {{\n  identifier_prefix = aws_eks_node_group.this.id\n}}\n"
    );
    env.commit(&[("app/main.tf", &slower)]);
    insta::assert_snapshot!(env.run(&[&asked[..], &["--rto", "1h", "--baseline", "HEAD~1"]].concat()), @r#"
    --- stdout
    warning[DR043]: applying the stacks takes [TIME] at the median, [TIME] more than before: `aws_db_instance.this` is now on the critical path with [TIME]
     --> drctl.hcl:2:13
      |
    2 |   rto     = "10m"
      |             ^^^^^
      |
      = help: Let nothing wait for `aws_db_instance.this` that need not, or provision it before the outage, which saves [TIME]

    1 warning in 1 root module (2 files, 2 rules)
    note: of the objective of [TIME], applying 3 resources is forecast to take [TIME] at the median and [TIME] at the 90th percentile; `aws_eks_cluster.this` dominates with [TIME]
    --- exit 1
    "#);
}

#[test]
fn a_file_that_terraform_refuses_is_an_error_at_its_place() {
    let env = env(&[("app/main.tf", "locals {\n  a = (1 +\n}\n")]);
    let asked = ["validate", "--region", "ap-northeast-2", "--only", "DR050"];
    insta::assert_snapshot!(env.run(&asked), @r"
    --- stdout
    error[DR050]: Invalid expression: Expected the start of an expression, but found an invalid expression token
     --> app/main.tf:3:1
      |
    3 | }
      | ^
      |
      = help: Run `terraform fmt -check ./app` to see what Terraform says

    1 error in 1 root module (2 files, 1 rule)
    --- exit 1
    ");
}

#[test]
fn a_hostile_name_reaches_no_terminal() {
    let hostile =
        TOPIC.replace("\"orders\" {", "\"orders\\u001b[2J\" {").replace("sqs", "\u{1b}[2Jsqs");
    let env = env(&[("app/main.tf", &hostile)]);
    let output = validate(&env, &[]);
    assert!(!output.stdout.contains('\u{1b}'), "{output}");
}

#[test]
fn rules_explain_themselves() {
    let env = Env::new();
    fs::create_dir(env.repo()).unwrap();
    let page = env.run(&["validate", "--explain", "dr004"]);
    assert!(page.stdout.starts_with("# DR004: an ARN names the primary region\n"), "{page}");
    let list = env.run(&["validate", "--explain"]);
    assert!(list.stdout.contains("DR004  error    an ARN names the primary region\n"), "{list}");
    assert!(list.stdout.lines().count() >= 30, "{list}");
    insta::assert_snapshot!(env.run(&["validate", "--explain", "DR404"]), @r"
    --- stderr
    error: there is no rule `DR404`
      hint: Did you mean `DR004`?
      hint: Run `drctl validate --explain` to see all rules
    --- exit 2
    ");
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    let env = env(&[("app/main.tf", TOPIC)]);
    insta::assert_snapshot!(validate(&env, &["nowhere"]), @r"
    --- stderr
    error: failed to find `nowhere`
      caused by: No such file or directory (os error 2)
      hint: Name a folder of a checkout
    --- exit 2
    ");
    insta::assert_snapshot!(validate(&env, &["app/main.tf"]), @r"
    --- stderr
    error: `app/main.tf` is not a folder
      hint: Name the folder that the file stands in: a module is all files of a folder
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["validate", "--region", "ap-notheast-2"]), @r#"
    --- stderr
    error: there is no region `ap-notheast-2` that drctl knows
      hint: Did you mean `ap-northeast-2`? If `ap-notheast-2` is right, declare it: `region "ap-notheast-2" {}` in the runbook
    --- exit 2
    "#);
    insta::assert_snapshot!(env.run(&["validate", "--region", "eu-west-1", "--primary", "eu-west-1"]), @r"
    --- stderr
    error: `eu-west-1` is the primary region, which is the one to leave
      hint: Name the fallback region with `--region`
    --- exit 2
    ");
    insta::assert_snapshot!(validate(&env, &["--write", "serif=x"]), @r"
    --- stderr
    error: invalid value 'serif=x' for '--write <FORMAT=FILE>': there is no format `serif`; did you mean `sarif`?

    For more information, try '--help'.
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["validate", "--only", "DR404"]), @r"
    --- stderr
    error: invalid value 'DR404' for '--only <CODES>': there is no rule `DR404`; `drctl validate --explain` lists them

    For more information, try '--help'.
    --- exit 2
    ");
    env.commit(&[("drctl.hcl", "service \"shop\" {\n  rot = \"1h\"\n}\n")]);
    insta::assert_snapshot!(env.run(&["validate"]), @r"
    --- stderr
    error: the runbook has 1 mistake(s):
      drctl.hcl:2:3: `service` has no attribute `rot`
        Did you mean `rto`?
    --- exit 2
    ");
}

#[test]
fn both_regions_are_rehearsed_and_compared() {
    let bucket = "locals {\n  name = join(\"-\", [\"shop\", \"logs\"])\n}\n\nresource \"aws_s3_bucket\" \"logs\" {\n  bucket = local.name\n}\n\nresource \"aws_sns_topic\" \"alarms\" {\n  name = \"alarms-${var.region}\"\n}\n";
    let env = env(&[("drctl.hcl", RUNBOOK), ("app/main.tf", bucket)]);
    let output = env.run(&["validate", "--only", "DR006,DR044", "--rehearse"]);
    assert_eq!(output.code, Some(1), "{output}");
    assert!(output.stdout.contains("DR006"), "{output}");
    assert!(!output.stdout.contains("alarms"), "{output}");
    assert!(output.stdout.contains("rehearsed in `ap-northeast-2`"), "{output}");
}
