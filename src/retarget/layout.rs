//! How the code of a stack says in which region it lies.

use super::{
    provider::{Home, home, takes_a_region},
    reach::Reached,
    workspace::{is_workspace, region_by_workspace},
};
use crate::{
    catalogue::names::mentions,
    config::{
        expression::Expr,
        module::{Module, within},
        repository::Repository,
    },
    model::redirect::Layout,
};
use std::path::{Path, PathBuf};

/// Tells how the stack whose modules are `reached` says its region.
pub(super) fn layout(
    reached: &[Reached<'_>],
    primary: Option<&str>,
    fallback: &str,
    terragrunt: Option<&Path>,
) -> Layout {
    let root = &reached[0];
    if terragrunt.is_some() {
        return Layout::Terragrunt;
    }
    let regional = || {
        reached.iter().flat_map(|reached| {
            let module = reached.module();
            let providers = module.providers.iter().filter(|p| takes_a_region(module, &p.name));
            providers.map(move |provider| (reached, provider))
        })
    };
    let lies_in = |region: &str| {
        regional().any(|(reached, provider)| {
            home(reached, provider, &[], primary) == Home::Names(region.to_owned())
        })
    };
    if primary.is_some_and(&lies_in) && lies_in(fallback) {
        return Layout::AliasPair;
    }
    if region_by_workspace(root).is_some() {
        return Layout::WorkspaceMap;
    }
    let own =
        regional().find(|(_, provider)| provider.alias.is_none()).or_else(|| regional().next());
    let Some((at, provider)) = own else {
        let takes = |module: &Module| {
            module.resources.iter().any(|r| takes_a_region(root.module(), &r.provider_name().0))
        };
        return match () {
            () if by_resource(reached) => Layout::Resource,
            () if reached.iter().any(|reached| takes(reached.module())) => Layout::Environment,
            () => Layout::NoRegion,
        };
    };
    let Some(region) = &provider.region else { return Layout::Environment };
    let is_variable = |path: &[String]| path.first().is_some_and(|root| root == "var");
    if at.known.rests_on(region, &is_variable) {
        return Layout::Variable;
    }
    let named = at.known.text(region);
    match named {
        Some(region) if of_a_region(&root.module().dir, &region) => Layout::Directory,
        Some(_) => Layout::Literal,
        None if at.known.rests_on(region, &is_workspace) => Layout::WorkspaceMap,
        None => Layout::Unknown,
    }
}

/// Whether resources say themselves where they lie, and no provider does.
fn by_resource(reached: &[Reached<'_>]) -> bool {
    reached.iter().flat_map(|reached| &reached.module().resources).any(|resource| {
        let place = resource.body().expr("location").or_else(|| resource.body().expr("region"));
        place.is_some()
    })
}

/// Whether a folder on the way is named after a region.
fn of_a_region(dir: &Path, region: &str) -> bool {
    dir.components().any(|part| mentions(&part.as_os_str().to_string_lossy(), region))
}

/// Returns the folder that stands for the fallback as `dir` does for the primary, if there is one.
pub(super) fn twin_folder(
    dir: &Path,
    primary: &str,
    fallback: &str,
    repository: &Repository,
) -> Option<PathBuf> {
    let text = dir.to_str()?;
    let twin = PathBuf::from(text.replace(primary, fallback));
    (twin != dir && repository.module(&twin).is_some()).then_some(twin)
}

/// Returns where a module's source is a path that names the primary, and what it would be.
pub(super) fn regional_source(
    source: &Expr,
    caller: &Path,
    primary: &str,
    fallback: &str,
    repository: &Repository,
) -> Option<Result<String, String>> {
    let text = source.literal_string().filter(|text| mentions(text, primary))?;
    if !text.starts_with("./") && !text.starts_with("../") {
        return Some(Err(text));
    }
    let moved = text.replace(primary, fallback);
    let there =
        within(caller, Path::new(&moved)).is_some_and(|dir| repository.module(&dir).is_some());
    Some(if there { Ok(moved) } else { Err(text) })
}
