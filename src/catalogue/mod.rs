//! What is publicly known of clouds, as data files with their sources.
//!
//! `aws.json`, `google.json`, `azure.json` and `utility.json` say of resource
//! types how long they take, where they live, what their names collide with,
//! what forces a replacement, and what their computed attributes look like.
//! `classes.json` has times for kinds of resources that nobody timed, and
//! `regions.json` the regions; `prices.json` what resources cost by the hour. The format is in `README.md`; a user's own file
//! has the same. What is not known is left out: unknown is an answer.

pub mod accounts;
mod entry;
mod error;
mod lookup;
pub mod names;
pub mod prices;
mod regions;
mod render;
mod rules;
mod template;
pub mod throttles;
mod timing;

#[cfg(test)]
mod tests;

pub use entry::{DataSource, Namespace, Naming, Quarantine, ResourceType, Scope, Timeouts};
pub use error::CatalogueError;
pub use lookup::{Catalogue, Kind};
pub use regions::{Cloud, Region, Regions};
pub use render::Context;
pub use rules::Rule;
pub use template::{Template, TemplateError};
pub use timing::{Basis, Timing, TimingSource, normal_quantile, spread};
