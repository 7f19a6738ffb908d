//! The simulated provider: every provider that a repository names, answered by one process.
//!
//! * [`cty`] is Terraform's values and types, [`wire`] its plugin protocol.
//! * [`infer`] learns the schema of each provider from the configuration alone.

pub mod cty;
pub mod infer;
pub mod wire;
