//! What `terraform validate` and `plan` refuse, as something to learn from.
//!
//! Inference is tried on the real Terraform: what it refuses in the inferred schema is read into a
//! [`Repair`], applied, and tried again.

mod apply;
mod locate;
mod read;

use super::{
    address::ProviderAddress,
    shape::{Block, Hint, Mode},
};
use std::fmt;

/// Something to change in what was inferred.
#[derive(Clone, Debug, PartialEq)]
pub enum Repair {
    /// A type is missing.
    Type {
        /// The provider that should have it.
        provider: ProviderAddress,
        /// What it is a type of.
        mode: Mode,
        /// Its name.
        kind: String,
    },
    /// A function is missing.
    Function {
        /// The provider that should have it.
        provider: ProviderAddress,
        /// Its name.
        name: String,
    },
    /// An attribute is written that is not there.
    Argument {
        /// Where it belongs.
        target: Target,
        /// The nested blocks that lead to it, and its name last.
        path: Vec<String>,
    },
    /// An attribute is read that is not there, or that holds less.
    Attribute {
        /// Where it belongs.
        target: Target,
        /// The steps that lead to it.
        path: Vec<Step>,
    },
    /// A block is written that is not there, or that is an attribute.
    Block {
        /// Where it belongs.
        target: Target,
        /// The nested blocks that lead to it, and its name last.
        path: Vec<String>,
        /// What is written in it.
        content: Block,
    },
    /// An attribute has the wrong type.
    Retype {
        /// Where it belongs.
        target: Target,
        /// The nested blocks that lead to it, and its name last.
        path: Vec<String>,
        /// What it holds.
        hint: Hint,
    },
}

/// A body that can be repaired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// That of a type.
    Type {
        /// The provider that has it.
        provider: ProviderAddress,
        /// What it is a type of.
        mode: Mode,
        /// Its name.
        kind: String,
    },
    /// That of the `provider` blocks.
    Config {
        /// The provider.
        provider: ProviderAddress,
    },
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name`.
    Name(String),
    /// `[index]`; none when it is not a number.
    Element(Option<usize>),
}

/// One line for a report: what was learned.
impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { mode, kind, provider } => {
                write!(f, "added {} `{kind}` to provider `{provider}`", word(*mode))
            }
            Self::Function { name, provider } => {
                write!(f, "added function `{name}` to provider `{provider}`")
            }
            Self::Argument { target, path } => {
                write!(f, "added argument `{}` to {target}", path.join("."))
            }
            Self::Attribute { target, path } => {
                f.write_str("added attribute `")?;
                for (index, step) in path.iter().enumerate() {
                    match step {
                        Step::Name(name) if index == 0 => f.write_str(name)?,
                        Step::Name(name) => write!(f, ".{name}")?,
                        Step::Element(Some(index)) => write!(f, "[{index}]")?,
                        Step::Element(None) => f.write_str("[…]")?,
                    }
                }
                write!(f, "` to {target}")
            }
            Self::Block { target, path, .. } => {
                write!(f, "made `{}` of {target} a block", path.join("."))
            }
            Self::Retype { target, path, hint } => {
                write!(f, "gave `{}` of {target} the type `{hint}`", path.join("."))
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type { mode, kind, .. } => write!(f, "{} `{kind}`", word(*mode)),
            Self::Config { provider } => write!(f, "the configuration of provider `{provider}`"),
        }
    }
}

fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Managed => "resource type",
        Mode::Data => "data source",
        Mode::Ephemeral => "ephemeral resource type",
    }
}

#[cfg(test)]
mod tests;
