//! Containers of a Docker engine.

use super::{
    fleet::{Fleet, FleetError, Member},
    tool::{Tool, key_and_value, text},
};
use async_trait::async_trait;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use std::fs;

/// Containers with a label.
///
/// One is healthy when it runs and its health check, if it has one, passes. The processes of past
/// tasks, which a swarm keeps, are no members.
///
/// `docker kill` counts as a stop by hand: no restart policy brings a container back after that. A
/// crash is when its process is killed from outside, so that is done: from here, where this machine is
/// the engine's and permits it, else from a container beside it that shares the machine's processes.
pub struct Docker {
    tool: Tool,
    label: String,
    context: Option<String>,
}

impl Docker {
    /// Takes the containers with the label `key=value`.
    ///
    /// # Errors
    ///
    /// [`FleetError`], when the label is none or nothing can be kept.
    pub fn new(label: &str, context: Option<&str>) -> Result<Self, FleetError> {
        key_and_value("label", label)?;
        let install = "Install the command line of Docker (Debian: `apt-get install docker.io`)";
        let tool = Tool::new("docker", install, &[])?;
        Ok(Self { tool, label: label.to_owned(), context: context.map(str::to_owned) })
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        let context = self.context.as_deref().map(|context| ["--context", context]);
        context.iter().flatten().chain(args).copied().collect()
    }

    async fn inspect(&self, ids: &[&str]) -> Result<Vec<Value>, FleetError> {
        let args = self.args(&[&["inspect", "--type", "container"], ids].concat());
        match self.tool.json(&args).await? {
            Value::Array(containers) => Ok(containers),
            _ => Err(self.tool.unreadable(&args, "no list of containers")),
        }
    }

    /// Kills a process from a container of the same image that sees all processes of the machine.
    async fn kill_beside(&self, image: &str, id: &str, pid: i32) -> Result<(), FleetError> {
        // A label of the image would make it a member of the group itself.
        let (key, _) = key_and_value("label", &self.label)?;
        let unlabelled = format!("{key}=");
        let script = format!(
            "while read -r line; do case $line in *{id}*) kill -9 {pid}; exit;; esac; done < /proc/{pid}/cgroup; exit 3"
        );
        let args = self.args(&[
            "run",
            "--rm",
            "--pid",
            "host",
            "--network",
            "none",
            "--userns",
            "host",
            "--user",
            "0",
            "--no-healthcheck",
            "--label",
            &unlabelled,
            "--entrypoint",
            "/bin/sh",
            image,
            "-c",
            &script,
        ]);
        self.tool.run(&args).await.map(drop)
    }
}

#[async_trait]
impl Fleet for Docker {
    async fn members(&self) -> Result<Vec<Member>, FleetError> {
        let filter = format!("label={}", self.label);
        let args = self.args(&["ps", "--all", "--no-trunc", "--quiet", "--filter", &filter]);
        let listed = self.tool.run(&args).await?;
        let ids: Vec<&str> = listed.lines().map(str::trim).filter(|id| !id.is_empty()).collect();
        if ids.iter().any(|id| !is_id(id)) {
            return Err(self.tool.unreadable(&args, "no list of ids"));
        }
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut members: Vec<Member> =
            self.inspect(&ids).await?.iter().filter_map(member).collect();
        members.sort();
        Ok(members)
    }

    async fn kill(&self, victim: &Member) -> Result<(), FleetError> {
        let changed = || FleetError::Changed(victim.name.clone());
        let containers = self.inspect(&[&victim.id]).await?;
        let container = containers.first().ok_or_else(changed)?;
        let is_as_before =
            member(container).is_some_and(|now| now.start == victim.start && now.healthy);
        let pid = container
            .pointer("/State/Pid")
            .and_then(Value::as_i64)
            .and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.filter(|pid| *pid > 1 && is_as_before).ok_or_else(changed)?;
        if is_of(pid, &victim.id) {
            match kill(Pid::from_raw(pid), Signal::SIGKILL) {
                Ok(()) => return Ok(()),
                Err(Errno::ESRCH) => return Err(changed()),
                // Not ours to kill; the engine may.
                Err(_) => {}
            }
        }
        self.kill_beside(text(container, "/Image"), &victim.id, pid).await.map_err(|source| {
            match source {
                source @ FleetError::Ran { .. } => {
                    FleetError::OutOfReach { name: victim.name.clone(), source: Box::new(source) }
                }
                other => other,
            }
        })
    }
}

fn is_id(word: &str) -> bool {
    word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a process of this machine is one of the container: a number alone may be of another machine.
fn is_of(pid: i32, id: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(id))
}

fn member(container: &Value) -> Option<Member> {
    let state = container.get("State")?;
    let is = |name: &str| state.get(name).and_then(Value::as_bool).unwrap_or(false);
    let is_past = container.pointer("/Config/Labels/com.docker.swarm.task.id").is_some();
    if is_past && !is("Running") {
        return None;
    }
    let id = text(container, "/Id").to_owned();
    let (status, health) = (text(state, "/Status"), text(state, "/Health/Status"));
    let is_checked = !health.is_empty() && health != "none";
    let runs = is("Running") && !is("Restarting") && !is("Paused");
    Some(Member {
        name: text(container, "/Name").trim_start_matches('/').to_owned(),
        start: format!("{id} {}", text(state, "/StartedAt")),
        healthy: runs && (!is_checked || health == "healthy") && is_id(&id),
        state: if is_checked && is("Running") {
            format!("{status}, {health}")
        } else {
            status.to_owned()
        },
        id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container(state: &Value) -> Value {
        json!({
            "Id": "a".repeat(64), "Name": "/web-1", "Image": "sha256:1",
            "State": state, "Config": {"Labels": {"app": "web"}},
        })
    }

    #[test]
    fn one_is_healthy_when_it_runs_and_its_check_passes() {
        let cases = [
            json!({"Status": "running", "Running": true, "StartedAt": "1"}),
            json!({"Status": "running", "Running": true, "Health": {"Status": "healthy"}}),
            json!({"Status": "running", "Running": true, "Health": {"Status": "starting"}}),
            json!({"Status": "restarting", "Running": true, "Restarting": true}),
            json!({"Status": "paused", "Running": true, "Paused": true}),
            json!({"Status": "exited", "Running": false, "Health": {"Status": "unhealthy"}}),
            json!({}),
        ];
        let said: Vec<String> = cases
            .iter()
            .map(|state| member(&container(state)).unwrap())
            .map(|m| format!("{} {} {}", m.name, m.healthy, m.state).trim_end().to_owned())
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        web-1 true running
        web-1 true running, healthy
        web-1 false running, starting
        web-1 false restarting
        web-1 false paused
        web-1 false exited
        web-1 false
        ");
    }

    #[test]
    fn a_start_is_told_from_the_one_before_it_and_a_past_task_is_nobody() {
        let at =
            |time: &str| member(&container(&json!({"Running": true, "StartedAt": time}))).unwrap();
        assert_ne!(at("2026-03-13T10:00:00Z").start, at("2026-03-13T10:00:01Z").start);
        let mut past = container(&json!({"Status": "exited"}));
        past["Config"]["Labels"]["com.docker.swarm.task.id"] = json!("x");
        assert_eq!(member(&past), None);
    }

    #[test]
    fn a_process_that_is_not_of_the_container_is_not_touched() {
        assert!(!is_of(1, &"a".repeat(64)) && !is_of(i32::MAX, &"a".repeat(64)));
    }
}
