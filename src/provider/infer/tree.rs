//! The modules of a configuration, one instance for each call.

use super::{InferError, address::ProviderAddress, manifest::key_of, shape::Mode};
use crate::config::{
    body::{Block, Body},
    expression::Expr,
    module::{Module, ModuleCall, Resource, ResourceMode, Variable},
};
use std::collections::BTreeMap;

/// Instances of modules in one configuration. The largest public configurations have some hundred.
pub const MAX_MODULES: usize = 2_000;

/// Local values, variables and resources in all instances together.
pub const MAX_DECLARED: usize = 500_000;

/// Modules inside each other.
pub const MAX_MODULE_DEPTH: usize = 40;

/// Finds the module that a call means, given the key of the module in which it stands: the names
/// of the calls that lead there, joined by dots.
pub type Resolver<'r, 'm> = &'r dyn Fn(&str, &ModuleCall) -> Option<&'m Module>;

/// A module as one call made it.
#[derive(Debug)]
pub(super) struct Instance<'m> {
    pub(super) module: &'m Module,
    /// The instance and the call that it comes from; the root has none.
    pub(super) caller: Option<(usize, &'m ModuleCall)>,
    /// What is bound to names, by name.
    pub(super) locals: BTreeMap<&'m str, &'m Expr>,
    pub(super) variables: BTreeMap<&'m str, &'m Variable>,
    pub(super) outputs: BTreeMap<&'m str, Option<&'m Expr>>,
    /// The instances that it calls, by the name of the call.
    pub(super) children: BTreeMap<&'m str, usize>,
    /// Its resources by mode, type and name, also those in `check` blocks.
    pub(super) resources: BTreeMap<(Mode, &'m str, &'m str), Declared<'m>>,
    /// The providers that it requires, by local name.
    pub(super) required: BTreeMap<&'m str, ProviderAddress>,
}

/// A resource.
#[derive(Debug)]
pub(super) struct Declared<'m> {
    pub(super) provider: ProviderAddress,
    pub(super) repeated: Repeated,
    pub(super) body: &'m Body,
}

/// How often a resource or a module is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    Once,
    /// `count`: a list.
    Count,
    /// `for_each`: a map.
    ForEach,
}

impl Repeated {
    pub(super) fn of(body: &Body) -> Self {
        if body.attribute("count").is_some() {
            Self::Count
        } else if body.attribute("for_each").is_some() {
            Self::ForEach
        } else {
            Self::Once
        }
    }
}

impl From<ResourceMode> for Mode {
    fn from(mode: ResourceMode) -> Self {
        match mode {
            ResourceMode::Managed => Self::Managed,
            ResourceMode::Data => Self::Data,
            ResourceMode::Ephemeral => Self::Ephemeral,
        }
    }
}

/// Follows every call; the root is the first instance, and a caller stands before what it calls.
pub(super) fn instances<'m>(
    root: &'m Module,
    resolve: Resolver<'_, 'm>,
) -> Result<Vec<Instance<'m>>, InferError> {
    let mut instances = vec![Instance::new(root, None)];
    let mut declared = 0;
    let mut open = vec![(0, String::new(), 0)];
    while let Some((caller, key, depth)) = open.pop() {
        let module = instances[caller].module;
        for call in &module.calls {
            // One that is not installed is left out, as Terraform would refuse it.
            let Some(called) = resolve(&key, call) else { continue };
            let place = call.place();
            if depth == MAX_MODULE_DEPTH {
                return Err(InferError::ModulesTooDeep { call: call.name.clone(), place });
            }
            declared += called.locals.len() + called.variables.len() + called.resources.len();
            if instances.len() == MAX_MODULES || declared > MAX_DECLARED {
                return Err(InferError::TooManyModules { call: call.name.clone(), place });
            }
            let id = instances.len();
            instances.push(Instance::new(called, Some((caller, call))));
            instances[caller].children.insert(&call.name, id);
            open.push((id, key_of(&key, &call.name), depth + 1));
        }
    }
    Ok(instances)
}

impl<'m> Instance<'m> {
    pub(super) fn new(module: &'m Module, caller: Option<(usize, &'m ModuleCall)>) -> Self {
        let mut required = BTreeMap::new();
        for provider in &module.required_providers {
            let named = provider.source.as_deref().map(ProviderAddress::from_source);
            let address = named
                .and_then(Result::ok)
                .unwrap_or_else(|| ProviderAddress::implied(&provider.name));
            required.insert(provider.name.as_str(), address);
        }
        let mut instance = Self {
            module,
            caller,
            locals: BTreeMap::new(),
            variables: BTreeMap::new(),
            outputs: BTreeMap::new(),
            children: BTreeMap::new(),
            resources: BTreeMap::new(),
            required,
        };
        // Of a name that is declared twice the first counts, as in the lookups of a module.
        for local in &module.locals {
            instance.locals.entry(local.name()).or_insert(local.expr());
        }
        for variable in &module.variables {
            instance.variables.entry(&variable.name).or_insert(variable);
        }
        for output in &module.outputs {
            instance.outputs.entry(&output.name).or_insert(output.value.as_ref());
        }
        for resource in &module.resources {
            let name = resource.provider_name().0;
            let key = (resource.mode.into(), resource.kind.as_str(), resource.name.as_str());
            instance.declare(key, &name, resource.block.body());
        }
        for check in &module.checks {
            for block in check.body().blocks_of("data") {
                if let (Some(kind), Some(label)) = (block.label(0), block.label(1)) {
                    instance.declare((Mode::Data, kind, label), &provider_of(block), block.body());
                }
            }
        }
        instance
    }

    fn declare(&mut self, key: (Mode, &'m str, &'m str), provider: &str, body: &'m Body) {
        let provider = self.provider(provider);
        let declared = Declared { provider, repeated: Repeated::of(body), body };
        self.resources.entry(key).or_insert(declared);
    }

    /// Returns the provider that a local name means here.
    pub(super) fn provider(&self, name: &str) -> ProviderAddress {
        self.required.get(name).cloned().unwrap_or_else(|| ProviderAddress::implied(name))
    }
}

/// Returns the local name of the provider of a data source in a `check` block.
fn provider_of(block: &Block) -> String {
    let resource = Resource {
        mode: ResourceMode::Data,
        kind: block.label(0).unwrap_or_default().to_owned(),
        name: block.label(1).unwrap_or_default().to_owned(),
        provider: block.body().expr("provider").cloned(),
        block: block.clone(),
    };
    resource.provider_name().0
}
