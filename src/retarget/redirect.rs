//! Points a root module at another region, without a change to the user's files.
//!
//! Variables that carry the region are set. Where a file names the primary itself, an override
//! file beside it says otherwise: Terraform merges `zz_drctl_override.tf.json` last, argument by
//! argument, so credentials and all else in a block stay. The backend is replaced as a whole.
//! What can be neither moved nor left for certain is an [`Obstacle`], with its place.

use super::{
    global::{self, Adopted, GlobalRule},
    inventory::inventory,
    layout::{layout, regional_source, twin_folder},
    naming::Naming,
    override_file::{EXTRA_FILE, OVERRIDE_FILE, Overrides, in_the_way},
    provider::{Providers, environment, own_region, resources_region},
    reach::{Reached, first_calls, modules, reach},
    remote_state::{self, RemoteState, StateKey, placeholder},
    sweep::Sweep,
    workspace,
};
use crate::{
    catalogue::{names::mentions, throttles},
    config::{
        body::Attribute,
        expression::Expr,
        known::{DEFAULT_WORKSPACE, Knowledge},
        module::{Module, ResourceMode},
        repository::Repository,
        terragrunt::Unit,
    },
    model::{
        finding::Place,
        redirect::{Dependency, GlobalResource, Layout, Means, Moved, Obstacle},
        step::StepId,
    },
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, io, path::Path};

/// Where a stack is to be pointed, and what the runbook says of it.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The fallback region.
    pub region: &'a str,
    /// The region that serves in normal times, when it is declared.
    pub primary: Option<&'a str>,
    /// What stands for what in the fallback; a text that stands for itself is kept on purpose.
    pub replace: &'a BTreeMap<String, String>,
    /// What is done with global resources.
    pub globals: &'a [GlobalRule],
    /// Variables that the runbook sets, with their values as far as they are known.
    pub given: &'a BTreeMap<String, Option<Value>>,
    /// Variables that Terraform reads from files by itself.
    pub automatic: &'a [Attribute],
    /// The Terragrunt unit that runs the module, if one does.
    pub unit: Option<&'a Unit>,
    /// Regions of provider configurations, by name, such as `aws.edge`.
    pub providers: &'a BTreeMap<String, String>,
    /// The workspace that serves.
    pub workspace: Option<&'a str>,
    /// The backend that the state is kept in, as JSON syntax has it.
    pub backend: &'a Value,
    /// Where the runbook's stacks keep their states in the primary.
    pub producers: &'a [(StepId, StateKey)],
    /// Where the state of a stack is kept now, as JSON syntax has a backend.
    pub state_of: &'a dyn Fn(&StepId) -> Value,
}

/// What points a stack at another region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redirection {
    /// How the code says in which region it lies.
    pub layout: Layout,
    /// The region that is left, when it is known.
    pub primary: Option<String>,
    /// Variables of the root module, and what they are set to.
    pub variables: Map<String, Value>,
    /// The override files.
    pub overrides: Overrides,
    /// Files of declarations of their own.
    pub extras: Overrides,
    /// What Terraform gets in its environment, at plan and at apply: a saved plan
    /// does not hold what a provider took from there.
    pub env: BTreeMap<String, String>,
    /// What takes the place of `terraform.workspace`.
    pub workspace: Option<String>,
    /// What names a region, and where it will be.
    pub moved: Vec<Moved>,
    /// Why the stack cannot be pointed at the fallback as it is.
    pub obstacles: Vec<Obstacle>,
    /// Resources that live in no region, or whose name is taken in all.
    pub globals: Vec<GlobalResource>,
    /// Provider configurations that point outside the fallback on purpose, and where.
    pub pinned: BTreeMap<String, String>,
    /// Remote states, and which stack produces each.
    pub remote_states: Vec<RemoteState>,
    /// What the stack cannot do without.
    pub dependencies: Vec<Dependency>,
    /// Other things worth knowing.
    pub notes: Vec<String>,
    /// How many resources at once its providers bear.
    pub at_once: u16,
}

/// Returns how many resources at once the providers of a stack bear.
pub fn at_once(root: &Module, repository: &Repository) -> u16 {
    let known = Knowledge::new(root, BTreeMap::new(), DEFAULT_WORKSPACE);
    throttles::at_once(managed(&modules(&reach(known, repository))))
}

/// The types of what Terraform makes in modules.
fn managed<'r>(modules: &[&'r Module]) -> impl Iterator<Item = &'r str> {
    let resources = modules.iter().flat_map(|module| &module.resources);
    resources.filter(|r| r.mode == ResourceMode::Managed).map(|r| r.kind.as_str())
}

/// Decides how `root` is pointed at the fallback.
pub fn redirect(root: &Module, repository: &Repository, target: &Target<'_>) -> Redirection {
    let known = Knowledge::new(root, in_the_primary(target), DEFAULT_WORKSPACE);
    let reached = reach(known, repository);
    let own = || own_region(&reached[0]).or_else(|| resources_region(&modules(&reached)));
    let primary = target.primary.map(str::to_owned).or_else(own);
    let naming = Naming {
        region: target.region.to_owned(),
        primary: primary.clone(),
        replace: target.replace.clone(),
    };
    let mut made = Redirection {
        env: environment(target.region),
        primary,
        layout: layout(
            &reached,
            naming.primary.as_deref(),
            target.region,
            target.unit.map(|unit| unit.file.as_path()),
        ),
        ..Redirection::default()
    };
    made.overrides.set(&root.dir, &["terraform", "backend"], target.backend.clone());
    Redirector { target, root, repository, naming: &naming, made: &mut made }.all(&reached);
    made.at_once = throttles::at_once(managed(&modules(&reached)));
    made.moved.dedup();
    made.obstacles.sort();
    made.obstacles.dedup();
    made
}

/// The values that the root's variables have in the primary, besides their defaults.
fn in_the_primary(target: &Target<'_>) -> BTreeMap<String, Option<Value>> {
    let inputs = target.unit.iter().flat_map(|unit| &unit.inputs);
    let all = target.automatic.iter().chain(inputs);
    all.map(|value| (value.name().to_owned(), value.expr().literal())).collect()
}

/// A redirection in the making.
struct Redirector<'a> {
    target: &'a Target<'a>,
    root: &'a Module,
    repository: &'a Repository,
    naming: &'a Naming,
    made: &'a mut Redirection,
}

impl Redirector<'_> {
    fn all(&mut self, reached: &[Reached<'_>]) {
        let target = self.target;
        let all = modules(reached);
        for module in &all {
            self.nothing_in_the_way(module);
            self.sources(module);
        }
        self.imports();
        let workspace =
            workspace::choose(target.workspace, &reached[0], &all, self.naming, self.made);
        self.variables();
        let workspaces = workspace::candidates(self.root);
        Providers {
            naming: self.naming,
            reached,
            declared: target.providers,
            given: target.given,
            workspaces: &workspaces,
            made: self.made,
        }
        .point();
        let adopted = self.globals(reached, workspace.as_deref().unwrap_or(DEFAULT_WORKSPACE));
        for module in &all {
            let none = Adopted::new();
            let mut sweep = Sweep {
                naming: self.naming,
                workspace: workspace.as_deref(),
                adopted: adopted.get(module.dir.as_path()).unwrap_or(&none),
                made: self.made,
            };
            sweep.module(module, module.dir == self.root.dir);
        }
        for at in first_calls(reached) {
            let (root, naming) = (&self.root.dir, self.naming);
            remote_state::point(at, root, target.producers, target.state_of, naming, self.made);
        }
        self.made.workspace = workspace;
        self.twin();
        self.made.dependencies = inventory(
            reached,
            &all,
            self.made,
            self.naming.primary.as_deref(),
            &self.naming.region,
        );
    }

    /// An override file that is merged after ours could undo what it says.
    fn nothing_in_the_way(&mut self, module: &Module) {
        if let Some(file) = in_the_way(module) {
            let message = format!(
                "`{}` sorts behind `{OVERRIDE_FILE}`, so that it could undo what drctl overrides",
                file.display()
            );
            let place = Place { file, line: 1, column: 1 };
            let hint = "Rename the file so that it sorts before".to_owned();
            self.made.obstacles.push(Obstacle { place, message, hint, fatal: true });
        }
    }

    /// An `import` block takes an object of the primary into the new state, and the plan of that
    /// looks as if it did nothing.
    fn imports(&mut self) {
        for import in &self.root.imports {
            self.made.obstacles.push(Obstacle {
                place: import.place(),
                message: "this block would take an object that is there already, the primary's, into the fallback's state".to_owned(),
                hint: "Remove the block once it was applied: Terraform needs it no more".to_owned(),
                fatal: false,
            });
        }
    }

    /// A module whose source is a path that names the primary.
    fn sources(&mut self, module: &Module) {
        let Some(primary) = self.naming.primary.clone() else { return };
        let region = self.naming.region.clone();
        for call in &module.calls {
            let Some(source) = &call.source else { continue };
            match regional_source(source, &module.dir, &primary, &region, self.repository) {
                None => {}
                Some(Err(from)) if self.naming.replace.get(&from) == Some(&from) => {}
                Some(Ok(to)) => {
                    self.made.overrides.set(&module.dir, &["module", &call.name, "source"], to.clone().into());
                    self.made.moved.push(Moved {
                        what: format!("source of module `{}`", call.name),
                        place: Some(source.place()),
                        from: source.literal_string(),
                        to,
                        by: Means::Override,
                    });
                }
                Some(Err(from)) => self.made.obstacles.push(Obstacle {
                    place: source.place(),
                    message: format!(
                        "the module `{}` comes from `{from}`, which names the primary region, and there is none for `{region}`",
                        call.name
                    ),
                    hint: format!("Add the module for `{region}`, or say that it is meant: `--replace {from}={from}`"), fatal: false }),
            }
        }
    }

    /// Sets the variables of the root that say the region, or lie in it.
    fn variables(&mut self) {
        let target = self.target;
        let automatic: BTreeMap<&str, &Expr> =
            target.automatic.iter().map(|value| (value.name(), value.expr())).collect();
        let none = Adopted::new();
        for variable in &self.root.variables {
            let name = variable.name.as_str();
            if target.given.contains_key(name) {
                continue;
            }
            let input = target.unit.and_then(|unit| unit.inputs.iter().find(|i| i.name() == name));
            let input = input.map(Attribute::expr);
            let value =
                input.or_else(|| automatic.get(name).copied()).or(variable.default.as_ref());
            let Some(value) = value else {
                if name == "region" {
                    self.made.variables.insert(name.to_owned(), self.naming.region.clone().into());
                } else if target.unit.is_some() {
                    self.missing_input(variable.block.place(), name);
                }
                continue;
            };
            let mut sweep =
                Sweep { naming: self.naming, workspace: None, adopted: &none, made: self.made };
            sweep.variable(name, value);
            if input.is_some() && !self.made.variables.contains_key(name) {
                match value.literal() {
                    Some(literal) => {
                        self.made.variables.insert(name.to_owned(), literal);
                    }
                    None => self.missing_input(value.place(), name),
                }
            }
        }
    }

    fn missing_input(&mut self, place: Place, name: &str) {
        self.made.obstacles.push(Obstacle {
            place,
            message: format!(
                "Terragrunt computes the input `{name}`, and drctl does not run Terragrunt"
            ),
            hint: format!("Give it in the runbook's stack: `variables = {{ {name} = … }}`"),
            fatal: false,
        });
    }

    fn globals<'r>(
        &mut self,
        reached: &[Reached<'r>],
        workspace: &str,
    ) -> BTreeMap<&'r Path, Adopted> {
        let fallback =
            global::in_the_fallback(reached, &self.made.variables, self.target.given, workspace);
        let mut adopted: BTreeMap<&Path, Adopted> = BTreeMap::new();
        for at in reached {
            let Some(known) = fallback.get(&at.address) else { continue };
            let of_module = global::decide(at, known, self.target.globals, self.naming, self.made);
            adopted.entry(at.module().dir.as_path()).or_default().extend(of_module);
        }
        adopted
    }

    /// A folder for the fallback, where the stack is in one for the primary.
    fn twin(&mut self) {
        let Some(primary) = self.naming.primary.as_deref() else { return };
        let dir = &self.root.dir;
        if let Some(twin) = twin_folder(dir, primary, &self.naming.region, self.repository) {
            self.made.notes.push(format!(
                "`{}` is there for `{}`: write `path = \"{}\"` in the runbook if that is what should be applied",
                twin.display(),
                self.naming.region,
                dir.display().to_string().replace(primary, "${region}")
            ));
        } else if mentions(&dir.display().to_string(), primary)
            && self.made.layout == Layout::Directory
        {
            self.made.notes.push(format!(
                "there is no folder for `{}`, so `{}` is pointed there",
                self.naming.region,
                dir.display()
            ));
        }
    }
}

impl Redirection {
    /// Writes the files into the work copy at `root`; `address` is where the state of a stack is
    /// served.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn write(&self, root: &Path, address: &dyn Fn(&StepId) -> String) -> io::Result<()> {
        let producers = self.remote_states.iter().filter_map(|state| state.producer.as_ref());
        let addresses: Vec<(String, String)> =
            producers.map(|stack| (placeholder(stack), address(stack))).collect();
        let resolved = |text: String| {
            let quoted = |text: &str| format!("\"{text}\"");
            addresses.iter().fold(text, |text, (from, to)| text.replace(&quoted(from), &quoted(to)))
        };
        self.overrides.write(root, OVERRIDE_FILE, resolved)?;
        self.extras.write(root, EXTRA_FILE, |text| text)
    }
}
