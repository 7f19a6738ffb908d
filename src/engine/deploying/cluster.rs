//! The cluster that steps of Kubernetes and Helm are done at.

use super::Parts;
use crate::{
    deploy::kubernetes::{Access, Cluster},
    runbook::{Mistake, Settings},
};
use serde_json::Value;
use std::path::PathBuf;

/// Makes the cluster of a step; `None` when what it is reached by is not known yet.
///
/// # Errors
///
/// What is set does not name a way to reach it.
pub(super) fn cluster(parts: &Parts<'_>) -> Result<Option<Cluster>, Mistake> {
    Ok(parts.site.is_whole().then(|| of(&parts.site, parts.site_name)))
}

/// Makes a cluster of all that is set for it, which is checked to be one way to reach it.
pub(in crate::engine) fn of(site: &Settings, name: &str) -> Cluster {
    let config = match (site.object("kubeconfig"), site.text("kubeconfig")) {
        (Some(object), _) => Some(Value::Object(object.clone())),
        (None, text) => text.map(Value::String),
    };
    let access = if let Some(config) = config {
        Access::Kubeconfig { config, context: site.text("context") }
    } else if let Some(server) = site.text("server") {
        let (ca, token) = (site.text("ca"), site.text("token"));
        Access::Server { server, ca, token, credentials: site.texts("credentials") }
    } else {
        Access::Context { name: site.text("context"), file: site.text("file").map(PathBuf::from) }
    };
    Cluster { name: name.to_owned(), access }
}
