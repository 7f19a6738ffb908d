//! What a provider has to answer, and how calls find it.

use super::{
    grpc::{Code, Handler, Reply, Status},
    message::{
        ApplyResourceChangeRequest, ApplyResourceChangeResponse, CallFunctionRequest,
        CallFunctionResponse, CloseEphemeralResourceRequest, ConfigureProviderRequest, Diagnostics,
        Empty, GetProviderSchemaResponse, ImportResourceStateRequest, ImportResourceStateResponse,
        MoveResourceStateRequest, MoveResourceStateResponse, OpenEphemeralResourceRequest,
        OpenEphemeralResourceResponse, PlanResourceChangeRequest, PlanResourceChangeResponse,
        ReadDataSourceRequest, ReadDataSourceResponse, ReadResourceRequest, ReadResourceResponse,
        StopProviderResponse, UpgradeResourceStateRequest, UpgradeResourceStateResponse,
        ValidateProviderConfigRequest, ValidateProviderConfigResponse, ValidateRequest,
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use prost::Message;
use std::{future::Future, sync::Arc};

/// What a method answers.
pub type Answer<T> = Result<T, Status>;

/// One instance of a provider: what stands behind one connection.
///
/// Terraform opens a connection for each provider block and each walk over its graph, configures it
/// at most once, and then makes up to `-parallelism` calls at once on it. What was configured, such
/// as a region, is therefore kept here; the instance is dropped when the connection closes.
///
/// What goes wrong in the world is a [`Diagnostic`](super::message::Diagnostic) in the answer; a
/// [`Status`] is a failure of the provider itself. A method that is left out accepts what it is to
/// validate, and is otherwise unimplemented.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Says what the provider offers.
    async fn get_provider_schema(&self) -> Answer<GetProviderSchemaResponse>;

    /// Checks a configuration of the provider.
    async fn validate_provider_config(
        &self,
        _: ValidateProviderConfigRequest,
    ) -> Answer<ValidateProviderConfigResponse> {
        Ok(ValidateProviderConfigResponse::default())
    }

    /// Checks a configuration of a resource.
    async fn validate_resource_config(&self, _: ValidateRequest) -> Answer<Diagnostics> {
        Ok(Diagnostics::default())
    }

    /// Checks a configuration of a data source.
    async fn validate_data_resource_config(&self, _: ValidateRequest) -> Answer<Diagnostics> {
        Ok(Diagnostics::default())
    }

    /// Checks a configuration of an ephemeral resource.
    async fn validate_ephemeral_resource_config(&self, _: ValidateRequest) -> Answer<Diagnostics> {
        Ok(Diagnostics::default())
    }

    /// Takes the configuration of this instance.
    async fn configure_provider(&self, _: ConfigureProviderRequest) -> Answer<Diagnostics> {
        Ok(Diagnostics::default())
    }

    /// Reads a stored state with today's schema; called for every instance in a state.
    async fn upgrade_resource_state(
        &self,
        _: UpgradeResourceStateRequest,
    ) -> Answer<UpgradeResourceStateResponse> {
        Err(unimplemented("UpgradeResourceState"))
    }

    /// Says what has become of a resource.
    async fn read_resource(&self, _: ReadResourceRequest) -> Answer<ReadResourceResponse> {
        Err(unimplemented("ReadResource"))
    }

    /// Says what a change would bring.
    async fn plan_resource_change(
        &self,
        _: PlanResourceChangeRequest,
    ) -> Answer<PlanResourceChangeResponse> {
        Err(unimplemented("PlanResourceChange"))
    }

    /// Creates, updates or deletes a resource.
    async fn apply_resource_change(
        &self,
        _: ApplyResourceChangeRequest,
    ) -> Answer<ApplyResourceChangeResponse> {
        Err(unimplemented("ApplyResourceChange"))
    }

    /// Finds a resource by its identifier.
    async fn import_resource_state(
        &self,
        _: ImportResourceStateRequest,
    ) -> Answer<ImportResourceStateResponse> {
        Err(unimplemented("ImportResourceState"))
    }

    /// Takes over the state of a resource of another type.
    async fn move_resource_state(
        &self,
        _: MoveResourceStateRequest,
    ) -> Answer<MoveResourceStateResponse> {
        Err(unimplemented("MoveResourceState"))
    }

    /// Looks something up.
    async fn read_data_source(&self, _: ReadDataSourceRequest) -> Answer<ReadDataSourceResponse> {
        Err(unimplemented("ReadDataSource"))
    }

    /// Opens an ephemeral resource.
    async fn open_ephemeral_resource(
        &self,
        _: OpenEphemeralResourceRequest,
    ) -> Answer<OpenEphemeralResourceResponse> {
        Err(unimplemented("OpenEphemeralResource"))
    }

    /// Closes an ephemeral resource.
    async fn close_ephemeral_resource(
        &self,
        _: CloseEphemeralResourceRequest,
    ) -> Answer<Diagnostics> {
        Ok(Diagnostics::default())
    }

    /// Calls a function. The only method, with the schema's, that needs no configuration.
    async fn call_function(&self, _: CallFunctionRequest) -> Answer<CallFunctionResponse> {
        Err(unimplemented("CallFunction"))
    }

    /// Is told that Terraform was interrupted and waits for calls that are under way.
    async fn stop_provider(&self) -> Answer<StopProviderResponse> {
        Ok(StopProviderResponse::default())
    }
}

/// Makes the instance behind each new connection.
pub type Connect = Arc<dyn Fn() -> Arc<dyn Service> + Send + Sync>;

/// The calls of one connection, taken to its instance.
pub(super) struct Instance(pub(super) Arc<dyn Service>);

impl Handler for Instance {
    const SERVICE: &'static str = "tfplugin6.Provider";

    /// Methods that are not here are unimplemented to Terraform: identities, lists, actions and
    /// state stores, which it asks of a provider only if its schema offers them, and the metadata,
    /// for which it goes to the schema instead.
    async fn call(&self, method: &str, message: Bytes) -> Result<Reply, Status> {
        let to = &*self.0;
        let from = message;
        match method {
            "GetProviderSchema" => unary(from, |Empty {}| to.get_provider_schema()).await,
            "ValidateProviderConfig" => unary(from, |r| to.validate_provider_config(r)).await,
            "ValidateResourceConfig" => unary(from, |r| to.validate_resource_config(r)).await,
            "ValidateDataResourceConfig" => {
                unary(from, |r| to.validate_data_resource_config(r)).await
            }
            "ValidateEphemeralResourceConfig" => {
                unary(from, |r| to.validate_ephemeral_resource_config(r)).await
            }
            "ConfigureProvider" => unary(from, |r| to.configure_provider(r)).await,
            "UpgradeResourceState" => unary(from, |r| to.upgrade_resource_state(r)).await,
            "ReadResource" => unary(from, |r| to.read_resource(r)).await,
            "PlanResourceChange" => unary(from, |r| to.plan_resource_change(r)).await,
            "ApplyResourceChange" => unary(from, |r| to.apply_resource_change(r)).await,
            "ImportResourceState" => unary(from, |r| to.import_resource_state(r)).await,
            "MoveResourceState" => unary(from, |r| to.move_resource_state(r)).await,
            "ReadDataSource" => unary(from, |r| to.read_data_source(r)).await,
            "OpenEphemeralResource" => unary(from, |r| to.open_ephemeral_resource(r)).await,
            "CloseEphemeralResource" => unary(from, |r| to.close_ephemeral_resource(r)).await,
            "CallFunction" => unary(from, |r| to.call_function(r)).await,
            "StopProvider" => unary(from, |Empty {}| to.stop_provider()).await,
            _ => Err(unimplemented(method)),
        }
    }
}

/// Decodes what came, hands it over, and encodes the answer.
async fn unary<Q, A, F>(message: Bytes, method: impl FnOnce(Q) -> F) -> Result<Reply, Status>
where
    Q: Message + Default,
    A: Message,
    F: Future<Output = Answer<A>>,
{
    let request =
        Q::decode(message).map_err(|error| Status::because(Code::InvalidArgument, &error))?;
    Reply::new(&method(request).await?)
}

fn unimplemented(method: &str) -> Status {
    Status::new(Code::Unimplemented, format!("`{method}` is not implemented"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A provider that offers nothing.
    struct Bare;

    #[async_trait]
    impl Service for Bare {
        async fn get_provider_schema(&self) -> Answer<GetProviderSchemaResponse> {
            Ok(GetProviderSchemaResponse::default())
        }
    }

    async fn call(method: &str, message: &'static [u8]) -> Result<Reply, Status> {
        Instance(Arc::new(Bare)).call(method, Bytes::from_static(message)).await
    }

    #[tokio::test]
    async fn what_is_left_out_accepts_or_is_unimplemented() {
        let nothing = Reply::new(&Empty {}).unwrap();
        for method in ["ValidateResourceConfig", "ConfigureProvider", "StopProvider"] {
            assert_eq!(call(method, b"").await.as_ref(), Ok(&nothing), "{method}");
        }
        for method in ["ReadResource", "GetMetadata", "GetResourceIdentitySchemas", "ListResource"]
        {
            assert_eq!(call(method, b"").await.unwrap_err().code, Code::Unimplemented, "{method}");
        }
    }

    #[tokio::test]
    async fn a_damaged_message_is_refused() {
        let status = call("ReadResource", b"\x0a\xff").await.unwrap_err();
        assert_eq!(status.code, Code::InvalidArgument);
    }
}
