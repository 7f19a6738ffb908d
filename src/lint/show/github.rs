//! For GitHub Actions: workflow commands that mark the lines of a pull request.
//!
//! GitHub shows ten errors, ten warnings and ten notices of a step. The rest is
//! in the log; the SARIF document has no such limit.

use super::super::report::Report;
use crate::model::{
    finding::{Finding, Severity},
    text::plain,
};

/// Returns the report as a command a finding and a note, and its summary.
pub(super) fn github(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let hint = plain(&finding.hint);
        let message = data(&format!("{}\n{hint}", plain(&finding.message)));
        text += &format!("::{}::{message}\n", command(finding));
    }
    for note in &report.notes {
        text += &format!("::notice title=drctl::{}\n", data(&plain(note)));
    }
    text + &format!("{} {}\n", report.counts(), report.scope())
}

fn command(finding: &Finding) -> String {
    let name = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let at = &finding.at;
    let file = property(&plain(&at.start.file.to_string_lossy()));
    // The end is behind the last character; at the start of a line that is still the line before.
    let end_line = match at.end_line {
        line if line > at.start.line && at.end_column <= 1 => line - 1,
        line => line,
    };
    let mut place = format!("file={file},line={},endLine={end_line}", at.start.line);
    // Of more than one line GitHub takes no columns.
    if end_line == at.start.line {
        place += &format!(",col={}", at.start.column);
        if at.end_line == at.start.line {
            place += &format!(",endColumn={}", at.end_column);
        }
    }
    format!("{name} {place},title={}", finding.code)
}

/// Returns text as the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Returns text as the value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::show::sample;

    #[test]
    fn each_finding_is_a_command_on_one_line() {
        let mut report = sample::report();
        report.findings[0].at.start.file = "a,b:c/100%.tf".into();
        insta::assert_snapshot!(github(&report), @r#"
        ::error file=a%2Cb%3Ac/100%25.tf,line=2,endLine=2,col=16,endColumn=52,title=DR004::the key of `aws_db_instance.this` is in ap-northeast-1 in either region%0APut the region of the provider in its place.
        ::warning file=live/db/main.tf,line=4,endLine=10,title=DR012::`aws_db_instance.this` cannot be removed after a rehearsal%0ASet `prevent_destroy` where the service is built for good.
        ::notice file=modules/net/main.tf,line=2,endLine=2,col=2,endColumn=9,title=DR031::`data.aws_vpc.main` is another VPC in the fallback%0AName it by a tag.
        ::error file=live/서울 a/b|c<d>.tf,line=1,endLine=1,col=10,endColumn=22,title=DR004::a|b is 100%25 `<b>x</b>`, and \u{1b}[31mred*_%0AWrite "a\|b": it's <safe> & sound.
        ::notice title=drctl::The lock file of `live/web` was not read: 100%25 \u{1b}gone.
        2 errors, 1 warning, 1 info in 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        "#);
    }
}
