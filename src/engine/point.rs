//! Each stack pointed at the fallback: its inputs, its state, and what stands in the way.

use super::{
    assemble::{AssembleError, Sources},
    recovery::{StackWork, StateHome},
};
use crate::{
    config::{
        body::Attribute,
        known::{automatic_variables, variables_of},
        module::Module,
    },
    model::{
        finding::Place,
        redirect::{Dependency, DependencyKind, DependencyStatus, Obstacle},
        step::StepId,
    },
    retarget::{GlobalRule, Redirection, StateKey, Target, own_state, redirect},
    runbook::{self, Known, Mistake},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What all stacks of a recovery share.
pub(super) struct Pointing<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) known: &'a Known,
    pub(super) region: Option<&'a runbook::Region>,
    /// Where each stack's own code keeps its state.
    pub(super) producers: Vec<(StepId, StateKey)>,
    /// Where each stack's state is kept now, as JSON syntax has a backend.
    pub(super) states: BTreeMap<StepId, Value>,
    pub(super) globals: Vec<GlobalRule>,
    replace: BTreeMap<String, String>,
}

impl<'a> Pointing<'a> {
    /// Evaluates what all stacks share.
    ///
    /// # Errors
    ///
    /// What the runbook says has no value.
    pub(super) fn new(sources: &'a Sources<'a>, known: &'a Known) -> Result<Self, Mistake> {
        let region = sources.runbook.region(sources.region);
        let mut producers = Vec::new();
        let mut states = BTreeMap::new();
        for (id, stack) in sources.runbook.stacks() {
            let key = sources.repository.module(&stack.path).and_then(StateKey::of_backend);
            producers.extend(key.map(|key| (id.clone(), key)));
            let state = match region.and_then(|region| region.state.as_ref()) {
                None => own_state(id),
                Some(block) => {
                    let settings = known.values_for(id.as_str(), block.body().attributes())?;
                    json!({ block.label(0).unwrap_or_default(): settings })
                }
            };
            states.insert(id.clone(), state);
        }
        let mut globals = Vec::new();
        for global in &sources.runbook.globals {
            let mut suffix = match &global.suffix {
                Some(suffix) => known.string(suffix)?,
                None => format!("-{}", known.region),
            };
            // What a cloud keeps for a while after its deletion keeps its name, too.
            if let Some(salt) = sources.salt {
                suffix += &format!("-{salt}");
            }
            let (target, decision) = (global.target.clone(), global.decision);
            globals.push(GlobalRule { target, decision, suffix });
        }
        let mut replace = BTreeMap::new();
        for entry in region.into_iter().flat_map(|region| &region.replace) {
            replace.insert(entry.name().to_owned(), known.string(entry.expr())?);
        }
        replace.extend(sources.replace.clone());
        Ok(Self { sources, known, region, producers, states, globals, replace })
    }

    /// Returns what stands for what in the fallback.
    pub(super) fn replace(&self) -> &BTreeMap<String, String> {
        &self.replace
    }

    /// Points one stack.
    ///
    /// # Errors
    ///
    /// What the runbook says has no value.
    pub(super) fn stack(
        &self,
        id: &StepId,
        stack: &runbook::Stack,
    ) -> Result<(StackWork, Redirection), AssembleError> {
        let wrong = |mistake| AssembleError::Mistakes(vec![mistake]);
        let Sources { repository, root, region, primary, .. } = *self.sources;
        let module =
            repository.module(&stack.path).ok_or_else(|| AssembleError::Mistakes(vec![]))?;
        if self.sources.at_home {
            return self.at_home(id, stack, module).map_err(wrong);
        }
        let variables = variables(module, self.region, stack);
        let files = self.region.map(|r| r.var_files.as_slice()).unwrap_or_default();
        let files: Vec<&PathBuf> = files.iter().chain(&stack.var_files).collect();
        let mut given = BTreeMap::new();
        for (name, value) in files.iter().flat_map(|file| variables_of(root, file)) {
            given.insert(name, value.expr().literal());
        }
        for variable in &variables {
            given.insert(variable.name().to_owned(), self.known.value(variable.expr()).ok());
        }
        let mut providers = BTreeMap::new();
        for provider in &stack.providers {
            let region = self.known.string(provider.expr()).map_err(wrong)?;
            providers.insert(provider.name().to_owned(), region);
        }
        let declared = self.region.and_then(|region| region.state.as_ref());
        let (state, backend) = match declared.filter(|_| !self.sources.own_state) {
            None => (StateHome::Own, json!({ "http": {} })),
            Some(block) => {
                let backend = block.label(0).unwrap_or_default().to_owned();
                (StateHome::Declared { backend }, self.states[id].clone())
            }
        };
        let state_of = |stack: &StepId| match state {
            StateHome::Own => own_state(stack),
            StateHome::Declared { .. } => self.states[stack].clone(),
        };
        let target = Target {
            region,
            primary,
            replace: &self.replace,
            globals: &self.globals,
            given: &given,
            automatic: &automatic_variables(root, &stack.path),
            unit: self.sources.units.get(id),
            providers: &providers,
            workspace: stack.workspace.as_deref().or(self.sources.workspace),
            backend: &backend,
            producers: &self.producers,
            state_of: &state_of,
        };
        let mut redirection = redirect(module, repository, &target);
        self.unknown_providers(stack, module, &mut redirection);
        self.state(id, &mut redirection);
        redirection.dependencies.push(self.where_the_state_is(id, redirection.primary.as_deref()));
        redirection.dependencies.sort();
        let work = StackWork {
            dir: root.join(&stack.path),
            regional: redirection.variables.clone(),
            variables,
            var_files: files.into_iter().map(|file| root.join(file)).collect(),
            env: redirection.env.clone(),
            state,
            primary: redirection.primary.clone(),
            pinned: redirection.pinned.clone(),
            decided: self.globals.iter().map(|global| global.target.clone()).collect(),
            parallelism: stack.parallelism.unwrap_or(redirection.at_once),
            at_home: None,
        };
        Ok((work, redirection))
    }

    /// A region for a provider configuration that the stack does not have.
    fn unknown_providers(
        &self,
        stack: &runbook::Stack,
        module: &Module,
        redirection: &mut Redirection,
    ) {
        for entry in &stack.providers {
            let inside = entry.name().starts_with("module.");
            if !inside && !module.providers.iter().any(|p| p.key() == entry.name()) {
                redirection.obstacles.push(Obstacle {
                    place: entry.place(),
                    message: format!(
                        "`{}` configures no provider `{}`",
                        stack.path.display(),
                        entry.name()
                    ),
                    hint: "Name a provider as its block does, with its alias: `\"aws.edge\"`"
                        .to_owned(),
                    fatal: false,
                });
            }
        }
    }

    /// Where the state of a stack is kept, as something that must be alive.
    fn where_the_state_is(&self, id: &StepId, primary: Option<&str>) -> Dependency {
        let kind = DependencyKind::StateBackend;
        let Some(block) = self.region.and_then(|region| region.state.as_ref()) else {
            let name = "drctl's own, on this machine".to_owned();
            let status = DependencyStatus::Alive;
            return Dependency { kind, name, place: None, region: None, status };
        };
        let key = StateKey::of_json(&self.states[id]);
        let setting = |name: &str| key.as_ref()?.settings.get(name).cloned();
        let which = ["bucket", "container_name", "address", "path"].into_iter().find_map(setting);
        let name = [block.label(0).map(str::to_owned), which].into_iter().flatten();
        let region = setting("region");
        let status = DependencyStatus::of(region.as_deref(), primary);
        let name = name.collect::<Vec<_>>().join(" ");
        Dependency { kind, name, place: Some(block.place()), region, status }
    }

    /// What speaks against where the state of a stack is kept.
    fn state(&self, id: &StepId, redirection: &mut Redirection) {
        let Some(block) = self.region.and_then(|region| region.state.as_ref()) else { return };
        let now = StateKey::of_json(&self.states[id]);
        let Some(now) = now else { return };
        let mut obstacle = |place: Place, message: String, hint: &str| {
            redirection.obstacles.push(Obstacle {
                place,
                message,
                hint: hint.to_owned(),
                fatal: false,
            });
        };
        if let Some((of, _)) = self.producers.iter().find(|(_, key)| now.is_same(key)) {
            obstacle(
                block.place(),
                format!("the state of `{id}` would be written over the primary's state of `{of}`"),
                "Give the fallback a bucket and a key of its own: `key = \"dr/${stack}.tfstate\"`",
            );
        }
        let twin = self.states.iter().find(|(other, state)| {
            *other != id && StateKey::of_json(state).is_some_and(|key| key.is_same(&now))
        });
        if let Some((twin, _)) = twin {
            obstacle(
                block.place(),
                format!(
                    "`{id}` and `{twin}` would share one state, and each would remove what the other made"
                ),
                "Name the stack in the key: `key = \"${stack}/terraform.tfstate\"`",
            );
        }
        let region = now.settings.get("region");
        if region.is_some() && region.map(String::as_str) == redirection.primary.as_deref() {
            let place = block.body().expr("region").map_or_else(|| block.place(), |e| e.place());
            obstacle(
                place,
                format!(
                    "the state of `{id}` would be kept in the primary region, which is the one that is down"
                ),
                "Keep it in the fallback: `region = region`",
            );
        }
    }
}

/// The variables of a stack: its own, and those of the region that it declares.
pub(super) fn variables(
    module: &Module,
    region: Option<&runbook::Region>,
    stack: &runbook::Stack,
) -> Vec<Attribute> {
    let own = |name: &str| stack.variables.iter().any(|v| v.name() == name);
    let declared = |name: &str| module.variable(name).is_some();
    region
        .into_iter()
        .flat_map(|region| &region.variables)
        .filter(|variable| declared(variable.name()) && !own(variable.name()))
        .chain(&stack.variables)
        .cloned()
        .collect()
}

/// Two stacks that need one module pointed in two ways: its folder can hold one override file.
pub(super) fn shared_modules(redirections: &mut BTreeMap<StepId, Redirection>) {
    let mut seen: BTreeMap<PathBuf, (StepId, Map<String, Value>)> = BTreeMap::new();
    let mut found = Vec::new();
    for (id, redirection) in &*redirections {
        for (dir, file) in redirection.overrides.folders() {
            let file = file.as_object().cloned().unwrap_or_default();
            match seen.get(dir) {
                Some((first, other)) if *other != file => {
                    found.push((id.clone(), shared(dir, first, id)));
                }
                _ => {
                    seen.insert(dir.to_owned(), (id.clone(), file));
                }
            }
        }
    }
    for (id, obstacle) in found {
        if let Some(redirection) = redirections.get_mut(&id) {
            redirection.obstacles.push(obstacle);
        }
    }
}

fn shared(dir: &Path, first: &StepId, second: &StepId) -> Obstacle {
    Obstacle {
        place: Place { file: dir.to_owned(), line: 1, column: 1 },
        message: format!(
            "`{first}` and `{second}` need the module `{}` pointed in two ways",
            dir.display()
        ),
        hint: "Pass what differs to the module as variables".to_owned(),
        fatal: false,
    }
}

/// Adds to each stack's needs those whose states it reads, and says where that makes a circle.
pub(super) fn needs(
    written: &BTreeMap<StepId, Vec<StepId>>,
    redirections: &mut BTreeMap<StepId, Redirection>,
) -> BTreeMap<StepId, Vec<StepId>> {
    let mut all = written.clone();
    for (id, redirection) in redirections {
        let states = redirection.remote_states.clone();
        for state in states {
            let Some(producer) = state.producer.filter(|producer| producer != id) else { continue };
            if all[id].contains(&producer) {
                continue;
            }
            if waits_for(&all, &producer, id) {
                redirection.obstacles.push(Obstacle {
                    place: state.place,
                    message: format!(
                        "`{id}` reads the state of `{producer}`, which waits for `{id}`"
                    ),
                    hint: "Move what both need into a stack of its own".to_owned(),
                    fatal: false,
                });
                continue;
            }
            if let Some(needs) = all.get_mut(id) {
                needs.push(producer);
            }
        }
    }
    all
}

/// Whether `from` waits, at some distance, for `to`.
fn waits_for(needs: &BTreeMap<StepId, Vec<StepId>>, from: &StepId, to: &StepId) -> bool {
    let mut open = vec![from];
    let mut seen = Vec::new();
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if !seen.contains(&at) {
            seen.push(at);
            open.extend(needs.get(at).into_iter().flatten());
        }
    }
    false
}
