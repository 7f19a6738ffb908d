//! drctl: measured disaster recovery, driven through the real Terraform.
//!
//! Modules stand in layers; a module imports only from layers below its own
//! (`tests/it/layers.rs` holds the table and fails when it is broken). The
//! engine and everything that shows or stores what it does never import each
//! other: they meet in [`model::event`].

pub mod catalogue;
pub mod model;
pub mod provider;
