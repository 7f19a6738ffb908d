//! One stack: init, plan, gate, apply, outputs.

use super::{
    adopted::Told,
    decisions::Decisions,
    orphans::Orphans,
    recovery::{StackWork, StateHome},
    step_error::{StepError, cut_off},
    tell::Teller,
    tools::Tools,
};
use crate::{
    model::{
        event::EventKind,
        gate::{GateAnswer, Refusal},
        resource::ResourceAction,
        run::Lock,
        step::Phase,
    },
    retarget::{
        gate::{self, Expected},
        home,
    },
    state::StateHead,
    terraform::{
        Action, Invocation, LogFiles, Outputs, Plan, Severity, TerraformError, Timing, UiMessage,
        dependencies,
    },
};
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Where Terraform writes down which versions of providers it takes.
const LOCK_FILE: &str = ".terraform.lock.hcl";

/// Where Terraform leaves a state that it could not save.
pub(super) const ERRORED_STATE: &str = "errored.tfstate";

/// How often the simulated provider may learn something new from a refused plan.
const MAX_REPAIRS: usize = 20;

/// A stack on its way up.
pub(super) struct Stack {
    pub(super) work: Arc<StackWork>,
    pub(super) tools: Arc<Tools>,
    /// What ends its work early.
    pub(super) stop: CancellationToken,
    pub(super) tell: Teller,
}

impl Stack {
    /// Does what can be done before the stack's needs are met: `terraform init`.
    pub(super) async fn prepare(&self) -> Result<(), StepError> {
        if self.is_ready() {
            return self.phase(Phase::Init, self.take_ready()).await;
        }
        let asked = Instant::now();
        let alone = self.tools.init_turn().await;
        let took_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
        if alone.is_some() && took_ms > 0 {
            let step = self.tell.step().clone();
            self.tell.say(EventKind::LockWaited { step, lock: Lock::PluginCache, took_ms });
        }
        self.phase(Phase::Init, self.init()).await
    }

    /// Brings the stack up with these values for its variables.
    pub(super) async fn restore(
        &self,
        variables: Map<String, Value>,
    ) -> Result<Outputs, StepError> {
        if self.tools.again && self.left_state() {
            self.bring_state_home().await?;
        }
        let mut orphans = self.left_behind().await?;
        // What was planned before the run knows nothing of what the run has begun since.
        let untouched =
            orphans.is_empty() && !self.tools.decisions.unsynced.contains(self.tell.step());
        if !untouched || !self.apply_saved_plan().await? {
            let inputs = self.write_inputs(variables)?;
            let saved = self.tools.scratch.join(format!("{}.tfplan", self.tell.step()));
            self.plan_whatever_was_ready(&mut orphans, inputs, &saved).await?;
            let acts = self.phase(Phase::Gate, self.pass_gate(saved.clone(), orphans)).await?;
            // At home, a state that nothing is to be done to is not written either.
            if acts || self.work.at_home.is_none() {
                self.applied(saved, &mut false).await?;
            }
        }
        self.is_up().await
    }

    /// Tells that what was to be made is made, and returns what it puts out.
    pub(super) async fn is_up(&self) -> Result<Outputs, StepError> {
        let outputs = self.outputs().await?;
        if let Some(simulator) = &self.tools.simulator {
            simulator.is_up(self.tell.step(), outputs.plain());
            for finding in simulator.findings(self.tell.step()).await {
                self.tell.say(finding);
            }
        }
        let names = outputs.names();
        let ready = EventKind::OutputsReady { step: self.tell.step().clone(), names };
        self.tell.say_with(ready, outputs.secrets());
        Ok(outputs)
    }

    /// Applies a saved plan, and says in `begun` whether it came to any resource.
    pub(super) async fn applied(&self, plan: PathBuf, begun: &mut bool) -> Result<(), StepError> {
        let apply = Action::Apply { plan, parallelism: self.work.parallelism };
        let log = self.tools.log(self.tell.step(), apply.command());
        let applied = self.phase(Phase::Apply, self.stream_told(apply, &log, begun)).await;
        if applied.is_err() && self.work.state == StateHome::Own {
            // What was made until then was gated by something, too.
            self.needs(self.tools.store.latest(self.tell.step())?.as_deref());
        }
        applied
    }

    /// Initialises the stack, unless that was done before the run.
    pub(super) async fn init(&self) -> Result<(), StepError> {
        if self.is_ready() { Ok(()) } else { self.init_anew().await }
    }

    /// Initialises the stack.
    pub(super) async fn init_anew(&self) -> Result<(), StepError> {
        self.forget_the_primary()?;
        if let Some(simulator) = &self.tools.simulator {
            // Which providers there are is only known once the modules are there.
            self.stream(Action::Get).await?;
            let env = simulator.ready(self.tell.step(), &self.work.dir).await?;
            self.tools.simulate(self.tell.step(), env);
        }
        let lock = self.lock_file();
        let committed = std::fs::read(&lock).ok();
        self.stream(Action::Init {
            reconfigure: true,
            backend: true,
            plugin_dir: self.tools.plugin_dir.clone(),
        })
        .await?;
        if self.tools.simulator.is_none() {
            let chosen = std::fs::read(&lock).ok();
            self.providers(chosen.as_deref());
            self.versions(committed, chosen)?;
        }
        Ok(())
    }

    /// Removes what was committed by accident and leads back to the primary, from the work copy:
    /// what an earlier `init` left, and a local state, which `init` would offer to migrate.
    fn forget_the_primary(&self) -> Result<(), StepError> {
        let path = self.work.dir.clone();
        forget_the_primary(&path).map_err(|source| StepError::Write { path, source })
    }

    /// Holds the versions of the providers against the lock file of the repository.
    fn versions(
        &self,
        committed: Option<Vec<u8>>,
        chosen: Option<Vec<u8>>,
    ) -> Result<(), StepError> {
        let Some(chosen) = chosen else { return Ok(()) };
        let (refusals, unlocked) = gate::judge_lock(&committed.unwrap_or_default(), &chosen);
        if !unlocked.is_empty() {
            let which = unlocked.join(", ");
            self.tell.note(format!(
                "no lock file says which version to take, so the newest was: {which}"
            ));
        }
        if refusals.is_empty() {
            return Ok(());
        }
        let answer = GateAnswer { refusals, ..GateAnswer::default() };
        let step = self.tell.step().clone();
        self.tell.say(EventKind::GateAnswered { step, answer: answer.clone() });
        Err(StepError::Refused(Box::new(answer)))
    }

    /// Frames `work` in the events of `phase`; it begins once the journal knows of it.
    pub(super) async fn phase<T>(
        &self,
        phase: Phase,
        work: impl Future<Output = Result<T, StepError>>,
    ) -> Result<T, StepError> {
        if self.stop.is_cancelled() {
            return Err(StepError::Interrupted);
        }
        self.tell.begins(phase).await?;
        let result = work.await;
        self.tell.ends(phase, result.is_ok());
        result
    }

    pub(super) async fn plan(
        &self,
        var_files: Vec<PathBuf>,
        out: PathBuf,
    ) -> Result<(), StepError> {
        let parallelism = self.work.parallelism;
        let plan = Action::Plan { out, var_files, parallelism, refresh: true, destroy: false };
        for _ in 0..MAX_REPAIRS {
            let log = self.tools.log(self.tell.step(), plan.command());
            let result = self.stream_to(plan.clone(), &log).await;
            let (Err(StepError::Terraform(TerraformError::Failed { .. })), Some(simulator)) =
                (&result, &self.tools.simulator)
            else {
                return result;
            };
            let Some(learnt) = simulator.learn(self.tell.step(), &log.stdout).await? else {
                return result;
            };
            for what in learnt.mended {
                self.tell.note(format!("the simulated provider learnt: {what}"));
            }
            self.tools.simulate(self.tell.step(), learnt.env);
        }
        self.stream(plan).await
    }

    /// Returns whether applying the plan would do anything.
    async fn pass_gate(&self, saved: PathBuf, orphans: Orphans) -> Result<bool, StepError> {
        let (plan, printed, mut answer) = self.judged(saved, &orphans).await?;
        let step = self.tell.step();
        let (actions, digest) = (plan.resource_actions(), Some(super::recovery::sha256(&printed)));
        let made = EventKind::PlanMade { step: step.clone(), actions, digest };
        self.tell.say_with(made, plan.secrets());
        self.judge_orphans(orphans, &plan, &mut answer);
        let refused = !answer.accepted();
        self.tell.say(EventKind::GateAnswered { step: step.clone(), answer: answer.clone() });
        if refused {
            return Err(StepError::Refused(Box::new(answer)));
        }
        Ok(home::does_something(&plan))
    }

    /// Returns a saved plan, as it is printed, too, and what the gate says of it.
    pub(super) async fn judged(
        &self,
        saved: PathBuf,
        orphans: &Orphans,
    ) -> Result<(Plan, Vec<u8>, GateAnswer), StepError> {
        let printed = self.read(Action::ShowPlan { file: saved }).await?;
        let plan = Plan::read(&printed)?;
        let (imported, replaced) = (orphans.imported(), self.replaced());
        let own = gate::Own { imported: &imported, replaced: &replaced };
        let mut answer = match &self.work.at_home {
            None => gate::judge(&plan, &self.expected(own)),
            Some(at_home) => {
                let lost = (!at_home.anything).then_some(&at_home.lost);
                home::judge(&plan, lost, &self.tools.accepted)
            }
        };
        answer.refusals.extend(self.judged_backend());
        Ok((plan, printed, answer))
    }

    /// Returns why the state would be kept where it must not be, if it would.
    pub(super) fn judged_backend(&self) -> Option<Refusal> {
        gate::judge_backend(&self.work.dir, self.work.state.backend())
    }

    /// Returns where Terraform writes down which versions of providers it takes.
    pub(super) fn lock_file(&self) -> PathBuf {
        self.work.dir.join(LOCK_FILE)
    }

    /// What the gate expects of the plan.
    fn expected<'a>(&'a self, own: gate::Own<'a>) -> Expected<'a> {
        // What an earlier run left is in a declared backend; what an earlier process of this run
        // left, also in a state of drctl's own.
        let goes_on = self.tools.again;
        Expected {
            region: &self.tools.region,
            primary: self.work.primary.as_deref(),
            pinned: &self.work.pinned,
            decided: &self.work.decided,
            later: goes_on.then_some(self.tools.accepted.as_slice()),
            own,
        }
    }

    /// The resources that were broken off while they were made, and that somebody said to make anew.
    fn replaced(&self) -> BTreeSet<String> {
        let given = Decisions::of(&self.tools.decisions.replace, self.tell.step());
        given.map(|(address, _)| address.to_owned()).collect()
    }

    /// Plans the stack once more and returns what would still be done to its resources.
    ///
    /// A data source that is read again is no change.
    pub(super) async fn replan(
        &self,
        variables: Map<String, Value>,
    ) -> Result<BTreeMap<String, ResourceAction>, StepError> {
        let out = self.plan_again(variables, "second", false).await?;
        let plan = Plan::read(&self.read(Action::ShowPlan { file: out }).await?)?;
        let changes = plan.resource_changes.iter().map(|c| (c.address.clone(), c.action()));
        Ok(changes
            .filter(|(_, action)| !matches!(action, ResourceAction::NoOp | ResourceAction::Read))
            .collect())
    }

    /// Removes all that the stack made.
    pub(super) async fn remove(&self, variables: Map<String, Value>) -> Result<(), StepError> {
        let out = self.plan_again(variables, "removal", true).await?;
        let parallelism = self.work.parallelism;
        self.quietly(Action::Apply { plan: out, parallelism }).await
    }

    /// Tells whether Terraform had to leave a state in the stack's folder.
    pub(super) fn left_state(&self) -> bool {
        self.work.dir.join(ERRORED_STATE).exists()
    }

    /// Brings such a state home, unless that was done already.
    pub(super) async fn bring_state_home(&self) -> Result<(), StepError> {
        if !self.left_state() {
            return Ok(());
        }
        let file = self.work.dir.join(ERRORED_STATE);
        // A first state may have no lineage yet, and gets one when it is pushed.
        let is_home = match (self.head().await?, StateHead::of_file(&file)) {
            (None, _) => false,
            (Some(_), Err(_)) => true,
            (Some(kept), Ok(left)) => kept.lineage == left.lineage && kept.serial >= left.serial,
        };
        if !is_home {
            self.quietly(Action::StatePush { file: file.clone() }).await?;
        }
        removed(file, |path| std::fs::rename(path, path.with_extension("tfstate.home")))
    }

    /// Returns serial and lineage of the state that is kept; of none when there is none yet.
    async fn head(&self) -> Result<Option<StateHead>, StepError> {
        if !self.work.state.is_declared() {
            return Ok(self.tools.store.head(self.tell.step())?);
        }
        let pulled = self.tools.scratch.join(format!("{}.pulled.tfstate", self.tell.step()));
        super::files::write_private(&pulled, &self.pull_state().await?)
            .map_err(|source| StepError::Write { path: pulled.clone(), source })?;
        let head = StateHead::of_file(&pulled).ok();
        removed(pulled, |path| std::fs::remove_file(path))?;
        Ok(head)
    }

    /// Plans what is up, and returns the saved plan, which `name` tells from others.
    pub(super) async fn plan_again(
        &self,
        variables: Map<String, Value>,
        name: &str,
        destroy: bool,
    ) -> Result<PathBuf, StepError> {
        let var_files = self.write_inputs(variables)?;
        let parallelism = self.work.parallelism;
        let out = self.tools.scratch.join(format!("{}.{name}.tfplan", self.tell.step()));
        let plan =
            Action::Plan { out: out.clone(), var_files, parallelism, refresh: true, destroy };
        self.quietly(plan).await?;
        Ok(out)
    }

    /// Runs a command of which only the end is told.
    pub(super) async fn quietly(&self, action: Action) -> Result<(), StepError> {
        let call = self.call(action);
        let once = async || {
            let log = self.tools.log(self.tell.step(), call.action.command());
            self.tools.terraform.run(&call, &log, &mut |_| {}, &self.stop).await
        };
        match once().await {
            Err(error) if self.release_dead_lock(&error).await? => once().await?,
            other => other?,
        };
        Ok(())
    }

    async fn outputs(&self) -> Result<Outputs, StepError> {
        match &self.work.state {
            // The state is at hand, so asking Terraform would only cost a process.
            StateHome::Own => match self.tools.store.latest(self.tell.step())? {
                Some(state) => self.read_state(&state),
                None => Ok(Outputs::default()),
            },
            StateHome::Declared { .. } => {
                let read = async { self.read_state(&self.pull_state().await?) };
                self.phase(Phase::Output, read).await
            }
        }
    }

    /// Returns the state as it is in its backend.
    pub(super) async fn pull_state(&self) -> Result<Vec<u8>, StepError> {
        self.read(Action::StatePull).await
    }

    /// Tells what a state says of the graph, and returns its outputs.
    fn read_state(&self, state: &[u8]) -> Result<Outputs, StepError> {
        self.needs(Some(state));
        Ok(Outputs::from_state(state)?)
    }

    /// Tells which resources needed which. It is for the report alone, so what cannot be read is
    /// left out.
    fn needs(&self, state: Option<&[u8]>) {
        if let Some(needs) = state.and_then(|state| dependencies(state).ok()) {
            self.tell.say(EventKind::DependenciesRead { step: self.tell.step().clone(), needs });
        }
    }

    /// Tells which versions of providers were chosen.
    pub(super) fn providers(&self, lock: Option<&[u8]>) {
        let versions = gate::locked_versions(lock.unwrap_or_default());
        if !versions.is_empty() {
            self.tell.say(EventKind::ProvidersChosen { step: self.tell.step().clone(), versions });
        }
    }

    /// Runs a command and tells what it says of resources.
    async fn stream(&self, action: Action) -> Result<(), StepError> {
        let log = self.tools.log(self.tell.step(), action.command());
        self.stream_to(action, &log).await
    }

    async fn stream_to(&self, action: Action, log: &LogFiles) -> Result<(), StepError> {
        self.stream_told(action, log, &mut false).await
    }

    /// The same, and says in `begun` whether it came to any resource.
    async fn stream_told(
        &self,
        action: Action,
        log: &LogFiles,
        begun: &mut bool,
    ) -> Result<(), StepError> {
        let call = self.call(action);
        let mut said = Telling::new(self.tell.clone());
        let mut on = |message: UiMessage| {
            *begun |= matches!(message, UiMessage::ApplyStart { .. });
            said.tell(&message);
        };
        let ran = self.tools.terraform.run(&call, log, &mut on, &self.stop).await;
        if let Some(lost) = ran.as_ref().err().and_then(cut_off) {
            self.tell.note(lost);
        }
        ran?;
        Ok(())
    }

    pub(super) async fn read(&self, action: Action) -> Result<Vec<u8>, StepError> {
        let log = self.tools.log(self.tell.step(), action.command());
        Ok(self.tools.terraform.read(&self.call(action), &log, &self.stop).await?)
    }

    pub(super) fn call(&self, action: Action) -> Invocation {
        let mut call = Invocation::new(&self.work.dir, action);
        call.env = self.work.env.clone();
        call.env.extend(self.tools.simulated(self.tell.step()));
        call
    }

    /// Returns the files of the stack's variables, of which the last wins.
    pub(super) fn write_inputs(
        &self,
        variables: Map<String, Value>,
    ) -> Result<Vec<PathBuf>, StepError> {
        let regional = self.write_variables("region", self.work.regional.clone())?;
        let own = self.write_variables("own", variables)?;
        Ok([regional].into_iter().chain(self.work.var_files.iter().cloned()).chain([own]).collect())
    }

    /// Writes variables where only we can read them: values may be secret.
    fn write_variables(&self, of: &str, values: Map<String, Value>) -> Result<PathBuf, StepError> {
        let path = self.tools.scratch.join(format!("{}.{of}.tfvars.json", self.tell.step()));
        super::files::write_private(&path, Value::Object(values).to_string().as_bytes())
            .map_err(|source| StepError::Write { path: path.clone(), source })?;
        Ok(path)
    }
}

/// Removes from the folder of a stack what leads back to the primary: what an earlier `init` left, and
/// a local state.
///
/// # Errors
///
/// Something of it cannot be removed.
pub fn forget_the_primary(dir: &Path) -> io::Result<()> {
    let gone = |removed: io::Result<()>| match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    for name in [".terraform", "terraform.tfstate.d"] {
        gone(std::fs::remove_dir_all(dir.join(name)))?;
    }
    for name in ["terraform.tfstate", "terraform.tfstate.backup"] {
        gone(std::fs::remove_file(dir.join(name)))?;
    }
    // Terraform quotes a lock file that it does not understand, wherever it lies.
    let lock = dir.join(LOCK_FILE);
    if leads_out(&lock) {
        gone(std::fs::remove_file(lock))?;
    }
    Ok(())
}

/// Whether a file of a work copy is a symbolic link that leads out of it.
fn leads_out(file: &Path) -> bool {
    let root = file.ancestors().find(|folder| folder.join(".git").exists());
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let inside = real(file).zip(root.and_then(real)).is_some_and(|(to, root)| to.starts_with(root));
    file.is_symlink() && !inside
}

/// Removes what need not be there.
fn removed(path: PathBuf, remove: impl Fn(&Path) -> io::Result<()>) -> Result<(), StepError> {
    match remove(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(StepError::Write { path, source })
        }
        _ => Ok(()),
    }
}

/// Tells of one command what a reader of the run wants to know.
pub(super) struct Telling {
    tell: Teller,
    timing: Timing,
    warned: BTreeSet<String>,
    /// What somebody else has told already.
    pub(super) told: Vec<Told>,
}

impl Telling {
    pub(super) fn new(tell: Teller) -> Self {
        Self { tell, timing: Timing::default(), warned: BTreeSet::new(), told: Vec::new() }
    }

    /// Tells whether somebody else has told this already, which is so once for each time.
    fn is_told(&mut self, address: &str, action: ResourceAction, ended: bool) -> bool {
        let told =
            |told: &Told| told.address == address && told.action == action && told.ended == ended;
        let at = self.told.iter().position(told);
        at.map(|at| self.told.remove(at)).is_some()
    }

    pub(super) fn tell(&mut self, message: &UiMessage) {
        let step = self.tell.step().clone();
        match message {
            UiMessage::ApplyStart { address, action, .. }
                if !self.is_told(address, *action, false) =>
            {
                let (address, action) = (address.clone(), *action);
                self.tell.say(EventKind::ResourceStarted { step: step.clone(), address, action });
            }
            UiMessage::Diagnostic(warning) if warning.severity == Severity::Warning => {
                let text = format!("Terraform warns: {warning}");
                if self.warned.insert(text.clone()) {
                    self.tell.note(text);
                }
            }
            _ => {}
        }
        if let Some(done) = self.timing.take(message)
            && !self.is_told(&done.address, done.action, true)
        {
            self.tell.say(EventKind::ResourceFinished {
                step,
                address: done.address,
                action: done.action,
                took_ms: done.took_ms,
                ok: done.ok,
            });
        }
    }
}
