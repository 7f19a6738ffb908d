//! Which runs of the history are meant.

use crate::{model::run::RunKind, store::Query};
use clap::ValueEnum;

/// Which runs are meant.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct Filter {
    /// Only runs of this service
    #[arg(long, value_name = "NAME")]
    pub(super) service: Option<String>,

    /// Only failovers, rehearsals, drills or failbacks
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Option<Kind>,

    /// Only runs into this region
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,
}

/// A kind of run, on the command line.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A real run into the fallback region
    Failover,
    /// A run against the simulated cloud
    Rehearsal,
    /// A real run that was torn down again
    Drill,
    /// The way home after a failover
    Failback,
}

impl Filter {
    /// Returns the question to the history.
    pub(super) fn query(&self, limit: Option<usize>) -> Query {
        Query {
            service: self.service.clone(),
            kind: self.kind.map(|kind| match kind {
                Kind::Failover => RunKind::Failover,
                Kind::Rehearsal => RunKind::Rehearsal,
                Kind::Drill => RunKind::Drill,
                Kind::Failback => RunKind::Failback,
            }),
            region: self.region.clone(),
            limit,
            ..Query::default()
        }
    }

    /// Returns true when every run is meant.
    pub(super) fn is_all(&self) -> bool {
        self.service.is_none() && self.kind.is_none() && self.region.is_none()
    }
}
