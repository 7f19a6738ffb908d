//! How a recovery is meant: for real, or against the simulated cloud.

use super::{
    drill::{self, Terms},
    prepare,
    prepared::Keeping,
};
use crate::{
    catalogue::Catalogue,
    engine::{Recovery, Tools},
    model::run::{DeclaredBy, Outage, RunId, RunKind},
    provider::simulate::World,
    runbook::Known,
    sim::{OutageMode, Scenario},
};
use jiff::Timestamp;
use serde_json::{Map, Value};
use std::{borrow::Cow, collections::BTreeMap, path::PathBuf, pin::Pin, rc::Rc, sync::Arc};

/// How a recovery is meant.
pub(super) enum Way {
    /// For real.
    Failover {
        /// The digest that stands for a person's word.
        expected: Option<String>,
        /// True to go on though an earlier run left something.
        again: bool,
        /// Digests of changes to that which somebody said yes to.
        accepted: Vec<String>,
        /// Whether it starts from what was prepared.
        prepared: prepare::Prepared,
        /// What `drctl watch` knows, when it is that which recovers.
        noticed: Option<Noticed>,
    },
    /// Against the simulated cloud.
    Rehearsal(Box<Simulated>),
    /// For real, or against the simulated cloud, and removed again in any case.
    Drill(Box<Terms>),
}

/// What `drctl watch` knows of the outage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noticed {
    /// When it was detected.
    pub(super) detected_at: Timestamp,
    /// Who said go.
    pub(super) by: DeclaredBy,
}

/// What a rehearsal is like.
#[derive(Clone)]
pub(super) struct Simulated {
    /// What goes wrong in the cloud, besides the outage of the primary.
    pub(super) scenario: Scenario,
    /// Whether the primary is down from the start.
    pub(super) primary_down: bool,
    /// By how much latencies are divided.
    pub(super) time_scale: u32,
    /// What the draws begin with.
    pub(super) seed: u64,
    /// Values that the user knows better, over those of the runbook.
    pub(super) values: Map<String, Value>,
    /// What is known of resource types, when not just what is built in.
    pub(super) catalogue: Option<Catalogue>,
    /// Where registry modules come from, when not from their registry.
    pub(super) modules: Option<PathBuf>,
    /// Copies of the primary's states, by the stack's name.
    pub(super) states: BTreeMap<String, Vec<u8>>,
    /// True to plan what is up once more.
    pub(super) second_plan: bool,
    /// True to leave what was made.
    pub(super) keep: bool,
    /// Where sites really are, by their names: what runs on the stacks is brought up there for real.
    pub(super) at: BTreeMap<String, String>,
    /// The addresses at which probes are asked for real, by their names.
    pub(super) ask: BTreeMap<String, String>,
    /// The cloud, where it is there already and stays.
    pub(super) world: Option<Arc<World>>,
    /// When the outage began and was detected, where that was played, too.
    pub(super) outage: Option<Outage>,
    /// What is done once all is up, and before it is planned once more and removed.
    pub(super) meanwhile: Option<Meanwhile>,
}

/// A rehearsal that stands.
#[derive(Clone)]
pub(super) struct Up {
    /// The cloud that it stands in.
    pub(super) world: Arc<World>,
    /// What was done.
    pub(super) recovery: Arc<Recovery>,
    /// What is known of it.
    pub(super) known: Known,
    /// What it was done with.
    pub(super) tools: Arc<Tools>,
}

/// Does something while a rehearsal stands.
pub(super) type Meanwhile = Rc<dyn Fn(Up) -> Acting>;

/// What is being done.
pub(super) type Acting = Pin<Box<dyn Future<Output = ()>>>;

impl Simulated {
    /// A cloud on a good day, but for the outage of the primary.
    pub(super) fn plain(time_scale: u32, seed: u64) -> Self {
        Self {
            scenario: Scenario::default(),
            primary_down: true,
            time_scale,
            seed,
            values: Map::new(),
            catalogue: None,
            modules: None,
            states: BTreeMap::new(),
            second_plan: false,
            keep: false,
            at: BTreeMap::new(),
            ask: BTreeMap::new(),
            world: None,
            outage: None,
            meanwhile: None,
        }
    }

    /// Makes the cloud in which `scenario` goes wrong.
    pub(super) fn world(&self, scenario: Scenario) -> World {
        let catalogue = match &self.catalogue {
            None => Cow::Borrowed(Catalogue::builtin()),
            Some(own) => Cow::Owned(own.clone()),
        };
        World::new(self.seed, scenario, catalogue, f64::from(self.time_scale))
    }

    /// Returns all that goes wrong, the outage of the primary included.
    pub(super) fn scenario(&self, primary: Option<&str>) -> Scenario {
        let mut scenario = self.scenario.clone();
        if let Some(primary) = primary.filter(|_| self.primary_down) {
            let down = Scenario::region_down(primary, 0, OutageMode::Unavailable);
            scenario.outages.extend(down.outages);
        }
        scenario
    }
}

impl Way {
    /// Returns what `drctl watch` knows of the outage, when it is that which recovers.
    pub(super) fn noticed(&self) -> Option<Noticed> {
        match self {
            Self::Failover { noticed, .. } => *noticed,
            Self::Rehearsal(_) | Self::Drill(_) => None,
        }
    }

    /// Returns what the run is called.
    pub(super) fn run_kind(&self) -> RunKind {
        match self {
            Self::Failover { .. } => RunKind::Failover,
            Self::Rehearsal(_) => RunKind::Rehearsal,
            Self::Drill(_) => RunKind::Drill,
        }
    }

    /// Returns what the simulated cloud is like, where nothing real is made.
    pub(super) fn simulated(&self) -> Option<&Simulated> {
        match self {
            Self::Failover { .. } => None,
            Self::Rehearsal(simulated) => Some(simulated),
            Self::Drill(terms) => terms.simulated.as_ref(),
        }
    }

    /// Returns the terms of a drill.
    pub(super) fn drill(&self) -> Option<&Terms> {
        match self {
            Self::Failover { .. } | Self::Rehearsal(_) => None,
            Self::Drill(terms) => Some(terms),
        }
    }

    /// Returns how what the run `run` makes is kept apart from what others make.
    pub(super) fn keeping<'r>(&self, run: &'r RunId) -> Keeping<'r> {
        match self {
            Self::Failover { .. } => Keeping::default(),
            Self::Rehearsal(_) => Keeping { own_state: true, salt: None },
            Self::Drill(_) => drill::keeping(run),
        }
    }
}
