//! How far an object is, told from what the API says of it.
//!
//! The rules are those of `kubectl rollout status`:
//! <https://github.com/kubernetes/kubectl/blob/master/pkg/polymorphichelpers/rollout_status.go>

use crate::model::deploy::ObjectProgress;
use serde_json::Value;

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: ObjectProgress,
    pub(super) detail: String,
}

impl Verdict {
    pub(super) fn new(state: ObjectProgress, detail: impl Into<String>) -> Self {
        Self { state, detail: detail.into() }
    }

    fn waiting(detail: impl Into<String>) -> Self {
        Self::new(ObjectProgress::Waiting, detail)
    }

    fn ready(detail: impl Into<String>) -> Self {
        Self::new(ObjectProgress::Ready, detail)
    }
}

/// Returns true when an object of this kind is waited for: it is there before it is ready.
pub(super) fn is_waited_for(kind: &str) -> bool {
    matches!(
        kind,
        "Deployment"
            | "StatefulSet"
            | "DaemonSet"
            | "ReplicaSet"
            | "ReplicationController"
            | "Job"
            | "Pod"
            | "CustomResourceDefinition"
            | "APIService"
    )
}

/// Says how far an object is.
pub(super) fn judge(object: &Value) -> Verdict {
    let kind = object["kind"].as_str().unwrap_or_default();
    let seen = number(&object["status"]["observedGeneration"]);
    let has_generation = matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet");
    if has_generation && seen < number(&object["metadata"]["generation"]) {
        return Verdict::waiting("its controller has not seen it yet");
    }
    match kind {
        "Deployment" => deployment(object),
        "StatefulSet" => stateful_set(object),
        "DaemonSet" => daemon_set(object),
        "ReplicaSet" | "ReplicationController" => {
            let wanted = wanted(object);
            of(number(&object["status"]["readyReplicas"]), wanted, "ready")
        }
        "Job" => job(object),
        "Pod" => pod(object),
        "CustomResourceDefinition" => match condition(object, "NamesAccepted") {
            Some(accepted) if accepted["status"] == "False" => {
                Verdict::new(ObjectProgress::Failed, told(accepted))
            }
            _ => is_true(object, "Established", "established"),
        },
        "APIService" => is_true(object, "Available", "available"),
        _ => Verdict::ready("there"),
    }
}

fn deployment(object: &Value) -> Verdict {
    let status = &object["status"];
    if let Some(progress) = condition(object, "Progressing")
        && progress["reason"] == "ProgressDeadlineExceeded"
    {
        return Verdict::new(
            ObjectProgress::Failed,
            format!(
                "{} of {} ready, and no progress within its `progressDeadlineSeconds`",
                number(&status["availableReplicas"]),
                wanted(object)
            ),
        );
    }
    if let Some(failure) = condition(object, "ReplicaFailure")
        && failure["status"] == "True"
    {
        return Verdict::new(ObjectProgress::Troubled, told(failure));
    }
    if object["spec"]["paused"] == true {
        return Verdict::new(ObjectProgress::Troubled, "its rollout is paused");
    }
    let (wanted, updated) = (wanted(object), number(&status["updatedReplicas"]));
    if updated < wanted {
        return Verdict::waiting(format!("{updated} of {wanted} made"));
    }
    let all = number(&status["replicas"]);
    if all > updated {
        return Verdict::waiting(format!("{} old to end", all - updated));
    }
    of(number(&status["availableReplicas"]), wanted, "ready")
}

fn stateful_set(object: &Value) -> Verdict {
    let (status, wanted) = (&object["status"], wanted(object));
    let ready = number(&status["readyReplicas"]);
    let strategy = &object["spec"]["updateStrategy"];
    if ready < wanted {
        return of(ready, wanted, "ready");
    }
    let rolls = strategy["type"].as_str().is_none_or(|kind| kind == "RollingUpdate");
    let updated = number(&status["updatedReplicas"]);
    let new = wanted.saturating_sub(number(&strategy["rollingUpdate"]["partition"]));
    if rolls && status["updateRevision"] != status["currentRevision"] && updated < new {
        return Verdict::waiting(format!("{updated} of {new} made anew"));
    }
    of(ready, wanted, "ready")
}

fn daemon_set(object: &Value) -> Verdict {
    let status = &object["status"];
    let wanted = number(&status["desiredNumberScheduled"]);
    let updated = number(&status["updatedNumberScheduled"]);
    let rolls = object["spec"]["updateStrategy"]["type"] != "OnDelete";
    if rolls && updated < wanted {
        return Verdict::waiting(format!("{updated} of {wanted} made"));
    }
    of(number(&status["numberAvailable"]), wanted, "ready")
}

fn job(object: &Value) -> Verdict {
    let is = |name: &str| condition(object, name).filter(|found| found["status"] == "True");
    let succeeded = number(&object["status"]["succeeded"]);
    if is("Complete").is_some() {
        return Verdict::ready("done");
    }
    if let Some(failed) = is("Failed") {
        return Verdict::new(ObjectProgress::Failed, told(failed));
    }
    if object["spec"]["suspend"] == true {
        return Verdict::new(ObjectProgress::Troubled, "it is suspended");
    }
    let wanted = object["spec"]["completions"].as_u64().unwrap_or(1);
    Verdict::waiting(format!("{succeeded} of {wanted} done"))
}

fn pod(object: &Value) -> Verdict {
    match object["status"]["phase"].as_str() {
        Some("Succeeded") => Verdict::ready("done"),
        Some("Failed") => {
            let why = object["status"]["message"].as_str().or(object["status"]["reason"].as_str());
            Verdict::new(ObjectProgress::Failed, why.unwrap_or("its containers failed"))
        }
        _ => is_true(object, "Ready", "ready"),
    }
}

fn of(are: u64, wanted: u64, what: &str) -> Verdict {
    let detail = format!("{are} of {wanted} {what}");
    if are < wanted { Verdict::waiting(detail) } else { Verdict::ready(detail) }
}

fn is_true(object: &Value, name: &str, word: &str) -> Verdict {
    match condition(object, name) {
        Some(condition) if condition["status"] == "True" => Verdict::ready(word),
        _ => Verdict::waiting(format!("not {word}")),
    }
}

fn wanted(object: &Value) -> u64 {
    object["spec"]["replicas"].as_u64().unwrap_or(1)
}

pub(super) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Returns a condition of an object.
pub(super) fn condition<'o>(object: &'o Value, name: &str) -> Option<&'o Value> {
    object["status"]["conditions"].as_array()?.iter().find(|found| found["type"] == name)
}

/// What a condition says: its message, else its reason.
pub(super) fn told(condition: &Value) -> String {
    let reason = condition["reason"].as_str().unwrap_or_default();
    match condition["message"].as_str().filter(|message| !message.is_empty()) {
        Some(message) if reason.is_empty() => message.to_owned(),
        Some(message) => format!("{reason}: {message}"),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn says(object: Value) -> String {
        let Verdict { state, detail } = judge(&object);
        format!("{state}: {detail}")
    }

    fn deployment(status: Value) -> String {
        says(json!({
            "kind": "Deployment",
            "metadata": { "generation": 2 },
            "spec": { "replicas": 3 },
            "status": status,
        }))
    }

    #[test]
    fn a_deployment_is_ready_when_the_newest_of_it_is_and_nothing_else_is_left() {
        assert_eq!(
            deployment(
                json!({ "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 })
            ),
            "waiting: its controller has not seen it yet"
        );
        assert_eq!(deployment(json!({ "observedGeneration": 2 })), "waiting: 0 of 3 made");
        assert_eq!(
            deployment(
                json!({ "observedGeneration": 2, "replicas": 4, "updatedReplicas": 3, "availableReplicas": 4 })
            ),
            "waiting: 1 old to end"
        );
        assert_eq!(
            deployment(
                json!({ "observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 2 })
            ),
            "waiting: 2 of 3 ready"
        );
        assert_eq!(
            deployment(
                json!({ "observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3 })
            ),
            "ready: 3 of 3 ready"
        );
    }

    #[test]
    fn a_deployment_that_stands_still_has_failed_and_one_without_pods_is_in_trouble() {
        let late = json!({ "observedGeneration": 2, "conditions": [
            { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web\" has timed out progressing." },
        ] });
        assert_eq!(
            deployment(late),
            "failed: 0 of 3 ready, and no progress within its `progressDeadlineSeconds`"
        );
        let quota = json!({ "observedGeneration": 2, "conditions": [
            { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods \"web-1\" is forbidden: exceeded quota: pods" },
        ] });
        assert_eq!(
            deployment(quota),
            "in trouble: FailedCreate: pods \"web-1\" is forbidden: exceeded quota: pods"
        );
    }

    #[test]
    fn stateful_sets_and_daemon_sets_are_ready_when_all_are_new() {
        let set = |status: Value| {
            says(json!({
                "kind": "StatefulSet", "metadata": { "generation": 1 },
                "spec": { "replicas": 2, "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } } },
                "status": status,
            }))
        };
        let status = |updated: u64| {
            json!({
                "observedGeneration": 1, "readyReplicas": 2, "updatedReplicas": updated,
                "currentRevision": "a", "updateRevision": "b",
            })
        };
        assert_eq!(set(status(0)), "waiting: 0 of 1 made anew");
        assert_eq!(set(status(1)), "ready: 2 of 2 ready");
        let daemons = |available: u64| {
            says(json!({
                "kind": "DaemonSet", "metadata": { "generation": 1 }, "spec": {},
                "status": { "observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": available },
            }))
        };
        assert_eq!(daemons(1), "waiting: 1 of 2 ready");
        assert_eq!(daemons(2), "ready: 2 of 2 ready");
    }

    #[test]
    fn a_job_is_done_or_has_failed() {
        let job = |status: Value| {
            says(json!({ "kind": "Job", "spec": { "completions": 2 }, "status": status }))
        };
        assert_eq!(job(json!({ "succeeded": 1, "active": 1 })), "waiting: 1 of 2 done");
        assert_eq!(
            job(json!({ "conditions": [{ "type": "Complete", "status": "True" }] })),
            "ready: done"
        );
        let failed = json!({ "conditions": [{
            "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit",
        }] });
        assert_eq!(
            job(failed),
            "failed: BackoffLimitExceeded: Job has reached the specified backoff limit"
        );
    }

    #[test]
    fn pods_and_definitions_have_conditions() {
        let with = |kind: &str, name: &str, status: &str| {
            says(
                json!({ "kind": kind, "status": { "phase": "Running", "conditions": [{ "type": name, "status": status }] } }),
            )
        };
        assert_eq!(with("Pod", "Ready", "False"), "waiting: not ready");
        assert_eq!(with("Pod", "Ready", "True"), "ready: ready");
        assert_eq!(with("CustomResourceDefinition", "Established", "True"), "ready: established");
        assert_eq!(says(json!({ "kind": "CustomResourceDefinition" })), "waiting: not established");
        assert_eq!(says(json!({ "kind": "Service" })), "ready: there");
    }
}
