//! DR048: a recovery that needs the control plane in the region that is down.

use crate::{
    catalogue::Catalogue,
    config::module::ResourceMode,
    lint::{
        rule::{Found, Rule},
        slot::header,
        subject::Subject,
        unique::{is_decided, is_regional},
    },
    model::finding::{Extent, RuleText, Severity},
};
use std::collections::BTreeMap;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR048",
        name: "control-plane-in-primary",
        title: "the rebuild needs a control plane that lies in the primary",
        severity: Severity::Warning,
        page: include_str!("dr048.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(primary) = subject.primary() else { return };
    if !is_regional(subject) {
        return;
    }
    // By type: where the first one is, and how it is called.
    let mut types: BTreeMap<&str, (Extent, String)> = BTreeMap::new();
    for (call, resource) in subject.resources() {
        let known = Catalogue::builtin().resource(&resource.kind);
        let plane = known.and_then(|known| known.control_plane.as_deref());
        if resource.mode != ResourceMode::Managed
            || plane != Some(primary)
            || types.contains_key(resource.kind.as_str())
            || is_decided(subject, resource)
            || call.fallback.instances(resource.body()).is_empty()
        {
            continue;
        }
        let first = (header(&resource.block), call.address_of(&resource.address()));
        types.insert(&resource.kind, first);
    }
    let names: Vec<String> = types.keys().map(|kind| format!("`{kind}`")).collect();
    let mut places = types.into_values();
    let Some((at, address)) = places.next() else { return };
    let what = match &names[..] {
        [one] => format!("{one} is"),
        [first @ .., last] => format!("{} and {last} are", first.join(", ")),
        [] => return,
    };
    let mut draft = found.add(
        at,
        address,
        format!("{what} made by a control plane in `{primary}`, the region that is down"),
        "Make these ahead of the failover, for both regions, in a stack of their own; or `adopt` the primary's by `global` blocks in the runbook",
    );
    for (at, address) in places.take(5) {
        draft = draft.related(at, format!("`{address}` needs it, too"));
    }
    let _ = draft;
}
