//! Takes back what was applied.

use super::{
    api::{Answer, Api, escaped},
    apply::{Before, Memory, refused},
    discovery::Kinds,
    error::KubernetesError,
    watch::ObjectRef,
};
use crate::deploy::{
    DeployError,
    deployment::{Job, News},
};
use serde_json::Value;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often is looked whether something is gone.
const LOOK: Duration = Duration::from_millis(200);

/// Removes what a step made, puts back what it changed, and returns once what it made is gone.
pub(super) async fn take_back(
    job: &Job<'_>,
    api: &Api,
    memory: &Memory,
    limit: Duration,
) -> Result<(), DeployError> {
    let mut kinds = Kinds::default();
    let mut going = Vec::new();
    for before in memory.objects.iter().rev() {
        let path = match kinds.path(api, &before.object).await {
            Ok(path) => path,
            // Nothing can be of a kind that is gone.
            Err(KubernetesError::NoKind { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        if before.was_there {
            put_back(job, api, before, &path).await?;
        } else {
            deleted(&before.object, &api.delete(&path).await?)?;
            going.push((before.object.to_string(), path));
        }
    }
    for name in memory.namespaces.iter().rev() {
        let object = ObjectRef {
            api: "v1".into(),
            kind: "Namespace".into(),
            namespace: None,
            name: name.clone(),
        };
        let path = format!("/api/v1/namespaces/{}", escaped(name));
        deleted(&object, &api.delete(&path).await?)?;
        going.push((object.to_string(), path));
    }
    gone(job, api, going, limit).await
}

fn deleted(object: &ObjectRef, answer: &Answer) -> Result<(), KubernetesError> {
    match answer.code {
        // Gone, or on its way.
        404 | 409 => Ok(()),
        _ if answer.is_ok() => Ok(()),
        _ => Err(refused(object, answer)),
    }
}

/// Puts an object back as it stood, when it is not like that.
async fn put_back(
    job: &Job<'_>,
    api: &Api,
    before: &Before,
    path: &str,
) -> Result<(), DeployError> {
    let note = |what: &str| job.tell.say(News::Note(format!("`{}` {what}", before.object)));
    let Some(stood) = &before.stood else {
        note("was there before and is left as it is now");
        return Ok(());
    };
    let now = api.get(path).await?;
    if now.code == 404 {
        note("was there before and is gone");
        return Ok(());
    }
    let mut wanted = bare(stood.clone());
    if wanted == bare(now.body.clone()) {
        return Ok(());
    }
    wanted["metadata"]["resourceVersion"] = now.body["metadata"]["resourceVersion"].clone();
    let answer = api.put(path, &wanted).await?;
    if !answer.is_ok() {
        return Err(refused(&before.object, &answer).into());
    }
    note("is put back as it stood before");
    Ok(())
}

/// An object without what the server writes.
fn bare(mut object: Value) -> Value {
    if let Some(all) = object.as_object_mut() {
        all.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp"] {
            metadata.remove(name);
        }
    }
    // The controller counts it on.
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove("deployment.kubernetes.io/revision");
    }
    object
}

async fn gone(
    job: &Job<'_>,
    api: &Api,
    mut going: Vec<(String, String)>,
    limit: Duration,
) -> Result<(), DeployError> {
    let began = Instant::now();
    loop {
        let mut left = Vec::new();
        for (object, path) in going {
            if api.get(&path).await?.code != 404 {
                left.push((object, path));
            }
        }
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > limit {
            let objects = left.into_iter().map(|(object, _)| format!("`{object}`")).collect();
            return Err(KubernetesError::NotGone { objects, limit }.into());
        }
        going = left;
        tokio::select! {
            () = job.stop.cancelled() => {
                return Err(DeployError::Stopped { program: "kubectl".into(), log: None });
            }
            () = sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_server_writes_is_no_change() {
        let object = |version: &str, replicas: u64| {
            json!({
                "metadata": {
                    "name": "web", "resourceVersion": version, "generation": 3, "uid": "a",
                    "annotations": { "deployment.kubernetes.io/revision": version },
                },
                "spec": { "replicas": replicas },
                "status": { "replicas": replicas },
            })
        };
        assert_eq!(bare(object("1", 2)), bare(object("9", 2)));
        assert_ne!(bare(object("1", 2)), bare(object("1", 3)));
    }
}
