//! What stands behind a group that is not a program of its system: the kept cloud, and `reapply`.

use crate::{
    chaos::{FleetError, KeptCloud, Reapply},
    cli::{
        home::{Home, RunFolder},
        kept_cloud,
    },
    deploy::{self, CommandStep, Logs},
    model::chain,
    sim::Cloud,
};
use async_trait::async_trait;
use std::{
    collections::BTreeMap, fs::DirBuilder, os::unix::fs::DirBuilderExt, path::PathBuf,
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// How long a program that was asked to stop may take: it may be in the middle of an apply. Chosen.
const GRACE: Duration = Duration::from_secs(5 * 60);

/// The simulated cloud that the newest rehearsal with `--keep` left.
pub(super) struct CloudFile(RunFolder);

impl CloudFile {
    pub(super) fn newest(home: &Home) -> Result<Self, FleetError> {
        let runs = home.runs().map_err(|error| FleetError::Simulated(error.summary()))?;
        let kept = runs.iter().rev().map(|run| home.run(run)).find(|run| run.cloud().exists());
        kept.map(Self).ok_or(FleetError::NoCloud)
    }
}

impl KeptCloud for CloudFile {
    fn load(&self) -> Result<Cloud, String> {
        kept_cloud::load(&self.0).map_err(|error| error.summary())
    }

    fn save(&self, cloud: &Cloud) -> Result<(), String> {
        kept_cloud::save(&self.0, cloud).map_err(|error| error.summary())
    }
}

/// The program that makes a group whole that does not come back by itself.
pub(super) struct Program {
    pub(super) argv: Vec<String>,
    pub(super) dir: PathBuf,
    pub(super) env: BTreeMap<String, String>,
    /// The folder in which what it says is kept.
    pub(super) logs: PathBuf,
    pub(super) group: String,
}

#[async_trait]
impl Reapply for Program {
    async fn reapply(&self, limit: Duration, stop: &CancellationToken) -> Result<(), String> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.logs)
            .map_err(|e| e.to_string())?;
        let step = CommandStep {
            argv: self.argv.clone(),
            dir: self.dir.clone(),
            env: self.env.clone(),
            limit,
            grace: GRACE,
        };
        // A name of a group can hold anything.
        let name: String =
            self.group.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let logs = Logs {
            stdout: self.logs.join(format!("{name}.out.log")),
            stderr: self.logs.join(format!("{name}.err.log")),
        };
        let ran = deploy::run(&step, &logs, stop).await;
        ran.map_err(|error| chain(&error).join(": ").replace('\n', " / "))
    }
}
