//! A saved plan as `terraform show -json` tells it, as far as the gate, the
//! forecast and the report read it.

use crate::{
    model::resource::ResourceAction,
    terraform::{Hidden, TerraformError, error::document},
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;

/// The major version of the format that drctl knows; a minor one only adds fields.
const FORMAT: &str = "1";

/// A plan.
#[derive(Clone, Debug, Deserialize)]
pub struct Plan {
    /// The version of this document's format, such as `1.2`.
    pub format_version: String,
    /// The Terraform that made it, which is the only one that can apply it.
    #[serde(default)]
    pub terraform_version: String,
    /// Whether applying it would do anything useful. Unknown before Terraform 1.8.
    pub applyable: Option<bool>,
    /// Whether it covers everything. Unknown before Terraform 1.8.
    pub complete: Option<bool>,
    /// Whether planning failed half-way.
    #[serde(default)]
    pub errored: bool,
    /// The values of the root module's variables.
    #[serde(default, deserialize_with = "variables")]
    pub variables: BTreeMap<String, Hidden>,
    /// What it would do, also nothing, to every resource instance.
    #[serde(default)]
    pub resource_changes: Vec<ResourceChange>,
    /// What was found changed behind Terraform's back.
    #[serde(default)]
    pub resource_drift: Vec<ResourceChange>,
    /// What the state holds that the plan stands on, child modules too.
    #[serde(default, rename = "prior_state", deserialize_with = "prior")]
    pub prior: Vec<PriorResource>,
    /// What there will be, child modules too, as far as it is known before it is made.
    #[serde(default, rename = "planned_values", deserialize_with = "planned")]
    pub planned: Vec<PlannedResource>,
    /// The names of the outputs that change.
    #[serde(default, rename = "output_changes", deserialize_with = "names")]
    pub output_changes: Vec<String>,
    /// The configuration, as Terraform tells it.
    #[serde(default)]
    pub configuration: Value,
}

/// What kind of block a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// `resource`.
    Managed,
    /// `data`.
    Data,
    /// One that this drctl does not know.
    #[serde(other)]
    Unknown,
}

/// What would be done to one resource instance.
#[derive(Clone, Debug, Deserialize)]
pub struct ResourceChange {
    /// Its address.
    pub address: String,
    /// What kind of block it is.
    pub mode: Mode,
    /// Its type, such as `aws_instance`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name in the configuration.
    pub name: String,
    /// The provider's full name.
    #[serde(default)]
    pub provider_name: String,
    /// Its address in the state, when it is being renamed.
    pub previous_address: Option<String>,
    /// The key of the deposed object that this is about, when it is about one.
    pub deposed: Option<String>,
    /// Why, such as `replace_because_cannot_update`.
    pub action_reason: Option<String>,
    /// What.
    pub change: Change,
}

/// The change itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Change {
    /// What is done, in order, as Terraform writes it: `["delete", "create"]`.
    pub actions: Vec<String>,
    /// The values before; null when there was nothing.
    #[serde(default)]
    pub before: Hidden,
    /// The values after, as far as they are known; null when there will be nothing.
    #[serde(default)]
    pub after: Hidden,
    /// True when an existing object is taken into the state.
    #[serde(default, deserialize_with = "is_there")]
    pub importing: bool,
}

/// A resource instance as it will be.
#[derive(Clone, Debug, Deserialize)]
pub struct PlannedResource {
    /// Its address.
    pub address: String,
    /// What kind of block it is.
    pub mode: Mode,
    /// Its type, such as `aws_instance`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The provider's full name.
    #[serde(default)]
    pub provider_name: String,
    /// Its values, as far as they are known.
    #[serde(default)]
    pub values: Hidden,
    /// Which of the values are sensitive, in the same shape; `true` is all of a value.
    #[serde(default)]
    pub sensitive_values: Value,
}

/// A resource instance that the state already holds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PriorResource {
    /// Its address.
    pub address: String,
    /// What kind of block it is. A data source is here when it was read for this plan.
    pub mode: Mode,
    /// Its type, such as `aws_instance`.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Its values.
    #[serde(default)]
    pub values: Hidden,
}

impl Plan {
    /// Reads what `terraform show -json` printed of a saved plan.
    ///
    /// # Errors
    ///
    /// [`TerraformError::Unreadable`] when it printed something else, or a format
    /// that is newer by a major version.
    pub fn read(printed: &[u8]) -> Result<Self, TerraformError> {
        let plan: Self = document("show", printed)?;
        let major = plan.format_version.split('.').next().unwrap_or_default();
        if major != FORMAT {
            let what = format!("its format has version {}, not {FORMAT}", plan.format_version);
            return Err(TerraformError::Unreadable { command: "show", what });
        }
        Ok(plan)
    }

    /// Returns how many resource instances each action would be done to.
    pub fn resource_actions(&self) -> BTreeMap<ResourceAction, u64> {
        let mut counts = BTreeMap::new();
        for change in &self.resource_changes {
            *counts.entry(change.action()).or_default() += 1;
        }
        counts
    }
}

impl ResourceChange {
    /// Returns the one word for what would be done. An import or a rename that goes
    /// along with another action does not show here: see [`Change::importing`]
    /// and [`ResourceChange::previous_address`].
    pub fn action(&self) -> ResourceAction {
        let actions: Vec<_> = self.change.actions.iter().map(String::as_str).collect();
        match actions[..] {
            ["no-op"] if self.change.importing => ResourceAction::Import,
            ["no-op"] if self.previous_address.is_some() => ResourceAction::Move,
            ["no-op"] => ResourceAction::NoOp,
            ["create"] => ResourceAction::Create,
            ["read"] => ResourceAction::Read,
            ["update"] => ResourceAction::Update,
            ["delete"] => ResourceAction::Delete,
            ["delete", "create"] | ["create", "delete"] => ResourceAction::Replace,
            // Made anew while the old object lives on: what counts is what is left behind.
            ["forget"] | ["create", "forget"] => ResourceAction::Forget,
            _ => ResourceAction::Unknown,
        }
    }
}

/// `{"values": {"root_module": …}}`, which is how a state and planned values nest.
#[derive(Deserialize)]
#[serde(bound = "R: Deserialize<'de>")]
struct Values<R> {
    root_module: Option<Module<R>>,
}

#[derive(Deserialize)]
#[serde(bound = "R: Deserialize<'de>")]
struct Module<R> {
    #[serde(default = "Vec::new")]
    resources: Vec<R>,
    #[serde(default = "Vec::new")]
    child_modules: Vec<Module<R>>,
}

impl<R> Module<R> {
    fn flatten(self, into: &mut Vec<R>) {
        into.extend(self.resources);
        for child in self.child_modules {
            child.flatten(into);
        }
    }
}

fn flat<R>(values: Option<Values<R>>) -> Vec<R> {
    let mut all = Vec::new();
    if let Some(root) = values.and_then(|values| values.root_module) {
        root.flatten(&mut all);
    }
    all
}

fn planned<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<PlannedResource>, D::Error> {
    Option::<Values<PlannedResource>>::deserialize(from).map(flat)
}

fn prior<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<PriorResource>, D::Error> {
    #[derive(Deserialize)]
    struct State {
        values: Option<Values<PriorResource>>,
    }
    let state = Option::<State>::deserialize(from)?;
    Ok(flat(state.and_then(|state| state.values)))
}

fn variables<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, Hidden>, D::Error> {
    #[derive(Deserialize)]
    struct Variable {
        #[serde(default)]
        value: Hidden,
    }
    let all = BTreeMap::<String, Variable>::deserialize(from)?;
    Ok(all.into_iter().map(|(name, variable)| (name, variable.value)).collect())
}

fn names<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(BTreeMap::<String, IgnoredAny>::deserialize(from)?.into_keys().collect())
}

fn is_there<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(Option::<IgnoredAny>::deserialize(from)?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_recorded_plan_is_read_as_far_as_it_is_used() {
        let plan =
            Plan::read(include_bytes!("../../fixtures/terraform/replace/plan.json")).unwrap();
        let changes: Vec<_> = plan
            .resource_changes
            .iter()
            .map(|change| format!("{} {}", change.action(), change.address))
            .collect();
        insta::assert_snapshot!(changes.join("\n"), @r"
        replace terraform_data.app
        update terraform_data.db
        delete terraform_data.old[0]
        ");
        assert_eq!(plan.terraform_version, "1.11.4");
        assert_eq!((plan.applyable, plan.complete, plan.errored), (Some(true), Some(true), false));
        assert_eq!(plan.output_changes, ["endpoint", "password"]);
        assert_eq!(plan.variables["region"].expose(), "ap-northeast-2");
        let prior: Vec<_> = plan.prior.iter().map(|r| (r.address.as_str(), r.mode)).collect();
        insta::assert_debug_snapshot!(prior, @r#"
        [
            (
                "terraform_data.app",
                Managed,
            ),
            (
                "terraform_data.db",
                Managed,
            ),
            (
                "terraform_data.old[0]",
                Managed,
            ),
        ]
        "#);
        let regions: Vec<_> = plan
            .planned
            .iter()
            .map(|r| (r.address.as_str(), r.values.expose()["input"]["region"].as_str()))
            .collect();
        insta::assert_debug_snapshot!(regions, @r#"
        [
            (
                "terraform_data.app",
                Some(
                    "ap-northeast-2",
                ),
            ),
            (
                "terraform_data.db",
                Some(
                    "ap-northeast-2",
                ),
            ),
        ]
        "#);
        assert!(plan.configuration["root_module"]["resources"].is_array());
    }

    #[test]
    fn every_pair_of_actions_has_its_word() {
        let action = |actions: Value, extra: Value| {
            let mut change = json!({"address": "a.b", "mode": "managed", "type": "a", "name": "b",
                "change": {"actions": actions, "before": null, "after": {"x": 1}}});
            for (name, value) in extra.as_object().unwrap() {
                match name.as_str() {
                    "importing" => change["change"][name] = value.clone(),
                    _ => change[name] = value.clone(),
                }
            }
            serde_json::from_value::<ResourceChange>(change).unwrap().action()
        };
        for (actions, extra, word) in [
            (json!(["no-op"]), json!({}), ResourceAction::NoOp),
            (json!(["no-op"]), json!({"importing": {"id": "i-1"}}), ResourceAction::Import),
            (json!(["no-op"]), json!({"previous_address": "a.c"}), ResourceAction::Move),
            (json!(["create"]), json!({}), ResourceAction::Create),
            (json!(["read"]), json!({}), ResourceAction::Read),
            (json!(["update"]), json!({"importing": {}}), ResourceAction::Update),
            (json!(["delete"]), json!({"deposed": "0a"}), ResourceAction::Delete),
            (json!(["delete", "create"]), json!({}), ResourceAction::Replace),
            (json!(["create", "delete"]), json!({}), ResourceAction::Replace),
            (json!(["forget"]), json!({}), ResourceAction::Forget),
            (json!(["create", "forget"]), json!({}), ResourceAction::Forget),
            (json!(["teleport"]), json!({}), ResourceAction::Unknown),
            (json!([]), json!({}), ResourceAction::Unknown),
        ] {
            assert_eq!(action(actions.clone(), extra.clone()), word, "{actions} {extra}");
        }
    }

    #[test]
    fn drift_is_told_apart_from_changes_and_child_modules_are_flattened() {
        let plan = Plan::read(
            json!({"format_version": "1.9", "terraform_version": "1.99.0", "new_field": {},
                "resource_drift": [{"address": "a.b", "mode": "managed", "type": "a", "name": "b",
                    "change": {"actions": ["delete"], "before": {"x": 1}, "after": null}}],
                "planned_values": {"root_module": {"child_modules": [{"address": "module.m",
                    "child_modules": [{"resources": [{"address": "module.m.module.n.a.b",
                        "mode": "managed", "type": "a", "values": {"region": "eu"}}]}]}]}}})
            .to_string()
            .as_bytes(),
        )
        .unwrap();
        assert_eq!(plan.resource_drift[0].action(), ResourceAction::Delete);
        assert_eq!(plan.planned[0].address, "module.m.module.n.a.b");
        assert!(plan.resource_actions().is_empty() && plan.prior.is_empty());
    }

    #[test]
    fn a_newer_format_and_garbage_are_refused() {
        let said = |text: &str| Plan::read(text.as_bytes()).unwrap_err().to_string();
        insta::assert_snapshot!(said(r#"{"format_version":"2.0"}"#), @"`terraform show` printed something that cannot be read: its format has version 2.0, not 1");
        insta::assert_snapshot!(said("Wrapper 1.0\n{}"), @"`terraform show` printed something that cannot be read: line 1 is not JSON");
        insta::assert_snapshot!(said(""), @"`terraform show` printed something that cannot be read: it is empty");
    }
}
