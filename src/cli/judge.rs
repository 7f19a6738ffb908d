//! A second opinion on what drctl does not understand: Terraform's own.

use super::home::Home;
use crate::{
    config::file::{Judge, Judgement},
    terraform::{
        self, Action, Detected, Invocation, LogFiles, Terraform, TerraformBinary, TerraformError,
    },
};
use std::{path::Path, sync::OnceLock, time::Duration};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// How long `terraform fmt` may think about one file; a comment that is never
/// closed keeps it busy for minutes.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks Terraform itself about a text that drctl does not understand.
pub(super) struct FmtJudge {
    terraform: TerraformBinary,
    runtime: Handle,
}

impl Judge for FmtJudge {
    fn judge(&self, _: &Path, text: &str) -> Option<Judgement> {
        let dir = tempfile::tempdir().ok()?;
        let log = LogFiles { stdout: dir.path().join("out"), stderr: dir.path().join("err") };
        let mut call = Invocation::new(dir.path(), Action::Fmt { text: text.to_owned() });
        call.limit = Some(LIMIT);
        let never = CancellationToken::new();
        match self.runtime.block_on(self.terraform.read(&call, &log, &never)) {
            Ok(_) => Some(Judgement::Valid),
            Err(error) => {
                let TerraformError::Failed { diagnostic: Some(said), .. } = error else {
                    return None;
                };
                // Terraform says it in words alone: `  on <stdin> line 2, in resource …`.
                let (_, after) = said.detail.split_once(" line ")?;
                let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
                let why = said.detail.rsplit("\n\n").next().unwrap_or_default();
                let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
                let message = format!("{}: {}", said.summary, why.trim_end_matches('.'));
                Some(Judgement::SyntaxError { line: digits.parse().ok()?, column: None, message })
            }
        }
    }
}

/// The Terraform on this machine as a judge, looked for only when there is something to judge:
/// mostly there is not, and without a Terraform nobody judges.
pub(super) struct LazyJudge {
    terraform: Option<String>,
    runtime: Handle,
    found: OnceLock<Option<FmtJudge>>,
}

impl LazyJudge {
    /// Looks for this Terraform when it is needed; to be called where tokio runs.
    pub(super) fn new(terraform: Option<&str>) -> Self {
        let terraform = terraform.map(str::to_owned);
        Self { terraform, runtime: Handle::current(), found: OnceLock::new() }
    }

    async fn find(&self) -> Option<FmtJudge> {
        let path = terraform::find(self.terraform.as_deref()).ok()?;
        let cache = Home::find().ok()?.cache();
        Some(FmtJudge::new(&terraform::detect(&path, &cache).await.ok()?))
    }
}

impl Judge for LazyJudge {
    fn judge(&self, path: &Path, text: &str) -> Option<Judgement> {
        let found = self.found.get_or_init(|| self.runtime.block_on(self.find()));
        found.as_ref()?.judge(path, text)
    }
}

impl FmtJudge {
    /// Asks this Terraform; to be called where tokio runs.
    pub(super) fn new(detected: &Detected) -> Self {
        let (path, release) = (detected.path.clone(), detected.release);
        let now = CancellationToken::new();
        let terraform = TerraformBinary { path, release, grace: Some(LIMIT), now };
        Self { terraform, runtime: Handle::current() }
    }
}
