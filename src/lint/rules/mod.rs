//! The rules, a file and a page each. A code is never given to another rule.

mod dr004;
mod dr012;
mod dr013;
mod dr014;
mod dr015;
mod dr020;
mod dr021;
mod dr022;
mod dr023;
mod dr024;
mod dr025;
mod dr026;
mod dr029;
mod dr032;
mod dr037;
mod dr038;
mod dr041;
mod dr050;
mod dr051;
mod dr052;

#[cfg(test)]
mod tests;

pub(crate) use dr041::unused_suppression;

use super::rule::Rule;
use crate::model::finding::RuleText;

/// Every rule, by code.
pub(crate) static ALL: &[&Rule] = &[
    &dr004::RULE,
    &dr012::RULE,
    &dr013::RULE,
    &dr014::RULE,
    &dr015::RULE,
    &dr020::RULE,
    &dr021::RULE,
    &dr022::RULE,
    &dr023::RULE,
    &dr024::RULE,
    &dr025::RULE,
    &dr026::RULE,
    &dr029::RULE,
    &dr032::RULE,
    &dr037::RULE,
    &dr038::RULE,
    &dr041::RULE,
    &dr050::RULE,
    &dr051::RULE,
    &dr052::RULE,
];

/// The code of the rule that looks at suppressions.
pub(crate) const SUPPRESSION: &str = dr041::RULE.text.code;

/// Returns every rule as it is shown, by code.
pub fn texts() -> impl Iterator<Item = &'static RuleText> {
    ALL.iter().map(|rule| &rule.text)
}

/// Returns the rule of a code as it is shown.
pub fn text_of(code: &str) -> Option<&'static RuleText> {
    ALL.iter().map(|rule| &rule.text).find(|text| text.code.eq_ignore_ascii_case(code))
}
