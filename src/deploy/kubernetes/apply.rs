//! Applies objects, and remembers what stood there before.

use super::{
    api::{Answer, Api},
    discovery::Kinds,
    error::KubernetesError,
    manifest::{names, rank},
    watch::{ObjectRef, watched},
};
use crate::deploy::{
    DeployError,
    deployment::{Job, News},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, time::Duration};
use tokio::time::sleep;

/// How often something is applied again that failed for a reason that passes.
const AGAIN: u32 = 5;

/// What stood before a step.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// The namespaces that the step made.
    pub(super) namespaces: Vec<String>,
    /// The objects that it applies, in that order.
    pub(super) objects: Vec<Before>,
}

/// An object as it stood before.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Before {
    /// Which.
    pub(super) object: ObjectRef,
    /// True when it was there.
    pub(super) was_there: bool,
    /// How it was; of a secret, that is not kept.
    pub(super) stood: Option<Value>,
}

/// Objects on their way into a cluster.
pub(super) struct Applying<'a, 'j> {
    job: &'a Job<'j>,
    api: &'a Api,
    kinds: Kinds,
    /// Of what names none.
    namespace: String,
    force: bool,
    memory: Memory,
}

impl<'a, 'j> Applying<'a, 'j> {
    pub(super) fn new(
        job: &'a Job<'j>,
        api: &'a Api,
        namespace: String,
        force: bool,
    ) -> Result<Self, DeployError> {
        // What an earlier try of this run found is what stood before the run.
        let memory = job.recall()?.unwrap_or_default();
        Ok(Self { job, api, kinds: Kinds::default(), namespace, force, memory })
    }

    /// Returns the kinds that the cluster is known to know.
    pub(super) fn kinds(&mut self) -> &mut Kinds {
        &mut self.kinds
    }

    /// Looks at what stands there, remembers it, and returns the objects with their places; with
    /// `namespace`, that is among them when it is not there.
    pub(super) async fn plan(
        &mut self,
        objects: Vec<Value>,
        namespace: Option<&str>,
    ) -> Result<Vec<(ObjectRef, Value)>, DeployError> {
        let defined = defined(&objects);
        let mut planned = Vec::new();
        if let Some(name) = namespace {
            let is_it = |o: &Value| o["kind"] == "Namespace" && o["metadata"]["name"] == name;
            if !objects.iter().any(is_it) {
                planned.extend(self.own_namespace(name).await?);
            }
        }
        for mut object in objects {
            let (api, kind, name) = names(&object, Path::new(""))?;
            let known = defined
                .get(&(api.split('/').next().unwrap_or_default().to_owned(), kind.to_owned()));
            let is_namespaced = match known {
                Some(is_namespaced) => *is_namespaced,
                None => self.kinds.is_namespaced(self.api, api, kind).await?,
            };
            let own = object["metadata"]["namespace"].as_str();
            let namespace = is_namespaced.then(|| own.unwrap_or(&self.namespace).to_owned());
            let (api, kind, name) = (api.to_owned(), kind.to_owned(), name.to_owned());
            match &namespace {
                Some(namespace) => object["metadata"]["namespace"] = namespace.as_str().into(),
                None => {
                    object["metadata"].as_object_mut().map(|all| all.remove("namespace"));
                }
            }
            // The server writes it, and refuses one that is not its own.
            object.as_object_mut().map(|all| all.remove("status"));
            planned.push((ObjectRef { api, kind, namespace, name }, object));
        }
        self.remember(&planned).await?;
        Ok(planned)
    }

    /// The namespace of the step as an object, when it is not there.
    async fn own_namespace(&self, name: &str) -> Result<Option<(ObjectRef, Value)>, DeployError> {
        let (api, kind) = ("v1".to_owned(), "Namespace".to_owned());
        let object = ObjectRef { api, kind, namespace: None, name: name.to_owned() };
        let there = self.api.get(&format!("/api/v1/namespaces/{name}")).await?;
        if there.body["status"]["phase"] == "Terminating" {
            let cause = "it is being deleted".to_owned();
            return Err(KubernetesError::Refused { object: object.to_string(), cause }.into());
        }
        let metadata =
            json!({ "name": name, "labels": { "app.kubernetes.io/managed-by": "drctl" } });
        let manifest = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": metadata });
        Ok((there.code == 404).then_some((object, manifest)))
    }

    /// Writes down what stands there now of what is not remembered yet.
    async fn remember(&mut self, planned: &[(ObjectRef, Value)]) -> Result<(), DeployError> {
        for (object, _) in planned {
            if self.memory.objects.iter().any(|before| before.object == *object) {
                continue;
            }
            let stands = match self.kinds.path(self.api, object).await {
                Ok(path) => self.api.get(&path).await?,
                // Its definition is applied in this step.
                Err(KubernetesError::NoKind { .. }) => Answer { code: 404, body: Value::Null },
                Err(error) => return Err(error.into()),
            };
            if !stands.is_ok() && stands.code != 404 {
                return Err(refused(object, &stands).into());
            }
            let was_there = stands.is_ok();
            if !was_there && object.kind == "Namespace" {
                self.memory.namespaces.push(object.name.clone());
                continue;
            }
            let stood = Some(stands.body).filter(|_| was_there && object.kind != "Secret");
            self.memory.objects.push(Before { object: object.clone(), was_there, stood });
        }
        self.job.remember(&self.memory)
    }

    /// Applies all, and waits for definitions before what is of them.
    pub(super) async fn apply(
        &mut self,
        planned: &[(ObjectRef, Value)],
        limit: Duration,
    ) -> Result<(), DeployError> {
        let (mut made, mut changed) = (0, 0);
        for group in planned.chunk_by(|(_, a), (_, b)| rank(a) == rank(b)) {
            let mut definitions = Vec::new();
            for (object, manifest) in group {
                let answer = self.apply_one(object, manifest).await?;
                let before = self.memory.objects.iter().find(|before| before.object == *object);
                let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
                let stood = before.and_then(|before| before.stood.as_ref()).map(version);
                if answer.code == 201 {
                    made += 1;
                } else if stood.is_none_or(|stood| stood != version(&answer.body)) {
                    changed += 1;
                }
                if object.kind == "CustomResourceDefinition" {
                    definitions.push(object.clone());
                }
            }
            if !definitions.is_empty() {
                watched(self.job, self.api, &mut self.kinds, &definitions, limit).await?;
            }
        }
        let all = planned.len();
        let words = format!("of {all} objects, {made} were made and {changed} changed");
        self.job.tell.say(News::Note(words));
        Ok(())
    }

    async fn apply_one(
        &mut self,
        object: &ObjectRef,
        manifest: &Value,
    ) -> Result<Answer, DeployError> {
        let path = self.kinds.path(self.api, object).await?;
        let mut force = self.force;
        let mut again = 0;
        loop {
            again += 1;
            if self.job.stop.is_cancelled() {
                return Err(DeployError::Stopped { program: "kubectl".into(), log: None });
            }
            let answer = self.api.apply(&path, manifest, force).await?;
            if answer.is_ok() {
                return Ok(answer);
            }
            let owners = owners(&answer);
            let own = |(_, who): &(String, String)| who == "drctl";
            match answer.code {
                401 => return Err(self.api.unauthorized(&answer).into()),
                409 if !owners.is_empty() && !force && owners.iter().all(own) => force = true,
                409 if !owners.is_empty() => {
                    let object = object.to_string();
                    return Err(KubernetesError::Conflict { object, owners }.into());
                }
                // Somebody changed it meanwhile, or the server has too much to do.
                409 | 429 | 500..=599 if again < AGAIN => {
                    sleep(Duration::from_millis(200) * again).await;
                }
                _ => return Err(refused(object, &answer).into()),
            }
        }
    }
}

pub(super) fn refused(object: &ObjectRef, answer: &Answer) -> KubernetesError {
    KubernetesError::Refused { object: object.to_string(), cause: answer.message() }
}

/// The fields that others own and whose they are, as an answer says that is a conflict.
fn owners(answer: &Answer) -> Vec<(String, String)> {
    let causes = answer.body["details"]["causes"].as_array();
    let owner = |cause: &Value| {
        let field =
            cause["field"].as_str().filter(|_| cause["reason"] == "FieldManagerConflict")?;
        // The name stands in quotes in a message that is otherwise for people.
        let message = cause["message"].as_str().unwrap_or_default();
        let who = message.split('"').nth(1).unwrap_or(message);
        Some((field.to_owned(), who.to_owned()))
    };
    causes.into_iter().flatten().filter_map(owner).collect()
}

/// The kinds that objects of a step define themselves, by group and name, and whether they are in
/// namespaces.
fn defined(objects: &[Value]) -> BTreeMap<(String, String), bool> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let definitions = objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition");
    definitions
        .filter_map(|object| {
            let spec = &object["spec"];
            let key = (text(&spec["group"])?, text(&spec["names"]["kind"])?);
            Some((key, spec["scope"] != "Cluster"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_names_the_fields_and_their_owners() {
        let body = json!({
            "kind": "Status", "status": "Failure", "reason": "Conflict", "code": 409,
            "message": "Apply failed with 1 conflict: conflict with \"kube-controller-manager\" using apps/v1: .spec.replicas",
            "details": { "causes": [{
                "reason": "FieldManagerConflict",
                "message": "conflict with \"kube-controller-manager\" using apps/v1",
                "field": ".spec.replicas",
            }] },
        });
        let owners = owners(&Answer { code: 409, body });
        let error = KubernetesError::Conflict { object: "shop/deployment/web".into(), owners };
        assert_eq!(
            error.to_string(),
            "`shop/deployment/web` is not changed, since others own `.spec.replicas` (`kube-controller-manager`)"
        );
    }

    #[test]
    fn kinds_that_a_step_defines_are_known_before_they_are_there() {
        let definition = json!({
            "kind": "CustomResourceDefinition",
            "spec": { "group": "example.com", "scope": "Namespaced", "names": { "kind": "Shop" } },
        });
        assert_eq!(defined(&[definition]), [(("example.com".into(), "Shop".into()), true)].into());
    }
}
