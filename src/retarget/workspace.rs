//! What depends on the workspace.
//!
//! No workspace is ever selected: the backend that drctl keeps state in has none, and that of the
//! primary must not be asked for its own. `terraform.workspace` is replaced by a name instead.

use super::{naming::Naming, provider::takes_a_region, reach::Reached, redirect::Redirection};
use crate::{
    config::{
        body::{Attribute, Body},
        expression::Expr,
        known::DEFAULT_WORKSPACE,
        module::{Module, ResourceMode},
        syntax::{Expression, ObjectKey},
    },
    model::{finding::Place, redirect::Obstacle},
};
use std::collections::BTreeSet;

/// Returns every name that may be that of a workspace: the keys of the objects in locals and defaults.
pub(super) fn candidates(root: &Module) -> Vec<String> {
    let locals = root.locals.iter().map(Attribute::expr);
    let defaults = root.variables.iter().filter_map(|variable| variable.default.as_ref());
    let mut names = BTreeSet::from([DEFAULT_WORKSPACE.to_owned()]);
    for expr in locals.chain(defaults) {
        keys(expr.node(), &mut names);
        names.extend(expr.texts().into_iter().filter(|t| t.compared).map(|t| t.text));
    }
    names.into_iter().collect()
}

fn keys(node: &Expression, names: &mut BTreeSet<String>) {
    let Expression::Object(object) = node else { return };
    for (key, value) in object.iter() {
        match key {
            ObjectKey::Ident(name) => names.insert(name.to_string()),
            ObjectKey::Expression(Expression::String(name)) => names.insert(name.value().clone()),
            ObjectKey::Expression(_) => false,
        };
        keys(value.expr(), names);
    }
}

/// Returns the region of the root's own provider when the workspace decides it.
pub(super) fn region_by_workspace<'r>(root: &Reached<'r>) -> Option<&'r Expr> {
    let module = root.module();
    let regional = module.providers.iter().filter(|p| takes_a_region(module, &p.name));
    regional
        .filter_map(|provider| provider.region.as_ref())
        .find(|region| root.known.rests_on(region, &is_workspace))
}

/// Whether a reference is to the workspace.
pub(super) fn is_workspace(path: &[String]) -> bool {
    path == ["terraform", "workspace"]
}

/// Returns what takes the place of `terraform.workspace`: what the runbook says, or the one
/// workspace whose region is the fallback.
pub(super) fn choose(
    declared: Option<&str>,
    root: &Reached<'_>,
    modules: &[&Module],
    naming: &Naming,
    made: &mut Redirection,
) -> Option<String> {
    if let Some(declared) = declared {
        return Some(declared.to_owned());
    }
    if let Some(expr) = region_by_workspace(root) {
        let fits = |name: &&String| {
            let known = root.known.clone().in_workspace(name);
            known.text(expr).as_ref() == Some(&naming.region)
        };
        let names = candidates(root.module());
        let found: Vec<&String> = names.iter().filter(fits).collect();
        if let [one] = found[..] {
            return Some(one.clone());
        }
        let many = found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let message = match found.is_empty() {
            true => format!(
                "the workspace decides the region here, and none leads to `{}`",
                naming.region
            ),
            false => format!("the workspaces {many} lead to `{}`", naming.region),
        };
        made.obstacles.push(Obstacle {
            place: expr.place(),
            message,
            hint: "Say which one to take: `workspace = \"NAME\"` in the runbook's stack; its provider is pointed at the fallback in any case".to_owned(), fatal: false });
        return None;
    }
    let place = modules.iter().find_map(|module| first_use(module))?;
    made.obstacles.push(Obstacle {
        place,
        message: "what is built depends on the workspace, and nobody says which one serves".to_owned(),
        hint: format!(
            "Say so: `workspace = \"NAME\"` in the runbook's stack, or `--workspace NAME`; `{DEFAULT_WORKSPACE}` if none was ever selected"
        ), fatal: false });
    None
}

/// Returns where a module first speaks of the workspace.
fn first_use(module: &Module) -> Option<Place> {
    let mut exprs: Vec<&Expr> = module.locals.iter().map(Attribute::expr).collect();
    exprs.extend(module.outputs.iter().filter_map(|output| output.value.as_ref()));
    for body in module.calls.iter().map(|call| call.body()).chain(
        module.resources.iter().filter(|r| !is_remote_state(r.mode, &r.kind)).map(|r| r.body()),
    ) {
        collect(body, &mut exprs);
    }
    let uses = exprs.into_iter().flat_map(Expr::references);
    uses.filter(|reference| is_workspace(&reference.path)).map(|reference| reference.place).min()
}

/// A remote state says which workspace it reads; it is pointed elsewhere.
fn is_remote_state(mode: ResourceMode, kind: &str) -> bool {
    mode == ResourceMode::Data && kind == "terraform_remote_state"
}

fn collect<'b>(body: &'b Body, exprs: &mut Vec<&'b Expr>) {
    exprs.extend(body.attributes().iter().map(Attribute::expr));
    for block in body.blocks() {
        collect(block.body(), exprs);
    }
}
