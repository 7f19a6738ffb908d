//! For CI that counts tests: a test for each rule and root module, so that what passed shows, too.

use super::{super::report::Report, words::folder};
use crate::{
    format::junit::{Case, Failure, Suite, Suites},
    model::{
        finding::{Finding, Severity},
        text::plain,
    },
};
use std::path::Path;

/// Returns the report as suites of tests.
///
/// Errors and warnings are failures; what is only worth knowing is output of a
/// test that passed. Findings of no root module are in the suite `.`.
pub(super) fn junit(report: &Report) -> Suites {
    let mut dirs: Vec<&Path> = report.roots.iter().map(|root| &*root.dir).collect();
    for dir in report.findings.iter().flat_map(suites_of) {
        if !dirs.contains(&dir) {
            dirs.push(dir);
        }
    }
    Suites {
        name: "drctl validate".to_owned(),
        suites: dirs.into_iter().map(|dir| suite(report, dir)).collect(),
        took_ms: None,
    }
}

/// Returns the folders of the suites that a finding is in.
fn suites_of(finding: &Finding) -> Vec<&Path> {
    match finding.roots.as_slice() {
        [] => vec![Path::new("")],
        roots => roots.iter().map(|root| &**root).collect(),
    }
}

fn suite(report: &Report, dir: &Path) -> Suite {
    let name = plain(&folder(dir)).into_owned();
    let here = report.findings.iter().filter(|finding| suites_of(finding).contains(&dir));
    let here: Vec<_> = here.collect();
    let case = |(code, title): (&str, String)| {
        let mut case = Case { classname: name.clone(), name: title, ..Case::default() };
        for finding in here.iter().filter(|finding| finding.code == code) {
            add(&mut case, finding, body(report, finding));
        }
        case
    };
    let rules = report.rules.iter().map(|rule| (rule.code, format!("{} {}", rule.code, rule.name)));
    Suite { cases: rules.map(case).collect(), name, took_ms: None }
}

fn add(case: &mut Case, finding: &Finding, body: String) {
    match finding.severity {
        Severity::Error | Severity::Warning => case.failures.push(Failure {
            kind: finding.code.to_owned(),
            message: plain(&finding.message).into_owned(),
            text: body,
        }),
        Severity::Info => case.output += &body,
    }
}

/// Returns all that there is to say of a finding, in lines.
fn body(report: &Report, finding: &Finding) -> String {
    let message = &finding.message;
    let mut lines = vec![format!("{}: {}: {message}", finding.at.start, finding.severity.name())];
    if let Some(values) = report.values(finding) {
        lines.extend(values.map(|(region, value)| format!("in {region}: {value}")));
    }
    let related = finding.related.iter();
    lines.extend(related.map(|related| format!("{}: {}", related.at.start, related.message)));
    lines.push(format!("help: {}", finding.hint));
    lines.iter().map(|line| format!("{}\n", plain(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::show::sample;
    use roxmltree::{Document, Node};

    #[test]
    fn each_rule_is_a_test_of_each_root() {
        insta::assert_snapshot!(junit(&sample::report()).to_xml(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="drctl validate" tests="12" failures="4" errors="0" skipped="0">
          <testsuite name="live/db" tests="4" failures="2" errors="0" skipped="0">
            <testcase classname="live/db" name="DR004 arn-names-region">
              <failure type="DR004" message="the key of `aws_db_instance.this` is in ap-northeast-1 in either region">live/db/main.tf:2:16: error: the key of `aws_db_instance.this` is in ap-northeast-1 in either region
        in ap-northeast-1: arn:aws:kms:ap-northeast-1:1:key/x
        in ap-northeast-2: arn:aws:kms:ap-northeast-1:1:key/x
        help: Put the region of the provider in its place.
        </failure>
            </testcase>
            <testcase classname="live/db" name="DR012 prevent-destroy">
              <failure type="DR012" message="`aws_db_instance.this` cannot be removed after a rehearsal">live/db/main.tf:4:3: warning: `aws_db_instance.this` cannot be removed after a rehearsal
        help: Set `prevent_destroy` where the service is built for good.
        </failure>
            </testcase>
            <testcase classname="live/db" name="DR020 never-hit"/>
            <testcase classname="live/db" name="DR031 default-vpc"/>
          </testsuite>
          <testsuite name="live/web" tests="4" failures="1" errors="0" skipped="0">
            <testcase classname="live/web" name="DR004 arn-names-region"/>
            <testcase classname="live/web" name="DR012 prevent-destroy">
              <failure type="DR012" message="`aws_db_instance.this` cannot be removed after a rehearsal">live/db/main.tf:4:3: warning: `aws_db_instance.this` cannot be removed after a rehearsal
        help: Set `prevent_destroy` where the service is built for good.
        </failure>
            </testcase>
            <testcase classname="live/web" name="DR020 never-hit"/>
            <testcase classname="live/web" name="DR031 default-vpc">
              <system-out>modules/net/main.tf:2:2: info: `data.aws_vpc.main` is another VPC in the fallback
        live/db/main.tf:1:11: is in its subnets
        help: Name it by a tag.
        </system-out>
            </testcase>
          </testsuite>
          <testsuite name="." tests="4" failures="1" errors="0" skipped="0">
            <testcase classname="." name="DR004 arn-names-region">
              <failure type="DR004" message="a|b is 100% `&lt;b&gt;x&lt;/b&gt;`, and \u{1b}[31mred*_">live/서울 a/b|c&lt;d&gt;.tf:1:10: error: a|b is 100% `&lt;b&gt;x&lt;/b&gt;`, and \u{1b}[31mred*_
        in the primary region: a`|b\ c
        in the fallback region: \u{202e}
        help: Write "a\|b": it's &lt;safe&gt; &amp; sound.
        </failure>
            </testcase>
            <testcase classname="." name="DR012 prevent-destroy"/>
            <testcase classname="." name="DR020 never-hit"/>
            <testcase classname="." name="DR031 default-vpc"/>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn a_reader_of_xml_counts_the_same() {
        let report = sample::report();
        let xml = junit(&report).to_xml();
        let read = Document::parse(&xml).unwrap();
        let all = |tag: &'static str| read.descendants().filter(move |node| node.has_tag_name(tag));
        let number = |node: Node, name| node.attribute(name).unwrap().parse::<usize>().unwrap();
        // Two root modules, and what belongs to none.
        assert_eq!(all("testsuite").count(), 3);
        assert_eq!(all("testcase").count(), 3 * report.rules.len());
        let failed =
            all("testcase").filter(|case| case.children().any(|c| c.has_tag_name("failure")));
        let top = read.root_element();
        assert_eq!(number(top, "tests"), all("testcase").count());
        assert_eq!(number(top, "failures"), failed.count());
        for suite in all("testsuite") {
            let cases = suite.children().filter(|node| node.has_tag_name("testcase"));
            assert_eq!(number(suite, "tests"), cases.count());
        }
        // The warning concerns two root modules.
        assert_eq!(all("failure").count(), 4);
        assert_eq!(all("system-out").count(), 1);
    }
}
