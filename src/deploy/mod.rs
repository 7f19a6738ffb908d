//! What runs on the stacks: brought up, waited for, taken back; and its traffic, moved.
//!
//! Built as `terraform` is: a step is data (a [`Deployment`]) and is done with a [`Job`]; what it runs is data, too
//! ([`CommandStep`]), and running it is one function ([`run`]), with an error for every way to fail ([`DeployError`]).

mod command;
mod deployment;
pub mod dns;
pub mod docker;
mod error;
pub mod helm;
pub mod images;
pub mod kubernetes;
mod process;
mod tail;

pub use command::CommandStep;
pub use deployment::{Deployment, Job, News, Tell};
pub use error::DeployError;
pub use process::{Logs, run};
pub use tail::LastLines;
