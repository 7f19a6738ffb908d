//! Providers that are simulated: what a configuration needs of each, told from the configuration.

pub mod infer;
