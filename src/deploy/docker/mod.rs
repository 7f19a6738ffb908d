//! Docker: an engine, and the containers that run on it.

mod compose;
mod container;
mod error;
mod fault;
mod inspected;
mod run_line;
mod stand;
mod watch;

pub use compose::Compose;
pub use container::{Container, Health};
pub use error::DockerError;

use super::{
    deployment::Job,
    error::DeployError,
    process::{Logs, run},
};
use inspected::Inspected;
use std::{collections::BTreeMap, fs, time::Duration};

/// How long an engine may take to answer a question. One that hangs takes this long to be told.
const ASK: Duration = Duration::from_secs(15);

/// How long an engine may take to change something, besides what it waits for itself.
const ACT: Duration = Duration::from_secs(60);

/// How long a step may take, unless the runbook says.
pub const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A Docker engine, as the Docker CLI reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// What the runbook calls it.
    pub name: String,
    /// Its address, such as `ssh://deploy@10.1.2.3`.
    pub host: Option<String>,
    /// The context of the Docker CLI that leads to it.
    pub context: Option<String>,
}

impl Engine {
    /// No engine in particular, for what the Docker CLI does without one.
    fn nobody() -> Self {
        Self { name: String::new(), host: None, context: None }
    }

    /// One that only the stacks can tell, to be shown.
    fn unknown() -> Self {
        Self { host: Some("…".to_owned()), ..Self::nobody() }
    }

    /// Returns a command line of the Docker CLI for this engine.
    fn argv<'w>(&self, words: impl IntoIterator<Item = &'w str>) -> Vec<String> {
        let mut argv = vec!["docker".to_owned()];
        if let Some(host) = &self.host {
            argv.extend(["--host".to_owned(), host.clone()]);
        }
        if let Some(context) = &self.context {
            argv.extend(["--context".to_owned(), context.clone()]);
        }
        argv.extend(words.into_iter().map(str::to_owned));
        argv
    }

    /// Asks it something, or has it do something that takes no longer than a question.
    async fn ask(&self, job: &Job<'_>, name: &str, words: &[&str]) -> Result<String, DeployError> {
        job.ask(name, self.argv(words.iter().copied()), ASK).await
    }

    /// Has it do something.
    async fn act(&self, job: &Job<'_>, name: &str, words: &[&str]) -> Result<(), DeployError> {
        job.ask(name, self.argv(words.iter().copied()), ACT).await.map(drop)
    }

    /// Asks it for containers, which it always has an answer to. So whatever goes wrong is that it
    /// cannot be asked.
    async fn reach(&self, job: &Job<'_>, filters: &[&str]) -> Result<Vec<String>, DeployError> {
        let mut words = vec!["ps", "--all", "--no-trunc", "--quiet"];
        words.extend(filters.iter().flat_map(|filter| ["--filter", filter]));
        let found = self.ask(job, "ps", &words).await.map_err(|source| self.unreached(source))?;
        Ok(found.split_whitespace().map(str::to_owned).collect())
    }

    fn unreached(&self, source: DeployError) -> DeployError {
        match source {
            // These say themselves what is wrong, and it is not the engine.
            DeployError::NotFound { .. }
            | DeployError::Stopped { .. }
            | DeployError::Log { .. } => source,
            source => {
                DockerError::Unreached { engine: self.clone(), source: Box::new(source) }.into()
            }
        }
    }

    /// Returns how containers are.
    async fn inspect(&self, job: &Job<'_>, ids: &[String]) -> Result<Vec<Inspected>, DeployError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut words = vec!["inspect", "--type", "container"];
        words.extend(ids.iter().map(String::as_str));
        inspected::read(&self.ask(job, "inspect", &words).await?).map_err(Into::into)
    }

    /// Returns the identity of an image when the engine has it.
    async fn image(&self, job: &Job<'_>, image: &str) -> Result<Option<String>, DeployError> {
        let words = ["image", "inspect", "--format", "{{.Id}}", image];
        match self.ask(job, "image", &words).await {
            Ok(id) => Ok(Some(id.trim().to_owned())),
            // It answered a moment ago, so this is its answer.
            Err(DeployError::Failed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns those of `images` that the engine does not have; all of them when it cannot be asked.
    async fn lacking(&self, job: &Job<'_>, images: &[String]) -> Vec<String> {
        let asked = images.iter().map(async |image| {
            let there = matches!(self.image(job, image).await, Ok(Some(_)));
            (!there).then(|| image.clone())
        });
        futures_util::future::join_all(asked).await.into_iter().flatten().collect()
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the Docker engine `{}`", self.name)?;
        match (&self.host, &self.context) {
            (Some(host), _) => write!(f, " at `{host}`"),
            (None, Some(context)) => write!(f, " of the context `{context}`"),
            (None, None) => write!(f, ", which is the one that `docker` asks by itself,"),
        }
    }
}

/// A question that is asked again and again: its log files are used again, too.
struct Question {
    logs: Logs,
}

impl Question {
    fn new(job: &Job<'_>, name: &str) -> Self {
        let mut logs = job.logs(name);
        let file = logs.stdout.file_name().unwrap_or_default().to_owned();
        logs.stdout = job.scratch.join(file);
        Self { logs }
    }

    async fn ask(&self, job: &Job<'_>, argv: Vec<String>) -> Result<String, DeployError> {
        run(&job.command(argv, ASK), &self.logs, job.stop).await?;
        let path = &self.logs.stdout;
        fs::read_to_string(path).map_err(|source| DeployError::Log { path: path.clone(), source })
    }
}

/// Writes a command line as it could be typed into a shell.
fn typed(argv: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%^".contains(c);
    let word = |word: &String| match word.is_empty() || !word.chars().all(plain) {
        true => format!("'{}'", word.replace('\'', r"'\''")),
        false => word.clone(),
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Splits what the environment of a step sets: what the Docker CLI would take for its own settings, and
/// the rest, which can go through its environment.
fn split_env(env: &BTreeMap<String, String>) -> (BTreeMap<&str, &str>, BTreeMap<String, String>) {
    let own = |name: &str| {
        let upper = name.to_uppercase();
        matches!(
            upper.as_str(),
            "PATH" | "HOME" | "TMPDIR" | "LANG" | "SSL_CERT_FILE" | "SSL_CERT_DIR"
        ) || ["DOCKER_", "LD_", "COMPOSE_", "XDG_"].iter().any(|start| upper.starts_with(start))
            || upper.ends_with("_PROXY")
    };
    let (theirs, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
        env.iter().partition(|(name, _)| own(name));
    let theirs = theirs.into_iter().map(|(n, v): (&String, &String)| (n.as_str(), v.as_str()));
    (theirs.collect(), rest.into_iter().map(|(n, v)| (n.clone(), v.clone())).collect())
}
