//! The rules, a file and a page each. A code is never given to another rule.

mod dr001;
mod dr002;
mod dr003;
mod dr004;
mod dr005;
mod dr006;
mod dr007;
mod dr008;
mod dr009;
mod dr010;
mod dr011;
mod dr012;
mod dr013;
mod dr014;
mod dr015;
mod dr016;
mod dr017;
mod dr018;
mod dr019;
mod dr020;
mod dr021;
mod dr022;
mod dr023;
mod dr024;
mod dr025;
mod dr026;
mod dr027;
mod dr028;
mod dr029;
mod dr030;
mod dr031;
mod dr032;
mod dr033;
mod dr034;
mod dr035;
mod dr036;
mod dr037;
mod dr038;
mod dr039;
mod dr040;
mod dr041;
mod dr042;
mod dr043;
mod dr044;
mod dr045;
mod dr046;
mod dr047;
mod dr048;
mod dr050;
mod dr051;
mod dr052;

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
    &dr006::RULE,
    &dr007::RULE,
    &dr008::RULE,
    &dr009::RULE,
    &dr010::RULE,
    &dr011::RULE,
    &dr012::RULE,
    &dr013::RULE,
    &dr014::RULE,
    &dr015::RULE,
    &dr016::RULE,
    &dr017::RULE,
    &dr018::RULE,
    &dr019::RULE,
    &dr020::RULE,
    &dr021::RULE,
    &dr022::RULE,
    &dr023::RULE,
    &dr024::RULE,
    &dr025::RULE,
    &dr026::RULE,
    &dr027::RULE,
    &dr028::RULE,
    &dr029::RULE,
    &dr030::RULE,
    &dr031::RULE,
    &dr032::RULE,
    &dr033::RULE,
    &dr034::RULE,
    &dr035::RULE,
    &dr036::RULE,
    &dr037::RULE,
    &dr038::RULE,
    &dr039::RULE,
    &dr040::RULE,
    &dr041::RULE,
    &dr042::RULE,
    &dr043::RULE,
    &dr044::RULE,
    &dr045::RULE,
    &dr046::RULE,
    &dr047::RULE,
    &dr048::RULE,
    &dr050::RULE,
    &dr051::RULE,
    &dr052::RULE,
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
