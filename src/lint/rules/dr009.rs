//! DR009: zones of the primary, and letters that the fallback has not.

use crate::{
    catalogue::{Cloud, Regions},
    config::expression::{HOLE, Reference},
    lint::{
        mention::Kind,
        rule::{Found, Rule},
        slot::{Holder, Slot},
        subject::Seen,
        subject::Subject,
        tie::{Of, Tie, ties},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR009",
        name: "zone-literal",
        title: "an availability zone is named",
        severity: Severity::Error,
        page: include_str!("dr009.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    literals(subject, found);
    templates(subject, found);
}

/// Says one thing of all zones in one list.
fn literals(subject: &Subject<'_>, found: &mut Found<'_>) {
    let mut lists: Vec<Vec<Tie<'_, '_>>> = Vec::new();
    for tie in ties(subject, Of::Zone) {
        match lists.last_mut() {
            Some(list) if is_beside(&list[0], &tie) => list.push(tie),
            _ => lists.push(vec![tie]),
        }
    }
    for list in lists {
        let (first, last) = (&list[0], &list[list.len() - 1]);
        let zones: Vec<String> = list
            .iter()
            .map(|tie| match tie.mention.kind {
                Kind::Within(_) => format!("`{}…`", tie.mention.text),
                _ => format!("`{}`", tie.mention.text),
            })
            .collect();
        let range = first.written.range.start..last.written.range.end;
        let verb = if list.len() == 1 { "is a zone" } else { "are zones" };
        found.add(
            first.slot.expr().text().extent_of(range),
            first.address(),
            format!("{} {verb} of the region that is down", zones.join(", ")),
            "Ask for the zones: `data \"aws_availability_zones\" \"available\" {}` and `data.aws_availability_zones.available.names[0]`",
        );
    }
}

fn is_beside(a: &Tie<'_, '_>, b: &Tie<'_, '_>) -> bool {
    std::ptr::eq(a.slot, b.slot) && a.written.keys == b.written.keys
}

/// Finds `"${var.region}b"` where the fallback has no zone `b`. Where nobody says which region the
/// fallback is, nothing is known of its letters.
fn templates(subject: &Subject<'_>, found: &mut Found<'_>) {
    let Some(fallback) = subject.fallback().and_then(|name| Regions::known().find(name)) else {
        return;
    };
    let Some(zones) = fallback.zones.as_ref().filter(|_| fallback.cloud != Cloud::Azure) else {
        return;
    };
    for (seen, slot) in subject.slots() {
        for (written, _) in &slot.strings {
            let Some(end) = written.text.strip_prefix(HOLE).filter(|end| is_zone_end(end)) else {
                continue;
            };
            let zone = format!("{}{end}", fallback.name);
            let is_aws = !end.starts_with('-');
            if zones.contains(&zone)
                || is_aws != (fallback.cloud == Cloud::Aws)
                || !begins_with_the_region(subject, seen, slot, &written.range)
            {
                continue;
            }
            found.add(
                slot.expr().text().extent_of(written.range.clone()),
                seen.address_of(&slot.holder.address()),
                format!("`{}` has no zone `{zone}`", fallback.name),
                "Ask for the zones: `data \"aws_availability_zones\" \"available\" {}` and `data.aws_availability_zones.available.names[0]`",
            );
        }
    }
}

/// Whether a text is what follows a region in the name of a zone: `a`, or `-a`.
fn is_zone_end(end: &str) -> bool {
    let letter = end.strip_prefix('-').unwrap_or(end);
    letter.len() == 1 && letter.chars().all(|c| c.is_ascii_lowercase())
}

/// Whether what is interpolated in a string is a region, by its name.
fn begins_with_the_region(
    subject: &Subject<'_>,
    seen: &Seen<'_>,
    slot: &Slot<'_>,
    string: &std::ops::Range<usize>,
) -> bool {
    // A local value that nobody reads names nothing.
    if matches!(slot.holder, Holder::Output(_))
        || crate::lint::tie::lies_elsewhere(subject, seen, slot)
    {
        return false;
    }
    let inside = |reference: &&Reference| {
        string.start <= reference.range.start && reference.range.end <= string.end
    };
    let references = slot.expr().references();
    let mut inside = references.iter().filter(inside);
    let (Some(only), None) = (inside.next(), inside.next()) else { return false };
    let names_region = |part: &String| part == "region" || part.ends_with("_region");
    only.path.iter().any(names_region) || only.path.iter().any(|part| part == "aws_region")
}
