//! What differs from run to run, made the same, so that output can be compared whole.

use std::path::Path;

/// Replaces names of runs, commits, digests, times and temporary paths. Whether a step
/// waited between its phases depends on the machine, too.
pub(crate) fn all(text: &str, root: &Path) -> String {
    let text = text.replace(&root.display().to_string(), "$ENV");
    let waits = |line: String| line.replace("waited [TIME], ", "");
    without_stretches(&text)
        .lines()
        .map(line)
        .map(waits)
        .map(terraform)
        .map(|line| shares(&line).trim_end().to_owned() + "\n")
        .collect()
}

/// Replaces the version of Terraform.
fn terraform(line: String) -> String {
    let Some((before, after)) = line.split_once("Terraform ") else { return line };
    let rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if rest.len() == after.len() { line } else { format!("{before}Terraform [VERSION]{rest}") }
}

/// Replaces what decided a run: which stretches are worth a line depends on the machine.
fn without_stretches(text: &str) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for line in text.lines() {
        if inside && !line.trim().is_empty() {
            continue;
        }
        inside = line.trim() == "What decided it";
        out += line;
        out += if inside { "\n  [STRETCHES]\n" } else { "\n" };
    }
    out
}

/// Replaces a share of the whole and its bar.
fn shares(line: &str) -> String {
    match line.find('%') {
        Some(at) => {
            let before = line[..at].trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
            let after = line[at + 1..].trim_start_matches([' ', '#']);
            format!("{before}  [SHARE]  {after}")
        }
        None => line.to_owned(),
    }
}

fn line(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let boundary = !out.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        match boundary.then(|| token(rest)).flatten() {
            Some((len, word)) => {
                out += word;
                rest = &rest[len..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// What `text` starts with, if it is something that changes: its length and its stand-in.
fn token(text: &str) -> Option<(usize, &'static str)> {
    let word: &str =
        &text[..text.find(|c: char| !(c.is_alphanumeric() || c == '-')).unwrap_or(text.len())];
    if word.parse::<drctl::model::run::RunId>().is_ok() {
        return Some((word.len(), "[RUN]"));
    }
    if word.len() == 10 && word.as_bytes()[4] == b'-' && word.as_bytes()[7] == b'-' {
        let clock = text.get(10..19).filter(|t| t.bytes().filter(|b| *b == b':').count() == 2);
        return clock.map(|clock| (10 + clock.len(), "[WHEN]"));
    }
    let hex = word.chars().all(|c| c.is_ascii_hexdigit());
    match word.len() {
        40 if hex => return Some((word.len(), "[COMMIT]")),
        64 if hex => return Some((word.len(), "[DIGEST]")),
        8 | 12 if hex && word.chars().any(|c| c.is_ascii_digit()) => {
            return Some((word.len(), "[SHORT]"));
        }
        _ => {}
    }
    duration(text).map(|len| (len, "[TIME]"))
}

/// The length of a duration as drctl prints it: `0.4s`, `4m05.2s`, `1h02m03s`.
fn duration(text: &str) -> Option<usize> {
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || "hms.".contains(c))).unwrap_or(text.len());
    let word = text[..end].trim_end_matches('.');
    let is_one = word.len() > 2
        && word.starts_with(|c: char| c.is_ascii_digit())
        && word.ends_with('s')
        && (word.contains('.') || word.contains('m'))
        && !word.ends_with("ms");
    is_one.then_some(word.len())
}
