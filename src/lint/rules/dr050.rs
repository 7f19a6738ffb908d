//! DR050: files that were not understood.

use crate::{
    config::file::Fault,
    lint::{
        rule::{Found, Rule},
        subject::Subject,
    },
    model::finding::{Extent, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR050",
        name: "file-not-understood",
        title: "a file was not understood",
        severity: Severity::Error,
        page: include_str!("dr050.md"),
    },
    check,
};

fn check(subject: &Subject<'_>, found: &mut Found<'_>) {
    for unparsed in subject.modules.iter().flat_map(|seen| &seen.module.unparsed) {
        let hint = unparsed.hint().unwrap_or_else(|| "Make it readable".to_owned());
        found
            .add(
                Extent::at(unparsed.place.clone()),
                unparsed.file.display().to_string(),
                unparsed.message.clone(),
                hint,
            )
            .severity(match unparsed.fault {
                Fault::Syntax | Fault::Unreadable => Severity::Error,
                // Where drctl itself may fall short, it does not block a merge.
                Fault::NotUnderstood | Fault::Unjudged => Severity::Info,
            });
    }
}
