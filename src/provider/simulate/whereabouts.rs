//! Where something is, who pays for it, and among whom its name must be unique.

use super::{connection::Connection, schema::Kind};
use crate::{
    catalogue::{Namespace, Regions, Scope},
    provider::infer::Mode,
    sim::{Call, Maker, Name, NameScope, Place},
};
use serde_json::{Map, Value as Json};

/// Where something is and who pays for it.
#[derive(Clone, Debug)]
pub(super) struct Whereabouts {
    /// The region whose values it has, also when it is global.
    pub(super) region: String,
    /// Where it stands.
    pub(super) place: Place,
    /// The region that answers for it when it is global.
    pub(super) control_plane: Option<String>,
    /// Who pays.
    pub(super) account: String,
}

impl Whereabouts {
    /// Returns a call to the cloud from there.
    pub(super) fn call(&self, connection: &Connection, kind: &Kind, label: &str) -> Call {
        let address = match kind.mode {
            Mode::Managed => format!("{}.{label}", kind.name),
            Mode::Data => format!("data.{}.{label}", kind.name),
            Mode::Ephemeral => format!("ephemeral.{}.{label}", kind.name),
        };
        Call {
            provider: connection.served.address.to_string(),
            account: self.account.clone(),
            place: self.place.clone(),
            control_plane: self.control_plane.clone(),
            kind: kind.name.clone(),
            by: Maker { run: None, stack: connection.simulation.settings.stack.clone(), address },
        }
    }
}

/// The cloud of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Platform {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Google,
    /// Microsoft Azure.
    Azure,
    /// None that has regions which are known.
    Other,
}

impl Platform {
    /// Returns the cloud of a provider by the last part of its address.
    pub(super) fn of(provider: &str) -> Self {
        match provider {
            "aws" | "awscc" => Self::Aws,
            "google" | "google-beta" => Self::Google,
            "azurerm" | "azapi" => Self::Azure,
            _ => Self::Other,
        }
    }
}

impl Connection {
    /// Returns where something with these arguments is.
    pub(super) fn whereabouts(&self, kind: &Kind, arguments: &Map<String, Json>) -> Whereabouts {
        let catalogue = self.simulation.world.catalogue();
        let platform = Platform::of(&self.served.address.kind);
        let region = self.region_of(platform, arguments);
        let (scope, control_plane) = match kind.mode {
            Mode::Managed => {
                let known = catalogue.resource(&kind.name);
                (known.and_then(|k| k.scope), known.and_then(|k| k.control_plane.clone()))
            }
            _ => (catalogue.data_source(&kind.name).and_then(|known| known.scope), None),
        };
        let is_placed = platform != Platform::Other || self.names_region(arguments);
        let place = match scope {
            Some(Scope::Global) => Place::Global,
            _ if !is_placed => Place::Global,
            Some(Scope::Zonal) => match text(arguments, &["availability_zone", "zone"]) {
                Some(zone) => Place::Zone { region: region.clone(), zone: zone.to_owned() },
                None => Place::region_named(&region),
            },
            _ => Place::region_named(&region),
        };
        let control_plane = control_plane.filter(|_| place == Place::Global);
        Whereabouts { account: self.account(platform, arguments), region, place, control_plane }
    }

    fn region_of(&self, platform: Platform, arguments: &Map<String, Json>) -> String {
        let of_its_own = text(arguments, &["region", "location"])
            .map(|name| region_named(platform, name))
            .or_else(|| text(arguments, &["availability_zone", "zone"]).and_then(region_of_zone));
        of_its_own
            .or_else(|| self.simulation.home(text(arguments, &["resource_group_name"])?))
            .or_else(|| self.configured().region.clone())
            .unwrap_or_else(|| self.simulation.settings.region.clone())
    }

    fn names_region(&self, arguments: &Map<String, Json>) -> bool {
        self.configured().region.is_some() || arguments.contains_key("region")
    }

    fn account(&self, platform: Platform, arguments: &Map<String, Json>) -> String {
        let accounts = &self.simulation.settings.accounts;
        let argued =
            if platform == Platform::Google { text(arguments, &["project"]) } else { None };
        argued.map(str::to_owned).or_else(|| self.configured().account.clone()).unwrap_or_else(
            || match platform {
                Platform::Google => accounts.project.clone(),
                Platform::Azure => accounts.subscription.clone(),
                Platform::Aws | Platform::Other => accounts.aws.clone(),
            },
        )
    }

    /// Returns the name that something with these arguments takes.
    pub(super) fn unique_name(&self, kind: &Kind, arguments: &Map<String, Json>) -> Option<Name> {
        let naming = self.simulation.world.catalogue().resource(&kind.name)?.name.as_ref()?;
        let value = text(arguments, &[&naming.attribute])?.to_owned();
        let within = |names: &[&str]| text(arguments, names).unwrap_or_default().to_owned();
        let scope = match naming.unique {
            Namespace::Global => NameScope::Global,
            Namespace::Account | Namespace::Project | Namespace::Subscription => NameScope::Account,
            Namespace::AccountRegion | Namespace::ProjectRegion => NameScope::Region,
            Namespace::ProjectLocation | Namespace::ProjectZone => {
                NameScope::Within(within(&["zone", "location", "region"]))
            }
            Namespace::ResourceGroup => NameScope::Within(within(&["resource_group_name"])),
        };
        Some(Name { scope, value })
    }
}

/// Returns the region that a `region` or `location` names, which may also be a zone of it.
pub(super) fn region_named(platform: Platform, name: &str) -> String {
    if platform == Platform::Azure {
        // `West Europe` and `westeurope` are one.
        return name.to_lowercase().replace(' ', "");
    }
    match Regions::known().find(name) {
        Some(region) => region.name.clone(),
        None => region_of_zone(name).unwrap_or_else(|| name.to_owned()),
    }
}

/// Returns the region of `us-east-1a` or of `us-central1-a`.
pub(super) fn region_of_zone(zone: &str) -> Option<String> {
    let mut shorter = zone;
    while let Some((at, _)) = shorter.char_indices().next_back() {
        shorter = &shorter[..at];
        if let Some(region) = Regions::known().find(shorter) {
            return Some(region.name.clone());
        }
    }
    None
}

/// Returns the first of the arguments that is a text with something in it.
fn text<'a>(arguments: &'a Map<String, Json>, names: &[&str]) -> Option<&'a str> {
    let found = names.iter().find_map(|name| arguments.get(*name).and_then(Json::as_str));
    found.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_or_a_spelling_names_its_region() {
        assert_eq!(region_named(Platform::Aws, "us-east-1"), "us-east-1");
        assert_eq!(region_named(Platform::Azure, "West Europe"), "westeurope");
        assert_eq!(region_named(Platform::Google, "us-central1-a"), "us-central1");
        assert_eq!(region_of_zone("ap-northeast-1c").as_deref(), Some("ap-northeast-1"));
        assert_eq!(region_of_zone("nowhere"), None);
    }
}
