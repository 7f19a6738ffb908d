//! Every way in which a step does not come up, and how that is told.

use super::{simulator::SimulatorError, tell::Forgotten};
use crate::{
    deploy::DeployError,
    model::{chain, gate::GateAnswer, step::StepOutcome},
    runbook::Mistake,
    state::StateError,
    terraform::TerraformError,
};
use std::{io, path::PathBuf};

/// Why a step is not up.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// A Terraform command failed.
    #[error(transparent)]
    Terraform(#[from] TerraformError),
    /// The cloud of a stack could not be simulated.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// A program failed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
    /// The state that drctl keeps could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// A value of the runbook could not be made from the outputs that there are.
    #[error("a value of the runbook could not be made: {0}")]
    Value(Mistake),
    /// A file of the run could not be written.
    #[error("failed to write `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file of the run could not be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The gate said no.
    #[error("the gate refused the plan")]
    Refused(Box<GateAnswer>),
    /// The run was asked to stop before the next phase.
    #[error("the run was interrupted")]
    Interrupted,
    /// The journal could not be written.
    #[error("the journal could not be written, so nothing new was begun")]
    Forgotten,
}

impl From<Forgotten> for StepError {
    fn from(_: Forgotten) -> Self {
        Self::Forgotten
    }
}

impl StepError {
    /// Returns how the step ended.
    pub(super) fn outcome(&self) -> StepOutcome {
        match self {
            Self::Refused(_) => StepOutcome::Refused,
            Self::Interrupted | Self::Forgotten => StepOutcome::Interrupted,
            Self::Terraform(TerraformError::Interrupted { .. })
            | Self::Deploy(DeployError::Stopped { .. } | DeployError::Forgotten) => {
                StepOutcome::Interrupted
            }
            failed => StepOutcome::Failed { cause: chain(failed), hints: failed.hints() },
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Terraform(error) => error.hint(),
            Self::Deploy(error) => error.hint(),
            Self::Simulator(error) => error.hint.clone(),
            Self::State(error) => error.hint(),
            Self::Value(mistake) => mistake.hint.clone(),
            Self::Write { .. } => {
                Some("Make room on the disk, or set `DRCTL_HOME` to a folder on another".into())
            }
            Self::Read { path, .. } => {
                Some(format!("Check who may read it: `ls -l {}`", path.display()))
            }
            Self::Refused(_) | Self::Interrupted | Self::Forgotten => None,
        }
        .into_iter()
        .collect()
    }
}
