//! A value as Terraform has it: known, partly known, or unknown for a reason.

use serde_json::Number;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// What an expression comes to. Cheap to clone.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nobody can tell before the apply, or from these files.
    Unknown(Unknown),
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(Arc<str>),
    /// A string of which parts are known, with neither two texts nor two unknowns in a row.
    Partial(Arc<[Piece]>),
    /// A list or a tuple.
    List(Arc<[Value]>),
    /// A set, in Terraform's order, each value once.
    Set(Arc<[Value]>),
    /// A map or an object, in the order of its keys.
    Map(Arc<BTreeMap<String, Value>>),
}

/// A part of a partly known string.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Text that is certain.
    Text(Arc<str>),
    /// Text that is not, which can be empty.
    Unknown(Unknown),
}

/// Why a value is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// A variable that nothing sets, by name.
    Variable(Arc<str>),
    /// It rests on what this reference means, such as `aws_vpc.main.id`.
    Reference(Arc<str>),
    /// A function that drctl does not evaluate, or not with such arguments.
    Function(Arc<str>),
    /// Terraform would refuse it, and why.
    Invalid(Arc<str>),
    /// It is `each` or `count` of what is not known.
    Instance,
}

impl Value {
    /// Returns a known value.
    pub fn from_json(value: &serde_json::Value) -> Self {
        let _ = value;
        Self::Null
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "`var.{name}` is not set"),
            Self::Reference(path) => write!(f, "`{path}` is known after the apply"),
            Self::Function(name) => write!(f, "`{name}()` is not evaluated"),
            Self::Invalid(why) => f.write_str(why),
            Self::Instance => f.write_str("it differs by instance"),
        }
    }
}
