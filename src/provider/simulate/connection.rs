//! One provider block in one walk over Terraform's graph.

use super::{
    schema::Kind,
    simulation::{Served, Simulation},
    whereabouts::{Platform, region_named},
};
use crate::provider::{
    cty::Value,
    infer::Mode,
    wire::{
        grpc::{Code, Status},
        message::{Diagnostic, DynamicValue},
        schema::Block,
        service::Answer,
    },
};
use serde_json::{Map, Value as Json};
use std::{
    sync::{Arc, LazyLock, OnceLock},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// What stands behind one connection: a provider, and how this instance of it was configured.
pub(super) struct Connection {
    pub(super) simulation: Arc<Simulation>,
    pub(super) served: Arc<Served>,
    configured: OnceLock<Configured>,
    /// Terraform was interrupted: nothing is worth waiting for.
    pub(super) stopped: CancellationToken,
}

/// What a provider block says that matters here.
#[derive(Debug, Default)]
pub(super) struct Configured {
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    /// Tags that every resource of this instance gets.
    pub(super) tags: Map<String, Json>,
}

impl Connection {
    pub(super) fn new(simulation: Arc<Simulation>, served: Arc<Served>) -> Self {
        let (configured, stopped) = (OnceLock::new(), CancellationToken::new());
        Self { simulation, served, configured, stopped }
    }

    /// Takes the arguments of the provider block that are known.
    pub(super) fn configure(&self, arguments: &Map<String, Json>) {
        let platform = Platform::of(&self.served.address.kind);
        let text = |name: &str| arguments.get(name).and_then(Json::as_str).map(str::to_owned);
        let region = text("region").or_else(|| text("location")).or_else(|| text("zone"));
        let account = match platform {
            Platform::Aws => assumed_account(arguments),
            Platform::Google => text("project"),
            Platform::Azure => text("subscription_id"),
            Platform::Other => None,
        };
        let tags = arguments.get("default_tags").map(|tags| tags.get(0).unwrap_or(tags));
        let tags = tags.and_then(|tags| tags.get("tags")).and_then(Json::as_object);
        let configured = Configured {
            region: region.map(|region| region_named(platform, &region)),
            account,
            tags: tags.cloned().unwrap_or_default(),
        };
        if self.configured.set(configured).is_err() {
            tracing::warn!(provider = %self.served.address, "configured twice");
        }
    }

    /// Returns the configuration; nothing is set before it came.
    pub(super) fn configured(&self) -> &Configured {
        static NOTHING: LazyLock<Configured> = LazyLock::new(Configured::default);
        self.configured.get().unwrap_or(&NOTHING)
    }

    /// Returns a type that the provider has.
    ///
    /// # Errors
    ///
    /// [`Status`] for one that it has not: a schema was missed.
    pub(super) fn kind(&self, mode: Mode, name: &str) -> Answer<&Kind> {
        self.served.kind(mode, name).ok_or_else(|| {
            let message = format!("`{name}` is not a type of `{}`", self.served.address);
            Status::new(Code::NotFound, message)
        })
    }

    /// Waits for what takes `time`, unless Terraform is interrupted.
    pub(super) async fn wait(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.stopped.cancelled() => {}
        }
    }
}

/// The account of the role that the provider assumes.
fn assumed_account(arguments: &Map<String, Json>) -> Option<String> {
    let role = arguments.get("assume_role")?;
    let arn = role.get(0).unwrap_or(role).get("role_arn")?.as_str()?;
    arn.split(':').nth(4).filter(|account| !account.is_empty()).map(str::to_owned)
}

/// Reads a value that Terraform sent.
pub(super) fn read(block: &Block, sent: Option<&DynamicValue>) -> Answer<Value> {
    block.decode(sent).map_err(|error| Status::because(Code::InvalidArgument, &error))
}

/// Writes a value for Terraform.
pub(super) fn written(block: &Block, value: Value) -> Answer<Option<DynamicValue>> {
    let sent = block.encode(value).map_err(|error| Status::because(Code::Internal, &error))?;
    Ok(Some(sent))
}

/// Says a failure of the cloud in its words, with what to do about it.
pub(super) fn told(summary: &str, failure: &crate::sim::Failure) -> Diagnostic {
    let detail = match failure.hint() {
        Some(hint) => format!("{failure}\n\n{hint}"),
        None => failure.to_string(),
    };
    Diagnostic::error(summary, detail)
}
