//! What a run left that the gate refused to touch: somebody at a terminal is asked about it.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
    home::RunFolder,
    ui::Ui,
};
use crate::{
    engine::Decisions,
    model::{
        event::EventKind,
        gate::{Refusal, RefusalReason},
        step::StepId,
        text::plain,
    },
    observe::journal,
};
use anyhow::Context;
use std::{collections::BTreeMap, io};
use tokio::task::spawn_blocking;

/// Asks what is to become of what the gate refused to touch, and adds the answers to `decisions`.
/// Returns false when nothing was decided.
pub(super) async fn ask(
    folder: &RunFolder,
    ui: &Ui,
    decisions: &mut Decisions,
) -> Result<bool, CliError> {
    let questions = questions(folder)?;
    let (ui, mut decided) = (*ui, decisions.clone());
    let asking = spawn_blocking(move || {
        let mut any = false;
        for (step, refusal) in &questions {
            let answer = put(&ui, step, refusal);
            any |= decide(step, refusal, &answer, &mut decided);
        }
        (decided, any)
    });
    let (decided, any) = asking.await.context("the question broke off").or_exit(Exit::Failed)?;
    *decisions = decided;
    Ok(any)
}

/// Returns what the gate refused last of each stack, where a yes would do.
fn questions(folder: &RunFolder) -> Result<Vec<(StepId, Refusal)>, CliError> {
    let mut last = BTreeMap::new();
    for event in journal::read(&folder.journal()).or_exit(Exit::Failed)?.events {
        match event.kind {
            EventKind::GateAnswered { step, answer } => last.insert(step, answer.refusals),
            EventKind::RunResumed { .. } => {
                last.clear();
                None
            }
            _ => None,
        };
    }
    let all = last.into_iter().flat_map(|(step, refusals)| {
        refusals.into_iter().map(move |refusal| (step.clone(), refusal))
    });
    let can_be_asked = |refusal: &Refusal| {
        matches!(refusal.reason, RefusalReason::Tainted | RefusalReason::MayExist)
    };
    Ok(all.filter(|(_, refusal)| can_be_asked(refusal)).collect())
}

fn put(ui: &Ui, step: &StepId, refusal: &Refusal) -> String {
    let ways = match refusal.reason {
        RefusalReason::Tainted => {
            "`keep` it as it is, `replace` it, or nothing to leave it undecided"
        }
        _ => "its id to import it, `again` to make it again, or nothing to leave it undecided",
    };
    ui.say(&format!("\n{step}: {}\n{ways}: ", plain(&refusal.to_string())));
    let mut typed = String::new();
    // An end of input is an answer, too: nothing was typed.
    let _ = io::stdin().read_line(&mut typed);
    typed.trim().to_owned()
}

fn decide(step: &StepId, refusal: &Refusal, answer: &str, decisions: &mut Decisions) -> bool {
    let Some(address) = &refusal.address else { return false };
    let resource = format!("{step}:{address}");
    match (refusal.reason, answer) {
        (_, "") => false,
        (RefusalReason::Tainted, "keep") => decisions.untaint.insert(resource),
        (RefusalReason::Tainted, "replace") => decisions.replace.insert(resource),
        (RefusalReason::MayExist, "again") => decisions.made_again.insert(resource),
        (RefusalReason::MayExist, id) => {
            decisions.imports.insert(resource, id.to_owned()).as_deref() != Some(id)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_decides_about_one_resource_of_one_stack() {
        let mut decisions = Decisions::default();
        let mut say = |reason, answer: &str| {
            let address = Some("a.b".to_owned());
            let refusal = Refusal { reason, address, detail: String::new() };
            decide(&StepId::new("data"), &refusal, answer, &mut decisions)
        };
        assert!(!say(RefusalReason::Tainted, "") && !say(RefusalReason::Tainted, "again"));
        assert!(say(RefusalReason::Tainted, "keep"));
        assert!(!say(RefusalReason::Tainted, "keep"), "it is asked again, so that did not help");
        assert!(say(RefusalReason::Tainted, "replace"));
        assert!(say(RefusalReason::MayExist, "again") && say(RefusalReason::MayExist, "b-1"));
        let all = |set: std::collections::BTreeSet<String>| set.into_iter().collect::<Vec<_>>();
        assert_eq!(decisions.imports, [("data:a.b".to_owned(), "b-1".to_owned())].into());
        for set in [decisions.untaint, decisions.replace, decisions.made_again] {
            assert_eq!(all(set), ["data:a.b"]);
        }
    }
}
