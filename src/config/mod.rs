//! Terraform configuration, parsed with places.
//!
//! Every `.tf` and `.tf.json` file of a repository, and a runbook, is read by the same front end:
//!
//! * [`file`](mod@file) parses one file; [`body`] is what stands in it, [`expression`] what a value is.
//! * [`module`] is what the files of one folder declare together.
//! * [`repository`] is every module of a checkout, and which of them are applied by people.
//!
//! * [`known`] is what an expression comes to, as far as the files alone can tell, and
//!   [`terragrunt`] what a unit of Terragrunt says literally.
//!
//! What stands behind `=` stays a syntax tree of `hcl::edit`, re-exported by [`syntax`], so that a
//! layer above can walk it.

pub mod body;
pub mod eval;
pub mod expression;
pub mod file;
pub mod inside;
pub mod known;
pub mod module;
pub mod repository;
pub mod syntax;
pub mod terragrunt;
pub mod text;

mod json;
mod repair;
mod scan;
mod schema;
