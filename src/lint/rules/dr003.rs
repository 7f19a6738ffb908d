//! DR003: states of others that are out of reach with the primary.

use crate::{
    lint::{
        mention::{Kind, Mention},
        rule::{Found, Rule},
        slot::{Holder, Slot},
        subject::Subject,
        tie::is_remote_state,
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR003",
        name: "remote-state-in-primary",
        title: "a remote state is read from the primary region",
        severity: Severity::Error,
        page: include_str!("dr003.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(primary) = subject.primary() else { return };
    for seen in &subject.modules {
        for resource in seen.module.resources.iter().filter(|resource| is_remote_state(resource)) {
            let of = |slot: &&Slot<'_>| matches!(slot.holder, Holder::Resource(other) if std::ptr::eq(other, resource));
            let Some((slot, mention)) = seen.slots.iter().filter(of).find_map(|slot| {
                let (_, mention) = tied(slot, primary)?;
                Some((slot, mention))
            }) else {
                continue;
            };
            found.add(
                slot.expr().text().extent_of(mention.range.clone()),
                seen.address_of(&resource.address()),
                format!("this state is read from `{primary}`, and cannot be while that is down"),
                "Take the region and the bucket from variables, and replicate the bucket; or pass what is read here as variables",
            );
        }
    }
}

/// Returns what names the primary: the region, or where there is none, whatever else does.
fn tied<'s>(slot: &'s Slot<'_>, primary: &str) -> Option<(bool, &'s Mention)> {
    let key = |written: &crate::config::expression::Written| {
        written.keys.last().cloned().unwrap_or_else(|| slot.name().to_owned())
    };
    let known = |name: &str| slot.mentions().any(|(written, _)| key(written) == name);
    let has_region = known("region");
    slot.mentions()
        .filter(|(written, _)| !written.compared && !written.is_key)
        .filter(|(written, _)| {
            let key = key(written);
            if has_region { key == "region" } else { STORES.contains(&key.as_str()) }
        })
        .find(|(_, mention)| match mention.kind {
            Kind::Region(region) | Kind::Within(region) => region.name == primary,
            _ => false,
        })
        .map(|(_, mention)| (has_region, mention))
}

/// What a state can be kept in.
const STORES: &[&str] = &["bucket", "storage_account_name", "resource_group_name"];
