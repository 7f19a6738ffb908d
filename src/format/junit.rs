//! JUnit XML, the format of test results that every CI reads.
//!
//! No standard holds it; this is the part that the schemas of Jenkins and of
//! Maven Surefire agree on. Times are left out: nothing was timed.

use std::fmt::Write as _;

/// A whole document.
#[derive(Clone, Debug, Default)]
pub struct Suites {
    /// What was tested.
    pub name: String,
    /// The suites.
    pub suites: Vec<Suite>,
}

/// Tests of one thing.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// The thing.
    pub name: String,
    /// The tests.
    pub cases: Vec<Case>,
}

/// A test.
#[derive(Clone, Debug, Default)]
pub struct Case {
    /// What it is of.
    pub classname: String,
    /// What it tests.
    pub name: String,
    /// Why it did not pass; it passed when there is none.
    pub failures: Vec<Failure>,
    /// What it said besides.
    pub output: String,
}

/// Why a test did not pass.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// Its kind.
    pub kind: String,
    /// What is wrong, on one line.
    pub message: String,
    /// All that there is to say.
    pub text: String,
}

impl Suite {
    /// Returns how many of its tests did not pass.
    fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.failures.is_empty()).count()
    }
}

impl Suites {
    /// Returns it as XML.
    pub fn to_xml(&self) -> String {
        let tests: usize = self.suites.iter().map(|suite| suite.cases.len()).sum();
        let failed: usize = self.suites.iter().map(Suite::failed).sum();
        let mut xml = Xml(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
        xml.open(0, "testsuites", &[("name", &self.name)], tests, failed);
        for suite in &self.suites {
            xml.open(1, "testsuite", &[("name", &suite.name)], suite.cases.len(), suite.failed());
            suite.cases.iter().for_each(|case| xml.case(case));
            xml.line(1, "</testsuite>");
        }
        xml.line(0, "</testsuites>");
        xml.0
    }
}

struct Xml(String);

impl Xml {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{:1$}{text}", "", depth * 2);
    }

    fn open(
        &mut self,
        depth: usize,
        tag: &str,
        with: &[(&str, &str)],
        tests: usize,
        failed: usize,
    ) {
        let with = attributes(with);
        let counts = format!("tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\"");
        self.line(depth, &format!("<{tag}{with} {counts}>"));
    }

    fn case(&mut self, case: &Case) {
        let with = attributes(&[("classname", &case.classname), ("name", &case.name)]);
        if case.failures.is_empty() && case.output.is_empty() {
            self.line(2, &format!("<testcase{with}/>"));
            return;
        }
        self.line(2, &format!("<testcase{with}>"));
        for failure in &case.failures {
            let with = attributes(&[("type", &failure.kind), ("message", &failure.message)]);
            self.line(3, &format!("<failure{with}>{}</failure>", text(&failure.text)));
        }
        if !case.output.is_empty() {
            self.line(3, &format!("<system-out>{}</system-out>", text(&case.output)));
        }
        self.line(2, "</testcase>");
    }
}

fn attributes(with: &[(&str, &str)]) -> String {
    with.iter().map(|(name, value)| format!(" {name}=\"{}\"", attribute(value))).collect()
}

/// Returns the value of an attribute; without this, a reader makes spaces of its line breaks.
fn attribute(value: &str) -> String {
    text(value).replace('"', "&quot;").replace('\n', "&#10;").replace('\t', "&#9;")
}

/// Returns text between tags. What XML 1.0 has no way to write is written out, as in `\u{1b}`.
fn text(value: &str) -> String {
    let mut safe = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\r' => safe.push_str("&#13;"),
            '\n' | '\t' => safe.push(c),
            '\u{fffe}' | '\u{ffff}' => safe.extend(c.escape_unicode()),
            c if c.is_control() => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_survives_a_reader_of_xml() {
        let nasty = "a \"b\" 'c' <d> &amp; ]]> é\n\tf\rg";
        let failure =
            Failure { kind: nasty.into(), message: nasty.into(), text: format!("\u{1b}{nasty}") };
        let case = Case { failures: vec![failure], output: nasty.into(), ..Case::default() };
        let suite = Suite { name: nasty.into(), cases: vec![case] };
        let xml = Suites { name: "x".into(), suites: vec![suite] }.to_xml();
        let read = roxmltree::Document::parse(&xml).unwrap();
        let find = |tag| read.descendants().find(|node| node.has_tag_name(tag)).unwrap();
        assert_eq!(find("testsuite").attribute("name"), Some(nasty));
        assert_eq!(find("failure").attribute("message"), Some(nasty));
        assert_eq!(find("failure").text(), Some(&*format!("\\u{{1b}}{nasty}")));
        assert_eq!(find("system-out").text(), Some(nasty));
    }
}
