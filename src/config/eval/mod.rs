//! What an expression comes to, by Terraform's rules, as far as the files tell.
//!
//! A [`Value`] is known, partly known, or unknown with the reason. What is not certain is unknown:
//! a value that is known is the one that Terraform would have.
//!
//! * [`Scope`] is a module as one call reaches it: its variables, local values and outputs.
//! * `expression`, `template`, `operators` and `access` evaluate syntax, and `references` finds
//!   what a name stands for.
//! * `functions` has Terraform's functions by topic.
//! * `convert`, `types` and `sets` know Terraform's types, `number` its arithmetic.
//! * `cost` ends what would take too long.

mod access;
mod convert;
mod cost;
mod expression;
mod functions;
mod number;
mod operators;
mod references;
mod scope;
mod sets;
mod template;
mod types;
mod value;

#[cfg(test)]
mod tests;

pub use number::Number;
pub use scope::{Facts, Inputs, Modules, Scope};
pub use value::{Piece, Unknown, Value};
