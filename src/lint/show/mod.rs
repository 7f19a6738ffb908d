//! How what a validation found is shown: a format a file, all from the same [`Report`].

mod github;
mod json;
mod junit;
mod markdown;
#[cfg(test)]
mod sample;
mod sarif;
mod text;
mod words;

use super::report::Report;
use std::path::Path;

/// How a report is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal: each finding with the code that it is about.
    Text,
    /// For programs: everything, as one JSON document.
    Json,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
    /// For CI that counts tests: JUnit XML, a test for each rule and root module.
    Junit,
    /// For GitHub Actions: workflow commands that mark the lines of a pull request.
    Github,
    /// For a comment on a pull request.
    Markdown,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Text, Self::Json, Self::Sarif, Self::Junit, Self::Github, Self::Markdown];

    /// Returns its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Sarif => "sarif",
            Self::Junit => "junit",
            Self::Github => "github",
            Self::Markdown => "markdown",
        }
    }
}

impl Report {
    /// Returns the report in a format, with a line break at its end.
    ///
    /// `color` asks for ANSI colours, which only [`Format::Text`] has. `source`
    /// returns the text of a file at a path from the root of the checkout. It is
    /// asked once for every place; a finding in a file that it does not have is
    /// shown without its code.
    ///
    /// # Errors
    ///
    /// Only where a document of JSON cannot be written, which nothing in a
    /// report brings about.
    pub fn show(
        &self,
        format: Format,
        color: bool,
        source: &dyn Fn(&Path) -> Option<String>,
    ) -> serde_json::Result<String> {
        Ok(match format {
            Format::Text => text::text(self, color, source),
            Format::Json => json::json(self)?,
            Format::Sarif => sarif::sarif(self).to_text()?,
            Format::Junit => junit::junit(self).to_xml(),
            Format::Github => github::github(self),
            Format::Markdown => markdown::markdown(self),
        })
    }
}
