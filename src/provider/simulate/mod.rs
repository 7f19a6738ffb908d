//! The service behind every simulated provider: what Terraform asks is answered by a simulated cloud.
//!
//! * [`World`] is the cloud with its clock, shared by all stacks; a [`Simulation`] is one stack, with
//!   the schemas of its providers; a `connection` is one provider block in one walk of Terraform.
//! * `schema` makes schemas of what was inferred. `plan` and `forecast` say what will be known later,
//!   and `fill` makes it known, with values from the `maker`: [`Overrides`], the primary's [`StateValues`], the
//!   catalogue, and at last `invent`.
//! * `resource` and `data` bring requests to the cloud, at the place that `whereabouts` tells;
//!   `service` takes them from the wire. `files` and `functions` are what providers do without a
//!   cloud.

mod connection;
mod data;
mod files;
mod fill;
mod forecast;
mod functions;
mod invent;
mod json;
mod maker;
mod overrides;
mod plan;
mod resource;
mod schema;
mod service;
mod simulation;
mod state_values;
mod whereabouts;
mod world;

pub use files::Files;
pub use overrides::{OverrideError, Overrides};
pub use schema::provider_schema;
pub use simulation::{Accounts, Invented, RemoteStates, Settings, Simulation, SimulationError};
pub use state_values::{StateValues, StateValuesError};
pub use world::World;
