//! Every page is a test: what it says is found is found there, and nothing else of its code.

use super::ALL;
use crate::{
    config::repository::Survey,
    lint::{self, Options, fix::fixes, report::Report, validate},
    runbook::Runbook,
};
use std::{fmt::Write as _, fs, path::Path};

const PRIMARY: &str = "ap-northeast-1";
const FALLBACK: &str = "ap-northeast-2";

/// A section of a page with code in it.
struct Case {
    heading: String,
    /// Name and content.
    files: Vec<(String, String)>,
    /// What is said to be found.
    expected: String,
}

/// Reads the sections of a page whose heading begins with one of `Found`, `Not found`, `Mended`.
fn cases(page: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut fence: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut fence, line.strip_prefix("```")) {
            (None, Some(info)) => fence = Some((info.to_owned(), String::new())),
            (Some(_), Some("")) => {
                let (info, text) = fence.take().unwrap();
                let case = cases.last_mut().expect("code stands below a heading");
                match info.split_once(' ') {
                    Some((_, name)) => case.files.push((name.to_owned(), text)),
                    None if info == "text" => case.expected = text,
                    None => {}
                }
            }
            (Some((_, text)), _) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {
                if let Some(heading) = line.strip_prefix("## ") {
                    let heading = heading.to_owned();
                    cases.push(Case { heading, files: vec![], expected: String::new() });
                }
            }
        }
    }
    cases.retain(|case| !case.files.is_empty());
    cases
}

fn write(files: &[(String, String)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// Returns the files with the fixes of a rule's findings.
fn mended(code: &str, dir: &Path) -> Vec<(String, String)> {
    let mut report = report(dir);
    report.findings.retain(|finding| finding.code == code);
    let read = |file: &Path| fs::read_to_string(dir.join(file)).ok();
    let fixed = fixes(&report.findings, &read).unwrap();
    fixed.files.into_iter().map(|f| (f.file.display().to_string(), f.after)).collect()
}

fn report(dir: &Path) -> Report {
    let before = dir.join("before");
    let before = before.exists().then(|| {
        let runbook = runbook(&before);
        let options = Options { runbook: runbook.as_ref(), all: true, ..Options::default() };
        let forecast = lint::forecast(
            &Survey::read(&before, None).unwrap(),
            &options,
            &lint::Assumed::default(),
        );
        fs::remove_dir_all(&before).unwrap();
        forecast.unwrap().expect("there is something to apply")
    });
    let survey = Survey::read(dir, None).unwrap();
    let runbook = runbook(dir);
    // A runbook that says from where and into where is believed.
    let says = runbook.as_ref().is_some_and(|r| r.service.primary.is_some());
    let options = Options {
        primary: (!says).then_some(PRIMARY),
        fallback: runbook.as_ref().is_none_or(|r| r.regions.is_empty()).then_some(FALLBACK),
        runbook: runbook.as_ref(),
        all: true,
        before: before.as_ref(),
        ..Options::default()
    };
    validate(&survey, &options).unwrap()
}

fn runbook(dir: &Path) -> Option<Runbook> {
    let text = fs::read(dir.join("drctl.hcl")).ok()?;
    Some(Runbook::read(Path::new("drctl.hcl"), &text, FALLBACK).expect("the runbook can be read"))
}

/// Returns what a rule finds, a line each.
fn found(code: &str, dir: &Path) -> String {
    let report = report(dir);
    let mut lines = String::new();
    for finding in report.findings.iter().filter(|finding| finding.code == code) {
        let (at, about) = (&finding.at, &finding.subject);
        let end = format!("{}:{}", at.end_line, at.end_column);
        write!(lines, "{}-{end} {about}: {}", at.start, finding.message).unwrap();
        if let Some(values) = &finding.values {
            write!(lines, " [{} / {}]", values.primary, values.fallback).unwrap();
        }
        lines.push('\n');
    }
    lines
}

#[test]
fn every_page_says_what_its_rule_finds() {
    let mut wrong = String::new();
    for rule in ALL {
        let (code, page) = (rule.text.code, rule.text.page);
        let cases = cases(page);
        let of = |kind: &str| cases.iter().filter(|c| c.heading.starts_with(kind)).count();
        assert!(of("Found") > 0 && of("Not found") > 0, "{code} has a case of each kind");
        for case in cases.iter().filter(|case| !case.heading.starts_with("Mended")) {
            let dir = write(&case.files);
            let survey = Survey::read(dir.path(), None).unwrap();
            assert!(
                survey.unparsed().is_empty() || code == "DR050",
                "{code}: {:?}",
                survey.unparsed()
            );
            let found = found(code, dir.path());
            if found != case.expected {
                write!(wrong, "{code} {}:\n{found}instead of\n{}\n", case.heading, case.expected)
                    .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_can_be_mended_is_mended_as_its_page_says() {
    for rule in ALL {
        let cases = cases(rule.text.page);
        for (at, case) in cases.iter().enumerate().filter(|(_, c)| c.heading.starts_with("Mended"))
        {
            let found = cases[..at].iter().rev().find(|case| case.heading.starts_with("Found"));
            let dir = write(&found.expect("something was found before it was mended").files);
            assert_eq!(mended(rule.text.code, dir.path()), case.files, "{}", rule.text.code);
        }
    }
}

#[test]
fn codes_are_in_order_and_titles_are_those_of_the_pages() {
    assert!(ALL.is_sorted_by(|a, b| a.text.code < b.text.code));
    for rule in ALL {
        let first = rule.text.page.lines().next().unwrap();
        assert_eq!(first, format!("# {}: {}", rule.text.code, rule.text.title));
        assert!(
            rule.text
                .name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit())
        );
    }
}
