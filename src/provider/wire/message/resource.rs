//! Messages about managed resources.

use super::{AttributePath, ClientCapabilities, Diagnostic, DynamicValue, RawState};
use bytes::Bytes;

/// Read a stored state with today's schema. Asked for every instance in a state, whatever its version.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpgradeResourceStateRequest {
    /// The resource's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// The version of the schema that wrote it.
    #[prost(int64, tag = "2")]
    pub version: i64,
    /// What was stored.
    #[prost(message, optional, tag = "3")]
    pub raw_state: Option<RawState>,
}

/// The state as today's schema has it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpgradeResourceStateResponse {
    /// The state.
    #[prost(message, optional, tag = "1")]
    pub upgraded_state: Option<DynamicValue>,
    /// What there is to say.
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
}

/// What has become of this resource?
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadResourceRequest {
    /// The resource's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What is known of it.
    #[prost(message, optional, tag = "2")]
    pub current_state: Option<DynamicValue>,
    /// What the provider stored beside the state.
    #[prost(bytes = "bytes", tag = "3")]
    pub private: Bytes,
    /// What the module wrote into `provider_meta`.
    #[prost(message, optional, tag = "4")]
    pub provider_meta: Option<DynamicValue>,
    /// What this Terraform can handle.
    #[prost(message, optional, tag = "5")]
    pub client_capabilities: Option<ClientCapabilities>,
}

/// What it is now.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadResourceResponse {
    /// The state; null if it is gone.
    #[prost(message, optional, tag = "1")]
    pub new_state: Option<DynamicValue>,
    /// What there is to say.
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
    /// What to store beside the state.
    #[prost(bytes = "bytes", tag = "3")]
    pub private: Bytes,
}

/// What would come of this configuration?
#[derive(Clone, PartialEq, prost::Message)]
pub struct PlanResourceChangeRequest {
    /// The resource's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What is; null for a create.
    #[prost(message, optional, tag = "2")]
    pub prior_state: Option<DynamicValue>,
    /// What Terraform makes of the prior state and the configuration; null for a destroy.
    #[prost(message, optional, tag = "3")]
    pub proposed_new_state: Option<DynamicValue>,
    /// What is written.
    #[prost(message, optional, tag = "4")]
    pub config: Option<DynamicValue>,
    /// What the provider stored beside the state.
    #[prost(bytes = "bytes", tag = "5")]
    pub prior_private: Bytes,
    /// What the module wrote into `provider_meta`.
    #[prost(message, optional, tag = "6")]
    pub provider_meta: Option<DynamicValue>,
    /// What this Terraform can handle.
    #[prost(message, optional, tag = "7")]
    pub client_capabilities: Option<ClientCapabilities>,
}

/// What would be.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PlanResourceChangeResponse {
    /// The state, with what is not known yet as unknown.
    #[prost(message, optional, tag = "1")]
    pub planned_state: Option<DynamicValue>,
    /// Attributes whose change takes a new resource.
    #[prost(message, repeated, tag = "2")]
    pub requires_replace: Vec<AttributePath>,
    /// What to store beside the plan.
    #[prost(bytes = "bytes", tag = "3")]
    pub planned_private: Bytes,
    /// What there is to say.
    #[prost(message, repeated, tag = "4")]
    pub diagnostics: Vec<Diagnostic>,
    /// Makes Terraform log what does not fit the configuration where it would fail.
    #[prost(bool, tag = "5")]
    pub legacy_type_system: bool,
}

/// Make it so.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ApplyResourceChangeRequest {
    /// The resource's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What is; null for a create.
    #[prost(message, optional, tag = "2")]
    pub prior_state: Option<DynamicValue>,
    /// What was planned; null for a destroy.
    #[prost(message, optional, tag = "3")]
    pub planned_state: Option<DynamicValue>,
    /// What is written, with everything known.
    #[prost(message, optional, tag = "4")]
    pub config: Option<DynamicValue>,
    /// What the provider stored beside the plan.
    #[prost(bytes = "bytes", tag = "5")]
    pub planned_private: Bytes,
    /// What the module wrote into `provider_meta`.
    #[prost(message, optional, tag = "6")]
    pub provider_meta: Option<DynamicValue>,
}

/// What is now.
///
/// With an error, the state that this answers is still stored: the prior one says that nothing was
/// done, a new one that the resource is there and tainted.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ApplyResourceChangeResponse {
    /// The state, with nothing unknown.
    #[prost(message, optional, tag = "1")]
    pub new_state: Option<DynamicValue>,
    /// What to store beside the state.
    #[prost(bytes = "bytes", tag = "2")]
    pub private: Bytes,
    /// What there is to say.
    #[prost(message, repeated, tag = "3")]
    pub diagnostics: Vec<Diagnostic>,
    /// Makes Terraform log what does not fit the plan where it would fail; not so for its types.
    #[prost(bool, tag = "4")]
    pub legacy_type_system: bool,
}

/// Find the resource with this identifier.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImportResourceStateRequest {
    /// The resource's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What the user calls it.
    #[prost(string, tag = "2")]
    pub id: String,
    /// What this Terraform can handle.
    #[prost(message, optional, tag = "3")]
    pub client_capabilities: Option<ClientCapabilities>,
}

/// A resource that was found.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImportedResource {
    /// Its type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// Enough of its state for a [`ReadResourceRequest`], which follows.
    #[prost(message, optional, tag = "2")]
    pub state: Option<DynamicValue>,
    /// What to store beside the state.
    #[prost(bytes = "bytes", tag = "3")]
    pub private: Bytes,
}

/// What was found.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ImportResourceStateResponse {
    /// The resources, usually one.
    #[prost(message, repeated, tag = "1")]
    pub imported_resources: Vec<ImportedResource>,
    /// What there is to say.
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Take over the state of a resource of another type, as a `moved` block says.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MoveResourceStateRequest {
    /// The provider of the other type.
    #[prost(string, tag = "1")]
    pub source_provider_address: String,
    /// The other type.
    #[prost(string, tag = "2")]
    pub source_type_name: String,
    /// The version of the schema that wrote the state.
    #[prost(int64, tag = "3")]
    pub source_schema_version: i64,
    /// What was stored.
    #[prost(message, optional, tag = "4")]
    pub source_state: Option<RawState>,
    /// The type that it is to have.
    #[prost(string, tag = "5")]
    pub target_type_name: String,
    /// What the other provider stored beside the state.
    #[prost(bytes = "bytes", tag = "6")]
    pub source_private: Bytes,
}

/// The state as the new type has it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MoveResourceStateResponse {
    /// The state.
    #[prost(message, optional, tag = "1")]
    pub target_state: Option<DynamicValue>,
    /// What there is to say.
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
    /// What to store beside the state.
    #[prost(bytes = "bytes", tag = "3")]
    pub target_private: Bytes,
}
