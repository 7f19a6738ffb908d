//! DR018: regions within longer texts.

use crate::{
    catalogue::Catalogue,
    config::module::ResourceMode,
    lint::{
        mention::Kind,
        rule::{Found, Rule},
        slot::Holder,
        subject::Subject,
        tie::{Of, Tie, ties},
    },
    model::finding::{RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR018",
        name: "region-in-name",
        title: "a name or a text has the primary region in it",
        severity: Severity::Warning,
        page: include_str!("dr018.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    let mut last = None;
    for tie in ties(subject, Of::Name) {
        // Once a string.
        let string = (tie.slot.expr().text().path().to_owned(), tie.written.range.clone());
        if is_for_people(&tie) || is_of_another_rule(&tie) || last.as_ref() == Some(&string) {
            continue;
        }
        last = Some(string);
        let region = tie.mention.kind.region().map_or("", |region| region.name.as_str());
        found.add(
            tie.extent(),
            tie.address(),
            format!("the text names `{region}` in every region"),
            "Put the region in from the provider or from the variable that sets it",
        );
    }
}

/// Whether a text is meant to be read, so that nothing depends on it.
fn is_for_people(tie: &Tie<'_, '_>) -> bool {
    const WORDS: &[&str] =
        &["description", "comment", "message", "title", "sid", "note", "annotations", "text"];
    let read = |name: &str| {
        let name = name.to_lowercase();
        WORDS.iter().any(|word| name == *word || name.ends_with(&format!("_{word}")))
            || name.contains("description")
    };
    read(tie.slot.name())
        || tie.written.keys.iter().any(|key| read(key))
        || tie.written.text.contains("console.aws.amazon.com")
        // A role is there also when the region is down that its name speaks of.
        || tie.written.text.contains(":iam::")
        // Roles of IAM Identity Center have its home region in their path, wherever they are used.
        || tie.written.text.contains("aws-reserved/sso.amazonaws.com/")
}

/// Whether another rule speaks of the string: of an ARN or an address in it, or of a name that is
/// the same in both regions and can be given once only.
fn is_of_another_rule(tie: &Tie<'_, '_>) -> bool {
    let mentions = tie.slot.strings.iter().filter(|(written, _)| written == tie.written);
    let other = mentions
        .flat_map(|(_, found)| found)
        .any(|mention| matches!(mention.kind, Kind::Arn(_) | Kind::Endpoint(_)));
    let Holder::Resource(resource) = tie.slot.holder else { return other };
    let naming =
        Catalogue::builtin().resource(&resource.kind).and_then(|known| known.name.as_ref());
    other
        || resource.mode == ResourceMode::Managed
            && naming.is_some_and(|naming| {
                naming.unique.spans_regions() && naming.attribute == tie.slot.path
            })
}
