//! What a watch says: a line for the log, and a notice for people.

use super::case::{Case, Fired, Ready};
use crate::{
    model::time::Pretty,
    outage::{Change, Clock, Ongoing, Settled, Stamp},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Something that is said.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    /// What happened, in a word.
    pub(super) kind: &'static str,
    /// The same in a sentence.
    pub(super) text: String,
    /// The same for programs.
    pub(super) facts: Map<String, Value>,
    /// Whether people are told, or it is just logged.
    pub(super) notify: bool,
}

impl Said {
    pub(super) fn new(kind: &'static str, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), facts: Map::new(), notify: false }
    }

    fn told(mut self) -> Self {
        self.notify = true;
        self
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }

    /// Returns what tells it from others: the same when it is said again after a restart.
    pub(super) fn id(&self, at: Timestamp) -> String {
        let of = |name: &str| self.facts.get(name).and_then(Value::as_str);
        match of("run").or(of("outage")) {
            Some(subject) => format!("{subject}-{}", self.kind),
            None => format!("{}-{}", at.as_millisecond(), self.kind),
        }
    }

    /// Returns it as a line of JSON.
    pub(super) fn json(&self, at: Timestamp) -> Value {
        let mut object = Map::new();
        object.insert("at".to_owned(), json!(seconds(at)));
        object.insert("event".to_owned(), json!(self.kind));
        object.insert("text".to_owned(), json!(self.text));
        object.extend(self.facts.clone());
        Value::Object(object)
    }
}

/// A time in whole seconds.
pub(super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn pretty(ms: i64) -> String {
    Pretty::ms(u64::try_from(ms).unwrap_or(0)).to_string()
}

fn time(stamp: &Stamp) -> String {
    stamp.wall.to_string()
}

/// Says what changed. What is said of an outage is said with its case.
pub(super) fn change(change: &Change, service: &str, clock: &dyn Clock) -> Option<Said> {
    Some(match change {
        Change::Probe { name, to, why, detail } => {
            let word = match to {
                Settled::Up => "up",
                Settled::Down => "down",
                Settled::Unknown => return None,
            };
            let kind = if *to == Settled::Up { "probe_up" } else { "probe_down" };
            let text = match to {
                Settled::Up => format!("{name} is up"),
                _ => format!("{name} is {word}: {why}: {detail}"),
            };
            Said::new(kind, text).with("probe", name.as_str()).with("why", why.as_str())
        }
        Change::Warned { name, warning } => {
            Said::new("warning", format!("{name}: {warning}")).with("probe", name.as_str()).told()
        }
        Change::Flapping { name, on: true } => Said::new(
            "flapping",
            format!("{name} goes up and down, and is not believed until it is steady"),
        )
        .with("probe", name.as_str())
        .told(),
        Change::Flapping { name, on: false } => {
            Said::new("steady", format!("{name} is steady, and believed again"))
                .with("probe", name.as_str())
        }
        Change::CutOff(true) => Said::new(
            "cut_off",
            "drctl is cut off: its witnesses do not answer either, so nothing is judged",
        )
        .told(),
        Change::CutOff(false) => {
            Said::new("connected", "drctl is connected again, and judges anew").told()
        }
        Change::PrimaryDown(true) => Said::new("primary_down", "the primary region is down").told(),
        Change::PrimaryDown(false) => Said::new("primary_up", "the primary region answers").told(),
        Change::FallbackDown(true) => {
            Said::new("fallback_down", "the fallback region is down").told()
        }
        Change::FallbackDown(false) => {
            Said::new("fallback_up", "the fallback region answers").told()
        }
        Change::Suspected { began } => {
            let since = Stamp::of(*began, clock);
            Said::new("suspected", format!("{service} may be down since {}", seconds(since.wall)))
                .with("began_at", time(&since))
        }
        Change::Unsuspected => Said::new("unsuspected", format!("{service} is not down")),
        Change::Expected { window, until } => Said::new(
            "expected",
            format!("{service} is down, as expected in `{window}` until {}", seconds(*until)),
        )
        .with("window", window.as_str()),
        Change::Began(_) | Change::Escalated(_) | Change::Ended { .. } => return None,
    })
}

/// Says that an outage began.
pub(super) fn began(outage: &Ongoing, case: &Case, service: &str) -> Said {
    let took = outage.detected - outage.began;
    let what = match outage.was_up {
        true => "",
        false => "; it never was up, so the probes may be wrong",
    };
    Said::new(
        "outage_began",
        format!(
            "{service} is out ({} down) since {}, detected after {}{what}",
            outage.scope.word(),
            seconds(case.began.wall),
            pretty(took)
        ),
    )
    .with("outage", case.id.as_str())
    .with("began_at", time(&case.began))
    .with("detected_at", time(&case.detected))
    .with("detection_ms", took)
    .with("scope", outage.scope.word())
    .told()
}

/// Says that more is down.
pub(super) fn escalated(outage: &Ongoing, case: &Case, service: &str) -> Said {
    Said::new(
        "outage_escalated",
        format!("{service} is out, and its {} is down", outage.scope.word()),
    )
    .with("outage", case.id.as_str())
    .with("scope", outage.scope.word())
    .told()
}

/// Says that an outage is over.
pub(super) fn ended(case: &Case, lasted_ms: i64, service: &str) -> Said {
    Said::new("outage_ended", format!("{service} is back after {}", pretty(lasted_ms)))
        .with("outage", case.id.as_str())
        .with("lasted_ms", lasted_ms)
        .told()
}

/// Says that it is made out what would be done.
pub(super) fn ready(case: &Case, region: &str) -> Option<Said> {
    let Ready { commit, digest } = case.ready.as_ref()?;
    let short = |text: &str| text.get(..12).unwrap_or(text).to_owned();
    let said = Said::new(
        "ready",
        format!(
            "ready to fail over into {region} from commit {}, digest {}",
            short(commit),
            short(digest)
        ),
    )
    .with("outage", case.id.as_str())
    .with("commit", commit.as_str())
    .with("digest", digest.as_str())
    .told();
    Some(said)
}

/// Says that somebody is asked.
pub(super) fn asked(case: &Case, service: &str, region: &str, until: Timestamp) -> Said {
    Said::new(
        "approval_asked",
        format!(
            "fail {service} over into {region}? Approve with `drctl approve {}` until {}",
            case.id,
            seconds(until)
        ),
    )
    .with("outage", case.id.as_str())
    .told()
}

/// Says what was answered.
pub(super) fn answered(case: &Case, yes: bool, by: &str) -> Said {
    let (kind, word) = if yes { ("approved", "approved") } else { ("denied", "denied") };
    Said::new(kind, format!("the failover was {word} by {by}"))
        .with("outage", case.id.as_str())
        .with("by", by)
        .told()
}

/// Says why nothing is done.
pub(super) fn held(case: &Case, why: &str) -> Said {
    Said::new("held", format!("nothing is failed over: {why}"))
        .with("outage", case.id.as_str())
        .with("why", why)
        .told()
}

/// Says that a failover begins.
pub(super) fn fired(fired: &Fired, service: &str, region: &str) -> Said {
    Said::new("failover_began", format!("failing {service} over into {region}: run {}", fired.run))
        .with("outage", fired.outage.as_str())
        .with("run", fired.run.as_str())
        .told()
}

/// Says how a failover ended.
pub(super) fn over(fired: &Fired, how: &str) -> Said {
    Said::new("failover_ended", format!("failover {}: {how}", fired.run))
        .with("outage", fired.outage.as_str())
        .with("run", fired.run.as_str())
        .told()
}
