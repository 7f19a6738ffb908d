//! drctl: measured disaster recovery, driven through the real Terraform.
//!
//! Modules stand in layers; a module imports only from layers below its own
//! (`tests/it/layers.rs` holds the table and fails when it is broken). The
//! engine and everything that shows or stores what it does never import each
//! other: they meet in [`model::event`].

pub mod catalogue;
pub mod chaos;
pub mod cli;
pub mod config;
pub mod deploy;
pub mod engine;
pub mod forecast;
pub mod format;
pub mod lint;
pub mod model;
pub mod notify;
pub mod observe;
pub mod outage;
pub mod probe;
pub mod program;
pub mod provider;
pub mod report;
pub mod retarget;
pub mod runbook;
pub mod schedule;
pub mod sim;
pub mod source;
pub mod state;
pub mod store;
pub mod terraform;
pub mod web;
