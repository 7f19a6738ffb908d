//! Terraform's plugin protocol, spoken to the real `terraform` without a provider download.

pub mod cty;
pub mod modules;
pub mod wire;
