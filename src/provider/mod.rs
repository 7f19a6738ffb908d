//! The simulated provider: every provider that a repository names, answered by one process.
//!
//! * [`cty`] is Terraform's values and types, [`wire`] its plugin protocol.
//! * [`infer`] learns the schema of each provider from the configuration alone.
//! * [`simulate`] is the service behind them, over a simulated cloud.
//! * [`modules`] is a local registry of modules, for rehearsals without a network.

pub mod cty;
pub mod infer;
pub mod modules;
pub mod simulate;
pub mod wire;
