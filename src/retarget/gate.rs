//! The gate: whether a plan may be applied in the fallback region.
//!
//! Looking for deletions is not enough. A region that is flipped over the
//! primary's own state plans "1 to add, 0 to destroy" and, applied, orphans the
//! primary: its objects were not found in the other region, so the state forgets
//! them. So a plan passes only when it stands on an empty state, saw no drift, and
//! does nothing but create and read.

use super::proof::prove;
use crate::{
    config::{body::Block, file::SourceFile},
    model::{
        gate::{Changes, GateAnswer, Refusal, RefusalReason},
        resource::ResourceAction,
    },
    terraform::{Mode, Plan, PlannedResource, ResourceChange},
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// How many digits of the digest of changes somebody must give at least.
pub const MIN_DIGEST: usize = 12;

/// What a plan is expected to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The fallback region.
    pub region: &'a str,
    /// The region that serves in normal times, if known.
    pub primary: Option<&'a str>,
    /// Provider configurations that point elsewhere on purpose, and where.
    pub pinned: &'a BTreeMap<String, String>,
    /// Types and addresses that the runbook decides on itself.
    pub decided: &'a BTreeSet<String>,
    /// Digests of changes that somebody said yes to; `None` when the state must be empty.
    pub later: Option<&'a [String]>,
    /// What the run itself made before it broke off.
    pub own: Own<'a>,
}

/// What a run itself made before it broke off, by addresses.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// What it takes into the state.
    pub imported: &'a BTreeSet<String>,
    /// What was broken off while it was made, and somebody said to make anew.
    pub replaced: &'a BTreeSet<String>,
}

impl Expected<'_> {
    /// Returns the region that is left, when it is known.
    pub(super) fn leaves(&self) -> Option<&str> {
        self.primary.filter(|primary| *primary != self.region)
    }

    /// Whether the runbook decides on a resource, by its type or its address.
    pub(super) fn decides_on(&self, planned: &PlannedResource) -> bool {
        let decided = |name: &String| {
            *name == planned.kind
                || planned
                    .address
                    .split('[')
                    .next()
                    .is_some_and(|address| address.ends_with(name.as_str()))
        };
        self.decided.iter().any(decided)
    }
}

/// Judges a plan.
pub fn judge(plan: &Plan, expected: &Expected<'_>) -> GateAnswer {
    let mut answer = GateAnswer::default();
    completeness(plan, &mut answer.refusals);
    drift(plan, &mut answer.refusals);
    match expected.later {
        None => {
            state(plan, &mut answer.refusals);
            for change in &plan.resource_changes {
                answer.refusals.extend(action(change));
            }
        }
        Some(accepted) => later(plan, accepted, expected, &mut answer),
    }
    prove(plan, expected, &mut answer);
    answer
}

/// A plan over the state that an earlier run of the same service left in the same backend.
fn later(plan: &Plan, accepted: &[String], expected: &Expected<'_>, answer: &mut GateAnswer) {
    let managed = || plan.prior.iter().filter(|prior| prior.mode == Mode::Managed);
    if let Some(primary) = expected.leaves() {
        // An ARN says where a thing is, whatever the provider is configured for.
        let arn = |values: &serde_json::Value| values["arn"].as_str().map(str::to_owned);
        let of_primary = managed().find(|prior| {
            arn(prior.values.expose()).is_some_and(|arn| arn.split(':').nth(3) == Some(primary))
        });
        if let Some(found) = of_primary {
            let detail = format!(
                "the state holds it, and it lies in `{primary}`: this is the primary's state"
            );
            answer.refusals.push(refuse(RefusalReason::PriorState, &found.address, detail));
        }
    }
    let keeps = |change: &&ResourceChange| {
        let action = change.action();
        !matches!(action, ResourceAction::Create | ResourceAction::Read | ResourceAction::NoOp)
            || change.change.importing
    };
    // What the run made itself, and wrote into no state: what it is changed in is what it was not yet.
    let taken_in = |change: &&ResourceChange| {
        expected.own.imported.contains(&change.address)
            && change.change.importing
            && matches!(change.action(), ResourceAction::Import | ResourceAction::Update)
    };
    let decided = |change: &&ResourceChange| {
        is_tainted(change) && expected.own.replaced.contains(&change.address)
    };
    let asked = plan.resource_changes.iter().filter(keeps);
    let asked = asked.filter(|change| !taken_in(change) && !decided(change));
    let mut changes: Vec<Refusal> = asked.filter_map(action).collect();
    // What no yes can make good.
    let never = |refusal: &Refusal| {
        matches!(
            refusal.reason,
            RefusalReason::Imports | RefusalReason::Forgets | RefusalReason::UnknownAction
        )
    };
    answer.refusals.extend(changes.extract_if(.., |refusal| never(refusal)));
    if changes.is_empty() {
        return;
    }
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    let sum = Sha256::digest(lines.join("\n").as_bytes());
    let digest = crate::model::text::hex(&sum);
    let yes = accepted
        .iter()
        .any(|given| given.len() >= MIN_DIGEST && digest.starts_with(given.as_str()));
    if !yes {
        answer.refusals.extend(changes.iter().filter_map(keep_or_replace));
        answer.refusals.push(Refusal {
            reason: RefusalReason::Unconfirmed,
            address: None,
            detail: format!(
                "it would change {} resource(s) that an earlier run made, and nobody said yes; after a look at them: `--accept-changes {}`",
                changes.len(),
                &digest[..MIN_DIGEST]
            ),
        });
    }
    answer.changes = Some(Changes { changes, digest, accepted: yes });
}

/// Asks what is to become of something that was broken off while it was made.
fn keep_or_replace(change: &Refusal) -> Option<Refusal> {
    let address = change.address.as_ref().filter(|_| change.reason == RefusalReason::Tainted)?;
    let detail = format!(
        "{}; keep it as it is with `drctl resume --untaint '{address}'`, or have that done with `drctl resume --replace-tainted '{address}'`",
        change.detail
    );
    Some(refuse(RefusalReason::Tainted, address, detail))
}

/// Checks the provider versions that `init` chose against the lock file that the repository has.
///
/// What was not locked is no refusal; the second value names it.
pub fn judge_lock(committed: &[u8], chosen: &[u8]) -> (Vec<Refusal>, Vec<String>) {
    let locked = locked_versions(committed);
    let (mut refusals, mut unlocked) = (Vec::new(), Vec::new());
    for (provider, version) in locked_versions(chosen) {
        match locked.get(&provider) {
            Some(locked) if *locked == version => {}
            Some(locked) => refusals.push(refuse(
                RefusalReason::ProviderVersion,
                &provider,
                format!("the lock file says version {locked}, and {version} was chosen"),
            )),
            None => unlocked.push(format!("{provider} {version}")),
        }
    }
    (refusals, unlocked)
}

/// Returns the version of each provider that a lock file holds; of none when it cannot be read.
pub fn locked_versions(lock_file: &[u8]) -> BTreeMap<String, String> {
    let Ok(file) = SourceFile::parse(Path::new(".terraform.lock.hcl"), lock_file, None) else {
        return BTreeMap::new();
    };
    let version = |block: &Block| {
        Some((block.label(0)?.to_owned(), block.body().expr("version")?.literal_string()?))
    };
    file.body().blocks_of("provider").filter_map(version).collect()
}

/// Checks that `init` has set up the backend called `expected` in the stack's folder.
///
/// Terraform writes down which backend it uses in `.terraform/terraform.tfstate`;
/// `local` without any settings is not written at all.
pub fn judge_backend(stack: &Path, expected: &str) -> Option<Refusal> {
    let used = std::fs::read(stack.join(".terraform/terraform.tfstate"))
        .ok()
        .and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok())
        .and_then(|state| Some(state["backend"]["type"].as_str()?.to_owned()));
    let used = used.as_deref().unwrap_or("local");
    (used != expected).then(|| Refusal {
        reason: RefusalReason::Backend,
        address: None,
        detail: format!(
            "its state would be kept in a `{used}` backend, not in the run's `{expected}` backend"
        ),
    })
}

pub(super) fn refuse(reason: RefusalReason, address: &str, detail: impl Into<String>) -> Refusal {
    Refusal { reason, address: Some(address.to_owned()), detail: detail.into() }
}

fn completeness(plan: &Plan, refusals: &mut Vec<Refusal>) {
    // Terraform before 1.8 does not say whether a plan is complete.
    if plan.errored || plan.complete == Some(false) {
        let detail = "Terraform says that the plan is not complete".to_owned();
        refusals.push(Refusal { reason: RefusalReason::Incomplete, address: None, detail });
    }
}

fn state(plan: &Plan, refusals: &mut Vec<Refusal>) {
    let held: Vec<_> = plan.prior.iter().filter(|r| r.mode == Mode::Managed).collect();
    if let Some(first) = held.first() {
        let detail = format!(
            "the state already holds {} resource(s); a recovery begins with an empty one",
            held.len()
        );
        refusals.push(refuse(RefusalReason::PriorState, &first.address, detail));
    }
}

/// What is not there where the state says it is may be there in another region.
fn drift(plan: &Plan, refusals: &mut Vec<Refusal>) {
    for drift in plan.resource_drift.iter().filter(|d| d.mode == Mode::Managed) {
        let detail = if drift.action() == ResourceAction::Delete {
            "was not found where the state says it is; applying would forget it and leave its object behind"
        } else {
            "was changed outside of Terraform"
        };
        refusals.push(refuse(RefusalReason::Drift, &drift.address, detail));
    }
}

/// Whether a resource would be made anew only since its making was broken off.
fn is_tainted(change: &ResourceChange) -> bool {
    change.action_reason.as_deref() == Some("replace_because_tainted")
}

/// What speaks against one planned change.
fn action(change: &ResourceChange) -> Option<Refusal> {
    let (reason, detail) = match change.action() {
        ResourceAction::Create if change.change.importing => {
            (RefusalReason::Imports, "an existing object would be imported")
        }
        ResourceAction::Create | ResourceAction::Read => return None,
        // What is already there and stays as it is can only come from a prior state or an import.
        ResourceAction::NoOp if change.mode != Mode::Managed => return None,
        ResourceAction::NoOp => (RefusalReason::PriorState, "is already in the state"),
        ResourceAction::Update if change.change.importing => {
            (RefusalReason::Imports, "an existing object would be imported and changed")
        }
        ResourceAction::Update => (RefusalReason::Updates, "would be changed in place"),
        ResourceAction::Delete => (RefusalReason::Deletes, "would be deleted"),
        ResourceAction::Replace if is_tainted(change) => (
            RefusalReason::Tainted,
            "was broken off while it was made: it would be deleted and made anew",
        ),
        ResourceAction::Replace => (RefusalReason::Replaces, "would be replaced"),
        ResourceAction::Import => (RefusalReason::Imports, "an existing object would be imported"),
        ResourceAction::Move => (RefusalReason::Moves, "would be renamed in the state"),
        ResourceAction::Forget => {
            (RefusalReason::Forgets, "would be dropped from the state while its object lives on")
        }
        ResourceAction::Unknown => {
            (RefusalReason::UnknownAction, "has a planned action that drctl does not know")
        }
    };
    Some(refuse(reason, &change.address, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plan(with: Value) -> Plan {
        let mut plan = json!({"format_version": "1.2", "terraform_version": "1.11.4",
            "applyable": true, "complete": true, "errored": false});
        for (name, value) in with.as_object().unwrap() {
            plan[name] = value.clone();
        }
        Plan::read(plan.to_string().as_bytes()).unwrap()
    }

    fn change(actions: Value) -> Value {
        json!({"address": "aws_vpc.main", "mode": "managed", "type": "aws_vpc", "name": "main",
            "change": {"actions": actions, "before": null, "after": {}}})
    }

    fn judged(plan: &Plan, later: Option<&[String]>) -> GateAnswer {
        judge(
            plan,
            &Expected {
                region: "ap-northeast-2",
                primary: Some("ap-northeast-1"),
                pinned: &[("aws.edge".to_owned(), "us-east-1".to_owned())].into(),
                decided: &BTreeSet::new(),
                later,
                own: Own { imported: &BTreeSet::new(), replaced: &BTreeSet::new() },
            },
        )
    }

    fn said(plan: &Plan) -> String {
        let answer = judged(plan, None);
        answer.refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn creating_and_reading_on_an_empty_state_passes() {
        let read = json!({"address": "data.aws_ami.x", "mode": "data", "type": "aws_ami", "name": "x",
            "change": {"actions": ["read"], "before": null, "after": {}}});
        let plan = plan(json!({"resource_changes": [change(json!(["create"])), read]}));
        assert!(judged(&plan, None).accepted());
    }

    #[test]
    fn a_region_flipped_over_the_primarys_state_is_refused_though_it_deletes_nothing() {
        let plan = plan(json!({
            "resource_changes": [change(json!(["create"]))],
            "resource_drift": [change(json!(["delete"]))],
        }));
        insta::assert_snapshot!(said(&plan), @"`aws_vpc.main`: was not found where the state says it is; applying would forget it and leave its object behind");
    }

    #[test]
    fn everything_but_creating_is_refused_with_its_reason() {
        let actions = [
            json!(["update"]),
            json!(["delete"]),
            json!(["delete", "create"]),
            json!(["forget"]),
            json!(["no-op"]),
            json!(["teleport"]),
        ];
        let changes: Vec<_> = actions.into_iter().map(change).collect();
        insta::assert_snapshot!(said(&plan(json!({"resource_changes": changes}))), @r"
        `aws_vpc.main`: would be changed in place
        `aws_vpc.main`: would be deleted
        `aws_vpc.main`: would be replaced
        `aws_vpc.main`: would be dropped from the state while its object lives on
        `aws_vpc.main`: is already in the state
        `aws_vpc.main`: has a planned action that drctl does not know
        ");
    }

    #[test]
    fn an_import_is_refused_though_its_action_is_to_do_nothing() {
        let mut import = change(json!(["no-op"]));
        import["change"]["importing"] = json!({"id": "vpc-1"});
        insta::assert_snapshot!(said(&plan(json!({"resource_changes": [import]}))), @"`aws_vpc.main`: an existing object would be imported");
    }

    #[test]
    fn a_state_that_holds_something_is_refused() {
        let resource = json!({"address": "aws_vpc.main", "mode": "managed", "type": "aws_vpc", "name": "main"});
        let prior =
            json!({"format_version": "1.0", "values": {"root_module": {"resources": [resource]}}});
        insta::assert_snapshot!(said(&plan(json!({"prior_state": prior}))), @"`aws_vpc.main`: the state already holds 1 resource(s); a recovery begins with an empty one");
    }

    #[test]
    fn a_provider_or_a_resource_left_in_the_primary_is_refused() {
        let values = json!({"root_module": {"resources": [
            {"address": "aws_subnet.a", "mode": "managed", "type": "aws_subnet", "name": "a",
                "values": {"availability_zone": "ap-northeast-1a"}},
            {"address": "aws_subnet.b", "mode": "managed", "type": "aws_subnet", "name": "b",
                "values": {"availability_zone": "ap-northeast-2b"}},
        ]}});
        let configuration = json!({"provider_config": {
            "aws": {"expressions": {"region": {"constant_value": "ap-northeast-1"}}},
            "aws.edge": {"expressions": {"region": {"constant_value": "us-east-1"}}},
        }});
        let plan = plan(json!({"planned_values": values, "configuration": configuration}));
        insta::assert_snapshot!(said(&plan), @r"
        `aws_subnet.a`: `availability_zone` is `ap-northeast-1a`, which lies in `ap-northeast-1`, the primary, not in `ap-northeast-2`
        `provider aws`: is configured for the primary region `ap-northeast-1`, not for `ap-northeast-2`
        ");
    }

    #[test]
    fn the_region_of_every_planned_resource_is_known_and_one_elsewhere_is_refused() {
        let aws = |address: &str, kind: &str, values: Value| {
            json!({"address": address, "mode": "managed", "type": kind, "name": "x", "values": values,
                "provider_name": "registry.terraform.io/hashicorp/aws"})
        };
        let mut other = aws("random_id.x", "random_id", json!({}));
        other["provider_name"] = "registry.terraform.io/hashicorp/random".into();
        let values = json!({"root_module": {
            "resources": [
                aws("aws_vpc.main", "aws_vpc", json!({})),
                aws("aws_sqs_queue.far[0]", "aws_sqs_queue", json!({"region": "us-west-2"})),
                aws("aws_iam_role.app", "aws_iam_role", json!({})),
                aws("aws_acm_certificate.front", "aws_acm_certificate", json!({})),
                aws("aws_vpc.lost", "aws_vpc", json!({})),
                other,
            ],
            "child_modules": [{"resources": [aws("module.m[\"a.b\"].aws_subnet.x", "aws_subnet", json!({}))]}],
        }});
        let uses =
            |address: &str, key: &str| json!({"address": address, "provider_config_key": key});
        let configuration = json!({
            "provider_config": {
                "aws": {"expressions": {"region": {"constant_value": "ap-northeast-2"}}},
                "aws.edge": {"expressions": {"region": {"constant_value": "us-east-1"}}},
                "aws.lost": {"expressions": {"region": {"references": ["local.x"]}}},
                "module.m:aws": {"expressions": {"region": {"constant_value": "ap-northeast-1"}}},
            },
            "root_module": {
                "resources": [uses("aws_vpc.main", "aws"), uses("aws_sqs_queue.far", "aws"),
                    uses("aws_iam_role.app", "aws"), uses("aws_acm_certificate.front", "aws.edge"),
                    uses("aws_vpc.lost", "aws.lost")],
                "module_calls": {"m": {"module": {"resources": [uses("aws_subnet.x", "module.m:aws")]}}},
            },
        });
        let plan = plan(json!({"planned_values": values, "configuration": configuration}));
        let answer = judged(&plan, None);
        let placed: Vec<_> = answer
            .placed
            .iter()
            .map(|p| format!("{} {} {}", p.address, p.region.as_deref().unwrap_or("-"), p.known_by))
            .collect();
        insta::assert_snapshot!(placed.join("\n"), @r#"
        aws_vpc.main ap-northeast-2 by its provider
        aws_sqs_queue.far[0] us-west-2 says so itself
        aws_iam_role.app - global
        aws_acm_certificate.front us-east-1 by its provider
        aws_vpc.lost - not known
        random_id.x - no region
        module.m["a.b"].aws_subnet.x ap-northeast-1 by its provider
        "#);
        insta::assert_snapshot!(answer.whereabouts().unwrap(), @"1 in ap-northeast-1, 1 in ap-northeast-2, 1 in us-east-1, 1 in us-west-2, 1 global, 1 without a region, 1 not known");
        insta::assert_snapshot!(said(&plan), @r#"
        `aws_sqs_queue.far[0]`: `region` is `us-west-2`, which lies in `us-west-2`, not in `ap-northeast-2`
        `aws_vpc.lost`: nothing in the plan tells that it would lie in `ap-northeast-2`: its provider's region is not a value that is known
        `module.m["a.b"].aws_subnet.x`: would lie in `ap-northeast-1`, the primary, by its provider, not in `ap-northeast-2`
        `provider module.m:aws`: is configured for the primary region `ap-northeast-1`, not for `ap-northeast-2`
        "#);
    }

    #[test]
    fn what_still_names_the_primary_is_listed_and_no_secret_shown() {
        let values = json!({"root_module": {"resources": [{"address": "a.b", "mode": "managed",
            "type": "a", "name": "b",
            "values": {"env": [{"URL": "https://x.ap-northeast-1.example"}], "token": "ap-northeast-1:s3cret"},
            "sensitive_values": {"token": true}}]}});
        let answer = judged(&plan(json!({"planned_values": values})), None);
        let shown: Vec<_> = answer.remnants.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        `a.b`: `env[0].URL` still names the primary: https://x.ap-northeast-1.example
        `a.b`: `token` still names the primary: a sensitive value
        ");
        assert!(answer.accepted());
    }

    #[test]
    fn a_later_run_needs_a_yes_to_what_it_takes_away_and_to_nothing_else() {
        let prior = json!({"format_version": "1.0", "values": {"root_module": {"resources": [
            {"address": "aws_vpc.main", "mode": "managed", "type": "aws_vpc", "name": "main", "values": {}}]}}});
        let plan_of = |actions: Value| {
            plan(json!({"prior_state": prior, "resource_changes": [change(actions)]}))
        };
        let unchanged = judged(&plan_of(json!(["no-op"])), Some(&[]));
        assert!(unchanged.accepted() && unchanged.changes.is_none());
        let replaces = plan_of(json!(["delete", "create"]));
        let refused = judged(&replaces, Some(&[]));
        insta::assert_snapshot!(refused.refusals[0], @"it would change 1 resource(s) that an earlier run made, and nobody said yes; after a look at them: `--accept-changes 86a5232705b4`");
        let digest = refused.changes.unwrap().digest;
        assert!(!judged(&replaces, Some(&[digest[..6].to_owned()])).accepted(), "too short");
        let yes = judged(&replaces, Some(&[digest[..12].to_owned()]));
        assert!(yes.accepted() && yes.changes.unwrap().accepted);
        let deletes = judged(&plan_of(json!(["delete"])), Some(&[digest[..12].to_owned()]));
        assert!(!deletes.accepted(), "a yes to one thing is none to another");
    }

    #[test]
    fn the_primarys_own_state_is_known_by_its_arns() {
        let prior = json!({"format_version": "1.0", "values": {"root_module": {"resources": [
            {"address": "aws_vpc.main", "mode": "managed", "type": "aws_vpc", "name": "main",
                "values": {"arn": "arn:aws:ec2:ap-northeast-1:1:vpc/x"}}]}}});
        let answer = judged(&plan(json!({"prior_state": prior})), Some(&[]));
        insta::assert_snapshot!(answer.refusals[0], @"`aws_vpc.main`: the state holds it, and it lies in `ap-northeast-1`: this is the primary's state");
    }

    #[test]
    fn provider_versions_are_those_of_the_lock_file() {
        let lock = |version: &str| {
            format!(
                "provider \"registry.terraform.io/hashicorp/aws\" {{\n  version = \"{version}\"\n}}\n"
            )
        };
        let judge = |a: &str, b: &str| judge_lock(a.as_bytes(), b.as_bytes());
        assert_eq!(judge(&lock("1.0.0"), &lock("1.0.0")), (vec![], vec![]));
        let (refused, _) = judge(&lock("1.0.0"), &lock("1.1.0"));
        insta::assert_snapshot!(refused[0], @"`registry.terraform.io/hashicorp/aws`: the lock file says version 1.0.0, and 1.1.0 was chosen");
        assert_eq!(judge("", &lock("1.0.0")).1, ["registry.terraform.io/hashicorp/aws 1.0.0"]);
    }

    #[test]
    fn the_backend_must_be_the_runs_own() {
        let dir = tempfile::tempdir().unwrap();
        let refused = judge_backend(dir.path(), "http").unwrap();
        assert_eq!(refused.reason, RefusalReason::Backend);
        std::fs::create_dir(dir.path().join(".terraform")).unwrap();
        let path = dir.path().join(".terraform/terraform.tfstate");
        std::fs::write(&path, r#"{"version":3,"backend":{"type":"s3","config":{}}}"#).unwrap();
        assert!(judge_backend(dir.path(), "http").unwrap().detail.contains("`s3`"));
        assert_eq!(judge_backend(dir.path(), "s3"), None);
    }
}
