//! Helm: a release of a chart, brought up, watched, and put right where it was left half done.
//!
//! What Helm means is read from exit codes and `--output json`, never from its texts, which differ from
//! one version to the next. Helm 3 and 4 take the same arguments for all that is asked of them here.

mod arguments;
mod attempt;
mod before;
mod chart;
mod error;
mod hidden;
mod prepared;
mod program;
mod release;
mod standing;
#[cfg(test)]
mod tests;
mod watch;

pub use chart::Chart;
pub use error::HelmError;
pub use release::HelmRelease;
