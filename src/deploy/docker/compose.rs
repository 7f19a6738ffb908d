//! The services of a compose file, brought up and taken back.

use super::{
    ASK, DockerError, Engine, LIMIT, typed,
    watch::{Watch, Which},
};
use crate::{
    deploy::{
        DeployError, Deployment, Job, News,
        images::{self, Image},
        run,
    },
    model::{step::Phase, text::hex},
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The services of a compose file, which a step brings up.
#[derive(Clone)]
pub struct Compose {
    /// Where; `None` while only the stacks can tell.
    pub engine: Option<Engine>,
    /// The files, from the root of the repository; at least one.
    pub files: Vec<PathBuf>,
    /// The project.
    pub project: String,
    /// The services, with all that they need; all when empty.
    pub services: Vec<String>,
    /// The profiles that are on.
    pub profiles: Vec<String>,
    /// What the files are filled in with; secret.
    pub env: BTreeMap<String, String>,
    /// What stands for what in the names of images.
    pub replace: BTreeMap<String, String>,
    /// Whether registries are asked for the images.
    pub check_images: bool,
    /// True when all of this is known, and not only what is known before the stacks are up.
    pub whole: bool,
    /// How long they may take to start and get ready, each.
    pub limit: Duration,
}

/// What the files come to, with what fills them in.
#[derive(Serialize, Deserialize)]
struct Seen {
    /// Tells what it was made of.
    digest: String,
    /// The services.
    services: Vec<String>,
    /// True when a file of images has to be added.
    replaced: bool,
}

/// What stood before the step.
#[derive(Serialize, Deserialize)]
struct Before {
    /// True when the project had containers.
    project: bool,
    /// The volumes of the project.
    volumes: Vec<String>,
}

/// What `docker compose config` prints, as far as it matters here.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    services: BTreeMap<String, Service>,
}

#[derive(Deserialize)]
struct Service {
    image: Option<String>,
    build: Option<Value>,
    pull_policy: Option<String>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
struct Volume {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    source: String,
}

#[async_trait]
impl Deployment for Compose {
    fn commands(&self) -> Vec<String> {
        let engine = self.engine.clone().unwrap_or_else(Engine::unknown);
        vec![typed(&self.line(&engine, None, &self.up()))]
    }

    async fn images(&self, job: &Job<'_>) -> Result<Option<Vec<Image>>, DeployError> {
        if !self.whole {
            return Ok(None);
        }
        let engine = self.asking();
        self.is_there(job).await?;
        let config = self.config(job, &engine).await?;
        Ok(Some(self.pulled(&config).collect()))
    }

    async fn prepare(&self, job: &Job<'_>) -> Result<(), DeployError> {
        job.tell.begins(Phase::Check).await?;
        let checked = self.check(job).await;
        job.tell.ends(Phase::Check, checked.is_ok());
        checked.map(drop)
    }

    async fn bring_up(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let engine = self.engine.as_ref().ok_or(DockerError::NoEngine)?;
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let filters = [filter.as_str()];
        let (standing, volumes) =
            tokio::join!(engine.reach(job, &filters), self.volumes(job, engine));
        let (project, volumes) = (!standing?.is_empty(), volumes?);
        let seen = match self.seen_before(job) {
            Some(seen) => seen,
            None => self.check(job).await?,
        };
        if job.recall::<Before>()?.is_none() {
            job.remember(&Before { project, volumes })?;
        }
        job.tell.begins(Phase::Run).await?;
        let which = Which::Services { project: &self.project, services: &seen.services };
        let mut watch = Watch::new(engine, job, which);
        let started = self.start(job, engine, seen.replaced, &mut watch).await;
        job.tell.ends(Phase::Run, started.is_ok());
        started?;
        job.tell.begins(Phase::Wait).await?;
        let up = watch.until_ready(self.limit).await;
        job.tell.ends(Phase::Wait, up.is_ok());
        up
    }

    async fn take_back(&self, job: &Job<'_>) -> Result<(), DeployError> {
        let Some(before) = job.recall::<Before>()? else { return Ok(()) };
        let engine = self.engine.as_ref().ok_or(DockerError::NoEngine)?;
        if before.project {
            job.tell.say(News::Note(format!(
                "the compose project `{}` stood there before the run, and is left as it is now",
                self.project
            )));
            job.forget();
            return Ok(());
        }
        let mut words = vec!["down", "--remove-orphans"];
        // Data that stood there before stays.
        if before.volumes.is_empty() {
            words.push("--volumes");
        }
        let mut command = job.command(self.line(engine, None, &words), LIMIT);
        command.env.extend(self.env.clone());
        run(&command, &job.logs("down"), job.stop).await?;
        job.forget();
        Ok(())
    }
}

impl Compose {
    fn up(&self) -> Vec<&str> {
        // Without `--wait`: there a service that does something once and ends well counts as one that
        // failed (docker/compose#10596), and why another failed is not told.
        let mut words = vec!["up", "--detach"];
        words.extend(self.services.iter().map(String::as_str));
        words
    }

    /// A command line of `docker compose`, with a file of images added to the project's own.
    fn line(&self, engine: &Engine, images: Option<&Path>, words: &[&str]) -> Vec<String> {
        let mut argv = engine.argv(["compose", "--project-name", self.project.as_str()]);
        for file in self.files.iter().map(PathBuf::as_path).chain(images) {
            argv.extend(["--file".to_owned(), file.to_string_lossy().into_owned()]);
        }
        for profile in &self.profiles {
            argv.extend(["--profile".to_owned(), profile.clone()]);
        }
        argv.extend(words.iter().map(ToString::to_string));
        argv
    }

    /// The engine, or none in particular for what needs none.
    fn asking(&self) -> Engine {
        self.engine.clone().unwrap_or_else(Engine::nobody)
    }

    /// Looks for `docker compose`.
    async fn is_there(&self, job: &Job<'_>) -> Result<(), DeployError> {
        match Engine::nobody().ask(job, "version", &["compose", "version", "--short"]).await {
            Ok(_) => Ok(()),
            Err(error @ (DeployError::NotFound { .. } | DeployError::Stopped { .. })) => Err(error),
            Err(source) => Err(DockerError::NoCompose { source: Box::new(source) }.into()),
        }
    }

    async fn config(&self, job: &Job<'_>, engine: &Engine) -> Result<Config, DeployError> {
        let mut words = vec!["config", "--format", "json"];
        words.extend(self.services.iter().map(String::as_str));
        let mut command = job.command(self.line(engine, None, &words), ASK);
        command.env.extend(self.env.clone());
        // It is filled in, so it may hold secrets.
        let mut logs = job.logs("config");
        logs.stdout = job.scratch.join("config.json");
        run(&command, &logs, job.stop).await?;
        let read = fs::read(&logs.stdout);
        let text = read.and_then(|text| fs::remove_file(&logs.stdout).map(|()| text));
        let path = logs.stdout;
        let text = text.map_err(|source| DeployError::Log { path, source })?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// The images that have to be had from somewhere, since nobody builds them.
    fn pulled<'c>(&'c self, config: &'c Config) -> impl Iterator<Item = Image> + 'c {
        let pulled = |service: &&Service| {
            let policy = service.pull_policy.as_deref();
            service.build.is_none() && !matches!(policy, Some("never" | "build"))
        };
        let images = config.services.values().filter(pulled).filter_map(|s| s.image.clone());
        images.map(|image| Image::replaced(image, &self.replace))
    }

    /// Looks for `docker compose`; and once all is known that fills the files in, at what they come to,
    /// and for the images.
    async fn check(&self, job: &Job<'_>) -> Result<Seen, DeployError> {
        let engine = self.asking();
        self.is_there(job).await?;
        if !self.whole {
            return Ok(Seen { digest: String::new(), services: Vec::new(), replaced: false });
        }
        let config = self.config(job, &engine).await?;
        self.note_mounts(job, &config);
        if self.check_images {
            let mut images: Vec<String> = self.pulled(&config).map(|image| image.name).collect();
            images.sort();
            images.dedup();
            if self.engine.is_some() {
                images = engine.lacking(job, &images).await;
            }
            images::check(job, &images).await?;
        }
        let seen = Seen {
            digest: self.digest(),
            services: config.services.keys().cloned().collect(),
            replaced: self.write_images(job, &config)?,
        };
        let path = job.scratch.join("seen.json");
        let written = fs::write(&path, serde_json::to_vec(&seen)?);
        written.map_err(|source| DeployError::Log { path, source })?;
        Ok(seen)
    }

    /// Returns what an earlier look at the same saw.
    fn seen_before(&self, job: &Job<'_>) -> Option<Seen> {
        let text = fs::read(job.scratch.join("seen.json")).ok()?;
        let seen: Seen = serde_json::from_slice(&text).ok()?;
        (seen.digest == self.digest()).then_some(seen)
    }

    /// A digest of all that decides what the files come to, besides what is in them.
    fn digest(&self) -> String {
        let all = json!([
            self.files,
            self.project,
            self.services,
            self.profiles,
            self.env,
            self.replace,
            self.whole
        ]);
        hex(&Sha256::digest(all.to_string()))
    }

    /// Writes a compose file with the images that are other ones in the fallback; true when there are any.
    fn write_images(&self, job: &Job<'_>, config: &Config) -> Result<bool, DeployError> {
        let mut services = serde_json::Map::new();
        for (name, service) in &config.services {
            let Some(image) = &service.image else { continue };
            let image = Image::replaced(image, &self.replace);
            if image.name != image.written {
                services.insert(name.clone(), json!({ "image": image.name }));
            }
        }
        if services.is_empty() {
            return Ok(false);
        }
        let path = images_file(job);
        let text = json!({ "services": services }).to_string();
        fs::write(&path, text).map_err(|source| DeployError::Log { path, source })?;
        Ok(true)
    }

    /// The work copy is gone after the run.
    fn note_mounts(&self, job: &Job<'_>, config: &Config) {
        for (name, service) in &config.services {
            let root = |volume: &&Volume| {
                volume.kind == "bind" && Path::new(&volume.source).starts_with(job.root)
            };
            for volume in service.volumes.iter().filter(root) {
                let path = Path::new(&volume.source);
                let path = path.strip_prefix(job.root).unwrap_or(path).display();
                job.tell.say(News::Note(format!(
                    "the service `{name}` mounts `{path}` from the work copy, which is gone after the run: put it into the image or a volume"
                )));
            }
        }
    }

    async fn volumes(&self, job: &Job<'_>, engine: &Engine) -> Result<Vec<String>, DeployError> {
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let words = ["volume", "ls", "--quiet", "--filter", &filter];
        let found = engine.ask(job, "volumes", &words).await;
        let found = found.map_err(|source| engine.unreached(source))?;
        Ok(found.split_whitespace().map(str::to_owned).collect())
    }

    /// Starts the services, and looks at them meanwhile.
    async fn start(
        &self,
        job: &Job<'_>,
        engine: &Engine,
        replaced: bool,
        watch: &mut Watch<'_>,
    ) -> Result<(), DeployError> {
        let images = replaced.then(|| images_file(job));
        let mut command = job.command(self.line(engine, images.as_deref(), &self.up()), self.limit);
        command.env.extend(self.env.clone());
        let stop = job.stop.child_token();
        let logs = job.logs("up");
        let up = run(&command, &logs, &stop);
        tokio::pin!(up);
        let ended = tokio::select! {
            biased;
            ended = &mut up => ended,
            error = watch.while_starting() => {
                stop.cancel();
                let _ = up.await;
                return Err(error);
            }
        };
        match ended {
            Ok(()) => Ok(()),
            Err(error @ DeployError::Failed { .. }) => {
                Err(watch.after_failure().await.unwrap_or(error))
            }
            Err(error) => Err(error),
        }
    }
}

fn images_file(job: &Job<'_>) -> PathBuf {
    job.scratch.join("images.json")
}
