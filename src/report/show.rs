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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::event::{Event, EventKind},
        report::{Timeline, samples},
    };

    /// The same events in another order, some left out, some of impossible times.
    fn garbled(seed: u64) -> Vec<Event> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut events = match seed % 3 {
            0 => samples::by_hand(),
            1 => samples::gone_wrong(),
            _ => samples::by_chance(seed),
        };
        events
            .retain(|event| matches!(event.kind, EventKind::RunStarted { .. }) || rng.f64() > 0.1);
        if rng.bool() {
            rng.shuffle(&mut events);
        }
        for event in &mut events {
            if rng.f64() < 0.1 {
                event.elapsed_ms = rng.choice([0, 1 << 53, u64::MAX]).unwrap_or(0);
            }
            match &mut event.kind {
                EventKind::ResourceFinished { took_ms, .. } if rng.f64() < 0.2 => {
                    *took_ms = u64::MAX;
                }
                EventKind::RunStarted { outage, .. } if rng.f64() < 0.2 => {
                    outage.before_ms = u64::MAX;
                }
                EventKind::RunPlanned { rto_ms, .. } if rng.f64() < 0.2 => *rto_ms = Some(u64::MAX),
                EventKind::Simulated { time_scale, .. } => *time_scale = u32::MAX,
                _ => {}
            }
        }
        events
    }

    #[test]
    fn no_journal_is_so_garbled_that_it_cannot_be_shown() {
        for seed in 0..600 {
            let report = Report::from(garbled(seed).into_iter().collect::<Timeline>());
            for format in Format::ALL {
                let text = report.show(*format, Style::default());
                assert!(text.is_ok_and(|text| text.ends_with('\n')), "seed {seed}, {format:?}");
            }
            assert!(report.record().is_some(), "seed {seed}");
        }
    }
}
