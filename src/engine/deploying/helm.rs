//! A step of Helm: from the runbook to the release.

use super::{Parts, cluster::cluster};
use crate::{
    deploy::{
        Deployment,
        helm::{Chart, HelmRelease},
    },
    model::text,
    runbook::{Mistake, STAND_IN},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// How long a release may take to be ready, unless the runbook says.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// How long a release's name may be: <https://helm.sh/docs/chart_template_guide/builtin_objects/>.
const LONGEST: usize = 53;

/// Makes the release of a step; `None` when its chart or its namespace is not known yet.
///
/// # Errors
///
/// The chart is not there, or the release cannot have its name.
pub(super) fn helm(parts: &Parts<'_>) -> Result<Option<Box<dyn Deployment>>, Mistake> {
    let settings = &parts.settings;
    let Some(chart) = chart(parts)? else { return Ok(None) };
    let name = settings.text("release").unwrap_or_else(|| parts.step.to_owned());
    if !is_name(&name) {
        let message = format!("a release cannot be called `{name}`");
        return Err(settings.mistake("release", message).hint(
            "Set `release` to at most 53 lowercase letters, digits, `-` and `.`, with a letter or digit at both ends",
        ));
    }
    let mut values = settings.stood_in_object("values").cloned().unwrap_or_default();
    values.values_mut().for_each(|value| replace_in(value, parts.replace));
    Ok(Some(Box::new(HelmRelease {
        name,
        namespace: settings.text("namespace").unwrap_or_else(|| "default".to_owned()),
        chart,
        values,
        value_files: settings.paths("value_files"),
        stand_in: (!settings.is_whole()).then_some(STAND_IN),
        replace: parts.replace.clone(),
        cluster: cluster(parts)?,
        check_images: settings.flag("check_images").unwrap_or(true),
        limit: parts.limit.unwrap_or(LIMIT),
    })))
}

fn chart(parts: &Parts<'_>) -> Result<Option<Chart>, Mistake> {
    let settings = &parts.settings;
    if ["repository", "version"].iter().any(|name| settings.lacks(name)) {
        return Ok(None);
    }
    let Some(chart) = settings.text("chart") else { return Ok(None) };
    let version = settings.text("version");
    if chart.starts_with("oci://") {
        return Ok(Some(Chart::in_registry(replaced(&chart, parts.replace), version)));
    }
    if let Some(url) = settings.text("repository") {
        let url = replaced(&url, parts.replace);
        return Ok(Some(Chart::in_chart_repository(url, chart, version)));
    }
    let Some(path) = settings.paths("chart").pop() else {
        let message = format!("`{chart}` leads out of the repository");
        return Err(settings.mistake("chart", message).hint(HINT));
    };
    let there = parts.root.join(&path);
    if there.is_file() || there.join("Chart.yaml").is_file() {
        return Ok(Some(Chart::in_repository(path)));
    }
    let message = format!("there is no chart `{chart}` in the repository");
    Err(settings.mistake("chart", message).hint(HINT))
}

const HINT: &str = "Set `chart` to the folder of a chart, from the root of the repository; to an address that begins with `oci://`; or to a name, with its `repository`";

/// Puts what stands in the fallback in the place of what stands in the primary.
fn replaced(text: &str, replace: &BTreeMap<String, String>) -> String {
    text::replaced(text, replace).unwrap_or_else(|| text.to_owned())
}

/// The same for every text in a value.
fn replace_in(value: &mut Value, replace: &BTreeMap<String, String>) {
    match value {
        Value::String(text) => *text = replaced(text, replace),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_in(item, replace)),
        Value::Object(entries) => entries.values_mut().for_each(|entry| replace_in(entry, replace)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |part: &str| {
        part.starts_with(fits) && part.ends_with(fits) && part.chars().all(|c| fits(c) || c == '-')
    };
    name.len() <= LONGEST && name.split('.').all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_a_name_that_kubernetes_takes() {
        for name in ["web", "web-2", "a.b-c.d", &"a".repeat(53)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "Web", "my_web", "-web", "web-", "a..b", &"a".repeat(54)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_registry_of_the_primary_becomes_that_of_the_fallback() {
        let replace = [("tokyo.example.com".to_owned(), "seoul.example.com".to_owned())].into();
        assert_eq!(
            replaced("oci://tokyo.example.com/charts/web", &replace),
            "oci://seoul.example.com/charts/web"
        );
    }
}
