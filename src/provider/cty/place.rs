//! Where in a value something went wrong.

use std::{
    error::Error,
    fmt::{self, Display},
};

/// What went wrong, and the place in the value where it did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct At<F: Error + 'static> {
    /// The way to it as Terraform writes it, such as `ingress[0].cidr_blocks`; empty for the whole.
    pub path: String,
    /// What went wrong there.
    #[source]
    pub fault: F,
}

impl<F: Error> Display for At<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.trim_start_matches('.') {
            "" => f.write_str("the value does not fit its schema"),
            path => write!(f, "the value of `{path}` does not fit its schema"),
        }
    }
}

impl<F: Error> At<F> {
    /// Returns the error as seen from outside of the member `name`.
    #[must_use]
    pub fn inside(self, name: &str) -> Self {
        Self { path: format!(".{name}{}", self.path), ..self }
    }
}

impl<F: Error> From<F> for At<F> {
    fn from(fault: F) -> Self {
        Self { path: String::new(), fault }
    }
}

/// Adds a step to the place of an error on its way out of a nested value.
pub(super) trait Within {
    /// The error happened in the member `name`.
    fn within(self, name: &str) -> Self;
    /// The error happened in the element `index`.
    fn within_index(self, index: usize) -> Self;
}

impl<T, F: Error> Within for Result<T, At<F>> {
    fn within(self, name: &str) -> Self {
        self.map_err(|at| at.inside(name))
    }

    fn within_index(self, index: usize) -> Self {
        self.map_err(|at| At { path: format!("[{index}]{}", at.path), ..at })
    }
}
