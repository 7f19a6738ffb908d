//! DR043: a change that makes the recovery slower.

use crate::{
    lint::{
        feasible::Expectation,
        rule::{Found, Rule},
        subject::Subject,
    },
    model::{
        finding::{Finding, RuleText, Severity},
        time::Rounded,
    },
};
use std::{collections::BTreeSet, time::Duration};

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR043",
        name: "recovery-becomes-slower",
        title: "the change makes the recovery slower",
        severity: Severity::Warning,
        page: include_str!("dr043.md"),
    },
    check,
};

/// It is about a service and not about a root; see [`slower`].
fn check(_: &Subject<'_>, _: &mut Found<'_>) {}

/// What is less than both of these is within what forecasts are good for: a tenth, and half a minute.
const TENTHS: u32 = 10;
const NOTICEABLE: Duration = Duration::from_secs(30);

/// Returns the finding when the forecast grew noticeably.
pub(crate) fn slower(rule: &RuleText, expected: &Expectation<'_>) -> Option<Finding> {
    let (now, before) = (expected.now, expected.before?);
    let grown = now.p50.checked_sub(before.p50)?;
    if grown < NOTICEABLE || grown < before.p50 / TENTHS {
        return None;
    }
    let old: BTreeSet<(&str, &str)> =
        before.path.iter().map(|entry| (entry.stack.as_str(), entry.address.as_str())).collect();
    let added = now
        .path
        .iter()
        .filter(|entry| !old.contains(&(entry.stack.as_str(), entry.address.as_str())))
        .max_by_key(|entry| entry.p50);
    let because = match added {
        Some(entry) => {
            let time = Rounded(entry.p50);
            format!("`{}` is now on the critical path with {time}", entry.address)
        }
        None => "what was on the critical path takes longer, or waits for more".to_owned(),
    };
    Some(Finding {
        code: rule.code,
        severity: rule.severity,
        at: expected.at.clone(),
        message: format!(
            "applying the stacks takes {} at the median, {} more than before: {because}",
            Rounded(now.p50),
            Rounded(grown)
        ),
        hint: match added {
            Some(entry) => format!(
                "Let nothing wait for `{}` that need not, or provision it before the outage, which saves {}",
                entry.address,
                Rounded(now.saves(entry))
            ),
            None => "Look at what each resource on the critical path waits for".to_owned(),
        },
        subject: "service.rto".to_owned(),
        roots: expected.roots.clone(),
        values: None,
        related: Vec::new(),
        fix: None,
    })
}
