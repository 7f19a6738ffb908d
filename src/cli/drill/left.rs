//! What a drill left: by its states, and by what Terraform said that it began.

use crate::{
    cli::home::RunFolder,
    model::{event::EventKind, resource::ResourceAction, step::StepId},
    observe::journal::JournalReader,
    state::StateStore,
    terraform::{UiMessage, managed, replay},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// Addresses by the name of their stack.
pub(super) type Addresses = BTreeMap<String, BTreeSet<String>>;

/// Returns what the newest states hold.
pub(super) fn in_states(store: &StateStore) -> Addresses {
    let mut all = Addresses::new();
    for stack in store.stacks().unwrap_or_default() {
        let state = store.latest(&stack).ok().flatten();
        let addresses = state.and_then(|state| managed(&state).ok()).unwrap_or_default();
        if !addresses.is_empty() {
            all.insert(stack.to_string(), addresses.into_iter().collect());
        }
    }
    all
}

/// Returns what Terraform began to make and no version of any state knows of, as `stack: address`:
/// it was killed before it could write that down.
pub(super) fn in_no_state(folder: &RunFolder, store: &StateStore) -> Vec<String> {
    let mut begun = by_the_journal(folder);
    for (stack, addresses) in by_the_logs(folder) {
        begun.entry(stack).or_default().extend(addresses);
    }
    let known = held_since(store, &BTreeMap::new());
    let none = BTreeSet::new();
    let unknown = begun.iter().flat_map(|(stack, addresses)| {
        let known = known.get(stack).unwrap_or(&none);
        addresses.difference(known).map(move |address| format!("{stack}: {address}"))
    });
    unknown.collect()
}

/// Returns the number of the newest version of each state.
pub(super) fn newest(store: &StateStore) -> BTreeMap<String, u64> {
    let stacks = store.stacks().unwrap_or_default().into_iter();
    let last = |stack: &StepId| store.versions(stack).ok()?.last().map(|version| version.number);
    stacks.filter_map(|stack| Some((stack.to_string(), last(&stack)?))).collect()
}

/// Returns what the states have held since, and then: `from` is the first version of each that
/// counts, and all count of one that is not there.
pub(super) fn held_since(store: &StateStore, from: &BTreeMap<String, u64>) -> Addresses {
    let mut all = Addresses::new();
    for stack in store.stacks().unwrap_or_default() {
        let first = from.get(stack.as_str()).copied().unwrap_or(0);
        let held = all.entry(stack.to_string()).or_default();
        let versions = store.versions(&stack).unwrap_or_default();
        for version in versions.iter().filter(|version| version.number >= first) {
            let state = fs::read(&version.path).unwrap_or_default();
            held.extend(managed(&state).unwrap_or_default());
        }
    }
    all
}

/// What drctl heard of; a create that the provider refused made nothing that Terraform forgot.
fn by_the_journal(folder: &RunFolder) -> Addresses {
    let mut begun = Addresses::new();
    let Ok(journal) = JournalReader::open(&folder.journal()) else { return begun };
    for event in journal.flatten() {
        match event.kind {
            EventKind::ResourceStarted { step, address, action: ResourceAction::Create } => {
                begun.entry(step.to_string()).or_default().insert(address);
            }
            EventKind::ResourceFinished {
                step,
                address,
                action: ResourceAction::Create,
                ok: false,
                ..
            } => {
                begun.entry(step.to_string()).or_default().remove(&address);
            }
            _ => {}
        }
    }
    begun
}

/// What Terraform said, also after the drctl that had started it was killed.
fn by_the_logs(folder: &RunFolder) -> Addresses {
    let mut begun = Addresses::new();
    for entry in fs::read_dir(folder.logs()).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let stack = name.to_str().and_then(|name| name.strip_suffix("-apply.out"));
        let Some((_, stack)) = stack.and_then(|name| name.split_once('-')) else { continue };
        let addresses = begun.entry(stack.to_owned()).or_default();
        // What cannot be read does not tell; the journal has what drctl saw.
        let _ = replay(&entry.path(), &mut |message| match message {
            UiMessage::ApplyStart { address, action: ResourceAction::Create, .. } => {
                addresses.insert(address);
            }
            UiMessage::ApplyErrored { address, action: ResourceAction::Create, .. } => {
                addresses.remove(&address);
            }
            _ => {}
        });
    }
    begun
}
