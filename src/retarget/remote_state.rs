//! `terraform_remote_state`: which stack of the runbook produces what it reads, and where that is now.

use super::{naming::Naming, reach::Reached, redirect::Redirection};
use crate::{
    catalogue::names::mentions,
    config::{
        expression::Expr,
        known::Knowledge,
        module::{Module, Resource, ResourceMode},
    },
    model::{finding::Place, redirect::Obstacle, step::StepId},
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Where a stack keeps its state in the primary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateKey {
    /// The type of the backend.
    pub kind: String,
    /// Its settings, as far as they are known.
    pub settings: BTreeMap<String, String>,
}

/// A data source that reads the state of another stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RemoteState {
    /// The folder of its module.
    pub dir: PathBuf,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The stack that it reads, when that is one of the runbook's.
    pub producer: Option<StepId>,
    /// The region that its configuration names.
    pub region: Option<String>,
}

impl StateKey {
    /// Returns the key of what a root module's own `backend` block says.
    pub fn of_backend(module: &Module) -> Option<Self> {
        let backend = module.backend.as_ref()?;
        // Terraform evaluates nothing in a backend block.
        let literal = |a: &crate::config::body::Attribute| {
            Some((a.name().to_owned(), a.expr().literal_string()?))
        };
        let mut settings: BTreeMap<_, _> =
            backend.body().attributes().iter().filter_map(literal).collect();
        resolve(&backend.kind, &module.dir, &mut settings);
        Some(Self { kind: backend.kind.clone(), settings })
    }

    /// Returns the key of a state that is declared as JSON syntax has it.
    pub fn of_json(backend: &Value) -> Option<Self> {
        let (kind, settings) = backend.as_object()?.iter().next()?;
        let text =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        let settings = settings.as_object()?.iter().filter_map(text).collect();
        Some(Self { kind: kind.clone(), settings })
    }

    fn of_data(dir: &Path, resource: &Resource, known: &Knowledge<'_>) -> Option<Self> {
        let kind = known.text(resource.body().expr("backend")?)?;
        let mut settings = BTreeMap::new();
        for entry in
            resource.body().expr("config").and_then(|c| c.object().ok()).unwrap_or_default()
        {
            if let Some(text) = known.text(entry.expr()) {
                settings.insert(entry.name().to_owned(), text);
            }
        }
        resolve(&kind, dir, &mut settings);
        Some(Self { kind, settings })
    }

    /// Whether both are of one state: what tells states apart is the same, as far as both say it,
    /// and at least the last part of it is said by both.
    pub fn is_same(&self, other: &Self) -> bool {
        let identity: &[&str] = match self.kind.as_str() {
            "s3" | "oss" | "cos" => &["bucket", "key"],
            "gcs" => &["bucket", "prefix"],
            "azurerm" => &["storage_account_name", "container_name", "key"],
            "http" => &["address"],
            "consul" | "local" => &["path"],
            "kubernetes" => &["namespace", "secret_suffix"],
            "pg" => &["conn_str", "schema_name"],
            _ => return false,
        };
        let both = |name: &&&str| Some((self.settings.get(**name)?, other.settings.get(**name)?));
        let said: Vec<_> = identity.iter().filter(|name| both(name).is_some()).collect();
        self.kind == other.kind
            && said.last() == identity.iter().next_back().as_ref()
            && said.iter().filter_map(both).all(|(a, b)| a == b)
    }
}

/// A path of the `local` backend counts from the folder of the root.
fn resolve(kind: &str, dir: &Path, settings: &mut BTreeMap<String, String>) {
    if kind == "local" {
        let path = settings.get("path").map_or("terraform.tfstate", String::as_str);
        let mut clean = PathBuf::new();
        for part in dir.join(path).components() {
            match part {
                std::path::Component::ParentDir if clean.pop() => {}
                part => clean.push(part),
            }
        }
        settings.insert("path".to_owned(), clean.display().to_string());
    }
}

/// The address that stands for the state of a stack until the service that keeps it runs.
pub fn placeholder(stack: &StepId) -> String {
    format!("drctl://state/{stack}")
}

/// Points the remote states of a module at what this run keeps.
///
/// `producers` are the states of the runbook's stacks in the primary; `now` says where the state of
/// one is kept now, as JSON syntax has a backend.
pub(super) fn point(
    reached: &Reached<'_>,
    root: &Path,
    producers: &[(StepId, StateKey)],
    now: &dyn Fn(&StepId) -> Value,
    naming: &Naming,
    made: &mut Redirection,
) {
    let module = reached.module();
    for resource in module.resources.iter().filter(|r| is_remote_state(r)) {
        let dir = &module.dir;
        let key = StateKey::of_data(root, resource, &reached.known);
        let matches: Vec<&StepId> = producers
            .iter()
            .filter(|(_, known)| key.as_ref().is_some_and(|key| key.is_same(known)))
            .map(|(stack, _)| stack)
            .collect();
        let region = key.as_ref().and_then(|key| key.settings.get("region").cloned());
        let producer = match matches[..] {
            [one] => {
                override_with(dir, resource, &now(one), made);
                Some(one.clone())
            }
            _ => {
                outside(dir, resource, region.as_deref(), naming, made);
                None
            }
        };
        made.remote_states.push(RemoteState {
            dir: dir.clone(),
            name: resource.name.clone(),
            place: resource.place(),
            producer,
            region,
        });
    }
}

fn is_remote_state(resource: &Resource) -> bool {
    resource.mode == ResourceMode::Data && resource.kind == "terraform_remote_state"
}

/// `backend` and `config` are replaced whole; a workspace is one of the primary's backend.
fn override_with(dir: &Path, resource: &Resource, now: &Value, made: &mut Redirection) {
    let Some((kind, settings)) = now.as_object().and_then(|o| o.iter().next()) else { return };
    let path = |argument| ["data", "terraform_remote_state", resource.name.as_str(), argument];
    made.overrides.set(dir, &path("backend"), kind.as_str().into());
    made.overrides.set(dir, &path("config"), settings.clone());
    if resource.body().attribute("workspace").is_some() {
        made.overrides.set(dir, &path("workspace"), "default".into());
    }
}

/// A state that no stack of the runbook produces: the user says what stands for it, or it is alive.
fn outside(
    dir: &Path,
    resource: &Resource,
    region: Option<&str>,
    naming: &Naming,
    made: &mut Redirection,
) {
    let Some(config) = resource.body().expr("config") else { return };
    let replaced = replace(config, naming);
    if let Some(replaced) = replaced {
        let path = ["data", "terraform_remote_state", resource.name.as_str(), "config"];
        made.overrides.set(dir, &path, replaced);
        return;
    }
    let named = config
        .texts()
        .iter()
        .any(|t| naming.primary.as_deref().is_some_and(|primary| mentions(&t.text, primary)));
    if naming.primary.is_some()
        && (named || region.is_some_and(|r| Some(r) == naming.primary.as_deref()))
    {
        made.obstacles.push(Obstacle {
            place: resource.place(),
            message: format!(
                "`{}` reads a state in the primary region, which no stack of the runbook produces",
                resource.address()
            ),
            hint: "Add the stack that produces it to the runbook; or name a copy of its state elsewhere: `--replace OLD_BUCKET=NEW_BUCKET`, and so for its region".to_owned(), fatal: false });
    }
}

/// Returns the configuration with what the user says stands for its parts, if that is anything.
fn replace(config: &Expr, naming: &Naming) -> Option<Value> {
    let edits: Vec<_> = config
        .texts()
        .into_iter()
        .filter_map(|text| {
            let mut made = text.text.clone();
            for (old, new) in naming.replace.iter().filter(|(old, _)| !old.is_empty()) {
                made = made.replace(old, new);
            }
            (made != text.text)
                .then_some(crate::config::expression::Edit { range: text.range, text: made })
        })
        .collect();
    if edits.is_empty() { None } else { config.edited(&edits) }
}

/// Returns the backend that drctl keeps the state of a stack in, to be read by others.
pub fn own_state(stack: &StepId) -> Value {
    let settings: Map<String, Value> =
        [("address".to_owned(), placeholder(stack).into())].into_iter().collect();
    json!({ "http": settings })
}
