//! The rules, a file and a page each. A code is never given to another rule.

mod dr004;
mod dr006;
mod dr007;
mod dr010;
mod dr034;
mod dr035;
mod dr036;
mod dr041;
mod dr044;
mod dr045;
mod dr046;
mod dr047;
mod dr048;
mod dr050;

#[cfg(test)]
mod tests;

pub(crate) use dr041::unused_suppression;

use super::rule::Rule;
use crate::model::finding::RuleText;

/// Every rule, by code.
pub(crate) static ALL: &[&Rule] = &[
    &dr004::RULE,
    &dr006::RULE,
    &dr007::RULE,
    &dr010::RULE,
    &dr034::RULE,
    &dr035::RULE,
    &dr036::RULE,
    &dr041::RULE,
    &dr044::RULE,
    &dr045::RULE,
    &dr046::RULE,
    &dr047::RULE,
    &dr048::RULE,
    &dr050::RULE,
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
