//! For people at a terminal: each finding with the code that it is about, as compilers show it.

use super::{super::report::Report, words::folder};
use crate::model::{
    finding::{Extent, Finding, Place, Severity},
    text::{is_harmful, plain},
};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::{ops::Range, path::Path};

/// The longest line that is shown whole, in columns.
const LONGEST_LINE: usize = 200;
/// More findings than this, and a table says how many there are of each rule.
const TABLE_FROM: usize = 11;

/// Returns the report as text. Without colours it holds no escape sequence, whatever the files held.
pub(super) fn text(
    report: &Report,
    color: bool,
    source: &dyn Fn(&Path) -> Option<String>,
) -> String {
    let renderer = if color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let renderer = renderer.term_width(LONGEST_LINE);
    let mut text = String::new();
    for finding in &report.findings {
        for line in renderer.render(&groups(report, finding, source)).lines() {
            text += line.trim_end();
            text.push('\n');
        }
        text.push('\n');
    }
    text += &format!("{} {}\n", report.counts(), report.scope());
    if report.findings.len() >= TABLE_FROM {
        text += &table(report);
    }
    for note in &report.notes {
        text += &format!("note: {}\n", plain(note));
    }
    text
}

fn groups<'a>(
    report: &Report,
    finding: &'a Finding,
    source: &dyn Fn(&Path) -> Option<String>,
) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let title = level.primary_title(plain(&finding.message)).id(finding.code);
    let mut first = with_code(Group::with_title(title), &finding.at, source);
    if let Some([primary, fallback]) = report.values(finding) {
        let lines = [primary, fallback].map(|(region, value)| format!("in {region}: {value}"));
        first = first.element(Level::NOTE.message(lines.join("\n")));
    }
    if let [_, _, ..] = finding.roots.as_slice() {
        let roots: Vec<_> = finding.roots.iter().map(|root| folder(root)).collect();
        let roots = format!("concerns the root modules {}", roots.join(", "));
        first = first.element(Level::NOTE.message(plain(&roots).into_owned()));
    }
    first = first.element(Level::HELP.message(plain(&finding.hint)));
    if let Some(fix) = &finding.fix {
        first = first.element(Level::HELP.with_name("fix").message(plain(&fix.title)));
    }
    let related = finding.related.iter().map(|related| {
        let title = Level::NOTE.secondary_title(plain(&related.message));
        with_code(Group::with_title(title), &related.at, source)
    });
    std::iter::once(first).chain(related).collect()
}

/// Adds the place, and the code that is there when the file can be read and is long enough.
fn with_code<'a>(
    group: Group<'a>,
    at: &Extent,
    source: &dyn Fn(&Path) -> Option<String>,
) -> Group<'a> {
    let Place { file, line, column } = &at.start;
    let path = plain(&file.to_string_lossy()).into_owned();
    match source(file).as_deref().and_then(|source| excerpt(source, at)) {
        Some(Excerpt { code, span }) => group.element(
            Snippet::source(code)
                .path(path)
                .line_start(*line)
                .annotation(AnnotationKind::Primary.span(span)),
        ),
        None => group.element(Origin::path(path).line(*line).char_column(*column)),
    }
}

/// The lines of an extent, and where in them it is, in bytes.
#[derive(Debug, PartialEq, Eq)]
struct Excerpt {
    code: String,
    span: Range<usize>,
}

/// Cuts the lines of an extent out of a file, safe to show.
///
/// It goes by lines and columns: they are known also where the bytes are not.
fn excerpt(source: &str, at: &Extent) -> Option<Excerpt> {
    let first = at.start.line.checked_sub(1)?;
    // An extent up to the start of a line ends with the line before it.
    let (count, end_column) = match at.end_line.saturating_sub(at.start.line) {
        lines @ 1.. if at.end_column <= 1 => (lines, usize::MAX),
        lines => (lines + 1, at.end_column),
    };
    let lines: Vec<_> = source.lines().skip(first).take(count).map(harmless).collect();
    let start = at_column(lines.first()?, at.start.column);
    let too_long = |line: &String| line.chars().count() > LONGEST_LINE;
    if lines.len() > 1 && lines.iter().any(too_long) {
        // Carets are not drawn well around such lines, so it is shown where it begins.
        let code = lines.into_iter().next()?;
        return Some(Excerpt { span: start..code.len(), code });
    }
    let (last, before) = lines.split_last()?;
    let end = before.iter().map(|line| line.len() + 1).sum::<usize>() + at_column(last, end_column);
    Some(Excerpt { span: start..end.max(start), code: lines.join("\n") })
}

/// Returns the byte at which a column of a line begins; that of its end, when it is shorter.
fn at_column(line: &str, column: usize) -> usize {
    line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(byte, _)| byte)
}

/// Returns a line in which one visible character stands for each that a terminal would obey.
///
/// Unlike with [`plain`], columns stay what they are.
fn harmless(line: &str) -> String {
    let stand_in = |c: char| match c {
        '\t' => '\t',
        // Pictures of the control characters of ASCII.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        c if is_harmful(c) => '\u{fffd}',
        c => c,
    };
    line.chars().map(stand_in).collect()
}

/// Returns how many findings there are of each rule.
fn table(report: &Report) -> String {
    let hits = report.hits();
    let width = hits.iter().map(|(rule, _)| rule.name.len()).max().unwrap_or(0);
    let mut table = String::from("\n");
    for (rule, count) in hits {
        let severity = rule.severity.name();
        table += &format!("  {}  {:<width$}  {severity:<7}  {count:>5}\n", rule.code, rule.name);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::show::sample;
    use std::path::PathBuf;

    #[test]
    fn each_finding_is_shown_with_its_code() {
        let shown = text(&sample::report(), false, &sample::source);
        assert!(!shown.contains('\u{1b}'));
        insta::assert_snapshot!(shown, @r#"
        error[DR004]: the key of `aws_db_instance.this` is in ap-northeast-1 in either region
         --> live/db/main.tf:2:16
          |
        2 |   kms_key_id = "arn:aws:kms:ap-northeast-1:1:key/x"
          |                ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          |
          = note: in ap-northeast-1: arn:aws:kms:ap-northeast-1:1:key/x
                  in ap-northeast-2: arn:aws:kms:ap-northeast-1:1:key/x
          = help: Put the region of the provider in its place.
          = fix: Put `var.region` in its place

        warning[DR012]: `aws_db_instance.this` cannot be removed after a rehearsal
          --> live/db/main.tf:4:3
           |
         4 | /   lifecycle {
         5 | |     create_before_destroy = true
         6 | |     prevent_destroy       = true
         7 | |     ignore_changes        = []
         8 | |     # It must not be lost.
         9 | |     replace_triggered_by  = []
        10 | |   }
           | |___^
           |
           = note: concerns the root modules live/db, live/web
           = help: Set `prevent_destroy` where the service is built for good.

        info[DR031]: `data.aws_vpc.main` is another VPC in the fallback
         --> modules/net/main.tf:2:2
          |
        2 |     default = true
          |     ^^^^^^^
          |
          = help: Name it by a tag.
        note: is in its subnets
         --> live/db/main.tf:1:11
          |
        1 | resource "aws_db_instance" "this" {
          |           ^^^^^^^^^^^^^^^

        error[DR004]: a|b is 100% `<b>x</b>`, and \u{1b}[31mred*_
         --> live/서울 a/b|c<d>.tf:1:10
          |
        1 | name 서울: ␛[2J = "a|b"
          |            ^^^^^^^^^^^^
          |
          = note: in the primary region: a`|b\ c
                  in the fallback region: \u{202e}
          = help: Write "a\|b": it's <safe> & sound.

        2 errors, 1 warning, 1 info in 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        note: The lock file of `live/web` was not read: 100% \u{1b}gone.
        "#);
    }

    #[test]
    fn colours_are_the_only_escape_sequences() {
        let shown = text(&sample::report(), true, &sample::source);
        assert!(shown.contains("\u{1b}[1m"));
        let others: Vec<_> = shown
            .split('\u{1b}')
            .skip(1)
            .filter(|rest| {
                let code = rest.strip_prefix('[').and_then(|rest| rest.split_once('m'));
                !code.is_some_and(|(code, _)| code.chars().all(|c| c.is_ascii_digit() || c == ';'))
            })
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }

    #[test]
    fn without_the_files_the_places_are_still_told() {
        let mut report = sample::report();
        report.findings.truncate(1);
        insta::assert_snapshot!(text(&report, false, &|_| None), @r"
        error[DR004]: the key of `aws_db_instance.this` is in ap-northeast-1 in either region
        --> live/db/main.tf:2:16
         = note: in ap-northeast-1: arn:aws:kms:ap-northeast-1:1:key/x
                 in ap-northeast-2: arn:aws:kms:ap-northeast-1:1:key/x
         = help: Put the region of the provider in its place.
         = fix: Put `var.region` in its place

        1 error in 1 of 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        note: The lock file of `live/web` was not read: 100% \u{1b}gone.
        ");
    }

    #[test]
    fn many_findings_are_counted_by_rule_and_none_is_said_to_be_none() {
        let mut report = sample::report();
        report.findings = report.findings.into_iter().cycle().take(11).collect();
        let shown = text(&report, false, &|_| None);
        let tail: Vec<_> = shown.lines().skip_while(|line| !line.contains(" files,")).collect();
        insta::assert_snapshot!(tail.join("\n"), @r"
        5 errors, 3 warnings, 3 infos in 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before

          DR004  arn-names-region  error        5
          DR012  prevent-destroy   warning      3
          DR031  default-vpc       info         3
        note: The lock file of `live/web` was not read: 100% \u{1b}gone.
        ");
        report.findings.clear();
        insta::assert_snapshot!(text(&report, false, &|_| None), @r"
        nothing found in 2 root modules (17 files, 4 rules); 1 suppressed, 4 known before
        note: The lock file of `live/web` was not read: 100% \u{1b}gone.
        ");
    }

    #[test]
    fn a_long_line_is_cut_around_the_carets() {
        let long = format!("a = \"{}eu-west-1{}\"\n", "서".repeat(300), "b".repeat(5000));
        let mut report = sample::report();
        report.findings.truncate(1);
        let finding = &mut report.findings[0];
        finding.at = extent(1, 306, 1, 315);
        let shown = text(&report, false, &|_| Some(long.clone()));
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines[3].contains("서eu-west-1b") && lines[3].chars().count() < 220, "{shown}");
        assert!(lines[4].ends_with(" ^^^^^^^^^"), "{shown}");
    }

    fn extent(line: usize, column: usize, end_line: usize, end_column: usize) -> Extent {
        let start = Place { file: PathBuf::from("a.tf"), line, column };
        Extent { start, end_line, end_column, bytes: 0..0 }
    }

    #[test]
    fn no_place_makes_it_fail() {
        let mut report = sample::report();
        report.findings.truncate(1);
        let wide = "서".repeat(LONGEST_LINE + 1);
        for source in ["", "\n", "\t서\u{200d}\u{301}\r\n\u{85}\n\nend", &wide] {
            for at in 0..6 * 6 * 6 * 6 {
                let [line, column, end] = [at % 6, at / 6 % 6, at / 36 % 6];
                report.findings[0].at = extent(line, column, end, at / 216 % 6);
                let shown = text(&report, false, &|_| Some(source.to_owned()));
                assert!(shown.contains("= help: "));
            }
        }
    }

    #[test]
    fn an_excerpt_is_found_by_lines_and_columns() {
        let source = "one\r\ntwo\u{1b} 2\r\n\tthree\n";
        let cut = |at| {
            let Excerpt { code, span } = excerpt(source, &at)?;
            Some(format!("{code:?} {:?}", &code[span]))
        };
        // Also of a place that the file no longer has, or only in part.
        let shown = [
            cut(extent(1, 2, 1, 4)),
            cut(extent(2, 4, 2, 7)),
            cut(extent(2, 1, 3, 3)),
            cut(extent(2, 1, 3, 1)),
            cut(extent(3, 90, 3, 99)),
            cut(extent(3, 3, 9, 9)),
            cut(extent(4, 1, 4, 1)),
            cut(extent(0, 0, 0, 0)),
        ];
        let shown = shown.map(|cut| cut.unwrap_or_else(|| "-".to_owned()));
        insta::assert_snapshot!(shown.join("\n"), @r#"
        "one" "ne"
        "two␛ 2" "␛ 2"
        "two␛ 2\n\tthree" "two␛ 2\n\tt"
        "two␛ 2" "two␛ 2"
        "\tthree" ""
        "\tthree" "hree"
        -
        -
        "#);
    }
}
