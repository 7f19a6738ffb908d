//! DR011: ids that the cloud gave to objects.

use crate::{
    lint::{
        mention::Kind,
        rule::{Found, Rule},
        slot::Holder,
        subject::Subject,
        tie::{is_overridden, is_unused, is_used_as_it_is, lies_elsewhere},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR011",
        name: "object-id-literal",
        title: "an object of the primary is named by its id",
        severity: Severity::Error,
        page: include_str!("dr011.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (seen, slot) in subject.slots() {
        if !slot.names(Kind::Object)
            || matches!(slot.holder, Holder::Output(_) | Holder::Backend(_))
            || is_unused(seen, slot)
        {
            continue;
        }
        for (written, mention) in slot.mentions() {
            if mention.kind != Kind::Object
                || stands_for_none(&mention.text)
                || !is_used_as_it_is(slot, written)
                || is_overridden(subject, seen, slot)
                || lies_elsewhere(subject, seen, slot)
            {
                continue;
            }
            found.add(
                slot.expr().text().extent_of(mention.range.clone()),
                seen.address_of(&slot.holder.address()),
                format!("`{}` exists in one region only; elsewhere there is no such object", mention.text),
                "Refer to the resource that makes it, look it up by its tags with a data source, or take it from a variable that is set for each region",
            );
        }
    }
}

/// Whether an id is one that AWS shows where there is no object, such as `vol-ffffffff`.
fn stands_for_none(id: &str) -> bool {
    let digits = id.rsplit('-').next().unwrap_or_default().as_bytes();
    digits.windows(2).all(|pair| pair[0] == pair[1])
}
