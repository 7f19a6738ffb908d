//! For a comment on a pull request.

use super::super::report::Report;
use crate::{
    format::markdown::{code, html, prose},
    model::finding::{Finding, Severity},
};

/// Findings shown; a comment can only be so long.
const SHOWN: usize = 100;

/// Returns the report as Markdown: a verdict, the findings, and the pages of their rules.
pub(super) fn markdown(report: &Report) -> String {
    let mut text = format!("**drctl validate: {}** {}\n", report.counts(), report.scope());
    if !report.findings.is_empty() {
        text += "\n| Severity | Rule | Place | What |\n| --- | --- | --- | --- |\n";
        let of = |severity| report.findings.iter().filter(move |found| found.severity == severity);
        let heaviest_first = Severity::ALL.into_iter().flat_map(of);
        heaviest_first.take(SHOWN).for_each(|finding| text += &row(report, finding));
        if let more @ 1.. = report.findings.len().saturating_sub(SHOWN) {
            text += &format!("\nand {more} more\n");
        }
    }
    for (rule, count) in report.hits() {
        let title = format!("{} {}: {} ({count})", rule.code, rule.name, rule.title);
        let title = html(&title);
        let page = rule.page.trim();
        text += &format!("\n<details>\n<summary>{title}</summary>\n\n{page}\n\n</details>\n");
    }
    for note in &report.notes {
        text += &format!("\nNote: {}\n", prose(note));
    }
    text
}

fn row(report: &Report, finding: &Finding) -> String {
    let place = &finding.at.start;
    let place = code(&format!("{}:{}", place.file.display(), place.line));
    let mut what = prose(&finding.message);
    for (region, value) in report.values(finding).into_iter().flatten() {
        what += &format!("<br>in {}: {}", prose(&region), code(&value));
    }
    what += &format!("<br>{}", prose(&finding.hint));
    format!("| {} | {} | {place} | {what} |\n", finding.severity.name(), finding.code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::show::sample;

    #[test]
    fn a_comment_has_a_verdict_a_table_and_the_rules() {
        insta::assert_snapshot!(markdown(&sample::report()), @r#"
        **drctl validate: 2 errors, 1 warning, 1 info** in 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before

        | Severity | Rule | Place | What |
        | --- | --- | --- | --- |
        | error | DR004 | `live/db/main.tf:2` | the key of `aws_db_instance.this` is in ap-northeast-1 in either region<br>in ap-northeast-1: `arn:aws:kms:ap-northeast-1:1:key/x`<br>in ap-northeast-2: `arn:aws:kms:ap-northeast-1:1:key/x`<br>Put the region of the provider in its place. |
        | error | DR004 | <code>live/서울 a/b&#124;c&#60;d&#62;.tf:1</code> | a&#124;b is 100% `<b>x</b>`, and \\u{1b}\[31mred\*\_<br>in the primary region: <code>a&#96;&#124;b&#92; c</code><br>in the fallback region: <code>&#92;u{202e}</code><br>Write "a\\&#124;b": it's &lt;safe&gt; &amp; sound. |
        | warning | DR012 | `live/db/main.tf:4` | `aws_db_instance.this` cannot be removed after a rehearsal<br>Set `prevent_destroy` where the service is built for good. |
        | info | DR031 | `modules/net/main.tf:2` | `data.aws_vpc.main` is another VPC in the fallback<br>Name it by a tag. |

        <details>
        <summary>DR004 arn-names-region: an ARN names a region (2)</summary>

        # DR004

        An ARN with a region
        is of that region.

        ## Instead

        Build it.

        </details>

        <details>
        <summary>DR012 prevent-destroy: a rehearsal cannot remove it (1)</summary>

        # DR012

        It stays.

        </details>

        <details>
        <summary>DR031 default-vpc: the default VPC of a region is not that of another (1)</summary>

        # DR031

        It differs.

        </details>

        Note: The lock file of `live/web` was not read: 100% \\u{1b}gone.
        "#);
    }

    #[test]
    fn only_the_heaviest_hundred_are_shown() {
        let mut report = sample::report();
        report.findings = report.findings.into_iter().cycle().take(120).collect();
        let shown = markdown(&report);
        assert_eq!(shown.lines().filter(|line| line.starts_with("| ")).count(), 2 + 100);
        assert!(shown.contains("\n\nand 20 more\n"));
        assert_eq!(shown.matches("| info |").count(), 10);
    }

    #[test]
    fn nothing_found_is_one_line() {
        let report = Report { files: 2, ..Report::default() };
        insta::assert_snapshot!(markdown(&report), @"**drctl validate: nothing found** in 0 root modules (2 files, 0 rules)");
    }
}
