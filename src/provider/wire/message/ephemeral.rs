//! Messages about ephemeral resources (Terraform 1.10 and later).

use super::{ClientCapabilities, Diagnostic, DynamicValue};
use bytes::Bytes;

/// Open this.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpenEphemeralResourceRequest {
    /// The ephemeral resource's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What is written, with everything known.
    #[prost(message, optional, tag = "2")]
    pub config: Option<DynamicValue>,
    /// What this Terraform can handle.
    #[prost(message, optional, tag = "3")]
    pub client_capabilities: Option<ClientCapabilities>,
}

/// What was opened. It never has to be renewed here.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpenEphemeralResourceResponse {
    /// What there is to say.
    #[prost(message, repeated, tag = "1")]
    pub diagnostics: Vec<Diagnostic>,
    /// The whole, what is written included.
    #[prost(message, optional, tag = "3")]
    pub result: Option<DynamicValue>,
    /// What to hand back when it is closed.
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub private: Option<Bytes>,
}

/// Close it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CloseEphemeralResourceRequest {
    /// The ephemeral resource's type.
    #[prost(string, tag = "1")]
    pub type_name: String,
    /// What was handed out when it was opened.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub private: Option<Bytes>,
}
