//! Pods of a Kubernetes cluster.

use super::{
    fleet::{Fleet, FleetError, Member},
    tool::{Tool, text},
};
use async_trait::async_trait;
use serde_json::Value;

/// Pods that a selector picks.
///
/// One is healthy when it runs, is ready, and is not being deleted. Pods that have ended, as those of
/// jobs and those that were evicted, are no members.
pub struct Kubernetes {
    tool: Tool,
    label: String,
    place: Vec<String>,
}

impl Kubernetes {
    /// Takes the pods that `kubectl -l LABEL` shows in a namespace of a cluster.
    ///
    /// # Errors
    ///
    /// [`FleetError`], when nothing can be kept.
    pub fn new(
        label: &str,
        namespace: Option<&str>,
        context: Option<&str>,
    ) -> Result<Self, FleetError> {
        if label.trim().is_empty() {
            return Err(FleetError::Selector(
                "the selector is empty, which picks every pod".to_owned(),
            ));
        }
        let install = "Install `kubectl`: https://kubernetes.io/docs/tasks/tools/";
        let tool = Tool::new("kubectl", install, &[])?;
        let place = [("--namespace", namespace), ("--context", context)];
        let place = place
            .iter()
            .filter_map(|(flag, value)| Some([(*flag).to_owned(), (*value)?.to_owned()]));
        let place = place.flatten().chain(["--request-timeout=20s".to_owned()]).collect();
        Ok(Self { tool, label: label.to_owned(), place })
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        args.iter().copied().chain(self.place.iter().map(String::as_str)).collect()
    }
}

#[async_trait]
impl Fleet for Kubernetes {
    async fn members(&self) -> Result<Vec<Member>, FleetError> {
        let args = self.args(&["get", "pods", "--selector", &self.label, "--output", "json"]);
        let answer = self.tool.json(&args).await?;
        let Some(pods) = answer.get("items").and_then(Value::as_array) else {
            return Err(self.tool.unreadable(&args, "no list of pods"));
        };
        let mut members: Vec<Member> = pods.iter().filter_map(member).collect();
        members.sort();
        Ok(members)
    }

    /// Deletes the pod with a grace of one second, the shortest with which the cluster still makes sure
    /// that it is gone: one deleted with `--force` may run on beside its replacement.
    async fn kill(&self, victim: &Member) -> Result<(), FleetError> {
        let args = self.args(&["delete", "pod", &victim.name, "--grace-period=1", "--wait=false"]);
        self.tool.run(&args).await.map(drop)
    }
}

fn member(pod: &Value) -> Option<Member> {
    let (uid, phase) = (text(pod, "/metadata/uid"), text(pod, "/status/phase"));
    if matches!(phase, "Succeeded" | "Failed") {
        return None;
    }
    let list = |pointer: &str| pod.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let leaves = pod.pointer("/metadata/deletionTimestamp").is_some();
    let is_ready = list("/status/conditions").any(|condition| {
        text(condition, "/type") == "Ready" && text(condition, "/status") == "True"
    });
    let restarts: u64 = list("/status/containerStatuses")
        .filter_map(|container| container.get("restartCount")?.as_u64())
        .sum();
    let state = match (leaves, phase, is_ready) {
        (true, ..) => "Terminating".to_owned(),
        (false, "Running", false) => "Running, not ready".to_owned(),
        (false, phase, _) => phase.to_owned(),
    };
    Some(Member {
        name: text(pod, "/metadata/name").to_owned(),
        id: uid.to_owned(),
        start: format!("{uid} {restarts}"),
        healthy: !leaves && phase == "Running" && is_ready,
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(phase: &str, ready: &str, restarts: u64) -> Value {
        json!({
            "metadata": {"name": "web-7f-abc", "uid": "u1"},
            "status": {
                "phase": phase,
                "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": ready}],
                "containerStatuses": [{"restartCount": restarts}, {"restartCount": 1}],
            },
        })
    }

    #[test]
    fn one_is_healthy_when_it_runs_and_is_ready() {
        let mut leaves = pod("Running", "True", 0);
        leaves["metadata"]["deletionTimestamp"] = json!("2026-03-13T10:00:00Z");
        let pods = [
            pod("Running", "True", 0),
            pod("Running", "False", 0),
            pod("Pending", "False", 0),
            leaves,
            json!({"metadata": {"name": "web"}}),
        ];
        let said: Vec<String> = pods
            .iter()
            .map(|pod| member(pod).unwrap())
            .map(|m| format!("{} {}", m.healthy, m.state).trim_end().to_owned())
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        true Running
        false Running, not ready
        false Pending
        false Terminating
        false
        ");
        assert_eq!(member(&pod("Failed", "False", 0)), None, "one that was evicted");
    }

    #[test]
    fn a_container_that_was_restarted_makes_it_another_start() {
        let start = |restarts| member(&pod("Running", "True", restarts)).unwrap().start;
        assert_eq!((start(0), start(3)), ("u1 1".to_owned(), "u1 4".to_owned()));
    }
}
