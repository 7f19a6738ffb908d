//! `.tf.json` rewritten as the HCL that it means, with every byte's place kept.
//!
//! The parser makes spans only of what it parsed itself, so the one way to give JSON the same tree,
//! with places, is to let it parse HCL and to remember where each piece was copied from.

use super::{
    scan,
    schema::{self, BlockShape, Reading, Shape},
    text::OffsetMap,
};
use hcl::edit::Ident;
use jsonc_parser::{
    CollectOptions, ParseOptions,
    ast::{Array, Object, ObjectProp, ObjectPropName, Value},
    common::Ranged,
    parse_to_ast,
};
use std::ops::Range;

/// JSON that cannot be read, or does not mean a configuration.
#[derive(Debug)]
pub(super) struct JsonError {
    pub(super) at: usize,
    pub(super) message: String,
}

/// Returns the HCL that a `.tf.json` file means, and where its bytes stood.
pub(super) fn to_hcl(text: &str) -> Result<(String, OffsetMap), JsonError> {
    let options = ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        ..ParseOptions::default()
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options).map_err(|error| {
        JsonError { at: error.range().start, message: format!("not JSON: {}", error.kind()) }
    })?;
    let mut writer =
        Writer { text, out: String::with_capacity(text.len()), map: OffsetMap::default() };
    // Maps the start of an empty file, too.
    writer.map.push(0, 0, 0);
    match &parsed.value {
        Some(value) => writer.file(value)?,
        None => return Err(JsonError { at: 0, message: "the file is empty".into() }),
    }
    Ok((writer.out, writer.map))
}

struct Writer<'a> {
    text: &'a str,
    out: String,
    map: OffsetMap,
}

/// A name that was written in JSON, and where its first character stands.
#[derive(Clone)]
struct Name {
    text: String,
    at: usize,
}

impl Name {
    fn of(property: &ObjectProp<'_>) -> Self {
        let quote = usize::from(matches!(property.name, ObjectPropName::String(_)));
        Self { text: property.name.as_str().to_owned(), at: property.name.start() + quote }
    }
}

impl Writer<'_> {
    /// Writes what stands in the file at `at`.
    fn copy(&mut self, at: usize, piece: &str) {
        self.map.push(self.out.len(), at, piece.len());
        self.out.push_str(piece);
    }

    /// Writes something that stands for what is in the file at `at`.
    fn stand_in(&mut self, at: usize, piece: &str) {
        self.map.push(self.out.len(), at, 0);
        self.out.push_str(piece);
    }

    fn file(&mut self, value: &Value<'_>) -> Result<(), JsonError> {
        match value {
            Value::Object(object) => self.body(object, &schema::FILE),
            Value::Array(array) => array.elements.iter().try_for_each(|value| self.file(value)),
            other => Err(unfit(other, "a configuration must be an object")),
        }
    }

    fn body(&mut self, object: &Object<'_>, shape: &Shape) -> Result<(), JsonError> {
        for property in &object.properties {
            let name = Name::of(property);
            if name.text == "//" {
                continue;
            }
            match shape.block(&name.text) {
                Some(block) => self.blocks(&name, &mut Vec::new(), &property.value, block)?,
                None => self.attribute(&name, &property.value, shape.reading(&name.text))?,
            }
        }
        Ok(())
    }

    fn attribute(
        &mut self,
        name: &Name,
        value: &Value<'_>,
        reading: Reading,
    ) -> Result<(), JsonError> {
        if Ident::try_new(name.text.as_str()).is_err() {
            let message = format!("`{}` is not a valid name", name.text);
            return Err(JsonError { at: name.at, message });
        }
        self.copy(name.at, &name.text);
        self.out.push_str(" = ");
        self.value(value, reading);
        self.out.push('\n');
        Ok(())
    }

    fn blocks(
        &mut self,
        kind: &Name,
        labels: &mut Vec<Name>,
        value: &Value<'_>,
        shape: &BlockShape,
    ) -> Result<(), JsonError> {
        match value {
            Value::NullKeyword(_) => Ok(()),
            Value::Array(array) => {
                array.elements.iter().try_for_each(|value| self.blocks(kind, labels, value, shape))
            }
            Value::Object(object) if labels.len() < shape.labels => {
                for property in object.properties.iter().filter(|p| p.name.as_str() != "//") {
                    labels.push(Name::of(property));
                    self.blocks(kind, labels, &property.value, shape)?;
                    labels.pop();
                }
                Ok(())
            }
            Value::Object(object) => {
                // Many blocks can share one key, so a block is placed at what tells it apart.
                self.stand_in(labels.last().unwrap_or(kind).at, &kind.text);
                for label in labels.iter() {
                    self.out.push_str(" \"");
                    self.copy(label.at, &escape(&label.text));
                    self.out.push('"');
                }
                self.out.push_str(" {\n");
                self.body(object, shape.body)?;
                self.stand_in(object.range.end.saturating_sub(1), "");
                self.out.push_str("}\n");
                Ok(())
            }
            other => Err(unfit(other, &format!("`{}` must be an object", kind.text))),
        }
    }

    fn value(&mut self, value: &Value<'_>, reading: Reading) {
        match value {
            Value::StringLit(string) => {
                let range = string.range;
                let decoded = Decoded::new(self.text, range.start + 1, range.end - 1);
                self.string(range.start, &decoded, range.end, reading);
            }
            Value::Array(array) => self.array(array, reading),
            Value::Object(object) => self.object(object, reading),
            literal => {
                let range = literal.range();
                self.copy(range.start, &self.text[range.start..range.end]);
            }
        }
    }

    fn array(&mut self, array: &Array<'_>, reading: Reading) {
        self.copy(array.range.start, "[");
        for (index, element) in array.elements.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            self.value(element, reading);
        }
        self.copy(array.range.end - 1, "]");
    }

    fn object(&mut self, object: &Object<'_>, reading: Reading) {
        self.copy(object.range.start, "{");
        for (index, property) in object.properties.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            let inner = match reading {
                Reading::Requirement if property.name.as_str() == "configuration_aliases" => {
                    Reading::Expression
                }
                same => same,
            };
            self.key(property, reading);
            self.out.push_str(" = ");
            self.value(&property.value, inner);
        }
        self.copy(object.range.end - 1, "}");
    }

    fn key(&mut self, property: &ObjectProp<'_>, reading: Reading) {
        let name = Name::of(property);
        let is_word = matches!(name.text.as_str(), "for" | "true" | "false" | "null");
        if Ident::try_new(name.text.as_str()).is_ok() && !is_word {
            return self.copy(name.at, &name.text);
        }
        let range = property.name.range();
        let decoded = Decoded::new(self.text, range.start + 1, range.end - 1);
        let computed = reading == Reading::Template && decoded.whole_interpolation().is_some();
        self.out.push_str(if computed { "(" } else { "" });
        self.string(range.start, &decoded, range.end, reading);
        self.out.push_str(if computed { ")" } else { "" });
    }

    /// Writes a string that stands from `start` to `end`, quotes included.
    fn string(&mut self, start: usize, string: &Decoded, end: usize, reading: Reading) {
        if reading == Reading::Expression {
            return self.raw(string, 0..string.text.len());
        }
        if reading == Reading::Template
            && let Some(inner) = string.whole_interpolation()
        {
            let lines = string.text[inner.clone()].contains('\n');
            self.out.push_str(if lines { "(" } else { "" });
            self.raw(string, inner);
            self.out.push_str(if lines { ")" } else { "" });
            return;
        }
        self.copy(start, "\"");
        if reading == Reading::Template {
            self.template(string);
        } else {
            self.literal(string);
        }
        self.copy(end - 1, "\"");
    }

    fn raw(&mut self, string: &Decoded, range: Range<usize>) {
        for (index, character) in string.text[range.clone()].char_indices() {
            self.copy(string.at[range.start + index], character.encode_utf8(&mut [0; 4]));
        }
    }

    fn literal(&mut self, string: &Decoded) {
        for (index, character) in string.text.char_indices() {
            if starts_template(&string.text[index..]) {
                self.stand_in(string.at[index], character.encode_utf8(&mut [0; 4]));
            }
            self.character(character, string.at[index]);
        }
    }

    fn template(&mut self, string: &Decoded) {
        let mut index = 0;
        while let Some(character) = string.text[index..].chars().next() {
            let rest = &string.text[index..];
            let end = if rest.starts_with("$${") || rest.starts_with("%%{") {
                index + 3
            } else if starts_template(rest) {
                scan::interpolation_end(rest.as_bytes())
                    .map_or(string.text.len(), |length| index + length)
            } else {
                self.character(character, string.at[index]);
                index += character.len_utf8();
                continue;
            };
            self.raw(string, index..end);
            index = end;
        }
    }

    fn character(&mut self, character: char, at: usize) {
        match character {
            '"' | '\\' | '\n' | '\r' | '\t' => self.stand_in(at, &escape(&character.to_string())),
            _ => self.copy(at, character.encode_utf8(&mut [0; 4])),
        }
    }
}

fn starts_template(text: &str) -> bool {
    text.starts_with("${") || text.starts_with("%{")
}

/// The text that a JSON string means, and where in the file each byte of it comes from.
struct Decoded {
    text: String,
    at: Vec<usize>,
}

impl Decoded {
    /// Decodes what stands between two quotes.
    fn new(file: &str, start: usize, end: usize) -> Self {
        let mut decoded = Self { text: String::new(), at: Vec::with_capacity(end - start) };
        let mut at = start;
        while let Some(first) = file[at..end].chars().next() {
            let (character, length) = match first {
                '\\' => decode_escape(&file[at..end]),
                plain => (plain, plain.len_utf8()),
            };
            decoded.text.push(character);
            decoded.at.resize(decoded.text.len(), at);
            at += length;
        }
        decoded
    }

    /// Returns what stands in `"${…}"`, when nothing stands around it.
    fn whole_interpolation(&self) -> Option<Range<usize>> {
        let inner = self.text.strip_prefix("${")?.strip_suffix('}')?;
        if inner.starts_with('~') || inner.ends_with('~') {
            return None;
        }
        (scan::interpolation_end(self.text.as_bytes())? == self.text.len()).then(|| {
            let start = 2 + inner.len() - inner.trim_start().len();
            start..start + inner.trim().len()
        })
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn decode_escape(text: &str) -> (char, usize) {
    let unit = |from: usize| {
        let digits = text.get(from..from + 6).and_then(|unit| unit.strip_prefix("\\u"))?;
        u16::from_str_radix(digits, 16).ok()
    };
    match text.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => {
            let units: Vec<u16> = [unit(0), unit(6)].into_iter().map_while(|unit| unit).collect();
            match char::decode_utf16(units).next() {
                Some(Ok(character)) => (character, 6 * character.len_utf16()),
                _ => (char::REPLACEMENT_CHARACTER, 6.min(text.len())),
            }
        }
        Some(other) => (char::from(*other), 2),
        None => ('\\', 1),
    }
}

fn unfit(value: &Value<'_>, message: &str) -> JsonError {
    JsonError { at: value.start(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use crate::config::{body::Body, file::SourceFile};

    fn read(text: &str) -> SourceFile {
        SourceFile::parse("main.tf.json", text.as_bytes(), None).unwrap()
    }

    fn refused(text: &str) -> String {
        SourceFile::parse("main.tf.json", text.as_bytes(), None).unwrap_err().to_string()
    }

    /// The file's one local value.
    fn local(text: &str) -> SourceFile {
        read(&format!(r#"{{"locals": {{"a": {text}}}}}"#))
    }

    fn native(text: &str) -> Body {
        SourceFile::parse("main.tf", text.as_bytes(), None).unwrap().body().clone()
    }

    #[test]
    fn the_same_configuration_is_the_same_in_both_syntaxes() {
        let json = read(
            r#"{
              "//": "a comment",
              "terraform": {
                "required_version": ">= 1.5",
                "required_providers": {
                  "aws": {"source": "hashicorp/aws", "configuration_aliases": ["aws.dst"]}
                },
                "backend": {"s3": {"bucket": "b", "key": "${k}"}}
              },
              "variable": {
                "region": {"type": "string", "default": "${no}"},
                "sizes": {"type": "list(string)", "default": [1, 2.5, -3]}
              },
              "provider": {"aws": [{"region": "${var.region}"}, {"alias": "dst", "region": "x"}]},
              "resource": {
                "aws_instance": {
                  "web": {
                    "count": 2,
                    "ami": "${data.aws_ami.base.id}",
                    "provider": "aws.dst",
                    "tags": {"Name": "web-${count.index}", "a b": true, "${var.k}": null},
                    "lifecycle": {"ignore_changes": ["ami", "tags[\"x\"]"], "prevent_destroy": true},
                    "provisioner": [{"local-exec": {"command": "echo \"hi\"\n"}}],
                    "dynamic": {"disk": {"for_each": "${var.disks}", "content": {"size": "${disk.value}"}}},
                    "depends_on": ["module.m"]
                  }
                }
              },
              "module": {"m": {"source": "./m", "providers": {"aws.a": "aws.dst"}, "x": "a%{ if b }c%{ endif }"}},
              "moved": [{"from": "a.b", "to": "a.c"}]
            }"#,
        );
        let hcl = native(
            r#"
            terraform {
              required_version = ">= 1.5"
              required_providers {
                aws = { source = "hashicorp/aws", configuration_aliases = [aws.dst] }
              }
              backend "s3" {
                bucket = "b"
                key    = "$${k}"
              }
            }
            variable "region" {
              type    = string
              default = "$${no}"
            }
            variable "sizes" {
              type    = list(string)
              default = [1, 2.5, -3]
            }
            provider "aws" {
              region = var.region
            }
            provider "aws" {
              alias  = "dst"
              region = "x"
            }
            resource "aws_instance" "web" {
              count    = 2
              ami      = data.aws_ami.base.id
              provider = aws.dst
              tags     = { Name = "web-${count.index}", "a b" = true, (var.k) = null }
              lifecycle {
                ignore_changes  = [ami, tags["x"]]
                prevent_destroy = true
              }
              provisioner "local-exec" {
                command = "echo \"hi\"\n"
              }
              dynamic "disk" {
                for_each = var.disks
                content {
                  size = disk.value
                }
              }
              depends_on = [module.m]
            }
            module "m" {
              source    = "./m"
              providers = { aws.a = aws.dst }
              x         = "a%{ if b }c%{ endif }"
            }
            moved {
              from = a.b
              to   = a.c
            }
            "#,
        );
        assert_eq!(json.body(), &hcl);
    }

    #[test]
    fn every_place_is_in_the_json() {
        let file = read(
            "{\n  \"resource\": {\"aws_x\": {\n    \"a\": {\"n\": \"\\u00e9\\\"${var.y}\"},\n    \"b\": {\"t\": {\"k\": \"${var.z}\"}}\n  }}\n}\n",
        );
        let [a, b] = file.body().blocks() else { panic!() };
        assert_eq!(a.place().to_string(), "main.tf.json:3:6");
        assert_eq!(b.place().to_string(), "main.tf.json:4:6");
        let n = a.body().attribute("n").unwrap();
        assert_eq!(n.place().to_string(), "main.tf.json:3:12");
        assert_eq!(n.expr().place().to_string(), "main.tf.json:3:16");
        assert_eq!(n.expr().source(), "\"\\u00e9\\\"${var.y}\"");
        assert_eq!(n.expr().references()[0].place.to_string(), "main.tf.json:3:27");
        let z = &b.body().expr("t").unwrap().references()[0];
        assert_eq!(
            (z.to_string().as_str(), z.place.to_string().as_str()),
            ("var.z", "main.tf.json:4:25")
        );
    }

    #[test]
    fn escapes_mean_what_json_says() {
        let file = local(r#""tab\t q\" s\\ n\n \ud83d\ude00 $${x} \u0041""#);
        let text = file.body().blocks()[0].body().expr("a").unwrap().literal_string().unwrap();
        assert_eq!(text, "tab\t q\" s\\ n\n 😀 ${x} A");
    }

    #[test]
    fn a_backslash_inside_an_interpolation_belongs_to_the_expression() {
        let file = local(r#""${f(\"a\\\"}\")}""#);
        assert_eq!(
            file.body().blocks()[0].body().attributes(),
            native("a = f(\"a\\\"}\")\n").attributes()
        );
    }

    #[test]
    fn of_duplicate_properties_in_a_value_the_last_wins() {
        let file = local(r#"{"k": 1, "k": 2}"#);
        assert_eq!(file.duplicate_keys()[0].place.to_string(), "main.tf.json:1:20");
        assert_eq!(file.duplicate_keys()[0].replaced_by.to_string(), "main.tf.json:1:28");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        insta::assert_snapshot!(refused("{\"a\": 1,}"), @"main.tf.json:1:8: not JSON: Trailing commas are not allowed");
        insta::assert_snapshot!(refused("{\n  \"resource\": \"x\"\n}"), @"main.tf.json:2:15: `resource` must be an object");
        insta::assert_snapshot!(refused("{\"locals\": {\"a b\": 1}}"), @"main.tf.json:1:14: `a b` is not a valid name");
        insta::assert_snapshot!(refused("{\"locals\": {\"a\": \"x ${b c}\"}}"), @"main.tf.json:1:25: expected `}`");
        insta::assert_snapshot!(refused("{\"locals\": {\"a\": \"${b\"}}"), @"main.tf.json:1:22: this template is not complete");
        insta::assert_snapshot!(refused(""), @"main.tf.json:1:1: the file is empty");
        insta::assert_snapshot!(refused(&"[".repeat(100_000)), @"main.tf.json:1:513: not JSON: Maximum nesting depth exceeded");
        insta::assert_snapshot!(refused(&format!("{{\"a\":{}{}}}", "[".repeat(300), "]".repeat(300))), @"main.tf.json:1:71: invalid nesting depth; expected at most 64 nested levels");
    }

    #[test]
    fn a_byte_order_mark_counts_for_nothing() {
        let file = read("\u{feff}{\"locals\": {\"a\": 1}}");
        assert_eq!(
            file.body().blocks()[0].body().attributes()[0].place().to_string(),
            "main.tf.json:1:14"
        );
    }
}
