//! The way home as a plan: for people, for programs, and as a digest.

use super::{
    Ending,
    found::{Both, Data, details},
};
use crate::{
    cli::prepared::Prepared,
    engine::{Recovery, Work, digest},
    model::{
        failback::Side,
        run::RunId,
        step::{StepId, StepKind},
        text::plain,
    },
};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How many findings of a stack are shown.
const SHOWN: usize = 12;

/// The plan of a way home.
pub(super) struct Plan<'a> {
    /// What was made of the repository, with the steps of the way home.
    pub(super) prepared: &'a Prepared,
    /// The failover.
    pub(super) failover: &'a RunId,
    /// The region that is left behind.
    pub(super) fallback: &'a str,
    /// What was found in both.
    pub(super) both: &'a Both,
    /// How the data gets home, when that is known.
    pub(super) data: Option<&'a Data>,
    /// What becomes of the fallback; `None` to ask.
    pub(super) ending: Option<Ending>,
    /// Whether the primary's own probes said that it is back.
    pub(super) asked: bool,
}

impl Plan<'_> {
    fn recovery(&self) -> &Recovery {
        &self.prepared.assembled.recovery
    }

    /// All that decides what is done.
    fn decisions(&self) -> Value {
        let looked: Vec<Value> = self
            .both
            .all()
            .map(|(step, looked)| {
                let mut shown = json!(looked);
                shown["step"] = json!(step);
                // Whether somebody said yes changes nothing of what is there.
                shown.as_object_mut().map(|shown| shown.remove("accepted"));
                shown
            })
            .collect();
        let steps: Vec<Value> = self
            .recovery()
            .steps
            .iter()
            .map(|s| json!({ "id": s.id, "kind": s.kind, "needs": s.needs, "does": does(&s.work) }))
            .collect();
        json!({
            "service": self.prepared.service,
            "commit": self.prepared.checkout.commit,
            "failover": self.failover,
            "primary": self.recovery().known.region,
            "fallback": self.fallback,
            "home": self.prepared.assembled.digest,
            "steps": steps,
            "looked": looked,
            "tear_down": self.ending == Some(Ending::TearDown),
        })
    }

    /// SHA-256 over all that decides what is done, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        digest(&self.decisions().to_string())
    }

    /// Returns it as one JSON document.
    pub(super) fn json(&self) -> Value {
        let mut shown = self.decisions();
        shown["schema"] = json!("drctl/failback-plan/v1");
        shown["digest"] = json!(self.digest());
        shown["terraform"] = json!(self.prepared.detected.release.to_string());
        shown["primary_asked"] = json!(self.asked);
        shown["writes"] = json!(self.both.to_do());
        let looked = self.both.all().map(|(_, looked)| json!(looked.accepted));
        for (at, accepted) in looked.enumerate() {
            shown["looked"][at]["accepted"] = accepted;
        }
        if let Some(data) = self.data {
            shown["data"] = json!({ "stores": data.stores, "home": data.by });
        }
        shown["fallback_is"] = json!(self.end());
        shown["notes"] = json!(self.prepared.notes);
        shown
    }

    fn end(&self) -> &'static str {
        match self.ending {
            Some(Ending::Keep) => "kept",
            Some(Ending::TearDown) => "torn down",
            None => "asked about",
        }
    }

    /// Returns it for whoever is asked to confirm it.
    pub(super) fn text(&self) -> String {
        let Self { prepared, failover, fallback, .. } = self;
        let primary = &self.recovery().known.region;
        let mut text = String::new();
        let mut line = |said: String| text.push_str(&format!("{}\n", said.trim_end()));
        line(format!("Failback of `{}` to {primary} (from {fallback})", prepared.service));
        line(format!("  failover    {failover}"));
        line(format!("  repository  {}", prepared.repo));
        line(format!("  commit      {}", prepared.checkout.commit));
        line(format!("  runs        {}", prepared.detected.release));
        let asked = if self.asked { "it is back, its probes say" } else { "nobody was asked" };
        line(format!("  primary     {asked}"));
        if let Some(data) = self.data {
            let of = match data.stores.as_slice() {
                [] => String::new(),
                stores => format!(": {}", stores.join(", ")),
            };
            line(
                format!("  data        gets home {}{of}", data.by)
                    .replace("gets home nothing", "nothing"),
            );
        }
        self.looked(&mut text, Side::Fallback, &format!("In {fallback}, since the failover"));
        self.looked(&mut text, Side::Primary, &format!("In {primary}, by its own states"));
        let writes: Vec<_> = self.both.to_do().into_iter().map(StepId::as_str).collect();
        let _ = match writes.as_slice() {
            [] => writeln!(text, "  no state of {primary} is written"),
            some => writeln!(text, "  WRITES the states of {} in {primary}", some.join(", ")),
        };
        self.steps(&mut text);
        if !prepared.notes.is_empty() {
            text.push_str("\nNotes\n");
            prepared.notes.iter().for_each(|note| text.push_str(&format!("  {}\n", plain(note))));
        }
        let _ = writeln!(text, "\nDigest {}", self.digest());
        text
    }

    fn looked(&self, text: &mut String, side: Side, title: &str) {
        let _ = writeln!(text, "\n{title}");
        for (step, looked) in self.both.all().filter(|(_, looked)| looked.side == side) {
            let yes = match (&looked.digest, looked.accepted) {
                (Some(_), true) => ", accepted".to_owned(),
                (Some(digest), false) => format!(", needs a yes: {}", &digest[..12]),
                (None, _) => String::new(),
            };
            let _ = writeln!(text, "  {step}: {}{yes}", plain(&looked.words()));
            let details = details(looked);
            for detail in details.iter().take(SHOWN) {
                let _ = writeln!(text, "      {}", plain(detail));
            }
            if details.len() > SHOWN {
                let _ = writeln!(text, "      and {} more", details.len() - SHOWN);
            }
        }
    }

    fn steps(&self, text: &mut String) {
        let primary = &self.recovery().known.region;
        text.push_str("\nSteps\n");
        let mut cutover = false;
        for step in in_order(self.recovery()) {
            if step.waits_for_verification && !cutover {
                cutover = true;
                let _ = writeln!(text, "  the service is verified in {primary}");
            }
            let needs: Vec<_> = step.needs.iter().map(StepId::as_str).collect();
            let after = match needs.as_slice() {
                [] => String::new(),
                needs => format!(", after {}", needs.join(", ")),
            };
            let what = match &step.work {
                Work::Stack(_) => match self.both.to_do().contains(&&step.id) {
                    true => format!("applied in {primary}"),
                    false if needs.is_empty() => "nothing to do".to_owned(),
                    false => "nothing to do unless what it is given changes".to_owned(),
                },
                Work::Command(command) => {
                    let kind = if step.kind == StepKind::Cutover { "cutover" } else { "command" };
                    format!("{kind} {}", command.run.source())
                }
                Work::Deploy(_) => format!("{} in {primary}", step.block),
                Work::TakeBack(_) => "taken back, which moves the traffic home".to_owned(),
                Work::LeftOut(why) => format!("left out: {why}"),
            };
            let alone = step.waits_for_verification || matches!(step.work, Work::LeftOut(_));
            let after = if alone { String::new() } else { after };
            let _ = writeln!(text, "  {}: {}{after}", step.id, plain(&what));
        }
        let _ = writeln!(text, "  the service is verified");
        let _ = match self.ending {
            None => writeln!(text, "  you are asked what becomes of {}", self.fallback),
            Some(_) => writeln!(text, "  {} is {}", self.fallback, self.end()),
        };
    }
}

/// What a step does, as the digest takes it in.
fn does(work: &Work) -> Value {
    match work {
        Work::Stack(_) => json!("stack"),
        Work::Command(command) => json!({
            "run": command.run.source(),
            "undo": command.undo.as_ref().map(|undo| undo.source()),
        }),
        Work::Deploy(work) => json!(work.deploy.kind.word()),
        Work::TakeBack(_) => json!("take_back"),
        Work::LeftOut(why) => json!({ "left_out": why }),
    }
}

/// The steps as they may be done: what moves traffic at the end.
fn in_order(recovery: &Recovery) -> Vec<&crate::engine::PlannedStep> {
    let (moves, others): (Vec<_>, Vec<_>) =
        recovery.steps.iter().partition(|step| step.waits_for_verification);
    others.into_iter().chain(moves).collect()
}
