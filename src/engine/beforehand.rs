//! What can be done for stacks before an outage, and what a run makes of it when there is one.

use super::{
    orphans::Orphans,
    recovery::{Recovery, StateHome, Work, sha256},
    remove::unheard,
    stack::Stack,
    step_error::StepError,
    tools::Tools,
};
use crate::{
    model::{
        chain,
        event::EventKind,
        gate::GateAnswer,
        resource::ResourceAction,
        step::{Phase, StepId},
    },
    retarget::gate,
    runbook::Known,
    terraform::{Mode, Plan, TerraformError},
};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What was done for a stack before the run: at least its `init`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beforehand {
    /// Its plan, where that could be made.
    pub plan: Option<SavedPlan>,
}

/// A saved plan that the gate has answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// The file, which holds secrets in clear.
    pub file: PathBuf,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// SHA-256 of the plan as `terraform show -json` tells it, in hexadecimal.
    pub shown: String,
    /// SHA-256 over what it would do and what it stands on, without times, in hexadecimal: another
    /// plan has the same unless something has drifted.
    pub meaning: String,
    /// How many resource instances each action would be done to.
    pub actions: BTreeMap<ResourceAction, u64>,
    /// What the gate said.
    pub answer: GateAnswer,
}

/// What came of one stack.
#[derive(Clone, Debug)]
pub struct Done {
    /// Which versions of providers `init` chose, or the whole error chain, outermost first.
    pub init: Result<BTreeMap<String, String>, Vec<String>>,
    /// What came of its plan.
    pub plan: Planned,
    /// Data sources that were read when it was planned: what they said is in the plan.
    pub frozen: Vec<String>,
}

/// What came of the plan of a stack.
#[derive(Clone, Debug)]
pub enum Planned {
    /// It is saved, and the gate accepts it.
    Saved(Box<SavedPlan>),
    /// The gate refuses it.
    Refused(Box<GateAnswer>),
    /// It could not be made: the whole error chain, outermost first.
    Failed(Vec<String>),
    /// It cannot be made before the run: why, as a sentence without a full stop.
    Left(String),
}

/// Initialises every stack of `recovery`, and plans those whose inputs are all known now, as many at
/// once as `max_parallel` says. Those that are `reading` the states of others are not planned. Plans
/// are saved in the scratch folder of `tools`.
pub async fn do_beforehand(
    recovery: &Recovery,
    reading: &BTreeSet<StepId>,
    tools: &Arc<Tools>,
    max_parallel: usize,
) -> BTreeMap<StepId, Done> {
    let stacks = recovery.steps.iter().filter_map(|step| match &step.work {
        Work::Stack(work) => Some((step, unheard(step, work, tools, tools.stop.token()))),
        Work::Command(_) | Work::Deploy(_) | Work::LeftOut(_) | Work::TakeBack(_) => None,
    });
    let known = &recovery.known;
    let done = stacks.map(|(step, stack)| async move {
        let reads = reading.contains(&step.id);
        (step.id.clone(), stack.beforehand(&step.needs, reads, known).await)
    });
    stream::iter(done).buffer_unordered(max_parallel.max(1)).collect().await
}

/// Returns the state of each stack that has one in a declared backend. The stacks are initialised.
///
/// # Errors
///
/// The first that cannot be read, with the whole error chain, outermost first.
pub async fn declared_states(
    recovery: &Recovery,
    tools: &Arc<Tools>,
) -> Result<BTreeMap<StepId, Vec<u8>>, (StepId, Vec<String>)> {
    let mut states = BTreeMap::new();
    for step in &recovery.steps {
        let Work::Stack(work) = &step.work else { continue };
        if work.state == StateHome::Own {
            continue;
        }
        let stack = unheard(step, work, tools, tools.stop.token());
        let state = stack.pull_state().await.map_err(|error| (step.id.clone(), chain(&error)))?;
        if !state.is_empty() {
            states.insert(step.id.clone(), state);
        }
    }
    Ok(states)
}

impl Stack {
    /// Does what can be done before the run.
    async fn beforehand(&self, needs: &[StepId], reads: bool, known: &Known) -> Done {
        let turn = self.tools.init_turn().await;
        let init = self.init().await.map(|()| {
            let lock = fs::read(self.lock_file()).unwrap_or_default();
            gate::locked_versions(&lock)
        });
        drop(turn);
        let init = match init {
            Ok(versions) => versions,
            Err(error) => {
                let plan = Planned::Left("it could not be initialised".to_owned());
                return Done { init: Err(chain(&error)), plan, frozen: Vec::new() };
            }
        };
        let (plan, frozen) = match self.planned_beforehand(needs, reads, known).await {
            Ok(done) => done,
            Err(error) => (Planned::Failed(chain(&error)), Vec::new()),
        };
        Done { init: Ok(init), plan, frozen }
    }

    async fn planned_beforehand(
        &self,
        needs: &[StepId],
        reads: bool,
        known: &Known,
    ) -> Result<(Planned, Vec<String>), StepError> {
        let variables = &self.work.variables;
        let unknown: Vec<&str> =
            variables.iter().filter(|v| !known.knows(v.expr())).map(|v| v.name()).collect();
        if !unknown.is_empty() {
            let why = format!("its inputs need outputs of other stacks: {}", unknown.join(", "));
            return Ok((Planned::Left(why), Vec::new()));
        }
        if reads {
            let why = "it reads the state of another stack, which is not made yet".to_owned();
            return Ok((Planned::Left(why), Vec::new()));
        }
        let inputs = self.write_inputs(known.values(variables).map_err(StepError::Value)?)?;
        let file = self.tools.scratch.join(format!("{}.tfplan", self.tell.step()));
        self.plan(inputs, file.clone()).await?;
        let (plan, printed, answer) = self.judged(file.clone(), &Orphans::default()).await?;
        let frozen = frozen(&plan);
        if !needs.is_empty() && !frozen.is_empty() {
            let needs: Vec<&str> = needs.iter().map(StepId::as_str).collect();
            let why = format!(
                "it reads {} when it is planned, which may see what {} will have made",
                frozen.join(", "),
                needs.join(", ")
            );
            return Ok((Planned::Left(why), frozen));
        }
        if !answer.accepted() {
            return Ok((Planned::Refused(Box::new(answer)), frozen));
        }
        let (shown, meaning) = (super::recovery::sha256(&printed), meaning(&printed));
        let actions = plan.resource_actions();
        let sha256 = digest_of(&file)?;
        let saved = SavedPlan { file, sha256, shown, meaning, actions, answer };
        Ok((Planned::Saved(Box::new(saved)), frozen))
    }

    /// Returns true when `init` was done before the run.
    pub(super) fn is_ready(&self) -> bool {
        self.tools.beforehand.contains_key(self.tell.step())
    }

    /// Says what the `init` that was done before the run chose.
    pub(super) async fn take_ready(&self) -> Result<(), StepError> {
        self.providers(fs::read(self.lock_file()).ok().as_deref());
        Ok(())
    }

    /// Plans; where `init` was done before the run and that does not hold, after another one.
    pub(super) async fn plan_whatever_was_ready(
        &self,
        orphans: &mut Orphans,
        inputs: Vec<PathBuf>,
        saved: &Path,
    ) -> Result<(), StepError> {
        let planning = self.plan_with(orphans, inputs.clone(), saved.to_owned());
        match self.phase(Phase::Plan, planning).await {
            Err(StepError::Terraform(TerraformError::Failed { .. }))
                if self.is_ready() && !self.stop.is_cancelled() =>
            {
                self.tell.note("what was prepared may be why it could not be planned, so it is initialised anew");
                self.phase(Phase::Init, self.init_anew()).await?;
                let planning = self.plan_with(orphans, inputs, saved.to_owned());
                self.phase(Phase::Plan, planning).await
            }
            planned => planned,
        }
    }

    /// Applies the plan that was saved before the run; returns false when there is none, or when it
    /// cannot be used and nothing was begun with it.
    pub(super) async fn apply_saved_plan(&self) -> Result<bool, StepError> {
        let beforehand = self.tools.beforehand.get(self.tell.step());
        let Some(saved) = beforehand.and_then(|beforehand| beforehand.plan.as_ref()) else {
            return Ok(false);
        };
        match digest_of(&saved.file) {
            Ok(sha256) if sha256 == saved.sha256 => {}
            Ok(_) => return Ok(self.not_used("the file is not what was saved")),
            Err(error) => return Ok(self.not_used(&chain(&error).join(": "))),
        }
        self.phase(Phase::Gate, self.tell_saved(saved)).await?;
        let mut begun = false;
        let applied = self.applied(saved.file.clone(), &mut begun).await;
        match applied {
            Err(StepError::Terraform(error)) if !begun && !self.stop.is_cancelled() => {
                Ok(self.not_used(&chain(&error).join(": ")))
            }
            applied => applied.map(|()| true),
        }
    }

    /// Tells again what was planned and what the gate said of it.
    async fn tell_saved(&self, saved: &SavedPlan) -> Result<(), StepError> {
        let step = self.tell.step();
        let (actions, digest) = (saved.actions.clone(), Some(saved.shown.clone()));
        self.tell.say(EventKind::PlanMade { step: step.clone(), actions, digest });
        let mut answer = saved.answer.clone();
        answer.refusals.extend(self.judged_backend());
        let refused = !answer.accepted();
        self.tell.say(EventKind::GateAnswered { step: step.clone(), answer: answer.clone() });
        if refused { Err(StepError::Refused(Box::new(answer))) } else { Ok(()) }
    }

    fn not_used(&self, why: &str) -> bool {
        self.tell.note(format!(
            "the plan that was prepared cannot be used, so it is planned anew: {why}"
        ));
        false
    }
}

/// Returns the digest of what a plan would do and what it stands on; of nothing when it is no JSON.
fn meaning(printed: &[u8]) -> String {
    let plan: Value = serde_json::from_slice(printed).unwrap_or_default();
    let parts = ["resource_changes", "output_changes", "prior_state", "variables"];
    sha256(Value::from_iter(parts.map(|part| (part, plan[part].clone()))).to_string().as_bytes())
}

/// Returns the data sources that were read when it was planned.
fn frozen(plan: &Plan) -> Vec<String> {
    let data = plan.prior.iter().filter(|prior| prior.mode == Mode::Data);
    data.map(|prior| prior.address.clone()).collect()
}

fn digest_of(file: &Path) -> Result<String, StepError> {
    read(file).map_err(|source| StepError::Read { path: file.to_owned(), source })
}

fn read(file: &Path) -> io::Result<String> {
    Ok(sha256(&fs::read(file)?))
}
