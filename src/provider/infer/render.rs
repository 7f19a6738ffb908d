//! What was inferred as text, one line an attribute.

use super::shape::{Attribute, Block, Hint, Inferred, Length, Mode, Text};
use std::fmt::{self, Write};

impl Inferred {
    /// Returns everything as text, one line an attribute, for people and for tests.
    ///
    /// An attribute is `name: hint`, then `w` if it is written, `r` if it is read, and what else
    /// is known of it.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (address, provider) in &self.providers {
            line(&mut out, 0, address);
            body(&mut out, "config", &provider.config);
            body(&mut out, "meta", &provider.meta);
            for (mode, word) in
                [(Mode::Managed, "resource"), (Mode::Data, "data"), (Mode::Ephemeral, "ephemeral")]
            {
                for (kind, shape) in provider.types(mode) {
                    let version = match shape.schema_version {
                        0 => String::new(),
                        version => format!(" version {version}"),
                    };
                    line(&mut out, 1, format_args!("{word} {kind}{version}"));
                    block(&mut out, 2, &shape.block);
                }
            }
            for (name, function) in &provider.functions {
                let counts: Vec<_> = function.arguments.iter().map(ToString::to_string).collect();
                let counts = counts.join(", ");
                line(&mut out, 1, format_args!("function {name}({counts}) -> {}", function.result));
            }
        }
        out
    }
}

fn line(out: &mut String, depth: usize, text: impl fmt::Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:indent$}{text}", "", indent = depth * 2);
}

fn body(out: &mut String, word: &str, content: &Block) {
    if *content != Block::default() {
        line(out, 1, word);
        block(out, 2, content);
    }
}

fn block(out: &mut String, depth: usize, content: &Block) {
    for (name, attribute) in &content.attributes {
        line(out, depth, format_args!("{name}: {attribute}"));
    }
    for (name, nested) in &content.blocks {
        let both = if nested.also_attribute { " also as attribute" } else { "" };
        let single = if nested.single { " single" } else { "" };
        line(out, depth, format_args!("{name} {{}}{both}{single}"));
        block(out, depth + 1, nested);
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.hint)?;
        if self.written {
            f.write_str(" w")?;
            if self.written_as != self.hint && !self.written_as.is_unknown() {
                write!(f, "({})", self.written_as)?;
            }
        }
        if self.read {
            f.write_str(" r")?;
        }
        if self.write_only {
            f.write_str(" write-only")?;
        }
        if self.for_each_use {
            f.write_str(" for_each")?;
        }
        for place in &self.conditions {
            write!(f, " decides@{}:{}", place.line, place.column)?;
        }
        Ok(())
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("?"),
            Self::Bool => f.write_str("bool"),
            Self::Number => f.write_str("number"),
            Self::Text(text) => write!(f, "{text}"),
            Self::List { of, length: Length::AtLeast(0) } => write!(f, "[{of}]"),
            Self::List { of, length: Length::AtLeast(length) } => write!(f, "[{of}; {length}+]"),
            Self::List { of, length: Length::One } => write!(f, "[{of}; 1]"),
            Self::Set(of) => write!(f, "set({of})"),
            Self::Map(of) => write!(f, "map({of})"),
            Self::Object(fields) => {
                f.write_str("{")?;
                for (index, (name, hint)) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    write!(f, "{comma}{name}: {hint}")?;
                }
                f.write_str("}")
            }
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "text",
            Self::Cidr => "cidr",
            Self::IpAddress => "ip",
            Self::Base64 => "base64",
            Self::Json(inside) => return write!(f, "json({inside})"),
            Self::Yaml(inside) => return write!(f, "yaml({inside})"),
            Self::Arn => "arn",
            Self::Url => "url",
            Self::Host => "host",
            Self::Timestamp => "time",
            Self::Zone => "zone",
            Self::Digits => "digits",
        })
    }
}
