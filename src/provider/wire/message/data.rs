//! Messages about data sources.

use super::{ClientCapabilities, Diagnostic, DynamicValue};

/// Look this up.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadDataSourceRequest {
    /// The data source's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What is written, with everything known.
    #[prost(message, optional, tag = "2")]
    pub config: Option<DynamicValue>,
    /// What the module wrote into `provider_meta`.
    #[prost(message, optional, tag = "3")]
    pub provider_meta: Option<DynamicValue>,
    /// What this Terraform can handle.
    #[prost(message, optional, tag = "4")]
    pub client_capabilities: Option<ClientCapabilities>,
}

/// What was found.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadDataSourceResponse {
    /// The whole, what is written included.
    #[prost(message, optional, tag = "1")]
    pub state: Option<DynamicValue>,
    /// What there is to say.
    #[prost(message, repeated, tag = "2")]
    pub diagnostics: Vec<Diagnostic>,
}
