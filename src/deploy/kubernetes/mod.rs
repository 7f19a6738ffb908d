//! Kubernetes: how a cluster is reached, what is applied to it, and whether that gets ready.

mod cluster;
mod watch;

pub(super) use cluster::Reach;
pub use cluster::{Access, Cluster};
pub(super) use watch::{ObjectRef, until_ready};
