//! A release of a chart, as a step.

use super::{
    attempt::{failed, upgrade},
    before::Memory,
    chart::Chart,
    error::HelmError,
    hidden::Hidden,
    prepared::forget_values,
    program::{Helm, OnCluster, STRAY},
    standing::{Status, listed},
};
use crate::{
    deploy::{
        DeployError, Deployment, Job,
        images::Image,
        kubernetes::{Cluster, Reach},
    },
    model::step::Phase,
};
use async_trait::async_trait;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// A release of a chart.
#[derive(Clone)]
pub struct HelmRelease {
    /// Its name.
    pub name: String,
    /// Its namespace, which is made where it is not there.
    pub namespace: String,
    /// Of what it is.
    pub chart: Chart,
    /// Values that win over those of the files. Secret.
    pub values: Map<String, Value>,
    /// Files of values, from the root of the repository; the last wins.
    pub value_files: Vec<PathBuf>,
    /// What stands in `values` for those that only the stacks will tell; absent once all are known.
    pub stand_in: Option<&'static str>,
    /// What stands for what in the fallback, in the names of images.
    pub replace: BTreeMap<String, String>,
    /// Where it is, when that is known.
    pub cluster: Option<Cluster>,
    /// Whether registries are asked for its images.
    pub check_images: bool,
    /// How long it may take to be ready.
    pub limit: Duration,
}

#[async_trait]
impl Deployment for HelmRelease {
    fn commands(&self) -> Vec<String> {
        let reach = self.cluster.as_ref().map(Cluster::planned);
        let argv = |args: Vec<String>| match &reach {
            Some(reach) => reach.helm(&args.iter().map(String::as_str).collect::<Vec<_>>()),
            None => [vec!["helm".to_owned()], args].concat(),
        };
        let values = Path::new("…/values.json");
        let pull =
            self.chart.pull(Path::new("…")).map(|args| [vec!["helm".to_owned()], args].concat());
        let upgrade = argv(self.upgrade(&self.chart.planned(), values));
        pull.into_iter().chain([upgrade]).map(|argv| argv.join(" ")).collect()
    }

    async fn images(&self, job: &Job<'_>) -> Result<Option<Vec<Image>>, DeployError> {
        let (env, hidden) = (environment(job), Hidden::new(&self.values));
        let helm = Helm { job: &Job { env: &env, ..*job }, hidden: &hidden };
        helm.is_new_enough().await?;
        let chart = self.chart.fetched(&helm).await?;
        let known = self.images_of(&helm, &chart).await;
        // Without all values, a chart may not be rendered, or name its images otherwise.
        let images = match known {
            Err(DeployError::Helm(HelmError::Unrendered { .. })) if !self.is_whole() => {
                return Ok(None);
            }
            known => known?,
        };
        if images.iter().any(|image| self.stands_in(image)) {
            return Ok(None);
        }
        Ok(Some(images.into_iter().map(|name| Image::pulled(name, &self.replace)).collect()))
    }

    async fn prepare(&self, job: &Job<'_>) -> Result<(), DeployError> {
        job.tell.begins(Phase::Check).await?;
        let (env, hidden) = (environment(job), Hidden::new(&self.values));
        let job = &Job { env: &env, ..*job };
        let checked = self.check(&Helm { job, hidden: &hidden }).await;
        job.tell.ends(Phase::Check, checked.is_ok());
        checked
    }

    async fn bring_up(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let (env, hidden) = (environment(job), Hidden::new(&self.values));
        let job = &Job { env: &env, ..*job };
        let reach = self.reach(job)?;
        let on = OnCluster { helm: Helm { job, hidden: &hidden }, reach: &reach };
        let newest = on.read("list", self.list(), listed);
        let (newest, chart) = tokio::try_join!(newest, self.chart_ready(&on.helm))?;
        let mut memory = self.memory(&on, newest.as_ref()).await?;
        let found = self.unlocked(&on, newest, &mut memory).await?;
        let good = match &found {
            Some(found) if found.status == Status::Deployed => Some(found.number),
            _ => memory.before,
        };
        let values = self.write_values(job)?;
        let done = upgrade(&on, self, (&chart, &values), found.as_ref()).await;
        forget_values(&values);
        match done {
            Ok(()) => Ok(()),
            Err(error) => Err(failed(&on, self, found.as_ref(), good, error).await),
        }
    }

    async fn take_back(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let Some(memory) = job.recall::<Memory>()? else { return Ok(()) };
        let (env, hidden) = (environment(job), Hidden::new(&self.values));
        let job = &Job { env: &env, ..*job };
        let reach = self.reach(job)?;
        let on = OnCluster { helm: Helm { job, hidden: &hidden }, reach: &reach };
        let newest = on.read("list", self.list(), listed).await?;
        if let Some(newest) = newest.filter(|newest| newest.is_after(memory.newest)) {
            self.put_back(&on, &newest, memory.before).await?;
        }
        job.forget();
        Ok(())
    }
}

/// The environment of a step's programs, without what would make Helm speak to another cluster.
fn environment(job: &Job<'_>) -> BTreeMap<String, String> {
    let mut env = job.env.clone();
    env.extend(STRAY.map(|name| (name.to_owned(), String::new())));
    env
}

impl HelmRelease {
    /// Returns the command that shows how the release is.
    pub(super) fn look(&self) -> String {
        format!("helm status {} --namespace {}", self.name, self.namespace)
    }

    fn reach(&self, job: &Job<'_>) -> Result<Reach, DeployError> {
        self.cluster.as_ref().ok_or(HelmError::NoCluster)?.open(job)
    }
}

/// A release to test with.
#[cfg(test)]
pub(super) fn sample() -> HelmRelease {
    HelmRelease {
        name: "web.v2".into(),
        namespace: "shop".into(),
        chart: Chart::in_repository("charts/web".into()),
        values: Map::new(),
        value_files: vec!["env/dr.yaml".into()],
        stand_in: None,
        replace: BTreeMap::new(),
        cluster: None,
        check_images: true,
        limit: Duration::from_secs(600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_shows_no_file_that_is_not_there_yet() {
        insta::assert_snapshot!(sample().commands().join("\n"), @"helm upgrade --install web.v2 ./charts/web --namespace shop --create-namespace --reset-values --values ./env/dr.yaml --values …/values.json --wait --wait-for-jobs --timeout 600s");
        let chart = Chart::in_registry("oci://seoul.example.com/web".into(), None);
        let fetched = HelmRelease { chart, value_files: vec![], ..sample() };
        insta::assert_snapshot!(fetched.commands().join("\n"), @r"
        helm pull oci://seoul.example.com/web --destination …
        helm upgrade --install web.v2 …/chart.tgz --namespace shop --create-namespace --reset-values --values …/values.json --wait --wait-for-jobs --timeout 600s
        ");
    }
}
