//! What a person does whom `drctl resume` asked: looks into the cloud, and answers.

use crate::scene::{Case, Scene};
use serde_json::Value;
use std::collections::BTreeSet;

/// The answers so far, which hold for every resumption from then on.
#[derive(Debug, Default)]
pub(crate) struct Person {
    /// Digests of changes.
    accepted: BTreeSet<String>,
    /// `STACK:ADDRESS=ID` of what was found in the cloud.
    pub(crate) imported: BTreeSet<String>,
    /// `STACK:ADDRESS` of what was broken off, and is whole.
    kept: BTreeSet<String>,
    /// How many locks were taken away, of those that were named. Of the holder of a lock Terraform's
    /// `http` backend tells the id alone, so drctl cannot know that it was its own.
    pub(crate) unlocked: usize,
    /// True when something was looked for and is not there.
    again: bool,
}

impl Person {
    /// Reads what the gate refused last of each stack, and decides.
    pub(crate) fn answer(&mut self, scene: &Scene, case: &Case, said: &str) {
        let digest = said.split("--accept-changes ").nth(1).and_then(|rest| rest.get(..12));
        self.accepted.extend(digest.map(str::to_owned));
        let lines = case.lines();
        let since = lines.iter().rposition(|event| event["event"] == "run_resumed").unwrap_or(0);
        for event in &lines[since..] {
            let refusals = event["answer"]["refusals"].as_array().into_iter().flatten();
            for refusal in refusals.filter(|_| event["event"] == "gate_answered") {
                self.decide(scene, event["step"].as_str().unwrap_or_default(), refusal, case);
            }
        }
    }

    /// Takes away the locks that drctl named.
    pub(crate) fn unlock(&mut self, scene: &Scene, said: &str) {
        if !said.contains("terraform force-unlock") {
            return;
        }
        let named = said.split("already locked: ID=").skip(1);
        let ids = named.filter_map(|rest| rest.split_whitespace().next());
        self.unlocked += ids.filter(|id| scene.backend.unlock_by_id(id)).count();
    }

    fn decide(&mut self, scene: &Scene, stack: &str, refusal: &Value, case: &Case) {
        let address = refusal["address"].as_str().unwrap_or_default();
        match refusal["reason"].as_str() {
            Some("tainted") => {
                self.kept.insert(format!("{stack}:{address}"));
            }
            Some("may_exist") => {
                let known = scene.known(case);
                let stands = scene.made().into_iter().find(|thing| {
                    thing.stack == stack
                        && thing.address == address
                        && !known.contains(&(thing.stack.clone(), thing.id.clone()))
                });
                match stands {
                    Some(thing) => {
                        self.imported.insert(format!("{stack}:{address}={}", thing.id));
                    }
                    None => self.again = true,
                }
            }
            _ => {}
        }
    }

    /// Returns the flags that say so.
    pub(crate) fn flags(&self) -> Vec<&str> {
        let pairs = [
            ("--accept-changes", &self.accepted),
            ("--import", &self.imported),
            ("--untaint", &self.kept),
        ];
        let mut flags: Vec<&str> = pairs
            .into_iter()
            .flat_map(|(flag, given)| given.iter().flat_map(move |given| [flag, given.as_str()]))
            .collect();
        if self.again {
            flags.push("--accept-orphans");
        }
        flags
    }
}
