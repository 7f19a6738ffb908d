//! What must hold when a case has ended.

use crate::{
    cloud::Thing,
    events::assert_guarantees,
    processes,
    scene::{Case, Scene},
};
use drctl::observe::journal;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io, panic,
    path::PathBuf,
    time::Duration,
};

/// How long what a killed drctl left may take to end by itself.
const LINGERING: Duration = Duration::from_secs(20);

/// What does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Broken {
    /// The end state is not that of an undisturbed run, or an object of it is not there.
    Lost,
    /// Two objects for one address, and nobody said so.
    Doubled,
    /// An object that no state knows, and nobody said so.
    Unreported,
    /// A journal that cannot be read, or breaks a promise.
    Journal,
    /// The primary was touched.
    Primary,
    /// A lock is held by nobody.
    Locked,
    /// A process went on.
    Running,
    /// What was done was done again.
    Repeated,
    /// No resumption ended it without a hand from outside.
    Stuck,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Lost => "lost",
            Self::Doubled => "doubled",
            Self::Unreported => "orphaned silently",
            Self::Journal => "journal",
            Self::Primary => "primary touched",
            Self::Locked => "lock left",
            Self::Running => "process left",
            Self::Repeated => "done again",
            Self::Stuck => "stuck",
        })
    }
}

/// What came of a case.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) broken: Vec<(Broken, String)>,
    /// Objects that no state knows, and that were named.
    pub(crate) reported: usize,
}

impl Verdict {
    pub(crate) fn add(&mut self, broken: Broken, text: impl Into<String>) {
        self.broken.push((broken, text.into()));
    }
}

/// The leaves of the states of all stacks, with ids replaced by whose they are.
type Leaves = BTreeMap<String, String>;

/// How undisturbed runs end, and what of that differs between two.
pub(crate) struct Undisturbed {
    leaves: Leaves,
    volatile: BTreeSet<String>,
    addresses: BTreeSet<(String, String)>,
}

/// The primary's states, and what stands in it.
pub(crate) type Primary = (BTreeMap<PathBuf, Vec<u8>>, Vec<Thing>);

impl Undisturbed {
    /// Compares the ends of two undisturbed runs.
    pub(crate) fn of(
        one: &BTreeMap<String, Value>,
        two: &BTreeMap<String, Value>,
        made: &[Thing],
    ) -> Self {
        let (leaves, other) = (leaves(one), leaves(two));
        let differs = |(path, value): (&String, &String)| {
            (other.get(path) != Some(value)).then(|| path.clone())
        };
        let volatile = leaves.iter().filter_map(differs).collect();
        let addresses = made.iter().map(|t| (t.stack.clone(), t.address.clone())).collect();
        Self { leaves, volatile, addresses }
    }

    /// Judges a case that came to its end.
    pub(crate) fn judge(
        &self,
        scene: &Scene,
        case: &Case,
        primary: &Primary,
    ) -> io::Result<Verdict> {
        let mut verdict = Verdict::default();
        let left = processes::left_after(&case.home, LINGERING);
        if !left.is_empty() {
            verdict.add(Broken::Running, format!("{left:?}"));
            processes::kill_all(&case.home);
        }
        let states = scene.states(case);
        self.compare(&states, &mut verdict);
        self.count(scene, case, &states, &mut verdict);
        judge_journal(case, true, &mut verdict);
        if scene.primary()? != *primary {
            verdict.add(Broken::Primary, "its states or its objects changed");
        }
        let locks = scene.locks(case);
        if !locks.is_empty() {
            verdict.add(Broken::Locked, locks.join(", "));
        }
        Ok(verdict)
    }

    fn compare(&self, states: &BTreeMap<String, Value>, verdict: &mut Verdict) {
        let found = leaves(states);
        let paths: BTreeSet<&String> = self.leaves.keys().chain(found.keys()).collect();
        let differing: Vec<String> = paths
            .into_iter()
            .filter(|path| !self.volatile.contains(*path))
            .filter(|path| self.leaves.get(*path) != found.get(*path))
            .map(|path| {
                let [was, is] = [self.leaves.get(path), found.get(path)]
                    .map(|value| value.map_or("nothing", String::as_str));
                format!("{path}: {was} in an undisturbed run, and {is} here")
            })
            .collect();
        if let Some(first) = differing.first() {
            let more = differing.len() - 1;
            verdict.add(Broken::Lost, format!("{first}, and {more} more"));
        }
    }

    /// Counts the objects of each address, and holds them against the states.
    fn count(
        &self,
        scene: &Scene,
        case: &Case,
        states: &BTreeMap<String, Value>,
        verdict: &mut Verdict,
    ) {
        let known: BTreeSet<(String, String)> = states
            .iter()
            .flat_map(|(stack, state)| ids(state).into_keys().map(|id| (stack.clone(), id)))
            .collect();
        let made = scene.made();
        let stands: BTreeSet<_> = made.iter().map(|t| (t.stack.clone(), t.id.clone())).collect();
        for (stack, id) in known.difference(&stands) {
            verdict
                .add(Broken::Lost, format!("{stack}: the state knows {id}, and nothing is there"));
        }
        let orphans: Vec<&Thing> =
            made.iter().filter(|t| !known.contains(&(t.stack.clone(), t.id.clone()))).collect();
        if orphans.is_empty() {
            return;
        }
        let said = format!("{}\n{}", case.said(), scene.report(case));
        for orphan in orphans {
            let is_second = made.iter().any(|other| {
                (&other.stack, &other.address) == (&orphan.stack, &orphan.address)
                    && other.id != orphan.id
            });
            let Thing { stack, address, id, .. } = orphan;
            match () {
                () if is_reported(&said, orphan) => verdict.reported += 1,
                () if is_second => {
                    verdict.add(Broken::Doubled, format!("{stack}: {address}, also {id}"));
                }
                () => verdict.add(Broken::Unreported, format!("{stack}: {address}, {id}")),
            }
        }
        for (stack, address) in &self.addresses {
            let stands = made.iter().any(|t| (&t.stack, &t.address) == (stack, address));
            if !stands {
                verdict.add(Broken::Lost, format!("{stack}: {address} is not there"));
            }
        }
    }
}

/// Holds a journal against what is promised of it: of each that it can be read, and of one that
/// came to its end all the rest.
pub(crate) fn judge_journal(case: &Case, ended: bool, verdict: &mut Verdict) {
    let Some(path) = case.journal() else { return };
    let read = match journal::read(&path) {
        Ok(read) => read,
        // Killed before the first event was whole: nothing had begun.
        Err(journal::JournalError::Empty { .. }) if !ended => return,
        Err(error) => {
            return verdict.add(Broken::Journal, drctl::model::chain(&error).join(": "));
        }
    };
    if ended {
        let kept = panic::catch_unwind(|| assert_guarantees(&read.events));
        if let Err(panic) = kept {
            let text = panic.downcast_ref::<String>().cloned();
            verdict.add(Broken::Journal, text.unwrap_or_else(|| "a promise is broken".to_owned()));
        }
    }
}

/// Whether somebody was told of an object, by its id, or by its address as one that was left.
fn is_reported(said: &str, thing: &Thing) -> bool {
    const WORDS: [&str; 3] = ["orphan", "no state", "not in the state"];
    said.contains(&thing.id)
        || said.lines().any(|line| {
            line.contains(&thing.address) && WORDS.iter().any(|word| line.contains(word))
        })
}

/// Returns the id of each resource instance of a state, with its address.
fn ids(state: &Value) -> BTreeMap<String, String> {
    let mut ids = BTreeMap::new();
    for (address, instance) in instances(state) {
        if let Some(id) = instance["attributes"]["id"].as_str() {
            ids.insert(id.to_owned(), address);
        }
    }
    ids
}

fn instances(state: &Value) -> Vec<(String, &Value)> {
    let resources = state["resources"].as_array().into_iter().flatten();
    resources
        .flat_map(|resource| {
            let text = |name: &str| resource[name].as_str().unwrap_or_default();
            let address = format!("{}.{}", text("type"), text("name"));
            resource["instances"]
                .as_array()
                .into_iter()
                .flatten()
                .map(move |instance| (address.clone(), instance))
        })
        .collect()
}

fn leaves(states: &BTreeMap<String, Value>) -> Leaves {
    let mut names: Vec<(String, String)> =
        states.values().flat_map(ids).map(|(id, address)| (id, format!("<{address}>"))).collect();
    // The longest first: one id may be part of another.
    names.sort_by_key(|(id, _)| std::cmp::Reverse(id.len()));
    let mut leaves = Leaves::new();
    for (stack, state) in states {
        for (address, instance) in instances(state) {
            flatten(&format!("{stack} {address}"), &instance["attributes"], &names, &mut leaves);
            flatten(&format!("{stack} {address} status"), &instance["status"], &names, &mut leaves);
        }
        flatten(&format!("{stack} outputs"), &state["outputs"], &names, &mut leaves);
    }
    leaves
}

fn flatten(path: &str, value: &Value, names: &[(String, String)], into: &mut Leaves) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| flatten(&format!("{path}.{name}"), value, names, into)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, value)| flatten(&format!("{path}[{n}]"), value, names, into)),
        leaf => {
            let text = names
                .iter()
                .fold(leaf.to_string(), |text, (id, name)| text.replace(id.as_str(), name));
            into.insert(path.to_owned(), text);
        }
    }
}
