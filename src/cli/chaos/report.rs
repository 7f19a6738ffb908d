//! What Chaos Monkey would do or has done, as text and as JSON.

use crate::{
    chaos::{By, Outcome, sentence, words},
    cli::exit::Exit,
    model::{run::RunId, text::plain, time::Pretty, verdict::Verdict},
    runbook::ChaosGroup,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{fmt::Write as _, time::Duration};

/// The name of the form of the JSON.
pub(super) const SCHEMA: &str = "drctl/chaos/v1";

/// What is done on a day, or on several.
pub(super) struct Report<'a> {
    pub(super) service: &'a str,
    pub(super) seed: u64,
    /// When it was asked for.
    pub(super) at: Timestamp,
    /// False where nothing was to be killed.
    pub(super) unleashed: bool,
    pub(super) interrupted: bool,
    pub(super) lines: Vec<Line<'a>>,
}

/// One group on one day.
pub(super) struct Line<'a> {
    pub(super) group: &'a ChaosGroup,
    /// When a kill is planned, or asked for.
    pub(super) at: Option<Timestamp>,
    pub(super) came_to: CameTo,
}

/// What is to become, or has become, of a group.
pub(super) enum CameTo {
    /// One of it is to be killed; which one is not known yet.
    Planned,
    /// This one would be killed.
    Would {
        member: String,
        /// How many there are.
        members: usize,
    },
    /// Nobody is killed.
    Spared { why: String },
    /// It could not be asked, or the one not be killed.
    Failed { member: Option<String>, cause: String },
    /// One was killed.
    Killed { kill: RunId, member: String, outcome: Outcome },
}

impl Report<'_> {
    /// Returns what to exit with.
    pub(super) fn exit(&self) -> Exit {
        let verdicts = || self.lines.iter().filter_map(Line::verdict);
        let any = |is: fn(&Verdict) -> bool| verdicts().any(|verdict| is(&verdict));
        if self.lines.iter().any(|line| matches!(line.came_to, CameTo::Failed { .. })) {
            Exit::Failed
        } else if self.interrupted {
            Exit::Interrupted
        } else if any(|verdict| matches!(verdict, Verdict::Missed { .. })) {
            Exit::No
        } else if any(|verdict| matches!(verdict, Verdict::Unproven { .. })) {
            Exit::Unproven
        } else {
            Exit::Met
        }
    }

    pub(super) fn json(&self) -> Value {
        let lines: Vec<Value> = self.lines.iter().map(Line::json).collect();
        json!({
            "schema": SCHEMA,
            "service": self.service,
            "seed": self.seed,
            "at": self.at,
            "unleashed": self.unleashed,
            "interrupted": self.interrupted,
            "groups": lines,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut text = match self.unleashed {
            true => format!("Chaos Monkey, {}\n\n", self.service),
            false => format!(
                "Chaos Monkey, {}: what it would do (seed {}); nothing is killed without `--unleash`\n\n",
                self.service, self.seed
            ),
        };
        let rows: Vec<_> = self.lines.iter().map(|line| line.row(self.at)).collect();
        text += &columns(&rows);
        if self.interrupted {
            text += "\nInterrupted: what is above is what was known by then\n";
        }
        text
    }

    /// Shows kills by day.
    pub(super) fn calendar(&self, days: u16) -> String {
        let rows: Vec<_> =
            self.lines.iter().map(|line| [line.when(), line.group.name.clone()]).collect();
        let mut text = columns(&rows);
        let _ = writeln!(
            text,
            "{} kill(s) in {days} day(s) (seed {}); which one it is depends on who is there then",
            rows.len(),
            self.seed
        );
        text
    }
}

impl Line<'_> {
    fn verdict(&self) -> Option<Verdict> {
        match &self.came_to {
            CameTo::Killed { outcome, .. } => Some(outcome.verdict(self.group.back_within)),
            _ => None,
        }
    }

    /// When a kill is planned, as the clocks of the group show it.
    fn when(&self) -> String {
        self.at.map_or_else(String::new, |at| {
            at.to_zoned(self.group.hours.zone()).strftime("%a %Y-%m-%d %H:%M %Q").to_string()
        })
    }

    fn row(&self, now: Timestamp) -> [String; 3] {
        let words = match &self.came_to {
            CameTo::Planned => self.when(),
            CameTo::Would { member, members } => {
                let when = match self.at {
                    Some(at) if at > now => {
                        let left = Duration::try_from(at.duration_since(now)).unwrap_or_default();
                        format!("{}, {} from now", self.when(), Pretty(left))
                    }
                    Some(at) if at < now => format!("{}, which has passed", self.when()),
                    _ => "now".to_owned(),
                };
                format!("{when}: {member}, one of {members}")
            }
            CameTo::Spared { why } => format!("spared: {why}"),
            CameTo::Failed { member: None, cause } => format!("cannot be asked: {cause}"),
            CameTo::Failed { member: Some(member), cause } => {
                format!("{member} was not killed: {cause}")
            }
            CameTo::Killed { member, outcome, .. } => {
                format!("{member} killed: {}", told(outcome, self.group.back_within))
            }
        };
        [self.group.name.clone(), self::words(&self.group.target), words]
    }

    fn json(&self) -> Value {
        let mut line = json!({
            "group": self.group.name,
            "target": self::words(&self.group.target),
            "hours": self.group.hours.to_string(),
            "mean_days": self.group.mean_days,
            "min_days": self.group.min_days,
            "back_within_ms": u64::try_from(self.group.back_within.as_millis()).unwrap_or(u64::MAX),
            "at": self.at,
        });
        let more = match &self.came_to {
            CameTo::Planned => json!({ "is": "planned" }),
            CameTo::Would { member, members } => {
                json!({ "is": "planned", "member": member, "members": members })
            }
            CameTo::Spared { why } => json!({ "is": "spared", "why": why }),
            CameTo::Failed { member, cause } => {
                json!({ "is": "failed", "member": member, "cause": cause })
            }
            CameTo::Killed { kill, member, outcome } => {
                let mut killed = json!({ "is": "killed", "kill": kill, "member": member });
                add(&mut killed, measured(outcome, self.group.back_within));
                killed
            }
        };
        add(&mut line, more);
        line
    }
}

/// Says in words what came of a kill, with its verdict and what it missed.
pub(super) fn told(outcome: &Outcome, back_within: Duration) -> String {
    let noticed = match outcome.noticed_after_ms {
        Some(ms) => format!("down after {}, ", Pretty::ms(ms)),
        None => "not seen down, ".to_owned(),
    };
    let verdict = match outcome.verdict(back_within) {
        Verdict::Met { spare_ms } => {
            format!("met {} with {} to spare", Pretty(back_within), Pretty::ms(spare_ms))
        }
        Verdict::Missed { over_ms } if outcome.back_after_ms.is_none() => {
            format!("missed {} by at least {}", Pretty(back_within), Pretty::ms(over_ms))
        }
        Verdict::Missed { over_ms } => {
            format!("missed {} by {}", Pretty(back_within), Pretty::ms(over_ms))
        }
        Verdict::Unproven { .. } => format!("unproven against {}", Pretty(back_within)),
    };
    let by_itself =
        if outcome.reapplied.is_some() { "; it did not come back by itself" } else { "" };
    let unanswered = match &outcome.unanswered {
        Some(why) => format!("; the last look was not answered: {why}"),
        None => String::new(),
    };
    format!("{noticed}{}; {verdict}{by_itself}{unanswered}", sentence(outcome))
}

/// What was measured, as JSON.
pub(super) fn measured(outcome: &Outcome, back_within: Duration) -> Value {
    let (by, replaced_by) = match &outcome.by {
        None => (None, None),
        Some(By::Restarted) => (Some("restarted"), None),
        Some(By::Replaced(name)) => (Some("replaced"), Some(name)),
    };
    json!({
        "noticed_after_ms": outcome.noticed_after_ms,
        "back_after_ms": outcome.back_after_ms,
        "by": by,
        "replaced_by": replaced_by,
        "reapplied": outcome.reapplied,
        "watched_ms": outcome.watched_ms,
        "interrupted": outcome.interrupted,
        "verdict": outcome.verdict(back_within),
    })
}

/// Adds the members of an object to another.
pub(super) fn add(to: &mut Value, more: Value) {
    if let (Value::Object(to), Value::Object(more)) = (to, more) {
        to.extend(more);
    }
}

/// Lays cells out in columns; the last is as wide as it is.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let cell = |text: &str| plain(text).into_owned();
    let width = |n: usize| rows.iter().map(|row| cell(&row[n]).chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let line = row.iter().zip(&widths).fold(String::new(), |mut line, (text, width)| {
            let _ = write!(line, "{:<width$}  ", cell(text));
            line
        });
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
