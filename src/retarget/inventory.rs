//! What a recovery cannot do without, and where that lives.

use super::{reach::Reached, redirect::Redirection};
use crate::{
    catalogue::{
        Catalogue, Regions,
        names::{mentions, region_of},
    },
    config::{
        body::{Attribute, Body},
        expression::{Expr, Text},
        module::{CallTarget, Module, ResourceMode},
    },
    model::{
        finding::Place,
        redirect::{Dependency, DependencyKind, DependencyStatus},
    },
};
use std::collections::BTreeMap;

/// The registry of providers that name no other, and of modules without a host.
const REGISTRY: &str = "registry.terraform.io";

/// Where things live, seen from the run.
struct Inventory<'a> {
    primary: Option<&'a str>,
    fallback: &'a str,
    found: BTreeMap<(DependencyKind, String), Dependency>,
}

/// Lists what the stack whose modules are `reached` needs.
pub(super) fn inventory(
    reached: &[Reached<'_>],
    modules: &[&Module],
    redirection: &Redirection,
    primary: Option<&str>,
    fallback: &str,
) -> Vec<Dependency> {
    let mut inventory = Inventory { primary, fallback, found: BTreeMap::new() };
    for module in modules {
        inventory.sources(module);
        inventory.control_planes(module);
        for (what, expr) in exprs(module) {
            inventory.texts(&what, expr, redirection);
        }
    }
    for reached in reached {
        inventory.data_sources(reached, redirection);
    }
    for (key, region) in &redirection.pinned {
        inventory.add(
            DependencyKind::PinnedRegion,
            &format!("{region} (provider {key})"),
            None,
            Some(region),
        );
    }
    for state in &redirection.remote_states {
        let name = format!("data.terraform_remote_state.{}", state.name);
        match &state.producer {
            Some(producer) => {
                let name = format!("{name}, made by the stack {producer}");
                inventory.alive(DependencyKind::RemoteState, &name, Some(state.place.clone()));
            }
            None => inventory.add(
                DependencyKind::RemoteState,
                &name,
                Some(state.place.clone()),
                state.region.as_deref(),
            ),
        }
    }
    inventory.found.into_values().collect()
}

impl Inventory<'_> {
    fn add(
        &mut self,
        kind: DependencyKind,
        name: &str,
        place: Option<Place>,
        region: Option<&str>,
    ) {
        self.keep(kind, name, place, region, DependencyStatus::of(region, self.primary));
    }

    fn alive(&mut self, kind: DependencyKind, name: &str, place: Option<Place>) {
        self.keep(kind, name, place, None, DependencyStatus::Alive);
    }

    fn keep(
        &mut self,
        kind: DependencyKind,
        name: &str,
        place: Option<Place>,
        region: Option<&str>,
        status: DependencyStatus,
    ) {
        let region = region.map(str::to_owned);
        let new = || Dependency { kind, name: name.to_owned(), place, region, status };
        self.found.entry((kind, name.to_owned())).or_insert_with(new);
    }

    /// Registries of providers, and where modules come from.
    fn sources(&mut self, module: &Module) {
        let mut of_default = None;
        for required in &module.required_providers {
            let source = required.source.as_deref().unwrap_or(&required.name);
            let parts: Vec<&str> = source.split('/').collect();
            match parts[..] {
                ["terraform.io", ..] => {}
                [host, _, _] => {
                    let place = Some(required.entry.place());
                    self.add(DependencyKind::ProviderRegistry, host, place, None);
                }
                _ => of_default = of_default.or_else(|| Some(required.entry.place())),
            }
        }
        let implied = module.resources.iter().find(|r| r.provider_name().0 != "terraform");
        if let Some(place) = of_default.or_else(|| implied.map(|resource| resource.place())) {
            self.add(DependencyKind::ProviderRegistry, REGISTRY, Some(place), None);
        }
        for call in &module.calls {
            if let CallTarget::Remote(source) = &call.target {
                let region = mentioned(source).map(|region| region.name.clone());
                let name = module_host(source);
                self.add(
                    DependencyKind::ModuleSource,
                    &name,
                    Some(call.place()),
                    region.as_deref(),
                );
            }
        }
    }

    /// What changes global resources is at home in one region.
    fn control_planes(&mut self, module: &Module) {
        for resource in module.resources.iter().filter(|r| r.mode == ResourceMode::Managed) {
            let known = Catalogue::builtin().resource(&resource.kind);
            if let Some(home) = known.and_then(|known| known.control_plane.as_deref()) {
                let service = service(&resource.kind);
                self.add(
                    DependencyKind::ControlPlane,
                    &service,
                    Some(resource.place()),
                    Some(home),
                );
            }
        }
    }

    /// What is looked up must be there: in the fallback, or where its provider is pinned to.
    fn data_sources(&mut self, reached: &Reached<'_>, redirection: &Redirection) {
        let module = reached.module();
        for data in module.resources.iter().filter(|r| r.mode == ResourceMode::Data) {
            if data.kind == "terraform_remote_state" || looks_nothing_up(&data.kind) {
                continue;
            }
            let pinned = redirection.pinned.get(&reached.provider_key(&data.provider_key()));
            let region = pinned.map_or(self.fallback, String::as_str);
            let status = match self.primary {
                Some(primary) if primary == region => DependencyStatus::Dead,
                // That the region is up does not say that the thing is in it.
                _ => DependencyStatus::Unknown,
            };
            let name = reached.address_of(data);
            self.keep(DependencyKind::DataSource, &name, Some(data.place()), Some(region), status);
        }
    }

    /// Keys, certificates, images and other things that literals name, as they will be.
    fn texts(&mut self, what: &str, expr: &Expr, redirection: &Redirection) {
        for text in expr.texts() {
            let moved =
                redirection.moved.iter().find(|moved| moved.place.as_ref() == Some(&text.place));
            let now = moved.map_or(text.text.as_str(), |moved| moved.to.as_str());
            self.text(what, &text, now);
        }
    }

    fn text(&mut self, what: &str, text: &Text, now: &str) {
        let place = Some(text.place.clone());
        if now.starts_with("arn:") {
            let parts: Vec<&str> = now.split(':').collect();
            let (Some(service), Some(region)) = (parts.get(2), parts.get(3)) else { return };
            let region = Some(*region).filter(|region| Regions::known().find(region).is_some());
            let kind = match *service {
                "kms" => DependencyKind::Key,
                "acm" => DependencyKind::Certificate,
                _ => DependencyKind::Arn,
            };
            // What is in no region, such as a role or a bucket, is not what a region takes with it.
            if region.is_some() {
                self.add(kind, now, place, region);
            }
        } else if let Some(host) = image_host(now) {
            let region = mentioned(host).map(|region| region.name.clone());
            self.add(DependencyKind::ImageHost, host, place, region.as_deref());
        } else if what.ends_with("kms_key_id`") && !now.is_empty() {
            self.add(DependencyKind::Key, now, place, None);
        }
    }
}

/// Every expression of a module's resources, data sources, locals, calls and defaults.
fn exprs(module: &Module) -> Vec<(String, &Expr)> {
    let mut found: Vec<(String, &Expr)> =
        module.locals.iter().map(|local| (local.name().to_owned(), local.expr())).collect();
    let defaults =
        module.variables.iter().filter_map(|v| Some((v.name.clone(), v.default.as_ref()?)));
    found.extend(defaults);
    let bodies =
        module.resources.iter().map(|r| r.body()).chain(module.calls.iter().map(|c| c.body()));
    for body in bodies {
        collect(body, &mut found);
    }
    found
}

fn collect<'m>(body: &'m Body, found: &mut Vec<(String, &'m Expr)>) {
    let named = |a: &'m Attribute| (format!("`{}`", a.name()), a.expr());
    found.extend(body.attributes().iter().map(named));
    for block in body.blocks() {
        collect(block.body(), found);
    }
}

/// Data sources that ask no region: they compute, or tell what the account is.
fn looks_nothing_up(kind: &str) -> bool {
    const COMPUTED: &[&str] = &[
        "aws_iam_policy_document",
        "aws_caller_identity",
        "aws_partition",
        "aws_region",
        "aws_regions",
        "aws_default_tags",
        "aws_arn",
        "aws_canonical_user_id",
        "google_client_config",
        "google_iam_policy",
        "azurerm_client_config",
        "template_file",
        "archive_file",
        "cloudinit_config",
        "external",
        "null_data_source",
        "local_file",
    ];
    COMPUTED.contains(&kind)
}

/// Returns `NAME` of `aws_NAME_…`, as people call the service.
fn service(kind: &str) -> String {
    let mut parts = kind.split('_');
    let provider = parts.next().unwrap_or_default();
    let name = parts.next().unwrap_or_default();
    match (provider, name) {
        ("aws", "iam") => "IAM".to_owned(),
        ("aws", name) if name.starts_with("route53") => "Route 53".to_owned(),
        ("aws", "cloudfront") => "CloudFront".to_owned(),
        ("aws", "globalaccelerator") => "Global Accelerator".to_owned(),
        (_, name) => name.to_owned(),
    }
}

/// Returns the first region that a text names as a word.
fn mentioned(text: &str) -> Option<&'static crate::catalogue::Region> {
    let parts = text.split(['.', '/', ':', '?', '&', '=']);
    parts.filter_map(|part| region_of(part.trim_end_matches("-docker"))).next().or_else(|| {
        Regions::known()
            .names()
            .find(|name| mentions(text, name))
            .and_then(|n| Regions::known().find(n))
    })
}

/// Returns the host of a registry of images, when a text names an image of a cloud's own.
fn image_host(text: &str) -> Option<&str> {
    let host = text.split('/').next()?;
    let is_registry = host.contains(".dkr.ecr.")
        || host.ends_with("-docker.pkg.dev")
        || host.ends_with(".azurecr.io")
        || matches!(host, "gcr.io" | "ghcr.io" | "quay.io" | "docker.io" | "public.ecr.aws");
    (is_registry && text.contains('/')).then_some(host)
}

/// Returns the host that a module is fetched from.
fn module_host(source: &str) -> String {
    let address = source.strip_prefix("git::").unwrap_or(source);
    if let Some((_, rest)) = address.split_once("://") {
        let host = rest.split('/').next().unwrap_or(rest);
        return host.rsplit('@').next().unwrap_or(host).to_owned();
    }
    if let Some((user, rest)) = address.split_once('@')
        && !user.contains('/')
    {
        return rest.split(':').next().unwrap_or(rest).to_owned();
    }
    let first = address.split('/').next().unwrap_or(address);
    if first.contains('.') { first.to_owned() } else { REGISTRY.to_owned() }
}
