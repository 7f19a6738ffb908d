//! Kubernetes: how a cluster is reached, what is applied to it, and whether that gets ready.

mod api;
mod apply;
mod cluster;
mod discovery;
mod error;
mod judge;
mod manifest;
mod question;
mod source;
mod step;
mod trouble;
mod undo;
mod version;
mod watch;

pub(super) use cluster::Reach;
pub use cluster::{Access, Cluster};
pub use error::KubernetesError;
pub(super) use manifest::{documents, images_of};
pub use question::Question;
pub use step::{Kubernetes, Values};
pub(super) use watch::{ObjectRef, until_ready};
