//! What Terraform asks, taken from the wire and answered.

use super::{
    connection::{Connection, read, written},
    functions,
    json::known_members,
};
use crate::provider::{
    cty::{Type, Value},
    infer::Mode,
    wire::{
        grpc::{Code, Status},
        message::{
            ApplyResourceChangeRequest, ApplyResourceChangeResponse, AttributePath,
            CallFunctionRequest, CallFunctionResponse, ConfigureProviderRequest, Diagnostics,
            DynamicValue, FunctionError, GetProviderSchemaResponse, ImportResourceStateRequest,
            ImportResourceStateResponse, ImportedResource, MoveResourceStateRequest,
            MoveResourceStateResponse, OpenEphemeralResourceRequest, OpenEphemeralResourceResponse,
            PlanResourceChangeRequest, PlanResourceChangeResponse, RawState, ReadDataSourceRequest,
            ReadDataSourceResponse, ReadResourceRequest, ReadResourceResponse,
            StopProviderResponse, UpgradeResourceStateRequest, UpgradeResourceStateResponse,
        },
        service::{Answer, Service},
    },
};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value as Json;

#[async_trait]
impl Service for Connection {
    async fn get_provider_schema(&self) -> Answer<GetProviderSchemaResponse> {
        Ok(self.served.schema.clone())
    }

    async fn configure_provider(&self, r: ConfigureProviderRequest) -> Answer<Diagnostics> {
        let config = read(&self.served.config, r.config.as_ref())?;
        self.configure(&known_members(&config));
        Ok(Diagnostics::default())
    }

    async fn upgrade_resource_state(
        &self,
        r: UpgradeResourceStateRequest,
    ) -> Answer<UpgradeResourceStateResponse> {
        let upgraded_state = self.stored(&r.type_name, r.raw_state)?;
        Ok(UpgradeResourceStateResponse { upgraded_state, diagnostics: Vec::new() })
    }

    async fn read_resource(&self, r: ReadResourceRequest) -> Answer<ReadResourceResponse> {
        let kind = self.kind(Mode::Managed, &r.type_name)?;
        let state = read(&kind.schema, r.current_state.as_ref())?;
        let now = self.refresh(kind, state, &r.private).await;
        Ok(ReadResourceResponse {
            new_state: written(&kind.schema, now.state)?,
            diagnostics: now.diagnostics,
            private: now.private,
        })
    }

    async fn plan_resource_change(
        &self,
        r: PlanResourceChangeRequest,
    ) -> Answer<PlanResourceChangeResponse> {
        let kind = self.kind(Mode::Managed, &r.type_name)?;
        let prior = read(&kind.schema, r.prior_state.as_ref())?;
        let proposed = read(&kind.schema, r.proposed_new_state.as_ref())?;
        let config = read(&kind.schema, r.config.as_ref())?;
        let planned = self.plan(kind, &prior, proposed, &config, &r.prior_private);
        Ok(PlanResourceChangeResponse {
            planned_state: written(&kind.schema, planned.state)?,
            requires_replace: planned.replacing.into_iter().map(AttributePath::attribute).collect(),
            planned_private: r.prior_private,
            diagnostics: Vec::new(),
            legacy_type_system: true,
        })
    }

    async fn apply_resource_change(
        &self,
        r: ApplyResourceChangeRequest,
    ) -> Answer<ApplyResourceChangeResponse> {
        let kind = self.kind(Mode::Managed, &r.type_name)?;
        let prior = read(&kind.schema, r.prior_state.as_ref())?;
        let planned = read(&kind.schema, r.planned_state.as_ref())?;
        let config = read(&kind.schema, r.config.as_ref())?;
        let now = if planned.is_null() {
            self.delete(kind, prior, r.planned_private).await
        } else if prior.is_null() {
            self.create(kind, planned, &config).await
        } else {
            self.update(kind, prior, planned, &config, r.planned_private).await
        };
        Ok(ApplyResourceChangeResponse {
            new_state: written(&kind.schema, now.state)?,
            private: now.private,
            diagnostics: now.diagnostics,
            legacy_type_system: true,
        })
    }

    async fn import_resource_state(
        &self,
        r: ImportResourceStateRequest,
    ) -> Answer<ImportResourceStateResponse> {
        let kind = self.kind(Mode::Managed, &r.type_name)?;
        let mut state = kind.schema.unset();
        if let Value::Members(members) = &mut state {
            members.insert("id".to_owned(), r.id.into());
        }
        let state = written(&kind.schema, state)?;
        let found = ImportedResource { type_name: r.type_name, state, private: Bytes::new() };
        Ok(ImportResourceStateResponse { imported_resources: vec![found], diagnostics: Vec::new() })
    }

    async fn move_resource_state(
        &self,
        r: MoveResourceStateRequest,
    ) -> Answer<MoveResourceStateResponse> {
        let target_state = self.stored(&r.target_type_name, r.source_state)?;
        let target_private = r.source_private;
        Ok(MoveResourceStateResponse { target_state, diagnostics: Vec::new(), target_private })
    }

    async fn read_data_source(&self, r: ReadDataSourceRequest) -> Answer<ReadDataSourceResponse> {
        let kind = self.kind(Mode::Data, &r.type_name)?;
        let config = read(&kind.schema, r.config.as_ref())?;
        let (found, diagnostics) = self.look_up(kind, config).await;
        Ok(ReadDataSourceResponse { state: written(&kind.schema, found)?, diagnostics })
    }

    async fn open_ephemeral_resource(
        &self,
        r: OpenEphemeralResourceRequest,
    ) -> Answer<OpenEphemeralResourceResponse> {
        let kind = self.kind(Mode::Ephemeral, &r.type_name)?;
        let config = read(&kind.schema, r.config.as_ref())?;
        let (found, diagnostics) = self.look_up(kind, config).await;
        let result = written(&kind.schema, found)?;
        Ok(OpenEphemeralResourceResponse { diagnostics, result, private: None })
    }

    async fn call_function(&self, r: CallFunctionRequest) -> Answer<CallFunctionResponse> {
        let arguments = r.arguments.iter().map(|sent| sent.decode(&Type::Dynamic));
        let arguments = arguments
            .collect::<Result<Vec<Value>, _>>()
            .map_err(|error| Status::because(Code::InvalidArgument, &error))?;
        match functions::call(&self.served, &r.name, &arguments) {
            Ok(value) => {
                let result = DynamicValue::encode(&Type::Dynamic, &value)
                    .map_err(|error| Status::because(Code::Internal, &error))?;
                Ok(CallFunctionResponse { result: Some(result), error: None })
            }
            Err(error) => {
                let error = FunctionError { text: error.to_string(), function_argument: Some(0) };
                Ok(CallFunctionResponse { result: None, error: Some(error) })
            }
        }
    }

    async fn stop_provider(&self) -> Answer<StopProviderResponse> {
        self.stopped.cancel();
        Ok(StopProviderResponse::default())
    }
}

impl Connection {
    /// Reads a state as it was stored, by us or by the real provider.
    fn stored(&self, type_name: &str, raw: Option<RawState>) -> Answer<Option<DynamicValue>> {
        let kind = self.kind(Mode::Managed, type_name)?;
        let json: Json = serde_json::from_slice(&raw.unwrap_or_default().json)
            .map_err(|error| Status::because(Code::InvalidArgument, &error))?;
        let state = kind
            .schema
            .decode_state(&json)
            .map_err(|error| Status::because(Code::InvalidArgument, &error))?;
        written(&kind.schema, state)
    }
}
