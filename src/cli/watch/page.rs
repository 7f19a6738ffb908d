//! What a watch answers over HTTP: metrics, its health, its state, and the page behind a link.

use super::{approval, case::Answer, memory::Place};
use crate::{
    format::openmetrics::{Family, Sample, to_text},
    model::run::RunId,
    web::{Handler, Request, Response},
};
use askama::Template;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::{Duration, Instant};

/// Without a look for so long the watch is not well.
const STALE: Duration = Duration::from_secs(15);

/// What is known of the watch at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) service: String,
    pub(super) region: String,
    pub(super) primary: Option<String>,
    pub(super) probes: Vec<ProbeState>,
    /// The outage that goes on: its name, when it began and was detected (seconds since 1970).
    pub(super) outage: Option<(RunId, f64, f64, &'static str)>,
    pub(super) cut_off: bool,
    pub(super) primary_down: bool,
    pub(super) fallback_down: bool,
    /// How long the newest outage took to be detected, in seconds.
    pub(super) detection: Option<f64>,
    pub(super) outages: u64,
    pub(super) notices_waiting: usize,
    /// The question that is open.
    pub(super) question: Option<Question>,
    /// The failover that was begun last, and how it ended.
    pub(super) failover: Option<(RunId, Option<String>)>,
}

/// How one probe stands.
#[derive(Clone, Debug)]
pub(super) struct ProbeState {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) up: Option<bool>,
    pub(super) flapping: bool,
    pub(super) why: String,
    pub(super) answers: u64,
}

/// A question that is open.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) outage: RunId,
    pub(super) digest: String,
    pub(super) commit: String,
    pub(super) token: String,
    pub(super) began: String,
    pub(super) until: String,
}

/// Answers for a watch.
pub(super) struct Pages {
    place: Place,
    shown: Mutex<(Instant, Snapshot)>,
}

#[derive(Template)]
#[template(path = "approve.html", config = "src/cli/watch/askama.toml")]
struct Page<'a> {
    service: &'a str,
    region: &'a str,
    question: Option<&'a Question>,
    said: &'a str,
}

impl Pages {
    pub(super) fn new(place: Place, snapshot: Snapshot) -> Self {
        Self { place, shown: Mutex::new((Instant::now(), snapshot)) }
    }

    /// Shows what is known now, and that the watch is well.
    pub(super) fn show(&self, snapshot: Snapshot) {
        *self.lock() = (Instant::now(), snapshot);
    }

    fn lock(&self) -> MutexGuard<'_, (Instant, Snapshot)> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn health(&self, looked: Instant, snapshot: &Snapshot) -> Response {
        let since = looked.elapsed();
        if since > STALE {
            return Response::text(503, format!("no look for {} s\n", since.as_secs()));
        }
        match snapshot.cut_off {
            true => Response::text(200, "cut off\n"),
            false => Response::text(200, "ok\n"),
        }
    }

    /// The page behind a link. Looking at it does nothing: those who preview links do that, too.
    fn approve(&self, request: &Request, snapshot: &Snapshot) -> Response {
        let form = if request.method == "POST" { &request.body } else { &request.query };
        let field = |name: &str| {
            form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let right = |question: &&Question| {
            field("token").is_some_and(|token| approval::is_right(token, &question.token))
        };
        let Some(question) = snapshot.question.as_ref().filter(right) else {
            return self.page(
                410,
                snapshot,
                None,
                "This link is no longer good: it was used, its time is over, or so is the outage.",
            );
        };
        if request.method != "POST" {
            return self.page(200, snapshot, Some(question), "");
        }
        let yes = match field("answer") {
            Some("yes") => true,
            Some("no") => false,
            _ => return self.page(400, snapshot, Some(question), "Say yes or no."),
        };
        let answer = Answer { yes, by: "a link".to_owned() };
        match approval::give(&self.place, &question.outage, &question.digest, answer) {
            Ok(true) if yes => self.page(200, snapshot, None, "Approved. The failover begins."),
            Ok(true) => {
                self.page(200, snapshot, None, "Denied. Nothing is failed over for this outage.")
            }
            Ok(false) => self.page(409, snapshot, None, "Somebody answered before."),
            Err(error) => self.page(
                500,
                snapshot,
                Some(question),
                &format!("The answer could not be kept: {error}"),
            ),
        }
    }

    fn page(
        &self,
        status: u16,
        snapshot: &Snapshot,
        question: Option<&Question>,
        said: &str,
    ) -> Response {
        let page = Page { service: &snapshot.service, region: &snapshot.region, question, said };
        match page.render() {
            Ok(body) => Response { status, content_type: "text/html; charset=utf-8", body },
            Err(error) => Response::text(500, format!("{error}\n")),
        }
    }
}

impl Handler for Pages {
    fn answer(&self, request: &Request) -> Response {
        let (looked, snapshot) = self.lock().clone();
        match (request.method.as_str(), request.path.as_str()) {
            ("GET" | "HEAD", "/healthz") => self.health(looked, &snapshot),
            ("GET", "/metrics") => Response {
                status: 200,
                content_type: "application/openmetrics-text; version=1.0.0; charset=utf-8",
                body: to_text(&metrics(&snapshot)),
            },
            ("GET", "/status") => Response {
                status: 200,
                content_type: "application/json",
                body: format!("{:#}\n", snapshot.json()),
            },
            ("GET" | "POST", "/approve") => self.approve(request, &snapshot),
            (_, "/healthz" | "/metrics" | "/status" | "/approve") => {
                Response::text(405, "this cannot be done here\n")
            }
            _ => Response::text(404, "there are /healthz, /metrics, /status and /approve\n"),
        }
    }
}

impl Snapshot {
    /// Returns what may be shown to whoever asks: no token.
    pub(super) fn json(&self) -> Value {
        let probes: Vec<Value> = self
            .probes
            .iter()
            .map(|probe| {
                json!({
                    "name": probe.name,
                    "role": probe.role,
                    "up": probe.up,
                    "flapping": probe.flapping,
                    "why": probe.why,
                })
            })
            .collect();
        let outage = self.outage.as_ref().map(|(id, began, detected, scope)| {
            json!({ "id": id, "began": began, "detected": detected, "scope": scope })
        });
        json!({
            "service": self.service,
            "region": self.region,
            "primary": self.primary,
            "outage": outage,
            "cut_off": self.cut_off,
            "primary_down": self.primary_down,
            "fallback_down": self.fallback_down,
            "waits_for_approval": self.question.is_some(),
            "failover": self.failover.as_ref().map(|(run, ended)| json!({ "run": run, "ended": ended })),
            "probes": probes,
        })
    }
}

fn metrics(of: &Snapshot) -> Vec<Family> {
    let service = || ("service", of.service.clone());
    let one = |name, help, unit, value: f64| Family {
        name,
        help,
        unit,
        samples: vec![Sample { labels: vec![service()], value }],
    };
    let flag = |is: bool| f64::from(u8::from(is));
    let probes = |name, help, value: &dyn Fn(&ProbeState) -> Option<f64>| Family {
        name,
        help,
        unit: None,
        samples: (of.probes.iter())
            .filter_map(|probe| {
                let labels =
                    vec![service(), ("probe", probe.name.clone()), ("role", probe.role.to_owned())];
                Some(Sample { labels, value: value(probe)? })
            })
            .collect(),
    };
    let mut families = vec![
        probes("drctl_probe_up", "Whether a probe stands at up", &|p| p.up.map(flag)),
        probes("drctl_probe_flapping", "Whether a probe is not believed", &|p| {
            Some(flag(p.flapping))
        }),
        probes("drctl_probe_answers", "Answers since the watch began", &|p| Some(p.answers as f64)),
        one("drctl_outage", "Whether there is an outage", None, flag(of.outage.is_some())),
        one("drctl_outages", "Outages since the watch began", None, of.outages as f64),
        one("drctl_cut_off", "Whether drctl itself is cut off", None, flag(of.cut_off)),
        one(
            "drctl_primary_down",
            "Whether the primary region is down",
            None,
            flag(of.primary_down),
        ),
        one("drctl_fallback_down", "Whether the fallback is down", None, flag(of.fallback_down)),
        one(
            "drctl_approval_waits",
            "Whether an approval is waited for",
            None,
            flag(of.question.is_some()),
        ),
        one(
            "drctl_failover_running",
            "Whether a failover that was begun has not ended",
            None,
            flag(of.failover.as_ref().is_some_and(|(_, ended)| ended.is_none())),
        ),
        one("drctl_notices_waiting", "Notices not delivered yet", None, of.notices_waiting as f64),
    ];
    if let Some((_, began, _, _)) = &of.outage {
        families.push(one(
            "drctl_outage_began_timestamp_seconds",
            "When the outage began",
            Some("seconds"),
            *began,
        ));
    }
    if let Some(detection) = of.detection {
        families.push(one(
            "drctl_detection_seconds",
            "How long the newest outage took to be detected",
            Some("seconds"),
            detection,
        ));
    }
    families
}
