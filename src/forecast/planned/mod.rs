//! What Terraform itself would make, by one of its plans, as a [`Graph`].
//!
//! A plan knows the number of instances of everything, and also what is in modules that are not in
//! the repository. Its `configuration` tells what refers to what, but not what a local value refers
//! to (`terraform show -json`, "Configuration Representation"): those are taken from the code, where
//! the code is there.

#[cfg(test)]
mod tests;

use super::graph::{Copies, Graph, Node, Role};
use crate::{
    model::{
        resource::{ResourceAction, without_keys},
        time::parse_duration,
    },
    terraform::{Mode, Plan},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What a plan tells of one stack.
#[derive(Clone, Debug, Default)]
pub struct Planned {
    /// Everything that is declared, by its address without keys of instances.
    declared: BTreeMap<String, Declared>,
    /// How many resource instances the plan would change or take away.
    pub others: BTreeMap<ResourceAction, u64>,
    /// How many instances it would make.
    pub instances: usize,
}

/// What a forecast that rests on a plan takes from where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Resources that the plan makes.
    pub resources: usize,
    /// Instances that the plan makes.
    pub instances: usize,
    /// Local values whose references were taken from the code.
    pub locals: usize,
    /// Local values that are in no code here, so that what waits through them seems not to wait.
    pub lost: usize,
}

#[derive(Clone, Debug)]
struct Declared {
    role: Role,
    /// The addresses of what it waits for.
    needs: Vec<String>,
}

impl Planned {
    /// Reads a plan as far as a forecast needs it. What it would replace is made, too.
    pub fn read(plan: &Plan) -> Self {
        let mut made: BTreeMap<String, usize> = BTreeMap::new();
        let mut others = BTreeMap::new();
        for change in plan.resource_changes.iter().filter(|change| change.mode == Mode::Managed) {
            let action = change.action();
            if matches!(action, ResourceAction::Create | ResourceAction::Replace) {
                *made.entry(without_keys(&change.address)).or_default() += 1;
            }
            if !matches!(action, ResourceAction::Create | ResourceAction::NoOp) {
                *others.entry(action).or_default() += 1;
            }
        }
        let mut takes = BTreeMap::new();
        for resource in plan.planned.iter().filter(|resource| resource.kind == "time_sleep") {
            let said = resource.values.expose()["create_duration"].as_str();
            if let Some(long) = said.and_then(|said| parse_duration(said).ok()) {
                takes.insert(without_keys(&resource.address), long);
            }
        }
        let instances = made.values().sum();
        let mut reading = Reading { made, takes, declared: BTreeMap::new() };
        let configuration = &plan.configuration;
        reading.providers(&configuration["provider_config"]);
        reading.module(&configuration["root_module"], "", None);
        reading.rest(plan);
        Self { declared: reading.declared, others, instances }
    }

    /// Returns the graph of what the plan makes. `code` is the graph of the same stack by its code.
    pub fn graph(&self, code: Option<&Graph>) -> (Graph, Taken) {
        let in_code: BTreeMap<&str, &Node> = code
            .into_iter()
            .flat_map(Graph::nodes)
            .map(|node| (node.address.as_str(), node))
            .collect();
        let mut all: BTreeMap<String, Declared> = self.declared.clone();
        let mut taken = Taken { instances: self.instances, ..Taken::default() };
        let mut open: Vec<String> =
            self.declared.values().flat_map(|declared| &declared.needs).cloned().collect();
        let mut lost = BTreeSet::new();
        while let Some(address) = open.pop() {
            if all.contains_key(&address) || !is_local(&address) {
                continue;
            }
            let (Some(node), Some(code)) = (in_code.get(address.as_str()), code) else {
                lost.insert(address);
                continue;
            };
            let needs = node.needs.iter().map(|need| &code.nodes()[*need]);
            let needs: Vec<String> = needs.map(in_plan).collect();
            open.extend(needs.iter().cloned());
            taken.locals += 1;
            all.insert(address, Declared { role: Role::Relay, needs });
        }
        taken.lost = lost.len();
        taken.resources = all.values().filter(|declared| declared.is_made()).count();
        (sorted(&all), taken)
    }
}

impl Declared {
    fn is_made(&self) -> bool {
        matches!(&self.role, Role::Resource { copies, .. } if copies.number > 0)
    }
}

/// A plan being read.
struct Reading {
    made: BTreeMap<String, usize>,
    takes: BTreeMap<String, Duration>,
    declared: BTreeMap<String, Declared>,
}

impl Reading {
    fn add(&mut self, address: String, role: Role, needs: Vec<String>) {
        self.declared.insert(address, Declared { role, needs });
    }

    fn providers(&mut self, configurations: &Value) {
        for (key, configuration) in entries(configurations) {
            let module = configuration["module_address"].as_str().unwrap_or_default();
            let needs = references(&configuration["expressions"], &without_keys(module));
            self.add(format!("provider.{key}"), Role::Relay, needs);
        }
    }

    /// Reads a module and all that it calls; everything in it waits for `open`.
    fn module(&mut self, module: &Value, at: &str, open: Option<&str>) {
        let waits = || open.map(str::to_owned).into_iter();
        let mut inside: Vec<String> = waits().collect();
        for resource in elements(&module["resources"]) {
            let Some(name) = resource["address"].as_str() else { continue };
            let address = within(at, &without_keys(name));
            let mut needs: Vec<String> = waits().collect();
            for part in ["expressions", "provisioners", "count_expression", "for_each_expression"] {
                needs.extend(references(&resource[part], at));
            }
            needs.extend(named(&resource["depends_on"], at));
            let key = resource["provider_config_key"].as_str();
            needs.extend(key.map(|key| format!("provider.{key}")));
            let kind = resource["type"].as_str().unwrap_or_default();
            let role = self.role(&address, resource["mode"].as_str(), kind);
            inside.push(address.clone());
            self.add(address, role, needs);
        }
        for (name, output) in entries(&module["outputs"]) {
            let mut needs: Vec<String> = waits().collect();
            needs.extend(references(&output["expression"], at));
            needs.extend(named(&output["depends_on"], at));
            let address = within(at, &format!("output.{name}"));
            inside.push(address.clone());
            self.add(address, Role::Relay, needs);
        }
        for (name, call) in entries(&module["module_calls"]) {
            let child = within(at, &format!("module.{name}"));
            let expand = format!("{child} (expand)");
            let mut needs: Vec<String> = waits().collect();
            needs.extend(references(&call["count_expression"], at));
            needs.extend(references(&call["for_each_expression"], at));
            needs.extend(named(&call["depends_on"], at));
            self.add(expand.clone(), Role::Relay, needs);
            for (variable, passed) in entries(&call["expressions"]) {
                let mut needs = vec![expand.clone()];
                needs.extend(references(passed, at));
                self.add(within(&child, &format!("var.{variable}")), Role::Relay, needs);
            }
            self.module(&call["module"], &child, Some(&expand));
            inside.push(within(&child, CLOSE));
        }
        self.add(within(at, CLOSE), Role::Relay, inside);
    }

    fn role(&self, address: &str, mode: Option<&str>, kind: &str) -> Role {
        match mode {
            Some("managed") => Role::Resource {
                kind: kind.to_owned(),
                copies: Copies {
                    number: self.made.get(address).copied().unwrap_or(0),
                    known: true,
                },
                takes: self.takes.get(address).copied(),
            },
            Some("data") => Role::Data { kind: kind.to_owned() },
            _ => Role::Relay,
        }
    }

    /// Adds what is made and not declared, which a plan without a configuration has.
    fn rest(&mut self, plan: &Plan) {
        for change in &plan.resource_changes {
            let address = without_keys(&change.address);
            if self.made.contains_key(&address) && !self.declared.contains_key(&address) {
                let role = self.role(&address, Some("managed"), &change.kind);
                self.add(address, role, Vec::new());
            }
        }
    }
}

/// What waits for all of a module, as the graph of the code calls it.
const CLOSE: &str = "(close)";

fn within(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

fn is_local(address: &str) -> bool {
    let mut parts = address.rsplit('.').skip(1);
    parts.next() == Some("local")
}

/// Returns what a node of the code is called in a plan: there every module is open.
fn in_plan(node: &Node) -> String {
    match node.role {
        Role::Opaque { .. } => within(&node.address, CLOSE),
        _ => node.address.clone(),
    }
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Returns the addresses of what expressions refer to, seen from the module `at`.
fn references(expressions: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![expressions];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(elements) => open.extend(elements),
            Value::Object(entries) => {
                for (name, inner) in entries {
                    match inner {
                        Value::Array(list)
                            if name == "references" && list.iter().all(Value::is_string) =>
                        {
                            found.extend(named(inner, at));
                        }
                        // What is written out refers to nothing, whatever its keys are.
                        _ if name == "constant_value" => {}
                        _ => open.push(inner),
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Returns the addresses that a list of references means.
///
/// Terraform lists `module.a.out` and `module.a` for one and the same; only what stands for itself
/// means all of the module.
fn named(list: &Value, at: &str) -> Vec<String> {
    let plain: Vec<String> = elements(list).filter_map(Value::as_str).map(without_keys).collect();
    let mean = |name: &String| {
        let parts: Vec<&str> = name.split('.').collect();
        let inner = match parts[..] {
            ["each" | "count" | "path" | "terraform" | "self", ..] | [] | [_] => return None,
            ["module", call] => {
                let nearer = format!("module.{call}.");
                if plain.iter().any(|other| other.starts_with(&nearer)) {
                    return None;
                }
                format!("module.{call}.{CLOSE}")
            }
            ["module", call, output, ..] => format!("module.{call}.output.{output}"),
            ["data", kind, name, ..] => format!("data.{kind}.{name}"),
            [first, second, ..] => format!("{first}.{second}"),
        };
        Some(within(at, &inner))
    };
    plain.iter().filter_map(mean).collect()
}

/// Makes the graph; what is needed and not there is passed over.
fn sorted(all: &BTreeMap<String, Declared>) -> Graph {
    let places: BTreeMap<&str, usize> =
        all.keys().enumerate().map(|(place, address)| (address.as_str(), place)).collect();
    let node = |(address, declared): (&String, &Declared)| {
        let mut needs: Vec<usize> =
            declared.needs.iter().filter_map(|need| places.get(need.as_str()).copied()).collect();
        needs.sort_unstable();
        needs.dedup();
        Node { address: address.clone(), role: declared.role.clone(), needs }
    };
    Graph::sorted(all.iter().map(node).collect())
}
