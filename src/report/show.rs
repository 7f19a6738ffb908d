//! How a report is shown: a format a file, all from the same [`Report`].

use super::{json::Report, junit, layout::Style, markdown};

/// How a report is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Text,
    /// For programs: everything, as one JSON document.
    Json,
    /// For a comment on a pull request, and for the summary of a CI job.
    Markdown,
    /// For people in a browser: one file that needs nothing else.
    Html,
    /// For CI that counts tests: JUnit XML.
    Junit,
    /// For a push gateway or the folder of a node exporter: OpenMetrics text.
    Openmetrics,
    /// For a collector of OpenTelemetry: spans in OTLP's JSON.
    Otlp,
}

impl Format {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Text,
        Self::Json,
        Self::Markdown,
        Self::Html,
        Self::Junit,
        Self::Openmetrics,
        Self::Otlp,
    ];

    /// Returns its name, lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Html => "html",
            Self::Junit => "junit",
            Self::Openmetrics => "openmetrics",
            Self::Otlp => "otlp",
        }
    }
}

/// Why a report cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// It cannot be written as JSON: a path is not Unicode.
    #[error("the report cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The page could not be filled in.
    #[error("the page cannot be filled in")]
    Html(#[from] askama::Error),
}

impl Report {
    /// Returns the report in a format, with a line break at its end. Only [`Format::Text`] heeds
    /// `style`.
    ///
    /// # Errors
    ///
    /// [`ShowError`], which only a path that is not Unicode brings about.
    pub fn show(&self, format: Format, style: Style) -> Result<String, ShowError> {
        Ok(match format {
            Format::Text => self.to_text(style),
            Format::Json => self.to_json()?,
            Format::Markdown => markdown::markdown(self),
            Format::Html => self.to_html()?,
            Format::Junit => junit::junit(self).to_xml(),
            Format::Openmetrics => self.to_openmetrics(),
            Format::Otlp => self.to_otlp(),
        })
    }
}
