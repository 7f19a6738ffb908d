//! From the address of a resource to the block that declares it.

use crate::{
    config::{
        body::Block,
        eval::Modules,
        module::{CallTarget, Module, ResourceMode},
    },
    model::resource::without_keys,
};

/// Returns the block that declares what has an address, seen from a root module: a resource, or
/// the call of a module that is not in the repository.
pub(super) fn declared<'m>(
    root: &'m Module,
    modules: &'m dyn Modules,
    address: &str,
) -> Option<&'m Block> {
    let plain = without_keys(address);
    let mut parts: Vec<&str> = plain.split('.').collect();
    let mut module = root;
    while parts.first() == Some(&"module") && parts.len() > 2 {
        let CallTarget::Local(dir) = &module.call(parts[1])?.target else { return None };
        module = modules.module(dir)?;
        parts.drain(..2);
    }
    match parts[..] {
        ["module", name] => Some(&module.call(name)?.block),
        ["data", kind, name] => Some(&module.resource(ResourceMode::Data, kind, name)?.block),
        [kind, name] => Some(&module.resource(ResourceMode::Managed, kind, name)?.block),
        _ => None,
    }
}
