//! A stack whose providers are all simulated: what they share.

use super::{
    connection::Connection,
    files::Files,
    invent,
    overrides::Overrides,
    schema::{self, Kind, kinds, provider_schema},
    state_values::StateValues,
    world::World,
};
use crate::{
    model::finding::Place,
    provider::{
        infer::{Inferred, Mode, ProviderAddress, ProviderShape},
        wire::{
            message::GetProviderSchemaResponse,
            reattach::{Providers, ServeError},
            schema::{Block, SchemaError},
            service::{Connect, Service},
        },
    },
};
use serde_json::{Map, Value as Json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Who pays, in each cloud, when a provider's configuration does not say.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// The AWS account, twelve digits.
    pub aws: String,
    /// The Google Cloud project.
    pub project: String,
    /// The Azure subscription.
    pub subscription: String,
    /// The Azure tenant.
    pub tenant: String,
}

impl Default for Accounts {
    /// Made-up ones.
    fn default() -> Self {
        Self {
            aws: "123456789012".to_owned(),
            project: "drctl-rehearsal".to_owned(),
            subscription: "00000000-0000-4000-8000-000000000001".to_owned(),
            tenant: "00000000-0000-4000-8000-000000000002".to_owned(),
        }
    }
}

/// How a stack is simulated.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The stack's name, for the makers of objects.
    pub stack: Option<String>,
    /// The region of provider blocks that name none.
    pub region: String,
    /// Who pays.
    pub accounts: Accounts,
    /// What the runbook knows better.
    pub overrides: Overrides,
    /// What a copy of the primary's state knows.
    pub state: Option<StateValues>,
    /// The outputs of other stacks, by what `terraform_remote_state` may be told to look for.
    pub remote_states: RemoteStates,
    /// The scratch copy into which files may be written. Without it none is.
    pub files: Option<Files>,
    /// How many recoveries of the same code were made in this world before.
    pub earlier: u64,
}

/// The outputs that `terraform_remote_state` finds, shared by all who hold a copy of this.
///
/// A key is looked for in the texts of the data source's `config`: the one that is found there and
/// is longest counts.
#[derive(Clone, Debug, Default)]
pub struct RemoteStates(Arc<Mutex<BTreeMap<String, Map<String, Json>>>>);

impl RemoteStates {
    /// Takes the outputs of the stack whose state is found under `key`, in the place of earlier ones.
    pub fn set(&self, key: impl Into<String>, outputs: Map<String, Json>) {
        self.lock().insert(key.into(), outputs);
    }

    /// Returns the outputs of the stack whose key is found in one of `texts`.
    pub(super) fn find(&self, texts: &[&str]) -> Option<Map<String, Json>> {
        let states = self.lock();
        let named = states.iter().filter(|(key, _)| texts.iter().any(|text| text.contains(*key)));
        named.max_by_key(|(key, _)| key.len()).map(|(_, outputs)| outputs.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Map<String, Json>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value that was made up, and decides something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invented {
    /// Whether of a resource, a data source or an ephemeral resource.
    pub mode: Mode,
    /// The type, such as `aws_eks_cluster`.
    pub kind: String,
    /// The attribute, with dots into blocks.
    pub attribute: String,
    /// Where conditions depend on it.
    pub places: BTreeSet<Place>,
}

/// Why a stack cannot be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// What was inferred of a provider makes no schema.
    #[error("failed to make a schema for the provider `{address}`")]
    Schema {
        /// The provider.
        address: ProviderAddress,
        /// Why.
        #[source]
        source: Box<SchemaError>,
    },
}

impl SimulationError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        let Self::Schema { address, .. } = self;
        Some(format!("Check the arguments that are written for `{address}`"))
    }
}

/// A stack whose providers are all simulated.
#[derive(Debug)]
pub struct Simulation {
    pub(super) world: Arc<World>,
    pub(super) settings: Settings,
    providers: BTreeMap<ProviderAddress, Arc<Served>>,
    invented: Mutex<BTreeMap<(Mode, String, String), BTreeSet<Place>>>,
    /// How many resources were made of each type and configuration, by their hash.
    serials: Mutex<BTreeMap<u64, u64>>,
    /// Where Azure's resource groups are, which what stands in them need not say.
    homes: Mutex<BTreeMap<String, String>>,
}

/// What a provider serves.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) address: ProviderAddress,
    pub(super) shape: ProviderShape,
    pub(super) config: Block,
    pub(super) schema: GetProviderSchemaResponse,
    pub(super) kinds: BTreeMap<(Mode, String), Kind>,
}

impl Simulation {
    /// Makes the providers that were inferred; nothing is served yet.
    ///
    /// # Errors
    ///
    /// [`SimulationError`] when Terraform would refuse a schema.
    pub fn new(
        world: Arc<World>,
        inferred: Inferred,
        settings: Settings,
    ) -> Result<Self, SimulationError> {
        let mut providers = BTreeMap::new();
        for (address, shape) in inferred.providers {
            let schema = provider_schema(&shape);
            let message = schema.to_message().map_err(|source| SimulationError::Schema {
                address: address.clone(),
                source: Box::new(source),
            })?;
            let kinds = kinds(&shape, &schema);
            let served = Served {
                address: address.clone(),
                shape,
                config: schema.provider,
                schema: message,
                kinds,
            };
            providers.insert(address, Arc::new(served));
        }
        Ok(Self {
            world,
            settings,
            providers,
            invented: Mutex::default(),
            serials: Mutex::default(),
            homes: Mutex::default(),
        })
    }

    /// Serves every provider, each on a socket of its own.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if a socket cannot be made.
    pub async fn serve(self: &Arc<Self>) -> Result<Providers, ServeError> {
        let connects = self.providers.iter().map(|(address, served)| {
            let (simulation, served) = (Arc::clone(self), Arc::clone(served));
            let connect: Connect = Arc::new(move || {
                let connection = Connection::new(Arc::clone(&simulation), Arc::clone(&served));
                Arc::new(connection) as Arc<dyn Service>
            });
            (address.to_string(), connect)
        });
        Providers::serve(connects.collect()).await
    }

    /// Returns the cloud and the clock that the stack shares with others.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Returns every value so far that was made up and that a condition depends on.
    pub fn invented(&self) -> Vec<Invented> {
        let invented = locked(&self.invented);
        let each = invented.iter().map(|((mode, kind, attribute), places)| Invented {
            mode: *mode,
            kind: kind.clone(),
            attribute: attribute.clone(),
            places: places.clone(),
        });
        each.collect()
    }

    pub(super) fn note_invented(&self, kind: &Kind, attribute: &str, places: &BTreeSet<Place>) {
        if places.is_empty() {
            return;
        }
        let key = (kind.mode, kind.name.clone(), attribute.to_owned());
        locked(&self.invented).entry(key).or_default().extend(places.iter().cloned());
    }

    /// Returns a seed for one more resource with this configuration.
    pub(super) fn next_seed(&self, kind: &Kind, arguments: &Json) -> u64 {
        let text = arguments.to_string();
        let base = invent::seed(&[kind.name.as_bytes(), text.as_bytes()]);
        let mut serials = locked(&self.serials);
        let serial = serials.entry(base).or_default();
        *serial += 1;
        let serial = serial.wrapping_add(self.settings.earlier << 32);
        invent::seed(&[&base.to_be_bytes(), &serial.to_be_bytes()])
    }

    pub(super) fn note_home(&self, group: &str, location: &str) {
        locked(&self.homes).insert(group.to_owned(), location.to_owned());
    }

    pub(super) fn home(&self, group: &str) -> Option<String> {
        locked(&self.homes).get(group).cloned()
    }
}

impl Served {
    pub(super) fn kind(&self, mode: Mode, name: &str) -> Option<&schema::Kind> {
        self.kinds.get(&(mode, name.to_owned()))
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept here is whole after each change, so a panic elsewhere does not spoil it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
