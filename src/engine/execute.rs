//! The loop of a run: begins what may begin, tells what happens, ends when all has ended.

use super::{
    adopted::Adopted,
    deploying::Deploying,
    ledger::{Ledger, Next, Task},
    recall::Standing,
    recovery::{Recovery, Work},
    run::Run,
    stack::Stack,
    step_error::StepError,
    tell::{Teller, Word},
    tools::Tools,
    verify::{Asked, find_recovery_points, verify},
};
use crate::{
    model::{
        chain,
        event::EventKind,
        step::{StepId, StepOutcome},
    },
    probe::{Prober, Verification},
    runbook::Known,
    terraform::Outputs,
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
    time::{MissedTickBehavior, interval},
};

/// How often it is looked whether a state could not be taken in.
const LOOK: Duration = Duration::from_secs(1);

/// How the steps of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All are done.
    Done,
    /// At least one failed.
    Failed,
    /// At least one was refused by the gate, and none failed.
    Refused,
    /// The run was stopped, and none failed or was refused.
    Interrupted,
}

/// What a task leaves: how it ended, and the outputs of a stack that is up.
type Left = Result<Option<Outputs>, StepError>;

/// The work of a run while it goes on.
struct Execution<'r, 'a> {
    recovery: &'r Recovery,
    tools: Arc<Tools>,
    run: &'r mut Run<'a>,
    ledger: Ledger,
    known: Known,
    adopted: BTreeMap<StepId, Adopted>,
    words: mpsc::UnboundedSender<Word>,
    tasks: JoinSet<Left>,
    running: HashMap<Id, Task>,
    prober: Arc<dyn Prober>,
}

/// Brings every step of `recovery` up, as many at once as needs and `max_parallel` allow.
///
/// A step that fails takes those that need it with it; the rest go on, since half
/// a service back is better than none. Returns how it ended and what is known then.
pub async fn execute(
    recovery: &Recovery,
    tools: Arc<Tools>,
    max_parallel: usize,
    prober: Arc<dyn Prober>,
    standing: Standing,
    run: &mut Run<'_>,
) -> (Ended, Known) {
    run.keep(standing.secrets);
    let (words, mut heard) = mpsc::unbounded_channel();
    let mut ledger = Ledger::new(max_parallel);
    for step in &recovery.steps {
        let prepares = matches!(step.work, Work::Stack(_) | Work::Deploy(_))
            && !standing.adopted.contains_key(&step.id);
        ledger.add(step.id.clone(), step.needs.clone(), prepares);
        if step.waits_for_verification && !matches!(step.work, Work::LeftOut(_)) {
            ledger.hold(&step.id);
        }
        if standing.done.contains(&step.id) {
            ledger.is_done(&step.id);
        }
    }
    let mut execution = Execution {
        recovery,
        tools,
        run,
        ledger,
        known: standing.known,
        adopted: standing.adopted,
        words,
        tasks: JoinSet::new(),
        running: HashMap::new(),
        prober,
    };
    execution.go_on(&mut heard).await;
    (execution.ended(), execution.known)
}

impl Execution<'_, '_> {
    async fn go_on(&mut self, heard: &mut mpsc::UnboundedReceiver<Word>) {
        let stop = self.tools.stop.clone();
        let mut stopping = false;
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            match self.ledger.next() {
                Next::Begin(task) => self.begin(task),
                Next::End(step, outcome) => {
                    self.ledger.end_step(&step, outcome.clone());
                    self.run.say(EventKind::StepFinished { step, outcome });
                }
                Next::Wait => tokio::select! {
                    // What a step said comes before how it ended.
                    biased;
                    Some(word) = heard.recv() => self.hear(word),
                    () = stop.token().cancelled(), if !stopping => {
                        stopping = true;
                        self.run.interrupted(&stop);
                        self.ledger.stop();
                    }
                    Some(joined) = self.tasks.join_next_with_id() => {
                        while let Ok(word) = heard.try_recv() {
                            self.hear(word);
                        }
                        self.end(joined);
                    }
                    _ = look.tick() => self.tell_troubles(),
                },
                Next::Release => self.release().await,
                Next::Done => break,
            }
        }
    }

    /// Moves traffic only to a service that passes its probes in the fallback.
    async fn release(&mut self) {
        let (recovery, prober) = (self.recovery, Arc::clone(&self.prober));
        let asked = Asked::BeforeCutover;
        let tools = Arc::clone(&self.tools);
        let verification = verify(recovery, &self.known, prober, &tools, asked, self.run).await;
        if recovery.known.fallback.is_some() {
            // How much is home before traffic is; afterwards everything is new.
            find_recovery_points(recovery, &self.known, Timestamp::now(), self.run).await;
        }
        let why = match verification {
            Verification::Verified => return self.ledger.release(),
            Verification::Unasked => {
                let where_to = self.recovery.side();
                self.run.note(format!("traffic is moved without a verified {where_to}: no probe reads the outputs of a stack, or says `before_cutover = true`"));
                return self.ledger.release();
            }
            // What is held is interrupted with the rest.
            Verification::Stopped => return self.ledger.release(),
            Verification::GaveUp { probe, detail } => {
                format!("the probe `{probe}` does not pass in the {}: {detail}", recovery.side())
            }
        };
        for step in self.ledger.held() {
            let outcome = StepOutcome::Withheld { why: why.clone() };
            self.ledger.end_step(&step, outcome.clone());
            self.run.say(EventKind::StepFinished { step, outcome });
        }
    }

    /// Tells at once what Terraform waits for without a word: somebody may make room.
    fn tell_troubles(&mut self) {
        for trouble in self.tools.new_troubles() {
            let hint = trouble.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            let message =
                format!("Terraform waits to save its state: {}{hint}", trouble.cause.join(": "));
            self.run.say(EventKind::Noted { step: Some(trouble.stack), message });
        }
    }

    fn hear(&mut self, word: Word) {
        self.run.keep(word.secrets);
        self.run.say(word.kind);
        let remembered = self.run.remembers();
        if !remembered {
            self.ledger.stop();
        }
        if let Some(heard) = word.heard {
            // Whoever asked may have been dropped with its task.
            let _ = heard.send(remembered);
        }
    }

    fn begin(&mut self, task: Task) {
        self.ledger.begin(&task);
        let (Task::Prepare(id) | Task::Restore(id)) = &task;
        if let Work::LeftOut(why) = self.work(id) {
            let outcome = StepOutcome::LeftOut { why };
            let step = id.clone();
            self.ledger.end(&task, Some(outcome.clone()));
            self.run.say(EventKind::StepFinished { step, outcome });
            return;
        }
        let tell = Teller::new(id.clone(), self.words.clone());
        let restores = matches!(task, Task::Restore(_));
        let handle = match self.work(id) {
            Work::Stack(work) => {
                let variables = restores.then(|| self.known.values(&work.variables));
                let stop = self.tools.stop.token().clone();
                let stack = Stack { work, tools: Arc::clone(&self.tools), stop, tell };
                let variables = variables.transpose().map_err(StepError::Value);
                let adopted = self.adopted.remove(id);
                self.tasks.spawn(stack_task(stack, variables, adopted))
            }
            Work::Command(work) => {
                let command = super::command::Command::new(
                    &work,
                    &self.known,
                    self.recovery,
                    Arc::clone(&self.tools),
                    tell,
                );
                self.tasks.spawn(async move { command?.run().await.map(|()| None) })
            }
            Work::Deploy(work) => {
                let (tools, stop) = (&self.tools, self.tools.stop.token());
                let what = (id.clone(), work);
                let deploying =
                    Deploying::new(what, &self.known, self.recovery, tools, stop, Some(tell));
                self.tasks.spawn(async move {
                    let done = if restores {
                        deploying.bring_up().await
                    } else {
                        deploying.prepare().await
                    };
                    done.map(|()| None)
                })
            }
            Work::TakeBack(back) => {
                self.tasks.spawn(async move { back.run(tell).await.map(|()| None) })
            }
            // It has ended above.
            Work::LeftOut(_) => return,
        };
        self.running.insert(handle.id(), task);
    }

    fn work(&self, id: &StepId) -> Work {
        let step = self.recovery.steps.iter().find(|step| step.id == *id);
        step.expect("the ledger holds the recovery's own steps").work.clone()
    }

    fn end(&mut self, joined: Result<(Id, Left), JoinError>) {
        let (id, left) = match joined {
            Ok((id, left)) => (id, left.map_err(|error| self.why(id, &error))),
            // A bug in one step must not lose the others: it is an outcome too.
            Err(panic) => {
                let hints = vec!["Report this as a bug of drctl, with the run's journal".into()];
                (panic.id(), Err(StepOutcome::Failed { cause: chain(&panic), hints }))
            }
        };
        let Some(task) = self.running.remove(&id) else { return };
        let outcome = match (&task, left) {
            (Task::Prepare(_), Ok(_)) => None,
            (Task::Restore(step), Ok(outputs)) => {
                if let Some(outputs) = outputs {
                    self.known.outputs.insert(step.to_string(), Value::Object(outputs.plain()));
                }
                Some(StepOutcome::Done)
            }
            (_, Err(outcome)) => Some(outcome),
        };
        self.ledger.end(&task, outcome.clone());
        if let Some(outcome) = outcome {
            let (Task::Prepare(step) | Task::Restore(step)) = task;
            self.run.say(EventKind::StepFinished { step, outcome });
        }
    }

    /// How the step of a failed task ended, with what only the state service knows.
    fn why(&self, id: Id, error: &StepError) -> StepOutcome {
        let mut outcome = error.outcome();
        if let (Some(task), StepOutcome::Failed { cause, hints }) =
            (self.running.get(&id), &mut outcome)
        {
            let (Task::Prepare(step) | Task::Restore(step)) = task;
            for trouble in self.tools.refused_state(step) {
                cause.extend(trouble.cause);
                hints.extend(trouble.hint);
            }
            let logs = self.tools.logs.join(format!("*-{step}-*"));
            hints.push(format!("Read all that its programs printed in `{}`", logs.display()));
        }
        outcome
    }

    fn ended(&self) -> Ended {
        let any = |wanted: fn(&StepOutcome) -> bool| self.ledger.outcomes().any(wanted);
        if any(|o| matches!(o, StepOutcome::Failed { .. } | StepOutcome::Withheld { .. })) {
            Ended::Failed
        } else if any(|o| *o == StepOutcome::Refused) {
            Ended::Refused
        } else if any(|o| *o == StepOutcome::Interrupted) {
            Ended::Interrupted
        } else {
            Ended::Done
        }
    }
}

/// Prepares a stack, or restores it when it is given its variables.
async fn stack_task(
    stack: Stack,
    variables: Result<Option<Map<String, Value>>, StepError>,
    adopted: Option<Adopted>,
) -> Left {
    match (variables?, adopted) {
        (None, _) => stack.prepare().await.map(|()| None),
        (Some(variables), Some(adopted)) => stack.adopt(adopted, variables).await.map(Some),
        (Some(variables), None) => stack.restore(variables).await.map(Some),
    }
}
