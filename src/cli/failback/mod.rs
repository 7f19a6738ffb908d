//! The way home after a failover: looked at, confirmed, gone, verified, and only then cleared up behind.

mod begin;
mod confirm;
mod failover;
mod found;
mod homeward;
mod journey;
mod record;
mod rehearsed;
mod resume;
mod shown;
mod stores;

pub(super) use begin::fail_back;
pub(super) use failover::torn_down;
pub(super) use journey::Ending;
pub(super) use rehearsed::{there_and_back, trip};
pub(super) use resume::{is_one, resume};

use super::output::Output;
use crate::{
    engine::{Found, Recovery, Tools},
    model::secrets::Secrets,
    report::show::Format,
    runbook::Known,
};
use std::{sync::Arc, time::Duration};

/// What a way home is asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// True to show what would be done, and do nothing.
    pub(super) dry_run: bool,
    /// True to ask nobody.
    pub(super) yes: bool,
    /// The digest that stands for a person's word.
    pub(super) expected: Option<String>,
    /// Digests of changes that somebody said yes to.
    pub(super) accepted: Vec<String>,
    /// True when what was written in the fallback is home already, or may be lost.
    pub(super) data_is_home: bool,
    /// True to ask no probe whether the primary is back.
    pub(super) primary_is_back: bool,
    /// What becomes of the fallback; `None` to ask.
    pub(super) ending: Option<Ending>,
    /// The commit to go home with, when not that of the failover.
    pub(super) reference: Option<String>,
    /// The terraform to run, over that of the failover.
    pub(super) terraform: Option<String>,
    /// True to ask no server for the repository.
    pub(super) offline: bool,
    pub(super) json: bool,
    pub(super) max_parallel: u16,
    pub(super) grace: Option<Duration>,
    pub(super) write: Vec<Output<Format>>,
}

/// One of the two regions of a way home, with all that is needed to work on it.
#[derive(Clone)]
pub(super) struct Ground {
    /// What is there, or is to be.
    pub(super) recovery: Arc<Recovery>,
    /// What is known of it.
    pub(super) known: Known,
    /// What it is worked on with.
    pub(super) tools: Arc<Tools>,
    /// What is secret of what its stacks put out.
    pub(super) secrets: Secrets,
}

impl Ground {
    /// Takes in what its stacks put out.
    pub(super) fn learn(&mut self, found: &Found) {
        self.known.outputs.clone_from(&found.outputs);
        self.secrets.clone_from(&found.secrets);
    }
}
