//! A step that brings something up on what the stacks made: from the runbook to what `deploy` does.

pub(super) mod cluster;
mod dns;
mod docker;
mod helm;
mod images;
mod kubernetes;

pub use images::{ImagesUntold, images};

use super::{
    recovery::{DeployWork, Recovery},
    step_error::StepError,
    tell::Teller,
    tools::Tools,
};
use crate::{
    deploy::{DeployError, Deployment, Job, News, Tell},
    model::{
        event::EventKind,
        step::{Phase, StepId},
    },
    runbook::{DeployKind, Known, Mistake, Settings, SiteKind},
};
use async_trait::async_trait;
use std::{collections::BTreeMap, fs, os::unix::fs::DirBuilderExt, path::PathBuf, sync::Arc};
use tokio_util::sync::CancellationToken;

/// A deployment on its way up, or down.
pub(super) struct Deploying {
    step: StepId,
    work: Arc<DeployWork>,
    known: Known,
    root: PathBuf,
    env: BTreeMap<String, String>,
    tools: Arc<Tools>,
    /// What ends its work early.
    stop: CancellationToken,
    tell: Box<dyn Tell>,
}

/// What a deployment is made from.
struct Parts<'a> {
    /// The step's name.
    step: &'a str,
    /// What is set in the step.
    settings: Settings,
    /// What is set in the place that it is done at.
    site: Settings,
    /// That place's name.
    site_name: &'a str,
    /// How long it may take, when the runbook says.
    limit: Option<std::time::Duration>,
    /// The root of the work copy.
    root: &'a std::path::Path,
    /// What stands for what in the names of images.
    replace: &'a BTreeMap<String, String>,
    /// The fallback region.
    region: &'a str,
    /// The service's name.
    service: &'a str,
}

impl Deploying {
    pub(super) fn new(
        (step, work): (StepId, Arc<DeployWork>),
        known: &Known,
        recovery: &Recovery,
        tools: &Arc<Tools>,
        stop: &CancellationToken,
        tell: Option<Teller>,
    ) -> Self {
        let tell: Box<dyn Tell> = match tell {
            Some(tell) => Box::new(tell),
            None => Box::new(Unheard),
        };
        Self {
            step,
            work,
            known: known.clone(),
            root: recovery.root.clone(),
            env: recovery.env.clone(),
            tools: Arc::clone(tools),
            stop: stop.clone(),
            tell,
        }
    }

    /// Does what can be done before all that the step needs is up.
    pub(super) async fn prepare(self) -> Result<(), StepError> {
        if self.is_simulated() {
            return Ok(());
        }
        let Some(deployment) = self.deployment(true)? else { return Ok(()) };
        self.with_job(async |job| deployment.prepare(job).await).await
    }

    /// Brings it up.
    pub(super) async fn bring_up(self) -> Result<(), StepError> {
        if self.is_simulated() {
            let note = match &self.work.site {
                Some(site) => format!(
                    "a rehearsal brings it up when it is told where: `--at {}={}`",
                    site.name,
                    match site.kind {
                        SiteKind::Cluster => "KUBECONFIG",
                        SiteKind::Docker => "HOST",
                    }
                ),
                None => "a rehearsal moves no traffic".to_owned(),
            };
            self.tell.say(News::Note(note));
            return Ok(());
        }
        let deployment = self.whole()?;
        self.with_job(async |job| deployment.bring_up(job).await).await
    }

    /// Returns true when the step has done something that can be taken back.
    pub(super) fn has_done_something(&self) -> bool {
        self.memory().exists()
    }

    /// Takes back what it did.
    pub(super) async fn take_back(&self) -> Result<(), StepError> {
        let deployment = self.whole()?;
        self.with_job(async |job| deployment.take_back(job).await).await
    }

    /// Returns true when it is only played.
    fn is_simulated(&self) -> bool {
        self.tools.simulator.is_some() && self.work.instead.is_none()
    }

    fn whole(&self) -> Result<Box<dyn Deployment>, StepError> {
        self.deployment(false)?.ok_or(StepError::Interrupted)
    }

    /// Makes it from what is known now; `None` when that is too little, which is only so `early`.
    fn deployment(&self, early: bool) -> Result<Option<Box<dyn Deployment>>, StepError> {
        made(&self.work, self.step.as_str(), &self.known, &self.root, early)
            .map_err(StepError::Value)
    }

    async fn with_job(
        &self,
        act: impl AsyncFnOnce(&Job<'_>) -> Result<(), DeployError>,
    ) -> Result<(), StepError> {
        let step = self.step.as_str();
        let scratch = self.tools.scratch.join(step);
        for dir in [&scratch, &self.tools.deploy] {
            let mut builder = fs::DirBuilder::new();
            builder.mode(0o700).recursive(true);
            builder.create(dir).map_err(|source| StepError::Write { path: dir.clone(), source })?;
        }
        let memory = self.memory();
        let job = Job {
            step,
            service: &self.known.service,
            run: self.tools.run.as_str(),
            region: &self.known.region,
            root: &self.root,
            env: &self.env,
            scratch: &scratch,
            memory: &memory,
            logs: &self.tools.logs,
            next_log: &self.tools.next_log,
            stop: &self.stop,
            tell: &*self.tell,
        };
        Ok(act(&job).await?)
    }

    fn memory(&self) -> PathBuf {
        self.tools.deploy.join(format!("{}.json", self.step))
    }
}

/// Makes a deployment from what is known; `None` when that is too little, which is only so `early`.
fn made(
    work: &DeployWork,
    step: &str,
    known: &Known,
    root: &std::path::Path,
    early: bool,
) -> Result<Option<Box<dyn Deployment>>, Mistake> {
    let site = work.site.as_ref();
    let site_settings = match (&work.instead, site) {
        (Some(instead), _) => instead.clone(),
        (None, Some(site)) => site.evaluate(known, early)?,
        (None, None) => Settings::default(),
    };
    let parts = Parts {
        step,
        settings: work.deploy.evaluate(known, early)?,
        site: site_settings,
        site_name: site.map_or("", |site| site.name.as_str()),
        limit: work.deploy.limit,
        root,
        replace: &work.replace,
        region: &known.region,
        service: &known.service,
    };
    match work.deploy.kind {
        DeployKind::Kubernetes => Ok(Some(Box::new(kubernetes::kubernetes(&parts)?))),
        DeployKind::Container => Ok(docker::container(&parts)?.map(|made| Box::new(made) as _)),
        DeployKind::Compose => Ok(Some(Box::new(docker::compose(&parts)?))),
        DeployKind::Helm => helm::helm(&parts),
        DeployKind::Dns => Ok(dns::made(&parts)?.map(|dns| Box::new(dns) as Box<dyn Deployment>)),
    }
}

/// Returns the command lines that a step will run, as far as they are known before the stacks are up.
///
/// # Errors
///
/// What the runbook says has no value, or one that the step cannot be made from.
pub fn commands(
    work: &DeployWork,
    step: &str,
    known: &Known,
    root: &std::path::Path,
) -> Result<Vec<String>, Mistake> {
    Ok(made(work, step, known, root, true)?.map(|made| made.commands()).unwrap_or_default())
}

/// The voice of a step whose run has no more to say of it.
struct Unheard;

#[async_trait]
impl Tell for Unheard {
    async fn begins(&self, _phase: Phase) -> Result<(), DeployError> {
        Ok(())
    }

    fn ends(&self, _phase: Phase, _ok: bool) {}

    fn say(&self, _news: News) {}
}

#[async_trait]
impl Tell for Teller {
    async fn begins(&self, phase: Phase) -> Result<(), DeployError> {
        Self::begins(self, phase).await.map_err(|_| DeployError::Forgotten)
    }

    fn ends(&self, phase: Phase, ok: bool) {
        Self::ends(self, phase, ok);
    }

    fn say(&self, news: News) {
        let step = self.step().clone();
        Self::say(
            self,
            match news {
                News::Note(message) => EventKind::Noted { step: Some(step), message },
                News::Object(object) => EventKind::ObjectSeen { step, object },
                News::Images(images) => EventKind::ImagesAsked { step, images },
                News::Traffic(traffic) => EventKind::TrafficMoved { step, traffic },
            },
        );
    }
}
