//! How Helm is run.

use super::{error::HelmError, hidden::Hidden};
use crate::deploy::{
    DeployError, Job, LastLines, Logs,
    kubernetes::Reach,
    process::{create, run},
};
use std::{fs, io::Write, path::Path, time::Duration};
use tokio_util::sync::CancellationToken;

/// The oldest Helm that knows all that it is asked for, and charts in OCI registries.
const OLDEST: (u64, u64) = (3, 8);

/// How long Helm may take to answer a question.
pub(super) const ANSWER: Duration = Duration::from_secs(30);

/// What makes Helm speak to another cluster, or as somebody else, than its kubeconfig says; empty, it
/// does nothing: <https://helm.sh/docs/helm/helm/>.
pub(super) const STRAY: [&str; 9] = [
    "HELM_KUBECONTEXT",
    "HELM_KUBEAPISERVER",
    "HELM_KUBETOKEN",
    "HELM_KUBEASUSER",
    "HELM_KUBEASGROUPS",
    "HELM_KUBECAFILE",
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
    "HELM_KUBETLS_SERVER_NAME",
    "HELM_DEBUG",
];

/// Helm, for one step.
pub(super) struct Helm<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) hidden: &'a Hidden,
}

impl Helm<'_> {
    /// Returns a command line that needs no cluster.
    pub(super) fn plain(&self, args: Vec<String>) -> Vec<String> {
        let mut argv = vec!["helm".to_owned()];
        argv.extend(args);
        argv
    }

    /// Finds out which Helm there is.
    pub(super) async fn is_new_enough(&self) -> Result<(), DeployError> {
        let argv = self.plain(vec!["version".to_owned(), "--short".to_owned()]);
        let said = self.job.ask("version", argv, ANSWER).await?;
        Ok(judge(said.trim())?)
    }

    /// Runs Helm to its end. What it prints is kept without the values of the step.
    ///
    /// # Errors
    ///
    /// [`DeployError`] for everything short of exit code 0.
    pub(super) async fn run(
        &self,
        name: &str,
        argv: Vec<String>,
        limit: Duration,
        stop: &CancellationToken,
    ) -> Result<(), DeployError> {
        let kept = self.job.logs(name);
        let raw = Logs { stdout: self.raw(&kept.stdout), stderr: self.raw(&kept.stderr) };
        let done = run(&self.job.command(argv, limit), &raw, stop).await;
        self.keep(&raw.stdout, &kept.stdout)?;
        self.keep(&raw.stderr, &kept.stderr)?;
        done.map_err(|error| self.clean(error))
    }

    /// Runs Helm to its end and returns what it printed, which is not kept. What it says besides is
    /// kept without the values of the step.
    pub(super) async fn ask(&self, name: &str, argv: Vec<String>) -> Result<String, DeployError> {
        let kept = self.job.logs(name);
        let raw = Logs { stdout: self.raw(&kept.stdout), stderr: self.raw(&kept.stderr) };
        let done = run(&self.job.command(argv, ANSWER), &raw, self.job.stop).await;
        self.keep(&raw.stderr, &kept.stderr)?;
        let said = fs::read(&raw.stdout);
        // Of no use any more; the folder is removed with all that is in it.
        let _ = fs::remove_file(&raw.stdout);
        done.map_err(|error| self.clean(error))?;
        let said = said.map_err(|source| DeployError::Log { path: raw.stdout, source })?;
        Ok(String::from_utf8_lossy(&said).into_owned())
    }

    fn raw(&self, log: &Path) -> std::path::PathBuf {
        self.job.scratch.join(log.file_name().unwrap_or_default())
    }

    /// Moves a log to where logs are kept, without the values.
    fn keep(&self, raw: &Path, kept: &Path) -> Result<(), DeployError> {
        let Ok(said) = fs::read(raw) else { return Ok(()) };
        let said = self.hidden.hide(&String::from_utf8_lossy(&said));
        let failed = |source| DeployError::Log { path: kept.to_owned(), source };
        create(kept)?.write_all(said.as_bytes()).map_err(failed)?;
        fs::remove_file(raw).map_err(failed)
    }

    /// An error of a program, with the log that was kept and its words.
    fn clean(&self, error: DeployError) -> DeployError {
        let kept = |log: &Path| self.job.logs.join(log.file_name().unwrap_or_default());
        match error {
            DeployError::Failed { program, code, log, .. } => {
                let log = kept(&log);
                DeployError::Failed { program, code, said: LastLines::of_log(&log), log }
            }
            DeployError::Killed { program, signal, log, .. } => {
                let log = kept(&log);
                DeployError::Killed { program, signal, said: LastLines::of_log(&log), log }
            }
            DeployError::TimedOut { program, limit, log, .. } => {
                let log = kept(&log);
                DeployError::TimedOut { program, limit, said: LastLines::of_log(&log), log }
            }
            DeployError::Stopped { program, log } => {
                DeployError::Stopped { program, log: log.as_deref().map(kept) }
            }
            other => other,
        }
    }
}

/// Helm, for one step on its cluster.
pub(super) struct OnCluster<'a> {
    pub(super) helm: Helm<'a>,
    pub(super) reach: &'a Reach,
}

impl OnCluster<'_> {
    /// Returns a command line that speaks to the cluster.
    pub(super) fn argv(&self, args: &[String]) -> Vec<String> {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.reach.helm(&args)
    }

    /// Asks for something that is read by `read`.
    pub(super) async fn read<T>(
        &self,
        command: &'static str,
        args: Vec<String>,
        read: impl FnOnce(&str) -> serde_json::Result<T>,
    ) -> Result<T, DeployError> {
        let said = self.helm.ask(command, self.argv(&args)).await?;
        read(&said).map_err(|source| HelmError::Unreadable { command, source }.into())
    }
}

/// Judges a Helm by what `helm version --short` says, such as `v3.17.2+gcc0bbbd`.
fn judge(said: &str) -> Result<(), HelmError> {
    let words = || said.split(|c: char| c.is_whitespace() || c == '+');
    let version = |word: &str| {
        let mut numbers = word.strip_prefix('v')?.split('.').map(str::parse::<u64>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    };
    let Some((found, version)) = words().find_map(|word| Some((word, version(word)?))) else {
        return Err(HelmError::NoVersion { said: said.chars().take(80).collect() });
    };
    if version < OLDEST {
        return Err(HelmError::TooOld { found: found.to_owned(), oldest: "3.8" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helm_is_judged_by_its_version() {
        for said in ["v3.17.2+gcc0bbbd", "v4.1.4+g05fa379", "v3.8.0", "v3.19.0-rc.1+g1"] {
            judge(said).unwrap();
        }
        let error = |said: &str| judge(said).unwrap_err().to_string();
        assert_eq!(error("v3.7.2+g663a896"), "Helm is v3.7.2, and 3.8 or newer is needed");
        assert_eq!(
            error("Client: v2.16.1+gbbdfe5e"),
            "Helm is v2.16.1, and 3.8 or newer is needed"
        );
        assert_eq!(
            error("a poet's tool"),
            "`helm version` names no version, but says `a poet's tool`"
        );
    }
}
