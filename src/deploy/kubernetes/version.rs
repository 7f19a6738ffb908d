//! The version of kubectl, and how far it is from the cluster's.

use super::{api::Api, step::no_kubectl};
use crate::deploy::{
    DeployError,
    deployment::{Job, News},
};
use serde_json::Value;
use std::{fs, time::Duration};

/// How long kubectl may take to tell its version.
const TELL: Duration = Duration::from_secs(20);

/// How many minor versions kubectl may be away from the server:
/// <https://kubernetes.io/releases/version-skew-policy/#kubectl>
const SKEW: u64 = 1;

/// Asks kubectl for its minor version, once in a run; `None` when it does not say.
pub(super) async fn own_minor(job: &Job<'_>) -> Result<Option<u64>, DeployError> {
    let known = job.scratch.join("kubectl-version");
    if let Ok(minor) = fs::read_to_string(&known) {
        return Ok(minor.parse().ok());
    }
    let argv = ["kubectl", "version", "--client", "--output", "json"].map(str::to_owned);
    let said = job.ask("version", argv.into(), TELL).await.map_err(no_kubectl)?;
    let said: Value = serde_json::from_str(&said).unwrap_or_default();
    let minor = minor(&said["clientVersion"]);
    // Without it, kubectl is asked once more.
    let _ = fs::write(known, minor.map(|minor| minor.to_string()).unwrap_or_default());
    Ok(minor)
}

/// Asks the server whether it is there, and notes when kubectl is too far away from it.
pub(super) async fn note_skew(job: &Job<'_>, api: &Api) -> Result<(), DeployError> {
    let answer = api.get("/version").await?;
    if answer.code == 401 {
        return Err(api.unauthorized(&answer).into());
    }
    if let (Some(own), Some(server)) = (own_minor(job).await?, minor(&answer.body))
        && own.abs_diff(server) > SKEW
    {
        job.tell.say(News::Note(format!(
            "kubectl 1.{own} is {} minor versions away from the cluster's 1.{server}, and one is supported",
            own.abs_diff(server)
        )));
    }
    Ok(())
}

/// The minor version in what Kubernetes says of a version; clouds write `20+`.
fn minor(said: &Value) -> Option<u64> {
    said["minor"].as_str()?.trim_end_matches('+').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_minor_version_is_read_as_clouds_write_it() {
        assert_eq!(minor(&json!({ "major": "1", "minor": "27+" })), Some(27));
        assert_eq!(minor(&json!({ "minor": "20" })), Some(20));
        assert_eq!(minor(&json!({})), None);
    }
}
