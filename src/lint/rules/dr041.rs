//! DR041: comments that answer nothing.

use crate::{
    lint::{
        rule::{Found, Rule},
        rules::text_of,
        subject::Subject,
        suppress::Suppression,
    },
    model::finding::{Finding, RuleText, Severity},
};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR041",
        name: "suppression-hits-nothing",
        title: "a suppression hits nothing, or gives no reason",
        severity: Severity::Warning,
        page: include_str!("dr041.md"),
    },
    check,
};

/// Comments are looked at when all roots were, since a module can be reached from several.
fn check(_: &Subject<'_>, _: &mut Found<'_>) {}

/// Returns the finding for a comment that answered nothing.
pub(crate) fn unused_suppression(rule: &RuleText, comment: &Suppression) -> Finding {
    let unknown = comment.codes.iter().find(|code| text_of(code).is_none());
    let (message, hint) = if comment.codes.is_empty() {
        ("the suppression names no rule".to_owned(), "Write `drctl:ignore DR004 the reason`")
    } else if let Some(code) = unknown {
        (format!("there is no rule `{code}`"), "Run `drctl validate --explain` to see the rules")
    } else if comment.reason.is_empty() {
        (
            "the suppression gives no reason, so it does not count".to_owned(),
            "Write why behind the code: `drctl:ignore DR004 the reason`",
        )
    } else {
        let codes = comment.codes.join(", ");
        (format!("there is nothing here that {codes} finds"), "Take the comment away")
    };
    Finding {
        code: rule.code,
        severity: rule.severity,
        at: comment.at.clone(),
        message,
        hint: hint.to_owned(),
        subject: comment.file.display().to_string(),
        roots: comment.roots.clone(),
        values: None,
        related: Vec::new(),
        fix: None,
    }
}
