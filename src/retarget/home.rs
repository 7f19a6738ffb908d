//! The gate on the way home: a plan over the primary's own state.
//!
//! What was lost in the outage may be created again; whatever else the plan would do to the primary
//! needs a yes.

use super::gate::{MIN_DIGEST, action, completeness};
use crate::{
    model::{
        failback::{Looked, Side},
        gate::{Changes, GateAnswer, Refusal, RefusalReason},
        resource::ResourceAction,
        text::hex,
    },
    terraform::{Mode, Plan, ResourceChange},
};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What a plan was found to be, with all that may be said yes to.
#[derive(Clone, Debug)]
struct Judged {
    /// Addresses of what is in the state and not there.
    lost: BTreeSet<String>,
    /// Addresses of what was changed outside of Terraform.
    drifted: Vec<String>,
    /// What would be done besides.
    changes: Vec<Refusal>,
    /// What no yes makes good.
    never: Vec<Refusal>,
}

impl Judged {
    fn of(plan: &Plan) -> Self {
        let drift = || plan.resource_drift.iter().filter(|drift| drift.mode == Mode::Managed);
        let is_lost = |drift: &&ResourceChange| drift.action() == ResourceAction::Delete;
        let lost: BTreeSet<String> =
            drift().filter(is_lost).map(|drift| drift.address.clone()).collect();
        let drifted = drift().filter(|drift| !is_lost(drift)).map(|d| d.address.clone()).collect();
        let mut changes: Vec<Refusal> =
            plan.resource_changes.iter().filter_map(|change| done(change, &lost)).collect();
        let never = |refusal: &Refusal| {
            matches!(
                refusal.reason,
                RefusalReason::Imports | RefusalReason::Forgets | RefusalReason::UnknownAction
            )
        };
        let never = changes.extract_if(.., |refusal| never(refusal)).collect();
        Self { lost, drifted, changes, never }
    }
}

/// What is done to a resource, unless it is created again after it was lost.
fn done(change: &ResourceChange, lost: &BTreeSet<String>) -> Option<Refusal> {
    let stays = matches!(change.action(), ResourceAction::NoOp | ResourceAction::Read);
    if change.mode != Mode::Managed || stays && !change.change.importing {
        return None;
    }
    if change.action() == ResourceAction::Create && !change.change.importing {
        return (!lost.contains(&change.address)).then(|| Refusal {
            reason: RefusalReason::Creates,
            address: Some(change.address.clone()),
            detail: "would be made, and the state never held it".to_owned(),
        });
    }
    action(change)
}

/// Whether applying a plan would do anything.
pub fn does_something(plan: &Plan) -> bool {
    let acts = |change: &ResourceChange| {
        !matches!(change.action(), ResourceAction::NoOp | ResourceAction::Read)
            || change.change.importing
    };
    // Terraform before 1.8 does not say it, and then outputs alone are nothing to do.
    plan.applyable.unwrap_or_else(|| plan.resource_changes.iter().any(acts))
}

/// Tells what a plan says of a stack; `accepted` are the digests that somebody said yes to.
///
/// In the primary, what it would change needs a yes; in the fallback, all that is not as its code and
/// its state say, since it might have to be carried home.
pub fn look(plan: &Plan, side: Side, accepted: &[String]) -> Looked {
    let judged = Judged::of(plan);
    let sentences = |refusals: &[Refusal]| refusals.iter().map(ToString::to_string).collect();
    let changes: Vec<String> = sentences(&judged.changes);
    let lost: Vec<String> = judged.lost.into_iter().collect();
    let mut asks: Vec<&str> = changes.iter().map(String::as_str).collect();
    if side == Side::Fallback {
        asks.extend(lost.iter().chain(&judged.drifted).map(String::as_str));
    }
    let digest = (!asks.is_empty()).then(|| hex(&Sha256::digest(asks.join("\n").as_bytes())));
    let accepted = digest.as_deref().is_some_and(|digest| is_accepted(digest, accepted));
    let mut cause: Vec<String> = sentences(&judged.never);
    if plan.errored || plan.complete == Some(false) {
        cause.push("Terraform says that the plan is not complete".to_owned());
    }
    Looked { side, lost, drifted: judged.drifted, changes, digest, accepted, cause }
}

fn is_accepted(digest: &str, accepted: &[String]) -> bool {
    accepted.iter().any(|given| given.len() >= MIN_DIGEST && digest.starts_with(given.as_str()))
}

/// Judges a plan over the primary's own state: `lost` are the addresses that somebody saw to be lost
/// and confirmed, `accepted` the digests of other changes that somebody said yes to. Where nothing is
/// real, `lost` is `None`, and what a yes makes good is told and not refused.
pub fn judge(plan: &Plan, lost: Option<&BTreeSet<String>>, accepted: &[String]) -> GateAnswer {
    let mut answer = GateAnswer::default();
    completeness(plan, &mut answer.refusals);
    let judged = Judged::of(plan);
    answer.refusals.extend(judged.never);
    let creates = |change: &&ResourceChange| change.action() == ResourceAction::Create;
    for change in plan.resource_changes.iter().filter(creates) {
        let address = &change.address;
        if judged.lost.contains(address) && lost.is_some_and(|lost| !lost.contains(address)) {
            answer.refusals.push(Refusal {
                reason: RefusalReason::Unconfirmed,
                address: Some(address.clone()),
                detail: "was lost after the way home was confirmed".to_owned(),
            });
        }
    }
    if judged.changes.is_empty() {
        return answer;
    }
    let lines: Vec<_> = judged.changes.iter().map(ToString::to_string).collect();
    let digest = hex(&Sha256::digest(lines.join("\n").as_bytes()));
    let yes = lost.is_none() || is_accepted(&digest, accepted);
    if !yes {
        answer.refusals.push(Refusal {
            reason: RefusalReason::Unconfirmed,
            address: None,
            detail: format!(
                "it would change {} resource(s) of the primary, and nobody said yes; after a look at them: `--accept-changes {}`",
                judged.changes.len(),
                &digest[..MIN_DIGEST]
            ),
        });
    }
    answer.changes = Some(Changes { changes: judged.changes, digest, accepted: yes });
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn plan(changes: &[(&str, Value)], drift: &[(&str, Value)]) -> Plan {
        let all = |all: &[(&str, Value)]| -> Vec<Value> {
            let one = |(address, actions): &(&str, Value)| {
                json!({"address": address, "mode": "managed", "type": "t", "name": "n",
                    "change": {"actions": actions, "before": null, "after": {}}})
            };
            all.iter().map(one).collect()
        };
        let plan = json!({"format_version": "1.2", "complete": true, "errored": false,
            "resource_changes": all(changes), "resource_drift": all(drift)});
        Plan::read(plan.to_string().as_bytes()).unwrap()
    }

    fn refused(plan: &Plan, lost: &[&str], accepted: &[String]) -> Vec<String> {
        let lost: BTreeSet<String> = lost.iter().map(|a| (*a).to_owned()).collect();
        judge(plan, Some(&lost), accepted).refusals.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_was_lost_is_created_again_once_that_is_confirmed() {
        let lost = [("t.a", json!(["delete"]))];
        let plan = plan(&[("t.a", json!(["create"])), ("t.b", json!(["no-op"]))], &lost);
        assert!(refused(&plan, &["t.a"], &[]).is_empty());
        assert_eq!(refused(&plan, &[], &[]).len(), 1, "nobody saw that it was lost");
        let looked = look(&plan, Side::Primary, &[]);
        assert_eq!((looked.lost, looked.digest), (vec!["t.a".to_owned()], None));
    }

    #[test]
    fn whatever_else_would_be_done_to_the_primary_needs_a_yes() {
        for actions in
            [json!(["create"]), json!(["update"]), json!(["delete"]), json!(["delete", "create"])]
        {
            let plan = plan(&[("t.a", actions.clone())], &[]);
            assert_eq!(refused(&plan, &["t.a"], &[]).len(), 1, "{actions}");
            let digest = look(&plan, Side::Primary, &[]).digest.unwrap();
            assert!(refused(&plan, &[], &[digest[..12].to_owned()]).is_empty(), "{actions}");
            assert_eq!(refused(&plan, &[], &[digest[..11].to_owned()]).len(), 1, "too short");
        }
        for never in [json!(["forget"]), json!(["teleport"])] {
            let plan = plan(&[("t.a", never.clone())], &[]);
            assert_eq!(refused(&plan, &[], &[]).len(), 1, "{never}");
            assert!(!look(&plan, Side::Primary, &[]).may_go_on(), "{never}");
        }
    }

    #[test]
    fn what_changed_by_hand_in_the_fallback_needs_a_yes_and_in_the_primary_is_told() {
        let plan = plan(&[("t.a", json!(["no-op"]))], &[("t.a", json!(["update"]))]);
        let fallback = look(&plan, Side::Fallback, &[]);
        assert!(!fallback.may_go_on());
        let digest = fallback.digest.unwrap();
        assert!(look(&plan, Side::Fallback, &[digest]).may_go_on());
        let primary = look(&plan, Side::Primary, &[]);
        assert!(primary.may_go_on());
        assert_eq!(primary.words(), "1 changed outside of Terraform");
        assert!(!does_something(&plan));
    }
}
