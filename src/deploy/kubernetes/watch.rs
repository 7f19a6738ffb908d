//! Waits until objects are ready, and says what keeps them from it.

use super::{
    Reach,
    api::{Api, escaped},
    discovery::Kinds,
    error::KubernetesError,
    judge::{Verdict, is_waited_for, judge},
    trouble::{LogOf, Trouble, of_controller, of_pod},
};
use crate::{
    deploy::{
        deployment::{Job, News},
        error::DeployError,
    },
    model::deploy::{ObjectProgress, ObjectState},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How often objects are looked at in the beginning; later it is a fiftieth of the time that went by.
const LOOK: Duration = Duration::from_millis(100);
const LOOK_AT_MOST: Duration = Duration::from_secs(2);

/// How often is looked for what keeps objects from getting ready.
const REASONS: Duration = Duration::from_millis(700);

/// How long something must be hopeless before it counts: a pod may be on its way out.
const SURE: Duration = Duration::from_millis(1500);

/// A Kubernetes object by its names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::deploy) struct ObjectRef {
    /// Its API, such as `apps/v1`.
    pub(in crate::deploy) api: String,
    /// Its kind, such as `Deployment`.
    pub(in crate::deploy) kind: String,
    /// Its namespace, when it has one.
    pub(in crate::deploy) namespace: Option<String>,
    /// Its name.
    pub(in crate::deploy) name: String,
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{}/{}", self.kind.to_lowercase(), self.name)
    }
}

/// Waits until every one of `objects` that gets ready is ready, at most `limit`; tells how each
/// comes along, and why not. Ends at once when `stop` is cancelled.
///
/// # Errors
///
/// [`DeployError`] when one will not get ready, within seconds of Kubernetes knowing that, or when
/// the time is up; it names the objects and the reasons.
pub(in crate::deploy) async fn until_ready(
    job: &Job<'_>,
    reach: &Reach,
    objects: &[ObjectRef],
    limit: Duration,
) -> Result<(), DeployError> {
    if !objects.iter().any(|object| is_waited_for(&object.kind)) {
        return Ok(());
    }
    let api = Api::open(job, reach).await?;
    watched(job, &api, &mut Kinds::default(), objects, limit).await
}

/// As [`until_ready`], through an API that is open.
pub(super) async fn watched(
    job: &Job<'_>,
    api: &Api,
    kinds: &mut Kinds,
    objects: &[ObjectRef],
    limit: Duration,
) -> Result<(), DeployError> {
    let waited = objects.iter().filter(|object| is_waited_for(&object.kind)).cloned().collect();
    let began = Instant::now();
    let mut watch = Watch {
        job,
        api,
        kinds,
        pending: waited,
        told: BTreeMap::new(),
        hopeless: BTreeMap::new(),
        reasons: BTreeMap::new(),
        asked: None,
    };
    loop {
        match watch.look().await {
            Ok(()) => {}
            // It may be back before the time is up.
            Err(error @ KubernetesError::Unreachable { .. }) => watch.unreachable(&error),
            Err(error) => return Err(error.into()),
        }
        if watch.pending.is_empty() {
            return Ok(());
        }
        if let Some(error) = watch.failed(None) {
            return Err(error.into());
        }
        let waited = began.elapsed();
        if waited >= limit {
            let error = watch.failed(Some(limit));
            return error.map_or(Ok(()), |error| Err(error.into()));
        }
        let pause = (waited / 50).clamp(LOOK, LOOK_AT_MOST);
        tokio::select! {
            () = job.stop.cancelled() => {
                return Err(DeployError::Stopped { program: "kubectl".into(), log: None });
            }
            () = sleep(pause) => {}
        }
    }
}

struct Watch<'w, 'j> {
    job: &'w Job<'j>,
    api: &'w Api,
    kinds: &'w mut Kinds,
    /// What is not ready yet.
    pending: BTreeSet<ObjectRef>,
    /// What was told of each last.
    told: BTreeMap<ObjectRef, Verdict>,
    /// Since when each is hopeless.
    hopeless: BTreeMap<ObjectRef, Instant>,
    /// What keeps each from getting ready.
    reasons: BTreeMap<ObjectRef, Trouble>,
    /// When that was asked last.
    asked: Option<Instant>,
}

impl Watch<'_, '_> {
    /// Looks at every object that is not ready yet.
    async fn look(&mut self) -> Result<(), KubernetesError> {
        let mut seen = Vec::new();
        for object in self.pending.clone() {
            let path = self.kinds.path(self.api, &object).await?;
            let answer = self.api.get(&path).await?;
            let found = match answer.code {
                200 => answer.body,
                404 => Value::Null,
                // Too many questions, or a server that is just starting: it is asked again.
                _ => continue,
            };
            seen.push((object, found));
        }
        let mut late = Vec::new();
        for (object, found) in seen {
            let verdict = match found.is_null() {
                true => Verdict::new(ObjectProgress::Troubled, "it is not there any more"),
                false => judge(&found),
            };
            if verdict.state == ObjectProgress::Ready {
                self.tell(&object, verdict);
                self.pending.remove(&object);
            } else {
                late.push((object, found, verdict));
            }
        }
        if self.asked.is_none_or(|asked| asked.elapsed() >= REASONS) {
            self.find_reasons(&late).await?;
            self.asked = Some(Instant::now());
        }
        for (object, _, verdict) in late {
            let verdict = self.with_reason(&object, verdict);
            self.tell(&object, verdict);
        }
        Ok(())
    }

    fn with_reason(&mut self, object: &ObjectRef, verdict: Verdict) -> Verdict {
        let Some(trouble) = self.reasons.get(object) else { return verdict };
        let since = trouble
            .hopeless
            .then(|| *self.hopeless.entry(object.clone()).or_insert_with(Instant::now));
        if since.is_none() {
            self.hopeless.remove(object);
        }
        let detail = format!("{}; {}", verdict.detail, trouble.text);
        let sure = since.is_some_and(|since| since.elapsed() >= SURE);
        let state = match verdict.state {
            ObjectProgress::Failed => ObjectProgress::Failed,
            _ if sure => ObjectProgress::Failed,
            _ => ObjectProgress::Troubled,
        };
        Verdict::new(state, detail)
    }

    /// Asks what keeps these objects from getting ready.
    async fn find_reasons(
        &mut self,
        late: &[(ObjectRef, Value, Verdict)],
    ) -> Result<(), KubernetesError> {
        let mut events: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut reasons = BTreeMap::new();
        for (object, found, _) in late {
            let Some(namespace) = &object.namespace else { continue };
            if !events.contains_key(namespace) {
                let path = format!(
                    "/api/v1/namespaces/{}/events?fieldSelector=type%3DWarning&resourceVersion=0",
                    escaped(namespace)
                );
                events.insert(namespace.clone(), self.list(&path).await?);
            }
            let events = events.get(namespace).map(Vec::as_slice).unwrap_or_default();
            if let Some(trouble) = self.reason(object, found, namespace, events).await? {
                reasons.insert(object.clone(), trouble);
            }
        }
        self.reasons = reasons;
        Ok(())
    }

    async fn reason(
        &self,
        object: &ObjectRef,
        found: &Value,
        namespace: &str,
        events: &[Value],
    ) -> Result<Option<Trouble>, KubernetesError> {
        let namespace_path = format!("namespaces/{}", escaped(namespace));
        let (pods, controller) = if object.kind == "Pod" {
            (vec![found.clone()], None)
        } else {
            let selector = selector(found);
            let query = format!("labelSelector={}&resourceVersion=0", escaped(&selector));
            let pods = self.list(&format!("/api/v1/{namespace_path}/pods?{query}")).await?;
            let owner = if object.kind == "Deployment" {
                let path = format!("/apis/apps/v1/{namespace_path}/replicasets?{query}");
                newest(found, self.list(&path).await?)
            } else {
                Some(found.clone())
            };
            let pods = owner.as_ref().map_or_else(Vec::new, |owner| owned(owner, pods));
            (pods, owner)
        };
        let troubles = pods.iter().filter_map(|pod| of_pod(pod, events));
        // The worst is told.
        let worst = troubles.max_by_key(|trouble| trouble.hopeless);
        let refused = || controller.as_ref().and_then(|owner| of_controller(owner, events));
        let Some(mut trouble) = worst.or_else(refused) else { return Ok(None) };
        if let Some(log) = trouble.log.take()
            && let Some(said) = self.log(namespace, &log).await?
        {
            trouble.text = format!("{}; it said: {said}", trouble.text);
        }
        Ok(Some(trouble))
    }

    /// The last lines of a container's log, as one.
    async fn log(&self, namespace: &str, log: &LogOf) -> Result<Option<String>, KubernetesError> {
        let (pod, container) = (escaped(&log.pod), escaped(&log.container));
        let answer = self
            .api
            .text(&format!(
                "/api/v1/namespaces/{}/pods/{pod}/log?container={container}&previous={}&tailLines=3&limitBytes=2000",
                escaped(namespace),
                log.previous
            ))
            .await?;
        let Some(text) = answer else { return Ok(None) };
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let said = lines.join(" / ");
        let plain: String = said.chars().filter(|c| !c.is_control()).take(300).collect();
        Ok(Some(plain).filter(|said| !said.is_empty()))
    }

    async fn list(&self, path: &str) -> Result<Vec<Value>, KubernetesError> {
        let mut answer = self.api.get(path).await?;
        // Whoever may not read events may still wait.
        let items = answer.body.get_mut("items").map(Value::take).filter(|_| answer.code == 200);
        Ok(match items {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        })
    }

    fn unreachable(&mut self, error: &KubernetesError) {
        for object in self.pending.clone() {
            self.tell(&object, Verdict::new(ObjectProgress::Troubled, error.to_string()));
        }
    }

    /// Tells how an object is when that is new.
    fn tell(&mut self, object: &ObjectRef, verdict: Verdict) {
        if self.told.get(object) == Some(&verdict) {
            return;
        }
        let Verdict { state, detail } = verdict.clone();
        self.job.tell.say(News::Object(ObjectState { object: object.to_string(), state, detail }));
        self.told.insert(object.clone(), verdict);
    }

    /// What is said when it ends here: of what has failed, or of all that is not ready at the limit.
    fn failed(&self, limit: Option<Duration>) -> Option<KubernetesError> {
        let over = |verdict: &Verdict| limit.is_some() || verdict.state == ObjectProgress::Failed;
        let detail = |object: &ObjectRef| {
            let verdict = self.told.get(object);
            let over = verdict.map_or(limit.is_some(), over);
            over.then(|| verdict.map_or_else(|| "not seen".to_owned(), |v| v.detail.clone()))
        };
        let failed: Vec<_> =
            self.pending.iter().filter_map(|object| Some((object, detail(object)?))).collect();
        let (first, _) = failed.first()?;
        let kind = format!("{}/{}", first.kind.to_lowercase(), first.name);
        let mut show = vec!["describe".to_owned(), kind];
        show.extend(
            first.namespace.iter().flat_map(|name| ["--namespace".to_owned(), name.clone()]),
        );
        let show: Vec<&str> = show.iter().map(String::as_str).collect();
        let check = self.api.reach().kubectl(&show).join(" ");
        let objects =
            failed.iter().map(|(object, why)| (object.to_string(), why.clone())).collect();
        Some(KubernetesError::NotReady { objects, limit, check })
    }
}

/// The labels that the pods of a workload have.
fn selector(found: &Value) -> String {
    let spec = &found["spec"]["selector"];
    let labels = spec.get("matchLabels").unwrap_or(spec).as_object();
    let each = labels.into_iter().flatten();
    let each: Vec<_> =
        each.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect();
    each.join(",")
}

/// The replica set of a deployment that makes its newest pods.
fn newest(deployment: &Value, sets: Vec<Value>) -> Option<Value> {
    let revision = |object: &Value| {
        let text = object["metadata"]["annotations"]["deployment.kubernetes.io/revision"].as_str();
        text.and_then(|text| text.parse::<u64>().ok())
    };
    let own = owned(deployment, sets);
    own.into_iter().max_by_key(revision)
}

/// What an owner made, the newest of it where it says so, without what is on its way out.
fn owned(owner: &Value, objects: Vec<Value>) -> Vec<Value> {
    let uid = &owner["metadata"]["uid"];
    let revision = owner["status"]["updateRevision"].as_str();
    let is_own = |object: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        let own = owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == *uid));
        let hash = object["metadata"]["labels"]["controller-revision-hash"].as_str();
        let new = revision.is_none() || hash.is_none() || hash == revision;
        own && new && object["metadata"]["deletionTimestamp"].is_null()
    };
    objects.into_iter().filter(is_own).collect()
}
