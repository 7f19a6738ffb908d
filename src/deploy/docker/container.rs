//! One container, brought up and taken back.

use super::{DockerError, Engine, stand::Stand, typed};
use crate::{
    deploy::{
        DeployError, Deployment, Job, News,
        images::{self, Image},
    },
    model::step::Phase,
};
use async_trait::async_trait;
use std::{collections::BTreeMap, fs, time::Duration};

/// A container that a step brings up.
#[derive(Clone)]
pub struct Container {
    /// Where; `None` while only the stacks can tell.
    pub engine: Option<Engine>,
    /// The service that it belongs to.
    pub service: String,
    /// Its name.
    pub name: String,
    /// What it is made of.
    pub image: Image,
    /// What runs in it, if not what the image says.
    pub command: Vec<String>,
    /// The program of that, if not the image's.
    pub entrypoint: Option<String>,
    /// Its environment; secret.
    pub env: BTreeMap<String, String>,
    /// Ports, each as `docker run --publish` takes it.
    pub ports: Vec<String>,
    /// Volumes, each as `docker run --volume` takes it.
    pub volumes: Vec<String>,
    /// Its network.
    pub network: Option<String>,
    /// When the engine starts it again.
    pub restart: Option<String>,
    /// Who it runs as.
    pub user: Option<String>,
    /// Further flags of `docker run`.
    pub options: Vec<String>,
    /// How the engine tells whether it is well, if not as the image says.
    pub health: Option<Health>,
    /// Whether a registry is asked for the image.
    pub check_images: bool,
    /// How long it may take to be pulled and get up, each.
    pub limit: Duration,
}

/// How an engine tells whether a container is well.
#[derive(Clone)]
pub struct Health {
    /// What runs in the container: a program with its arguments, or one line for its shell.
    pub run: Vec<String>,
    /// How long it waits between two checks.
    pub interval: Option<Duration>,
    /// How long a check may take.
    pub timeout: Option<Duration>,
    /// For how long a failure does not count after the start.
    pub start_period: Option<Duration>,
    /// How often in a row it may fail.
    pub retries: Option<u64>,
}

#[async_trait]
impl Deployment for Container {
    fn commands(&self) -> Vec<String> {
        let engine = self.engine.clone().unwrap_or_else(Engine::unknown);
        let line = self.run_line(&BTreeMap::new(), None);
        [vec!["pull".to_owned(), self.image.name.clone()], line]
            .map(|words| typed(&engine.argv(words.iter().map(String::as_str))))
            .into()
    }

    async fn images(&self, _: &Job<'_>) -> Result<Option<Vec<Image>>, DeployError> {
        Ok(Some(vec![self.image.clone()]))
    }

    async fn prepare(&self, job: &Job<'_>) -> Result<(), DeployError> {
        job.tell.begins(Phase::Check).await?;
        let checked = self.check(job).await;
        job.tell.ends(Phase::Check, checked.is_ok());
        checked
    }

    async fn bring_up(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let stand = self.stand(job)?;
        let standing = stand.find(&self.name).await?;
        job.tell.begins(Phase::Run).await?;
        let started = stand.start(standing).await;
        job.tell.ends(Phase::Run, started.is_ok());
        let started = started?;
        job.tell.begins(Phase::Wait).await?;
        let up = stand.wait(&started).await;
        job.tell.ends(Phase::Wait, up.is_ok());
        match up {
            Ok(()) => {
                stand.is_up();
                Ok(())
            }
            Err(error) => {
                stand.put_back().await;
                Err(error)
            }
        }
    }

    async fn take_back(&self, job: &Job<'_>) -> Result<(), DeployError> {
        self.stand(job)?.take_back().await
    }
}

impl Container {
    fn stand<'a>(&'a self, job: &'a Job<'a>) -> Result<Stand<'a>, DeployError> {
        let engine = self.engine.as_ref().ok_or(DockerError::NoEngine)?;
        Ok(Stand { engine, container: self, job })
    }

    /// Looks for the image, on the engine first, if that can be asked.
    async fn check(&self, job: &Job<'_>) -> Result<(), DeployError> {
        if let Some(engine) = &self.engine {
            match engine.reach(job, &["id=0"]).await {
                Ok(_) if engine.image(job, &self.image.name).await?.is_some() => return Ok(()),
                Ok(_) => {}
                Err(error @ (DeployError::NotFound { .. } | DeployError::Stopped { .. })) => {
                    return Err(error);
                }
                // The stacks may bring it up.
                Err(error) => job.tell.say(News::Note(format!("{error} yet"))),
            }
        }
        self.ask_registry(job).await
    }

    /// Asks the registry for the image, unless it was asked before in this run.
    pub(super) async fn ask_registry(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let note = job.scratch.join("asked");
        let asked = fs::read_to_string(&note).is_ok_and(|image| image == self.image.name);
        if !self.check_images || asked {
            return Ok(());
        }
        images::check(job, std::slice::from_ref(&self.image.name)).await?;
        // Without the note, it is asked once more.
        let _ = fs::write(&note, &self.image.name);
        Ok(())
    }
}
