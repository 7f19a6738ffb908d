//! The proof, from the plan's JSON, that a stack will lie where it should: the region of every
//! planned resource with how it is known, and what still names the primary.

use super::gate::{Expected, refuse};
use crate::{
    catalogue::{
        Catalogue,
        names::{mentions, region_named},
    },
    model::{
        gate::{GateAnswer, KnownBy, Placed, Refusal, RefusalReason, Remnant},
        resource::without_keys,
    },
    terraform::{Mode, Plan, PlannedResource},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many remnants are told; the rest is counted by nobody, since one is enough to look.
const MAX_REMNANTS: usize = 200;

/// Arguments by which a resource says itself where it lies, the plainest first.
const PLACES: &[&str] = &["region", "location", "availability_zone", "zone"];

/// Finds where everything will lie, and refuses what lies elsewhere.
pub(super) fn prove(plan: &Plan, expected: &Expected<'_>, answer: &mut GateAnswer) {
    let providers = Configured::read(plan);
    for planned in plan.planned.iter().filter(|planned| planned.mode == Mode::Managed) {
        let key = providers.key_of(&planned.address);
        let placed = place(planned, key, &providers, expected);
        answer.refusals.extend(judge(&placed, key, planned, expected));
        answer.placed.push(placed);
    }
    if let Some(primary) = expected.leaves() {
        left_behind(&providers, primary, expected, answer);
        remnants(plan, primary, answer);
    }
}

/// A provider that is still configured for the primary, also where nothing is planned with it yet.
fn left_behind(
    providers: &Configured,
    primary: &str,
    expected: &Expected<'_>,
    answer: &mut GateAnswer,
) {
    for (key, region) in &providers.regions {
        if region == primary && expected.pinned.get(key) != Some(region) {
            let detail = format!(
                "is configured for the primary region `{primary}`, not for `{}`",
                expected.region
            );
            answer.refusals.push(refuse(RefusalReason::Region, &format!("provider {key}"), detail));
        }
    }
}

fn place(
    planned: &PlannedResource,
    key: Option<&str>,
    providers: &Configured,
    expected: &Expected<'_>,
) -> Placed {
    let placed = |region: Option<String>, known_by| Placed {
        address: planned.address.clone(),
        region,
        known_by,
    };
    let values = planned.values.expose();
    let own = PLACES.iter().find_map(|name| values[*name].as_str().and_then(region_named));
    if let Some(region) = own {
        return placed(Some(region.to_owned()), KnownBy::Resource);
    }
    if Catalogue::builtin().is_global(&planned.kind) || expected.decides_on(planned) {
        let regional = has_regions(planned);
        return placed(None, if regional { KnownBy::Global } else { KnownBy::NoRegion });
    }
    if !by_provider(planned) {
        return placed(None, KnownBy::NoRegion);
    }
    match key.and_then(|key| providers.regions.get(key)) {
        Some(region) => placed(Some(region.clone()), KnownBy::Provider),
        None => placed(None, KnownBy::Unknown),
    }
}

fn judge(
    placed: &Placed,
    key: Option<&str>,
    planned: &PlannedResource,
    expected: &Expected<'_>,
) -> Option<Refusal> {
    let region = match (&placed.region, placed.known_by) {
        (Some(region), _) => region,
        (None, KnownBy::Unknown) => {
            let detail = format!(
                "nothing in the plan tells that it would lie in `{}`: its provider's region is not a value that is known",
                expected.region
            );
            return Some(refuse(RefusalReason::RegionUnknown, &placed.address, detail));
        }
        (None, _) => return None,
    };
    let pinned = key.and_then(|key| expected.pinned.get(key));
    if region == expected.region || pinned == Some(region) || expected.decides_on(planned) {
        return None;
    }
    let primary = expected.leaves().is_some_and(|primary| primary == region);
    let whose = if primary { ", the primary" } else { "" };
    let detail = match placed.known_by {
        KnownBy::Provider => {
            format!("would lie in `{region}`{whose}, by its provider, not in `{}`", expected.region)
        }
        _ => {
            let values = planned.values.expose();
            let says =
                PLACES.iter().find(|name| values[**name].as_str().and_then(region_named).is_some());
            let says = says.copied().unwrap_or("region");
            format!(
                "`{says}` is `{}`, which lies in `{region}`{whose}, not in `{}`",
                values[says].as_str().unwrap_or_default(),
                expected.region
            )
        }
    };
    Some(refuse(RefusalReason::Region, &placed.address, detail))
}

/// Whether resources of this provider lie where the provider is configured for.
fn by_provider(planned: &PlannedResource) -> bool {
    matches!(provider_of(planned), "aws" | "google" | "google-beta")
}

fn has_regions(planned: &PlannedResource) -> bool {
    by_provider(planned) || provider_of(planned) == "azurerm"
}

fn provider_of(planned: &PlannedResource) -> &str {
    planned.provider_name.rsplit('/').next().unwrap_or_default()
}

/// The provider configurations of a plan, and which resource uses which.
struct Configured {
    /// Regions, by the configuration's name.
    regions: BTreeMap<String, String>,
    /// Names of configurations, by the resource's address without any keys.
    of_resource: BTreeMap<String, String>,
}

impl Configured {
    fn read(plan: &Plan) -> Self {
        let mut regions = BTreeMap::new();
        for (key, provider) in
            plan.configuration["provider_config"].as_object().into_iter().flatten()
        {
            let expression = &provider["expressions"]["region"];
            let constant = expression["constant_value"].as_str();
            // In the root a reference to a variable is as good as its value.
            let variable = || {
                let name = expression["references"]
                    .as_array()?
                    .iter()
                    .find_map(|r| r.as_str()?.strip_prefix("var."))?;
                provider["module_address"].is_null().then_some(())?;
                plan.variables.get(name)?.expose().as_str()
            };
            if let Some(region) = constant.or_else(variable) {
                regions.insert(key.clone(), region.to_owned());
            }
        }
        let mut of_resource = BTreeMap::new();
        module(&plan.configuration["root_module"], "", &mut of_resource);
        Self { regions, of_resource }
    }

    fn key_of(&self, address: &str) -> Option<&str> {
        self.of_resource.get(&without_keys(address)).map(String::as_str)
    }
}

fn module(config: &Value, prefix: &str, found: &mut BTreeMap<String, String>) {
    for resource in config["resources"].as_array().into_iter().flatten() {
        if let (Some(address), Some(key)) =
            (resource["address"].as_str(), resource["provider_config_key"].as_str())
        {
            found.insert(format!("{prefix}{address}"), key.to_owned());
        }
    }
    for (name, call) in config["module_calls"].as_object().into_iter().flatten() {
        module(&call["module"], &format!("{prefix}module.{name}."), found);
    }
}

fn remnants(plan: &Plan, primary: &str, answer: &mut GateAnswer) {
    let mut found = Vec::new();
    for planned in plan.planned.iter().filter(|planned| planned.mode == Mode::Managed) {
        let (values, sensitive) = (planned.values.expose(), &planned.sensitive_values);
        let at = At { address: &planned.address, primary };
        at.walk(values, sensitive, &mut String::new(), &mut found);
    }
    found.truncate(MAX_REMNANTS);
    answer.remnants = found;
}

/// Where values are looked through.
struct At<'a> {
    address: &'a str,
    primary: &'a str,
}

impl At<'_> {
    fn walk(&self, value: &Value, sensitive: &Value, path: &mut String, found: &mut Vec<Remnant>) {
        match value {
            Value::String(text) if mentions(text, self.primary) => {
                let shown =
                    (!sensitive.as_bool().unwrap_or(false)).then(|| excerpt(text, self.primary));
                found.push(Remnant {
                    address: self.address.to_owned(),
                    attribute: path.clone(),
                    value: shown,
                });
            }
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.step(
                        item,
                        inner(sensitive, &sensitive[at]),
                        &format!("[{at}]"),
                        path,
                        found,
                    );
                }
            }
            Value::Object(entries) => {
                for (name, item) in entries {
                    let dot = if path.is_empty() { "" } else { "." };
                    let sensitive = inner(sensitive, &sensitive[name]);
                    self.step(item, sensitive, &format!("{dot}{name}"), path, found);
                }
            }
            _ => {}
        }
    }

    fn step(
        &self,
        value: &Value,
        sensitive: &Value,
        step: &str,
        path: &mut String,
        found: &mut Vec<Remnant>,
    ) {
        let length = path.len();
        path.push_str(step);
        self.walk(value, sensitive, path, found);
        path.truncate(length);
    }
}

/// What is sensitive as a whole is sensitive in every part.
fn inner<'v>(whole: &'v Value, part: &'v Value) -> &'v Value {
    if whole.is_boolean() { whole } else { part }
}

/// Returns what stands around the first mention, at most 120 characters of it.
fn excerpt(text: &str, primary: &str) -> String {
    const BEFORE: usize = 60;
    const WHOLE: usize = 120;
    let at = text.find(primary).unwrap_or(0);
    let start = text[..at].char_indices().rev().nth(BEFORE - 1).map_or(0, |(at, _)| at);
    text[start..].chars().take(WHOLE).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_cut_around_the_mention() {
        let text = format!("{}ap-northeast-1{}", "é".repeat(100), "x".repeat(200));
        let cut = excerpt(&text, "ap-northeast-1");
        assert_eq!(cut.chars().count(), 120);
        assert!(cut.contains("ap-northeast-1") && cut.starts_with('é'));
    }
}
