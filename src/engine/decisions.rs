//! What somebody decided about what an earlier process of the run left.

use crate::model::step::StepId;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What somebody decided about what an earlier process of the run left. Resources are named by their
/// addresses, or by the name of their stack, a colon and their address.
#[derive(Clone, Debug, Default)]
pub struct Decisions {
    /// Make again what may exist, and what exists and cannot be imported.
    pub accept_orphans: bool,
    /// Those of them that somebody named alone.
    pub made_again: BTreeSet<String>,
    /// What to take into the state, with the id that somebody found.
    pub imports: BTreeMap<String, String>,
    /// What to keep though it was broken off while it was made.
    pub untaint: BTreeSet<String>,
    /// What to delete and make anew since it was broken off while it was made.
    pub replace: BTreeSet<String>,
    /// When the process began that resumes the run.
    pub resumed_at: Option<Timestamp>,
    /// The stacks of which the newest news may be lost with the machine.
    pub unsynced: BTreeSet<StepId>,
}

impl Decisions {
    /// Whether one of `given` is the resource `address` of the stack `step`.
    pub(super) fn names(given: &BTreeSet<String>, step: &StepId, address: &str) -> bool {
        given.contains(address) || given.contains(&format!("{step}:{address}"))
    }

    /// Returns those of `given` that may be resources of the stack `step`, as addresses.
    pub(super) fn of<'a>(
        given: impl IntoIterator<Item = &'a String>,
        step: &StepId,
    ) -> impl Iterator<Item = (&'a str, &'a String)> {
        let prefix = format!("{step}:");
        let address = move |given: &'a String| match given.strip_prefix(&prefix) {
            Some(address) => Some((address, given)),
            // A key of an instance may hold a colon, too, and stands in brackets.
            None if given.split('[').next().is_some_and(|head| head.contains(':')) => None,
            None => Some((given.as_str(), given)),
        };
        given.into_iter().filter_map(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_is_named_with_or_without_its_stack() {
        let given: BTreeSet<String> =
            ["a.b", "data:a.c", "data:a.d[\"x:y\"]", "net:a.e", "a.f[\"p:q\"]"]
                .map(str::to_owned)
                .into();
        let data = StepId::new("data");
        let of: Vec<_> = Decisions::of(&given, &data).map(|(address, _)| address).collect();
        assert_eq!(of, ["a.b", "a.f[\"p:q\"]", "a.c", "a.d[\"x:y\"]"]);
        assert!(Decisions::names(&given, &data, "a.c") && Decisions::names(&given, &data, "a.b"));
        assert!(!Decisions::names(&given, &data, "a.e"));
    }
}
