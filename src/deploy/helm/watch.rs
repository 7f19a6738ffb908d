//! Watches what a release is made of while Helm works on it, and says what keeps it from getting ready.

use super::{
    program::OnCluster,
    release::HelmRelease,
    standing::{Contents, Hook, Status, contents},
};
use crate::{
    deploy::{
        DeployError, Job, News,
        kubernetes::{KubernetesError, ObjectRef, documents, until_ready},
    },
    model::step::Phase,
};
use serde_json::Value;
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How long Helm is left alone at first: long enough to write down what it is about to do, and for most
/// that starts at once to be up, so that nothing takes from the time of those who start it.
const WRITTEN: Duration = Duration::from_secs(1);

/// How often Helm is asked for what it wrote down, and for the hooks that it runs.
const LOOK: Duration = Duration::from_secs(1);

/// How long Helm takes to change objects that are there already, and how long more for each: before
/// that, they still are what they were, and would be judged for it.
const CHANGED: Duration = Duration::from_secs(2);
const CHANGED_EACH: Duration = Duration::from_millis(20);

/// A release that Helm works on.
pub(super) struct Watched<'a> {
    pub(super) on: OnCluster<'a>,
    pub(super) release: &'a HelmRelease,
    /// What Helm found there.
    pub(super) found: Option<Status>,
    /// The revision that Helm makes.
    pub(super) revision: u64,
    /// When the time is up.
    pub(super) deadline: Instant,
    /// How far Helm is.
    pub(super) progress: &'a Progress,
}

/// How far Helm is with a release.
#[derive(Default)]
pub(super) struct Progress {
    /// It has written down what it does.
    pub(super) began: AtomicBool,
    /// It waits for the objects.
    pub(super) waits: AtomicBool,
}

/// Returns true when an error says that something of the release will not get ready, and not only that
/// it could not be watched.
pub(super) fn is_verdict(error: &DeployError) -> bool {
    matches!(error, DeployError::Kubernetes(KubernetesError::NotReady { .. }))
}

impl Watched<'_> {
    /// Watches until all is ready, every hook has run, or `job.stop` is cancelled.
    ///
    /// # Errors
    ///
    /// [`KubernetesError::NotReady`] when something will not get ready; all else means that it could
    /// not be watched.
    pub(super) async fn until_up(&self) -> Result<(), DeployError> {
        sleep(WRITTEN).await;
        let made = self.made().await?;
        self.progress.began.store(true, Ordering::Relaxed);
        let (before, after) = match self.found {
            None | Some(Status::Uninstalled) => ("pre-install", "post-install"),
            Some(_) => ("pre-upgrade", "post-upgrade"),
        };
        let hooked = |event| made.hooks.iter().any(|hook: &Hook| hook.is_at(event));
        if hooked(before) {
            self.until_run(before).await?;
        }
        let objects = self.objects(&made.manifest)?;
        if self.found.is_some() {
            let each = u32::try_from(objects.len()).unwrap_or(u32::MAX);
            sleep(CHANGED + CHANGED_EACH.saturating_mul(each)).await;
        }
        self.job().tell.ends(Phase::Run, true);
        self.progress.waits.store(true, Ordering::Relaxed);
        self.job().tell.begins(Phase::Wait).await?;
        until_ready(self.job(), self.on.reach, &objects, self.left()).await?;
        if hooked(after) {
            self.until_run(after).await?;
        }
        Ok(())
    }

    fn job(&self) -> &Job<'_> {
        self.on.helm.job
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What Helm wrote down, once it has.
    async fn made(&self) -> Result<Contents, DeployError> {
        loop {
            match self.contents().await {
                // It has not yet.
                Err(DeployError::Failed { .. }) => sleep(LOOK).await,
                made => return made,
            }
        }
    }

    async fn contents(&self) -> Result<Contents, DeployError> {
        self.on.read("status", self.release.status(self.revision), contents).await
    }

    /// Watches the hooks of `event` until all of them have run.
    async fn until_run(&self, event: &str) -> Result<(), DeployError> {
        loop {
            let hooks = self.contents().await?.hooks;
            let mine = || hooks.iter().filter(|hook| hook.is_at(event) && !hook.is_done());
            if mine().next().is_none() {
                return Ok(());
            }
            let running: String = mine()
                .filter(|hook| hook.has_begun())
                .map(|hook| format!("---\n{}\n", hook.manifest))
                .collect();
            let objects = self.objects(&running)?;
            // One that is done may be gone by now, so Helm is asked, too.
            tokio::select! {
                ready = until_ready(self.job(), self.on.reach, &objects, self.left()) => {
                    ready?;
                    sleep(LOOK).await;
                }
                () = self.until_changed(event, mine().count(), objects.len()) => {}
            }
        }
    }

    async fn until_changed(&self, event: &str, open: usize, begun: usize) {
        loop {
            sleep(LOOK).await;
            let Ok(now) = self.contents().await else { continue };
            let mine = || now.hooks.iter().filter(|hook| hook.is_at(event) && !hook.is_done());
            if (mine().count(), mine().filter(|hook| hook.has_begun()).count()) != (open, begun) {
                return;
            }
        }
    }

    fn objects(&self, manifest: &str) -> Result<Vec<ObjectRef>, DeployError> {
        let all = documents(manifest)?;
        Ok(all.iter().filter_map(|object| named(object, &self.release.namespace)).collect())
    }
}

/// Says that a release could not be watched, unless that was on purpose.
pub(super) fn tell_unwatched(job: &Job<'_>, error: &DeployError) {
    if !matches!(error, DeployError::Stopped { .. } | DeployError::Forgotten) {
        let causes = crate::model::chain(error).join(": ");
        job.tell.say(News::Note(format!(
            "Helm goes on, but nobody sees why an object would not get ready: {causes}"
        )));
    }
}

/// The names of an object, in the namespace `own` where it names none.
fn named(object: &Value, own: &str) -> Option<ObjectRef> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let metadata = &object["metadata"];
    Some(ObjectRef {
        api: text(&object["apiVersion"])?,
        kind: text(&object["kind"])?,
        namespace: text(&metadata["namespace"]).or_else(|| Some(own.to_owned())),
        name: text(&metadata["name"])?,
    })
}
