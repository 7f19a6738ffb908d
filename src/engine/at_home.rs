//! A stack where it is at home: its own code, its own backend, nothing pointed elsewhere.

use super::{
    point::{Pointing, variables},
    recovery::{AtHome, StackWork, StateHome},
};
use crate::{
    config::module::Module,
    model::{finding::Place, redirect::Obstacle, step::StepId},
    retarget::{Redirection, at_once, environment},
    runbook::{self, Mistake},
};
use serde_json::json;
use std::path::Path;

impl Pointing<'_> {
    /// Returns the stack as it is in the region that it is at home in.
    ///
    /// # Errors
    ///
    /// What the runbook says has no value.
    pub(super) fn at_home(
        &self,
        id: &StepId,
        stack: &runbook::Stack,
        module: &Module,
    ) -> Result<(StackWork, Redirection), Mistake> {
        let sources = self.sources;
        let failback = sources.runbook.failback.as_ref();
        let mut own = variables(module, self.region, stack);
        for variable in failback.into_iter().flat_map(|failback| &failback.variables) {
            if module.variable(variable.name()).is_some() {
                own.retain(|other| other.name() != variable.name());
                own.push(variable.clone());
            }
        }
        let files = self.region.map(|region| region.var_files.as_slice()).unwrap_or_default();
        let files = files.iter().chain(&stack.var_files);
        let mut redirection = Redirection {
            primary: Some(sources.region.to_owned()),
            env: environment(sources.region),
            ..Redirection::default()
        };
        let workspace = stack.workspace.as_deref().or(sources.workspace);
        if let Some(workspace) = workspace {
            redirection.env.insert("TF_WORKSPACE".to_owned(), workspace.to_owned());
        }
        let declared = self.region.and_then(|region| region.state.as_ref());
        let state = match declared.filter(|_| !sources.own_state) {
            _ if sources.own_state => {
                let backend = json!({ "http": {} });
                redirection.overrides.set(&module.dir, &["terraform", "backend"], backend);
                StateHome::Own
            }
            Some(block) => {
                let backend = self.states[id].clone();
                redirection.overrides.set(&module.dir, &["terraform", "backend"], backend);
                StateHome::Declared { backend: block.label(0).unwrap_or_default().to_owned() }
            }
            None => {
                redirection.obstacles.extend(out_of_reach(id, module, sources.region));
                let backend = module.backend.as_ref().map_or("local", |b| b.kind.as_str());
                let backend = if module.cloud.is_some() { "cloud" } else { backend };
                StateHome::Declared { backend: backend.to_owned() }
            }
        };
        if let (Some(unit), None) = (sources.units.get(id), declared) {
            redirection.obstacles.push(terragrunt(id, &unit.file, sources.region));
        }
        let work = StackWork {
            dir: sources.root.join(&stack.path),
            regional: Default::default(),
            variables: own,
            var_files: files.map(|file| sources.root.join(file)).collect(),
            env: redirection.env.clone(),
            state,
            primary: None,
            pinned: Default::default(),
            decided: Default::default(),
            parallelism: stack.parallelism.unwrap_or(at_once(module, sources.repository)),
            at_home: Some(AtHome::default()),
        };
        Ok((work, redirection))
    }
}

/// Why the state of a stack cannot be reached from a private copy of its code, if it cannot.
fn out_of_reach(id: &StepId, module: &Module, region: &str) -> Option<Obstacle> {
    let own = || module.backend.as_ref();
    if module.cloud.is_some() || own().is_some_and(|backend| backend.kind != "local") {
        return None;
    }
    let path = own().and_then(|backend| backend.block.body().expr("path")?.literal_string());
    if path.as_deref().is_some_and(|path| Path::new(path).is_absolute()) {
        return None;
    }
    let place = Place { file: module.dir.clone(), line: 1, column: 1 };
    Some(Obstacle {
        place: own().map_or(place, |backend| backend.block.place()),
        message: format!(
            "the state of `{id}` is a file beside its code, which a private copy of the repository does not have"
        ),
        hint: format!(
            "Say in the runbook where it is: `region \"{region}\" {{ state \"local\" {{ path = \"/…/${{stack}}.tfstate\" }} }}`"
        ),
        fatal: false,
    })
}

fn terragrunt(id: &StepId, file: &Path, region: &str) -> Obstacle {
    Obstacle {
        place: Place { file: file.to_owned(), line: 1, column: 1 },
        message: format!("`{id}` is run by Terragrunt, which alone knows where its state is"),
        hint: format!(
            "Say it in the runbook, `region \"{region}\" {{ state \"…\" {{ … }} }}`, or leave it to Terragrunt: `failback {{ leave = [\"{id}\"] }}`"
        ),
        fatal: false,
    }
}
