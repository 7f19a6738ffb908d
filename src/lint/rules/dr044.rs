//! DR044: values that name the primary in both regions, though nothing beside them does.

use crate::{
    catalogue::names,
    config::eval::{Piece, Value},
    lint::{
        origin::{Origin, origins},
        rule::{Found, Rule},
        slot::{Holder, Slot},
        subject::{Call, Subject},
    },
    model::finding::{Place, RuleText, Severity},
};
use std::collections::BTreeSet;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR044",
        name: "value-stays-in-primary",
        title: "a value names the primary in both regions",
        severity: Severity::Error,
        page: include_str!("dr044.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(primary) = subject.primary() else { return };
    let mut seen: BTreeSet<Place> = BTreeSet::new();
    for call in &subject.calls {
        for slot in subject.slots_of(call).iter().filter(|slot| is_asked(slot)) {
            let Some(stays) = staying(call, slot, primary) else { continue };
            let written = |(_, m): (_, &crate::lint::mention::Mention)| {
                m.kind.region().is_some_and(|region| region.name == primary)
            };
            if slot.mentions().any(written) {
                continue;
            }
            let origins = origins(subject, call, slot.expr(), primary);
            // A literal in the code is a finding where it stands, and what differs by instance is
            // there for several regions.
            if origins.iter().any(|o| matches!(o, Origin::Reported | Origin::Instance)) {
                continue;
            }
            let from = origins.iter().find_map(|origin| match origin {
                Origin::Set(at) => Some(at.clone()),
                _ => None,
            });
            let key = from.as_ref().map_or_else(|| slot.expr().place(), |at| at.start.clone());
            if !seen.insert(key) {
                continue;
            }
            let weight = match stays.kind {
                Named::Region => Severity::Warning,
                Named::Zone | Named::Arn => Severity::Error,
            };
            let mut draft = found
                .add(
                    slot.extent(),
                    call.address_of(&slot.holder.address()),
                    format!(
                        "`{}` comes to {} of `{primary}` in both regions",
                        slot.path,
                        stays.kind.what()
                    ),
                    "Let it follow the region: take it from the provider's, or set another value for the fallback in the runbook's `region` block",
                )
                .values(stays.text.as_str(), stays.text.as_str())
                .severity(weight);
            if let Some(at) = from {
                draft = draft.related(at, "this is where it comes from");
            }
            let _ = draft;
        }
    }
}

/// What a text names.
#[derive(Clone, Copy)]
enum Named {
    Region,
    Zone,
    Arn,
}

impl Named {
    fn what(self) -> &'static str {
        match self {
            Self::Region => "the name",
            Self::Zone => "a zone",
            Self::Arn => "an ARN",
        }
    }
}

struct Stays {
    text: String,
    kind: Named,
}

/// Words in the path of an argument that is meant to name another place.
const ELSEWHERE: [&str; 16] = [
    "backup",
    "destination",
    "main",
    "origin",
    "peer",
    "primary",
    "principal",
    "remote",
    "replica",
    "replicas",
    "replication",
    "requester",
    "source",
    "src",
    "tags",
    "labels",
];

/// Whether an argument is one of something that is made, and could follow the region.
fn is_asked(slot: &Slot<'_>) -> bool {
    let holds = matches!(slot.holder, Holder::Resource(_) | Holder::Call(_));
    let mut words = slot.path.split(['.', '_']);
    holds
        && !["count", "for_each", "version"].contains(&slot.path.as_str())
        && !words.any(|word| ELSEWHERE.contains(&word))
}

/// Returns the part of an argument's value that names the primary in both regions.
fn staying(call: &Call<'_>, slot: &Slot<'_>, primary: &str) -> Option<Stays> {
    let expr = slot.expr();
    // Text that stands in the argument itself is a finding of another rule.
    if expr.paths().is_empty() {
        return None;
    }
    let of = |scope: &crate::config::eval::Scope<'_>| -> Vec<String> {
        let body = match slot.holder {
            Holder::Resource(resource) => resource.body(),
            Holder::Call(inner) => inner.body(),
            _ => return Vec::new(),
        };
        let mut texts = Vec::new();
        for instance in scope.instances(body) {
            leaves(&instance.value(expr), &mut texts);
        }
        texts
    };
    let kind = |text: &str| named(text, primary);
    let mut there = of(&call.fallback);
    there.retain(|text| kind(text).is_some());
    // Mostly it does follow, and then it need not be asked what it was.
    if there.is_empty() {
        return None;
    }
    of(&call.primary)
        .into_iter()
        .filter(|text| there.contains(text))
        .find_map(|text| Some(Stays { kind: kind(&text)?, text }))
}

fn named(text: &str, primary: &str) -> Option<Named> {
    if text.starts_with("arn:") {
        return (text.split(':').nth(3) == Some(primary)).then_some(Named::Arn);
    }
    if names::same_region(text, primary) {
        return Some(Named::Region);
    }
    names::zone_of(text, primary).then_some(Named::Zone)
}

/// Collects the texts of a value; what is not known of one is a `*`.
fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.to_string()),
        Value::Partial(pieces) => found.push(
            pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => &**text,
                    Piece::Unknown(_) => "*",
                })
                .collect(),
        ),
        Value::List(items) | Value::Set(items) => {
            items.iter().for_each(|item| leaves(item, found));
        }
        // What stands in an object is found where it is used.
        _ => {}
    }
}
