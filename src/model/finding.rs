//! A place in a source file, and what was found there.

use serde::{Deserialize, Serialize};
use std::{fmt, path::PathBuf};

/// A place in a source file.
///
/// Lines and columns count from 1. Columns count Unicode scalar values, not bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Path from the root of the checkout.
    pub file: PathBuf,
    /// Line of the first character.
    pub line: usize,
    /// Column of the first character.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}
