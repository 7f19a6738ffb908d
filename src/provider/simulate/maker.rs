//! Where values come from, in order: overrides, the primary's state, the catalogue, invention.

use super::{
    connection::Connection,
    files::Written,
    invent::Scene,
    schema::{Kind, best_hint},
    whereabouts::{Platform, Whereabouts},
};
use crate::{
    catalogue::{Context, Kind as Known, Regions},
    provider::infer::{Attribute, Mode},
};
use serde_json::{Map, Value as Json};

/// Makes values for one resource or data source.
pub(super) struct Maker<'a> {
    connection: &'a Connection,
    kind: &'a Kind,
    at: &'a Whereabouts,
    /// What is known of the arguments.
    arguments: &'a Map<String, Json>,
    seed: u64,
    zones: Vec<String>,
    partition: &'static str,
    /// The id, once it is made.
    id: Option<String>,
}

/// One step from a resource to an attribute in its blocks.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The block's name.
    pub(super) block: String,
    /// Which of them.
    pub(super) nth: usize,
}

impl<'a> Maker<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        kind: &'a Kind,
        at: &'a Whereabouts,
        arguments: &'a Map<String, Json>,
        seed: u64,
    ) -> Self {
        let region = Regions::known().find(&at.region);
        let zones = region.and_then(|region| region.zones.clone()).unwrap_or_default();
        let zones = if zones.is_empty() { vec![format!("{}a", at.region)] } else { zones };
        let partition = region.map_or("aws", |region| region.partition.as_str());
        let mut maker = Self { connection, kind, at, arguments, seed, zones, partition, id: None };
        // Values of the primary's state have its id in them, where this one's has to be.
        if kind.mode == Mode::Managed
            && let Some(attribute) = kind.shape.attributes.get("id")
        {
            maker.id = maker.attribute(&[], "id", attribute).as_str().map(str::to_owned);
        }
        maker
    }

    /// Makes the value of an attribute.
    pub(super) fn attribute(&self, path: &[Step], name: &str, attribute: &Attribute) -> Json {
        let hint = best_hint(attribute);
        if let Some(id) = self.id.as_ref().filter(|_| path.is_empty() && name == "id") {
            return id.clone().into();
        }
        if let Some(exact) = self.of_file(name).filter(|_| path.is_empty()) {
            return exact;
        }
        if let Some(known) = self.known(path, name) {
            return self.scene(path).complete(name, known, hint);
        }
        self.connection.simulation.note_invented(
            self.kind,
            &dotted(path, name),
            &attribute.conditions,
        );
        self.scene(path).invent(name, hint)
    }

    /// Returns what is known of an attribute without making it up.
    pub(super) fn known(&self, path: &[Step], name: &str) -> Option<Json> {
        let settings = &self.connection.simulation.settings;
        let (mode, kind) = (self.kind.mode, self.kind.name.as_str());
        if let Some(template) = settings.overrides.get(mode, kind, &dotted(path, name)) {
            return Some(template.render(&self.context())).filter(|json| !json.is_null());
        }
        let top = path.first().map_or(name, |step| step.block.as_str());
        let whole = self.of_state(top).or_else(|| self.of_type(top))?;
        let inside = path.iter().enumerate().try_fold(whole, |json, (n, step)| {
            let here = if n == 0 { json } else { json.get(&step.block)?.clone() };
            here.get(step.nth).or_else(|| here.get(0)).cloned().or(Some(here))
        })?;
        let found = if path.is_empty() { inside } else { inside.get(name)?.clone() };
        (!found.is_null()).then_some(found)
    }

    fn of_state(&self, name: &str) -> Option<Json> {
        let state = self.connection.simulation.settings.state.as_ref()?;
        let known = state.likeliest(self.kind.mode, &self.kind.name, self.arguments)?;
        known.get(self.kind.mode, name, &self.at.region, self.id.as_deref())
    }

    /// The checksums of the file that it writes: they have to be right.
    fn of_file(&self, name: &str) -> Option<Json> {
        Written::by(&self.kind.name, self.arguments)?.attribute(name)
    }

    /// What its type tells: the tags of its provider, and what the catalogue has.
    fn of_type(&self, name: &str) -> Option<Json> {
        let kind = &self.kind.name;
        if name == "tags_all" {
            let mut tags = self.connection.configured().tags.clone();
            let own = self.arguments.get("tags").and_then(Json::as_object);
            tags.extend(own.cloned().unwrap_or_default());
            return Some(Json::Object(tags));
        }
        let known = match self.kind.mode {
            Mode::Managed => Known::Resource,
            Mode::Data | Mode::Ephemeral => Known::Data,
        };
        let template =
            self.connection.simulation.world.catalogue().values(known, kind)?.get(name)?;
        let made = template.render(&self.context());
        Some(self.sized(name, made)).filter(|json| !json.is_null())
    }

    /// Cuts or grows a random text to the length that was asked for.
    fn sized(&self, name: &str, json: Json) -> Json {
        let is_random = matches!(self.kind.name.as_str(), "random_password" | "random_string");
        let length = self.arguments.get("length").and_then(Json::as_u64);
        match (json, length) {
            (Json::String(text), Some(length)) if is_random && name != "bcrypt_hash" => {
                let filler = self.scene(&[]).hex_digits();
                let length = usize::try_from(length).unwrap_or(text.len());
                text.chars().chain(filler.chars().cycle()).take(length).collect::<String>().into()
            }
            (json, _) => json,
        }
    }

    /// Makes up everything alike for a path, and each element of a block something else.
    fn scene(&self, path: &[Step]) -> Scene<'_> {
        let nth = path
            .iter()
            .fold(0_u64, |sum, step| sum.wrapping_mul(1_009).wrapping_add(step.nth as u64));
        Scene {
            kind: &self.kind.name,
            in_data: self.kind.mode == Mode::Data,
            region: &self.at.region,
            zones: &self.zones,
            partition: self.partition,
            account: &self.at.account,
            seed: self.seed.wrapping_add(nth),
        }
    }

    fn context(&self) -> Context<'_> {
        let accounts = &self.connection.simulation.settings.accounts;
        let mut context = Context::new(&self.at.region, self.seed, self.arguments);
        context.account = &accounts.aws;
        context.project = &accounts.project;
        context.subscription = &accounts.subscription;
        context.tenant = &accounts.tenant;
        match Platform::of(&self.connection.served.address.kind) {
            Platform::Aws => context.account = &self.at.account,
            Platform::Google => context.project = &self.at.account,
            Platform::Azure => context.subscription = &self.at.account,
            Platform::Other => {}
        }
        context
    }
}

fn dotted(path: &[Step], name: &str) -> String {
    let blocks = path.iter().map(|step| step.block.as_str());
    blocks.chain([name]).collect::<Vec<_>>().join(".")
}
