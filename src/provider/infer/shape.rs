//! What was inferred: plain data, with everything in the order of its name.

use super::address::ProviderAddress;
use crate::model::finding::Place;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Every provider that a configuration names, and what it needs of each.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inferred {
    /// By address.
    pub providers: BTreeMap<ProviderAddress, ProviderShape>,
}

/// What is needed of a provider. All empty for one that is only named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProviderShape {
    /// What stands in its `provider` blocks.
    pub config: Block,
    /// What stands in its `provider_meta` blocks.
    pub meta: Block,
    /// Managed resources by type.
    pub resources: BTreeMap<String, TypeShape>,
    /// Data sources by type.
    pub data_sources: BTreeMap<String, TypeShape>,
    /// Ephemeral resources by type.
    pub ephemerals: BTreeMap<String, TypeShape>,
    /// Functions by name.
    pub functions: BTreeMap<String, FunctionShape>,
}

/// A type of resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TypeShape {
    /// The version that a schema must at least have, since a state was written with it. From 0.
    pub schema_version: u64,
    /// What it consists of. `id` is always among the attributes of a managed resource.
    pub block: Block,
}

/// A function of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionShape {
    /// With how many arguments it is called. Empty when it is called only with a list expanded.
    pub arguments: BTreeSet<usize>,
    /// What is made of its result.
    pub result: Hint,
}

/// A body of attributes and nested blocks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// By name.
    pub attributes: BTreeMap<String, Attribute>,
    /// By name; none of them is among the attributes.
    pub blocks: BTreeMap<String, Block>,
    /// It is also written as an attribute, `x = […]`, in the same configuration. Terraform takes
    /// both forms only for an attribute of a concrete type `list(object(…))`.
    pub also_attribute: bool,
    /// Its content is read without an index, `x.name`: there is at most one of it.
    pub single: bool,
}

/// An attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    /// Some configuration sets it.
    pub written: bool,
    /// Some expression reads it, or something in it.
    pub read: bool,
    /// What it holds, as far as can be told.
    pub hint: Hint,
    /// What the configuration sets it to; unknown when it is not written.
    pub written_as: Hint,
    /// The kinds of the values that are written, as literals or as declared types.
    pub kinds: BTreeSet<Kind>,
    /// Its name ends in `_wo`: never stored.
    pub write_only: bool,
    /// It is used as a `for_each` as it is, so it is a set of strings or a map.
    pub for_each_use: bool,
    /// Where a condition, a `count` or a filter depends on it: a value that was invented decides
    /// there. At most [`MAX_PLACES`] places.
    pub conditions: BTreeSet<Place>,
    /// The highest number by which it, or what is decoded from it, is indexed.
    pub max_index: Option<usize>,
}

/// How many places of conditions are kept for an attribute.
pub const MAX_PLACES: usize = 8;

/// What a value is, as far as can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// Nothing tells.
    #[default]
    Unknown,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    Text(Text),
    /// A list.
    List {
        /// Of what.
        of: Box<Hint>,
        /// How many elements it has at least, or exactly.
        length: Length,
    },
    /// A set.
    Set(Box<Hint>),
    /// A map of names that cannot be told.
    Map(Box<Hint>),
    /// An object or a map with these names; there may be more.
    Object(BTreeMap<String, Hint>),
}

/// How long a list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// This long or longer.
    AtLeast(usize),
    /// One element: `one()` is called with it.
    One,
}

/// What a string says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Text {
    /// Anything.
    Plain,
    /// An IP network, `10.0.0.0/16`.
    Cidr,
    /// An IP address.
    IpAddress,
    /// Bytes in base64.
    Base64,
    /// A JSON document with this content.
    Json(Box<Hint>),
    /// A YAML document with this content.
    Yaml(Box<Hint>),
    /// An Amazon resource name.
    Arn,
    /// `https://…`.
    Url,
    /// A host's name.
    Host,
    /// A time as RFC 3339 has it.
    Timestamp,
    /// The name of a region or an availability zone.
    Zone,
    /// A number in digits.
    Digits,
}

/// The kind of a value that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string of which nothing more is known.
    Text,
    /// An IP network.
    Cidr,
    /// An IP address.
    IpAddress,
    /// Bytes in base64.
    Base64,
    /// A JSON document.
    Json,
    /// A YAML document.
    Yaml,
    /// An Amazon resource name.
    Arn,
    /// A URL.
    Url,
    /// A time.
    Timestamp,
    /// A list or a tuple.
    List,
    /// A set.
    Set,
    /// A map.
    Map,
    /// An object.
    Object,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 16] = [
        Self::Null,
        Self::Bool,
        Self::Number,
        Self::Text,
        Self::Cidr,
        Self::IpAddress,
        Self::Base64,
        Self::Json,
        Self::Yaml,
        Self::Arn,
        Self::Url,
        Self::Timestamp,
        Self::List,
        Self::Set,
        Self::Map,
        Self::Object,
    ];
}

impl Inferred {
    /// Returns the type of a mode and a name, and the provider that has it.
    pub fn type_shape(&self, mode: Mode, kind: &str) -> Option<(&ProviderAddress, &TypeShape)> {
        self.providers.iter().find_map(|(at, shape)| Some((at, shape.types(mode).get(kind)?)))
    }

    /// Adds a provider, if it is not there.
    pub(super) fn provider(&mut self, address: ProviderAddress) -> &mut ProviderShape {
        self.providers.entry(address).or_default()
    }
}

/// What a type is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// `resource`.
    Managed,
    /// `data`.
    Data,
    /// `ephemeral`.
    Ephemeral,
}

impl ProviderShape {
    /// Returns the types of a mode.
    pub fn types(&self, mode: Mode) -> &BTreeMap<String, TypeShape> {
        match mode {
            Mode::Managed => &self.resources,
            Mode::Data => &self.data_sources,
            Mode::Ephemeral => &self.ephemerals,
        }
    }

    /// Returns the type of a name, which is added if it is not there.
    pub(super) fn type_mut(&mut self, mode: Mode, kind: &str) -> &mut TypeShape {
        let types = match mode {
            Mode::Managed => &mut self.resources,
            Mode::Data => &mut self.data_sources,
            Mode::Ephemeral => &mut self.ephemerals,
        };
        types.entry(kind.to_owned()).or_insert_with(|| {
            let mut shape = TypeShape::default();
            if mode == Mode::Managed {
                let id = Attribute { hint: Hint::TEXT, ..Attribute::default() };
                shape.block.attributes.insert("id".to_owned(), id);
            }
            shape
        })
    }
}

/// Whether an attribute of this name is never stored, by the naming convention of Terraform's
/// plugin documentation ("Write-only Arguments").
pub(super) fn is_write_only(name: &str) -> bool {
    name.ends_with("_wo")
}

impl Hint {
    /// Returns a string of which nothing more is known.
    pub const TEXT: Self = Self::Text(Text::Plain);

    /// Returns a list of any length.
    pub fn list(of: Self) -> Self {
        Self::List { of: Box::new(of), length: Length::AtLeast(0) }
    }

    /// Whether nothing tells what it is.
    pub fn is_unknown(&self) -> bool {
        *self == Self::Unknown
    }
}
