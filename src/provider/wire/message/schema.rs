//! Schemas of providers, resources, data sources and ephemeral resources.

use bytes::Bytes;

/// A schema and its version.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Schema {
    /// Never below the version with which a state was written.
    #[prost(int64, tag = "1")]
    pub version: i64,
    /// What may be written.
    #[prost(message, optional, tag = "2")]
    pub block: Option<Block>,
}

/// What may stand between two braces.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Block {
    /// `name = …`
    #[prost(message, repeated, tag = "2")]
    pub attributes: Vec<Attribute>,
    /// `name { … }`
    #[prost(message, repeated, tag = "3")]
    pub block_types: Vec<NestedBlock>,
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Attribute {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The JSON of its type.
    #[prost(bytes = "bytes", tag = "2")]
    pub r#type: Bytes,
    /// It must be set.
    #[prost(bool, tag = "4")]
    pub required: bool,
    /// It may be set.
    #[prost(bool, tag = "5")]
    pub optional: bool,
    /// The provider may set it.
    #[prost(bool, tag = "6")]
    pub computed: bool,
    /// Terraform does not show it.
    #[prost(bool, tag = "7")]
    pub sensitive: bool,
    /// It is passed to the provider and never stored.
    #[prost(bool, tag = "11")]
    pub write_only: bool,
}

/// How often a block may stand, and how its values are kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Nesting {
    /// Not set.
    Invalid = 0,
    /// Once or not at all; an object or null.
    Single = 1,
    /// Any number; a list, or a tuple where types inside are open.
    List = 2,
    /// Any number; a set.
    Set = 3,
    /// Any number, each with a label; a map.
    Map = 4,
    /// Once or not at all; an object, of nulls if not at all.
    Group = 5,
}

/// A block inside another.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NestedBlock {
    /// Its name.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What may stand in it.
    #[prost(message, optional, tag = "2")]
    pub block: Option<Block>,
    /// How often it may stand.
    #[prost(enumeration = "Nesting", tag = "3")]
    pub nesting: i32,
}
