//! What keeps pods from getting ready, told from their states and from events.
//!
//! The reasons are those of the kubelet:
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/images/types.go>,
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/events/event.go>

use super::judge::{condition, number};
use serde_json::Value;

/// After how many restarts a container that ends again and again will not get ready: by then the
/// kubelet has waited 10 + 20 + 40 + 80 s in between.
const RESTARTS: u64 = 5;

/// Why an image is not there, in words of registries and of container engines; anything else may pass.
const NOT_THERE: [&str; 6] = [
    "not found",
    "manifest unknown",
    "name unknown",
    "does not exist",
    "no such image",
    "pull access denied",
];

/// Where the words of [`NOT_THERE`] are about a host and not about an image.
const HOST: [&str; 3] = ["no such host", "server misbehaving", "dial tcp"];

/// Something that keeps a pod from getting ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What.
    pub(super) text: String,
    /// True when it will not pass by itself.
    pub(super) hopeless: bool,
    /// The container whose log tells more.
    pub(super) log: Option<LogOf>,
}

/// Whose log tells more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogOf {
    pub(super) pod: String,
    pub(super) container: String,
    /// True when it is the log of the container before this one.
    pub(super) previous: bool,
}

impl Trouble {
    fn passing(text: impl Into<String>) -> Self {
        Self { text: text.into(), hopeless: false, log: None }
    }

    fn hopeless(text: impl Into<String>) -> Self {
        Self { text: text.into(), hopeless: true, log: None }
    }
}

/// Says what keeps a pod from getting ready, given the events that warn in its namespace.
pub(super) fn of_pod(pod: &Value, events: &[Value]) -> Option<Trouble> {
    if let Some(scheduled) = condition(pod, "PodScheduled")
        && scheduled["status"] == "False"
    {
        let why = scheduled["message"].as_str().or(scheduled["reason"].as_str());
        return Some(Trouble::passing(format!(
            "no node takes its pod: {}",
            why.unwrap_or("the scheduler does not say why")
        )));
    }
    let statuses = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(|part| pod["status"][part].as_array())
        .flatten();
    let mut found = statuses.filter_map(|status| of_container(pod, status, events));
    found.next().or_else(|| of_events(pod, events))
}

fn of_container(pod: &Value, status: &Value, events: &[Value]) -> Option<Trouble> {
    let name = status["name"].as_str().unwrap_or_default();
    let waiting = &status["state"]["waiting"];
    let message = waiting["message"].as_str().unwrap_or_default();
    let because = |start: String| match message {
        "" => start,
        message => format!("{start}: {message}"),
    };
    match waiting["reason"].as_str().unwrap_or_default() {
        "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" | "ImageInspectError" => {
            Some(unpulled(pod, status, message, events))
        }
        "InvalidImageName" => {
            Some(Trouble::hopeless(because("the image's name is invalid".into())))
        }
        "ErrImageNeverPull" => Some(Trouble::hopeless(because(format!(
            "the image `{}` is not on the node, and must not be pulled",
            image(pod, status)
        )))),
        "CreateContainerConfigError" => {
            Some(Trouble::hopeless(because(format!("the container `{name}` cannot be made"))))
        }
        "CreateContainerError" | "RunContainerError" | "StartError" => {
            Some(Trouble::passing(because(format!("the container `{name}` does not start"))))
        }
        "CrashLoopBackOff" => Some(crashed(pod, status, &status["lastState"]["terminated"], true)),
        _ => {
            let ended = &status["state"]["terminated"];
            let failed = ended.is_object() && number(&ended["exitCode"]) != 0;
            failed.then(|| crashed(pod, status, ended, false))
        }
    }
}

/// The image as the pod asks for it; the kubelet shows another name of it where it knows several.
fn image<'p>(pod: &'p Value, status: &'p Value) -> &'p str {
    let parts = ["initContainers", "containers"].into_iter();
    let mut containers = parts.filter_map(|part| pod["spec"][part].as_array()).flatten();
    let container = containers.find(|container| container["name"] == status["name"]);
    let asked = container.and_then(|container| container["image"].as_str());
    asked.or(status["image"].as_str()).unwrap_or_default()
}

fn unpulled(pod: &Value, status: &Value, message: &str, events: &[Value]) -> Trouble {
    let image = image(pod, status);
    // While the kubelet waits to try again, only the event says why it has to.
    let event = of_object(pod, events).filter(|event| event["reason"] == "Failed");
    let told = event.filter_map(|event| event["message"].as_str());
    let pulled = told.filter(|said| said.contains(image) && said.contains("pull")).last();
    let cause = match message {
        said if said.is_empty() || said.starts_with("Back-off") => pulled.unwrap_or(said),
        said => said,
    };
    let cause = tail_of(cause);
    let lower = cause.to_lowercase();
    let host = HOST.iter().any(|word| lower.contains(word));
    let hopeless = !host && NOT_THERE.iter().any(|word| lower.contains(word));
    let text = format!("the image `{image}` cannot be pulled: {cause}");
    Trouble { text, hopeless, log: None }
}

/// Takes from what the kubelet says the layers that say nothing.
fn tail_of(said: &str) -> &str {
    let at = said.find(" desc = ").map_or(0, |at| at + " desc = ".len());
    said[at..].trim_start_matches("Error response from daemon: ").trim()
}

fn crashed(pod: &Value, status: &Value, ended: &Value, previous: bool) -> Trouble {
    let name = status["name"].as_str().unwrap_or_default();
    let restarts = number(&status["restartCount"]);
    let how = match (ended["reason"].as_str(), number(&ended["exitCode"])) {
        (Some("OOMKilled"), _) => "it takes more memory than its limit".to_owned(),
        (_, code) => format!("exit code {code}"),
    };
    let again = match restarts {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        more => format!(", restarted {more} times"),
    };
    let log = LogOf {
        pod: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        container: name.to_owned(),
        previous: previous && restarts > 0,
    };
    Trouble {
        text: format!("the container `{name}` ends: {how}{again}"),
        hopeless: restarts >= RESTARTS,
        log: Some(log),
    }
}

/// What the newest event says that keeps a pod from getting ready.
fn of_events(pod: &Value, events: &[Value]) -> Option<Trouble> {
    let telling = of_object(pod, events).filter_map(|event| {
        let said = event["message"].as_str().unwrap_or_default().trim();
        match event["reason"].as_str()? {
            // Such as `Readiness probe failed: …`.
            "Unhealthy" => Some(Trouble::passing(said)),
            "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" => {
                Some(Trouble::passing(format!("a volume cannot be mounted: {said}")))
            }
            "FailedCreatePodSandBox" | "NetworkNotReady" => {
                Some(Trouble::passing(format!("its pod gets no network: {said}")))
            }
            _ => None,
        }
    });
    telling.last()
}

/// Says why a controller makes no pods.
pub(super) fn of_controller(controller: &Value, events: &[Value]) -> Option<Trouble> {
    let failed = of_object(controller, events).filter(|event| event["reason"] == "FailedCreate");
    let said = failed.filter_map(|event| event["message"].as_str()).last()?;
    Some(Trouble::passing(format!("its pods are refused: {}", said.trim())))
}

/// The events of one object, oldest first.
fn of_object<'e>(object: &'e Value, events: &'e [Value]) -> impl Iterator<Item = &'e Value> {
    let uid = &object["metadata"]["uid"];
    let mut of: Vec<&Value> =
        events.iter().filter(|event| event["involvedObject"]["uid"] == *uid).collect();
    of.sort_by_key(|event| time(event));
    of.into_iter()
}

/// When an event was seen last, as RFC 3339 in UTC, which sorts as text.
fn time(event: &Value) -> &str {
    let times =
        [&event["lastTimestamp"], &event["series"]["lastObservedTime"], &event["eventTime"]];
    times.into_iter().find_map(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A pod of one container in the state that is given, as Kubernetes writes it.
    fn pod(status: Value) -> Value {
        let mut status = status;
        status["name"] = "web".into();
        status["image"] = "seoul/web:1".into();
        json!({
            "metadata": { "name": "web-1", "uid": "pod" },
            "spec": { "containers": [{ "name": "web", "image": "seoul/web:1" }] },
            "status": { "phase": "Pending", "containerStatuses": [status] },
        })
    }

    fn waiting(reason: &str, message: &str) -> Value {
        let mut waiting = json!({ "reason": reason });
        if !message.is_empty() {
            waiting["message"] = message.into();
        }
        pod(json!({ "state": { "waiting": waiting } }))
    }

    fn event(reason: &str, message: &str, at: &str) -> Value {
        json!({
            "involvedObject": { "uid": "pod" }, "reason": reason, "message": message,
            "lastTimestamp": at, "type": "Warning",
        })
    }

    fn said(pod: &Value, events: &[Value]) -> String {
        let found = of_pod(pod, events).unwrap();
        format!("{}{}", if found.hopeless { "hopeless: " } else { "" }, found.text)
    }

    #[test]
    fn an_image_that_is_not_there_is_hopeless_and_a_registry_that_does_not_answer_may_pass() {
        // Docker, containerd, and what the kubelet says between two tries.
        let docker = waiting(
            "ErrImagePull",
            "rpc error: code = Unknown desc = Error response from daemon: manifest for seoul/web:1 not found: manifest unknown: manifest unknown",
        );
        assert_eq!(
            said(&docker, &[]),
            "hopeless: the image `seoul/web:1` cannot be pulled: manifest for seoul/web:1 not found: manifest unknown: manifest unknown"
        );
        let containerd = waiting(
            "ErrImagePull",
            r#"rpc error: code = NotFound desc = failed to pull and unpack image "seoul/web:1": failed to resolve reference "seoul/web:1": seoul/web:1: not found"#,
        );
        assert!(of_pod(&containerd, &[]).unwrap().hopeless);

        let again = waiting("ImagePullBackOff", r#"Back-off pulling image "seoul/web:1""#);
        let events = [
            event("Failed", "Error: ErrImagePull", "2026-01-01T00:00:03Z"),
            event(
                "Failed",
                r#"Failed to pull image "seoul/web:1": rpc error: code = Unknown desc = Error response from daemon: Get http://seoul/v2/: dial tcp: lookup seoul: no such host"#,
                "2026-01-01T00:00:02Z",
            ),
        ];
        assert_eq!(
            said(&again, &events),
            "the image `seoul/web:1` cannot be pulled: Get http://seoul/v2/: dial tcp: lookup seoul: no such host"
        );
        for passing in
            ["i/o timeout", "net/http: TLS handshake timeout", "unexpected status code 503"]
        {
            assert!(!of_pod(&waiting("ErrImagePull", passing), &[]).unwrap().hopeless, "{passing}");
        }
    }

    #[test]
    fn what_cannot_be_made_is_hopeless() {
        assert_eq!(
            said(&waiting("CreateContainerConfigError", r#"secret "db" not found"#), &[]),
            r#"hopeless: the container `web` cannot be made: secret "db" not found"#
        );
        assert_eq!(
            said(&waiting("InvalidImageName", "invalid reference format"), &[]),
            "hopeless: the image's name is invalid: invalid reference format"
        );
        assert_eq!(
            said(&waiting("ErrImageNeverPull", ""), &[]),
            "hopeless: the image `seoul/web:1` is not on the node, and must not be pulled"
        );
        assert_eq!(
            said(&waiting("CreateContainerError", "no command specified"), &[]),
            "the container `web` does not start: no command specified"
        );
    }

    #[test]
    fn a_container_that_ends_again_and_again_is_hopeless_in_the_end() {
        let crash = |restarts: u64, ended: Value| {
            pod(json!({
                "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                "lastState": { "terminated": ended },
                "restartCount": restarts,
            }))
        };
        let found = of_pod(&crash(2, json!({ "exitCode": 3, "reason": "Error" })), &[]).unwrap();
        assert_eq!(found.text, "the container `web` ends: exit code 3, restarted 2 times");
        let log = LogOf { pod: "web-1".into(), container: "web".into(), previous: true };
        assert_eq!((found.hopeless, found.log), (false, Some(log)));
        assert_eq!(
            said(&crash(5, json!({ "exitCode": 137, "reason": "OOMKilled" })), &[]),
            "hopeless: the container `web` ends: it takes more memory than its limit, restarted 5 times"
        );
        let done =
            pod(json!({ "state": { "terminated": { "exitCode": 0, "reason": "Completed" } } }));
        assert_eq!(of_pod(&done, &[]), None);
    }

    #[test]
    fn events_tell_of_probes_and_volumes_and_the_newest_counts() {
        let running = pod(json!({ "state": { "running": {} } }));
        let events = [
            event(
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
                "2026-01-01T00:00:09Z",
            ),
            event(
                "FailedMount",
                "MountVolume.SetUp failed for volume \"s\" : configmap \"s\" not found",
                "2026-01-01T00:00:01Z",
            ),
        ];
        assert_eq!(
            said(&running, &events),
            "Readiness probe failed: HTTP probe failed with statuscode: 503"
        );
        assert!(said(&running, &events[1..]).starts_with("a volume cannot be mounted: "));
        let mut of_another = events[0].clone();
        of_another["involvedObject"]["uid"] = "earlier".into();
        assert_eq!(of_pod(&running, &[of_another]), None);
    }

    #[test]
    fn a_pod_that_no_node_takes_and_pods_that_are_refused_are_told() {
        let unscheduled = json!({ "metadata": {}, "status": { "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient cpu.",
        }] } });
        assert_eq!(
            said(&unscheduled, &[]),
            "no node takes its pod: 0/1 nodes are available: 1 Insufficient cpu."
        );
        let set = json!({ "metadata": { "uid": "pod" } });
        let events = [event(
            "FailedCreate",
            "pods \"web-1\" is forbidden: exceeded quota: pods",
            "2026-01-01T00:00:01Z",
        )];
        let refused = of_controller(&set, &events).unwrap();
        assert_eq!(
            refused.text,
            "its pods are refused: pods \"web-1\" is forbidden: exceeded quota: pods"
        );
    }
}
