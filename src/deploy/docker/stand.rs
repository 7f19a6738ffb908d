//! A container takes the place of the one that stood there, and gives it back.

use super::{
    ACT, ASK, DockerError, Engine,
    container::Container,
    inspected::Inspected,
    run_line::{DIGEST, RUN, SERVICE, STEP},
    split_env,
    watch::{Watch, Which},
};
use crate::{
    deploy::{DeployError, Job, News, run},
    model::deploy::{ObjectProgress, ObjectState},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

/// A container, its engine and what it is brought up with.
pub(super) struct Stand<'a> {
    pub(super) engine: &'a Engine,
    pub(super) container: &'a Container,
    pub(super) job: &'a Job<'a>,
}

/// A container that was started, or found as it should be.
pub(super) struct Started {
    id: String,
}

/// What stood before the step.
#[derive(Serialize, Deserialize)]
struct Before {
    /// The name that both have.
    name: String,
    /// The container that stood there.
    old: Option<Old>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Old {
    id: String,
    /// Whether it ran.
    ran: bool,
    /// Its restart policy, which is taken from it while it is set aside: or it would come back with
    /// its engine.
    restart: String,
}

impl Stand<'_> {
    /// Returns the container of a name.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Inspected>, DeployError> {
        let ids = self.engine.reach(self.job, &[&format!("name=^/{name}$")]).await?;
        Ok(self.engine.inspect(self.job, &ids).await?.into_iter().next())
    }

    /// Starts the container in the place of the one that stands there, unless that is the same.
    pub(super) async fn start(&self, standing: Option<Inspected>) -> Result<Started, DeployError> {
        if let Some(standing) = &standing {
            self.check_ours(standing)?;
        }
        let image = self.pulled().await?;
        let digest = self.container.digest(&image);
        let same = |standing: &&Inspected| {
            let label = standing.label(DIGEST) == Some(&digest);
            label && standing.image == image && standing.is_well()
        };
        if let Some(same) = standing.as_ref().filter(same) {
            let name = &self.container.name;
            self.job.tell.say(News::Note(format!("the container `{name}` is as it should be")));
            return Ok(Started { id: same.id.clone() });
        }
        self.make_room(standing).await?;
        match self.run(&digest).await {
            Ok(id) => Ok(Started { id }),
            Err(error) => {
                self.put_back().await;
                Err(error)
            }
        }
    }

    fn check_ours(&self, found: &Inspected) -> Result<(), DeployError> {
        let ours = found.label(SERVICE) == Some(self.container.service.as_str())
            && found.label(STEP) == Some(self.job.step);
        if ours {
            return Ok(());
        }
        let name = found.name.trim_start_matches('/').to_owned();
        Err(DockerError::NotOurs { name, engine: self.engine.clone() }.into())
    }

    /// Returns the identity of the image, once the engine has it.
    async fn pulled(&self) -> Result<String, DeployError> {
        let (job, image) = (self.job, &self.container.image.name);
        if let Some(id) = self.engine.image(job, image).await? {
            return Ok(id);
        }
        self.container.ask_registry(job).await?;
        job.tell.say(News::Object(ObjectState {
            object: self.object(),
            state: ObjectProgress::Waiting,
            detail: format!("its image is pulled: {image}"),
        }));
        let pull = self.engine.argv(["pull", "--quiet", image]);
        let command = job.command(pull, self.container.limit);
        let failed = |source: DeployError| DockerError::Pull {
            image: image.clone(),
            engine: self.engine.clone(),
            source: Box::new(source),
        };
        match run(&command, &job.logs("pull"), job.stop).await {
            Ok(()) => {}
            Err(error @ DeployError::Stopped { .. }) => return Err(error),
            Err(error) => return Err(failed(error).into()),
        }
        let id = self.engine.image(job, image).await?;
        id.ok_or(
            DockerError::Pull {
                image: image.clone(),
                engine: self.engine.clone(),
                source: Box::new(DeployError::Empty),
            }
            .into(),
        )
    }

    /// Sets the container aside that stands there, and remembers it first.
    async fn make_room(&self, standing: Option<Inspected>) -> Result<(), DeployError> {
        let (job, engine) = (self.job, self.engine);
        let name = self.container.name.clone();
        // What an earlier try of this run remembers stood there before it.
        let before = match job.recall::<Before>()? {
            Some(before) => before,
            None => {
                let lasting = standing.as_ref().filter(|standing| !standing.is_fleeting());
                let old = lasting.map(|standing| Old {
                    id: standing.id.clone(),
                    ran: standing.runs(),
                    restart: standing.restart(),
                });
                let before = Before { name, old };
                job.remember(&before)?;
                before
            }
        };
        let old = before.old.as_ref().map(|old| old.id.as_str());
        // One that an earlier run set aside.
        if let Some(aside) = self.find(&self.aside()).await?
            && Some(aside.id.as_str()) != old
        {
            self.check_ours(&aside)?;
            engine.act(job, "remove", &["rm", "--force", &aside.id]).await?;
        }
        match standing {
            Some(standing) if Some(standing.id.as_str()) == old => {
                let id = standing.id.as_str();
                engine.act(job, "update", &["update", "--restart", "no", id]).await?;
                engine.act(job, "stop", &["stop", id]).await?;
                engine.act(job, "rename", &["rename", id, &self.aside()]).await
            }
            Some(standing) => engine.act(job, "remove", &["rm", "--force", &standing.id]).await,
            None => Ok(()),
        }
    }

    async fn run(&self, digest: &str) -> Result<String, DeployError> {
        let (job, container) = (self.job, self.container);
        let labels = [
            (SERVICE, container.service.as_str()),
            (STEP, job.step),
            (RUN, job.run),
            (DIGEST, digest),
        ];
        let (own, rest) = split_env(&container.env);
        let file = self.env_file(&own)?;
        let line = container.run_line(&labels.into(), file.as_deref());
        let argv = self.engine.argv(line.iter().map(String::as_str));
        let mut command = job.command(argv, ACT);
        command.env.extend(rest);
        run(&command, &job.logs("run"), job.stop).await?;
        let found = self.find(&container.name).await?;
        found.map(|found| found.id).ok_or_else(|| {
            let faults = vec![(self.object(), super::fault::Fault::Gone)];
            DockerError::NotUp { faults, log: None, said: None }.into()
        })
    }

    /// Writes what the Docker CLI would take for its own settings to a file for the container alone.
    fn env_file(&self, own: &BTreeMap<&str, &str>) -> Result<Option<PathBuf>, DeployError> {
        if own.is_empty() {
            return Ok(None);
        }
        let path = self.job.scratch.join("container.env");
        let write = || {
            let _ = fs::remove_file(&path);
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            own.iter().try_for_each(|(name, value)| writeln!(file, "{name}={value}"))
        };
        match write() {
            Ok(()) => Ok(Some(path)),
            Err(source) => Err(DeployError::Log { path, source }),
        }
    }

    /// Waits until it is up.
    pub(super) async fn wait(&self, started: &Started) -> Result<(), DeployError> {
        let object = self.object();
        let which = Which::One { id: &started.id, object: &object };
        Watch::new(self.engine, self.job, which).until_ready(self.container.limit).await
    }

    /// Says where the container is that stood there.
    pub(super) fn is_up(&self) {
        if let Ok(Some(Before { old: Some(_), .. })) = self.job.recall() {
            let aside = self.aside();
            self.job.tell.say(News::Note(format!(
                "the container that stood there is kept, stopped, as `{aside}`: taken back, it is started again"
            )));
        }
    }

    /// Gives the place back to the container that stood there, after the new one failed; without one
    /// the new one stays, to be looked at.
    pub(super) async fn put_back(&self) {
        let before = self.job.recall::<Before>();
        // A run that is stopped may go on, or be taken back, later.
        if !matches!(before, Ok(Some(Before { old: Some(_), .. }))) || self.job.stop.is_cancelled()
        {
            return;
        }
        let note = match self.take_back().await {
            Ok(()) => "the container that stood there before is back".to_owned(),
            Err(error) => {
                let why = crate::model::chain(&error).join(": ");
                format!("the container that stood there before could not be put back: {why}")
            }
        };
        self.job.tell.say(News::Note(note));
    }

    /// Takes the container away that the step made, and puts the one back that stood there.
    pub(super) async fn take_back(&self) -> Result<(), DeployError> {
        let (job, engine) = (self.job, self.engine);
        let Some(before) = job.recall::<Before>()? else { return Ok(()) };
        let old = before.old.as_ref();
        if let Some(standing) = self.find(&before.name).await?
            && old.is_none_or(|old| old.id != standing.id)
        {
            self.check_ours(&standing)?;
            engine.act(job, "remove", &["rm", "--force", &standing.id]).await?;
        }
        if let Some(old) = old {
            let there = engine.reach(job, &[&format!("id={}", old.id)]).await?;
            let found = engine.inspect(job, &there).await?;
            if let Some(found) = found.first() {
                if found.name.trim_start_matches('/') != before.name {
                    engine.act(job, "rename", &["rename", &old.id, &before.name]).await?;
                }
                engine.act(job, "update", &["update", "--restart", &old.restart, &old.id]).await?;
                if old.ran {
                    job.ask("start", engine.argv(["start", old.id.as_str()]), ASK).await?;
                }
            } else {
                job.tell.say(News::Note(format!(
                    "the container `{}` that stood there before is gone, and cannot be put back",
                    before.name
                )));
            }
        }
        job.forget();
        Ok(())
    }

    /// The name of what stood there, while it is set aside.
    fn aside(&self) -> String {
        format!("{}-before", self.container.name)
    }

    fn object(&self) -> String {
        format!("container/{}", self.container.name)
    }
}
