//! What every task of a run may use.

use super::{beforehand::Beforehand, decisions::Decisions, simulator::Simulator, stop::Stop};
use crate::{
    model::{run::RunId, step::StepId},
    state::{StateServer, StateStore, Trouble},
    terraform::{LogFiles, Terraform},
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};
use tokio::sync::{Mutex, MutexGuard};

/// What every task of a run may use.
pub struct Tools {
    /// Runs Terraform.
    pub terraform: Arc<dyn Terraform>,
    /// Holds the state of stacks that have no backend of their own.
    pub store: Arc<StateStore>,
    /// Serves that state to Terraform.
    pub server: StateServer,
    /// Tells when the run is asked to stop.
    pub stop: Stop,
    /// The fallback region.
    pub region: String,
    /// True to go on from what an earlier run left in a declared backend.
    pub again: bool,
    /// Digests of changes to what an earlier run made that somebody said yes to.
    pub accepted: Vec<String>,
    /// What somebody decided about what an earlier process of the run left.
    pub decisions: Decisions,
    /// Where saved plans and inputs go; 0700.
    pub scratch: PathBuf,
    /// What was done for stacks before the run.
    pub beforehand: BTreeMap<StepId, Beforehand>,
    /// Where `init` takes providers from, and from nowhere else, when that is decided.
    pub plugin_dir: Option<PathBuf>,
    /// The run's name.
    pub run: RunId,
    /// Where steps remember what stood before them; 0700, and made when one does.
    pub deploy: PathBuf,
    /// Where the output of every process goes; 0700.
    pub logs: PathBuf,
    /// One `init` at a time, since they share a plugin cache, which is not made
    /// for several writers (hashicorp/terraform#31964).
    pub one_init: Option<Mutex<()>>,
    /// What the state service refused and nobody has told yet.
    pub troubles: std::sync::Mutex<Vec<Trouble>>,
    /// Stands in for the clouds, in a rehearsal.
    pub simulator: Option<Arc<dyn Simulator>>,
    /// What Terraform gets in its environment for the simulated cloud, by stack.
    pub simulated_env: std::sync::Mutex<BTreeMap<StepId, BTreeMap<String, String>>>,
    /// Numbers the log files of the run.
    pub next_log: AtomicU32,
}

impl Tools {
    /// Returns what the state service refused the stack `step`. Terraform itself is
    /// told hardly more than a number, so who ran it must say why.
    pub(super) fn refused_state(&self, step: &StepId) -> Vec<Trouble> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.extend(self.server.take_troubles());
        troubles.extract_if(.., |trouble| trouble.stack == *step).collect()
    }

    /// Returns what the state service refused since this was last called, and Terraform waits for.
    pub(super) fn new_troubles(&self) -> Vec<Trouble> {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = self.server.take_troubles();
        new.retain(|trouble| !troubles.contains(trouble));
        troubles.extend(new.iter().cloned());
        new.retain(|trouble| trouble.is_asked_again);
        new
    }

    /// Returns new names for the output of one command.
    pub(super) fn log(&self, step: &StepId, command: &str) -> LogFiles {
        let number = self.next_log.fetch_add(1, Ordering::Relaxed);
        let name = format!("{number:03}-{step}-{command}");
        LogFiles {
            stdout: self.logs.join(format!("{name}.out")),
            stderr: self.logs.join(format!("{name}.err")),
        }
    }

    /// Remembers what Terraform gets in its environment for the simulated cloud of `step`.
    pub(super) fn simulate(&self, step: &StepId, env: BTreeMap<String, String>) {
        let mut all = self.simulated_env.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(step.clone(), env);
    }

    /// Returns what Terraform gets in its environment for the simulated cloud of `step`.
    pub(super) fn simulated(&self, step: &StepId) -> BTreeMap<String, String> {
        let all = self.simulated_env.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(step).cloned().unwrap_or_default()
    }

    /// Waits until `init` may run.
    pub(super) async fn init_turn(&self) -> Option<MutexGuard<'_, ()>> {
        match &self.one_init {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }
}
