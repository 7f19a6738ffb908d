//! The step `kubernetes`.

use super::{
    Cluster, Reach,
    api::Api,
    apply::{Applying, Memory},
    error::KubernetesError,
    manifest::images_of,
    version::{note_skew, own_minor},
    watch::watched,
};
use crate::{
    deploy::{
        DeployError,
        deployment::{Deployment, Job},
        images::{self, Image},
    },
    model::step::Phase,
};
use async_trait::async_trait;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

/// How long kubectl may take to read a kubeconfig.
const READ: Duration = Duration::from_secs(20);

/// Config maps or secrets, by name, and their values.
pub type Values = BTreeMap<String, BTreeMap<String, String>>;

/// Objects that are applied to a cluster.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    /// The cluster; absent while only the stacks will tell how it is reached.
    pub cluster: Option<Cluster>,
    /// Files and folders of manifests, from the root of the work copy.
    pub manifests: Vec<PathBuf>,
    /// The folder of a kustomization, from there, too.
    pub kustomization: Option<PathBuf>,
    /// The namespace of all that names none; that of the context when absent.
    pub namespace: Option<String>,
    /// Config maps that are made besides.
    pub config_maps: Values,
    /// Secrets that are made besides.
    pub secrets: Values,
    /// What stands for what in the names of images.
    pub replace: BTreeMap<String, String>,
    /// Whether registries are asked for the images.
    pub check_images: bool,
    /// Whether fields that others own are taken over.
    pub force_conflicts: bool,
    /// How long all of it may take to get ready.
    pub limit: Duration,
}

#[async_trait]
impl Deployment for Kubernetes {
    fn commands(&self) -> Vec<String> {
        let mut commands: Vec<String> =
            self.render().map(|argv| argv.join(" ")).into_iter().collect();
        let reach = self.cluster.as_ref().map(Cluster::planned);
        let proxy = match &reach {
            Some(reach) => reach.kubectl(&["proxy", "--unix-socket=…"]),
            None => ["kubectl", "proxy", "--unix-socket=…"].map(str::to_owned).into(),
        };
        let what = self.manifests.iter().chain(&self.kustomization);
        let mut what: Vec<_> = what.map(|path| format!("`{}`", path.display())).collect();
        for (kind, all) in [("config map", &self.config_maps), ("secret", &self.secrets)] {
            what.extend(all.keys().map(|name| format!("the {kind} `{name}`")));
        }
        let at = self.namespace.as_ref().map(|name| format!(" in the namespace `{name}`"));
        commands.push(format!(
            "{} # server-side apply of {}{}",
            proxy.join(" "),
            what.join(", "),
            at.unwrap_or_default()
        ));
        commands
    }

    async fn images(&self, job: &Job<'_>) -> Result<Option<Vec<Image>>, DeployError> {
        let names = images_of(&self.objects(job).await?);
        Ok(Some(names.into_iter().map(|name| Image::pulled(name, &self.replace)).collect()))
    }

    async fn prepare(&self, job: &Job<'_>) -> Result<(), DeployError> {
        job.tell.begins(Phase::Check).await?;
        let done = self.checked(job).await;
        job.tell.ends(Phase::Check, done.is_ok());
        done
    }

    async fn bring_up(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let Some(reach) = self.open(job)? else { return Ok(()) };
        let (api, objects, namespace) = tokio::join!(
            Api::open(job, &reach),
            self.objects(job),
            self.namespace_of_context(job, &reach)
        );
        let (api, objects, namespace) = (api?, objects?, namespace?);
        note_skew(job, &api).await?;
        self.check_images(job, &objects).await?;
        let mut applying = Applying::new(job, &api, namespace, self.force_conflicts)?;
        let planned = applying.plan(objects, self.namespace.as_deref()).await?;
        job.tell.begins(Phase::Run).await?;
        let applied = applying.apply(&planned, self.limit).await;
        job.tell.ends(Phase::Run, applied.is_ok());
        applied?;
        job.tell.begins(Phase::Wait).await?;
        let refs: Vec<_> = planned.into_iter().map(|(object, _)| object).collect();
        let ready = watched(job, &api, applying.kinds(), &refs, self.limit).await;
        job.tell.ends(Phase::Wait, ready.is_ok());
        ready
    }

    async fn take_back(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let Some(memory) = job.recall::<Memory>()? else { return Ok(()) };
        let Some(reach) = self.open(job)? else { return Ok(()) };
        let api = Api::open(job, &reach).await?;
        super::undo::take_back(job, &api, &memory, self.limit).await?;
        job.forget();
        Ok(())
    }
}

impl Kubernetes {
    fn open(&self, job: &Job<'_>) -> Result<Option<Reach>, DeployError> {
        self.cluster.as_ref().map(|cluster| cluster.open(job)).transpose()
    }

    async fn checked(&self, job: &Job<'_>) -> Result<(), DeployError> {
        own_minor(job).await?;
        let objects = self.objects(job).await?;
        self.check_images(job, &objects).await
    }

    /// Has registries asked for the images, once in a run.
    async fn check_images(&self, job: &Job<'_>, objects: &[Value]) -> Result<(), DeployError> {
        let images = images_of(objects);
        let asked = job.scratch.join("images");
        let list = images.join("\n");
        if !self.check_images || fs::read_to_string(&asked).is_ok_and(|before| before == list) {
            return Ok(());
        }
        images::check(job, &images).await?;
        // Without it, they are asked for once more.
        let _ = fs::write(asked, list);
        Ok(())
    }

    /// The namespace of what names none, when the step names none either.
    async fn namespace_of_context(
        &self,
        job: &Job<'_>,
        reach: &Reach,
    ) -> Result<String, DeployError> {
        if let Some(namespace) = &self.namespace {
            return Ok(namespace.clone());
        }
        let path = "jsonpath={.contexts[0].context.namespace}";
        let argv = reach.kubectl(&["config", "view", "--minify", "--output", path]);
        let said = job.ask("config", argv, READ).await.map_err(no_kubectl)?;
        Ok(Some(said.trim()).filter(|name| !name.is_empty()).unwrap_or("default").to_owned())
    }
}

/// Says how kubectl is had where it is not there.
pub(super) fn no_kubectl(error: DeployError) -> DeployError {
    match error {
        DeployError::NotFound { .. } => KubernetesError::NoKubectl.into(),
        other => other,
    }
}
