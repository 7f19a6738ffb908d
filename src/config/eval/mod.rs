//! What an expression comes to, by Terraform's rules, as far as the files tell.
//!
//! A [`Value`] is known, partly known, or unknown with the reason. What is not certain is unknown:
//! a value that is known is the one that Terraform would have.

mod scope;
mod value;

pub use scope::{Facts, Inputs, Modules, Scope};
pub use value::{Piece, Unknown, Value};
