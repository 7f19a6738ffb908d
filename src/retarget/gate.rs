//! The gate: whether a plan may be applied in the fallback region.
//!
//! Looking for deletions is not enough. A region that is flipped over the
//! primary's own state plans "1 to add, 0 to destroy" and, applied, orphans the
//! primary: its objects were not found in the other region, so the state forgets
//! them. So a plan passes only when it stands on an empty state, saw no drift, and
//! does nothing but create and read.

use crate::{
    model::{
        gate::{GateAnswer, Refusal, RefusalReason},
        resource::ResourceAction,
    },
    terraform::{Mode, Plan, ResourceChange},
};
use std::path::Path;

/// Judges a plan for `region`; `primary` is the region that serves in normal times, if known.
pub fn judge(plan: &Plan, region: &str, primary: Option<&str>) -> GateAnswer {
    let mut refusals = Vec::new();
    completeness(plan, &mut refusals);
    state(plan, &mut refusals);
    for change in &plan.resource_changes {
        refusals.extend(action(change));
    }
    if let Some(primary) = primary.filter(|primary| *primary != region) {
        providers(plan, region, primary, &mut refusals);
        resources(plan, region, primary, &mut refusals);
    }
    GateAnswer { refusals }
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

fn refuse(reason: RefusalReason, address: &str, detail: impl Into<String>) -> Refusal {
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
    for drift in plan.resource_drift.iter().filter(|d| d.mode == Mode::Managed) {
        let detail = if drift.action() == ResourceAction::Delete {
            "was not found where the state says it is; applying would forget it and leave its object behind"
        } else {
            "was changed outside of Terraform"
        };
        refusals.push(refuse(RefusalReason::Drift, &drift.address, detail));
    }
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

/// A provider that is still configured for the primary.
fn providers(plan: &Plan, region: &str, primary: &str, refusals: &mut Vec<Refusal>) {
    let configured = plan.configuration["provider_config"].as_object();
    for (key, provider) in configured.into_iter().flatten() {
        let of_provider = provider["expressions"]["region"]["constant_value"].as_str();
        if of_provider == Some(primary) {
            let detail =
                format!("is configured for the primary region `{primary}`, not for `{region}`");
            refusals.push(refuse(RefusalReason::Region, &format!("provider {key}"), detail));
        }
    }
}

/// A resource that says itself that it lies in the primary.
fn resources(plan: &Plan, region: &str, primary: &str, refusals: &mut Vec<Refusal>) {
    for planned in plan.planned.iter().filter(|r| r.mode == Mode::Managed) {
        for name in ["region", "location", "availability_zone", "zone"] {
            let value = planned.values.expose()[name].as_str();
            if let Some(value) = value.filter(|value| lies_in(value, primary)) {
                let detail =
                    format!("`{name}` is `{value}`, which lies in the primary, not in `{region}`");
                refusals.push(refuse(RefusalReason::Region, &planned.address, detail));
            }
        }
    }
}

/// Whether a region or a zone, as a cloud writes it, is `region` or lies in it:
/// `ap-northeast-1`, `ap-northeast-1a`, `asia-northeast1-b`.
fn lies_in(value: &str, region: &str) -> bool {
    value.strip_prefix(region).is_some_and(|rest| {
        let zone = rest.strip_prefix('-').unwrap_or(rest);
        zone.len() <= 1 && zone.chars().all(|c| c.is_ascii_lowercase())
    })
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

    fn said(plan: &Plan) -> String {
        let answer = judge(plan, "ap-northeast-2", Some("ap-northeast-1"));
        answer.refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn creating_and_reading_on_an_empty_state_passes() {
        let read = json!({"address": "data.aws_ami.x", "mode": "data", "type": "aws_ami", "name": "x",
            "change": {"actions": ["read"], "before": null, "after": {}}});
        let plan = plan(json!({"resource_changes": [change(json!(["create"])), read]}));
        assert!(judge(&plan, "ap-northeast-2", Some("ap-northeast-1")).accepted());
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
        `provider aws`: is configured for the primary region `ap-northeast-1`, not for `ap-northeast-2`
        `aws_subnet.a`: `availability_zone` is `ap-northeast-1a`, which lies in the primary, not in `ap-northeast-2`
        ");
    }

    #[test]
    fn a_region_is_no_zone_of_a_shorter_one() {
        assert!(lies_in("us-east-1", "us-east-1"));
        assert!(lies_in("us-east-1a", "us-east-1"));
        assert!(lies_in("europe-west1-b", "europe-west1"));
        assert!(!lies_in("europe-west10", "europe-west1"));
        assert!(!lies_in("ap-northeast-2a", "ap-northeast-1"));
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
