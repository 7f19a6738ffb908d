//! The one stream of events: what the engine says happened.
//!
//! The progress display, the journal and the report all read this stream and
//! nothing else, so what one of them knows, all of them can know, and a run can
//! be shown again from its journal.
//!
//! Guarantees, asserted on every run in `tests/it/`:
//!
//! * `seq` starts at 0 and rises by one; `elapsed_ms` never falls.
//! * The first event is [`EventKind::RunStarted`] and the last is
//!   [`EventKind::RunFinished`]; nothing follows it but sweeps of what a drill left, each from
//!   [`EventKind::SweepStarted`] to [`EventKind::SweepFinished`], and resumptions, each from
//!   [`EventKind::RunResumed`] to another [`EventKind::RunFinished`], and undoings, each from
//!   [`EventKind::UndoStarted`] to [`EventKind::UndoFinished`].
//! * [`EventKind::RunPlanned`] comes before any step's event.
//! * Every step of the plan has exactly one [`EventKind::StepFinished`], also
//!   one that never began; only the removal of what it made may follow it. Each resumption has
//!   one again for every step that was not done before it.
//! * Every [`EventKind::PhaseStarted`] is on the disk before the process that it
//!   speaks of is spawned, and has at most one [`EventKind::PhaseFinished`]: none
//!   when drctl itself was killed in between.
//! * No event holds the value of a sensitive variable or output.

use crate::model::{
    deploy::{ImageAnswer, ObjectState, Traffic},
    failback::Looked,
    finding::Place,
    gate::GateAnswer,
    orphan::Orphan,
    prediction::Prediction,
    redirect::{Dependency, Obstacle},
    resource::ResourceAction,
    run::{DeclaredBy, Lock, Outage, RunId, RunKind, RunOutcome},
    step::{Phase, StepId, StepOutcome, StepSummary},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One thing that happened, stamped by the engine alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the run, from 0.
    pub seq: u64,
    /// Milliseconds since the run began, on the monotonic clock.
    pub elapsed_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
///
/// A variant is added, never changed: journals outlive the binary that wrote
/// them. A kind that this binary does not know reads as [`EventKind::Unknown`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run began: `t1`, unless the outage is known to have been detected earlier. Always first.
    RunStarted {
        /// Its name.
        run: RunId,
        /// What it is for.
        run_kind: RunKind,
        /// The version of drctl that does it.
        drctl: String,
        /// The wall clock, read this once; all else is `elapsed_ms`.
        began_at: Timestamp,
        /// Where the repository comes from, without credentials.
        repo: String,
        /// The fallback region.
        region: String,
        /// When the outage began: `t0`.
        outage: Outage,
    },
    /// The run is on a simulated cloud: nothing real is made. Comes before any step's event.
    Simulated {
        /// By how much the latencies of the cloud are divided; at least 1. Times in
        /// this stream are as they passed, so a reader multiplies back.
        time_scale: u32,
        /// What the draws of the simulation begin with.
        seed: u64,
        /// The regions that are down from the start.
        dark: Vec<String>,
    },
    /// The repository is there, at a commit.
    CheckoutReady {
        /// The commit, as 40 hexadecimal digits.
        commit: String,
        /// The branch, tag or commit that was asked for, when one was.
        reference: Option<String>,
        /// When the origin could not be reached and a local mirror stood in: how
        /// long ago that was last brought up to date, in milliseconds.
        mirror_age_ms: Option<u64>,
    },
    /// The run starts from what was prepared before the outage. Comes before any step's event.
    StartedPrepared {
        /// The name of the bundle, a folder of drctl's own.
        bundle: String,
        /// When it was made, by the wall clock.
        made_at: Timestamp,
        /// How long ago that was, in milliseconds.
        age_ms: u64,
        /// The stacks that need no `init`.
        ready: Vec<StepId>,
        /// Those of them whose saved plan is applied.
        planned: Vec<StepId>,
    },
    /// What will be done is known; nothing has been done yet.
    RunPlanned {
        /// The service's name.
        service: String,
        /// The region that serves in normal times, when it is known.
        primary: Option<String>,
        /// The recovery time objective, in milliseconds.
        rto_ms: Option<u64>,
        /// The recovery point objective, in milliseconds.
        rpo_ms: Option<u64>,
        /// SHA-256 over all that decides what will be done, in hexadecimal.
        digest: String,
        /// Every step that will be accounted for, in the runbook's order.
        steps: Vec<StepSummary>,
        /// How many steps are worked on at once; `None` in old journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_parallel: Option<u16>,
    },
    /// The Terraform that will do it.
    TerraformFound {
        /// `Terraform` or `OpenTofu`.
        product: String,
        /// Its version, such as `1.11.4`.
        version: String,
    },
    /// What a stack cannot do without, and where that lives.
    Inventoried {
        /// Which stack.
        step: StepId,
        /// Everything that must be alive.
        needs: Vec<Dependency>,
    },
    /// How long it is expected to take. In a rehearsal its times are those that the simulated cloud
    /// stands for, not those that pass.
    Predicted {
        /// The expectation.
        prediction: Box<Prediction>,
    },
    /// A person or the policy said go: `t2`.
    Declared {
        /// Who.
        by: DeclaredBy,
    },
    /// A step had to wait for a lock before its next phase could begin.
    LockWaited {
        /// Which step.
        step: StepId,
        /// For which lock.
        lock: Lock,
        /// How long, in milliseconds.
        took_ms: u64,
    },
    /// Which versions of providers a stack was initialised with.
    ProvidersChosen {
        /// Which stack.
        step: StepId,
        /// The version by the full name of the provider.
        versions: BTreeMap<String, String>,
    },
    /// A part of a step's work began.
    PhaseStarted {
        /// Whose.
        step: StepId,
        /// Which part.
        phase: Phase,
    },
    /// A part of a step's work ended.
    PhaseFinished {
        /// Whose.
        step: StepId,
        /// Which part.
        phase: Phase,
        /// True when it went well.
        ok: bool,
    },
    /// Terraform said what it would do.
    PlanMade {
        /// In which stack.
        step: StepId,
        /// How many resource instances each action would be done to.
        actions: BTreeMap<ResourceAction, u64>,
        /// SHA-256 of the plan as `terraform show -json` tells it, in hexadecimal; `None` in old
        /// journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    },
    /// The gate looked at a plan.
    GateAnswered {
        /// Of which stack.
        step: StepId,
        /// What it said.
        answer: GateAnswer,
    },
    /// Terraform began with one resource instance.
    ResourceStarted {
        /// In which stack.
        step: StepId,
        /// Its address, as Terraform writes it.
        address: String,
        /// What is done to it.
        action: ResourceAction,
    },
    /// Terraform ended with one resource instance.
    ResourceFinished {
        /// In which stack.
        step: StepId,
        /// Its address, as Terraform writes it.
        address: String,
        /// What was done to it.
        action: ResourceAction,
        /// From Terraform's own start to its own end, in milliseconds.
        took_ms: u64,
        /// True when it went well.
        ok: bool,
    },
    /// Which resources of a stack needed which, by its state.
    DependenciesRead {
        /// Which stack.
        step: StepId,
        /// What each resource needed directly; addresses are without keys of instances.
        needs: BTreeMap<String, Vec<String>>,
    },
    /// The outputs of a stack can be used by what needs it.
    OutputsReady {
        /// Whose.
        step: StepId,
        /// Their names; never their values.
        names: Vec<String>,
    },
    /// Something worth knowing that stopped nothing.
    Noted {
        /// The step that it is about, when it is about one.
        step: Option<StepId>,
        /// One sentence.
        message: String,
    },
    /// Something stands in the way of a stack; a failover is refused for it, and a rehearsal goes
    /// on to find the rest.
    Obstructed {
        /// Which stack.
        step: StepId,
        /// What.
        obstacle: Obstacle,
    },
    /// A value that the simulated cloud made up decided something.
    Invented {
        /// In which stack.
        step: StepId,
        /// The type that has the attribute.
        resource_type: String,
        /// The attribute.
        attribute: String,
        /// Where a condition, a count or a filter depends on it.
        read_at: Vec<Place>,
    },
    /// A step ended. The last event of that step, but for its removal.
    StepFinished {
        /// Which.
        step: StepId,
        /// How.
        outcome: StepOutcome,
    },
    /// Something that a step waits for was seen in a new state.
    ObjectSeen {
        /// Which step.
        step: StepId,
        /// What, and how it is.
        #[serde(flatten)]
        object: ObjectState,
    },
    /// Registries were asked for the images that a step needs.
    ImagesAsked {
        /// Which step.
        step: StepId,
        /// What they said, in the order of the images' names.
        images: Vec<ImageAnswer>,
    },
    /// A step changed where a name leads: `t7` is the end of that step, and whoever asked before
    /// may go on with the old answer for a while.
    TrafficMoved {
        /// Which step.
        step: StepId,
        /// From where to where.
        traffic: Traffic,
    },
    /// The service passed its probes in the fallback, before any traffic was moved; on the way home,
    /// in the primary.
    FallbackVerified,
    /// A probe asked the service during verification.
    ProbeAnswered {
        /// Which probe.
        probe: String,
        /// True when the service answered as it should.
        up: bool,
        /// What was seen.
        detail: String,
        /// How many good answers in a row this makes.
        passes: u32,
        /// How many are needed.
        needed: u32,
    },
    /// Every probe passed as often in a row as it must: `t8`.
    ServiceVerified,
    /// A probe did not pass in the time it was given.
    VerificationFailed {
        /// The probe.
        probe: String,
        /// What it saw last.
        detail: String,
    },
    /// How old the data is that could be restored.
    RecoveryPointFound {
        /// The data store.
        store: String,
        /// How long before `t0` its newest recovery point is, in milliseconds;
        /// below zero when it is newer than `t0`. Absent when it could not be learnt.
        before_outage_ms: Option<i64>,
        /// Why it could not be learnt.
        cause: Option<String>,
    },
    /// A stack that is up was planned once more: nothing should be left to do.
    Replanned {
        /// Which stack.
        step: StepId,
        /// What would still be done, by the address of the resource instance.
        changes: BTreeMap<String, ResourceAction>,
        /// The whole error chain when it could not be planned, outermost first.
        cause: Vec<String>,
    },
    /// What a step made begins to be removed.
    RemovalStarted {
        /// Which step.
        step: StepId,
    },
    /// What a step made was removed, or could not be.
    RemovalFinished {
        /// Which step.
        step: StepId,
        /// The whole error chain when it could not be, outermost first.
        cause: Vec<String>,
    },
    /// A run that failed, was stopped or was killed is gone on with, by another process: steps that
    /// are done are not run again, all others are. What was open is over. From here on `elapsed_ms`
    /// goes on from the beginning of the run by the wall clock, and never falls.
    RunResumed {
        /// The version of drctl that does it.
        drctl: String,
        /// The wall clock.
        at: Timestamp,
        /// The steps that are done, and stay so.
        done: Vec<StepId>,
    },
    /// Something was made, or may have been, that no state knows of: Terraform was killed before it
    /// could write that down.
    OrphansFound {
        /// In which stack.
        step: StepId,
        /// What, and what becomes of it.
        orphans: Vec<Orphan>,
    },
    /// An apply that an earlier process of the run began is taken up: its output is read on from where
    /// that process stopped, and its end is waited for. Its good end is that of the phase.
    ApplyTakenUp {
        /// Of which stack.
        step: StepId,
        /// True while it runs; false when it had ended, and nobody had told.
        runs: bool,
        /// What it had begun and not ended when it was last told of: what is done, by the address of
        /// the resource instance.
        waits_for: BTreeMap<String, ResourceAction>,
    },
    /// The run was asked to stop; nothing new is begun, what is in flight may end.
    InterruptReceived {
        /// The signal's name, such as `SIGINT`.
        signal: String,
    },
    /// The run ended. Last, but for sweeps.
    RunFinished {
        /// How.
        outcome: RunOutcome,
    },
    /// What some steps did begins to be taken back, by another process. Time is as in a sweep.
    UndoStarted {
        /// The version of drctl that does it.
        drctl: String,
        /// The wall clock.
        at: Timestamp,
        /// The steps.
        steps: Vec<StepId>,
    },
    /// All of that was taken back, or something of it could not be.
    UndoFinished {
        /// True when all was.
        undone: bool,
    },
    /// What a drill left begins to be removed, by another process. From here on `elapsed_ms` goes
    /// on from the last event before, whatever time has passed since.
    SweepStarted {
        /// The version of drctl that does it.
        drctl: String,
        /// The wall clock.
        at: Timestamp,
    },
    /// A sweep ended.
    SweepFinished {
        /// True when nothing of what is known is left.
        removed: bool,
        /// What was begun to be made, is in no state, and so may be left: addresses, each after the
        /// name of its stack.
        unknown: Vec<String>,
    },
    /// The run is the way home that a failover made necessary; its own region is the primary. Comes
    /// before any step's event.
    FailbackOf {
        /// The failover.
        failover: RunId,
        /// The region that is left behind: the fallback of that failover.
        fallback: String,
    },
    /// A stack was looked at before the way home was gone; nothing of it was changed by that.
    StackLooked {
        /// Which stack.
        step: StepId,
        /// What was found.
        looked: Looked,
    },
    /// What is left behind begins to be torn down: removals from here on are of the fallback.
    TearDownStarted {
        /// Its region.
        region: String,
    },
    /// The fallback was torn down, or something of it could not be.
    TearDownFinished {
        /// True when nothing of what is known is left.
        removed: bool,
    },
    /// Written by a newer drctl.
    #[serde(other)]
    Unknown,
}

/// Something that takes the stream in.
///
/// Sinks are called in order, on the run's own loop, one event at a time: a slow
/// sink slows the run, so a sink with slow work hands it to a thread of its own.
pub trait Sink: Send {
    /// Takes one event.
    ///
    /// # Errors
    ///
    /// What could not be written. What follows is the caller's choice.
    fn take(&mut self, event: &Event) -> std::io::Result<()>;
}

impl Sink for Vec<Event> {
    fn take(&mut self, event: &Event) -> std::io::Result<()> {
        self.push(event.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_newer_drctl_is_read_as_unknown() {
        let line = r#"{"seq":3,"elapsed_ms":9,"event":"region_evacuated","from":"eu"}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event, Event { seq: 3, elapsed_ms: 9, kind: EventKind::Unknown });
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let kind = EventKind::PhaseStarted { step: StepId::new("data"), phase: Phase::Apply };
        let line = serde_json::to_string(&Event { seq: 7, elapsed_ms: 1_200, kind }).unwrap();
        assert_eq!(
            line,
            r#"{"seq":7,"elapsed_ms":1200,"event":"phase_started","step":"data","phase":"apply"}"#
        );
    }
}
