//! What an engine says of a container, and what that means.

use super::fault::Fault;
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// How long a container that has no health check must have run to count as up.
const SETTLED: Duration = Duration::from_millis(500);

/// How long one must have run that was started again, which it may be once more.
const SETTLED_AGAIN: Duration = Duration::from_secs(5);

/// How often one may be started again by its engine. It waits longer each time, 0.1s at first and twice
/// as long each time, so this is half a minute at the least.
const STARTS: u64 = 8;

/// The most that is told of what a health check said, in characters.
const TOLD: usize = 200;

/// What `docker inspect` says of a container, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspected {
    pub(super) id: String,
    pub(super) name: String,
    /// The identity of its image.
    pub(super) image: String,
    pub(super) state: State,
    #[serde(default)]
    pub(super) restart_count: u64,
    config: Config,
    host_config: HostConfig,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct State {
    pub(super) status: String,
    exit_code: i64,
    #[serde(default)]
    error: String,
    #[serde(default, rename = "OOMKilled")]
    oom_killed: bool,
    started_at: String,
    health: Option<HealthState>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthState {
    status: String,
    #[serde(default)]
    failing_streak: u64,
    log: Option<Vec<Check>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(default)]
    output: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    restart_policy: RestartPolicy,
    #[serde(default)]
    auto_remove: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    #[serde(default)]
    name: String,
    #[serde(default)]
    maximum_retry_count: u64,
}

/// What is to be made of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Waiting(String),
    Troubled(String),
    Ready(String),
    Failed(Fault),
}

/// Reads what `docker inspect` printed.
pub(super) fn read(text: &str) -> Result<Vec<Inspected>, serde_json::Error> {
    serde_json::from_str(text)
}

impl Inspected {
    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    pub(super) fn started_at(&self) -> &str {
        &self.state.started_at
    }

    pub(super) fn runs(&self) -> bool {
        self.state.status == "running"
    }

    /// True when it runs, and its health check, if it has one, does not say otherwise.
    pub(super) fn is_well(&self) -> bool {
        self.runs() && self.state.health.as_ref().is_none_or(|health| health.status != "unhealthy")
    }

    /// True when its engine removes it once it has ended, so that it cannot be set aside.
    pub(super) fn is_fleeting(&self) -> bool {
        self.host_config.auto_remove
    }

    /// Returns its restart policy as the command line has it.
    pub(super) fn restart(&self) -> String {
        let policy = &self.host_config.restart_policy;
        match (policy.name.as_str(), policy.maximum_retry_count) {
            ("", _) => "no".to_owned(),
            (name, 0) => name.to_owned(),
            (name, times) => format!("{name}:{times}"),
        }
    }

    /// Says what is to be made of it, when it runs for `running`, which is not by the engine's clock,
    /// and its engine had started it `starts` times when it was seen first.
    ///
    /// `may_end` is so for one that does something once: then it is ready when that went well.
    pub(super) fn judge(&self, running: Duration, starts: u64, may_end: bool) -> Verdict {
        let again = self.restart_count.saturating_sub(starts);
        let code = self.state.exit_code;
        match self.state.status.as_str() {
            "running" => self.judge_running(running, again),
            "restarting" if again >= STARTS => Verdict::Failed(Fault::Loops { times: again, code }),
            "restarting" => {
                Verdict::Troubled(format!("it ended with exit code {code} and is started again"))
            }
            "exited" | "dead" if may_end && code == 0 && self.is_done_once() => {
                Verdict::Ready("done, with exit code 0".to_owned())
            }
            "exited" | "dead" => Verdict::Failed(Fault::Ended {
                code,
                memory: self.state.oom_killed,
                why: self.state.error.clone(),
            }),
            "paused" => Verdict::Troubled("it is paused".to_owned()),
            status => Verdict::Waiting(format!("it is {status}")),
        }
    }

    fn is_done_once(&self) -> bool {
        matches!(self.host_config.restart_policy.name.as_str(), "" | "no" | "on-failure")
    }

    fn judge_running(&self, running: Duration, again: u64) -> Verdict {
        let Some(health) = &self.state.health else {
            let settled = if again > 0 { SETTLED_AGAIN } else { SETTLED };
            return match running >= settled {
                true => Verdict::Ready("it runs".to_owned()),
                false => Verdict::Waiting("it runs, for now".to_owned()),
            };
        };
        let said = || {
            let last = health.log.as_ref().and_then(|log| log.last());
            let line = last.map_or("", |check| check.output.as_str()).trim();
            let plain = |c: char| if c.is_control() { ' ' } else { c };
            line.chars().map(plain).take(TOLD).collect::<String>()
        };
        match health.status.as_str() {
            "healthy" => Verdict::Ready("it is healthy".to_owned()),
            "unhealthy" => Verdict::Failed(Fault::Unhealthy { said: said() }),
            _ if health.failing_streak > 0 => {
                Verdict::Troubled(format!("its health check does not pass: {}", said()))
            }
            _ => Verdict::Waiting("it runs, and its health check has not passed yet".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const LONG: Duration = Duration::from_secs(60);

    fn container(state: Value, restart: &str, restarts: u64) -> Inspected {
        let mut all = json!({
            "Id": "1", "Name": "/web", "Image": "sha256:1", "RestartCount": restarts,
            "State": {"Status": "running", "ExitCode": 0, "Error": "", "OOMKilled": false,
                      "StartedAt": "2026-03-14T02:59:07Z"},
            "Config": {"Labels": null},
            "HostConfig": {"RestartPolicy": {"Name": restart, "MaximumRetryCount": 0}},
        });
        for (name, value) in state.as_object().unwrap() {
            all["State"][name] = value.clone();
        }
        read(&json!([all]).to_string()).unwrap().remove(0)
    }

    fn health(status: &str, streak: u64, output: &str) -> Value {
        json!({"Health": {"Status": status, "FailingStreak": streak, "Log": [{"Output": output}]}})
    }

    #[test]
    fn what_a_container_is_decides_what_it_counts_as() {
        let now = Duration::ZERO;
        let cases = [
            ("created", container(json!({"Status": "created"}), "no", 0), now, false),
            ("young", container(json!({}), "no", 0), now, false),
            ("old", container(json!({}), "no", 0), LONG, false),
            ("restarted", container(json!({}), "always", 2), Duration::from_secs(1), false),
            ("starting", container(health("starting", 0, ""), "no", 0), LONG, false),
            ("failing", container(health("starting", 2, "refused\n"), "no", 0), LONG, false),
            ("healthy", container(health("healthy", 0, "ok"), "no", 0), now, false),
            ("unhealthy", container(health("unhealthy", 3, "503\n\u{1b}"), "no", 0), LONG, false),
            ("exited", container(json!({"Status": "exited", "ExitCode": 3}), "no", 0), now, true),
            ("done", container(json!({"Status": "exited"}), "no", 0), now, true),
            ("ended", container(json!({"Status": "exited"}), "no", 0), now, false),
            (
                "memory",
                container(json!({"Status": "exited", "ExitCode": 137, "OOMKilled": true}), "no", 0),
                now,
                false,
            ),
            (
                "again",
                container(json!({"Status": "restarting", "ExitCode": 1}), "always", 3),
                now,
                false,
            ),
            (
                "loops",
                container(json!({"Status": "restarting", "ExitCode": 1}), "always", 8),
                now,
                false,
            ),
        ];
        let said = cases.map(|(name, container, running, may_end)| {
            format!("{name}: {:?}", container.judge(running, 0, may_end))
        });
        insta::assert_snapshot!(said.join("\n"), @r#"
        created: Waiting("it is created")
        young: Waiting("it runs, for now")
        old: Ready("it runs")
        restarted: Waiting("it runs, for now")
        starting: Waiting("it runs, and its health check has not passed yet")
        failing: Troubled("its health check does not pass: refused")
        healthy: Ready("it is healthy")
        unhealthy: Failed(Unhealthy { said: "503  " })
        exited: Failed(Ended { code: 3, memory: false, why: "" })
        done: Ready("done, with exit code 0")
        ended: Failed(Ended { code: 0, memory: false, why: "" })
        memory: Failed(Ended { code: 137, memory: true, why: "" })
        again: Troubled("it ended with exit code 1 and is started again")
        loops: Failed(Loops { times: 8, code: 1 })
        "#);
    }
}
