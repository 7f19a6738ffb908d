//! The rules, a file and a page each. A code is never given to another rule.

mod dr001;
mod dr002;
mod dr003;
mod dr004;
mod dr005;
mod dr008;
mod dr009;
mod dr011;
mod dr016;
mod dr017;
mod dr018;
mod dr019;
mod dr027;
mod dr028;
mod dr030;
mod dr031;
mod dr033;
mod dr039;
mod dr040;
mod dr041;
mod dr042;
mod dr043;
mod dr050;

#[cfg(test)]
mod tests;

pub(crate) use dr041::unused_suppression;
pub(crate) use dr042::unmet;
pub(crate) use dr043::slower;

use super::rule::Rule;
use crate::model::finding::RuleText;

/// Every rule, by code.
pub(crate) static ALL: &[&Rule] = &[
    &dr001::RULE,
    &dr002::RULE,
    &dr003::RULE,
    &dr004::RULE,
    &dr005::RULE,
    &dr008::RULE,
    &dr009::RULE,
    &dr011::RULE,
    &dr016::RULE,
    &dr017::RULE,
    &dr018::RULE,
    &dr019::RULE,
    &dr027::RULE,
    &dr028::RULE,
    &dr030::RULE,
    &dr031::RULE,
    &dr033::RULE,
    &dr039::RULE,
    &dr040::RULE,
    &dr041::RULE,
    &dr042::RULE,
    &dr043::RULE,
    &dr050::RULE,
];

/// The code of the rule that looks at suppressions.
pub(crate) const SUPPRESSION: &str = dr041::RULE.text.code;

/// The code of the rule about an objective that cannot be met.
pub(crate) const UNMET: &str = dr042::RULE.text.code;

/// The code of the rule about a change that makes the recovery slower.
pub(crate) const SLOWER: &str = dr043::RULE.text.code;

/// Returns every rule as it is shown, by code.
pub fn texts() -> impl Iterator<Item = &'static RuleText> {
    ALL.iter().map(|rule| &rule.text)
}

/// Returns the rule of a code as it is shown.
pub fn text_of(code: &str) -> Option<&'static RuleText> {
    ALL.iter().map(|rule| &rule.text).find(|text| text.code.eq_ignore_ascii_case(code))
}
