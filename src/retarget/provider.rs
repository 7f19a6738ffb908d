//! Where each provider configuration of a stack points, and where it will.

use super::{naming::Naming, reach::Reached, redirect::Redirection, workspace::is_workspace};
use crate::{
    catalogue::{
        Regions,
        names::{region_named, zone_of},
    },
    config::{
        expression::Expr,
        module::{Module, Provider},
    },
    model::redirect::{Means, Moved, Obstacle},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Points the provider configurations of one stack.
pub(super) struct Providers<'a, 'r> {
    pub(super) naming: &'a Naming,
    pub(super) reached: &'a [Reached<'r>],
    /// Regions that the runbook says itself, by the configuration's name.
    pub(super) declared: &'a BTreeMap<String, String>,
    /// Variables that the runbook sets, with their values as far as they are known.
    pub(super) given: &'a BTreeMap<String, Option<Value>>,
    /// Workspaces that the region may depend on.
    pub(super) workspaces: &'a [String],
    pub(super) made: &'a mut Redirection,
}

/// What a configuration says of its region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Home {
    /// It names one.
    Names(String),
    /// It names none.
    Silent,
    /// The files do not tell.
    Unknown,
}

impl Providers<'_, '_> {
    /// Points all of them.
    pub(super) fn point(&mut self) {
        for at in 0..self.reached.len() {
            let reached = &self.reached[at];
            for provider in &reached.module().providers {
                if takes_a_region(reached.module(), &provider.name) {
                    self.one(reached, provider);
                }
            }
        }
        self.implied();
    }

    fn one(&mut self, reached: &Reached<'_>, provider: &Provider) {
        let key = reached.provider_key(&provider.key());
        let home = home(reached, provider, self.workspaces, self.naming.primary.as_deref());
        if self.called_for_two_regions(reached, provider, &home) {
            return;
        }
        if let Some(region) = self.declared.get(&key) {
            let region = region.clone();
            return self.send(reached, provider, &key, &home, &region, Means::Runbook);
        }
        let given = |path: &[String]| matches!(path, [var, name, ..] if var == "var" && self.given.contains_key(name));
        if let Some(expr) = &provider.region
            && reached.is_root()
            && reached.known.rests_on(expr, &given)
        {
            // What the runbook sets itself is the user's word, also where it leads elsewhere.
            return self.by_runbook(provider, &key, expr, &home);
        }
        let region = self.naming.region.clone();
        match &home {
            Home::Names(name) if *name == region && self.has_a_twin(reached.module(), provider) => {
                self.made.obstacles.push(Obstacle {
                    place: provider.region.as_ref().map_or_else(|| provider.place(), Expr::place),
                    message: format!(
                        "the provider `{key}` lies in `{region}` already, and another of this root in the primary: moving that one would put both into one region"
                    ),
                    hint: format!(
                        "Say where each goes: `providers = {{ \"{key}\" = \"…\" }}` in the runbook's stack; or give what belongs to the fallback a root of its own"
                    ), fatal: false });
            }
            Home::Names(name) if *name == region => {}
            Home::Names(name) if self.naming.primary.as_ref().is_some_and(|p| p != name) => {
                self.made.moved.push(moved(provider, &key, &home, name, Means::Stays));
                self.made.pinned.insert(key, name.clone());
            }
            Home::Unknown if provider.alias.is_some() => {
                let expr = provider.region.as_ref();
                self.made.obstacles.push(Obstacle {
                    place: expr.map_or_else(|| provider.place(), Expr::place),
                    message: format!(
                        "whether the provider `{key}` lies in the primary region cannot be told from `{}`",
                        expr.map_or("", Expr::source)
                    ),
                    hint: format!(
                        "Say where it goes: `providers = {{ \"{key}\" = \"…\" }}` in the runbook's stack; or write its region as a literal, or as a variable with a default"
                    ), fatal: false });
            }
            Home::Names(_) | Home::Silent | Home::Unknown => {
                if let Some(variable) = provider.region.as_ref().and_then(Expr::variable_name)
                    && reached.is_root()
                {
                    self.made.variables.insert(variable, region.clone().into());
                }
                self.send(reached, provider, &key, &home, &region, Means::Override);
            }
        }
    }

    /// A folder has one override file, so a module that is called for two regions cannot be
    /// pointed call by call.
    fn called_for_two_regions(
        &mut self,
        reached: &Reached<'_>,
        provider: &Provider,
        home: &Home,
    ) -> bool {
        let primary = self.naming.primary.as_deref();
        let other = self.reached.iter().find(|other| {
            std::ptr::eq(other.module(), reached.module())
                && self::home(other, provider, self.workspaces, primary) != *home
        });
        let Some(other) = other else { return false };
        self.made.obstacles.push(Obstacle {
            place: provider.region.as_ref().map_or_else(|| provider.place(), Expr::place),
            message: format!(
                "`{}` and `{}` are one module for two regions, with one provider block that cannot be pointed for each",
                reached.address, other.address
            ),
            hint: "Pass the provider to the module: `providers = { aws = aws.west }`, and configure it in the root".to_owned(),
            fatal: false,
        });
        true
    }

    /// Overrides the region of a configuration, and its zone where it names one.
    fn send(
        &mut self,
        reached: &Reached<'_>,
        provider: &Provider,
        key: &str,
        home: &Home,
        region: &str,
        by: Means,
    ) {
        let dir = &reached.module().dir;
        let alias = provider.alias.as_deref();
        self.made.overrides.set_provider(dir, &provider.name, alias, "region", region.into());
        self.made.moved.push(moved(provider, key, home, region, by));
        if *region != self.naming.region {
            self.made.pinned.insert(key.to_owned(), region.to_owned());
        }
        let zone = provider.body().expr("zone").and_then(|zone| reached.known.text(zone));
        if let (Some(zone), Some(primary)) = (zone, &self.naming.primary)
            && zone_of(&zone, primary)
            && let Some(to) = self.naming.zone(&zone, primary)
        {
            self.made.overrides.set_provider(dir, &provider.name, alias, "zone", to.into());
        }
    }

    fn by_runbook(&mut self, provider: &Provider, key: &str, expr: &Expr, home: &Home) {
        let root = self.reached[0].module();
        let known = crate::config::known::Knowledge::new(root, self.given.clone(), "");
        match known.text(expr) {
            Some(region) => {
                if region != self.naming.region {
                    self.made.pinned.insert(key.to_owned(), region.clone());
                }
                self.made.moved.push(moved(provider, key, home, &region, Means::Runbook));
            }
            None => {
                self.made.moved.push(moved(
                    provider,
                    key,
                    home,
                    "what the runbook says",
                    Means::Runbook,
                ));
            }
        }
    }

    /// Whether another configuration of the same provider is one that has to leave the primary.
    fn has_a_twin(&self, module: &Module, provider: &Provider) -> bool {
        let kind = provider_type(module, &provider.name);
        self.reached.iter().any(|reached| {
            reached.module().providers.iter().any(|other| {
                provider_type(reached.module(), &other.name) == kind
                    && !std::ptr::eq(other, provider)
                    && match home(reached, other, self.workspaces, self.naming.primary.as_deref()) {
                        Home::Names(name) => self.naming.primary.as_ref() == Some(&name),
                        Home::Silent => other.alias.is_none(),
                        Home::Unknown => false,
                    }
            })
        })
    }

    /// A provider that is used without any block takes its region from an empty one that is implied.
    fn implied(&mut self) {
        let Some(root) = self.reached.first().map(Reached::module) else { return };
        let used: BTreeSet<String> = self
            .reached
            .iter()
            .flat_map(|reached| &reached.module().resources)
            .map(|resource| resource.provider_name())
            .filter(|(_, alias)| alias.is_none())
            .map(|(name, _)| name)
            .filter(|name| takes_a_region(root, name))
            .collect();
        for name in used {
            if root.provider(&name, None).is_none() {
                let region = self.naming.region.clone();
                self.made.overrides.set_provider(
                    &root.dir,
                    &name,
                    None,
                    "region",
                    region.clone().into(),
                );
                self.made.moved.push(Moved {
                    what: format!("provider `{name}`"),
                    place: None,
                    from: None,
                    to: region,
                    by: Means::Override,
                });
            }
        }
    }
}

fn moved(provider: &Provider, key: &str, home: &Home, to: &str, by: Means) -> Moved {
    let from = match home {
        Home::Names(name) => Some(name.clone()),
        Home::Silent | Home::Unknown => None,
    };
    let place = provider.region.as_ref().map_or_else(|| provider.place(), Expr::place);
    Moved { what: format!("provider `{key}`"), place: Some(place), from, to: to.to_owned(), by }
}

/// Returns what a configuration says of its region, in the primary.
pub(super) fn home(
    reached: &Reached<'_>,
    provider: &Provider,
    workspaces: &[String],
    primary: Option<&str>,
) -> Home {
    let Some(expr) = &provider.region else { return Home::Silent };
    if !reached.known.rests_on(expr, &is_workspace) {
        return reached.known.text(expr).map_or(Home::Unknown, Home::Names);
    }
    // In some workspace it lies in the primary: that is the one that serves.
    let in_workspace = |workspace: &String| {
        let known = reached.known.clone().in_workspace(workspace);
        known.text(expr).filter(|name| Some(name.as_str()) == primary)
    };
    workspaces.iter().find_map(in_workspace).map_or(Home::Unknown, Home::Names)
}

/// Returns the region of the root's own provider: where nobody said which region is the
/// primary, it is the one to leave, and an alias in any other stays.
pub(super) fn own_region(root: &Reached<'_>) -> Option<String> {
    let module = root.module();
    let mut own = module.providers.iter().filter(|p| takes_a_region(module, &p.name));
    root.known.text(own.find(|p| p.alias.is_none())?.region.as_ref()?)
}

/// Returns the one region that the resources of a stack name themselves, where no provider and
/// nobody else names any. With several, which of them serves is anybody's guess.
pub(super) fn resources_region(modules: &[&Module]) -> Option<String> {
    const PLACES: &[&str] = &["region", "location", "availability_zone", "zone"];
    let named = |module: &&Module| -> Vec<String> {
        let places = module
            .resources
            .iter()
            .flat_map(|resource| PLACES.iter().filter_map(|name| resource.body().expr(name)));
        let defaults = module.variables.iter().filter_map(|variable| variable.default.as_ref());
        let exprs = places.chain(defaults);
        let whole = exprs.filter_map(Expr::literal_string);
        whole.filter_map(|text| Some(region_named(&text)?.to_owned())).collect()
    };
    let all: BTreeSet<String> = modules.iter().flat_map(named).collect();
    let mut all = all.into_iter();
    all.next().filter(|_| all.next().is_none())
}

/// Whether the configuration of a provider takes a `region`.
pub(super) fn takes_a_region(module: &Module, name: &str) -> bool {
    matches!(provider_type(module, name).as_str(), "aws" | "google" | "google-beta")
}

/// Returns the type of a provider, which its local name need not be.
pub(super) fn provider_type(module: &Module, name: &str) -> String {
    let required = module.required_providers.iter().find(|required| required.name == name);
    let source = required.and_then(|required| required.source.as_deref());
    source.and_then(|source| source.rsplit('/').next()).unwrap_or(name).to_owned()
}

/// What the providers of the region's cloud read where their configuration says nothing.
///
/// A saved plan does not hold what a provider took from there, so it is given at plan and at apply.
pub fn environment(region: &str) -> BTreeMap<String, String> {
    const AWS: &[&str] = &["AWS_REGION", "AWS_DEFAULT_REGION"];
    const GOOGLE: &[&str] = &["GOOGLE_REGION", "CLOUDSDK_COMPUTE_REGION"];
    use crate::catalogue::Cloud;
    let names: Vec<&str> = match Regions::known().find(region).map(|r| r.cloud) {
        Some(Cloud::Aws) => AWS.to_vec(),
        Some(Cloud::Google) => GOOGLE.to_vec(),
        Some(Cloud::Azure) => vec![],
        None => [AWS, GOOGLE].concat(),
    };
    names.into_iter().map(|name| (name.to_owned(), region.to_owned())).collect()
}
