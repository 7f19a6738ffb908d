//! The messages of Terraform's plugin protocol 6 that are spoken here.
//!
//! Written by hand after the public protocol
//! ([tfplugin6.proto](https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/tfplugin6.proto)):
//! the `tag` of each field is its number there, and fields that are neither read nor set are left
//! out, which the encoding allows. Names are those of the protocol, with `Request` and `Response`
//! added to the name of the method.

mod common;
mod data;
mod ephemeral;
mod function;
mod provider;
mod resource;
mod schema;

pub use common::{
    AttributePath, ClientCapabilities, Diagnostic, DynamicValue, RawState, Selector, Severity,
    Step, UnreadableValue,
};
pub use data::{ReadDataSourceRequest, ReadDataSourceResponse};
pub use ephemeral::{
    CloseEphemeralResourceRequest, OpenEphemeralResourceRequest, OpenEphemeralResourceResponse,
};
pub use function::{
    CallFunctionRequest, CallFunctionResponse, Function, FunctionError, Parameter, Return,
};
pub use provider::{
    ConfigureProviderRequest, Diagnostics, Empty, GetProviderSchemaResponse, ServerCapabilities,
    StopProviderResponse, ValidateProviderConfigRequest, ValidateProviderConfigResponse,
    ValidateRequest,
};
pub use resource::{
    ApplyResourceChangeRequest, ApplyResourceChangeResponse, ImportResourceStateRequest,
    ImportResourceStateResponse, ImportedResource, MoveResourceStateRequest,
    MoveResourceStateResponse, PlanResourceChangeRequest, PlanResourceChangeResponse,
    ReadResourceRequest, ReadResourceResponse, UpgradeResourceStateRequest,
    UpgradeResourceStateResponse,
};
pub use schema::{Attribute, Block, NestedBlock, Nesting, Schema};
