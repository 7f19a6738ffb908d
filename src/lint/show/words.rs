//! Words that more than one format needs.

use super::super::report::Report;
use crate::model::{
    finding::{Finding, RuleText, Severity},
    text::plain,
};
use std::{borrow::Cow, collections::BTreeSet, path::Path};

/// The longest value that is shown whole, in characters; the JSON document has them all whole.
const LONGEST_VALUE: usize = 200;

impl Report {
    /// Returns how many of what were found, such as `3 errors, 2 warnings`.
    pub(super) fn counts(&self) -> String {
        let of = |severity| (self.count(severity), severity.name());
        let found: Vec<_> = Severity::ALL
            .into_iter()
            .map(of)
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| plural(count, name))
            .collect();
        if found.is_empty() { "nothing found".to_owned() } else { found.join(", ") }
    }

    /// Returns where they were found and what is left out, to stand behind [`Report::counts`].
    pub(super) fn scope(&self) -> String {
        let touched: BTreeSet<_> = self.findings.iter().flat_map(|found| &found.roots).collect();
        let all = plural(self.roots.len(), "root module");
        let place = match touched.len() {
            _ if self.findings.is_empty() => all,
            0 => format!("none of {all}"),
            some if some >= self.roots.len() => all,
            some => format!("{some} of {all}"),
        };
        let (files, rules) = (plural(self.files, "file"), plural(self.rules.len(), "rule"));
        let left_out: Vec<_> = [(self.suppressed, "suppressed"), (self.known, "known before")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, why)| format!("{count} {why}"))
            .collect();
        let left_out = match left_out.as_slice() {
            [] => String::new(),
            some => format!("; {}", some.join(", ")),
        };
        format!("in {place} ({files}, {rules}){left_out}")
    }

    /// Returns the rules that found something and how often, by code.
    pub(super) fn hits(&self) -> Vec<(&'static RuleText, usize)> {
        let count =
            |rule: &RuleText| self.findings.iter().filter(|found| found.code == rule.code).count();
        let hits = self.rules.iter().map(|rule| (*rule, count(rule)));
        hits.filter(|(_, count)| *count > 0).collect()
    }

    /// Returns where the two values of a finding hold, and the values, shortened and safe to show.
    pub(super) fn values(&self, finding: &Finding) -> Option<[(String, String); 2]> {
        let values = finding.values.as_ref()?;
        let root = self.roots.iter().find(|root| finding.roots.contains(&root.dir));
        let name = |region: Option<&String>, unknown: &str| {
            region.map_or_else(|| unknown.to_owned(), |region| plain(region).into_owned())
        };
        let primary = name(root.and_then(|root| root.primary.as_ref()), "the primary region");
        let fallback = name(root.and_then(|root| root.fallback.as_ref()), "the fallback region");
        Some([(primary, shortened(&values.primary)), (fallback, shortened(&values.fallback))])
    }
}

/// Returns a number of things.
pub(super) fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Returns a folder as it is shown: the root of the checkout has a name, too.
pub(super) fn folder(dir: &Path) -> Cow<'_, str> {
    if dir.as_os_str().is_empty() { Cow::Borrowed(".") } else { dir.to_string_lossy() }
}

fn shortened(value: &str) -> String {
    let value = plain(value);
    let mut short: String = value.chars().take(LONGEST_VALUE).collect();
    if short.len() < value.len() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::{report::RootSummary, show::sample};

    #[test]
    fn a_summary_says_where_and_what_is_left_out() {
        let said = |report: &Report| format!("{} {}", report.counts(), report.scope());
        let mut report = sample::report();
        let mut all = vec![said(&report)];
        report.findings.truncate(1);
        all.push(said(&report));
        report.findings[0].roots.clear();
        all.push(said(&report));
        report.findings.clear();
        all.push(said(&report));
        report = Report { roots: vec![RootSummary::default()], files: 1, ..Report::default() };
        all.push(said(&report));
        insta::assert_snapshot!(all.join("\n"), @r"
        2 errors, 1 warning, 1 info in 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        1 error in 1 of 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        1 error in none of 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        nothing found in 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        nothing found in 1 root module (1 file, 0 rules)
        ");
    }
}
