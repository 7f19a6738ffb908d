//! A release of a chart, as a step.

use super::{
    attempt::{OVER, failed, upgrade},
    chart::Chart,
    error::HelmError,
    hidden::Hidden,
    program::{Helm, OnCluster, STRAY},
    standing::{
        LEFT_ALONE, Repair, Revision, Status, history, last_good, left_alone, listed, repair,
    },
    survivor,
};
use crate::{
    deploy::{
        DeployError, Deployment, Job, News,
        images::{self, Image},
        kubernetes::{Cluster, Reach, documents, images_of},
        process::create,
    },
    model::step::Phase,
};
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How often a release that somebody may be working on is looked at.
const LOOK: Duration = Duration::from_secs(2);

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
    /// Where it is, when that is known.
    pub cluster: Option<Cluster>,
    /// Whether registries are asked for its images.
    pub check_images: bool,
    /// How long it may take to be ready.
    pub limit: Duration,
}

/// What is found out beforehand; a file in the scratch folder of the step.
#[derive(Default, Serialize, Deserialize)]
struct Prepared {
    /// The chart on this machine.
    chart: String,
    /// Whether it was rendered, and registries have all images that it needs.
    rendered: bool,
}

/// What stood there before the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// The revision that was up.
    before: Option<u64>,
    /// The newest revision, or 0; all that come after it are the run's own.
    newest: u64,
    /// The file of values that Helm was given last, which tells a Helm that is still at it.
    values: PathBuf,
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
        let images = self.images_of(&helm, &chart).await?;
        let told = |name: &String| self.stand_in.is_none_or(|stand_in| !name.contains(stand_in));
        if !images.iter().all(told) {
            return Ok(None);
        }
        Ok(Some(images.into_iter().map(|name| Image { written: name.clone(), name }).collect()))
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
        survivor::end(&memory.values).await;
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

    /// Looks for all that can be wrong before there is a cluster.
    async fn check(&self, helm: &Helm<'_>) -> Result<(), DeployError> {
        helm.is_new_enough().await?;
        let chart = self.chart.fetched(helm).await?;
        let rendered = match self.check_rendered(helm, &chart).await {
            Ok(names_images) => names_images,
            // What stands in for a value may be what is wrong: it is looked at again with the value.
            Err(error) if self.is_whole() || matches!(error, DeployError::Stopped { .. }) => {
                return Err(error);
            }
            Err(_) => false,
        };
        Prepared { chart, rendered }.write(&Prepared::file(helm.job))
    }

    fn is_whole(&self) -> bool {
        self.stand_in.is_none()
    }

    /// Renders the chart, and asks registries for its images; returns whether these are known, though
    /// some values may not be.
    async fn check_rendered(&self, helm: &Helm<'_>, chart: &str) -> Result<bool, DeployError> {
        let images = self.images_of(helm, chart).await?;
        if self.check_images {
            images::check(helm.job, &images).await?;
        }
        let stands_in = |image: &String| self.stand_in.is_some_and(|what| image.contains(what));
        Ok(!images.iter().any(stands_in))
    }

    /// Renders the chart, and returns its images.
    async fn images_of(&self, helm: &Helm<'_>, chart: &str) -> Result<Vec<String>, DeployError> {
        let values = self.write_values(helm.job)?;
        let rendered = helm.ask("template", helm.plain(self.template(chart, &values))).await;
        forget_values(&values);
        let rendered = rendered.map_err(|error| match error {
            failed @ DeployError::Failed { .. } => {
                HelmError::Unrendered { source: Box::new(failed) }.into()
            }
            other => other,
        })?;
        Ok(images_of(&documents(&rendered)?))
    }

    /// Returns the chart on this machine, once all that could not be looked at beforehand was.
    async fn chart_ready(&self, helm: &Helm<'_>) -> Result<String, DeployError> {
        let mut prepared = Prepared::read(&Prepared::file(helm.job));
        if prepared.chart.is_empty() {
            helm.is_new_enough().await?;
            prepared.chart = self.chart.fetched(helm).await?;
        }
        if self.check_images && !prepared.rendered {
            match self.check_rendered(helm, &prepared.chart).await {
                // The upgrade ends with the same, before it changes anything.
                Err(DeployError::Helm(HelmError::Unrendered { .. })) => {}
                checked => drop(checked?),
            }
        }
        Ok(prepared.chart)
    }

    /// Writes the values into a file that nobody else may read: JSON, which is YAML, too.
    fn write_values(&self, job: &Job<'_>) -> Result<PathBuf, DeployError> {
        let path = values_file(job);
        let text = Value::Object(self.values.clone()).to_string();
        write_private(&path, &text)?;
        Ok(path)
    }

    /// Remembers what stood there before the run, if that is not remembered yet; ends a Helm that an
    /// earlier drctl of the run left behind.
    async fn memory(
        &self,
        on: &OnCluster<'_>,
        newest: Option<&Revision>,
    ) -> Result<Memory, DeployError> {
        let job = on.helm.job;
        let values = values_file(job);
        let memory = if let Some(earlier) = job.recall::<Memory>()? {
            if survivor::end(&earlier.values).await {
                job.tell.say(News::Note(format!(
                    "Helm was still at the release `{}`, for a drctl that is gone; it was stopped",
                    self.name
                )));
            }
            Memory { values, ..earlier }
        } else {
            let before = match newest {
                None => None,
                Some(newest) => match newest.status {
                    Status::Deployed => Some(newest.number),
                    Status::Uninstalled => None,
                    _ => last_good(&on.read("history", self.history(), history).await?),
                },
            };
            Memory { before, newest: newest.map_or(0, |newest| newest.number), values }
        };
        job.remember(&memory)?;
        Ok(memory)
    }

    /// Returns what stands there, once Helm takes an upgrade of it: what somebody was killed at is
    /// repaired.
    async fn unlocked(
        &self,
        on: &OnCluster<'_>,
        seen: Option<Revision>,
        memory: &mut Memory,
    ) -> Result<Option<Revision>, DeployError> {
        let since = Instant::now();
        let (mut newest, mut told, mut repaired) = (seen, false, false);
        loop {
            let locked = match newest {
                Some(locked) if locked.status.is_locked() => locked,
                open => return Ok(open),
            };
            if repaired {
                let (release, status) = (self.name.clone(), locked.status.word());
                let look = format!("helm history {release} --namespace {}", self.namespace);
                return Err(HelmError::Stuck { release, status, look }.into());
            }
            let all = on.read("history", self.history(), history).await?;
            let wait = match locked.is_after(memory.newest) {
                true => Duration::ZERO,
                false => left_alone(&all, Timestamp::now())
                    .min(LEFT_ALONE.saturating_sub(since.elapsed())),
            };
            if wait.is_zero() {
                self.repair(on, &locked, &all, memory).await?;
                repaired = true;
            } else {
                if !told {
                    told = true;
                    self.tell(
                        on.helm.job,
                        &locked,
                        "since less than a minute: somebody may be at it",
                    );
                }
                pause(on.helm.job, wait.min(LOOK)).await?;
            }
            newest = on.read("list", self.list(), listed).await?;
        }
    }

    async fn repair(
        &self,
        on: &OnCluster<'_>,
        locked: &Revision,
        all: &[Revision],
        memory: &mut Memory,
    ) -> Result<(), DeployError> {
        let job = on.helm.job;
        let (args, what) = match repair(locked.status, all) {
            Repair::RollBack(revision) => {
                (self.unlock(revision), format!("it is put back to revision {revision} first"))
            }
            Repair::Remove => {
                // From here on, revisions are counted from 1 again, and all are the run's own.
                *memory = Memory { newest: 0, ..memory.clone() };
                job.remember(memory)?;
                (
                    self.uninstall(false),
                    "nothing of it was ever up, so it is removed first".to_owned(),
                )
            }
        };
        self.tell(job, locked, &format!("left by a Helm that was killed: {what}"));
        on.helm.run("repair", on.argv(&args), self.limit + OVER, job.stop).await
    }

    fn tell(&self, job: &Job<'_>, locked: &Revision, what: &str) {
        let (name, status) = (&self.name, locked.status.word());
        job.tell.say(News::Note(format!("the release `{name}` is `{status}`, {what}")));
    }

    /// Puts back what was up before the run.
    async fn put_back(
        &self,
        on: &OnCluster<'_>,
        newest: &Revision,
        before: Option<u64>,
    ) -> Result<(), DeployError> {
        let args = match before {
            Some(revision) => self.rollback(revision),
            None if newest.status == Status::Uninstalled => return Ok(()),
            None => {
                let all = on.read("history", self.history(), history).await?;
                self.uninstall(last_good(&all).is_some())
            }
        };
        on.helm.run("take-back", on.argv(&args), self.limit + OVER, on.helm.job.stop).await
    }
}

impl Prepared {
    fn file(job: &Job<'_>) -> PathBuf {
        job.scratch.join("prepared.json")
    }

    fn write(&self, path: &Path) -> Result<(), DeployError> {
        let text = serde_json::to_string(self).unwrap_or_default();
        write_private(path, &text)
    }

    /// What was found out, or nothing: then it is found out now.
    fn read(path: &Path) -> Self {
        let text = fs::read(path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

fn write_private(path: &Path, text: &str) -> Result<(), DeployError> {
    create(path)?
        .write_all(text.as_bytes())
        .map_err(|source| DeployError::Log { path: path.to_owned(), source })
}

fn values_file(job: &Job<'_>) -> PathBuf {
    job.scratch.join("values.json")
}

/// Removes a file of values that nobody needs any more.
fn forget_values(path: &Path) {
    // It lies in a folder that nobody else can read, and goes with that.
    let _ = fs::remove_file(path);
}

/// Waits, unless the run is asked to stop.
async fn pause(job: &Job<'_>, how_long: Duration) -> Result<(), DeployError> {
    tokio::select! {
        () = sleep(how_long) => Ok(()),
        () = job.stop.cancelled() => {
            Err(DeployError::Stopped { program: "helm".to_owned(), log: None })
        }
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
        insta::assert_snapshot!(sample().commands().join("\n"), @"");
        let chart = Chart::in_registry("oci://seoul.example.com/web".into(), None);
        let fetched = HelmRelease { chart, value_files: vec![], ..sample() };
        insta::assert_snapshot!(fetched.commands().join("\n"), @"");
    }

    #[test]
    fn what_is_remembered_can_be_read_by_the_drctl_after_this_one() {
        let text = r#"{"before":3,"newest":5,"values":"/scratch/web/values.json"}"#;
        let memory: Memory = serde_json::from_str(text).unwrap();
        assert_eq!(memory.before, Some(3));
        assert_eq!(serde_json::to_string(&memory).unwrap(), text);
    }
}
