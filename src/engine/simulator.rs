//! The seam to the simulated cloud: what a rehearsal does differently.

use crate::{
    model::{event::EventKind, step::StepId},
    probe::Verification,
    terraform::Diagnostic,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, path::Path};

/// Stands in for every cloud that a stack names, in a rehearsal.
#[async_trait]
pub trait Simulator: Send + Sync {
    /// Gets ready to answer for every provider of the stack in `dir`, whose modules
    /// are there, and returns what Terraform needs in its environment for that.
    ///
    /// # Errors
    ///
    /// [`SimulatorError`] when the stack cannot be understood or nobody can listen.
    async fn ready(
        &self,
        step: &StepId,
        dir: &Path,
    ) -> Result<BTreeMap<String, String>, SimulatorError>;

    /// Learns from what Terraform refused. Returns what was mended, in words; nothing
    /// when there is no use in another try.
    async fn learn(&self, step: &StepId, refused: &[Diagnostic]) -> Vec<String>;

    /// Returns what is to be said of a stack once it is up: what was made up and
    /// then decided something.
    async fn findings(&self, step: &StepId) -> Vec<EventKind>;

    /// Says whether what was made in the simulated cloud serves.
    async fn verify(&self) -> Verification;
}

/// Why a stack cannot be simulated.
#[derive(Debug, thiserror::Error)]
#[error("the cloud of this stack cannot be simulated")]
pub struct SimulatorError {
    /// What went wrong.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
    /// What to do about it.
    pub hint: Option<String>,
}
