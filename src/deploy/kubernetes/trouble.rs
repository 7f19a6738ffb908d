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
