//! The program that a group's system is asked with, and its answers in JSON.

use super::fleet::FleetError;
use crate::deploy::{self, CommandStep, DeployError, Logs};
use serde_json::Value;
use std::{collections::BTreeMap, fs::File, io::Read, time::Duration};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// How long one question may take. Chosen: a group that does not answer for longer is not to be played with.
const LIMIT: Duration = Duration::from_secs(60);
/// How long a program may take to stop once its time is up.
const GRACE: Duration = Duration::from_secs(5);
/// How much of an answer is read, in bytes: some 10,000 containers as `docker inspect` shows them.
const MOST: u64 = 64 << 20;

/// A program and how it is run: in an empty folder, its output in files that nobody else can read and
/// that are gone when this is.
pub(super) struct Tool {
    program: &'static str,
    install: &'static str,
    env: BTreeMap<String, String>,
    dir: TempDir,
}

impl Tool {
    /// Takes a program by its name, and how to get it.
    pub(super) fn new(
        program: &'static str,
        install: &'static str,
        env: &[(&str, &str)],
    ) -> Result<Self, FleetError> {
        let dir = tempfile::tempdir().map_err(|source| FleetError::Scratch { program, source })?;
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(Self { program, install, env: env.collect(), dir })
    }

    /// Runs the program, and returns what it printed on its standard output.
    pub(super) async fn run(&self, args: &[&str]) -> Result<String, FleetError> {
        let argv = [self.program].iter().chain(args).map(|word| (*word).to_owned()).collect();
        let dir = self.dir.path().to_owned();
        let step = CommandStep { argv, dir, env: self.env.clone(), limit: LIMIT, grace: GRACE };
        let logs =
            Logs { stdout: self.dir.path().join("out"), stderr: self.dir.path().join("err") };
        // What is asked ends by itself soon, and a kill must not be left half done.
        deploy::run(&step, &logs, &CancellationToken::new()).await.map_err(
            |source| match source {
                DeployError::NotFound { .. } => {
                    FleetError::Missing { program: self.program, install: self.install }
                }
                source => FleetError::Ran {
                    program: self.program,
                    words: words(args),
                    source: Box::new(source),
                },
            },
        )?;
        let mut text = String::new();
        let read =
            File::open(&logs.stdout).and_then(|out| out.take(MOST).read_to_string(&mut text));
        match read {
            Err(source) if source.kind() == std::io::ErrorKind::InvalidData => {
                Err(self.unreadable(args, "no text"))
            }
            Err(source) => Err(FleetError::Scratch { program: self.program, source }),
            Ok(length) if length as u64 == MOST => Err(self.unreadable(args, "too long")),
            Ok(_) => Ok(text),
        }
    }

    /// Runs the program, and reads what it printed as JSON.
    pub(super) async fn json(&self, args: &[&str]) -> Result<Value, FleetError> {
        let text = self.run(args).await?;
        serde_json::from_str(&text)
            .map_err(|error| self.unreadable(args, format!("not JSON: {error}")))
    }

    /// The answer to `args` is not what it should be.
    pub(super) fn unreadable(&self, args: &[&str], what: impl Into<String>) -> FleetError {
        FleetError::Unreadable { program: self.program, words: words(args), what: what.into() }
    }
}

/// The first words of a question: the rest can be long.
fn words(args: &[&str]) -> String {
    let shown: Vec<&str> = args.iter().take(8).copied().collect();
    let more = if args.len() > shown.len() { " …" } else { "" };
    shown.join(" ") + more
}

/// A text at a path in JSON; empty when it is not there.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Splits `key=value`, as labels and tags are written.
pub(super) fn key_and_value<'s>(
    what: &str,
    selector: &'s str,
) -> Result<(&'s str, &'s str), FleetError> {
    let parts = selector.split_once('=').filter(|(key, _)| !key.is_empty());
    parts.ok_or_else(|| {
        FleetError::Selector(format!("the {what} `{selector}` is not of the form `key=value`"))
    })
}
