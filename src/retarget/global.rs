//! Resources that live in no region, or whose name is taken in all of them: there is one already,
//! the primary's, and it is still there when the region is down.

use super::{
    naming::Naming,
    provider::{provider_type, takes_a_region},
    reach::Reached,
    redirect::Redirection,
};
use crate::{
    catalogue::Catalogue,
    config::{
        known::Knowledge,
        module::{Module, Resource, ResourceMode},
    },
    model::{
        finding::Place,
        redirect::{Decision, GlobalResource, Obstacle},
    },
};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the runbook says of global resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalRule {
    /// A type, such as `aws_iam_role`, or an address in its module, such as `aws_iam_role.app`.
    pub target: String,
    /// What is done with them.
    pub decision: Decision,
    /// What is added to their names.
    pub suffix: String,
}

/// Resources of one module that are only read, by type and name.
pub(super) type Adopted = BTreeSet<(String, String)>;

/// Decides on the global resources of a module, and returns those that are only read.
pub(super) fn decide(
    reached: &Reached<'_>,
    fallback: &Knowledge<'_>,
    rules: &[GlobalRule],
    naming: &Naming,
    made: &mut Redirection,
) -> Adopted {
    let module = reached.module();
    let catalogue = Catalogue::builtin();
    let managed = || module.resources.iter().filter(|r| r.mode == ResourceMode::Managed);
    let mut adopted = Adopted::new();
    for resource in managed().filter(|r| decision(r, rules) == Decision::Adopt) {
        if adopt(module, resource, catalogue, made) {
            adopted.insert((resource.kind.clone(), resource.name.clone()));
        }
    }
    for resource in managed() {
        let known = catalogue.resource(&resource.kind);
        let naming_of = known.and_then(|known| known.name.as_ref());
        let spans = naming_of.is_some_and(|naming| naming.unique.spans_regions());
        // Random numbers and the like live in no region either, and collide with nothing.
        let is_global = catalogue.is_global(&resource.kind) && of_a_cloud(module, resource);
        let ruled = rule(resource, rules);
        if !spans && !is_global && ruled.is_none() {
            continue;
        }
        let mut decision = ruled.map_or(Decision::Create, |rule| rule.decision);
        // What shapes a resource that is only read would change the primary's.
        if ruled.is_none() && is_global && refers_to(resource, &adopted) {
            decision = Decision::Leave;
        }
        let argument = naming_of.map(|naming| naming.attribute.as_str());
        let expr = argument.and_then(|argument| resource.body().expr(argument));
        let before = expr.and_then(|expr| reached.known.text(expr));
        let mut name = expr.and_then(|expr| fallback.text(expr));
        let mut collides = match (spans, expr, &before, &name) {
            (false, ..) | (true, None, ..) => Some(false),
            (true, Some(_), Some(before), Some(name)) => Some(before == name),
            (true, Some(_), ..) => None,
        };
        match decision {
            Decision::Suffix => {
                let suffix = ruled.map_or("", |rule| rule.suffix.as_str());
                let max = naming_of.and_then(|naming| naming.max);
                let named = Suffixed { argument, name: name.as_deref(), suffix, max };
                if named.add(module, resource, made) {
                    let room = max.map_or(usize::MAX, |max| max.saturating_sub(suffix.len()));
                    name = name.map(|name| name.chars().take(room).collect::<String>() + suffix);
                    collides = Some(false);
                }
            }
            Decision::Leave => {
                leave(module, resource, made);
                collides = Some(false);
            }
            Decision::Adopt => collides = Some(false),
            Decision::Create | Decision::Unknown => {}
        }
        collides = collides.filter(|_| naming.primary.is_some());
        if let (None, Some(true), Some(name), Some(expr)) = (ruled, collides, &name, expr)
            && is_made(resource, fallback)
        {
            let address = reached.address_of(resource);
            made.obstacles.push(collides_with_the_primary(resource, &address, name, expr.place()));
        }
        made.globals.push(GlobalResource {
            address: reached.address_of(resource),
            place: resource.place(),
            decision,
            name,
            collides,
        });
    }
    adopted
}

/// Whether a resource is of a cloud that has regions.
fn of_a_cloud(module: &Module, resource: &Resource) -> bool {
    let provider = resource.provider_name().0;
    takes_a_region(module, &provider) || provider_type(module, &provider) == "azurerm"
}

/// Whether a resource is there at all in the fallback, as far as that is known.
fn is_made(resource: &Resource, fallback: &Knowledge<'_>) -> bool {
    let count = resource.body().expr("count").and_then(|count| fallback.value(count));
    count.is_none_or(|count| count != json!(0) && count != json!(false))
}

/// A name that is the same in the primary: creating it would fail halfway through the apply.
fn collides_with_the_primary(
    resource: &Resource,
    address: &str,
    name: &str,
    place: Place,
) -> Obstacle {
    Obstacle {
        place,
        message: format!(
            "`{address}` would be named `{name}`, which the primary's is named already, and there can be only one"
        ),
        hint: format!(
            "Decide in the runbook: `global \"{}\" {{ decision = \"suffix\" }}`, or `adopt` the primary's, `leave` it out, or `create` it all the same",
            resource.address()
        ),
        fatal: false,
    }
}

fn rule<'a>(resource: &Resource, rules: &'a [GlobalRule]) -> Option<&'a GlobalRule> {
    let address = resource.address();
    let exact = rules.iter().find(|rule| rule.target == address);
    exact.or_else(|| rules.iter().find(|rule| rule.target == resource.kind))
}

fn decision(resource: &Resource, rules: &[GlobalRule]) -> Decision {
    rule(resource, rules).map(|rule| rule.decision).unwrap_or_default()
}

/// Whether a resource speaks of one that is only read.
fn refers_to(resource: &Resource, adopted: &Adopted) -> bool {
    let references = resource.body().attributes().iter().flat_map(|a| a.expr().references());
    references.into_iter().any(|reference| match reference.path.as_slice() {
        [kind, name, ..] => adopted.contains(&(kind.clone(), name.clone())),
        _ => false,
    })
}

/// A name that gets a suffix.
struct Suffixed<'a> {
    /// The argument that holds it, where that is known.
    argument: Option<&'a str>,
    /// What it is in the fallback, where that is known.
    name: Option<&'a str>,
    suffix: &'a str,
    /// How many characters it may have.
    max: Option<usize>,
}

impl Suffixed<'_> {
    /// Adds the suffix; without a name of its own the cloud or the provider makes one up.
    fn add(&self, module: &Module, resource: &Resource, made: &mut Redirection) -> bool {
        let Some(argument) = self.argument else {
            made.obstacles.push(Obstacle {
                place: resource.place(),
                message: format!(
                    "drctl does not know what names `{}`, so it cannot add a suffix",
                    resource.address()
                ),
                hint:
                    "Decide otherwise in the runbook's `global` block: `create`, `adopt` or `leave`"
                        .to_owned(),
                fatal: false,
            });
            return false;
        };
        let Some(expr) = resource.body().expr(argument) else { return true };
        let suffix = self.suffix;
        let text = match (self.room(), expr.to_json_syntax()) {
            // It is cut where it must be, so that what tells it from others is all there.
            (Some(room), _) => format!("${{substr({}, 0, {room})}}{suffix}", expr.source()),
            (None, Some(Value::String(text))) if !text.starts_with("${") => text + suffix,
            (None, _) => format!("${{{}}}{suffix}", expr.source()),
        };
        let path = ["resource", &resource.kind, &resource.name, argument];
        made.overrides.set(&module.dir, &path, text.into());
        true
    }

    /// Returns how many characters of the name there is room for, where it might not fit whole.
    fn room(&self) -> Option<usize> {
        let room = self.max?.saturating_sub(self.suffix.len());
        let fits = self.name.is_some_and(|name| name.chars().count() <= room);
        (!fits).then_some(room)
    }
}

/// Makes a resource come to nothing.
fn come_to_nothing(module: &Module, resource: &Resource, made: &mut Redirection) {
    let many = resource.body().attribute("for_each").is_some();
    let (argument, none) = if many { ("for_each", json!({})) } else { ("count", json!(0)) };
    let path = ["resource", &resource.kind, &resource.name, argument];
    made.overrides.set(&module.dir, &path, none);
}

/// Leaves a resource out, which nothing else may read then.
fn leave(module: &Module, resource: &Resource, made: &mut Redirection) {
    come_to_nothing(module, resource, made);
    if let Some(place) = read_elsewhere(module, resource) {
        made.obstacles.push(Obstacle {
            place,
            message: format!("`{}` is left out, and it is read here", resource.address()),
            hint: "Adopt it instead, or leave out what reads it, too".to_owned(),
            fatal: false,
        });
    }
}

/// Returns where something reads a resource that would not be there.
fn read_elsewhere(module: &Module, resource: &Resource) -> Option<Place> {
    let reads = |path: &[String]| matches!(path, [kind, name, ..] if *kind == resource.kind && *name == resource.name);
    let mut exprs: Vec<&crate::config::expression::Expr> = Vec::new();
    exprs.extend(module.locals.iter().map(|local| local.expr()));
    exprs.extend(module.outputs.iter().filter_map(|output| output.value.as_ref()));
    let blocks =
        module.resources.iter().map(|r| r.body()).chain(module.calls.iter().map(|c| c.body()));
    exprs.extend(
        blocks.flat_map(|b| b.attributes()).filter(|a| a.name() != "depends_on").map(|a| a.expr()),
    );
    let references = exprs.into_iter().flat_map(|expr| expr.references());
    references.filter(|reference| reads(&reference.path)).map(|reference| reference.place).min()
}

/// Makes a resource come to nothing, and a data source beside it that reads the one that is there.
fn adopt(
    module: &Module,
    resource: &Resource,
    catalogue: &Catalogue,
    made: &mut Redirection,
) -> bool {
    let by = catalogue.resource(&resource.kind).map(|known| &known.adopt);
    let Some(by) = by.filter(|by| !by.is_empty()) else {
        made.obstacles.push(Obstacle {
            place: resource.place(),
            message: format!("drctl does not know how to find an existing `{}`", resource.kind),
            hint: "Decide otherwise in the runbook's `global` block: `create`, `suffix` or `leave`"
                .to_owned(),
            fatal: false,
        });
        return false;
    };
    let body = resource.body();
    let mut data = Map::new();
    for (argument, from) in by {
        let Some(expr) = body.expr(from) else {
            made.obstacles.push(Obstacle {
                place: resource.place(),
                message: format!("`{}` has no `{from}` by which the existing one could be found", resource.address()),
                hint: "Decide otherwise in the runbook's `global` block: `create`, `suffix` or `leave`".to_owned(), fatal: false });
            return false;
        };
        data.insert(argument.clone(), expr.to_json_syntax().unwrap_or(Value::Null));
    }
    // As many as there would be, under the same keys.
    for meta in ["count", "for_each", "provider"] {
        if let Some(expr) = body.expr(meta) {
            let value = match meta {
                "provider" => Some(Value::from(expr.source())),
                _ => expr.to_json_syntax(),
            };
            data.insert(meta.to_owned(), value.unwrap_or(Value::Null));
        }
    }
    made.extras.set(&module.dir, &["data", &resource.kind, &resource.name], data.into());
    come_to_nothing(module, resource, made);
    true
}

/// Returns what is known in each module in the fallback, by the module's address.
pub(super) fn in_the_fallback<'r>(
    reached: &[Reached<'r>],
    variables: &Map<String, Value>,
    given: &BTreeMap<String, Option<Value>>,
    workspace: &str,
) -> BTreeMap<String, Knowledge<'r>> {
    let mut all: BTreeMap<String, Knowledge<'r>> = BTreeMap::new();
    for at in reached {
        let known = match at.address.rsplit_once("module.") {
            None => {
                let mut values: BTreeMap<String, Option<Value>> = variables
                    .iter()
                    .map(|(name, value)| (name.clone(), Some(value.clone())))
                    .collect();
                values.extend(given.clone());
                Knowledge::new(at.module(), values, workspace)
            }
            Some((outer, call)) => {
                let outer = outer.trim_end_matches('.');
                let Some(outer) = all.get(outer) else { continue };
                let Some(call) = outer.module().call(call) else { continue };
                outer.of_call(call, at.module())
            }
        };
        all.insert(at.address.clone(), known);
    }
    all
}
