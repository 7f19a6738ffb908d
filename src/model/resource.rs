//! What Terraform does to a resource, and what its address says.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What Terraform does to one resource instance.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ResourceAction {
    /// Makes it.
    Create,
    /// Reads it: a data source.
    Read,
    /// Changes it in place.
    Update,
    /// Removes it.
    Delete,
    /// Removes it and makes it anew, or the other way round.
    Replace,
    /// Takes an existing object into the state.
    Import,
    /// Renames it in the state.
    Move,
    /// Drops it from the state and leaves the object.
    Forget,
    /// Nothing.
    #[serde(rename = "noop")]
    NoOp,
    /// One that this drctl does not know.
    #[serde(other)]
    Unknown,
}

impl fmt::Display for ResourceAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Replace => "replace",
            Self::Import => "import",
            Self::Move => "move",
            Self::Forget => "forget",
            Self::NoOp => "no-op",
            Self::Unknown => "unknown action",
        })
    }
}

/// Returns an address without the keys of instances: `module.a.aws_vpc.b` for
/// `module.a["x.y"].aws_vpc.b[0]`.
pub fn without_keys(address: &str) -> String {
    let (mut plain, mut quoted, mut depth, mut escaped) = (String::new(), false, 0, false);
    for c in address.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth -= 1,
            c if depth == 0 && !quoted => plain.push(c),
            _ => {}
        }
    }
    plain
}

/// Returns the type of a managed resource by its address, such as `aws_vpc` for
/// `module.a["x.y"].aws_vpc.b[0]`; `None` for the address of anything else.
pub fn type_of(address: &str) -> Option<String> {
    let plain = without_keys(address);
    let mut parts = plain.split('.').peekable();
    while parts.next_if_eq(&"module").is_some() {
        parts.next()?;
    }
    match (parts.next()?, parts.next(), parts.next()) {
        ("data" | "ephemeral", ..) | (_, None, _) | (_, _, Some(_)) => None,
        (kind, Some(_), None) => Some(kind.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_instances_are_taken_out() {
        assert_eq!(
            without_keys(r#"module.a["x.y"].module.b[0].aws_vpc.c["q\"]"]"#),
            "module.a.module.b.aws_vpc.c"
        );
    }

    #[test]
    fn an_address_tells_the_type_whatever_its_keys_hold() {
        let kind = |address| type_of(address).unwrap_or_default();
        assert_eq!(kind("aws_vpc.main"), "aws_vpc");
        assert_eq!(kind(r#"module.a["x.y"].module.b[0].aws_vpc.c["q\"].z"]"#), "aws_vpc");
        for other in ["module.a.data.aws_ami.x", "data.aws_ami.x", "module.a", "", "var", "a.b.c"] {
            assert_eq!(type_of(other), None, "{other}");
        }
    }
}
