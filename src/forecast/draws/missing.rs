//! What a distribution does not hold, since nobody has seen it yet.

use super::Verified;
use crate::{
    forecast::{Forecast, Unseen},
    model::time::Rounded,
};

/// Names that stand in one phrase.
const NAMES: usize = 4;

impl Forecast {
    /// Returns what is missing, in a few words each.
    pub(super) fn missing(&self, verified: Verified) -> Vec<String> {
        let mut all = Vec::new();
        let unseen = |stacks: bool| {
            let works = self.whole.works.iter();
            let names =
                works.filter(move |work| work.is_stack == stacks && work.overhead.is_none());
            names.map(|work| work.id.to_string()).collect::<Vec<_>>()
        };
        let simulated = verified == Verified::Simulated;
        let before_apply = unseen(true);
        if !before_apply.is_empty() {
            all.push(format!("init and plan of {}", names(&before_apply)));
        }
        let programs = unseen(false);
        if !programs.is_empty() && !simulated {
            all.push(format!("the programs of {}", names(&programs)));
        }
        match verified {
            Verified::ByProbes { at_least } if self.verifications.is_empty() => {
                all.push(format!(
                    "verification beyond the {} that the probes need",
                    Rounded(at_least)
                ));
            }
            Verified::ByProbes { .. } | Verified::Simulated => {}
            Verified::Never => all.push("verification: no probe is declared".to_owned()),
        }
        if self.before.is_empty() && !simulated {
            all.push("detection and decision".to_owned());
        }
        let modules: Vec<String> = self.unseen.iter().map(module).collect();
        if !modules.is_empty() {
            all.push(format!("modules that are not in the repository: {}", names(&modules)));
        }
        match self.uncounted.len() {
            0 => {}
            1 => all.push(format!(
                "the number of `{}`, which the code does not tell (one is counted)",
                self.uncounted[0].address
            )),
            n => all.push(format!(
                "the number of {n} resources, which the code does not tell (one each is counted)"
            )),
        }
        all
    }
}

fn module(unseen: &Unseen) -> String {
    format!("{} in {}", unseen.address, unseen.stack)
}

/// Lists the first few.
fn names(all: &[String]) -> String {
    let shown = all.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES) {
        0 => shown,
        n => format!("{shown} and {n} more"),
    }
}
