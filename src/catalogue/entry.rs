//! What a data file says of one resource type, family or data source.

use super::{template::Template, timing::Timing};
use crate::model::time::parse_duration;
use serde::{Deserialize, Deserializer, de::Error as _};
use std::{collections::BTreeMap, time::Duration};

/// Where a resource lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// In no region: there is one, whatever region is served from.
    Global,
    /// In one region.
    Regional,
    /// In one availability zone.
    Zonal,
}

/// The space in which a name can be given only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Namespace {
    /// All customers of the cloud, or of its partition.
    Global,
    /// An AWS account, over all regions.
    Account,
    /// An AWS account, region by region.
    AccountRegion,
    /// A Google Cloud project, over all regions.
    Project,
    /// A Google Cloud project, location by location (a region or a zone).
    ProjectLocation,
    /// A Google Cloud project, region by region.
    ProjectRegion,
    /// A Google Cloud project, zone by zone.
    ProjectZone,
    /// An Azure resource group.
    ResourceGroup,
    /// An Azure subscription.
    Subscription,
}

impl Namespace {
    /// Whether the same name in two regions of one account collides.
    pub fn spans_regions(self) -> bool {
        match self {
            Self::Global
            | Self::Account
            | Self::Project
            | Self::ResourceGroup
            | Self::Subscription => true,
            Self::AccountRegion
            | Self::ProjectLocation
            | Self::ProjectRegion
            | Self::ProjectZone => false,
        }
    }
}

/// What names a resource, and where that name must be the only one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Naming {
    /// The argument that holds the name.
    pub attribute: String,
    /// Where the name must be the only one.
    pub unique: Namespace,
    /// How many characters it may have at most, where that is known.
    #[serde(default)]
    pub max: Option<usize>,
}

/// How long a name stays taken after its resource was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// How long at most, with the provider's defaults; `None` when for ever.
    #[serde(rename = "for", deserialize_with = "duration_or_forever")]
    pub lasts: Option<Duration>,
    /// What decides it, as a sentence.
    pub note: String,
    /// The public page that says so.
    pub source: String,
}

/// The default timeouts of a resource: how long Terraform waits before it fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// Of a create.
    #[serde(deserialize_with = "duration")]
    pub create: Option<Duration>,
    /// Of an update.
    #[serde(deserialize_with = "duration")]
    pub update: Option<Duration>,
    /// Of a delete.
    #[serde(deserialize_with = "duration")]
    pub delete: Option<Duration>,
}

/// What is known of a resource type, or of all types of a family.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceType {
    /// The class of resources whose times stand for what is not timed here.
    pub class: Option<String>,
    /// Where it lives; `None` when unknown, or when the arguments decide.
    pub scope: Option<Scope>,
    /// The region whose control plane changes it, when that is one for the whole cloud.
    pub control_plane: Option<String>,
    /// What names it.
    pub name: Option<Naming>,
    /// What finds an existing one: arguments of the data source of the same type, and the
    /// argument of the resource that each is taken from. Empty when there is no such data source.
    pub adopt: BTreeMap<String, String>,
    /// How long its name stays taken after a delete.
    pub quarantine: Option<Quarantine>,
    /// Arguments whose change makes a new resource; a dot goes into a block.
    pub forces_replacement: Vec<String>,
    /// How long Terraform waits.
    pub timeouts: Timeouts,
    /// Computed attributes, and how to make up their values.
    pub values: BTreeMap<String, Template>,
    /// Computed attributes that the real provider knows at plan time, each with
    /// the arguments that must be known for that.
    pub plan_known: BTreeMap<String, Vec<String>>,
    pub(super) create: Option<Timing>,
    pub(super) update: Option<Timing>,
    pub(super) delete: Option<Timing>,
}

impl ResourceType {
    /// Puts what `other` says over what is said here, field by field, value by value.
    pub(super) fn merge(&mut self, other: Self) {
        fn put<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        put(&mut self.class, other.class);
        put(&mut self.scope, other.scope);
        put(&mut self.control_plane, other.control_plane);
        put(&mut self.name, other.name);
        put(&mut self.quarantine, other.quarantine);
        put(&mut self.timeouts.create, other.timeouts.create);
        put(&mut self.timeouts.update, other.timeouts.update);
        put(&mut self.timeouts.delete, other.timeouts.delete);
        put(&mut self.create, other.create);
        put(&mut self.update, other.update);
        put(&mut self.delete, other.delete);
        if !other.forces_replacement.is_empty() {
            self.forces_replacement = other.forces_replacement;
        }
        self.adopt.extend(other.adopt);
        self.values.extend(other.values);
        self.plan_known.extend(other.plan_known);
    }

    /// Takes from its family what is not said of the type itself.
    pub(super) fn inherit(&mut self, family: &Self) {
        self.class = self.class.take().or_else(|| family.class.clone());
        self.scope = self.scope.or(family.scope);
        self.control_plane = self.control_plane.take().or_else(|| family.control_plane.clone());
    }
}

/// What is known of all types whose names begin alike.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Family {
    pub(super) class: Option<String>,
    pub(super) scope: Option<Scope>,
    pub(super) control_plane: Option<String>,
    /// Types that begin like the family and are not of it.
    pub(super) except: Vec<String>,
}

/// What is known of a data source.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataSource {
    /// Where it asks; `None` when unknown.
    pub scope: Option<Scope>,
    /// Its attributes, and how to make up their values.
    pub values: BTreeMap<String, Template>,
}

/// How long what is alike takes, when nobody timed it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Class {
    /// What belongs into it.
    #[serde(rename = "about")]
    pub(super) _about: String,
    pub(super) create: Timing,
    pub(super) update: Timing,
    pub(super) delete: Timing,
}

/// One data file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct File {
    #[serde(rename = "comment")]
    pub(super) _comment: String,
    pub(super) sources: BTreeMap<String, String>,
    pub(super) classes: BTreeMap<String, Class>,
    pub(super) providers: BTreeMap<String, String>,
    pub(super) families: BTreeMap<String, Family>,
    pub(super) resources: BTreeMap<String, ResourceType>,
    pub(super) data: BTreeMap<String, DataSource>,
}

fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(input)?;
    parse_duration(&text).map(Some).map_err(D::Error::custom)
}

fn duration_or_forever<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(input)?;
    if text == "forever" {
        return Ok(None);
    }
    parse_duration(&text).map(Some).map_err(|error| {
        D::Error::custom(format!("{error}; a name that never comes back is `forever`"))
    })
}
