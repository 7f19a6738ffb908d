//! One file: parsed, or why not.

use super::{
    body::Body,
    json, repair, scan,
    text::{BYTE_ORDER_MARK, OffsetMap, SourceText},
};
use crate::model::finding::Place;
use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file that was understood.
#[derive(Clone, Debug)]
pub struct SourceFile {
    text: Arc<SourceText>,
    body: Body,
    comments: Vec<Range<usize>>,
    duplicate_keys: Vec<DuplicateKey>,
}

/// A key that stands twice in one object. Terraform takes the last without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The key, without quotes.
    pub key: String,
    /// The entry that has no effect.
    pub place: Place,
    /// The bytes of the file that its key stands in.
    pub bytes: Range<usize>,
    /// The bytes of the file that the whole entry stands in, with its comma.
    pub entry: Range<usize>,
    /// The entry that counts.
    pub replaced_by: Place,
    /// The bytes of the file that the key of that one stands in.
    pub replaced_by_bytes: Range<usize>,
}

/// A file that was not understood. It is never left out in silence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Unparsed {
    /// Path from the root of the repository.
    pub file: PathBuf,
    /// Where it went wrong.
    pub place: Place,
    /// What is wrong, lower case, without the place.
    pub message: String,
    /// Who has to act.
    pub fault: Fault,
}

/// Who has to act on a file that was not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Terraform refuses it, too.
    Syntax,
    /// Terraform takes it; drctl does not understand it.
    NotUnderstood,
    /// drctl does not understand it, and nobody was asked whether Terraform does.
    Unjudged,
    /// It could not be read, or lies outside the repository.
    Unreadable,
}

impl Unparsed {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        let folder = self.file.parent().unwrap_or(Path::new("")).display();
        match self.fault {
            Fault::Syntax | Fault::Unjudged => {
                Some(format!("Run `terraform fmt -check ./{folder}` to see what Terraform says"))
            }
            Fault::NotUnderstood => Some(
                "Report it with the line shown; what the file declares was not looked at".into(),
            ),
            Fault::Unreadable => None,
        }
    }

    pub(super) fn unreadable(file: &Path, message: String) -> Self {
        let place = Place { file: file.to_owned(), line: 1, column: 1 };
        Self { file: file.to_owned(), place, message, fault: Fault::Unreadable }
    }
}

/// A second opinion on HCL that drctl does not understand, such as `terraform fmt -`.
///
/// It is asked for such files only, from several threads at once, and should have a time limit:
/// `terraform fmt` can take minutes over a few megabytes that make no sense.
pub trait Judge: Sync {
    /// Judges a file by its text; `None` when there is nobody to ask.
    fn judge(&self, path: &Path, text: &str) -> Option<Judgement>;
}

/// What a [`Judge`] says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is not valid, and this is where and why.
    SyntaxError {
        /// Line, from 1.
        line: usize,
        /// Column in Unicode scalar values, from 1, where it is known: `terraform fmt` prints none.
        column: Option<usize>,
        /// What is wrong.
        message: String,
    },
    /// It is valid: drctl falls short.
    Valid,
}

impl SourceFile {
    /// Parses the bytes of a file; one whose name ends in `.json` is read as JSON.
    ///
    /// `path` is only shown, and is meant to be relative to the root of the repository.
    ///
    /// # Errors
    ///
    /// [`Unparsed`] when the file is not understood; `judge`, if there is one, says whose fault
    /// that is.
    pub fn parse(
        path: impl Into<PathBuf>,
        bytes: &[u8],
        judge: Option<&dyn Judge>,
    ) -> Result<Self, Unparsed> {
        let path = path.into();
        let is_json = path.extension().is_some_and(|extension| extension == "json");
        match if is_json { parse_json(&path, bytes) } else { parse_hcl(&path, bytes) } {
            Err(unparsed) if unparsed.fault == Fault::Unjudged => {
                Err(judged(unparsed, bytes, judge))
            }
            other => other,
        }
    }

    /// Returns the path that was given.
    pub fn path(&self) -> &Path {
        self.text.path()
    }

    /// Returns what stands in it.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Returns its text, which knows all places.
    pub fn text(&self) -> &Arc<SourceText> {
        &self.text
    }

    /// Returns where a span of the syntax tree starts.
    pub fn place(&self, span: &Range<usize>) -> Place {
        self.text.place(span)
    }

    /// Returns every comment with its marks (`# …`, `// …`, `/* … */`), in order.
    pub fn comments(&self) -> impl Iterator<Item = (Place, &str)> {
        self.comments.iter().map(|range| {
            (self.text.place_at(range.start), self.text.as_str().get(range.clone()).unwrap_or(""))
        })
    }

    /// Returns the object entries that have no effect, in order.
    pub fn duplicate_keys(&self) -> &[DuplicateKey] {
        &self.duplicate_keys
    }
}

fn parse_hcl(path: &Path, bytes: &[u8]) -> Result<SourceFile, Unparsed> {
    let scan = scan::scan(bytes);
    let (text, invalid) = decode(bytes);
    let text = SourceText::new(path.to_owned(), text);
    let outside = |at: &&usize| {
        let next = scan.comments.partition_point(|comment| comment.start <= **at);
        !next.checked_sub(1).is_some_and(|before| scan.comments[before].contains(at))
    };
    if let Some(at) = invalid.iter().find(outside) {
        return Err(unparsed(&text, *at, "this is not UTF-8".into(), Fault::Syntax));
    }
    parse(text, scan, OffsetMap::default(), None)
}

fn parse_json(path: &Path, bytes: &[u8]) -> Result<SourceFile, Unparsed> {
    let (content, invalid) = decode(bytes);
    let text = SourceText::new(path.to_owned(), content);
    if let Some(at) = invalid.first() {
        return Err(unparsed(&text, *at, "this is not UTF-8".into(), Fault::Syntax));
    }
    let json = text.as_str().replacen(BYTE_ORDER_MARK, "   ", 1);
    let (hcl, offsets) = json::to_hcl(&json)
        .map_err(|error| unparsed(&text, error.at, error.message, Fault::Syntax))?;
    let scan = scan::scan(hcl.as_bytes());
    parse(text, scan, offsets, Some(&hcl))
}

/// Parses what a scan found in the file, or in the HCL that the file was rewritten as.
fn parse(
    text: SourceText,
    scan: scan::Scan,
    rewritten: OffsetMap,
    hcl: Option<&str>,
) -> Result<SourceFile, Unparsed> {
    if let Some(broken) = &scan.broken {
        let at = rewritten.start(broken.at);
        // JSON has its own quotes, so there it is the template inside that does not end.
        let message = if hcl.is_none() { broken.message } else { "this template is not complete" };
        return Err(unparsed(&text, at, message.into(), Fault::Syntax));
    }
    let (repaired, moved) = repair::repair(hcl.unwrap_or(text.as_str()), &scan);
    let place = |range: &Range<usize>| text.place_at(rewritten.start(range.start));
    let bytes = |range: &Range<usize>| rewritten.start(range.start)..rewritten.end(range.end);
    let mut duplicate_keys: Vec<_> = scan
        .duplicates
        .iter()
        .map(|duplicate| DuplicateKey {
            key: duplicate.name.clone(),
            place: place(&duplicate.dead),
            bytes: bytes(&duplicate.dead),
            entry: bytes(&duplicate.dead_entry),
            replaced_by: place(&duplicate.live),
            replaced_by_bytes: bytes(&duplicate.live),
        })
        .collect();
    duplicate_keys.sort_by(|a, b| a.place.cmp(&b.place));
    let offsets = rewritten.then(moved);
    let tree = hcl::edit::parser::parse_body(&repaired).map_err(|error| {
        let at = error.location().offset();
        // The parser blames the last character for what comes after it.
        let is_end = at + 1 >= repaired.trim_end().len();
        match scan.unclosed.filter(|_| is_end && hcl.is_none()) {
            Some(open) => unparsed(&text, open, "this is not closed".into(), Fault::Unjudged),
            None => {
                let message = error.message().replace(['\n', '\r'], "\\n");
                unparsed(&text, offsets.start(at), message, Fault::Unjudged)
            }
        }
    })?;
    let text = Arc::new(text.with_offsets(offsets));
    let comments = if hcl.is_none() { scan.comments } else { Vec::new() };
    Ok(SourceFile { body: Body::new(tree, &text), text, comments, duplicate_keys })
}

/// Returns the text, with a `?` for each byte that is not UTF-8, and where those are.
fn decode(bytes: &[u8]) -> (String, Vec<usize>) {
    let (mut text, mut invalid) = (String::with_capacity(bytes.len()), Vec::new());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for _ in chunk.invalid() {
            invalid.push(text.len());
            text.push('?');
        }
    }
    (text, invalid)
}

fn unparsed(text: &SourceText, at: usize, message: String, fault: Fault) -> Unparsed {
    Unparsed { file: text.path().to_owned(), place: text.place_at(at), message, fault }
}

fn judged(unparsed: Unparsed, bytes: &[u8], judge: Option<&dyn Judge>) -> Unparsed {
    let text = decode(bytes).0;
    match judge.and_then(|judge| judge.judge(&unparsed.file, &text)) {
        Some(Judgement::SyntaxError { line, column, message }) => Unparsed {
            place: Place {
                // Where both blame the same line, drctl's column is better than none.
                column: column.unwrap_or(if line == unparsed.place.line {
                    unparsed.place.column
                } else {
                    1
                }),
                line,
                ..unparsed.place
            },
            message,
            fault: Fault::Syntax,
            ..unparsed
        },
        Some(Judgement::Valid) => Unparsed { fault: Fault::NotUnderstood, ..unparsed },
        None => unparsed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::expression::Expr;
    use std::fmt::Write;

    fn read(bytes: impl AsRef<[u8]>) -> SourceFile {
        SourceFile::parse("main.tf", bytes.as_ref(), None).unwrap()
    }

    fn refused(bytes: impl AsRef<[u8]>) -> Unparsed {
        SourceFile::parse("main.tf", bytes.as_ref(), None).unwrap_err()
    }

    /// Lists every attribute and block with its place and its text in the file.
    fn outline(file: &SourceFile) -> String {
        fn walk(body: &Body, out: &mut String) {
            for attribute in body.attributes() {
                let (name, place) = (attribute.name(), attribute.place());
                let expr = attribute.expr();
                let (at, source) = (expr.place(), expr.source());
                writeln!(out, "{place} {name} {}:{} {source:?}", at.line, at.column).unwrap();
            }
            for block in body.blocks() {
                let labels: Vec<_> = block.labels().collect();
                writeln!(out, "{} {} {labels:?}", block.place(), block.kind()).unwrap();
                walk(block.body(), out);
            }
        }
        let mut out = String::new();
        walk(file.body(), &mut out);
        out
    }

    fn value(file: &SourceFile) -> serde_json::Value {
        file.body().attributes()[0].expr().literal().unwrap()
    }

    fn duplicates(file: &SourceFile) -> Vec<String> {
        file.duplicate_keys()
            .iter()
            .map(|d| format!("{} {} -> {}", d.key, d.place, d.replaced_by))
            .collect()
    }

    #[test]
    fn everything_has_its_place() {
        let file = read("a = 1\n\nresource \"x\" \"y\" {\n  b = \"é${var.c}\" # why\n  n {}\n}\n");
        insta::assert_snapshot!(outline(&file), @r#"
        main.tf:1:1 a 1:5 "1"
        main.tf:3:1 resource ["x", "y"]
        main.tf:4:3 b 4:7 "\"é${var.c}\""
        main.tf:5:3 n []
        "#);
        assert_eq!(
            file.comments().map(|(place, text)| format!("{place} {text}")).collect::<Vec<_>>(),
            ["main.tf:4:19 # why"]
        );
        let references = file.body().blocks()[0].body().expr("b").unwrap().references();
        assert_eq!(references[0].place.to_string(), "main.tf:4:11");
    }

    #[test]
    fn of_duplicate_keys_the_last_wins_and_all_are_told() {
        let file = read("a = {\n  x = 1 # old\n  y = 2\n  x = 3\n  \"y\" = 4, x = 5 }\nb = 1\n");
        assert_eq!(value(&file), serde_json::json!({ "x": 5, "y": 4 }));
        assert_eq!(
            duplicates(&file),
            [
                "x main.tf:2:3 -> main.tf:5:12",
                "y main.tf:3:3 -> main.tf:5:3",
                "x main.tf:4:3 -> main.tf:5:12",
            ]
        );
        insta::assert_snapshot!(outline(&file), @r#"
        main.tf:1:1 a 1:5 "{\n  x = 1 # old\n  y = 2\n  x = 3\n  \"y\" = 4, x = 5 }"
        main.tf:6:1 b 6:5 "1"
        "#);
        assert_eq!(file.comments().count(), 1);
    }

    #[test]
    fn computed_duplicate_keys_are_duplicates_and_keys_of_other_objects_are_not() {
        let file = read(
            "a = { (var.k) = 1, ( var.k ) = <<EOT\n}\nEOT\n }\nb = { x = { x = 1 }, y = { x = 1 } }\n",
        );
        assert_eq!(duplicates(&file), ["(var.k) main.tf:1:7 -> main.tf:1:20"]);
    }

    #[test]
    fn newlines_in_for_objects_change_nothing() {
        let file = read(concat!(
            "a = { for k, v in x\n  .y : k # key\n => v.a &&\r\n  v.b\n ? { c = 1\n d = 2 }\n : null\n if v\n ",
            "!= 1 }\nb = [for x in y ?\n z : w : x\n]\nc = \"%{ if a &&\n b }x%{ endif }\"\n",
        ));
        let names: Vec<_> =
            file.body().attributes().iter().map(|a| a.place().to_string()).collect();
        assert_eq!(names, ["main.tf:1:1", "main.tf:10:1", "main.tf:13:1"]);
        let places: Vec<_> = file.body().attributes()[0]
            .expr()
            .references()
            .iter()
            .map(|reference| format!("{reference} {}", reference.place))
            .collect();
        assert_eq!(places, ["x.y main.tf:1:19"]);
        assert_eq!(file.comments().next().unwrap().1, "# key");
    }

    #[test]
    fn a_heredoc_ends_only_where_its_marker_stands_alone() {
        let file = read(
            "a = <<EOF\n  EOF\"\nEOF x\n${var.y}EOF\nEOFS\n  EOF  \nb = <<-EOT\n  EOT,\n  z\n  EOT\n",
        );
        assert_eq!(file.body().attributes().len(), 2);
        assert_eq!(file.body().expr("a").unwrap().references()[0].place.to_string(), "main.tf:4:3");
        assert_eq!(file.body().expr("b").unwrap().literal_string().unwrap(), "EOT,\nz\n");
        assert_eq!(file.body().attribute("b").unwrap().place().to_string(), "main.tf:7:1");
        assert!(file.body().expr("a").unwrap().source().starts_with("<<EOF\n  EOF\""));
    }

    #[test]
    fn a_byte_order_mark_counts_for_nothing() {
        let file = read("\u{feff}a = 1\nb = 2\n");
        insta::assert_snapshot!(outline(&file), @r#"
        main.tf:1:1 a 1:5 "1"
        main.tf:2:1 b 2:5 "2"
        "#);
    }

    #[test]
    fn a_comment_may_hold_any_bytes_and_nothing_else_may() {
        let file = read(b"# caf\xe9 \xff\na = 1 /* \xe9 */\nb = 2\n");
        assert_eq!(outline(&file), "main.tf:2:1 a 2:5 \"1\"\nmain.tf:3:1 b 3:5 \"2\"\n");
        let unparsed = refused(b"a = 1\nb = \"caf\xe9\"\n");
        assert_eq!(
            (unparsed.to_string().as_str(), unparsed.fault),
            ("main.tf:2:9: this is not UTF-8", Fault::Syntax)
        );
    }

    #[test]
    fn carriage_returns_are_part_of_the_line_ending() {
        let file = read(
            "a = 1\r\nx \"y\" {\r\n  b = <<E\r\nE?\r\nE\r\n  c = { d = 1,\r\n e = 2 }\r\n}\r\n",
        );
        insta::assert_snapshot!(outline(&file), @r#"
        main.tf:1:1 a 1:5 "1"
        main.tf:2:1 x ["y"]
        main.tf:3:3 b 3:7 "<<E\r\nE?\r\nE"
        main.tf:6:3 c 6:7 "{ d = 1,\r\n e = 2 }"
        "#);
    }

    #[test]
    fn a_very_large_object_is_read_whole_and_keeps_its_places() {
        let mut text = String::from("a = {\n");
        for n in 0..50_000 {
            writeln!(text, "  key{n} = {n}").unwrap();
        }
        text.push_str("  key7 = 0\n}\nb = var.c\n");
        let file = read(&text);
        let value = value(&file);
        assert_eq!(value.as_object().unwrap().len(), 50_000);
        assert_eq!((&value["key7"], &value["key49999"]), (&0.into(), &49_999.into()));
        let a = file.body().expr("a").unwrap();
        let entries = a.object().unwrap();
        assert_eq!(
            entries[40_000].place().line,
            entries[40_000].name()[3..].parse::<usize>().unwrap() + 2
        );
        assert_eq!(a.source().len(), text.len() - "a = ".len() - "\nb = var.c\n".len());
        assert_eq!(file.body().attribute("b").unwrap().place().to_string(), "main.tf:50004:1");
        assert_eq!(duplicates(&file), ["key7 main.tf:9:3 -> main.tf:50002:3"]);
    }

    #[test]
    fn a_very_long_line_is_read() {
        let list = format!("a = [{}]\n", "\"x${var.y}\", ".repeat(60_000));
        assert_eq!(read(&list).body().expr("a").unwrap().list().unwrap().len(), 60_000);
    }

    #[test]
    fn a_hundred_thousand_brackets_are_an_error() {
        for (open, close) in
            [("[", "]"), ("{a=", "}"), ("(", ")"), ("\"${", "}\""), ("a {\n", "\n}"), ("f(", ")")]
        {
            let prefix = if open.starts_with('a') { "" } else { "x = " };
            let text = format!("{prefix}{}1{}\n", open.repeat(100_000), close.repeat(100_000));
            let unparsed = std::thread::Builder::new()
                .stack_size(1 << 20)
                .spawn(move || refused(text))
                .unwrap()
                .join()
                .unwrap();
            assert!(unparsed.message.contains("64 nested levels"), "{unparsed}");
            refused(format!("{prefix}{}", open.repeat(100_000)));
        }
        // What is allowed fits on the small stack of a worker thread.
        let deep = format!("a = {}1{}\n", "[".repeat(60), "]".repeat(60));
        std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(move || read(deep))
            .unwrap()
            .join()
            .unwrap();
    }

    #[test]
    fn what_is_open_is_blamed_where_it_was_opened() {
        assert_eq!(refused("a {\n  b {\n  }\n").to_string(), "main.tf:1:3: this is not closed");
        assert_eq!(
            refused("a = \"b\nc = \"d\"\n").to_string(),
            "main.tf:1:5: a quoted string must end on the line on which it starts"
        );
        insta::assert_snapshot!(refused("a = [1 2]\n"), @"main.tf:1:8: expected `]`");
        assert_eq!(refused("a = 1\na = 2\n").place.to_string(), "main.tf:2:1");
    }

    #[test]
    fn a_judge_says_whose_fault_it_is() {
        struct Says(Option<Judgement>);
        impl Judge for Says {
            fn judge(&self, path: &Path, text: &str) -> Option<Judgement> {
                assert_eq!((path, text), (Path::new("main.tf"), "a = [1 2]\n"));
                self.0.clone()
            }
        }
        let judged =
            |says| SourceFile::parse("main.tf", b"a = [1 2]\n", Some(&Says(says))).unwrap_err();
        let error = |line, column| Judgement::SyntaxError { line, column, message: "no".into() };
        assert_eq!(judged(Some(error(1, None))).to_string(), "main.tf:1:8: no");
        assert_eq!(judged(Some(error(2, None))).to_string(), "main.tf:2:1: no");
        assert_eq!(judged(Some(error(1, Some(3)))).to_string(), "main.tf:1:3: no");
        assert_eq!(judged(Some(error(1, None))).fault, Fault::Syntax);
        assert_eq!(judged(Some(Judgement::Valid)).fault, Fault::NotUnderstood);
        assert_eq!(judged(None).fault, Fault::Unjudged);
    }

    #[test]
    fn what_terraform_takes_is_taken() {
        let file = read(concat!(
            "a = provider::aws::arn(var.x...)\nb = x[*].y\nc = x.0.y\nd = <<E\n%{ for a in b ~}\n$${x} %%{y}\n%{ endfor }\nE\n",
            "e = [<<E\n1\nE\n, 2]\nf = f(<<-E\n  1\n  E\n)\ng = \"$$${x}\"\nzażółć = \"😀\"\nh = {for k in x : k => k...}\n",
            "i = 1e5\nj = { formatted = 1 }\nk = { a : 1, \"b\" : 2 }\nl = [for_x, b]\nm = a ? { b = 1 } : {}\nn = x /* { */ + y // [",
        ));
        assert_eq!(file.body().attributes().len(), 15);
        assert_eq!(file.body().expr("g").and_then(Expr::literal_string).unwrap(), "$${x}");
        assert_eq!(file.body().expr("i").unwrap().literal().unwrap(), 100_000);
        assert_eq!(file.duplicate_keys(), []);
    }
}
