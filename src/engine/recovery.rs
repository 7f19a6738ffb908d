//! All that decides what a run will do, known before it does anything.

use crate::{
    config::{body::Attribute, expression::Expr},
    model::{
        step::{StepId, StepKind, StepSummary},
        text::hex,
    },
    runbook::{Deploy, Known, Probe, RecoveryPoint, Settings, Site},
};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

/// What a run will do.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// Region, primary and service, as expressions see them.
    pub known: Known,
    /// Every step, in the runbook's order.
    pub steps: Vec<PlannedStep>,
    /// What the service is asked at the end.
    pub probes: Vec<Probe>,
    /// What tells how old the data is.
    pub recovery_points: Vec<RecoveryPoint>,
    /// Values that a rehearsal cannot know, by type and attribute.
    pub simulate: Map<String, Value>,
    /// True when a rehearsal asks its probes for real, after the simulated cloud.
    pub asks_for_real: bool,
    /// How long the service may take to pass its probes.
    pub verify_within: Duration,
    /// The root of the work copy, where programs run.
    pub root: PathBuf,
    /// The environment of every program.
    pub env: BTreeMap<String, String>,
}

/// A step with all that is known of it beforehand.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Its name.
    pub id: StepId,
    /// Steps that must be done first.
    pub needs: Vec<StepId>,
    /// What it brings up.
    pub kind: StepKind,
    /// The word that the runbook has for it.
    pub block: &'static str,
    /// True when it moves traffic, and only to a fallback that passes its probes.
    pub waits_for_verification: bool,
    /// What it does.
    pub work: Work,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Work {
    /// Applies a Terraform root module.
    Stack(Arc<StackWork>),
    /// Runs a program.
    Command(Arc<CommandWork>),
    /// Brings something up on what the stacks made.
    Deploy(Arc<DeployWork>),
    /// Nothing, on purpose: why, as a sentence without a full stop.
    LeftOut(String),
}

/// A Terraform root module in the work copy, pointed at the fallback region.
#[derive(Clone, Debug)]
pub struct StackWork {
    /// Its folder.
    pub dir: PathBuf,
    /// The variables that carry the region; every other source of a value wins over them.
    pub regional: Map<String, Value>,
    /// Its variables, evaluated once what it needs is up; they win over the files.
    pub variables: Vec<Attribute>,
    /// Files of variables, in order; the last wins.
    pub var_files: Vec<PathBuf>,
    /// What Terraform gets in its environment; holds secrets.
    pub env: BTreeMap<String, String>,
    /// Where its state is kept.
    pub state: StateHome,
    /// The region that it leaves, when that is declared or its code tells.
    pub primary: Option<String>,
    /// Provider configurations that point outside the fallback on purpose, and where.
    pub pinned: BTreeMap<String, String>,
    /// Types and addresses of resources that the runbook decides on itself.
    pub decided: BTreeSet<String>,
    /// How many resources Terraform works on at once.
    pub parallelism: u16,
}

/// Where the state of a stack is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateHome {
    /// By drctl, in the run's folder.
    Own,
    /// In a backend that the runbook declares.
    Declared {
        /// Its type, such as `s3`.
        backend: String,
    },
}

impl StateHome {
    /// Returns true when the runbook declares where it is.
    pub fn is_declared(&self) -> bool {
        matches!(self, Self::Declared { .. })
    }

    /// Returns the type of the backend that Terraform is configured with.
    pub fn backend(&self) -> &str {
        match self {
            Self::Own => "http",
            Self::Declared { backend } => backend,
        }
    }
}

/// A program.
#[derive(Clone, Debug)]
pub struct CommandWork {
    /// The program and its arguments: a list of strings.
    pub run: Expr,
    /// Its environment.
    pub env: Vec<Attribute>,
    /// The program and its arguments that take back what it did.
    pub undo: Option<Expr>,
    /// How long it may take.
    pub limit: Option<Duration>,
}

/// Something that is brought up on what the stacks made.
#[derive(Clone, Debug)]
pub struct DeployWork {
    /// What.
    pub deploy: Deploy,
    /// Where.
    pub site: Option<Site>,
    /// Where for real, in a rehearsal that brings it up for real.
    pub instead: Option<Settings>,
    /// What stands for what in the names of images.
    pub replace: BTreeMap<String, String>,
}

impl Recovery {
    /// Returns the steps as the plan of a run shows them.
    pub fn summaries(&self) -> Vec<StepSummary> {
        let summary = |step: &PlannedStep| StepSummary {
            id: step.id.clone(),
            kind: step.kind,
            needs: step.needs.clone(),
            parallelism: match &step.work {
                Work::Stack(stack) => Some(stack.parallelism),
                Work::Command(_) | Work::Deploy(_) | Work::LeftOut(_) => None,
            },
            block: Some(step.block.to_owned()),
        };
        self.steps.iter().map(summary).collect()
    }
}

/// SHA-256 over all that decides what will be done, in hexadecimal.
///
/// Whoever confirms a run by its digest confirms this commit, this runbook, this
/// region and these changes to the code, and nothing else.
pub fn digest(decisions: &str) -> String {
    sha256(decisions.as_bytes())
}

/// SHA-256 of some bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
