//! DR019: accounts.

use crate::{
    catalogue::accounts,
    config::expression::Written,
    lint::{
        mention::{Kind, Mention},
        rule::{Found, Rule},
        slot::{Holder, Slot},
        subject::Subject,
        tie::{is_default_of_the_root, is_overridden, is_unused, is_used_as_it_is},
    },
    model::finding::{Extent, RuleText, Severity},
};
use std::collections::BTreeMap;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR019",
        name: "account-literal",
        title: "an AWS account is named by its number",
        severity: Severity::Info,
        page: include_str!("dr019.md"),
    },
    check,
};

/// How many other places are listed.
const MAX_RELATED: usize = 10;

/// Says one thing of each account in a module, at its first place.
fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for seen in &subject.modules {
        let mut accounts: BTreeMap<&str, Vec<(Extent, String)>> = BTreeMap::new();
        for slot in &seen.slots {
            if !slot.names(Kind::Account)
                || is_default_of_the_root(seen, slot)
                || is_overridden(subject, seen, slot)
                || is_unused(seen, slot)
            {
                continue;
            }
            for (written, mention) in slot.mentions() {
                if mention.kind == Kind::Account
                    && is_used_as_it_is(slot, written)
                    && accounts::public(&mention.text).is_none()
                    && is_an_account(slot, written, mention)
                    && !is_of_another_rule(subject, slot, written)
                {
                    let at = slot.expr().text().extent_of(mention.range.clone());
                    let about = seen.address_of(&slot.holder.address());
                    accounts.entry(&mention.text).or_default().push((at, about));
                }
            }
        }
        for (account, mut places) in accounts {
            let others = places.split_off(1);
            let Some((at, about)) = places.pop() else { continue };
            let more = match others.len() {
                0 => String::new(),
                1 => " in two places".to_owned(),
                n => format!(" in {} places", n + 1),
            };
            let mut draft = found.add(
                at,
                about,
                format!("the account `{account}` is fixed{more}; a rebuild in another account would still speak of this one"),
                "Ask for the own account, `data \"aws_caller_identity\" \"current\" {}`, and take others from variables",
            );
            for (at, _) in others.into_iter().take(MAX_RELATED) {
                draft = draft.related(at, "here, too");
            }
        }
    }
}

/// Words that tell a number of twelve digits from others.
const WORDS: &[&str] = &[
    "account",
    "accounts",
    "acct",
    "owner",
    "owners",
    "principal",
    "principals",
    "identifiers",
    "aws",
    "org",
    "organization",
];

/// Whether twelve digits are an account: in an ARN, or where the name says so.
fn is_an_account(slot: &Slot<'_>, written: &Written, mention: &Mention) -> bool {
    let says = |name: &str| {
        name.to_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).any(|word| {
            WORDS.contains(&word) || word.ends_with("account") || word.ends_with("accounts")
        })
    };
    let own = match slot.holder {
        Holder::Local(name) => says(name),
        Holder::Variable(variable) => says(&variable.name),
        _ => false,
    };
    let example = mention.text == "123456789012" || mention.text == "000000000000";
    // GuardDuty's agent comes from an account of AWS in each region.
    let agent = written.text.contains(":repository/aws-guardduty-agent");
    !example
        && !agent
        && (written.text != mention.text
            || own
            || slot.path.split('.').any(says)
            || written.keys.iter().any(|key| says(key)))
}

/// Whether the ARN is one of the primary, or an image that is looked up, of which DR004 speaks.
fn is_of_another_rule(subject: &Subject<'_>, slot: &Slot<'_>, written: &Written) -> bool {
    let primary = subject.primary();
    slot.mentions().any(|(other, mention)| {
        other == written
            && matches!(mention.kind, Kind::Arn(region) if Some(region.name.as_str()) == primary)
    })
}
