//! DR008: machine images of one region.

use crate::{
    lint::{
        mention::Kind,
        rule::{Found, Rule},
        slot::{Holder, Slot},
        subject::Subject,
        tie::{is_overridden, is_unused, is_used_as_it_is, lies_elsewhere},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR008",
        name: "image-literal",
        title: "a machine image is named by its id",
        severity: Severity::Error,
        page: include_str!("dr008.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for (seen, slot) in subject.slots() {
        if !slot.names(Kind::Image) || !stands_for_something(slot) || is_unused(seen, slot) {
            continue;
        }
        for (written, mention) in slot.mentions() {
            if mention.kind != Kind::Image
                || !is_used_as_it_is(slot, written)
                || is_overridden(subject, seen, slot)
                || lies_elsewhere(subject, seen, slot)
            {
                continue;
            }
            found.add(
                slot.expr().text().extent_of(mention.range.clone()),
                seen.address_of(&slot.holder.address()),
                format!(
                    "`{}` exists in one region only; no instance can be started from it elsewhere",
                    mention.text
                ),
                "Look the image up: `data \"aws_ami\"` by owner and name, or the parameter under `/aws/service/` that names it; copy images of your own to the fallback",
            );
        }
    }
}

/// What an output shows is found where it comes from, and a data source that asks for one image
/// by its id does so for whoever uses it.
fn stands_for_something(slot: &Slot<'_>) -> bool {
    !matches!(slot.holder, Holder::Output(_) | Holder::Backend(_) | Holder::Provider(_))
}
