//! Messages about a provider as a whole.

use super::{Diagnostic, DynamicValue, Function, Schema, common::ClientCapabilities};
use std::collections::BTreeMap;

/// A message without content.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Empty {}

/// The answer of every method that answers with diagnostics alone, as field 1.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Diagnostics {
    /// What there is to say.
    #[prost(message, repeated, tag = "1")]
    pub diagnostics: Vec<Diagnostic>,
}

/// What this provider can handle beyond the protocol's major version.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct ServerCapabilities {
    /// It wants to plan a destroy as well.
    #[prost(bool, tag = "1")]
    pub plan_destroy: bool,
    /// It works on connections on which its schema was not asked for.
    #[prost(bool, tag = "2")]
    pub get_provider_schema_optional: bool,
    /// It can take over the state of another resource type.
    #[prost(bool, tag = "3")]
    pub move_resource_state: bool,
}

/// Everything that a provider offers.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetProviderSchemaResponse {
    /// Its own configuration.
    #[prost(message, optional, tag = "1")]
    pub provider: Option<Schema>,
    /// Its resources, by type.
    #[prost(btree_map = "string, message", tag = "2")]
    pub resource_schemas: BTreeMap<String, Schema>,
    /// Its data sources, by type.
    #[prost(btree_map = "string, message", tag = "3")]
    pub data_source_schemas: BTreeMap<String, Schema>,
    /// What there is to say.
    #[prost(message, repeated, tag = "4")]
    pub diagnostics: Vec<Diagnostic>,
    /// What a module may write into `provider_meta`.
    #[prost(message, optional, tag = "5")]
    pub provider_meta: Option<Schema>,
    /// What it can do beyond the protocol's major version.
    #[prost(message, optional, tag = "6")]
    pub server_capabilities: Option<ServerCapabilities>,
    /// Its functions, by name.
    #[prost(btree_map = "string, message", tag = "7")]
    pub functions: BTreeMap<String, Function>,
    /// Its ephemeral resources, by type.
    #[prost(btree_map = "string, message", tag = "8")]
    pub ephemeral_resource_schemas: BTreeMap<String, Schema>,
}

/// Is this a configuration of the provider?
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValidateProviderConfigRequest {
    /// The configuration.
    #[prost(message, optional, tag = "1")]
    pub config: Option<DynamicValue>,
}

/// What is wrong with a provider's configuration.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValidateProviderConfigResponse {
    /// What there is to say; the only diagnostics of a validation that are not field 1.
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
}

/// Is this a configuration of the type? Asked of resources, data sources and ephemeral resources.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ValidateRequest {
    /// The type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// The configuration.
    #[prost(message, optional, tag = "2")]
    pub config: Option<DynamicValue>,
}

/// Everything after this is done with this configuration.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ConfigureProviderRequest {
    /// Terraform's version, such as `1.11.4`.
    #[prost(string, tag = "1")]
    pub terraform_version: String,
    /// The configuration of one provider instance (one alias); parts can be unknown at plan.
    #[prost(message, optional, tag = "2")]
    pub config: Option<DynamicValue>,
    /// What this Terraform can handle.
    #[prost(message, optional, tag = "3")]
    pub client_capabilities: Option<ClientCapabilities>,
}

/// Whether the provider could be told to stop.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StopProviderResponse {
    /// Why not; empty if it could.
    #[prost(string, tag = "1")]
    pub error: String,
}
