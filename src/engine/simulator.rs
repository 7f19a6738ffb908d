//! The seam to the simulated cloud: what a rehearsal does differently.

use crate::{
    model::{event::EventKind, step::StepId},
    probe::Verification,
};
use async_trait::async_trait;
use serde_json::{Map, Value};
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

    /// Learns from what a refused plan printed, which is in the file `said`. Nothing
    /// when there is no use in another try.
    ///
    /// # Errors
    ///
    /// [`SimulatorError`] when nobody can listen.
    async fn learn(&self, step: &StepId, said: &Path) -> Result<Option<Learnt>, SimulatorError>;

    /// Takes the outputs of a stack that is up, for those that read its state.
    fn is_up(&self, step: &StepId, outputs: Map<String, Value>);

    /// Returns what is to be said of a stack once it is up: what was made up and
    /// then decided something.
    async fn findings(&self, step: &StepId) -> Vec<EventKind>;

    /// Says whether what was made in the simulated cloud serves.
    async fn verify(&self) -> Verification;
}

/// What the simulated cloud learnt from a refused plan.
#[derive(Debug)]
pub struct Learnt {
    /// What was mended, in words.
    pub mended: Vec<String>,
    /// What Terraform needs in its environment from now on.
    pub env: BTreeMap<String, String>,
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

impl SimulatorError {
    /// Wraps an error that knows itself what to do about it.
    pub fn new<E: std::error::Error + Send + Sync + 'static>(
        error: E,
        hint: impl FnOnce(&E) -> Option<String>,
    ) -> Self {
        let hint = hint(&error);
        Self { source: Box::new(error), hint }
    }
}
