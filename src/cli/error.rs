//! Errors as the user sees them: what failed, what caused it, what to do.

use super::exit::Exit;
use crate::model::chain;
use std::{error::Error, fmt};

/// An error on its way to the terminal.
#[derive(Debug)]
pub struct CliError {
    exit: Exit,
    source: Box<dyn Error + Send + Sync>,
    hints: Vec<String>,
}

impl CliError {
    /// Wraps `source`; `exit` says whose fault it is.
    pub fn new(exit: Exit, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { exit, source: source.into(), hints: Vec::new() }
    }

    /// Wraps an error that knows itself what to do about it, such as `Error::hint` tells.
    pub(super) fn hinted<E: Error + Send + Sync + 'static>(
        exit: Exit,
        error: E,
        hint: impl FnOnce(&E) -> Option<String>,
    ) -> Self {
        let hint = hint(&error);
        Self::new(exit, error).hints(hint)
    }

    /// Adds something the user can do, as a sentence that starts with a verb.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds each of `hints`.
    #[must_use]
    pub fn hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Returns what to exit with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns what failed in one line, without its hints.
    pub fn summary(&self) -> String {
        chain(&*self.source).join(": ")
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut links = chain(&*self.source).into_iter();
        writeln!(f, "error: {}", links.next().unwrap_or_default().replace('\n', "\n  "))?;
        for cause in links {
            writeln!(f, "  caused by: {}", cause.replace('\n', "\n             "))?;
        }
        for hint in &self.hints {
            writeln!(
                f,
                "  hint: {}",
                hint.replace('\n', "\n        ").replace("\n        \n", "\n\n")
            )?;
        }
        Ok(())
    }
}

/// Adds an exit code to any error, where nobody needs to tell them apart.
pub(super) trait OrExit<T> {
    /// Turns the error into a [`CliError`] with `exit`.
    ///
    /// # Errors
    ///
    /// The same error, wrapped.
    fn or_exit(self, exit: Exit) -> Result<T, CliError>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, CliError> {
        self.map_err(|error| CliError::new(exit, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("`terraform apply` failed with exit code 1")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("aws_db_instance.replica: quota exceeded in eu-west-1")]
    struct Inner;

    #[test]
    fn an_error_reads_from_the_outside_in() {
        let error = CliError::new(Exit::Failed, Outer(Inner)).hint("Raise the quota and run again");
        insta::assert_snapshot!(error, @r"
        error: `terraform apply` failed with exit code 1
          caused by: aws_db_instance.replica: quota exceeded in eu-west-1
          hint: Raise the quota and run again
        ");
    }
}
