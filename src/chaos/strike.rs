//! One kill from the last look around to its outcome.

use super::{
    back::{Back, Outcome, Reapply},
    fleet::{Fleet, FleetError, Member},
    kills::{Entry, Intent, KillsWriter, Line},
    schedule::{Dice, Past},
};
use crate::{
    model::{chain, run::RunId, time::Pretty},
    runbook::{ChaosGroup, Target},
};
use async_trait::async_trait;
use jiff::Timestamp;
use std::io;
use tokio_util::sync::CancellationToken;

/// Says whether this is a bad moment: nothing is killed during an outage.
#[async_trait]
pub trait Guard: Send + Sync {
    /// Returns why nothing must be killed now, in a few words; `None` when nothing speaks against it.
    async fn objection(&self) -> Option<String>;
}

/// A kill that is due.
pub struct Strike<'a> {
    /// The group.
    pub group: &'a ChaosGroup,
    /// The same as it really is.
    pub fleet: &'a dyn Fleet,
    /// What chooses the one.
    pub dice: Dice<'a>,
    /// What is known of the earlier kills of the group.
    pub past: Past,
    /// What may speak against it. Of a simulated group nothing does, since nothing of it is real.
    pub guards: &'a [Box<dyn Guard>],
    /// What makes the group whole when it does not come back by itself.
    pub reapply: Option<&'a dyn Reapply>,
    /// True when somebody asked for it, and no plan did.
    pub at_once: bool,
    /// Breaks off the watching.
    pub stop: &'a CancellationToken,
}

/// What came of it.
#[derive(Debug)]
pub enum Struck {
    /// Nothing was killed.
    Spared {
        /// Why not.
        why: String,
    },
    /// The group could not be asked, so nothing was killed.
    Unasked(FleetError),
    /// It was not killed, as far as that is known.
    Failed {
        /// Which.
        member: String,
        /// Why not.
        error: FleetError,
    },
    /// It was killed and watched.
    Ended {
        /// The name of the kill.
        kill: RunId,
        /// Which.
        member: String,
        /// What came of it.
        outcome: Outcome,
    },
}

/// Who of a group can be killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nobody.
    Nobody {
        /// Why not.
        why: String,
    },
    /// This one.
    One(Member),
}

/// Chooses one of a group that is whole.
pub fn choose(dice: Dice<'_>, group: &ChaosGroup, past: Past, members: &[Member]) -> Choice {
    let nobody = |why: &str| Choice::Nobody { why: why.to_owned() };
    if members.is_empty() {
        return nobody("there is nobody in it");
    }
    if let Some(member) = members.iter().find(|member| !member.healthy) {
        let state = if member.state.is_empty() { "in no known state" } else { &member.state };
        return nobody(&format!("it is not whole: {} is {state}", member.name));
    }
    let names = members.iter().map(|m| m.name.as_str()).filter(|name| !is_excepted(group, name));
    let chosen = dice.choose(group, past, names);
    match members.iter().find(|member| Some(member.name.as_str()) == chosen) {
        Some(member) => Choice::One(member.clone()),
        None => nobody("all of its members are excepted"),
    }
}

/// Returns true when a member of the group is never killed.
pub fn is_excepted(group: &ChaosGroup, name: &str) -> bool {
    group.except.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    })
}

/// Returns what the members of a group are, in a few words.
pub fn words(target: &Target) -> String {
    match target {
        Target::Docker { label, .. } => format!("containers {label}"),
        Target::Kubernetes { label, namespace: None, .. } => format!("pods {label}"),
        Target::Kubernetes { label, namespace: Some(namespace), .. } => {
            format!("pods {label} in {namespace}")
        }
        Target::Aws { tag, region } => format!("instances {tag} in {region}"),
        Target::Simulated { address } => format!("simulated {address}"),
    }
}

impl Strike<'_> {
    /// Looks around, kills one, and watches until the group is whole again.
    ///
    /// `say` is told what happens on the way, in lines.
    ///
    /// # Errors
    ///
    /// It could not be written down. What could not be remembered is not killed.
    pub async fn carry_out(
        &self,
        kills: &mut KillsWriter,
        say: &(dyn Fn(&str) + Sync),
    ) -> io::Result<Struck> {
        if !self.fleet.is_simulated() {
            for guard in self.guards {
                if let Some(why) = guard.objection().await {
                    return Ok(Struck::Spared { why });
                }
            }
        }
        let before = match self.fleet.members().await {
            Ok(members) => members,
            Err(error) => return Ok(Struck::Unasked(error)),
        };
        let victim = match choose(self.dice, self.group, self.past, &before) {
            Choice::One(member) => member,
            Choice::Nobody { why } => return Ok(Struck::Spared { why }),
        };
        let group = &self.group.name;
        let at = Timestamp::now();
        let kill = RunId::new(at, salt(at, group, &victim));
        let mut note = |entry| kills.add(&Line { kill: kill.clone(), at: Timestamp::now(), entry });
        note(Entry::WillKill(self.intent(&victim, before.len())))?;
        say(&format!("{group}: killing {}, one of {}", victim.name, before.len()));
        let began = self.fleet.now();
        if let Err(error) = self.fleet.kill(&victim).await {
            note(Entry::Failed { cause: chain(&error).join(": ") })?;
            return Ok(Struck::Failed { member: victim.name, error });
        }
        note(Entry::Killed)?;
        let back = Back {
            fleet: self.fleet,
            before: &before,
            victim: &victim,
            began,
            back_within: self.group.back_within,
            reapply: self.reapply,
            stop: self.stop,
        };
        let outcome = back.watch().await;
        note(Entry::Ended { outcome: outcome.clone() })?;
        say(&format!("{group}: {}", sentence(&outcome)));
        Ok(Struck::Ended { kill, member: victim.name, outcome })
    }

    fn intent(&self, victim: &Member, members: usize) -> Intent {
        Intent {
            service: self.dice.service.to_owned(),
            group: self.group.name.clone(),
            target: words(&self.group.target),
            member: victim.name.clone(),
            members,
            back_within_ms: u64::try_from(self.group.back_within.as_millis()).unwrap_or(u64::MAX),
            simulated: self.fleet.is_simulated(),
            at_once: self.at_once,
        }
    }
}

/// Tells apart the kills of one second.
fn salt(at: Timestamp, group: &str, victim: &Member) -> u16 {
    let bytes = group.bytes().chain(victim.name.bytes());
    let name = bytes.fold(0, |sum: u16, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    // Of one member they are milliseconds apart, of which a second has a thousand.
    name.wrapping_add(at.as_millisecond().rem_euclid(1_000) as u16)
}

/// Says what came of a kill.
pub fn sentence(outcome: &Outcome) -> String {
    let reapplied = match &outcome.reapplied {
        None => String::new(),
        Some(it) => match &it.error {
            None => format!(", re-applied after {}", Pretty::ms(it.after_ms)),
            Some(error) => {
                format!(", and re-applying failed after {}: {error}", Pretty::ms(it.after_ms))
            }
        },
    };
    match (&outcome.by, outcome.back_after_ms) {
        (Some(by), Some(ms)) => format!("whole again after {}, {by}{reapplied}", Pretty::ms(ms)),
        _ => {
            let end = if outcome.interrupted { " when it was interrupted" } else { "" };
            format!("not whole again after {}{end}{reapplied}", Pretty::ms(outcome.watched_ms))
        }
    }
}
