//! Programs that deploy the application or move its traffic, once the stacks are up.
//!
//! Built as `terraform` is: a step is data ([`CommandStep`]), and running it is one
//! function ([`run`]) with an error for every way to fail ([`DeployError`]).

mod command;
mod error;
mod process;
mod tail;

pub use command::CommandStep;
pub use error::DeployError;
pub use process::{Logs, run};
pub use tail::LastLines;
