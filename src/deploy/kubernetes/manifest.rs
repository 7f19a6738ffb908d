//! What manifests say.

use super::error::KubernetesError;
use crate::model::text::{hex, replaced};
use serde_json::{Value, json};
use serde_saphyr::DuplicateKeyPolicy;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Where containers stand in a pod.
const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Reads the objects of a text of YAML or JSON as kubectl does: lists are taken apart, and documents
/// that are empty are left out.
///
/// # Errors
///
/// [`KubernetesError::NotYaml`] with the place.
pub(in crate::deploy) fn documents(text: &str) -> Result<Vec<Value>, KubernetesError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            // A hundred times as much as is usual, for charts that bring their CRDs along.
            max_events: 20_000_000,
            max_nodes: 10_000_000,
            max_documents: 100_000,
        },
        // kubectl reads YAML 1.1: https://pkg.go.dev/sigs.k8s.io/yaml
        legacy_octal_numbers: true,
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        // What stands around a mistake may be secret.
        with_snippet: false,
    };
    let all: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| KubernetesError::NotYaml { cause: error.to_string() })?;
    Ok(all.into_iter().flat_map(taken_apart).filter(|object| !object.is_null()).collect())
}

fn taken_apart(mut object: Value) -> Vec<Value> {
    let is_list = object["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    match object.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => items.into_iter().flat_map(taken_apart).collect(),
        Some(items) => {
            object["items"] = items;
            vec![object]
        }
        None => vec![object],
    }
}

/// Returns the images that pods of these objects are made of, each once, without those that are
/// never pulled.
pub(in crate::deploy) fn images_of(objects: &[Value]) -> Vec<String> {
    let mut images = BTreeSet::new();
    for object in objects {
        let Some(spec) = pod_spec(object) else { continue };
        let containers = CONTAINERS.iter().filter_map(|part| spec[part].as_array()).flatten();
        for container in containers {
            if container["imagePullPolicy"] != "Never" {
                images.extend(container["image"].as_str().map(str::to_owned));
            }
        }
        for volume in spec["volumes"].as_array().into_iter().flatten() {
            let image = &volume["image"];
            if image["pullPolicy"] != "Never" {
                images.extend(image["reference"].as_str().map(str::to_owned));
            }
        }
    }
    images.into_iter().collect()
}

/// Puts other images in the place of those whose names hold what is replaced, the longest match first.
pub(super) fn replace_images(objects: &mut [Value], replace: &BTreeMap<String, String>) {
    let replaced = |image: &str| replaced(image, replace);
    for object in objects {
        let Some(spec) = pod_spec_mut(object) else { continue };
        for part in CONTAINERS {
            for container in spec.get_mut(part).and_then(Value::as_array_mut).into_iter().flatten()
            {
                if let Some(image) = container["image"].as_str().and_then(replaced) {
                    container["image"] = image.into();
                }
            }
        }
        for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(image) = volume["image"]["reference"].as_str().and_then(replaced) {
                volume["image"]["reference"] = image.into();
            }
        }
    }
}

/// Where the pod of an object is described.
fn pod_path(object: &Value) -> &'static str {
    match object["kind"].as_str() {
        Some("Pod") => "/spec",
        Some("CronJob") => "/spec/jobTemplate/spec/template/spec",
        Some("PodTemplate") => "/template/spec",
        // A workload, be it one of Kubernetes or of somebody else.
        _ => "/spec/template/spec",
    }
}

fn pod_spec(object: &Value) -> Option<&Value> {
    object.pointer(pod_path(object))
}

fn pod_spec_mut(object: &mut Value) -> Option<&mut Value> {
    let path = pod_path(object);
    object.pointer_mut(path)
}

/// Returns the API, the kind and the name of an object.
///
/// # Errors
///
/// [`KubernetesError::NoObject`] when it lacks one.
pub(super) fn names<'o>(
    object: &'o Value,
    origin: &Path,
) -> Result<(&'o str, &'o str, &'o str), KubernetesError> {
    let text = |value: &'o Value, what: &'static str| {
        value
            .as_str()
            .filter(|text| !text.is_empty())
            .ok_or_else(|| KubernetesError::NoObject { origin: origin.to_owned(), what })
    };
    Ok((
        text(&object["apiVersion"], "apiVersion")?,
        text(&object["kind"], "kind")?,
        text(&object["metadata"]["name"], "metadata.name")?,
    ))
}

/// Returns when an object is applied: what others stand on is applied before them.
pub(super) fn rank(object: &Value) -> u8 {
    match object["kind"].as_str().unwrap_or_default() {
        "Namespace" | "CustomResourceDefinition" => 0,
        "PriorityClass"
        | "RuntimeClass"
        | "StorageClass"
        | "ResourceQuota"
        | "LimitRange"
        | "PodSecurityPolicy"
        | "ServiceAccount"
        | "Secret"
        | "ConfigMap"
        | "PersistentVolume"
        | "PersistentVolumeClaim"
        | "Role"
        | "ClusterRole"
        | "RoleBinding"
        | "ClusterRoleBinding"
        | "Service" => 1,
        // They would be asked about all that is applied after them, and may not be up yet.
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => 3,
        _ => 2,
    }
}

/// A config map, or a secret, of these values.
pub(super) fn generated(kind: &str, name: &str, values: &BTreeMap<String, String>) -> Value {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let data: BTreeMap<&String, String> = values
        .iter()
        .map(|(key, value)| match kind {
            "Secret" => (key, BASE64_STANDARD.encode(value)),
            _ => (key, value.clone()),
        })
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": { "name": name, "labels": { "app.kubernetes.io/managed-by": "drctl" } },
        "data": data,
    })
}

/// Marks the pods that read config maps or secrets of the step with what these hold, so that new
/// values make new pods: what stands in the environment of a container is read once.
pub(super) fn stamp(objects: &mut [Value], made: &[Value]) {
    for object in objects {
        let kind = object["kind"].as_str().unwrap_or_default();
        // The template of others cannot be changed.
        if !matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet") {
            continue;
        }
        let Some(spec) = pod_spec(object).map(Value::to_string) else { continue };
        let reads = |made: &&Value| spec.contains(&made["metadata"]["name"].to_string());
        let read: Vec<String> =
            made.iter().filter(reads).map(|made| made["data"].to_string()).collect();
        if read.is_empty() {
            continue;
        }
        // Short, so that nobody finds a secret by trying: too many values have the same.
        let digest = hex(&Sha256::digest(read.join("\n"))[..4]);
        if let Some(template) = object.pointer_mut("/spec/template") {
            template["metadata"]["annotations"]["drctl/values"] = digest.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
# what is shared
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {on: "yes"}}
- apiVersion: batch/v1
  kind: CronJob
  metadata: {name: nightly}
  spec:
    jobTemplate:
      spec:
        template:
          spec:
            containers: [{name: a, image: "registry.tokyo/job:1"}]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      initContainers:
      - {name: first, image: registry.tokyo/init@sha256:abc}
      containers:
      - name: web
        image: registry.tokyo/web:1
      - {name: local, image: local, imagePullPolicy: Never}
      volumes:
      - {name: s, secret: {secretName: s, defaultMode: 0400}}
---
{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"image": "q.io/p"}]}}
---
"#;

    #[test]
    fn documents_are_read_as_kubectl_reads_them() {
        let objects = documents(TEXT).unwrap();
        let kinds: Vec<_> = objects.iter().map(|o| o["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["ConfigMap", "CronJob", "Deployment", "Pod"]);
        let mode = objects[2].pointer("/spec/template/spec/volumes/0/secret/defaultMode").unwrap();
        assert_eq!(*mode, 0o400);
        let text = documents("a: yes\nb: 'yes'\nc: ~\nd: 1e3\n").unwrap();
        assert_eq!(text[0], json!({"a": true, "b": "yes", "c": null, "d": 1000.0}));
    }

    #[test]
    fn images_of_every_kind_are_found_and_replaced() {
        let mut objects = documents(TEXT).unwrap();
        let found = [
            "q.io/p",
            "registry.tokyo/init@sha256:abc",
            "registry.tokyo/job:1",
            "registry.tokyo/web:1",
        ];
        assert_eq!(images_of(&objects), found);
        let replace =
            [("registry.tokyo", "registry.seoul"), ("registry.tokyo/job", "jobs.seoul/job")]
                .map(|(old, new)| (old.to_owned(), new.to_owned()));
        replace_images(&mut objects, &replace.into());
        let found = [
            "jobs.seoul/job:1",
            "q.io/p",
            "registry.seoul/init@sha256:abc",
            "registry.seoul/web:1",
        ];
        assert_eq!(images_of(&objects), found);
    }

    #[test]
    fn a_mistake_is_told_with_its_place_and_nothing_around_it() {
        let error = documents("kind: Secret\ndata: {a: hunter2\nb: [\n").unwrap_err().to_string();
        assert!(error.contains("line") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn what_others_stand_on_comes_first() {
        let kind = |kind: &str| rank(&json!({ "kind": kind }));
        assert!(kind("Namespace") < kind("Secret"));
        assert!(kind("Secret") < kind("Deployment"));
        assert!(kind("Deployment") < kind("MutatingWebhookConfiguration"));
    }

    #[test]
    fn pods_are_made_anew_when_what_they_read_is_new() {
        let web = || {
            json!({ "kind": "Deployment", "spec": { "template": { "spec": {
                "containers": [{ "envFrom": [{ "secretRef": { "name": "db" } }] }],
            } } } })
        };
        let annotation = |secret: &str, value: &str| {
            let mut objects = [web()];
            stamp(
                &mut objects,
                &[generated("Secret", secret, &[("a".into(), value.into())].into())],
            );
            objects[0].pointer("/spec/template/metadata/annotations").cloned()
        };
        assert_eq!(annotation("db", "1"), annotation("db", "1"));
        assert_ne!(annotation("db", "1"), annotation("db", "2"));
        assert_eq!(annotation("other", "1"), None);
    }

    #[test]
    fn secrets_are_packed() {
        let values = [("password".to_owned(), "hunter2".to_owned())].into();
        assert_eq!(generated("Secret", "db", &values)["data"]["password"], "aHVudGVyMg==");
        assert_eq!(generated("ConfigMap", "db", &values)["data"]["password"], "hunter2");
    }
}
