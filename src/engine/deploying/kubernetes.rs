//! From a `kubernetes` step of the runbook to what is applied to a cluster.

use super::{Parts, cluster::cluster};
use crate::{
    deploy::kubernetes::{Kubernetes, Values},
    runbook::{Mistake, Settings},
};
use serde_json::Value;
use std::time::Duration;

/// How long objects may take to get ready, unless the runbook says.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Makes the step.
///
/// # Errors
///
/// What is set makes no step.
pub(super) fn kubernetes(parts: &Parts<'_>) -> Result<Kubernetes, Mistake> {
    let settings = &parts.settings;
    Ok(Kubernetes {
        cluster: cluster(parts)?,
        manifests: settings.paths("manifests"),
        kustomization: settings.paths("kustomization").into_iter().next(),
        namespace: settings.text("namespace"),
        config_maps: values(settings, "config_maps")?,
        secrets: values(settings, "secrets")?,
        replace: parts.replace.clone(),
        check_images: settings.flag("check_images").unwrap_or(true),
        force_conflicts: settings.flag("force_conflicts").unwrap_or(false),
        limit: parts.limit.unwrap_or(LIMIT),
    })
}

/// Reads `{ NAME = { KEY = VALUE } }`; what is no text is written as JSON.
fn values(settings: &Settings, name: &str) -> Result<Values, Mistake> {
    let mut all = Values::new();
    for (object, entries) in settings.object(name).into_iter().flatten() {
        let Some(entries) = entries.as_object() else {
            let message = format!("`{object}` in `{name}` is not an object of strings");
            return Err(settings.mistake(name, message));
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let entries = entries.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        all.insert(object.clone(), entries);
    }
    Ok(all)
}
