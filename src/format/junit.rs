//! JUnit XML, the format of test results that every CI reads.
//!
//! No standard holds it; this is the part that the schemas of Jenkins and of
//! Maven Surefire agree on. Times are in seconds, as there, and left out where nothing was timed.

use std::fmt::Write as _;

/// A whole document.
#[derive(Clone, Debug, Default)]
pub struct Suites {
    /// What was tested.
    pub name: String,
    /// The suites.
    pub suites: Vec<Suite>,
    /// How long all took, in milliseconds.
    pub took_ms: Option<u64>,
}

/// Tests of one thing.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    /// The thing.
    pub name: String,
    /// The tests.
    pub cases: Vec<Case>,
    /// How long it took, in milliseconds; less than its tests together where they ran side by side.
    pub took_ms: Option<u64>,
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
    /// Why it was not run, on one line; `None` when it was.
    pub skipped: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<u64>,
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

    /// Returns how many of its tests were not run.
    fn skipped(&self) -> usize {
        self.cases.iter().filter(|case| case.skipped.is_some()).count()
    }

    fn counts(&self) -> Counts {
        Counts { tests: self.cases.len(), failed: self.failed(), skipped: self.skipped() }
    }
}

/// How many tests there are, and how they ended.
#[derive(Clone, Copy)]
struct Counts {
    tests: usize,
    failed: usize,
    skipped: usize,
}

impl Suites {
    /// Returns it as XML.
    pub fn to_xml(&self) -> String {
        let sum = |count: fn(&Suite) -> usize| self.suites.iter().map(count).sum();
        let counts = Counts {
            tests: sum(|suite| suite.cases.len()),
            failed: sum(Suite::failed),
            skipped: sum(Suite::skipped),
        };
        let mut xml = Xml(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
        xml.open(0, "testsuites", &self.name, counts, self.took_ms);
        for suite in &self.suites {
            xml.open(1, "testsuite", &suite.name, suite.counts(), suite.took_ms);
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

    fn open(&mut self, depth: usize, tag: &str, name: &str, counts: Counts, took_ms: Option<u64>) {
        let name = attributes(&[("name", name)]);
        let Counts { tests, failed, skipped } = counts;
        let counts =
            format!("tests=\"{tests}\" failures=\"{failed}\" errors=\"0\" skipped=\"{skipped}\"");
        let time = time(took_ms);
        self.line(depth, &format!("<{tag}{name} {counts}{time}>"));
    }

    fn case(&mut self, case: &Case) {
        let with = attributes(&[("classname", &case.classname), ("name", &case.name)]);
        let with = with + &time(case.took_ms);
        if case.failures.is_empty() && case.output.is_empty() && case.skipped.is_none() {
            self.line(2, &format!("<testcase{with}/>"));
            return;
        }
        self.line(2, &format!("<testcase{with}>"));
        if let Some(why) = &case.skipped {
            self.line(3, &format!("<skipped{}/>", attributes(&[("message", why)])));
        }
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

/// Returns the attribute for a time, in seconds.
fn time(took_ms: Option<u64>) -> String {
    took_ms.map_or(String::new(), |ms| format!(" time=\"{}.{:03}\"", ms / 1_000, ms % 1_000))
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
        let suite = Suite { name: nasty.into(), cases: vec![case], took_ms: None };
        let xml = Suites { name: "x".into(), suites: vec![suite], took_ms: None }.to_xml();
        let read = roxmltree::Document::parse(&xml).unwrap();
        let find = |tag| read.descendants().find(|node| node.has_tag_name(tag)).unwrap();
        assert_eq!(find("testsuite").attribute("name"), Some(nasty));
        assert_eq!(find("failure").attribute("message"), Some(nasty));
        assert_eq!(find("failure").text(), Some(&*format!("\\u{{1b}}{nasty}")));
        assert_eq!(find("system-out").text(), Some(nasty));
    }

    #[test]
    fn times_and_what_was_not_run_are_told_where_they_are_known() {
        let timed = Case { name: "a".into(), took_ms: Some(61_005), ..Case::default() };
        let skipped = Case { name: "b".into(), skipped: Some("no <c>".into()), ..Case::default() };
        let suite = Suite { name: "s".into(), cases: vec![timed, skipped], took_ms: Some(70_000) };
        let xml = Suites { name: "x".into(), suites: vec![suite], took_ms: None }.to_xml();
        insta::assert_snapshot!(xml, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="x" tests="2" failures="0" errors="0" skipped="1">
          <testsuite name="s" tests="2" failures="0" errors="0" skipped="1" time="70.000">
            <testcase classname="" name="a" time="61.005"/>
            <testcase classname="" name="b">
              <skipped message="no &lt;c&gt;"/>
            </testcase>
          </testsuite>
        </testsuites>
        "#);
    }
}
