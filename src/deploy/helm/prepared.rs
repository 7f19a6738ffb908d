//! What can be found out before there is a cluster: the chart, what it renders to, and its images.

use super::{error::HelmError, program::Helm, release::HelmRelease};
use crate::deploy::{
    DeployError, Job, images,
    kubernetes::{documents, images_of},
    process::create,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// What is found out beforehand; a file in the scratch folder of the step.
#[derive(Default, Serialize, Deserialize)]
struct Prepared {
    /// The chart on this machine.
    chart: String,
    /// Whether it was rendered, and registries have all images that it needs.
    rendered: bool,
}

impl HelmRelease {
    /// Looks for all that can be wrong before there is a cluster.
    pub(super) async fn check(&self, helm: &Helm<'_>) -> Result<(), DeployError> {
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

    pub(super) fn is_whole(&self) -> bool {
        self.stand_in.is_none()
    }

    /// Returns true when a name was made from what stands in for a value.
    pub(super) fn stands_in(&self, name: &str) -> bool {
        self.stand_in.is_some_and(|what| name.contains(what))
    }

    /// Renders the chart, and asks registries for its images; returns whether these are known, though
    /// some values may not be.
    async fn check_rendered(&self, helm: &Helm<'_>, chart: &str) -> Result<bool, DeployError> {
        let images = self.images_of(helm, chart).await?;
        if self.check_images {
            images::check(helm.job, &images).await?;
        }
        Ok(!images.iter().any(|image| self.stands_in(image)))
    }

    /// Renders the chart, and returns its images.
    pub(super) async fn images_of(
        &self,
        helm: &Helm<'_>,
        chart: &str,
    ) -> Result<Vec<String>, DeployError> {
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
    pub(super) async fn chart_ready(&self, helm: &Helm<'_>) -> Result<String, DeployError> {
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
    pub(super) fn write_values(&self, job: &Job<'_>) -> Result<PathBuf, DeployError> {
        let path = values_file(job);
        let text = Value::Object(self.values.clone()).to_string();
        write_private(&path, &text)?;
        Ok(path)
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
pub(super) fn forget_values(path: &Path) {
    // It lies in a folder that nobody else can read, and goes with that.
    let _ = fs::remove_file(path);
}
