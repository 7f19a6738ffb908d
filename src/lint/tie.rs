//! Where code is tied to the primary by a literal, and which rule speaks of it: one literal, one
//! finding, by the most specific rule.

use super::{
    called::{is_global_service, is_meant},
    mention::{Kind, Mention},
    slot::{Holder, Slot},
    subject::{Call, Seen, Subject},
};
use crate::{
    catalogue::{Cloud, names},
    config::{
        eval::Value,
        expression::{HOLE, Written},
        module::{Resource, ResourceMode},
    },
    model::finding::Extent,
};

/// A literal that ties code to the primary.
pub(crate) struct Tie<'s, 'a> {
    /// The module.
    pub(crate) seen: &'s Seen<'a>,
    /// The argument.
    pub(crate) slot: &'s Slot<'a>,
    /// The string.
    pub(crate) written: &'s Written,
    /// What it names.
    pub(crate) mention: &'s Mention,
}

/// What a literal is, by the rule that speaks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// The region of a default provider: DR002.
    DefaultProvider,
    /// The region of an ARN: DR004.
    Arn,
    /// A regional address: DR005.
    Endpoint,
    /// A zone of AWS, wherever it stands: DR009.
    Zone,
    /// A whole argument of a resource, a data source or a call: DR016.
    Argument,
    /// A local value, or the default of a variable: DR017.
    Value,
    /// A part of a longer text: DR018.
    Name,
    /// The `region` argument that every resource of AWS has: DR027.
    ResourceRegion,
    /// The region of a provider with an alias: DR028.
    AliasProvider,
    /// A location of Google Cloud: DR030.
    Google,
    /// A location of Azure: DR031.
    Azure,
}

impl<'a> Tie<'_, 'a> {
    /// Returns where the name of the region stands.
    pub(crate) fn extent(&self) -> Extent {
        self.slot.expr().text().extent_of(self.mention.range.clone())
    }

    /// Returns where the whole string stands, with its quotes.
    pub(crate) fn string(&self) -> Extent {
        self.slot.expr().text().extent_of(self.written.range.clone())
    }

    /// Returns the address of what it stands in.
    pub(crate) fn address(&self) -> String {
        self.seen.address_of(&self.slot.holder.address())
    }

    /// Returns what it is called: the key beneath which it stands, or the argument.
    pub(crate) fn argument(&self) -> &str {
        let key = self.written.keys.iter().rev().find(|key| !key.is_empty());
        key.map_or_else(|| self.slot.name(), String::as_str)
    }

    /// Returns the resource that it stands in.
    pub(crate) fn resource(&self) -> Option<&'a Resource> {
        match self.slot.holder {
            Holder::Resource(resource) => Some(resource),
            _ => None,
        }
    }

    /// Whether the default AWS provider of the module is where its argument is used.
    pub(crate) fn is_of_the_default_provider(&self) -> bool {
        match self.slot.holder {
            Holder::Resource(resource) => resource.provider.is_none(),
            Holder::Call(call) => call.providers.is_none(),
            Holder::Local(_) => true,
            _ => false,
        }
    }
}

/// Returns every literal of one kind that ties the subject to its primary, in order.
pub(crate) fn ties<'s, 'a>(subject: &'s Subject<'a>, of: Of) -> Vec<Tie<'s, 'a>> {
    let Some(primary) = subject.primary() else { return Vec::new() };
    let mut found = Vec::new();
    for (seen, slot) in subject.slots() {
        for (written, mention) in slot.mentions() {
            if mention.kind.region().is_none_or(|region| region.name != primary) {
                continue;
            }
            let tie = Tie { seen, slot, written, mention };
            if kind(&tie) == Some(of) && is_tied(subject, &tie, of) {
                found.push(tie);
            }
        }
    }
    found
}

/// Says which rule a literal belongs to.
fn kind(tie: &Tie<'_, '_>) -> Option<Of> {
    let (slot, path) = (tie.slot, tie.slot.path.as_str());
    match (tie.mention.kind, slot.holder) {
        // The backend and remote states have rules of their own, DR001 and DR003.
        (_, Holder::Backend(_)) => None,
        (_, Holder::Resource(resource)) if is_remote_state(resource) => None,
        (Kind::Arn(_), _) => Some(Of::Arn),
        (Kind::Endpoint(_), _) => Some(Of::Endpoint),
        (Kind::Zone(region), holder) if region.cloud == Cloud::Aws => {
            (!matches!(holder, Holder::Output(_) | Holder::Provider(_))).then_some(Of::Zone)
        }
        // The letter is interpolated.
        (Kind::Within(region), Holder::Resource(_) | Holder::Call(_) | Holder::Local(_))
            if region.cloud == Cloud::Aws
                && tie.written.text == format!("{}{HOLE}", region.name)
                && tie.argument().contains("zone") =>
        {
            Some(Of::Zone)
        }
        (Kind::Within(_), holder) => {
            (!matches!(holder, Holder::Output(_) | Holder::Provider(_))).then_some(Of::Name)
        }
        (Kind::Region(_) | Kind::Zone(_), Holder::Provider(provider)) => match path {
            "region" | "zone" if provider.alias.is_none() => Some(Of::DefaultProvider),
            "region" | "zone" => Some(Of::AliasProvider),
            _ => None,
        },
        (Kind::Region(_) | Kind::Zone(_), Holder::Resource(resource)) => {
            let kind = resource.kind.as_str();
            Some(if kind.starts_with("google_") {
                Of::Google
            } else if kind.starts_with("azurerm_") {
                Of::Azure
            } else if kind.starts_with("aws_") && path == "region" {
                Of::ResourceRegion
            } else {
                Of::Argument
            })
        }
        (Kind::Region(_) | Kind::Zone(_), Holder::Call(_)) => Some(Of::Argument),
        (Kind::Region(_) | Kind::Zone(_), Holder::Local(_) | Holder::Variable(_)) => {
            Some(Of::Value)
        }
        (Kind::Region(_) | Kind::Zone(_), Holder::Output(_))
        | (Kind::Image | Kind::Account | Kind::Object, _) => None,
    }
}

/// Whether a resource is a `terraform_remote_state`.
pub(crate) fn is_remote_state(resource: &Resource) -> bool {
    resource.mode == ResourceMode::Data && resource.kind == "terraform_remote_state"
}

/// Functions that ask whether something is there, or that have a value for when it is not.
const ASKING: &[&str] = &[
    "can",
    "coalesce",
    "coalescelist",
    "contains",
    "endswith",
    "index",
    "lookup",
    "regex",
    "regexall",
    "replace",
    "startswith",
    "strcontains",
    "trimprefix",
    "trimsuffix",
    "try",
];

/// Whether a string is used as it is: not a question, not a table by region, not a tag.
pub(crate) fn is_used_as_it_is(slot: &Slot<'_>, written: &Written) -> bool {
    let asks = |name: &String| ASKING.contains(&name.as_str());
    !written.compared
        && !written.is_key
        && !written.keys.iter().any(|key| names::region_named(key).is_some())
        && !written.functions.iter().any(asks)
        && !is_index(slot, written)
        && !asks_for_the_region(slot)
        && !is_tag(slot, written)
}

/// Whether the argument has an answer for each region: `var.region == "us-east-1" ? … : …`.
fn asks_for_the_region(slot: &Slot<'_>) -> bool {
    slot.mentions().any(|(written, mention)| {
        written.compared && matches!(mention.kind, Kind::Region(_) | Kind::Zone(_))
    })
}

/// Whether a string chooses from a table: `aws_subnet.a["eu-west-1a"]`.
fn is_index(slot: &Slot<'_>, written: &Written) -> bool {
    let text = slot.expr().text().as_str();
    let before = text[..written.range.start].trim_end().strip_suffix('[');
    let table = |before: &str| {
        before.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ']' | ')' | '}'))
    };
    before.is_some_and(table) && text[written.range.end..].trim_start().starts_with(']')
}

/// Whether a string only labels something, for people and bills.
fn is_tag(slot: &Slot<'_>, written: &Written) -> bool {
    let tags = |name: &str| {
        name.ends_with("tags") || name.ends_with("tags_all") || name.ends_with("labels")
    };
    slot.path.split('.').any(tags)
        || written.keys.iter().any(|key| tags(key))
        || matches!(slot.holder, Holder::Local(name) if tags(name))
        || matches!(slot.holder, Holder::Variable(variable) if tags(&variable.name))
}

fn is_tied(subject: &Subject<'_>, tie: &Tie<'_, '_>, of: Of) -> bool {
    let Tie { seen, slot, written, mention } = tie;
    if !is_used_as_it_is(slot, written) || is_overridden(subject, seen, slot) {
        return false;
    }
    if is_global_service(slot, written, mention) || lies_elsewhere(subject, seen, slot) {
        return false;
    }
    let whole = matches!(mention.kind, Kind::Region(_) | Kind::Zone(_));
    // An ARN and an address lead somewhere, whoever speaks of them.
    if !matches!(of, Of::Arn | Of::Endpoint) && is_meant(slot.holder, mention.kind) {
        return false;
    }
    if whole && speaks_of_roles(slot, written) || is_one_of_many(subject, slot, written, whole) {
        return false;
    }
    if matches!(of, Of::Value | Of::Zone) && is_default_of_the_root(seen, slot) {
        return false;
    }
    !is_unused(seen, slot) && !differs_anyway(subject, seen, slot)
}

/// Whether a default of the root: `drctl` and every file of variables can set another, and a
/// region or a zone is carried over where they do not.
pub(crate) fn is_default_of_the_root(seen: &Seen<'_>, slot: &Slot<'_>) -> bool {
    seen.address.is_empty() && matches!(slot.holder, Holder::Variable(_))
}

/// Whether a default has no effect: something sets the variable in every call.
pub(crate) fn is_overridden(subject: &Subject<'_>, seen: &Seen<'_>, slot: &Slot<'_>) -> bool {
    let Holder::Variable(variable) = slot.holder else { return false };
    let sets = |call: &Call<'_>| match call.primary.call() {
        Some(from) => from.arguments.iter().any(|argument| argument.name() == variable.name),
        None => subject.about.given.contains_key(&variable.name),
    };
    subject.calls.iter().filter(|call| call.module.dir == seen.module.dir).all(sets)
}

/// Whether nothing reads a variable or a local value.
pub(crate) fn is_unused(seen: &Seen<'_>, slot: &Slot<'_>) -> bool {
    let (root, name) = match slot.holder {
        Holder::Variable(variable) => ("var", variable.name.as_str()),
        Holder::Local(name) => ("local", name),
        _ => return false,
    };
    !seen.reads(root, name)
}

/// Whether the argument comes to something else in the fallback, so that the literal is one of
/// several answers.
fn differs_anyway(subject: &Subject<'_>, seen: &Seen<'_>, slot: &Slot<'_>) -> bool {
    if slot.expr().literal().is_some() {
        return false;
    }
    let Some(call) = subject.calls.iter().find(|call| call.module.dir == seen.module.dir) else {
        return false;
    };
    match call.both(slot.expr()) {
        (Value::Unknown(_) | Value::Partial(_), _) | (_, Value::Unknown(_) | Value::Partial(_)) => {
            false
        }
        (Value::String(here), Value::String(there)) => here != there,
        _ => false,
    }
}

/// Whether a resource uses a provider that is known to point at another region, which is not
/// rebuilt when the primary is down.
pub(crate) fn lies_elsewhere(subject: &Subject<'_>, seen: &Seen<'_>, slot: &Slot<'_>) -> bool {
    let Holder::Resource(resource) = slot.holder else { return false };
    let mut calls = subject.calls.iter().filter(|call| call.module.dir == seen.module.dir);
    calls.all(|call| {
        let home = call.home(resource).primary;
        home.is_some_and(|home| !names::same_region(&home, &subject.pair.primary))
    })
}

/// Words for the part that a region plays in an arrangement of several regions. What is called
/// after such a part names a region on purpose.
const ROLES: &[&str] = &[
    "primary",
    "secondary",
    "replica",
    "replicas",
    "replication",
    "peer",
    "peering",
    "source",
    "src",
    "destination",
    "dest",
    "remote",
    "failover",
    "dr",
    "recovery",
    "standby",
    "allowed",
    "denied",
    "excluded",
    "supported",
    "enabled",
    "home",
];

fn speaks_of_roles(slot: &Slot<'_>, written: &Written) -> bool {
    let role = |name: &str| {
        let name = name.to_lowercase();
        name.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| ROLES.contains(&word))
    };
    let own = match slot.holder {
        Holder::Local(name) => role(name),
        Holder::Variable(variable) => role(&variable.name),
        _ => false,
    };
    own || role(&slot.path) || written.keys.iter().any(|key| role(key))
}

/// Whether other regions stand beside it: then it is a list or a choice of regions, and only one
/// that is known to lack the fallback ties.
fn is_one_of_many(subject: &Subject<'_>, slot: &Slot<'_>, written: &Written, whole: bool) -> bool {
    let primary = subject.pair.primary.as_str();
    let beside: Vec<&str> = slot
        .mentions()
        .filter(|(other, _)| other.keys == written.keys && !other.compared && !other.is_key)
        .filter_map(|(other, mention)| {
            let name = mention.kind.region()?.name.as_str();
            let alone = matches!(mention.kind, Kind::Region(_) | Kind::Zone(_));
            // A longer text says the same of another region.
            let alike = || other.text.replace(name, primary) == written.text;
            (name != primary && if whole { alone } else { alike() }).then_some(name)
        })
        .collect();
    let has = |fallback| beside.contains(&fallback);
    !beside.is_empty() && subject.fallback().is_none_or(has)
}
