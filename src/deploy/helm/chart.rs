//! Where a chart comes from, and how it is got ready.

use super::{error::HelmError, program::Helm};
use crate::deploy::{DeployError, kubernetes::documents};
use serde_json::Value;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::sync::Mutex;

/// How long a chart, or those that it needs, may take to be fetched.
const FETCH: Duration = Duration::from_secs(300);

/// Two steps may be of the same chart, and Helm puts what it needs into the chart's folder.
static ONE_BUILD: Mutex<()> = Mutex::const_new(());

/// A chart.
#[derive(Clone, Debug)]
pub struct Chart {
    pub(super) source: Source,
    pub(super) version: Option<String>,
}

/// Where a chart is.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// In the repository: a folder with a `Chart.yaml`, or a packed chart.
    Repository(PathBuf),
    /// In an OCI registry: an address that begins with `oci://`.
    Registry(String),
    /// In a chart repository.
    ChartRepository { url: String, name: String },
}

impl Chart {
    /// A chart at a path from the root of the repository.
    pub fn in_repository(path: PathBuf) -> Self {
        Self { source: Source::Repository(path), version: None }
    }

    /// A chart in an OCI registry at an address that begins with `oci://`; its newest version when
    /// none is named.
    pub fn in_registry(address: String, version: Option<String>) -> Self {
        Self { source: Source::Registry(address), version }
    }

    /// A chart by its name in the chart repository at a URL; its newest version when none is named.
    pub fn in_chart_repository(url: String, name: String, version: Option<String>) -> Self {
        Self { source: Source::ChartRepository { url, name }, version }
    }

    /// Returns the chart as Helm is told it, for a dry run.
    pub(super) fn planned(&self) -> String {
        match &self.source {
            Source::Repository(path) => as_argument(path),
            Source::Registry(_) | Source::ChartRepository { .. } => "…/chart.tgz".to_owned(),
        }
    }

    /// Gets the chart onto this machine, with all that it needs, and returns it as Helm is told it.
    pub(super) async fn fetched(&self, helm: &Helm<'_>) -> Result<String, DeployError> {
        let scratch = helm.job.scratch.join("chart");
        if let Some(pull) = self.pull(&scratch) {
            // It was put there before the run, or by an earlier process of it.
            if let Ok(packed) = only_file(&scratch) {
                return Ok(packed.display().to_string());
            }
            let failed = |source| DeployError::Log { path: scratch.clone(), source };
            fs::create_dir_all(&scratch).map_err(failed)?;
            helm.run("pull", helm.plain(pull), FETCH, helm.job.stop).await?;
            let packed = only_file(&scratch).map_err(failed)?;
            return Ok(packed.display().to_string());
        }
        if let Source::Repository(path) = &self.source {
            let folder = helm.job.root.join(path);
            let _one = ONE_BUILD.lock().await;
            if lacks_charts(&folder)? {
                let build = ["dependency", "build", &as_argument(path)].map(str::to_owned).to_vec();
                helm.run("dependencies", helm.plain(build), FETCH, helm.job.stop).await?;
            }
        }
        Ok(self.planned())
    }
}

/// A path as an argument that is no option, no name of a chart repository and no address.
fn as_argument(path: &Path) -> String {
    format!("./{}", path.display())
}

fn only_file(folder: &Path) -> io::Result<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|end| end == "tgz"));
    files.pop().ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Returns true when a chart needs others that its folder `charts` does not have.
fn lacks_charts(chart: &Path) -> Result<bool, HelmError> {
    if !chart.is_dir() {
        return Ok(false);
    }
    let path = chart.join("Chart.yaml");
    let wrong = |cause: String| HelmError::NoChart { path: path.clone(), cause };
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let read = documents(&text).map_err(|error| wrong(error.to_string()))?;
    let wanted = read.first().and_then(|chart| chart["dependencies"].as_array().cloned());
    let held: Vec<String> = fs::read_dir(chart.join("charts"))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let has =
        |name: &str| held.iter().any(|file| file == name || file.starts_with(&format!("{name}-")));
    let names = wanted.iter().flatten().filter_map(|wanted: &Value| wanted["name"].as_str());
    Ok(names.into_iter().any(|name| !has(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_lacks_what_is_not_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let write = |text: &str| fs::write(dir.path().join("Chart.yaml"), text).unwrap();
        write("name: web\nversion: 1.0.0\n");
        assert!(!lacks_charts(dir.path()).unwrap());

        write("name: web\ndependencies: [{name: cache, version: 1.x}, {name: queue}]\n");
        assert!(lacks_charts(dir.path()).unwrap());
        fs::create_dir_all(dir.path().join("charts/queue")).unwrap();
        assert!(lacks_charts(dir.path()).unwrap());
        fs::write(dir.path().join("charts/cache-1.2.0.tgz"), "").unwrap();
        assert!(!lacks_charts(dir.path()).unwrap());
    }

    #[test]
    fn a_folder_without_a_chart_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let error = lacks_charts(dir.path()).unwrap_err().to_string();
        assert!(error.contains("Chart.yaml") && error.contains("No such file"), "{error}");
        // A packed chart brings all along.
        let packed = dir.path().join("web-1.0.0.tgz");
        fs::write(&packed, "").unwrap();
        assert!(!lacks_charts(&packed).unwrap());
    }
}
