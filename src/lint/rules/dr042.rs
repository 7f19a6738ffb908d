//! DR042: an objective that cannot be met.

use crate::{
    lint::{
        feasible::Expectation,
        rule::{Found, Rule},
        subject::Subject,
    },
    model::{
        finding::{Finding, Related, RuleText, Severity},
        time::Rounded,
    },
};
use std::time::Duration;

pub(crate) const RULE: Rule = Rule {
    text: RuleText {
        code: "DR042",
        name: "objective-cannot-be-met",
        title: "the recovery time objective cannot be met",
        severity: Severity::Error,
        page: include_str!("dr042.md"),
    },
    check,
};

/// It is about a service and not about a root; see [`unmet`].
fn check(_: &Subject<'_>, _: &mut Found<'_>) {}

/// Returns the finding when applying the stacks alone takes longer than is promised.
pub(crate) fn unmet(rule: &RuleText, expected: &Expectation<'_>) -> Option<Finding> {
    let now = expected.now;
    let promised = expected.rto?.get();
    let rto = short(promised);
    let (p50, p90) = (expected.drawn.p50_ms, expected.drawn.p90_ms);
    let (p50, p90) = (Duration::from_millis(p50), Duration::from_millis(p90));
    let hopeless = p50 > promised;
    if !hopeless && p90 <= promised {
        return None;
    }
    let (p50, p90) = (Rounded(p50), Rounded(p90));
    let dominant = now.dominant();
    let alone = dominant.filter(|entry| entry.p50 > promised / 2);
    let because = match (alone, dominant) {
        (Some(entry), _) => {
            let time = Rounded(entry.p50);
            format!("`{}` alone takes {time} at the median", entry.address)
        }
        (None, Some(entry)) => {
            let time = Rounded(entry.p50);
            format!("most of it is `{}` with {time}", entry.address)
        }
        (None, None) => "nothing stands out".to_owned(),
    };
    let message = if hopeless {
        format!(
            "RTO {rto} cannot be met: applying the stacks takes {p50} at the median, and {because}"
        )
    } else {
        format!(
            "RTO {rto} is thin: applying the stacks takes {p90} at the 90th percentile ({p50} at the median), and {because}"
        )
    };
    let saved = dominant.map(|entry| (entry, now.saves(entry)));
    let hint = match saved {
        Some((entry, saved)) if !saved.is_zero() => {
            format!(
                "Provision `{}` before the outage, which saves {}, or promise more",
                entry.address,
                Rounded(saved)
            )
        }
        _ => "Promise more, or provision before the outage what takes long".to_owned(),
    };
    let related = expected.dominant.clone().filter(|at| *at != expected.at);
    Some(Finding {
        code: rule.code,
        severity: if hopeless { Severity::Error } else { Severity::Warning },
        at: expected.at.clone(),
        message,
        hint,
        subject: "service.rto".to_owned(),
        roots: expected.roots.clone(),
        values: None,
        related: related
            .map(|at| Related { at, message: "this is what takes longest".to_owned() })
            .into_iter()
            .collect(),
        fix: None,
    })
}

/// Writes a promise as people do: `10m` and not `10m00s`.
fn short(promised: Duration) -> String {
    let long = Rounded(promised).to_string();
    let without = |text: &str, end: &str| text.strip_suffix(end).map(str::to_owned);
    let minutes = without(&long, "00s").unwrap_or(long);
    without(&minutes, "00m").unwrap_or(minutes)
}
