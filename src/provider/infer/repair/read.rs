//! Diagnostics of Terraform 1.11, read into repairs.
//!
//! The texts are those that Terraform prints in its only language. One that is not known is no
//! repair.

use super::{
    super::{
        address::ProviderAddress,
        budget::MAX_LENGTH,
        names,
        shape::{Hint, Mode},
    },
    Repair, Step,
    locate::Located,
};
use crate::config::{body::Attribute, module::Module, syntax::Expression};
use serde_json::Value;
use std::path::Path;

impl Repair {
    /// Reads an entry of `diagnostics` of `terraform validate -json`, or a `diagnostic` of the
    /// `-json` messages of `plan` and `apply`. `modules` are all that the diagnostic can be about;
    /// `stack` is the folder in which Terraform ran, from the root of the checkout.
    ///
    /// Returns none for what is no fault of the inferred schema, or cannot be traced to a type: an
    /// attribute that is reached through a local value, for one.
    pub fn read(diagnostic: &Value, modules: &[&Module], stack: &Path) -> Option<Self> {
        let summary = diagnostic["summary"].as_str()?;
        let detail = diagnostic["detail"].as_str().unwrap_or_default();
        let at = || {
            let range = &diagnostic["range"];
            let offset = usize::try_from(range["start"]["byte"].as_u64()?).ok()?;
            Located::find(modules, stack, range["filename"].as_str()?, offset)
        };
        match summary {
            "Invalid resource type" => missing_type(detail, Mode::Managed),
            "Invalid data source" => missing_type(detail, Mode::Data),
            "Invalid ephemeral resource" => missing_type(detail, Mode::Ephemeral),
            "Unknown provider function" => function(detail, &at()?),
            "Unsupported argument" => {
                let (target, mut path) = at()?.target()?;
                path.push(quoted(detail, "An argument named ")?.to_owned());
                Some(Self::Argument { target, path })
            }
            "Unsupported block type" => block(detail, &at()?),
            "Unsupported attribute" => attribute(detail, &at()?),
            "Invalid index" => index(diagnostic, &at()?),
            "Incorrect attribute value type" => retype(detail, &at()?),
            _ => None,
        }
    }
}

/// Returns what stands in double quotes behind a text.
fn quoted<'t>(text: &'t str, before: &str) -> Option<&'t str> {
    let rest = &text[text.find(before)? + before.len()..];
    rest.strip_prefix('"')?.split('"').next()
}

/// `The provider hashicorp/aws does not support resource type "aws_x".`
fn missing_type(detail: &str, mode: Mode) -> Option<Repair> {
    let rest = detail.strip_prefix("The provider ")?;
    let (provider, rest) = rest.split_once(" does not support ")?;
    let kind = rest.split('"').nth(1)?.to_owned();
    Some(Repair::Type { provider: ProviderAddress::from_source(provider).ok()?, mode, kind })
}

/// `There is no function named "provider::aws::arn_parse".`, or `The function "arn_parse" is not
/// available from the provider "aws".`
fn function(detail: &str, at: &Located<'_>) -> Option<Repair> {
    let (provider, name) = match quoted(detail, "There is no function named ") {
        Some(path) => path.strip_prefix("provider::")?.split_once("::")?,
        None => (quoted(detail, "from the provider ")?, quoted(detail, "The function ")?),
    };
    Some(Repair::Function { provider: at.provider(provider), name: name.to_owned() })
}

fn block(detail: &str, at: &Located<'_>) -> Option<Repair> {
    let name = quoted(detail, "Blocks of type ")?;
    let (target, mut path) = at.target()?;
    // Terraform itself does not know a block at the top of a file; no schema is at fault.
    if path.is_empty() {
        return None;
    }
    // The place is the block itself.
    if path.last().is_none_or(|last| last != name) {
        path.push(name.to_owned());
    }
    Some(Repair::Block { target, path, content: at.content() })
}

fn attribute(detail: &str, at: &Located<'_>) -> Option<Repair> {
    let name = quoted(detail, "attribute named ")?.to_owned();
    let in_lifecycle = || {
        let (target, path) = at.target()?;
        let ignored = at.attribute()?.name() == "ignore_changes";
        (ignored && path == ["lifecycle"]).then_some(target)
    };
    if let Some(target) = in_lifecycle() {
        return Some(Repair::Attribute { target, path: vec![Step::Name(name)] });
    }
    let (target, mut path) = at.reference()?;
    path.push(Step::Name(name));
    Some(Repair::Attribute { target, path })
}

/// The place is `[index]`, behind the reference.
fn index(diagnostic: &Value, at: &Located<'_>) -> Option<Repair> {
    let snippet = &diagnostic["snippet"];
    let offset = |name: &str| usize::try_from(snippet[name].as_u64()?).ok();
    let marked = offset("highlight_start_offset")?..offset("highlight_end_offset")?;
    let marked = snippet["code"].as_str()?.get(marked)?;
    let index: usize = marked.trim_matches(['[', ']', '.']).trim().parse().ok()?;
    let (target, mut path) = at.reference()?;
    // The index of a resource itself is none of the schema's.
    if path.is_empty() || index >= MAX_LENGTH {
        return None;
    }
    path.push(Step::Element(Some(index)));
    Some(Repair::Attribute { target, path })
}

/// `Inappropriate value for attribute "x": string required.`
fn retype(detail: &str, at: &Located<'_>) -> Option<Repair> {
    let name = quoted(detail, "Inappropriate value for attribute ")?;
    let required = detail.rsplit_once("\": ").map_or("", |(_, required)| required);
    let (target, mut path) = at.target()?;
    path.push(name.to_owned());
    let hint = at.attribute().and_then(written).unwrap_or_else(|| other_than(required, name));
    Some(Repair::Retype { target, path, hint })
}

/// Returns what is written, if that can be seen at a glance.
fn written(attribute: &Attribute) -> Option<Hint> {
    match attribute.expr().node() {
        Expression::Array(array) if array.iter().any(Expression::is_object) => {
            Some(Hint::list(Hint::Map(Box::new(Hint::TEXT))))
        }
        Expression::Array(_) => Some(Hint::list(Hint::TEXT)),
        Expression::Object(_) => Some(Hint::Map(Box::new(Hint::TEXT))),
        Expression::ForExpr(node) if node.key_expr.is_some() => {
            Some(Hint::Map(Box::new(Hint::TEXT)))
        }
        Expression::ForExpr(_) => Some(Hint::list(Hint::TEXT)),
        Expression::String(_) | Expression::StringTemplate(_) | Expression::HeredocTemplate(_) => {
            Some(Hint::TEXT)
        }
        Expression::Number(_) => Some(Hint::Number),
        Expression::Bool(_) => Some(Hint::Bool),
        _ => None,
    }
}

/// Returns the likeliest type besides the one that did not fit.
fn other_than(required: &str, name: &str) -> Hint {
    let scalar = ["string", "number", "bool"].iter().any(|kind| required.starts_with(kind));
    match scalar {
        // A string takes whatever a number or a bool takes.
        true if !required.starts_with("string") => Hint::TEXT,
        true if name.ends_with("tags") || name.ends_with("labels") => {
            Hint::Map(Box::new(Hint::TEXT))
        }
        true => Hint::list(Hint::TEXT),
        false if names::is_plural(name) && required.starts_with("map") => Hint::list(Hint::TEXT),
        false => Hint::TEXT,
    }
}
