//! Functions that encode and decode.

use super::{Answer, Args, Number, Unknown, Value, convert};
use crate::config::eval::value::{Piece, Pieces};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::fmt::Write;

pub(super) fn base64encode(args: &Args<'_>) -> Answer {
    Ok(STANDARD.encode(args.text(0)?.as_bytes()).into())
}

pub(super) fn base64decode(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    // Go skips line ends.
    if text.contains(['\r', '\n']) {
        return Err(args.doubt());
    }
    let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| args.doubt())?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => args.wrong("the bytes are no text"),
    }
}

pub(super) fn urlencode(args: &Args<'_>) -> Answer {
    let mut made = String::new();
    for byte in args.text(0)?.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                made.push(char::from(byte));
            }
            b' ' => made.push('+'),
            other => {
                let _ = write!(made, "%{other:02X}");
            }
        }
    }
    Ok(made.into())
}

pub(super) fn jsonencode(args: &Args<'_>) -> Answer {
    let mut made = Pieces::default();
    write_json(&args.values[0], &mut made)?;
    Ok(made.finish())
}

fn write_json(value: &Value, made: &mut Pieces) -> Result<(), Unknown> {
    if made.len() > crate::config::eval::cost::TEXT {
        return Err(Unknown::Limit);
    }
    match value {
        Value::Unknown(why) => made.unknown(why),
        Value::Null => made.text("null"),
        Value::Bool(value) => made.text(if *value { "true" } else { "false" }),
        Value::Number(number) => made.text(&number.to_string()),
        Value::String(text) => {
            made.text("\"");
            made.text(&escaped(text));
            made.text("\"");
        }
        Value::Partial(pieces) => {
            made.text("\"");
            for piece in pieces.iter() {
                match piece {
                    Piece::Text(text) => made.text(&escaped(text)),
                    Piece::Unknown(why) => made.unknown(why),
                }
            }
            made.text("\"");
        }
        Value::List(items) | Value::Set(items) => {
            made.text("[");
            for (at, item) in items.iter().enumerate() {
                made.text(if at > 0 { "," } else { "" });
                write_json(item, made)?;
            }
            made.text("]");
        }
        Value::Map(entries) => {
            made.text("{");
            for (at, (key, value)) in entries.iter().enumerate() {
                made.text(if at > 0 { ",\"" } else { "\"" });
                made.text(&escaped(key));
                made.text("\":");
                write_json(value, made)?;
            }
            made.text("}");
        }
    }
    Ok(())
}

/// Go also escapes what HTML knows.
fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => made.push_str("\\\""),
            '\\' => made.push_str("\\\\"),
            '\n' => made.push_str("\\n"),
            '\r' => made.push_str("\\r"),
            '\t' => made.push_str("\\t"),
            '\u{8}' => made.push_str("\\b"),
            '\u{c}' => made.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(made, "\\u{:04x}", u32::from(c));
            }
            other => made.push(other),
        }
    }
    made
}

pub(super) fn jsondecode(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    // A key that is there twice is read in another way by each.
    match serde_json::from_str::<Exact>(&text) {
        Ok(Exact(value)) => Ok(value),
        Err(error) if error.is_data() => Err(args.doubt()),
        Err(_) => args.wrong("this is no JSON"),
    }
}

/// A value of JSON with the digits of its numbers.
struct Exact(Value);

impl<'de> serde::Deserialize<'de> for Exact {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> serde::de::Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::written(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(Number::written(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        // The digits are gone; few are the same in any precision.
        let text = format!("{value}");
        let few = text.bytes().filter(u8::is_ascii_digit).count() <= 15;
        let number = if few { Number::parse(&text) } else { None };
        Ok(number.map_or(Value::Unknown(Unknown::function("jsondecode")), Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut made = Vec::new();
        while let Some(Exact(item)) = items.next_element()? {
            made.push(item);
        }
        Ok(Value::list(made))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut made = std::collections::BTreeMap::new();
        while let Some((key, Exact(value))) = entries.next_entry::<String, Exact>()? {
            if made.insert(key, value).is_some() {
                return Err(serde::de::Error::custom("a key is there twice"));
            }
        }
        Ok(Value::map(made))
    }
}

/// Plain tables; what has quotes inside fields or rows of other lengths is not done.
pub(super) fn csvdecode(args: &Args<'_>) -> Answer {
    let text = args.text(0)?;
    if text.contains('"') || text.contains('\r') {
        return Err(args.doubt());
    }
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let Some(header) = lines.next() else { return args.wrong("there is no header") };
    let names: Vec<&str> = header.split(',').collect();
    let mut rows = Vec::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        if fields.len() != names.len() {
            return args.wrong("a row has another number of fields");
        }
        let entries =
            names.iter().zip(fields).map(|(name, field)| ((*name).to_owned(), field.into()));
        rows.push(Value::map(entries));
    }
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    if unique.len() < names.len() {
        args.wrong("a column is there twice")
    } else {
        Ok(Value::list(rows))
    }
}

pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

pub(super) fn as_json(value: &Value) -> Answer {
    let mut made = Pieces::default();
    write_json(value, &mut made)?;
    match made.finish() {
        text @ Value::String(_) => Ok(text),
        other => Err(convert::reason(&other)),
    }
}
