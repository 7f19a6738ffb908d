//! What a drill left: by its states, and by what Terraform said that it began.

use crate::{
    cli::home::RunFolder,
    model::{event::EventKind, resource::ResourceAction},
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
    let known = ever_in_states(store);
    let none = BTreeSet::new();
    let unknown = begun.iter().flat_map(|(stack, addresses)| {
        let known = known.get(stack).unwrap_or(&none);
        addresses.difference(known).map(move |address| format!("{stack}: {address}"))
    });
    unknown.collect()
}

/// Every address that any kept version of a state holds.
fn ever_in_states(store: &StateStore) -> Addresses {
    let mut all = Addresses::new();
    for stack in store.stacks().unwrap_or_default() {
        let known = all.entry(stack.to_string()).or_default();
        for version in store.versions(&stack).unwrap_or_default() {
            let state = fs::read(&version.path).unwrap_or_default();
            known.extend(managed(&state).unwrap_or_default());
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
