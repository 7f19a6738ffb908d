//! Which work may begin next. Pure: no clock, no tasks, no Terraform.

use crate::model::step::{StepId, StepOutcome};

/// A piece of work that runs on its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// What can be done for a step before its needs are met: `terraform init`.
    Prepare(StepId),
    /// The step itself.
    Restore(StepId),
}

/// What the run loop should do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Begin this.
    Begin(Task),
    /// End this step without beginning it.
    End(StepId, StepOutcome),
    /// Wait for something that runs.
    Wait,
    /// Nothing is left but what is held: let it go on, or end it.
    Release,
    /// Every step has ended.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Running,
    Ended,
}

#[derive(Debug)]
struct Row {
    id: StepId,
    needs: Vec<StepId>,
    prepare: Progress,
    restore: Progress,
    outcome: Option<StepOutcome>,
    held: bool,
}

impl Row {
    fn runs(&self) -> bool {
        self.prepare == Progress::Running || self.restore == Progress::Running
    }
}

/// What has begun and how what ended has ended.
#[derive(Debug)]
pub(super) struct Ledger {
    rows: Vec<Row>,
    max_parallel: usize,
    stopping: bool,
}

impl Ledger {
    /// Opens a ledger in which at most `max_parallel` tasks run at once (at least one).
    pub(super) fn new(max_parallel: usize) -> Self {
        Self { rows: Vec::new(), max_parallel: max_parallel.max(1), stopping: false }
    }

    /// Adds a step. `prepares` says that it has something to do before its needs are met.
    ///
    /// The runbook has checked that needs exist and form no cycle.
    pub(super) fn add(&mut self, id: StepId, needs: Vec<StepId>, prepares: bool) {
        let prepare = if prepares { Progress::Open } else { Progress::Ended };
        let (restore, outcome) = (Progress::Open, None);
        self.rows.push(Row { id, needs, prepare, restore, outcome, held: false });
    }

    /// Writes down that the step `id` was done before.
    pub(super) fn is_done(&mut self, id: &StepId) {
        let row = self.row(id);
        (row.prepare, row.restore) = (Progress::Ended, Progress::Ended);
        row.outcome = Some(StepOutcome::Done);
    }

    /// Holds the step `id` until all that does not need it has ended.
    pub(super) fn hold(&mut self, id: &StepId) {
        self.row(id).held = true;
    }

    /// Lets what is held go on.
    pub(super) fn release(&mut self) {
        self.rows.iter_mut().for_each(|row| row.held = false);
    }

    /// Returns the steps that are held.
    pub(super) fn held(&self) -> Vec<StepId> {
        let held = self.rows.iter().filter(|row| row.held && row.outcome.is_none());
        held.map(|row| row.id.clone()).collect()
    }

    /// Begins nothing new from now on.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Returns what to do now. Steps go in the runbook's order when several may.
    pub(super) fn next(&self) -> Next {
        let open = || self.rows.iter().filter(|row| row.outcome.is_none());
        for row in open().filter(|row| !row.runs()) {
            if let Some(blocked_by) = self.blocker(row) {
                return Next::End(row.id.clone(), StepOutcome::Skipped { blocked_by });
            }
            if self.stopping {
                return Next::End(row.id.clone(), StepOutcome::Interrupted);
            }
        }
        let running = self.rows.iter().filter(|row| row.runs()).count();
        if running < self.max_parallel {
            // What recovers goes before what only prepares.
            let restore = open().find(|row| !row.runs() && self.may_restore(row));
            if let Some(row) = restore {
                return Next::Begin(Task::Restore(row.id.clone()));
            }
            if let Some(row) = open().find(|row| row.prepare == Progress::Open) {
                return Next::Begin(Task::Prepare(row.id.clone()));
            }
        }
        if running > 0 {
            Next::Wait
        } else if open().any(|row| row.held) {
            Next::Release
        } else if open().next().is_some() {
            Next::Wait
        } else {
            Next::Done
        }
    }

    /// Writes down that `task` began.
    pub(super) fn begin(&mut self, task: &Task) {
        match task {
            Task::Prepare(id) => self.row(id).prepare = Progress::Running,
            Task::Restore(id) => self.row(id).restore = Progress::Running,
        }
    }

    /// Writes down that `task` ended, and how its step ended if it has.
    pub(super) fn end(&mut self, task: &Task, outcome: Option<StepOutcome>) {
        match task {
            Task::Prepare(id) => self.row(id).prepare = Progress::Ended,
            Task::Restore(id) => self.row(id).restore = Progress::Ended,
        }
        let (Task::Prepare(id) | Task::Restore(id)) = task;
        self.row(id).outcome = outcome;
    }

    /// Writes down that the step `id` ended without a task of its own.
    pub(super) fn end_step(&mut self, id: &StepId, outcome: StepOutcome) {
        self.row(id).outcome = Some(outcome);
    }

    /// Returns how every step that has ended ended, in the runbook's order.
    pub(super) fn outcomes(&self) -> impl Iterator<Item = &StepOutcome> {
        self.rows.iter().filter_map(|row| row.outcome.as_ref())
    }

    fn blocker(&self, row: &Row) -> Option<StepId> {
        let failed =
            |need: &&StepId| self.outcome(need).is_some_and(|outcome| !outcome.lets_go_on());
        row.needs.iter().find(failed).cloned()
    }

    fn may_restore(&self, row: &Row) -> bool {
        row.prepare == Progress::Ended
            && row.restore == Progress::Open
            && !row.held
            && row.needs.iter().all(|need| self.outcome(need).is_some_and(StepOutcome::lets_go_on))
    }

    fn outcome(&self, id: &StepId) -> Option<&StepOutcome> {
        self.rows.iter().find(|row| row.id == *id)?.outcome.as_ref()
    }

    fn row(&mut self, id: &StepId) -> &mut Row {
        self.rows
            .iter_mut()
            .find(|row| row.id == *id)
            .expect("every task is of a step that was added")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> StepId {
        StepId::new(name)
    }

    fn ledger(max_parallel: usize, steps: &[(&str, &[&str])]) -> Ledger {
        let mut ledger = Ledger::new(max_parallel);
        for (name, needs) in steps {
            ledger.add(id(name), needs.iter().map(|n| id(n)).collect(), true);
        }
        ledger
    }

    fn begin(ledger: &mut Ledger) -> Task {
        match ledger.next() {
            Next::Begin(task) => {
                ledger.begin(&task);
                task
            }
            other => panic!("{other:?} instead of something to begin"),
        }
    }

    #[test]
    fn a_step_is_prepared_while_it_waits_for_its_needs() {
        let mut l = ledger(8, &[("network", &[]), ("data", &["network"])]);
        let network = begin(&mut l);
        assert_eq!(network, Task::Prepare(id("network")));
        let data = begin(&mut l);
        assert_eq!(data, Task::Prepare(id("data")));
        l.end(&data, None);
        assert_eq!(l.next(), Next::Wait, "data waits for network");
        l.end(&network, None);
        let network = begin(&mut l);
        assert_eq!(network, Task::Restore(id("network")));
        l.end(&network, Some(StepOutcome::Done));
        assert_eq!(begin(&mut l), Task::Restore(id("data")));
    }

    #[test]
    fn no_more_run_at_once_than_allowed_and_recovery_goes_before_preparation() {
        let mut l = ledger(1, &[("a", &[]), ("b", &[])]);
        let prepare_a = begin(&mut l);
        assert_eq!(l.next(), Next::Wait);
        l.end(&prepare_a, None);
        assert_eq!(begin(&mut l), Task::Restore(id("a")));
    }

    #[test]
    fn a_failure_takes_only_what_needs_it() {
        let mut l = ledger(8, &[("data", &[]), ("app", &["data"]), ("mail", &[])]);
        let tasks: Vec<_> = (0..3).map(|_| begin(&mut l)).collect();
        let failed = StepOutcome::Failed { cause: vec!["no quota".into()], hints: vec![] };
        l.end(&tasks[0], Some(failed));
        assert_eq!(begin_or(&mut l), "wait", "app still prepares");
        l.end(&tasks[1], None);
        assert_eq!(l.next(), Next::End(id("app"), StepOutcome::Skipped { blocked_by: id("data") }));
        l.end_step(&id("app"), StepOutcome::Skipped { blocked_by: id("data") });
        l.end(&tasks[2], None);
        assert_eq!(begin(&mut l), Task::Restore(id("mail")));
    }

    fn begin_or(ledger: &mut Ledger) -> &'static str {
        if ledger.next() == Next::Wait { "wait" } else { "other" }
    }

    #[test]
    fn once_stopping_nothing_begins_and_every_step_ends() {
        let mut l = ledger(8, &[("a", &[]), ("b", &["a"])]);
        let prepare = begin(&mut l);
        l.stop();
        assert_eq!(l.next(), Next::End(id("b"), StepOutcome::Interrupted));
        l.end_step(&id("b"), StepOutcome::Interrupted);
        assert_eq!(l.next(), Next::Wait);
        l.end(&prepare, Some(StepOutcome::Interrupted));
        assert_eq!(l.next(), Next::Done);
        assert_eq!(l.outcomes().count(), 2);
    }
}
