//! Kubernetes: how a cluster is reached, what is applied to it, and whether that gets ready.

mod api;
mod cluster;
mod discovery;
mod error;
mod judge;
mod manifest;
mod trouble;
mod watch;

pub(super) use cluster::Reach;
pub use cluster::{Access, Cluster};
pub use error::KubernetesError;
pub(super) use manifest::{documents, images_of};
pub(super) use watch::{ObjectRef, until_ready};
